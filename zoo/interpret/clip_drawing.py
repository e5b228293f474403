"""Figures of a user's recording: spectrograms, and what a network finds in them."""

from __future__ import annotations

from typing import Any

import librosa
import numpy as np

from zoo import escapes
from zoo.interpret.attending import Attended
from zoo.interpret.attribution import Attributed
from zoo.interpret.deepdream import Dreamt
from zoo.interpret.drawing import ACCENT

_SPAN = 70  # dB of a spectrogram that are shown
_TAGS = 8


def dream_figure(dreamt: Dreamt) -> Any:
    """Spectrograms of start and result on one scale, over the score by step."""
    figure = _figure(3, (2, 2, 1))
    *images, curve = figure.axes
    top = max(_level(x, dreamt.rate)[0].max() for x in (dreamt.start, dreamt.sound))
    for axes, sound, name in zip(images, (dreamt.start, dreamt.sound), ("start", "result")):
        _spectrogram(axes, sound, dreamt.rate, top)
        axes.set_title(f"{name}, towards {escapes.label(dreamt.target)}", fontsize=10, loc="left")
    curve.plot(dreamt.trace, color=ACCENT)
    curve.set(xlabel="step", ylabel="score", xlim=(0, max(1, len(dreamt.trace) - 1)))
    curve.spines[["top", "right"]].set_visible(False)
    return figure


def attribution_figure(found: Attributed) -> Any:
    """The recording's spectrogram, what its cells say for or against the tag, and that by time."""
    figure = _figure(3, (2, 2, 1))
    sound, cells, curve = figure.axes
    _spectrogram(sound, found.audio, found.rate)
    seconds = len(found.audio) / found.rate
    sound.set_title("recording", fontsize=10, loc="left")
    # Few cells say most: without a root the rest would be white.
    shown = np.sign(found.values) * np.sqrt(np.abs(found.values))
    most = max(np.quantile(np.abs(shown), 0.999), 1e-12)
    times = np.linspace(0, seconds, len(shown) + 1)
    kilohertz = found.edges / 1000
    kilohertz[0] = min(kilohertz[0], 0.02)
    cells.pcolormesh(times, kilohertz, shown.T, cmap="RdBu_r", vmin=-most, vmax=most)
    cells.set(ylabel="kHz", ylim=(0.05, kilohertz[-1]), yscale="symlog", xlim=(0, seconds))
    _ticks(cells, kilohertz[-1])
    name = escapes.label(found.tag)
    about = f"for (red) and against (blue) {name}, {escapes.label(found.method)}"
    cells.set_title(about, fontsize=10, loc="left")
    middle = (times[1:] + times[:-1]) / 2
    by_time = found.values.sum(1)
    curve.fill_between(middle, np.maximum(by_time, 0), color="#b2182b", linewidth=0)
    curve.fill_between(middle, np.minimum(by_time, 0), color="#2166ac", linewidth=0)
    curve.set(xlim=(0, seconds), xlabel="time (s)", ylabel="logit")
    curve.spines[["top", "right"]].set_visible(False)
    return figure


def attended_figure(found: Attended) -> Any:
    """Spectrogram, whence every head's token takes, and the tags that each frame alone gives."""
    clip = found.clip
    figure = _figure(3, (2, 2, 1.4))
    sound, heads, tags = figure.axes
    _spectrogram(sound, clip.audio, clip.rate)
    sound.set_title("recording", fontsize=10, loc="left")
    rows, count = found.token, len(found.maps)
    span = (0, clip.seconds)
    how = dict(aspect="auto", interpolation="nearest", cmap="magma")
    heads.imshow(rows, extent=(*span, len(rows) + 0.5, 0.5), vmin=0, vmax=1, **how)
    each = len(rows) // count
    for layer in range(1, count):
        heads.axhline(layer * each + 0.5, color="white", linewidth=1)
    heads.set_yticks([(i + 0.5) * each + 0.5 for i in range(count)])
    heads.set_yticklabels([f"layer {i + 1}" for i in range(count)])
    heads.set_title("attention of the tags' token, a row a head", fontsize=10, loc="left")
    top = found.top(_TAGS)
    chance = 1 / (1 + np.exp(-found.alone.reshape(-1, found.alone.shape[2])[:, top].T))
    drawn = tags.imshow(chance, extent=(*span, len(top) + 0.5, 0.5), vmin=0, vmax=1, **how)
    tags.set_yticks(range(1, len(top) + 1), [escapes.label(found.labels[k]) for k in top])
    tags.set(xlabel="time (s)")
    tags.set_title("tags, were all attention on one frame", fontsize=10, loc="left")
    figure.colorbar(drawn, ax=tags, pad=0.01, label="score")
    return figure


def _figure(rows: int, heights: tuple[float, ...]) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 1.7 * sum(heights)), layout="constrained")
    figure.subplots(rows, 1, height_ratios=heights)
    return figure


def _level(audio: np.ndarray, rate: int) -> tuple[np.ndarray, np.ndarray]:
    """(mel power in dB [128 F], edges of its bands [129] in kHz) of [T C]."""
    size = 1 << int(np.log2(max(64, rate * 0.065)))
    size = min(size, 1 << int(np.log2(len(audio))))
    bands = min(128, size // 8)
    power = librosa.feature.melspectrogram(
        y=audio.mean(1), sr=rate, n_fft=size, hop_length=size // 4, n_mels=bands, htk=True
    )
    edges = librosa.mel_frequencies(bands + 1, fmax=rate / 2, htk=True) / 1000
    return librosa.power_to_db(power, ref=1.0, amin=1e-12, top_db=None), edges


def _spectrogram(axes: Any, audio: np.ndarray, rate: int, top: float | None = None) -> None:
    """Mel bands of [T C] in dB below the loudest, or below `top`."""
    level, edges = _level(audio, rate)
    top = level.max() if top is None else top
    times = np.linspace(0, len(audio) / rate, level.shape[1] + 1)
    axes.pcolormesh(times, edges, level, vmin=top - _SPAN, vmax=top, cmap="magma")
    axes.set(ylabel="kHz", ylim=(0.05, edges[-1]), yscale="symlog")
    _ticks(axes, edges[-1])


def _ticks(axes: Any, highest: float) -> None:
    axes.set_yscale("symlog", linthresh=1.0, linscale=1.0)
    marks = [one for one in (0.25, 0.5, 1, 2, 4, 8, 16) if one < highest]
    axes.set_yticks(marks, [f"{one:g}" for one in marks])
    axes.minorticks_off()
