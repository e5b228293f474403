"""Copy synthesis: perfect, quiet, silent and out-of-tune copies, against librosa."""

import librosa
import numpy as np
import pytest

from zoo.data.source import Info
from zoo.errors import BadInput
from zoo.evaluation import steady_notes
from zoo.evaluation.vocoding import Vocoding, common, record_distances
from zoo.metrics import steady_pitch
from zoo.signal import mel

INFO = Info("x", 16_000, 1, (), "", "")
SPEC = mel.MelSpec(16_000, 512, 128, 20, mel.log10_clamp, exponent=1)
EVALUATION = Vocoding(SPEC, batch=2, notes=0)


def records():
    """Two of one length, of which one is silent and one filled up with zeros; one too short."""
    random = np.random.default_rng(0)
    found = [
        {"track": str(i), "audio": (random.uniform(-0.5, 0.5, (n, 1)) * 32767).astype(np.int16)}
        for i, n in enumerate((4200, 4200, 4200, 1000))
    ]
    found[1]["audio"][:] = 0
    found[2]["audio"][3000:] = 0
    found[2]["length"] = 3000
    return found


def run(change, evaluation=EVALUATION, given=None, **how):
    def predict(batch):
        return {"audio": np.stack([change(x) for x in batch["audio"]])}

    return evaluation.run(predict, given or records(), INFO, **how)


def test_a_perfect_copy_is_at_distance_zero():
    report = run(lambda x: x, limit=4)
    assert set(report.metrics) == {
        "log_mel_l1",
        "own_log_mel_l1",
        "spectral_convergence",
        "log_stft_l1",
        "multi_resolution_stft",
    }
    assert all(value == pytest.approx(0, abs=1e-6) for value in report.metrics.values())
    assert report.counts == {"records": 2, "silent_records": 1, "too_short_records": 1}
    assert EVALUATION.monitor == ("log_mel_l1", "min")


def test_half_the_level_is_ln_2_away_in_the_common_unit_and_less_in_log10():
    """Zeros that fill up a record do not thin the means out."""
    report = run(lambda x: x / 2, limit=4)
    for row in report.tables["per_record"]:
        assert row["log_mel_l1"] == pytest.approx(np.log(2), rel=0.07)
        assert row["own_log_mel_l1"] == pytest.approx(np.log10(2), rel=0.07)
        assert row["spectral_convergence"] == pytest.approx(0.5, rel=1e-3)
    assert report.tables["per_record"][1]["samples"] == 3000


def test_equals_librosa_on_a_whole_record():
    def lowered(x):
        return np.convolve(x.ravel(), [0.5, 0.3, 0.2], "same").reshape(x.shape)

    report = run(lowered, limit=1)
    audio = records()[0]["audio"][: 4200 // 128 * 128].astype(np.float32) / 32768
    spec, pair = common(16_000), []
    for x in (audio, lowered(audio)):
        padded = np.pad(x[:, 0], 384, mode="reflect")
        spectrum = np.abs(librosa.stft(padded, n_fft=1024, hop_length=256, center=False))
        bank = librosa.filters.mel(sr=16_000, n_fft=1024, n_mels=80, fmax=spec.high)
        pair.append(np.log(np.maximum(bank @ spectrum, 1e-5)))
    assert report.metrics["log_mel_l1"] == pytest.approx(np.abs(pair[0] - pair[1]).mean(), rel=1e-3)


def test_floors_and_ceilings_stand_beside():
    time = np.arange(8192) / 16_000
    tone = (0.3 * np.sin(2 * np.pi * 330 * time) * 32767).astype(np.int16)[:, None]
    metrics = run(lambda x: x, given=[{"track": "a", "audio": tone}]).metrics
    assert metrics["floor/silence_spectral_convergence"] == pytest.approx(1, abs=1e-3)
    assert metrics["floor/silence_log_mel_l1"] > 1
    assert 0 < metrics["ceiling/true_magnitudes_spectral_convergence"] < 0.3


def test_a_likelihood_is_reported_in_bits():
    def predict(batch):
        return {"audio": batch["audio"], "nats": np.full(len(batch["audio"]), -3 * np.log(2))}

    report = Vocoding(SPEC, notes=0, monitored="bits_per_sample").run(
        predict, records(), INFO, limit=1
    )
    assert report.metrics["bits_per_sample"] == pytest.approx(-3)


def combed(row, hop):
    """Every second of audio as multiples of the hop's frequency nearest to its notes."""
    spectrum = np.fft.rfft(row[:, 0])
    frequencies = np.fft.rfftfreq(len(row), 1 / 16_000)
    period = 16_000 / hop
    teeth = np.round(frequencies / period) * period
    moved = np.zeros_like(spectrum)
    np.add.at(moved, np.round(teeth * len(row) / 16_000).astype(int), np.abs(spectrum))
    return np.fft.irfft(moved, len(row)).astype(np.float32)[:, None]


@pytest.mark.parametrize("hertz, tooth", [(440.0, 437.5), (261.63, 250.0), (196.0, 187.5)])
def test_the_comb_of_a_hop_is_measured_in_cents(hertz, tooth):
    note = steady_notes.harmonic_tone(hertz, 16_000, 16_000)
    assert abs(steady_pitch.cents_off(note, 16_000, hertz)) <= 0.5
    comb = combed(note[:, None], 256)[:, 0]
    expected = 1200 * np.log2(tooth / hertz)
    assert steady_pitch.cents_off(comb, 16_000, hertz) == pytest.approx(expected, abs=1)


def test_the_middle_three_fifths_of_notes_are_measured(monkeypatch):
    monkeypatch.setattr(steady_pitch, "cents_off", lambda note, *_, **__: note[[0, -1]])
    audio = np.arange(2_000.0)[None, :, None]
    found = steady_notes.errors(audio, [[440.0, 220.0]], 1_000)
    np.testing.assert_array_equal(found, [[200, 799], [1_200, 1_799]])


def test_the_multi_resolution_distance_is_the_sum_of_its_two_terms():
    terms = {"stft_convergence": np.array([0.25]), "log_stft_l1": np.array([0.5])}
    audio = np.zeros((600, 1), np.float32)
    found = record_distances(lambda fake, real: dict(terms), audio, audio, 600)
    assert found == {"log_stft_l1": 0.5, "multi_resolution_stft": 0.75}


def test_partials_end_short_of_half_the_rate():
    found = np.abs(np.fft.rfft(steady_notes.harmonic_tone(1000.0, 16_000, 16_000)))
    levels = 0.1 * 16_000 / np.arange(1, 8)  # those up to 7 of at most 7.2 kHz
    np.testing.assert_allclose(found[1000:8000:1000], levels, rtol=0.05)


def test_detuned_notes_are_as_far_off_as_they_are():
    audio, hertz = steady_notes.scale(2, 32_000, 16_000)
    assert audio.shape == (2, 32_000, 1) and [len(row) for row in hertz] == [2, 2]
    assert np.all(np.abs(steady_notes.errors(audio, hertz, 16_000)) <= 0.5)
    sharp = [[pitch / 2 ** (30 / 1200) for pitch in row] for row in hertz]
    off = steady_notes.errors(audio, sharp, 16_000)
    np.testing.assert_allclose(off, 30, atol=0.6)
    assert steady_notes.note_error_scores(off)["within_20_cents"] == 0
    np.testing.assert_allclose(steady_notes.errors(0.02 * audio + 0.1, hertz, 16_000), 0, atol=0.5)
    for residue in (np.zeros_like(audio), 0.005 * audio, 0.005 * audio + 0.1):
        silent = steady_notes.errors(residue, hertz, 16_000)
        assert np.all(np.isnan(silent))
        assert steady_notes.note_error_scores(silent)["within_20_cents"] == 0


def test_steady_notes_go_through_the_vocoder():
    evaluation = Vocoding(SPEC, batch=2, notes=3)
    report = run(lambda x: x, evaluation, limit=1)
    assert report.metrics["within_20_cents"] == 1 and report.counts["notes"] == 3
    assert run(lambda x: x * 0 + 0.1, evaluation, limit=1).metrics["within_20_cents"] == 0


def test_nothing_to_compare():
    with pytest.raises(BadInput, match="longer than 512"):
        run(lambda x: x, given=records()[1:2])


def test_the_common_front_end_is_hifigans():
    assert common(22_050) == mel.HIFIGAN
    assert common(44_100).n_fft == 2048 and common(8000).high == 4000
