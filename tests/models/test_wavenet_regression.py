"""Wavenet for source separation: the authors' counts and lengths, and a own twin of their net.

The twin computes every position of every layer, as the authors' code does; ours must agree with it.
"""

import runpy
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax.traverse_util import flatten_dict

from zoo.errors import BadInput
from zoo.losses.waveform import dissimilar_l1, l1, source_sum
from zoo.models.separation.wavenet_regression import WavenetRegression
from zoo.objectives.base import Variables
from zoo.objectives.supervised import Supervised

torch = pytest.importorskip("torch")
from torch_twin import leaves  # noqa: E402

NETS = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "torch_nets.py"))

pytestmark = pytest.mark.optimised


@pytest.mark.parametrize("sources, parameters", [(3, 3_277_763), (1, 3_277_249)])
def test_parameters_and_lengths_are_the_authors(sources, parameters):
    model = WavenetRegression(sources)
    assert model.input_length(1601) == 9785
    x = jax.ShapeDtypeStruct((1, 9785, 1), jnp.float32)
    y, variables = jax.eval_shape(model.init_with_output, jax.random.key(0), x)
    assert y.shape == (1, 1601, sources, 1)
    assert sum(leaf.size for leaf in jax.tree.leaves(variables)) == parameters
    learnt = jax.eval_shape(lambda v, x: model.apply(v, x, train=True), variables, x)
    assert learnt.shape == (1, 1603, sources, 1)
    assert model.receptive_field == 8185 + 6


TINY = WavenetRegression(3, width=4, skip=5, stacks=2, layers=2, final=(6, 7))
VOICE = TINY.clone(sources=1, remainder=True)
LENGTH = 12 + 21  # context of 12


def theirs(w, x, stacks, layers, voice):
    """[B 1 T] -> [B T' S], with a sample of padding on either side; 'same' throughout."""
    turned = {name: leaf.permute(*reversed(range(leaf.ndim))) for name, leaf in w.items()}
    y = NETS["wavenet_regression"](turned, x, stacks, layers)
    before = (x.shape[-1] - y.shape[1]) // 2
    return torch.cat([y, x[:, :, before:-before].mT - y], -1) if voice else y


def l1_of(a, b):
    return (a - b).abs().mean()


@pytest.mark.parametrize("voice", [False, True], ids=["three", "voice"])
def test_output_and_a_step_of_sgd_equal_the_twin_s(voice):
    """The multi-instrument loss is the sum of three L1, the singing voice's has a dissimilarity."""
    model = VOICE if voice else TINY
    rng = np.random.default_rng(0)
    stems = rng.standard_normal((2, LENGTH, 2 if voice else 3, 1)).astype(np.float32)
    mixture = stems.sum(2)
    shapes = jax.eval_shape(model.init, jax.random.key(1), mixture)["params"]
    params = jax.tree.map(lambda x: 0.3 * rng.standard_normal(x.shape, np.float32), shapes)
    w = leaves(params)
    expected = theirs(w, torch.tensor(mixture).mT, 2, 2, voice)
    target = torch.tensor(stems)[:, 5:-5, :, 0]
    if voice:
        vocals = expected[..., 0]
        loss = l1_of(vocals, target[..., 0]) - 0.05 * l1_of(vocals, target[..., 1])
    else:
        loss = sum(l1_of(expected[..., s], target[..., s]) for s in range(3))
    loss.backward()
    measure = dissimilar_l1(0.05) if voice else source_sum(l1)
    (turn,) = Supervised(model, measure, input="mixture", target="stems").turns
    batch = {"mixture": jnp.asarray(mixture), "stems": jnp.asarray(stems)}

    def value(params):
        loss = turn.loss(Variables({"model": params}), batch, jax.random.key(0), 0)[0]
        return loss, model.apply({"params": params}, batch["mixture"])

    (ours, y), slopes = jax.jit(jax.value_and_grad(value, has_aux=True))(params)
    np.testing.assert_allclose(y[..., 0], expected[:, 1:-1].detach(), atol=2e-5)
    np.testing.assert_allclose(ours, loss.detach(), rtol=1e-5)
    with torch.no_grad():
        torch.optim.SGD(w.values(), 0.1).step()
    sgd = optax.sgd(0.1)
    stepped = optax.apply_updates(params, sgd.update(slopes, sgd.init(params))[0])
    for name, leaf in flatten_dict(stepped, sep="/").items():
        np.testing.assert_allclose(leaf, w[name].detach(), atol=2e-5, err_msg=name)


def test_the_voice_and_the_rest_are_the_middle_of_the_mixture():
    x = jax.random.normal(jax.random.key(0), (1, LENGTH, 1))
    variables = jax.jit(VOICE.init)(jax.random.key(1), x)
    y = jax.jit(VOICE.apply)(variables, x)
    np.testing.assert_allclose(y.sum(2), x[:, 6:-6], atol=1e-5)
    with pytest.raises(BadInput, match="give 13 or more"):
        VOICE.init(jax.random.key(0), x[:, :12])


def test_longer_target_fields_agree_inside_their_edges():
    x = jax.random.normal(jax.random.key(0), (1, 12 + 60, 1))
    variables = jax.jit(TINY.init)(jax.random.key(1), x)
    run = jax.jit(TINY.apply)
    whole, part = run(variables, x), run(variables, x[:, 10:-20])
    np.testing.assert_allclose(part[:, 3:-3], whole[:, 13:-23], atol=1e-5)
    assert np.abs(part[:, 0] - whole[:, 10]).max() > 1e-4  # published: zeros around features


def test_bfloat16_puts_out_float32_close_to_it():
    x = jax.random.normal(jax.random.key(0), (1, LENGTH, 1))
    variables = jax.jit(TINY.init)(jax.random.key(1), x)
    low = jax.jit(TINY.clone(dtype=jnp.bfloat16).apply)(variables, x)
    assert low.dtype == jnp.float32
    np.testing.assert_allclose(low, jax.jit(TINY.apply)(variables, x), atol=0.05)
