"""AAC and ALAC in MPEG-4 (m4a, mp4, stem.mp4) and bare (aac), by PyAV, which is the extra `av`.

libsndfile reads none of them. A stem file holds several tracks: the mix first, then its stems.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo.audio.stream_bytes import Stream
from zoo.errors import BadInput

SUFFIXES = (".m4a", ".m4b", ".m4r", ".mp4", ".aac", ".adts", ".alac")
BEGINS = re.compile(rb"....ftyp|\xff[\xf0\xf1\xf8\xf9]", re.DOTALL)
EXTRA = "pip install 'av>=14'"  # the package: this project's name on an index may be another's
SLACK = 4 * 1024  # samples by which the length of AAC is honestly wrong: delay and padding


def pyav_installed() -> bool:
    return importlib.util.find_spec("av") is not None


@dataclass(frozen=True)
class _Track(Stream):
    """An audio track of a file. index: of the audio tracks, from 0."""

    index: int = 0

    @contextmanager
    def opened(self, path: Path) -> Iterator[Any]:
        """The track as something that is read as a `soundfile.SoundFile`."""
        import av

        with _failing(), av.open(str(path)) as container:
            yield _Reader(container, self.index, self.frames)


@dataclass(frozen=True)
class TrackFacts:
    """What a file says of one of its tracks."""

    rate: int
    channels: int
    frames: int
    format: str
    subtype: str
    track: _Track


def find_audio_tracks(path: Path) -> list[TrackFacts]:
    """The audio tracks of a file, one or more. raises BadInput: without PyAV, or a sound track."""
    if not pyav_installed():
        raise BadInput(
            f"{path} is AAC or MPEG-4 (m4a, mp4), which cannot be read here without PyAV: {EXTRA}, "
            "or convert it to wav, flac, ogg or mp3."
        )
    import av

    try:
        with _failing(), av.open(str(path)) as container:
            count = len(container.streams.audio)
            tracks = [_track(container, index, path) for index in range(count)]
    except RuntimeError as error:
        raise BadInput(
            f"{path} is AAC or MPEG-4 that cannot be read ({error}): get it again, or convert it."
        ) from error
    if not tracks:
        raise BadInput(f"{path} is MPEG-4 without a sound track: give one that has sound.")
    return tracks


def _track(container: Any, index: int, path: Path) -> TrackFacts:
    stream = container.streams.audio[index]
    codec, bare = stream.codec_context, container.format.name == "aac"
    if bare:  # its header does not say how long it is
        seconds = _packets(path)
    else:
        seconds = float(stream.duration * stream.time_base) if stream.duration else 0.0
    frames = round(seconds * codec.sample_rate)
    return TrackFacts(
        codec.sample_rate,
        codec.layout.nb_channels,
        frames,
        "ADTS" if bare else "MP4",
        codec.name.upper(),
        _Track(frames=frames, index=index),
    )


def _packets(path: Path) -> float:
    """Seconds of all packets of the first track."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        ticks = sum(packet.duration or 0 for packet in container.demux(stream))
        return float(ticks * (stream.time_base or 0))


@contextmanager
def _failing() -> Iterator[None]:
    """FFmpeg's errors as RuntimeError, which is what damaged files raise elsewhere."""
    import av

    try:
        yield
    except av.FFmpegError as error:
        raise RuntimeError(error.strerror or str(error)) from error


class _Reader:
    """A track, read from its beginning as a `soundfile.SoundFile` is."""

    def __init__(self, container: Any, index: int, frames: int) -> None:
        import av

        stream = container.streams.audio[index]
        codec = stream.codec_context
        self.samplerate, self.channels = codec.sample_rate, codec.layout.nb_channels
        self.frames = frames
        self._floats = av.AudioResampler("fltp", codec.layout, codec.sample_rate)
        self._frames = container.decode(stream)
        self._waiting = np.zeros((0, self.channels), np.float32)
        self._at = 0

    def tell(self) -> int:
        return self._at

    def read(self, frames: int, dtype: str = "float32", always_2d: bool = True) -> np.ndarray:
        """Up to so many samples [n C]; fewer at the end."""
        pieces, held = [self._waiting], len(self._waiting)
        with _failing():
            while held < frames and (frame := next(self._frames, None)) is not None:
                for part in self._floats.resample(frame):
                    pieces.append(part.to_ndarray().T)
                    held += part.samples
        whole = np.concatenate(pieces)
        self._waiting = whole[frames:]
        self._at += min(frames, len(whole))
        return whole[:frames].astype(dtype, copy=False)
