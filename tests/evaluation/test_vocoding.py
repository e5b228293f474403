"""Copy synthesis: a perfect copy, a quiet one, a silent one, against librosa; what is left out."""

import librosa
import numpy as np
import pytest

from zoo.data.source import Info
from zoo.errors import BadInput
from zoo.evaluation.vocoding import Vocoding
from zoo.signal import mel

INFO = Info("x", 16_000, 1, (), "", "")
SPEC = mel.MelSpec(16_000, 512, 128, 20, mel.log_clamp, exponent=1)
EVALUATION = Vocoding(4096, SPEC, batch=2)


def records():
    random = np.random.default_rng(0)
    lengths = (9000, 4096, 5000)
    found = [
        {"track": str(i), "audio": (random.uniform(-0.5, 0.5, (n, 1)) * 32767).astype(np.int16)}
        for i, n in enumerate(lengths)
    ]
    found[1]["audio"][:] = 0
    return found


def run(change, **how):
    return EVALUATION.run(lambda batch: {"audio": change(batch["audio"])}, records(), INFO, **how)


def test_a_perfect_copy_is_at_distance_zero_and_silence_is_left_out():
    report = run(lambda x: x)
    assert report.metrics == {"log_mel_l1": 0.0, "spectral_convergence": pytest.approx(0, abs=1e-6)}
    assert report.counts == {"records": 3, "windows": 3, "silent_windows": 1}
    assert EVALUATION.monitor == ("log_mel_l1", "min")


def test_half_the_level_is_ln_2_away():
    report = run(lambda x: x / 2)
    assert report.metrics["log_mel_l1"] == pytest.approx(np.log(2), rel=1e-4)
    assert report.metrics["spectral_convergence"] == pytest.approx(0.5, rel=1e-3)


def test_equals_librosa_on_a_shorter_copy():
    def lowered(x):
        return np.convolve(x.ravel(), [0.5, 0.3, 0.2], "same").reshape(x.shape)[:, :4000]

    report = run(lowered, limit=1)
    values = []
    audio = records()[0]["audio"].astype(np.float32) / 32768
    windows = audio[: 2 * 4096].reshape(2, 4096, 1)
    for real, fake in zip(windows[:, :4000], lowered(windows)):
        pair = [
            np.log(np.maximum(librosa.feature.melspectrogram(
                y=x[:, 0], sr=16_000, n_fft=512, hop_length=128, n_mels=20, power=1.0,
                pad_mode="reflect"), 1e-5))
            for x in (real, fake)
        ]  # fmt: skip
        values.append(np.abs(pair[0] - pair[1]).mean())
    assert report.metrics["log_mel_l1"] == pytest.approx(np.mean(values), rel=1e-3)
    assert report.tables["per_record"][0]["log_mel_l1"] == report.metrics["log_mel_l1"]


def test_nothing_to_compare():
    with pytest.raises(BadInput, match="4096"):
        Vocoding(4096, SPEC).run(lambda b: b, records()[1:2], INFO)
