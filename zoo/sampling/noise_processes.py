"""Ways to noise data little by little, and back by its score: shapes [B T C], data near one.

Score matching with Langevin dynamics (Song, Ermon 2019, arXiv 1907.05600) and stochastic
differential equations (Song et al. 2021, arXiv 2011.13456), as ermongroup/ncsn and
yang-song/score_sde have them. A process says how wide noise is at a time u in (0, 1), by which
factor the data is held down, and how noise is taken away by a score: score(x, factor, deviation).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import jax
import jax.numpy as jnp

from zoo.sampling.langevin import Normals, descend

_Score = Callable[[jax.Array, Any, Any], jax.Array]


class NoiseProcess(Protocol):
    """From data to noise and back."""

    def at(self, u: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Uniform numbers or times u [...] -> (factor of the data, deviation of the noise)."""

    def sample(self, score: _Score, begun: jax.Array, normals: Normals) -> jax.Array:
        """Standard normals [B T C] -> data; normals: of every step, by its number."""


@dataclass(frozen=True)
class Annealed:
    """Noise of some fixed widths, taken away by Langevin dynamics from the widest to the finest.

    widest, finest, levels: a geometric row. each: steps at every level, of `step` times the
    square of its width over the finest (Song, Ermon 2019, algorithm 1; 2e-5 in units of the data
    and 100 steps in its code, whose step is that of `langevin.descend`). What the finest noise
    left is taken away at the end, as Song and Ermon do since 2020.
    """

    widest: float = 1.0
    finest: float = 0.01
    levels: int = 10
    each: int = 100
    step: float = 2e-5

    def deviations(self) -> jax.Array:
        """From the widest to the finest [levels]."""
        return jnp.geomspace(self.widest, self.finest, self.levels)

    def at(self, u: jax.Array) -> tuple[jax.Array, jax.Array]:
        level = jnp.minimum((u * self.levels).astype(jnp.int32), self.levels - 1)
        return jnp.ones_like(u), self.deviations()[level]

    def sample(self, score: _Score, begun: jax.Array, normals: Normals) -> jax.Array:
        widths = self.deviations()

        def level(number: jax.Array, x: jax.Array) -> jax.Array:
            step = self.step * jnp.square(widths[number] / self.finest)
            return descend(
                lambda x: -score(x, 1.0, widths[number]),
                x,
                lambda i: normals(number * self.each + i),
                steps=self.each,
                step=step,
                noise=jnp.sqrt(2 * step),
            )

        x = jax.lax.fori_loop(0, self.levels, level, self.widest * begun)
        return x + self.finest**2 * score(x, 1.0, self.finest)


@dataclass(frozen=True)
class VarianceExploding:
    """dx = sqrt(d width^2/du) dw, of widths finest to widest as a geometric series in u.

    Taken back in `steps` of the reverse diffusion, each followed by `corrections` of Langevin
    dynamics, `snr` times the width of the noise long (score_sde's predictor and corrector, which
    takes that width from the mean length of the scores of a batch: here a voice is by itself).
    """

    widest: float = 50.0
    finest: float = 0.01
    steps: int = 1000
    corrections: int = 1
    snr: float = 0.16

    def at(self, u: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jnp.ones_like(u), self.finest * (self.widest / self.finest) ** u

    def sample(self, score: _Score, begun: jax.Array, normals: Normals) -> jax.Array:
        widths = jnp.geomspace(self.finest, self.widest, self.steps)
        finer = jnp.concatenate([jnp.zeros(1), widths[:-1]])
        back = _Back(self.steps, self.corrections, 2 * (self.snr * widths) ** 2, normals)

        def predicted(i: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array]:
            removed = widths[i] ** 2 - finer[i] ** 2
            return x + removed * score(x, 1.0, widths[i]), jnp.sqrt(removed)

        def slope(i: jax.Array, x: jax.Array) -> jax.Array:
            return score(x, 1.0, widths[i])

        return back.run(predicted, slope, self.widest * begun)


@dataclass(frozen=True)
class VariancePreserving:
    """dx = -beta x / 2 du + sqrt(beta) dw, of beta from `slow` to `fast` in proportion to u.

    Taken back as `VarianceExploding` is; without corrections it is the sampler of score_sde's
    reverse diffusion.
    """

    slow: float = 0.1
    fast: float = 20.0
    steps: int = 1000
    corrections: int = 0
    snr: float = 0.16
    earliest: float = 1e-5  # time of the least noise in training

    def at(self, u: jax.Array) -> tuple[jax.Array, jax.Array]:
        u = self.earliest + (1 - self.earliest) * u
        log_factor = -0.25 * u**2 * (self.fast - self.slow) - 0.5 * u * self.slow
        return jnp.exp(log_factor), jnp.sqrt(-jnp.expm1(2 * log_factor))

    def sample(self, score: _Score, begun: jax.Array, normals: Normals) -> jax.Array:
        betas = jnp.linspace(self.slow, self.fast, self.steps) / self.steps
        times = jnp.linspace(1e-3, 1.0, self.steps)
        factors, widths = self.at(times)
        pushes = 2 * (1 - betas) * (self.snr * widths) ** 2
        back = _Back(self.steps, self.corrections, pushes, normals)

        def predicted(i: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array]:
            mean = (2 - jnp.sqrt(1 - betas[i])) * x
            return mean + betas[i] * score(x, factors[i], widths[i]), jnp.sqrt(betas[i])

        def slope(i: jax.Array, x: jax.Array) -> jax.Array:
            return score(x, factors[i], widths[i])

        return back.run(predicted, slope, begun)


@dataclass(frozen=True)
class _Back:
    """A predictor's steps from the last to the first, each with its corrections."""

    steps: int
    corrections: int
    pushes: jax.Array  # step of a correction [steps]
    normals: Normals

    def run(
        self,
        predicted: Callable[[jax.Array, jax.Array], tuple[jax.Array, jax.Array]],
        slope: Callable[[jax.Array, jax.Array], jax.Array],
        x: jax.Array,
    ) -> jax.Array:
        """predicted(i, x) -> (mean, deviation); of the last step the mean is what comes out."""
        per = self.corrections + 1

        def one(number: jax.Array, state: tuple[jax.Array, jax.Array]) -> Any:
            i, x = self.steps - 1 - number, state[0]
            for k in range(self.corrections):
                noise, step = self.normals(number * per + k), self.pushes[i]
                x = x + step * slope(i, x) + jnp.sqrt(2 * step) * noise
            mean, deviation = predicted(i, x)
            return mean + deviation * self.normals(number * per + per - 1), mean

        return jax.lax.fori_loop(0, self.steps, one, (x, x))[1]
