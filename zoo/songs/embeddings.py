"""Embeddings of a user's files as arrays, for `evaluate.py --embeddings`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from zoo import writing
from zoo.audio import audio_files
from zoo.errors import BadInput
from zoo.evaluation.capabilities import Tags, require_capability
from zoo.front.system import System
from zoo.runs import inference
from zoo.runs.trained import Trained
from zoo.songs.own_files import for_each_file, name_outputs
from zoo.songs.taggram import Embedded, open_songs


def of_files(trained: Trained, paths: Iterable[Path]) -> Iterator[Embedded | BadInput]:
    """The embeddings of every file, in order, or why there are none; short files share batches."""
    info, evaluation = trained.experiment.data.source.info, trained.experiment.evaluation
    embed = inference.predictor(trained.experiment.objective, trained.mesh, "embed")
    songs = open_songs(paths, info.channels)
    return require_capability(Tags, evaluation).embeddings(embed(trained.variables), songs, info)


def write_embeddings(
    model: System, inputs: Sequence[str] | None, file: Path, *, force: bool
) -> int:
    """An npz of `files` [N], `embeddings` [N D]; 2 where a file had to be rejected, else 0.

    Raises BadInput where the model has no `embed`, where no file can be used, or `file` exists,
    unless `force`.
    """
    if not inputs:
        raise BadInput("--embeddings needs audio: give --input FILE, a folder or a glob")
    if file.suffix != ".npz":
        raise BadInput(f"{file}: embeddings are written as .npz")
    if file.exists() and not force:
        raise BadInput(f"{file} exists: choose another name, or --force to overwrite")
    model.require("embed")
    files, found = name_outputs(audio_files.find_audio_files(inputs)), dict[str, np.ndarray]()
    answers = of_files(model.trained, files)

    def one(path: Path, name: str) -> str:
        answer = next(answers)
        if isinstance(answer, BadInput):
            raise answer
        found[str(path)] = answer[2]
        return f"{path.name}: {len(answer[2])} numbers"

    code = for_each_file(files, file.parent, one)
    if not found:
        raise BadInput(f"none of {len(files)} files could be embedded")
    with writing.hold_lock(file), writing.replacing(file) as (part,), part.open("wb") as new:
        np.savez(new, files=np.array(list(found)), embeddings=np.stack(list(found.values())))
    return code
