"""results/CLAIMS.md and claims.png: what the tutorial claims of systems, on the same test split.

Each claim is that one stored row scores above another; the difference is over the clips or
tracks of both, with a paired bootstrap interval. What is found is said, whether or not it is what
was claimed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from zoo.evaluation.base import write_figure
from zoo.metrics.resampling import Difference, Interval
from zoo.pages.markup import duration
from zoo.report import compare, facts
from zoo.report.stored import Measured

DATA, _STEMS = "score_render/tagging", "score_render/stems"
MEDIAN = "median_of_track_medians/average"
_SHOWN = {  # by task: metrics, of which the first decides
    "classification": ("pr_auc", "roc_auc"),
    "separation": (f"sdr_{MEDIAN}", f"si_sdr_{MEDIAN}"),
}
_SETS = {"classification": DATA, "separation": _STEMS}
EVERY = {"classification": "Every tagger on these clips", "separation": "Every separator on these"}
CLAIMS_PAGE, PICTURE = "CLAIMS.md", "claims.png"
_OPENING = (
    "Rendered by `python -m zoo report --table` from the rows of both tasks and their scores clip "
    "by clip or track by track; do not edit. Each claim of the tutorial is that one row scores "
    "above another; *difference* is how far it does so in the first metric, over the same clips or "
    "tracks of the test split, in brackets the paired 95 % bootstrap interval. A claim *holds* or "
    "*does not hold* where the interval leaves out zero, else it is *undecided*. Small nets, "
    "minutes of training on a few hundred short renderings: this says what such a test "
    "shows, not who is right about music. "
    "The intervals are over clips or tracks (15 of stems); another seed of a training is not in "
    "them, and nothing is corrected for the number of claims."
)


@dataclass(frozen=True)
class Claim:
    """`above` and `below` are rows of stored results; source: who says it."""

    text: str
    above: str
    below: str
    source: str
    task: str = "classification"


def _of_stems(text: str, above: str, below: str, source: str) -> Claim:
    return Claim(text, f"{above}_score_render", f"{below}_score_render", source, "separation")


def _of_wave_unet(text: str, row: str, source: str) -> Claim:
    """That a row of it, which changes one thing, is above the first."""
    name = "wave_unet_score_render"
    return Claim(text, f"{name}.{row}", name, source, "separation")


CLAIMS = (
    Claim(
        "A spectrogram is above frames of raw samples",
        "frame_level_score_render.spectrogram",
        "frame_level_score_render",
        "Dieleman and Schrauwen 2014",
    ),
    Claim(
        "Sample-level filters are above frame-level ones",
        "samplecnn_score_render",
        "frame_level_score_render",
        "Lee et al. 2017",
    ),
    Claim(
        "Sample-level filters are above the frame-level net's spectrogram",
        "samplecnn_score_render",
        "frame_level_score_render.spectrogram",
        "Lee et al. 2017",
    ),
    Claim(
        "Squeeze and excitation helps",
        "resemul_score_render.se",
        "samplecnn_score_render",
        "Kim et al. 2018",
    ),
    Claim(
        "Residual blocks with excitation help",
        "resemul_score_render.rese_2",
        "samplecnn_score_render",
        "Kim et al. 2018",
    ),
    Claim(
        "Features of several levels help",
        "resemul_score_render",
        "resemul_score_render.se",
        "Kim et al. 2018",
    ),
    Claim(
        "Of little data, a spectrogram front end makes more than a waveform one",
        "at_scale_score_render",
        "at_scale_score_render.waveform",
        "Pons et al. 2018",
    ),
    Claim(
        "Random filters are above MFCCs",
        "random_cnn_score_render",
        "engineered_score_render",
        "Pons and Serra 2019",
    ),
    Claim(
        "Random sample-level filters are above random frame-level ones",
        "random_cnn_score_render.sample_level",
        "random_cnn_score_render.frame_level",
        "Pons and Serra 2019",
    ),
    Claim(
        "Trained musical filters are above random ones",
        "musicnn_score_render",
        "random_cnn_score_render",
        "Pons and Serra 2019",
    ),
    _of_wave_unet("A BiLSTM at the bottleneck helps", "hydranet", "Kaspersen 2019"),
    _of_wave_unet("Other tempo, pitch and timbre help", "augmented", "Cohen-Hadria et al. 2019"),
    _of_wave_unet("Input context helps", "context", "Stoller et al. 2018"),
    _of_wave_unet("Learned upsampling helps", "learned", "Stoller et al. 2018"),
    _of_wave_unet("Magnitudes in the loss help", "spectral", "Akhmetov et al. 2019"),
    _of_wave_unet("Dilated dense blocks help", "dilated_dense", "Narayanaswamy et al. 2019"),
    _of_stems("Demucs is above Wave-U-Net", "demucs", "wave_unet", "Défossez et al. 2019"),
)


@dataclass(frozen=True)
class _Found:
    """A claim and its differences by metric, or which rows it waits for."""

    claim: Claim
    differences: Mapping[str, Difference]
    missing: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        if self.missing:
            return "not measured"
        return _verdict(self.differences[_SHOWN[self.claim.task][0]].interval)


def _verdict(interval: Interval) -> str:
    """Whether a difference that is claimed to be positive is."""
    low, high = interval
    if low > 0:
        return "holds"
    return "does not hold" if high < 0 else "undecided"


def claims_page(folder: Path, measured: Mapping[str, Measured]) -> str | None:
    """CLAIMS.md of a folder of results; None where no claim has both of its rows there."""
    found = [_examine(folder, claim) for claim in CLAIMS]
    return None if all(one.missing for one in found) else _text(found, measured)


def draw_claims(folder: Path) -> Path:
    """Draws the figure beside the page."""
    found = [_examine(folder, claim) for claim in CLAIMS]
    write_figure(partial(_figure, found), folder / PICTURE, dpi=120, bbox_inches="tight")
    return folder / PICTURE


def _examine(folder: Path, claim: Claim) -> _Found:
    """The claim as the rows below `folder` have it, each with its scores clip by clip."""
    above, below = (folder / claim.task / f"{name}.json" for name in (claim.above, claim.below))
    whole = {path: path.is_file() and path.with_suffix(".npz").is_file() for path in (above, below)}
    missing = tuple(path.stem for path, there in whole.items() if not there)
    return _Found(claim, {} if missing else compare.paired_differences(above, below), missing)


def _text(found: Sequence[_Found], measured: Mapping[str, Measured]) -> str:
    """The page: the claims, and every row on the clips that they are about."""
    lines = ["# Claims of the tutorial", "", _OPENING, "", f"![differences]({PICTURE})"]
    for task in _SHOWN:
        own = [one for one in found if one.claim.task == task]
        if own:
            lines += _part(task, own, measured)
    return "\n".join(lines) + "\n"


def _part(task: str, found: Sequence[_Found], measured: Mapping[str, Measured]) -> list[str]:
    """The claims of a task, and every row on the data that they are about."""
    from zoo.report import tables

    first, second = map(_short, _SHOWN[task])
    head = ("Claim", "Above", "Below", first, "Difference", f"{second} difference", "Verdict")
    rows = [row for row in measured.values() if row.first["data"].get("name") == _SETS[task]]
    rows = [row for row in rows if _SHOWN[task][0] in row.metrics]
    rows.sort(key=lambda row: -row.metrics[_SHOWN[task][0]])
    listed = tables.markdown(
        ("Row", first, second, "Parameters", "Steps", "Training"),
        [_row_line(row, _SHOWN[task]) for row in rows],
    )
    claims = tables.markdown(head, [_line(one) for one in found])
    return ["", f"## {task.capitalize()}", "", *claims, "", f"### {EVERY[task]}", "", *listed]


def _short(metric: str) -> str:
    """'sdr' of 'sdr_median_of_track_medians/average'."""
    return metric.removesuffix(f"_{MEDIAN}")


def _line(found: _Found) -> tuple[str, ...]:
    claim = found.claim
    about = (f"{claim.text} ({claim.source})", f"`{claim.above}`", f"`{claim.below}`")
    if found.missing:
        waits = f"not measured: waits for {', '.join(f'`{n}`' for n in found.missing)}"
        return (*about, "–", "–", "–", waits)
    one = found.differences[_SHOWN[claim.task][0]]
    pair = f"{one.first:.3f}, {one.second:.3f}"
    gaps = [_gap(found.differences[name]) for name in _SHOWN[claim.task]]
    return (*about, pair, *gaps, found.verdict)


def _gap(found: Difference) -> str:
    """'+0.021 [+0.004, +0.039]'."""
    low, high = found.interval
    return f"{found.difference:+.3f} [{low:+.3f}, {high:+.3f}]"


def _row_line(row: Measured, metrics: Sequence[str]) -> tuple[str, ...]:
    from zoo.report import tables

    first = row.first
    scores = [
        f"{row.metrics[name]:.3f}{tables.uncertainty(row, name)}" if name in row.metrics else "–"
        for name in metrics
    ]
    learnt = not first.get("weights") and (first.get("step") or 0) > 1
    return (
        f"`{row.id}`" + (f" ({len(row.runs)} runs)" if len(row.runs) > 1 else ""),
        *scores,
        f"{first['parameters']:,}" if first.get("parameters") is not None else "–",
        facts.count_of_steps(first["step"]) if learnt else "–",
        duration(first["training_seconds"]) if first.get("training_seconds") else "–",
    )


def _figure(found: Sequence[_Found]) -> Any:
    """A line a claim: its difference and interval, right of zero where it holds."""
    from matplotlib.figure import Figure

    shown = {
        task: own
        for task in _SHOWN
        if (own := [one for one in found if one.claim.task == task and not one.missing])
    }
    heights = [len(own) + 1 for own in shown.values()]
    made = Figure(figsize=(11, 0.42 * sum(heights) + 1.3), layout="constrained")
    rows = made.subplots(len(shown), 2, sharey="row", squeeze=False, height_ratios=heights)
    for panels, (task, own) in zip(rows, shown.items()):
        for axes, metric in zip(panels, _SHOWN[task]):
            _panel(axes, own, metric)
        panels[0].set_yticks(range(len(own)), [one.claim.text for one in own])
        panels[0].invert_yaxis()
    legend = (
        "paired 95 % intervals over the same clips or tracks; green: holds, red: does not, grey: "
        "undecided"
    )
    made.supxlabel(legend, fontsize=9)
    return made


def _panel(axes: Any, found: Sequence[_Found], metric: str) -> None:
    """Differences in one metric."""
    colours = {"holds": "#2a7f4f", "does not hold": "#b03a2e", "undecided": "0.45"}
    for place, one in enumerate(found):
        difference = one.differences[metric]
        colour = colours[_verdict(difference.interval)]
        axes.plot(difference.interval, [place, place], color=colour, linewidth=2)
        axes.plot(difference.difference, place, "o", color=colour, markersize=5)
    axes.axvline(0, color="0.7", linewidth=1, zorder=0)
    axes.set(xlabel=f"difference in {_short(metric)}")
    axes.spines[["top", "right"]].set_visible(False)
