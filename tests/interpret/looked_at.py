"""Small trained systems whose filters, tunings and gates are known, to be looked into."""

from types import SimpleNamespace

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from zoo import mesh as meshes
from zoo.data.source import Info
from zoo.errors import BadInput
from zoo.evaluation.tagging import Tagging
from zoo.layers.conv import Conv
from zoo.layers.norm import BatchNorm
from zoo.losses.tagging import binary_cross_entropy
from zoo.objectives.base import Variables
from zoo.objectives.supervised import Supervised

RATE, SAMPLES = 8000, 1000
INFO = Info("toys", RATE, 1, ("loud", "soft", "never"), "CC0", "https://example.org")


def sinusoids(hertz, taps: int = 128) -> np.ndarray:
    """Windowed cosines [taps 1 N], one per frequency."""
    t = np.arange(taps)[:, None] - taps / 2
    wave = np.cos(2 * np.pi * np.asarray(hertz) * t / RATE) * np.hanning(taps)[:, None]
    return wave[:, None].astype(np.float32)


class Bank(nn.Module):
    """Known band-passes, batch norm, a second layer, [B T 1] -> [B 3]; refuses short inputs."""

    taps: int = 128
    filters: int = 4
    samples: int = SAMPLES

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        self._check(x)
        x = Conv(self.filters, self.taps, padding="valid", use_bias=False, name="bank")(x)
        x = nn.relu(BatchNorm(name="norm")(x, train=train))
        x = nn.relu(Conv(6, 3, name="second")(x))
        return nn.Dense(3, name="top")(x.mean(1))

    def _check(self, x: jax.Array) -> None:
        if x.shape[1] < self.samples:
            raise BadInput(f"give {self.samples} samples, not {x.shape[1]}")


class Gated(nn.Module):
    """Gates that are known functions of the sound's power p, [B T 1] -> [B 3]."""

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        power = jnp.mean(x**2, 1)
        power = power * self.param("one", nn.initializers.ones, (1,))
        for number, block in ((10, lambda p: p), (9, lambda p: 1 - p)):
            # Out of order on purpose: 'block_9' has to come before 'block_10'.
            Sower(name=f"block_{number}")(jnp.concatenate([block(power), power * 0 + 0.25], -1))
        return jnp.concatenate([power] * 3, -1)


class Sower(nn.Module):
    """Sows its input [B C] as the gates of a block, -> [B C]."""

    def __call__(self, gates: jax.Array) -> jax.Array:
        self.sow("intermediates", "excitation", gates)
        return gates


def looked_at(model: nn.Module, records=(), samples: int = SAMPLES, **params) -> SimpleNamespace:
    """What `load_trained` returns, with these kernels in place of the learnt ones."""
    objective = Supervised(model, binary_cross_entropy)
    batch = {"audio": np.zeros((1, samples, 1), np.float32)}
    variables = jax.jit(objective.init)(jax.random.key(0), batch)
    own = {**variables.params["model"]}
    for name, kernel in params.items():
        own[name] = {**own[name], "kernel": jnp.asarray(kernel)}
    source = SimpleNamespace(info=INFO, prepare=lambda: None, open=lambda split: list(records))
    experiment = SimpleNamespace(
        objective=objective,
        evaluation=Tagging(samples, batch=4),
        data=SimpleNamespace(source=source, spec=lambda count: batch),
    )
    variables = Variables({"model": own}, variables.collections)
    return SimpleNamespace(
        experiment=experiment,
        variables=variables,
        mesh=meshes.make_mesh(1),
        name="toy",
        directory=None,
    )
