"""A sine source that drives a vocoder: harmonics of one voice's pitch and noise, [B F] -> [B T H].

Xin Wang, Shinji Takaki, Junichi Yamagishi: "Neural source-filter waveform models for statistical
parametric speech synthesis", IEEE/ACM TASLP 28 (2020; ICASSP 2019), as vocoders for singing have
it: nine sines (the pitch and eight overtones) of amplitude 0.1, which harmonic begins where is
random; noise of deviation 0.003 where there is a pitch, and of a third of 0.1 alone where there is
none. The generator learns what becomes of them (zoo/layers/source_merge.py).

Choices:
- Where the pitch comes from: YIN (zoo/signal/yin.py) tracks it in the audio, in training and use,
  of any data and of a user's file. It says more than the mel frames do, whose bands of 40 Hz and
  more are wider than a semitone below 700 Hz; and it is a part of the compiled step, as the
  published weights of CREPE, by which `tone_transfer` finds a pitch, are not. Frames without audio,
  as a speaker's, have no pitch: Griffin-Lim plays them first, and its audio is tracked.
- Several voices have no one pitch: a sine source is for one at a time. Of a chord YIN finds none,
  or a note that they all are harmonics of.
- Phase is counted in 2^-32 of a cycle, where uint32 wraps as a phase does: the sum is exact in
  every order, so the windows of an hour equal one pass over it, bit for bit. A step is off by
  rate / 2^33 at most: 0.0001 cents at 55 Hz and 16 kHz.
- `Levelled` gives it the level of the audio, so that nothing has to be learnt to be silent.
- The pitch glides from frame to frame (the published code holds it), through half-way between
  their middles; a harmonic that reaches half the rate is silent.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from zoo.signal import mel
from zoo.signal.excitation import SEED, frame_a_hop, numbered_noise
from zoo.signal.precision import HIGHEST
from zoo.signal.yin import Yin

CYCLE = 2.0**32  # units of phase
_UNIT = np.float32(2 * np.pi / CYCLE)
_BLOCK = 2048  # frames that are tracked at a time in a long source


@dataclass(frozen=True)
class Sine:
    """What `voice` says of frames as samples; none of them depends on another frame.

    spec: the vocoder's front end, with a frame a hop. noise: deviation where there is a pitch.
    """

    spec: mel.MelSpec
    harmonics: int = 9
    amplitude: float = 0.1
    noise: float = 0.003

    reach: ClassVar[int] = 0

    def __post_init__(self) -> None:
        frame_a_hop(self.spec, "a sine source")

    @property
    def tracker(self) -> Yin:
        """Finds the pitch of a frame in the audio about it."""
        return Yin(self.spec.sample_rate, self.spec.hop)

    def condition(self, audio: jax.Array, key: jax.Array | None = None) -> jax.Array:
        """`voice` of the pitch of audio [B F*hop 1] -> uint32 [B F H+2]."""
        return self.voice(self.tracker(audio), key)

    def condition_of_source(self, audio: np.ndarray) -> jax.Array:
        """`condition` of a source [F*hop 1] of any length, block by block -> uint32 [1 F H+2]."""
        tracker, hop = self.tracker, self.spec.hop
        count = len(audio) // hop
        size = min(count, _BLOCK)
        before, after = tracker.pad
        padded = np.pad(audio, ((before, after + -count % size * hop), (0, 0)))[None]
        span = (size - 1) * hop + tracker.span
        starts = range(0, count, size)
        parts = [_pitches(tracker, padded[:, k * hop : k * hop + span]) for k in starts]
        return self.voice(jnp.concatenate(parts, 1)[:, :count])

    def voice(self, hertz: jax.Array, key: jax.Array | None = None) -> jax.Array:
        """Pitch [B F] in Hz, 0: none, of all frames from the first on -> uint32 [B F H+2].

        The phases of the harmonics where a frame begins, the step of a sample, and how it grows.
        key: of first phases of every harmonic and row; without it of `SEED`, the same in all rows.
        """
        rows = 1 if key is None else len(hertz)
        key = jax.random.key(SEED) if key is None else key
        offsets = jax.random.bits(key, (rows, 1, self.harmonics), jnp.uint32)
        hop, rate = self.spec.hop, self.spec.sample_rate
        sung = jnp.clip(hertz, 0, rate / 2) * np.float32(CYCLE / rate)
        step = jnp.round(sung).astype(jnp.uint32)
        before, after = (jnp.pad(step, ((0, 0), edge)) for edge in ((1, 0), (0, 1)))
        begin, end = (_half_way(step, x) for x in (before[:, :-1], after[:, 1:]))
        growth = _unsigned(_signed(end - begin) // hop)
        turned = begin * np.uint32(hop) + growth * np.uint32(hop * (hop - 1) // 2)
        total = jnp.cumsum(turned, 1, dtype=jnp.uint32) - turned
        phases = total[..., None] * _numbers(self.harmonics) + offsets
        return jnp.concatenate([phases, begin[..., None], growth[..., None]], -1)

    def __call__(self, voice: jax.Array, first: jax.Array) -> jax.Array:
        """Frames of `voice`, of which `first` is the number of the first -> [B F*hop H]."""
        phases, step, growth = jnp.split(voice, (self.harmonics, self.harmonics + 1), -1)
        rows, count, hop = len(voice), voice.shape[1], self.spec.hop
        sample = np.arange(hop, dtype=np.uint32)
        now = step + growth * sample  # [B F hop]
        turned = step * sample + growth * (sample * (sample - np.uint32(1)) // np.uint32(2))
        which = _numbers(self.harmonics)
        phase = phases[:, :, None] + turned[..., None] * which
        below = now[..., None].astype(jnp.float32) * which.astype(np.float32) < CYCLE / 2
        voiced = step[..., None] > 0
        sines = jnp.where(voiced & below, jnp.sin(_signed(phase) * _UNIT), 0.0)
        drawn = numbered_noise(jax.random.normal, count, first, hop * self.harmonics)
        noise = drawn.reshape(1, count, hop, self.harmonics)
        level = jnp.where(voiced, self.noise, self.amplitude / 3)
        return (self.amplitude * sines + level * noise).reshape(rows, count * hop, -1)


@dataclass(frozen=True)
class Levelled:
    """A sine source as loud as the audio that it follows, and silent where that is silent.

    The published source has one amplitude, and noise of a third of it where nothing sounds, which
    the network must learn to silence. Here its amplitude becomes the root mean square of the audio:
    of two neighbouring hops where frames meet, and a line between.
    """

    sine: Sine

    reach: ClassVar[int] = 0

    def condition(self, audio: jax.Array, key: jax.Array | None = None) -> jax.Array:
        """The source's frames and two levels of audio [B F*hop 1] -> uint32 [B F H+4]."""
        return jnp.concatenate([self.sine.condition(audio, key), self._levels(audio)], -1)

    def condition_of_source(self, audio: np.ndarray) -> jax.Array:
        """`condition` of a source [F*hop 1] of any length -> uint32 [1 F H+4]."""
        followed = self.sine.condition_of_source(audio)
        return jnp.concatenate([followed, self._levels(audio[None])], -1)

    def __call__(self, voice: jax.Array, first: jax.Array) -> jax.Array:
        """Frames of `condition`, of which `first` is the number of the first -> [B F*hop H]."""
        made = self.sine(voice[..., :-2], first)
        begin, end = jnp.split(jax.lax.bitcast_convert_type(voice[..., -2:], jnp.float32), 2, -1)
        part = (np.arange(self.sine.spec.hop, dtype=np.float32) + 0.5) / self.sine.spec.hop
        return made * (begin + (end - begin) * part).reshape(len(voice), -1, 1)

    def _levels(self, audio: Any) -> jax.Array:
        """Of [B F*hop 1]: bits of the levels where frames begin and end, uint32 [B F 2]."""
        hop = self.sine.spec.hop
        hops = jnp.asarray(audio, jnp.float32).reshape(len(audio), -1, hop)
        # Not a mean of squares, which would be another copy of a source.
        energy = jnp.einsum("bfh,bfh->bf", hops, hops, precision=HIGHEST) / hop
        energy = jnp.pad(energy, ((0, 0), (1, 1)), mode="edge")
        met = jnp.sqrt((energy[:, 1:] + energy[:, :-1]) / 2) / self.sine.amplitude
        levels = jnp.stack([met[:, :-1], met[:, 1:]], -1)
        return jax.lax.bitcast_convert_type(levels, jnp.uint32)


@partial(jax.jit, static_argnums=0)
def _pitches(tracker: Yin, audio: jax.Array) -> jax.Array:
    """Hz [B F] of audio [B T 1] that is padded already."""
    return tracker.inside(audio)


def _numbers(harmonics: int) -> np.ndarray:
    """1, 2, 3 ... -> [H]."""
    return np.arange(1, harmonics + 1, dtype=np.uint32)


def _half_way(step: jax.Array, neighbour: jax.Array) -> jax.Array:
    """Mean of two steps [B F]; the first where one has no pitch, to which nothing glides."""
    mean = step // 2 + neighbour // 2
    return jnp.where((step > 0) & (neighbour > 0), mean, step)


def _signed(x: jax.Array) -> jax.Array:
    """The same bits as int32 [...]: a phase from -1/2 to 1/2 cycle."""
    return jax.lax.bitcast_convert_type(x, jnp.int32)


def _unsigned(x: jax.Array) -> jax.Array:
    """The same bits as uint32 [...]."""
    return jax.lax.bitcast_convert_type(x, jnp.uint32)
