"""The student of ClariNet: counts of the reference, one pass, exact density, and distillation."""

import re
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import integrate, stats

from zoo.distributions import Categorical, Gaussian
from zoo.errors import BadInput
from zoo.losses import divergence, spectral
from zoo.models.generation.gaussian_iaf import GaussianIAF
from zoo.models.generation.wavenet import WaveNet
from zoo.objectives.base import Request, Variables
from zoo.objectives.distillation import Distillation
from zoo.sampling.rule import SamplerRule
from zoo.signal import mel

TINY = GaussianIAF(flows=2, layers=2, width=5, gate=4, skip=6, kernel=2, front=3)
SPEC = mel.MelSpec(16_000, 16, 8, 4, mel.log_clamp, exponent=1)


class Memory(nn.Module):
    """A teacher with a formula: the next sample is N(a x[t-1], exp(s)^2), s told by the mel."""

    distribution: Any = Gaussian()

    @nn.compact
    def __call__(self, audio, *, condition, train=False):
        a = self.param("a", lambda _: jnp.array(0.5))
        late = jnp.pad(audio, ((0, 0), (1, 0), (0, 0)))[:, :-1]
        loudness = self.upsample(condition)[:, : audio.shape[1]].mean(-1, keepdims=True)
        return jnp.concatenate([a * late, -2 + 0.05 * loudness], -1)

    def upsample(self, condition):
        return jnp.repeat(condition, 8, 1)


def count(model):
    inputs = jnp.zeros((1, 40, 1)), jnp.zeros((1, 40, 80))
    shapes = jax.eval_shape(model.init, jax.random.key(0), *inputs)
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(shapes))


def test_the_size_of_the_reference():
    model = GaussianIAF(last_residual=True)
    assert count(model) == 5_276_952
    # Its convolutions' field, without the shifts.
    assert model.receptive_field - model.flows == 12_463
    assert count(GaussianIAF()) == 5_276_952 - 6 * (128 * 64 + 2 * 64)


def test_under_bfloat16_the_sound_is_not_rounded():
    half = TINY.clone(flows=1, dtype=jnp.bfloat16)
    shapes = jax.eval_shape(half.init, jax.random.key(0), *inputs(9))
    variables = jax.tree.map(lambda s: jnp.full(s.shape, 0.3, s.dtype), shapes)
    # Not compiled as one: a compiler may leave the rounding out where it finds it.
    _, mean, log_scale = half.apply(variables, *inputs(9))
    for found in (mean, log_scale):
        assert found.dtype == jnp.float32
        assert np.any(found != found.astype(jnp.bfloat16).astype(jnp.float32))


def started(scale=0.5):
    """Random weights of the tiny student, drawn by NumPy: there is nothing to compile."""
    shapes = jax.eval_shape(TINY.init, jax.random.key(0), *inputs(9))
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda s: (scale * rng.normal(size=s.shape)).astype(np.float32), shapes)


def inputs(length, batch=2):
    rng = np.random.default_rng(1)
    shapes = (batch, length, 1), (batch, length, 4)
    return tuple(rng.normal(size=shape).astype(np.float32) for shape in shapes)


def test_one_pass_is_the_sequential_definition():
    """audio = mean + scale noise; both of the noise before only, as far back as is stated."""
    variables, (noise, told) = started(), inputs(24, 1)
    run = jax.jit(TINY.apply)
    audio, mean, log_scale = run(variables, noise, told)
    np.testing.assert_allclose(audio, mean + np.exp(log_scale) * noise, atol=1e-5)

    def last(noise):
        _, mean, log_scale = TINY.apply(variables, noise[None, :, None], told)
        return mean[0, -1, 0] + log_scale[0, -1, 0]

    gradient = np.asarray(jax.jit(jax.grad(last))(noise[0, :, 0]))
    assert TINY.receptive_field == 1 + 2 * (3 + 3)
    seen = np.flatnonzero(gradient)
    assert seen[-1] == 22 and seen[0] == 24 - TINY.receptive_field
    deep = TINY.clone(flows=1, layers=12)  # whose dilations begin anew after ten layers
    shapes = jax.eval_shape(deep.init, jax.random.key(0), noise, told)
    traced = str(jax.make_jaxpr(deep.apply)(shapes, noise, told))
    assert max(map(int, re.findall(r"rhs_dilation=\((\d+),", traced))) == 512
    changed = noise.copy()
    changed[:, 9:] = 5
    later = run(variables, changed, told)
    for ours, theirs in zip((mean, log_scale), later[1:]):
        np.testing.assert_allclose(ours[:, :10], theirs[:, :10], atol=1e-6)


def test_log_scales_are_the_log_determinant():
    variables, (noise, told) = started(), inputs(7, 1)
    flat = jax.jit(jax.jacobian(lambda x: TINY.apply(variables, x[None, :, None], told)[0].ravel()))
    jacobian = np.asarray(flat(noise[0, :, 0]), np.float64)
    _, _, log_scale = jax.jit(TINY.apply)(variables, noise, told)
    assert np.linalg.slogdet(jacobian)[1] == pytest.approx(float(log_scale.sum()), abs=1e-4)
    np.testing.assert_allclose(jacobian, np.tril(jacobian), atol=1e-7)


@pytest.mark.parametrize("ours, theirs", [((0.1, -1.0), (-0.3, -0.5)), ((0.0, 0.5), (1.0, 1.0))])
def test_closed_form_is_the_integral(ours, theirs):
    p, q = (stats.norm(mean, np.exp(log_scale)) for mean, log_scale in (ours, theirs))
    value, _ = integrate.quad(lambda x: p.pdf(x) * (p.logpdf(x) - q.logpdf(x)), -12, 12)
    found = divergence.gaussian_kl(*map(jnp.float32, (*ours, *theirs)))
    assert float(found) == pytest.approx(value, rel=1e-5)


def test_floor_holds_for_both_scales():
    low, high = jnp.float32(-20), jnp.float32(-7)
    kl, gap = divergence.floored_gaussian_kl(jnp.float32(0), low, jnp.float32(0), low)
    assert kl == gap == 0
    _, gap = divergence.floored_gaussian_kl(jnp.float32(0), low, jnp.float32(0), low + 1)
    assert gap == 1  # the second term has no floor, or nothing would move a scale below it
    one, _ = divergence.floored_gaussian_kl(jnp.float32(0), high, jnp.float32(1e-3), low)
    assert float(one) == pytest.approx(0.5 * (1e-3 * np.exp(7)) ** 2, rel=1e-5)


def test_spectral_loss_against_librosa():
    librosa = pytest.importorskip("librosa")
    one, other = np.random.default_rng(0).normal(size=(2, 1, 1024, 1)).astype(np.float32)
    padded = [np.pad(x[0, :, 0], (0, 192)) for x in (one, other)]
    spectra = [
        np.abs(librosa.stft(x, n_fft=256, hop_length=64, win_length=128, center=False))
        for x in padded
    ]
    expected = np.mean((spectra[0] - spectra[1]) ** 2)
    np.testing.assert_allclose(
        spectral.magnitude_mse(one, other, 256, 64, 128), [expected], rtol=1e-4
    )


def objective(**weights):
    return Distillation(TINY, Memory(), SPEC, transform=(32, 8, 16), **weights)


def begun(length=48, batch=16):
    """(objective without the terms that are no divergence, its variables, a batch)."""
    audio = 0.1 * np.random.default_rng(3).normal(size=(batch, length, 1)).astype(np.float32)
    task = objective(regularizer=0.0, spectral=0.0)
    student = started(0.2)["params"]
    frozen = {"teacher": {"a": jnp.array(0.5)}}
    return task, Variables({"student": student}, frozen=frozen), {"audio": jnp.asarray(audio)}


def test_divergence_is_that_of_monte_carlo():
    """Its mean over noise is that of log q(x) - log p(x) over the student's audio."""
    task, variables, batch = begun(batch=512)
    features = task.features(batch["audio"])

    @jax.jit
    def both(key):
        fake, terms = task._distil(variables, features, batch["audio"].shape, key)
        noise = jax.random.normal(key, batch["audio"].shape)
        told = Memory().upsample(features)
        _, _, log_scale = TINY.apply(variables.of("student"), noise, told)
        q = jax.scipy.stats.norm.logpdf(noise) - log_scale
        raw = Memory().apply(variables.of("teacher"), fake, condition=features)
        p = Gaussian().log_prob(raw, fake)
        return terms["kl"].mean((1, 2)), (q[..., 0] - p).mean(1)

    closed, sampled = (np.asarray(x, np.float64) for x in both(jax.random.key(5)))
    error = np.sqrt((closed - sampled).var() / len(closed))
    assert abs(closed.mean() - sampled.mean()) < 4 * error
    assert error < 0.02 * closed.mean()


def test_student_learns_the_teacher():
    task, variables, batch = begun()
    optimiser = optax.chain(optax.clip_by_global_norm(10.0), optax.adam(1e-2))
    loss = task.turns[0].loss

    def step(carry, key):
        params, state = carry

        def value(params):
            return loss(variables.replace(params={"student": params}), batch, key, 0)

        (_, (_, metrics)), gradient = jax.value_and_grad(value, has_aux=True)(params)
        updates, state = optimiser.update(gradient, state)
        return (optax.apply_updates(params, updates), state), metrics["kl"]

    params = variables.params["student"]
    keys = jax.random.split(jax.random.key(0), 120)
    _, kl = jax.jit(partial(jax.lax.scan, step))((params, optimiser.init(params)), keys)
    assert kl[0] > 50 and np.mean(kl[-10:]) < 0.4
    assert [turn.player for turn in task.turns] == ["student"]


def test_windows_give_what_one_pass_gives():
    length = 300
    teacher = WaveNet(
        2,
        1,
        4,
        4,
        4,
        4,
        distribution=Gaussian(),
        input="scalar",
        local_condition=4,
        upsampling=(2, 4),
    )
    task = Distillation(TINY, teacher, SPEC, transform=(32, 8, 16))
    audio, told = inputs(8)
    frozen = jax.eval_shape(lambda: teacher.init(jax.random.key(0), audio, condition=told))
    rng = np.random.default_rng(0)
    frozen = jax.tree.map(lambda s: rng.normal(0, 0.4, s.shape).astype(np.float32), frozen)
    variables = Variables({"student": started(0.2)["params"]}, frozen={"teacher": frozen["params"]})
    source = rng.normal(0, 0.1, (length, 1)).astype(np.float32)
    request = Request(
        length=length, count=2, seed=4, source=source, rule=SamplerRule(0.5), chunk=32
    )
    audio = np.concatenate(list(task.generate(variables, request)), 1)
    assert audio.shape == (2, length, 1) and np.abs(audio[0] - audio[1]).max() > 0.01
    frames = -(-length // 8)
    padded = np.pad(source, ((0, frames * 8 - length), (0, 0)))
    features = task.features(jnp.asarray(padded)[None])[:, :frames]
    make = partial(task._make, 2, variables, np.uint32(4), 0.5)
    whole = make(features, jnp.uint32(0))[:, :length]
    np.testing.assert_allclose(audio, np.clip(whole, -1, 1), atol=1e-5)


def test_wants_a_gaussian_teacher():
    with pytest.raises(BadInput, match="Gaussian"):
        Distillation(TINY, WaveNet(distribution=Categorical()), SPEC)
