"""python -m zoo COMMAND: what stands beside training, evaluation and sampling.

commands:
  train, evaluate, sample   as the scripts of these names, for where there is no clone
  list                 every config: task, parameters, reported and our number
  list --weights       every set of published weights that --checkpoint takes by name
  info NAME            one config: parameter table, receptive field, cost per second of input
  doctor               versions, devices, codecs, data
  report RUN           a page to look at, from a run directory
  compare RUN RUN      metrics of two runs side by side, and the arguments that differ
  report --table       results/RESULTS.md and the README's table, from results/*.json
  measure              every system on the embedded data at one budget of time, into runs/results/
  interpret NAME       what a run or published weights learnt: filters, activation, excitation
"""

import argparse
import importlib
import json
import sys
from functools import partial
from pathlib import Path

from zoo import commands, escapes
from zoo.cli import command_line
from zoo.cli.command_line import place


def main(words: list[str] | None = None) -> int:
    words = sys.argv[1:] if words is None else words
    if words[:1] and words[0] in commands.SCRIPTS:
        script = importlib.import_module(f"zoo.cli.{words[0]}")
        return script.main(words[1:], prog=f"zoo {words[0]}")
    parser = parsed()
    return command_line.run(parser, lambda options: options.run(options), words)


def parsed() -> argparse.ArgumentParser:
    """The parser of all commands but the scripts', which have their own."""
    parser = command_line.parser(__doc__, prog="zoo")
    every = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in commands.SCRIPTS:
        every.add_parser(name, help=f"as {name}.py", add_help=False)
    add = partial(every.add_parser, formatter_class=command_line.Help)

    listing = add("list", help="every config")
    listing.add_argument("--task", choices=("classification", "separation", "generation"))
    listing.add_argument("--json", action="store_true", help="as JSON, for programs")
    listing.add_argument("--weights", action="store_true", help="published weights instead")
    listing.set_defaults(run=show_list)

    info = add("info", help="one config")
    info.add_argument("name", type=command_line.given, help="name of a config, or a file")
    command_line.add_arguments(info)
    info.set_defaults(run=show_info)

    doctor = add("doctor", help="versions, devices, codecs, data")
    doctor.set_defaults(run=show_doctor)

    interpret = add("interpret", help="look inside a model: figures and numbers")
    interpret.add_argument(
        "checkpoint",
        type=command_line.given,
        help="run directory, or the name of published weights",
    )
    interpret.add_argument(
        "--kind", required=True, choices=("filters", "activation", "excitation"),
        help="filters on the waveform; sounds that excite a layer most; gates by tag and loudness",
    )  # fmt: skip
    interpret.add_argument("--out", type=place, help="default: RUN/figures; for weights, out")
    interpret.add_argument(
        "--layer", type=command_line.given, help="filters, activation: this layer only"
    )
    interpret.add_argument(
        "--filters", type=command_line.count, default=128, help="activation: how many a layer"
    )
    interpret.add_argument(
        "--split", default="test", choices=("train", "validation", "test"), help="excitation: of it"
    )
    interpret.add_argument(
        "--limit", type=command_line.count, help="excitation: the first so many clips only"
    )
    interpret.add_argument("--config", type=command_line.given, help="name of a config, or a file")
    interpret.add_argument(
        "--step",
        type=command_line.given,
        default="best",
        help="best (default), latest, or a number",
    )
    command_line.add_arguments(interpret)
    interpret.set_defaults(run=look_inside)

    report = add("report", help="pages and tables")
    report.add_argument("directory", nargs="?", type=place, metavar="RUN")
    report.add_argument("--table", action="store_true")
    report.add_argument(
        "--results", type=place, help="a folder of your own rows: the table of these alone"
    )
    report.add_argument("--picture", type=place, metavar="PNG", help="spectrograms of its stems")
    report.set_defaults(run=make_report)

    measure = add("measure", help="every system at one budget of time")
    measure.add_argument("names", nargs="*", metavar="NAME", help="configs; default all embedded")
    measure.add_argument(
        "--minutes", type=command_line.above_zero, default=5.0, help="of training, each"
    )
    measure.add_argument("--runs", type=place, default=Path("runs/measured"), help="where runs go")
    measure.add_argument(
        "--results", type=place, default=Path("runs/results"), help="where rows and table go"
    )
    measure.set_defaults(run=fill_table)
    comparison = add("compare", help="two runs side by side")
    comparison.add_argument("runs", nargs=2, type=place, metavar="RUN", help="run directory")
    comparison.set_defaults(run=compare_runs)
    return parser


def show_list(options: argparse.Namespace) -> None:
    if options.weights:
        from zoo.pretrained import index

        print(json.dumps(index.described(), indent=1) if options.json else index.table())
        return
    from zoo.report import listing

    print(
        json.dumps(listing.described(options.task), indent=1)
        if options.json
        else listing.table(options.task)
    )


def show_info(options: argparse.Namespace) -> None:
    from zoo import experiment
    from zoo.report import listing

    config = experiment.find(options.name)
    print(listing.info(config, config.parse(options.arguments)))


def show_doctor(options: argparse.Namespace) -> None:
    from zoo.report import doctor

    print(doctor.examine())


def look_inside(options: argparse.Namespace) -> None:
    from zoo.interpret import command
    from zoo.runs import trained

    command_line.prepare_devices()
    found = trained.find(options.checkpoint, options.config, options.step, options.arguments)
    own = found.directory / "figures" if found.directory else Path("out")
    choices = command.Choices(options.layer, options.filters, options.split, options.limit)
    for line in command.interpret(found, options.kind, options.out or own, choices):
        print(escapes.line(line), flush=True)


def fill_table(options: argparse.Namespace) -> int:
    from zoo.report import measure

    failed = measure.measure(options.names, options.minutes, options.runs, options.results)
    return min(failed, 1)


def compare_runs(options: argparse.Namespace) -> None:
    from zoo.report import compare

    for line in compare.compare(*options.runs).splitlines():
        print(escapes.line(line))


def make_report(options: argparse.Namespace) -> None:
    from zoo.errors import BadInput

    if options.table:
        from zoo.report import tables

        print("\n".join(map(str, tables.render(results=options.results))))
    elif options.directory and options.picture:
        from zoo.report import picture

        print(picture.draw(options.directory, options.picture))
    elif options.directory:
        from zoo.report import page

        print(page.write(options.directory))
    else:
        raise BadInput("give a run directory, or --table")
