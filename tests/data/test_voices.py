"""Records with the parameters of a voice: analysed once, kept, cut together with their stems."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from zoo.audio import world
from zoo.audio.world import VoiceLayout
from zoo.data.source import Info
from zoo.data.voices import Sung, VoiceCrop
from zoo.errors import BadInput

HOP, SIZE = 8, 20
VOICE = VoiceLayout(8000, HOP, 2, 2)


@dataclass(frozen=True)
class Two:
    """Two records of two stems, the second a ramp."""

    directory: Path

    info = Info("two", 8000, 1, ("rest", "vocals"), "ours", "none")

    def blank(self):
        return {"track": "", "stems": np.zeros((2, 200, 1), np.int16)}

    def prepare(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "dataset_info.json").touch()

    def open(self, split):
        ramp = np.arange(200, dtype=np.int16)[None, :, None]
        return [{"track": str(n), "stems": np.concatenate([-ramp, ramp + n])} for n in range(2)]


@pytest.fixture
def counted(monkeypatch):
    """Parameters are the first sample of every hop; how often they were looked for."""
    calls = []

    def first(audio, voice):
        calls.append(len(audio))
        rows = 32768 * audio[: len(audio) // voice.hop * voice.hop : voice.hop]
        return np.repeat(rows[:, None], voice.size, 1).astype(np.float32)

    monkeypatch.setattr(world, "analysed", first)
    monkeypatch.setattr(world, "library", lambda: None)
    return calls


def test_the_training_split_is_analysed_once(counted, tmp_path):
    sung = Sung(Two(tmp_path / "records" / "1"), "vocals", VOICE)
    sung.prepare()
    assert counted == [200, 200]
    records = sung.open("train")
    assert [r["voice"][3, 0] for r in records] == [24, 25] and len(counted) == 2
    assert records[1]["voice"].shape == (25, 6) == sung.blank()["voice"].shape
    assert sung.open("test")[1]["voice"][3, 0] == 25 and len(counted) == 3
    sung.prepare()
    assert len(counted) == 3
    # Other records, a damaged file, other parameters: each is analysed anew.
    (sung.source.directory / "dataset_info.json").write_text("{}")
    sung.prepare()
    assert len(counted) == 5
    sung.path.write_bytes(sung.path.read_bytes()[:-9])
    sung.prepare()
    assert len(counted) == 7 and sung.open("train")[1]["voice"][3, 0] == 25
    Sung(sung.source, "vocals", VoiceLayout(8000, HOP, 2, 3)).prepare()
    assert len(counted) == 9
    with pytest.raises(BadInput, match="no stem 'choir', only rest, vocals"):
        Sung(sung.source, "choir", VOICE).open("test")


def test_windows_are_of_the_same_time(counted, tmp_path):
    record = Sung(Two(tmp_path), "vocals", VOICE).open("test")[0]
    crop, rng = VoiceCrop(6, SIZE, HOP), np.random.default_rng(0)
    starts = set()
    for _ in range(200):
        cut = crop(rng, record)
        assert cut["voice"].shape == (6, 6) and cut["stems"].shape == (2, crop.samples, 1)
        # A frame of 20 samples begins 6 before its hop.
        assert cut["stems"][1, 0, 0] == cut["voice"][0, 0] - 6 >= 0
        starts.add(int(cut["voice"][0, 0]))
    assert starts == set(range(8, 145, 8))
    short = {**record, "length": 100}
    assert max(int(crop(rng, short)["stems"][1, -1, 0]) for _ in range(99)) < 100
    with pytest.raises(BadInput, match="too short for crops of 62"):
        VoiceCrop(6, SIZE, HOP)(rng, {**record, "stems": record["stems"][:, :60]})
