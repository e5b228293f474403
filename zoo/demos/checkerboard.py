"""Checkerboard and buzz: lines that transposed convolutions put on multiples of rate / stride.

Odena, Dumoulin, Olah, "Deconvolution and Checkerboard Artifacts", Distill 2016, has them in images.
In audio a layer of stride s has a kernel of its own for each of the s samples that it makes of one:
a steady input gives a pattern of that period, lines at rate / s and its multiples. No training is
needed to see it: kernels here are random, 64 channels to one, each seed another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.signal

from zoo.demos import drawing
from zoo.demos.demonstration import Demonstration, Part, PlayedSound, at_level

_PAIRS = ((8, 4), (5, 4), (16, 4), (4, 2), (3, 2), (25, 4), (10, 5))  # (kernel, stride)
_CHANNELS, SEEDS, _LENGTH = 64, 10, 8192
_NEAR = 3  # bins on either side of a tooth that belong to it
_RATE = 16_000
_SLOW, TONES = 1600, 3  # a slow latent is so many tones of a period of more samples than this
_STACK, _WIDTH = 3, 8  # layers of kernel 8, stride 4; channels between them
_FLOOR = 1e-16
_DEEPEST = 64  # the largest stride, of several layers together, whose lines are looked for in nets

_LAYERS = (
    "Energy on the teeth of the comb over all energy, in dB, median of so many random layers. "
)
_LEADS = {
    "layers": (
        _LAYERS + "A steady latent is constant, a slow one drifts, rectified noise is what a ReLU "
        "lets through. Kernels that the stride divides are no better: as many weights reach every "
        "sample, but other ones."
    ),
    "stack": (
        "Three layers of kernel 8 and stride 4 with ReLUs between, never trained, on a slow "
        "latent: one new number in 64 samples. Transposed convolutions buzz at all multiples of "
        "250 Hz; repeated samples leave weak lines, samples joined by straight lines none."
    ),
    "nets": (
        "Networks on weak white noise, or sampled: spectra of what they give, averaged. The table "
        "has the strongest line on multiples of rate / 64, over the median of its neighbours, "
        "marked in the figure; noise alone has some 4 dB."
    ),
}


def spread_kernels(latent: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    """[C n] and kernels [C k] -> [n * stride + k - stride]."""
    count = latent.shape[1] * stride
    spread = np.zeros((len(latent), count))
    spread[:, ::stride] = latent
    size = scipy.fft.next_fast_len(count + kernel.shape[1], real=True)
    bins = (scipy.fft.rfft(spread, size) * scipy.fft.rfft(kernel, size)).sum(0)
    return scipy.fft.irfft(bins, size)[: count + kernel.shape[1] - stride]


def _nearest(latent: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    """The same of samples that are repeated, then convolved: [C n] -> [n * stride + k - 1]."""
    return spread_kernels(np.repeat(latent, stride, 1), kernel, 1)


def _linear(latent: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    """The same of samples joined by straight lines, then convolved."""
    count = latent.shape[1]
    places = np.arange((count - 1) * stride + 1) / stride
    joined = [np.interp(places, np.arange(count), row) for row in latent]
    return spread_kernels(np.stack(joined), kernel, 1)


WAYS: dict[str, Callable[[np.ndarray, np.ndarray, int], np.ndarray]] = {
    "transposed": spread_kernels,
    "nearest, then convolved": _nearest,
    "linear, then convolved": _linear,
}


def _latents(rng: np.random.Generator, channels: int, count: int) -> dict[str, np.ndarray]:
    """Three kinds, [C n] each, the first and second of unit variance over channels."""
    noise = rng.standard_normal((channels, count))
    turns = rng.uniform(0, 1 / _SLOW, (channels, TONES, 1)) * np.arange(count)
    turns = turns + rng.uniform(size=(channels, TONES, 1))
    slow = np.sqrt(2 / TONES) * np.cos(2 * np.pi * turns).sum(1)
    return {
        "steady": np.repeat(noise[:, :1], count, 1),
        "slow": slow,
        "rectified noise": np.maximum(noise, 0),
    }


def on_teeth(audio: np.ndarray, stride: int) -> float:
    """Share of the energy of [T] within NEAR bins of multiples of rate / stride, without zero."""
    power = np.square(np.abs(np.fft.rfft(audio * scipy.signal.get_window("hann", len(audio)))))
    tooth = len(audio) / stride
    bins = np.arange(len(power))
    close = np.abs(bins - np.round(bins / tooth) * tooth) <= _NEAR
    return float(power[close & (bins > _NEAR)].sum() / max(power.sum(), 1e-30))


def _middle(audio: np.ndarray, length: int) -> np.ndarray:
    start = (len(audio) - length) // 2
    return audio[start : start + length]


def random_layers(pair: tuple[int, int], seeds: int = SEEDS) -> dict[tuple[str, str], float]:
    """(latent, way) -> median share on the comb in dB, of random layers of (kernel, stride)."""
    taps, stride = pair
    found: dict[tuple[str, str], list[float]] = {}
    for seed in range(seeds):
        rng = np.random.default_rng((seed, *pair))
        kernel = rng.standard_normal((_CHANNELS, taps)) / np.sqrt(_CHANNELS * taps)
        count = _LENGTH // stride + 4 * taps
        for name, latent in _latents(rng, _CHANNELS, count).items():
            for way, layer in WAYS.items():
                out = _middle(layer(latent, kernel, stride), _LENGTH)
                found.setdefault((name, way), []).append(on_teeth(out, stride))
    return {key: 10 * np.log10(np.median(x) + _FLOOR) for key, x in found.items()}


def _stack(way: str, seconds: float, seed: int = 0) -> np.ndarray:
    """Audio [T] at RATE of random layers with ReLUs between, on a slow latent."""
    rng = np.random.default_rng(seed)
    count = round(seconds * _RATE) // 4**_STACK + 16
    x = _latents(rng, _WIDTH, count)["slow"] + rng.standard_normal((_WIDTH, 1))
    for layer in range(_STACK):
        outputs = 1 if layer == _STACK - 1 else _WIDTH
        kernels = rng.standard_normal((outputs, _WIDTH, 8)) / np.sqrt(8 * _WIDTH / 4)
        x = np.stack([WAYS[way](x, kernel, 4) for kernel in kernels])
        x = x if layer == _STACK - 1 else np.maximum(x, 0)
    return _middle(x[0] - x[0].mean(), round(seconds * _RATE))


@dataclass(frozen=True)
class NetworkOutput:
    """What a network gave: audio [T] at `rate` Hz."""

    name: str
    audio: np.ndarray
    rate: int


def _averaged(audio: np.ndarray, rate: int) -> tuple[np.ndarray, np.ndarray]:
    """(Hz [N], dB [N]): power of Hann windows of LENGTH samples, or all, averaged."""
    size = min(_LENGTH, len(audio))
    hertz, power = scipy.signal.welch(audio, rate, "hann", size, scaling="spectrum")
    return hertz, 10 * np.log10(power + 1e-20)


def strongest_line(audio: np.ndarray, rate: int) -> tuple[float, float]:
    """(Hz, dB over the median of its neighbours) of the strongest line at multiples of rate/64."""
    hertz, level = _averaged(audio, rate)
    best = (0.0, -np.inf)
    for tooth in _teeth(rate, _DEEPEST):
        at = round(tooth / hertz[1])
        near = np.r_[max(at - 40, 1) : max(at - 4, 1), at + 5 : min(at + 41, len(level))]
        over = level[max(at - 1, 0) : at + 2].max() - np.median(level[near])
        best = max(best, (tooth, float(over)), key=lambda pair: pair[1])
    return best


def _teeth(rate: int, stride: int) -> list[float]:
    """All multiples of rate / stride up to half the rate, Hz."""
    return [rate * m / stride for m in range(1, stride // 2 + 1)]


def demonstrate_checkerboard(nets: Sequence[NetworkOutput]) -> Demonstration:
    """The page. nets: what networks gave, which may be none."""
    every = {pair: random_layers(pair) for pair in _PAIRS}
    stacks = {way: _stack(way, 4.0) for way in WAYS}
    parts = [_layers(every), _stacks(stacks), *([_networks(nets)] if nets else [])]
    numbers = {f"{taps}/{stride}": np.array([*v.values()]) for (taps, stride), v in every.items()}
    numbers["rows"] = np.array([f"{name}/{way}" for name, way in every[_PAIRS[0]]])
    numbers |= {f"line/{net.name}": np.array(strongest_line(net.audio, net.rate)) for net in nets}
    facts = {"rate of the stacks": f"{_RATE:,} Hz", "random layers": f"{SEEDS} of each kind"}
    title = "Checkerboard and buzz of transposed convolutions"
    return Demonstration("checkerboard", title, facts, parts, numbers)


def _layers(every: Mapping[tuple[int, int], Mapping[tuple[str, str], float]]) -> Part:
    head = ("latent", "layer", *(f"{taps} taps, stride {stride}" for taps, stride in every))
    rows = [
        [name, way, *(f"{found[name, way]:.0f}" for found in every.values())]
        for name, way in every[_PAIRS[0]]
    ]
    return Part("layers", "One random layer", _LEADS["layers"], None, head, rows)


def _stacks(stacks: Mapping[str, np.ndarray]) -> Part:
    spectra = {way: _averaged(x, _RATE) for way, x in stacks.items()}
    figure = drawing.draw_spectra(spectra, {way: _teeth(_RATE, 16) for way in stacks})
    sounds = [PlayedSound(way, at_level(x), _RATE) for way, x in stacks.items()]
    return Part("stack", "Three random layers", _LEADS["stack"], figure, sounds=sounds)


def _networks(nets: Sequence[NetworkOutput]) -> Part:
    lines = {net.name: strongest_line(net.audio, net.rate) for net in nets}
    head = ("network", "line, Hz", "over its neighbours, dB")
    rows = [[name, f"{hertz:,.0f}", f"{over:.1f}"] for name, (hertz, over) in lines.items()]
    spectra = {net.name: _averaged(net.audio, net.rate) for net in nets}
    figure = drawing.draw_spectra(spectra, {name: [hertz] for name, (hertz, _) in lines.items()})
    sounds = [PlayedSound(net.name, at_level(net.audio), net.rate) for net in nets]
    return Part("nets", "In networks", _LEADS["nets"], figure, head, rows, sounds)
