"""Which part of a recording speaks for a tag: integrated gradients or occlusion, as sound.

A window is taken apart into cells, mel-spaced bands by frames of its STFT, and each cell has a
gain; with all gains at one the window is as it was. Integrated gradients (Sundararajan, Taly, Yan,
ICML 2017) follow these gains together from FLOOR (-80 dB) to one, and give each cell what it adds
to the tag's logit: their sum is the logit of the window less that of the window 80 dB softer.
Most networks take the logarithm of the sound, so that the nodes (Gauss-Legendre) are spaced evenly
in dB. Occlusion (Zeiler, Fergus, ECCV 2014) turns one patch after another down to FLOOR, and gives
each what the logit falls by.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from scipy.ndimage import gaussian_filter

from zoo.errors import BadInput
from zoo.interpret import clips
from zoo.interpret.clips import Clip, Target
from zoo.interpret.layers import AudioNetwork
from zoo.objectives.base import Tree
from zoo.signal import stft
from zoo.signal.mel import hz_to_mel, mel_to_hz

_FLOOR = 1e-4
_BANDS, NODES = 48, 48
PATCHES = (16, 8)  # of a window, frames and bands, that occlusion turns down one by one
_AT_ONCE = 1 << 18  # samples in a batch
_KEPT = 0.15  # share of the cells that are played as what speaks for the tag
METHODS = ("integrated", "occlusion")


@dataclass(frozen=True)
class _Cells:
    """How a window is taken apart: n_fft and hop of its STFT, and the band [bins] of each bin."""

    n_fft: int
    hop: int
    length: int
    band: np.ndarray
    edges: np.ndarray  # [bands + 1] Hz

    @property
    def shape(self) -> tuple[int, int]:
        """(frames, bands)."""
        return -(-self.length // self.hop) + 1, len(self.edges) - 1


@dataclass(frozen=True)
class Attributed:
    """Values [F bands] of the cells of all windows, one after another, and what they explain."""

    tag: str
    method: str
    values: np.ndarray
    edges: np.ndarray  # [bands + 1] Hz
    hop: int
    rate: int
    total: np.ndarray  # [N] logit of every window less that of the window at FLOOR
    explained: np.ndarray  # [N] sum of its values
    audio: np.ndarray  # [T C]
    alone: np.ndarray  # [T C] the cells that speak most for the tag
    rest: np.ndarray  # [T C] without them
    scores: dict[str, float]  # mean logits: all, alone, rest, and without as many other cells

    @property
    def numbers(self) -> dict[str, np.ndarray]:
        """Arrays for an NPZ."""
        names = ("values", "edges", "hop", "rate", "total", "explained", "tag", "method")
        found = {name: np.asarray(getattr(self, name)) for name in names}
        return found | {
            f"score_{k.replace(' ', '_')}": np.asarray(v) for k, v in self.scores.items()
        }


def cells(network: AudioNetwork) -> _Cells:
    """About 46 ms to a frame, a quarter of it apart, in up to BANDS mel-spaced bands."""
    n_fft = 1 << max(6, int(np.log2(max(network.rate * 0.065, 64))))
    n_fft = min(n_fft, 1 << int(np.log2(network.samples)))
    hertz = stft.frequencies(network.rate, n_fft)
    mels = np.linspace(0, hz_to_mel(network.rate / 2, "htk"), _BANDS + 1)
    raw = np.searchsorted(mel_to_hz(mels, "htk")[1:-1], hertz, side="right")
    used, band = np.unique(raw, return_inverse=True)  # low bands may lie between two bins
    edges = np.append(mel_to_hz(mels, "htk")[used], network.rate / 2)
    return _Cells(n_fft, n_fft // 4, network.samples, band, edges)


def _played(cut: _Cells, spectrum: jax.Array, gains: jax.Array) -> jax.Array:
    """Spectra [N F bins C] with gains [N F bands] as sound, -> [N T C]."""
    scaled = spectrum * gains[:, :, cut.band, None]
    return stft.centred_inverse(scaled, cut.n_fft, cut.hop, cut.length)


def logits(
    network: AudioNetwork,
    target: Target,
    cut: _Cells,
    variables: Tree,
    x: jax.Array,
    gains: jax.Array,
) -> jax.Array:
    """The tag's logit of windows [N T C] under gains [N F bands], -> [N]."""
    spectrum = stft.centred(x, cut.n_fft, cut.hop)
    return clips.target_scores(network, target, variables, _played(cut, spectrum, gains))


def nodes(count: int, floor: float = _FLOOR) -> tuple[np.ndarray, np.ndarray]:
    """Gains from `floor` to 1, evenly spread in dB, and the weights of an integral over them."""
    place, weight = np.polynomial.legendre.leggauss(count)
    gain = floor ** (0.5 - 0.5 * place)
    return gain, 0.5 * weight * gain * -np.log(floor)


def integrated(
    network: AudioNetwork, target: Target, windows: np.ndarray, cut: _Cells, count: int = NODES
) -> np.ndarray:
    """Integrated gradients of the cells of windows [N T C], -> [N F bands]."""

    def total(variables: Tree, x: jax.Array, gain: jax.Array) -> jax.Array:
        gains = jnp.full((len(x), *cut.shape), gain)
        slope = jax.grad(lambda g: logits(network, target, cut, variables, x, g).sum())
        return slope(gains)

    slopes = jax.jit(total)
    found = []
    for x in _batches(windows, network.samples):
        parts = [w * np.asarray(slopes(network.variables, x, g)) for g, w in zip(*nodes(count))]
        found.append(np.sum(parts, 0, dtype=np.float64))
    return np.concatenate(found)[: len(windows)]


def occluded(network: AudioNetwork, target: Target, windows: np.ndarray, cut: _Cells) -> np.ndarray:
    """What the logit falls by as each patch is turned down, shared among its cells, [N F bands]."""
    score = jax.jit(partial(logits, network, target, cut, network.variables))
    patches = [np.array_split(np.arange(n), min(n, p)) for n, p in zip(cut.shape, PATCHES)]
    masks = [(f[0], f[-1] + 1, b[0], b[-1] + 1) for f in patches[0] for b in patches[1]]
    found = np.zeros((len(windows), *cut.shape))
    rows = max(1, _AT_ONCE // network.samples)
    for number, window in enumerate(windows):
        whole = np.ones((1, *cut.shape), np.float32)
        every = np.repeat(whole, len(masks) + 1, 0)
        for row, (f, g, a, b) in enumerate(masks, 1):
            every[row, f:g, a:b] = _FLOOR
        x = jnp.broadcast_to(window, (rows, *window.shape))
        falls = [np.asarray(score(x, gains)) for gains in _batches(every, None, rows)]
        level = np.concatenate(falls)[: len(every)]
        for row, (f, g, a, b) in enumerate(masks, 1):
            found[number, f:g, a:b] = (level[0] - level[row]) / ((g - f) * (b - a))
    return found


def _batches(every: np.ndarray, samples: int | None, rows: int | None = None) -> list[np.ndarray]:
    """Equal batches of rows, the last filled up by repetition: one shape, compiled once."""
    size = rows or max(1, min(len(every), _AT_ONCE // (samples or 1)))
    index = np.arange(-(-len(every) // size) * size) % len(every)
    return list(every[index].reshape(-1, size, *every.shape[1:]))


def attribute(network: AudioNetwork, target: Target, clip: Clip, method: str) -> Attributed:
    """What every cell of a clip says for a tag, and the clip's cells that say most, as sound."""
    if method not in METHODS:
        raise BadInput(f"--method {method}: choose {' or '.join(METHODS)}")
    cut, windows = cells(network), clip.windows
    values = (integrated if method == "integrated" else occluded)(network, target, windows, cut)
    score = jax.jit(partial(logits, network, target, cut))

    def level(gains: np.ndarray) -> np.ndarray:
        parts = [
            np.asarray(score(network.variables, x, g))
            for x, g in zip(_batches(windows, network.samples), _batches(gains, network.samples))
        ]
        return np.concatenate(parts)[: len(windows)]

    ones = np.ones_like(values, np.float32)
    spectrum = stft.centred(jnp.asarray(windows), cut.n_fft, cut.hop)
    strong = _strongest(values)
    other = _strongest(_elsewhere(cut, np.asarray(spectrum)))
    whole, soft = level(ones), level(ones * _FLOOR)
    masks = {"alone": strong, "without these": 1 - strong, "without as many others": 1 - other}
    scores = {"all": whole.mean()} | {
        name: level(np.maximum(mask, _FLOOR)).mean() for name, mask in masks.items()
    }
    sounds = (_played(cut, spectrum, jnp.asarray(m)) for m in (strong, 1 - strong))
    alone, rest = (np.asarray(x).reshape(clip.audio.shape) for x in sounds)
    frames = cut.length // cut.hop  # the frame behind the end belongs to the next window
    joined = values[:, :frames].reshape(-1, values.shape[2])
    return Attributed(
        target.name,
        method,
        joined,
        cut.edges,
        cut.hop,
        clip.rate,
        whole - soft,
        values.sum((1, 2)),
        clip.audio,
        alone,
        rest,
        {name: float(value) for name, value in scores.items()},
    )


def _elsewhere(cut: _Cells, spectrum: np.ndarray, seed: int = 0) -> np.ndarray:
    """Random values [N F bands] of the cells that sound, zero in the others: what to compare with.

    Those within 60 dB of the loudest cell sound.
    """
    power = np.square(np.abs(spectrum)).sum(3)
    band = np.stack([power[:, :, cut.band == b].sum(2) for b in range(cut.shape[1])], 2)
    loud = band > 1e-6 * band.max()
    return np.random.default_rng(seed).standard_normal(band.shape) * loud


def _strongest(values: np.ndarray, share: float = _KEPT) -> np.ndarray:
    """Gains [N F bands]: one for the share of cells that say most, after smoothing, else zero."""
    smooth = gaussian_filter(values, (0, 2, 1))
    least = np.quantile(smooth, 1 - share, axis=(1, 2), keepdims=True)
    return ((smooth >= least) & (smooth > 0)).astype(np.float32)
