import errno
import os
import re
from pathlib import Path

import librosa
import numpy as np
import odd_audio
import pytest
import soundfile
import soxr
from odd_audio import verdict

from zoo.audio import audio_files, audio_writing, channels
from zoo.audio.audio_files import (
    Meter,
    find_audio_files,
    read_audio,
    resampled_length,
    stream_audio,
)
from zoo.audio.mp3_frames import count_samples
from zoo.audio.probing import read_header
from zoo.audio.stream_bytes import ByteWindow
from zoo.errors import BadInput


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("odd")
    return folder, odd_audio.make(folder)


def test_every_odd_file_gets_its_verdict(odd):
    folder, expected = odd
    wrong = {
        name: verdict(folder / name)
        for name, said in expected.items()
        if said not in verdict(folder / name) or "\n" in verdict(folder / name)
    }
    assert not wrong
    assert len(expected) >= 28
    assert "no such file" in verdict(folder / "absent.wav")
    assert "is a folder" in verdict(folder)


def test_what_is_no_file_of_ours_to_read_says_so(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "link.wav").symlink_to("link.wav")
    soundfile.write(tmp_path / "bytes.wav", np.zeros(10), 8000)
    odd_name = tmp_path / os.fsdecode(b"latin\xe9.wav")
    os.rename(tmp_path / "bytes.wav", odd_name)
    assert "is a pipe or a device" in verdict(tmp_path / "pipe.wav")
    assert "is a link to nothing" in verdict(tmp_path / "link.wav")
    assert "\\udce9.wav': its name is not in UTF-8" in verdict(odd_name)

    def forbidden(*_):  # a test may run as root, whom no mode of a file stops
        raise PermissionError(errno.EACCES, "Permission denied")

    soundfile.write(tmp_path / "mine.wav", np.zeros(10), 8000)
    monkeypatch.setattr("builtins.open", forbidden)
    assert "mine.wav cannot be read (Permission denied)" in verdict(tmp_path / "mine.wav")


def test_a_whole_file_equals_librosa_and_soxr(odd):
    path = odd[0] / "plain.wav"
    audio, report = read_audio(path, 16_000, 1)
    direct, rate = soundfile.read(path, dtype="float32")
    assert audio.shape == (32_000, 1) and audio.dtype == np.float32
    np.testing.assert_array_equal(audio[:, 0], soxr.resample(direct, rate, 16_000))
    np.testing.assert_allclose(audio[:, 0], librosa.load(path, sr=16_000)[0], atol=1e-6)
    assert "resampled to 16,000 Hz" in str(report)
    assert not report.silent and abs(report.rms - np.sqrt(np.mean(direct**2))) < 1e-6


@pytest.mark.parametrize("rate", [None, 8_000, 16_000, 44_100])
@pytest.mark.parametrize("block", [1000, 4097, 10**6])
def test_streaming_equals_reading_and_has_the_exact_length(odd, rate, block):
    path = odd[0] / "plain.flac"
    pieces = list(stream_audio(path, rate, 2, block))
    whole, _ = read_audio(path, rate, 2)
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
    assert {len(p) for p in pieces[:-1]} <= {block}
    assert (
        len(whole)
        == resampled_length(read_header(path), rate)
        == round(44_100 * (rate or 22_050) / 22_050)
    )


def test_memory_stays_constant_while_streaming(tmp_path):
    import tracemalloc

    path = tmp_path / "long.flac"
    soundfile.write(path, np.zeros(60 * 44_100, np.int16), 44_100)
    tracemalloc.start()
    total = sum(len(piece) for piece in stream_audio(path, 16_000, 1, 16_384))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 60 * 16_000
    assert peak < 3e6  # the whole would be 10.6e6 bytes as float32


def test_a_file_that_breaks_off_is_filled_with_silence_when_asked(odd):
    for name in ("cut.wav", "cut.mp3", "cut.flac"):
        meter = Meter()
        with pytest.raises(BadInput, match="cut off or damaged"):
            read_audio(odd[0] / name)
        audio = np.concatenate(list(stream_audio(odd[0] / name, partial=True, meter=meter)))
        assert len(audio) == resampled_length(read_header(odd[0] / name))
        assert "the rest is silence" in meter.damage
        assert np.abs(audio[:10_000]).max() > 0.1 and not audio[-1000:].any()


def test_mp3_frames_are_counted_exactly(odd):
    decoded, _ = soundfile.read(odd[0] / "no_length.mp3")
    with open(odd[0] / "no_length.mp3", "rb") as file:
        counted = count_samples(ByteWindow(file))
    assert counted == len(decoded) == read_header(odd[0] / "no_length.mp3").frames
    assert soundfile.info(odd[0] / "no_length.mp3").frames != len(decoded)


def test_downmix_of_five_one(odd):
    sources = np.eye(6, dtype=np.float32)
    stereo = channels.convert(sources, 2)
    share = 1 / (1 + 2 * 0.7071)
    np.testing.assert_allclose(stereo[0], [share, 0], atol=1e-6)  # left
    np.testing.assert_allclose(stereo[2], [0.7071 * share] * 2, atol=1e-6)  # centre
    assert not stereo[3].any()  # effects
    np.testing.assert_allclose(stereo.sum(axis=0), 1, atol=1e-6)
    # ogg has its centre second and its effects last
    np.testing.assert_allclose(channels.convert(sources[[1, 5]], 2, ogg=True)[0], stereo[2])
    assert not channels.convert(sources[[5]], 2, ogg=True).any()
    mono, report = read_audio(odd[0] / "six.wav", None, 1)
    direct, _ = soundfile.read(odd[0] / "six.wav", dtype="float32")
    np.testing.assert_allclose(mono, channels.convert(direct, 2).mean(1, keepdims=True), atol=1e-6)
    assert "mixed to mono" in report.notes
    with pytest.raises(BadInput, match="cannot become 3"):
        channels.convert(sources, 3)


def test_mono_becomes_two_equal_channels_and_stereo_its_mean(odd):
    audio, _ = read_audio(odd[0] / "plain.wav", None, 2)
    np.testing.assert_array_equal(audio[:, 0], audio[:, 1])
    pair = odd_audio.tone(0.1, channels=2)
    np.testing.assert_allclose(channels.convert(pair, 1)[:, 0], pair.mean(axis=1), atol=1e-7)


def test_find_expands_folders_patterns_and_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("b/x.mp3", "b/y.FLAC", "b/.hidden.wav", "b/note.txt", "a [live].wav", "z.odd"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    names = [
        p.name for p in find_audio_files(["~/a [live].wav", "~/b", "~/b/*.mp3", tmp_path / "z.odd"])
    ]
    assert names == ["a [live].wav", "x.mp3", "y.FLAC", "z.odd"]
    assert [p.name for p in find_audio_files(["~/**/*"])] == ["a [live].wav", "x.mp3", "y.FLAC"]
    with pytest.raises(BadInput, match="no audio in ~/none: give wav, flac, ogg or mp3"):
        find_audio_files(["~/none"])


def test_a_bomb_is_refused(odd):
    with pytest.raises(BadInput, match="cut it into pieces"):
        read_audio(odd[0] / "plain.flac", longest=1.0)


@pytest.mark.parametrize(
    "name, subtype, error",
    [
        ("a.wav", None, 0),
        ("a.wav", "pcm_16", 0.51 / 2**15),
        ("a.flac", None, 0.51 / 2**23),
        ("a.ogg", None, 0.2),
    ],
)
def test_writing_and_reading_back(tmp_path, name, subtype, error):
    audio = odd_audio.tone(0.5, channels=2)
    path = audio_writing.write_audio(tmp_path / "new" / name, audio, 22_050, subtype)
    back, report = read_audio(path)
    assert report.probe.rate == 22_050 and back.shape == audio.shape
    np.testing.assert_allclose(back, audio, atol=error)
    before = path.read_bytes()
    with pytest.raises(BadInput, match="exists"):
        audio_writing.write_audio(path, 0 * audio, 22_050, subtype)
    assert path.read_bytes() == before
    audio_writing.write_audio(path, 0 * audio, 22_050, subtype, overwrite=True)
    assert read_audio(path)[1].silent
    assert os.listdir(path.parent) == [name]


def test_an_interrupted_file_is_absent_or_valid(tmp_path):
    def interrupted():
        yield np.ones((100, 1), np.float32)
        raise KeyboardInterrupt

    for keep in (False, True):
        path = tmp_path / f"{keep}.wav"
        with pytest.raises(KeyboardInterrupt):
            audio_writing.write_blocks(path, interrupted(), 16_000, 1, keep_partial=keep)
        assert path.exists() == keep
    assert os.listdir(tmp_path) == ["True.wav"]
    assert len(read_audio(tmp_path / "True.wav")[0]) == 100


def test_what_cannot_be_written_is_refused(tmp_path):
    audio = odd_audio.tone(0.1)
    with pytest.raises(BadInput, match=r"unknown format '\.m4a'"):
        audio_writing.write_audio(tmp_path / "a.m4a", audio, 16_000)
    with pytest.raises(BadInput, match="FLAC cannot hold FLOAT"):
        audio_writing.write_audio(tmp_path / "a.flac", audio, 16_000, "FLOAT")
    with pytest.raises(ValueError, match="NaN"):
        audio_writing.write_audio(tmp_path / "a.wav", audio * np.nan, 16_000)
    assert not os.listdir(tmp_path)


def test_suffixes_are_those_that_libsndfile_reads():
    known = {f.lower() for f in soundfile.available_formats()}
    known |= {"oga", "opus", "aif", "aifc", "snd", "wave", "bwf", "sph", "mp2", "mpga"}
    assert {s[1:] for s in audio_files._SUFFIXES} <= known
    assert not set(audio_files._SUFFIXES) & set(audio_files.UNREADABLE)


def test_an_ogg_of_many_pages_that_breaks_off_is_refused(tmp_path):
    noise = np.random.default_rng(0).normal(0, 0.1, (22_050 * 8, 1))
    soundfile.write(tmp_path / "whole.ogg", noise, 22_050)
    whole = (tmp_path / "whole.ogg").read_bytes()
    assert verdict(tmp_path / "whole.ogg").startswith("ok:")
    (tmp_path / "cut.ogg").write_bytes(whole[: len(whole) * 6 // 10])
    assert "breaks off in the middle of a page" in verdict(tmp_path / "cut.ogg")


@pytest.mark.parametrize("kind", ["VORBIS", "OPUS"])
def test_an_ogg_with_a_damaged_or_a_missing_page_is_refused(tmp_path, kind):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 8 * 48_000)
    soundfile.write(tmp_path / "whole.ogg", noise, 48_000, format="OGG", subtype=kind)
    whole = (tmp_path / "whole.ogg").read_bytes()
    assert verdict(tmp_path / "whole.ogg").startswith("ok:")
    (tmp_path / "tagged.ogg").write_bytes(whole + b"TAG" + bytes(125))
    assert verdict(tmp_path / "tagged.ogg").startswith("ok:")
    middle = whole.index(b"OggS", len(whole) // 2)
    behind = whole.index(b"OggS", middle + 4)
    flipped = whole[: middle + 900] + bytes([whole[middle + 900] ^ 1]) + whole[middle + 901 :]
    zeros = whole[:middle] + bytes(behind - middle) + whole[behind:]
    for damaged in (flipped, zeros, whole[:middle] + whole[behind:]):
        (tmp_path / "bad.ogg").write_bytes(damaged)
        assert re.search(
            r"bad.ogg is damaged after [34]\.\d\d of 8\.00 s", verdict(tmp_path / "bad.ogg")
        )
        meter = Meter()
        pieces = stream_audio(tmp_path / "bad.ogg", partial=True, meter=meter)
        assert sum(map(len, pieces)) == len(noise) and "damaged" in meter.damage


@pytest.mark.parametrize("kind", ["WAV", "RF64", "W64", "AIFF", "AU", "FLAC", "OGG"])
def test_a_file_that_ends_within_its_header_is_refused(tmp_path, kind):
    whole = tmp_path / "whole"
    soundfile.write(whole, odd_audio.tone(0.1, 16_000), 16_000, format=kind)
    data = whole.read_bytes()
    for size in range(1, 24 if kind == "AU" else 40):
        path = tmp_path / f"{size}.wav"
        path.write_bytes(data[:size])
        with pytest.raises(BadInput, match=str(path)):
            read_header(path)


def test_a_failed_write_names_the_file(tmp_path):
    path = tmp_path / "song.wav"
    with pytest.raises(OSError, match="song") as caught, audio_writing.room_for(path):
        raise soundfile.LibsndfileError(2)
    assert caught.value.errno in (errno.EACCES, errno.ENOSPC)
