"""Speech: free frames are the forced ones, ends, lines, voices and vocoders."""

import types
from dataclasses import replace

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import scipy.signal

from zoo.data.characters import Characters
from zoo.errors import BadInput
from zoo.models.generation.tacotron import Tacotron
from zoo.models.generation.tacotron2 import Tacotron2
from zoo.objectives import mel_windows
from zoo.objectives.base import Request
from zoo.objectives.speech import SilencedSpeech, StoppedSpeech
from zoo.sampling.rule import SamplerRule
from zoo.signal import mel
from zoo.signal.speech_fronts import DecibelFront, MelFront
from zoo.songs import speaking

RNG = np.random.default_rng(0)
LETTERS = Characters("_abcd ")
SPEC = replace(mel.HIFIGAN, sample_rate=8000, n_fft=64, hop=16, bins=6, high=4000.0, pad=(24, 24))
NETS = {
    "StoppedSpeech": lambda: StoppedSpeech(
        Tacotron2(6, 6, 6, 1, 3, (5, 4), 4, 2, 3, 6, 5, 6, 2), MelFront(SPEC, 2), LETTERS, 12
    ),
    "SilencedSpeech": lambda: SilencedSpeech(
        Tacotron(6, 6, 33, 2, 5, (5, 4), 2, 2, 3, 6), DecibelFront(SPEC, iterations=2), LETTERS, 12
    ),
}


@pytest.fixture(scope="module", params=NETS)
def net(request):
    objective = NETS[request.param]()
    batch = {
        "text": jnp.array([[1, 2, 3, 4], [2, 2, 0, 0]]),
        "text_known": jnp.array([[1, 1, 1, 1], [1, 1, 0, 0]], jnp.uint8),
        "audio": jnp.asarray(RNG.uniform(-0.5, 0.5, (2, 160, 1)), jnp.float32),
        "known": jnp.ones((2, 10)),
    }
    shapes = jax.eval_shape(objective.init, jax.random.key(0), batch)
    fill = lambda s: jnp.asarray(np.abs(RNG.normal(0, 0.4, s.shape)), s.dtype)  # noqa: E731
    return objective, jax.tree.map(fill, shapes), batch


def ending(variables, at):
    """With the bias of the end, or of the frames, so that a line ends at once or never."""
    params = dict(variables.params["model"])
    decoder = dict(params["decoder"])
    name = "stop" if "stop" in decoder else "frames"
    level = {True: 99.0, False: -99.0}[at]
    level = level if name == "stop" else (0.0 if at else 1.0)
    own = {k: 0 * v for k, v in decoder[name].items()}
    decoder[name] = {**own, "bias": own["bias"] + level}
    return variables.replace(params={"model": {**params, "decoder": decoder}})


def test_free_frames_are_what_forcing_them_gives(net, monkeypatch):
    """Said frame by frame with carried states, and from them in one pass over all."""
    objective, variables, batch = net
    monkeypatch.setattr(jax.random, "uniform", lambda key, shape, *a, **k: jnp.ones(shape))
    own = objective.model.apply
    keys, half = jax.random.split(jax.random.key(0), 2), jnp.float32(0.5)
    run = jax.jit(objective._free, static_argnums=5)
    free = run(variables, batch["text"], batch["text_known"], keys, half, 10)
    given = batch["text"], batch["text_known"], free.frames, batch["known"]
    forced = own(variables.of("model"), *given, rngs={"dropout": jax.random.key(0)})
    said = int(min(free.length.max(), 10))
    np.testing.assert_allclose(free.frames[:, :said], forced.frames[:, :said], atol=1e-4)
    steps = said // objective.model.together
    np.testing.assert_allclose(free.alignment[:, :steps], forced.alignment[:, :steps], atol=1e-5)


def test_what_fills_a_text_up_changes_nothing(net):
    objective, variables, batch = net
    keys, drop = jax.random.split(jax.random.key(0), 2), jnp.float32(0.0)
    run = jax.jit(objective._free, static_argnums=5)
    short = run(variables, batch["text"][1:, :2], jnp.ones((1, 2)), keys[1:], drop, 10)
    long = run(variables, batch["text"], batch["text_known"], keys, drop, 10)
    said = int(min(short.length[0], 10))
    np.testing.assert_allclose(short.frames[0, :said], long.frames[1, :said], atol=1e-4)


def test_lines_end_where_the_end_is_found(net):
    """A step at the earliest, `most` frames at the latest; a text is as long as its lines."""
    objective, variables, _ = net
    hop = SPEC.hop

    def spoken(own, count=1):
        request = Request(0, count, text="ab\n\ncd", chunk=50)
        return np.concatenate(list(objective.generate(own, request)), 1)

    never = spoken(ending(variables, False), count=2)
    assert never.shape == (2, 2 * 12 * hop, 1) and np.abs(never).max() <= 1
    if isinstance(objective, StoppedSpeech):
        assert spoken(ending(variables, True)).shape == (1, 2 * hop, 1)
    request = Request(length=700, count=2, text="ab", chunk=99)
    exact = list(objective.generate(ending(variables, False), request))
    assert max(chunk.shape[1] for chunk in exact) <= 99
    exact = np.concatenate(exact, 1)
    assert exact.shape == (2, 700, 1) and not np.any(exact[:, 12 * hop :])
    for wrong, said in (
        (Request(0), "speaks a text: give it one"),
        (Request(0, text="x"), "the text has x"),
        (Request(0, text="a", source=np.zeros((9, 1))), "takes no audio"),
        (Request(0, text="a", rule=SamplerRule(top_k=2)), "draws no symbols"),
    ):
        with pytest.raises(BadInput, match=said):
            list(objective.generate(variables, wrong))


def test_silence_ends_a_line_once_it_has_begun():
    objective = replace(NETS["SilencedSpeech"](), silence=3, quiet=0.2)
    quiet, ends = jnp.array([-1]), []
    for level in (0.1, 0.1, 0.5, 0.1, 0.1):
        quiet, ended = objective._ended(jnp.full((1, 2, 6), level), jnp.zeros(1), quiet)
        ends.append((int(quiet[0]), bool(ended[0])))
    assert ends == [(-1, False), (-1, False), (0, False), (2, False), (4, True)]


def test_temperature_is_the_rate_of_the_pre_net_s_dropout(net):
    """At 0 all seeds and voices are one; at 1 each is another, and the same seed is the same."""
    objective, variables, _ = net
    if isinstance(objective, StoppedSpeech):
        variables = ending(variables, False)
    else:  # so that no band is beyond full scale
        variables = jax.tree.map(lambda x: 0.2 * x, variables)
    own = {}
    for temperature in (0.0, 1.0):
        for seed in (0, 1):
            request = Request(300, 2, seed, SamplerRule(temperature), text="abcd")
            own[temperature, seed] = np.concatenate(list(objective.generate(variables, request)), 1)
    np.testing.assert_allclose(own[0.0, 0], own[0.0, 1], atol=1e-5)
    np.testing.assert_allclose(own[0.0, 0][0], own[0.0, 0][1], atol=1e-5)
    assert np.any(own[1.0, 0] != own[1.0, 1]) and np.any(own[1.0, 0][0] != own[1.0, 0][1])
    again = np.concatenate(list(objective.generate(variables, Request(300, 2, 1, text="abcd"))), 1)
    np.testing.assert_array_equal(again, own[1.0, 1])


def test_a_vocoder_of_the_same_front_end_gets_the_frames_themselves():
    """Frames in place of a source give what the source gives, for windows of any size."""
    audio = RNG.uniform(-0.5, 0.5, (1600, 1)).astype(np.float32)
    frames = np.asarray(mel.log_mel(audio[None], SPEC))[0, ..., 0]
    make = lambda x, first: jnp.repeat(jnp.tanh(x).mean(-1), SPEC.hop, 1)[..., None]  # noqa: E731
    for given in ({"chunk": 1600}, {"chunk": 100}):
        ours, theirs = (
            np.concatenate(list(mel_windows.vocoded(make, request, SPEC, before=1, after=1)), 1)
            for request in (
                Request(1600, source=audio, **given),
                Request(0, frames=frames, **given),
            )
        )
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize(
    ("theirs", "taken"),
    [
        (SPEC, True),
        (replace(SPEC, centre=True, pad=None), True),
        (replace(SPEC, hop=8), False),
        (replace(SPEC, compress=mel.log10_clamp), False),
    ],
)
def test_front_ends_are_one_but_for_their_padding(theirs, taken):
    reads = types.SimpleNamespace(spec=theirs, takes_frames=True)
    assert speaking.takes_frames(reads, MelFront(SPEC)) is taken
    assert not speaking.takes_frames(reads, DecibelFront(SPEC))
    assert not speaking.takes_frames(types.SimpleNamespace(spec=theirs), MelFront(SPEC))


def test_frames_that_are_missing_are_those_of_silence():
    given = np.ones((2, SPEC.bins), np.float32)
    found = mel_windows._of_frames(given, 0, 5, SPEC)(1, 4)[0]
    silence = mel.log_mel(np.zeros((1, 64, 1), np.float32), SPEC)[0, 0, :, 0]
    np.testing.assert_allclose(found, [given[0], *[silence] * 3], rtol=1e-5)


def test_decibel_frames_are_those_of_librosa():
    """Pre-emphasised by SciPy; sound comes back with its level and without the emphasis."""
    spec = replace(SPEC, n_fft=256, hop=64, pad=(96, 96), bins=20)
    time = np.arange(4096) / 8000
    tone = (0.3 * np.sin(2 * np.pi * 440 * time) * np.hanning(4096)).astype(np.float32)
    bright = scipy.signal.lfilter([1, -0.97], [1], np.float64(tone))
    padded = np.pad(bright, 96, "reflect")
    magnitude = np.abs(librosa.stft(padded, n_fft=256, hop_length=64, center=False)).T
    bank = librosa.filters.mel(sr=8000, n_fft=256, n_mels=20)
    front = DecibelFront(spec, power=1.2, iterations=60, momentum=0.99)
    frames, linear = front.analyse(tone[None, :, None])
    for ours, theirs in ((linear, magnitude), (frames, magnitude @ bank.T)):
        level = 20 * np.log10(np.maximum(theirs, 1e-5)) - 20
        np.testing.assert_allclose(ours[0], np.clip(level / 100 + 1, 0, 1), atol=1e-3)
    loud = np.log(np.maximum(magnitude @ bank.T, 1e-4))
    np.testing.assert_allclose(np.maximum(front.nats(frames)[0], np.log(1e-4)), loud, atol=0.02)
    flatter = 20 * np.log10(np.maximum(magnitude, 1e-5)) / 1.2  # which the power takes back
    again = front.sound(jnp.asarray((flatter[None] - 20) / 100 + 1, jnp.float32))
    again = np.asarray(again)[0, 500:3500, 0]
    assert np.std(again) == pytest.approx(np.std(tone[500:3500]), rel=0.05)
    with pytest.raises(BadInput, match=r"centre=False, pad=\(24, 24\)"):
        MelFront(replace(SPEC, centre=True))
