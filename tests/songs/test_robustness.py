"""A known tagger under changed recordings, by folder and by its own split; files; refusals."""

import csv
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from PIL import Image

from zoo.cli.main import main
from zoo.data.source import Info
from zoo.errors import BadInput
from zoo.evaluation.tagging import Tagging
from zoo.front import finding
from zoo.report import robust
from zoo.songs import probing, robustness

RATE, SAMPLES = 8000, 4000


class Pitches:
    """Three tags by which of three tones is loudest; noise weighs for the last."""

    name, labels, methods = "pitches", ("Low", "middle", "high"), ("tags",)
    hertz = (200.0, 400.0, 800.0)

    def __init__(self, records=()):
        info = Info("toys", RATE, 1, self.labels, "CC0", "https://example.org")
        source = SimpleNamespace(info=info, prepare=lambda: None, open=lambda split: list(records))
        self.experiment = SimpleNamespace(
            evaluation=Tagging(SAMPLES, batch=4), data=SimpleNamespace(source=source)
        )

    def require(self, method):
        assert method == "tags"

    def predict(self, batch):
        t = np.arange(SAMPLES) / RATE
        wave = np.exp(-2j * np.pi * np.array(self.hertz)[:, None] * t)
        found = np.abs(np.einsum("btc,kt->bk", batch["audio"], wave)) / SAMPLES
        return {"prediction": found.astype(np.float32)}


def tone(hertz, seed=0):
    rng = np.random.default_rng(seed)
    t = np.arange(SAMPLES + 100) / RATE
    return (0.3 * np.sin(2 * np.pi * hertz * t) + 0.01 * rng.normal(size=t.shape))[:, None]


@pytest.fixture
def folder(tmp_path):
    for label, hertz in zip(Pitches.labels, Pitches.hertz):
        for number in range(3):
            file = tmp_path / "mine" / label.lower() / f"{number}.wav"
            file.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(file, tone(hertz, number), RATE)
    return tmp_path / "mine"


@pytest.fixture
def model(monkeypatch):
    tags = np.eye(3, dtype=np.uint8)
    records = [
        {
            "audio": (np.pad(tone(Pitches.hertz[k], k), ((0, 500), (0, 0)))).astype(np.float32),
            "length": SAMPLES + 100,
            "tags": tags[k],
            "known": np.ones(3, np.uint8),
            "track": f"{k}",
        }
        for k in (0, 1, 2, 0, 1, 2)
    ]
    made = Pitches(records)
    monkeypatch.setattr(finding, "requested_system", lambda *_: made)
    monkeypatch.setattr("zoo.cli.command_line.prepare_devices", lambda: None)
    return made


def test_a_table_by_folder(model, folder, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["robustness", "pitches", str(folder), "--out", str(out)]) == 0
    with (out / "robustness.csv").open() as file:
        rows = {row["effect"]: row for row in csv.DictReader(file)}
    assert list(rows) == list(robustness.EFFECTS)
    assert float(rows["none"]["roc_auc"]) == float(rows["compression, music"]["roc_auc"]) == 1
    assert float(rows["none"]["accuracy"]) == 1
    # Half of a sine's .3; of noise .4 it keeps .6.
    assert float(rows["none"]["true_tags"]) == pytest.approx(0.15, rel=0.02)
    assert float(rows["noise .4"]["true_tags"]) == pytest.approx(0.09, rel=0.05)
    assert float(rows["noise .4"]["true_tags_change"]) == pytest.approx(-0.06, rel=0.1)
    assert float(rows["tempo x 1.19"]["accuracy"]) == 1  # the pitch stays
    facts = json.loads((out / "robustness.json").read_text())
    assert facts["model"] == "pitches" and facts["folder"] == "mine"
    assert facts["counts"]["records"] == 9 and facts["counts"]["unknown_labels"] == 0
    assert Image.open(out / "robustness.png").width > 600
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2 + len(robustness.EFFECTS) and "roc_auc" in said[0]
    assert main(["robustness", "pitches", str(folder), "--out", str(out)]) == 2  # --force


def test_a_semitone_matters_to_what_measures_pitch(model, monkeypatch):
    """Tones of three whole semitones: shifted by one, each becomes the next."""
    monkeypatch.setattr(Pitches, "hertz", tuple(400 * 2 ** (k / 12) for k in range(3)))
    records = [
        {
            "audio": tone(Pitches.hertz[k], k).astype(np.float32),
            "tags": np.eye(3, dtype=np.uint8)[k],
            "track": f"{n}",
        }
        for n, k in enumerate((0, 1, 2, 0, 1, 2))
    ]
    reports = dict(robustness.measure_robustness(model, records))
    assert reports["none"].metrics["accuracy"] == 1
    accuracy = reports["a semitone up"].metrics["accuracy"]
    assert accuracy <= 0.34  # the highest has no next
    (row,) = [r for r in robustness.robustness_rows(reports) if r["effect"] == "a semitone up"]
    assert row["accuracy_change"] == pytest.approx(accuracy - 1, abs=1e-6)
    assert row["accuracy_low"] <= row["accuracy_change"] <= row["accuracy_high"]


def test_its_own_split_without_the_zeros_that_fill_it_up(model, tmp_path):
    changed = robustness.Changed(
        robustness.held_out_records(model), robustness.EFFECTS["a semitone up"], RATE
    )
    assert len(changed) == 6 and changed[0]["audio"].shape == (SAMPLES + 100, 1)
    assert "length" not in changed[0]
    out = tmp_path / "own"
    assert main(["robustness", "pitches", "--limit", "3", "--out", str(out)]) == 0
    facts = json.loads((out / "robustness.json").read_text())
    assert facts["data"] == "toys" and facts["counts"]["records"] == 3


def test_other_data_by_the_labels_that_both_have(model, tmp_path, monkeypatch):
    """What the data do not name is unknown; of 'bell' the tagger knows nothing."""
    info = Info("bells", RATE, 1, ("HIGH", "bell"), "CC0", "https://example.org")
    rows = [((1, 0), (1, 1)), ((0, 1), (1, 1)), ((0, 0), (0, 1))]
    records = [
        {
            "audio": tone((800, 200, 200)[n], n),
            "tags": np.array(tags),
            "known": np.array(known),
            "track": f"{n}",
        }
        for n, (tags, known) in enumerate(rows)
    ]
    source = SimpleNamespace(info=info, prepare=lambda: None, open=lambda split: records)
    found = robustness.read_test_split(model, source)
    assert [record["tags"].tolist() for record in found] == [[0, 0, 1], [0, 0, 0], [0, 0, 0]]
    assert [record["known"].tolist() for record in found] == [[0, 0, 1], [0, 0, 1], [0, 0, 0]]
    config = SimpleNamespace(
        experiment=lambda: SimpleNamespace(data=SimpleNamespace(source=source))
    )
    monkeypatch.setattr("zoo.experiment.find_config", lambda name: config)
    options = ["--on", "bells_config", "--out", str(tmp_path / "out"), "--results", str(tmp_path)]
    assert main(["robustness", "pitches", *options]) == 0
    (row,) = robust.read_robustness_tables(tmp_path / "robustness")
    assert row["data"] == "bells" and row["counts"]["records"] == 3
    page = robust.robustness_page([row])
    assert "## `pitches` on bells" in page and "| noise .4 | " in page
    first = row["rows"][0]
    assert f"| none | {first['pr_auc']:.3f} | {first['roc_auc']:.3f} | " in page
    with pytest.raises(BadInput, match="bells has no tag of pitches: Low, middle, high"):
        robustness.read_test_split(model, SimpleNamespace(info=replace(info, labels=("bell",))))
    with pytest.raises(BadInput, match="bells is of 9 Hz in 1 channels, pitches takes 8000 Hz"):
        robustness.read_test_split(model, SimpleNamespace(info=replace(info, sample_rate=9)))
    assert main(["robustness", "pitches", str(tmp_path), "--on", "x"]) == 2


def test_labels_that_the_tagger_lacks_are_refused(model, folder):
    (folder / "low").rename(folder / "deep")
    with pytest.raises(BadInput, match="no tag deep; it has Low, middle, high"):
        robustness.labelled_files(model, probing.read_tagged_files(folder))
