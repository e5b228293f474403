"""One step of what learns latents: codes of codes, and the evidence lower bound."""

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from test_steps_of_densities import Coder
from twin_step import assert_step, drawn, fixed

from zoo.distributions import Gaussian, Tokens
from zoo.layers.quantizer import Quantised
from zoo.objectives.code_autoencoder import CodeAutoencoder
from zoo.objectives.variational import Variational

RNG = np.random.default_rng(6)


class Local:
    distribution = Tokens(4)


class Upper(nn.Module):
    """Logits linear in the last code; latents of pairs of codes far from .5; a penalty."""

    codes: int = 1
    decoder = Local()

    @nn.compact
    def __call__(self, x, *, train=False):
        gain = self.param("gain", nn.initializers.ones, ())
        late = jnp.pad(x, ((0, 0), (1, 0), (0, 0)))[:, :-1]
        latent = gain * x.reshape(len(x), -1, 2).sum(-1, keepdims=True)
        vectors = jnp.full_like(latent, 0.5)
        codes = jnp.zeros(latent.shape[:2], jnp.int32)
        found = Quantised(latent, vectors, codes, 0.3 * gain**2, learnt=False)
        return nn.Dense(4, name="out")(late), found


def test_code_autoencoder():
    """The likelihood of the codes below, the commitment, and what the quantiser adds."""
    audio = RNG.uniform(-1, 1, (2, 16, 1)).astype(np.float32)
    objective = CodeAutoencoder(Upper(), Coder(), commitment=0.7)
    variables = drawn(objective, {"audio": audio})
    gain = np.abs(np.float64(variables.frozen["below"]["gain"]))
    codes = np.clip(np.floor(2 * audio.reshape(2, -1, 2).sum(-1) * gain + 2), 0, 3).astype(int)
    assert len(np.unique(codes)) > 2

    def loss(w):
        late = np.pad(codes[..., None], ((0, 0), (1, 0), (0, 0)))[:, :-1]
        logits = late @ w["out"]["kernel"] + w["out"]["bias"]
        chosen = np.take_along_axis(logits, codes[..., None], -1)[..., 0]
        nats = np.mean(np.logaddexp.reduce(logits, -1) - chosen)
        apart = w["gain"] * codes.reshape(2, -1, 2).sum(-1) - 0.5
        return nats + 0.7 * np.square(apart).mean() + 0.3 * w["gain"] ** 2

    assert_step(objective, variables, {"audio": audio}, "autoencoder", loss)


class Linear(nn.Module):
    """Two latents, of which the second is nearly unused; samples are linear in them."""

    latents: int = 2
    samples: int = 4
    local = None
    distribution = Gaussian()

    @nn.compact
    def __call__(self, audio, noise):
        w = self.param("w", nn.initializers.ones, (3, 2))
        out = self.param("out", nn.initializers.ones, (2, 4))
        scale = self.param("scale", nn.initializers.ones, ())
        mean = audio.sum(1) * w[0]
        log_scale = jnp.broadcast_to(w[1], mean.shape)
        z = mean + jnp.exp(log_scale) * noise
        raw = (z @ out)[..., None] + w[2].sum()
        return jnp.concatenate([raw, jnp.full_like(raw, scale)], -1), mean, log_scale


@pytest.mark.parametrize("beta, warmup, free_bits", [(1.0, 0, 0.0), (0.7, 10, 0.35)])
def test_variational(beta, warmup, free_bits, monkeypatch):
    """Six of ten steps of the warm-up are done; of two latents one lies below the free bits."""
    audio = RNG.normal(size=(3, 4, 1)).astype(np.float32)
    noise = RNG.normal(size=(3, 2))
    objective = Variational(Linear(), beta, warmup, free_bits, dither=0.0)
    variables = drawn(objective, {"audio": audio})
    own = np.array(variables.params["model"]["w"])
    own[0], own[1] = [0.6, 0.05], [-0.7, 0.1]
    variables.params["model"]["w"] = jnp.asarray(own)
    fixed(monkeypatch, "normal", {(3, 2): noise})
    weight = beta * (0.6 if warmup else 1.0)
    seen = []

    def loss(w):
        mean, log_scale = audio.sum(1) * w["w"][0], w["w"][1]
        raw = (mean + np.exp(log_scale) * noise) @ w["out"] + w["w"][2].sum()
        nats = -stats.norm.logpdf(audio[..., 0], raw, np.exp(w["scale"])).sum(1).mean()
        kl = (np.exp(2 * log_scale) + mean**2 - 1) / 2 - log_scale
        seen.append((nats, kl.mean(0)))
        return (nats + weight * np.maximum(kl.mean(0), free_bits).sum()) / 4

    _, measured = assert_step(objective, variables, {"audio": audio}, "model", loss)
    nats, kl = seen[0]
    assert kl[0] > 0.35 > kl[1] > 0
    assert measured["kl"] == pytest.approx(kl.sum(), rel=1e-4)
    assert measured["bits_per_sample"] == pytest.approx((nats + kl.sum()) / 4 / np.log(2), rel=1e-4)
