"""Weights of our own: what `zoo keep` writes of a run, what it refuses, and who takes them."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import zoo
from zoo.cli.main import main
from zoo.errors import BadInput
from zoo.experiment import find_config
from zoo.front import finding, keeping
from zoo.report import results
from zoo.runs import initial, pairs, trained
from zoo.runs import train as runs

WORDS = ["size=tiny", "depth=4", "widths=4,6,8", "batch=4", "steps=2"]
NOISE = np.random.default_rng(0).uniform(-0.3, 0.3, (20_000, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A scored run of a tagger."""
    config = find_config("samplecnn_score_render")
    directory = tmp_path_factory.mktemp("runs") / "tagger"
    runs.train(config, config.parse(WORDS), directory, allow_change=False, board=False)
    results.evaluate(trained.load_trained(directory), "test")
    return directory


@pytest.fixture
def room(tmp_path, monkeypatch):
    """An empty weights/."""
    monkeypatch.setattr(finding, "weights_folder", lambda: tmp_path / "weights")
    return tmp_path / "weights"


@pytest.fixture
def kept(run, room):
    assert main(["keep", str(run), "tagger"]) == 0
    return room / "tagger"


def test_a_kept_run_loads_by_its_name_in_half_the_bytes(kept, run):
    found, whole = zoo.load("zoo/tagger"), zoo.load(run)
    facts = json.loads((kept / "model.json").read_text())
    row = json.loads((run / "evaluation" / "test.json").read_text())
    assert found.trained.name == "zoo/tagger" and found.labels == whole.labels
    assert facts["scores"] == row["metrics"] and facts["commit"] == row["commit"]
    about = facts["kept"]
    assert facts["licence"] == "Apache-2.0" and "do not redistribute" in facts["data"]["licence"]
    assert about["training_seconds"] == row["training_seconds"] and about["seed"] == 0
    assert about["sample"] is None and about["monitor"] == "pr_auc" in about["excerpt"]
    widths = {array.ndim < 2: array.dtype for array in pairs.read_weights(kept).values()}
    assert widths == {False: np.float16, True: np.float32}
    ours, theirs = found.tags(NOISE, 16_000), whole.tags(NOISE, 16_000)
    assert ours == pytest.approx(theirs, abs=1e-3) and ours != theirs
    assert {p.name for p in kept.parent.iterdir()} == {"tagger"}


def test_weights_stay_whole_where_half_as_wide_they_score_otherwise(run, room, monkeypatch):
    monkeypatch.setattr(keeping, "half", lambda leaf: np.zeros_like(leaf))
    keeping.keep_weights(zoo.load(run), "tagger")
    assert {array.dtype for array in pairs.read_weights(room / "tagger").values()} == {
        np.dtype(np.float32)
    }
    assert zoo.load("zoo/tagger").tags(NOISE, 16_000) == zoo.load(run).tags(NOISE, 16_000)


def test_kernels_that_float16_cannot_hold_are_kept():
    for array in (np.ones(9), np.full((3, 3), 1e5), np.ones((3, 3), int), np.ones((0, 3))):
        array = array.astype(np.float32) if array.dtype == float else array
        assert keeping.half(array).dtype == (np.float16 if not array.size else array.dtype)


def test_every_road_takes_their_name(kept, capsys):
    """By checkpoint, in lists, and as what a run begins from."""
    capsys.readouterr()
    assert main(["list", "--weights"]) == 0
    (line,) = [row for row in capsys.readouterr().out.splitlines() if "zoo/tagger" in row]
    assert "samplecnn_score_render" in line and "Apache-2.0" in line and "pr_auc" in line
    assert main(["list", "--weights", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert {"musicnn_mtt", "zoo/tagger"} <= rows.keys()
    assert rows["zoo/tagger"].keys() == rows["musicnn_mtt"].keys()
    assert initial.origin("zoo/tagger", None).name == "zoo/tagger"
    words = ["interpret", "zoo/tagger", "--kind", "filters", "--out", str(kept.parent / "out")]
    assert main(words) == 2 and "filters of 3 samples" in capsys.readouterr().err
    assert finding.requested_system("zoo/tagger", None, "best", []).name == "zoo/tagger"


def test_an_excerpt_has_as_many_records_as_its_scores_need(run, monkeypatch):
    """Clouds of clips cannot be compared below two, nor their halves below four."""
    whole = {"pr_auc": 0.5, "floor": 1.0}

    def score(found, records):
        if records < 2:
            raise BadInput("1 clips: give 2 or more.")
        return whole if records >= 4 else {**whole, "floor": float("nan")}

    monkeypatch.setattr(keeping, "score_excerpt", score)
    assert keeping._fewest(zoo.load(run).trained) == 4


def test_what_is_there_is_replaced_only_when_asked(kept, run, capsys):
    before = (kept / "model.json").read_bytes()
    assert main(["keep", str(run), "tagger"]) == 2
    assert "exists: choose another name, or --force" in capsys.readouterr().err
    assert (kept / "model.json").read_bytes() == before
    assert main(["keep", str(run), "tagger", "--force", "--licence", "CC0"]) == 0
    assert json.loads((kept / "model.json").read_text())["licence"] == "CC0"


@pytest.mark.parametrize("name", ["../evil", "a/b", ".hidden", "-x", "", "x" * 200, "a b"])
def test_names_are_plain(name, room, run):
    with pytest.raises(BadInput, match="call it resemul, for instance"):
        keeping.keep_weights(zoo.load(run), name)
    assert not room.exists()


@pytest.mark.parametrize(
    "limit, message",
    [("LARGEST", r"takes 0.0 MB, at most 0.001 are kept"), ("TOGETHER", "weights/ would hold")],
)
def test_what_is_too_much_is_refused(limit, message, run, room, monkeypatch):
    monkeypatch.setattr(keeping, limit, 1000)
    with pytest.raises(BadInput, match=message):
        keeping.keep_weights(zoo.load(run), "tagger")
    assert not list(room.glob("**/*"))


def test_only_scored_runs_of_the_zoo_are_kept(run, tmp_path):
    bare = Path(shutil.copytree(run, tmp_path / "bare"))
    (bare / "evaluation" / "test.json").unlink()
    with pytest.raises(BadInput, match="score the run with"):
        keeping.keep_weights(zoo.load(bare), "tagger")
    with pytest.raises(BadInput, match="is no run of a config of the zoo"):
        keeping.keep_weights(zoo.create("samplecnn_score_render"), "tagger")
    with pytest.raises(BadInput, match="is no run of a config of the zoo"):
        model = zoo.load(run)
        other = replace(model.trained.config, path=tmp_path / "mine.py")
        keeping.scored_row(replace(model.trained, config=other))


def test_places_of_this_machine_are_not_kept():
    defaults = {"teacher": "runs/teacher", "path": "", "size": "small", "steps": 3}
    given = {"teacher": "/home/ann/teacher", "path": "data", "size": "tiny", "steps": 4}
    found = SimpleNamespace(config=SimpleNamespace(defaults=defaults), arguments=given)
    assert keeping.portable(found) == {**defaults, "size": "tiny", "steps": 4}


@pytest.mark.parametrize(
    "change",
    [
        *({"kept": value} for value in ([], "x", {}, {"wings": 1})),
        *({"seed": value} for value in (-1, "0", 1.5, None)),
        *({"excerpt": value} for value in ({"a": "b"}, [1], {"a": float("nan")})),
        *({"sample": value} for value in ("x", {"samples": 0}, {"sha256": 3})),
        {"monitor": ["x"]},
    ],
    ids=str,
)
def test_a_hostile_description_is_refused_by_name_too(change, kept, capsys):
    path = kept / "model.json"
    facts = json.loads(path.read_text())
    about = change["kept"] if "kept" in change else {**facts["kept"], **change}
    path.write_text(json.dumps({**facts, "kept": about}))
    with pytest.raises(BadInput, match="is not as the zoo writes it"):
        zoo.load("zoo/tagger")
    assert main(["list", "--weights"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_no_code_of_theirs_runs_and_no_mark_reaches_the_terminal(kept, tmp_path, capsys):
    path, ran = kept / "model.json", tmp_path / "ran"
    facts = json.loads(path.read_text())
    (kept / "config.py").write_text(f"open({str(ran)!r}, 'w')\ndef config(): pass\n")
    for changed in ({"config": "config", "config_file": "config.py"}, {"config": "../config"}):
        path.write_text(json.dumps({**facts, **changed}))
        with pytest.raises(BadInput):
            zoo.load("zoo/tagger").trained  # noqa: B018
    path.write_text(json.dumps({**facts, "title": "\x1b[2Jgone\nzoo/other"}))
    capsys.readouterr()
    assert main(["list", "--weights"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out and "\nzoo/other" not in out and not ran.exists()
