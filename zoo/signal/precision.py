"""How products of float32 are taken here, so that a signal [B T C] is the same on every device."""

from __future__ import annotations

import jax

# GPUs and TPUs by default round what they multiply to 10 or 7 bits: a hiss at -66 or -48 dB, and
# spectra that published weights never saw. CPUs do not, and ignore this.
HIGHEST = jax.lax.Precision.HIGHEST
