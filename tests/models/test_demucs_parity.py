"""Demucs against its authors' module and against a PyTorch net written apart from both.

Weights go from one to the other through a file of the published names.
"""

import re
import runpy
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict

from zoo.errors import BadInput
from zoo.models.separation.demucs import Demucs
from zoo.pretrained import rules, torch_file
from zoo.pretrained.demucs import demucs_rules

pytestmark = pytest.mark.optimised

torch = pytest.importorskip("torch")
NET = Path(__file__).parents[2] / "benchmarks" / "torch_demucs.py"


@cache
def theirs():
    return runpy.run_path(str(NET))["Demucs"]


def wanted(model):
    x = jax.ShapeDtypeStruct((1, model.input_length(1), model.channels), jnp.float32)
    variables = jax.eval_shape(model.init, jax.random.key(0), x)
    return flatten_dict(variables, sep="/")


VARIANTS = {
    "v1": {},
    "v2": {"resample": True, "normalise": True},
    "relu": {"glu": False, "lstm_layers": 0, "context": 1},
    "plain": {"rewrite": False, "lstm_layers": 1},
    "wave_u_net": {"upsample": True},
}


@pytest.mark.parametrize("fields", VARIANTS.values(), ids=VARIANTS)
def test_output_and_gradients_equal_torch(fields, tmp_path):
    torch.manual_seed(0)
    net = theirs()(sources=3, width=4, depth=2, **fields)
    compare(Demucs(sources=3, width=4, depth=2, **fields), net, tmp_path)


@pytest.fixture
def authors(published_modules, monkeypatch):
    """The class of demucs 2.0.3, which needs julius, and diffq only to make it smaller."""
    published_modules("demucs==2.0.3", "julius==0.2.7")
    nothing = SimpleNamespace(UniformQuantizer=None, DiffQuantizer=None)
    monkeypatch.setitem(sys.modules, "diffq", nothing)
    from demucs.model import Demucs as Theirs

    return Theirs


@pytest.mark.download
def test_output_and_gradients_equal_the_authors_module(authors, tmp_path):
    torch.manual_seed(0)
    for name in ("v1", "v2", "relu", "plain"):  # `upsample` was left behind with v1
        fields = {"resample": False, **VARIANTS[name]}
        named = {"normalise": "normalize"}
        net = authors(
            list("abc"), channels=4, depth=2, **{named.get(k, k): v for k, v in fields.items()}
        )
        model = Demucs(sources=3, width=4, depth=2, **fields)
        assert net.valid_length(60) == model.input_length(60)
        compare(model, net, tmp_path)


def compare(model, net, tmp_path):
    """Output and all gradients on noise, with the weights of the PyTorch module."""
    # A file of v1 names its class first, which is not looked up when it is read.
    torch.save((torch.nn.LSTM, (), {}, net.state_dict()), tmp_path / "demucs.th")
    convert = demucs_rules(2, rewrite=model.rewrite, upsample=model.upsample)
    foreign = torch_file.read_torch([tmp_path / "demucs.th"])
    variables = unflatten_dict(rules.apply_rules(convert, foreign, wanted(model)), sep="/")
    x = np.random.default_rng(0).uniform(-1, 1, (2, model.input_length(60), 2)).astype(np.float32)

    def loss(variables):
        y = model.apply(variables, x, train=True)
        return jnp.sum(y * jnp.cos(jnp.arange(y.size)).reshape(y.shape)), y

    (_, y), grads = jax.jit(jax.value_and_grad(loss, has_aux=True))(variables)
    expected = net(torch.tensor(x).mT.contiguous()).permute(0, 3, 1, 2)
    np.testing.assert_allclose(y, expected.detach(), atol=1e-5)
    weights = torch.cos(torch.arange(expected.numel()).float()).reshape(expected.shape)
    (expected * weights).sum().backward()
    slopes = {name: leaf.grad.numpy() for name, leaf in net.named_parameters()}
    slopes = rules.apply_rules(convert, slopes, wanted(model))
    for name, grad in flatten_dict(grads, sep="/").items():
        np.testing.assert_allclose(grad, slopes[name], atol=1e-4, rtol=1e-3, err_msg=name)


@pytest.mark.parametrize("fields", [{"width": 100}, {"width": 64, "resample": True}], ids=str)
def test_published_names_fill_the_full_model(fields):
    """Every array of a full file finds its place, and none is left over; shapes alone."""
    with torch.device("meta"):
        state = theirs()(**fields).state_dict()
    # One number in memory stands for each array.
    foreign = {f"3.{k}": np.broadcast_to(np.float16(1), v.shape) for k, v in state.items()}
    leaves = wanted(Demucs(**fields))
    targets = {}
    for name, array in foreign.items():
        found = [(rule, re.fullmatch(rule.pattern, name)) for rule in demucs_rules()]
        ((rule, match),) = [(rule, match) for rule, match in found if match]
        targets[rule.target(match)] = rule.transform(array).shape
    assert targets == {path: leaf.shape for path, leaf in leaves.items()}


def test_files_that_lack_something_are_refused(tmp_path):
    model = Demucs(sources=3, width=4, depth=2)
    state = theirs()(sources=3, width=4, depth=2).state_dict()
    del state["decoder.1.2.weight"]
    torch.save({"state": state}, tmp_path / "demucs.th")
    with pytest.raises(BadInput, match="not filled: params/up_1/kernel"):
        rules.apply_rules(
            demucs_rules(2), torch_file.read_torch([tmp_path / "demucs.th"]), wanted(model)
        )
