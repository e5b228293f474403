"""`python -m zoo interpret` of a recording: files, lines, and what is refused."""

from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from looked_at import RATE, SAMPLES, Bank, looked_at, sinusoids
from PIL import Image

from zoo.cli import main as zoo
from zoo.errors import BadInput
from zoo.front import finding
from zoo.interpret import clips, layers


@pytest.fixture
def tagger(monkeypatch):
    found = looked_at(Bank(), bank=sinusoids((2000, 310, 3100, 900)))
    found.meta = {"licence": "ISC"}
    monkeypatch.setattr(finding, "requested_system", lambda *_: SimpleNamespace(trained=found))
    monkeypatch.setattr("zoo.cli.command_line.prepare_devices", lambda: None)
    return found


@pytest.fixture
def song(tmp_path):
    """0.45 s of stereo at twice the rate: silence, then noise."""
    rng = np.random.default_rng(0)
    audio = np.concatenate([np.zeros((1600, 2)), 0.1 * rng.normal(size=(5600, 2))])
    soundfile.write(tmp_path / "song <b>.wav", audio, 2 * RATE, subtype="FLOAT")
    return tmp_path / "song <b>.wav"


def look(tmp_path, *words):
    return zoo.main(["interpret", "runs/toy", "--out", str(tmp_path / "out"), *words])


def test_deepdream_from_a_recording(tagger, song, tmp_path, capsys):
    words = ("--towards", "loud", "--steps", "2", "--input", str(song))
    assert look(tmp_path, "--kind", "deepdream", *words) == 0
    made = sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_file())
    wanted = ["deepdream.html", "deepdream.npz", "deepdream.png", "deepdream.wav"]
    assert [name for name in made if name[0] != "."] == [*wanted, "deepdream_start.wav"]
    audio, rate = soundfile.read(tmp_path / "out/deepdream.wav")
    assert rate == RATE and len(audio) == 3 * SAMPLES
    page = (tmp_path / "out/deepdream.html").read_text()
    assert "song &lt;b&gt;.wav" in page and "ISC" in page and "<b>.wav" not in page
    assert Image.open(tmp_path / "out/deepdream.png").width > 600
    assert len(capsys.readouterr().out.splitlines()) == 5


def test_attribution_of_the_strongest_tag(tagger, song, tmp_path, capsys):
    words = ("--input", str(song), "--start", "0.1", "--seconds", "0.13", "--method", "occlusion")
    assert look(tmp_path, "--kind", "attribution", *words) == 0
    numbers = np.load(tmp_path / "out/attribution.npz")
    assert str(numbers["tag"]) in ("loud", "soft", "never")
    assert {path.suffix for path in (tmp_path / "out").iterdir()} >= {".wav", ".png", ".html"}
    alone, _ = soundfile.read(tmp_path / "out/attribution_alone.wav")
    assert len(alone) == SAMPLES


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("deepdream",), "say --towards"),
        (("deepdream", "--towards", "lod"), "did you mean loud"),
        (("attribution",), "--input SONG"),
        (("attribution", "--input", "SONG", "--towards", "bank"), "'bank' is a layer"),
        (("attribution", "--input", "SONG", "--start", "9"), "ends before 9 s"),
        (("attribution", "--input", "SONG", "--seconds", "0"), "above 0"),
        (("attention", "--input", "SONG"), "attends to nothing"),
        (("attention", "--input", "absent.wav"), "absent.wav"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(tagger, song, tmp_path, capsys, words, said):
    words = [str(song) if word == "SONG" else word for word in words]
    try:
        assert look(tmp_path, "--kind", *words) == 2
    except SystemExit as end:  # the parser's own
        assert end.code == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_windows_are_those_of_the_song_from_start_on(tagger, song):
    network = layers.audio_network(tagger)
    whole = clips.read_clip(network, song, 0.0, 10)
    assert whole.windows.shape == (3, SAMPLES, 1)
    late = clips.read_clip(network, song, 0.125, 0.13)
    np.testing.assert_allclose(late.audio, whole.audio[1000:2000], atol=1e-6)
    short = clips.read_clip(network, song, 0.4, 5)
    assert short.windows.shape == (1, SAMPLES, 1) and not short.audio[401:].any()
    with pytest.raises(BadInput, match="silent from"):
        clips.read_clip(network, silent(song), 0.0, 1)


def silent(song):
    path = song.with_name("silent.wav")
    soundfile.write(path, np.zeros((3000, 1)), RATE)
    return path
