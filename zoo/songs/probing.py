"""A user's labelled folder -> a probe of a tagger's embeddings, cross-validated, kept as a system.

Labels are sub-folders, or a labels.csv in the folder (zoo.data.labels); a sub-folder 'none' or
'other', or a file of the CSV without tags, is an example of none of the labels. Files of one group
are in one fold: those of one folder below a label's, or of what `group` says.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from zoo import durable, escapes
from zoo import experiment as experiments
from zoo.audio import audio_files
from zoo.catalog import equal_as_json
from zoo.data import drawing, groups, plans
from zoo.data.labels import match_labels, read_labels
from zoo.errors import BadInput
from zoo.front.finding import words_of
from zoo.front.system import System
from zoo.metrics.ranking import rank_tags
from zoo.objectives import probe
from zoo.recipes.probing import NONE
from zoo.runs import pairs
from zoo.runs.trained import Trained
from zoo.songs import embeddings

_FOLDS = 5
SEGMENTS = 20  # of a file, evenly spaced: a long one tells no more than a short one
NEGATIVES = ("none", "other", "others", "none of these", "negative", "negatives")
REPORT = "probe.json"


@dataclass(frozen=True)
class TaggedFiles:
    """files [N] and their tags [N K] of `labels`, group [N]: what stays in one fold."""

    root: Path
    labels: tuple[str, ...]
    files: tuple[Path, ...]
    tags: np.ndarray
    group: tuple[str, ...]


@dataclass(frozen=True)
class Rows:
    """Embeddings [R D] of segments, and the number [R] of the file of each."""

    features: np.ndarray
    file: np.ndarray

    @property
    def weight(self) -> np.ndarray:
        """One over the segments of the file, so that every file counts alike."""
        return (1 / np.bincount(self.file))[self.file]

    def means(self, values: np.ndarray, files: int) -> np.ndarray:
        """The mean over the segments of every file, [R ...] -> [N ...]."""
        total = np.zeros((files, *values.shape[1:]))
        np.add.at(total, self.file, values)
        counts = np.bincount(self.file, minlength=files)
        return total / counts.reshape(-1, *[1] * (values.ndim - 1))


def read_tagged_files(root: Path, group: str | int | None = None) -> TaggedFiles:
    """The labelled files of a folder. raises BadInput where there are no labels to learn."""
    if not root.is_dir():
        raise BadInput(f"{root}: no such folder; give one of audio, in a sub-folder for each label")
    files = audio_files.audio_in(root)
    table = root / "labels.csv"
    column = group if isinstance(group, str) else ""
    if table.is_file():
        found = read_labels(table, column)
        rows = match_labels(found, files, root)
        files, labels = list(rows), found.names
        tags = np.stack([found.rows[row][0] * found.rows[row][1] for row in rows.values()])
        unknown = sum(int((found.rows[row][1] == 0).any()) for row in rows.values())
        if unknown:
            raise BadInput(f"{table}: {unknown} files have labels that are not known: say 1 or 0")
        own = {file: found.groups.get(row, "") for file, row in rows.items()}
    else:
        if column:
            raise BadInput(f"--group {column} is a column of labels.csv, which {root} has not")
        labels, tags, files = _by_folder(root, files)
        own = {}
    names = [file.relative_to(root).as_posix() for file in files]
    if isinstance(group, int):
        together = groups.by_depth(names, group)
    else:
        together = groups.by_folder(names, dict(zip(names, tags)), labels)
    whole = tuple(own.get(file) or together.get(name, name) for file, name in zip(files, names))
    return TaggedFiles(root, tuple(labels), tuple(files), tags, whole)


def _by_folder(root: Path, files: list[Path]) -> tuple[tuple[str, ...], np.ndarray, list[Path]]:
    """(labels, tags [N K], files) by the first folder below the root."""
    below = [file for file in files if len(file.relative_to(root).parts) > 1]
    first = [file.relative_to(root).parts[0] for file in below]
    labels = tuple(sorted({name for name in first if name.lower() not in NEGATIVES}))
    tags = np.array([[name == label for label in labels] for name in first], np.uint8)
    return labels, tags.reshape(len(below), len(labels)), below


def folds_of(folder: TaggedFiles, folds: int) -> np.ndarray:
    """The fold [N] of every file: groups whole, labels spread evenly. raises BadInput."""
    if len(folder.labels) < 1:
        raise BadInput(f"{folder.root} has no labels: a sub-folder for each, or a labels.csv")
    tags = folder.tags
    for label, row in zip(folder.labels, tags.T):
        own = {group for group, has in zip(folder.group, row) if has}
        if len(own) < 2:
            raise BadInput(
                f"label '{label}' has {len(own)} song or group of files: give two or more, so that "
                "what is learnt from one can be tried on another"
            )
        if row.all():
            raise BadInput(
                f"label '{label}' has all of the files: give a second one, or a sub-folder 'none'"
            )
        folds = min(folds, len(own))
    names = [str(number) for number in range(len(folder.files))]
    jobs = [
        plans.Job(name, dict, group=f"group {group}", tags=row)
        for name, group, row in zip(names, folder.group, tags)
    ]
    parts = drawing.draw_splits(jobs, {str(fold): 1 / folds for fold in range(folds - 1)})
    place = {job.track: number for number, part in enumerate(parts.values()) for job in part}
    return np.array([place[name] for name in names])


def file_embeddings(model: System, files: tuple[Path, ...]) -> Rows:
    """Embeddings of segments of all files. raises BadInput at the first that cannot be used."""
    model.require("embed")
    found, owner = [], []
    each = embeddings.of_files(model.trained, files)
    bar = tqdm(each, desc="embedding", unit="file", total=len(files), file=sys.stderr)
    for number, answer in enumerate(bar):
        if isinstance(answer, BadInput):
            file = str(files[number])
            raise answer if file in str(answer) else BadInput(f"{file}: {answer}")
        _, rows, _ = answer
        chosen = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), SEGMENTS)).round())
        found.append(rows[chosen.astype(int)])
        owner += [number] * len(chosen)
    return Rows(np.concatenate(found).astype(np.float32), np.array(owner))


def _crossed(rows: Rows, tags: np.ndarray, fold: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(log-odds [R K], distance [R]) of segments by what was fitted to the other folds."""
    odds, distance = np.zeros((len(rows.file), tags.shape[1])), np.zeros(len(rows.file))
    for number in np.unique(fold):
        held = fold[rows.file] == number
        weights = probe.fit_probe_classifier(
            rows.features[~held], tags[rows.file[~held]], rows.weight[~held]
        )
        odds[held], distance[held] = _decided(weights, rows.features[held])
    return odds, distance


def _decided(weights: Any, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    odds, distance = jax.jit(probe.decisions)(weights, jnp.asarray(features))
    return np.asarray(odds), np.asarray(distance)


def _calibration(
    rows: Rows, tags: np.ndarray, odds: np.ndarray, distance: np.ndarray
) -> tuple[Any, np.ndarray]:
    """(what turns decisions into scores, the scores [N K + 1] that the files get by it)."""

    def cut(found: Any) -> np.ndarray:
        half = {**found, "cut": np.zeros(tags.shape[1], np.float32)}
        score = rows.means(np.asarray(probe.probe_scores(half, odds, distance)), len(tags))
        return np.array([best_f1_threshold(row, own) for row, own in zip(tags.T, score.T)])

    made = probe.calibrated(odds, distance, tags[rows.file], rows.weight, cut)
    return made, rows.means(np.asarray(probe.probe_scores(made, odds, distance)), len(tags))


def best_f1_threshold(truth: np.ndarray, score: np.ndarray) -> float:
    """The score from which on a label counts: best F1, of equals the one nearest to a half."""
    ordered = np.unique(score)
    tried = np.clip([*(ordered[1:] + ordered[:-1]) / 2, 0.5], 0.05, 0.95)
    hits = np.array([2 * truth[score >= t].sum() for t in tried])
    f1 = hits / (np.array([(score >= t).sum() for t in tried]) + truth.sum())
    best = tried[f1 >= f1.max() - 1e-9]
    return float(best[np.abs(best - 0.5).argmin()])


def _unseen(rows: Rows, tags: np.ndarray, made: Any) -> dict[str, float]:
    """Per label: the share of its files answered 'none of these' by a probe that has not seen it.

    Where three labels or more are there, and each file has one. By number of the label.
    """
    if tags.shape[1] < 3 or not (tags.sum(1) <= 1).all():
        return {}
    found = {}
    for label in range(tags.shape[1]):
        kept = np.arange(tags.shape[1]) != label
        own = tags[rows.file, label] > 0
        weights = probe.fit_probe_classifier(
            rows.features[~own], tags[rows.file[~own]][:, kept], rows.weight[~own]
        )
        part = {k: v[kept] if np.ndim(v) else v for k, v in made.items()}
        scores = np.asarray(probe.probe_scores(part, *_decided(weights, rows.features[own])))
        files = np.unique(rows.file[own], return_inverse=True)[1]
        mean = Rows(rows.features[own], files).means(scores, files.max() + 1)
        found[str(label)] = float(np.mean(mean[:, -1] > 0.5))
    return found


def _scored(folder: TaggedFiles, score: np.ndarray, made: Any) -> dict[str, float]:
    """Metrics of the cross-validated scores of files [N K + 1]."""
    ranking = rank_tags(folder.tags, score[:, :-1], names=folder.labels)
    half = 1 / (1 + np.exp(-np.asarray(made["cut"], np.float64)))
    found = {
        "roc_auc": ranking.roc_auc,
        "pr_auc": ranking.average_precision,
        "brier": float(np.mean(np.square(score[:, :-1] - folder.tags))),
    }
    labelled = folder.tags.sum(1) > 0
    if (folder.tags.sum(1)[labelled] == 1).all():
        right = score[labelled, :-1].argmax(1) == folder.tags[labelled].argmax(1)
        found["accuracy"] = float(right.mean())
    found["wrongly_none"] = float((score[labelled, -1] > 0.5).mean())
    if (~labelled).any():
        found["rightly_none"] = float((score[~labelled, -1] > 0.5).mean())
    said = score[:, :-1] >= half
    shared = 2 * (said & (folder.tags > 0)).sum()
    found["f1"] = float(shared / max(1, said.sum() + folder.tags.sum()))
    return {name: value for name, value in found.items() if np.isfinite(value)}


def fit_probe(
    model: System, folder: TaggedFiles, folds: int = _FOLDS
) -> tuple[Trained, dict[str, Any]]:
    """(the probe as a system, what is said of it)."""
    fold = folds_of(folder, folds)
    rows = file_embeddings(model, folder.files)
    odds, distance = _crossed(rows, folder.tags, fold)
    made, score = _calibration(rows, folder.tags, odds, distance)
    weights = probe.fit_probe_classifier(rows.features, folder.tags[rows.file], rows.weight) | made
    half = 1 / (1 + np.exp(-np.asarray(made["cut"], np.float64)))
    blind = _unseen(rows, folder.tags, made)
    files = [file.relative_to(folder.root).as_posix() for file in folder.files]
    per_file = zip(files, fold.tolist(), score.round(4).tolist())
    about = {
        "body": model.name,
        "files": len(files),
        "groups": len(set(folder.group)),
        "folds": int(fold.max()) + 1,
        "scores": _scored(folder, score, made),
        "thresholds": dict(zip(folder.labels, half.round(4).tolist())),
        "none_of_a_label_not_seen": {folder.labels[int(k)]: v for k, v in blind.items()},
        "columns": [*folder.labels, NONE],
        "per_file": {name: {"fold": number, "scores": row} for name, number, row in per_file},
    }
    return _system_of(model, folder, weights), about


def _system_of(model: System, folder: TaggedFiles, weights: Any) -> Trained:
    """The body under the fitted classifier, as a system of the config `probe_folder`."""
    body = model.trained
    config = experiments.shipped("probe_folder")
    usual = body.config.defaults
    changed = {k: v for k, v in body.arguments.items() if not equal_as_json(v, usual.get(k))}
    arguments = {
        **config.defaults,
        "body": body.config.name,
        "words": tuple(words_of(changed)),
        "names": folder.labels,
        "path": folder.root.name,
    }
    return replace(
        body,
        config=config,
        arguments=arguments,
        experiment=config.experiment(**arguments),
        variables=_variables(body, weights),
        meta={"licence": _licence(body), "step": 1},
        name=f"probe of {model.name}",
        directory=None,
    )


def _variables(body: Trained, weights: Any) -> Any:
    from zoo.objectives.base import Variables

    (player,) = body.variables.params
    collections = body.variables.collections.get(player, {})
    return Variables(
        {"classifier": weights}, {"body": collections}, {"body": body.variables.params[player]}
    )


def _licence(body: Trained) -> str:
    info = body.experiment.data.source.info
    return f"of the body: {body.meta.get('licence', info.licence)}; the rest is the user's own"


def save_probe(trained: Trained, about: dict[str, Any], out: Path) -> list[str]:
    """Writes the pair and probe.json; the lines that say what was found."""
    pairs.write_pair(trained, out, about["scores"])
    durable.write_json(out / REPORT, about)
    lines = [
        f"{about['files']} files in {about['groups']} groups, {about['folds']} folds, body: "
        f"{about['body']}"
    ]
    lines += [f"  {name:<18} {value:.4f}" for name, value in about["scores"].items()]
    lines += [f"  threshold of {k}: {v:.2f}" for k, v in about["thresholds"].items()]
    for label, share in about["none_of_a_label_not_seen"].items():
        lines.append(f"  {label}, not seen before: none of these for {share:.0%} of its files")
    lines.append(f"kept in {out}: evaluate.py --checkpoint {out} --input YOUR_SONG.mp3")
    return [escapes.terminal_line(line) for line in lines]
