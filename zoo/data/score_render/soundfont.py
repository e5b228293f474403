"""SoundFont 2 files in NumPy: a .sf2 file -> presets of regions over one array of samples [N].

A region is what sounds in a range of keys and velocities: preset amounts already added to
instrument amounts, as the SoundFont 2.04 specification prescribes. Left out: modulators, low
frequency oscillators, resonance, the pitch part of modulation envelopes, pan and sends.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np

from zoo.data.score_render.scores import package_folder
from zoo.errors import BadInput

_GENERATORS = {
    0: "start",
    1: "end",
    2: "loop_start",
    3: "loop_end",
    4: "start_coarse",
    8: "cutoff",
    11: "sweep",
    26: "sweep_attack",
    27: "sweep_hold",
    28: "sweep_decay",
    29: "sweep_sustain",
    12: "end_coarse",
    33: "delay",
    34: "attack",
    35: "hold",
    36: "decay",
    37: "sustain",
    38: "release",
    39: "key_to_hold",
    40: "key_to_decay",
    41: "instrument",
    43: "keys",
    44: "velocities",
    45: "loop_start_coarse",
    46: "fixed_key",
    47: "fixed_velocity",
    48: "attenuation",
    50: "loop_end_coarse",
    51: "coarse_tune",
    52: "fine_tune",
    53: "sample",
    54: "modes",
    56: "scale",
    58: "root",
}
_DEFAULTS = {
    "cutoff": 13500,
    "delay": -12000,
    "attack": -12000,
    "hold": -12000,
    "decay": -12000,
    "release": -12000,
    "fixed_key": -1,
    "fixed_velocity": -1,
    "scale": 100,
    "root": -1,
    "sweep_attack": -12000,
    "sweep_hold": -12000,
    "sweep_decay": -12000,
}
_TIMES = (
    *("delay", "attack", "hold", "decay", "release"),
    *("sweep_attack", "sweep_hold", "sweep_decay"),
)
_NOT_ADDED = (
    *("keys", "velocities", "instrument", "sample", "modes", "root", "fixed_key"),
    *("fixed_velocity", *(name for name in _GENERATORS.values() if "start" in name)),
    *(name for name in _GENERATORS.values() if "end" in name),
)

_BAG = np.dtype([("generator", "<u2"), ("modulator", "<u2")])
_GENERATOR = np.dtype([("oper", "<u2"), ("amount", "<i2")])
_PRESET = np.dtype(
    [("name", "S20"), ("program", "<u2"), ("bank", "<u2"), ("bag", "<u2"), ("rest", "V12")]
)
_INSTRUMENT = np.dtype([("name", "S20"), ("bag", "<u2")])
_SAMPLE = np.dtype(
    [("name", "S20"), ("start", "<u4"), ("end", "<u4"), ("loop_start", "<u4")]
    + [("loop_end", "<u4"), ("rate", "<u4"), ("root", "u1"), ("correction", "i1")]
    + [("link", "<u2"), ("type", "<u2")]
)
_ROM = 0x8000
Zone = dict[str, int]


@dataclass(frozen=True)
class Region:
    """One sample over a range of keys and velocities. Times in seconds, positions in samples."""

    keys: tuple[int, int]
    velocities: tuple[int, int]
    start: int
    end: int
    loop: tuple[int, int] | None
    rate: int  # Hz of the recorded sample
    root: float  # the MIDI key at which the sample sounds as recorded, tuning included
    scale: float  # semitones per key
    gain: float
    cutoff: float  # Hz
    delay: float
    attack: float
    hold: float
    decay: float  # to fall by 100 dB
    sustain: float  # dB below the peak
    release: float  # to fall by 100 dB
    sweep: float  # octaves by which the filter's envelope lifts the cutoff
    sweep_attack: float
    sweep_hold: float
    sweep_decay: float
    sweep_sustain: float  # part of the lift that stays, in [0, 1]
    key_to_hold: float  # octaves of time per key below 60
    key_to_decay: float

    def holds(self, key: int, velocity: int) -> bool:
        inside = self.keys[0] <= key <= self.keys[1]
        return inside and self.velocities[0] <= velocity <= self.velocities[1]


@dataclass(frozen=True)
class SoundFont:
    """Presets by (bank, program), and the samples of all of them, float32 in [-1, 1]."""

    path: Path
    md5: str
    presets: dict[tuple[int, int], tuple[Region, ...]] = field(repr=False)
    samples: np.ndarray = field(repr=False)

    def regions(self, program: int, key: int, velocity: int, bank: int = 0) -> list[Region]:
        """What sounds; an absent drum kit falls back to kit 0, an absent preset to program 0.

        A gap of a key or two (the built-in alto saxophone lacks E4) borrows from its neighbour.
        """
        zones = self.presets.get((bank, program)) or self.presets[bank, 0]
        for near in (key,) if bank else (key, key - 1, key + 1, key - 2, key + 2):
            if found := [region for region in zones if region.holds(near, velocity)]:
                return found
        return []


def default_font() -> Path:
    """TimGM6mb.sf2 out of the pretty_midi wheel (6 MB, GPL-2: read in place, never copied)."""
    return package_folder("pretty_midi") / "TimGM6mb.sf2"


def load_font(path: str | Path) -> SoundFont:
    """Reads a .sf2 file. raises BadInput where the file is missing or of another kind."""
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"no sound font at {path}: give the path of a .sf2 file")
    return _load(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _load(path: Path, changed: int) -> SoundFont:
    data = path.read_bytes()
    if data[:4] != b"RIFF" or data[8:12] != b"sfbk":
        raise BadInput(f"{path} is no SoundFont 2 file: it should begin with RIFF....sfbk")
    chunks = dict(_chunks(data, 12, len(data)))
    samples = np.frombuffer(chunks[b"smpl"], "<i2").astype(np.float32) / 32768
    return SoundFont(path, hashlib.md5(data).hexdigest(), _presets(chunks), samples)


def _chunks(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    """The leaves of a RIFF tree, by name."""
    while at + 8 <= end:
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if name == b"LIST":
            yield from _chunks(data, at + 12, at + 8 + size)
        else:
            yield name, data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _presets(chunks: dict[bytes, bytes]) -> dict[tuple[int, int], tuple[Region, ...]]:
    headers = np.frombuffer(chunks[b"shdr"], _SAMPLE)
    instruments = _zones(chunks, b"inst", b"ibag", b"igen", _INSTRUMENT, "sample")
    named = _zones(chunks, b"phdr", b"pbag", b"pgen", _PRESET, "instrument")
    presets = {}
    for header, outer in zip(np.frombuffer(chunks[b"phdr"], _PRESET), named):
        regions = [
            _region(_add(inner, zone), headers[inner["sample"]])
            for zone in outer
            for inner in instruments[zone["instrument"]]
            if not headers[inner["sample"]]["type"] & _ROM and _overlap(inner, zone)
        ]
        presets[int(header["bank"]), int(header["program"])] = tuple(regions)
    return presets


def _zones(chunks, head: bytes, bag: bytes, gen: bytes, kind: np.dtype, last: str):
    """Zones of every preset or instrument. A first zone without its `last` generator is global."""
    first = np.frombuffer(chunks[head], kind)["bag"].tolist()
    bags = np.frombuffer(chunks[bag], _BAG)["generator"].tolist()
    generators = np.frombuffer(chunks[gen], _GENERATOR).tolist()
    everything = []
    for begin, end in pairwise(first):
        shared: Zone = {}
        zones = []
        for index in range(begin, end):
            pairs = generators[bags[index] : bags[index + 1]]
            zone = {_GENERATORS[oper]: amount for oper, amount in pairs if oper in _GENERATORS}
            if last in zone:
                zones.append({**shared, **zone})
            elif index == begin:
                shared = zone
        everything.append(zones)
    return everything


def _range(zone: Zone, name: str) -> tuple[int, int]:
    packed = zone.get(name, 127 << 8) & 0xFFFF
    return packed & 0xFF, packed >> 8


def _overlap(inner: Zone, outer: Zone) -> bool:
    pairs = [(_range(inner, name), _range(outer, name)) for name in ("keys", "velocities")]
    return all(max(a[0], b[0]) <= min(a[1], b[1]) for a, b in pairs)


def _add(inner: Zone, outer: Zone) -> Zone:
    """Amounts of the instrument zone, with those of the preset zone on top."""
    total = {**_DEFAULTS, **inner}
    for name, amount in outer.items():
        if name not in _NOT_ADDED:
            total[name] = total.get(name, 0) + amount
    for name in ("keys", "velocities"):
        a, b = _range(inner, name), _range(outer, name)
        total[name] = max(a[0], b[0]) | min(a[1], b[1]) << 8
    return total


def _region(zone: Zone, header: np.void) -> Region:
    def place(name: str) -> int:
        return int(header[name]) + zone.get(name, 0) + 32768 * zone.get(name + "_coarse", 0)

    root = zone["root"] if zone["root"] >= 0 else int(header["root"])
    root = 60 if root == 255 else root  # 255: the sample has no pitch
    cents = 100 * zone.get("coarse_tune", 0) + zone.get("fine_tune", 0) + int(header["correction"])
    loop = place("loop_start"), place("loop_end")
    looped = zone.get("modes", 0) & 1 and loop[1] - loop[0] > 1
    return Region(
        keys=_range(zone, "keys"),
        velocities=_range(zone, "velocities"),
        start=place("start"),
        end=place("end"),
        loop=loop if looped else None,
        rate=int(header["rate"]),
        root=root - cents / zone["scale"] if zone["scale"] else root - cents / 100,
        scale=zone["scale"] / 100,
        gain=10 ** (-0.4 * zone.get("attenuation", 0) / 200),  # 0.4: the EMU hardware's habit
        cutoff=8.176 * 2 ** (zone["cutoff"] / 1200),
        **{name: 2 ** (zone[name] / 1200) for name in _TIMES},
        sustain=min(max(zone.get("sustain", 0) / 10, 0), 100),
        sweep=zone.get("sweep", 0) / 1200,
        sweep_sustain=1 - min(max(zone.get("sweep_sustain", 0) / 1000, 0), 1),
        key_to_hold=zone.get("key_to_hold", 0) / 1200,
        key_to_decay=zone.get("key_to_decay", 0) / 1200,
    )
