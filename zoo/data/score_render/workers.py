"""Processes that render takes: jobs in, files of examples out, in the order of the jobs.

Each is `python -m zoo.data.score_render.workers`, fed through its pipes: unlike multiprocessing's,
it never imports the caller's script, which may have no main guard. A rendered take is a file that
appears at once or not at all, so a build that was killed goes on where it stood.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import queue
import subprocess
import sys
import traceback
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np

from zoo import durable, machine
from zoo.data.score_render.takes import TakeJob, examples
from zoo.data.source import Example

Rendered = tuple[list[Example], Counter]
_MOST = 16  # processes: each keeps up to 256 MB of tones


class Workers:
    """A few rendering processes, started by the first job and ended by `close`."""

    def __init__(self, count: int, cache: Path):
        cache.mkdir(parents=True, exist_ok=True)
        self.cache = cache
        self.count = count
        self._idle: queue.Queue[subprocess.Popen] = queue.Queue()
        self._all: list[subprocess.Popen] = []

    def start(self) -> None:
        # One thread each: the processes already fill the machine.
        single = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        paths = [str(Path(__file__).parents[3]), *filter(None, sys.path)]
        env = {**os.environ, **single, "PYTHONPATH": os.pathsep.join(paths)}
        command = [sys.executable, "-m", __name__]
        pipe = subprocess.PIPE
        for _ in range(self.count):
            worker = subprocess.Popen(command, env=env, stdin=pipe, stdout=pipe)
            self._all.append(worker)
            self._idle.put(worker)

    def close(self) -> None:
        while self._all:
            worker = self._all.pop()
            worker.terminate()
            worker.wait()
            for stream in _ends(worker):
                stream.close()

    def rendered(self, jobs: Iterable[TakeJob]) -> Iterator[Rendered]:
        """The examples of every job, in order; a few jobs ahead of what is asked for."""
        if not self._all:
            self.start()
        waiting: deque[Future[Path]] = deque()
        remaining = iter(jobs)
        with ThreadPoolExecutor(self.count) as threads:
            try:
                for job in islice(remaining, 2 * self.count):
                    waiting.append(threads.submit(self._path, job))
                while waiting:
                    yield _load(waiting.popleft().result())
                    for job in islice(remaining, 1):
                        waiting.append(threads.submit(self._path, job))
            finally:
                threads.shutdown(cancel_futures=True)

    def _path(self, job: TakeJob) -> Path:
        path = self.cache / f"{hashlib.sha256(job.name.encode()).hexdigest()[:24]}.npz"
        if _whole(path):
            return path
        worker = self._idle.get()
        try:
            into, out = _ends(worker)
            pickle.dump((job, str(path)), into)
            into.flush()
            failure = pickle.load(out)
        except (EOFError, BrokenPipeError) as error:
            raise RuntimeError(f"the process that rendered {job.name} has died") from error
        finally:
            self._idle.put(worker)
        if isinstance(failure, OSError):  # a full disk, for one
            raise failure
        if failure:
            raise RuntimeError(f"rendering {job.name} failed:\n{failure}")
        return path


def _ends(worker: subprocess.Popen) -> tuple[IO[bytes], IO[bytes]]:
    """A process's standard input and output, both pipes."""
    if worker.stdin is None or worker.stdout is None:
        raise ValueError("the process was started without pipes")
    return worker.stdin, worker.stdout


def processes() -> int:
    """How many to render with, at most 16; what is rendered does not depend on it."""
    return min(machine.cores(), _MOST)


def _save(path: Path, rendered: Rendered) -> None:
    """Examples and counts in one .npz file, which appears whole."""
    arrays: dict[str, Any] = {
        f"count/{name}": np.array(count) for name, count in rendered[1].items()
    }
    for index, example in enumerate(rendered[0]):
        for key, value in example.items():
            inner = value if isinstance(value, dict) else {"": value}
            arrays |= {f"{index}/{key}/{name}": np.asarray(v) for name, v in inner.items()}
    durable.write_sealed(path, lambda file: np.savez(file, **arrays))


def _load(path: Path) -> Rendered:
    """What `_save` wrote."""
    found: dict[int, Example] = {}
    counts: Counter = Counter()
    with np.load(path, allow_pickle=False) as arrays:
        for name in arrays.files:
            index, key, *inner = name.split("/")
            if index == "count":
                counts[key] = int(arrays[name])
            elif inner[0]:
                found.setdefault(int(index), {}).setdefault(key, {})[inner[0]] = arrays[name]
            else:
                value = arrays[name]
                found.setdefault(int(index), {})[key] = value if value.ndim else value.item()
    return [found[index] for index in sorted(found)], counts


def _whole(path: Path) -> bool:
    return durable.is_sound(path)


def _serve() -> None:
    """Answers each (job, path) on standard input: None, an OSError, or the text of its error."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nothing else may write into the pipe
    while True:
        try:
            job, path = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        failure: OSError | str | None = None
        try:
            _save(Path(path), examples(job))
        except OSError as error:
            failure = error
        except Exception:
            failure = traceback.format_exc()
        pickle.dump(failure, answers)
        answers.flush()


if __name__ == "__main__":
    _serve()
