"""Commands on folders of a user's audio: `python -m zoo probe`, `distance` and `robustness`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zoo import escapes, numerals
from zoo.cli import command_line
from zoo.cli.command_line import nonempty_text, path_argument
from zoo.errors import BadInput

_Add = Callable[..., argparse.ArgumentParser]  # of a command, by its name


def add_probe(add: _Add) -> None:
    probe = add("probe", help="your labels on a tagger's embeddings, cross-validated")
    probe.add_argument(
        "checkpoint", type=nonempty_text, metavar="WEIGHTS", help=command_line.CHECKPOINT
    )
    probe.add_argument(
        "folder",
        type=path_argument,
        help="audio in a sub-folder for each label, or with a labels.csv",
    )
    probe.add_argument(
        "--out", type=path_argument, help="where the system goes; default probes/FOLDER"
    )
    probe.add_argument(
        "--group",
        type=nonempty_text,
        help="what one fold has whole: a number of folders from the top, or a column of labels.csv",
    )
    probe.add_argument(
        "--folds", type=command_line.positive_integer, default=5, help="at most so many"
    )
    probe.add_argument("--force", action="store_true", help="overwrite what is there")
    probe.add_argument("--config", type=nonempty_text, help="name of a config, or a file")
    probe.add_argument(
        "--step", type=nonempty_text, default="best", help="best, latest, or a number"
    )
    command_line.add_arguments(probe)
    probe.set_defaults(run=_fit_probe)


def add_distance(add: _Add) -> None:
    distance = add("distance", help="a folder of generated audio against a folder of references")
    distance.add_argument("reference", type=path_argument, help="a folder of audio")
    distance.add_argument("generated", type=path_argument, help="another, of what a system made")
    distance.add_argument(
        "--embedding",
        type=nonempty_text,
        default="musicnn_mtt",
        metavar="WEIGHTS",
        help="a tagger's run or published weights, by whose last layer the folders are compared",
    )
    distance.add_argument(
        "--classifier", type=nonempty_text, metavar="WEIGHTS", help="adds the inception score by it"
    )
    distance.add_argument(
        "--splits", type=command_line.positive_integer, default=10, help="of the inception score"
    )
    distance.add_argument(
        "--limit", type=command_line.positive_integer, help="the first so many files only"
    )
    distance.add_argument(
        "--pitch", action="store_true", help="files of the same name: errors of pitch by CREPE, too"
    )
    distance.add_argument(
        "--out", type=path_argument, help="a JSON file; default distances/REFERENCE-GENERATED.json"
    )
    distance.set_defaults(run=_measure_distance)


def _fit_probe(options: argparse.Namespace) -> None:
    from zoo import writing
    from zoo.front import finding
    from zoo.songs import probing

    command_line.prepare_devices()
    out = options.out or Path("probes") / (options.folder.name or "folder")
    with writing.hold_lock(out):
        writing.refuse_nonempty(out, options.force)
        group = options.group or ""
        whose = int(group) if numerals.is_count(group) else options.group
        found = probing.read_tagged_files(options.folder, whose)
        words = options.arguments
        model = finding.requested_system(options.checkpoint, options.config, options.step, words)
        system, about = probing.fit_probe(model, found, options.folds)
        with writing.write_locked_folder(out) as part:
            lines = probing.save_probe(system, about, part)
        print("\n".join(writing.relocated_line(line, part, out) for line in lines))


def _measure_distance(options: argparse.Namespace) -> None:
    from zoo.songs import distance

    command_line.prepare_devices()
    found = distance.compare_folders(
        options.reference,
        options.generated,
        embedding=options.embedding,
        classifier=options.classifier,
        splits=options.splits,
        limit=options.limit,
        pitch=options.pitch,
    )
    name = f"{options.reference.name}-{options.generated.name}.json"
    out = options.out or Path("distances") / name
    for line in [*distance.distance_lines(found), distance.write_distance(found, out)]:
        print(escapes.terminal_line(line), flush=True)


def add_robustness(add: _Add) -> None:
    robust = add("robustness", help="a tagger's scores under changed tempo, pitch, loudness, noise")
    robust.add_argument(
        "checkpoint", type=nonempty_text, metavar="WEIGHTS", help=command_line.CHECKPOINT
    )
    robust.add_argument(
        "folder",
        nargs="?",
        type=path_argument,
        metavar="FOLDER",
        help="audio in a sub-folder for each tag, or with a labels.csv; else the test split",
    )
    robust.add_argument(
        "--on",
        type=nonempty_text,
        metavar="CONFIG",
        help="the test split of a config's data, by the tags that these share with the tagger",
    )
    robust.add_argument("--out", type=path_argument, help="default robustness/WEIGHTS")
    robust.add_argument(
        "--results", type=path_argument, help="a folder of results that keeps the table"
    )
    robust.add_argument(
        "--limit", type=command_line.positive_integer, help="the first so many clips only"
    )
    robust.add_argument("--force", action="store_true", help="overwrite what is there")
    robust.add_argument("--config", type=nonempty_text, help="name of a config, or a file")
    robust.add_argument(
        "--step", type=nonempty_text, default="best", help="best, latest, or a number"
    )
    command_line.add_arguments(robust)
    robust.set_defaults(run=_measure_robustness)


def _measure_robustness(options: argparse.Namespace) -> None:
    from zoo import experiment, writing
    from zoo.front import finding
    from zoo.songs import probing, robustness

    if options.folder and options.on:
        raise BadInput("give a FOLDER or --on CONFIG, not both")
    command_line.prepare_devices()
    model = finding.requested_system(
        options.checkpoint, options.config, options.step, options.arguments
    )
    out = options.out or Path("robustness") / escapes.file_name(model.name)
    with writing.hold_lock(out):
        writing.refuse_nonempty(out, options.force)
        folder, source = options.folder, model.experiment.data.source
        records: Any
        if folder:
            records = robustness.labelled_files(model, probing.read_tagged_files(folder))
        elif options.on:
            source = experiment.find_config(options.on).experiment().data.source
            records = robustness.read_test_split(model, source)
        else:
            records = robustness.held_out_records(model)
        reports = dict(robustness.measure_robustness(model, records, options.limit))
        about = {"folder": folder.name} if folder else {"data": source.info.name}
        with writing.write_locked_folder(out) as part:
            lines = robustness.save_robustness(model, reports, about, part, options.results)
        print("\n".join(writing.relocated_line(line, part, out) for line in lines))
