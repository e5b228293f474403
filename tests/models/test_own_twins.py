"""Nets whose sizes are ours, so that no other code has them: what their layers are, in PyTorch."""

import jax
import numpy as np
import pytest

from zoo.layers.window_coder import Decoder, Encoder
from zoo.models.generation.deep_prior import DilatedPrior, WaveformPrior
from zoo.models.generation.energy import Energy
from zoo.models.generation.quantile_wavenet import QuantileHead
from zoo.models.generation.score_net import ScoreNet
from zoo.models.generation.wae import WAE

torch = pytest.importorskip("torch")
F = torch.nn.functional

from tests.models.torch_twin import conv, dense, inside, leaves, up  # noqa: E402

RNG = np.random.default_rng(0)


def bent(x):
    return F.leaky_relu(F.instance_norm(x, eps=1e-5), 0.2)


def patched(w, name, x, taps, dilation=1):
    """A 'same' convolution whose kernel lies as a dense one's, tap after tap."""
    kernel = w[f"{name}/kernel"].unflatten(0, (taps, -1)).permute(2, 1, 0)
    return F.conv1d(x, kernel, w[f"{name}/bias"], padding="same", dilation=dilation)


def last(w, x):
    return dense(w, "last", x.mT)


def dilated_prior(w, z):
    x = patched(w, "first", z.mT, 3)
    for i in range(3):
        x = x + patched(w, f"dilated_{i}", bent(x), 3, 2**i)
    return last(w, bent(x))


def waveform_prior(w, z):
    first = bent(patched(w, "down_0", z.mT, 5))
    second = bent(patched(w, "down_1", F.avg_pool1d(first, 2), 5))
    x = bent(patched(w, "bottom", F.avg_pool1d(second, 2), 5))
    for name, skip in (("up_1", second), ("up_0", first)):
        x = bent(patched(w, name, torch.cat([x.repeat_interleave(2, -1), skip], 1), 5))
    return last(w, x)


NORMED = {"down_0": "Conv_0", "again_0": "Conv_1", "down_1": "Conv_2", "again_1": "Conv_3"}


def energy(w, x):
    x = x.mT
    for i in range(2):
        x = F.silu(conv(w, NORMED[f"down_{i}"], x, stride=4, padding=2))
        x = x + F.silu(conv(w, NORMED[f"again_{i}"], x, padding=1))
    return dense(w, "energy", x.sum(-1))[:, 0]


def score_net(w, x, deviation):
    angle = torch.log(deviation)[:, None] * torch.tensor([0.25, 0.5, 1, 2, 4, 8])
    level = F.silu(dense(w, "level", torch.cat([angle.sin(), angle.cos()], -1)))
    h, total = conv(w, "enter", x.reshape(len(x), -1, 4).mT, padding=1), 0
    for i in range(5):
        dilation = (1, 2, 4, 8, 1)[i]
        moved = h + dense(w, f"level_{i}", level)[..., None]
        wide = conv(w, f"dilated_{i}", moved, padding=dilation, dilation=dilation)
        bend, gate = wide.chunk(2, 1)
        added, skip = conv(w, f"mixed_{i}", bend.tanh() * gate.sigmoid()).chunk(2, 1)
        h, total = (h + added) / 2**0.5, total + skip
    hidden = F.relu(conv(w, "hidden", total / 5**0.5, padding=1))
    return conv(w, "end", hidden, padding=1).mT.reshape(x.shape)


def encoder(w, x):
    x = x.mT
    for i in range(2):
        x = F.relu(conv(w, f"down_{i}", x, stride=4, padding=2))
    return dense(w, "latent", x.mT.flatten(1))


def decoder(w, z):
    x = F.relu(dense(w, "latent", z)).reshape(len(z), -1, 3).mT
    for i in range(2):
        x = F.relu(up(w, f"up_{i}", x, 4))
    return conv(w, "end", x, padding=4).mT


def wasserstein(w, x):
    z = encoder(inside(w, "encoder"), x / 0.1)  # audio is a tenth as loud as what nets read
    return 0.1 * decoder(inside(w, "decoder"), z), z


def quantile_head(w, features, levels):
    """Dabney et al. 2018 (IQN), equation 4: cosines of 0 to n - 1 half turns."""
    waves = torch.cos(torch.pi * torch.arange(64) * levels[..., None])
    level = F.relu(dense(w, "level", waves))
    mixed = F.relu(dense(w, "mixed", features[..., None, :] * level))
    return dense(w, "value", mixed)[..., 0]


AUDIO, DEVIATIONS = (2, 32, 1), np.array([0.1, 3], np.float32)
NETS = {
    dilated_prior: (DilatedPrior(4, 3), (2, 16, 4)),
    waveform_prior: (WaveformPrior(4, 2), (2, 16, 4)),
    energy: (Energy(32, 3, 2), AUDIO),
    score_net: (ScoreNet(4, 3, 5), AUDIO, DEVIATIONS),
    encoder: (Encoder(5, 3, 2, np.float32), AUDIO),
    decoder: (Decoder(32, 2, 3, 2, np.float32), (2, 5)),
    wasserstein: (WAE(32, 5, 3, 2), AUDIO),
    quantile_head: (QuantileHead(), (2, 7, 6), RNG.random((2, 7, 3)).astype(np.float32)),
}


@pytest.mark.parametrize("twin", NETS, ids=lambda twin: twin.__name__)
def test_as_its_twin(twin):
    """All weights drawn, biases too; a spectral norm's by torch's own largest singular value."""
    model, shape, *more = NETS[twin]
    x = RNG.normal(size=shape).astype(np.float32)
    shapes = jax.eval_shape(model.init, jax.random.key(0), x, *more)
    params = jax.tree.map(
        lambda s: RNG.normal(0, s.size**-0.25, s.shape).astype(np.float32), shapes["params"]
    )
    kept = jax.tree.map(lambda s: np.zeros(s.shape, s.dtype), dict(shapes) | {"params": params})
    kept["params"], w = params, leaves(params)
    for path, vectors in kept.get("singular_vectors", {}).items():
        name = f"{NORMED[path]}/kernel"
        left, scale, right = torch.linalg.svd(w[name].flatten(0, -2).T)
        vectors |= {"u": left[:, 0].detach().numpy(), "v": right[0].detach().numpy()}
        w[name] = w[name] / scale[0]
    expected = twin(w, torch.tensor(x), *map(torch.tensor, more))
    found = jax.jit(model.apply)(kept, x, *more)
    for ours, theirs in zip(*map(jax.tree.leaves, (found, expected)), strict=True):
        np.testing.assert_allclose(ours, theirs.detach(), rtol=1e-4, atol=1e-4)
