"""DDSP: sizes, an outside oracle for its recurrent decoder, what the controls play."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import scipy.fft

from zoo.errors import BadInput
from zoo.models.generation.ddsp import DDSP, DilatedConvDecoder, Encoder, RnnFcDecoder, Stack

KEY = jax.random.key(0, impl="unsafe_rbg")
SMALL = DDSP(RnnFcDecoder(8, 1, 8), harmonics=6, reverb=200, n_fft=512)


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
    functional = torch.nn.functional

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
    names = {
        "weight_ih_l0": "kernel",
        "weight_hh_l0": "recurrent_kernel",
        "bias_ih_l0": "bias",
        "bias_hh_l0": "recurrent_bias",
    }
    gru.load_state_dict({k: tensor(np.transpose(ours[v])) for k, v in names.items()})
    parts = [stack(tensor(x), params[f"input_{i}"]) for i, x in enumerate(inputs)]
    joined = torch.cat(parts, -1)
    with torch.no_grad():
        y = stack(torch.cat([joined, gru(joined)[0]], -1), params["output"])
    theirs = y @ tensor(params["dense"]["kernel"]) + tensor(params["dense"]["bias"])
    mine = jax.jit(model.apply, static_argnums=2)({"params": params}, inputs, 7)
    np.testing.assert_allclose(mine, theirs, atol=1e-5)


def test_an_untrained_decoder_depends_on_loudness_and_on_pitch():
    """A scalar through dense and layer norm without a bias would not count: 0.002 of 0.8."""
    model = DDSP(RnnFcDecoder(64, 1, 64), harmonics=10, reverb=0)
    f0, level = jnp.full((1, 8, 1), 300.0), jnp.full((1, 8, 1), -90.0)
    variables = jax.jit(lambda: model.init(KEY, f0, level, method="raw"))()
    raw = jax.jit(lambda f, d: model.apply(variables, f, d, method="raw"))
    here = raw(f0, level)
    assert np.abs(raw(f0, level + 50) - here).mean() > 0.04
    assert np.abs(raw(f0 * 10, level) - here).mean() > 0.03
    decoder = variables["params"]["decoder"]
    for number in (0, 1):
        first = decoder[f"input_{number}"]["dense_1"]
        assert 0.5 < np.std(first["bias"]) / np.std(first["kernel"]) < 0.9
    assert not np.any(decoder["output"]["dense_1"]["bias"])


def test_the_sound_starts_as_harmonics_of_a_square_law_and_soft_noise():
    model = DDSP(DilatedConvDecoder(8, 2), harmonics=10, reverb=0)
    f0 = jnp.full((1, 4, 1), 300.0)
    bias = jax.jit(lambda: model.init(KEY, f0, -f0, method="raw"))()
    bias = bias["params"]["decoder"]["dense"]["bias"]
    played = model.controls(bias[None, None])
    number = np.arange(1, 11)
    np.testing.assert_allclose(played.share[0, 0] / played.share[0, 0, 0], number**-2.0, rtol=1e-4)
    assert played.noise.max() < 1e-6 < played.amplitude.min()


@pytest.mark.parametrize("ahead", [False, True])
def test_loudness_lies_around_its_frame_or_ahead_of_it(ahead):
    """A click in frame 40: windows of 2,048 samples hold it in 32 frames."""
    model = DDSP(RnnFcDecoder(4, 1, 4), reverb=0, ahead=ahead)
    audio = jnp.zeros((1, 100 * 64, 1)).at[0, 40 * 64 + 32, 0].set(1.0)
    level = model.apply({}, audio, method="loudness")[0, :, 0]
    assert level.shape == (100,)
    loud = np.flatnonzero(level > -100)
    assert (loud.min(), loud.max()) == ((9, 40) if ahead else (25, 56))


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


def test_controls_are_magenta_s_scale_and_the_noise_starts_soft():
    """2 sigmoid(x)^ln 10 + 1e-7 of all; of the noise's raw magnitudes, x less 5."""
    raw = np.random.default_rng(0).normal(size=(1, 2, 1 + 6 + 65)).astype(np.float32)
    controls = SMALL.controls(jnp.asarray(raw))
    found = [np.asarray(x) for x in (controls.amplitude, controls.share, controls.noise)]

    def scale(x):
        return 2 / (1 + np.exp(-np.float64(x))) ** np.log(10) + 1e-7

    wanted = (raw[..., :1], raw[..., 1:7], raw[..., 7:] - 5)
    for ours, x in zip(found, wanted, strict=True):
        np.testing.assert_allclose(ours, scale(x), rtol=1e-4)


def drawn(init, *inputs, **options):
    """Random variables without compiling an `init`."""
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(lambda: init(KEY, *inputs, **options))
    return jax.tree.map(lambda x: rng.normal(0, 0.3, x.shape).astype(x.dtype), shapes)


@pytest.mark.parametrize("decoder", [RnnFcDecoder(8, 1, 8), DilatedConvDecoder(8, 4)])
def test_bfloat16_decides_the_timbre_and_not_the_pitch(decoder):
    model = SMALL.clone(decoder=decoder, reverb=0)
    half = model.clone(decoder=decoder.clone(dtype=jnp.bfloat16))
    audio, f0 = given(model)
    variables = drawn(model.init, audio, f0, key=KEY)
    whole, near = (jax.jit(m.apply)(variables, audio, f0, key=KEY) for m in (model, half))
    assert near.dtype == jnp.float32 and np.any(near != whole)
    # Wrong phases would make the difference as loud as the sound.
    assert np.std(near - whole) < 0.03 * np.std(whole)


@pytest.mark.parametrize("decoder", [RnnFcDecoder(8, 1, 8), DilatedConvDecoder(8, 4)])
def test_under_bfloat16_the_controls_are_not_rounded(decoder):
    half, given = decoder.clone(dtype=jnp.bfloat16), (jnp.linspace(0, 1, 40).reshape(1, 20, 2),)
    variables = drawn(half.init, given, 5)
    raw = half.apply(variables, given, 5)  # not compiled: a compiler may leave the rounding out
    assert raw.dtype == jnp.float32
    assert np.any(raw != raw.astype(jnp.bfloat16).astype(jnp.float32))


def test_five_cents_reach_a_network_in_bfloat16():
    stack, notes = Stack(8, 1, jnp.bfloat16), jnp.array([62.0, 62.05]) / 127
    low, high = stack.apply(drawn(stack.init, notes[:, None]), notes[:, None])
    assert low.dtype == jnp.bfloat16 and np.any(low != high)
    assert notes.astype(jnp.bfloat16)[0] == notes.astype(jnp.bfloat16)[1]


def test_timbre_is_of_magenta_s_coefficients_and_does_not_depend_on_the_level():
    """By librosa and SciPy, bands straight in mels as tf.signal's; resampled as TensorFlow 1's."""
    model = Encoder(20, latent=4, gru=8)
    audio = jax.random.normal(KEY, (2, 20 * 64 * 4, 1)) * 0.1
    variables = jax.jit(model.init)(KEY, audio)

    @jax.jit
    def run(variables, audio):
        read = []

        def watch(call, args, kwargs, context):
            read.extend(args[:1] if context.module.name == "gru" else [])
            return call(*args, **kwargs)

        with nn.intercept_methods(watch):
            z, kept = model.apply(variables, audio, capture_intermediates=True)
        return z, read[0], kept["intermediates"]["dense"]["__call__"][0]

    z, read, dense = run(variables, audio)
    assert z.shape == (2, 20, 4)
    np.testing.assert_allclose(z, run(variables, 2 * audio)[0], atol=1e-3)
    assert not np.allclose(z, run(variables, audio.at[:, :2000].multiply(0.1))[0], atol=1e-3)
    spectra = librosa.stft(
        np.pad(audio[0, :, 0], (0, 512)), n_fft=1024, hop_length=512, center=False
    )
    edges = np.linspace(*librosa.hz_to_mel([20.0, 8000.0], htk=True), 130)
    places = librosa.hz_to_mel(np.arange(513) * 16_000 / 1024, htk=True)[:, None]
    rise, fall = (places - edges[:-2], edges[2:] - places)
    bands = np.maximum(0, np.minimum(rise, fall) / np.diff(edges)[0])
    level = np.log(np.maximum(np.abs(spectra).T[:, 1:] @ bands[1:], 1e-5))
    x = scipy.fft.dct(level, norm="ortho")[:, :30]
    np.testing.assert_allclose(read[0], (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5), atol=1e-2)
    for ours, column in zip(z[0].T, dense[0].T):
        steps = np.arange(20) * len(column) / 20
        np.testing.assert_allclose(
            ours, np.interp(steps, np.arange(len(column)), column), atol=1e-5
        )


def test_classes_and_latent_exclude_each_other():
    audio, f0 = given(SMALL)
    with pytest.raises(BadInput, match="one of them"):
        jax.eval_shape(lambda: SMALL.clone(latent=4, classes=2).init(KEY, audio, f0, key=KEY))
