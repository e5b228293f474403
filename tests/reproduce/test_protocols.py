"""The protocols of rows on miniatures: what they make of files and of the parts that were kept."""

from functools import cache, partial

import numpy as np
import pytest
import soundfile

from zoo.reproduce import karaoke, piano_notes, published_tags
from zoo.reproduce.published_outputs import Vocoded


def test_clips_of_karaoke_are_scored_as_mir_eval(tmp_path, monkeypatch):
    """GNSDR weighs clips by length; the singers that are learnt from are no test."""
    import jax
    from mir_eval.separation import bss_eval_sources

    from zoo.models.separation.masks import IdealMask

    monkeypatch.setattr(karaoke, "_LENGTH", 8_192)
    monkeypatch.setattr(karaoke, "scoring", cache(karaoke.scoring.__wrapped__))
    folder = tmp_path / karaoke._BELOW
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    clips = {"bobon_1_01.wav": 4_000, "yifen_2_03.wav": 7_000, "amy_1_01.wav": 4_000}
    for name, length in clips.items():
        soundfile.write(folder / name, rng.uniform(-0.4, 0.4, (length, 2)), 16_000)
    way = karaoke.Masks(256, 128, "irm")
    assert way.parts(tmp_path) == ["bobon_1_01.wav", "yifen_2_03.wav"]
    found = {part: way.measure(tmp_path, part) for part in way.parts(tmp_path)}
    run = jax.jit(partial(IdealMask("irm", 2.0, 256, 128).apply, {}))
    gains, lengths = [], []
    for name in found:
        both, _ = soundfile.read(folder / name, dtype="float32")
        stems = both.T[::-1]  # the voice is on the right
        given = np.zeros((1, 8_192, 2, 1), np.float32)
        given[0, : len(both), :, 0] = stems.T
        masked = np.asarray(run(given.sum(2), given))[0, : len(both), :, 0].T
        mixture = np.repeat(both.sum(1)[None], 2, 0)
        own, plain = (
            bss_eval_sources(stems, e, compute_permutation=False)[0] for e in (masked, mixture)
        )
        gains.append(own - plain)
        lengths.append(len(both))
    outcome = way.outcome(found)
    wanted = np.average(gains, axis=0, weights=lengths)
    assert outcome.metrics["gnsdr/vocals"] == pytest.approx(wanted[0], abs=1e-3)
    assert outcome.metrics["gnsdr/accompaniment"] == pytest.approx(wanted[1], abs=1e-3)
    assert outcome.counts == {"clips": 2} and "gsir/vocals" in outcome.intervals


def test_recordings_of_a_piano_weigh_the_same():
    rows = [
        {"track": "a", "notes": 10, "note_f1": 0.5, "note_precision": 0.4, "note_recall": 0.6},
        {"track": "b", "notes": 90, "note_f1": 0.9, "note_precision": 0.8, "note_recall": 1.0},
    ]
    found = {row["track"]: {"row": row, "seconds": 90.0} for row in rows}
    outcome = piano_notes.Transcribed().outcome(found)
    assert outcome.metrics == pytest.approx(
        {"note_f1": 0.7, "note_precision": 0.6, "note_recall": 0.8}
    )
    assert outcome.counts == {"recordings": 2, "notes": 100, "minutes": 3}
    assert set(outcome.intervals) == set(outcome.metrics)


def test_the_largest_difference_of_an_output_counts():
    way = Vocoded("melgan", (0.5, -0.25, 0.0))
    outcome = way.outcome({"melgan": {"numbers": [0.5, -0.2, 0.01]}})
    assert outcome.metrics["largest_difference"] == pytest.approx(0.05)
    assert outcome.counts == {"numbers": 3}


def test_tags_count_in_their_printed_place():
    tags = dict.fromkeys(published_tags.IN_ORDER, 0.5)
    way = published_tags.InOrder()
    assert way.outcome({"clip": {"tags": tags}}).metrics == {"tags_in_place": 10}
    first, second, *rest = tags
    swapped = dict.fromkeys([second, first, *rest], 0.5)
    assert way.outcome({"clip": {"tags": swapped}}).metrics == {"tags_in_place": 8}


def test_printed_scores_are_those_of_every_clip():
    assert published_tags.printed("jazz .444, Progressive rock .048") == [
        ("jazz", 0.444),
        ("Progressive rock", 0.048),
    ]
    found = {
        clip: {"tags": dict(published_tags.printed(text))}
        for clip, text in published_tags.PRINTED.items()
    }
    found["dubstep"]["tags"]["rock"] += 0.25
    outcome = published_tags.PrintedScores().outcome(found)
    assert outcome.metrics["largest_difference"] == pytest.approx(0.25)
    assert outcome.counts == {"clips": 4, "scores": 40}


def test_predictions_are_ranked_as_scikit_learn(tmp_path):
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    truth, score = rng.integers(0, 2, (20, 3)), rng.random((20, 3))
    folder = tmp_path / "results/toys"
    folder.mkdir(parents=True)
    for name, table in (("gt", truth), ("est", score)):
        lines = [
            ",".join([f"{n}\tclip {n}", *map(repr, row)]) for n, row in enumerate(table.tolist())
        ]
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    way = published_tags.Ranked("toys")
    outcome = way.outcome({"toys": way.measure(tmp_path, "toys")})
    assert outcome.metrics["roc_auc"] == pytest.approx(roc_auc_score(truth, score, average="macro"))
    assert outcome.counts == {"clips": 20}
