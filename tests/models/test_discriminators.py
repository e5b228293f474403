"""Discriminators by prior: equal to torch, and the shuffle that moves both sounds alike."""

import typing

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from torch_twin import conv, leaves

from zoo.models.generation.discriminators import Dilated, Spectrograms, Strided
from zoo.recipes.discriminators import Prior, discriminator

torch = pytest.importorskip("torch")
F = torch.nn.functional

KEY = jax.random.key(0, impl="unsafe_rbg")
X = np.random.default_rng(0).normal(size=(2, 1024, 1)).astype(np.float32)


def drawn(module, x):
    shapes = jax.eval_shape(module.init, KEY, x)["params"]
    random = np.random.default_rng(1)
    return jax.tree.map(lambda s: random.normal(0, 0.3, s.shape).astype(np.float32), shapes)


SCORES = {
    "strided": [(2, 4, 1)],
    "shuffled": [(2, 4, 1)],
    "rates": [(2, 4, 1), (2, 2, 1), (2, 1, 1)],
    "dilated": [(2, 1024, 1)],
    "periods": [(2, 2, 7, 1), (2, 3, 5, 1), (2, 5, 3, 1)],
    "spectrogram": [(2, 9, 33, 1)],
    "resolutions": [(2, 17, 17, 1), (2, 9, 33, 1), (2, 5, 65, 1)],
}


@pytest.mark.parametrize("word", typing.get_args(Prior))
def test_every_part_gives_a_score_and_features(word):
    model = discriminator(word, 4, jnp.float32)
    answers, _ = jax.eval_shape(lambda: model.init_with_output(KEY, X))
    assert [score.shape for score, _ in answers] == SCORES[word]
    assert all(len(features) >= 4 for _, features in answers)


def test_strided_and_dilated_nets_equal_torch():
    x = torch.tensor(X).mT
    strided = Strided(2, 2)
    params = drawn(strided, X)
    ((score, features),) = jax.jit(strided.apply)({"params": params}, X)
    w, y = leaves(params), x
    for i in (1, 2):
        # 'same' of 25 taps and stride 4: 21 zeros, the odd one behind.
        y = F.leaky_relu(conv(w, f"down_{i}", F.pad(y, (10, 11)), stride=4), 0.2)
        np.testing.assert_allclose(features[i - 1], y.detach().mT, atol=1e-4)
    np.testing.assert_allclose(score, conv(w, "score", y, padding=1).detach().mT, atol=1e-4)
    dilated = Dilated(2, 4)
    params = drawn(dilated, X)
    ((score, _),) = jax.jit(dilated.apply)({"params": params}, X)
    w, y = leaves(params), x
    for i, d in enumerate((1, 1, 2, 3), 1):
        y = F.leaky_relu(conv(w, f"dilated_{i}", y, dilation=d, padding=d), 0.2)
    np.testing.assert_allclose(score, conv(w, "score", y, padding=1).detach().mT, atol=1e-4)


def test_a_spectrogram_s_net_sees_ln_magnitudes_as_torch_has_them():
    model = Spectrograms((128,), 2, 2)
    params = drawn(model, X)
    ((score, features),) = jax.jit(model.apply)({"params": params}, X)
    how = dict(n_fft=128, hop_length=32, window=torch.hann_window(128), center=True)
    spectra = torch.stft(torch.tensor(X[..., 0]), pad_mode="constant", return_complex=True, **how)
    y = spectra.abs().clamp(1e-5).log().mT[:, None]
    for name, stride in (("1", 1), ("2", (1, 2)), ("score", 1)):
        layer = params[f"size_128_{name}"]
        kernel = torch.tensor(layer["kernel"]).permute(3, 2, 0, 1)
        y = F.conv2d(y, kernel, torch.tensor(layer["bias"]), stride=stride, padding=1)
        y = F.leaky_relu(y, 0.2) if name != "score" else y
    np.testing.assert_allclose(score, y.permute(0, 2, 3, 1), atol=2e-3)
    assert features[0].shape == (2, 33, 65, 2)


@pytest.mark.parametrize("shuffle", [0, 3])
def test_a_shuffle_follows_its_key_and_moves_all_alike(shuffle):
    model = Strided(2, shuffle=shuffle)
    params = drawn(model, X)
    x = np.concatenate([X[:1], X[:1]])

    @jax.jit
    def score(seed):
        rngs = {"shuffle": jax.random.key(seed)}
        return model.apply({"params": params}, x, rngs=rngs)[0][0]

    first, other, still = score(0), score(1), model.apply({"params": params}, x)[0][0]
    np.testing.assert_array_equal(first[0], first[1])
    assert (np.abs(first - other).max() > 1e-2) == bool(shuffle)
    assert (np.abs(first - still).max() > 1e-2) == bool(shuffle)
