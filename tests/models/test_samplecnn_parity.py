"""SampleCNN against a PyTorch net written apart from it, with the same weights."""

import runpy
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from zoo.models.classification.samplecnn import SampleCNN

pytestmark = pytest.mark.optimised

torch = pytest.importorskip("torch")
NETS = Path(__file__).parents[2] / "benchmarks" / "torch_nets.py"


def test_output_and_gradients_equal_torch():
    nets = runpy.run_path(str(NETS))
    model = SampleCNN(3, 2, 3, labels=4, first=6, middle=6, last=8, dropout=0.0)
    x = np.random.default_rng(0).uniform(-1, 1, (5, 27, 1)).astype(np.float32)
    variables = jax.jit(model.init)(jax.random.key(0, impl="unsafe_rbg"), x)
    target = jnp.cos(jnp.arange(20.0)).reshape(5, 4)

    def loss(params):
        y, _ = model.apply({**variables, "params": params}, x, train=True, mutable=["batch_stats"])
        return jnp.sum(y * target), y

    (_, y), grads = jax.jit(jax.value_and_grad(loss, has_aux=True))(variables["params"])
    flat = {k: np.asarray(v) for k, v in flatten_dict(variables["params"], sep="/").items()}
    weights = nets["to_torch"](flat)
    sizes = dict(m=3, depth=2, stem=3, mean=model.mean, std=model.std)
    theirs = nets["samplecnn"](weights, torch.tensor(x).mT, **sizes)
    np.testing.assert_allclose(y, theirs.detach(), atol=1e-4)
    (theirs * torch.tensor(np.asarray(target))).sum().backward()
    for name, grad in flatten_dict(grads, sep="/").items():
        wanted = nets["from_torch"](name, weights[name].grad)
        np.testing.assert_allclose(grad, wanted, atol=2e-3, rtol=2e-3, err_msg=name)
