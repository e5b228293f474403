"""FloWaveNet: its code's count, exact inverse and log-determinant, ActNorm, and an own twin."""

import math
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from quick_keys import QUICK
from scipy import stats

from zoo.layers import flow
from zoo.layers.mel_upsampling import MelUpsampling
from zoo.models.generation.flowavenet import FloWaveNet
from zoo.objectives.base import Request, Variables
from zoo.objectives.flow import Flow
from zoo.signal import mel

TINY = FloWaveNet(blocks=3, flows=2, layers=1, width=3, split_every=2, bins=4, upsampling=(4, 2))
SPEC = mel.MelSpec(16_000, 32, 8, 4, mel.log_clamp, exponent=1)


def shapes_of(model, frames=2):
    inputs = jnp.zeros((1, frames * model.hop, 1)), jnp.zeros((1, frames, model.bins))
    return jax.eval_shape(model.init, jax.random.key(0), *inputs)


def test_parameters_and_lengths_of_the_reference():
    model = FloWaveNet(last_residual=True)
    inputs = jnp.zeros((2, 15_872, 1)), jnp.zeros((2, 63, 80))
    (z, log_det), variables = jax.eval_shape(
        lambda *x: model.init_with_output(jax.random.key(0), *x), *inputs
    )
    assert sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(variables)) == 182_644_788
    assert z.shape == (2, 62, 256) and log_det.shape == (2,)
    assert model.reach == 6 * 4 * 510 + 4 * 16


def started(model=TINY, scale=0.3):
    """Random weights, drawn by NumPy: there is nothing to compile."""
    rng = np.random.default_rng(0)

    def drawn(path, leaf):
        norm = "norms" in jax.tree_util.keystr(path)
        drawn = rng.normal(size=leaf.shape)
        return (1 + 0.3 * drawn if norm else scale * drawn).astype(np.float32)

    return jax.tree_util.tree_map_with_path(drawn, shapes_of(model))


def clips(length=32, batch=2):
    rng = np.random.default_rng(1)
    audio = rng.normal(0, 0.5, (batch, length, 1)).astype(np.float32)
    return audio, rng.normal(size=(batch, length // 8 + 1, 4)).astype(np.float32)


@pytest.mark.parametrize("model", [TINY, TINY.clone(flows=1, split_every=1)], ids=["even", "odd"])
def test_inverse_gives_the_audio_back(model):
    variables, (audio, frames) = started(model), clips()
    z, _ = jax.jit(model.apply)(variables, audio, frames)
    back = jax.jit(partial(model.apply, method="inverse"))(variables, z, frames)
    assert z.shape == (2, 4, 8) and np.abs(np.asarray(z).ravel() - audio.ravel()).max() > 0.1
    np.testing.assert_allclose(back, audio, atol=1e-4)


def test_log_determinant_is_that_of_the_jacobian():
    variables, (audio, frames) = started(scale=0.6), clips(16)

    def latent(x, frame):
        return TINY.apply(variables, x.reshape(1, -1, 1), frame[None])[0].ravel()

    jacobians = jax.jit(jax.vmap(jax.jacobian(latent)))(audio[..., 0], frames)
    expected = [np.linalg.slogdet(np.asarray(j, np.float64))[1] for j in jacobians]
    _, log_det = jax.jit(TINY.apply)(variables, audio, frames)
    np.testing.assert_allclose(log_det, expected, atol=1e-3)
    assert abs(expected[0] - expected[1]) > 1e-2


@pytest.fixture(scope="module")
def begin():
    """Compiles the start of a flow once: {audio [2 512 1]} -> variables."""
    key = jax.random.key(0, impl="rbg")
    return partial(jax.jit(Flow(TINY, SPEC, dither=1.0).init), key)


@pytest.fixture(scope="module")
def predict():
    return partial(jax.jit(Flow(TINY, SPEC).predict), rng=jax.random.key(0))


def test_the_first_batch_sets_every_act_norm_and_no_later_one_does(begin, predict):
    """New couplings are the identity, so that z is white, and the density that of white noise."""
    audio, _ = clips(512)
    batch = {"audio": 0.1 * audio + 0.02}
    variables = begin(batch)
    z, _ = jax.jit(TINY.apply)(variables.of("model"), batch["audio"], np.zeros((2, 65, 4)))
    z = np.asarray(z)
    # The last channels left a block before: they are white at their own rate.
    for part in (z[..., :4], z[..., 4:].reshape(2, -1, 2)):
        np.testing.assert_allclose(part.mean((0, 1)), 0, atol=2e-3)
        np.testing.assert_allclose(part.std((0, 1), ddof=1), 1, atol=2e-3)
    expected = -stats.norm.logpdf(batch["audio"], 0.02, 0.05).mean()
    np.testing.assert_allclose(predict(variables, batch)["nats"].mean(), expected, atol=0.02)
    louder = predict(variables, {"audio": 3 * batch["audio"]})["nats"].mean()
    assert louder > expected + 3  # 3^2 / 2 - 1 / 2, and 3 times the mean: nothing was set anew


def test_a_silent_first_batch_leaves_a_flow_that_learns(begin):
    """Scales of 1e5, what silence and dither have, would never come down again."""
    variables = begin({"audio": np.zeros((2, 512, 1), np.float32)})
    scales = [
        np.abs(leaf).max()
        for path, leaf in jax.tree_util.tree_leaves_with_path(variables.params)
        if "scale" in jax.tree_util.keystr(path) and "norms" in jax.tree_util.keystr(path)
    ]
    assert len(scales) == 6 and max(scales) < 100


def test_act_norm_inverts_and_measures():
    layer, x = flow.ActNorm(), np.random.default_rng(0).normal(2, 3, (2, 9, 4)).astype(np.float32)
    y, variables = layer.init_with_output(jax.random.key(0), x)
    expected = np.log(1 / (x.std((0, 1), ddof=1) + 1e-6)).sum()
    np.testing.assert_allclose(y[1], expected, rtol=1e-5)
    back, log_det = layer.apply(variables, y[0], inverse=True)
    np.testing.assert_allclose(back, x, atol=1e-5)
    np.testing.assert_allclose(log_det, -expected, rtol=1e-5)


def test_pairs_stand_beside_each_other_channel_by_channel():
    x = np.arange(12.0).reshape(1, 6, 2)
    y = flow.squeeze_channels(x)
    np.testing.assert_array_equal(y[0, 0], [0, 2, 1, 3])
    np.testing.assert_array_equal(flow.unsqueeze_channels(y), x)


def test_windows_give_what_one_pass_gives():
    length = 800
    objective = Flow(TINY, SPEC)
    source = np.random.default_rng(2).normal(0, 0.1, (length, 1)).astype(np.float32)
    variables = Variables({"model": started(scale=0.1)["params"]})
    request = Request(length=length, count=2, seed=3, source=source, chunk=96)
    audio = np.concatenate(list(objective.generate(variables, request)), 1)
    features = mel.log_mel(jnp.asarray(source)[None], SPEC)[:, : length // 8, :, 0]
    make = partial(objective._make, 2, variables, np.uint32(3), 1.0)
    whole = make(features, jnp.uint32(0))
    assert 2 * (TINY.frames_before + TINY.frames_after) < length // 8
    np.testing.assert_allclose(audio, np.clip(whole, -1, 1), atol=2e-4)
    assert np.abs(audio[0] - audio[1]).max() > 0.01


def test_bfloat16_leaves_density_and_inverse_close():
    variables, (audio, frames) = started(), clips()
    half = TINY.clone(dtype=jnp.bfloat16)
    z, log_det = jax.jit(TINY.apply)(variables, audio, frames)
    near, near_det = jax.jit(half.apply)(variables, audio, frames)
    assert near.dtype == near_det.dtype == jnp.float32 and np.any(near != z)
    np.testing.assert_allclose(near_det, log_det, atol=0.5)
    np.testing.assert_allclose(near, z, atol=0.05 * np.abs(z).max())
    back = jax.jit(partial(half.apply, method="inverse"))(variables, near, frames)
    np.testing.assert_allclose(back, audio, atol=0.02)


def test_front_end_against_librosa():
    librosa = pytest.importorskip("librosa")
    audio = np.random.default_rng(0).normal(0, 0.1, 4096).astype(np.float32)
    power = librosa.feature.melspectrogram(
        y=audio,
        sr=22_050,
        n_fft=1024,
        hop_length=256,
        n_mels=80,
        fmin=125,
        fmax=7600,
        pad_mode="reflect",
    )
    expected = np.clip((20 * np.log10(np.maximum(1e-4, power)) - 20 + 100) / 100, 0, 1)
    found = mel.log_mel(audio[None, :, None], mel.FLOWAVENET)[0, ..., 0]
    np.testing.assert_allclose(found, expected.T, atol=1e-4)


class TestTwin:
    """The published net once more in PyTorch, as it is told in ksw0306/FloWaveNet's words."""

    def test_upsampling(self):
        torch = pytest.importorskip("torch")
        layer, frames = MelUpsampling(4), np.random.default_rng(0).normal(size=(2, 5, 6))
        variables = layer.init(jax.random.key(0), frames.astype(np.float32))
        params = jax.tree.map(np.array, variables["params"])
        params["scale"] = params["scale"] * 1.3
        weight = torch.tensor(params["kernel"] * 1.3).permute(2, 1, 0)[None]
        tall = torch.tensor(frames, dtype=torch.float32).mT[:, None]
        bias = torch.tensor(params["bias"])
        how = dict(stride=(1, 4), padding=(1, 2))
        theirs = torch.nn.functional.conv_transpose2d(tall, weight, bias, **how)
        theirs = torch.nn.functional.leaky_relu(theirs, 0.4)[:, 0].mT
        np.testing.assert_allclose(layer.apply({"params": params}, frames), theirs, atol=1e-5)

    def test_likelihood_and_gradients_equal_torch(self):
        torch = pytest.importorskip("torch")
        import torch_flowavenet as twin

        audio, frames = clips()
        params = started()["params"]
        objective = Flow(TINY, replace(SPEC))

        def loss(params):
            z, log_det = TINY.apply({"params": params}, audio, frames)
            energy = jnp.sum(z**2, (1, 2)) / 2 + 0.5 * math.log(2 * math.pi) * audio.shape[1]
            return jnp.mean(energy - log_det) / audio.shape[1]

        assert objective.sigma == 1
        value, gradients = jax.jit(jax.value_and_grad(loss))(params)
        twin.assert_agrees(torch, TINY, params, audio, frames, float(value), gradients)


@pytest.mark.parametrize(("even", "least", "most"), [(True, 0.3, 1.0), (False, 0.0, 0.1)])
def test_what_couplings_hear_of_the_mel_at_the_start(even, least, most):
    """As the authors start it, the upsampling hands on a few hundredths of how frames move."""
    model = FloWaveNet(bins=40, even_upsampling=even)
    shapes = np.random.default_rng(2).normal(size=(1, 1, 40))
    frames = jnp.asarray(shapes + np.sin(np.arange(24))[:, None] / 2, jnp.float32)
    given = frames, 24 * model.hop
    key = jax.random.key(0, impl=QUICK)
    condition, _ = model.init_with_output(key, *given, method="_condition")
    assert least < condition.std(1).mean() / frames.std(1).mean() < most
