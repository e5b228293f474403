"""How a voice is learnt as a vocoder's parameters: the recipe of both of its configs."""

from __future__ import annotations

import optax

from zoo.audio.world import VoiceLayout
from zoo.data.pipeline import Data
from zoo.data.transforms import Keep, Mixture, ToFloat
from zoo.data.voices import Recorded, Sung, VoiceCrop
from zoo.evaluation.sung_voice import SungVoice
from zoo.experiment import Experiment
from zoo.models.separation.voice_vocoder import VoiceVocoder
from zoo.objectives.voice_parameters import VoiceParameters
from zoo.songs.segments import Segments
from zoo.songs.separating import Separator
from zoo.songs.vocoder import ParameterVocoder
from zoo.training.optimizers import adam

STEM = "vocals"


def sung(
    source: Recorded,
    model: VoiceVocoder,
    frames: int,
    rate: float | optax.Schedule,
    batch: int,
    steps: int,
    *,
    evaluate_every: int,
    evaluate_limit: int | None = None,
    seed: int = 0,
) -> Experiment:
    """The vocals of a source of stems, in windows of `frames`, which overlap by half in songs.

    A mixture of several channels is its mean, as in the authors' code.
    """
    voice = VoiceLayout(source.info.sample_rate, model.hop, model.envelope, model.bands)
    crop = VoiceCrop(frames, model.n_fft, model.hop)
    kept = frames * model.hop
    segments = Segments(crop.samples, kept, hop=kept // 2, window="fade", batch=32)
    how = Separator(
        segments,
        voice.rate,
        1,
        (STEM,),
        stereo="downmix",
        vocoder=ParameterVocoder(voice, model.n_fft),
    )
    data = Sung(source, STEM, voice)
    return Experiment(
        data=Data(data, (crop, ToFloat(), Mixture(), Keep("mixture", "voice"))),
        objective=VoiceParameters(model),
        optimizers={"model": adam(rate)},
        evaluation=SungVoice(how),
        batch=batch,
        steps=steps,
        evaluate_every=evaluate_every,
        evaluate_limit=evaluate_limit,
        save_every=evaluate_every // 2,
        seed=seed,
    )
