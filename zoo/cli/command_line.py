"""What the entry scripts share: arguments, devices, and the manner of failing."""

from __future__ import annotations

import argparse
import contextlib
import errno
import io
import math
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from zoo import commands, escapes, machine, numerals, places
from zoo.cli import endings, words
from zoo.errors import BadInput

BAD_INPUT = 2
_MOST = 2**63 - 1  # as a seed: what JAX and NumPy both take
HOMELESS = "there is no home directory: set HOME, or write the path out instead of ~"
Number = TypeVar("Number", int, float)
CHECKPOINT = "run directory, exported folder, or name of weights (zoo list --weights)"
INTERRUPTED = 128 + 2  # as a shell reports SIGINT
TERMINATED = 128 + 15
OF_THE_PLACE = (  # what the disk or the user's rights forbid; other OSErrors are ours to mend
    errno.EACCES,
    errno.EDQUOT,
    errno.EEXIST,
    errno.EFBIG,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.ENOENT,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
)
CURES = {errno.EEXIST: "; a folder is to be made there, choose another name"}


class Help(argparse.RawDescriptionHelpFormatter):
    """Says the default of every option that has one, where its own text does not."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        without = action.default in (None, argparse.SUPPRESS) or isinstance(action.default, bool)
        if without or not action.option_strings or "default" in (action.help or ""):
            return action.help
        return f"{action.help} (%(default)s)"


def make_parser(
    description: str, *, prog: str | None = None, epilog: str | None = None
) -> words.Parser:
    return words.Parser(prog=prog, description=description, epilog=epilog, formatter_class=Help)


def add_run(parser: argparse.ArgumentParser) -> None:
    """Which trained system: --checkpoint, or --config, at which --step."""
    parser.add_argument("--checkpoint", type=nonempty_text, help=CHECKPOINT)
    parser.add_argument("--config", type=nonempty_text, help="name of a config, or a file")
    parser.add_argument(
        "--step", type=nonempty_text, default="best", help="best (default), latest, or a number"
    )


def add_blend(parser: argparse._ActionsContainer) -> None:
    """Which other run a separator is blended with, by which weight, and what is mixed."""
    parser.add_argument(
        "--blend", type=nonempty_text, metavar="RUN", help="separation: mixed with this run's stems"
    )
    parser.add_argument(
        "--weight", type=not_below_zero, help="of --blend, 0 to 1 (0.5); the run has the rest"
    )
    parser.add_argument(
        "--blend_of", default="outputs", choices=("outputs", "weights"), help="what is mixed"
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`name=value` words, in any place among the options."""
    parser.add_argument(
        "arguments",
        nargs="*",
        metavar="name=value",
        default=[],
        help=f"arguments of the config; `{commands.command_name('info')} NAME` lists them",
    )


def run_command(
    parser: words.Parser,
    command: Callable[[argparse.Namespace], int | None],
    typed: Sequence[str] | None = None,
) -> int:
    """Runs a command; bad input, a full or forbidden disk become one line and exit code 2.

    What SIGTERM ends tidies up after itself, as Ctrl-C does; so does a child whose parent dies.
    """
    nested = any(isinstance(a, argparse._SubParsersAction) for a in parser._actions)
    parser.typed = sys.argv[1:] if typed is None else list(typed)
    options = (parser.parse_args if nested else parser.parse_intermixed_args)(parser.typed)
    _prepare_output()
    try:
        words.check_words(options)
        with endings.handle_sigterm():
            return command(options) or 0
    except endings.Terminated:
        _complain(parser, "terminated")
        return TERMINATED
    except BadInput as error:
        return _complain(parser, str(error))
    except KeyboardInterrupt as error:
        _complain(parser, str(error) or "interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has closed it: there is no one to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        if error.errno not in OF_THE_PLACE:
            raise
        what = error.filename2 or error.filename or "a file"
        cure = CURES.get(error.errno, "")
        return _complain(parser, f"{what}: {error.strerror}{cure}")
    except Exception as error:
        homeless = str(error).startswith("Could not determine home")
        if (reason := HOMELESS if homeless else endings.too_much(error)) is None:
            raise
        return _complain(parser, reason)


def _complain(parser: argparse.ArgumentParser, text: str) -> int:
    """One line on stderr, whatever was in the names that it tells of; the exit code."""
    print(escapes.terminal_line(f"{Path(parser.prog).stem}: {_short(text)}"), file=sys.stderr)
    return BAD_INPUT


def _short(text: str, most: int = 1200) -> str:
    """A text without its middle where it is longer: some values are as long as a page."""
    return text if len(text) <= most else f"{text[: most // 2]} ... {text[-most // 2 :]}"


def _prepare_output() -> None:
    """Names that no encoding holds are written out; what libraries remark is kept from stderr."""
    if sys.stderr is sys.__stderr__ and sys.stderr is not None:
        # A descriptor of our own: while a file is decoded, what libraries write to 2 is lost.
        with contextlib.suppress(OSError, ValueError):
            own = os.dup(sys.stderr.fileno())
            sys.stderr = os.fdopen(own, "w", buffering=1)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # Of a label in a script that matplotlib's font has not: a figure has a box there.
    warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
    home = places.home()
    if home is None or not os.access(home, os.W_OK):  # matplotlib would make a folder and say so
        os.environ.setdefault("MPLCONFIGDIR", str(places.private_temp_folder() / "matplotlib"))


def above_zero(text: str) -> float:
    """A finite number above zero, as argparse's `type`."""
    value = _written_as(numerals.real, text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} must be a number above 0")
    return value


def not_below_zero(text: str) -> float:
    """A finite number, zero or above, as argparse's `type`."""
    value = _written_as(numerals.real, text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} must be a number, 0 or above")
    return value


def positive_integer(text: str) -> int:
    """A whole number above zero, as argparse's `type`."""
    return integer_argument(text, 1)


def integer_argument(text: str, least: int = 0) -> int:
    """A whole number, zero (or `least`) or above, as argparse's `type`."""
    value = _written_as(numerals.integer, text)
    if value < least:
        raise argparse.ArgumentTypeError(f"{text} must be a whole number, {least} or above")
    if value > _MOST:
        raise argparse.ArgumentTypeError(f"{text[:40]} is too much: at most {_MOST}")
    return value


def _written_as(reading: Callable[[str], Number], text: str) -> Number:
    """What `zoo.numerals` makes of a text; argparse shows the text of this error alone."""
    try:
        return reading(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(escapes.terminal_line(error)) from None


def path_argument(text: str) -> Path:
    """A path of this machine, as argparse's `type`: Path would make a folder gs:/ of a bucket."""
    if "://" in text:
        raise argparse.ArgumentTypeError(f"{text} is no path: mount it and give that path")
    if not text.strip() or "\0" in text:  # '' would be the current folder
        raise argparse.ArgumentTypeError("an empty path: name a file or a folder, . for this one")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise argparse.ArgumentTypeError(f"{text}: {HOMELESS}") from None


def nonempty_text(text: str) -> str:
    """A name or a path that is not empty, as argparse's `type`."""
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty: give a name, or leave the option out")
    return text


def _local_devices() -> list[int] | None:
    """The `local_device_ids` of `jax.distributed.initialize`: [] is all, None as JAX sees fit.

    Under Slurm and Open MPI that is one GPU for each process of a host: a process that is alone on
    its host would leave the other seven idle.
    """
    slurm = os.environ.get("SLURM_STEP_TASKS_PER_NODE", "")  # as in 2, 1(x4) or 2(x3),1
    mpi = os.environ.get("OMPI_COMM_WORLD_LOCAL_SIZE", "")
    alone = (slurm.split("(")[0] == "1" and "," not in slurm) or mpi == "1"
    return [] if alone and not os.environ.get("JAX_LOCAL_DEVICE_IDS") else None


def environment_number(name: str) -> int | None:
    """A whole number out of the environment; None where it is not set."""
    text = os.environ.get(name)
    try:
        return numerals.integer(text) if text else None
    except ValueError as error:
        raise BadInput(f"{name}: {error}") from None


def prepare_devices(distributed: bool = False) -> None:
    """Turns on the compilation cache, keeps freed memory, joins the other hosts where asked to."""
    import jax

    from zoo.runs import lost_host

    machine.keep_freed_memory()
    keep_programs()
    if distributed:
        index = os.environ.get("JAX_PROCESS_ID")
        count = os.environ.get("JAX_NUM_PROCESSES")
        address = os.environ.get("JAX_COORDINATOR_ADDRESS")
        print(f"process {index or '?'} of {count or '?'}: waiting for the others", flush=True)
        lost_host.set_lost_host_flags()
        jax.distributed.initialize(
            address,
            environment_number("JAX_NUM_PROCESSES"),
            environment_number("JAX_PROCESS_ID"),
            local_device_ids=_local_devices(),
            heartbeat_timeout_seconds=30,
        )


def keep_programs() -> None:
    """Keeps compiled programs on disk, for the next process."""
    import jax

    from zoo.cli import compile_cache

    # XLA splits loops for the cores it may use, but does not tell its cache of them.
    cache = places.cache() / "jax" / f"{machine.cores()}_cores"
    compile_cache.use_compile_cache(os.environ.get("JAX_COMPILATION_CACHE_DIR") or str(cache))
    if not os.environ.get("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"):
        # The default of a second leaves out most of what a short file needs.
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
