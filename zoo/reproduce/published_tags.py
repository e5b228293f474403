"""Taggers: published predictions ranked by ours, and tags that publishers print for clips.

Predictions: musicnn of Won's training on the test clips of MagnaTagATune, by the benchmark of
github.com/philtgun. Printed: musicnn (Pons and Serra 2019) for the clip of its README; the CRNN of
Choi et al. (ICASSP 2017), trained on the Million Song Dataset, for the mel spectrograms beside it.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.reproduce.parts import ByParts, Found
from zoo.reproduce.row import Outcome, PublishedData, Reproduction

_CLIP = "joram-moments_of_clarity-08-solipsism-59-88.mp3"
IN_ORDER = (  # what the README of musicnn prints for it
    *("techno", "electronic", "synth", "fast", "beat", "drums"),
    *("no vocals", "no vocal", "dance", "ambient"),
)
PRINTED = {  # the README of music-auto_tagging-keras, by clip
    "cute": (
        "jazz .444, instrumental .151, folk .103, Hip-Hop .103, ambient .077, guitar .068, "
        "rock .058, acoustic .054, experimental .051, electronic .042"
    ),
    "actionable": (
        "jazz .416, instrumental .181, Hip-Hop .085, folk .085, rock .081, ambient .068, "
        "guitar .062, Progressive rock .048, experimental .046, acoustic .046"
    ),
    "dubstep": (
        "Hip-Hop .245, rock .183, alternative .081, electronic .076, alternative rock .053, "
        "metal .051, indie .028, instrumental .027, electronica .024, hard rock .023"
    ),
    "thejazzpiano": (
        "jazz .299, instrumental .174, electronic .089, ambient .061, chillout .052, rock .044, "
        "guitar .044, funk .033, chill .032, Progressive rock .029"
    ),
}


@dataclass(frozen=True)
class Ranked:
    """Macro ROC-AUC and average precision of est.csv against gt.csv, 4,332 clips x 50 tags."""

    results: str

    def parts(self, folder: Path) -> Sequence[str]:
        return [self.results]

    def measure(self, folder: Path, part: str) -> Found:
        from zoo.metrics.ranking import rank_tags

        names, truth, score = self.read(folder)
        found = rank_tags(truth, score)
        metrics = {"roc_auc": found.roc_auc, "pr_auc": found.average_precision}
        return {"metrics": metrics, "clips": len(names)}

    def read(self, folder: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
        """Names of clips, truth and score [N K]."""
        tables = {}
        for kind in ("gt", "est"):
            with (folder / "results" / self.results / f"{kind}.csv").open(newline="") as file:
                rows = list(csv.reader(file))
            tables[kind] = [row[0] for row in rows], np.array([row[1:] for row in rows], float)
        return *tables["gt"], tables["est"][1]

    def outcome(self, found: Mapping[str, Found]) -> Outcome:
        (one,) = found.values()
        sentence = "Means over 50 tags of ROC-AUC and average precision, by zoo.metrics.ranking."
        return Outcome(one["metrics"], sentence, {"clips": one["clips"]})


@dataclass(frozen=True)
class InOrder:
    """How many of the ten printed tags of a clip stand where they are printed."""

    weights: str = "musicnn_mtt"

    def parts(self, folder: Path) -> Sequence[str]:
        return [_CLIP]

    def measure(self, folder: Path, part: str) -> Found:
        import zoo

        scores = zoo.load(self.weights).tags(folder / "audio" / part)
        order = sorted(scores, key=lambda tag: -scores[tag])
        return {"tags": {tag: float(scores[tag]) for tag in order[: len(IN_ORDER)]}}

    def outcome(self, found: Mapping[str, Found]) -> Outcome:
        tags = [tag for one in found.values() for tag in one["tags"]]
        equal = sum(ours == printed for ours, printed in zip(tags, IN_ORDER))
        sentence = (
            "Of the ten likeliest tags of a clip of 29 s from MagnaTagATune, by published weights "
            "through our decoder, mel spectrogram and net, those in the printed place."
        )
        return Outcome({"tags_in_place": equal}, sentence, {"clips": len(found), "tags": len(tags)})


@dataclass(frozen=True)
class PrintedScores:
    """The largest difference from the scores that a README prints with three decimals."""

    weights: str = "choi_crnn_msd"

    def parts(self, folder: Path) -> Sequence[str]:
        return list(PRINTED)

    def measure(self, folder: Path, part: str) -> Found:
        import jax

        from zoo import experiment
        from zoo.data.sets.million_song import TAGS
        from zoo.pretrained import weights
        from zoo.runs import networks

        config, arguments, variables = weights.load_weights(self.weights, folder / "data")
        objective = experiment.find_config(config).experiment(**arguments).objective
        net = networks.network(objective, variables)
        mel = np.load(folder / "data" / f"bensound-{part}.npy")[0, 0].T[None, :, :, None]
        logits = net.module.apply(net.variables, mel.astype(np.float32), method="tags")
        scores = np.asarray(jax.nn.sigmoid(np.asarray(logits)))[0]
        return {"tags": {tag: float(score) for tag, score in zip(TAGS, scores, strict=True)}}

    def outcome(self, found: Mapping[str, Found]) -> Outcome:
        differences = [
            abs(found[clip]["tags"][tag] - score)
            for clip, text in PRINTED.items()
            for tag, score in printed(text)
        ]
        sentence = (
            "Largest difference from the ten scores printed for each of four clips, three decimals "
            "each, by published weights on the published mel spectrograms."
        )
        counts = {"clips": len(found), "scores": len(differences)}
        return Outcome({"largest_difference": max(differences)}, sentence, counts)


def printed(text: str) -> list[tuple[str, float]]:
    """('jazz', .444), ... of a line of tags."""
    pairs = (item.rsplit(" ", 1) for item in text.split(", "))
    return [(tag, float(score)) for tag, score in pairs]


PREDICTIONS = "test-mtat-train-mtat-musicnn"
ROWS = (
    Reproduction(
        "musicnn_predictions",
        "musicnn, trained by Won, tested by github.com/philtgun",
        "MagnaTagATune, 4,332 test clips",
        ByParts(Ranked(PREDICTIONS)),
        {"roc_auc": 0.910897708562},
        "evaluation.txt beside the predictions, read there",
        PublishedData(
            "music-tagging-benchmark",
            "https://github.com/philtgun/music-tagging-benchmark",
            "723f2cbef18e25f29e0f7b18a6695d2798ee3aea",
            "none stated",
            (f"results/{PREDICTIONS}/est.csv", f"results/{PREDICTIONS}/gt.csv"),
            2,
            "7362f9472baf582c5d00c7741d1475156d6ad6c917b60064d371740e6035eb2b",
        ),
        tolerance=1e-12,
    ),
    Reproduction(
        "musicnn_printed",
        "musicnn, published weights `musicnn_mtt`",
        "the clip of its README",
        ByParts(InOrder()),
        {"tags_in_place": 10},
        "README of github.com/jordipons/musicnn, read there",
        PublishedData(
            "musicnn",
            "https://github.com/jordipons/musicnn",
            "516acb2a0ff5ef73f64547898e018e793152c506",
            "ISC; the clip is CC BY-NC-SA",
            (f"audio/{_CLIP}",),
            1,
            "ccf2949941e340c8c4494641b70a40af7b35328002cbea9f2b99c12326b91cd7",
        ),
        tolerance=0.0,
    ),
    Reproduction(
        "choi_crnn_printed",
        "CRNN, published weights `choi_crnn_msd`",
        "four clips of bensound.com, as mel spectrograms",
        ByParts(PrintedScores()),
        {"largest_difference": 0.0},
        "README of github.com/keunwoochoi/music-auto_tagging-keras, read there",
        PublishedData(
            "music-auto_tagging-keras",
            "https://github.com/keunwoochoi/music-auto_tagging-keras",
            "a3e105d0c4c529c512cc197ad8770ff1cc52aa32",
            "MIT",
            ("data/bensound-*.npy", "data/music_tagger_crnn_weights_tensorflow.h5"),
            5,
            "a9b5973b2be4604062db21a6fd92b22ea05daa40e91253c85065cbcd748739c3",
        ),
        tolerance=6e-4,
    ),
)
