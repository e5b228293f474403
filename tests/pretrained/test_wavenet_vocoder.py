"""Checkpoints of r9y9's wavenet_vocoder: names, sizes, outputs beside the authors' module."""

import json

import jax
import numpy as np
import pytest

import zoo
from zoo import experiment as experiments
from zoo.checkpoints.checksums import by_path
from zoo.distributions import Categorical, Gaussian, MixtureOfLogistics
from zoo.errors import BadInput
from zoo.pretrained import rules, wavenet_vocoder

pytestmark = pytest.mark.optimised

SMALL = dict(layers=4, stacks=2, width=6, gate=5, skip=7, bins=5, factors=(2, 3), bin_taps=3)
PRESET = {"stacks": 2, "fft_size": 16, "fmin": 0, "fmax": 8000}


def state(layers, width, gate, skip, bins, factors, outputs, entered=1, bin_taps=3, **_):
    """Names and shapes of a checkpoint, weight norm worked in by their make_generation_fast_."""
    shapes = {"first_conv": (width, entered, 1)}
    for i in range(layers):
        place = f"conv_layers.{i}.conv"
        shapes |= {place: (2 * gate, width, 3), f"{place}1x1c": (2 * gate, bins, 1)}
        shapes |= {f"{place}1x1_out": (width, gate, 1), f"{place}1x1_skip": (skip, gate, 1)}
    shapes |= {"last_conv_layers.1": (skip, skip, 1), "last_conv_layers.3": (outputs, skip, 1)}
    arrays = {f"{name}.weight": shape for name, shape in shapes.items()}
    arrays |= {f"{name}.bias": shape[:1] for name, shape in shapes.items()}
    for i, factor in enumerate(factors):
        arrays |= {f"upsample_conv.{2 * i}.weight": (1, 1, bin_taps, factor)}
        arrays |= {f"upsample_conv.{2 * i}.bias": (1,)}
    return {name: np.broadcast_to(np.float32(0.1), shape) for name, shape in arrays.items()}


def wanted(arguments):
    """The leaves of the config's model."""
    made = experiments.find_config("wavenet_ljspeech").experiment(**arguments)
    found = jax.eval_shape(made.objective.init, jax.random.key(0), made.data.spec(1))
    return by_path({"params": found.params["model"]})


def test_the_published_sizes_are_the_defaults(tmp_path):
    arrays = state(24, 512, 256, 256, 80, (4, 4, 4, 4), 30)
    arguments, table = wavenet_vocoder.sized(tmp_path / "a.pth", arrays)
    defaults = experiments.find_config("wavenet_ljspeech").defaults
    assert arguments.items() <= defaults.items()
    shapes = wanted(arguments)
    assert len(rules.apply_rules(table, arrays, shapes)) == len(shapes)


def test_sizes_and_front_end_are_those_of_file_and_preset(tmp_path):
    preset = {**PRESET, "sample_rate": 16_000, "ref_level_db": 16, "log_scale_min": -9}
    (tmp_path / "hparams.json").write_text(json.dumps({**preset, "input_type": None}))
    meant = [MixtureOfLogistics(3, 16, -9.0), Gaussian(-9.0), Categorical(8, "floored")]
    for outputs, entered, distribution in zip((9, 2, 8), (1, 1, 8), meant):
        arrays = state(**SMALL, outputs=outputs, entered=entered)
        arguments, table = wavenet_vocoder.sized(tmp_path / "a.pth", arrays)
        made = experiments.find_config("wavenet_ljspeech").experiment(**arguments)
        model = made.objective.model
        assert (model.layers, model.stacks, model.width, model.gate) == (4, 2, 6, 5)
        assert model.distribution == distribution
        assert made.data.source.info.sample_rate == 16_000 and arguments["reference"] == 16
    rules.apply_rules(table, arrays, wanted(arguments))  # the others are at the end of this file


@pytest.mark.parametrize(
    ("change", "preset", "message"),
    [
        ({}, None, "how many stacks its 4 layers"),
        ({}, {**PRESET, "stacks": 3}, "how many stacks"),
        ({"outputs": 7}, PRESET, "neither logistics"),
        ({}, {**PRESET, "input_type": "mulaw"}, "neither logistics"),
        ({"factors": ()}, PRESET, "repeats its frames"),
        ({"bin_taps": 2}, PRESET, "one odd number of bins"),
        ({}, {**PRESET, "residual_channels": 9}, "residual_channels=9, the file 6"),
        ({}, {**PRESET, "sample_rate": "fast"}, "sample_rate='fast'"),
        ({}, {**PRESET, "fft_size": 16.5}, "fft_size=16.5; it is a whole number"),
        ({}, {**PRESET, "legacy": "no"}, "legacy='no'; it is true or false"),
        ({}, {**PRESET, "preprocess": "preemphasis"}, "filters the sound"),
        ({}, [1], "no preset"),
    ],
)
def test_what_is_not_told_or_not_read_is_refused(change, preset, message, tmp_path):
    if preset is not None:
        (tmp_path / "a.json").write_text(json.dumps(preset))
    arrays = state(**{**SMALL, "outputs": 6, **change})
    with pytest.raises(BadInput, match=message):
        wavenet_vocoder.sized(tmp_path / "a.pth", arrays)


def test_nets_of_several_speakers_and_of_later_versions_are_refused(tmp_path):
    arrays = state(**SMALL, outputs=6)
    with pytest.raises(BadInput, match="several speakers"):
        wavenet_vocoder.sized(tmp_path / "a.pth", {**arrays, "embed_speakers.weight": np.ones(2)})
    later = {name: array for name, array in arrays.items() if "1x1c.bias" not in name}
    assert wavenet_vocoder.recognised(later)
    with pytest.raises(BadInput, match=r"meanvar\.joblib"):
        wavenet_vocoder.sized(tmp_path / "a.pth", later)


def scattered(net, torch):
    """Everything at random, so that no array may stay behind."""
    torch.manual_seed(1)
    with torch.no_grad():
        for leaf in net.parameters():
            leaf.add_(0.3 * torch.randn(leaf.shape))
    return net.eval()


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
@pytest.mark.download
@pytest.mark.parametrize("kind", ["logistics", "codes"])
def test_a_checkpoint_of_the_authors_module(kind, published_modules, tmp_path):
    """Under weight norm, skips as in `legacy`; of codes, with neither and frames repeated."""
    torch = pytest.importorskip("torch")
    published_modules("wavenet_vocoder==0.1.1")
    from wavenet_vocoder import WaveNet as Theirs

    plain = kind == "codes"
    net = Theirs(
        *(16 if plain else 6, 4, 2, 6, 10, 7, 3),
        cin_channels=5,
        weight_normalization=not plain,
        upsample_conditional_features=not plain,
        upsample_scales=(2, 3),
        scalar_input=not plain,
        legacy=not plain,
    )
    net = scattered(net, torch)
    optimizer = torch.optim.Adam(net.parameters())
    whole = {"state_dict": net.state_dict(), "optimizer": optimizer.state_dict(), "global_step": 9}
    torch.save(whole, tmp_path / "step9_ema.pth")
    preset = {**PRESET, **({"legacy": False, "hop_size": 6} if plain else {})}
    (tmp_path / "step9_ema.json").write_text(json.dumps(preset))
    system = zoo.load(tmp_path / "step9_ema.pth")
    model, rng = system.experiment.objective.model, np.random.default_rng(0)
    frames = rng.uniform(0, 1, (2, 4, 5)).astype(np.float32)
    audio = rng.uniform(-0.9, 0.9, (2, 24, 1)).astype(np.float32)
    late = np.pad(audio[:, :-1], ((0, 0), (1, 0), (0, 0)))
    entered, given = torch.tensor(late).mT, torch.tensor(frames).mT
    if plain:
        codes = torch.tensor(np.array(model.distribution.encode(late))[..., 0]).long()
        assert codes[0, 0] == 8  # their mulaw_quantize(0, 16)
        entered, given = torch.eye(16)[codes].mT, given.repeat_interleave(6, -1)
    with torch.no_grad():
        theirs = net(entered, given).mT.numpy()
    raw = jax.jit(model.apply)(system.variables, audio, condition=frames)
    assert theirs.std() > 0.1
    np.testing.assert_allclose(raw, theirs, atol=2e-5 * np.abs(theirs).max())
