"""Conv-TasNet against both public modules, outputs and a step of SGD; and its published weights."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from unittest.mock import MagicMock

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict

from zoo.losses.permutation import any_order
from zoo.losses.waveform import l1, negative_si_sdr
from zoo.models.separation.conv_tasnet import ConvTasNet
from zoo.objectives.base import Variables
from zoo.objectives.supervised import Supervised
from zoo.pretrained import rules
from zoo.pretrained.conv_tasnet import exported_rules, music_rules, speech_rules

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.optimised

SIZE = {
    "sources": 2,
    "filters": 8,
    "filter_size": 6,
    "bottleneck": 5,
    "hidden": 7,
    "blocks": 2,
    "repeats": 2,
}


def wanted(model):
    x = jax.ShapeDtypeStruct((1, 60, model.channels), jnp.float32)
    return flatten_dict(jax.eval_shape(model.init, jax.random.key(0), x), sep="/")


def moved(net):
    """The module with every parameter away from where it starts, so that no swap stays unseen."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape))
    return net


def converted(model, table, arrays):
    return unflatten_dict(rules.apply_rules(table, arrays, wanted(model)), sep="/")


def numbers(net):
    return {name: tensor.detach().numpy().copy() for name, tensor in net.state_dict().items()}


def compare(model, table, net, loss, their_loss, answer):
    """Output, loss, and the parameters after a step of SGD."""
    rng = np.random.default_rng(0)
    stems = 0.5 * rng.standard_normal((3, 65, 2, model.channels)).astype(np.float32)
    mixture = stems.sum(2)
    variables = converted(model, table, numbers(net))
    theirs = answer(net, torch.tensor(mixture).mT.contiguous())
    (turn,) = Supervised(model, loss, input="mixture", target="stems").turns
    batch = {"mixture": jnp.asarray(mixture), "stems": jnp.asarray(stems)}

    def value(params):
        loss = turn.loss(Variables({"model": params}), batch, jax.random.key(0), 0)[0]
        return loss, model.apply({"params": params}, batch["mixture"])

    run = jax.jit(jax.value_and_grad(value, has_aux=True))
    (ours, y), slopes = run(variables["params"])
    np.testing.assert_allclose(y, theirs.detach().numpy(), atol=2e-5)
    their_value = their_loss(theirs, torch.tensor(stems))
    np.testing.assert_allclose(ours, their_value.detach(), rtol=1e-4)
    optimiser = torch.optim.SGD(net.parameters(), 0.1)
    their_value.backward()
    optimiser.step()
    sgd = optax.sgd(0.1)
    updates, _ = sgd.update(slopes, sgd.init(variables["params"]))
    stepped = flatten_dict({"params": optax.apply_updates(variables["params"], updates)}, sep="/")
    after = rules.apply_rules(table, numbers(net), wanted(model))
    for name, leaf in after.items():
        np.testing.assert_allclose(stepped[name], leaf, rtol=2e-3, atol=2e-5, err_msg=name)


@pytest.mark.download
@pytest.mark.parametrize("norm, causal", [("gln", False), ("cln", True)])
def test_music_layout_equals_the_public_module(published_modules, monkeypatch, norm, causal):
    published_modules("demucs==2.0.3", "julius==0.2.7")
    nothing = SimpleNamespace(UniformQuantizer=None, DiffQuantizer=None)
    monkeypatch.setitem(sys.modules, "diffq", nothing)
    from demucs.tasnet import ConvTasNet as Theirs

    net = moved(
        Theirs(list("ab"), 8, 6, 5, 7, 3, 2, 2, norm_type=norm.replace("ln", "LN"), causal=causal)
    )
    model = ConvTasNet(**SIZE, norm=norm, causal=causal)
    compare(
        model,
        music_rules(2, 2, causal=causal),
        net,
        l1,
        torch.nn.functional.l1_loss,
        lambda net, x: net(x).permute(0, 3, 1, 2),
    )


@pytest.fixture
def asteroid(published_modules, monkeypatch):
    """Asteroid 0.7.0 without what its other models, its training and its hub need."""
    published_modules("asteroid==0.7.0", "asteroid-filterbanks==0.4.0")
    places = (Path(folder) / "asteroid" for folder in sys.path)
    place = next(str(place) for place in places if place.is_dir())
    alone = ModuleType("asteroid")
    alone.__path__ = [place]
    monkeypatch.setitem(sys.modules, "asteroid", alone)
    monkeypatch.setitem(sys.modules, "huggingface_hub", MagicMock())
    yield
    for name in [name for name in sys.modules if name.startswith("asteroid")]:
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.mark.download
@pytest.mark.parametrize("norm, causal", [("gln", False), ("cln", True)])
def test_speech_layout_equals_the_public_module(asteroid, norm, causal):
    from asteroid.losses import PITLossWrapper, pairwise_neg_sisdr
    from asteroid.models.conv_tasnet import ConvTasNet as Theirs

    net = moved(
        Theirs(
            2,
            n_blocks=2,
            n_repeats=2,
            bn_chan=5,
            hid_chan=7,
            skip_chan=4,
            n_filters=8,
            kernel_size=6,
            stride=3,
            norm_type=norm.replace("ln", "LN"),
            causal=causal,
        )
    )
    model = ConvTasNet(
        **SIZE, channels=1, skip=4, layout="speech", norm=norm, causal=causal, mask="sigmoid"
    )
    measure = PITLossWrapper(pairwise_neg_sisdr, pit_from="pw_mtx")

    def their_loss(estimate, target):
        return measure(estimate[..., 0].mT, target[..., 0].mT)

    compare(
        model,
        speech_rules(4, causal=causal),
        net,
        any_order(negative_si_sdr),
        their_loss,
        lambda net, x: net(x).mT[..., None],
    )


def test_exported_slopes_are_numbered_in_order_of_use():
    model = ConvTasNet(**SIZE, channels=1, skip=4, layout="speech")
    arrays = {}
    for count, (path, leaf) in enumerate(sorted(wanted(model).items())):
        arrays[path] = np.full(leaf.shape, count, np.float32)
    blocks = SIZE["blocks"] * SIZE["repeats"]
    order = [f"block_{n // 2}_prelu_{n % 2 + 1}" for n in range(2 * blocks)] + ["mask_prelu"]
    slopes = {f"onnx::PRelu_{70 + n}": np.full((1, 1), n, np.float32) for n in range(len(order))}
    table = [rule for rule in exported_rules(blocks, 70) if "PRelu" in rule.pattern]
    places = {f"params/{name}/negative_slope" for name in order}
    filled = rules.apply_rules(
        table, slopes, {k: v for k, v in wanted(model).items() if k in places}
    )
    assert {path: int(leaf) for path, leaf in filled.items()} == {
        f"params/{name}/negative_slope": number for number, name in enumerate(order)
    }


GOLDEN = {1000: 1.94928, 5000: -1.98151, 8000: -211.5571, 12000: -98.7948}  # ONNX Runtime's


@pytest.mark.download
@pytest.mark.slow
def test_published_weights_give_the_golden_output():
    from zoo import experiment as experiments
    from zoo.pretrained import weights

    config, arguments, variables = weights.load_weights("conv_tasnet_speech")
    experiment = experiments.find_config(config).experiment(**arguments)
    model = experiment.objective.model.clone(fit_scale=False)
    x = (np.random.default_rng(0).standard_normal((1, 1, 16_000)) * 0.1).astype(np.float32)
    y = np.asarray(jax.jit(model.apply)(variables.of("model"), x.mT))[0, :, 0, 0]
    np.testing.assert_allclose((y.mean(), y.std()), (2.71028, 160.5537), rtol=1e-4)
    for place, value in GOLDEN.items():
        np.testing.assert_allclose(y[place], value, atol=0.03)  # of a deviation of 160
    kernel = np.asarray(variables.params["model"]["encoder"]["kernel"], np.float64)
    np.testing.assert_allclose(kernel.sum(), 279.3882, rtol=1e-5)
