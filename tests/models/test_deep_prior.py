"""Untrained priors: sizes, harmonics, and what a fit does with noise and holes."""

import jax
import numpy as np
import pytest
import soundfile
from scipy.integrate import quad

import zoo
from zoo.errors import BadInput
from zoo.evaluation.restoration import (
    Restoration,
    interpolated,
    signal_to_noise,
    spectral_gate,
)
from zoo.models.generation import deep_prior
from zoo.objectives.base import Request
from zoo.objectives.deep_prior import DeepPrior
from zoo.sampling.rule import SamplerRule
from zoo.sampling.spans import parse_spans

KEY = jax.random.key(0)
RATE, SAMPLES = 8000, 2048
TIME = np.arange(3 * SAMPLES) / RATE
TONE = (0.3 * np.sin(2 * np.pi * 250 * TIME) + 0.1 * np.sin(2 * np.pi * 500 * TIME))[:, None]
TONE = TONE.astype(np.float32)


@pytest.mark.parametrize("kind", ["waveform", "dilated", "spectrogram", "harmonic"])
def test_every_kind_makes_audio_of_its_noise(kind):
    model = deep_prior.of_kind(kind, width=2, levels=2)
    z = np.zeros((1, *model.noise_shape(4096)), np.float32)
    audio, variables = jax.eval_shape(lambda: model.init_with_output(KEY, z))
    assert audio.shape == (1, 4096, 1) and set(variables) == {"params"}


def test_harmonic_convolutions_read_multiples_of_a_bin():
    x = np.random.default_rng(0).normal(size=(1, 2, 7, 3)).astype(np.float32)
    y = np.asarray(deep_prior.multiples(x, 3)).reshape(1, 2, 7, 3, 3)
    for place in range(7):
        for k in (1, 2, 3):
            wanted = x[:, :, k * place] if k * place < 7 else 0
            np.testing.assert_array_equal(y[:, :, place, k - 1], wanted)
    two = np.arange(8.0).reshape(1, 2, 4, 1)
    np.testing.assert_allclose(np.ravel(deep_prior.halved(two)), [2.5, 4.5])
    np.testing.assert_allclose(deep_prior.halved(deep_prior.upsample_nearest(two)), two)


@pytest.fixture(scope="module")
def prior():
    model = deep_prior.WaveformPrior(8, 4)
    return DeepPrior(model, SAMPLES, steps=60, looks=3, learning_rate=0.02, smoothing=0.8)


def test_fits_sound_before_noise_and_fills_a_hole(prior):
    """The clip comes nearer than what was given of it; in the hole nothing was known."""
    noise = 0.1 * np.random.default_rng(0).normal(size=(SAMPLES, 1)).astype(np.float32)
    known = np.ones((SAMPLES, 1), np.float32)
    known[1000:1040] = 0
    clean = TONE[:SAMPLES]
    batch = {"audio": (clean + noise)[None]}
    made = prior.predict({}, batch, KEY)
    assert made["looks"].shape == (1, 3, SAMPLES, 1)
    np.testing.assert_array_equal(made["audio"], made["looks"][:, -1])
    assert signal_to_noise(clean, made["audio"][0]) > signal_to_noise(clean, batch["audio"][0]) + 1
    filled = prior.predict({}, {"audio": (clean * known)[None], "known": known[None]}, KEY)
    audio = np.asarray(filled["audio"][0])
    np.testing.assert_allclose(audio[known > 0], clean[known > 0], atol=1e-6)
    assert signal_to_noise(clean[known == 0], audio[known == 0]) > 3  # zeros have 0


def test_files_are_whole_and_only_holes_change(prior):
    """Windows fade into each other; a hole is filled from what is around it."""
    source = TONE[:5000]
    request = Request(5000, 2, source=source, chunk=600, holes=((2000, 2030),))
    chunks = list(prior.generate({}, request))
    audio = np.concatenate(chunks, 1)
    assert audio.shape == (2, 5000, 1) and max(c.shape[1] for c in chunks) <= 600
    rest = np.delete(np.arange(5000), np.arange(2000, 2030))
    np.testing.assert_allclose(audio[0, rest], source[rest], atol=1e-6)
    assert np.abs(audio[0, 2000:2030] - audio[1, 2000:2030]).max() > 1e-4
    whole = np.concatenate(list(prior.generate({}, Request(5000, source=source, chunk=600))), 1)
    assert whole.shape == (1, 5000, 1) and signal_to_noise(source, whole[0]) > 6
    steps = np.abs(np.diff(whole[0, :, 0]))
    assert steps.max() < 3 * np.abs(np.diff(source[:, 0])).max()  # no seam


def test_floors_do_what_they_are_for():
    random = np.random.default_rng(1)
    noisy = TONE[:, 0] + 0.1 * random.normal(size=len(TONE))
    assert signal_to_noise(TONE[:, 0], TONE[:, 0] + 0.1) == pytest.approx(
        10 * np.log10(np.square(TONE).mean() / 0.01), abs=1e-3
    )
    assert np.isfinite(spectral_gate(noisy)).all() and len(spectral_gate(noisy)) == len(noisy)
    white = random.normal(size=60_000)  # whose powers are exponential, by what they have on average
    kept, _ = quad(lambda p: p * np.exp(-p) * max(1 - 2 / p, 0.05), 0, 40, points=[2 / 0.95])
    assert np.mean(white * spectral_gate(white)) == pytest.approx(kept, rel=0.05)
    given = Restoration(len(TONE), noise_db=13.0)._degraded(TONE, 0, RATE)["audio"]
    assert signal_to_noise(TONE, given) == pytest.approx(13, abs=0.3)
    hole = np.zeros(len(TONE), bool)
    hole[3000:3100] = True
    made = interpolated(np.where(hole, 0, TONE[:, 0]), hole)
    assert signal_to_noise(TONE[hole, 0], made[hole]) > 40 and (made[~hole] == TONE[~hole, 0]).all()


def test_spans_of_seconds():
    assert parse_spans("0.5-0.75, 1-1.001", 1000, 2000) == ((500, 750), (1000, 1001))
    assert parse_spans([(0, 2)], 1000, 2000) == ((0, 2000),)
    for wrong in ("1", "a-b", "1-0.5", "1.9-2.5", "nan-1"):
        with pytest.raises(BadInput, match="span"):
            parse_spans(wrong, 1000, 2000)


def test_holes_of_a_file_by_the_front_door(tmp_path):
    """`zoo.create` and `sample.py` fill the same holes; others say that they fill none."""
    from zoo.cli import sample
    from zoo.experiment import find_config

    name = "deep_prior_score_render"
    system = zoo.create(name, **find_config(name).entry.smoke)
    song = np.concatenate([TONE, TONE])[:4000]
    made = system.reconstruct(song, 16_000, holes=[(0.1, 0.11)])
    changed = np.flatnonzero(np.abs(made - song).max(1) > 1e-3)
    assert made.shape == song.shape and changed.min() >= 1600 and changed.max() < 1760
    soundfile.write(tmp_path / "song.wav", song, 16_000, subtype="FLOAT")
    words = [f"{k}={v}" for k, v in find_config(name).entry.smoke.items()]
    asked = ["--config", name, "--input", str(tmp_path / "song.wav"), "--out", str(tmp_path)]
    asked += ["--force", "--holes", "0.1-0.11", *words]
    assert sample.main([*asked[:4], "--out", str(tmp_path / "out"), *asked[6:]]) == 0
    written, _ = soundfile.read(tmp_path / "out" / "song.wav")
    np.testing.assert_allclose(written, made[:, 0], atol=1e-4)
    with pytest.raises(BadInput, match="no holes"):
        vocoder = zoo.create("griffin_lim_score_render", size="tiny", iterations=2)
        vocoder.vocode(song, 16_000, holes=[(0.1, 0.11)])
    with pytest.raises(BadInput, match="temperature"):
        next(
            system.experiment.objective.generate(
                {}, Request(10, source=song, rule=SamplerRule(top_k=3))
            )
        )
