"""The sampler's rule: temperature, top-k, nucleus (top-p) and bias of predicted distributions.

Raw parameters [... P] of a distribution (zoo/distributions.py) -> a drawn value [... 1]. In order:
the bias is added to the logits, top-k keeps the likeliest symbols, nucleus sampling (Holtzman et
al. 2020) of those the fewest whose probability at the rule's temperature reaches top_p, and one is
drawn at that temperature. Densities and mixtures of them have no symbols: they take a temperature
alone, which is all that flows and adversarial generators know, too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp

from zoo.distributions import Distribution
from zoo.errors import BadInput


@dataclass(frozen=True)
class SamplerRule:
    """temperature: 0 takes the mode. top_k: 0 keeps all. top_p: in (0, 1], 1 keeps all.

    bias: pairs of a symbol and what is added to its logit in nats; -inf forbids it.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    bias: tuple[tuple[int, float], ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < math.inf:
            raise BadInput(f"temperature {self.temperature}: it must be finite and not negative")
        if self.top_k < 0:
            raise BadInput(f"top_k {self.top_k}: give how many symbols to keep, or 0 for all")
        if not 0 < self.top_p <= 1:
            raise BadInput(f"top_p {self.top_p}: give a probability above 0, up to 1 for all")
        if not all(value < math.inf for _, value in self.bias):  # catches NaN
            raise BadInput(f"bias {self.bias}: give numbers, or -inf to forbid a symbol")

    @property
    def compiled(self) -> SamplerRule:
        """What a program is compiled for: every temperature above zero is an argument of one."""
        return replace(self, temperature=float(self.temperature > 0))

    def check(self, distribution: Distribution) -> None:
        """Raises BadInput where the distribution cannot be sampled by this rule."""
        if not distribution.symbols:
            self.temperature_alone(f"a {type(distribution).__name__}")
        wrong = [symbol for symbol, _ in self.bias if not 0 <= symbol < distribution.symbols]
        if wrong:
            raise BadInput(f"bias of symbol {wrong[0]}: there are 0 to {distribution.symbols - 1}")

    def temperature_alone(self, who: str) -> float:
        """The temperature. Raises BadInput where the rule says more than that."""
        if replace(self, temperature=1.0) != AS_LEARNT:
            raise BadInput(f"{who} draws no symbols: give a temperature, no top_k, top_p or bias")
        return self.temperature

    def draw(
        self, distribution: Distribution, raw: jax.Array, noise: jax.Array, temperature: jax.Array
    ) -> jax.Array:
        """Raw parameters [... P] and uniform noise [... n] -> drawn values [... 1].

        temperature: this rule's; an array, because `compiled` leaves it open.
        """
        if self.bias:
            symbols, values = zip(*self.bias)
            raw = jnp.asarray(raw, jnp.float32).at[..., list(symbols)].add(jnp.array(values))
        if self.temperature == 0:
            return distribution.mode(raw)
        if self.top_k or self.top_p < 1:
            raw = self._limited(raw.astype(jnp.float32), temperature)
        return distribution.sample(raw, noise, temperature)

    def _limited(self, logits: jax.Array, temperature: jax.Array) -> jax.Array:
        """Logits [... Q] with -inf for the symbols that are left out; of equals the first stays."""
        order = jnp.argsort(-logits, axis=-1, stable=True)
        ranked = jnp.take_along_axis(logits, order, axis=-1)
        symbols = logits.shape[-1]
        kept = jnp.arange(symbols) < min(self.top_k or symbols, symbols)
        chances = jax.nn.softmax(jnp.where(kept, ranked, -jnp.inf) / temperature, axis=-1)
        before = jnp.cumsum(chances, axis=-1) - chances
        if self.top_p < 1:
            # The likeliest always stays: rounding might put more than nothing before it.
            kept &= (before < self.top_p) | (jnp.arange(symbols) == 0)
        kept = jnp.broadcast_to(kept, logits.shape)
        back = jnp.argsort(order, axis=-1)
        return jnp.where(jnp.take_along_axis(kept, back, axis=-1), logits, -jnp.inf)


AS_LEARNT = SamplerRule()
