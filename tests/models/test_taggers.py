"""The taggers of 2016 to 2020: sizes of the public codes, front ends, starts, what they refuse."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
from quick_keys import QUICK

from zoo.errors import BadInput
from zoo.layers import initializers
from zoo.layers.attention import SelfAttention, sinusoids
from zoo.layers.keras_recurrent import KerasGRU, KerasLSTM
from zoo.layers.norm import BatchNorm
from zoo.models.classification import crnn, fcn
from zoo.models.classification.at_scale import AtScale, SpectrogramFront, WaveformFront
from zoo.models.classification.harmonic_cnn import POOLS, HarmonicCNN, HarmonicSpectrogram
from zoo.models.classification.multi_scale import MultiScale, MultiScaleFront
from zoo.models.classification.self_attention import (
    SelfAttentionTagger,
    doubled_decibels,
    first_token,
    make_tagger,
)
from zoo.models.classification.short_chunk import ShortChunk
from zoo.signal.harmonic import harmonic_centres
from zoo.signal.mel import CHOI, WON, WON_96, log_mel, peak_decibels, twice_squared_decibels


def shapes(model, samples=None):
    x = jax.ShapeDtypeStruct((2, samples or model.samples, 1), jnp.float32)
    return jax.eval_shape(
        lambda key, x: model.init_with_output(
            key, x, mutable=["params", "batch_stats", "intermediates"]
        ),
        jax.random.key(0),
        x,
    )


@pytest.mark.parametrize(
    "model, parameters",
    [
        (fcn.FCN(), 447_732),
        (fcn.FCN(**fcn.fcn_version("music_tagger_cnn")), 865_950),
        (crnn.CRNN(), 394_100),
        (crnn.CRNN(**crnn.crnn_version("choi")), 396_786),
        (ShortChunk(), 3_687_348),
        (ShortChunk(residual=True), 12_104_244),
        (HarmonicCNN(), 3_631_551),
        (make_tagger("won", 50), 10_521_652),
    ],
)
def test_sizes_are_the_public_codes(model, parameters):
    output, variables = shapes(model)
    assert output.shape == (2, 50) and output.dtype == jnp.float32
    assert sum(leaf.size for leaf in jax.tree.leaves(variables["params"])) == parameters


def without_norms(variables):
    leaves = jax.tree_util.tree_leaves_with_path(variables["params"])
    return sum(leaf.size for path, leaf in leaves if "norm" not in str(path))


@pytest.mark.parametrize("front, millions", [(WaveformFront(), 5.37), (SpectrogramFront(), 5.92)])
def test_sizes_at_scale_are_counted_by_hand(front, millions):
    """Without norms, as the fact sheet counts; the paper says 5.3 and 5.9 million."""
    _, variables = shapes(AtScale(front=front))
    assert without_norms(variables) / 1e6 == pytest.approx(millions, abs=0.005)
    assert shapes(AtScale(front=front), 4 * 47_872)[0].shape == (2, 50)
    width = 464 if isinstance(front, SpectrogramFront) else 256
    assert variables["intermediates"]["frames"][0].shape[-1] == width


@pytest.mark.parametrize("depth", [3, 4, 5, 6, 7])
def test_every_depth_of_the_paper_ends_in_one_vector(depth):
    model = fcn.FCN(**fcn.fcn_version(f"choi_{depth}"))
    seen = shapes(model)[1]["intermediates"]
    assert len(seen) == depth and seen[f"features_{depth}"][0].shape == (2, 1, 1, 2048)
    assert log_mel_frames(model) == 1366


def log_mel_frames(model):
    x = jax.ShapeDtypeStruct((1, model.samples, 1), jnp.float32)
    return jax.eval_shape(lambda x: log_mel(x, model.spec), x).shape[1]


@pytest.mark.parametrize("task, samples", [("magnatagatune", 80_000), ("speech_commands", 16_384)])
def test_pools_of_a_task_leave_one_place(task, samples):
    seen = shapes(HarmonicCNN(pools=POOLS[task]), samples)[1]["intermediates"]
    assert seen["features_7"][0].shape == (2, 1, 1, 256)
    assert seen["harmonic"][0].shape[2:] == (128, 6)


@pytest.mark.parametrize("spec, htk", [(WON, True), (WON_96, True), (CHOI, False)])
def test_front_ends_are_librosa_s(spec, htk):
    """torchaudio's MelSpectrogram is HTK's scale without a norm; Choi's is librosa's own."""
    x = np.random.default_rng(0).uniform(-1, 1, 9_000).astype(np.float32) * np.hanning(9_000)
    kind = dict(htk=True, norm=None) if htk else {}
    power = librosa.feature.melspectrogram(
        y=x,
        sr=spec.sample_rate,
        n_fft=512,
        hop_length=256,
        n_mels=spec.bins,
        pad_mode="reflect",
        **kind,
    )
    wanted = librosa.power_to_db(power, ref=1.0, amin=1e-10, top_db=None if htk else 80.0).T
    ours = np.asarray(log_mel(jnp.asarray(x, jnp.float32)[None, :, None], spec))[0, :, :, 0]
    np.testing.assert_allclose(ours, wanted, atol=2e-2)


@pytest.mark.parametrize(
    "ours, theirs",
    [
        (doubled_decibels, partial(librosa.amplitude_to_db, ref=1.0, amin=1e-5)),
        (peak_decibels, partial(librosa.power_to_db, ref=np.max)),
        (
            twice_squared_decibels,
            lambda power, top_db: librosa.power_to_db(power**2, top_db=top_db),
        ),
    ],
)
def test_decibels_down_to_80_below_the_loudest_are_librosa_s(ours, theirs):
    power = np.random.default_rng(0).uniform(0, 1, (2, 9, 7)).astype(np.float32) ** 20
    wanted = [theirs(one, top_db=80.0) for one in power.astype(np.float64)]
    np.testing.assert_allclose(ours(jnp.asarray(power)), wanted, atol=1e-3)


def test_a_harmonic_tone_is_loudest_at_the_same_level_in_all_channels():
    hertz = harmonic_centres(16_000)
    assert hertz.shape == (6, 128) and hertz[0, 0] == pytest.approx(32.703, abs=1e-3)
    note = 100  # of 128: 587 Hz, where a band is three bins wide
    time = np.arange(16_000) / 16_000
    tone = sum(np.sin(2 * np.pi * n * hertz[0, note] * time) for n in range(1, 7)) / 6
    model = HarmonicSpectrogram()
    x = jnp.asarray(tone, jnp.float32)[None, :, None]

    def bands(q):
        return model.apply({"params": {"q": q}}, x)[0, 20]

    near = np.asarray(bands(jnp.ones(1)))[
        note - 6 : note + 7
    ]  # in other places lie other multiples
    assert np.abs(near.argmax(0) - 6).max() <= 1
    narrower = jax.grad(lambda q: bands(q)[note].sum())(jnp.ones(1))
    assert float(narrower[0]) < -1  # the only thing that is learnt: less passes


def plain_gru(params, x, width):
    """Keras 1's, step by step, of one example [F C]."""
    w, u, b = (np.asarray(params[k], np.float64) for k in ("kernel", "recurrent_kernel", "bias"))
    (wz, wr, wh), (uz, ur, uh), (bz, br, bh) = (np.split(a, 3, -1) for a in (w, u, b))
    h, out = np.zeros(width), []
    for frame in x:
        z = np.clip(0.2 * (frame @ wz + bz + h @ uz) + 0.5, 0, 1)
        r = np.clip(0.2 * (frame @ wr + br + h @ ur) + 0.5, 0, 1)
        h = z * h + (1 - z) * np.tanh(frame @ wh + bh + (r * h) @ uh)
        out.append(h)
    return np.array(out)


def plain_lstm(params, x, width):
    w, u, b = (np.asarray(params[k], np.float64) for k in ("kernel", "recurrent_kernel", "bias"))
    h, c, out = np.zeros(width), np.zeros(width), []
    for frame in x:
        i, f, new, o = np.split(frame @ w + b + h @ u, 4)
        i, f, o = (np.clip(0.2 * gate + 0.5, 0, 1) for gate in (i, f, o))
        c = f * c + i * np.tanh(new)
        h = o * np.tanh(c)
        out.append(h)
    return np.array(out)


@pytest.mark.parametrize("kind, plain", [(KerasGRU, plain_gru), (KerasLSTM, plain_lstm)])
def test_recurrent_layers_are_those_of_keras_1(kind, plain):
    random = np.random.default_rng(0)
    x = random.standard_normal((2, 7, 5)).astype(np.float32)
    layer = kind(4)
    start = layer.init(jax.random.key(0), x)["params"]
    params = jax.tree.map(lambda p: 1.5 * random.standard_normal(p.shape).astype(np.float32), start)
    found = layer.apply({"params": params}, x)
    for one, wanted in zip(found, x):
        np.testing.assert_allclose(one, plain(params, wanted, 4), atol=1e-5)
    if kind is KerasLSTM:
        np.testing.assert_array_equal(start["bias"], np.repeat([0, 1, 0, 0], 4))
    turn = np.asarray(start["recurrent_kernel"])[:, :4]
    np.testing.assert_allclose(turn @ turn.T, 1.1**2 * np.eye(4), atol=1e-5)


def test_named_starts_have_the_frameworks_deviations():
    """contrib's figures are constants of a published graph: 128 x 1 and dense 200 of musicnn."""
    key, shape = jax.random.key(0), (128, 1, 4_000)
    drawn = np.asarray(initializers.contrib(128)["kernel_init"](key, shape))
    assert np.abs(drawn).max() == pytest.approx(2 * 0.142522, rel=1e-3)
    assert drawn.std() == pytest.approx(0.879626 * 0.142522, rel=5e-3)
    drawn = np.asarray(initializers.torch(64)["bias_init"](key, (4_000,)))
    assert np.abs(drawn).max() == pytest.approx(1 / 8, rel=1e-2)
    drawn = np.asarray(initializers.keras_he(50)["kernel_init"](key, (50, 8_000)))
    assert drawn.std() == pytest.approx(0.2, rel=1e-2) and np.abs(drawn).max() > 0.6
    drawn = np.asarray(initializers.keras(0)["kernel_init"](key, (30, 20, 100)))
    assert np.abs(drawn).max() == pytest.approx(np.sqrt(6 / (30 * 120)), rel=1e-2)


def test_longer_music_has_the_logits_of_its_mean_place():
    model = fcn.FCN(4, widths=(2, 2, 2, 2, 3))
    x = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 700_000, 1)).astype(np.float32)
    x *= np.geomspace(1e-4, 1, x.size, dtype=np.float32)[:, None]
    variables = jax.jit(model.init)(jax.random.key(0, impl=QUICK), x)
    run = jax.jit(lambda v, x: model.apply(v, x, mutable=["intermediates"]))
    found, kept = run(variables, x)
    places = np.asarray(kept["intermediates"]["features_5"][0]).reshape(-1, 3)
    assert len(places) > 1 and np.std(places, 0).max() > 1e-3
    top = variables["params"]["top"]
    np.testing.assert_allclose(found[0], places.mean(0) @ top["kernel"] + top["bias"], atol=1e-5)


def test_attention_weights_can_be_seen_and_sum_to_one():
    x = np.random.default_rng(0).standard_normal((2, 5, 6)).astype(np.float32)
    model = SelfAttentionTagger(3, lambda x, train: x, layers=1, heads=2)
    variables = model.init(jax.random.key(0), x)
    y, seen = model.apply(variables, x, mutable=["intermediates"])
    weights = seen["intermediates"]["layer_1"]["attention"]["attention"][0]
    assert weights.shape == (2, 2, 6, 6)
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-6)
    turned = model.apply(variables, x[:, [3, 0, 4, 1, 2]])
    np.testing.assert_allclose(turned, y, atol=1e-5)  # without positions their order is nothing
    placed = model.clone(positions=True)
    difference = placed.apply(variables, x[:, [3, 0, 4, 1, 2]]) - placed.apply(variables, x)
    assert np.abs(difference).max() > 1e-3
    assert first_token(4) == pytest.approx([0.5488135, 0.71518937, 0.60276338, 0.54488318])
    assert sinusoids(3, 4)[2] == pytest.approx([np.sin(2), np.cos(2), np.sin(0.02), np.cos(0.02)])
    with pytest.raises(BadInput, match="in 4 heads"):
        SelfAttention(4).init(jax.random.key(0), x)


def test_a_norm_of_batch_statistics_keeps_none():
    x = np.random.default_rng(0).normal(3, 2, (2, 50, 4)).astype(np.float32)
    norm = BatchNorm(epsilon=1e-3, batch_statistics=True)
    variables = norm.init(jax.random.key(0), x)
    assert set(variables) == {"params"}
    wanted = (x - x.mean((0, 1))) / np.sqrt(x.var((0, 1)) + 1e-3)
    np.testing.assert_allclose(norm.apply(variables, x), wanted, atol=1e-5)


def test_scales_have_one_frame_rate_for_any_length():
    for length in (1_600, 1_601, 1_759, 4_000):
        front = MultiScaleFront(filters=(2, 3, 4))
        x = jax.ShapeDtypeStruct((1, length, 1), jnp.float32)
        (y, _) = jax.eval_shape(front.init_with_output, jax.random.key(0), x)
        assert y.shape == (1, length // 160, 9)


@pytest.mark.parametrize(
    "model, samples, channels, words",
    [
        (ShortChunk(), 30_000, 1, "32,512"),
        (fcn.FCN(), 464_000, 2, "takes"),
        (crnn.CRNN(), 463_999, 1, "464,000"),
        (HarmonicCNN(), 70_000, 1, "or more"),
        (HarmonicCNN(), 80_000, 2, "B T 1"),
        (AtScale(), 7 * 256, 1, "8 at least"),
        (MultiScale(), 1_000, 1, "1280 or more"),
        (MultiScale(front=MultiScaleFront(strides=(3, 16, 160))), 48_000, 1, "divisor"),
        (crnn.CRNN(recurrent="rnn"), 464_000, 1, "gru or lstm"),
        (fcn.FCN(input_norm="bin"), 464_000, 1, "input_norm=bin"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else str(value),
)
def test_what_cannot_be_read_is_refused(model, samples, channels, words):
    x = jax.ShapeDtypeStruct((1, samples, channels), jnp.float32)
    with pytest.raises(BadInput, match=words):
        jax.eval_shape(model.init, jax.random.key(0), x)


@pytest.mark.parametrize(
    "named", [fcn.fcn_version, crnn.crnn_version, lambda name: make_tagger(name, 5)]
)
def test_names_that_there_are_not_are_refused_with_those_there_are(named):
    with pytest.raises(BadInput, match="version=wonn: choose one of won"):
        named("wonn")
