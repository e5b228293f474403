"""Slakh2100-redux (Manilow et al. 2019): 1,710 pieces rendered from MIDI, each instrument alone.

Made from the user's own download; nothing is fetched. FLAC, 44.1 kHz mono. The files of a piece are
in no order: metadata.yaml gives each its instrument class, by which they are summed here to the
`classes` that are asked for, and all others to 'other'. Files that were not rendered are passed
over. BabySlakh has this layout with wav at 16 kHz.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from zoo.audio.probing import read_header
from zoo.data.sets.stem_songs import (
    StemSong,
    StemSongs,
    check_rate,
    sum_stem_files,
    visible_folders,
)
from zoo.data.source import Example, Info
from zoo.errors import BadInput

_RATE = 44_100
_URL = "https://zenodo.org/records/4599666"


@dataclass(frozen=True)
class Slakh2100(StemSongs):
    """The Source. path: the folder that holds train/, validation/ and test/. See `StemSongs`.

    classes: as metadata.yaml names them, whatever their case.
    """

    path: str
    sample_rate: int = _RATE
    classes: tuple[str, ...] = ("bass", "drums", "guitar", "piano")
    chunk_seconds: float = 1.0
    allow_missing: float = 0.0
    data_dir: str = ""

    counts: ClassVar = {"train": 1289, "validation": 270, "test": 151}
    rule: ClassVar[str] = "the published splits of redux, without pieces that occur twice"
    wanted: ClassVar[str] = (
        f"download slakh2100_flac_redux.tar.gz (about 100 GB) from {_URL} (CC BY 4.0) and unpack "
        "it, so that the folder holds train/TrackNNNNN/ with metadata.yaml and stems/SNN.flac, and "
        "validation and test likewise"
    )

    @property
    def info(self) -> Info:
        labels = (*self.classes, "other")
        return Info("slakh2100", self.sample_rate, 1, labels, "CC BY 4.0", _URL)

    @property
    def record_name(self) -> str:
        return f"{super().record_name}-{'-'.join(self.classes)}"

    def songs(self) -> dict[str, dict[str, StemSong]]:
        found: dict[str, dict[str, StemSong]] = {}
        for split in self.counts:
            for piece in visible_folders(self.root / split):
                described = piece / "metadata.yaml"
                files = [described, *sorted((piece / "stems").glob("S*"))]
                song = StemSong(partial(self._piece, piece), files)
                found.setdefault(split, {})[piece.name] = song
        return found

    def _piece(self, piece: Path) -> Example:
        names = self.info.labels
        groups: dict[str, list[Path]] = {name: [] for name in names}
        for stem, about in _described_stems(piece / "metadata.yaml").items():
            if not about.get("audio_rendered"):
                continue
            kind = str(about.get("inst_class", "")).lower()
            kind = "drums" if about.get("is_drum") else kind
            files = sorted((piece / "stems").glob(f"{stem}.*"))
            if not files:
                raise BadInput(f"{piece}/stems has no {stem}, which was rendered: {self.wanted}.")
            groups[kind if kind in self.classes else "other"].append(files[0])
        for file in (file for group in groups.values() for file in group):
            if read_header(file).rate != 16_000:  # BabySlakh's
                check_rate(read_header(file), _RATE)
        if not any(groups.values()):
            raise BadInput(f"{piece}: none of its stems was rendered.")
        return {"stems": sum_stem_files(list(groups.values()), self.sample_rate, 1)}


def _described_stems(path: Path) -> dict[str, dict[str, Any]]:
    """What metadata.yaml says of each stem."""
    import yaml

    try:
        stems = yaml.safe_load(path.read_text(encoding="utf-8"))["stems"]
        return {str(name): dict(about) for name, about in stems.items()}
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise BadInput(f"{path} does not describe stems as Slakh does: get it again.") from error
