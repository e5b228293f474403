"""What the entry scripts share: arguments, devices, and the manner of failing."""

from __future__ import annotations

import argparse
import errno
import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from zoo import machine
from zoo.errors import BadInput

BAD_INPUT = 2
CHECKPOINT = "run directory, exported folder, or name of weights (zoo list --weights)"
INTERRUPTED = 128 + 2  # as a shell reports SIGINT
OF_THE_PLACE = (  # what the disk or the user's rights forbid; other OSErrors are ours to mend
    errno.EACCES, errno.EDQUOT, errno.EEXIST, errno.EFBIG, errno.EISDIR, errno.ENAMETOOLONG,
    errno.ENOENT, errno.ENOSPC, errno.ENOTDIR, errno.EPERM, errno.EROFS,
)  # fmt: skip


class Help(argparse.RawDescriptionHelpFormatter):
    """Says the default of every option that has one, where its own text does not."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        without = action.default in (None, argparse.SUPPRESS) or isinstance(action.default, bool)
        if without or not action.option_strings or "default" in action.help:
            return action.help
        return f"{action.help} (%(default)s)"


def parser(description: str, **options: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(description=description, formatter_class=Help, **options)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`name=value` words, in any place among the options."""
    parser.add_argument(
        "arguments", nargs="*", metavar="name=value",
        help="arguments of the config; `python -m zoo info NAME` lists them",
    )  # fmt: skip


def run(
    parser: argparse.ArgumentParser,
    command: Callable[[argparse.Namespace], int | None],
    words: Sequence[str] | None = None,
) -> int:
    """Runs a command; bad input, a full or forbidden disk become one line and exit code 2."""
    nested = any(isinstance(a, argparse._SubParsersAction) for a in parser._actions)
    options = (parser.parse_args if nested else parser.parse_intermixed_args)(words)
    try:
        return command(options) or 0
    except BadInput as error:
        print(f"{Path(parser.prog).stem}: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt as error:
        print(f"{Path(parser.prog).stem}: {str(error) or 'interrupted'}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has closed it: nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        if error.errno not in OF_THE_PLACE:
            raise
        what = error.filename2 or error.filename or "a file"
        print(f"{Path(parser.prog).stem}: {what}: {error.strerror}", file=sys.stderr)
        return BAD_INPUT


def above_zero(text: str) -> float:
    """A finite number above zero, as argparse's `type`."""
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} must be a number above 0")
    return value


def not_below_zero(text: str) -> float:
    """A finite number, zero or above, as argparse's `type`."""
    value = float(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} must be a number, 0 or above")
    return value


def count(text: str) -> int:
    """A whole number above zero, as argparse's `type`."""
    return whole(text, 1)


def place(text: str) -> Path:
    """A path of this machine, as argparse's `type`: Path would make a folder gs:/ of a bucket."""
    if "://" in text:
        raise argparse.ArgumentTypeError(f"{text} is no path: mount it and give that path")
    return Path(text).expanduser()


def whole(text: str, least: int = 0) -> int:
    """A whole number, zero (or `least`) or above, as argparse's `type`."""
    if int(text) < least:
        raise argparse.ArgumentTypeError(f"{text} must be a whole number, {least} or above")
    return int(text)


def local_devices() -> list[int] | None:
    """The `local_device_ids` of `jax.distributed.initialize`: [] is all, None as JAX sees fit.

    Under Slurm and Open MPI that is one GPU for each process of a host: a process that is alone on
    its host would leave the other seven idle.
    """
    slurm = os.environ.get("SLURM_STEP_TASKS_PER_NODE", "")  # as in 2, 1(x4) or 2(x3),1
    mpi = os.environ.get("OMPI_COMM_WORLD_LOCAL_SIZE", "")
    alone = (slurm.split("(")[0] == "1" and "," not in slurm) or mpi == "1"
    return [] if alone and not os.environ.get("JAX_LOCAL_DEVICE_IDS") else None


def prepare_devices(distributed: bool = False) -> None:
    """Turns on the compilation cache, and joins the other hosts where asked to."""
    import jax

    keep_programs()
    if distributed:
        index = os.environ.get("JAX_PROCESS_ID")
        count = os.environ.get("JAX_NUM_PROCESSES")
        address = os.environ.get("JAX_COORDINATOR_ADDRESS")
        print(f"process {index or '?'} of {count or '?'}: waiting for the others", flush=True)
        jax.distributed.initialize(
            address,
            int(count) if count else None,
            int(index) if index else None,
            local_device_ids=local_devices(),
            heartbeat_timeout_seconds=30,
        )


def keep_programs() -> None:
    """Turns on JAX's compilation cache on disk, unless the user's environment names one."""
    import jax

    if os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        return
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "waveform-zoo" / "jax"
    # XLA splits loops for the cores it may use, but does not tell its cache of them.
    cache /= f"{machine.cores()}_cores"
    jax.config.update("jax_compilation_cache_dir", str(cache))
