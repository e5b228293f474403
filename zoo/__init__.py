"""Waveform-based music processing in JAX: models, objectives, training, evaluation, sampling.

    import zoo
    model = zoo.load("musicnn_mtt")
    model.tags("song.mp3")

Importing costs nothing: what a call needs is imported by the call.
"""

from __future__ import annotations

import typing

if typing.TYPE_CHECKING:
    from pathlib import Path

    from zoo.front.system import System

__version__ = "0.1.0"


def load(
    name: str | Path, *, config: str | None = None, step: int | str = "best", **arguments: object
) -> System:
    """A system ready for use: published weights, `zoo/NAME`, a run directory, an exported pair.

    Systems that need no training, as the blind separators, load by the name of their config.

    config: the user's own config file, where the run used one. step: of a run, 'best', 'latest' or
    a number. arguments: of the config, other than in training. Raises `zoo.errors.BadInput`.
    """
    from zoo.front import finding

    words = finding.words_of(arguments) if arguments else ()
    return finding.load_system(name, config=config, step=step, words=words)


def create(config: str, **arguments: object) -> System:
    """The experiment of a config (a name or a .py file) with its first, random weights.

    Nothing touches the disk: no data is read or made.
    """
    from zoo.front import finding

    return finding.create_system(config, arguments)


def list(task: str | None = None, *, weights: bool = False) -> typing.List[str]:  # noqa: UP006
    """Names of all configs, of one task ('classification', ...), or of all weights for `load`."""
    from zoo.front import finding

    return finding.list_names(task, weights=weights)
