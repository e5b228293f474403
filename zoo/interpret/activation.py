"""Sounds that excite a filter most, by gradient ascent from noise: activation maximisation.

Lee, Park, Kim, Nam: "SampleCNN: End-to-End Deep Convolutional Neural Networks Using Very Small
Filters for Music Classification", Applied Sciences 8:150, 2018, its figures of layers sorted by
frequency; start and steps as in the authors' code.

Deviation: batch norm keeps its moving statistics, and what climbs is the answer above its own mean
(`zoo.interpret.layers.activity`). The authors' code normalises by the sound's own statistics, under
which the loudness of an answer, hence what a filter lets through, has no say.

Regularised, as feature visualisation is elsewhere (Olah et al., Distill 2017): without, deep layers
answer to noise near Nyquist at amplitudes that no recording has. Steps favour low frequencies, as
the spectra of music do, see the sound moved by a random time each, so that no answer rests on the
place of single samples, and shrink to nothing, which averages these moves; after each the loudness
is capped and high frequencies lose what the slope does not give back. Under the same cap module 5
of a SampleCNN answers four times as much as to plain steps (1.4 for 0.34), module 3 1.3 times.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from zoo.interpret import layers
from zoo.interpret.filters import spread_indices
from zoo.interpret.layers import AudioNetwork, FilterLayer
from zoo.objectives.base import Tree

_RANGE = 40  # dB of a sound's spectrum that are shown
_AT_ONCE = 1 << 18  # samples in a batch, about what a small machine's memory bears


@dataclass(frozen=True)
class Ascent:
    """Gradient ascent from noise: steps of `size` x `loudness` x gradient / its RMS.

    The steps shrink evenly to nothing. loudness: RMS of the sound at most. corner: Hz, from where
    on steps fall by 3 dB an octave. penalty: share that a step takes of what lies at Nyquist,
    falling with the square of the frequency: smoothness. shift: whether steps see moved sounds.
    length: samples of the sound; three times as many, and so on, where the layer spans more. Also
    the length of the window of the spectra.
    """

    length: int = 729
    steps: int = 64
    size: float = 0.25
    loudness: float = 0.1
    corner: float = 300.0
    penalty: float = 0.05
    shift: bool = True
    noise: float = 0.015
    seed: int = 0


@dataclass(frozen=True)
class Excited:
    """Sounds [T N] for the `filters` [N] of a layer, and their spectra, sorted by peak frequency.

    image [bins N], levels: a column's maximum is 1, RANGE dB below it 0; peak [N] in Hz, sorted.
    Filters that no sound woke are left out, and counted in `silent`.
    """

    layer: str
    rate: int
    filters: np.ndarray
    waves: np.ndarray  # in the order of `filters`
    before: np.ndarray  # [N] mean rectified activity of the noise
    after: np.ndarray  # [N] and of the sound
    order: np.ndarray  # sorts filters and waves
    image: np.ndarray
    peak: np.ndarray
    silent: int

    @property
    def bins(self) -> int:
        return len(self.image)

    @property
    def numbers(self) -> dict[str, np.ndarray]:
        """Arrays for an NPZ, under the layer's name."""
        named = ("rate", "filters", "waves", "before", "after", "order", "image", "peak", "silent")
        return {f"{self.layer}/{name}": np.asarray(getattr(self, name)) for name in named}


def maximise(
    network: AudioNetwork, layer: FilterLayer, count: int, ascent: Ascent = Ascent()
) -> Excited:
    """Sounds for up to `count` filters of a layer, evenly chosen."""
    length = shortest_input(network, layer, ascent.length)
    filters = np.array(spread_indices(layer.filters, count))
    rows = min(len(filters), max(1, _AT_ONCE // length))
    step, activity = (jax.jit(partial(f, network, layer)) for f in (ascend_filters, _answers))
    sizes = ascent.size * ascent.loudness * np.linspace(1, 0, ascent.steps, endpoint=False)
    tame = jax.jit(regularise_sounds)
    key = jax.random.key(ascent.seed)
    done = []
    for start in range(0, len(filters), rows):
        wanted = np.resize(filters[start : start + rows], rows)  # one shape: compiled once
        shape = (rows, length, network.shape[1])
        noise = jax.random.uniform(
            jax.random.fold_in(key, start), shape, minval=-ascent.noise, maxval=ascent.noise
        )
        given = network.variables, jnp.asarray(wanted)
        # Steps from here, not in one compiled loop, in which XLA:CPU has only slow convolutions.
        x, before = noise, activity(*given, noise)
        moves = np.random.default_rng(ascent.seed).integers(length, size=ascent.steps)
        for move, size in zip(moves if ascent.shift else 0 * moves, sizes):
            x = step(*given, jnp.roll(x, move, 1), size, ascent.corner)
            x = tame(jnp.roll(x, -move, 1), ascent.loudness, ascent.penalty)
        done.append(jax.tree.map(np.asarray, (x, before, activity(*given, x))))
    waves, before, after = (np.concatenate(part)[: len(filters)] for part in zip(*done))
    return _sort(layer.name, network.rate, filters, waves.mean(2).T, before, after, ascent.length)


def shortest_input(network: AudioNetwork, layer: FilterLayer, length: int) -> int:
    """The first of `length`, 3 `length`, ... on whose output the layer's filters fit."""
    while length < network.samples:
        reached = {one.name: one for one in layers.convolutions(network, length)}
        if layer.name in reached and reached[layer.name].length >= layer.taps:
            return length
        length *= 3
    return network.samples


def _answers(
    network: AudioNetwork, layer: FilterLayer, variables: Tree, filters: jax.Array, x: jax.Array
) -> jax.Array:
    """How active filter `filters[i]` is under row i of x: [B] and [B T C] -> [B]."""
    every = layers.activity(network, layer, variables, x)
    return jnp.take_along_axis(every, filters[:, None], 1)[:, 0]


def ascend_filters(
    network: AudioNetwork,
    layer: FilterLayer,
    variables: Tree,
    filters: jax.Array,
    x: jax.Array,
    size: float,
    corner: float,
) -> jax.Array:
    """x [B T C] after one step of gradient ascent, each row for its own filter."""
    slope = jax.grad(lambda x: _answers(network, layer, variables, filters, x).sum())(x)
    slope = _tilted(slope, network.rate, corner)
    return x + size * slope / (jnp.sqrt(jnp.mean(slope**2, (1, 2), keepdims=True)) + 1e-9)


def _tilted(x: jax.Array, rate: int, corner: float) -> jax.Array:
    """x [B T C] with 3 dB an octave less from `corner` (Hz) on."""
    spectrum = jnp.fft.rfft(x, axis=1)
    hertz = jnp.fft.rfftfreq(x.shape[1], 1 / rate)[:, None]
    return jnp.fft.irfft(spectrum * jnp.sqrt(corner / (corner + hertz)), x.shape[1], axis=1)


def regularise_sounds(x: jax.Array, loudness: float, penalty: float) -> jax.Array:
    """Sounds [B T C] with less of high frequencies, of no mean, and of an RMS of at most that."""
    spectrum = jnp.fft.rfft(x, axis=1)
    relative = jnp.linspace(0, 1, spectrum.shape[1])[:, None]
    kept = (1 - penalty * relative**2) * (relative > 0)
    x = jnp.fft.irfft(spectrum * kept, x.shape[1], axis=1)
    rms = jnp.sqrt(jnp.mean(x**2, (1, 2), keepdims=True))
    return x * jnp.minimum(1, loudness / (rms + 1e-9))


def _sort(
    layer: str,
    rate: int,
    filters: np.ndarray,
    waves: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    window: int,
) -> Excited:
    """Sounds [T N] of `filters` [N] as a record, by peak frequency, without the silent ones."""
    awake = after > 0
    silent = int((~awake).sum())
    filters, waves = filters[awake], waves[:, awake]
    image, peak = _spectra(waves, rate, window)
    order = np.argsort(peak, kind="stable")
    return Excited(
        layer,
        rate,
        filters,
        waves,
        before[awake],
        after[awake],
        order,
        image[:, order],
        peak[order],
        silent,
    )


def _spectra(waves: np.ndarray, rate: int, window: int) -> tuple[np.ndarray, np.ndarray]:
    """[T N] -> ([bins N] levels, peaks [N] in Hz), over windows that overlap by half."""
    window = min(window, len(waves))
    frames = np.lib.stride_tricks.sliding_window_view(waves - waves.mean(0), window, axis=0)
    frames = frames[:: max(1, window // 2)] * np.hanning(window)
    power = (np.abs(np.fft.rfft(frames, axis=-1)) ** 2).mean(0).T
    level = 10 * np.log10(power / np.maximum(power.max(0), 1e-30) + 1e-30)
    peak = np.fft.rfftfreq(window, 1 / rate)[power.argmax(0)] if waves.size else np.zeros(0)
    return np.clip(1 + level / _RANGE, 0, 1).astype(np.float32), peak
