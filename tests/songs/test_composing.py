"""Pieces in files: MIDI, sound and JSON together; a tune stands before what follows it."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from zoo.data.midi import read_notes
from zoo.data.score_render.instrument import Instrument
from zoo.errors import BadInput
from zoo.objectives import performing
from zoo.objectives.base import Performance
from zoo.songs import composing, own_files
from zoo.songs.choices import Choices
from zoo.songs.midi_files import write_midi

RATE = 8000


def scale(pitches, step=0.5):
    onset = step * np.arange(len(pitches), dtype=np.float32)
    loud = np.full(len(pitches), 90, np.int32)
    pitch = np.array(pitches, np.int32)
    return {"onset": onset, "offset": onset + np.float32(step), "pitch": pitch, "velocity": loud}


class Echo:
    """Voice v composes the pitches 60 + v, 61 + v; after a tune, its last pitch twice."""

    instrument, continues = Instrument(0, RATE), True

    def compose(self, variables, request):
        tune = request.notes
        last = None if tune is None else int(tune["pitch"][-1])
        first = [60 + voice if last is None else last for voice in range(request.count)]
        pieces = [scale([p, p + (last is None)]) for p in first]
        return [Performance(notes, -float((v - 1) ** 2)) for v, notes in enumerate(pieces)]

    def scored(self, variables, request):
        for audio in performing.render_performances(
            self.compose(variables, request), self.instrument, request
        ):
            yield audio, None

    def generate(self, variables, request):
        return (audio for audio, _ in self.scored(variables, request))


@pytest.fixture
def trained():
    info = SimpleNamespace(sample_rate=RATE, channels=1)
    data = SimpleNamespace(source=SimpleNamespace(info=info))
    experiment = SimpleNamespace(objective=Echo(), data=data, evaluation=None)
    return SimpleNamespace(
        experiment=experiment,
        variables=None,
        name="echo",
        config=SimpleNamespace(name="echo"),
        arguments={},
        meta={"step": 1},
        fingerprint=lambda: "0",
    )


def test_new_pieces(trained, tmp_path, capsys):
    assert own_files.sample_to_files(trained, Choices(tmp_path, seconds=1.0, num=2)) == 0
    assert "page to look at" in capsys.readouterr().out
    for voice in range(2):
        notes = read_notes(tmp_path / f"sample_{voice}.mid")
        assert notes["pitch"].tolist() == [60 + voice, 61 + voice]
        np.testing.assert_allclose(notes["onset"], [0, 0.5], atol=1e-3)
        audio, rate = soundfile.read(tmp_path / f"sample_{voice}.wav")
        assert rate == RATE and len(audio) == RATE and np.abs(audio).max() > 0.01
        facts = json.loads((tmp_path / f"sample_{voice}.json").read_text())
        assert facts["midi"] == f"sample_{voice}.mid" and facts["notes"] == 2
        assert facts["log_prob_nats"] == -float((voice - 1) ** 2) and facts["voice"] == voice
    page = (tmp_path / "page.html").read_text()
    assert (
        page.count("<audio") == 2 and 'href="sample_1.mid"' in page and 'alt="sample_0.mid"' in page
    )
    with pytest.raises(BadInput, match="exists"):
        own_files.sample_to_files(trained, Choices(tmp_path, seconds=1.0, num=2))


def test_the_likeliest_are_kept(trained, tmp_path):
    own_files.sample_to_files(trained, Choices(tmp_path, seconds=1.0, num=3, keep=1))
    assert read_notes(tmp_path / "sample.mid")["pitch"].tolist() == [61, 62]
    assert json.loads((tmp_path / "sample.json").read_text())["voice"] == 1


def test_a_tune_goes_on(trained, tmp_path):
    write_midi(tmp_path / "tune.mid", scale([50, 52, 55]))
    (tmp_path / "broken.mid").write_bytes(b"no")
    asked = [str(tmp_path / "*.mid")]
    out = tmp_path / "out"
    assert own_files.sample_to_files(trained, Choices(out, input=asked, seconds=1.0)) == 2
    notes = read_notes(out / "tune.mid")
    assert notes["pitch"].tolist() == [50, 52, 55, 55, 55]
    np.testing.assert_allclose(notes["onset"], [0, 0.5, 1, 1.5, 2], atol=2e-3)
    facts = json.loads((out / "tune.json").read_text())
    assert facts["begins_seconds"] == 1.5 and facts["samples"] == round(2.5 * RATE)
    assert facts["request"]["input"]["notes"] == 3
    assert sorted(p.suffix for p in out.iterdir()) == [".html", ".json", ".mid", ".png", ".wav"]


class Player:
    """Holds every note as a level, its pitch / 128."""

    needs_notes = True

    def generate(self, variables, request):
        audio = np.zeros((request.count, request.length, 1), np.float32)
        columns = (request.notes[name] for name in ("onset", "offset", "pitch"))
        for onset, offset, pitch in zip(*columns):
            audio[:, round(onset * RATE) : round(offset * RATE)] = pitch / 128
        yield audio


def test_a_tune_is_played(trained, tmp_path):
    trained.experiment.objective = Player()
    write_midi(tmp_path / "tune.mid", scale([64, 32]))
    out = tmp_path / "out"
    assert own_files.sample_to_files(trained, Choices(out, input=[str(tmp_path / "tune.mid")])) == 0
    audio, rate = soundfile.read(out / "tune.wav")
    assert rate == RATE and len(audio) == 2 * RATE  # a second more than the tune
    np.testing.assert_allclose(audio[[100, RATE - 100, RATE + 100]], [0.5, 0.25, 0], atol=1e-3)
    facts = json.loads((out / "tune.json").read_text())
    assert facts["request"]["input"]["notes"] == 2 and facts["samples"] == 2 * RATE
    assert (out / "page.html").read_text().count("<audio") == 1
    for asked in (Choices(out), Choices(out, input=["tune.mid"], prompt="a.wav")):
        with pytest.raises(BadInput, match="plays notes"):
            own_files.sample_to_files(trained, asked)


def test_what_cannot_be_composed_is_refused(trained, tmp_path):
    write_midi(tmp_path / "tune.mid", scale([50]))
    tune = str(tmp_path / "tune.mid")
    with pytest.raises(BadInput, match="with --input"):
        own_files.sample_to_files(trained, Choices(tmp_path / "out", prompt=tune))
    with pytest.raises(BadInput, match="no MIDI in"):
        composing.find_midi_files([str(tmp_path / "none*.mid")])
    with pytest.raises(BadInput, match="would be overwritten"):
        composing.compose(trained, Choices(tmp_path, force=True), tmp_path / "tune.mid", "tune")
