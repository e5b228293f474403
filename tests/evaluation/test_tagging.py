"""The tagging protocol against scikit-learn, masks and hand-cut segments."""

import json

import numpy as np
import pytest
import soundfile
from sklearn.metrics import average_precision_score, roc_auc_score

from zoo.data.source import Info
from zoo.errors import BadInput
from zoo.evaluation.base import in_batches, save_report
from zoo.evaluation.tagging import Tagging

LABELS = ("rock", "quiet", "drums", "harp")
INFO = Info("toy", 100, 1, LABELS, "CC0", "")


def clips(count=30, length=95, seed=0):
    """The tags of a clip stand, weak and noisy, in its first four samples of every ten."""
    rng = np.random.default_rng(seed)
    records = []
    for index in range(count):
        tags = (rng.random(4) < 0.4).astype(np.uint8)
        frames = tags * 8000.0 + rng.normal(0, 9000, ((length + 9) // 10, 4))
        audio = np.pad(frames, ((0, 0), (0, 6))).reshape(-1, 1)[:length]
        records.append(
            {
                "track": f"t{index // 2}",
                "chunk": index % 2,
                "audio": audio.astype(np.int16),
                "tags": tags,
                "known": np.ones(4, np.uint8),
            }
        )
    return records


def reader(batch):
    return {"prediction": 1 / (1 + np.exp(-4 * batch["audio"][:, :4, 0]))}


def truth(records):
    return np.stack([record["tags"] for record in records])


def perfect(records):
    rows = iter(np.concatenate([truth(records), np.zeros((99, 4))]))
    return lambda batch: {"prediction": np.stack([next(rows) for _ in batch["audio"]]) * 0.8 + 0.1}


def test_perfect_tagger_scores_one():
    records = clips(16)
    report = Tagging(95, batch=4).run(perfect(records), records, INFO)
    assert report.metrics == {"roc_auc": 1, "pr_auc": 1}
    assert report.counts["records"] == report.counts["segments"] == 16


def test_segments_of_padding_do_not_count():
    records = clips()
    padded = [{**r, "audio": np.pad(r["audio"], ((0, 60), (0, 0))), "length": 95} for r in records]
    plain, filled = (Tagging(10, batch=7).run(reader, found, INFO) for found in (records, padded))
    assert filled.counts == plain.counts and filled.metrics == plain.metrics


def test_clip_score_is_the_mean_of_consecutive_segments_and_metrics_are_scikit_learn():
    records = clips()
    report = Tagging(10, batch=7).run(reader, records, INFO)
    scores = np.stack(
        [
            np.mean(
                [
                    reader({"audio": r["audio"][None, at : at + 10] / 32768})["prediction"][0]
                    for at in range(0, 90, 10)
                ],
                0,
            )
            for r in records
        ]
    )
    assert report.counts["segments"] == 30 * 9
    assert report.metrics["roc_auc"] == pytest.approx(roc_auc_score(truth(records), scores))
    expected = average_precision_score(truth(records), scores)
    assert report.metrics["pr_auc"] == pytest.approx(expected)
    assert "consecutive segments of 10 samples" in report.protocol


def test_a_long_clip_is_no_louder_than_a_short_one():
    """The mean of a clip's segments, however many there are: a sum would rank by length."""
    records = clips(6, 10)
    for n, record in enumerate(records):
        record["tags"] = np.array([n < 3, n % 2, 1, 1], np.uint8)
        record["audio"] = np.full((10 if n < 3 else 50, 1), 3000 if n < 3 else 2000, np.int16)

    def level(batch):
        return {"prediction": np.repeat(batch["audio"].mean((1, 2))[:, None], 4, 1)}

    evaluation = Tagging(10, batch=4)
    scores = [c.total[0] / c.segments for c in evaluation.clip_scores(level, records)]
    np.testing.assert_allclose(scores, [3000 / 32768] * 3 + [2000 / 32768] * 3, rtol=1e-5)
    report = evaluation.run(level, records, INFO)
    rock = {row["tag"]: row for row in report.tables["per_tag"]}["rock"]
    assert rock["roc_auc"] == 1 and report.counts["segments"] == 3 + 15


def test_ways_to_cut():
    ramp = np.arange(95, dtype=np.float32)[:, None]
    starts = lambda how: [float(segment[0, 0]) for segment in how.cut(ramp)]  # noqa: E731
    assert starts(Tagging(30)) == [0, 30, 60]
    assert starts(Tagging(30, hop=20)) == [0, 20, 40, 60]
    assert starts(Tagging(30, segments=4)) == [0, 16, 32, 48]  # hop (95 - 30) // 4
    short = list(Tagging(100).cut(ramp))
    assert len(short) == 1 and short[0].shape == (100, 1) and not short[0][95:].any()
    assert len(list(Tagging(100, segments=3).cut(ramp))) == 3
    with pytest.raises(BadInput, match="give one"):
        Tagging(30, hop=20, segments=4)


def test_unknown_labels_are_masked_and_undefined_tags_named():
    records = clips()
    for index, record in enumerate(records):
        record["tags"][3] = 0  # no harp anywhere
        if index % 3 == 0:
            record["known"] = np.array([0, 1, 1, 1], np.uint8)
            record["tags"][0] = 1 - record["tags"][0]  # would be wrong, if it were looked at
    report = Tagging(95).run(perfect(records), records, INFO)
    unmasked = [{**record, "known": np.ones(4, np.uint8)} for record in records]
    rows = {row["tag"]: row for row in report.tables["per_tag"]}
    assert report.metrics["roc_auc"] == 1 and rows["rock"]["known"] == 20
    assert report.counts["undefined_roc_auc"] == report.counts["undefined_pr_auc"] == 1
    assert report.counts["unknown_labels"] == 10
    assert "harp" in report.protocol and np.isnan(rows["harp"]["roc_auc"])
    flipped = Tagging(95).run(perfect(clips()), unmasked, INFO)
    assert flipped.metrics["roc_auc"] < 0.95


def test_grouping_by_track_averages_all_its_records():
    records = clips()
    by_track = Tagging(10, group="track").run(reader, records, INFO)
    assert by_track.counts["tracks"] == 15 and by_track.counts["segments"] == 270
    limited = Tagging(10, group="track").run(reader, records, INFO, limit=4)
    assert limited.counts["tracks"] == 4 and limited.counts["segments"] == 4 * 2 * 9


def test_one_class_per_clip_gives_accuracy():
    records = clips(12)
    for index, record in enumerate(records):
        record["tags"] = np.eye(4, dtype=np.uint8)[index % 4]
    report = Tagging(95).run(perfect(records), records, INFO)
    assert report.metrics["accuracy"] == 1 and report.counts["without_one_tag"] == 0
    several = [dict(record) for record in records]
    several[3]["tags"] = np.uint8([1, 1, 0, 1])  # accuracy is not asked of these
    several[4]["tags"] = np.uint8([0, 0, 0, 0])
    several[5]["known"] = np.uint8([1, 0, 1, 1])
    report = Tagging(95).run(perfect(records), several, INFO)
    assert report.metrics["accuracy"] == 1 and report.counts["without_one_tag"] == 3
    wrong = [dict(record) for record in several]
    wrong[0]["tags"] = np.roll(wrong[0]["tags"], 1)
    report = Tagging(95).run(perfect(records), wrong, INFO)
    assert report.metrics["accuracy"] == pytest.approx(8 / 9)
    for record in several[:6]:
        record["tags"] = np.uint8([1, 1, 0, 1])  # most have several: this is no choice of one
    assert "accuracy" not in Tagging(95).run(perfect(records), several, INFO).metrics


def test_tags_that_all_clips_have_or_none_are_no_part_of_the_score():
    records = clips(12)
    for record in records:
        record["tags"][:] = (1, 0, 1, 1)
    report = Tagging(95).run(perfect(records), records, INFO)
    assert not {"pr_auc", "roc_auc"} & set(report.metrics)
    assert report.counts["undefined_pr_auc"] == report.counts["undefined_roc_auc"] == 4


def test_wrong_number_of_tags_and_no_clips():
    with pytest.raises(BadInput, match=r"scores \[3\] for labels \[4\]"):
        Tagging(95).run(lambda batch: {"prediction": np.zeros((16, 3))}, clips(2), INFO)
    with pytest.raises(BadInput, match="no clips"):
        Tagging(95).run(reader, [], INFO)


def test_batches_have_one_shape_and_keep_the_order():
    shapes = set()

    def predict(batch):
        shapes.add(batch["x"].shape)
        return {"y": 2 * batch["x"]}

    results = list(in_batches(predict, ({"x": np.full(3, i)} for i in range(10)), 4))
    assert [int(row["y"][0]) for row in results] == [2 * i for i in range(10)]
    assert shapes == {(4, 3)}


def test_report_on_disk(tmp_path):
    records = clips()
    save_report(Tagging(10).run(reader, records, INFO), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "report.json",
        "scores.npz",
        "per_tag.csv",
        "tags.png",
    }
    assert (tmp_path / "per_tag.csv").read_text().startswith("tag,roc_auc,pr_auc,positives,known\n")


def test_a_users_file_becomes_tags_at_any_rate(tmp_path):
    sound = tmp_path / "song.wav"
    soundfile.write(sound, np.full((4410, 2), 0.5, np.float32), 4410)
    info = Info("toy", 2000, 1, LABELS, "CC0", "")
    line = Tagging(200, batch=4).predict_file(reader, sound, tmp_path / "out", info)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"tags.csv", "tags.json", "taggram.png", "page.html"}
    assert line.startswith("song.wav: ") and line.count("0.8") == 4 and "; 1.0 s, look at " in line
    assert json.loads((tmp_path / "out" / "tags.json").read_text())["segments"] == 10
