"""The README's picture: a mixture and the stems that a run found in it, as log-mel spectrograms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from zoo import escapes, writing
from zoo.commands import command_name
from zoo.errors import BadInput

_RANGE = 70  # dB below the mixture's loudest point that are drawn


def draw_stems(directory: Path, path: Path) -> Path:
    """Writes a PNG from RUN/samples/stems/*, which training a separator leaves behind."""
    songs = sorted(p.parent for p in (directory / "samples" / "stems").glob("*/mixture.wav"))
    if not songs:
        raise BadInput(
            f"{directory} has no separated song: train a separator, for instance with "
            f"{command_name('train')} --config wave_unet_score_render"
        )
    stems = sorted(p for p in songs[0].glob("*.wav") if len(p.suffixes) == 1)
    stems.sort(key=lambda p: p.stem != "mixture")
    figure = _spectrograms(stems)
    with writing.hold_lock(path), writing.replacing(path) as (part,):
        figure.savefig(part, dpi=120, format=path.suffix.lstrip(".") or "png")
    return path


def _spectrograms(files: list[Path]) -> Any:
    """One row per file, on the scale of the first."""
    import librosa
    import soundfile
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 1.25 * len(files)), layout="constrained")
    top = None
    for axes, file in zip(figure.subplots(len(files), 1, sharex=True), files):
        audio, rate = soundfile.read(file, dtype="float32", always_2d=True)
        mel = librosa.feature.melspectrogram(
            y=audio.mean(1), sr=rate, n_fft=1024, hop_length=160, n_mels=96
        )
        level = 10 * np.log10(mel + 1e-10)
        top = level.max() if top is None else top
        span = (0, len(audio) / rate, 0, 1)
        axes.imshow(
            level,
            origin="lower",
            aspect="auto",
            extent=span,
            cmap="magma",
            vmin=top - _RANGE,
            vmax=top,
        )
        axes.set_yticks([])
        axes.set_ylabel(escapes.label(file.stem), rotation=0, ha="right", va="center")
        axes.spines[:].set_visible(False)
    axes.set_xlabel("seconds")
    return figure
