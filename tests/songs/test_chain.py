"""Chains of systems: each stage is the system's own work, and may be another's or left out."""

import json

import numpy as np
import pytest
import soundfile

import zoo
from zoo import durable
from zoo import experiment as experiments
from zoo.cli.command_line import INTERRUPTED
from zoo.cli.main import main
from zoo.data.midi import read_notes
from zoo.data.score_render.instrument import Instrument
from zoo.errors import BadInput
from zoo.runs import pairs
from zoo.songs import chain_files
from zoo.songs.chain import chain, perform_notes
from zoo.songs.composing import append_notes

NOTES = ("onset", "offset", "pitch", "velocity")
SYSTEMS = {
    "notes": "basic_pitch_score_render",
    "silent": "onsets_frames_score_render",  # untrained it finds none
    "compose": "music_transformer_score_render",
    "perform": "midi_wavenet_score_render",
    "anew": "eck_blues_score_render",
}
RATE = 16_000


@pytest.fixture(scope="module")
def systems():
    """One of each kind that nobody trained."""
    return {
        m: zoo.create(name, **experiments.find_config(name).entry.smoke)
        for m, name in SYSTEMS.items()
    }


@pytest.fixture(scope="module")
def folders(systems, tmp_path_factory):
    """The systems as pairs, which commands load."""
    root = tmp_path_factory.mktemp("weights")
    return {m: str(pairs.write_pair(system.trained, root / m)) for m, system in systems.items()}


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    time = np.arange(RATE // 4) / RATE
    path = tmp_path_factory.mktemp("songs") / "a song.wav"
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * 440 * time), RATE)
    return path


@pytest.fixture(scope="module")
def whole(systems, song):
    parts = {method: systems[method] for method in ("notes", "compose", "perform")}
    return chain(song, **parts, seed=3, seconds=0.5, temperature=0.9)


def same(found, wanted):
    for name in NOTES:
        np.testing.assert_array_equal(found[name], wanted[name])


def test_a_chain_is_its_stages_by_hand(systems, song, whole):
    found = systems["notes"].notes(song)
    more = systems["compose"].compose(0.5, notes=found, seed=3, temperature=0.9)
    begins = found["offset"].max()
    same(whole.found, found)
    assert len(more["pitch"]) and whole.begins == begins
    same(whole.notes, append_notes(found, more, begins))
    assert whole.notes["onset"][len(found["pitch"]) :].min() >= begins
    np.testing.assert_array_equal(whole.audio, systems["perform"].perform(whole.notes, seed=3))
    assert whole.rate == systems["perform"].sample_rate
    assert len(whole.audio) == round((whole.notes["offset"].max() + 1.0) * whole.rate)


def test_audio_that_is_no_file_and_another_seed(systems, song, whole):
    audio, rate = soundfile.read(song)
    parts = {method: systems[method] for method in ("notes", "compose")}
    other = chain(audio, rate, **parts, seed=4, seconds=0.5, temperature=0.9)
    np.testing.assert_allclose(other.found["onset"], whole.found["onset"])
    assert other.notes["pitch"].tolist() != whole.notes["pitch"].tolist()


def test_without_a_player_the_sound_font_plays(systems, song):
    alone = chain(song, notes=systems["notes"])
    assert alone.begins is None and alone.rate == 44_100
    same(alone.notes, systems["notes"].notes(song))
    wanted = Instrument(0, 44_100).play(alone.notes, 0, len(alone.audio))
    np.testing.assert_allclose(alone.audio, wanted, atol=1e-6)
    assert np.abs(alone.audio).max() > 0.05
    composed = chain(song, notes=systems["notes"], compose=systems["compose"], seconds=0.5)
    instrument = systems["compose"].experiment.objective.instrument
    wanted = instrument.play(composed.notes, 0, len(composed.audio))
    np.testing.assert_allclose(composed.audio, wanted, atol=1e-6)


def test_what_does_not_fit_is_said(systems, song):
    notes, compose, perform = (systems[name] for name in ("notes", "compose", "perform"))
    faults = {
        r"midi_wavenet\S* has no notes\(...\); its methods: perform": {"notes": perform},
        r"basic_pitch\S* has no compose\(...\)": {"notes": notes, "compose": notes},
        r"music_tr\S* has no perform\(...\)": {"notes": notes, "perform": compose},
        "begins anew each time": {"notes": notes, "compose": systems["anew"]},
        "finds no notes in it": {"notes": systems["silent"]},
        "seconds is for a composer": {"notes": notes, "seconds": 3},
        "no argument length=": {"notes": notes, "compose": compose, "length": 3},
    }
    for message, asked in faults.items():
        with pytest.raises(BadInput, match=message):
            chain(song, **asked)
    with pytest.raises(BadInput, match="one recording at a time"):
        chain([song, song], notes=notes)


def test_the_command_writes_every_stage(folders, song, whole, tmp_path, capsys):
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    out = tmp_path / "out"
    stages = [w for m in ("notes", "compose", "perform") for w in (f"--{m}", folders[m])]
    words = ["chain", str(song), str(tmp_path / "broken.wav"), *stages, "--out", str(out)]
    words += ["--seed", "3", "--seconds", "0.5", "--temperature", "0.9"]
    assert main(words) == 2
    said = capsys.readouterr()
    assert said.err.count("rejected: ") == 1 and "broken.wav" in said.err
    made = out / "a song"
    assert f"look at {made / 'page.html'}" in said.out
    assert not [path for path in out.rglob("*") if path.name.endswith((".partial", ".lock"))]
    for name, notes in (("notes", whole.found), ("continued", whole.notes)):
        found = read_notes(made / f"{name}.mid")
        assert len(found["pitch"]) > 5 and set(found["pitch"]) == set(notes["pitch"].tolist())
        assert found["offset"].max() == pytest.approx(notes["offset"].max(), abs=2e-3)
        assert (made / f"{name}.png").is_file()
    audio, rate = soundfile.read(made / "played.wav", always_2d=True)
    assert rate == whole.rate and audio.shape == whole.audio.shape
    np.testing.assert_allclose(audio, np.clip(whole.audio, -1, 1), atol=1e-4)
    facts(made, song, whole)
    page = (made / "page.html").read_text()
    assert page.count("<audio") == 2 and 'href="continued.mid"' in page
    assert page.count('alt="continued.mid"') == 1 and SYSTEMS["compose"] in page
    assert "a song" in (out / "page.html").read_text()
    assert main(words) == 2 and "exists" in capsys.readouterr().err


def facts(made, song, whole):
    """info.json names the recording, seed, weights and licences, and hashes what they made."""
    info = json.loads((made / "info.json").read_text())
    assert info["seed"] == 3 and info["input"]["sha256"] == durable.file_sha256(song)
    assert info["samples"] == len(whole.audio) and info["sample_rate"] == whole.rate
    stages = info["stages"]
    for method, file in (("notes", "notes"), ("compose", "continued"), ("perform", "played")):
        assert stages[method]["checkpoint"] == SYSTEMS[method] and stages[method]["licence"]
        path = made / stages[method]["file"]
        assert path.stem == file and stages[method]["sha256"] == durable.file_sha256(path)
    assert stages["notes"]["count"] == len(whole.found["pitch"])
    assert stages["compose"]["count"] == len(whole.notes["pitch"]) - len(whole.found["pitch"])
    assert stages["compose"]["begins_seconds"] == pytest.approx(whole.begins, abs=1e-3)
    assert (stages["compose"]["seconds"], stages["compose"]["temperature"]) == (0.5, 0.9)


def test_nothing_is_left_of_what_cannot_be(folders, song, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["chain", str(song), "--notes", folders["silent"], "--out", str(out)]) == 2
    assert "finds no notes" in capsys.readouterr().err and not out.exists()
    for words, right in (
        (["--notes", folders["perform"]], "has no notes"),
        (["--notes", folders["notes"], "--top_k", "3"], "top_k is for a composer"),
        (["--notes", "nothing_of_that_name"], "nothing_of_that_name"),
    ):
        assert main(["chain", str(song), *words, "--out", str(out)]) == 2
        error = capsys.readouterr().err
        assert right in error and "Traceback" not in error and not out.exists()


def test_the_font_is_named_where_it_plays(folders, song, tmp_path):
    out = tmp_path / "out"
    assert main(["chain", str(song), "--notes", folders["notes"], "--out", str(out)]) == 0
    info = json.loads((out / "a song" / "info.json").read_text())
    assert info["stages"].keys() == {"notes", "perform"}
    assert info["stages"]["perform"]["licence"] == "GPL-2" and info["sample_rate"] == 44_100
    assert not (out / "a song" / "continued.mid").exists()


def test_a_recording_is_not_replaced_by_what_becomes_of_it(folders, song, tmp_path, capsys):
    inside = tmp_path / "played" / "played.wav"
    inside.parent.mkdir()
    inside.write_bytes(song.read_bytes())
    words = ["chain", str(inside), "--notes", folders["notes"], "--out", str(tmp_path), "--force"]
    assert main(words) == 2 and "choose another --out" in capsys.readouterr().err
    assert inside.read_bytes() == song.read_bytes()


def test_what_was_played_until_it_was_stopped_stays(folders, song, tmp_path, monkeypatch):
    def stopped(chunks):
        yield next(chunks)
        raise KeyboardInterrupt

    monkeypatch.setattr(
        chain_files.chain, "perform_notes", lambda *asked: stopped(perform_notes(*asked))
    )
    words = ["chain", str(song), "--notes", folders["notes"], "--out", str(tmp_path / "out")]
    assert main(words) == INTERRUPTED
    made = tmp_path / "out" / "a song"
    info = json.loads((made / "info.json").read_text())
    assert info["samples"] == soundfile.info(made / "played.wav").frames == 16_384
    assert read_notes(made / "notes.mid")["offset"].max() > 0 and (made / "page.html").is_file()
