"""The VAE: what collapse looks like, windows drawn from the prior, the strong decoder."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from zoo.distributions import Gaussian
from zoo.errors import BadInput
from zoo.evaluation.latents import Latents
from zoo.models.generation.vae import VAE
from zoo.models.generation.wavenet import WaveNet
from zoo.objectives.base import Request
from zoo.objectives.variational import Variational
from zoo.sampling.rule import SamplerRule

LOCAL = WaveNet(
    2,
    1,
    6,
    6,
    8,
    head=8,
    distribution=Gaussian(),
    input="scalar",
    local_condition=3,
    upsampler="repeat",
)
WEAK = Variational(VAE(64, 5, 6, 2))
STRONG = Variational(VAE(64, 5, 6, 2, LOCAL))
AUDIO = np.random.default_rng(1).normal(0, 0.3, (3, 64, 1)).astype(np.float32)


def started(objective):
    """Random weights, drawn by NumPy: there is nothing to compile."""
    shapes = jax.eval_shape(objective.init, jax.random.key(0), {"audio": AUDIO})
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda s: rng.normal(0, 0.3, s.shape).astype(np.float32), shapes)


def test_a_collapsed_posterior_is_seen_in_the_report():
    """The encoder of zeros gives the prior whatever the audio; a random one does not."""
    variables = started(WEAK)
    predict = jax.jit(WEAK.predict)

    def report(variables):
        return Latents(64, batch=3).run(
            lambda batch: jax.device_get(predict(variables, batch, jax.random.key(0))),
            [{"track": "a", "audio": AUDIO.reshape(-1, 1)[:150]}],
            type("Info", (), {"sample_rate": 16_000}),
        )

    found = report(variables)
    assert found.metrics["active_latents"] == 1 and found.metrics["kl_nats"] > 0.1
    assert found.counts == {"windows": 2, "latents": 5, "left_out_samples": 22}
    silent = variables.params["model"]["encoder"]
    variables.params["model"]["encoder"] = jax.tree.map(jnp.zeros_like, silent)
    collapsed = report(variables)
    assert collapsed.metrics["active_latents"] == 0
    assert collapsed.metrics["kl_nats"] == pytest.approx(0, abs=1e-6)
    bars = collapsed.figures["kl_per_latent"]().axes[0].patches
    assert len(bars) == 5 and all(bar.get_height() < 1e-6 for bar in bars)


def test_the_bound_is_below_the_likelihood_of_a_linear_model_by_the_divergence():
    """Of nats [B] and KL [B L]: nats of the decoder are what is left, for both decoders."""
    for objective in (WEAK, STRONG):
        variables = started(objective)
        output = jax.jit(objective.predict)(variables, {"audio": AUDIO}, jax.random.key(0))
        assert output["nats"].shape == (3,) and output["kl"].shape == (3, 5)
        assert np.all(np.asarray(output["kl"]) >= 0) and output["prediction"].shape == (3, 64, 1)


def test_latents_are_drawn_from_the_posterior_whose_divergence_counts():
    """By SciPy's normals: quantiles of the noise, and the nats from the prior as an integral."""
    variables, noise = started(WEAK), np.random.default_rng(2).normal(size=(3, 5))
    own = variables.of("model")

    @jax.jit
    def parts(noise):
        mean, log_scale = WEAK.model.apply(own, AUDIO, method="encode")
        return WEAK.model.apply(own, AUDIO, noise)[0][..., :1], mean, log_scale

    raw, mean, log_scale = parts(noise.astype(np.float32))
    posterior = stats.norm(np.float64(mean), np.exp(np.float64(log_scale)))
    drawn = posterior.ppf(stats.norm.cdf(noise)).astype(np.float32)
    expected = jax.jit(lambda z: WEAK.model.apply(own, z, method="decode"))(drawn)
    np.testing.assert_allclose(raw, expected, atol=1e-4)
    z = posterior.ppf((np.arange(20_000) + 0.5)[:, None, None] / 20_000)
    nats = (posterior.logpdf(z) - stats.norm.logpdf(z)).mean(0)
    found = jax.jit(WEAK.predict)(variables, {"audio": AUDIO}, jax.random.key(0))["kl"]
    np.testing.assert_allclose(found, nats, atol=1e-3, rtol=1e-3)


def test_weak_decoders_draw_window_after_window_by_seed_and_voice():
    variables = started(WEAK)
    request = Request(length=300, count=2, seed=3, chunk=50)
    audio = np.concatenate(list(WEAK.generate(variables, request)), 1)
    assert audio.shape == (2, 300, 1)
    assert np.abs(audio[0, :64] - audio[0, 64:128]).max() > 0.01
    short = np.concatenate(list(WEAK.generate(variables, Request(length=100, seed=3))), 1)
    np.testing.assert_allclose(short[0], audio[0, :100], atol=1e-6)  # whatever the count


def test_strong_decoders_draw_what_their_parallel_pass_prefers():
    """At temperature 0: the latents' mean, and of each sample the mean given those before."""
    variables = started(STRONG)
    request = Request(length=100, count=1, rule=SamplerRule(0))
    audio = np.concatenate(list(STRONG.generate(variables, request)), 1)
    assert audio.shape == (1, 100, 1)
    own = variables.of("model")

    @jax.jit
    def forced(audio):
        features = STRONG.model.apply(own, jnp.zeros((1, 5)), method="decode")
        local = {"params": own["params"]["local"]}
        return LOCAL.distribution.mode(LOCAL.apply(local, audio, condition=features))

    np.testing.assert_allclose(forced(audio[:, :64]), audio[:, :64], atol=1e-5)
    np.testing.assert_allclose(audio[:, 64:], audio[:, :36], atol=1e-6)  # windows begin anew


def test_says_what_would_be_right():
    with pytest.raises(BadInput, match="multiple of 16"):
        jax.eval_shape(
            VAE(60, 5, 6, 2).init, jax.random.key(0), jnp.zeros((1, 60, 1)), jnp.zeros((1, 5))
        )
    with pytest.raises(BadInput, match="--prompt"):
        next(STRONG.generate(started(STRONG), Request(8, source=np.zeros((8, 1)))))
