"""What benchmarks share: options, and of comparisons in turns processes, times, the machine."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
HUGE = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}
# Of every comparison of two frameworks that says whose malloc is tuned.
COMPARED = dict(rounds=3, steps=5, threads=2, keep="jax", malloc="")
Options = dict[str, Any]
Answers = dict[str, list[dict[str, Any]]]  # of each framework, one a round


def parsed(arguments: Sequence[str], defaults: Options) -> Options:
    """`key=value` words over the defaults, in their types; --help ends with the script's own."""
    if {"-h", "--help"} & set(arguments):
        print(sys.modules["__main__"].__doc__)
        sys.exit()
    options = dict(defaults)
    for argument in arguments:
        key, _, value = argument.partition("=")
        try:
            options[key] = type(defaults[key])(value)
        except (KeyError, ValueError):
            known = ", ".join(f"{k}={v}" for k, v in defaults.items() if k != "child")
            print(f"'{argument}' will not do; use, with other values, {known}", file=sys.stderr)
            sys.exit(2)
    return options


def answers(script: str, child: str, options: Options) -> Answers:
    """What `script` prints last as `child=FRAMEWORK,CHILD`, for both frameworks, round by round."""
    given = [f"{k}={v}" for k, v in options.items() if k not in ("child", "rounds", "huge")]
    found: Answers = {"jax": [], "torch": []}
    for _ in range(options["rounds"]):
        for framework, lines in found.items():
            command = [sys.executable, script, f"child={framework},{child}", *given]
            env = {**environment(options), **preloaded(framework, options)}
            done = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True)
            lines.append(json.loads(done.stdout.splitlines()[-1]))
    return found


def environment(options: Options) -> dict[str, str]:
    """Of both frameworks: this clone's zoo, and huge pages where they are asked for.

    Without JAX's cache: a program kept there was split for the cores of the process that compiled
    it, and one that was pinned to a single core made a step of WaveNet take 1.25 times as long.
    """
    own = {"PYTHONPATH": str(ROOT), "JAX_ENABLE_COMPILATION_CACHE": "false"}
    return {**os.environ, **own, **(HUGE if options.get("huge") else {})}


def preloaded(framework: str, options: Options) -> dict[str, str]:
    """The allocator of `malloc`, a library's file, for whom `keep` names.

    A file that is not there ends the comparison: the loader would only warn, and run without it.
    """
    library = options.get("malloc")
    if not library or options["keep"] not in ("both", framework):
        return {}
    file = Path(library).resolve()
    if not file.is_file():
        print(f"malloc={library}: no such file; give the path of a library", file=sys.stderr)
        sys.exit(2)
    return {"LD_PRELOAD": str(file)}


def begin(framework: str, options: Options) -> None:
    """Pins this process; lets it keep freed memory, as the zoo's commands do, where asked to.

    `keep` is jax, the default of who asks, both or none. An allocator of `malloc` keeps its own.
    """
    pin(options["threads"])
    if options["keep"] in ("both", framework):
        from zoo import machine

        machine.keep_freed_memory()


def pin(threads: int) -> None:
    """Keeps this process, and what it will start, on so many cores."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def timed(call: Callable[[], Any], count: int) -> dict[str, list]:
    """What `count` calls gave, and the wall and CPU milliseconds of each."""
    values, wall, busy = [], [], []
    for _ in range(count):
        began, worked = time.perf_counter(), time.process_time()
        values.append(call())
        wall.append(1e3 * (time.perf_counter() - began))
        busy.append(1e3 * (time.process_time() - worked))
    return {"values": values, "ms": wall, "cpu_ms": busy}


def compared(found: Answers, options: Options, kind: str | None = None) -> dict[str, Any]:
    """Medians over rounds of the median call (of `kind`, where an answer holds several)."""
    medians = {
        framework: {
            key: [statistics.median((a[kind] if kind else a)[key]) for a in lines]
            for key in ("ms", "cpu_ms")
        }
        for framework, lines in found.items()
    }
    ours, theirs = (statistics.median(medians[f]["ms"]) for f in ("jax", "torch"))
    return {
        "jax_ms": round(ours, 1),
        "torch_ms": round(theirs, 1),
        "ratio": round(ours / theirs, 3),
        "cpu_ms": {f: round(statistics.median(m["cpu_ms"]), 1) for f, m in medians.items()},
        "rounds": {f: [round(t, 1) for t in m["ms"]] for f, m in medians.items()},
        "threads": options["threads"],
        "machine": machine(),
        "allocator": {k: v for k, v in environment(options).items() if k in HUGE},
        "malloc": Path(options.get("malloc") or "glibc").name,
        "keeps_freed_memory": options.get("keep", "none"),
    }


def machine() -> str:
    """Processor, cores, load and versions."""
    from importlib.metadata import version
    from importlib.util import find_spec

    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.processor()
    there = [name for name in ("jax", "torch") if find_spec(name)]
    packages = ", ".join(f"{name} {version(name)}" for name in there)
    load = os.getloadavg()[0]
    return f"{processor}, {os.cpu_count()} cores, load {load:.1f}, {platform.system()}, {packages}"
