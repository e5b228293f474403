"""A user's recording in a page: compressed inside it, or beside it by a relative link.

A page is shared with its folder, so that nothing may point out of it.
"""

from __future__ import annotations

import io
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from zoo import writing
from zoo.audio.audio_writing import MP3_RATES
from zoo.audio.blocks import Song, read_blocks, remix
from zoo.pages.html import data_uri

PLAYABLE = {".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".flac": "audio/flac", ".wav": "audio/wav"}
EMBED_BYTES = 6_000_000  # of audio that a page may carry
BYTES_PER_SECOND = 20_000  # of an mp3, generously
PAGE_FILES = "page_files"  # what stands beside a page and is not what the command was asked for


def recording_address(
    song: Song, folder: Path, name: str = "recording", room: int | None = None
) -> str:
    """The address of a song in a page of `folder`: a data URI, or a file below page_files/.

    room: bytes that the page has for it.
    """
    room = EMBED_BYTES if room is None else room
    ending = song.path.suffix.lower()
    kind = PLAYABLE.get(ending)
    if kind and song.path.stat().st_size <= room:
        return data_uri(song.path.read_bytes(), kind)
    small = _compressed(song)
    if song.length / song.rate * BYTES_PER_SECOND <= room and small == "MP3":
        memory = io.BytesIO()
        _encode(song, memory, small)
        return data_uri(memory.getvalue(), "audio/mpeg")
    as_it_is = kind and ending != ".wav"
    target = folder / PAGE_FILES / (name + (ending if as_it_is else f".{small.lower()}"))
    with writing.replacing(target) as (part,):
        if as_it_is:
            shutil.copyfile(song.path, part)
        else:
            _encode(song, part, small)
    return address(target, folder)


def address(path: Path, folder: Path) -> str:
    """A file below a page's folder as a relative address."""
    return quote(path.relative_to(folder).as_posix())


def _compressed(song: Song) -> str:
    """What a browser plays of that rate: MP3, else FLAC."""
    import soundfile

    known = song.rate in MP3_RATES and "MP3" in soundfile.available_formats()
    return "MP3" if known else "FLAC"


def _encode(song: Song, sink: Any, form: str) -> None:
    """Writes a song, of which surround is mixed to stereo, block by block."""
    import soundfile

    channels = min(song.channels, 2)
    subtype = {"FLAC": "PCM_16"}.get(form)
    with soundfile.SoundFile(
        sink if isinstance(sink, io.BytesIO) else str(sink),
        "w",
        song.rate,
        channels,
        format=form,
        subtype=subtype,
    ) as file:
        for block in remix(read_blocks(replace(song, channels=channels)), channels):
            file.write(np.clip(block, -1, 1))
