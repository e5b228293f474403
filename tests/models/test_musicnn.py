"""musicnn and VGG: sizes of the published networks, their front end, and their own arithmetic."""

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
from scipy.signal import correlate

from zoo.errors import BadInput
from zoo.models.classification.musicnn import Branch, Musicnn
from zoo.models.classification.vgg import Vgg, pool
from zoo.signal.mel import MUSICNN
from zoo.signal.patches import log_mel_patch

TINY = Musicnn(
    labels=3,
    timbral=2,
    heights=(90, 93),
    temporal=2,
    lengths=(8, 4, 2),
    middle=3,
    hidden=4,
    frames=16,
)


def shapes(model):
    x = jax.ShapeDtypeStruct((2, model.samples, 1), jnp.float32)
    return jax.eval_shape(
        lambda key, x: model.init_with_output(
            key, x, mutable=["params", "batch_stats", "intermediates"]
        ),
        jax.random.key(0),
        x,
    )


@pytest.mark.parametrize(
    "model, parameters",
    [
        (Musicnn(), 787_159),
        (Vgg(), 605_748),
    ],
)
def test_sizes_are_the_librarys(model, parameters):
    output, variables = shapes(model)
    assert output.shape == (2, 50) and model.samples == 187 * 256
    assert sum(leaf.size for leaf in jax.tree.leaves(variables["params"])) == parameters


def test_features_have_the_librarys_shapes():
    seen = shapes(Musicnn())[1]["intermediates"]
    wanted = {"timbral": (2, 187, 408), "temporal": (2, 187, 153), "cnn_1": (2, 187, 64)}
    assert {k: seen[k][0].shape for k in wanted} == wanted
    assert seen["penultimate"][0].shape == (2, 200)
    pools = shapes(Vgg())[1]["intermediates"]
    lengths = [pools[f"pool_{i}"][0].shape[1:3] for i in range(1, 6)]
    assert lengths == [(92, 48), (46, 24), (23, 12), (11, 6), (2, 1)]


def test_front_end_is_librosas_in_half_precision():
    """And it stays finite where float16 times 10,000 would not."""
    x = np.random.default_rng(0).uniform(-1, 1, 12 * 256).astype(np.float32)
    power = librosa.feature.melspectrogram(
        y=x, sr=16_000, hop_length=256, n_fft=512, n_mels=96, pad_mode="reflect"
    ).T
    rounded = power.astype(np.float16).astype(np.float32)
    ours = np.asarray(log_mel_patch(jnp.asarray(x)[None, :, None], MUSICNN))[0]
    assert ours.shape == (12, 96) and rounded.max() > 6.6  # 65,504 / 10,000
    # A value on the border of two halves may round to either.
    np.testing.assert_allclose(ours, np.log10(10_000 * rounded + 1)[:12], atol=5e-4)
    with pytest.raises(BadInput, match=r"takes \[B 4,096 1\]"):
        TINY.apply({}, jnp.zeros((1, 4_095, 1)))


@pytest.mark.parametrize("taps, height", [(7, 5), (8, 1)])
def test_a_branch_is_a_convolution_in_two_dimensions(taps, height):
    x = np.random.default_rng(0).standard_normal((1, 20, 9)).astype(np.float32)
    branch = Branch(2, taps, height)
    variables = branch.init(jax.random.key(0), x)
    stats = {"mean": jnp.array([0.3, 0.1]), "var": jnp.array([2.0, 0.5])}
    variables = {**variables, "batch_stats": {"block": {"norm": stats}}}
    found = np.asarray(branch.apply(variables, x)[0])
    kernel = np.asarray(variables["params"]["block"]["conv"]["kernel"])
    padded = np.pad(x[0], (((taps - 1) // 2, taps // 2), (0, 0)))
    for channel in range(2):
        plain = np.maximum(correlate(padded, kernel[:, :, channel], "valid"), 0)
        plain = (plain - stats["mean"][channel]) / np.sqrt(stats["var"][channel] + 1e-3)
        np.testing.assert_allclose(found[:, channel], plain.max(1), atol=1e-5)


def test_first_pool_of_vgg_is_four_by_one_with_stride_two():
    x = np.random.default_rng(0).standard_normal((1, 11, 7, 2)).astype(np.float32)
    found = pool(jnp.asarray(x), 0)
    assert found.shape == (1, 4, 4, 2)
    for i, j in np.ndindex(4, 4):
        np.testing.assert_array_equal(found[0, i, j], x[0, 2 * i : 2 * i + 4, 2 * j].max(0))


@pytest.fixture(scope="module")
def tiny():
    """Audio, and random variables that need no compilation."""
    random = np.random.default_rng(0)
    x = random.uniform(-0.5, 0.5, (1, TINY.samples, 1)).astype(np.float32)
    shapes = jax.eval_shape(TINY.init, jax.random.key(0), x)
    filled = jax.tree.map(lambda s: random.uniform(0.1, 0.9, s.shape).astype(np.float32), shapes)
    return x, {key: filled[key] for key in ("params", "batch_stats")}


def test_pooled_features_are_interleaved(tiny):
    """Largest and mean of channel c lie at 2 c and 2 c + 1: what the published weights expect."""
    x, variables = tiny

    @jax.jit
    def seen(variables):
        output, rest = TINY.apply(variables, x, mutable=["intermediates"])
        return output, {key: value[0] for key, value in rest["intermediates"].items()}

    output, features = jax.device_get(seen(variables))
    joined = np.concatenate([features[k] for k in ("timbral", "temporal")], -1)
    joined = np.concatenate([joined, *(features[f"cnn_{i}"] for i in (1, 2, 3))], -1)[0]
    pooled = np.zeros(2 * joined.shape[1])
    for channel in range(joined.shape[1]):
        pooled[2 * channel] = joined[:, channel].max()
        pooled[2 * channel + 1] = joined[:, channel].mean()
    params, stats = variables["params"], variables["batch_stats"]

    def norm(name, x):
        centred = (x - stats[name]["mean"]) / np.sqrt(stats[name]["var"] + 1e-3)
        return centred * params[name]["scale"] + params[name]["bias"]

    hidden = norm("norm_pooled", pooled) @ params["hidden"]["kernel"] + params["hidden"]["bias"]
    hidden = norm("norm_hidden", np.maximum(hidden, 0))
    np.testing.assert_allclose(features["penultimate"][0], hidden, rtol=1e-4)
    top = hidden @ params["top"]["kernel"] + params["top"]["bias"]
    np.testing.assert_allclose(output[0], top, rtol=1e-4)


def test_precision_length_and_what_is_refused(tiny):
    x, variables = tiny
    low = jax.eval_shape(TINY.clone(dtype=jnp.bfloat16).apply, variables, x)
    assert low.dtype == jnp.float32 and low.shape == (1, 3)
    longer = jnp.concatenate([x, x], 1)
    assert jax.eval_shape(TINY.apply, variables, longer).shape == (1, 3)
    with pytest.raises(BadInput, match="takes 187 frames"):
        jax.eval_shape(Vgg().init, jax.random.key(0), jnp.zeros((1, 188 * 256, 1)))
