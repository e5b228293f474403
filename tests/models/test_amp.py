"""Networks of amplifiers: their arithmetic against PyTorch's, their context, streams, and pairs."""

import json
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.checkpoints.checksums import by_path
from zoo.errors import BadInput
from zoo.layers import amp_layouts
from zoo.layers.amp_layouts import (
    Activation,
    Film,
    Head,
    LayerArray,
    LstmLayout,
    WaveNetLayer,
    WaveNetLayout,
)
from zoo.models.generation.amp import AmpLstm, AmpWaveNet, activated
from zoo.objectives import effect
from zoo.objectives.base import Request, Variables
from zoo.objectives.effect import Effect
from zoo.pretrained import nam_file, nam_json, rules

torch = pytest.importorskip("torch")
F = torch.nn.functional

RNG = np.random.default_rng(0)
GATED = WaveNetLayer(3, 2, Activation("Tanh"), "gated", Activation("Sigmoid"))
BLENDED = WaveNetLayer(2, 3, Activation("SiLU"), "blended", Activation("Softsign"))
FILMS = tuple(Film(place, place != "conv_pre_film", 1) for place in nam_json.FILMS)
BEFORE = WaveNetLayout((LayerArray(1, 3, (WaveNetLayer(2, 1),), 2, 2),), 0.5)
FIRST = LayerArray(1, 4, (GATED, BLENDED), 4, 1, False, 2, 6, 2, 2, 2, 2, 4, FILMS)
SECOND = LayerArray(
    4, 4, (WaveNetLayer(2, 4, Activation("PReLU", (0.1, 0.2, 0.3, 0.4))),), 3, 2, True, 2
)
HEAD = Head(5, 1, (3, 1), Activation("LeakyReLU", (0.2,)))
WHOLE = WaveNetLayout((FIRST, SECOND), 0.3, HEAD, BEFORE)
TORCH = {
    "Tanh": torch.tanh,
    "Sigmoid": torch.sigmoid,
    "SiLU": F.silu,
    "Softsign": F.softsign,
    "LeakyReLU": lambda x: F.leaky_relu(x, 0.2),
    "PReLU": lambda x: F.prelu(x, torch.tensor([0.1, 0.2, 0.3, 0.4])),
}


def weights(layout):
    """Random arrays in torch's layouts by the names of a file, the inner network's too."""
    found = {
        name: RNG.normal(0, 0.4, shape) for name, shape in amp_layouts.parameter_shapes(layout)
    }
    inner = weights(layout.condition) if getattr(layout, "condition", None) else {}
    found |= {f"condition/{name}": array for name, array in inner.items()}
    return {name: array.astype(np.float32) for name, array in found.items()}


def ours(module, arrays):
    """The arrays as the module's variables."""
    wanted = jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((1, 4, 1)))
    filled = rules.apply_rules(nam_file.RULES, arrays, by_path(wanted))
    leaves = [filled[path] for path in by_path(wanted)]
    return jax.tree.unflatten(jax.tree.structure(wanted), leaves)


def twin(layout, arrays, x, at=""):
    """The WaveNet once more, in PyTorch, on [B 1 T] with its context before it."""

    def conv(name, z, dilation=1, groups=1):
        bias = arrays.get(f"{at}{name}/bias")
        own = torch.tensor(arrays[f"{at}{name}/weight"])
        return F.conv1d(
            z, own, None if bias is None else torch.tensor(bias), 1, 0, dilation, groups
        )

    def film(array, name, place, z):
        film = array.film(place)
        if film is None:
            return z
        made = conv(f"{name}/{place}/conv", c[..., -z.shape[2] :], groups=film.groups)
        scale, shift = made.chunk(2, 1) if film.shift else (made, 0)
        return scale * z + shift

    def layer(array, own, name, x):
        z = conv(f"{name}/conv", film(array, name, "conv_pre_film", x), own.dilation, array.groups)
        z = film(array, name, "conv_post_film", z)
        mixed = conv(
            f"{name}/mixer", film(array, name, "input_mixin_pre_film", c), 1, array.mixer_groups
        )
        z = z + film(array, name, "input_mixin_post_film", mixed)[..., -z.shape[2] :]
        z = film(array, name, "activation_pre_film", z)
        first = z if own.gate == "none" else z.chunk(2, 1)[0]
        y = TORCH[own.activation.name](first)
        if own.gate != "none":
            door = TORCH[own.second.name](z.chunk(2, 1)[1])
            y = y * door if own.gate == "gated" else door * y + (1 - door) * first
        y = film(array, name, "activation_post_film", y)
        out = y
        if array.skip:
            out = film(array, name, "head1x1_post_film", conv(f"{name}/skip", y, 1, array.skip))
        y = film(array, name, "layer1x1_post_film", conv(f"{name}/residual", y, 1, array.residual))
        return x[..., -y.shape[2] :] + y, out

    c = x if layout.condition is None else twin(layout.condition, arrays, x, "condition/")
    x, total = x[..., -c.shape[2] :], 0
    for number, array in enumerate(layout.arrays):
        name = f"array_{number}"
        x = conv(f"{name}_input", x)
        for place, own in enumerate(array.layers):
            x, out = layer(array, own, f"{name}_layer_{place}", x)
            total = out + (total if isinstance(total, int) else total[..., -out.shape[2] :])
        total = conv(f"{name}_output", total)
    y = layout.scale * total
    for number, _ in enumerate(layout.head.taps if layout.head else ()):
        y = conv(f"head_{number}", TORCH[layout.head.activation.name](y))
    return y


@pytest.fixture(scope="module")
def wavenet():
    module, arrays = AmpWaveNet(WHOLE), weights(WHOLE)
    return module, arrays, ours(module, arrays)


def test_all_parts_of_a_wavenet_are_pytorch_s(wavenet):
    """Gates, bottleneck, groups, FiLM everywhere, head, a network before: output and gradient."""
    module, arrays, variables = wavenet
    x = RNG.normal(0, 0.5, (2, 60, 1)).astype(np.float32)
    before = torch.tensor(np.pad(x, ((0, 0), (module.settling, 0), (0, 0))).swapaxes(1, 2))
    before.requires_grad_()
    theirs = twin(WHOLE, arrays, before)
    theirs.square().sum().backward()
    value = jax.jit(
        jax.value_and_grad(lambda x: (y := module.apply(variables, x), (y**2).sum())[1])
    )
    total, gradient = value(x)
    np.testing.assert_allclose(total, float(theirs.detach().square().sum()), rtol=1e-4)
    expected = before.grad.numpy().swapaxes(1, 2)[:, module.settling :]
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-5)
    assert theirs.shape[2] == 60 and np.abs(gradient).min(0).max() > 0


def test_the_receptive_field_is_what_changes_the_output(wavenet):
    module, _, variables = wavenet
    x = jnp.asarray(RNG.normal(0, 0.5, (1, 80, 1)), jnp.float32)
    slope = jax.jit(jax.grad(lambda x: module.apply(variables, x)[0, 70, 0]))(x)[0, :, 0]
    there = np.flatnonzero(slope)
    assert (there[0], there[-1]) == (70 - module.receptive_field + 1, 70)
    assert AmpWaveNet(amp_layouts.NAMED["standard"]).receptive_field == 4093
    assert AmpWaveNet(amp_layouts.NAMED["a2"]).receptive_field == 6347


def test_an_lstm_is_pytorch_s_from_its_own_first_state():
    layout = LstmLayout(3, 2)
    arrays = nam_file._as_torch(weights(layout), layout)
    variables = ours(AmpLstm(layout), arrays)
    net = torch.nn.LSTM(1, 3, 2, batch_first=True)
    names = {"weight": "weight_ih", "recurrent_weight": "weight_hh", "bias": "bias_ih"}
    names |= {"recurrent_bias": "bias_hh"}
    state = {f"{n}_l{k}": arrays[f"lstm_{k}/{m}"] for k in (0, 1) for m, n in names.items()}
    net.load_state_dict({name: torch.tensor(array) for name, array in state.items()})
    first = [
        torch.tensor(np.stack([arrays[f"{p}_{k}"] for k in (0, 1)]))[:, None]
        for p in ("hidden", "cell")
    ]
    x = RNG.normal(0, 0.5, (1, 30, 1)).astype(np.float32)
    hidden = net(torch.tensor(x), tuple(first))[0].detach().numpy()
    expected = hidden @ arrays["head/weight"].T + arrays["head/bias"]
    np.testing.assert_allclose(AmpLstm(layout).apply(variables, x), expected, atol=1e-5)


def test_lstms_begin_as_the_trainers():
    """neural-amp-modeler's adds 2 to each of torch's biases of forget gates, -2 to input gates."""
    begin = jax.jit(AmpLstm(LstmLayout(64)).init)
    begun = begin(jax.random.key(0), np.zeros((1, 2, 1), np.float32))["params"]["lstm_0"]
    for name in ("bias", "recurrent_bias"):
        means = np.reshape(begun[name], (4, 64)).mean(1)  # of uniform numbers in -1/8..1/8
        np.testing.assert_allclose(means, [-2, 2, 0, 0], atol=0.05)


@pytest.mark.parametrize("module", [AmpWaveNet(BEFORE), AmpLstm(LstmLayout(3))])
def test_a_stream_is_one_pass(module, monkeypatch):
    """Blocks of any source are the whole; louder than full scale it becomes softer, and is said."""
    if isinstance(module, AmpWaveNet):
        module = replace(
            module, layout=replace(BEFORE, arrays=(replace(BEFORE.arrays[0], outputs=1),))
        )
    arrays = weights(module.layout)
    if isinstance(module, AmpLstm):
        arrays = nam_file._as_torch(arrays, module.layout)
    variables = ours(module, arrays)
    x = RNG.normal(0, 0.1, (37, 1)).astype(np.float32)
    whole = np.asarray(module.apply(variables, x[None]))[0]
    whole = whole / max(np.abs(whole).max(), 1)
    monkeypatch.setattr(effect, "_BLOCK", 16)
    made = Effect(module, None).generate(
        Variables({"model": variables["params"]}), Request(37, 2, source=x, chunk=10)
    )
    chunks = list(made)
    assert [chunk.shape for chunk in chunks] == [(2, 10, 1)] * 3 + [(2, 7, 1)]
    np.testing.assert_allclose(np.concatenate(chunks, 1)[1], whole, atol=1e-5)


def test_a_peak_above_full_scale_makes_all_softer(capsys):
    layout = WaveNetLayout((LayerArray(1, 1, (WaveNetLayer(1, 1),), 1),), 100.0)
    module = AmpWaveNet(layout)
    variables = Variables({"model": ours(module, weights(layout))["params"]})
    x = RNG.uniform(-0.5, 0.5, (20, 1)).astype(np.float32)
    (made,) = Effect(module, None).generate(variables, Request(20, source=x))
    plain = np.asarray(module.apply({"params": variables.params["model"]}, x[None]))[0]
    np.testing.assert_allclose(made[0], plain / np.abs(plain).max(), atol=1e-6)
    assert "dB softer" in capsys.readouterr().err
    with pytest.raises(BadInput, match="no more than"):
        list(Effect(module, None).generate(variables, Request(21, source=x)))


NUMBERS = {"LeakyReLU": (0.3,), "Hardtanh": (-0.5, 1.5), "LeakyHardtanh": (-0.5, 1.0, 0.1, 0.2)}


@pytest.mark.parametrize("name", ["ReLU", "Hardswish", "Hardtanh", "Sigmoid", "LeakyReLU"])
def test_activations_are_torch_s(name):
    x = np.linspace(-4, 4, 41, dtype=np.float32)
    theirs = getattr(torch.nn, name)(*NUMBERS.get(name, ()))(torch.tensor(x))
    np.testing.assert_allclose(
        activated(x, Activation(name, NUMBERS.get(name, ()))), theirs, atol=1e-6
    )


def test_activations_of_its_own():
    x = jnp.linspace(-3, 3, 61)
    leaky = np.asarray(activated(x, Activation("LeakyHardtanh", NUMBERS["LeakyHardtanh"])))
    np.testing.assert_allclose(leaky[[0, 30, 60]], [-0.75, 0.0, 1.4], atol=1e-6)
    np.testing.assert_allclose(activated(x, Activation("Fasttanh")), np.tanh(x), atol=2e-3)
    soft = np.asarray(activated(x, Activation("Softsigmoid")))
    np.testing.assert_allclose(soft[[0, 30]], [0.125, 0.5], atol=1e-6)


def test_names_are_the_trainer_s_shapes():
    text = json.dumps({"architecture": "LSTM", "config": {"hidden_size": 24, "num_layers": 1}})
    assert nam_json.architecture_name(text) == "lstm"
    with pytest.raises(BadInput, match="did you mean nano"):
        nam_json.layout("nanno")
    with pytest.raises(BadInput, match="no JSON"):
        nam_json.layout("{")
