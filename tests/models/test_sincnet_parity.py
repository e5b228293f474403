"""SincNet against a PyTorch net written apart from it, and its filters against a public module."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.models.classification.sincnet import SincConv, SincNet, mel_spaced

torch = pytest.importorskip("torch")
from torch_twin import Leaves, agree, conv, dense, leaves  # noqa: E402

F = torch.nn.functional

pytestmark = pytest.mark.optimised

RATE, TAPS = 16_000, 31


def band_passes(w: Leaves) -> torch.Tensor:
    """Differences of two sines over time, divided by their middle [C 1 taps], as published."""
    low = 50 + w["sinc/low"].abs()
    high = (low + 50 + w["sinc/band"].abs()).clamp(50, RATE / 2)
    time = 2 * torch.pi * torch.arange(-(TAPS // 2), 0) / RATE
    left = (torch.sin(high[:, None] * time) - torch.sin(low[:, None] * time)) / (time / 2)
    middle = 2 * (high - low)[:, None]
    whole = torch.cat([left, middle, left.flip(1)], 1) / middle
    return (whole * torch.hamming_window(TAPS, periodic=False))[:, None]


def over_time(w: Leaves, name: str, x: torch.Tensor) -> torch.Tensor:
    """The authors' layer norm of [B C T] or [B D]: over the last axis, unbiased deviation."""
    centred = x - x.mean(-1, keepdim=True)
    normed = centred / (x.std(-1, keepdim=True) + 1e-6)
    scale, bias = (w[f"{name}/{leaf}"] for leaf in ("scale", "bias"))
    return scale.mT * normed + bias.mT if x.ndim == 3 else scale * normed + bias


def sincnet(w: Leaves, x: torch.Tensor, channels: int, hidden: int) -> torch.Tensor:
    """[B 1 T] -> logits [B K], with the batch's statistics."""

    def level(x: torch.Tensor, number: int) -> torch.Tensor:
        return F.leaky_relu(over_time(w, f"norm_{number}", F.max_pool1d(x, 3)), 0.2)

    x = F.conv1d(over_time(w, "norm_input", x), band_passes(w))
    x = level(x.abs(), 1)
    for number in range(2, 2 + channels):
        x = level(conv(w, f"conv_{number}", x), number)
    x = over_time(w, "norm_flat", x.mT.flatten(1))
    for i in range(1, 1 + hidden):
        scale, shift = w[f"norm_dense_{i}/scale"], w[f"norm_dense_{i}/bias"]
        x = dense(w, f"dense_{i}", x)
        x = F.leaky_relu(F.batch_norm(x, None, None, scale, shift, True, 0.05, 1e-5), 0.2)
    return dense(w, "top", x)


def test_output_and_gradients_equal_torch():
    model = SincNet(5, 400, RATE, 6, TAPS, channels=(4, 3), hidden=(7, 6))
    rng = np.random.default_rng(0)
    x = rng.normal(0, 0.3, (4, 400, 1)).astype(np.float32)
    variables = jax.jit(model.init)(jax.random.key(0, impl="unsafe_rbg"), x)
    # Scales and biases have something to say; no band ends on Nyquist, where clamps differ.
    params = jax.tree.map(
        lambda leaf: np.asarray(leaf) + rng.normal(0, 0.1, leaf.shape).astype(np.float32),
        variables["params"],
    )
    target = np.cos(np.arange(20, dtype=np.float32)).reshape(4, 5)

    def loss(params):
        y, _ = model.apply({**variables, "params": params}, x, train=True, mutable=["batch_stats"])
        return jnp.sum(y * target), y

    (_, y), gradients = jax.jit(jax.value_and_grad(loss, has_aux=True))(params)
    w = leaves(params)
    theirs = sincnet(w, torch.tensor(x).mT, channels=2, hidden=2)
    np.testing.assert_allclose(y, theirs.detach(), atol=2e-4)
    (theirs * torch.tensor(target)).sum().backward()
    assert np.abs(gradients["sinc"]["low"]).max() > 1e-3
    agree(w, gradients, rtol=2e-3, atol=2e-5)


@pytest.mark.download
@pytest.mark.parametrize("moved", [0.0, 3000.0])
def test_filters_equal_a_public_module(published_modules, moved):
    """asteroid-filterbanks (MIT): its even filters are the paper's; moved, some end at Nyquist."""
    published_modules("asteroid-filterbanks==0.4.0")
    from asteroid_filterbanks import ParamSincFB

    filters, taps = 80, 251
    theirs = ParamSincFB(2 * filters, taps, sample_rate=RATE)
    edges = theirs.low_hz_.detach().numpy()[:, 0]
    np.testing.assert_allclose(mel_spaced(filters, RATE)[:-1], edges, rtol=1e-5)
    rng = np.random.default_rng(0)
    for leaf in (theirs.low_hz_, theirs.band_hz_):
        leaf.data += moved * torch.from_numpy(rng.uniform(-1, 1, leaf.shape)).float()
    names = {"low": theirs.low_hz_, "band": theirs.band_hz_}
    params = {name: jnp.asarray(leaf.detach().numpy()[:, 0]) for name, leaf in names.items()}
    impulse = jnp.zeros((1, 2 * taps - 1, 1)).at[0, taps - 1].set(1.0)
    ours = SincConv(filters, taps, RATE).apply({"params": params}, impulse)[0].T
    expected = theirs.filters().detach().numpy()[:filters, 0]
    low = 50 + np.abs(params["low"])
    kept = low < RATE / 2 - 50  # above, the module leaves open what ours limits
    assert kept.sum() > 60
    np.testing.assert_allclose(ours[kept], expected[kept][:, ::-1], atol=2e-5)
