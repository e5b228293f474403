"""Argmax autoencoders against PyTorch: codes, loss with its diversity, every gradient."""

import jax
import numpy as np
import pytest

from zoo.distributions import Categorical, Tokens
from zoo.layers.quantizer import ArgmaxQuantizer
from zoo.models.generation.ada import DiscreteAutoencoder
from zoo.models.generation.wavenet import WaveNet
from zoo.objectives.autoencoder import QuantisedAutoencoder
from zoo.objectives.base import Variables

torch = pytest.importorskip("torch")
from torch_twin import Leaves, agree, conv, inside, leaves  # noqa: E402
from torch_wavenet import follow, wavenet  # noqa: E402

F = torch.nn.functional

pytestmark = pytest.mark.optimised

CODES = 7


def model(distribution, embed):
    decoder = WaveNet(
        2, 1, 6, 6, 8, head=8, distribution=distribution, local_condition=5, upsampling=(4,)
    )
    quantizer = ArgmaxQuantizer(CODES, diversity=0.3)
    return DiscreteAutoencoder(decoder, quantizer, 6, CODES, levels=2, layers=3, embed=embed)


def both_ways(w: Leaves, x: torch.Tensor) -> torch.Tensor:
    for i in range(3):
        y = conv(w, f"dilated_{i}", F.relu(x), dilation=2**i, padding=2**i)
        x = x + conv(w, f"mixed_{i}", F.relu(y))
    return F.relu(x)


def encoder(w: Leaves, x: torch.Tensor) -> torch.Tensor:
    """Amplitudes [B 1 T] or symbols [B T] -> queries [B F Q]."""
    if "source/embedding" in w:
        x = F.embedding(x, w["source/embedding"]).mT
    x = F.relu(conv(w, "down_0", x, stride=2, padding=1))
    x = conv(w, "down_1", x, stride=2, padding=1)
    return conv(w, "latent", both_ways(inside(w, "context"), x)).mT


def modulator(w: Leaves, vectors: torch.Tensor) -> torch.Tensor:
    """One-hot codes [B F Q] -> [B L F]."""
    return conv(
        w, "output", both_ways(inside(w, "context"), conv(w, "source", vectors.mT.contiguous()))
    )


@pytest.mark.parametrize(
    "distribution, embed", [(Categorical(16), False), (Tokens(9), True)], ids=["audio", "codes"]
)
def test_loss_codes_and_gradients_equal_torch(distribution, embed):
    net = model(distribution, embed)
    objective = QuantisedAutoencoder(net, 0.0)
    rng = np.random.default_rng(33)  # several codes win, and none by a hair
    audio = rng.uniform(-0.9, 0.9, (2, 32, 1)).astype(np.float32)
    if embed:
        audio = rng.integers(0, 9, (2, 32, 1)).astype(np.float32)
    batch = {"audio": audio}
    shapes = jax.eval_shape(objective.init, jax.random.key(0), batch)
    params = jax.tree.map(lambda s: rng.normal(0, 0.5, s.shape).astype(np.float32), shapes.params)
    last = params["autoencoder"]["encoder"]["latent"]
    last["kernel"], last["bias"] = 4 * last["kernel"], 0.1 * last["bias"]
    (turn,) = objective.turns

    def loss(params):
        return turn.loss(Variables(params), batch, jax.random.key(1), 0)[0]

    value, gradients = jax.jit(jax.value_and_grad(loss))(params)
    found = jax.jit(objective.predict)(Variables(params), batch, jax.random.key(0))

    w = leaves(params["autoencoder"])
    symbols = torch.tensor(np.array(distribution.encode(audio)))[..., 0].long()
    amplitudes = torch.tensor(np.array(distribution.inputs(audio))).mT
    positive = F.relu(encoder(inside(w, "encoder"), symbols if embed else amplitudes))
    latent = positive / (positive.sum(-1, keepdim=True) + 1e-5)
    codes = latent.argmax(-1)
    np.testing.assert_array_equal(found["codes"], codes)
    assert len(codes.unique()) > 2
    output = latent + (F.one_hot(codes, CODES) - latent).detach()
    own = inside(w, "decoder")
    first = int(distribution.encode(np.zeros(1))[0])
    local = follow(own, modulator(inside(w, "modulator"), output), (4,))
    raw = wavenet(own, F.pad(symbols[:, :-1], (1, 0), value=first), (1, 2), local, None)
    diversity = 0.3 * (CODES * latent.mean((0, 1)) - 1).square().mean()
    total = F.cross_entropy(raw, symbols) + diversity
    assert diversity.item() > 0.01
    np.testing.assert_allclose(value, total.item(), rtol=1e-5)
    total.backward()
    agree(w, gradients["autoencoder"], rtol=1e-3, atol=1e-5)
