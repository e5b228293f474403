"""Pages about a user's own files: whole folders that may be shared, true to what is in them."""

import html
import re
import tracemalloc
from html.parser import HTMLParser
from types import SimpleNamespace
from urllib.parse import unquote

import numpy as np
import pytest
import soundfile

from zoo.audio.blocks import open_song
from zoo.pages import own, pitch_curve, recording, sounds
from zoo.report import page
from zoo.songs.segments import Segments
from zoo.songs.separating import Separator
from zoo.songs.stem_files import separate_file

WHOSE = {
    "checkpoint": "theirs",
    "step": None,
    "config": "toy",
    "licence": "CC <BY>",
    "published": "https://example.org/weights",
}


class Addresses(HTMLParser):
    """All addresses of a page, and whether its tags are closed in order."""

    def __init__(self, text):
        super().__init__()
        self.stack, self.found = [], []
        self.feed(text)
        assert self.stack == []

    def handle_starttag(self, tag, attributes):
        self.found += [v for k, v in attributes if k in ("src", "href", "data-src")]
        if tag not in ("meta", "img"):
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag


def shareable(path):
    """The page's text; fails at an address outside its folder, or of a file that is not there."""
    text = path.read_text()
    for address in Addresses(text).found:
        if address.startswith(("data:", "https://example.org")):
            continue
        assert ":" not in address and not address.startswith("/"), address
        assert (path.parent / unquote(address)).is_file(), address
    return text


def tone(path, seconds=0.5, rate=16_000, channels=1, hertz=440.0):
    time = np.arange(int(seconds * rate)) / rate
    audio = 0.4 * np.sin(2 * np.pi * hertz * time)[:, None].repeat(channels, 1)
    soundfile.write(path, audio, rate)
    return path


@pytest.mark.parametrize(
    ("ending", "rate", "channels", "kind"),
    [
        ("wav", 44_100, 2, "mp3"),
        ("wav", 96_000, 1, "flac"),
        ("flac", 16_000, 1, "flac"),
        ("ogg", 22_050, 1, "ogg"),
        ("wav", 16_000, 6, "mp3"),
        ("aiff", 8000, 1, "mp3"),
    ],
)
def test_a_long_recording_stands_beside_the_page_compressed(tmp_path, ending, rate, channels, kind):
    sound = tone(tmp_path / f"a #1 50%.{ending}", 1.0, rate, channels)
    folder = tmp_path / "shared"
    folder.mkdir()
    address = recording.recording_address(open_song(sound), folder, room=0)
    assert address == f"page_files/recording.{kind}"
    info = soundfile.info(folder / address)
    assert info.samplerate == rate and info.channels <= 2 and abs(info.duration - 1) < 0.15
    assert recording.recording_address(open_song(sound), folder).startswith("data:audio/")


def doubled(batch):
    return {"prediction": np.stack([0.75 * batch["mixture"], 0.25 * batch["mixture"]], 2)}


@pytest.mark.parametrize("room", [0, sounds.BUDGET])
def test_a_separated_song_has_a_page_that_plays_in_a_shared_folder(tmp_path, monkeypatch, room):
    monkeypatch.setattr(sounds, "BUDGET", room)
    song = tone(tmp_path / "so&ng?.wav", 3.0, 8000)
    how = Separator(Segments(4000), 8000, 1, ("voc als#", "rest"))
    folder = tmp_path / "stems"
    facts = separate_file(doubled, song, folder, how)
    own.write_stems_page(folder, song, facts)
    text = shareable(own.sign(folder, song, "two stems", WHOSE))
    assert text.count('class="track ') == 3 and "so&amp;ng?" in text and "CC &lt;BY&gt;" in text
    inside = len(re.findall('data-src="data:audio', text))
    assert inside == (3 if room else 0)
    assert (folder / "page_files" / "mixture.mp3").is_file() == (not room)
    assert re.search(r"voc als#</td><td[^>]*>-1\d\.\d</td>", text)


def test_stems_beyond_full_scale_have_a_page(tmp_path):
    """As floats they are kept; in a user's own file such a level is another scale."""
    song, how = (
        tone(tmp_path / "song.wav", 1.0, 8000),
        Separator(Segments(4000), 8000, 1, ("a", "b")),
    )

    def loud(batch):
        return {"prediction": 10 * doubled(batch)["prediction"]}

    facts = separate_file(loud, song, tmp_path, how)
    assert facts["peak"]["a"] > 2 and facts["clipped"] == []
    page = own.write_stems_page(tmp_path, song, facts).read_text(encoding="utf-8")
    assert page.count('data-src="data:audio') == 3


def test_the_overview_of_a_long_song_is_that_of_the_whole(tmp_path):
    """Where columns are further apart than windows are long, no more than a column is held."""
    time = np.arange(40 * 8000) / 8000
    audio = np.where(time < 20, np.sin(2 * np.pi * 500 * time), np.sin(2 * np.pi * 2500 * time))
    soundfile.write(tmp_path / "a.wav", audio, 8000)
    import io

    from PIL import Image

    picture = sounds.waveform_overview(open_song(tmp_path / "a.wav"), width=60, height=100)
    assert picture == sounds.waveform_overview(open_song(tmp_path / "a.wav"), 60, 100, ours=True)
    rows = np.asarray(Image.open(io.BytesIO(picture)))[::-1].argmax(0)
    mel = 2595 * np.log10(1 + np.array([500, 2500, 4000]) / 700)
    np.testing.assert_allclose(rows[5:25], 99 * mel[0] / mel[2], atol=2)
    np.testing.assert_allclose(rows[35:55], 99 * mel[1] / mel[2], atol=2)


@pytest.mark.parametrize("ours", [False, True])
def test_the_overview_of_a_long_song_never_holds_it(tmp_path, ours):
    samples = np.zeros(3_000_000, np.int16)  # 12 MB as float32
    soundfile.write(tmp_path / "a.wav", samples, 8000)
    song = open_song(tmp_path / "a.wav")
    sounds.waveform_overview(song, ours=ours)  # what is imported does not count
    tracemalloc.start()
    sounds.waveform_overview(song, ours=ours)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8e6


def test_an_index_lists_pages_and_sounds_and_replaces_no_page_of_others(tmp_path, capsys):
    for name in ("b <song>", "deep/a#"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "tags.csv").write_text("x\n")
        own.sign(tmp_path / name, tmp_path / f"{name}.mp3", f"rock 0.5 & {name}", WHOSE)
    path = own.index(tmp_path, WHOSE)
    text = shareable(path)
    assert "2 results" in text and "deep/a%23/page.html" in text
    assert "rock 0.5 &amp; b &lt;song&gt;" in text and "theirs" in text
    assert own.index(tmp_path, WHOSE) == path and shareable(path) == text
    tone(tmp_path / "s.wav")
    note = {
        "file": "s.wav",
        "sha256": "0",
        "request": {"seed": 7, "input": {"file": str(tone(tmp_path / "b <song>" / "in#put.wav"))}},
    }
    page_test = tmp_path / "s.json"
    page_test.write_text(__import__("json").dumps(note))
    text = shareable(own.index(tmp_path, WHOSE))
    assert "s.wav, seed 7" in text and "in#put.wav, as it came in" in text
    path.write_text("<html>mine</html>")
    assert own.index(tmp_path, WHOSE) is None and path.read_text() == "<html>mine</html>"
    assert "not one of ours" in capsys.readouterr().err


@pytest.mark.parametrize(("low", "high"), [(438.0, 442.0), (200.0, 420.0), (60.0, 2000.0), (0, 0)])
def test_a_pitch_page_has_ticks_that_can_be_read(tmp_path, low, high):
    hertz = np.linspace(low, high, 50)
    confidence = np.full(50, 0.9)
    keys = pitch_curve.key_ticks(*pitch_curve.compass(hertz, confidence))
    assert 2 <= len(keys) <= pitch_curve.TICKS
    path = pitch_curve.write_pitch_curve(
        tmp_path / "page.html", tone(tmp_path / "a.wav"), 0.01, hertz, confidence
    )
    text = shareable(path)
    assert all(html.escape(pitch_curve.tick_name(key)) in text for key in keys)
    figure = pitch_curve.curve_figure(np.arange(50) * 0.01, hertz, confidence)
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == [pitch_curve.tick_name(key) for key in keys]


@pytest.mark.parametrize("own_file", [None, "/my configs/mine.py"])
def test_to_do_it_again_keeps_config_and_place(tmp_path, own_file):
    import json
    import shlex

    from zoo.cli import train

    place = tmp_path / "a run"
    place.mkdir()
    facts = {
        "config": "mine" if own_file else "samplecnn_score_render",
        "arguments": {"steps": 7, "batch": 16},
    }
    if own_file:
        facts |= {"config_file": own_file, "defaults": {"steps": 9, "batch": 16}}
    (place / "run.json").write_text(json.dumps(facts))
    text = page.write_report(place).read_text()
    command = html.unescape(re.search("<pre>(.*?)</pre>", text)[1])
    words = shlex.split(command)[2:]
    options = train.parser("train.py").parse_intermixed_args(words)
    assert options.config == (own_file or "samplecnn_score_render")
    assert options.workdir == place and "steps=7" in options.arguments
    assert "batch=16" not in options.arguments


def test_weights_are_named_with_their_licence():
    from zoo.songs.credits import credited

    trained = SimpleNamespace(
        name="x",
        meta={"licence": "MIT", "published": "https://y"},
        config=SimpleNamespace(name="c"),
    )
    assert "MIT" in own.made_by(credited(trained)) and "https://y" in own.made_by(credited(trained))
    trained.meta = {"step": 1200}
    told = own.made_by(credited(trained))
    assert "x at step 1,200" in told and "your own training" in told
