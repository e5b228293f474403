"""WaveGAN's two networks and the discriminator's loss against PyTorch, with the same weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.losses import adversarial
from zoo.models.generation.wavegan import Discriminator, Generator

torch = pytest.importorskip("torch")
from torch_twin import Leaves, agree, conv, dense, leaves, up  # noqa: E402

F = torch.nn.functional

pytestmark = pytest.mark.optimised

SIZES = dict(dim=3, strides=(4, 4, 2))
RNG = np.random.default_rng(0)


def started(model, x):
    shapes = jax.eval_shape(model.init, jax.random.key(0), x)["params"]
    return jax.tree.map(lambda s: RNG.normal(0, 0.15, s.shape).astype(np.float32), shapes)


def make(w: Leaves, z: torch.Tensor) -> torch.Tensor:
    """Latents [B L] -> audio [B 1 T]: a dense layer to 16 frames, then 25 taps a stage."""
    x = F.relu(dense(w, "dense", z).reshape(len(z), 16, -1).mT)
    for i, stride in enumerate(SIZES["strides"], 1):
        x = up(w, f"up_{i}", x, stride)
        x = torch.tanh(x) if i == len(SIZES["strides"]) else F.relu(x)
    return x


def judge(w: Leaves, x: torch.Tensor) -> torch.Tensor:
    """Audio [B 1 T] -> scores [B], without phase shuffle; TensorFlow's 'same' padding."""
    for i, stride in enumerate(SIZES["strides"], 1):
        spare = 25 - stride
        x = conv(w, f"down_{i}", F.pad(x, (spare // 2, spare - spare // 2)), stride=stride)
        x = F.leaky_relu(x, 0.2)
    return dense(w, "score", x.mT.flatten(1))[:, 0]


def test_generator_equals_torch():
    model, z = Generator(latent=5, **SIZES), RNG.uniform(-1, 1, (2, 5)).astype(np.float32)
    params = started(model, z)
    target = np.cos(np.arange(2 * model.samples, dtype=np.float32)).reshape(2, -1, 1)

    def loss(params):
        audio = model.apply({"params": params}, z)
        return jnp.sum(audio * target), audio

    (_, audio), gradients = jax.jit(jax.value_and_grad(loss, has_aux=True))(params)
    w = leaves(params)
    theirs = make(w, torch.tensor(z)).mT
    assert audio.std() > 0.05
    np.testing.assert_allclose(audio, theirs.detach(), atol=2e-5)
    (theirs * torch.tensor(target)).sum().backward()
    agree(w, gradients, rtol=1e-3, atol=1e-4)


def test_discriminator_and_its_penalty_equal_torch():
    """The loss holds a gradient, so that its own gradient is one of second order."""
    model = Discriminator(**SIZES)
    real, fake = RNG.uniform(-1, 1, (2, 3, 512, 1)).astype(np.float32)
    params, share = started(model, real), np.float32([0.2, 0.5, 0.9])[:, None, None]
    point = real + share * (fake - real)

    def loss(params):
        def score(x):
            ((found, _),) = model.apply({"params": params}, x)
            return found

        wasserstein = adversarial.wgan_discriminator(score(fake), score(real))
        return jnp.mean(wasserstein + 10 * adversarial.gradient_penalty(score, point)[0])

    value, gradients = jax.jit(jax.value_and_grad(loss))(params)
    w, x = leaves(params), torch.tensor(point).mT.requires_grad_()
    (slope,) = torch.autograd.grad(judge(w, x).sum(), x, create_graph=True)
    penalty = (slope.flatten(1).norm(dim=1) - 1).square()
    fakes, reals = (judge(w, torch.tensor(x).mT) for x in (fake, real))
    theirs = (fakes - reals + 10 * penalty).mean()
    np.testing.assert_allclose(value, theirs.item(), rtol=1e-4)
    theirs.backward()
    agree(w, gradients, rtol=1e-3, atol=1e-4)
