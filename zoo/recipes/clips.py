"""Generators of clips: spoken digits to learn from, and how what they make is scored."""

from __future__ import annotations

from zoo.data.levels import Peak
from zoo.data.pipeline import Data
from zoo.data.sets.folder import Folder
from zoo.data.sets.speech_commands import SpeechCommands
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.evaluation.sampled import Sampled
from zoo.front.clip_model import ClipModel
from zoo.recipes.recordings import recordings

_RATE = 16_000


def sc09(path: str, subset: str, one_shots: bool, samples: int) -> Data:
    """Clips of `samples` at 16 kHz.

    subset: 'digits' of the folder of Speech Commands, or '' for any folder of recordings, of which
    one_shots takes the first clip, scaled by the peak of its file, which may lie behind it.
    """
    seconds = samples / _RATE
    if subset:
        source = SpeechCommands(path, subset, chunk_seconds=seconds)
        return Data(source, (ToFloat(), Peak(), Crop(samples), Keep("audio")))
    folder = Folder(path, _RATE, chunk_seconds=seconds, one_shots=one_shots)
    if one_shots:
        return Data(folder, (ToFloat(), Crop(samples), Keep("audio")))
    return recordings(folder, samples)


def clip_evaluation(
    samples: int,
    classifier: str = "",
    embedding: str = "",
    clips: int = 50_000,
    *,
    keys: tuple[str, ...] = (),
    label: str = "",
) -> Sampled:
    """`Sampled`; classifier, embedding: runs, exported folders or published weights, or none."""
    return Sampled(
        samples,
        keys=keys,
        classifier=ClipModel(classifier) if classifier else None,
        clips=clips,
        label=label if classifier else "",
        embedder=ClipModel(embedding) if embedding else None,
    )
