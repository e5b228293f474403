"""WAV files that grow past what a plain header counts, read back by libsndfile."""

import struct

import numpy as np
import pytest
import soundfile

from zoo.audio import audio_writing, wav_files
from zoo.audio.probing import read_header
from zoo.audio.streaming import stream_to_wav
from zoo.errors import BadInput

BLOCKS = [np.random.default_rng(i).uniform(-1, 1, (n, 3)) for i, n in enumerate((5, 700, 1, 1300))]
HIGHEST = np.concatenate(BLOCKS)
STEP = {"PCM_16": 2**-15, "PCM_24": 2**-23, "PCM_32": 2**-31, "FLOAT": 2**-24, "DOUBLE": 0}


@pytest.fixture(params=[2**32 - 1, 4_000], ids=["plain", "RF64"])
def limit(request, monkeypatch):
    monkeypatch.setattr(wav_files, "PLAIN", request.param)
    return request.param


@pytest.mark.parametrize("subtype", STEP)
def test_every_block_leaves_a_file_that_others_read(subtype, limit, tmp_path):
    file = wav_files.create_wav(tmp_path / "x.wav", 44_100, 3, subtype)
    done = 0
    for block in BLOCKS:
        file = wav_files.append(file, block)
        done += len(block)
        info = soundfile.info(file.path)
        large = file.path.stat().st_size - 8 > limit
        assert info.format == ("RF64" if large else "WAV") and info.frames == done
        assert (info.samplerate, info.channels, info.subtype) == (44_100, 3, subtype)
        heard, _ = soundfile.read(file.path, dtype="float64")
        assert np.abs(heard - HIGHEST[:done]).max() <= STEP[subtype]
        assert wav_files.open_wav(file.path) == file
    assert large == (limit == 4_000) and read_header(file.path).frames == done
    assert file.path.stat().st_size % 2 == 0


def test_at_the_true_limit_the_sizes_move_to_64_bits():
    """As EBU Tech 3306 lays them out."""
    over = wav_files.Wav(None, 48_000, 2, "FLOAT", 2**32 // 8)
    head = over.header()
    assert head[:20] == b"RF64\xff\xff\xff\xffWAVE" + b"ds64" + bytes([28, 0, 0, 0])
    size, data, frames, table = struct.unpack("<QQQI", head[20:48])
    assert data == 2**32 and size == data + len(head) - 8 and frames == 2**29 and table == 0
    assert head[-8:] == b"data\xff\xff\xff\xff"
    under = wav_files.Wav(None, 48_000, 2, "FLOAT", (2**32 - 8 - len(head)) // 8).header()
    assert under[:4] == b"RIFF" and under[12:16] == b"JUNK" and len(under) == len(head)
    (size,) = struct.unpack("<I", under[4:8])
    assert 2**32 - 32 <= size < 2**32


def test_whatever_writes_audio_goes_past_it(limit, tmp_path):
    audio = HIGHEST.astype(np.float32)[:, :2]
    written = audio_writing.write_blocks(tmp_path / "a.wav", [audio, audio], 8000, 2, "PCM_16")
    stream_to_wav([audio.T[..., None]], [tmp_path / f"{i}.wav" for i in range(2)], 8000, bits=32)
    for path, length in ((written, 2 * len(audio)), (tmp_path / "1.wav", len(audio))):
        info = soundfile.info(path)
        assert info.frames == length and info.format == ("WAV" if limit > 4_000 else "RF64")


def test_what_libsndfile_alone_writes_is_refused_beyond(tmp_path, monkeypatch):
    monkeypatch.setattr(audio_writing, "_SMALL", 100)
    with pytest.raises(BadInput, match="WAV of ULAW ends at 4 GiB: choose PCM_16"):
        audio_writing.write_audio(tmp_path / "a.wav", HIGHEST, 8000, "ULAW")
    assert not list(tmp_path.iterdir())


def test_a_file_cut_back_goes_on_as_if_it_had_not_been_longer(limit, tmp_path):
    file = wav_files.create_wav(tmp_path / "x.wav", 8000, 3, "PCM_24")
    whole = wav_files.append(file, HIGHEST)
    shorter = wav_files.append(wav_files.truncate_wav(whole, 701), HIGHEST[701:999])
    heard, _ = soundfile.read(shorter.path)
    assert np.abs(heard - HIGHEST[:999]).max() <= STEP["PCM_24"]


def test_what_is_not_ours_is_not_gone_on_with(tmp_path):
    soundfile.write(tmp_path / "x.wav", HIGHEST, 8000, "FLOAT")  # with a chunk of peaks
    soundfile.write(tmp_path / "y.flac", HIGHEST, 8000)
    (tmp_path / "z.wav").write_bytes(b"RIFF")
    for name in ("x.wav", "y.flac", "z.wav"):
        with pytest.raises(BadInput, match=name):
            wav_files.open_wav(tmp_path / name)


def test_what_the_disk_has_no_room_for_is_refused_before_the_work(tmp_path):
    with pytest.raises(BadInput, match=r"1,000,000.0 GB of audio do not fit into .* GB left"):
        audio_writing.require_room(tmp_path / "not" / "there", 10**15)


def test_a_plain_file_of_another_program_grows_until_it_is_full(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "x.wav", HIGHEST, 8000)
    file = wav_files.append(wav_files.open_wav(tmp_path / "x.wav"), BLOCKS[1])
    heard, _ = soundfile.read(file.path)
    assert np.abs(heard - np.concatenate([HIGHEST, BLOCKS[1]])).max() <= 1.5 * STEP["PCM_16"]
    monkeypatch.setattr(wav_files, "PLAIN", 4_000)
    with pytest.raises(BadInput, match="is full: as it was begun it ends at 4 GiB"):
        wav_files.append(file, BLOCKS[1])
