"""Where the scores of a split go, and that those of a part never stand for the whole."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from zoo import experiment as experiments
from zoo.catalog import Entry, PaperRow
from zoo.data.sets.folder import Folder
from zoo.data.source import Info
from zoo.errors import BadInput
from zoo.evaluation import scores_file
from zoo.evaluation.base import Report
from zoo.experiment import Config
from zoo.metrics.resampling import Scores
from zoo.report import results
from zoo.runs import trained as trained_runs


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """A run whose evaluation counts its records."""
    info = Info("toys", 8000, 1, (), "none", "none")
    source = SimpleNamespace(info=info, prepare=lambda: None, open=lambda split: [1, 2, 3])

    def run(predict, records, info, *, limit, progress):
        count = limit or len(records)
        return Report({"count": float(count)}, "Counted.", {"records": count})

    evaluation = SimpleNamespace(run=run, monitor=("count", "max"))
    experiment = SimpleNamespace(
        objective=None,
        data=SimpleNamespace(source=source),
        evaluation=evaluation,
        scored_on=lambda split: (evaluation, source),
    )
    monkeypatch.setattr(results.inference, "predictor", lambda objective, mesh: lambda v: None)
    return SimpleNamespace(
        experiment=experiment,
        variables=SimpleNamespace(params={}),
        mesh=None,
        name="run",
        directory=tmp_path / "run",
        meta={"step": 3},
        arguments={"path": "~/x", "steps": 3},
        config=toy(),
        fingerprint=lambda: "of these weights",
    )


def toy():
    row = PaperRow("toy", "default")
    entry = Entry("toy", Path("toy.py"), "classification", "Toy", (row,), {}, {})
    module = SimpleNamespace(config=lambda path="~", steps=3: None)
    return Config("toy", entry.path, "classification", module, entry, row)


def test_a_limited_evaluation_leaves_the_whole_one_alone(trained, tmp_path):
    row, whole = tmp_path / "results/classification/toy.json", tmp_path / "run/evaluation/test.json"
    results.evaluate(trained, "test", None, tmp_path / "results")
    told = json.loads(row.read_text())
    assert told == json.loads(whole.read_text()) and told["metrics"] == {"count": 3.0}
    assert told["arguments"] == {"steps": 3} and told["weights"] is None
    assert told["row"] == "default" and told["changed"] == {}
    results.evaluate(trained, "test", 2, tmp_path / "results")
    assert json.loads(row.read_text()) == json.loads(whole.read_text()) == told
    part = json.loads((tmp_path / "run/evaluation/test_first_2.json").read_text())
    assert part["counts"] == {"records": 2}
    assert (tmp_path / "run/evaluation/test_first_2/report.json").is_file()


def test_a_row_says_whose_weights_were_scored(trained, tmp_path):
    trained.directory, trained.name = None, "toy_weights"
    trained.meta = {"published": "there", "licence": "MIT"}
    results.evaluate(trained, "test", None, tmp_path / "results")
    told = json.loads((tmp_path / "results/classification/toy.json").read_text())
    assert told["weights"] == "toy_weights" and told["step"] is None


def test_the_row_of_other_weights_is_not_overwritten(trained, tmp_path):
    folder = tmp_path / "results"
    results.evaluate(trained, "test", None, folder)
    results.evaluate(trained, "test", None, folder)  # the same weights again
    row = folder / "classification" / "toy.json"
    before = row.read_bytes()
    trained.fingerprint = lambda: "of others"
    with pytest.raises(BadInput, match=r"result of other weights .*--force"):
        results.evaluate(trained, "test", None, folder)
    assert row.read_bytes() == before
    trained.arguments = {"path": "~/x", "steps": 4}  # another budget is another row
    results.evaluate(trained, "test", None, folder)
    assert row.read_bytes() == before and len(list(folder.glob("*/*.json"))) == 2
    trained.arguments = {"path": "~/x", "steps": 3}
    results.evaluate(trained, "test", None, folder, force=True)
    assert json.loads(row.read_text())["weights_sha256"] == "of others"


def scored(count):
    """A report of scores per clip, of which the metric is their mean."""
    values = np.random.default_rng(count).random(count).astype(np.float64)
    scores = Scores(np.array([f"clip {i}" for i in range(count)]), {"right": values})
    return Report({"right": values.mean()}, "Counted.", {"records": count}, scores=scores)


def test_scores_and_intervals_stand_with_the_row(trained, tmp_path):
    trained.experiment.evaluation.run = lambda *_, **__: scored(40)
    report = results.evaluate(trained, "test", None, tmp_path / "results")
    row = tmp_path / "results/classification/toy"
    low, high = json.loads(row.with_suffix(".json").read_text())["intervals"]["right"]
    assert low < report.metrics["right"] < high
    values = report.scores.means["right"]
    assert (high - low) / 3.92 == pytest.approx(values.std() / np.sqrt(40), rel=0.1)
    whole = scores_file.read_scores(tmp_path / "run/evaluation/test/scores.npz")
    small = scores_file.read_scores(row.with_suffix(".npz"))
    assert (whole.names == report.scores.names).all() and (small.names == whole.names).all()
    np.testing.assert_array_equal(whole.means["right"], values)
    np.testing.assert_allclose(small.means["right"], values, rtol=5e-4)
    assert (small.means["right"] != values).any()
    assert f"[{low:.4g}, {high:.4g}]" in results.summarise_report(report, "right")


def test_large_scores_stay_in_the_run(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(scores_file, "_SMALL", 2_000)
    row = tmp_path / "results/classification/toy.npz"
    trained.experiment.evaluation.run = lambda *_, **__: scored(40)
    results.evaluate(trained, "test", None, tmp_path / "results")
    assert row.is_file()
    trained.experiment.evaluation.run = lambda *_, **__: scored(2000)
    results.evaluate(trained, "test", None, tmp_path / "results")
    assert not row.exists()  # nor are those of 40 clips left beside the new row
    assert (tmp_path / "run/evaluation/test/scores.npz").is_file()


def test_what_half_precision_cannot_hold_is_kept_in_single(tmp_path):
    scores = Scores(np.array(["a", "b"]), {"m": np.array([1e5, np.nan])}, weights=np.array([7, 9]))
    assert scores_file.write_small(tmp_path / "x.npz", scores)
    back = scores_file.read_scores(tmp_path / "x.npz")
    np.testing.assert_array_equal(back.means["m"], [1e5, np.nan])
    assert back.weights.tolist() == [7, 9]
    (tmp_path / "bad.npz").write_bytes(b"PK not a file")
    for name in ("bad.npz", "none.npz"):
        with pytest.raises(BadInput, match="evaluate again"):
            scores_file.read_scores(tmp_path / name)


def test_another_split_does_not_take_the_place_of_the_test(trained, tmp_path):
    row = tmp_path / "results/classification/toy.json"
    for split, kept in (("validation", "validation"), ("test", "test"), ("validation", "test")):
        results.evaluate(trained, split, None, tmp_path / "results")
        assert json.loads(row.read_text())["split"] == kept
    assert (tmp_path / "run/evaluation/validation.json").is_file()


def test_a_place_that_takes_no_scores_is_refused_before_the_work(trained, tmp_path):
    def run(*_, **__):
        raise AssertionError("scored in vain")

    trained.experiment.evaluation.run = run
    (tmp_path / "results").write_text("a file, where a folder should be")
    with pytest.raises(BadInput, match=r"cannot write to .*classification .Not a directory.: free"):
        results.evaluate(trained, "test", None, tmp_path / "results")
    trained.directory = tmp_path / "results"
    with pytest.raises(BadInput, match=r"cannot write to .*evaluation .Not a directory.: free"):
        results.evaluate(trained, "test", 1)


def test_it_says_where_the_scores_went(trained, tmp_path, capsys):
    results.evaluate(trained, "test", None, tmp_path / "results")
    run, row = tmp_path / "run/evaluation/test.json", tmp_path / "results/classification/toy.json"
    assert capsys.readouterr().out == f"scores in {run}, {row}\n"


def test_a_folder_of_two_files_shows_its_validation(tmp_path):
    (tmp_path / "music").mkdir()
    for name in ("one", "two", "three"):
        noise = np.random.default_rng(0).uniform(-0.5, 0.5, 8000)
        soundfile.write(tmp_path / "music" / f"{name}.wav", noise, 8000)
        source = Folder(str(tmp_path / "music"), 8000, chunk_seconds=1.0, data_dir=str(tmp_path))
        source.prepare()
        if name == "two":
            assert results.held_out(source) == "validation"
    assert results.held_out(source) == "test"


@pytest.mark.parametrize("row", ["nmf_score_render", "nmf_score_render.assigned"])
def test_a_row_without_training_stands_under_its_own_name(row, tmp_path):
    found = trained_runs.untrained(experiments.find_config(row), [])
    assert results.target_of(found, tmp_path).stem == row
