"""`zoo reproduce` on miniatures: data that lack or differ, parts kept, what is compared."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from zoo.cli import main
from zoo.errors import BadInput
from zoo.metrics.resampling import Scores, intervals
from zoo.report import reproduced
from zoo.reproduce import index, verdicts
from zoo.reproduce.parts import ByParts
from zoo.reproduce.row import Outcome, Place, PublishedData, Reproduction, digest
from zoo.reproduce.sisec import Aggregated
from zoo.reproduce.trained import TrainedRows, TrainedWithin
from zoo.reproduce.transferred_features import CrossValidated


@dataclass(frozen=True)
class Means:
    """The mean number of each file; a file whose text is 'stop' is Ctrl-C."""

    log: Path

    def parts(self, folder):
        return sorted(path.name for path in folder.glob("*.txt"))

    def measure(self, folder, part):
        with self.log.open("a") as file:
            file.write(f"{part}\n")
        if (self.log.parent / "stop").exists() and part == "b.txt":
            raise KeyboardInterrupt
        return {"value": float((folder / part).read_text())}

    def outcome(self, found):
        values = np.array([one["value"] for one in found.values()])
        span = intervals(Scores(np.array(list(found)), {"mean": values}))
        return Outcome({"mean": values.mean()}, "A mean.", {"files": len(values)}, span)


@pytest.fixture
def row(tmp_path, monkeypatch):
    base = tmp_path / "data" / "numbers"
    base.mkdir(parents=True)
    for name, value in zip("abcd", (1, 2, 3, 6), strict=True):
        (base / f"{name}.txt").write_text(f"{value}")
    files = sorted(base.glob("*.txt"))
    data = PublishedData(
        "numbers",
        "https://github.com/someone/numbers",
        "0123456789abcdef",
        "CC0",
        ("*.txt",),
        4,
        digest(files, base),
    )
    made = Reproduction(
        "numbers_mean",
        "a mean",
        "four numbers",
        ByParts(Means(tmp_path / "log")),
        {"mean": 3.5},
        "Table 1, read there",
        data,
    )
    monkeypatch.setattr(index, "ROWS", (made,))
    return made


def words(tmp_path):
    return [
        *("reproduce", "numbers_mean", "--data", str(tmp_path / "data")),
        *("--workdir", str(tmp_path / "work"), "--results", str(tmp_path / "results")),
    ]


def test_a_row_goes_on_where_it_was_interrupted(row, tmp_path, capsys):
    (tmp_path / "stop").touch()
    assert main.main(words(tmp_path)) == 130
    (tmp_path / "stop").unlink()
    kept = tmp_path / "work/parts.jsonl"
    kept.write_text(kept.read_text() + '["c.txt", {"found"')  # as a full disk might leave it
    assert main.main(words(tmp_path)) == 0
    assert "1 of 4 parts are there" not in capsys.readouterr().out  # not whole: measured anew
    assert (tmp_path / "log").read_text().split() == [f"{x}.txt" for x in "ababcd"]
    (tmp_path / "log").unlink()
    kept.write_text("".join(f"{line}\n" for line in kept.read_text().splitlines()[:3]))
    assert main.main(words(tmp_path)) == 0
    assert (tmp_path / "log").read_text().split() == ["c.txt", "d.txt"]
    shown = capsys.readouterr().out
    assert "2 of 4 parts are there from before" in shown
    assert "published 3.5  ours 3 [1.5, 5]  within" in shown
    assert "largest difference from the row of" in shown and shown.rstrip().endswith(": 0")
    found = json.loads((tmp_path / "results/reproduced/numbers_mean.json").read_text())
    assert found["metrics"] == {"mean": 3.0} and found["counts"] == {"files": 4}
    assert found["data"]["sha256"] == row.data.sha256 and found["published"] == {"mean": 3.5}
    assert found["machine"] and found["versions"]["numpy"] and found["protocol"] == "A mean."


def test_parts_of_other_data_are_not_taken(row, tmp_path, monkeypatch, capsys):
    assert main.main(words(tmp_path)) == 0
    base = tmp_path / "data/numbers"
    (base / "d.txt").write_text("10")
    other = replace(row.data, sha256=digest(sorted(base.glob("*.txt")), base))
    monkeypatch.setattr(index, "ROWS", (replace(row, data=other),))
    assert main.main(words(tmp_path)) == 0
    shown = capsys.readouterr().out
    assert "other data or another protocol" in shown and "ours 4 [" in shown


def test_the_table_has_what_was_made_and_what_was_not(row, tmp_path, monkeypatch):
    other = replace(row, name="numbers_other", data=None, remark="not to be had")
    exact = replace(row, name="numbers_exact", tolerance=0.4)
    monkeypatch.setattr(index, "ROWS", (row, exact, other))
    results = tmp_path / "results"
    for name in ("numbers_mean", "numbers_exact"):
        given = words(tmp_path)
        given[1], given[5] = name, str(tmp_path / name)
        assert main.main(given) == 0
    text = reproduced.reproduced_page({}, [], results)
    (line,) = [line for line in text.splitlines() if line.startswith("| `numbers_mean`")]
    assert [cell.strip() for cell in line.split("|")[2:-1]] == [
        "a mean",
        "four numbers",
        "mean 3.5",
        "Table 1, read there",
        "mean 3 [1.5, 5]",
        "within",
        "`python -m zoo reproduce numbers_mean`",
    ]
    (line,) = [line for line in text.splitlines() if line.startswith("| `numbers_exact`")]
    assert line.split("|")[-3].strip() == "outside"
    assert "Rows made: 2, fitted or trained here: 1 of 1 within, computed again" in text
    assert "weights: 0 of 1 within." in text and "[^numbers_mean]: A mean. Data: https://" in text
    assert text.rstrip().endswith("published mean 3.5 (Table 1, read there): not to be had")


def line_of(capsys):
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_missing_data_are_named_with_where_they_are_to_be_had(row, tmp_path, capsys):
    (tmp_path / "data/numbers/c.txt").unlink()
    assert main.main(words(tmp_path)) == 2
    line = line_of(capsys)
    assert "3 of the 4 files *.txt" in line and "licence: CC0" in line and "--data" in line
    assert "git clone https://github.com/someone/numbers" in line and "0123456789abcdef" in line
    assert not (tmp_path / "log").exists() and not (tmp_path / "results/reproduced").exists()


@pytest.mark.parametrize("change", ["content", "another"])
def test_changed_data_are_refused(row, tmp_path, capsys, change):
    base = tmp_path / "data/numbers"
    (base / {"content": "a.txt", "another": "e.txt"}[change]).write_text("2")
    assert main.main(words(tmp_path)) == 2
    line = line_of(capsys)
    assert "other files" in line and row.data.sha256[:12] in line and "checkout 01234567" in line
    assert not (tmp_path / "log").exists()


def test_an_unknown_row_and_the_list(row, capsys):
    assert main.main(["reproduce", "number_mean"]) == 2
    assert "did you mean numbers_mean?" in line_of(capsys)
    assert main.main(["reproduce"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line == "numbers_mean  a mean, four numbers: mean 3.5 [not made yet]"


def test_rows_say_what_they_are_of():
    names = [row.name for row in index.ROWS]
    assert len(set(names)) == len(names) >= 15
    for row in index.ROWS:
        assert not row.published or "read there" in row.source or "unchecked" in row.source
        if row.data:
            assert len(row.data.sha256) == 64 and row.data.url.startswith("https://")
            assert row.data.count and row.data.licence and len(row.data.revision) == 40


def test_verdicts():
    of = verdicts.verdict
    assert of(2.0, 1.9, (1.8, 2.0)) == "within" and of(2.1, 1.9, (1.8, 2.0)) == "outside"
    assert of(1.7, 1.9, (1.8, 2.0)) == "outside" and of(2.0, 1.9) == "not compared"
    assert of(2.0, 1.9, (0, 9), tolerance=0.05) == "outside" and of(1.9, 1.94, None, 0.05)
    assert of(0.98, 0.99, at_least=True) == "within" and of(0.98, 0.97, at_least=True) == "outside"
    assert of(2.0, None, (0, 9)) == "not compared"
    found = verdicts.of_all({"a": 1.0, "b": 2.0}, {"a": 1.0, "b": 1.0}, {}, 0.1)
    assert verdicts.combine_verdicts(found) == "within: 1 of 2, outside: b"
    assert verdicts.combine_verdicts({"a": "outside"}) == "outside" and verdicts.combine_verdicts(
        {"a": "within"}
    )
    assert verdicts.combine_verdicts({}) == "no published figure"


def test_one_more_run_is_predicted_as_by_scipy():
    from scipy import stats

    values = [8.2, 8.3, 8.25]
    scale = np.std(values, ddof=1) * np.sqrt(4 / 3)
    wanted = stats.t.interval(0.95, 2, loc=np.mean(values), scale=scale)
    assert verdicts.of_one_more(values) == pytest.approx(wanted)


def test_a_share_has_wilson_s_interval():
    from scipy.stats import binomtest

    for right, of in ((128, 128), (893, 1000), (0, 5)):
        wanted = binomtest(right, of).proportion_ci(0.95, "wilson")
        assert verdicts.wilson(right, of) == pytest.approx((wanted.low, wanted.high), abs=1e-12)


def test_a_trained_row_is_its_config_over_seeds(row, tmp_path, monkeypatch):
    from zoo.report import repeat

    asked = {}

    def repeated(config, arguments, what, count, directory, folder, name):
        asked.update(config=config.row.id, path=arguments["path"], what=what, count=count)
        return [{"nats_per_step": value} for value in (8.2, 8.3, 8.4)]

    monkeypatch.setattr(repeat, "repeat_runs", repeated)
    trained = replace(row, way=TrainedRows("polyphonic_jsb.gru", below="rolls"))
    monkeypatch.setattr(index, "ROWS", (trained,))
    assert main.main(words(tmp_path)) == 0
    place = str(tmp_path / "data/numbers/rolls")
    assert asked == {"config": "polyphonic_jsb.gru", "path": place, "what": "seed", "count": 3}
    assert not list((tmp_path / "results/reproduced").glob("*.json"))  # rows of configs are apart
    monkeypatch.setattr(repeat, "repeat_runs", lambda *given: None)
    assert main.main(words(tmp_path)) == 130


def test_a_row_of_minutes_is_trained_once_at_that_budget(row, tmp_path, monkeypatch):
    from zoo.report import measure

    asked = []

    def trained(config, minutes, directory, root, folder, given):
        asked.append((config.row.id, minutes, directory, folder, *given))
        target = folder / config.task / f"{config.row.id}.json"
        target.parent.mkdir(parents=True)
        target.write_text(json.dumps({"metrics": {"gnsdr/vocals": 4.0}, "protocol": "Clips."}))
        return True

    monkeypatch.setattr(measure, "row", trained)
    way = TrainedWithin("wave_unet_mir1k.narrow", 7.0, "clips")
    place = Place(tmp_path / "data", tmp_path / "work", tmp_path / "results")
    made = way.run(replace(row, way=way), place)
    assert made.metrics == {"gnsdr/vocals": 4.0} and made.protocol == "Clips." and made.runs == 1
    path = f"path={tmp_path / 'data/numbers/clips'}"
    assert asked == [("wave_unet_mir1k.narrow", 7.0, place.work, place.results, path)]
    monkeypatch.setattr(measure, "row", lambda *given: False)
    with pytest.raises(BadInput, match="the same command goes on"):
        way.run(replace(row, way=way), place)


def museval_like(values):
    frames = [{"metrics": {"SDR": v, "SIR": v, "SAR": v, "ISR": v}} for v in values]
    return frames


def test_tables_of_the_campaign_are_aggregated(tmp_path):
    rng = np.random.default_rng(0)
    songs = {f"song {n}": {k: rng.normal(5, 2, 9) for k in ("vocals", "bass")} for n in range(3)}
    songs["song 0"]["vocals"][4] = np.nan
    folder = tmp_path / "submissions/X/test"
    folder.mkdir(parents=True)
    for name, stems in songs.items():
        targets = [{"name": k, "frames": museval_like(v.tolist())} for k, v in stems.items()]
        (folder / f"{name}.json").write_text(json.dumps({"targets": targets}))
    for over in ("tracks", "frames"):
        way = Aggregated("X", over)
        report = way.outcome({part: way.measure(tmp_path, part) for part in way.parts(tmp_path)})
        for stem in ("vocals", "bass"):
            each = [song[stem] for song in songs.values()]
            wanted = (
                np.median([np.nanmedian(song) for song in each])
                if over == "tracks"
                else np.nanmedian(np.concatenate(each))
            )
            assert report.metrics[f"sdr/{stem}"] == pytest.approx(wanted, abs=1e-9)
        assert report.counts == {"tracks": 3}


@pytest.mark.parametrize("target", ["", "arousal"])
def test_settings_are_scored_as_scikit_learn_s_cross_validation(tmp_path, target):
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC, SVR

    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1], 30)
    x = rng.normal(size=(60, 8)) + labels[:, None] * 0.5
    y = labels if not target else x @ rng.normal(size=8) + rng.normal(size=60)
    (tmp_path / "data_csv").mkdir()
    (tmp_path / "data_feats").mkdir()
    np.save(tmp_path / "data_feats/toys_mfcc.npy", x)
    column = f"label_{target}" if target else "label"
    lines = "".join(f"{n},{value}\n" for n, value in enumerate(y.tolist()))
    (tmp_path / "data_csv/toys.csv").write_text(f",{column}\n{lines}")
    way = CrossValidated("toys", "mfcc", target)
    settings = ("scaled,2,rbf,0.03125", "scaled,0.1,linear")
    assert set(settings) <= set(way.parts(tmp_path))
    assert len(way.parts(tmp_path)) == (57 if target else 64)
    found = {setting: way.measure(tmp_path, setting) for setting in settings}
    kind = SVR if target else SVC
    models = (
        make_pipeline(StandardScaler(), kind(C=2, gamma=0.03125)),
        make_pipeline(StandardScaler(), kind(C=0.1, kernel="linear")),
    )
    wanted = [cross_val_score(model, x, y, cv=10).mean() for model in models]
    assert [found[s]["score"] for s in settings] == pytest.approx(wanted)
    report = way.outcome(found)
    metric = "r2" if target else "accuracy"
    assert report.metrics[metric] == pytest.approx(max(wanted)) and metric in report.intervals
