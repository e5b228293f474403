"""Sound that a network finds more of a tag, a filter or a layer in, by gradient ascent.

Diego Ardila, Cinjon Resnick, Adam Roberts, Douglas Eck: "Audio DeepDream: optimizing raw audio with
convolutional networks", ISMIR 2016 (late-breaking): ascent on audio, from noise or a recording,
with regularisers on what the first layer gives. Its layers' sizes and its data are nowhere to be
had; steps, shares and the further regularisers are ours:

- A step is the gradient of each window over its own RMS, so that quiet windows move, too.
- Every step sees the sound rolled by a random time, so that the windows' borders fall elsewhere.
- What is added loses high frequencies, falling with their square; the start keeps its own.
- The RMS of the sound is capped: that of the recording, or of `loudness` from noise.
- A share `calm` of every step goes against the energy of the first layer's output.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from zoo.interpret import clips, layers
from zoo.interpret.clips import Target
from zoo.interpret.layers import AudioNetwork
from zoo.objectives.base import Tree


@dataclass(frozen=True)
class Dream:
    """Steps of `size` x the RMS that is allowed; penalty: share that what was added loses at
    Nyquist in every step; calm: as above; noise: RMS of the start where there is no recording."""

    steps: int = 64
    size: float = 0.05
    loudness: float = 0.1
    penalty: float = 0.05
    calm: float = 0.1
    noise: float = 0.01
    seed: int = 0


@dataclass(frozen=True)
class Dreamt:
    """start and sound [T C], and the mean score of the windows: before, in every step, after."""

    target: str
    rate: int
    start: np.ndarray
    sound: np.ndarray
    before: float
    after: float
    trace: np.ndarray  # [steps]

    @property
    def numbers(self) -> dict[str, np.ndarray]:
        """Arrays for an NPZ."""
        return {name: np.asarray(getattr(self, name)) for name in self.__dataclass_fields__}


def pink(shape: tuple[int, int], rms: float, seed: int) -> np.ndarray:
    """Noise [T C] whose power falls as one over the frequency, of that RMS and no mean."""
    white = np.random.default_rng(seed).standard_normal(shape)
    spectrum = np.fft.rfft(white, axis=0)
    bins = np.arange(len(spectrum))[:, None]
    x = np.fft.irfft(spectrum * (bins > 0) / np.sqrt(np.maximum(bins, 1)), shape[0], axis=0)
    return (rms * x / np.sqrt(np.mean(x**2))).astype(np.float32)


def dream(
    network: AudioNetwork,
    target: Target,
    start: np.ndarray,
    loudness: float,
    how: Dream = Dream(),
    progress: Callable[[], object] = lambda: None,
) -> Dreamt:
    """Climbs from `start` [T C], whole windows; loudness: the RMS of the sound at most."""
    origin, variables = jnp.asarray(start), network.variables
    step = jax.jit(partial(ascend_target, network, target))
    score = jax.jit(partial(clips.target_scores, network, target))
    tame = jax.jit(regularise_dream)
    windows = (-1, *network.shape)
    moves = np.random.default_rng(how.seed).integers(network.samples, size=how.steps)
    x, trace = origin, []
    # Steps from here, not in one compiled loop, in which XLA:CPU has only slow convolutions.
    for move in moves:
        rolled = jnp.roll(x, move, 0).reshape(windows)
        rolled, found = step(variables, rolled, how.size * loudness, how.calm)
        x = tame(origin, jnp.roll(rolled.reshape(origin.shape), -move, 0), loudness, how.penalty)
        trace.append(found)
        progress()
    before, after = (float(score(variables, y.reshape(windows)).mean()) for y in (origin, x))
    sound = np.asarray(x)
    return Dreamt(target.name, network.rate, start, sound, before, after, np.array(trace))


def ascend_target(
    network: AudioNetwork, target: Target, variables: Tree, x: jax.Array, size: float, calm: float
) -> tuple[jax.Array, jax.Array]:
    """(windows [N T C] after one step, the mean score before it)."""
    found, slope = jax.value_and_grad(
        lambda x: clips.target_scores(network, target, variables, x).sum()
    )(x)
    first = layers.convolutions(network)[0]
    loud = jax.grad(lambda x: clips.first_energy(network, first, variables, x).sum())(x)
    return x + size * (_unit(slope) - calm * _unit(loud)), found / len(x)


def _unit(slope: jax.Array) -> jax.Array:
    """Windows [N T C] over their own RMS."""
    return slope / (jnp.sqrt(jnp.mean(slope**2, (1, 2), keepdims=True)) + 1e-12)


def regularise_dream(start: jax.Array, x: jax.Array, loudness: float, penalty: float) -> jax.Array:
    """[T C], of which what was added to `start` loses high frequencies and mean, its RMS capped."""
    spectrum = jnp.fft.rfft(x - start, axis=0)
    relative = jnp.linspace(0, 1, len(spectrum))[:, None]
    kept = (1 - penalty * relative**2) * (relative > 0)
    x = start + jnp.fft.irfft(spectrum * kept, len(x), axis=0)
    return x * jnp.minimum(1, loudness / (jnp.sqrt(jnp.mean(x**2)) + 1e-12))
