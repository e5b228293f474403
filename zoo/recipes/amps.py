"""Networks in place of an amplifier: the recipe that rows of any pair of recordings share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import jax
import optax

from zoo.data.pipeline import Data
from zoo.data.source import Source
from zoo.data.stem_transforms import NameStem
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.evaluation.emulation import Emulation
from zoo.experiment import Experiment
from zoo.losses import spectral, waveform
from zoo.models.generation.amp import AmpLstm, AmpWaveNet
from zoo.objectives.effect import Effect
from zoo.training.optimizers import adam

AmpLoss = Literal["nam", "esr"]
LSTM_SKIP = 4096  # samples of a window in which an LSTM settles (the trainer's mask_first)
SPECTRA, SPECTRA_EMPHASIS = 2e-4, 0.85  # of the trainer's second term


def _nam_loss(prediction: jax.Array, target: jax.Array) -> jax.Array:
    """Squared error and 2e-4 of pre-emphasised multi-resolution spectra, [B T 1] twice -> [B]."""
    ours, theirs = (waveform.emphasised(x, SPECTRA_EMPHASIS) for x in (prediction, target))
    convergence, logarithmic = spectral.multi_resolution(ours, theirs)
    return waveform.l2(prediction, target) + SPECTRA * (convergence + logarithmic)


def _lstm_loss(prediction: jax.Array, target: jax.Array) -> jax.Array:
    """`_nam_loss` and the pre-emphasised squared error, which the trainer adds for LSTMs."""
    ours, theirs = (waveform.emphasised(x, SPECTRA_EMPHASIS) for x in (prediction, target))
    return _nam_loss(prediction, target) + waveform.l2(ours, theirs)


def esr_loss(prediction: jax.Array, target: jax.Array) -> jax.Array:
    """Pre-emphasised error-to-signal ratio and offset (Wright et al.), [B T 1] twice -> [B]."""
    ratio = waveform.error_to_signal(prediction, target, emphasis=0.95)
    return ratio + waveform.offset(prediction, target)


def _loss_of(
    word: AmpLoss, model: AmpWaveNet | AmpLstm
) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """The loss of that name, of the trainer's the one for such a network."""
    if word == "esr":
        return esr_loss
    return _nam_loss if isinstance(model, AmpWaveNet) else _lstm_loss


def amp(
    source: Source,
    model: AmpWaveNet | AmpLstm,
    loss: AmpLoss,
    window: int,
    learning_rate: float,
    decay: float,
    epoch: int,
    batch: int,
    steps: int,
    *,
    tracks: bool,
    scored: int,
    evaluate_every: int,
    seed: int = 0,
) -> Experiment:
    """A network, learnt from dry audio and the wet stem of a source.

    window: samples of a training example that count in the loss; what the network reads before
    them comes on top. decay: of the learning rate after every `epoch` steps. tracks: windows begin
    at multiples of `window` in whole tracks, each once in a pass, as the trainer's; else anywhere
    in a record. scored: samples of a held-out record.
    """
    skip = 0 if model.settling else LSTM_SKIP
    context = model.settling + skip
    samples = window + context
    crop = TrackCrop(samples, hop=window, draw="window") if tracks else None
    cut = () if tracks else (Crop(samples),)
    rates = optax.exponential_decay(learning_rate, epoch, decay, staircase=True)
    return Experiment(
        data=Data(source, (*cut, ToFloat(), NameStem("wet"), Keep("audio", "wet")), crop=crop),
        objective=Effect(model, _loss_of(loss, model), skip),
        optimizers={"model": adam(rates)},
        evaluation=Emulation(scored, context),
        batch=batch,
        steps=steps,
        evaluate_every=evaluate_every,
        seed=seed,
    )
