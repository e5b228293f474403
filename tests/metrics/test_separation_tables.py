"""Tables of museval's schema: written as museval writes them, aggregated by three named rules."""

import gzip
import json
import math

import numpy as np
import pytest

from zoo.errors import BadInput
from zoo.metrics.bss_eval import bss_eval
from zoo.metrics.separation_tables import (
    average_over_targets,
    match_length,
    mean_of_track_medians,
    median_of_track_medians,
    pooled_frames,
    read_tables,
    score_track,
    target_tables,
    write_museval_json,
)

NAN = math.nan


def table(**targets: list[float]) -> dict:
    """A museval table in which all four ratios of a frame are offset by 0, 10, 20, 30 dB."""
    metrics = ("SDR", "SIR", "SAR", "ISR")
    return {
        "targets": [
            {
                "name": name,
                "frames": [
                    {
                        "time": float(k),
                        "duration": 1.0,
                        "metrics": {m: x + 10 * i for i, m in enumerate(metrics)},
                    }
                    for k, x in enumerate(ratios)
                ],
            }
            for name, ratios in targets.items()
        ]
    }


TRACKS = {
    "a": table(vocals=[1.0, 2.0, 9.0], drums=[4.0]),  # median 2
    "b": table(vocals=[NAN, 6.0, 10.0, NAN], drums=[6.0]),  # median 8
    "c": table(vocals=[-30.0], drums=[NAN]),
    "d": table(vocals=[NAN, NAN], drums=[NAN]),  # no defined frame
}


def test_median_of_track_medians():
    found = median_of_track_medians(TRACKS)
    assert found.convention == "median_of_track_medians"
    assert found.values["vocals"] == {"SDR": 2.0, "SIR": 12.0, "SAR": 22.0, "ISR": 32.0}
    assert found.values["drums"]["SDR"] == 5.0
    assert found.tracks == {"vocals": 3, "drums": 2}
    assert found.frames == {"vocals": 6, "drums": 2}
    assert found.ignored == {"vocals": 4, "drums": 2}
    assert average_over_targets(found) == 3.5


def test_mean_of_track_medians():
    found = mean_of_track_medians(TRACKS)
    assert found.convention == "mean_of_track_medians"
    assert found.values["vocals"]["SDR"] == pytest.approx((2 + 8 - 30) / 3)


def test_pooled_frames():
    found = pooled_frames(TRACKS)
    assert found.convention == "pooled_frames"
    # -30 1 2 6 9 10: deviations from 4 are 34 3 2 2 5 6.
    assert found.values["vocals"]["SDR"] == 4.0
    assert found.mad["vocals"]["SDR"] == 4.0
    assert found.mean["vocals"]["SDR"] == pytest.approx(-2 / 6)
    assert found.sd["vocals"]["SDR"] == pytest.approx(np.std([-30, 1, 2, 6, 9, 10]))
    assert found.ignored["vocals"] == 4


def test_a_target_without_any_frame_is_nan():
    for aggregate in (median_of_track_medians, mean_of_track_medians, pooled_frames):
        assert math.isnan(aggregate({"d": TRACKS["d"]}).values["drums"]["SDR"])


def test_tables_survive_the_disk(tmp_path):
    for name, content in TRACKS.items():
        write_museval_json(tmp_path / "test" / f"{name}.json", content)
    (tmp_path / "test" / "e.f.json.gz").write_bytes(gzip.compress(json.dumps(TRACKS["a"]).encode()))
    found = read_tables(tmp_path)
    assert sorted(found) == ["a", "b", "c", "d", "e.f"]
    found.pop("e.f")
    assert median_of_track_medians(found) == median_of_track_medians(TRACKS)
    with pytest.raises(BadInput, match="no museval tables"):
        read_tables(tmp_path / "nowhere")


def test_a_scored_track_follows_the_schema(separated, museval_folder):
    jsonschema = pytest.importorskip("jsonschema")
    reference, estimate = separated(2, 2_500, 1)
    names = ["vocals", "drums"]
    scored = score_track(dict(zip(names, reference)), dict(zip(names, estimate)), 1_000, taps=64)
    schema = json.loads((museval_folder / "musdb.schema.json").read_text())
    jsonschema.validate(scored, schema)
    expected = bss_eval(reference, estimate, 1_000, 1_000, taps=64)
    drums = scored["targets"][1]
    assert drums["name"] == "drums"
    assert [frame["time"] for frame in drums["frames"]] == [0.0, 1.0]
    assert drums["frames"][1]["metrics"]["SIR"] == round(expected.sir[1, 1], 5)


def test_vocals_and_accompaniment_are_their_own_problem(separated):
    stems, guesses = separated(3, 2_000, 1)
    names = ["drums", "vocals", "bass"]
    references, estimates = dict(zip(names, stems)), dict(zip(names, guesses))
    for side in (references, estimates):
        side["accompaniment"] = side["drums"] + side["bass"]
    scored = score_track(references, estimates, 1_000, taps=64)
    ours = {t["name"]: [f["metrics"] for f in t["frames"]] for t in scored["targets"]}
    assert list(ours) == ["drums", "bass", "vocals", "accompaniment"]
    pair = ("vocals", "accompaniment")
    sides = (np.stack([side[name] for name in pair]) for side in (references, estimates))
    two = bss_eval(*sides, 1_000, 1_000, taps=64)
    three = bss_eval(stems, guesses, 1_000, 1_000, taps=64)
    assert ours["vocals"][0]["SIR"] == round(two.sir[0, 0], 5)
    assert ours["bass"][1]["SIR"] == round(three.sir[2, 1], 5)
    assert abs(two.sir[0, 0] - three.sir[1, 0]) > 1e-3


def test_one_source_is_no_problem(separated):
    reference, estimate = separated(2, 1_000, 1)
    with pytest.raises(BadInput, match="at least two sources"):
        score_track({"vocals": reference[0], "bass": reference[1]}, {"vocals": estimate[0]}, 1_000)


def test_estimates_are_padded_or_cut():
    signal = np.ones((5, 2))
    assert match_length(signal, 3).shape == (3, 2)
    assert match_length(signal, 7)[:, 0].tolist() == [1, 1, 1, 1, 1, 0, 0]


def test_infinite_ratios_are_written_as_nan(separated):
    reference, _ = separated(2, 1_000, 1)
    with np.errstate(all="ignore"):
        targets = target_tables(["a", "b"], bss_eval(reference, reference, 1_000, 1_000, taps=8))
    assert math.isnan(targets[0]["frames"][0]["metrics"]["SDR"])
