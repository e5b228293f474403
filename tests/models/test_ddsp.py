"""DDSP: sizes, an outside oracle for its parts, the published decoders' output, tone transfer."""

import json
import os
import struct
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo import experiment
from zoo.errors import BadInput
from zoo.evaluation.resynthesis import Resynthesised
from zoo.models.generation.ddsp import DDSP, DilatedConvDecoder, Encoder, RnnFcDecoder
from zoo.objectives import tone_transfer
from zoo.objectives.base import Request
from zoo.objectives.resynthesis import Resynthesis
from zoo.objectives.tone_transfer import Register
from zoo.pretrained import index, tfjs, weights

KEY = jax.random.key(0, impl="unsafe_rbg")
SMALL = DDSP(RnnFcDecoder(8, 1, 8), harmonics=6, reverb=200, n_fft=512)
BESIDE = Path(__file__).parents[2].parent / "shared" / "weights"


@pytest.mark.parametrize(
    "model, count",
    [
        (DDSP(RnnFcDecoder(), harmonics=100, latent=16, reverb=0), 7_251_186),
        (DDSP(RnnFcDecoder()), 4_801_150 + 48_000),
        (DDSP(RnnFcDecoder(0, 0, 256), reverb=0), 232_314),
        (DDSP(RnnFcDecoder(256, 1, 512), reverb=0), 1_873_278),
        (DDSP(DilatedConvDecoder(), reverb=0), 809_726),
    ],
)
def test_sizes_are_the_published_ones(model, count):
    audio, f0 = jnp.zeros((2, 64_000, 1)), jnp.zeros((2, 1000, 1))
    y, variables = jax.eval_shape(lambda: model.init_with_output(KEY, audio, f0, key=KEY))
    assert y.shape == audio.shape
    assert sum(leaf.size for leaf in jax.tree.leaves(variables["params"])) == count


def given(model, seconds=0.256, hertz=300.0):
    frames = round(seconds * 250)
    t = np.arange(frames * 64) / 16_000
    audio = (0.2 * np.sin(2 * np.pi * hertz * t)).astype(np.float32)
    return jnp.asarray(audio)[None, :, None], jnp.full((1, frames, 1), hertz)


def test_torch_decodes_the_same():
    """The recurrent decoder restated; its GRU is torch's, so are layer norm and leaky ReLU."""
    torch = pytest.importorskip("torch")
    from torch.nn import functional

    rng = np.random.default_rng(0)
    inputs = tuple(rng.normal(size=(2, 9, c)).astype(np.float32) for c in (1, 3))
    model = RnnFcDecoder(5, 2, 4)
    params = jax.jit(model.init, static_argnums=2)(KEY, inputs, 7)["params"]
    params = jax.tree.map(lambda x: x + 0.1 * rng.normal(size=x.shape).astype(np.float32), params)

    def tensor(x):
        return torch.tensor(np.asarray(x))

    def stack(x, p):
        for i in (1, 2):
            x = x @ tensor(p[f"dense_{i}"]["kernel"]) + tensor(p[f"dense_{i}"]["bias"])
            norm = p[f"norm_{i}"]
            x = functional.layer_norm(x, (5,), tensor(norm["scale"]), tensor(norm["bias"]), 1e-3)
            x = functional.leaky_relu(x, 0.2)
        return x

    gru = torch.nn.GRU(10, 4, batch_first=True)
    ours = params["gru"]
    names = {"weight_ih_l0": "kernel", "weight_hh_l0": "recurrent_kernel", "bias_ih_l0": "bias",
             "bias_hh_l0": "recurrent_bias"}  # fmt: skip
    gru.load_state_dict({k: tensor(np.transpose(ours[v])) for k, v in names.items()})
    parts = [stack(tensor(x), params[f"input_{i}"]) for i, x in enumerate(inputs)]
    joined = torch.cat(parts, -1)
    with torch.no_grad():
        y = stack(torch.cat([joined, gru(joined)[0]], -1), params["output"])
    theirs = y @ tensor(params["dense"]["kernel"]) + tensor(params["dense"]["bias"])
    mine = jax.jit(model.apply, static_argnums=2)({"params": params}, inputs, 7)
    np.testing.assert_allclose(mine, theirs, atol=1e-5)


def test_plays_what_the_controls_say():
    audio, f0 = given(SMALL)
    raw = jnp.full((1, 64, 1 + 6 + 65), -20.0).at[:, :, 0].set(20.0).at[:, :, 2].set(20.0)
    y = np.asarray(jax.jit(lambda r, f: SMALL.dry(SMALL.controls(r), f, KEY))(raw, f0))[0, :, 0]
    spectrum = np.abs(np.fft.rfft(y * np.hanning(len(y))))
    peak = spectrum.argmax() * 16_000 / len(y)
    assert peak == pytest.approx(600, abs=4)  # the second harmonic alone
    assert np.abs(y).max() == pytest.approx(2.0, rel=0.05)
    variables = jax.jit(SMALL.init)(KEY, audio, f0, key=KEY)
    impulse = jnp.zeros((1, 4096, 1)).at[0, 0, 0].set(1.0)
    echo = jax.jit(lambda v, x: SMALL.apply(v, x, method="wet"))(variables, impulse)[0, :, 0]
    assert echo[0] == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(echo[1:200], variables["params"]["response"][1:], atol=1e-8)


def test_timbre_does_not_hear_the_level():
    model = Encoder(20, latent=4, gru=8)
    audio = jax.random.normal(KEY, (2, 20 * 64 * 4, 1)) * 0.1
    variables = jax.jit(model.init)(KEY, audio)
    run = jax.jit(model.apply)
    z = run(variables, audio)
    assert z.shape == (2, 20, 4)
    np.testing.assert_allclose(z, run(variables, 2 * audio), atol=1e-3)
    assert not np.allclose(z, run(variables, audio.at[:, :2000].multiply(0.1)), atol=1e-3)


def test_classes_and_latent_exclude_each_other():
    audio, f0 = given(SMALL)
    with pytest.raises(BadInput, match="one of them"):
        jax.eval_shape(lambda: SMALL.clone(latent=4, classes=2).init(KEY, audio, f0, key=KEY))


# The published decoders ---------------------------------------------------------------------------


def golden_input():
    t = np.arange(1250) / 250
    f0 = 440 * 2 ** (0.3 * np.sin(11 * np.pi * t) / 12)
    loudness = -55 - 15 * np.abs(t - 2.5) / 2.5
    return [np.float32(x)[None, :, None] for x in (f0, loudness)]


GOLDEN = {  # start of frame 0 and mean of the whole output
    "violin": ((-1.118708, 0.590694, 0.254102, -0.201024), -0.293023),
    "flute": ((-0.974104, 0.964740), -0.529284),
    "trumpet": ((-0.997804, 0.599662), -0.313044),
    "tenor_saxophone": ((-0.949553, 0.416742), -0.487746),
}


def decoded(name, at):
    config, arguments, variables = weights.load(name, at)
    model = experiment.find(config).experiment(**arguments).objective.model
    run = jax.jit(lambda v, *x: model.apply(v, *x, method="raw"))
    return np.asarray(run(variables.of("model"), *golden_input()))[0]


def places():
    """Where the files of an instrument may lie on this machine."""
    own = os.environ.get("ZOO_WEIGHTS_DIR")
    for folder in ([Path(own)] if own else []) + [BESIDE]:
        for name in GOLDEN:
            for place in (folder / name, folder / f"ddsp_{name}"):
                if (place / "model.json").is_file():
                    yield name, place


def test_published_decoders_give_the_published_output(tmp_path, monkeypatch):
    found = dict(places())  # without them test_fabricated_decoder_is_torch_s stands for this
    monkeypatch.setenv("ZOO_WEIGHTS_DIR", str(tmp_path))  # so that nothing is kept elsewhere
    for name, place in found.items():
        raw = decoded(f"ddsp_{name}", place)
        start, mean = GOLDEN[name]
        np.testing.assert_allclose(raw[0, : len(start)], start, atol=2e-5)
        assert raw.mean() == pytest.approx(mean, abs=1e-5)
        if name == "violin":
            np.testing.assert_allclose(
                raw[624, :4], [0.207007, 1.298713, 1.546057, 0.057197], atol=2e-5
            )
            assert raw.std() == pytest.approx(2.974345, abs=1e-5)


def fabricate(folder, seed):
    """A model in the layout of the published ones, with random weights and a few constants."""
    rng = np.random.default_rng(seed)
    shapes = [(3, 1, 2, 128), (128,)]
    shapes += [(3, 1, 128, 128), (128,), (1, 1, 1, 128), (1, 1, 1, 128)] * 16
    shapes += [(128, 126), (126,)]
    arrays = {
        f"Func/model/input/_{75 + i}": rng.normal(size=shape).astype("<f4") * 0.1
        for i, shape in enumerate(shapes)
    }
    arrays["model/decoder/concat/axis"] = np.float32([2.0])
    manifest = [{"name": k, "shape": list(v.shape), "dtype": "float32"} for k, v in arrays.items()]
    text = {"weightsManifest": [{"paths": ["shard.bin"], "weights": manifest}]}
    (folder / "model.json").write_text(json.dumps(text))
    (folder / "shard.bin").write_bytes(b"".join(v.tobytes() for v in arrays.values()))
    assert struct.unpack("<f", (folder / "shard.bin").read_bytes()[-4:]) == (2.0,)
    return arrays


def test_fabricated_decoder_is_torch_s(tmp_path, monkeypatch):
    """All layers of the convolutional decoder, from the files to the output."""
    torch = pytest.importorskip("torch")
    from torch.nn import functional

    fabricate(tmp_path, 1)
    arrays = tfjs.read([tmp_path / "model.json", tmp_path / "shard.bin"])
    monkeypatch.setattr(weights.obtain, "arrays", lambda *_: arrays)
    ours = decoded("ddsp_violin", None)

    def w(number):
        return torch.tensor(arrays[f"Func/model/input/_{number}"]).squeeze()

    f0, loudness = golden_input()
    x = np.concatenate([loudness / 120 + 1, (69 + 12 * np.log2(f0 / 440)) / 127], 2)
    x = torch.tensor(np.float32(x)).transpose(1, 2)
    x = functional.conv1d(x, w(75).permute(2, 1, 0), w(76), padding=1)
    for block in range(16):
        kernel, bias, scale, shift = map(w, range(77 + 4 * block, 81 + 4 * block))
        d = 2 ** (block % 8)
        y = functional.conv1d(x.relu(), kernel.permute(2, 1, 0), bias, padding=d, dilation=d)
        x = x + functional.group_norm(y, 1, scale, shift, 1e-5)
    theirs = x.transpose(1, 2)[0] @ w(141) + w(142)
    np.testing.assert_allclose(ours, theirs.numpy(), atol=2e-4)


def test_index_knows_where_they_are():
    for name in GOLDEN:
        entry = index.find(f"ddsp_{name}")
        assert entry.licence == "Apache-2.0" and entry.url.startswith("https://")
        assert all(len(file.sha256) == 64 for file in entry.files)


# Tone transfer ------------------------------------------------------------------------------------


def heard(hertz, confidence=1.0):
    """A tracker that always hears the same."""

    def track(audio, hop):
        frames = -(-len(audio) // hop)
        return np.full(frames, hertz), np.full(frames, confidence)

    return track


def request(seconds=0.7, **options):
    t = np.arange(round(seconds * 16_000)) / 16_000
    source = 0.3 * np.sin(2 * np.pi * 300 * t) * np.minimum(1, 5 * t)
    return Request(length=len(t), source=source.astype(np.float32)[:, None], **options)


@pytest.fixture(scope="module")
def small():
    objective = Resynthesis(SMALL, tracker=heard(300.0))
    audio, f0 = given(SMALL)
    return objective, jax.jit(objective.init)(KEY, {"audio": audio, "f0": f0})


def played(objective, variables, asked):
    return np.concatenate(list(objective.generate(variables, asked)), 1)


def test_pieces_are_the_whole(small, monkeypatch):
    """Blocks of any size give the same sound, and as long as the source; seeds differ."""
    objective, variables = small
    asked = request(0.7001)
    whole = played(objective, variables, asked)
    assert whole.shape == (1, asked.length, 1) and np.abs(whole).max() > 1e-3
    monkeypatch.setattr(tone_transfer, "BLOCK", 50)
    # Phases of pieces add up in float64, those of one pass in float32.
    np.testing.assert_allclose(played(objective, variables, asked), whole, atol=5e-4)
    other = played(objective, variables, replace(asked, seed=1))
    assert not np.allclose(other, whole, atol=1e-4)


def test_stream_is_one_pass(monkeypatch):
    """Without noise the stream equals the model's own pass over the same controls."""
    rng = np.random.default_rng(0)
    raw = rng.normal(size=(1, 300, 72)).astype(np.float32)
    raw[:, :, 7:] = -1e3
    hertz = np.linspace(200, 500, 300)
    whole = jax.jit(lambda r, f: SMALL.dry(SMALL.controls(r), f, KEY))(
        raw, np.float32(hertz)[None, :, None]
    )
    monkeypatch.setattr(tone_transfer, "BLOCK", 128)
    joined = np.concatenate(list(tone_transfer.dry(SMALL, raw, hertz, 1, 0)), 1)
    np.testing.assert_allclose(joined[:, : whole.shape[1]], whole, atol=2e-3)


def test_segments_fade_into_each_other(monkeypatch):
    """A decoder that hears no context gives the same in overlapping segments as in one."""
    model = DDSP(RnnFcDecoder(4, 1, 4), harmonics=2, bands=3, reverb=0)
    audio, f0 = given(model)
    variables = jax.jit(lambda: model.init(KEY, audio, f0, key=KEY))()
    gru = jax.tree.map(jnp.zeros_like, variables["params"]["decoder"]["gru"])
    variables["params"]["decoder"]["gru"] = gru
    rng = np.random.default_rng(0)
    f0, loudness = rng.uniform(100, 400, 230), rng.uniform(-90, -30, 230)
    source = np.zeros(230 * 64, np.float32)
    one = tone_transfer.decode(model, variables, f0, loudness, source, None)
    monkeypatch.setattr(tone_transfer, "SEGMENT", 100)
    monkeypatch.setattr(tone_transfer, "OVERLAP", 30)
    several = tone_transfer.decode(model, variables, f0, loudness, source, None)
    np.testing.assert_allclose(several, one, atol=1e-5)


def test_register_moves_by_octaves():
    f0 = np.full(100, 100.0)  # MIDI 43.3
    loudness = np.linspace(-60.0, -30.0, 100)
    moved, level = tone_transfer.transpose(f0, loudness, Register(62.0, -68.5, -55.0), 120.0)
    np.testing.assert_allclose(moved, 400.0)
    np.testing.assert_allclose(level[:50], loudness[:50] - 23.5)
    assert level.max() == -55.0


def test_audio_without_a_pitch_is_refused_in_one_line(small):
    objective, variables = small
    deaf = replace(objective, tracker=heard(200.0, 0.2))
    with pytest.raises(BadInput, match="no pitch was heard") as error:
        next(deaf.generate(variables, request()))
    assert "\n" not in str(error.value)
    silence = Request(length=16_000, source=np.zeros((16_000, 1), np.float32))
    with pytest.raises(BadInput, match="no pitch was heard"):
        next(objective.generate(variables, silence))
    with pytest.raises(BadInput, match="hummed or played"):
        objective.generate(variables, Request(length=10))


def test_classes_are_voices():
    model = SMALL.clone(classes=3)
    objective = Resynthesis(model, "pitch", "family", heard(300.0))
    audio, _ = given(model)
    batch = {"audio": audio, "pitch": jnp.array([60]), "family": jnp.array([1])}
    variables = jax.jit(objective.init)(KEY, batch)
    voices = played(objective, variables, request(0.3, count=4))
    assert voices.shape[0] == 4
    same, other = (np.corrcoef(voices[0, :, 0], voices[i, :, 0])[0, 1] for i in (3, 1))
    assert same > other


def test_register_is_learnt_and_evaluation_counts(small):
    objective, variables = small
    audio, f0 = given(SMALL)
    register = tone_transfer.measure(jnp.linspace(-130.0, -40.0, 64)[None, :, None], f0, 120.0)
    assert register["pitch"] == pytest.approx(69 + 12 * np.log2(300 / 440), abs=1e-3)
    assert register["loudness"] == pytest.approx(-70, abs=1) and register["loudest"] == -40
    predict = jax.jit(lambda b: objective.predict(variables, b, KEY))
    length = audio.shape[1]
    record = {"audio": np.asarray(audio[0]).repeat(2, 0)[: 2 * length], "track": "a",
              "f0": np.full((2 * length // 64, 1), 300.0, np.float32)}  # fmt: skip
    info = experiment.find("ddsp_score_render").experiment().data.source.info
    evaluation = Resynthesised(length, 64, 2, ("f0",), heard(300.0))
    report = evaluation.run(predict, [record], info)
    assert report.counts == {"clips": 2, "without_pitch": 0}
    assert report.metrics["f0_l1"] == 0 and report.metrics["f0_outliers"] == 0
    assert report.metrics["spectral_loss"] > 0 and report.metrics["loudness_l1"] > 0
