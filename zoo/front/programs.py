"""Exported programs: `jax.export` of a system's prediction, with its weights beside it.

model.program is StableHLO for CPUs, GPUs and TPUs, of any batch size and, where the model allows
it, any length; it takes the arrays of model.safetensors by name. It needs none of the model's code,
so a system of the user's own config file is used by whoever has the folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
from jax import export

from zoo import durable
from zoo import mesh as meshes
from zoo.catalog import Entry, PaperRow
from zoo.checkpoints import typed
from zoo.checkpoints.checksums import by_path
from zoo.checkpoints.metadata import Unfit
from zoo.data.pipeline import Data
from zoo.data.source import Example, Info
from zoo.errors import BadInput
from zoo.evaluation.capabilities import Tags, TracksPitch, Transcribes, separates
from zoo.experiment import Config, Experiment
from zoo.objectives.base import Batch, Turn, Variables
from zoo.runs import networks, pairs
from zoo.runs.trained import Trained

PLATFORMS = ("cpu", "cuda", "tpu")


def write_program(found: Trained, folder: Path) -> dict[str, Any]:
    """folder/model.program, and what model.json says of it: inputs, platforms, how it is applied.

    Raises BadInput where the prediction of the system cannot be lowered for all platforms.
    """
    exported, free = _program(found)
    durable.write_atomically(folder / pairs.PROGRAM, bytes(exported.serialize()))
    about = {
        "file": pairs.PROGRAM,
        "sha256": durable.file_sha256(folder / pairs.PROGRAM),
        "platforms": list(exported.platforms),
        **free,
        **_application(found),
    }
    durable.write_json(folder / pairs.FACTS, {**pairs.read_facts(folder), "program": about})
    return about


def _program(found: Trained) -> tuple[export.Exported, dict[str, Any]]:
    """The exported prediction, with as much of its shapes free as the model lets, and `inputs`.

    It maps ({path: array}, {key: batch}) to what the objective's `predict` gives.
    """
    objective = found.experiment.objective
    variables = networks.for_inference(objective, found.variables)
    structure, arrays = jax.tree.structure(variables), by_path(variables)
    read = _keys_read(found)
    size = getattr(found.experiment.evaluation, "batch", 1)
    spec = {k: v for k, v in found.experiment.data.spec(size).items() if k in read}

    def predict(weights: dict[str, jax.Array], batch: Batch) -> Batch:
        whole = jax.tree.unflatten(structure, [weights[path] for path in arrays])
        return objective.predict(whole, batch, jax.random.key(0))

    given = {k: jax.ShapeDtypeStruct(v.shape, v.dtype) for k, v in arrays.items()}
    faults = []
    for step, shapes in candidates(spec, networks.find_network(objective, found.variables)[0]):
        try:
            made = export.export(jax.jit(predict), platforms=PLATFORMS)(given, shapes)
        except Exception as error:  # whatever tracing a model with free sizes raises
            faults.append(str(error).strip().splitlines()[0])
            continue
        said = lengths(_longest(spec), step, faults)
        return made, {"inputs": symbolic_sizes(shapes), "lengths": said}
    raise BadInput(f"{found.name} cannot be exported as a program: {faults[-1]}")


def candidates(spec: dict[str, Any], model: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    """Shapes of a batch, the freest first, with the step of their lengths: 0 for one alone.

    A model whose inputs are of lengths that differ by whole steps says so by its `length_step`.
    Where another refuses lengths that differ by one sample, it may take multiples of its own.
    """
    for step in dict.fromkeys((getattr(model, "length_step", 1), _longest(spec))):
        yield step, _symbolic(spec, "b", step)
    yield 0, _symbolic(spec, "b", 0)
    yield 0, {k: jax.ShapeDtypeStruct(v.shape, v.dtype) for k, v in spec.items()}


def _longest(spec: dict[str, Any]) -> int:
    """The length of the audio, or of the frames, that an example has."""
    return max((value.shape[1] for value in spec.values() if value.ndim == 3), default=1)


def _symbolic(spec: dict[str, Any], batch: str, step: int) -> dict[str, Any]:
    """The shapes of a batch of any size, its audio as long as in `spec` or whole steps longer.

    step 0: no longer.
    """
    own = _longest(spec)
    scope = export.SymbolicScope(["b >= 1", *([f"n >= {own // step}"] if step else [])])
    time = f"{step}*n + {own % step}" if step else ""
    shapes = {}
    for key, value in spec.items():
        sizes = [batch, *map(str, value.shape[1:])]
        if time and value.ndim == 3 and value.shape[1] == own:
            sizes[1] = time
        shape = export.symbolic_shape(", ".join(sizes), scope=scope)
        shapes[key] = jax.ShapeDtypeStruct(shape, value.dtype)
    return shapes


def symbolic_sizes(shapes: dict[str, Any]) -> dict[str, list[str]]:
    """{input: sizes}, of which those with a letter are free."""
    return {k: [str(size).replace(" ", "") for size in v.shape] for k, v in shapes.items()}


def lengths(own: int, step: int, faults: Sequence[str]) -> str:
    """Which lengths a program takes, in words; why no others, where it takes one alone."""
    if step:
        return f"from {own:,}" if step == 1 else f"from {own:,} in steps of {step:,}"
    return f"of {own:,} alone ({' '.join(faults[0].split())[:200]})"


def _keys_read(found: Trained) -> set[str]:
    """Which arrays of a batch the prediction reads."""
    read: set[str] = set()

    class Watched(dict):
        def __getitem__(self, key: str) -> Any:
            read.add(key)
            return super().__getitem__(key)

    objective, spec = found.experiment.objective, found.experiment.data.spec(1)

    def predict(variables: Variables, batch: Batch) -> Batch:
        return objective.predict(variables, Watched(batch), jax.random.key(0))

    jax.eval_shape(predict, found.variables, spec)
    return read


def _application(found: Trained) -> dict[str, Any]:
    """How the program is applied to a user's audio: the kind of evaluation and its fields.

    Notes that are found otherwise than by a threshold (Basic Pitch's) need the zoo: 'predict'.
    """
    from zoo.songs.note_decoding import Rises

    evaluation = found.experiment.evaluation
    if isinstance(evaluation, Tags):
        kept = ("samples", "batch", "hop", "key")
        return {"kind": "tags", "evaluation": {k: getattr(evaluation, k) for k in kept}}
    if separates(evaluation):
        return {"kind": "separate", "evaluation": asdict(evaluation.how)}
    if isinstance(evaluation, Transcribes) and isinstance(evaluation.decoder, Rises):
        fields = {"decoder": asdict(evaluation.decoder), "windows": asdict(evaluation.windows)}
        return {"kind": "notes", "evaluation": fields}
    if isinstance(evaluation, TracksPitch):
        own = ("samples", "hop", "batch")
        return {"kind": "pitch", "evaluation": {k: getattr(evaluation, k) for k in own}}
    return {"kind": "predict", "evaluation": {}}


def _evaluation_of(about: dict[str, Any]) -> Any:
    """The evaluation that `_application` described; None for 'predict'. Raises Unfit."""
    from zoo.evaluation.pitch import Pitch
    from zoo.evaluation.separation import Separation
    from zoo.evaluation.tagging import Tagging
    from zoo.evaluation.transcription import NoteTranscription
    from zoo.songs.note_decoding import NoteWindows, Rises
    from zoo.songs.separating import Separator

    kind, given = about.get("kind"), about.get("evaluation")
    if kind == "predict":
        return None
    if kind == "separate":
        return Separation(typed.typed_record(Separator, given))
    if kind == "notes":
        windows, decoder = typed.object_fields(given, "windows", "decoder")
        return NoteTranscription(
            typed.typed_record(NoteWindows, windows), typed.typed_record(Rises, decoder)
        )
    if kind in ("tags", "pitch"):
        return typed.typed_record({"tags": Tagging, "pitch": Pitch}[kind], given)
    raise Unfit("'kind' is none of tags, separate, notes, pitch, predict")


@dataclass(frozen=True, eq=False)
class _Exported:
    """An objective that only predicts, by an exported program."""

    program: export.Exported

    turns: tuple[Turn, ...] = ()

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        raise BadInput("an exported program cannot be trained: use the config it came from")

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        try:
            return self.program.call(variables.params["program"], batch)
        except (TypeError, ValueError, KeyError) as error:
            reason = " ".join(str(error).split())[:200]
            raise BadInput(
                f"model.program does not take what model.json says ({reason}): export it anew"
            ) from error


@dataclass(frozen=True)
class _Described:
    """The data that a system was trained on, as far as model.json tells; without any records."""

    info: Info

    def blank(self) -> Example:
        return {}

    def prepare(self) -> None:
        """There is nothing to prepare."""

    def open(self, split: str) -> Sequence[Example]:
        raise BadInput(f"an exported program comes without its data ({self.info.name})")


def trained_of(folder: Path, facts: dict[str, Any]) -> Trained:
    """The system of a folder with model.program, without any code of its own."""
    about, path = facts.get("program") or {}, folder / pairs.PROGRAM
    if not isinstance(about, dict):
        raise BadInput(f"{folder}: model.json has no sound 'program': export it anew")
    if not path.is_file() or durable.file_sha256(path) != about.get("sha256"):
        raise BadInput(f"{path} is damaged, or not of this model.json: export it anew")
    try:
        evaluation = _evaluation_of(about)
    except Unfit as error:
        raise BadInput(f"{folder}: model.json has no sound 'program' ({error})") from error
    try:
        objective = _Exported(export.deserialize(bytearray(path.read_bytes())))
    except Exception as error:  # whatever a reader of foreign bytes raises
        raise BadInput(f"{path} is no exported program: export it anew") from error
    info = pairs.info_of(facts, folder / pairs.FACTS)
    experiment = Experiment(Data(_Described(info), ()), objective, {}, evaluation, 1, 0)
    held = {k: jax.numpy.asarray(v) for k, v in pairs.read_weights(folder).items()}
    meta = {"step": facts.get("step"), "licence": facts["licence"], "scores": facts["scores"]}
    config = _described(facts, folder)
    name = str(facts.get("name") or folder.name)
    variables = Variables({"program": held})
    arguments = facts["arguments"]
    return Trained(config, arguments, experiment, variables, meta, meshes.make_mesh(1), name)


def _described(facts: dict[str, Any], folder: Path) -> Config:
    """What stands for the config that an exported program does without."""
    name, title = facts["config"], str(facts.get("title") or "an exported program")
    row = PaperRow(name, "exported")
    entry = Entry(name, folder, "own", title, (row,), {}, {})
    return Config(name, folder, "own", ModuleType(name), entry, row)
