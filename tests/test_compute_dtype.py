"""`bfloat16=true` is for every network of an experiment, frozen teachers and autoencoders too."""

import dataclasses

import flax.linen as nn
import jax.numpy as jnp
import pytest

from zoo import catalog
from zoo import experiment as experiments

NAMES = [n for n in catalog.config_files() if "bfloat16" in experiments.find_config(n).parameters]


def modules(part):
    """All linen modules inside an objective, however deep."""
    if isinstance(part, nn.Module):
        yield part
    fields = dataclasses.fields(part) if dataclasses.is_dataclass(part) else ()
    for value in (getattr(part, f.name, None) for f in fields if f.name != "parent"):
        for inner in value if isinstance(value, tuple | list) else [value]:
            yield from modules(inner)


@pytest.mark.parametrize("name", NAMES)
def test_no_network_is_left_out(name):
    config = experiments.find_config(name)
    objective = config.experiment(**{**config.entry.smoke, "bfloat16": True}).objective
    found = [module for module in modules(objective) if hasattr(module, "dtype")]
    assert found
    assert {module.dtype for module in found} == {jnp.bfloat16}
