"""Where a run writes what it measures: metrics.jsonl, TensorBoard, and a bar on the screen."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from zoo import durable, escapes

if TYPE_CHECKING:
    from tensorboardX import SummaryWriter


class Log:
    """Appends scalars to `metrics.jsonl` and TensorBoard, and moves the progress bar.

    Only process 0 writes (`active`). Lines already there are kept: a resumed run goes on in the
    same file, and lines beyond the step it resumes from are dropped first, so that each step
    stands once.
    """

    def __init__(self, directory: Path, start: int, steps: int, *, active: bool, board: bool):
        self.active = active
        self.board: SummaryWriter | None = None
        self.bar: tqdm | None = None
        if not active:
            return
        self.path = directory / "metrics.jsonl"
        _keep_until(self.path, start)
        if board:
            from tensorboardX import SummaryWriter  # costs a third of a second to import

            _hush_writers()
            with durable.name_path_in_errors(directory / "tensorboard"):
                self.board = SummaryWriter(str(directory / "tensorboard"), purge_step=start + 1)
        self.bar = tqdm(
            initial=start,
            total=steps,
            unit="step",
            dynamic_ncols=True,
            smoothing=0.05,
            file=sys.stderr,
            mininterval=0.5 if sys.stderr.isatty() else 10.0,
        )

    def advance(self) -> None:
        if self.bar is not None:
            self.bar.update()

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """One line {'step': ..., 'time': ..., name: value, ...}; a NaN is written as null."""
        if not self.active:
            return
        clean = {k: float(v) if math.isfinite(v) else None for k, v in values.items()}
        line = {"step": step, "time": round(time.time(), 3), **clean}
        with durable.name_path_in_errors(self.path), self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        # Of several players each has its own: 'discriminator/loss', 'generator/loss'.
        losses = {k: f"{v:.4g}" for k, v in values.items() if k.split("/")[-1] == "loss"}
        if losses and self.bar is not None:
            self.bar.set_postfix(losses, refresh=False)
        if self.board is not None:
            for name, value in values.items():
                self._scalar(step, name, value)

    def _scalar(self, step: int, name: str, value: float) -> None:
        self._put(lambda board: board.add_scalar(name, value, step))

    def audio(self, step: int, name: str, audio: Any, rate: int) -> None:
        """A clip [T C] or [T] float32 for TensorBoard, which takes two channels at most."""
        if self.board is not None:
            stereo = audio.reshape(len(audio), -1)[:, :2]
            self._put(lambda board: board.add_audio(name, stereo, step, sample_rate=rate))

    def figure(self, step: int, name: str, figure: Any) -> None:
        self._put(lambda board: board.add_figure(name, figure, step))

    @contextlib.contextmanager
    def beside(self, what: str) -> Iterator[None]:
        """For what a run shows of itself on the way: where it fails, a line says so, no more."""
        try:
            yield
        except Exception as error:
            self.say(f"left out {what}: {type(error).__name__}: {error}")

    def say(self, text: str) -> None:
        """A line on the screen that the bar does not overwrite."""
        if self.active:
            tqdm.write(escapes.terminal_line(text), file=sys.stderr)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
        self._put(lambda board: board.close())

    def _put(self, write: Callable[[Any], None]) -> None:
        """Into TensorBoard, until that fails: its thread dies on a full disk, and no one notices.

        A caller that puts more than ten things into its queue then waits for ever.
        """
        if self.board is None:
            return
        writer = self.board.file_writer.event_writer
        try:
            if not writer._worker.is_alive():
                raise OSError(errno.ENOSPC, "its thread could not write")
            write(self.board)
        except OSError as error:
            self.board = None
            if writer._event_queue is not None:
                writer._event_queue.cancel_join_thread()  # it would wait for its reader at the end
            self.say(f"tensorboard/ gets nothing more: {error.strerror or error}")


def _hush_writers() -> None:
    """TensorBoard's thread ends with a traceback on a full disk; `Log` says it in a line."""
    former = threading.excepthook

    def hook(failure: threading.ExceptHookArgs) -> None:
        writer = type(failure.thread).__name__ == "_EventLoggerThread"
        if not (writer and issubclass(failure.exc_type, OSError)):
            former(failure)

    threading.excepthook = hook


def _keep_until(path: Path, step: int) -> None:
    """Drops lines of steps beyond `step`, and a last line that a kill cut short."""
    if not path.exists():
        return
    kept = [line for line in read_metrics(path) if line["step"] <= step]
    durable.write_atomically(path, "".join(json.dumps(line) + "\n" for line in kept))


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of a metrics.jsonl that are whole."""
    lines = []
    for text in path.read_text(errors="replace").splitlines():
        try:
            line = json.loads(text)
        except json.JSONDecodeError:
            continue
        if isinstance(line, dict) and isinstance(line.get("step"), int):
            lines.append(line)
    return lines
