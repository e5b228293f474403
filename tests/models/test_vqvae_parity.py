"""VQ-VAE against PyTorch: its codes, its loss of three terms, and the gradient straight through."""

import jax
import numpy as np
import pytest

from zoo.distributions import Categorical
from zoo.models.generation.vqvae import VQVAE
from zoo.models.generation.wavenet import WaveNet
from zoo.objectives.autoencoder import QuantisedAutoencoder
from zoo.objectives.base import Variables

torch = pytest.importorskip("torch")
from torch_twin import Leaves, agree, conv, inside, leaves  # noqa: E402
from torch_wavenet import follow, wavenet  # noqa: E402

F = torch.nn.functional

pytestmark = pytest.mark.optimised

DECODER = WaveNet(
    4,
    2,
    6,
    6,
    8,
    head=8,
    distribution=Categorical(16),
    local_condition=5,
    upsampling=(2, 4),
    global_condition=3,
)
MODEL = VQVAE(DECODER, width=7, code_width=5, levels=3, codes=8)


def encoder(w: Leaves, x: torch.Tensor) -> torch.Tensor:
    """Amplitudes [B 1 T] -> latents [B F D]."""
    for level in range(MODEL.levels):
        x = F.relu(conv(w, f"down_{level}", x, stride=2, padding=1))
    return conv(w, "latent", x).mT


def quantise(latent: torch.Tensor, book: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The nearest vectors [B F D] and their numbers [B F]."""
    codes = torch.cdist(latent, book[None].expand(len(latent), -1, -1)).argmin(-1)
    return F.embedding(codes, book), codes


def test_loss_codes_and_gradients_equal_torch():
    objective = QuantisedAutoencoder(MODEL, 0.3, speaker="speaker")
    rng = np.random.default_rng(0)
    audio = rng.uniform(-0.9, 0.9, (2, 64, 1)).astype(np.float32)
    batch = {"audio": audio, "speaker": np.eye(3, dtype=np.float32)[[2, 0]]}
    shapes = jax.eval_shape(objective.init, jax.random.key(0), batch)
    params = jax.tree.map(lambda s: rng.normal(0, 0.4, s.shape).astype(np.float32), shapes.params)
    (turn,) = objective.turns

    def loss(params):
        return turn.loss(Variables(params), batch, jax.random.key(1), 0)[0]

    value, gradients = jax.jit(jax.value_and_grad(loss))(params)
    found = jax.jit(objective.predict)(Variables(params), batch, jax.random.key(0))

    w = leaves(params["autoencoder"])
    amplitudes = torch.tensor(np.array(DECODER.distribution.inputs(audio))).mT
    latent = encoder(inside(w, "encoder"), amplitudes)
    vectors, codes = quantise(latent, w["quantizer/codebook"])
    np.testing.assert_array_equal(found["codes"], codes)
    assert len(codes.unique()) > 2
    output = latent + (vectors - latent).detach()
    own = inside(w, "decoder")
    heard = torch.tensor(np.array(DECODER.distribution.encode(audio)))[..., 0].long()
    late = F.pad(heard[:, :-1], (1, 0), value=int(DECODER.distribution.encode(np.zeros(1))[0]))
    local = follow(own, output.mT, DECODER.upsampling)
    raw = wavenet(own, late, DECODER.dilations, local, torch.tensor(batch["speaker"]))
    terms = (
        F.cross_entropy(raw, heard),
        (vectors - latent.detach()).square().sum(-1).mean(),
        0.3 * (latent - vectors.detach()).square().sum(-1).mean(),
    )
    np.testing.assert_allclose(value, sum(terms).item(), rtol=1e-5)
    sum(terms).backward()
    agree(w, gradients["autoencoder"], rtol=1e-3, atol=1e-5)
