"""Stem files (.stem.mp4): a mix and its stems as tracks of AAC, with their names in a box `stem`.

The layout of Native Instruments' Stems, whose players expect four of them; MUSDB18 is such files.
Written and read by PyAV, the extra `av`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.audio import mpeg4
from zoo.errors import BadInput

BITS = 256_000  # a second of each track
_RATES = (
    8000,
    11_025,
    12_000,
    16_000,
    22_050,
    24_000,
    32_000,
    44_100,
    48_000,
    64_000,
    88_200,
    96_000,
)
_COLOURS = ("#009E73", "#D55E00", "#CC79A7", "#56B4E9")
DSP = {  # of players; off
    "compressor": {
        **{"enabled": False, "ratio": 3, "attack": 0.003, "release": 0.3, "threshold": 0},
        **{"input_gain": 0.5, "output_gain": 0.5, "hp_cutoff": 300, "dry_wet": 50},
    },
    "limiter": {"enabled": False, "threshold": 0, "ceiling": -0.35, "release": 0.05},
}


def check_stem_mp4(rate: int, channels: int) -> None:
    """raises BadInput where a song cannot become a stem file, or PyAV is missing."""
    if not mpeg4.pyav_installed():
        raise BadInput(f"a stem file takes PyAV: {mpeg4.EXTRA}, or choose another format.")
    if rate not in _RATES or channels > 2:
        raise BadInput(
            f"a stem file takes up to two channels and rates like 44,100 Hz, not {channels} of "
            f"{rate:,} Hz: choose another format."
        )


class StemFile:
    """A file that takes blocks [1+S n C] float32: the mix, then its stems by `read_stem_names`."""

    def __init__(self, path: Path, rate: int, channels: int, names: Sequence[str]) -> None:
        import av

        check_stem_mp4(rate, channels)
        self.path, self.names, self._at = path, tuple(names), 0
        self._layout = "stereo" if channels == 2 else "mono"
        self._container = av.open(str(path), "w", format="mp4")
        self._streams = [self._track(rate, name) for name in ("mixture", *names)]
        self._rate = rate

    def _track(self, rate: int, name: str) -> Any:
        stream = self._container.add_stream("aac", rate=rate, layout=self._layout, bit_rate=BITS)
        stream.metadata["title"] = name
        return stream

    def write(self, signals: np.ndarray) -> None:
        import av

        for stream, signal in zip(self._streams, signals, strict=True):
            planes = np.ascontiguousarray(signal.T, np.float32)
            frame = av.AudioFrame.from_ndarray(planes, "fltp", self._layout)
            frame.sample_rate, frame.pts = self._rate, self._at
            self._container.mux(stream.encode(frame))
        self._at += signals.shape[1]

    def close(self) -> None:
        for stream in self._streams:
            self._container.mux(stream.encode(None))
        self._container.close()
        _add_box(self.path, _manifest(self.names))

    def __enter__(self) -> StemFile:
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        if kind is None:
            self.close()
        else:
            self._container.close()


def read_stem_names(path: Path) -> tuple[str, ...]:
    """What a stem file calls its stems; () where it does not say."""
    with open(path, "rb") as file:
        moov = next((part for part in _boxes(file, 0, _size(file)) if part[0] == b"moov"), None)
        for kind, start, stop in _boxes(file, *moov[1:]) if moov else ():
            for inner, begin, end in _boxes(file, start, stop) if kind == b"udta" else ():
                if inner == b"stem":
                    file.seek(begin)
                    return _named(file.read(end - begin))
    return ()


def _named(content: bytes) -> tuple[str, ...]:
    try:
        return tuple(str(stem["name"]) for stem in json.loads(content)["stems"])
    except (ValueError, KeyError, TypeError):
        return ()


def _boxes(file: Any, start: int, stop: int) -> list[tuple[bytes, int, int]]:
    """(kind, first byte of the content, end) of the boxes of MPEG-4 in a range of a file."""
    found = []
    while start + 8 <= stop:
        file.seek(start)
        size, kind = struct.unpack(">I4s", file.read(8))
        head = 8
        if size == 1:
            size, head = struct.unpack(">Q", file.read(8))[0], 16
        end = stop if size == 0 else start + size
        if not start + head <= end <= stop:
            break  # cut off
        found.append((kind, start + head, end))
        start = end
    return found


def _manifest(names: Sequence[str]) -> bytes:
    stems = [{"name": n, "color": _COLOURS[i % len(_COLOURS)]} for i, n in enumerate(names)]
    return json.dumps({"version": 1, "mastering_dsp": DSP, "stems": stems}).encode()


def _add_box(path: Path, content: bytes) -> None:
    """Puts a box `stem` into moov/udta of a file whose moov comes last, so that nothing moves."""
    with open(path, "r+b") as file:
        kind, start, end = _boxes(file, 0, _size(file))[-1]
        if kind != b"moov":
            raise ValueError(f"{path}: its last box is {kind!r}")
        file.seek(start)
        inside = file.read(end - start)
        udta = next((b for b in _boxes(file, start, end) if b[0] == b"udta"), None)
        old = inside[udta[1] - start : udta[2] - start] if udta else b""
        if udta:
            inside = inside[: udta[1] - 8 - start] + inside[udta[2] - start :]
        inside += _box(b"udta", old + _box(b"stem", content))
        file.seek(start - 8)
        file.write(_box(b"moov", inside))


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _size(file: Any) -> int:
    return file.seek(0, 2)
