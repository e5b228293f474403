"""ClariNet's student under its teacher against PyTorch: audio, divergence and its gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.distributions import Gaussian
from zoo.models.generation.gaussian_iaf import GaussianIAF
from zoo.models.generation.wavenet import WaveNet
from zoo.objectives.base import Variables
from zoo.objectives.distillation import Distillation
from zoo.signal import mel

torch = pytest.importorskip("torch")
from torch_twin import Leaves, agree, causal, conv, inside, leaves  # noqa: E402
from torch_wavenet import follow, wavenet  # noqa: E402

Normal = torch.distributions.Normal
kl_divergence = torch.distributions.kl_divergence
F = torch.nn.functional

pytestmark = pytest.mark.optimised

STUDENT = GaussianIAF(flows=2, layers=2, width=5, gate=4, skip=6, kernel=3, front=3)
TEACHER = WaveNet(
    2, 1, 4, 4, 4, 4, distribution=Gaussian(), input="scalar", local_condition=4, upsampling=(2, 4)
)


def late(x: torch.Tensor) -> torch.Tensor:
    return F.pad(x, (1, 0))[..., :-1]


def net(w: Leaves, x: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
    """One flow's WaveNet under weight norm, [B 1 T] -> mean and log scale [B 2 T]."""
    x, total = F.relu(causal(w, "front", x)), 0
    for i in range(STUDENT.layers):
        z = causal(w, f"dilated_{i}", x, 2**i) + conv(w, f"condition_{i}", told)
        first, second = z.chunk(2, 1)
        gated = torch.tanh(first) * torch.sigmoid(second)
        total = total + conv(w, f"skip_{i}", gated)
        if i < STUDENT.layers - 1:
            x = x + conv(w, f"residual_{i}", gated)
    return conv(w, "output", F.relu(conv(w, "hidden", F.relu(total))))


def student(w: Leaves, noise: torch.Tensor, told: torch.Tensor) -> tuple[torch.Tensor, Normal]:
    """Noise [B 1 T] -> audio, and the Gaussian that each sample was drawn from."""
    x, mean, scale = noise, torch.zeros_like(noise), torch.ones_like(noise)
    for flow in range(STUDENT.flows):
        shift, stretch = net(inside(w, f"nets_{flow}"), late(x), told).chunk(2, 1)
        x, mean, scale = (
            x * stretch.exp() + shift,
            mean * stretch.exp() + shift,
            scale * stretch.exp(),
        )
    return x, Normal(mean, scale)


def test_divergence_and_gradients_equal_torch():
    task = Distillation(STUDENT, TEACHER, mel.MelSpec(16_000, 16, 8, 4, mel.log_clamp, exponent=1))
    rng, key, shape = np.random.default_rng(0), jax.random.key(4), (2, 24, 1)
    features = rng.normal(size=(2, 3, 4)).astype(np.float32)
    noise = np.array(jax.random.normal(key, shape))
    told = np.zeros((2, 24, 4), np.float32)
    begins = (
        lambda: STUDENT.init(key, noise, told)["params"],
        lambda: TEACHER.init(key, noise, condition=features)["params"],
    )
    params, frozen = (
        jax.tree.map(lambda s: rng.normal(0, 0.3, s.shape).astype(np.float32), jax.eval_shape(make))
        for make in begins
    )

    def loss(params):
        variables = Variables({"student": params}, frozen={"teacher": frozen})
        audio, terms = task._distil(variables, features, shape, key)
        return jnp.mean(terms["kl"]), audio

    (value, audio), gradients = jax.jit(jax.value_and_grad(loss, has_aux=True))(params)
    w, fixed = leaves(params), leaves(frozen)
    local = follow(fixed, torch.tensor(features).mT, TEACHER.upsampling)
    theirs, drawn = student(w, torch.tensor(noise).mT, local)
    np.testing.assert_allclose(audio, theirs.mT.detach(), atol=1e-5)
    mean, log_scale = wavenet(fixed, late(theirs), TEACHER.dilations, local).chunk(2, 1)
    divergence = kl_divergence(drawn, Normal(mean, log_scale.exp())).mean()
    np.testing.assert_allclose(value, divergence.item(), rtol=1e-4)
    divergence.backward()
    agree(w, gradients, rtol=1e-3, atol=1e-4)
