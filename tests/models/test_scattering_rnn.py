"""The recurrent net over scattering coefficients, from the coefficients on, against PyTorch."""

import jax
import numpy as np
import pytest

from zoo.models.classification.scattering import LogScattering
from zoo.models.classification.scattering_rnn import ScatteringRNN
from zoo.signal.scattering import Scattering, log_coefficients

torch = pytest.importorskip("torch")


def gru(params, x):
    """torch's own layer of our weights, outputs of all frames [B F D]."""
    layer = torch.nn.GRU(x.shape[-1], params["recurrent_kernel"].shape[0], batch_first=True)
    names = ("kernel", "recurrent_kernel", "bias", "recurrent_bias")
    for given, name in zip(layer.parameters(), names, strict=True):
        given.data = torch.tensor(np.asarray(params[name]).T)
    return layer(x)[0]


def test_layers_and_logits_are_those_of_torch():
    front = Scattering(5, (2, 1), 512)
    model = ScatteringRNN(labels=3, scattering=front, samples=2048, hidden=4, layers=3)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 2048, 1)).astype(np.float32)
    x[1] *= np.linspace(0, 1, 2048)[:, None]
    shapes = jax.eval_shape(model.init, jax.random.key(0), x)
    own = jax.tree.map(lambda leaf: rng.uniform(0.2, 1, leaf.shape).astype(np.float32), shapes)
    params, stats = own["params"], own["batch_stats"]["standardise"]
    levels = np.asarray(jax.jit(lambda x: log_coefficients(x, front))(x))
    y = torch.tensor((levels - stats["mean"]) / np.sqrt(stats["var"] + 1e-5))
    for layer in (1, 2, 3):
        y = gru(params[f"gru_{layer}"], y)
    wanted = y[:, -1].detach().numpy() @ params["top"]["kernel"] + params["top"]["bias"]
    np.testing.assert_allclose(jax.jit(model.apply)(own, x), wanted, rtol=1e-4, atol=1e-4)
    assert levels.shape[1] > 2


def test_the_mean_of_the_frames_is_what_a_shallow_classifier_sees():
    front = LogScattering(5, (2, 1), 512)
    x = np.random.default_rng(0).normal(size=(2, 2048, 1)).astype(np.float32)
    mean, levels = jax.jit(lambda x: (front.apply({}, x), log_coefficients(x, front.how)))(x)
    np.testing.assert_allclose(mean, levels.mean(1), rtol=1e-5)
