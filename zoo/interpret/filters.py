"""The filters that a network learnt on the waveform, and the frequencies they let through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import flax
import flax.linen as nn
import jax
import numpy as np

from zoo.errors import BadInput
from zoo.interpret import layers
from zoo.interpret.layers import AudioNetwork, FilterLayer
from zoo.models.classification.harmonic_cnn import HarmonicSpectrogram
from zoo.models.classification.sincnet import cut_offs
from zoo.runs.trained import Trained
from zoo.signal.filters import sinc_bandpass
from zoo.signal.harmonic import harmonic_centres, harmonic_filters
from zoo.signal.mel import hz_to_mel, mel_to_hz

_TAPS = 8  # of the shortest filters whose spectrum says more than 'low' or 'high'
FILTERS = 2  # a single one is an output, not a bank


@dataclass(frozen=True)
class Bank:
    """The filters of one layer that reads the waveform, in the order of `order`.

    kernel [taps N] as learnt; response [bins N] from 0 Hz to Nyquist, maxima 1, and peak, centroid
    [N] in Hz, sorted by `peak` or, where band edges are learnt, by the middle of the band.
    """

    name: str
    rate: int
    kernel: np.ndarray
    order: np.ndarray
    response: np.ndarray
    peak: np.ndarray
    centroid: np.ndarray
    edges: np.ndarray | None = None  # [2 N] Hz, sorted alike: of band-passes that learn only these

    @property
    def numbers(self) -> dict[str, np.ndarray]:
        """Arrays for an NPZ; everything sorted but the kernel, which `order` sorts."""
        kept = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "name"}
        return {key: np.asarray(value) for key, value in kept.items() if value is not None}


def banks(found: Trained, layer: str | None = None, least: int = _TAPS) -> list[Bank]:
    """All banks of a trained system, or one layer's. BadInput where there are none."""
    network = layers.audio_network(found)
    harmonic = _harmonics(network)
    if harmonic and layer in (None, harmonic[0].name.rpartition("/")[0]):
        return harmonic
    chosen = layers.choose(network, layer)
    raw = [one for one in chosen if one.waves and one.inputs == network.shape[1]]
    # About as long as the audio, but for padding: else these are frames, not samples.
    raw = [one for one in raw if 0.75 < one.input_length / network.samples < 1.5]
    raw = [one for one in raw if one.filters >= FILTERS]
    long = [one for one in raw if one.taps >= least]
    if not long:
        raise BadInput(f"{found.name} {_refusal(raw, layer, least)}")
    return [_bank(one, network.variables["params"], network.rate) for one in long]


def _harmonics(network: AudioNetwork) -> list[Bank]:
    """A bank for each harmonic of a network that learns triangles on a power spectrum; or none.

    Its filters have no waveform of their own: `kernel` is the one of these magnitudes and no phase.
    """
    found: list[tuple[str, HarmonicSpectrogram]] = []

    def watch(call: Any, args: tuple, kwargs: dict, context: Any) -> Any:
        if isinstance(context.module, HarmonicSpectrogram) and context.method_name == "__call__":
            found.append(("/".join(context.module.path), context.module.clone(parent=None)))
        return call(*args, **kwargs)

    x = jax.ShapeDtypeStruct((1, *network.shape), np.float32)
    try:
        with nn.intercept_methods(watch):
            jax.eval_shape(network, network.variables, x)
    except (BadInput, TypeError, ValueError, flax.errors.FlaxError):
        return []  # `layers.convolutions` says of such a network what is wrong
    return [bank for name, module in found for bank in _triangles(network, name, module)]


def _triangles(network: AudioNetwork, name: str, module: HarmonicSpectrogram) -> list[Bank]:
    own: Any = network.variables["params"]
    for part in name.split("/"):
        own = own[part]
    rate, bins = module.sample_rate, module.n_fft // 2 + 1
    centres = harmonic_centres(rate, module.harmonics, module.steps)
    power = np.asarray(harmonic_filters(own["q"][0], centres, bins, rate), np.float64)
    kernels = np.fft.fftshift(np.fft.irfft(np.sqrt(power), axis=0), 0)  # [n_fft H L]
    awake = power.max(0) > 0  # low ones may lie between two bins
    return [
        _sort(f"{name}/harmonic_{i + 1}", kernels[:, i, awake[i]], rate)
        for i in range(module.harmonics)
    ]


def join_banks(found: Sequence[Bank]) -> Bank:
    """All banks of a network as one, the shorter kernels filled up with zeros."""
    if len(found) == 1:
        return found[0]
    taps = max(len(one.kernel) for one in found)
    kernels = [np.pad(one.kernel, ((0, taps - len(one.kernel)), (0, 0))) for one in found]
    names = ", ".join(one.name for one in found)
    return _sort(names, np.concatenate(kernels, 1), found[0].rate)


def _refusal(raw: list[FilterLayer], layer: str | None, least: int) -> str:
    if raw:
        return (
            f"reads the waveform through filters of {raw[0].taps} samples, and fewer than {least} "
            "have no spectrum worth a look: use --kind activation"
        )
    what = f"'{layer}' does not filter" if layer else "has no layer that filters"
    return f"{what} the waveform itself: use --kind activation, or a model of raw samples"


def _bank(layer: FilterLayer, params: Mapping, rate: int) -> Bank:
    """The bank of one layer; several input channels are averaged."""
    own = params
    for part in layer.name.split("/"):
        own = own[part]
    if "kernel" in own:
        return _sort(layer.name, np.asarray(own["kernel"], np.float64).mean(1), rate)
    module = layer.module
    edges = cut_offs(own["low"], own["band"], module.sample_rate)
    kernel = sinc_bandpass(*edges, module.taps, module.sample_rate)
    return _sort(layer.name, np.asarray(kernel), rate, np.stack(edges))


def _sort(name: str, kernel: np.ndarray, rate: int, edges: np.ndarray | None = None) -> Bank:
    """[taps N] -> a bank by peak frequency, or by the middle between `edges` [2 N] in Hz."""
    response, peak, centroid = responses(kernel, rate)
    order = np.argsort(peak if edges is None else edges.mean(0), kind="stable")
    edges = None if edges is None else edges[:, order]
    picked = response[:, order], peak[order], centroid[order]
    return Bank(name, rate, kernel.astype(np.float32), order, *picked, edges)


def responses(kernel: np.ndarray, rate: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """[taps N] -> magnitudes [bins N] with maxima 1, their peaks [N] and centroids [N] in Hz."""
    size = max(1024, 1 << int(np.ceil(np.log2(4 * len(kernel)))))
    magnitude = np.abs(np.fft.rfft(kernel, size, axis=0))
    hertz = np.fft.rfftfreq(size, 1 / rate)
    power = magnitude**2
    centroid = hertz @ power / np.maximum(power.sum(0), 1e-20)
    scaled = magnitude / np.maximum(magnitude.max(0), 1e-12)
    return scaled.astype(np.float32), hertz[magnitude.argmax(0)], centroid


def mel_curve(count: int, rate: int) -> np.ndarray:
    """Frequencies in Hz of `count` filters spaced evenly in mels (HTK), from 0 to Nyquist."""
    return mel_to_hz(np.linspace(0, hz_to_mel(rate / 2, "htk"), count), "htk")


def spread_indices(total: int, count: int) -> list[int]:
    """Up to `count` indices, evenly spread over `total`."""
    return sorted({int(index) for index in np.linspace(0, total - 1, min(count, total))})
