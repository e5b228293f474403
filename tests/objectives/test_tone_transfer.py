"""Tone transfer: pieces are the whole, registers move by octaves, and what is refused."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo import experiment
from zoo.data.source import Info
from zoo.errors import BadInput
from zoo.evaluation.resynthesis import Resynthesised
from zoo.models.generation.ddsp import DDSP, RnnFcDecoder
from zoo.objectives import tone_transfer
from zoo.objectives.base import Request
from zoo.objectives.resynthesis import Resynthesis
from zoo.objectives.tone_transfer import Register

KEY = jax.random.key(0, impl="unsafe_rbg")
SMALL = DDSP(RnnFcDecoder(8, 1, 8), harmonics=6, reverb=200, n_fft=512)


def given(model, seconds=0.256, hertz=300.0):
    frames = round(seconds * 250)
    t = np.arange(frames * 64) / 16_000
    audio = (0.2 * np.sin(2 * np.pi * hertz * t)).astype(np.float32)
    return jnp.asarray(audio)[None, :, None], jnp.full((1, frames, 1), hertz)


def tracker_of(hertz, confidence=1.0):
    """A tracker that always finds the same."""

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
    objective = Resynthesis(SMALL, tracker=tracker_of(300.0))
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
    monkeypatch.setattr(tone_transfer, "_BLOCK", 50)
    # Phases of pieces add up in float64, those of one pass in float32.
    np.testing.assert_allclose(played(objective, variables, asked), whole, atol=5e-4)
    other = played(objective, variables, replace(asked, seed=1))
    assert not np.allclose(other, whole, atol=1e-6)  # the noise starts soft


def test_less_than_the_source_may_be_asked_for(small):
    objective, variables = small
    asked = replace(request(0.7001), length=8001)  # 8001 is no whole number of frames
    assert played(objective, variables, asked).shape == (1, 8001, 1)


def test_stream_is_one_pass(monkeypatch):
    """Without noise the stream equals the model's own pass over the same controls."""
    rng = np.random.default_rng(0)
    raw = rng.normal(size=(1, 300, 72)).astype(np.float32)
    raw[:, :, 7:] = -1e3
    hertz = np.linspace(200, 500, 300)
    whole = jax.jit(lambda r, f: SMALL.dry(SMALL.controls(r), f, KEY))(
        raw, np.float32(hertz)[None, :, None]
    )
    monkeypatch.setattr(tone_transfer, "_BLOCK", 128)
    joined = np.concatenate(list(tone_transfer.dry(SMALL, raw, hertz, 1, 0)), 1)
    np.testing.assert_allclose(joined[:, : whole.shape[1]], whole, atol=2e-3)


def test_any_whole_number_is_a_seed():
    raw, hertz = np.zeros((1, 2, 72), np.float32), np.full(2, 300.0)
    sounds = [next(tone_transfer.dry(SMALL, raw, hertz, 1, s)) for s in (2**40 + 7, -1, 7)]
    np.testing.assert_array_equal(sounds[0], sounds[2])
    assert not np.array_equal(sounds[1], sounds[2])


def test_segments_fade_into_each_other(monkeypatch):
    """A decoder without context gives the same in overlapping segments as in one."""
    model = DDSP(RnnFcDecoder(4, 1, 4), harmonics=2, bands=3, reverb=0)
    audio, f0 = given(model)
    variables = jax.jit(lambda: model.init(KEY, audio, f0, key=KEY))()
    gru = jax.tree.map(jnp.zeros_like, variables["params"]["decoder"]["gru"])
    variables["params"]["decoder"]["gru"] = gru
    rng = np.random.default_rng(0)
    f0, loudness = rng.uniform(100, 400, 230), rng.uniform(-90, -30, 230)
    source = np.zeros(230 * 64, np.float32)
    one = tone_transfer.decode_controls(model, variables, f0, loudness, source, None)
    monkeypatch.setattr(tone_transfer, "SEGMENT", 100)
    monkeypatch.setattr(tone_transfer, "_OVERLAP", 30)
    several = tone_transfer.decode_controls(model, variables, f0, loudness, source, None)
    np.testing.assert_allclose(several, one, atol=1e-5)


@pytest.mark.parametrize("ahead", [False, True])
def test_loudness_of_blocks_is_that_of_the_whole(ahead, monkeypatch):
    model = SMALL.clone(ahead=ahead, reverb=0)
    source = np.random.default_rng(0).normal(0, 0.1, 100 * 64).astype(np.float32)
    source *= np.linspace(0, 1, len(source), dtype=np.float32) ** 4
    whole = model.apply({}, source[None, :, None], method="loudness")[0, :, 0]
    monkeypatch.setattr(tone_transfer, "_BLOCK", 32)
    np.testing.assert_allclose(tone_transfer.loudness_of(model, {}, source), whole, atol=1e-3)


def test_peaks_are_scaled_and_said_instead_of_clipped(small, capsys):
    objective, variables = small
    soft = replace(objective, register=Register(60.0, -40.0, -30.0, 1e-3))
    loud = replace(objective, register=Register(60.0, -40.0, -30.0, 40.0))
    below = played(soft, variables, request())
    assert not capsys.readouterr().err and 0 < np.abs(below).max() < 0.01
    above = played(loud, variables, request())
    peak = 40_000 * np.abs(below).max()
    assert peak > 1 and f"peaks of {peak:.2f} are above full scale" in capsys.readouterr().err
    np.testing.assert_allclose(above, below / np.abs(below).max(), atol=1e-5)


def test_pitch_is_compared_where_it_is_sure_and_an_octave_off_is_another_matter():
    """As the authors have it: confidence of .85; clips more than 12 semitones off are outliers."""
    evaluation = Resynthesised(128, 64, 2, (), lambda audio, hop: audio)
    sure = np.array([0.86, 0.84, 0.9, 0.1])
    original = np.array([220.0, 220, 440, 440]), sure
    played = np.array([440.0, 330, 440, 110]), sure[::-1]
    assert evaluation.pitch_error(evaluation.tracker, original, played) == pytest.approx(6)
    rows = [{"f0_l1": x, "spectral_loss": 1.0, "loudness_l1": 1.0} for x in (1, 11, 13, np.nan)]
    report = evaluation._report(rows, 0, Info("x", 16_000, 1, (), "", ""))
    assert report.metrics["f0_l1"] == 6 and report.counts["without_pitch"] == 1
    assert report.metrics["f0_outliers"] == pytest.approx(1 / 3)


def test_register_moves_by_octaves():
    f0 = np.full(100, 100.0)  # MIDI 43.3
    loudness = np.linspace(-60.0, -30.0, 100)
    moved, level = tone_transfer.match_register(f0, loudness, Register(62.0, -68.5, -55.0), 120.0)
    np.testing.assert_allclose(moved, 400.0)
    np.testing.assert_allclose(level[:50], loudness[:50] - 23.5)
    assert level.max() == -55.0


def test_frames_without_a_pitch_are_25_db_softer_as_in_magenta_s_demo(monkeypatch):
    """And have the pitch between those of their neighbours, in octaves."""
    loudness = np.linspace(-119.0, -40.0, 101)
    monkeypatch.setattr(tone_transfer, "loudness_of", lambda *_: loudness)
    sure = np.arange(101) % 2
    tracked = np.where(sure, np.where(np.arange(101) < 50, 200.0, 400.0), 77.0)
    track = lambda _, hop: (tracked, np.where(sure, 0.9, 0.1))  # noqa: E731
    hertz, level = tone_transfer._follow(SMALL, None, track, np.zeros(6464, np.float32))
    np.testing.assert_allclose(level[1::2], loudness[1::2])
    np.testing.assert_allclose(level[::2], np.maximum(loudness[::2] - 25, -120))
    np.testing.assert_allclose(hertz[[40, 50, 60]], [200, 200 * 2**0.5, 400])


def test_audio_without_a_pitch_is_refused_in_one_line(small):
    objective, variables = small
    deaf = replace(objective, tracker=tracker_of(200.0, 0.2))
    with pytest.raises(BadInput, match="no pitch was found") as error:
        next(deaf.generate(variables, request()))
    assert "\n" not in str(error.value)
    silence = Request(length=16_000, source=np.zeros((16_000, 1), np.float32))
    with pytest.raises(BadInput, match="no pitch was found"):
        next(objective.generate(variables, silence))
    with pytest.raises(BadInput, match="hummed or played"):
        objective.generate(variables, Request(length=10))


def test_classes_are_voices():
    model = SMALL.clone(classes=3)
    objective = Resynthesis(model, "pitch", "family", tracker_of(300.0))
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
    register = tone_transfer.measure_register(
        jnp.linspace(-130.0, -40.0, 64)[None, :, None], f0, 120.0
    )
    assert register["pitch"] == pytest.approx(69 + 12 * np.log2(300 / 440), abs=1e-3)
    assert register["loudness"] == pytest.approx(-70, abs=1) and register["loudest"] == -40
    predict = jax.jit(lambda b: objective.predict(variables, b, KEY))
    length = audio.shape[1]
    record = {
        "audio": np.asarray(audio[0]).repeat(2, 0)[: 2 * length],
        "track": "a",
        "f0": np.full((2 * length // 64, 1), 300.0, np.float32),
    }
    info = experiment.find_config("ddsp_score_render").experiment().data.source.info
    evaluation = Resynthesised(length, 64, 2, ("f0",), tracker_of(300.0))
    report = evaluation.run(predict, [record], info)
    assert report.counts == {"clips": 2, "without_pitch": 0, "too_short": 0}
    assert report.metrics["f0_l1"] == 0 and report.metrics["f0_outliers"] == 0
    assert report.metrics["spectral_loss"] > 0 and report.metrics["loudness_l1"] > 0
