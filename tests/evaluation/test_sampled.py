"""Generated clips as a cloud: the held-out clips themselves, other ones, and a collapse."""

from dataclasses import dataclass, replace

import librosa
import numpy as np
import pytest
from scipy.stats import entropy

from zoo.data.source import Info
from zoo.errors import BadInput
from zoo.evaluation import sampled
from zoo.signal import mel

LABELS = ("low", "middle", "high")
INFO = Info("x", 8000, 1, (), "", "")
EVALUATION = sampled.Sampled(2048, batch=4, bins=4, parts=2)


def tones(count, low, high, seed):
    random = np.random.default_rng(seed)
    hz = random.uniform(low, high, (count, 1))
    decay = np.exp(-np.arange(2048) / random.uniform(300, 3000, (count, 1)))
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(2048) / 8000) * decay)[..., None]


def run(made, held=None, evaluation=EVALUATION, **how):
    held = tones(24, 200, 2000, 0) if held is None else held
    records = [
        {"audio": np.round(x * 32767).astype(np.int16), "family": i % 3} for i, x in enumerate(held)
    ]

    def predict(batch):
        return {"audio": made[np.asarray(batch["index"]) % len(made)].astype(np.float32)}

    return evaluation.run(predict, records, replace(INFO, labels=LABELS), **how)


def test_nearer_clips_are_nearer():
    same = run(tones(24, 200, 2000, 0)).metrics
    like = run(tones(24, 200, 2000, 1)).metrics
    other = run(tones(24, 2500, 3500, 1)).metrics
    assert same["frechet"] < 1e-2 < like["frechet"] < other["frechet"] / 4
    assert 0.3 < like["frechet"] / like["floor"] < 3
    assert same["spread"] == pytest.approx(1, abs=1e-2)
    assert EVALUATION.monitor == ("frechet", "min")


@pytest.mark.parametrize("cents, share", [(0, 1.0), (12, 1.0), (35, 0.0)])
def test_notes_are_compared_with_the_pitch_that_they_should_have(cents, share):
    """MIDI note 60 to 83 of INFO's 8 kHz, all as many cents off."""
    notes = np.arange(60, 84)
    hertz = 440 * 2 ** ((notes + cents / 100 - 69) / 12)
    time = np.arange(8192) / 8000
    made = 0.3 * np.sin(2 * np.pi * hertz[:, None] * time)[..., None]
    evaluation = replace(EVALUATION, samples=8192, note="pitch")
    held = tones(24, 200, 2000, 0).repeat(4, 1)
    records = [
        {"audio": np.int16(30_000 * x), "pitch": note} for x, note in zip(held, notes, strict=True)
    ]
    report = evaluation.run(
        lambda batch: {"audio": made[batch["index"]].astype(np.float32)}, records, INFO
    )
    assert report.metrics["cents_off"] == pytest.approx(cents, abs=1)
    assert report.metrics["within_20_cents"] == share


def test_a_collapse_has_no_spread():
    collapsed = np.repeat(tones(1, 400, 500, 2), 24, 0)
    assert run(collapsed).metrics["spread"] < 1e-2


def test_embedding_is_librosa_s_in_equal_parts():
    clip = tones(1, 200, 2000, 3)[0].astype(np.float32)
    spec = mel.MelSpec(8000, 256, 64, 8, mel.log_clamp, exponent=1)
    ours = sampled.embedding(clip[None], spec, 4)[0]
    frames = np.log(
        np.maximum(
            librosa.feature.melspectrogram(
                y=clip[:, 0],
                sr=8000,
                n_fft=256,
                hop_length=64,
                n_mels=8,
                power=1.0,
                pad_mode="reflect",
            ),
            1e-5,
        )
    )
    wanted = np.concatenate([part.mean(1) for part in np.split(frames[:, :32], 4, 1)])
    np.testing.assert_allclose(ours, wanted, atol=1e-3)


def test_short_records_are_left_out_and_few_are_refused():
    held = list(tones(5, 200, 2000, 0))
    held[1] = held[1][:2000]
    made = tones(5, 200, 2000, 1)
    report = run(made, held)
    assert report.counts == {"clips": 4, "too_short": 1}
    assert "floor" in report.metrics and "floor" not in run(made, held[2:4]).metrics
    with pytest.raises(BadInput, match="1024"):
        sampled.Sampled(1000)
    with pytest.raises(BadInput, match="2 or more"):
        run(made, held[:2])


@dataclass(frozen=True)
class Bands:
    """Energies of three bands: as probabilities a classifier, as they are an embedding."""

    name: str = "bands"
    labels: tuple[str, ...] = LABELS

    def embeddings(self, clips, rate):
        assert rate == 8000
        spectra = np.square(np.abs([np.fft.rfft(clip[:, 0]) for clip in clips]))
        return np.stack([part.sum(1) + 1e-6 for part in np.split(spectra[:, 1:], [100, 400], 1)], 1)

    def probabilities(self, clips, rate):
        found = self.embeddings(clips, rate)
        return found / found.sum(1, keepdims=True)


BY_CLASS = replace(EVALUATION, classifier=Bands(), clips=50, splits=5)


def test_a_classifier_gives_the_inception_score_of_as_many_clips_as_asked_for():
    made = tones(10, 200, 3500, 1)
    found = run(made, evaluation=BY_CLASS)
    p = Bands().probabilities(np.resize(made, (50, 2048, 1)), 8000)
    scores = [np.exp(entropy(x.T, x.mean(0)[:, None]).mean()) for x in np.split(p, 5)]
    assert found.metrics["inception_score"] == pytest.approx(np.mean(scores), rel=1e-3)
    assert found.metrics["inception_score_deviation"] == pytest.approx(np.std(scores), abs=1e-3)
    assert found.metrics["class_entropy"] == pytest.approx(entropy(p.T).mean(), rel=1e-3)
    real = Bands().probabilities(tones(24, 200, 2000, 0), 8000)
    assert found.metrics["real/class_entropy"] == pytest.approx(entropy(real.T).mean(), rel=1e-2)
    assert found.counts["classified_clips"] == 50 and "class_accuracy" not in found.metrics
    assert "50 generated clips" in found.protocol and "classifier bands" in found.protocol
    assert run(made, evaluation=BY_CLASS, limit=20).counts["classified_clips"] == 20
    assert "inception_score" not in run(made).metrics


def test_accuracy_is_that_of_the_classes_that_were_asked_for():
    asked = np.stack([tones(1, *hertz, 3)[0] for hertz in ((50, 300), (500, 1400), (1700, 3500))])
    evaluation = replace(BY_CLASS, label="family", keys=("family",))
    assert run(asked, evaluation=evaluation).metrics["class_accuracy"] == 1
    assert run(asked[[0, 2, 1]], evaluation=evaluation).metrics["class_accuracy"] < 0.4
    other = replace(evaluation, classifier=Bands(labels=("a", "b", "c")))
    with pytest.raises(BadInput, match="knows a, b, c"):
        run(asked, evaluation=other)


def test_an_embedder_s_distances_stand_beside_and_say_what_they_depend_on():
    evaluation = replace(EVALUATION, embedder=Bands())
    near = run(tones(24, 200, 2000, 1), evaluation=evaluation)
    far = run(tones(24, 2500, 3500, 1), evaluation=evaluation)
    for name in ("frechet", "kad"):
        assert near.metrics[f"embedded/{name}"] < far.metrics[f"embedded/{name}"] / 3
    assert far.metrics["embedded/ndb_share"] == 1
    assert near.metrics["embedded/floor/frechet"] == far.metrics["embedded/floor/frechet"]
    for word in ("bands", "3 numbers", "24 generated", "8000 Hz", "of x", "sha256"):
        assert word in near.protocol, word
    assert near.protocol == far.protocol
