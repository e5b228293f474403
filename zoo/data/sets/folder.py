"""A folder of the user's own audio as a data set: plain, with labels from a CSV, or with stems.

Any files in any sub-folders are decoded once to int16 records at a fixed rate. With `stems` every
folder that holds one file per stem is a song: `<song>/<stem>.wav` (or flac, ogg, mp3); stems that
end early are filled up with zeros, which is said.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatch
from functools import lru_cache, partial
from pathlib import Path

from zoo.audio import audio_files
from zoo.data import groups, pcm, plans, records, splits
from zoo.data.labels import Labels, match_labels, read_labels
from zoo.data.source import Example, Info
from zoo.errors import BadInput

PADDED = 0.25  # a file shorter than a chunk is padded; below this share of a chunk it is rejected
_SHORTEST = 0.01  # seconds of a one-shot
_TOLERATED = 0.5  # rejects above this share: something is wrong with the folder itself


@dataclass(frozen=True)
class Folder:
    """A Source made of a user's files.

    path: the folder. labels: a CSV (see zoo.data.labels); files that it does not name are left out.
    stems: names of the stem files, in the order of the array. chunk_seconds: the shortest record,
    so the longest possible `Crop` (a `TrackCrop` knows no such bound); 0 keeps tracks whole.
    validation, test: shares, drawn by a hash of each name, with tags spread evenly; where folders
    are named for splits (train, valid, Test_Set, ...) they are the splits, see zoo.data.splits.
    group: what is drawn together: None, files of one folder where folders hold pieces of songs; a
    number, of folders from the top (0: every file alone); a name, of a column in the CSV.
    leave_out: file names as '*_mic2.flac' that are not taken. one_shots: of every file the first
    chunk alone, after the file's peak was brought to full scale, as WaveGAN's loader: a decay is
    not cut in two. data_dir: where the records go, else $ZOO_DATA_DIR.
    """

    path: str
    sample_rate: int
    channels: int = 1
    labels: str | None = None
    stems: tuple[str, ...] = ()
    chunk_seconds: float = 10.0
    validation: float = 0.1
    test: float = 0.1
    leave_out: str = ""
    group: int | str | None = None
    one_shots: bool = False
    data_dir: str = ""

    def __post_init__(self) -> None:
        if self.labels and self.stems:
            raise BadInput("a folder has labels or stems, not both: leave one of them out.")
        if self.one_shots and (self.stems or not self.chunk_seconds):
            raise BadInput(
                "one_shots takes chunks of single files: no stems, chunk_seconds above 0."
            )
        if not 0 <= self.validation + self.test < 1:
            raise BadInput("validation and test are shares below 1 in all, as in 0.1 and 0.1.")
        if self._column and not self.labels:
            raise BadInput(f"group={self.group} is a column of labels=CSV: give that, or a number.")

    @property
    def _column(self) -> str:
        return self.group if isinstance(self.group, str) else ""

    @property
    def info(self) -> Info:
        """Reads the CSV where there is one, else touches no disk."""
        names = self.stems or (_labels(self.labels, self._column).names if self.labels else ())
        name = f"folder-{_slug(Path(self.path).name)}"
        return Info(name, self.sample_rate, self.channels, names, "the user's own", str(self.path))

    @property
    def shortest(self) -> int:
        """Samples of the shortest record."""
        return round(self.chunk_seconds * self.sample_rate)

    @property
    def _least(self) -> float:
        """Seconds that a file must have: a hit may be short, half a song is a mistake."""
        return _SHORTEST if self.one_shots else PADDED * self.chunk_seconds

    @property
    def directory(self) -> Path:
        """Where the records lie."""
        return records.directory(self._name, self.data_dir)

    def blank(self) -> Example:
        tags = len(_labels(self.labels, self._column).names) if self.labels else 0
        samples = self.shortest or 60 * self.sample_rate  # whole tracks: of no one length
        return plans.blank_record(samples, self.channels, len(self.stems), tags)

    def prepare(self) -> None:
        """Decodes the folder to records where they are missing or the files have changed."""
        if records.serve_alone(self._root, self.directory):
            return
        if not self._root.is_dir():
            raise BadInput(f"{self._root}: no such folder; give the one that holds your audio.")
        from zoo.data import builder

        files = audio_files.audio_in(self._root)
        unread = audio_files.unreadable_in(self._root)
        marks = self._fingerprint([*files, *unread])
        about = {"source": plans.data_identity(self._root), "fingerprint": marks}
        if builder.is_current(about, self.directory):
            records.print_split_notice(self.directory)
            return
        before = builder.splits_before(self.directory)
        self._build(files, about, {})
        if before:
            changed = _changes(before, builder.splits_before(self.directory))
            listed = f"files have changed since its records were made, {changed}: built again"
            print(f"{self.info.name}: {listed}; tracks keep their splits", file=sys.stderr)

    def open(self, split: str) -> Sequence[Example]:
        return records.open_records(self.directory, split)

    @property
    def _root(self) -> Path:
        return Path(self.path).expanduser()

    @property
    def _name(self) -> str:
        settings = asdict(self) | {"path": plans.data_identity(self._root), "data_dir": ""}
        if not self.one_shots:  # so that records of before are found
            del settings["one_shots"]
        return f"{self.info.name}-{plans.short_hash(settings)}"

    def _build(self, files: list[Path], about: dict[str, str], bad: dict[str, str]) -> None:
        """Builds; again without them where a small split holds nothing but bad (silent) files."""
        from zoo.data import builder

        try:
            builder.build_records(self._plan(files, about, bad), self.data_dir)
        except builder.EmptySplit as error:
            self._build(files, about, {**bad, **dict(error.rejected)})

    def _fingerprint(self, files: list[Path]) -> str:
        watched = [*files, Path(self.labels).expanduser()] if self.labels else files
        absolute = [file.absolute() for file in watched]
        return plans.fingerprint(absolute, Path(absolute[0].anchor))

    def _plan(self, files: list[Path], about: dict[str, str], bad: dict[str, str]) -> plans.Plan:
        from zoo.data import builder

        rejected = list(bad.items())
        unwanted = {file for file in files if fnmatch(file.name, self.leave_out)}
        files = [file for file in files if file not in unwanted]
        if not files:
            raise BadInput(f"{self._root}: leave_out={self.leave_out} leaves nothing.")
        jobs, skipped = self._songs(files) if self.stems else self._tracks(files, rejected)
        early = _filled_ends(jobs) if self.stems else ()
        listed = f"left out by leave_out={self.leave_out}"
        skipped += [(file.relative_to(self._root).as_posix(), listed) for file in sorted(unwanted)]
        unread = audio_files.unreadable_in(self._root)
        reasons = {file: audio_files.why_not(file) for file in unread}
        skipped += [(f.relative_to(self._root).as_posix(), why) for f, why in reasons.items()]
        jobs = [job for job in jobs if job.track not in bad]
        before = builder.splits_before(self.directory)
        division = splits.divide(
            self._grouped(jobs),
            self.validation,
            self.test,
            before=before,
            tags=self.info.labels,
            songs=bool(self.stems),
            grouped=self.group is not None,
        )
        notes = [
            f"{audio_files.count_suffixes(f for f in unread if reasons[f] == why)} {why}"
            for why in dict.fromkeys(reasons.values())
        ]
        return plans.Plan(
            name=self._name,
            info=self.info,
            blank=self.blank(),
            jobs=division.splits,
            shortest=self.shortest,
            tolerate=_TOLERATED,
            about=about,
            rejected=tuple(rejected),
            skipped=(*skipped, *division.left_out),
            threads=1 if self.stems else 0,
            rule=division.rule,
            notes=(*division.notes, *notes, *early),
        )

    def _grouped(self, jobs: list[plans.Job]) -> list[plans.Job]:
        """The jobs, each with what it is drawn together with."""
        tracks = [job.track for job in jobs]
        if self._column or (self.stems and self.group is None):
            return jobs  # the CSV has said so; songs stand alone
        if isinstance(self.group, int):
            found = groups.by_depth(tracks, self.group)
        else:
            tags = {job.track: job.tags for job in jobs if job.tags is not None}
            found = groups.by_folder(tracks, tags, self.info.labels)
        return [replace(job, group=found.get(job.track, "")) for job in jobs]

    def _tracks(
        self, files: list[Path], rejected: list[tuple[str, str]]
    ) -> tuple[list[plans.Job], list[tuple[str, str]]]:
        """Jobs and what has no label. Bad headers are found here, before the splits are made."""
        names = {file: file.relative_to(self._root).as_posix() for file in files}
        labels = _labels(self.labels, self._column) if self.labels else None
        rows = match_labels(labels, files, self._root) if labels else dict.fromkeys(files, "")
        jobs = []
        for file, row in rows.items():
            try:
                pcm.check_length(file, self._least)
            except BadInput as error:
                rejected.append((names[file], str(error)))
                continue
            jobs.append(self._job(names[file], file, labels, row))
        unlabelled = [name for file, name in names.items() if file not in rows]
        return jobs, [(name, f"no row in {self.labels}") for name in unlabelled]

    def _job(self, name: str, file: Path, labels: Labels | None, row: str) -> plans.Job:
        if labels is None:
            return plans.Job(name, partial(self._load, file))
        tags, known = labels.rows[row]
        load = partial(self._load, file, tags, known)
        return plans.Job(name, load, labels.groups.get(row, ""), tags * known)

    def _load(self, file: Path, *row: object) -> Example:
        audio = pcm.load_audio(
            file, self.sample_rate, self.channels, self._least, normalise=self.one_shots
        )
        whole = audio[: self.shortest] if self.one_shots else audio
        return {"audio": whole, **dict(zip(("tags", "known"), row))}

    def _songs(self, files: list[Path]) -> tuple[list[plans.Job], list[tuple[str, str]]]:
        by_folder: dict[Path, dict[str, list[Path]]] = {}
        for file in files:
            by_folder.setdefault(file.parent, {}).setdefault(file.stem, []).append(file)
        jobs, skipped = [], []
        for folder, there in sorted(by_folder.items()):
            name = folder.relative_to(self._root).as_posix()
            missing = [stem for stem in self.stems if stem not in there]
            doubled = [path.name for stem in self.stems for path in there.get(stem, ())[1:]]
            if missing:
                skipped.append((name, f"no file for {', '.join(missing)}"))
            elif doubled:
                skipped.append((name, f"several files for a stem: take away {', '.join(doubled)}"))
            else:
                paths = [there[stem][0] for stem in self.stems]
                load = partial(self._load_song, paths)
                jobs.append(plans.Job(name, load, files=tuple(paths)))
        if not jobs and any("several" in reason for _, reason in skipped):
            raise BadInput(f"{self._root}: {'; '.join(': '.join(pair) for pair in skipped[:3])}.")
        if not jobs:
            files_wanted = ", ".join(f"{stem}.wav" for stem in self.stems)
            raise BadInput(f"no folder in {self._root} holds all of {files_wanted}.")
        return jobs, skipped

    def _load_song(self, paths: list[Path]) -> Example:
        stems = pcm.load_stems(paths, self.sample_rate, self.channels, self._least, ends="fill")
        return {"stems": stems}


def _filled_ends(jobs: Sequence[plans.Job]) -> tuple[str, ...]:
    """A line on songs of stems with unequal ends."""
    early = []
    for job in jobs:
        with contextlib.suppress(BadInput):  # said when it is decoded
            early.append((job.track, pcm.unequal_lengths(job.files)))
    found = [f"{track}: {said}" for track, said in early if said]
    more = f" and {len(found) - 3} more songs" if len(found) > 3 else ""
    return (f"filled up with silence: {'; '.join(found[:3])}{more}",) if found else ()


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """'2 new (a, b), 1 gone (c)': how the tracks of two builds differ."""
    new, gone = sorted(set(after) - set(before)), sorted(set(before) - set(after))
    listed = [
        f"{len(names)} {what} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
        for what, names in (("new", new), ("gone", gone))
        if names
    ]
    return ", ".join(listed) or "none new or gone"


def _labels(path: str, column: str) -> Labels:
    file = Path(path).expanduser()
    return _labels_at(file, column, file.stat().st_mtime_ns if file.is_file() else 0)


@lru_cache(maxsize=8)
def _labels_at(path: Path, column: str, _changed: int) -> Labels:
    return read_labels(path, column)


def _slug(name: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in name.lower()).strip("-")
