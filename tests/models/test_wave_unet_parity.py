"""Wave-U-Net against a PyTorch net written apart from it, with the same weights."""

import runpy
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from zoo.models.separation.wave_unet import WaveUNet

pytestmark = pytest.mark.optimised

torch = pytest.importorskip("torch")
NETS = Path(__file__).parents[2] / "benchmarks" / "torch_nets.py"


@pytest.mark.parametrize("context", [False, True])
def test_output_and_gradients_equal_torch(context):
    nets = runpy.run_path(str(NETS))
    output = "difference" if context else "direct"
    model = WaveUNet(3, 4, 2, 2, context, output, down_kernel=5, up_kernel=3)
    length = model.input_length(24)
    x = np.random.default_rng(0).uniform(-1, 1, (2, length, 2)).astype(np.float32)
    variables = jax.jit(model.init)(jax.random.key(0, impl="unsafe_rbg"), x)

    def loss(variables):
        y = model.apply(variables, x, train=True)
        return jnp.sum(y * jnp.cos(jnp.arange(y.size)).reshape(y.shape)), y

    (_, y), grads = jax.jit(jax.value_and_grad(loss, has_aux=True))(variables)
    flat = {k: np.asarray(v) for k, v in flatten_dict(variables["params"], sep="/").items()}
    weights = nets["to_torch"](flat)
    sizes = dict(levels=3, context=context, difference=context)
    theirs = nets["wave_unet"](weights, torch.tensor(x).mT, **sizes).permute(0, 3, 1, 2)
    np.testing.assert_allclose(y, theirs.detach(), atol=1e-5)
    (
        theirs * torch.cos(torch.arange(theirs.numel()).float()).reshape(theirs.shape)
    ).sum().backward()
    for name, grad in flatten_dict(grads["params"], sep="/").items():
        wanted = nets["from_torch"](name, weights[name].grad)
        np.testing.assert_allclose(grad, wanted, atol=1e-3, rtol=1e-3, err_msg=name)
