"""NeuralAmpModeler (Atkinson, 2021 to 2026): a network in place of an amplifier, sample by sample.

The trainer's public code (MIT) is followed, and of a .nam file what its player reads: layer arrays
of a feed-forward WaveNet, gates, bottlenecks, FiLM, heads, a network before that conditions; and
LSTMs. Such WaveNets are of Wright, Damskägg, Juvela and Välimäki 2020 (Applied Sciences 10(3)),
here in arrays of different width. Nothing is drawn: it is regression, dry sound to wet.
Deviations: slopes of PReLU are constants, as its player has them; 'slimmable' networks have all of
their channels; ConvNet and Linear, older forms, are not read.
"""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.layers.amp_layouts import (
    Activation,
    AmpLayout,
    Film,
    Head,
    LayerArray,
    LstmLayout,
    WaveNetLayer,
    WaveNetLayout,
)
from zoo.layers.conv import Conv
from zoo.layers.initializers import fan_uniform, torch, torch_recurrent
from zoo.layers.recurrent import LSTM

_HIGHEST = jax.lax.Precision.HIGHEST
FORGET, INPUT = 2.0, -2.0  # what the trainer adds to each of two biases of these gates


def of_layout(layout: AmpLayout, dtype: Any = jnp.float32) -> AmpWaveNet | AmpLstm:
    """The module of a layout."""
    if isinstance(layout, LstmLayout):
        return AmpLstm(layout, dtype)
    return AmpWaveNet(layout, dtype)


def activated(x: jax.Array, what: Activation) -> jax.Array:
    """An activation of a .nam file, [B T C] -> [B T C]."""
    numbers = what.numbers
    if what.name in ("LeakyReLU", "PReLU"):
        return jnp.where(x > 0, x, x * jnp.asarray(numbers, x.dtype))
    if what.name == "LeakyHardtanh":
        low, high, below, above = numbers
        x = jnp.where(x < low, (x - low) * below + low, x)
        return jnp.where(x > high, (x - high) * above + high, x)
    if what.name == "Hardtanh":
        return jnp.clip(x, *numbers)
    return {
        "Tanh": jnp.tanh,
        "Fasttanh": _fast_tanh,
        "ReLU": nn.relu,
        "Sigmoid": nn.sigmoid,
        "SiLU": nn.silu,
        "Hardswish": nn.hard_swish,
        "Softsign": nn.soft_sign,
        "Softsigmoid": lambda x: 0.5 * (1 + nn.soft_sign(x)),
    }[what.name](x)


def _fast_tanh(x: jax.Array) -> jax.Array:
    """The player's rational approximation of tanh, [...] -> [...]."""
    size, square = jnp.abs(x), jnp.square(x)
    above = 2.45550750702956 * (1 + size) + (0.893229853513558 + 0.821226666969744 * size) * square
    below = 2.44506634652299 + (2.44506634652299 + square) * jnp.abs(
        x + 0.814642734961073 * x * size
    )
    return x * above / below


def _gated(x: jax.Array, layer: WaveNetLayer) -> jax.Array:
    """The activation of a layer, [B T C] -> [B T C], or [B T C/2] where a half is its gate."""
    if layer.gate == "none":
        return activated(x, layer.activation)
    own, other = jnp.split(x, 2, -1)
    open_ = activated(other, layer.second)
    shaped = activated(own, layer.activation) * open_
    return shaped if layer.gate == "gated" else shaped + (1 - open_) * own


def _latest(x: jax.Array, length: int) -> jax.Array:
    """The last `length` samples, [B T C] -> [B length C]."""
    return x[:, x.shape[1] - length :]


def _added(a: jax.Array, b: jax.Array) -> jax.Array:
    """The sum of two signals that end together, [B T C], [B T' C] -> [B min(T, T') C]."""
    length = min(a.shape[1], b.shape[1])
    return _latest(a, length) + _latest(b, length)


def _convolution(
    features: int,
    inputs: int,
    taps: int = 1,
    *,
    dilation: int = 1,
    groups: int = 1,
    bias: bool = True,
    dtype: Any,
    name: str,
) -> Conv:
    """A convolution without padding that starts as torch's."""
    return Conv(
        features,
        taps,
        dilation=dilation,
        padding="valid",
        groups=groups,
        use_bias=bias,
        dtype=dtype,
        precision=_HIGHEST,
        name=name,
        **torch(inputs // groups * taps),
    )


class Modulation(nn.Module):
    """FiLM: a signal scaled, and shifted, by its condition: [B T C], [B T' D] -> [B T" C]."""

    film: Film
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, condition: jax.Array) -> jax.Array:
        length = min(x.shape[1], condition.shape[1])
        x, condition = _latest(x, length), _latest(condition, length)
        width = x.shape[-1] * (2 if self.film.shift else 1)
        inputs, groups = condition.shape[-1], self.film.groups
        made = _convolution(width, inputs, groups=groups, dtype=self.dtype, name="conv")(condition)
        if not self.film.shift:
            return made * x
        scale, shift = jnp.split(made, 2, -1)
        return scale * x + shift


class AmpLayer(nn.Module):
    """One layer, ([B T C], [B T' D]) -> (to the next [B T" C], to the sum [B T" S])."""

    array: LayerArray
    layer: WaveNetLayer
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, condition: jax.Array) -> tuple[jax.Array, jax.Array]:
        array, layer = self.array, self.layer
        wide = array.inner * (1 if layer.gate == "none" else 2)
        z = _convolution(
            wide,
            array.channels,
            layer.taps,
            dilation=layer.dilation,
            groups=array.groups,
            dtype=self.dtype,
            name="conv",
        )(self._film("conv_pre_film", x, condition))
        z = self._film("conv_post_film", z, condition)
        mixer = _convolution(
            wide,
            array.condition,
            groups=array.mixer_groups,
            bias=False,
            dtype=self.dtype,
            name="mixer",
        )
        mixed = mixer(self._film("input_mixin_pre_film", condition, condition))
        z = _added(z, self._film("input_mixin_post_film", mixed, condition))
        z = _gated(self._film("activation_pre_film", z, condition), layer)
        z = self._film("activation_post_film", z, condition)
        out = residual = z
        if array.residual:
            one = _convolution(
                array.channels,
                array.inner,
                groups=array.residual,
                dtype=self.dtype,
                name="residual",
            )
            residual = self._film("layer1x1_post_film", one(z), condition)
        if array.skip:
            one = _convolution(
                array.skip_channels, array.inner, groups=array.skip, dtype=self.dtype, name="skip"
            )
            out = self._film("head1x1_post_film", one(z), condition)
        return _added(x, residual), out

    def _film(self, place: str, x: jax.Array, condition: jax.Array) -> jax.Array:
        film = self.array.film(place)
        return x if film is None else Modulation(film, self.dtype, name=place)(x, condition)


class AmpWaveNet(nn.Module):
    """Dry sound to wet, [B T 1] -> [B T 1]; before the first sample there is silence."""

    layout: WaveNetLayout
    dtype: Any = jnp.float32

    @property
    def receptive_field(self) -> int:
        return self.layout.reach + 1

    @property
    def settling(self) -> int:
        """Samples that a window begins with and that `settled` gives no output for."""
        return self.layout.reach

    @property
    def zero_gradient_at_init(self) -> tuple[str, ...]:
        """What the last layer gives a next one, which is not there; files have it all the same."""
        last = f"array_{len(self.layout.arrays) - 1}_layer_{len(self.layout.arrays[-1].layers) - 1}"
        return tuple(f"['{last}']['{part}']" for part in ("residual", "layer1x1_post_film"))

    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        return self.settled(jnp.pad(x, ((0, 0), (self.settling, 0), (0, 0))))

    def initial(self, batch: int) -> jax.Array:
        """The memory before a stream: silence, [B settling 1]."""
        return jnp.zeros((batch, self.settling, 1))

    def advance(self, x: jax.Array, memory: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The next samples of a stream, [B t 1] -> ([B t 1], memory)."""
        x = jnp.concatenate([memory, x], 1)
        return self.settled(x), _latest(x, self.settling)

    @nn.compact
    def settled(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        """Of a window only what no sample before it could change, [B T 1] -> [B T' 1]."""
        condition = x
        if self.layout.condition is not None:
            condition = AmpWaveNet(self.layout.condition, self.dtype, name="condition").settled(x)
        total = None
        for number, array in enumerate(self.layout.arrays):
            x, total = self._array(f"array_{number}", array, x, condition, total)
        assert total is not None
        y = self._head(self.layout.head, self.layout.scale * total)
        return y.astype(jnp.float32)

    def _array(
        self,
        name: str,
        array: LayerArray,
        x: jax.Array,
        condition: jax.Array,
        total: jax.Array | None,
    ) -> tuple[jax.Array, jax.Array]:
        """(what the next array reads, the output so far)."""
        start = _convolution(
            array.channels, array.inputs, bias=False, dtype=self.dtype, name=f"{name}_input"
        )
        x = start(x)
        for number, layer in enumerate(array.layers):
            x, out = AmpLayer(array, layer, self.dtype, name=f"{name}_layer_{number}")(x, condition)
            total = out if total is None else _added(total, out)
        assert total is not None
        end = _convolution(
            array.outputs,
            array.summed,
            array.output_taps,
            bias=array.output_bias,
            dtype=self.dtype,
            name=f"{name}_output",
        )
        y = end(total)
        return _latest(x, y.shape[1]), y  # as the trainer's, whose receptive fields are sums

    def _head(self, head: Head | None, y: jax.Array) -> jax.Array:
        for number, taps in enumerate(head.taps if head else ()):
            assert head is not None
            last = number == len(head.taps) - 1
            features, inputs = head.outputs if last else head.channels, y.shape[-1]
            y = activated(y, head.activation)
            y = _convolution(features, inputs, taps, dtype=self.dtype, name=f"head_{number}")(y)
        return y


class AmpLstm(nn.Module):
    """Dry sound to wet by LSTMs, [B T 1] -> [B T 1]; their first state is learnt, too."""

    layout: LstmLayout
    dtype: Any = jnp.float32

    receptive_field = math.inf
    settling = 0

    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        return self.advance(x, None)[0]

    def settled(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        """All of the output, [B T 1] -> [B T 1], which begins in the learnt state."""
        return self.advance(x, None)[0]

    def initial(self, batch: int) -> None:
        """The memory before a stream [B ...]: none, for the first state is learnt."""

    @nn.compact
    def advance(self, x: jax.Array, memory: Any) -> tuple[jax.Array, Any]:
        """The next samples of a stream, [B t 1] -> ([B t 1], memory); None: it begins here."""
        width, states = self.layout.width, []
        for number in range(self.layout.layers):
            begun = [
                jnp.broadcast_to(
                    self.param(f"{part}_{number}", nn.initializers.zeros, (width,)), (len(x), width)
                )
                for part in ("hidden", "cell")
            ]
            carry = tuple(begun) if memory is None else memory[number]
            start = torch_recurrent(width) | {"bias_init": _remembering(width)}
            x, state = LSTM(width, dtype=self.dtype, name=f"lstm_{number}", **start)(x, carry)
            states.append(state)
        y = nn.Dense(1, dtype=self.dtype, precision=_HIGHEST, name="head", **torch(width))(x)
        return y.astype(jnp.float32), states


def _remembering(width: int) -> Any:
    """torch's bias [4D] with the trainer's offsets: it forgets little, and takes in little."""

    def start(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        drawn = fan_uniform(width)(key, shape, dtype)
        return drawn.at[:width].add(INPUT).at[width : 2 * width].add(FORGET)

    return start
