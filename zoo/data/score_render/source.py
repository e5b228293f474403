"""The embedded data set: real scores, rendered on the user's machine, with exact labels and stems.

Scores of 472 chorales, quartets and madrigals come out of the music21 wheel, the sounds out of the
pretty_midi wheel; nothing is downloaded. Four configurations:
  tagging  audio [59049 1], tags [20] and known [20]: what sounds in 3.7 s
  stems    stems [4 65536 1]: vocals, drums, bass, other; their sum is the mixture
  piano    audio [131072 1] and its notes; a note that began before the example has onset < 0
  notes    audio [16384 1] of single notes with pitch, velocity, preset and family; presets that
           sound off their label by measurement are left out (since 1.1.0)
Limits: one small sound font, equal temperament, no words, no mastering, music of 1560 to 1850; the
drums are ours, everything else the composers'. Results on it show learning, not a paper's numbers.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.data import descriptions, records
from zoo.data.note_rolls import none
from zoo.data.score_render.orchestration import INSTRUMENT_FAMILIES, RENDERED_STEMS, RENDERED_TAGS
from zoo.data.score_render.performance import VERSIONS
from zoo.data.score_render.scores import package_folder
from zoo.data.score_render.soundfont import default_font, load_font
from zoo.data.score_render.takes import RECIPES
from zoo.data.source import Example, Info
from zoo.errors import BadInput

LICENCE = (
    "made locally from music21's score corpus (compositions out of copyright; encodings belong to"
    " their encoders, see its license.txt) and TimGM6mb.sf2 (GPL-2): do not redistribute"
)
LABELS = {
    "tagging": RENDERED_TAGS,
    "stems": RENDERED_STEMS,
    "piano": (),
    "notes": tuple(INSTRUMENT_FAMILIES),
}


@dataclass(frozen=True)
class ScoreRender:
    """Rendered scores as a Source.

    config: tagging, stems, piano or notes. size: tiny, small or large. Lengths are fixed in
    samples, whatever the rate. data_dir: default $ZOO_DATA_DIR, else ~/.local/share/waveform-zoo.
    soundfont: a .sf2 file instead of the built-in one, for instance as an unseen test font.
    """

    config: str = "tagging"
    size: str = "small"
    sample_rate: int = 16_000
    data_dir: str | None = None
    soundfont: str | None = None

    def __post_init__(self) -> None:
        if self.config not in RECIPES:
            raise BadInput(f"no config '{self.config}' of score_render: {', '.join(RECIPES)}")
        sizes = RECIPES[self.config].counts
        if self.size not in sizes:
            raise BadInput(f"no size '{self.size}' of score_render: {', '.join(sizes)}")
        if not 8000 <= self.sample_rate <= 48_000:
            raise BadInput(f"sample_rate {self.sample_rate}: score_render renders 8000 to 48000 Hz")

    @property
    def info(self) -> Info:
        name = f"score_render/{self.name}"
        url = "https://github.com/cuthbertLab/music21"
        return Info(name, self.sample_rate, 1, LABELS[self.config], LICENCE, url)

    @property
    def name(self) -> str:
        """What TFDS calls the configuration: tagging, tagging_tiny, tagging_44100, ..."""
        parts = [self.config]
        parts += [self.size] if self.size != "small" else []
        parts += [str(self.sample_rate)] if self.sample_rate != 16_000 else []
        if self.soundfont:
            font = Path(self.soundfont)
            stem = re.sub(r"\W+", "", font.stem).lower()
            parts.append(f"{stem}{hashlib.sha256(str(font.resolve()).encode()).hexdigest()[:6]}")
        return "_".join(parts)

    @property
    def version(self) -> str:
        """Of the configuration: raised with any change of its sound or choices."""
        return VERSIONS[self.config]

    @property
    def root(self) -> Path:
        return Path(self.data_dir).expanduser() if self.data_dir else records.data_dir()

    @property
    def directory(self) -> Path:
        """Where the records lie, or will."""
        return self.root / "score_render" / self.name / self.version

    def counts(self) -> dict[str, int]:
        """Examples per split."""
        return dict(zip(records.SPLITS, RECIPES[self.config].counts[self.size]))

    def blank(self) -> Example:
        samples = RECIPES[self.config].samples
        audio = {"audio": np.zeros((samples, 1), np.int16)}
        where = {"track": "", "chunk": np.int64(0)}
        tags = np.zeros(len(RENDERED_TAGS), np.uint8)
        number = np.int64(0)
        facts = {"pitch": number, "velocity": number, "preset": number, "family": number}
        return {
            "tagging": {**audio, "tags": tags, "known": tags, **where},
            "stems": {"stems": np.zeros((len(RENDERED_STEMS), samples, 1), np.int16), **where},
            "piano": {**audio, "notes": none(), **where},
            "notes": {**audio, **facts, **where},
        }[self.config]

    def font(self) -> Path:
        return Path(self.soundfont).expanduser() if self.soundfont else default_font()

    def prepare(self) -> None:
        """Renders the data set where it is missing; goes on where a killed build stood."""
        if descriptions.is_whole(self.directory):
            return self._check_font()
        package_folder("music21"), package_folder("pretty_midi")
        from zoo.data.score_render.builder import build_score_render

        build_score_render(self)

    def _check_font(self) -> None:
        """Refuses records made with another font; the built-in one may be absent by now."""
        if not self.soundfont:
            return
        built = json.loads((self.directory / "metadata.json").read_text())["font_md5"]
        if (given := load_font(self.font()).md5) != built:
            raise BadInput(
                f"{self.directory} was made with a font of md5 {built}, {self.font()} has {given}:"
                " delete that folder to render again"
            )

    def open(self, split: str) -> Sequence[Example]:
        return records.open_records(self.directory, split)
