"""Odd sound files, made afresh: what users really hand in."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import soundfile

from zoo.audio.audio_files import Meter, report, stream_audio
from zoo.audio.probing import read_header
from zoo.errors import BadInput

RATE = 22_050


def tone(seconds: float = 1.0, rate: int = RATE, channels: int = 1, seed: int = 0) -> np.ndarray:
    """A noisy chord [T C] float32, peak below 0.8."""
    time = np.arange(round(seconds * rate)) / rate
    rng = np.random.default_rng(seed)
    pitches = rng.uniform(100, 2000, (channels, 3))
    chord = np.sin(2 * np.pi * pitches[..., None] * time).mean(axis=1).T
    return (0.6 * chord + 0.05 * rng.uniform(-1, 1, chord.shape)).astype(np.float32)


def verdict(path: Path) -> str:
    """'ok: ...' or 'refused: ...': a file read from end to end."""
    try:
        file, meter = read_header(path), Meter()
        for _ in stream_audio(path, meter=meter):
            pass
    except BadInput as error:
        return f"refused: {error}"
    return f"ok: {report(file, meter)}"


def cut(source: Path, target: Path, share: float) -> None:
    data = source.read_bytes()
    target.write_bytes(data[: int(len(data) * share)])


def make(folder: Path) -> dict[str, str]:
    """Writes the files; returns name -> how its verdict begins, or a telling part of it."""
    verdicts: dict[str, str] = {}

    def put(name: str, verdict: str, audio: np.ndarray | bytes, rate: int = RATE, **how) -> Path:
        verdicts[name] = verdict
        path = folder / name
        if isinstance(audio, bytes):
            path.write_bytes(audio)
        else:
            soundfile.write(path, audio, rate, **how)
        return path

    x = tone(2.0)
    wav = put("plain.wav", "ok: plain.wav: 2.00 s, 22,050 Hz, mono, WAV", x)
    flac = put("plain.flac", "ok: plain.flac: 2.00 s, 22,050 Hz, mono, FLAC", x)
    ogg = put("plain.ogg", "ok: plain.ogg: 2.00 s, 22,050 Hz, mono, OGG", x)
    mp3 = put("plain.mp3", "ok: plain.mp3: 2.00 s, 22,050 Hz, mono, MP3", x)
    # An mp3 of variable bit rate that lost its length header, after a tag with a picture.
    tag = b"ID3\x04\0\0" + bytes([0, 0, 40, 0]) + b"\0" * (40 << 7)
    busy_first, busy_last = (np.concatenate(p) for p in ([x, 0 * x, 0 * x], [0 * x, 0 * x, x]))
    put("no_length.mp3", "ok: no_length.mp3: 6.0", tag + without_length(busy_last, folder))
    put("guessed.mp3", "ok: guessed.mp3: 6.0", tag + without_length(busy_first, folder))
    put("six.wav", "ok: six.wav: 1.00 s, 22,050 Hz, 6 channels", tone(1, channels=6))
    put("one_sample.wav", "ok: one_sample.wav: 0.00 s", x[:1])
    put("deep.wav", "ok:", x, subtype="PCM_24")
    put("loud.wav", "peaks at +1.6 dBFS", x / np.abs(x).max() * 1.2, subtype="FLOAT")
    put("silent.flac", "silent (RMS below -60 dBFS)", 0 * x)
    piped = bytearray(wav.read_bytes())
    piped[40:44] = struct.pack("<I", 0xFFFFFFFF)
    put("piped.wav", "ok: piped.wav: 2.00 s", bytes(piped))
    put("no_samples.wav", "refused: {} holds no samples", x[:0])
    put("zero_bytes.wav", "refused: {} is empty (0 bytes)", b"")
    put("zeros.mp3", "refused: {} begins with nothing but zero bytes", bytes(4000))
    put("page.mp3", "refused: {} is a web page", b"\n<!DOCTYPE html><html>404" + b" " * 4000)
    put("noise.wav", "refused: {} cannot be read as audio", bytes(range(1, 250)) * 20)
    put("song.m4a", "refused: {} is AAC or MPEG-4", b"\0\0\0\x20ftypM4A " + bytes(100))
    put("renamed.mp3", "refused: {} is AAC or MPEG-4", b"\xff\xf1\x50\x80" + bytes(100))
    put("tune.wav", "refused: {} is a MIDI file", b"MThd\0\0\0\x06" + bytes(50))
    put("pointer.wav", "refused: {} is a Git LFS pointer", b"version https://git-lfs.github")
    put("packed.wav", "refused: {} is an archive", b"PK\x03\x04" + bytes(50))
    put("seven_hertz.wav", "refused: {} claims 7 Hz", x, 7)
    nan = x.copy()
    nan[70_00] = np.nan
    put("nan.wav", "refused: {} holds NaN or infinity at sample 7,000", nan, subtype="FLOAT")
    put("scale.wav", "refused: {} peaks at 2", x * 32767, subtype="FLOAT")
    for source in (wav, flac, mp3):
        name = f"cut{source.suffix}"
        cut(source, folder / name, 0.5)
        verdicts[name] = "refused: {} is cut off or damaged"
    cut(ogg, folder / "cut.ogg", 0.5)
    verdicts["cut.ogg"] = "refused: {} "
    return {name: said.format(folder / name) for name, said in verdicts.items()}


def without_length(audio: np.ndarray, folder: Path) -> bytes:
    """A variable bit rate mp3 without its first frame, which holds the Xing header."""
    path = folder / "temporary.mp3"
    soundfile.write(path, audio, RATE, bitrate_mode="VARIABLE", compression_level=0.5)
    data = path.read_bytes()
    path.unlink()
    mark = next(i for i in (data.find(b"Xing"), data.find(b"Info")) if i >= 0)
    return data[data.find(data[:2], mark) :]
