"""Files joined, chained, cut and mis-headed, in every container: all of the sound or a refusal."""

import itertools
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from odd_audio import tone, verdict

from zoo.audio import audio_files, mp3_frames, mpeg4
from zoo.audio.probing import read_header
from zoo.audio.stream_bytes import ByteWindow, Spliced
from zoo.errors import BadInput

RATE = 22_050
KINDS = {  # suffix: how libsndfile writes it
    "wav": {},
    "flac": {},
    "ogg": {},
    "mp3": {},
    "aiff": {},
    "au": {},
    "opus": {"format": "OGG", "subtype": "OPUS"},
    "rf64.wav": {"format": "RF64"},
    "vbr.mp3": {"bitrate_mode": "VARIABLE", "compression_level": 0.5},
}
TAG = b"ID3\x04\0\0\0\0\2\0" + bytes(256)
APE = b"APETAGEX" + struct.pack("<IIII", 2000, 32, 1, 1 << 31 | 1 << 29) + bytes(8 + 32)
PLAIN = {"wav", "aiff", "au", "rf64.wav"}
NOISE = np.random.default_rng(0).bytes(30_000)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict[str, list[bytes]]:
    """Two files of 1.5 and 1 s in every container."""
    folder = tmp_path_factory.mktemp("made")
    files: dict[str, list[bytes]] = {}
    for kind, how in KINDS.items():
        rate = 24_000 if kind == "opus" else RATE
        for seed, seconds in enumerate((1.5, 1.0)):
            path = folder / f"{seed}.{kind}"
            soundfile.write(path, tone(seconds, rate, seed=seed), rate, **how)
            files.setdefault(kind, []).append(path.read_bytes())
    return files


def put(folder: Path, name: str, *parts: bytes) -> Path:
    path = folder / name
    path.write_bytes(b"".join(parts))
    return path


def sound(folder: Path, name: str, *parts: bytes) -> np.ndarray:
    return audio_files.read_audio(put(folder, name, *parts))[0]


@pytest.mark.parametrize("kind", KINDS)
def test_joined_files_are_all_there(made, tmp_path, kind):
    first, second = made[kind]
    alone = [sound(tmp_path, f"{i}.{kind}", part) for i, part in enumerate((first, second))]
    for order in ((0, 1), (1, 0), (0, 1, 0)):
        joined = sound(tmp_path, f"joined.{kind}", *(made[kind][i] for i in order))
        np.testing.assert_array_equal(joined, np.concatenate([alone[i] for i in order]))
    assert "cut off" in verdict(
        put(tmp_path, f"cut.{kind}", first, second[: len(second) // 2])
    ) or ("breaks off" in verdict(tmp_path / f"cut.{kind}"))


@pytest.mark.parametrize("first", KINDS)
def test_joined_files_of_two_kinds_are_refused(made, tmp_path, first):
    """Whatever stands between them: a decoder would give the first one alone."""
    magics = {kind: made[kind][0][:4] for kind in KINDS}
    for second in KINDS:
        between = {b"", TAG, bytes(1000)} if magics[first] != magics[second] else set()
        if {first, second} <= PLAIN:
            continue  # their headers tell where each ends: both are read
        for gap in between:
            path = put(tmp_path, f"two.{first}", made[first][0], gap, made[second][0])
            assert "cut them apart" in verdict(path), (second, gap[:3])


def test_pictures_and_foreign_blocks_of_a_flac_are_no_second_file(made, tmp_path):
    data = made["flac"][0]
    block = b"\x02" + (4 + len(made["wav"][0][:60])).to_bytes(3) + b"riff" + made["wav"][0][:60]
    assert verdict(put(tmp_path, "x.flac", data[:42], block, data[42:])).startswith("ok")


def test_joined_files_of_two_rates_are_refused(made, tmp_path):
    soundfile.write(tmp_path / "high.mp3", tone(1, 44_100), 44_100)
    soundfile.write(tmp_path / "high.flac", tone(1, RATE, 2), RATE)
    for kind in ("mp3", "flac"):
        path = put(tmp_path, f"two.{kind}", made[kind][0], (tmp_path / f"high.{kind}").read_bytes())
        assert "is 2 files joined" in verdict(path) and "cut them apart" in verdict(path)


@pytest.mark.parametrize(
    "kind, share", list(itertools.product(["mp3", "vbr.mp3"], [0, 0.3, 0.5, 2]))
)
def test_an_mp3_whose_header_lies_is_read_to_its_end(made, tmp_path, kind, share):
    data = bytearray(made[kind][0])
    at = max(data.find(b"Xing"), data.find(b"Info")) + 8
    count = struct.unpack(">I", data[at : at + 4])[0]
    data[at : at + 4] = struct.pack(">I", int(count * share))
    np.testing.assert_array_equal(
        sound(tmp_path, "lies.mp3", data), sound(tmp_path, "honest.mp3", made[kind][0])
    )


def test_a_vbri_header_that_lies_too(made, tmp_path):
    plain = headless(made["mp3"][0])
    frame = bytearray(plain[: len(plain)])
    size = mp3_frames._header(bytes(frame[:4]))[0]
    header = bytearray(plain[:4] + bytes(size - 4))
    header[36:40] = b"VBRI"
    header[50:54] = struct.pack(">I", 3)
    told = sound(tmp_path, "vbri.mp3", header, plain)
    assert abs(len(told) - len(sound(tmp_path, "plain.mp3", plain))) <= 2 * 1152


def headless(data: bytes) -> bytes:
    """An mp3 without its first frame, which tells the length."""
    at = max(data.find(b"Xing"), data.find(b"Info"))
    return data[data.find(data[:2], at) :]


@pytest.mark.parametrize("before", [NOISE, bytes(30_000), TAG, TAG * 2, TAG + bytes(99) + TAG, APE])
def test_what_is_no_sound_around_an_mp3_is_passed_over(made, tmp_path, before):
    first, second = made["mp3"]
    wanted = sound(tmp_path, "plain.mp3", first)
    for parts in ((before, first), (first, before), (before, first, before)):
        np.testing.assert_array_equal(sound(tmp_path, "around.mp3", *parts), wanted)
    both = sound(tmp_path, "between.mp3", first, before, second)
    assert len(both) == len(wanted) + read_header(put(tmp_path, "b.mp3", second)).frames


def test_mp3_without_headers_joined_are_counted_by_their_frames(made, tmp_path):
    parts = [headless(data) for data in made["mp3"]]
    frames = [read_header(put(tmp_path, f"{i}.mp3", part)).frames for i, part in enumerate(parts)]
    assert abs(read_header(put(tmp_path, "both.mp3", *parts)).frames - sum(frames)) <= 1152
    mixed = read_header(put(tmp_path, "mixed.mp3", made["mp3"][0], parts[1])).frames
    assert abs(mixed - sum(frames)) <= 2 * 1152


def test_frames_of_all_layers_are_measured():
    for header, size, samples in (
        (b"\xff\xfb\x90\x00", 417, 1152),  # MPEG 1, layer III, 128 kbit/s at 44.1 kHz
        (b"\xff\xfd\x80\x00", 417, 1152),  # layer II, 128 kbit/s
        (b"\xff\xff\x40\x00", 136, 384),  # layer I, 128 kbit/s, slots of four bytes
        (b"\xff\xf3\x80\x00", 208, 576),  # MPEG 2, layer III, 64 kbit/s at 22.05 kHz
    ):
        found, kind = mp3_frames._header(header)
        assert (found, kind.samples) == (size, samples)
    for wrong in (
        b"\xff\xf1\x50\x80",
        b"\xff\xfb\xf0\x00",
        b"\xff\xfb\x00\x00",
        b"\xff\xeb\x90\x00",
    ):
        assert mp3_frames._header(wrong)[0] == 0


@pytest.mark.parametrize("total", [0, 10_000, 33_074])
@pytest.mark.parametrize("around", [(b"", b""), (TAG, b""), (b"", b"TAG" + bytes(125))])
def test_flac_of_unknown_or_too_small_a_length(made, tmp_path, total, around):
    whole = made["flac"][0]
    data = bytearray(whole)
    data[21], data[22:26] = data[21] & 0xF0, struct.pack(">I", total)
    wanted = sound(tmp_path, "whole.flac", whole)
    found = sound(tmp_path, "told.flac", around[0], bytes(data), around[1])
    np.testing.assert_array_equal(found, wanted)
    joined = sound(tmp_path, "both.flac", bytes(data), made["flac"][1])
    assert len(joined) == len(wanted) + RATE
    cut = put(tmp_path, "cut.flac", data[: len(data) // 2])
    assert verdict(cut).startswith("refused")


def test_flac_of_variable_and_odd_sizes_by_its_last_frame(tmp_path):
    for samples in (1, 15, 4095, 4096, 4097, 70_001):
        audio = np.random.default_rng(samples).normal(0, 0.1, (samples, 2))
        soundfile.write(tmp_path / "x.flac", audio, 48_000, subtype="PCM_24")
        data = bytearray((tmp_path / "x.flac").read_bytes())
        data[21], data[22:26] = data[21] & 0xF0, bytes(4)
        assert read_header(put(tmp_path, f"{samples}.flac", data)).frames == samples


OPEN = (0, 0x7FFF_0000, 0x7FFF_F000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFDB, 0xFFFF_FFFF)


@pytest.mark.parametrize("size", OPEN)
def test_sizes_that_a_pipe_left_open(made, tmp_path, size):
    for kind, places, order in (
        ("wav", (4, 40), "<I"),
        ("aiff", (4, 42), ">I"),
        ("au", (8,), ">I"),
    ):
        data = bytearray(made[kind][0])
        wanted = sound(tmp_path, f"whole.{kind}", bytes(data))
        for at in places:
            data[at : at + 4] = struct.pack(order, size)
        np.testing.assert_array_equal(sound(tmp_path, f"piped.{kind}", bytes(data)), wanted)
        twice = sound(tmp_path, f"twice.{kind}", bytes(data), bytes(data))
        np.testing.assert_array_equal(twice, np.concatenate([wanted, wanted]))
        mixed = put(tmp_path, f"mixed.{kind}", bytes(data), made["flac"][0])
        assert "and then FLAC" in verdict(mixed)
    for whole in (0, 0xFFFF_FFFF_FFFF_FFFF):
        data = bytearray(made["rf64.wav"][0])
        wanted = sound(tmp_path, "whole.rf64.wav", bytes(data))
        data[28:36] = struct.pack("<Q", whole)
        np.testing.assert_array_equal(sound(tmp_path, "p.wav", bytes(data)), wanted)
        np.testing.assert_array_equal(sound(tmp_path, "b.wav", b"BW64", bytes(data[4:])), wanted)


@pytest.mark.parametrize(
    "kind, at, order", [("wav", 40, "<I"), ("aiff", 42, ">I"), ("au", 8, ">I")]
)
def test_sound_behind_the_announced_end_is_refused(made, tmp_path, kind, at, order):
    data = made[kind][0]
    short = data[:at] + struct.pack(order, 8000) + data[at + 4 :]
    assert "more than its header announces" in verdict(put(tmp_path, f"short.{kind}", short))
    noisy = put(tmp_path, f"noisy.{kind}", data, NOISE)
    assert "more than its header announces" in verdict(noisy)
    for benign in (bytes(5000), TAG, b"TAG" + bytes(125)):
        assert verdict(put(tmp_path, f"benign.{kind}", data, benign)).startswith("ok")


def test_chunks_behind_the_sound_are_no_sound(made, tmp_path):
    chunk = b"LIST" + struct.pack("<I", 400) + NOISE[:400]
    assert verdict(put(tmp_path, "list.wav", made["wav"][0], chunk)).startswith("ok")


def test_nist_files_say_how_much_they_hold(tmp_path):
    soundfile.write(tmp_path / "x.wav", tone(1), RATE, format="NIST")
    data = (tmp_path / "x.wav").read_bytes()
    assert verdict(tmp_path / "x.wav").startswith("ok")
    assert "cut off" in verdict(put(tmp_path, "cut.wav", data[: len(data) // 2]))
    assert "cut joined files apart" in verdict(put(tmp_path, "two.wav", data, data))
    packed = data.replace(b"pcm\n", b"pcm,embedded-shorten-v2.00\n")
    assert "compressed SPHERE" in verdict(put(tmp_path, "packed.wav", packed))


@pytest.mark.parametrize("kind", ["CAF", "W64"])
def test_chunks_of_64_bits_are_held_to_their_sizes(tmp_path, kind):
    soundfile.write(tmp_path / "x", tone(1), RATE, format=kind)
    data = (tmp_path / "x").read_bytes()
    assert verdict(tmp_path / "x").startswith("ok")
    assert verdict(put(tmp_path, "zeros", data, bytes(64))).startswith("ok")
    assert "are missing" in verdict(put(tmp_path, "cut", data[: len(data) // 2]))
    assert "more than its header announces" in verdict(put(tmp_path, "two", data, data))
    size_at, code = (16, "<Q") if kind == "W64" else (data.index(b"data") + 4, ">q")
    unset = struct.pack(code, -1 if kind == "CAF" else (1 << 64) - 1)
    opened = data[:size_at] + unset + data[size_at + 8 :]
    assert verdict(put(tmp_path, "pipe", opened)).startswith("ok")


@pytest.mark.parametrize("kind", ["SVX", "PAF", "PVF", "AVR", "VOC", "HTK", "SDS", "IRCAM"])
def test_kinds_whose_end_cannot_be_seen_are_refused(tmp_path, kind):
    soundfile.write(tmp_path / "x.wav", tone(1), RATE, format=kind)
    assert f"is {kind}, a kind that cannot be read here" in verdict(tmp_path / "x.wav")


def test_unreadable_kinds_are_found_and_refused_one_by_one(tmp_path, monkeypatch):
    monkeypatch.setattr(mpeg4, "pyav_installed", lambda: False)
    soundfile.write(tmp_path / "a.wav", tone(1), RATE)
    for name in ("b.m4a", "c.stem.mp4", "sub/d.WMA", "sub/e.aac", ".hidden.m4a"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"\0\0\0\x20ftypM4A " + bytes(100))
    assert [p.name for p in audio_files.audio_in(tmp_path)] == ["a.wav"]
    unread = audio_files.unreadable_in(tmp_path)
    assert audio_files.count_suffixes(unread) == "1 aac, 1 m4a, 1 stem.mp4, 1 wma"
    assert len(audio_files.find_audio_files([tmp_path])) == 5
    assert all("cannot be read here" in verdict(path) for path in unread)
    with pytest.raises(BadInput, match=r"no audio in .* only 1 aac, 1 wma"):
        audio_files.audio_in(tmp_path / "sub")


def test_channels_that_cancel_are_silent_once_mixed(tmp_path):
    x = tone(1)
    soundfile.write(tmp_path / "cancel.wav", np.concatenate([x, -x], 1), RATE)
    assert not audio_files.read_audio(tmp_path / "cancel.wav")[1].silent
    mono, report = audio_files.read_audio(tmp_path / "cancel.wav", 16_000, 1)
    assert report.silent and "its channels cancel" in str(report) and report.rms > 0.1
    assert np.abs(mono).max() < 1e-4


def test_pieces_and_windows_read_like_files(tmp_path):
    data = NOISE * 50
    path = put(tmp_path, "bytes", data)
    with open(path, "rb") as file:
        spliced = Spliced(file, ((10, 500), b"new", (700_000, 1_400_000)))
        whole = data[10:500] + b"new" + data[700_000:1_400_000]
        assert spliced.read() == whole
        spliced.seek(-700_003, 2)
        assert spliced.read(10) == whole[-700_003:][:10] and spliced.tell() == len(whole) - 699_993
        window = ByteWindow(file)
        for start, stop in ((0, 5), (1_048_570, 1_048_600), (3, 9), (1_499_990, 1_600_000)):
            assert window(start, stop) == data[start:stop]
        assert window.find(b"\xff\xfb", 40) == data.find(b"\xff\xfb", 40)
        assert window.find(data[1_048_560:1_048_590], 900_000) >= 0
        assert window.find(b"none of this is there", 0) == -1
