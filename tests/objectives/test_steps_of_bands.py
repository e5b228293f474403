"""One step of the likelihood of audio in bands, split and weighed by SciPy."""

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from scipy.signal import lfilter
from scipy.stats import logistic
from twin_step import assert_step, drawn

from zoo.objectives.banded_likelihood import BandedLikelihood
from zoo.signal import qmf
from zoo.signal.mixtures import SoftplusLogistics

RNG = np.random.default_rng(0)


class Halves(nn.Module):
    """Raw numbers of two bands by their mean before and a condition for every sample."""

    bands: int = 2
    distribution: SoftplusLogistics = SoftplusLogistics(1)

    @nn.compact
    def __call__(self, x, condition, *, train=False):
        w = self.param("w", nn.initializers.ones, (3,))
        steps = x.reshape(len(x), -1, 2).mean(-1)
        before = jnp.repeat(jnp.pad(steps, ((0, 0), (1, 0)))[:, :-1], 2, 1)
        mean = 128 * (w[0] * before + w[1] * condition)
        return jnp.stack([jnp.zeros_like(mean), mean, jnp.full_like(mean, 3.0) + w[2]], -1)


def passed(x, zeros):
    for a in zeros:
        x = lfilter([a, 1], [1, a], x)
    return x


def test_bands_are_weighed_side_by_side():
    audio = RNG.uniform(-0.5, 0.5, (2, 40, 1)).astype(np.float32)
    objective = BandedLikelihood(Halves(), condition=lambda batch: batch["audio"][..., 0] ** 2)
    first, second = (
        passed(np.float64(audio[:, start::2, 0]), zeros)
        for start, zeros in enumerate((qmf._FIRST, qmf.SECOND))
    )
    bands = np.stack([(first + second) / 2, (first - second) / 2], -1)
    before = np.pad(bands.mean(-1), ((0, 0), (1, 0)))[:, :-1].repeat(2, 1)

    def loss(params):
        w = params["w"]
        mean = w[0] * before + w[1] * np.float64(audio[..., 0]) ** 2
        scale = np.log1p(np.exp(3 + w[2])) / 128
        return -logistic.logpdf(bands.reshape(2, -1), mean, scale).mean()

    batch = {"audio": audio}
    variables = drawn(objective, batch)
    _, measured = assert_step(objective, variables, batch, "model", loss, rtol=5e-3)
    np.testing.assert_allclose(measured["bits_per_sample"], measured["loss"] / np.log(2), rtol=1e-5)
