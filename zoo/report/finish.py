"""The end of a training run: scores on the test split, a page to look at, what to try next."""

from __future__ import annotations

import shlex
from pathlib import Path

import jax

from zoo.commands import command_name
from zoo.objectives.base import follows_source, plays_notes, speaks
from zoo.report import examples, figures, others, page, results
from zoo.runs import trained
from zoo.runs.trained import Trained


def finish(directory: Path, config: str | None = None, *, tour: bool = False) -> None:
    """Evaluates the best weights of a run and writes RUN/report.html; config: name or file.

    tour: what three other systems of the zoo do with a clip of its data stands there, too.
    Where the user's files are too few for a test split, it is the validation split that is shown.
    """
    found = trained.load_trained(directory, config=config)
    split = results.held_out(found.experiment.data.source)
    report = results.evaluate(found, split, wait=True)
    if jax.process_index():
        return
    if split != "test":
        print("no test split (it takes three files or more): these scores are of the validation")
    print(results.summarise_report(report, found.experiment.evaluation.monitor[0]))
    examples.make_examples(found, directory)
    if tour:
        others.make_other_examples(found, directory)
    print(f"page to look at: {page.write_report(directory)}")
    print("next:")
    for line in commands(found, directory):
        print(f"  {line}")


def commands(found: Trained, directory: Path) -> list[str]:
    """Three things that a person would try next with this run."""
    checkpoint = f"--checkpoint {shlex.quote(str(directory))}"
    if found.config.task == "own":  # a file that the run alone does not lead back to
        checkpoint += f" --config {shlex.quote(str(found.config.path))}"
    if figures.shows(found, "stems"):
        first = f"{command_name('sample')} {checkpoint} --input YOUR_SONG.mp3 --out stems"
    elif not hasattr(found.experiment.objective, "generate"):
        own = hasattr(found.experiment.evaluation, "predict_file")
        first = f"{command_name('evaluate')} {checkpoint}"
        first += " --input YOUR_SONG.mp3 --out out" if own else " --split validation"
    elif speaks(found.experiment.objective):
        text = found.experiment.data.source.open(results.held_out(found.experiment.data.source))[0][
            "text"
        ]
        first = f"{command_name('sample')} {checkpoint} --text {shlex.quote(text)} --out out"
    elif plays_notes(found.experiment.objective):
        first = f"{command_name('sample')} {checkpoint} --input YOUR_TUNE.mid --out out"
    elif follows_source(found.experiment.objective):
        first = f"{command_name('sample')} {checkpoint} --input YOUR_SONG.mp3 --out out"
    else:
        first = f"{command_name('sample')} {checkpoint} --seconds 5 --num 2 --out out"
    other = {
        "classification": "wave_unet_score_render",
        "separation": "wavenet_score_render",
        "generation": "samplecnn_score_render",
    }.get(found.config.task, "samplecnn_score_render")
    return [first, f"{command_name('train')} --config {other}", command_name("list")]
