"""NeuralAmpModeler's files: read whole or refused in a line; what its own code makes of them."""

import json
import sys
import types

import jax
import numpy as np
import pytest
import soundfile

import zoo
from zoo.cli import sample
from zoo.errors import BadInput
from zoo.layers import amp_layouts
from zoo.pretrained import nam_file, nam_json

RNG = np.random.default_rng(0)
LAYERS = {
    "input_size": 1,
    "condition_size": 1,
    "channels": 2,
    "kernel_size": 3,
    "dilations": [1, 4],
    "activation": "Tanh",
    "gated": True,
    "head_size": 1,
    "head_bias": True,
}
OBJECT = {"type": "LeakyHardTanh", "max_val": 0.9}
FULL = {
    **{key: LAYERS[key] for key in ("input_size", "channels", "dilations")},
    "condition_size": 2,
    "kernel_sizes": [2, 3],
    "bottleneck": 4,
    "activation": [OBJECT, {"type": "PReLU", "negative_slopes": [0.1, 0.2, 0.3, 0.4]}],
    "gating_mode": ["gated", "blended"],
    "secondary_activation": ["ReLU", {"type": "Softsign"}],
    "head": {"out_channels": 2, "kernel_size": 2, "bias": True},
    "head1x1": {"active": True, "out_channels": 2, "groups": 2},
    "layer1x1": {"active": True, "groups": 2},
    "groups_input": 2,
    "groups_input_mixin": 2,
    "conv_pre_film": {"active": True, "shift": True, "groups": 1},
    "head1x1_post_film": {"active": True, "shift": False, "groups": 2},
    "activation_post_film": {"active": False, "shift": True, "groups": 1},
}


def filled(given):
    """The file's JSON with random weights, the inner network's too; the last one is the scale."""
    layout = nam_json.of_json(given)
    count = sum(int(np.prod(shape)) for _, shape in amp_layouts.parameter_shapes(layout))
    weights = RNG.normal(0, 0.4, count).tolist()
    if given["architecture"] == "WaveNet":
        weights.append(given["config"]["head_scale"])
    return {**given, "weights": weights}


def wavenet(layers=LAYERS, **config):
    config = {"layers": [layers], "head": None, "head_scale": 0.5, **config}
    return {"version": "0.5.4", "architecture": "WaveNet", "config": config}


def with_all():
    """A file of the newest form: a container, whose larger network has a network before it."""
    inner = wavenet({**LAYERS, "head_size": 2})
    count = sum(
        int(np.prod(s))
        for _, s in amp_layouts.parameter_shapes(nam_json.wavenet_layout(inner["config"], None))
    )
    inner["weights"] = [*RNG.normal(0, 0.4, count).tolist(), 0.5]
    head = {"channels": 3, "activation": "ReLU", "out_channels": 1, "kernel_sizes": [2, 1]}
    large = filled(wavenet(FULL, condition_dsp=inner, head=head))
    parts = [{"max_value": 0.5, "model": filled(wavenet())}, {"max_value": 1.0, "model": large}]
    config = {"submodels": parts}
    return {"architecture": "SlimmableContainer", "config": config, "sample_rate": 44_100}


def write(path, given):
    path.write_text(json.dumps(given))
    return path


@pytest.fixture(scope="module")
def amp(tmp_path_factory):
    given = {**filled(wavenet()), "sample_rate": 16_000}
    return write(tmp_path_factory.mktemp("amps") / "loud.nam", given)


def test_a_file_is_an_effect(amp, tmp_path, capsys):
    """By Python and by the script alike, any rate and channels; the file's own rate comes out."""
    system = zoo.load(amp)
    assert system.methods == ("process",) and system.sample_rate == 16_000
    stereo = (0.3 * RNG.normal(size=(4_410, 2))).astype(np.float32)
    wet = system.process(stereo, 44_100)
    assert wet.shape == (1_600, 1) and np.abs(wet).max() <= 1
    soundfile.write(tmp_path / "guitar.wav", stereo, 44_100, "FLOAT")
    words = ["--checkpoint", str(amp), "--input", str(tmp_path / "guitar.wav"), "--out"]
    assert sample.main([*words, str(tmp_path / "out")]) == 0
    (file,) = (tmp_path / "out").glob("*.wav")
    written, rate = soundfile.read(file, always_2d=True)
    assert rate == 16_000 and "44,100" in capsys.readouterr().err
    np.testing.assert_allclose(written, wet, atol=1 / 32_000)
    facts = json.loads(file.with_suffix(".json").read_text())
    assert facts["checkpoint"] == "loud" and facts["config"] == "amp_folder"


def test_all_that_newer_files_hold_is_read(tmp_path):
    arguments, arrays = nam_file.capture(write(tmp_path / "a.nam", with_all()))
    assert arguments["rate"] == 44_100
    layout = nam_json.layout(arguments["architecture"])
    assert layout.condition.arrays[0].outputs == 2 and "condition/array_0_output/bias" in arrays
    (array,) = layout.arrays
    assert [layer.gate for layer in array.layers] == ["gated", "blended"]
    assert [film.place for film in array.films] == ["conv_pre_film", "head1x1_post_film"]
    assert array.layers[0].activation.numbers == (-1.0, 0.9, 0.01, 0.01)
    assert layout.reach == 10 + 1 + 8 + 1 + 1  # before it, 1 + 2 * 4, their sum, and the head
    assert "weights" not in arguments["architecture"]


def test_the_scale_of_the_weights_counts(tmp_path):
    given = filled(wavenet())
    given["weights"][-1] = 0.75
    text = nam_file.capture(write(tmp_path / "a.nam", given))[0]["architecture"]
    assert nam_json.layout(text).scale == 0.75
    given["weights"][-1] = float(np.float32(0.5) + np.float32(1e-6))
    text = nam_file.capture(write(tmp_path / "a.nam", given))[0]["architecture"]
    assert nam_json.layout(text).scale == 0.5


def changed(*path, to):
    def change(given):
        inner = given
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = to
        return given

    return change


LAYER = ("config", "layers", 0)
BROKEN = {
    "no WaveNet": changed("architecture", to="ConvNet"),
    "architecture of another type": changed("architecture", to=[1]),
    "no config": changed("config", to=None),
    "no layers": changed("config", "layers", to=[]),
    "a weight less": changed("weights", to=[0.0] * 20),
    "weights as text": changed("weights", to="0" * 100),
    "a weight as text": changed("weights", 0, to="1.0"),
    "a weight that is none": changed("weights", 0, to=float("nan")),
    "a weight beyond floats": changed("weights", 0, to=10**400),
    "weights of weights": changed("weights", to=[[0.0]] * 50),
    "billions of channels": changed(*LAYER, "channels", to=10**12),
    "channels as text": changed(*LAYER, "channels", to="2"),
    "channels that are true": changed(*LAYER, "channels", to=True),
    "no dilation": changed(*LAYER, "dilations", to=[0, 1]),
    "a dilation of hours": changed(*LAYER, "dilations", to=[2**22, 2**22]),
    "other activation": changed(*LAYER, "activation", to="__import__"),
    "odd activation": changed(*LAYER, "activation", to={"type": {}}),
    "activations of other layers": changed(*LAYER, "activation", to=["Tanh"]),
    "groups that do not divide": changed(*LAYER, "groups_input", to=3),
    "inputs of its own": changed(*LAYER, "input_size", to=2),
    "another condition": changed(*LAYER, "condition_size", to=2),
    "two outputs": changed(*LAYER, "head_size", to=2),
    "an infinite scale": changed("config", "head_scale", to=float("inf")),
    "rates of no sound": changed("sample_rate", to=1e9),
    "a rate as text": changed("sample_rate", to="48000"),
    "a container of none": changed("architecture", to="SlimmableContainer"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_files_are_refused_in_one_line(fault, tmp_path):
    path = write(tmp_path / "broken.nam", BROKEN[fault](filled(json.loads(json.dumps(wavenet())))))
    with pytest.raises(BadInput) as caught:
        zoo.load(path)
    message = str(caught.value)
    assert "broken.nam" in message and "\n" not in message and len(message) < 400


def test_what_is_no_json_is_refused(tmp_path):
    for content in (b"", b"\xff\xfe\x00", b"[" * 100_000, b"[1, 2]", b'{"architecture": "WaveNet"'):
        (tmp_path / "a.nam").write_bytes(content)
        with pytest.raises(BadInput, match=r"a\.nam is no \.nam file"):
            zoo.load(tmp_path / "a.nam")
    with pytest.raises(BadInput, match="no file"):
        zoo.load(tmp_path / "none.nam")


PACKAGES = (
    "neural-amp-modeler==0.13.0",
    "wavio==0.0.9",
    "pydantic==2.12.4",
    "pydantic-core==2.41.5",
    "annotated-types==0.7.0",
    "typing-inspection==0.4.2",
)


def trained(kind):
    """(config of the trainer, its class) of a network with nearly all that the trainer has."""
    layers = {
        "input_size": 1,
        "condition_size": 1,
        "channels": 4,
        "bottleneck": 2,
        "kernel_sizes": [2, 3],
        "dilations": [1, 5],
        "activation": [
            {"name": "PairBlend", "primary": "Tanh", "secondary": "Sigmoid"},
            {"name": "PairMultiply", "primary": "SiLU", "secondary": "Hardswish"},
        ],
        "head": {"out_channels": 2, "kernel_size": 3, "bias": True},
        "head_1x1_config": {"active": True, "out_channels": 2, "groups": 2},
        "groups_input": 2,
        "film_params": {"activation_pre_film": {"active": True}},
    }
    last = {
        "input_size": 4,
        "condition_size": 1,
        "channels": 2,
        "kernel_size": 2,
        "dilations": [3],
        "activation": "Softsign",
        "head": {"out_channels": 3, "kernel_size": 1, "bias": False},
    }
    head = {"channels": 2, "activation": "ReLU", "out_channels": 1, "kernel_sizes": [2, 2]}
    if kind == "LSTM":
        return {"hidden_size": 3, "num_layers": 2, "sample_rate": 48_000}
    config = {"layers_configs": [layers, last], "head": head, "head_scale": 0.7}
    return {**config, "sample_rate": 48_000}


@pytest.mark.download
@pytest.mark.optimised
@pytest.mark.parametrize("kind", ["WaveNet", "LSTM"])
def test_the_trainer_s_networks_sound_the_same(kind, published_modules, tmp_path, monkeypatch):
    """What the trainer exports, with random weights, gives its own output through our code."""
    torch = pytest.importorskip("torch")

    published_modules(*PACKAGES)
    monkeypatch.setitem(sys.modules, "nam.train", types.ModuleType("nam.train"))  # needs Lightning
    from nam import models

    torch.manual_seed(0)
    net = getattr(models, kind).init_from_config(trained(kind))
    with torch.no_grad():
        if kind == "LSTM":
            net._get_initial_state_burn_in = 100
            state = net._get_initial_state()
            net._initial_hidden.data, net._initial_cell.data = (part[:, 0] for part in state)
        net.eval().export(tmp_path, basename="made")
        x = (0.5 * RNG.normal(size=3_000)).astype(np.float32)
        theirs = net(torch.tensor(x), pad_start=True).numpy()
    system = zoo.load(tmp_path / "made.nam")
    ours = jax.jit(system.apply)(system.variables, x[None, :, None])
    np.testing.assert_allclose(ours[0, :, 0], theirs, atol=2e-6)
    if kind == "WaveNet":
        assert system.module.receptive_field == net.receptive_field


PLACES = [0, 100, 4000, 8999]
GOLDEN = {  # the trainer's own output: samples at PLACES, and the mean magnitude
    "nam_a1_standard": ((0.02880631, -0.18307278, -0.07374643, 0.18029626), 0.1631329),
    "nam_a2": ((0.00051021, 0.0384757, 0.01306948, -0.03951985), 0.021385834),
}


@pytest.mark.download
@pytest.mark.optimised
@pytest.mark.parametrize("name", GOLDEN)
def test_published_captures_sound_as_by_the_trainer_s_code(name):
    try:
        system = zoo.load(name)
    except BadInput as error:
        pytest.skip(f"no such file here: {error}")
    x = (0.3 * np.random.default_rng(0).normal(size=9_000)).astype(np.float32)
    y = np.asarray(jax.jit(system.apply)(system.variables, x[None, :, None]))[0, :, 0]
    samples, mean = GOLDEN[name]
    np.testing.assert_allclose(y[PLACES], samples, atol=1e-5)
    np.testing.assert_allclose(np.abs(y).mean(), mean, rtol=1e-4)
