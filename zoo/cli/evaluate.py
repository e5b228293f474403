"""Numbers out: the scores of a trained model on a data set, or what it finds in your own files.

  python evaluate.py --checkpoint runs/samplecnn_score_render
  python evaluate.py --checkpoint runs/samplecnn_score_render --input ~/Music/song.mp3 --out tags

Scores go to RUN/evaluation/SPLIT and, as a row, to runs/results/TASK/ROW.json below the current
folder; `python -m zoo report --table --results runs/results` makes a table of such rows. Systems
that need no training are evaluated by --config alone.
"""

import argparse
from pathlib import Path

from zoo.cli import command_line
from zoo.cli.command_line import nonempty_text, path_argument
from zoo.cli.words import Parser
from zoo.errors import BadInput


def main(words: list[str] | None = None, prog: str = "evaluate.py") -> int:
    return command_line.run_command(parser(prog), _evaluate, words)


def parser(prog: str) -> Parser:
    parser = command_line.make_parser(__doc__, prog=prog)
    command_line.add_run(parser)
    parser.add_argument(
        "--split", default="test", choices=("train", "validation", "test"), help="what to score"
    )
    parser.add_argument(
        "--limit",
        type=command_line.positive_integer,
        help="score the first so many clips or tracks only",
    )
    parser.add_argument(
        "--results", type=path_argument, default=Path("runs/results"), help="where the row goes"
    )
    parser.add_argument(
        "--input", type=nonempty_text, nargs="+", metavar="FILE", help="audio files, folders, globs"
    )
    parser.add_argument(
        "--out", type=path_argument, default=Path("out"), help="where predictions go"
    )
    parser.add_argument(
        "--labels",
        type=nonempty_text,
        help="what plays in --input, comma-separated: for separators",
    )
    parser.add_argument(
        "--embeddings",
        type=path_argument,
        metavar="NPZ",
        help="write what the last layer reads of --input",
    )
    parser.add_argument(
        "--force", action="store_true", help="overwrite predictions, or a row of other weights"
    )
    command_line.add_blend(parser)
    parser.add_argument("--figures", action="store_true", help="pictures of predictions, too")
    command_line.add_arguments(parser)
    return parser


def _evaluate(options: argparse.Namespace) -> int:
    from zoo.front import finding
    from zoo.songs import blending

    command_line.prepare_devices()
    model = finding.requested_system(
        options.checkpoint, options.config, options.step, options.arguments
    )
    found = blending.requested_blend(model.trained, options.blend, options.weight, options.blend_of)
    if options.embeddings:
        from zoo.songs import embeddings

        return embeddings.write_embeddings(
            model, options.input, options.embeddings, force=options.force
        )
    if options.input:
        from zoo.songs import own_files

        return own_files.predict(
            found,
            options.input,
            options.out,
            force=options.force,
            figures=options.figures,
            labels=options.labels,
        )
    if options.labels:
        raise BadInput("--labels says what plays in a file of yours: give that with --input")
    from zoo.report import results

    blended = blending.suffix(found)
    rows = None if blended else options.results  # a row is of one run
    report = results.evaluate(
        found, options.split, options.limit, rows, force=options.force, suffix=blended
    )
    print(results.summarise_report(report, found.experiment.evaluation.monitor[0]))
    return 0
