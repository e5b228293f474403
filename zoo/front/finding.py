"""Systems by name: published weights, our own, files of others, run directories, pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo import catalog
from zoo.errors import BadInput

if TYPE_CHECKING:
    from zoo.front.system import System
    from zoo.runs.trained import Trained

OWN = "zoo/"  # what names of our own weights begin with


def load_system(
    name: str | Path,
    *,
    config: str | None = None,
    step: int | str = "best",
    words: Sequence[str] = (),
) -> System:
    """The system of that name or folder. Raises BadInput where there is none, or it is damaged.

    Names, files and checksums are looked at now; JAX is imported and the experiment built when the
    system is first used. config: the user's own config file, where a run used one. step: of a run.
    words: arguments of the config as 'name=value'.
    """
    from zoo.pretrained import own_files

    if (file := own_files.own_file_path(str(name))) is not None:
        return _of_file(file, config, tuple(words))
    folder = _folder_of(str(name))
    if folder is None and is_config(str(name)):
        return _untrained(str(name), tuple(words))
    if folder is None:
        return _published_system(str(name), config, tuple(words))
    if (folder / "checkpoints").is_dir():
        return _of_run(folder, config, step, tuple(words))
    if not (folder / "model.json").is_file():
        raise BadInput(
            f"{folder} holds neither checkpoints/ nor model.json: give the --workdir of a training "
            "run, or a folder that `python -m zoo export` made"
        )
    return _of_pair(folder, config, tuple(words))


def _folder_of(name: str) -> Path | None:
    """Where the weights of a name lie; None of what others published."""
    path = Path(name).expanduser()
    if name in own_names() or (name.startswith(OWN) and not path.is_dir()):
        return own_weights_folder(name)
    if path.name in ("model.json", "model.safetensors") and path.is_file():
        return path.parent
    return path if path.is_dir() else None


def is_config(name: str) -> bool:
    """Whether it is CONFIG or CONFIG.ROW: by this name systems load that need no training."""
    return name.partition(".")[0] in catalog.config_files()


def own_weights_folder(name: str) -> Path:
    """The folder of one of our own weights. Raises BadInput with the names that there are."""
    folder = weights_folder() / name.removeprefix(OWN)
    if name not in own_names():
        there = ", ".join(own_names()) or "none yet"
        raise BadInput(f"no weights '{name}'; of our own there are: {there}")
    return folder


def weights_folder() -> Path:
    """Where our own weights stand: beside the configs, in a clone or inside the package."""
    return catalog.configs_folder().parent / "weights"


def own_names() -> list[str]:
    """The names of our own weights: folders of weights/ with a model.json."""
    files = sorted(weights_folder().glob("*/model.json"))
    folders = [file.parent.name for file in files]
    return [f"{OWN}{name}" for name in folders if name[0] != "."]  # that is being written


def _published_system(name: str, config: str | None, words: tuple[str, ...]) -> System:
    """Weights that others published, obtained and verified now."""
    from zoo.front.system import System
    from zoo.pretrained import index, obtain

    record = index.find_published(name)
    arrays = obtain.obtain_arrays(record)
    return System(name, partial(_published, name, config, words, arrays))


def _published(name: str, config: str | None, words: tuple[str, ...], arrays: Any) -> Trained:
    from zoo.runs import trained

    return trained.published(name, config=config, words=words, arrays=arrays)


def _of_file(path: Path, config: str | None, words: tuple[str, ...]) -> System:
    """Weights of others in a file of the user's own, read and checked now."""
    from zoo.front.system import System
    from zoo.pretrained import own_files

    record, arrays = own_files.read_own_file(path)
    return System(record.name, partial(_of_record, record, config, words, arrays))


def _of_record(record: Any, config: str | None, words: tuple[str, ...], arrays: Any) -> Trained:
    from zoo.runs import trained

    return trained.of_record(record, config=config, words=words, arrays=arrays)


def _of_pair(folder: Path, config: str | None, words: tuple[str, ...]) -> System:
    """The pair of a folder, its weights verified now."""
    from zoo.front.system import System
    from zoo.runs import pairs

    facts = pairs.read_facts(folder)
    pairs.verify_weights(folder, facts)
    name = str(facts.get("name") or folder.name)
    if config is None and facts.get("config_file") and (folder / pairs.PROGRAM).is_file():
        from zoo.front import programs

        return System(name, partial(programs.trained_of, folder, facts))
    return System(name, partial(pairs.load_pair, folder, facts, config=config, words=words))


def _of_run(folder: Path, config: str | None, step: int | str, words: tuple[str, ...]) -> System:
    """A run's best weights: its pair where that is in step with the best checkpoint, else this."""
    from zoo.front.system import System
    from zoo.runs import pairs, trained

    if step == "best" and pairs.in_step(folder):
        facts = pairs.read_facts(folder)
        found = pairs.load_pair(folder, facts, config=config, words=words)
        found = replace(found, name=folder.name, directory=folder)
    else:
        found = trained.load_trained(folder, config=config, step=step, words=words)
    return System(found.name, lambda: found)


def _untrained(config: str, words: Sequence[str]) -> System:
    """A system that needs no training, by its config."""
    from zoo import experiment as experiments
    from zoo.front.system import System
    from zoo.runs import trained

    found = trained.untrained(experiments.find_config(config), words)
    return System(found.name, lambda: found)


def requested_system(
    checkpoint: str | None, config: str | None, step: int | str, words: Sequence[str]
) -> System:
    """What the scripts' --checkpoint, --config, --step and name=value words mean."""
    if checkpoint is not None:
        return load_system(checkpoint, config=config, step=step, words=words)
    if config is None:
        raise BadInput("give --checkpoint (a run directory, or published weights), or --config")
    return _untrained(config, words)


def create_system(config: str, arguments: dict[str, Any]) -> System:
    """The experiment of a config with its first, random weights; nothing touches the disk."""
    from zoo import experiment as experiments
    from zoo.front.system import System

    found = experiments.find_config(config)
    values = found.parse(words_of(arguments))
    experiment = found.experiment(**values)
    return System(found.name, partial(_fresh, found, values, experiment), experiment)


def _fresh(config: Any, arguments: dict[str, Any], experiment: Any) -> Trained:
    import jax

    from zoo import mesh as meshes
    from zoo.runs.trained import Trained
    from zoo.training.state import GENERATOR

    key = jax.random.key(experiment.seed, impl=GENERATOR)
    variables = jax.jit(experiment.objective.init)(key, experiment.data.spec(1))
    return Trained(config, arguments, experiment, variables, {}, meshes.make_mesh(1), config.name)


def words_of(arguments: dict[str, Any]) -> list[str]:
    """Python values as the command line's name=value words, so that both are checked alike."""
    from zoo.arguments import format_value

    return [f"{name}={format_value(value)}" for name, value in arguments.items()]


def list_names(task: str | None = None, *, weights: bool = False) -> list[str]:
    """The names of all configs (of one task), or of all weights that `load_system` takes."""
    if weights:
        from zoo.pretrained import index

        return [*own_names(), *sorted(index.weights())]
    if task not in (None, *catalog.TASKS):
        raise BadInput(f"task={task!r}: choose {', '.join(catalog.TASKS)}")
    found = catalog.config_files().items()
    return [name for name, path in found if task in (None, path.parent.name)]
