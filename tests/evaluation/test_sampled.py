"""Generated clips as a cloud: the held-out clips themselves, other ones, and a collapse."""

import librosa
import numpy as np
import pytest

from zoo.data.source import Info
from zoo.errors import BadInput
from zoo.evaluation import sampled
from zoo.signal import mel

INFO = Info("x", 8000, 1, (), "", "")
EVALUATION = sampled.Sampled(2048, batch=4, bins=4, parts=2)


def tones(count, low, high, seed):
    random = np.random.default_rng(seed)
    hz = random.uniform(low, high, (count, 1))
    decay = np.exp(-np.arange(2048) / random.uniform(300, 3000, (count, 1)))
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(2048) / 8000) * decay)[..., None]


def run(made, held=None, **how):
    held = tones(24, 200, 2000, 0) if held is None else held
    records = [
        {"audio": np.round(x * 32767).astype(np.int16), "family": i % 3} for i, x in enumerate(held)
    ]

    def predict(batch):
        return {"audio": made[np.asarray(batch["index"]) % len(made)].astype(np.float32)}

    return EVALUATION.run(predict, records, INFO, **how)


def test_nearer_clips_are_nearer():
    same = run(tones(24, 200, 2000, 0)).metrics
    like = run(tones(24, 200, 2000, 1)).metrics
    other = run(tones(24, 2500, 3500, 1)).metrics
    assert same["frechet"] < 1e-2 < like["frechet"] < other["frechet"] / 4
    assert 0.3 < like["frechet"] / like["floor"] < 3
    assert same["spread"] == pytest.approx(1, abs=1e-2)
    assert EVALUATION.monitor == ("frechet", "min")


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
