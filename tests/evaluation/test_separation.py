"""The separation protocol against known ratios, museval's schema and hand-made aggregates."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soxr

from zoo.data.source import Info
from zoo.errors import BadInput
from zoo.evaluation.base import save_report
from zoo.evaluation.separation import Separation
from zoo.evaluation.separation_rows import aggregate, track_rows
from zoo.experiment import find_config
from zoo.songs.segments import Segments
from zoo.songs.separating import Separator

RATE, CHUNK = 1000, 1700
INFO = Info("toy", RATE, 2, ("drums", "bass", "vocals"), "CC0", "")


def tracks(silent=None):
    """Two tracks of 3 and 2 chunks; `silent` = (track, stem, seconds) is muted."""
    rng = np.random.default_rng(0)
    records = []
    for track, chunks in (("one", 3), ("two", 2)):
        stems = rng.integers(-9000, 9000, (3, chunks * CHUNK, 2)).astype(np.int16)
        if silent and silent[0] == track:
            stems[silent[1], : silent[2] * RATE] = 0
        for chunk in range(chunks):
            own = stems[:, chunk * CHUNK : (chunk + 1) * CHUNK]
            mix = own.sum(0).astype(np.int16)
            records.append({"track": track, "chunk": chunk, "stems": own, "audio": mix})
    return records


class Oracle:
    """Answers with the true stems plus noise of a known level, found by where a segment lies."""

    def __init__(self, records, sources, level):
        mixes = {}
        for record in records:
            mixes.setdefault(record["track"], []).append(record["stems"])
        self.stems = [np.concatenate(x, 1).astype(np.float32) / 32768 for x in mixes.values()]
        self.sources, self.level, self.rng = sources, level, np.random.default_rng(9)

    def __call__(self, batch):
        return {
            "prediction": np.stack(
                [self.answer(audio).swapaxes(0, 1) for audio in batch["mixture"]]
            )
        }

    def answer(self, audio):
        for stems in self.stems:
            mix = np.pad(stems.sum(0), ((0, len(audio)), (0, 0)))
            found = np.flatnonzero((mix[:, 0] == audio[0, 0]) & audio[0, 0].astype(bool))
            for at in found:
                if np.allclose(mix[at : at + len(audio)], audio, atol=1e-6):
                    padded = np.pad(stems, ((0, 0), (0, len(audio)), (0, 0)))
                    own = padded[:, at : at + len(audio)]
                    own = np.stack([own[pick].sum(0) for pick in self.sources])
                    return own * (1 + self.level * self.rng.choice([-1, 1], own.shape))
        return np.zeros((len(self.sources), *audio.shape), np.float32)


def evaluate(
    records,
    sources=("drums", "bass", "vocals"),
    picks=([0], [1], [2]),
    level=0.1,
    limit=None,
    **how,
):
    separator = Separator(Segments(640, batch=2), RATE, 2, sources)
    evaluation = Separation(separator, **how)
    oracle = Oracle(records, picks, level)
    return evaluation, evaluation.run(oracle, records, INFO, limit=limit)


def test_noise_20_db_below_scores_20_db_in_every_aggregation():
    evaluation, report = evaluate(tracks())
    nothing = ("silent_frames", "reference_silent_frames", "estimate_silent_frames")
    assert report.counts == {
        **dict.fromkeys((*nothing, "perfect_frames", "tracks_without_score"), 0),
        **{"tracks": 2, "frames": 8},
    }
    for kind in ("median_of_track_medians", "pooled_median", "mean_of_track_medians"):
        for stem in (*INFO.labels, "average"):
            assert report.metrics[f"sdr_{kind}/{stem}"] == pytest.approx(20, abs=1e-3)
    assert report.metrics["si_sdr_pooled_median/bass"] == pytest.approx(20, abs=0.3)
    assert evaluation.monitor[0] in report.metrics
    assert all(np.isfinite(value) for value in report.metrics.values())
    assert len(report.tables["per_frame"]) == 8 * 3 and "museval" in report.protocol


def test_a_mono_model_of_half_the_rate_is_scored_as_stereo_songs_are():
    """Its perfect mono stems, repeated: what lacks is the side signal, and what it cannot play."""
    rng = np.random.default_rng(0)
    low = scipy.signal.firwin(201, 0.3)
    wide = [scipy.signal.lfilter(low, 1, rng.normal(0, 5000, (6 * RATE, 2)), axis=0) for _ in "ab"]
    stems = np.stack([0.9 * x.mean(1, keepdims=True) + 0.1 * x for x in wide]).astype(np.int16)
    record = {"track": "one", "chunk": 0, "stems": stems, "audio": stems.sum(0).astype(np.int16)}
    info = Info("toy", RATE, 2, ("drums", "bass"), "CC0", "")
    halved = soxr.resample(stems.mean(2).T / 32768, RATE, RATE // 2)  # [T S]

    def known(batch):
        given = np.asarray(batch["mixture"])
        found = np.zeros((*given.shape[:2], 2, 1), np.float32)
        mix = np.pad(halved.sum(1), (0, given.shape[1]))
        for row, audio in enumerate(given[..., 0]):
            fits = [np.abs(mix[at : at + 40] - audio[:40]).max() for at in range(len(halved))]
            at = int(np.argmin(fits))
            part = halved[at : at + len(audio)]
            found[row, : len(part), :, 0] = part
        return {"prediction": found}

    how = Separator(Segments(600, batch=2), RATE // 2, 1, info.labels, stereo="downmix")
    report = Separation(how).run(known, [record], info)
    mono = np.repeat(stems.mean(2, keepdims=True), 2, 2)
    wanted = 10 * np.log10((stems.astype(float) ** 2).sum() / ((stems - mono) ** 2).sum())
    assert report.metrics["sdr_pooled_median/average"] == pytest.approx(wanted, abs=0.3)
    assert "1000 Hz, 2 channel" in report.protocol


SONGS_CONFIGS = sorted(path.stem for path in Path("configs/separation").glob("*_musdb18.py"))


@pytest.mark.parametrize("name", SONGS_CONFIGS)
def test_every_row_of_the_songs_is_scored_at_their_rate_in_stereo(name, tmp_path):
    found = find_config(name)
    for row in found.entry.rows:
        arguments = {**row.arguments, "path": str(tmp_path)}
        made = found.module.config(**arguments)
        evaluation, source = made.scored_on("test")
        assert (source.info.sample_rate, source.info.channels) == (44_100, 2)
        assert made.scored_on("validation") == (made.evaluation, made.data.source)
        how = evaluation.how
        assert how.channels == 2 or how.stereo == "downmix"
        if source is not made.data.source:
            assert source.splits == ("test",) and source.directory != made.data.source.directory


@pytest.mark.parametrize("row", ["demucs_musdb18.v1", "demucs_musdb18.v2", "conv_tasnet_musdb18"])
def test_ten_shifts_are_for_the_final_test_alone(row):
    found = find_config(row)
    made = found.module.config(**found.row.arguments)
    assert made.test.how.shifts == 10 and made.evaluation.how.shifts == 0
    assert found.module.config(shifts=0).test.how.shifts == 0


def test_perfect_separation_is_infinite_and_counted():
    _, report = evaluate(tracks(), level=0.0)
    assert report.counts["perfect_frames"] == 8 * 3
    assert not any(name.startswith("sdr_") for name in report.metrics)


def test_a_late_separator_scores_badly():
    records = tracks()
    oracle = Oracle(records, ([0], [1], [2]), 0.0)
    late = lambda batch: {"prediction": np.roll(oracle(batch)["prediction"], 1, 1)}  # noqa: E731
    report = Separation(Separator(Segments(640), RATE, 2, INFO.labels)).run(late, records, INFO)
    assert report.metrics["sdr_median_of_track_medians/average"] < 0


def test_silent_frames_are_left_out_for_all_stems_and_counted():
    _, report = evaluate(tracks(silent=("one", 1, 2)))
    assert report.counts["silent_frames"] == 2
    muted = [row for row in report.tables["per_frame"] if np.isnan(row["SDR"])]
    assert {(row["track"], row["time"]) for row in muted} == {("one", 0.0), ("one", 1.0)}
    assert len(muted) == 6
    per_track = {(row["track"], row["stem"]): row for row in report.tables["per_track"]}
    assert per_track["one", "drums"]["defined"] == 3 and per_track["one", "drums"]["frames"] == 5


def test_accompaniment_is_the_sum_of_stems_not_named():
    _, report = evaluate(tracks(), ("vocals", "accompaniment"), ([2], [0, 1]))
    assert report.metrics["sdr_pooled_median/accompaniment"] == pytest.approx(20, abs=1e-3)
    with pytest.raises(BadInput, match="no stem 'piano', only drums, bass, vocals"):
        evaluate(tracks(), ("piano",), ([0],))


def test_full_ratios_agree_with_streamed_sdr_and_survive_a_silent_track():
    records = tracks()
    _, streamed = evaluate(records, limit=1)
    _, full = evaluate(records, limit=1, ratios="full")
    for ratio in ("SDR", "SI-SDR"):
        pairs = zip(streamed.tables["per_frame"], full.tables["per_frame"], strict=True)
        np.testing.assert_allclose(
            *np.transpose([(a[ratio], b[ratio]) for a, b in pairs]), atol=1e-9
        )
    for ratio in ("isr", "sir", "sar"):
        assert np.isfinite(full.metrics[f"{ratio}_median_of_track_medians/vocals"])
    _, report = evaluate(tracks(silent=("one", 0, 6)), limit=1, ratios="full")
    assert report.counts["silent_frames"] == 5
    assert not any(name.startswith("sdr_") for name in report.metrics)


def test_limit_counts_tracks_and_reads_no_further():
    records = tracks()[:3] + [{"track": "two"}]
    separator = Separator(Segments(640), RATE, 2, INFO.labels)
    oracle = Oracle(records[:3], ([0], [1], [2]), 0.1)
    report = Separation(separator).run(oracle, records, INFO, limit=1)
    assert report.counts["tracks"] == 1


def test_zeros_that_fill_up_a_short_record_are_not_scored():
    stems = tracks()[0]["stems"][:, :1500]
    padded = np.pad(stems, ((0, 0), (0, 800), (0, 0)))  # to a second whole frame
    record = {"track": "short", "chunk": 0, "chunks": 1, "length": 1500, "stems": padded}
    for more in ({}, {"audio": padded.sum(0).astype(np.int16)}):
        _, report = evaluate([{**record, **more}, *tracks()])
        assert report.counts["frames"] == 1 + 8 and report.counts["silent_frames"] == 0


def test_three_aggregations_of_hand_made_frames():
    values = {"a": [1.0, 2.0, 9.0, np.nan], "b": [4.0, np.inf], "c": [6.0, 6.0, 7.0]}
    rows = [
        {"track": track, "stem": "vocals", "time": float(time), "SDR": value}
        for track, own in values.items()
        for time, value in enumerate(own)
    ]
    metrics = aggregate(rows)
    assert metrics["sdr_median_of_track_medians/vocals"] == 4
    assert metrics["sdr_mean_of_track_medians/vocals"] == 4
    assert metrics["sdr_pooled_median/vocals"] == 6
    assert metrics["sdr_pooled_mean/vocals"] == pytest.approx(5)
    assert track_rows(rows, ["SDR"])[0] | {"SDR": 2.0} == {
        "track": "a",
        "stem": "vocals",
        "frames": 4,
        "defined": 3,
        "SDR": 2.0,
    }


def test_museval_files_meet_its_schema_and_report_is_saved(tmp_path):
    _, report = evaluate(tracks())
    save_report(report, tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        "report.json",
        "scores.npz",
        "per_track.csv",
        "per_frame.csv",
        "sdr.png",
        "museval",
    }
    paths = sorted((tmp_path / "museval").iterdir())
    assert [path.name for path in paths] == ["one.json", "two.json"]
    table = json.loads(paths[0].read_text())
    assert [target["name"] for target in table["targets"]] == list(INFO.labels)
    assert [frame["time"] for frame in table["targets"][0]["frames"]] == [0, 1, 2, 3, 4]
    jsonschema = pytest.importorskip("jsonschema")
    schema = Path(importlib.util.find_spec("museval").origin).with_name("musdb.schema.json")
    jsonschema.validate(table, json.loads(schema.read_text()))


@pytest.mark.parametrize("ratios", ["sdr", "full"])
def test_silent_estimates_are_counted_apart_and_warned_of(ratios, capsys):
    records = tracks()
    oracle = Oracle(records, ([0], [1], [2]), 0.1)

    def mute(batch):
        prediction = np.array(oracle(batch)["prediction"])
        prediction[:, :, 1] = 0
        return {"prediction": prediction}

    separation = Separation(Separator(Segments(640), RATE, 2, INFO.labels), ratios=ratios)
    report = separation.run(mute, records, INFO)
    counts = report.counts
    assert counts["estimate_silent_frames"] == counts["frames"] == counts["silent_frames"] == 8
    assert counts["reference_silent_frames"] == counts["tracks"] == 0
    assert counts["tracks_without_score"] == 2
    assert "in 8 of 8 frames an estimate is silent" in report.protocol
    assert "an estimate is silent" in capsys.readouterr().err
    _, report = evaluate(tracks(silent=("one", 1, 2)), ratios=ratios)
    assert report.counts["reference_silent_frames"] == 2 and report.counts["tracks"] == 2
    assert report.counts["estimate_silent_frames"] == 0 and "Warning" not in report.protocol


def muted(stems):
    """The tracks of `tracks` without the stems of these numbers, by track."""
    records = tracks()
    for record in records:
        for stem in stems.get(record["track"], ()):
            record["stems"][stem] = 0
        record["audio"] = record["stems"].sum(0).astype(np.int16)
    return records


@pytest.mark.parametrize("marked", [False, True])
@pytest.mark.parametrize("ratios", ["sdr", "full"])
def test_only_the_stems_that_play_in_a_track_are_scored(marked, ratios, tmp_path):
    """20 dB wherever a stem plays; without the choice one absent stem voids all frames."""
    records = muted({"one": [0], "two": [0, 2]})
    if marked:
        for record in records:
            record["present"] = np.any(record["stems"], (1, 2)).astype(np.uint8)
    evaluation, report = evaluate(records, ratios=ratios, only_present=True)
    rows = report.tables["per_track"]
    assert [(r["track"], r["stem"]) for r in rows] == [
        ("one", "bass"),
        ("one", "vocals"),
        ("two", "bass"),
    ]
    for stem in ("bass", "vocals", "average"):
        found = report.metrics[f"sdr_median_of_track_medians/{stem}"]
        assert found == pytest.approx(20, abs=1e-3)
    assert not any(name.endswith("/drums") for name in report.metrics)
    assert report.counts["absent_stems"] == 3 and report.counts["frames"] == 8
    assert report.counts["silent_frames"] == 0 and report.counts["tracks"] == 2
    assert "3 over all tracks" in report.protocol and evaluation.monitor[0] in report.metrics
    saved = json.loads((save_report(report, tmp_path) / "report.json").read_text())
    assert saved["counts"]["absent_stems"] == 3 and saved["protocol"] == report.protocol
    museval = json.loads((tmp_path / "museval" / "two.json").read_text())
    assert [target["name"] for target in museval["targets"]] == ["bass"]
    everything = evaluate(records, ratios="sdr")[1]
    assert (
        everything.counts["silent_frames"] == 8
        and "sdr_pooled_median/bass" not in everything.metrics
    )


def test_a_model_that_takes_labels_gets_those_of_the_track():
    records = muted({"two": [1]})
    how = Separator(Segments(640, batch=2), RATE, 2, ("drums", "bass", "vocals"), labels="present")
    oracle, given = Oracle(records, ([0], [1], [2]), 0.1), []

    def predict(batch):
        given.append(batch["present"])
        return oracle({"mixture": batch["mixture"]})

    report = Separation(how, only_present=True).run(predict, records, INFO)
    rows = np.concatenate(given)
    assert {tuple(row) for row in rows} == {(1, 1, 1), (1, 0, 1)} and rows.dtype == np.uint8
    assert report.metrics["sdr_median_of_track_medians/bass"] == pytest.approx(20, abs=1e-3)


def test_a_track_of_silence_has_no_stem_to_score():
    records = muted({"two": [0, 1, 2]})
    report = evaluate(records, only_present=True)[1]
    assert report.counts["tracks"] == 1 and len(report.tables["per_track"]) == 3
