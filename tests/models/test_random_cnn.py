"""Feature sizes of the untrained networks, and what an average of random filters must be."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.errors import BadInput
from zoo.models.classification.random_cnn import (
    NETS,
    BandFilters,
    averages,
    make_random_cnn,
    paper_mel_spec,
)
from zoo.signal import mel

RATE = 12_000
# Features as the authors' settings of about 3,500 give them; parameters are sums over the layers.
SIZES = {
    "sample_level": 3584,
    "frame_level": 3584,
    "frame_level_many": 3584,
    "vgg": 3585,
    "7x96": 3585,
    "7x86": 3585,
    "timbral": 3584,
    "temporal": 3584,
    "timbral_temporal": 3584,
}
WEIGHTS = {
    "sample_level": 4 * 512 + 6 * (3 * 512 + 1) * 512,
    "frame_level": 513 * 896 + 3 * (7 * 896 + 1) * 896,
    "vgg": 10 * 717 + 4 * (9 * 717 + 1) * 717,
    "7x96": (7 * 96 + 1) * 3585,
    "temporal": 166 * 192 + 129 * 448 + 65 * 960 + 33 * 1984,
}


@pytest.mark.parametrize("net", NETS)
def test_stands_at_the_paper_s_size(net):
    model = make_random_cnn(net, RATE)
    x = np.zeros((2, 350_000, 1), np.float32)
    variables = jax.eval_shape(model.init, jax.random.key(0), x)
    assert jax.eval_shape(model.apply, variables, x).shape == (2, SIZES[net])
    if net in WEIGHTS:
        count = sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))
        assert count == WEIGHTS[net]


@pytest.mark.parametrize("net", ["sample_level", "7x96", "temporal"])
def test_the_same_key_gives_the_same_features_and_another_others(net):
    model = make_random_cnn(net, RATE, 4)
    init, apply = jax.jit(model.init), jax.jit(model.apply)
    x = np.random.default_rng(0).uniform(-1, 1, (2, 2_200, 1)).astype(np.float32)
    first = [init(jax.random.key(seed), x) for seed in (0, 0, 1)]
    one, two, other = (np.asarray(apply(v, x)) for v in first)
    np.testing.assert_array_equal(one, two)
    assert np.all(np.isfinite(one)) and np.abs(one - other).max() > 1e-3
    assert np.abs(one[0] - one[1]).max() > 1e-5  # clips differ


def test_first_maps_are_what_their_definition_says():
    """Means over time of the rectified first convolution, by hand."""
    model = make_random_cnn("sample_level", RATE, 5)
    x = np.random.default_rng(0).uniform(-1, 1, (1, 3 * 729, 1)).astype(np.float32)
    variables = jax.jit(model.init)(jax.random.key(0), x)
    kernel = np.asarray(variables["params"]["conv_0"]["kernel"])[:, 0]
    by_hand = np.maximum(x.reshape(-1, 3) @ kernel, 0).mean(0)
    found = np.asarray(jax.jit(model.apply)(variables, x))
    np.testing.assert_allclose(found[0, :5], by_hand, rtol=1e-5)
    assert found.shape == (1, 35)


def test_bands_as_a_batch_are_a_convolution_in_two_dimensions():
    x = np.random.default_rng(0).standard_normal((2, 20, 12)).astype(np.float32)
    shape = BandFilters(3, 7, 9, "valid")
    variables = shape.init(jax.random.key(0), x)
    kernel = variables["params"]["conv"]["kernel"]  # [7 9 3]
    plain = jax.lax.conv_general_dilated(
        x[..., None],
        kernel[:, :, None],
        (1, 1),
        "VALID",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    expected = jnp.maximum(plain, 0).max(2)
    np.testing.assert_allclose(shape.apply(variables, x), expected, atol=1e-5)
    with pytest.raises(BadInput, match="12 or fewer"):
        BandFilters(3, 7, 13).init(jax.random.key(0), x)


def test_spectrogram_equals_librosa():
    import librosa

    x = np.random.default_rng(0).uniform(-1, 1, 6_000).astype(np.float32)
    power = librosa.feature.melspectrogram(
        y=x, sr=RATE, n_fft=512, hop_length=256, n_mels=96, fmax=6_000, pad_mode="reflect"
    )
    expected = librosa.power_to_db(power).T
    found = mel.log_mel(x[None, :, None], paper_mel_spec(RATE))[0, ..., 0]
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_averages_are_per_map():
    maps = [np.arange(12.0).reshape(1, 6, 2), np.ones((1, 2, 3, 4)) * np.arange(4)]
    found = averages([jnp.asarray(m) for m in maps])
    np.testing.assert_allclose(found, [[5, 6, 0, 1, 2, 3]])
