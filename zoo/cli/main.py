"""python -m zoo COMMAND: what stands beside training, evaluation and sampling.

commands:
  train, evaluate, sample   as the scripts of these names, for where there is no clone
  list                 every config: task, parameters, reported and our number
  list --weights       every set of weights that --checkpoint takes by name: ours, and published
  info NAME            one config: parameter table, receptive field, cost per second of input
  draw CONFIG          its architecture as a figure, from the modules themselves
  export RUN OUT       its weights apart: model.safetensors, model.json; --program: for JAX alone
  keep RUN NAME        its weights as weights of the zoo: weights/NAME, which loads as zoo/NAME
  doctor               versions, devices, codecs, data
  report RUN           a page to look at, from a run directory
  compare RUN RUN      metrics of two runs side by side, and the arguments that differ
  report --table       results/RESULTS.md and the README's table, from results/*.json
  compile CONFIG       its programs compiled for TPUs that are not there: memory, bounds, slow parts
  measure              every system on the embedded data at one budget of time, into runs/results/
  repeat CONFIG        trains and scores a config for several seeds or folds: mean and deviation
  reproduce [ROW]      a published number on real data, beside the published; without ROW, the list
  distance REF GEN     a folder of generated audio against references: Fréchet and kernel distances
  chain FILE...        three systems as one: notes of a recording, how they go on, played
  gallery              a page of sound: what every system at hand does to the same eight bars
  probe WEIGHTS FOLDER your labels on a tagger's embeddings: cross-validated, with "none of these"
  robustness WEIGHTS [FOLDER]  a tagger's scores under other tempo, pitch, loudness, noise
  interpret NAME       what a run or published weights learnt: filters, activation, excitation,
                       periodicity of a vocoder, bases; of a recording: attribution of a tag,
                       attention, deepdream
  demo KIND            what the field shows of waveforms: checkerboard, phase, masking, factors
"""

import argparse
import importlib
import json
import sys
from functools import partial
from pathlib import Path

from zoo import commands, escapes
from zoo.cli import (
    chain,
    command_line,
    demo,
    draw,
    folders,
    gallery,
    interpret,
    listening,
    reproduce,
)
from zoo.cli.command_line import nonempty_text, path_argument
from zoo.cli.words import Parser


def main(words: list[str] | None = None) -> int:
    words = sys.argv[1:] if words is None else words
    if words[:1] and words[0] in commands.SCRIPTS:
        script = importlib.import_module(f"zoo.cli.{words[0]}")
        return script.main(words[1:], prog=f"zoo {words[0]}")
    if words[:1] in (["repeat"], ["compile"], ["draw"]):
        words = gathered(words)
    return command_line.run_command(parsed(), lambda options: options.run(options), words)


def parsed() -> Parser:
    """The parser of all commands but the scripts', which have their own."""
    parser = command_line.make_parser(__doc__, prog="zoo")
    every = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in commands.SCRIPTS:
        every.add_parser(name, help=f"as {name}.py", add_help=False)
    add = partial(every.add_parser, formatter_class=command_line.Help)

    listing = add("list", help="every config")
    listing.add_argument("--task", choices=("classification", "separation", "generation"))
    listing.add_argument("--json", action="store_true", help="as JSON, for programs")
    listing.add_argument("--weights", action="store_true", help="weights by name instead")
    listing.set_defaults(run=_show_list)

    info = add("info", help="one config")
    info.add_argument("name", type=nonempty_text, help="name of a config, or a file")
    command_line.add_arguments(info)
    info.set_defaults(run=_show_info)

    export = add("export", help="inference weights, and a program, for others to load")
    export.add_argument("checkpoint", type=nonempty_text, help=command_line.CHECKPOINT)
    export.add_argument("out", type=path_argument, metavar="OUT", help="a folder")
    export.add_argument("--program", action="store_true", help="also jax.export for CPU, CUDA, TPU")
    export.add_argument("--force", action="store_true", help="overwrite what is there")
    export.add_argument("--config", type=nonempty_text, help="name of a config, or a file")
    export.add_argument(
        "--step", type=nonempty_text, default="best", help="best, latest, or a number"
    )
    command_line.add_arguments(export)
    export.set_defaults(run=_write_export)

    keep = add("keep", help="a run's inference weights into weights/, as zoo/NAME")
    keep.add_argument("directory", type=path_argument, metavar="RUN", help="a scored run directory")
    keep.add_argument("name", type=nonempty_text, metavar="NAME", help="what they are called")
    keep.add_argument(
        "--licence", type=nonempty_text, help="of the weights; default that of their data"
    )
    keep.add_argument("--force", action="store_true", help="replace weights of that name")
    keep.set_defaults(run=_keep_weights)

    doctor = add("doctor", help="versions, devices, codecs, data")
    doctor.add_argument(
        "--distributed", action="store_true", help="of all hosts: run it on each, as training"
    )
    doctor.add_argument("--workdir", type=path_argument, help="a folder that all hosts are to see")
    doctor.add_argument(
        "--batch", type=command_line.positive_integer, help="that the devices are to divide"
    )
    doctor.set_defaults(run=_show_doctor)

    draw.add_command(add)
    interpret.add_command(add)
    demo.add_command(add)

    report = add("report", help="pages and tables")
    report.add_argument("directory", nargs="?", type=path_argument, metavar="RUN")
    report.add_argument("--table", action="store_true")
    report.add_argument(
        "--results", type=path_argument, help="a folder of your own rows: the table of these alone"
    )
    report.add_argument(
        "--picture", type=path_argument, metavar="PNG", help="spectrograms of its stems"
    )
    report.set_defaults(run=_make_report)

    compiling = add("compile", help="for TPUs that are described, or the devices at hand")
    compiling.add_argument(
        "config", nargs="?", type=nonempty_text, help="name of a config, or a file"
    )
    compiling.add_argument(
        "--topology",
        action="append",
        type=nonempty_text,
        help="v5e:4x4 (default), v5p:2x2x1, v6e:4x4, ...; here: the devices at hand; repeatable",
    )
    compiling.add_argument(
        "--slices",
        type=command_line.positive_integer,
        default=1,
        help="so many of it, joined by a network",
    )
    compiling.add_argument(
        "--all", action="store_true", help="every row of a paper that has not been compiled so"
    )
    compiling.add_argument(
        "--results", type=path_argument, default=Path("runs/compiled"), help="where rows go"
    )
    command_line.add_arguments(compiling)
    compiling.set_defaults(run=_compile_programs)

    measure = add("measure", help="every system at one budget of time")
    measure.add_argument("names", nargs="*", metavar="NAME", help="rows; default all embedded")
    measure.add_argument(
        "--minutes", type=command_line.above_zero, default=5.0, help="of training, each"
    )
    measure.add_argument(
        "--runs", type=path_argument, default=Path("runs/measured"), help="where runs go"
    )
    measure.add_argument(
        "--results",
        type=path_argument,
        default=Path("runs/results"),
        help="where rows and table go",
    )
    measure.set_defaults(run=_fill_table)

    repeat = add("repeat", help="one config for several seeds or folds")
    repeat.add_argument(
        "config", type=command_line.nonempty_text, help="name of a config, or a file"
    )
    number = repeat.add_mutually_exclusive_group(required=True)
    number.add_argument(
        "--seeds", type=command_line.positive_integer, help="runs of seed=0, 1, ..."
    )
    number.add_argument(
        "--folds", type=command_line.positive_integer, help="cross-validation: fold=0, 1, ..."
    )
    repeat.add_argument(
        "--workdir", type=path_argument, help="where runs go; default runs/CONFIG-repeated"
    )
    repeat.add_argument(
        "--results", type=path_argument, default=Path("runs/results"), help="where rows go"
    )
    command_line.add_arguments(repeat)
    repeat.set_defaults(run=_repeat_runs)

    reproduce.add_command(add)
    chain.add_command(add)
    folders.add_probe(add)
    folders.add_distance(add)
    folders.add_robustness(add)

    listening.add_commands(add)
    gallery.add_command(add)

    comparison = add("compare", help="two runs side by side")
    comparison.add_argument(
        "runs", nargs=2, type=path_argument, metavar="RUN", help="run directory, or row"
    )
    comparison.set_defaults(run=_compare_runs)
    return parser


def gathered(words: list[str]) -> list[str]:
    """`repeat CONFIG --seeds 3 name=value` with the last word behind CONFIG, where argparse looks.

    A word behind an option is that option's value, but for `--option=value` and flags.
    """
    whole = {word for word in words if word in ("--all", "--force") or "=" in word}
    free = [i for i in range(1, len(words)) if words[i - 1][:2] != "--" or words[i - 1] in whole]
    own = [i for i in free if "=" in words[i] and not words[i].startswith("-")]
    rest = [word for i, word in enumerate(words) if i not in own]
    config = next((words[i] for i in free if i not in own and words[i][0] != "-"), words[0])
    place = rest.index(config) + 1
    return [*rest[:place], *(words[i] for i in own), *rest[place:]]


def _show_list(options: argparse.Namespace) -> None:
    if options.weights:
        from zoo.front import own_weights
        from zoo.pretrained import index

        rows = [*own_weights.list_own_weights(), *index.list_published()]
        print(json.dumps(rows, indent=1) if options.json else index.published_table(rows))
        return
    from zoo.report import listing

    print(
        json.dumps(listing.list_rows(options.task), indent=1)
        if options.json
        else listing.listing_table(options.task)
    )


def _show_info(options: argparse.Namespace) -> None:
    from zoo import experiment
    from zoo.report import listing

    config = experiment.find_config(options.name)
    print(listing.info(config, config.parse(options.arguments)))


def _show_doctor(options: argparse.Namespace) -> int:
    from zoo.report import doctor, pod

    if not (options.distributed or options.workdir or options.batch):
        print(doctor.diagnose())
        return 0
    command_line.prepare_devices(options.distributed)
    lines, faults = pod.check_pod(options.workdir, options.batch)
    print(
        "\n".join(
            [
                *map(escapes.terminal_line, lines),
                *(escapes.terminal_line(f"WRONG: {f}") for f in faults),
            ]
        )
    )
    print("nothing stands in the way" if not faults else f"{len(faults)} to be mended first")
    return min(len(faults), 1)


def _write_export(options: argparse.Namespace) -> None:
    from zoo.front import exporting, finding

    command_line.prepare_devices()
    model = finding.requested_system(
        options.checkpoint, options.config, options.step, options.arguments
    )
    print(exporting.export(model, options.out, program=options.program, force=options.force))


def _keep_weights(options: argparse.Namespace) -> None:
    from zoo.front import finding, keeping

    command_line.prepare_devices()
    model = finding.load_system(options.directory)
    print(keeping.keep_weights(model, options.name, licence=options.licence, force=options.force))


def _compile_programs(options: argparse.Namespace) -> int:
    from zoo.devices import command

    topologies = options.topology or ["v5e:4x4"]
    where = command.Where(tuple(topologies), options.slices, options.results)
    if options.all:
        return command.compile_all(where, options.arguments)
    return command.compile_one(options.config, where, options.arguments)


def _fill_table(options: argparse.Namespace) -> int:
    from zoo.report import measure

    failed = measure.measure_systems(options.names, options.minutes, options.runs, options.results)
    return min(failed, 1)


def _repeat_runs(options: argparse.Namespace) -> int:
    from zoo import experiment
    from zoo.report import repeat

    command_line.prepare_devices()
    config = experiment.find_config(options.config)
    what: repeat.What = "seed" if options.seeds else "fold"
    count = options.seeds or options.folds
    scores = repeat.repeat_runs(
        config,
        config.parse(options.arguments),
        what,
        count,
        options.workdir or Path("runs") / f"{config.row.id}-repeated",
        options.results,
        options.config,
    )
    if scores is None:
        print("stopped; the same command goes on")
        return command_line.INTERRUPTED
    print("\n".join([f"{config.row.id} over {count} {what}s:", *repeat.deviation_lines(scores)]))
    return 0


def _compare_runs(options: argparse.Namespace) -> None:
    from zoo.report import compare

    for line in compare.compare_runs(*options.runs).splitlines():
        print(escapes.terminal_line(line))


def _make_report(options: argparse.Namespace) -> None:
    from zoo.errors import BadInput

    if options.table:
        from zoo.report import tables

        if options.results and not options.results.is_dir():
            raise BadInput(f"{options.results} is no folder: give one that holds rows of results")
        print("\n".join(map(str, tables.write_tables(results=options.results))))
    elif options.directory and options.picture:
        from zoo.report import picture

        print(picture.draw_stems(options.directory, options.picture))
    elif options.directory:
        from zoo.report import page

        print(page.write_report(options.directory))
    else:
        raise BadInput("give a run directory, or --table")
