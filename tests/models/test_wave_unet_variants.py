"""Wave-U-Net with a BiLSTM and with dense blocks against PyTorch, and what either refuses."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from torch_twin import agree, conv, leaves

from zoo.errors import BadInput
from zoo.models.separation.wave_unet import WaveUNet

pytestmark = pytest.mark.optimised

torch = pytest.importorskip("torch")
F = torch.nn.functional
TINY = dict(levels=2, width=4, output="difference", down_kernel=5, up_kernel=3)
VARIANTS = {"hydranet": {"lstm_layers": 1}, "dilated_dense": {"dilations": (1, 3), "growth": 0.5}}


def filters(w, name, x):
    """A plain filter, or a block whose filters read all before them, [B C T]."""
    if f"{name}/conv/kernel" in w:
        return F.leaky_relu(conv(w, f"{name}/conv", x, padding="same"), 0.2)
    for layer, dilation in ((1, 1), (2, 3)):
        y = conv(w, f"{name}/conv_{layer}", x, padding="same", dilation=dilation)
        x = torch.cat([x, F.leaky_relu(y, 0.2)], 1)
    return F.leaky_relu(conv(w, f"{name}/join/conv", x), 0.2)


def bilstm(w, x):
    """torch's own, whose weights are leaves of ours, [B C T]."""
    names = ("kernel", "recurrent_kernel", "bias", "recurrent_bias")
    given = [w[f"lstm_0/{n}{d}"] for d in ("", "_reverse") for n in names]
    zeros = x.new_zeros(2, len(x), x.shape[1] // 2)
    args = [g.T if g.ndim > 1 else g for g in given], True, 1, 0.0, False, True, True
    return torch.lstm(x.mT, (zeros, zeros), *args)[0].mT


def twin(w, mix):
    """[B 1 T] -> [B T 2 1]."""
    x, skips = mix, []
    for level in (1, 2):
        skips.append(filters(w, f"down_{level}", x))
        x = skips[-1][..., ::2]
    x = filters(w, "bottleneck", x)
    x = bilstm(w, x) if "lstm_0/kernel" in w else x
    for level in (2, 1):
        long = F.interpolate(x, 2 * x.shape[-1] - 1, mode="linear", align_corners=True)
        long = torch.cat([long, x[..., -1:]], -1)
        x = filters(w, f"up_{level}", torch.cat([skips[level - 1], long], 1))
    first = torch.tanh(conv(w, "output", torch.cat([mix, x], 1)))
    return torch.stack([first, mix - first], 1).permute(0, 3, 1, 2)


@pytest.mark.parametrize("kind", VARIANTS)
def test_output_and_gradients_equal_the_twin(kind):
    model, rng = WaveUNet(**TINY, **VARIANTS[kind]), np.random.default_rng(0)
    x = rng.uniform(-1, 1, (2, 16, 1)).astype(np.float32)
    start = jax.eval_shape(model.init, jax.random.key(0), x)["params"]
    draw = lambda s: jnp.asarray(0.4 * rng.standard_normal(s.shape), jnp.float32)  # noqa: E731
    params, target = jax.tree.map(draw, start), rng.standard_normal((2, 16, 2, 1))

    def loss(params):
        y = model.apply({"params": params}, x, train=True)
        return jnp.sum(y * target), y

    (_, y), gradients = jax.jit(jax.value_and_grad(loss, has_aux=True))(params)
    w = leaves(params)
    theirs = twin(w, torch.tensor(x).mT)
    np.testing.assert_allclose(y, theirs.detach(), atol=1e-5)
    (theirs * torch.tensor(target)).sum().backward()
    agree(w, gradients, rtol=1e-3, atol=1e-4)


def test_what_they_see_and_what_does_not_fit():
    assert WaveUNet(lstm_layers=1).receptive_field == math.inf
    with pytest.raises(BadInput, match="context=False"):
        x = jax.ShapeDtypeStruct((1, 147_443, 1), jnp.float32)
        jax.eval_shape(WaveUNet(context=True, dilations=(1, 2)).init, jax.random.key(0), x)
