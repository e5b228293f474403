"""What a user may choose of a separation: which stems, in which files, at which level; and where
goes what the stems lack."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from zoo.audio import audio_writing
from zoo.errors import BadInput
from zoo.songs import stem_files
from zoo.songs.segments import Segments, echo
from zoo.songs.separating import Separator, describe_windows, separate, with_sources
from zoo.songs.stem_files import separate_file

SEGMENTS = Segments(600, 500, 400, "fade", batch=2)
NAMES = ("vocals", "drums", "bass")


def thirds(batch):
    centre = echo(SEGMENTS)(batch)["prediction"]
    return {"prediction": np.concatenate([0.5 * centre, 0.3 * centre, 0.1 * centre], 2)}


def separator(**fields):
    given = {"segments": SEGMENTS, "rate": 8000, "channels": 2, "sources": NAMES}
    return Separator(**given | fields)


def noise(length=9000, level=0.1, seed=0, channels=2):
    return np.random.default_rng(seed).normal(0, level, (length, channels)).astype(np.float32)


def run(predict, song, how, rate=8000):
    return np.concatenate(list(separate(predict, lambda: iter([song]), rate, how)), 1)


def made(tmp_path, song, rate=8000, how=None, **choices):
    soundfile.write(tmp_path / "song.wav", song, rate, "FLOAT")
    asked = {"how": how or separator(), "force": True, **choices}
    facts = separate_file(thirds, tmp_path / "song.wav", tmp_path / "out", **asked)
    assert facts == json.loads((tmp_path / "out" / "info.json").read_text())
    return facts


def test_one_stem_and_all_others(tmp_path):
    song = noise()
    for residual, rest in ((False, 0.6), (True, 0.7)):
        how = separator(residual=residual)
        facts = made(tmp_path, song, how=how, two_stems="drums")
        assert list(facts["files"]) == ["drums", "no_drums"] == list(facts["rms_db"])[:2]
        for name, share in (("drums", 0.3), ("no_drums", rest)):
            found, _ = soundfile.read(tmp_path / "out" / f"{name}.wav", dtype="float32")
            np.testing.assert_allclose(found, share * song, atol=1e-5)
    assert list(made(tmp_path, song, stems=["bass", "drums", "bass"])["files"]) == ["bass", "drums"]
    with pytest.raises(BadInput, match=r"no stem 'flute': this model gives vocals, drums, bass\."):
        made(tmp_path, song, two_stems="flute")
    with pytest.raises(BadInput, match="give one of them"):
        made(tmp_path, song, two_stems="drums", stems=["bass"])
    with pytest.raises(BadInput, match="only stem"):
        made(tmp_path, song, how=separator(sources=("vocals",)), two_stems="vocals")


@pytest.mark.parametrize(
    "form, subtype, error",
    [
        ("wav16", "PCM_16", 2**-15),
        ("wav24", "PCM_24", 2**-23),
        ("float", "FLOAT", 1e-7),
        ("flac", "PCM_24", 2**-23),
        ("flac16", "PCM_16", 2**-15),
        ("mp3", "MPEG_LAYER_III", 0.05),
    ],
)
def test_formats_of_files(tmp_path, form, subtype, error):
    time = np.arange(44_100) / 44_100
    song = 0.5 * np.sin(2 * np.pi * np.float32([[220, 330]]) * time[:, None]).astype(np.float32)
    facts = made(tmp_path, song, 44_100, separator(rate=44_100), form=form)
    file = tmp_path / "out" / facts["files"]["vocals"]
    found, rate = soundfile.read(file, dtype="float32")
    assert soundfile.info(file).subtype == subtype and rate == 44_100 and not facts["clipped"]
    assert len(found) == len(song) or form == "mp3"
    np.testing.assert_allclose(found[4000:40_000], 0.5 * song[4000:40_000], atol=error)


@pytest.mark.parametrize("form", ["wav", "wav16", "flac", "flac16", "mp3", "stem.mp4"])
@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_what_stems_will_take_is_known_before_the_work(form, rate, tmp_path, monkeypatch):
    song = noise(4 * rate)
    facts = made(tmp_path, song, rate, separator(rate=rate), form=form)
    taken = sum(p.stat().st_size for p in (tmp_path / "out").iterdir() if p.suffix != ".json")
    asked = []
    monkeypatch.setattr(stem_files, "require_room", lambda folder, size: asked.append(size))
    made(tmp_path, song, rate, separator(rate=rate), form=form, force=True)
    if form.startswith("flac"):  # of noise, which FLAC hardly shortens
        assert 0.2 * taken < asked[0] < 0.6 * taken
    else:
        assert asked[0] == pytest.approx(taken, rel=0.15)
    monkeypatch.undo()
    usage = SimpleNamespace(free=asked[0] - 1)
    monkeypatch.setattr(audio_writing.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(BadInput, match="kB of audio do not fit into"):
        made(tmp_path, song, rate, separator(rate=rate), form=form, force=True)
    file = tmp_path / "out" / facts["files"]["vocals"]
    assert file.stat().st_size > 1000  # what stood there is whole


def test_an_mp3_of_an_odd_rate_is_refused_before_the_work(tmp_path):
    with pytest.raises(BadInput, match="has 9,000 Hz and 2 channels, mp3 takes"):
        made(tmp_path, noise(), 9000, form="mp3")
    assert not list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True


def test_stems_beyond_full_scale_are_named_where_the_format_cuts_them(tmp_path):
    song = np.clip(noise(level=1.0), -1.3, 1.3)
    how = separator(segments=Segments(600), sources=("loud", "soft"))
    doubled = lambda batch: {  # noqa: E731
        "prediction": np.stack([1.5 * batch["mixture"], 0.1 * batch["mixture"]], 2)
    }
    soundfile.write(tmp_path / "song.wav", song, 8000, "FLOAT")
    for form, clipped in (("wav16", ["loud"]), ("wav", [])):
        facts = separate_file(
            doubled, tmp_path / "song.wav", tmp_path / "out", how, form=form, force=True
        )
        assert facts["clipped"] == clipped


@pytest.mark.parametrize("gain, seen", [(1e-2, -18.0), (0.1, -18.0), (1.0, None), (40.0, None)])
def test_a_quiet_song_is_raised_for_the_model_and_lowered_again(gain, seen):
    """And one beyond full scale lowered; at common levels the model gets what there is."""
    from zoo.audio.loudness import measured

    song, read = gain * noise(16_000, 0.1), []

    def predict(batch):
        read.append(np.array(batch["mixture"]))
        return {"prediction": 0.25 * np.repeat(batch["mixture"][:, :, None], 3, 2)}

    stems = run(predict, song, separator(loudness=-18.0, segments=Segments(600, batch=2)))
    np.testing.assert_allclose(stems[0], 0.25 * song, rtol=1e-5, atol=1e-7 * gain)
    windows = np.concatenate([batch.reshape(-1, 2) for batch in read])
    if seen is not None:
        assert measured([windows], 8000).loudness == pytest.approx(seen, abs=0.3)
    elif gain == 1:
        np.testing.assert_array_equal(windows[:16_000], song)
    assert np.abs(windows).max() <= 1 + 1e-6


def test_a_level_is_taken_out_of_the_way_of_a_model_that_depends_on_it():
    """A model that mutes what lies below a threshold separates a quiet song as a loud one."""

    def gate(batch):
        x = echo(Segments(600))(batch)["prediction"]
        return {"prediction": np.where(np.abs(x) > 0.02, x, 0).repeat(2, 2)}

    song = noise(16_000, 0.05)
    how = separator(segments=Segments(600), sources=("a", "b"))
    level = separator(**vars(how) | {"loudness": -18.0})
    quiet = 10 ** (-30 / 20)
    raised = run(gate, quiet * song, level) / quiet
    assert np.abs(run(gate, quiet * song, how)).max() == 0
    np.testing.assert_allclose(raised, run(gate, song, level), atol=1e-5)


def test_silence_is_not_raised():
    how = separator(loudness=-18.0)
    assert not run(thirds, np.zeros((4000, 2), np.float32), how).any()


def cymbals(rate=44_100, seconds=0.6):
    """(vocals up to 3 kHz, drums with a noise up to 20 kHz in bursts), each [T 1]."""
    from scipy.signal import butter, sosfilt

    time = np.arange(round(seconds * rate)) / rate
    voice = sum(np.sin(2 * np.pi * 440 * k * time) / k for k in range(1, 7))
    hiss = np.random.default_rng(3).normal(0, 0.2, len(time)) * (np.sin(12 * time) > 0)
    hiss = sosfilt(butter(4, 3000, "high", fs=rate, output="sos"), hiss)
    return [(0.2 * x[:, None]).astype(np.float32) for x in (voice, hiss)]


def banded(edge, rate):
    """A perfect model of two stems that gives nothing above `edge`."""
    from scipy.signal import butter, sosfiltfilt

    low = butter(10, 0.93 * edge, fs=rate, output="sos")
    return [sosfiltfilt(low, x, axis=0).astype(np.float32) for x in cymbals(rate)]


@pytest.mark.parametrize("model", ["band", "rate"])
def test_kept_sums_put_no_cymbals_into_the_vocals(model):
    rate, edge = 44_100, 11_025
    voice, hiss = cymbals(rate)
    song = voice + hiss
    if model == "band":
        stems = banded(edge, rate)
        how = separator(rate=rate, channels=1, band=edge, sources=NAMES[:2], keep_sum=True)
    else:
        stems = [x[::2] for x in banded(edge, rate)]
        how = separator(rate=edge * 2, channels=1, sources=NAMES[:2], keep_sum=True)
    how = separator(**vars(how) | {"segments": Segments(len(stems[0]))})
    both = np.stack(stems, 1)[None]
    found = run(lambda batch: {"prediction": both}, song, how, rate)
    np.testing.assert_allclose(found.sum(0), song, atol=1e-6)
    inner = slice(2000, -2000)
    spectra = [np.abs(np.fft.rfft(x[inner, 0])) ** 2 for x in (found[0], hiss, found[1])]
    above = slice(round(len(spectra[0]) * 1.02 * edge * 2 / rate), None)
    vocals, cymbal, drums = (power[above].sum() for power in spectra)
    assert vocals < 0.01 * cymbal and drums == pytest.approx(cymbal, rel=0.1)


def test_files_of_kept_sums_are_as_long_as_the_song(tmp_path):
    song = noise(40_000)
    facts = made(tmp_path, song, 8000, separator(rate=4000, keep_sum=True))
    found = [soundfile.read(tmp_path / "out" / file)[0] for file in facts["files"].values()]
    np.testing.assert_allclose(sum(found), song, atol=1e-6)
    assert facts["length"] == 40_000 and facts["null_db"] < -100


@pytest.mark.parametrize("length", [1, 1023, 1024, 1025, 5000])
def test_sums_are_kept_at_any_length(length):
    song = noise(length)
    found = run(thirds, song, separator(rate=4000, keep_sum=True), 8000)
    assert found.shape == (3, length, 2)
    np.testing.assert_allclose(found.sum(0), song, atol=1e-6)


def test_stems_in_one_file_that_is_separated_again(tmp_path):
    """out as .stem.mp4 with a page that plays its tracks; in as its first track, the mix."""
    from zoo.audio import probing, stem_mp4
    from zoo.pages import own

    time = np.arange(44_100) / 44_100
    song = 0.5 * np.sin(2 * np.pi * np.float32([[220, 330]]) * time[:, None]).astype(np.float32)
    how = separator(rate=44_100)
    facts = made(tmp_path, song, 44_100, how, form="stem.mp4", two_stems="vocals")
    assert facts["tracks"] == {"vocals": 1, "no_vocals": 2}
    path = tmp_path / "out" / "song.stem.mp4"
    assert (
        stem_mp4.read_stem_names(path) == ("vocals", "no_vocals")
        and len(probing.read_track_headers(path)) == 3
    )
    page = own.write_stems_page(tmp_path / "out", tmp_path / "song.wav", facts).read_text()
    assert page.count("data-src=") == 3 and page.count('href="song.stem.mp4"') == 1
    again = separate_file(thirds, path, tmp_path / "again", how)
    found, _ = soundfile.read(tmp_path / "again" / "vocals.wav", dtype="float32")
    assert again["length"] == pytest.approx(44_100, abs=2048)
    np.testing.assert_allclose(found[4000:40_000], 0.5 * song[4000:40_000], atol=0.06)


def knowing(seen):
    """`thirds` that notes its labels; a source that does not play leaks a little."""

    def predict(batch):
        seen.append(batch["who"])
        return thirds({"mixture": batch["mixture"]})

    return predict


def test_labels_reach_the_model_and_name_the_stems(tmp_path):
    seen, song = [], noise()
    how = with_sources(separator(labels="who"), ["bass", "vocals"])
    assert how.stems == ("vocals", "bass")
    found = run(knowing(seen), song, how)
    np.testing.assert_allclose(found, np.stack([0.5 * song, 0.1 * song]), atol=1e-5)
    assert {tuple(row) for row in np.concatenate(seen)} == {(1, 0, 1)}
    left = with_sources(separator(labels="who", residual=True), ["bass"])
    np.testing.assert_allclose(run(knowing([]), song, left)[1], 0.9 * song, atol=1e-5)
    kept = with_sources(separator(labels="who", keep_sum=True), ["drums", "bass"])
    np.testing.assert_allclose(run(knowing([]), song, kept).sum(0), song, atol=1e-5)


@pytest.mark.parametrize(
    "names, message",
    [
        (None, "has to know what plays: give labels, of vocals, drums, bass"),
        ([], "one label at least, of vocals, drums, bass"),
        (
            ["drum"],
            r"no label 'drum' \(did you mean drums\?\): this model knows vocals, drums, bass",
        ),
        (["x"], "no label 'x': this model knows vocals"),
        ("bass", "give a list of names"),
        ([1], "give a list of names"),
    ],
)
def test_labels_are_checked_against_the_names_of_the_model(names, message):
    with pytest.raises(BadInput, match=message):
        with_sources(separator(labels="who"), names)


def test_a_model_without_labels_takes_none():
    assert with_sources(separator(), None) == separator()
    with pytest.raises(BadInput, match="takes no labels"):
        with_sources(separator(), ["bass"])
    with pytest.raises(BadInput, match="has to know what plays"):
        run(thirds, noise(), separator(labels="who"))


def test_windows_in_which_sources_are_found_anew_are_said():
    blind = separator(channels=1, stereo="joint", segments=replace(SEGMENTS, unordered=True))
    assert "windows of 0.1 s" in describe_windows(blind, 1.0)
    assert describe_windows(blind, 600 / 8000) == describe_windows(separator(), 1.0) == ""
