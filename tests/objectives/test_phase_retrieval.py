"""Griffin-Lim as a vocoder: windows of long sources, lengths, and the loss of a learned inverse."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest

from zoo.errors import BadInput
from zoo.models.generation.mel_inversion import MelInverter, PseudoInverse
from zoo.objectives import phase_retrieval
from zoo.objectives.base import Request, Variables
from zoo.objectives.phase_retrieval import PhaseRetrieval
from zoo.signal import mel

SPEC = replace(mel.HIFIGAN, sample_rate=16_000, n_fft=256, hop=64, bins=20, pad=(96, 96))
KEY = jax.random.key(0)
TIME = np.arange(64 * 500) / 16_000
MUSIC = sum(np.sin(2 * np.pi * f * TIME * (1 + 0.02 * TIME)) for f in (330, 1230, 2500))
MUSIC = (0.2 * MUSIC * np.exp(-3 * (TIME % 0.5))).astype(np.float32)[:, None]


def distance(fake, real):
    pair = (np.asarray(x[:, 0]) for x in (fake, real))
    ours, theirs = (np.abs(librosa.stft(x, n_fft=256, hop_length=64)) for x in pair)
    return np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)


def made(objective, source, chunk=10_000, count=1):
    request = Request(len(source), source=source, chunk=chunk, count=count)
    return np.concatenate(list(objective.generate(Variables({}), request)), 1)


def test_true_magnitudes_converge_as_librosas():
    objective = PhaseRetrieval(None, SPEC)
    ours = jax.jit(objective.predict)(Variables({}), {"audio": MUSIC[None]}, KEY)["audio"][0]
    magnitude = np.abs(librosa.stft(MUSIC[:, 0], n_fft=256, hop_length=64))
    theirs = librosa.griffinlim(magnitude, hop_length=64, length=len(MUSIC), init=None)
    assert distance(ours, MUSIC) < 1.2 * distance(theirs[:, None], MUSIC) < 0.3


def test_long_sources_in_windows_are_as_good_as_one_pass(monkeypatch):
    """And windows join where they meet: no click, no cancellation."""
    objective = PhaseRetrieval(None, SPEC)
    whole = made(objective, MUSIC[: 64 * 240])[0]
    monkeypatch.setattr(phase_retrieval, "_WINDOW", 100)
    monkeypatch.setattr(phase_retrieval, "_OVERLAP", 20)
    pieces = made(objective, MUSIC[: 64 * 240])[0]
    assert pieces.shape == whole.shape == (64 * 240, 1)
    assert distance(pieces, MUSIC[: 64 * 240]) < 1.3 * distance(whole, MUSIC[: 64 * 240])
    seam = slice(80 * 64, 100 * 64)
    level = np.sqrt(np.square(pieces[seam]).mean() / np.square(MUSIC[seam]).mean())
    assert 0.8 < level < 1.2


@pytest.mark.parametrize("length", [1, 63, 64, 1000, 64 * 260 + 7])
def test_lengths_chunks_and_voices(length):
    objective = PhaseRetrieval(PseudoInverse(SPEC), SPEC, iterations=1)
    request = Request(length, source=MUSIC[:length], chunk=900, count=2)
    chunks = list(objective.generate(Variables({}), request))
    audio = np.concatenate(chunks, 1)
    assert audio.shape == (2, length, 1) and max(c.shape[1] for c in chunks) <= 900
    assert np.all(np.isfinite(audio)) and np.array_equal(*audio) and np.abs(audio).max() <= 1


def test_the_loss_of_a_learned_inverse_by_hand():
    objective = PhaseRetrieval(MelInverter(SPEC, 6, 1), SPEC, learns=True, bins=0.7, bands=0.3)
    batch = {"audio": np.stack([MUSIC[:2048], MUSIC[5000:7048]])}
    variables = objective.init(KEY, batch)
    (turn,) = objective.turns
    value, (_, metrics) = jax.jit(turn.loss)(variables, batch, KEY, 0)
    features = objective.features(jnp.asarray(batch["audio"]), SPEC)
    fake = np.asarray(objective.model.apply(variables.of("model"), features), np.float64)
    padded = np.pad(batch["audio"][..., 0], ((0, 0), (96, 96)), mode="reflect")
    real = [np.abs(librosa.stft(x, n_fft=256, hop_length=64, center=False)).T for x in padded]
    convergence = np.mean([np.linalg.norm(f - r) / np.linalg.norm(r) for f, r in zip(fake, real)])
    floored = [np.log(np.maximum(x, 1e-5)) for x in (fake, real, fake @ SPEC.filters())]
    bins = np.abs(floored[0] - floored[1]).mean()
    bands = np.abs(floored[2] - features).mean()
    np.testing.assert_allclose(metrics["convergence"], convergence, rtol=1e-3)
    np.testing.assert_allclose(value, convergence + 0.7 * bins + 0.3 * bands, rtol=1e-3)


def test_what_does_not_fit_is_said():
    with pytest.raises(BadInput, match=r"pad=\(384, 384\)"):
        PhaseRetrieval(None, mel.WAVEGLOW)
    with pytest.raises(BadInput, match="--input"):
        next(PhaseRetrieval(None, SPEC).generate(Variables({}), Request(10)))
