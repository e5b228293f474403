"""Tracks -> records: one TFDS builder (no TensorFlow) for every data set made of a user's files.

Files are decoded by a few threads, in order; what cannot be used is listed with its reason in
`rejects.csv` beside the records. A build is whole or absent: it is made aside, sealed, and takes
the place of the one before, which stays until then, with the splits that its tracks have.
"""

from __future__ import annotations

import contextlib
import csv
import fcntl
import io
import itertools
import json
import logging
import os
import re
import shutil
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds
from tqdm import tqdm

from zoo import durable, escapes, machine
from zoo.data import descriptions, records, tracks
from zoo.data.plans import Job, LeftOut, Plan
from zoo.data.records_writer import RecordsConfig, WaveformRecords
from zoo.data.source import Example
from zoo.data.tracks import Track
from zoo.errors import BadInput

ASIDE, FORMER = "incomplete-records", "former-records"


class EmptySplit(BadInput):
    """No track of a split can be used. rejected: those tracks, with their reasons."""

    def __init__(self, text: str, rejected: tuple[tuple[str, str], ...]) -> None:
        super().__init__(text)
        self.rejected = rejected


@dataclass
class _Tally:
    """What was left out so far, over all splits."""

    plan: Plan
    total: int
    faults: list[str]
    listed: list[tuple[str, str]]
    tracks: dict[str, int] = field(default_factory=dict)
    used: list[tuple[str, str]] = field(default_factory=list)
    index: dict[str, list[Track]] = field(default_factory=dict)

    def take(self, track: str, split: str, example: Example, count: int) -> None:
        """Lists a track that becomes `count` records."""
        self.used.append((track, split))
        self.tracks[split] = self.tracks.get(split, 0) + 1
        listed = self.index.setdefault(split, [])
        first = listed[-1].first + listed[-1].count if listed else 0
        listed.append(tracks.Track(track, first, count, **tracks.track_facts(example)))

    def reject(self, track: str, error: BadInput) -> None:
        """Lists a track; raises when more are faulty than the plan tolerates."""
        self.listed.append((track, str(error)))
        if isinstance(error, LeftOut):
            return
        self.faults.append(str(error))
        if len(self.faults) > self.plan.tolerate * self.total:
            raise BadInput(
                f"{self.plan.info.name}: {len(self.faults)} of {self.total} tracks cannot be "
                f"used: {'; '.join(self.faults[:3])}"
            ) from error


def build_records(plan: Plan, root: str = "") -> Path:
    """Builds the records of a plan, in place of older ones, and returns their folder.

    A second process that wants the same waits, and finds them.
    """
    folder = records.directory(plan.name, root)
    with lock_build(folder.parent):
        return folder if is_current(plan.about, folder) else _build(plan, root)


@contextlib.contextmanager
def lock_build(folder: Path) -> Iterator[None]:
    """Holds a folder that data are built in; what a killed build left there is swept, or put back.

    The kernel frees the lock when this process dies, however it dies. Where a file system has no
    locks, one process at a time is the user's care, and nothing is swept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            for stale in folder.glob("*incomplete*"):
                shutil.rmtree(stale)
            _put_back(folder)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def write_errors(folder: Path) -> Iterator[None]:
    """raises BadInput where records cannot be written: ArrayRecord has RuntimeErrors for that."""
    try:
        with durable.name_path_in_errors(folder):
            yield
    except RuntimeError as error:
        refused = re.search(r"write\(\) failed: ([^;]+)", str(error))
        if refused is None:
            raise
        raise BadInput(
            f"records cannot be written to {folder} ({refused[1]}): free space there, or set "
            "ZOO_DATA_DIR to another place, then run again"
        ) from error


def _build(plan: Plan, root: str) -> Path:
    count = sum(len(jobs) for jobs in plan.jobs.values())
    tally = _Tally(plan, count + len(plan.rejected), [], list(plan.skipped))
    for name, reason in plan.rejected:
        tally.reject(name, BadInput(reason))
    _check(plan)
    tfds.disable_progress_bar()
    logging.getLogger("absl").addFilter(_no_custom_configuration)
    bar = tqdm(total=count, desc=f"preparing {plan.info.name}", unit="file", file=sys.stderr)
    splits = {split: _chunks(plan, split, tally, bar) for split, jobs in plan.jobs.items() if jobs}
    folder = records.directory(plan.name, root)
    aside = folder.parent / ASIDE
    builder = WaveformRecords(
        data_dir=str(aside),
        config=RecordsConfig(
            name=plan.name,
            plan=plan,
            splits=splits,
            listed=tally.listed,
            tracks=tally.tracks,
            used=tally.used,
            index=tally.index,
        ),
        file_format="array_record",
    )
    again = tfds.download.DownloadConfig(download_mode=tfds.GenerateMode.REUSE_CACHE_IF_EXISTS)
    # TFDS announces on stdout a download of unknown size that does not take place.
    quiet = contextlib.redirect_stdout(io.StringIO())
    with bar, quiet, write_errors(folder):
        try:
            builder.download_and_prepare(download_config=again)
            descriptions.seal_build(Path(builder.data_dir))
            _replace(folder, Path(builder.data_dir))
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    print(_summary(plan, folder, tally), file=sys.stderr)
    records.print_split_notice(folder)
    return folder


def _replace(folder: Path, made: Path) -> None:
    """Puts a finished build in the place of the one before, which goes then."""
    former = folder.parent / FORMER
    if folder.exists():
        folder.rename(former)
    made.rename(folder)
    durable.sync(folder.parent)
    shutil.rmtree(former, ignore_errors=True)


def _put_back(parent: Path) -> None:
    """Undoes, or finishes, a replacement that a kill interrupted."""
    former, folder = parent / FORMER, parent / records.VERSION
    if former.is_dir() and not folder.exists():
        former.rename(folder)
    shutil.rmtree(former, ignore_errors=True)


def is_current(plan_about: Mapping[str, Any], folder: Path) -> bool:
    """Whether the records there were built from the same files with the same settings."""
    stored = records.metadata(folder)
    if not stored or not descriptions.is_whole(folder) or not tracks.fits(folder):
        return False
    return stored.get("about") == json.loads(json.dumps(dict(plan_about)))


def splits_before(folder: Path) -> dict[str, str]:
    """The split of every track of the records there; {} where there are none."""
    there = folder if folder.exists() else folder.parent / FORMER
    try:
        with open(there / "splits.csv", newline="", errors="surrogateescape") as file:
            rows = csv.DictReader(file)
            return {escapes.from_cell(row["track"]): row["split"] for row in rows}
    except (OSError, KeyError, csv.Error):
        return {}


def _no_custom_configuration(record: logging.LogRecord) -> bool:
    """TFDS warns of every configuration that it does not list, and ours are all made on the fly."""
    return not str(record.msg).startswith("Using custom data configuration")


def _check(plan: Plan) -> None:
    names = [job.track for jobs in plan.jobs.values() for job in jobs]
    if not names:
        raise BadInput(f"{plan.info.name}: no file to prepare.")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BadInput(f"{plan.info.name}: track '{twice}' occurs twice.")


def _chunks(plan: Plan, split: str, tally: _Tally, bar: tqdm) -> Iterator[tuple[str, Example]]:
    """Keys and records of one split."""
    bad: list[tuple[str, str]] = []
    for job, done in _ahead(plan.jobs[split], plan.threads or min(8, machine.cores())):
        bar.update()
        try:
            example = done.result()
        except BadInput as error:
            tally.reject(job.track, error)
            bad.append((job.track, str(error)))
            continue
        tally.take(job.track, split, example, records.chunk_count(example, plan.shortest))
        for chunk in records.cut_chunks({**example, "track": job.track}, plan.shortest):
            yield f"{job.track}/{chunk['chunk']:05d}", chunk
    if len(bad) == len(plan.jobs[split]):
        raise EmptySplit(
            f"{plan.info.name}: none of the {len(bad)} tracks of the split '{split}' can be "
            f"used: {'; '.join(reason for _, reason in bad[:3])}",
            tuple(bad),
        )


def _summary(plan: Plan, folder: Path, tally: _Tally) -> str:
    splits = tfds.builder_from_directory(folder).info.splits
    counts = ", ".join(f"{name} {split.num_examples:,}" for name, split in splits.items())
    listed = f" ({folder / 'rejects.csv'})" if tally.listed else ""
    return f"{plan.info.name}: records {counts}; {len(tally.listed)} files left out{listed}"


def _ahead(jobs: Iterable[Job], threads: int) -> Iterator[tuple[Job, Future[Example]]]:
    """Jobs and their results in order, at most `threads` + 1 decoded tracks in memory."""
    waiting: deque[tuple[Job, Future[Example]]] = deque()
    remaining = iter(jobs)
    with ThreadPoolExecutor(threads) as pool:
        try:
            for job in itertools.islice(remaining, threads + 1):
                waiting.append((job, pool.submit(job.load)))
            while waiting:
                yield waiting.popleft()
                for job in itertools.islice(remaining, 1):
                    waiting.append((job, pool.submit(job.load)))
        finally:
            pool.shutdown(cancel_futures=True)
