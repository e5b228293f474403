"""Files become PCM block by block: one gain, silence by what is stored, little memory."""

import hashlib
import tracemalloc

import numpy as np
import odd_audio
import pytest
import soundfile

from zoo.audio import audio_files
from zoo.data import pcm, records, tracks
from zoo.errors import BadInput

RATE = 22_050


@pytest.mark.parametrize("gain", [0.5, 1.4])
@pytest.mark.parametrize("rate, channels", [(RATE, 2), (16_000, 1)])
def test_blocks_give_what_the_whole_gives(tmp_path, gain, rate, channels):
    audio = odd_audio.tone(9, RATE, 2)
    soundfile.write(tmp_path / "x.wav", gain * audio / np.abs(audio).max(), RATE, subtype="FLOAT")
    whole = audio_files.read_audio(tmp_path / "x.wav", rate, channels)[0]
    found = pcm.load_audio(tmp_path / "x.wav", rate, channels)
    wanted = records.to_int16(whole / max(1.0, float(np.abs(whole).max())))
    np.testing.assert_array_equal(found, wanted)
    assert found.shape == wanted.shape and len(found) == len(wanted)
    np.testing.assert_array_equal(found[100:5000], wanted[100:5000])
    np.testing.assert_array_equal(found[len(wanted) - 5 :], wanted[-5:])
    chunks = list(records.cut_chunks({"track": "x", "audio": found}, 2 * rate))
    np.testing.assert_array_equal(np.concatenate([c["audio"] for c in chunks]), wanted)


def test_stems_share_a_gain_and_are_cut_together(tmp_path):
    stems = [1.2 * odd_audio.tone(3, RATE, 1, seed=i) for i in range(3)]
    for i, audio in enumerate(stems):
        soundfile.write(tmp_path / f"{i}.wav", audio[: len(audio) - 50 * i], RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "mix.wav", sum(stems) / 2, RATE, subtype="FLOAT")
    paths = [tmp_path / f"{i}.wav" for i in range(3)]
    found = pcm.load_stems(paths, RATE, 1)
    peak = max(1.0, max(float(np.abs(audio).max()) for audio in stems))
    wanted = records.to_int16(np.stack([audio[: len(stems[0]) - 100] for audio in stems]) / peak)
    assert np.abs(np.asarray(found).astype(int) - wanted).max() <= 1
    (chunk, *_) = records.cut_chunks({"track": "x", "stems": found}, RATE)
    np.testing.assert_array_equal(chunk["stems"], np.asarray(found)[:, : chunk["length"]])
    with pytest.raises(BadInput, match="not the sum of its stems: they differ by 0 dB"):
        pcm.load_stems(paths, RATE, 1, mixture=tmp_path / "mix.wav")


@pytest.mark.parametrize("rate", [RATE, 8_000])
def test_silence_is_what_would_be_stored(tmp_path, rate):
    time = np.arange(2 * RATE)[:, None] / RATE
    x = odd_audio.tone(2)
    files = {
        "cancel": (np.concatenate([x, -x], 1), 1),
        "almost": (np.concatenate([x, -0.999 * x], 1), 1),
        "silent": (0 * x, 1),
        "six": (np.concatenate([0 * x, 0 * x, 0 * x, x, 0 * x, 0 * x], 1), 2),  # effects alone
    }
    if rate == 8_000:
        files["high"] = (0.5 * np.sin(2 * np.pi * 9_000 * time), 1)  # above what is left
    for name, (audio, channels) in files.items():
        soundfile.write(tmp_path / f"{name}.wav", audio, RATE)
        with pytest.raises(BadInput, match="is silent"):
            pcm.load_audio(tmp_path / f"{name}.wav", rate, channels)
        assert len(pcm.load_audio(tmp_path / f"{name}.wav", rate, channels, allow_silent=True))
    soundfile.write(tmp_path / "good.wav", files["cancel"][0], RATE)
    assert len(pcm.load_audio(tmp_path / "good.wav", rate, 2)) == 2 * rate


def test_long_files_do_not_lie_in_memory(tmp_path, monkeypatch):
    path = tmp_path / "long.flac"
    noise = np.random.default_rng(0).integers(-9000, 9000, (120 * 44_100, 2)).astype(np.int16)
    soundfile.write(path, noise, 44_100)
    tracemalloc.start()
    found = pcm.load_audio(path, 44_100, 2)
    for chunk in records.cut_chunks({"track": "x", "audio": found}, 441_000):
        assert chunk["audio"].shape[1] == 2
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12e6  # the whole has 21e6 bytes as int16, 42e6 as float32
    np.testing.assert_array_equal(found[5_000_000:], noise[5_000_000:])


def test_a_full_disk_of_temporary_files_is_said(tmp_path, monkeypatch):
    class Full:
        def write(self, data: bytes) -> None:
            raise OSError(28, "No space left on device")

    signal = pcm.Pcm(1)
    monkeypatch.setattr(signal, "_file", Full())
    with pytest.raises(BadInput, match=r"No space left on device.*set TMPDIR"):
        signal.append(np.zeros((3, 1), np.int16))


@pytest.mark.parametrize("stems", [False, True])
def test_tracks_are_described_in_little_memory_as_the_whole_array_is(stems):
    block = np.random.default_rng(0).integers(-9999, 9999, (1 << 20, 1), np.int16)
    signals = [pcm.Pcm(1), pcm.Pcm(1)]
    for signal in signals:
        for _ in range(8):
            signal.append(block)
    example = {"stems": pcm.PcmStems(tuple(signals))} if stems else {"audio": signals[0]}
    tracemalloc.start()
    found = tracks.track_facts(example)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 12 << 20  # an array of all samples has 16 MB, 32 with two stems
    whole = {key: np.asarray(value) for key, value in example.items()}
    assert tracks.track_facts(whole)["content"] == found["content"]
    for array in whole.values():
        wanted = array.tobytes()
        kind = f"{next(iter(whole))} int16 {array.shape}".encode()
        assert hashlib.blake2b(kind + wanted, digest_size=8).hexdigest() == found["content"]
