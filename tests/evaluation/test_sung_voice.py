"""Parameters of a voice scored: what is right, what the floor is, the metrics themselves."""

import numpy as np
import pytest

from zoo.audio import world
from zoo.audio.world import VoiceLayout
from zoo.data.source import Info
from zoo.errors import BadInput
from zoo.evaluation.sung_voice import SungVoice, curve, parameter_distances
from zoo.songs.segments import Segments
from zoo.songs.separating import Separator
from zoo.songs.vocoder import ParameterVocoder

VOICE = VoiceLayout(16_000, 320, 8, 2)
INFO = Info("songs", 16_000, 1, ("drums", "vocals"), "ours", "none")
SEGMENTS = Segments(7 * 320 + 640, 8 * 320, 4 * 320, "fade")
HOW = Separator(SEGMENTS, 16_000, 1, ("vocals",), "downmix", vocoder=ParameterVocoder(VOICE, 640))
SCORED = SungVoice(HOW)


def parameters(frames=40, seed=0):
    rng = np.random.default_rng(seed)
    rows = rng.normal(-40, 8, (frames, VOICE.size))
    rows[:, -2] = 57 + np.cumsum(rng.normal(0, 0.3, frames))
    rows[:, -1] = rng.random(frames) < 0.3
    return rows.astype(np.float32)


def test_pitch_and_voicing_are_mir_eval_s():
    mir_eval = pytest.importorskip("mir_eval")
    truth, found = parameters(), parameters()
    found[:, -2] += np.random.default_rng(2).choice([0, 0.3, -0.8, 12], 40)
    found[:, -1] = np.random.default_rng(3).random(40)
    ours = parameter_distances(truth, found, VOICE)
    curves = [curve(x[:, -2], x[:, -1]) for x in (truth, found)]
    times = np.arange(40) / 50
    wanted = mir_eval.melody.evaluate(times, curves[0], times, curves[1])
    for name, theirs in {
        "raw_pitch": "Raw Pitch Accuracy",
        "raw_chroma": "Raw Chroma Accuracy",
        "voicing_recall": "Voicing Recall",
        "voicing_false_alarm": "Voicing False Alarm",
        "overall_pitch": "Overall Accuracy",
    }.items():
        assert ours[name] == pytest.approx(wanted[theirs]), name


def test_distances_are_those_of_the_voiced_frames():
    truth = parameters()
    found = truth.copy()
    found[:, :8] += 3  # louder
    found[:, 8:10] -= 2
    found[truth[:, -1] > 0.5] += 100
    ours = parameter_distances(truth, found, VOICE)
    assert ours["mcd"] == pytest.approx(0, abs=1e-4)
    assert ours["envelope_l1"] == pytest.approx(3, rel=1e-5)
    assert ours["aperiodicity_l1"] == pytest.approx(2, rel=1e-5)
    # A cosine of one decibel is a distortion of the root of a half.
    found = truth.copy()
    found[:, :8] += np.cos(2 * np.pi * np.arange(8) / 7)
    assert parameter_distances(truth, found, VOICE)["mcd"] == pytest.approx(0.5**0.5, rel=1e-5)


def record(track, hertz=220.0):
    time = np.arange(8000) / 16_000
    tone = sum(np.sin(2 * np.pi * k * hertz * time) / k for k in range(1, 20)) * 0.1
    drums = np.random.default_rng(0).normal(0, 0.3 * (time % 0.25 < 0.03), 8000)
    stems = np.stack([drums, tone * (hertz > 0)])
    return {"track": track, "stems": np.round(32767 * stems.clip(-1, 1))[..., None].astype("int16")}


@pytest.mark.skipif(
    not world.world_installed(), reason="pyworld is not installed: the extra `voice`"
)
def test_a_track_by_what_is_known_of_it():
    records = [record("one"), record("none", 0.0)]
    truth = world.analysed(records[0]["stems"][1, :, 0] / 32768, VOICE)
    place = 0

    def right(batch):
        """Windows come in order, four frames on each."""
        nonlocal place
        rows = np.pad(truth, ((0, 16), (0, 0)), "edge")[place : place + 8]
        place = (place + 4) % 24
        return {"prediction": rows[None, :, None]}

    report = SCORED.run(right, records, INFO)
    assert report.counts == {"tracks": 1, "tracks_without_voice": 1}
    assert report.metrics["mcd"] == pytest.approx(0, abs=1e-3)
    assert report.metrics["raw_pitch"] == report.metrics["overall_pitch"] == 1
    assert report.metrics["floor/mcd"] > 3
    assert report.figures["voice"]().axes
    sounds = SCORED.stems(right, lambda: iter([np.zeros((8000, 2), np.float32)]), 16_000)
    assert sounds["vocals"].shape == (8000, 2) and np.isfinite(sounds["vocals"]).all()
    with pytest.raises(BadInput, match="no track has a voiced frame of vocals"):
        SCORED.run(right, records[1:], INFO)
