"""Zeros that fill up short records: no evaluation gives another number for them."""

import jax.numpy as jnp
import numpy as np
import pytest

from zoo.data.source import Info
from zoo.evaluation.base import sounding_frames, unpadded_audio
from zoo.evaluation.blind_separation import BlindSeparation
from zoo.evaluation.codes import CodeLikelihood
from zoo.evaluation.generation import Likelihood
from zoo.evaluation.global_separation import GlobalSeparation
from zoo.evaluation.latents import Latents
from zoo.evaluation.pitch import Pitch
from zoo.evaluation.played_notes import PlayedLikelihood
from zoo.evaluation.quantiles import QuantileScore
from zoo.evaluation.resynthesis import Resynthesised
from zoo.evaluation.sampled import Sampled
from zoo.evaluation.separation import Separation, mixture
from zoo.evaluation.tagging import Tagging
from zoo.evaluation.transcription import whole_pieces
from zoo.evaluation.vocoding import Vocoding
from zoo.signal import mel
from zoo.songs.segments import Segments
from zoo.songs.separating import Separator

RATE, LENGTH = 8000, 3 * 8000
INFO = Info("short", RATE, 1, ("a", "b"), "", "")


def record(seed: int, fill: int = 0, **more: object) -> dict:
    rng = np.random.default_rng(seed)
    pcm = rng.integers(-9000, 9000, (LENGTH, 1)).astype(np.int16)
    padded = np.pad(pcm, ((0, fill), (0, 0)))
    place = {"track": str(seed), "chunk": 0, "chunks": 1, "length": LENGTH}
    return {**place, "audio": padded, **more}


def stems(seed: int, fill: int = 0) -> dict:
    both = np.stack([record(seed + i, fill)["audio"] for i in (10, 20)])
    return {**record(seed, fill, stems=both), "audio": both.sum(0).astype(np.int16)}


def nats(batch):  # 4 nats a sample of sound, none for digital silence
    return {"nats": np.where(batch["audio"][..., 0] != 0, 4.0, 0.0)}


def codes(batch):
    frames = batch["audio"].reshape(len(batch["audio"]), -1, 80)
    return {"nats": (frames.std(2) > 0) * 3.0, "codes": (frames.std(2) > 0).astype(int)}


def heard(batch):
    return {"audio": 0.5 * batch["audio"] + 0.01}


def resynthesis(batch):
    level = np.square(batch["audio"]).mean((1, 2))
    return {"audio": batch["audio"], "spectral_loss": level, "loudness_l1": 2 * level}


def salience(batch):
    level = np.square(batch["audio"]).sum((1, 2))
    grid = np.eye(360)[np.minimum(level * 2, 359).astype(int)]
    return {"prediction": grid}


def scores(batch):
    level = np.abs(batch["audio"]).mean((1, 2))
    return {"prediction": np.stack([level, -level], 1)}


def halves(batch):
    mix = batch["mixture"][:, :, None]
    return {"prediction": np.concatenate([0.7 * mix, 0.3 * mix], 2)}


def bound(batch):
    level = np.square(batch["audio"]).mean((1, 2))
    kl = np.stack([level, 2 * level], 1)
    return {"nats": 4 * level, "kl": kl, "prediction": 0.5 * batch["audio"]}


def played(batch):
    keys = batch["roll"].sum((1, 2))[:, None]
    return {"nats": np.where(batch["audio"][..., 0] != 0, 4.0 + keys, 0.0)}


NOTES = {
    "onset": np.float32([0.2, 1.5]),
    "offset": np.float32([1.4, 9.0]),  # the second lasts into the zeros
    "pitch": np.int32([60, 64]),
    "velocity": np.int32([80, 70]),
}
TAGS = {"tags": np.uint8([1, 0])}, {"tags": np.uint8([0, 1])}


def quartiles(batch: dict) -> dict:
    """Around the sample itself, closer below."""
    return {"quantiles": batch["audio"] + 0.01 * np.array([-1.0, 1.0, 2.0])}


EVALUATIONS = [
    (Likelihood(4000), nats, ({}, {})),
    (Likelihood(4000, 1000), nats, ({}, {})),
    (Likelihood(4000, 1000, lead="exclude"), nats, ({}, {})),
    (CodeLikelihood(4000, 80, 2), codes, ({}, {})),
    (Latents(4000), bound, ({}, {})),
    (Latents(7000), bound, ({}, {})),
    (PlayedLikelihood(4032, 1024), played, ({"notes": NOTES}, {"notes": NOTES})),
    (Vocoding(mel.MelSpec(RATE, 512, 128, 20, jnp.log1p)), heard, ({}, {})),
    (Resynthesised(4096), resynthesis, ({}, {})),
    (Sampled(8192, noise=True), heard, ({}, {})),
    (QuantileScore(4096, 1024), quartiles, ({}, {})),
    (Pitch(1024), salience, ({"pitch": 60}, {"pitch": 70})),
    (Tagging(4000), scores, TAGS),
]


@pytest.mark.parametrize("evaluation, predict, more", EVALUATIONS, ids=lambda x: type(x).__name__)
def test_metrics_and_counts_do_not_change(evaluation, predict, more):
    reports = [
        evaluation.run(predict, [record(i, fill, **more[i]) for i in (0, 1)], INFO)
        for fill in (0, 5000, 40_000)
    ]
    assert reports[0].metrics
    for report in reports[1:]:
        assert report.metrics == pytest.approx(reports[0].metrics) and (
            report.counts == reports[0].counts
        )


def test_four_nats_a_sample_are_four_nats():
    report = Likelihood(8000).run(nats, [record(i, 5 * RATE) for i in range(3)], INFO)
    assert report.metrics["bits_per_sample"] == pytest.approx(4 / np.log(2), rel=1e-3)


def test_separation_of_short_songs():
    how = Separator(Segments(4096), RATE, 1, ("a", "b"))
    reports = [Separation(how).run(halves, [stems(i, f) for i in (0, 1)], INFO) for f in (0, 9000)]
    assert reports[0].metrics == pytest.approx(reports[1].metrics)
    assert reports[0].counts == reports[1].counts and reports[0].counts["frames"] == 6
    assert len(mixture(stems(0, 500))) == LENGTH


@pytest.mark.parametrize("kind", [GlobalSeparation, BlindSeparation])
def test_other_protocols_of_separation(kind):
    how = Separator(Segments(4096), RATE, 1, ("a", "b"))
    evaluation = kind(how) if kind is GlobalSeparation else kind(how, ("a", "b"))
    reports = [evaluation.run(halves, [stems(i, f) for i in (0, 1)], INFO) for f in (0, 9000)]
    assert reports[0].metrics == pytest.approx(reports[1].metrics)
    assert reports[0].counts == reports[1].counts


def test_sound_is_what_was_there():
    short, long = record(0, 700), record(0)
    np.testing.assert_array_equal(unpadded_audio(short), unpadded_audio(long))
    assert unpadded_audio(stems(0, 700), "stems").shape == (2, LENGTH, 1)
    assert unpadded_audio({"audio": long["audio"]}).dtype == np.float32
    curve = np.arange(400)[:, None]
    assert len(sounding_frames({**short, "f0": curve}, "f0", 64)) == 375


def test_notes_of_short_pieces_end_with_them():
    notes = {"onset": np.float32([0.5]), "offset": np.float32([1]), "pitch": np.int32([60])}
    notes["velocity"] = np.int32([80])
    (piece,) = whole_pieces([record(0, 9000, notes=notes)], RATE)
    assert len(piece.audio) == LENGTH


def test_short_one_shots_are_filled_only_where_little_is_missing():
    report = Sampled(LENGTH + 500).run(heard, [record(i, 500) for i in range(3)], INFO)
    assert report.counts == {"clips": 3, "too_short": 0}
    digits = [record(0, 500), record(1, 500), {**record(2, 500), "length": LENGTH // 2}]
    report = Sampled(LENGTH + 500).run(heard, digits, INFO)
    assert report.counts == {"clips": 2, "too_short": 1}
