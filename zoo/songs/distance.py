"""Two folders of audio compared by embeddings: `python -m zoo distance REFERENCE GENERATED`.

An embedding is what the last layer of a tagger reads of a segment. Its name, its rate, the numbers
of segments and a hash of the reference stand beside every value, which depends on all of them.
Where both folders have files of the same names, these are compared pair by pair besides.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from zoo import durable, escapes
from zoo.audio import audio_files
from zoo.errors import BadInput
from zoo.evaluation import by_model
from zoo.evaluation.copies import Copies
from zoo.front import clip_model, sounds
from zoo.front.clip_model import ClipModel
from zoo.front.sounds import Sound

_FEW = 2  # segments, below which there is no covariance


@dataclass(frozen=True)
class _Collection:
    """The audio files below a folder, without those that cannot be read, which are counted."""

    root: Path
    files: tuple[Path, ...]
    unreadable: int
    digest: str  # of the files' contents, whatever their names

    @property
    def by_name(self) -> dict[str, Path]:
        """Files by their place below the root, without suffix."""
        return {file.relative_to(self.root).with_suffix("").as_posix(): file for file in self.files}


@dataclass(frozen=True)
class _Vectors:
    """Embeddings [N D] of all whole segments, and the number [N] of the file of each."""

    rows: np.ndarray
    owner: np.ndarray


def collect(root: Path, limit: int | None = None) -> _Collection:
    """The audio below a folder, or the first `limit` files. raises BadInput: there is none."""
    if not root.is_dir():
        raise BadInput(f"{root}: no such folder; give one of audio files")
    files: list[Path] = []
    contents: list[str] = []
    unreadable = 0
    for file in audio_files.audio_in(root):
        if len(files) == limit:
            break
        try:
            sounds.as_sound(file, None)
        except BadInput as error:
            unreadable += 1
            print(escapes.terminal_line(f"left out: {file.name}: {error}"), file=sys.stderr)
            continue
        files.append(file)
        contents.append(hashlib.sha256(file.read_bytes()).hexdigest())
    if not files:
        raise BadInput(f"{root}: no audio that can be read; give a folder of wav, flac, ogg or mp3")
    digest = hashlib.sha256("".join(sorted(contents)).encode()).hexdigest()[:12]
    return _Collection(root, tuple(files), unreadable, digest)


def _opened(found: _Collection, what: str) -> Iterator[Sound]:
    """Its files as sounds, with a bar."""
    bar = tqdm(
        found.files, desc=f"{what} {found.root.name}", unit="file", file=sys.stderr, disable=None
    )
    return (sounds.as_sound(file, None) for file in bar)


def _file_embeddings(model: ClipModel, found: _Collection) -> _Vectors:
    """Embeddings of all files. raises BadInput: fewer than two segments."""
    parts = [one.whole for one in model.outputs(_opened(found, "embedding"), "embed")]
    rows = np.concatenate(parts).astype(np.float64)
    if len(rows) < _FEW:
        raise BadInput(f"{found.root} has {len(rows)} segment of audio: give {_FEW} or more")
    return _Vectors(rows, np.repeat(np.arange(len(parts)), [len(part) for part in parts]))


def _by_embedding(
    model: ClipModel, reference: _Collection, generated: _Collection
) -> dict[str, Any]:
    """Distances by name, and all that they depend on."""
    real, fake = _file_embeddings(model, reference), _file_embeddings(model, generated)
    how = model.how
    return {
        "embedding": model.name,
        "sample_rate": how.rate,
        "segment_seconds": how.samples / how.rate,
        "dimensions": real.rows.shape[1],
        "reference": _described(reference) | {"segments": len(real.rows)},
        "generated": _described(generated) | {"segments": len(fake.rows)},
        "distances": by_model.embedding_distances(fake.rows, real.rows, real.owner),
    }


def _by_classifier(model: ClipModel, found: _Collection, splits: int) -> dict[str, float]:
    """Inception score and entropy of a folder's files, each taken whole."""
    answers = model.outputs(_opened(found, "classifying"), "predict")
    return by_model.class_scores(
        clip_model.normalise_scores(np.array([one.mean for one in answers])), splits
    )


def _by_pairs(reference: _Collection, generated: _Collection, pitch: bool) -> dict[str, Any]:
    """Means of distances between files of the same name; empty where there are none."""
    real, fake = reference.by_name, generated.by_name
    names = sorted(set(real) & set(fake))
    if not names:
        return {}
    copies = Copies(_tracker() if pitch else None)
    rows = [
        copies.compare(*(sounds.as_sound(place[name], None) for place in (fake, real)))
        for name in tqdm(names, desc="pairs", unit="pair", file=sys.stderr, disable=None)
    ]
    keys = dict.fromkeys(key for row in rows for key in row)
    of = {key: np.array([row.get(key, np.nan) for row in rows]) for key in keys}
    means = {key: float(np.nanmean(v)) for key, v in of.items() if np.isfinite(v).any()}
    return {"pairs": len(names), "means": means, "per_pair": dict(zip(names, rows))}


def _tracker() -> Any:
    from zoo.pretrained.pitch_tracker import PitchTracker

    return PitchTracker()


def _described(found: _Collection) -> dict[str, Any]:
    return {
        "folder": found.root.name,
        "files": len(found.files),
        "unreadable": found.unreadable,
        "sha256": found.digest,
    }


def compare_folders(
    reference: Path,
    generated: Path,
    *,
    embedding: str,
    classifier: str | None,
    splits: int,
    limit: int | None,
    pitch: bool,
) -> dict[str, Any]:
    """All that is said of two folders, as it is stored."""
    model = ClipModel(embedding)
    classes = ClipModel(classifier) if classifier else None
    sets = partial(collect, limit=limit)
    real, fake = sets(reference), sets(generated)
    found = _by_embedding(model, real, fake)
    if classes:
        found["classifier"] = {
            "name": classes.name,
            "splits": splits,
            "generated": _by_classifier(classes, fake, splits),
            "reference": _by_classifier(classes, real, splits),
        }
    pairs = _by_pairs(real, fake, pitch)
    return found | ({"copies": pairs} if pairs else {})


def distance_lines(found: dict[str, Any]) -> Iterator[str]:
    """What is printed of it."""
    sets = {name: found[name] for name in ("reference", "generated")}
    for name, about in sets.items():
        yield (
            f"{name}: {about['folder']}, {about['files']} files, {about['segments']} segments of "
            f"{found['segment_seconds']:.2f} s, sha256 {about['sha256']}"
        )
    yield (
        f"embedding: {found['embedding']}, {found['dimensions']} numbers at "
        f"{found['sample_rate']:,} Hz"
    )
    values = found["distances"]
    for name in [key for key in values if not key.startswith("floor/")]:
        floor = values.get(f"floor/{name}")
        beside = "" if floor is None else f"  (between halves of the reference {floor:.4f})"
        yield f"  {name:<10} {values[name]:.4f}{beside}"
    fewest = min(about["segments"] for about in sets.values())
    if fewest < found["dimensions"]:
        yield (
            f"  {fewest} segments are fewer than {found['dimensions']} dimensions: frechet is too "
            "large and compares only at equal numbers; kid and kad have no such bias"
        )
    if "classifier" in found:
        yield f"classifier: {found['classifier']['name']}"
        real = found["classifier"]["reference"]
        for name, value in found["classifier"]["generated"].items():
            yield f"  {name:<26} {value:.4f}  (reference {real[name]:.4f})"
    if "copies" in found:
        yield f"{found['copies']['pairs']} pairs of files of the same name, means:"
        for name, value in found["copies"]["means"].items():
            yield f"  {name:<22} {value:.4f}"


def write_distance(found: dict[str, Any], path: Path) -> str:
    """Writes all of it as JSON; the line that says where."""
    path.parent.mkdir(parents=True, exist_ok=True)
    durable.write_json(path, found, indent=2)
    return f"kept in {path}"
