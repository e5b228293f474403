"""A data set to be built: which tracks, in which split, and how each is decoded to int16 PCM."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo.audio import audio_files
from zoo.audio.probing import probe
from zoo.data import records
from zoo.data.source import Example, Info
from zoo.errors import BadInput

FOLDERS = {"train": "train", "valid": "validation", "validation": "validation", "test": "test"}
QUIETEST_SUM = -20.0  # dB: what stems may lack of their mixture before something must be wrong


class LeftOut(BadInput):
    """A track that the protocol leaves out: listed, but not counted as a fault of the data."""


@dataclass(frozen=True)
class Job:
    """One track to be: `load` decodes it whole, int16, or raises BadInput saying why it cannot."""

    track: str
    load: Callable[[], Example]


@dataclass(frozen=True)
class Plan:
    """A data set to be built under `name`: its jobs per split and what is known beforehand.

    shortest: samples of the shortest chunk, 0 for whole tracks. tolerate: the share of tracks that
    may be rejected. rejected: (file, reason) found bad before the splits were made. skipped: left
    out on purpose. about: stored with the records; when it changes they are built again. threads:
    decoders, each with a whole track in memory.
    """

    name: str
    info: Info
    blank: Example
    jobs: Mapping[str, tuple[Job, ...]]
    shortest: int
    tolerate: float
    about: Mapping[str, Any]
    rejected: tuple[tuple[str, str], ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    threads: int = 0


def records_alone(root: Path, directory: Path) -> bool:
    """Whether the originals are gone but their records there, which then serve as they are."""
    return not root.is_dir() and directory.is_dir()


def blank(shortest: int, channels: int, stems: int = 0, tags: int = 0) -> Example:
    """A record of zeros: audio [T C], or stems [S T C], with tags and known [K] where there are."""
    pcm = np.zeros((stems, shortest, channels) if stems else (shortest, channels), np.int16)
    labels = {"tags": np.zeros(tags, np.uint8), "known": np.zeros(tags, np.uint8)} if tags else {}
    place = {"track": "", "chunk": 0, "chunks": 1, "length": shortest}
    return {**place, "stems" if stems else "audio": pcm, **labels}


def load_audio(
    path: Path, rate: int, channels: int, least: float = 0.0, allow_silent: bool = False
) -> np.ndarray:
    """A file as int16 [T C]. raises BadInput where it is unreadable, silent or below `least` s."""
    check_length(path, least)
    audio, report = audio_files.read(path, rate, channels)
    if report.silent and not allow_silent:
        raise BadInput(f"{path} is silent (RMS below -60 dBFS).")
    return records.to_int16(below_full_scale(audio))


def check_length(path: Path, least: float) -> None:
    """raises BadInput where the header is bad, or promises less than `least` seconds."""
    seconds = probe(path).seconds
    if seconds < least:
        raise BadInput(f"{path} is too short: {seconds:.2f} s, at least {least:.2f} s are needed.")


def load_stems(
    paths: Sequence[Path],
    rate: int,
    channels: int,
    least: float = 0.0,
    mixture: Path | None = None,
) -> np.ndarray:
    """Files of one song as int16 [S T C], with one gain in common so that they still sum.

    raises BadInput where their lengths differ by 10 ms or more, where all are silent, and where
    they do not sum to the `mixture`.
    """
    lengths = [probe(path).seconds for path in paths]
    if min(lengths) < least:
        raise BadInput(f"{paths[0].parent} is too short: at least {least:.2f} s are needed.")
    if max(lengths) - min(lengths) >= 0.01:
        told = ", ".join(f"{path.name} {s:.2f} s" for path, s in zip(paths, lengths))
        raise BadInput(f"{paths[0].parent}: stems of unequal length: {told}.")
    read = [audio_files.read(path, rate, channels)[0] for path in paths]
    stems = np.stack([audio[: min(map(len, read))] for audio in read])
    if np.sqrt(np.mean(np.square(stems))) < audio_files.SILENCE:
        raise BadInput(f"{paths[0].parent}: all stems are silent.")
    if mixture is not None:
        _check_sum(stems.sum(axis=0), mixture, rate, channels)
    return records.to_int16(below_full_scale(stems))


def _check_sum(total: np.ndarray, mixture: Path, rate: int, channels: int) -> None:
    audio, _ = audio_files.read(mixture, rate, channels)
    if abs(len(audio) - len(total)) > 0.01 * rate:
        raise BadInput(f"{mixture} and its stems are of unequal length.")
    n = min(len(audio), len(total))
    error = np.mean(np.square(total[:n] - audio[:n])) / max(np.mean(np.square(audio[:n])), 1e-12)
    decibels = 10 * np.log10(max(float(error), 1e-12))
    if decibels > QUIETEST_SUM:
        raise BadInput(f"{mixture} is not the sum of its stems: they differ by {decibels:.0f} dB.")


def below_full_scale(audio: np.ndarray) -> np.ndarray:
    """Scaled down as a whole where its peak exceeds 1, which decoded mp3 often does."""
    return audio / max(1.0, float(np.abs(audio).max(initial=0.0)))


def place(track: str) -> float:
    """A fixed number in [0, 1) per name, so that new files never move old ones between splits."""
    digest = hashlib.sha256(track.encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def split_by_folder(jobs: Sequence[Job]) -> dict[str, tuple[Job, ...]] | None:
    """Splits by the top folders, where these are train, valid (or validation) and test; or None."""
    tops = {job.track: job.track.partition("/")[0] for job in jobs}
    if {FOLDERS.get(top) for top in tops.values()} != set(FOLDERS.values()):
        return None
    return {
        split: tuple(job for job in jobs if FOLDERS[tops[job.track]] == split)
        for split in FOLDERS.values()
    }


def split_by_name(
    jobs: Iterable[Job], validation: float, test: float
) -> dict[str, tuple[Job, ...]]:
    """Splits by `place`. Where that leaves one empty, the tracks in that order are cut instead."""
    ordered = sorted(jobs, key=lambda job: place(job.track))
    first = sum(place(job.track) < test for job in ordered)
    second = sum(place(job.track) < test + validation for job in ordered)
    n = len(ordered)
    if n >= 3:
        first = max(first, int(test > 0))
        second = max(second, first + int(validation > 0))
        if second == n:
            first, second = min(first, n - 2), n - 1
    elif n == 2:
        first, second = 0, int(validation > 0)
    else:
        first = second = 0
    in_order = {"test": ordered[:first], "validation": ordered[first:second]}
    in_order = {"train": ordered[second:], **in_order}
    return {name: tuple(sorted(part, key=lambda job: job.track)) for name, part in in_order.items()}


def fingerprint(files: Iterable[Path], root: Path) -> str:
    """Changes when a file is added, removed, renamed, resized or rewritten."""
    digest = hashlib.sha256()
    for path in sorted(files):
        stat = path.stat()
        line = f"{path.relative_to(root)}\0{stat.st_size}\0{stat.st_mtime_ns}\n"
        digest.update(line.encode(errors="surrogateescape"))  # names need not be UTF-8
    return digest.hexdigest()[:16]


def short_hash(arguments: Mapping[str, Any]) -> str:
    """Tells apart records made from one place with different settings."""
    text = json.dumps(dict(arguments), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]
