"""Transfer learning for music (Choi, Fazekas, Sandler, Cho, ISMIR 2017): released features + SVM.

Features of a tagger's five layers, 160 numbers a clip, against 120 statistics of MFCC, as the
authors release both. Their protocol: a support vector machine, ten folds in the order of the files,
the best of 64 settings by the score it is then reported with (so optimistic, theirs and ours).
scikit-learn cuts the ten folds a little differently since 0.22; the singing voice has one split.
Regression leaves out what takes libsvm an hour: linear kernels at costs above 0.1, or unscaled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np

from zoo.metrics.resampling import Scores, intervals
from zoo.reproduce.parts import ByParts, Found
from zoo.reproduce.row import Outcome, PublishedData, Reproduction
from zoo.reproduce.verdicts import wilson

COSTS = ("0.1", "2", "8", "32")
WIDTHS = (*(f"{0.5**power:g}" for power in (3, 5, 7, 9, 11, 13)), "auto")
_KERNELS = ("linear", *(f"rbf,{width}" for width in WIDTHS))
SETTINGS = tuple(",".join(words) for words in product(("scaled", "as_is"), COSTS, _KERNELS))
_FOLDS = 10
_Features = Literal["layers", "mfcc"]


@dataclass(frozen=True)
class CrossValidated:
    """The best of SETTINGS: accuracy of classes, or the mean over folds of R2 of `label_NAME`.

    task: a CSV of the authors. target: '' for classes, else what is regressed. Parts are settings.
    """

    task: str
    features: _Features
    target: str = ""

    def parts(self, folder: Path) -> Sequence[str]:
        return [setting for setting in SETTINGS if not (self.target and _slow(setting))]

    def measure(self, folder: Path, part: str) -> Found:
        scale, cost, kernel, *width = part.split(",")
        x, y, splits = _read(folder, self.task, self.features, self.target)
        model = _machine(
            scale, float(cost), kernel, width[0] if width else "auto", bool(self.target)
        )
        folds, right = [], np.full(len(y), -1)
        for train, test in splits:
            answers = model.fit(x[train], y[train]).predict(x[test])
            if self.target:
                folds.append(_r2(y[test], answers))
            else:
                right[test] = answers == y[test]
        tested = right[right >= 0]
        score = np.mean(folds) if self.target else tested.mean()
        return {"score": float(score), "items": folds or [int(value) for value in tested]}

    def outcome(self, found: Mapping[str, Found]) -> Outcome:
        best = max(found, key=lambda setting: found[setting]["score"])
        items = np.array(found[best]["items"], float)
        if self.target:
            metric, over = "r2", f"bootstrap over {_FOLDS} folds"
            scores = Scores(np.arange(len(items)).astype(str), {metric: items})
            span = intervals(scores)[metric]
        else:  # a bootstrap of clips that are all right has no width
            metric, over = "accuracy", f"Wilson's over {len(items):,} clips"
            span = wilson(int(items.sum()), len(items))
        sentence = (
            f"Best of {len(found)} settings of a support vector machine by its own "
            f"{'one split' if self.task == VOICE else 'ten folds'} ({best.replace(',', ', ')}); "
            f"interval: {over}."
        )
        counts = {"settings": len(found), "items": len(items)}
        return Outcome({metric: found[best]["score"]}, sentence, counts, {metric: span})


VOICE = "jamendo_vd"


def _slow(setting: str) -> bool:
    """Whether a regression by it does not end in minutes."""
    return setting.endswith("linear") and setting != "scaled,0.1,linear"


@cache
def _read(folder: Path, task: str, features: _Features, target: str) -> tuple[Any, Any, list]:
    """Features [N D], labels [N], and pairs of indices to learn from and to test on."""
    import csv

    from sklearn.model_selection import KFold, StratifiedKFold

    with (folder / "data_csv" / f"{task}.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = ["mfcc"] if features == "mfcc" else [f"layer_{number}" for number in range(5)]
    x = np.concatenate(
        [np.load(folder / "data_feats" / f"{task}_{name}.npy") for name in names], axis=1
    )
    column = f"label_{target}" if target else "label"
    y = np.array([float(row[column]) for row in rows])
    if task == VOICE:
        held = np.array([row["category"] == "test" for row in rows])
        return x, y, [(np.flatnonzero(~held), np.flatnonzero(held))]
    split = KFold(_FOLDS) if target else StratifiedKFold(_FOLDS)
    return x, y, list(split.split(x, y))


def _machine(scale: str, cost: float, kernel: str, width: str, regression: bool) -> Any:
    """scikit-learn's, behind a scaler or not."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC, SVR

    gamma = width if width == "auto" else float(width)
    vector = (SVR if regression else SVC)(C=cost, kernel=kernel, gamma=gamma)
    return make_pipeline(StandardScaler(), vector) if scale == "scaled" else vector


def _r2(truth: np.ndarray, answers: np.ndarray) -> float:
    """1 less the share of the variance that is left, [N] x 2."""
    return float(1 - np.square(truth - answers).sum() / np.square(truth - truth.mean()).sum())


def _features(task: str, kind: _Features, sha256: str) -> PublishedData:
    """The files of one task's features."""
    layers = f"data_feats/{task}_layer_?.npy"
    return PublishedData(
        "transfer_learning_music",
        "https://github.com/keunwoochoi/transfer_learning_music",
        "e1f83c389ff32ce48551f916414ae869cbe7f6e6",
        "none stated",
        (f"data_csv/{task}.csv", layers if kind == "layers" else f"data_feats/{task}_mfcc.npy"),
        6 if kind == "layers" else 2,
        sha256,
    )


def _row(
    name: str,
    task: str,
    on: str,
    kind: _Features,
    published: float,
    sha256: str,
    target: str = "",
) -> Reproduction:
    system = "five layers of a tagger + SVM" if kind == "layers" else "MFCC statistics + SVM"
    stands = f"{task}{f'_{target[0]}' if target else ''}"
    names = "mine_01234" if kind == "layers" else "mfcc_4"
    file = f"T_{stands}_F_{names}_CL_SV{'R' if target else 'C'}"
    return Reproduction(
        name,
        system,
        on,
        ByParts(CrossValidated(task, kind, target)),
        {"r2" if target else "accuracy": published},
        f"result_transfer/{file}.npy beside the features, read there",
        _features(task, kind, sha256),
    )


ROWS = (
    _row(
        "gtzan_layers",
        "gtzan_genre",
        "GTZAN, 1,000 clips, 10 genres",
        "layers",
        0.898,
        "57dff72961362d179a71db061c2e610dc24f600ef90a9d61d1d66cfb61c47bf4",
    ),
    _row(
        "gtzan_mfcc",
        "gtzan_genre",
        "GTZAN, 1,000 clips, 10 genres",
        "mfcc",
        0.660,
        "2bddc10dc05ced026e7bd3b99c5a5f316e20b85bbb80e0abb367d38cc4ff961a",
    ),
    _row(
        "ballroom_layers",
        "ballroom_extended",
        "Extended Ballroom, 4,180 clips, 13 dances",
        "layers",
        0.8483253588516746,
        "3ac6829ef347f5a72f484f3f6ddd85e021ae09105d9653994ff70ba5bbf2ab2a",
    ),
    _row(
        "speech_music_layers",
        "gtzan_speechmusic",
        "GTZAN speech or music, 128 clips",
        "layers",
        1.0,
        "7f5efac51e0f7a48bf323d17038c1375ffc4aebf4d6764bd2748b2f22a9fafbd",
    ),
    _row(
        "speech_music_mfcc",
        "gtzan_speechmusic",
        "GTZAN speech or music, 128 clips",
        "mfcc",
        0.9921875,
        "44dcb6666e38744bb3711ab53e1593b349ce1e44a21fc012c14e43719a5c26a2",
    ),
    _row(
        "arousal_layers",
        "emoMusic",
        "emoMusic, 744 clips, arousal",
        "layers",
        0.6500470543032865,
        "112024420049786cb362e5c33cabe8ec5e1429f78766c00d3b7e2a09735f3930",
        "arousal",
    ),
    _row(
        "arousal_mfcc",
        "emoMusic",
        "emoMusic, 744 clips, arousal",
        "mfcc",
        0.551090050835207,
        "c21a3a224edd6034c3b94177858df895c864c074f6ba6f6689f217ebfa5c9199",
        "arousal",
    ),
    _row(
        "valence_layers",
        "emoMusic",
        "emoMusic, 744 clips, valence",
        "layers",
        0.45669849032907656,
        "112024420049786cb362e5c33cabe8ec5e1429f78766c00d3b7e2a09735f3930",
        "valence",
    ),
    _row(
        "singing_voice_layers",
        "jamendo_vd",
        "Jamendo singing voice, 673 test segments",
        "layers",
        0.9673105497771174,
        "f615e8b707d9a4726e0f7621c7772e24f129ab8f85eac4817eab63392f0cf867",
    ),
)
