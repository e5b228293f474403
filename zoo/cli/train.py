"""Trains a config of the zoo, or goes on with a run.

  python train.py --config samplecnn_score_render
  python train.py --config wave_unet_musdb18 --workdir runs/m4 path=~/data/musdb18hq batch=32

The same command resumes after any interruption. Ends with the scores on the test split and a page
to look at.
"""

import argparse
from pathlib import Path

from zoo import commands
from zoo.cli import command_line
from zoo.cli.command_line import nonempty_text, path_argument
from zoo.cli.words import Parser

_FIRST = "samplecnn_score_render"


def main(words: list[str] | None = None, prog: str = "train.py") -> int:
    return command_line.run_command(parser(prog), _train, words)


def parser(prog: str) -> Parser:
    parser = command_line.make_parser(__doc__, prog=prog)
    parser.add_argument(
        "--config",
        type=nonempty_text,
        help=f"name of a config, or a file; default {_FIRST}, and a tour",
    )
    parser.add_argument("--workdir", type=path_argument, help="run directory; default runs/CONFIG")
    parser.add_argument(
        "--allow_config_change",
        action="store_true",
        help="go on with a run although its arguments differ from the last time",
    )
    parser.add_argument(
        "--distributed",
        action="store_true",
        help="join the other hosts (TPU pod, Slurm, MPI; else JAX_COORDINATOR_ADDRESS, "
        "JAX_NUM_PROCESSES, JAX_PROCESS_ID)",
    )
    parser.add_argument("--no_test", action="store_true", help="end without scores and page")
    parser.add_argument("--no_tensorboard", action="store_true", help="write no tensorboard/")
    parser.add_argument(
        "--dry_run",
        action="store_true",
        help="say what would be trained, on what, and the memory it takes; train nothing",
    )
    command_line.add_arguments(parser)
    return parser


def _train(options: argparse.Namespace) -> int:
    from zoo import experiment
    from zoo.runs import train as training_runs

    command_line.prepare_devices(options.distributed)
    config = experiment.find_config(options.config or _FIRST)
    arguments = config.parse(options.arguments)
    if options.dry_run:
        from zoo.report import dry_run

        print(dry_run.describe_dry_run(config, arguments))
        return 0
    directory = options.workdir or Path("runs") / config.row.id
    complete = training_runs.train(
        config,
        arguments,
        directory,
        allow_change=options.allow_config_change,
        board=not options.no_tensorboard,
    )
    if not complete:
        print(f"stopped; go on with: {commands.command_again('train')}")
        return command_line.INTERRUPTED
    if not options.no_test:
        from zoo.report import finish

        finish.finish(directory, options.config, tour=options.config is None)
    return 0
