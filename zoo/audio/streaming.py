"""Chunks of audio on their way to disk, in files that are valid at every moment; a progress bar."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from zoo.audio import wav_files
from zoo.errors import BadInput

SUBTYPES = {16: "PCM_16", 32: "FLOAT"}


def stream_to_wav(
    chunks: Iterable[np.ndarray],
    paths: Sequence[str | Path],
    sample_rate: int,
    *,
    length: int = 0,
    bits: int = 16,
    progress: bool = True,
) -> int:
    """Writes chunks [B t C] in [-1, 1] to one file per voice -> samples written to each.

    bits: 16 (integers) or 32 (float). length: total samples, for the time left; 0 is unknown.
    Ctrl-C ends the stream early and in order: what was generated is on the disk. Files that were
    there stay as they are until there is something to put in their place.
    """
    files = [Path(path) for path in paths]
    for path in files:
        if path.suffix.lower() != ".wav":
            raise BadInput(f"{path} is no .wav file; a stream is written as .wav")
    return stream(chunks, files, sample_rate, length=length, bits=bits, progress=progress)


def stream(
    chunks: Iterable[np.ndarray],
    paths: Sequence[Path],
    sample_rate: int,
    *,
    length: int = 0,
    bits: int = 16,
    progress: bool = True,
) -> int:
    """As `stream_to_wav`, whatever the files are called."""
    ours = [path for path in paths if not path.exists()]
    for path in ours:  # now: a place that takes no file should say so at once
        path.parent.mkdir(parents=True, exist_ok=True)
        wav_files.create_wav(path, sample_rate, 1, _subtype(bits))
    written, files = 0, []
    shown = _watched(chunks, sample_rate, length) if progress else iter(chunks)
    try:
        for chunk in shown:
            if len(chunk) != len(paths):
                raise BadInput(f"{len(chunk)} voices need as many paths, not {len(paths)}")
            if not written:
                made = sample_rate, chunk.shape[2], _subtype(bits)
                ours = list(paths)
                files = [wav_files.create_wav(path, *made) for path in paths]
            files = [wav_files.append(file, audio) for file, audio in zip(files, chunk)]
            written += chunk.shape[1]
    except KeyboardInterrupt:
        print(f"stopped after {written / sample_rate:.1f} s of audio")
    finally:
        if not written:  # an empty file would only be in the way of the next attempt
            for path in ours:
                path.unlink(missing_ok=True)
    return written


def _watched(
    chunks: Iterable[np.ndarray], sample_rate: int, length: int = 0
) -> Iterator[np.ndarray]:
    """The same chunks, with a bar: samples per second of one voice, and times real time."""
    from tqdm import tqdm

    began, done = time.perf_counter(), 0
    with tqdm(total=length or None, unit="sample", unit_scale=True) as bar:
        for chunk in chunks:
            done += chunk.shape[1]
            per_second = done / max(time.perf_counter() - began, 1e-9)
            bar.set_postfix_str(speed(per_second, sample_rate, len(chunk)), refresh=False)
            bar.update(chunk.shape[1])
            yield chunk


def speed(per_second: float, sample_rate: int, voices: int) -> str:
    """'0.42x real time' and, for several voices, what they give together."""
    text = f"{per_second / sample_rate:.3g}x real time"
    if voices == 1:
        return text
    total = per_second * voices
    return f"{text} each, {total / sample_rate:.3g}x together ({total:.0f} samples/s)"


def _subtype(bits: int) -> str:
    """What samples of so many bits are called."""
    if bits not in SUBTYPES:
        raise BadInput(f"{bits} bits are not written here; use 16 or 32")
    return SUBTYPES[bits]


def quantise_pcm(audio: np.ndarray, bits: int = 16) -> np.ndarray:
    """PCM integers i of i / 32768, the grid that files are read on; floats stay floats."""
    if bits == 32:
        return audio.astype(np.float32)
    return np.clip(np.round(audio * 32768.0), -32768, 32767).astype(np.int16)
