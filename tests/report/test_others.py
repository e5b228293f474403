"""What the first command's page has of other systems: on which take, and never in its way."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from zoo.cli import train
from zoo.front import finding
from zoo.report import finish, others
from zoo.songs.taggram import Taggram

RATE = 4000


def record(track, chunk, tags, level):
    audio = np.full((RATE, 1), level, np.int16)
    return {"audio": audio, "tags": np.array(tags), "track": track, "chunk": chunk}


RECORDS = [
    record("a", 0, [1, 0, 0], 100),
    record("b", 0, [1, 0, 1], 3000),
    record("a", 1, [1, 1, 1], 200),
    record("b", 1, [0, 0, 1], 4000),
]
SOURCE = SimpleNamespace(open=lambda split: RECORDS, info=SimpleNamespace(sample_rate=RATE))
FOUND = SimpleNamespace(experiment=SimpleNamespace(data=SimpleNamespace(source=SOURCE)))


class Toy:
    sample_rate = RATE
    trained = SimpleNamespace(meta={"licence": "CC0"})

    def __init__(self, name):
        self.name = name

    def tags_over_time(self, audio, rate):
        self.given = audio
        scores = np.array([[0.1, 0.9], [0.2, 0.8]])
        return Taggram(np.array([0.0, 1.0]), scores, ("x", "y"), 1.0, 2.0)

    def separate(self, audio, rate):
        return {"bass": audio / 2, "rest": audio / 4}

    def perform(self, notes, temperature):
        return np.full((round(notes["offset"][-1] * RATE), 1), 0.25, np.float32)


def test_three_systems_stand_beside_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(finding, "load_system", Toy)
    monkeypatch.setenv("ZOO_WEIGHTS_DIR", str(tmp_path / "none"))
    others.make_other_examples(FOUND, tmp_path)
    figures = {path.stem: json.loads(path.read_text()) for path in tmp_path.glob("figures/*.json")}
    assert figures.keys() == {"other_tagger", "other_generator"}
    assert "zoo/resemul" in figures["other_tagger"]["title"]
    assert figures["other_tagger"]["caption"] == "a; licence of its weights: CC0."
    sound, rate = soundfile.read(tmp_path / "figures" / "other_tagger.wav")
    assert rate == RATE and np.unique(np.round(sound * 32768)).tolist() == [100, 200]
    (song,) = (tmp_path / "samples" / "stems").iterdir()
    assert "a by zoo_wave_unet" in song.name
    mixture, bass = (soundfile.read(song / f"{name}.wav")[0] for name in ("mixture", "bass"))
    np.testing.assert_allclose(bass, mixture / 2, atol=1e-4)
    sample, _ = soundfile.read(tmp_path / "figures" / "other_generator.wav")
    assert len(sample) == round(3.3125 * RATE)  # eight quarters at 144 a minute, the last held .95
    assert (tmp_path / "figures" / "other_generator.png").is_file()


def test_published_weights_tag_where_they_are_on_the_machine(tmp_path, monkeypatch):
    monkeypatch.setattr(finding, "load_system", Toy)
    there = tmp_path / "kept.npz"
    monkeypatch.setattr(others.obtain, "kept_file", lambda published: there)
    assert others.default_tagger().name == "zoo/resemul"
    there.touch()
    assert others.default_tagger().name == "musicnn_mtt"


def test_what_fails_is_said_and_the_rest_is_made(tmp_path, monkeypatch, capsys):
    def load(name):
        if name == others.SEPARATOR:
            raise ValueError("broken \x1b[2J")
        return Toy(name)

    monkeypatch.setattr(finding, "load_system", load)
    others.make_other_examples(FOUND, tmp_path)
    assert not (tmp_path / "samples").exists()
    assert (tmp_path / "figures" / "other_generator.wav").is_file()
    err = capsys.readouterr().err
    assert err == "left out of the page: ValueError: broken \\x1b[2J\n"


@pytest.mark.parametrize(("words", "tour"), [([], True), (["--config", train._FIRST], False)])
def test_only_the_first_command_has_them(words, tour, monkeypatch):
    asked = []
    monkeypatch.setattr("zoo.runs.train.train", lambda *given, **more: True)
    monkeypatch.setattr(finish, "finish", lambda *given, **more: asked.append(more["tour"]))
    assert train.main(words) == 0 and asked == [tour]


def test_the_names_are_of_weights_that_are_there():
    assert {others.TAGGER, others.SEPARATOR, others._GENERATOR} <= set(finding.own_names())
