"""One step of the families that learn windows: transport, energies, scores; and of quantiles."""

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import cdist
from twin_step import assert_step, drawn, fixed

from zoo.objectives.energy_based import EnergyBased
from zoo.objectives.implicit_quantiles import ImplicitQuantiles
from zoo.objectives.score_matching import ScoreMatching
from zoo.objectives.wasserstein_autoencoder import WassersteinAutoencoder
from zoo.sampling.noise_processes import Annealed, VarianceExploding, VariancePreserving

RNG = np.random.default_rng(8)
WEIGHTS = nn.initializers.ones


class Halves(nn.Module):
    """Two latents, a share of the sums of two halves of a window; each gives its half."""

    latents: int = 2
    samples: int = 4

    @nn.compact
    def __call__(self, audio):
        w = self.param("w", WEIGHTS, (2,))
        z = w[0] * audio.reshape(-1, 2, 2).sum(-1)
        return w[1] * jnp.repeat(z, 2, -1)[..., None], z


def log_spectra(x):
    """ln magnitudes of windows [B 4 1] under the heads of three Hann windows, size by size."""
    for size in (512, 256, 128):
        head = np.sin(np.pi * np.arange(4) / size) ** 2
        found = np.abs(np.fft.rfft(x[..., 0] * head, size))
        yield np.log(np.where(found < 1e-10, 1e-5, found))


@pytest.mark.parametrize("spectral", [0.0, 0.3])
def test_wasserstein_autoencoder(monkeypatch, spectral):
    """The cost in units of the level, and the discrepancy from normal latents, by SciPy."""
    audio = RNG.normal(0, 0.5, (3, 4, 1)).astype(np.float32)
    noise = RNG.normal(size=(3, 2))
    fixed(monkeypatch, "normal", {(3, 2): noise})
    objective = WassersteinAutoencoder(Halves(), penalty=0.7, level=0.5, spectral=spectral)

    def loss(w):
        z = w["w"][0] * np.float64(audio).reshape(-1, 2, 2).sum(-1)
        again = w["w"][1] * np.repeat(z, 2, -1)[..., None]
        apart, spectra = 0.0, zip(log_spectra(again), log_spectra(np.float64(audio)))
        for width in 4 * np.array([0.1, 0.2, 0.5, 1, 2, 5, 10]):
            own, other, both = (
                width / (width + cdist(a, b, "sqeuclidean"))
                for a, b in ((z, z), (noise, noise), (z, noise))
            )
            apart += (own.sum() + other.sum() - 6) / 6 - 2 * both.mean()
        cost = np.square(again - audio).mean() / 0.25
        return cost + 0.7 * apart + spectral * sum(np.abs(a - b).mean() for a, b in spectra)

    assert_step(objective, drawn(objective, {"audio": audio}), {"audio": audio}, "model", loss)


class Parabola(nn.Module):
    """Energies a x^2 + b x, summed over a window."""

    @nn.compact
    def __call__(self, x, *, train=False):
        w = self.param("w", WEIGHTS, (2,))
        return (w[0] * x**2 + w[1] * x).sum((1, 2))


def test_energies_of_data_and_of_where_chains_lead():
    """Not through the chains themselves, which go on in their places, bound where they must be."""
    audio = RNG.normal(0, 0.2, (4, 3, 1)).astype(np.float32)
    how = dict(scale=0.2, step=0.3, noise=0.0, steps=2, bound=0.3, buffer=4, fresh=0.0, square=0.1)
    objective = EnergyBased(Parabola(), **how)
    variables = drawn(objective, {"audio": audio})
    chains = RNG.normal(size=(4, 3, 1)).astype(np.float32)
    variables.collections["model"]["replay"]["chains"] = jnp.asarray(chains)
    a, b = np.float64(variables.params["model"]["w"])
    moved = np.float64(chains)
    for _ in range(2):
        moved = np.clip(moved - 0.3 * (2 * a * moved + b), -0.3, 0.3)
    assert (np.abs(moved) == 0.3).any() and (np.abs(moved) < 0.3).any()

    def loss(w):
        energy = lambda x: (w["w"][0] * x**2 + w["w"][1] * x).sum((1, 2))  # noqa: E731
        low, high = energy(audio / 0.2), energy(moved)
        return low.mean() - high.mean() + 0.1 * (np.square(low).mean() + np.square(high).mean())

    after, _ = assert_step(objective, variables, {"audio": audio}, "model", loss)
    kept = after.collections["model"]["replay"]["chains"]
    np.testing.assert_allclose(kept, moved, atol=1e-5)


class Linear(nn.Module):
    """Minus the noise as a share of what is seen, by how much noise there is."""

    @nn.compact
    def __call__(self, x, deviation):
        w = self.param("w", WEIGHTS, (2,))
        return w[0] * x + w[1] * deviation[:, None, None]


PROCESSES = {
    "annealed": (Annealed(2.0, 0.5, 3), lambda u: (1 + 0 * u, 2.0 * 0.5 ** np.floor(3 * u))),
    "exploding": (VarianceExploding(8.0, 0.5), lambda u: (1 + 0 * u, 0.5 * 16**u)),
    "preserving": (
        VariancePreserving(0.1, 20.0, earliest=0.0),
        lambda u: (
            np.exp(-(19.9 * u**2 / 2 + 0.1 * u) / 2),
            np.sqrt(1 - np.exp(-(19.9 * u**2 / 2 + 0.1 * u))),
        ),
    ),
}


@pytest.mark.parametrize("name", PROCESSES)
def test_score_matching(name, monkeypatch):
    process, law = PROCESSES[name]
    audio, noise = RNG.normal(size=(2, 3, 4, 1))
    u = np.array([0.1, 0.4, 0.9])
    fixed(monkeypatch, "uniform", {(3,): u})
    fixed(monkeypatch, "normal", {(3, 4, 1): noise})
    objective = ScoreMatching(Linear(), process, 4, scale=0.4)
    batch = {"audio": np.float32(audio)}
    factor, deviation = (each[:, None, None] for each in law(u))
    noisy = factor * np.float32(audio) / 0.4 + deviation * noise

    def loss(w):
        seen = noisy / np.sqrt(factor**2 + deviation**2)
        return np.square(w["w"][0] * seen + w["w"][1] * deviation + noise).mean()

    assert_step(objective, drawn(objective, batch), batch, "model", loss)


class Levels(nn.Module):
    """A value linear in the sample before and in the level."""

    @nn.compact
    def __call__(self, audio, levels, *, train=False):
        w = self.param("w", WEIGHTS, (3,))
        late = jnp.pad(audio, ((0, 0), (1, 0), (0, 0)))[:, :-1]
        return w[0] * late + w[1] * levels + w[2]


def test_implicit_quantiles(monkeypatch):
    """On both sides of the knee and of the value."""
    audio = RNG.uniform(-1, 1, (2, 9, 1)).astype(np.float32)
    levels = RNG.uniform(size=(2, 9, 4))
    fixed(monkeypatch, "uniform", {(2, 9, 4): levels})
    objective = ImplicitQuantiles(Levels(), draws=4, knee=0.4)

    def loss(w):
        late = np.pad(np.float64(audio), ((0, 0), (1, 0), (0, 0)))[:, :-1]
        error = audio - (w["w"][0] * late + w["w"][1] * levels + w["w"][2])
        inside = np.abs(error) <= 0.4
        assert inside.any() and (~inside).any()
        huber = np.where(inside, error**2 / 0.8, np.abs(error) - 0.2)
        return np.mean(np.where(error < 0, 1 - levels, levels) * huber)

    assert_step(objective, drawn(objective, {"audio": audio}), {"audio": audio}, "model", loss)
