"""Distributions of one audio sample or symbol, read off a network's raw outputs [B T P].

Each is a frozen dataclass with the same members:
  parameters            P, raw channels the network must give per sample
  noise                 uniform numbers in (0, 1) that one draw uses
  precision             of the product that gives raw outputs
  symbols               how many there are whose logits `raw` is; 0 where it is something else
  clip                  whether drawn values lie in [-1, 1], as audio does
  encode, decode        audio in [-1, 1] <-> what the likelihood is defined on (codes or audio)
  inputs(audio)         the same information as one real channel in [-1, 1], for networks
  log_prob(raw, audio)  [B T P], [B T 1] -> [B T], nats, always computed in float32
  sample(raw, noise, temperature)   [... P], [... noise] -> audio [... 1]; temperature > 0
  mode(raw), mean(raw)  [... P] -> audio [... 1]; `mode` is the limit of temperature 0
Categorical and MixtureOfLogistics give probabilities of codes, Gaussian a density of amplitude:
their nats do not compare. Quantiles have none.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.signal import mu_law
from zoo.signal.precision import HIGHEST

COMPANDING = {  # by name: (audio, codes) -> codes, and back
    "mu_law": (mu_law.encode_among, mu_law.decode_among),
    "linear": (mu_law.encode_linear_among, mu_law.decode_linear_among),
    "equal": (mu_law.encode_equal, mu_law.decode_equal),
    "floored": (mu_law.encode_floored, mu_law.decode_floored),
}


class _Logits(ABC):
    """What raw logits [... Q] of symbols have in common; `encode` and `decode` say what those are.

    A network's logits may be rounded, so no precision is asked of them.
    """

    noise = 1
    precision = None

    @property
    @abstractmethod
    def symbols(self) -> int:
        """How many there are."""

    @abstractmethod
    def encode(self, audio: jax.Array) -> jax.Array:
        """[... 1] float -> symbols [... 1] int32."""

    @abstractmethod
    def decode(self, codes: jax.Array) -> jax.Array:
        """Symbols [... 1] int32 -> [... 1] float32."""

    @property
    def parameters(self) -> int:
        return self.symbols

    def log_prob(self, raw: jax.Array, audio: jax.Array) -> jax.Array:
        logits = raw.astype(jnp.float32)
        chosen = jnp.take_along_axis(logits, self.encode(audio), axis=-1)[..., 0]
        return chosen - jax.nn.logsumexp(logits, axis=-1)

    def sample(self, raw: jax.Array, noise: jax.Array, temperature: jax.Array) -> jax.Array:
        return self.decode(_choose(raw.astype(jnp.float32) / temperature, noise))

    def mode(self, raw: jax.Array) -> jax.Array:
        return self.decode(jnp.argmax(raw, axis=-1, keepdims=True).astype(jnp.int32))

    def mean(self, raw: jax.Array) -> jax.Array:
        amplitudes = self.decode(jnp.arange(self.symbols))
        chances = jax.nn.softmax(raw.astype(jnp.float32))
        return jnp.matmul(chances, amplitudes[:, None], precision=HIGHEST)


@dataclass(frozen=True)
class Categorical(_Logits):
    """A free probability for each of `codes` amplitudes, two or more, spaced by mu-law or evenly.

    companding: 'mu_law' (WaveNet), 'linear' (codes 2 / codes apart, one of them silence), 'equal'
    (bins of one width, as SampleRNN's released code has them) or 'floored' (mu-law of nnmnkwii).
    """

    codes: int = 256
    companding: str = "mu_law"

    clip = True

    def __post_init__(self) -> None:
        if self.companding not in COMPANDING:
            raise BadInput(
                f"companding '{self.companding}' is unknown; use one of {', '.join(COMPANDING)}"
            )
        if self.codes < 2:
            raise BadInput(f"codes={self.codes}: a distribution has two or more, such as 256")

    @property
    def symbols(self) -> int:
        return self.codes

    def encode(self, audio: jax.Array) -> jax.Array:
        """[... 1] float -> codes [... 1] int32; amplitudes beyond [-1, 1] are clipped."""
        return COMPANDING[self.companding][0](audio, self.codes)

    def decode(self, codes: jax.Array) -> jax.Array:
        """Codes [... 1] int32 -> audio [... 1] float32; `encode` gives the same codes back."""
        return COMPANDING[self.companding][1](codes, self.codes)

    def inputs(self, audio: jax.Array) -> jax.Array:
        """[... 1] -> [... 1]: the code on an even grid over [-1, 1]; of equal bins, their lows."""
        steps = self.codes if self.companding == "equal" else self.codes - 1
        return self.encode(audio).astype(jnp.float32) * (2 / steps) - 1


@dataclass(frozen=True)
class Tokens(_Logits):
    """A free probability for each of `count` symbols 0, 1, ...: events, characters, learnt codes.

    Symbols are held as float32, which has all integers up to 2^24, so that what draws audio draws
    them. Before the first stands symbol 0.
    """

    count: int

    clip = False

    def __post_init__(self) -> None:
        if not 2 <= self.count <= 2**24:
            raise BadInput(f"{self.count} symbols; give from 2 to 2^24")

    @property
    def symbols(self) -> int:
        return self.count

    def encode(self, audio: jax.Array) -> jax.Array:
        """[... 1] float -> the same numbers [... 1] int32; beyond the last, the last."""
        return jnp.clip(jnp.round(audio), 0, self.count - 1).astype(jnp.int32)

    def decode(self, codes: jax.Array) -> jax.Array:
        return codes.astype(jnp.float32)

    def inputs(self, audio: jax.Array) -> jax.Array:
        """[... 1] -> [... 1]: the symbol on an even grid over [-1, 1]."""
        return self.encode(audio).astype(jnp.float32) * (2 / (self.count - 1)) - 1


@dataclass(frozen=True)
class MixtureOfLogistics:
    """Logistics over the integers of `bits`-bit PCM; the outermost bins reach to infinity.

    PixelCNN++ (Salimans et al. 2017), as in Parallel WaveNet: raw = weights, means, log scales of
    `components`. Bin i is i / 2^(bits-1) +- half a step, so 16-bit files fall on the grid exactly;
    the reference codes spread 2^bits points over [-1, 1] with both ends, a 1.5e-5 wider grid.
    The mass of a bin is written as a product, which loses no digits where the difference of two
    distribution functions would.
    """

    components: int = 10
    bits: int = 16
    log_scale_min: float = -14.0

    noise = 2
    precision = HIGHEST  # a mean may not: it is sound
    symbols = 0
    clip = True

    @property
    def parameters(self) -> int:
        return 3 * self.components

    def encode(self, audio: jax.Array) -> jax.Array:
        """[... 1] -> signed PCM integers [... 1] int32."""
        half = 2 ** (self.bits - 1)
        return jnp.clip(jnp.round(audio * half), -half, half - 1).astype(jnp.int32)

    def decode(self, codes: jax.Array) -> jax.Array:
        return codes.astype(jnp.float32) * 2.0 ** (1 - self.bits)

    def inputs(self, audio: jax.Array) -> jax.Array:
        return audio

    def log_prob(self, raw: jax.Array, audio: jax.Array) -> jax.Array:
        return self.log_mass(raw, self.decode(self.encode(audio)))

    def log_mass(self, raw: jax.Array, amplitude: jax.Array) -> jax.Array:
        """Log probability of a bin around any amplitude, on the grid or off it, [... 1] -> [...].

        Its slope by the amplitude is that of a density, which rounding would take away.
        """
        weights, means, log_scales = self._split(raw)
        half_bin, amplitude = 2.0**-self.bits, amplitude.astype(jnp.float32)
        distance, inverse = amplitude - means, jnp.exp(-log_scales)
        above, below = (distance + half_bin) * inverse, (distance - half_bin) * inverse
        # sigma(a) - sigma(b) = sigma(a) sigma(-b) (1 - exp(b - a))
        up_to, beyond = jax.nn.log_sigmoid(above), jax.nn.log_sigmoid(-below)
        inside = up_to + beyond + jnp.log(-jnp.expm1(-2 * half_bin * inverse))
        lowest, highest = -1.0, 1.0 - 2 * half_bin
        mass = jnp.where(
            amplitude <= lowest, up_to, jnp.where(amplitude >= highest, beyond, inside)
        )
        return jax.nn.logsumexp(jax.nn.log_softmax(weights) + mass, axis=-1)

    def sample(self, raw: jax.Array, noise: jax.Array, temperature: jax.Array) -> jax.Array:
        weights, means, log_scales = self._split(raw)
        which = _choose(weights / temperature, noise[..., :1])
        mean, log_scale = _pick(means, which), _pick(log_scales, which)
        u = noise[..., 1:]
        logistic = jnp.log(u) - jnp.log1p(-u)
        return self.decode(self.encode(mean + temperature * jnp.exp(log_scale) * logistic))

    def mode(self, raw: jax.Array) -> jax.Array:
        """The mean of the heaviest component, on the grid."""
        weights, means, _ = self._split(raw)
        which = jnp.argmax(weights, axis=-1, keepdims=True)
        return self.decode(self.encode(_pick(means, which)))

    def mean(self, raw: jax.Array) -> jax.Array:
        """Of the mixture before it is clipped to the grid."""
        weights, means, _ = self._split(raw)
        return jnp.sum(jax.nn.softmax(weights) * means, axis=-1, keepdims=True)

    def _split(self, raw: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        weights, means, log_scales = jnp.split(raw.astype(jnp.float32), 3, axis=-1)
        return weights, means, jnp.maximum(log_scales, self.log_scale_min)


@dataclass(frozen=True)
class Gaussian:
    """One normal density of amplitude, as in ClariNet: raw = mean, log standard deviation."""

    log_scale_min: float = -7.0

    parameters = 2
    noise = 1
    precision = HIGHEST
    symbols = 0
    clip = True

    def encode(self, audio: jax.Array) -> jax.Array:
        return audio

    def decode(self, audio: jax.Array) -> jax.Array:
        return audio

    def inputs(self, audio: jax.Array) -> jax.Array:
        return audio

    def log_prob(self, raw: jax.Array, audio: jax.Array) -> jax.Array:
        mean, log_scale = self._split(raw)
        distance = (audio.astype(jnp.float32) - mean) * jnp.exp(-log_scale)
        return (-0.5 * distance**2 - log_scale - 0.5 * math.log(2 * math.pi))[..., 0]

    def sample(self, raw: jax.Array, noise: jax.Array, temperature: jax.Array) -> jax.Array:
        mean, log_scale = self._split(raw)
        normal = jax.scipy.special.ndtri(noise)
        return jnp.clip(mean + temperature * jnp.exp(log_scale) * normal, -1.0, 1.0)

    def mode(self, raw: jax.Array) -> jax.Array:
        return jnp.clip(self.mean(raw), -1.0, 1.0)

    def mean(self, raw: jax.Array) -> jax.Array:
        return self._split(raw)[0]

    def _split(self, raw: jax.Array) -> tuple[jax.Array, jax.Array]:
        mean, log_scale = jnp.split(raw.astype(jnp.float32), 2, axis=-1)
        return mean, jnp.maximum(log_scale, self.log_scale_min)


@dataclass(frozen=True)
class Quantiles:
    """No density: raw = the value at the quantile that the noise names, and the median.

    Whoever draws gives its network the noise of a sample as the level of a quantile, as implicit
    quantile networks (Ostrovski et al. 2018) want it. The temperature is how far between the two.
    """

    parameters = 2
    noise = 1
    precision = HIGHEST
    symbols = 0
    clip = True

    def encode(self, audio: jax.Array) -> jax.Array:
        return audio

    def decode(self, audio: jax.Array) -> jax.Array:
        return audio

    def inputs(self, audio: jax.Array) -> jax.Array:
        return audio

    def log_prob(self, raw: jax.Array, audio: jax.Array) -> jax.Array:
        return jnp.full(raw.shape[:-1], jnp.nan)

    def sample(self, raw: jax.Array, noise: jax.Array, temperature: jax.Array) -> jax.Array:
        value, median = jnp.split(raw.astype(jnp.float32), 2, axis=-1)
        return jnp.clip(median + temperature * (value - median), -1.0, 1.0)

    def mode(self, raw: jax.Array) -> jax.Array:
        return jnp.clip(self.mean(raw), -1.0, 1.0)

    def mean(self, raw: jax.Array) -> jax.Array:
        """The median, in the place of a mean."""
        return raw[..., 1:].astype(jnp.float32)


Distribution = Categorical | Tokens | MixtureOfLogistics | Gaussian | Quantiles


def disturbed(
    audio: jax.Array, distribution: Distribution, deviation: float, rng: jax.Array
) -> jax.Array:
    """Audio [B T 1] with Gaussian noise of so many symbols, rounded; FFTNet's (Jin et al. 2018)."""
    if not distribution.symbols:
        raise BadInput("disturbance counts in codes: this distribution has none, leave it out")
    noise = deviation * jax.random.normal(rng, audio.shape)
    codes = distribution.encode(audio) + jnp.round(noise).astype(jnp.int32)
    return distribution.decode(jnp.clip(codes, 0, distribution.symbols - 1))


def _choose(logits: jax.Array, noise: jax.Array) -> jax.Array:
    """Index [... 1] at which the running sum of softmax(logits [... Q]) passes noise [... 1]."""
    weights = jnp.exp(logits - jnp.max(logits, axis=-1, keepdims=True))
    running = jnp.cumsum(weights, axis=-1)
    passed = jnp.sum(running < noise * running[..., -1:], axis=-1, keepdims=True)
    return jnp.minimum(passed, logits.shape[-1] - 1).astype(jnp.int32)


def _pick(values: jax.Array, which: jax.Array) -> jax.Array:
    return jnp.take_along_axis(values, which, axis=-1)
