"""Vocoders that find phases by Griffin-Lim: magnitudes given, or made of a mel spectrogram.

Without a model the true magnitudes are given (a ceiling); a model without parameters inverts the
mel spectrogram in closed form (a floor); one with parameters learns the inverse as player 'model'.
Its loss, of magnitudes: spectral convergence, plus L1 of ln magnitude above 1e-5, of the bins and
of the mel bands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput
from zoo.losses.waveform import l1
from zoo.network import Network
from zoo.objectives import mel_windows, one_network
from zoo.objectives.base import Batch, LossOutput, Request, Turn, Variables
from zoo.signal import mel, phase, stft
from zoo.signal.precision import HIGHEST

_WINDOW, _OVERLAP = 256, 32  # frames of a long source at once, and those shared with the one before
_TAIL = 8  # frames of silence behind a source


@dataclass(frozen=True)
class PhaseRetrieval:
    """Audio [B T 1] out of the magnitudes of its frames, by `iterations` of Griffin-Lim.

    model(ln mel [B F M]) -> magnitudes [B F N], or None for the true ones. spec: the front end,
    whose frames the magnitudes share. momentum: 0.99, fast Griffin-Lim, or 0. learns: whether the
    model has parameters. bins, bands: weights of the two L1 terms.
    """

    model: Network | None
    spec: mel.MelSpec
    iterations: int = 32
    momentum: float = 0.99
    learns: bool = False
    bins: float = 0.5
    bands: float = 0.5
    audio: str = "audio"

    needs_source: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.spec.centre or sum(self.spec.pad or ()) != self.spec.n_fft - self.spec.hop:
            half = (self.spec.n_fft - self.spec.hop) // 2
            raise BadInput(
                f"give a front end with a frame a hop: centre=False, pad=({half}, {half})"
            )

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        if not self.learns:
            return Variables({})
        return one_network.init_player(
            self._network, rng, self.features(batch[self.audio], self.spec)
        )

    @property
    def _network(self) -> Network:
        if self.model is None:
            raise BadInput("learns=True needs a model: give one")
        return self.model

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (Turn("model", self._loss),) if self.learns else ()

    @property
    def receptive_field(self) -> float:
        """Every round of Griffin-Lim reaches further: a sample depends on all of the source."""
        return float("inf")

    def features(self, audio: jax.Array, spec: mel.MelSpec) -> jax.Array:
        """ln mel spectrogram of mono audio [B T 1] -> [B F M], whatever the spec's own unit."""
        return mel.log_clamp(mel.mel_spectrogram(audio, spec))[..., 0]

    def _loss(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        audio = batch[self.audio]
        real = true_magnitudes(audio, self.spec)[..., 0]
        features = self.features(audio, self.spec)
        fake = self._network.apply(variables.of("model"), features, train=True)
        convergence, bins, bands = spectral_distances(fake, real, features, self.spec)
        metrics = {"convergence": convergence, "bins_l1": bins, "log_mel_l1": bands}
        return convergence + self.bins * bins + self.bands * bands, ({}, metrics)

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'audio': [B T 1]}: the batch's audio with its phases, or all but its mels, made anew."""
        audio = batch[self.audio]
        magnitude = self._magnitudes(variables, audio, self.spec)
        return {"audio": self._sound(magnitude, None, audio.shape[1])}

    def _magnitudes(self, variables: Variables, audio: jax.Array, spec: mel.MelSpec) -> jax.Array:
        """[B F N 1] of audio [B T 1] framed as `spec` says."""
        if self.model is None:
            return true_magnitudes(audio, spec)
        known = variables.of("model") if self.learns else {}
        return self.model.apply(known, self.features(audio, spec))[..., None]

    def _sound(self, magnitude: jax.Array, start: jax.Array | None, length: int) -> jax.Array:
        return phase.griffin_lim(
            magnitude,
            self.spec.n_fft,
            self.spec.hop,
            length=length,
            start=start,
            iterations=self.iterations,
            momentum=self.momentum,
            **_framing_of(self.spec),
        )

    def generate(self, variables: Variables, request: Request) -> Iterator[Any]:
        """Chunks [count t 1] of the source made anew, window after window.

        A window begins with the phases of what was made before it and fades over from that, so
        memory does not grow. Every voice is the same, there being no chance in it.
        """
        if request.source is None or request.prompt is not None:
            raise BadInput("a vocoder takes a source and no prompt: give it --input alone")
        length, hop = request.length or len(request.source), self.spec.hop
        wanted = -(-length // hop) + _TAIL
        size = min(_WINDOW, wanted)
        step = size - _OVERLAP if wanted > _WINDOW else size
        windows = max(-(-(wanted - size) // step) + 1, 1)
        total = ((windows - 1) * step + size) * hop
        source = np.asarray(request.source, np.float32)[:length]
        source = mel_windows.pad_for_mel(source, total, self.spec)
        make = partial(self._window, variables)
        fade = ((np.arange(_OVERLAP * hop) + 0.5) / (_OVERLAP * hop))[:, None].astype(np.float32)
        before, left = np.zeros((_OVERLAP * hop, 1), np.float32), length
        for window in range(windows):
            first = window * step * hop
            piece = source[None, first : first + (size - 1) * hop + self.spec.n_fft]
            known = np.pad(before, ((0, (size - _OVERLAP) * hop), (0, 0))) if window else None
            known = np.zeros((size * hop, 1), np.float32) if known is None else known
            made = np.array(make(piece, known[None]))[0]
            if window:
                made[: len(fade)] = fade * made[: len(fade)] + (1 - fade) * before
            before = made[step * hop :][: _OVERLAP * hop]
            ready = np.clip(made[: min(step * hop, left)], -1, 1)
            for start in range(0, len(ready), request.chunk):
                yield np.repeat(ready[None, start : start + request.chunk], request.count, 0)
            left -= len(ready)

    @partial(jax.jit, static_argnums=0)
    def _window(self, variables: Variables, piece: jax.Array, known: jax.Array) -> jax.Array:
        """[1 T 1] of a padded piece of the source; known: audio [1 T 1] made before, else zeros."""
        bare = replace(self.spec, centre=False, pad=None)  # its padding is done
        magnitude = self._magnitudes(variables, piece, bare)
        start = stft.stft(known, self.spec.n_fft, self.spec.hop, **_framing_of(self.spec))
        return self._sound(magnitude, start, known.shape[1])


def spectral_distances(
    fake: jax.Array, real: jax.Array, features: jax.Array, spec: mel.MelSpec
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """(convergence, L1 of ln bins, L1 of ln bands) of magnitudes [B F N]; features: ln mel."""
    power = jnp.square(real).sum((1, 2)) + 1e-6
    convergence = jnp.mean(jnp.sqrt(jnp.square(fake - real).sum((1, 2)) + 1e-6) / power**0.5)
    bins = jnp.mean(l1(mel.log_clamp(fake), mel.log_clamp(real)))
    energy = jnp.matmul(fake**spec.exponent, spec.filters(), precision=HIGHEST)
    return convergence, bins, jnp.mean(l1(mel.log_clamp(energy), features))


def true_magnitudes(audio: jax.Array, spec: mel.MelSpec) -> jax.Array:
    """Magnitudes of the spec's frames, [B T 1] -> [B F N 1]."""
    spectra = stft.stft(
        audio,
        spec.n_fft,
        spec.hop,
        centre=spec.centre,
        pad=spec.pad,
        pad_mode=spec.pad_mode,
        win=spec.win,
    )
    return stft.magnitude(spectra)


def _framing_of(spec: mel.MelSpec) -> dict[str, Any]:
    """Arguments of `stft` and `istft` alike; zeros lie beyond the ends."""
    return dict(centre=False, pad=spec.pad, win=spec.win)
