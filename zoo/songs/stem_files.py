"""A song on disk into its stems on disk, in constant memory, with a page of facts beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from zoo import durable, escapes, writing
from zoo.audio import stem_mp4
from zoo.audio.audio_writing import MP3_RATES, Sink, expected_size, require_room
from zoo.audio.blocks import Song, open_song, read_blocks, reblock
from zoo.audio.stem_mp4 import StemFile
from zoo.errors import BadInput
from zoo.evaluation.base import Predict, Progress
from zoo.songs.separating import BLOCK_SAMPLES, Separator, separate, stem_groups

_FORMATS = {
    "wav": (".wav", "WAV", "FLOAT"),  # keeps what exceeds full scale, so the stems still sum
    "float": (".wav", "WAV", "FLOAT"),
    "wav24": (".wav", "WAV", "PCM_24"),
    "wav16": (".wav", "WAV", "PCM_16"),
    "flac": (".flac", "FLAC", "PCM_24"),
    "flac24": (".flac", "FLAC", "PCM_24"),
    "flac16": (".flac", "FLAC", "PCM_16"),
    "mp3": (".mp3", "MP3", "MPEG_LAYER_III"),
    "stem.mp4": (".stem.mp4", "MP4", "AAC"),  # all in one file
}


def separate_file(
    predict: Predict,
    path: str | Path,
    folder: str | Path,
    how: Separator,
    *,
    stems: Sequence[str] | None = None,
    two_stems: str | None = None,
    form: str = "wav",
    force: bool = False,
    progress: Progress | None = None,
    about: Mapping[str, Any] | None = None,
) -> dict:
    """Writes folder/<stem>.wav at the song's rate, channels and exact length, and info.json.

    A model of stereo separates the stereo downmix of a surround song. stems: only these. two_stems:
    this one, and the sum of all others as no_NAME. about: further facts for info.json, such as
    whose weights these are.

    Returns what info.json holds: rate, length, peak and RMS (dB) per stem, `clipped`, the stems
    written that exceed what their format holds, and `null_db`, the level of mix minus all stems
    relative to the mix, None where that is silent. Constant memory whatever the length. progress:
    (samples done, samples in all). All files appear together once they are whole. raises BadInput
    where one exists already, unless `force`, or another process separates into the folder.
    """
    song, channels = _as_stereo(open_song(path), how)
    given, sums = stem_groups(how, stems, two_stems)
    chosen = tuple(dict.fromkeys(stems or given))
    ending, container, subtype = _format(form, song)
    one = song.path.stem if container == "MP4" else ""
    files = {name: f"{escapes.file_name(one or name)}{ending}" for name in chosen}
    folder = Path(folder)
    count = len(files) + bool(one)  # a stem file has the mix, too
    form_of = container, subtype, song.rate, song.channels
    require_room(folder, expected_size(*form_of, song.length, count))
    meter, made = _Meter(given), (song.rate, song.channels, container, subtype)
    at = [given.index(name) for name in chosen]

    def check() -> None:
        refuse_overwrite([folder / name for name in (*files.values(), "info.json")], force)

    folder.mkdir(parents=True, exist_ok=True)
    with writing.write_folder(folder, check) as part:
        with ExitStack() as stack:
            put = _writer(stack, {name: part / file for name, file in files.items()}, *made)
            mix = reblock(read_blocks(song), BLOCK_SAMPLES)
            for parts in separate(predict, lambda: read_blocks(song), song.rate, how):
                block = np.stack([parts[list(these)].sum(0) for these in sums])
                whole = next(mix)
                meter.add(whole, block)
                put(whole, block[at])
                if progress:
                    progress(meter.length, song.length)
        facts = {
            "input": song.path.name,
            "rate": song.rate,
            "channels": song.channels,
            "channels_of_input": channels,
            "length": meter.length,
            "files": files,
            **({"tracks": {name: 1 + i for i, name in enumerate(files)}} if one else {}),
            **meter.summary(),
            **({"confidence": _confidence(how, song.rate)} if how.spread else {}),
            "clipped": [n for n in chosen if meter.beyond(n) and subtype != "FLOAT"],
            **(about or {}),
        }
        durable.write_json(part / "info.json", facts)
    return facts


def _confidence(how: Separator, rate: int) -> dict[str, Any]:
    """How far the members of an ensemble agreed on each of its stems."""
    return how.spread.curves(how.sources, BLOCK_SAMPLES / rate) if how.spread else {}


def _writer(
    stack: ExitStack,
    files: Mapping[str, Path],
    rate: int,
    channels: int,
    container: str,
    subtype: str,
) -> Callable[[np.ndarray, np.ndarray], None]:
    """Takes blocks of the mix [n C] and the stems [S n C] into a file each, or one for all."""
    if container == "MP4":
        place = next(iter(files.values()))
        single = stack.enter_context(StemFile(place, rate, channels, tuple(files)))
        return lambda mix, stems: single.write(np.concatenate([mix[None], stems]))
    made = rate, channels, container, subtype
    sinks = [stack.enter_context(Sink(path, *made)) for path in files.values()]

    def write(mix: np.ndarray, stems: np.ndarray) -> None:
        for sink, stem in zip(sinks, stems, strict=True):
            sink.write(stem)

    return write


def _as_stereo(song: Song, how: Separator) -> tuple[Song, int]:
    """Surround is mixed down where the model separates stereo; the channels of the file itself."""
    mixed = replace(song, channels=2) if song.channels > 2 == how.channels else song
    return mixed, song.channels


def refuse_overwrite(files: Sequence[Path], force: bool) -> None:
    """raises BadInput where one of the files exists and holds anything, unless `force`."""
    present = [file for file in files if file.exists() and not _only_a_header(file)]
    if present and not force:
        raise BadInput(f"{present[0]} exists: choose another --out, or --force to overwrite")


def _only_a_header(file: Path) -> bool:
    """An audio file without a sample: what a program leaves that was killed before its first."""
    try:
        return soundfile.info(file).frames == 0
    except soundfile.SoundFileError:
        return False


class _Meter:
    """Running peak and power of the stems, and of what they lack of the mix."""

    def __init__(self, stems: tuple[str, ...]) -> None:
        self.stems, self.length = stems, 0
        self.peak = np.zeros(len(stems))
        self.power = np.zeros(len(stems) + 2)  # stems, mix, what is missing

    def add(self, mix: np.ndarray, stems: np.ndarray) -> None:
        self.length += len(mix)
        self.peak = np.maximum(self.peak, np.abs(stems).max((1, 2), initial=0))
        signals = [*stems, mix, mix - stems.sum(0)]
        self.power += [np.square(signal, dtype=np.float64).mean(1).sum() for signal in signals]

    def beyond(self, stem: str) -> bool:
        """Whether a stem exceeds full scale, by more than the step of 16 bits."""
        return bool(self.peak[self.stems.index(stem)] > 1 + 2**-15)

    def summary(self) -> dict:
        level = 10 * np.log10(self.power / max(self.length, 1) + 1e-20)
        return {
            "peak": {name: float(peak) for name, peak in zip(self.stems, self.peak)},
            "rms_db": {name: round(float(db), 2) for name, db in zip(self.stems, level)},
            "null_db": round(float(level[-1] - level[-2]), 2) if self.power[-2] else None,
        }


def _format(form: str, song: Song) -> tuple[str, str, str]:
    """(ending, container, subtype). raises BadInput where the song does not fit."""
    if form not in _FORMATS:
        raise BadInput(f"unknown format '{form}': choose {', '.join(_FORMATS)}.")
    found = _FORMATS[form]
    if found[1] == "MP4":
        stem_mp4.check_stem_mp4(song.rate, song.channels)
    if found[1] == "MP3" and (song.rate not in MP3_RATES or song.channels > 2):
        raise BadInput(
            f"{song.path.name} has {song.rate:,} Hz and {song.channels} channels, mp3 takes up to "
            "two channels and rates like 44,100 Hz: choose another format."
        )
    return found
