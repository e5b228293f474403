"""Networks of NeuralAmpModeler as a .nam file describes them: sizes, and the order of its weights.

No JAX: files are read, and lists made, without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from zoo.errors import BadInput

_Shape = tuple[int, ...]


@dataclass(frozen=True)
class Activation:
    """A function by its name in the file, with its constants; of PReLU a slope for each channel."""

    name: str = "Tanh"
    numbers: tuple[float, ...] = ()


@dataclass(frozen=True)
class WaveNetLayer:
    """A dilated convolution and what follows it. gate: none, gated or blended, by `second`."""

    taps: int
    dilation: int
    activation: Activation = Activation()
    gate: str = "none"
    second: Activation = Activation("Sigmoid")


@dataclass(frozen=True)
class Film:
    """Where in a layer the condition scales, and shifts, what goes by: a name of nam_json.FILMS."""

    place: str
    shift: bool = True
    groups: int = 1


@dataclass(frozen=True)
class LayerArray:
    """Layers of one width, and the convolution of their sum. residual, skip: groups, 0 for none."""

    inputs: int
    channels: int
    layers: tuple[WaveNetLayer, ...]
    outputs: int
    output_taps: int = 1
    output_bias: bool = False
    condition: int = 1
    bottleneck: int = 0
    groups: int = 1
    mixer_groups: int = 1
    residual: int = 1
    skip: int = 0
    skip_channels: int = 0
    films: tuple[Film, ...] = ()

    @property
    def inner(self) -> int:
        """Channels behind an activation."""
        return self.bottleneck or self.channels

    @property
    def summed(self) -> int:
        """Channels of what the layers add up."""
        return self.skip_channels if self.skip else self.inner

    @property
    def reach(self) -> int:
        """Samples before the one at hand that it depends on."""
        inner = sum((layer.taps - 1) * layer.dilation for layer in self.layers)
        return inner + self.output_taps - 1

    def film(self, place: str) -> Film | None:
        return next((film for film in self.films if film.place == place), None)

    def scaled(self, place: str, layer: WaveNetLayer) -> int:
        """Channels of what a film scales."""
        wide = self.inner * (1 if layer.gate == "none" else 2)
        return {
            "conv_pre_film": self.channels,
            "input_mixin_pre_film": self.condition,
            "activation_post_film": self.inner,
            "layer1x1_post_film": self.channels,
            "head1x1_post_film": self.skip_channels,
        }.get(place, wide)


@dataclass(frozen=True)
class Head:
    """Activation and convolution, as often as there are taps; all but the last have `channels`."""

    channels: int
    outputs: int
    taps: tuple[int, ...]
    activation: Activation = Activation()


@dataclass(frozen=True)
class WaveNetLayout:
    """Arrays one after another, their scaled output, a head, and a network before that conditions.

    The condition of every layer is the input itself, or what `condition` makes of it.
    """

    arrays: tuple[LayerArray, ...]
    scale: float = 0.02
    head: Head | None = None
    condition: WaveNetLayout | None = None

    @property
    def reach(self) -> int:
        """Samples before the one at hand that it depends on."""
        head = sum(taps - 1 for taps in self.head.taps) if self.head else 0
        before = self.condition.reach if self.condition else 0
        return sum(array.reach for array in self.arrays) + head + before

    @property
    def outputs(self) -> int:
        return self.head.outputs if self.head else self.arrays[-1].outputs


@dataclass(frozen=True)
class LstmLayout:
    """LSTMs one after another, and a number out of the last."""

    width: int
    layers: int = 1


AmpLayout = WaveNetLayout | LstmLayout


def _pair(first: int, second: int, split: int, activation: str = "Tanh") -> WaveNetLayout:
    """The trainer's shape: two arrays of `first` and `second` channels, the latter after `split`.

    Dilations double from 1 to 512, twice; the first array has `split` of the twenty.
    """
    dilations = [2**power for power in range(10)] * 2
    layers = tuple(WaveNetLayer(3, dilation, Activation(activation)) for dilation in dilations)
    return WaveNetLayout(
        (
            LayerArray(1, first, layers[:split], second),
            LayerArray(first, second, layers[split:], 1, output_bias=True),
        )
    )


def _single(channels: int) -> WaveNetLayout:
    """The trainer's second shape, A2: one array whose dilations grow by primes and the like."""
    dilations = (1, 3, 7, 17, 41, 101, 239)
    steps = [(6, d) for d in dilations * 2] + [(15, 1), (15, 13)] + [(6, d) for d in dilations]
    leaky = Activation("LeakyReLU", (0.01,))
    layers = tuple(WaveNetLayer(taps, dilation, leaky) for taps, dilation in steps)
    return WaveNetLayout((LayerArray(1, channels, layers, 1, 16, output_bias=True),), scale=0.01)


NAMED: dict[str, AmpLayout] = {  # the trainer's architectures
    "standard": _pair(16, 8, 10),
    "lite": _pair(12, 6, 7),
    "feather": _pair(8, 4, 7),
    "nano": _pair(4, 2, 7),
    "a2": _single(8),
    "a2_lite": _single(3),
    "lstm": LstmLayout(24),
}


def parameter_shapes(found: AmpLayout) -> Iterator[tuple[str, _Shape]]:
    """Names and shapes (torch's) of a network's arrays, in the order of the weights of a file."""
    if isinstance(found, LstmLayout):
        yield from _lstm_places(found)
        return
    for number, one in enumerate(found.arrays):
        yield from _array_places(f"array_{number}", one)
    inputs = found.arrays[-1].outputs
    for number, taps in enumerate(found.head.taps if found.head else ()):
        assert found.head is not None
        last = number == len(found.head.taps) - 1
        outputs = found.head.outputs if last else found.head.channels
        yield from _conv(f"head_{number}", outputs, inputs, taps)
        inputs = outputs


def _array_places(name: str, one: LayerArray) -> Iterator[tuple[str, _Shape]]:
    yield from _conv(f"{name}_input", one.channels, one.inputs, bias=False)
    for number, layer in enumerate(one.layers):
        at = f"{name}_layer_{number}"
        wide = one.inner * (1 if layer.gate == "none" else 2)
        yield from _conv(f"{at}/conv", wide, one.channels, layer.taps, one.groups)
        yield from _conv(f"{at}/mixer", wide, one.condition, 1, one.mixer_groups, bias=False)
        if one.residual:
            yield from _conv(f"{at}/residual", one.channels, one.inner, 1, one.residual)
        if one.skip:
            yield from _conv(f"{at}/skip", one.skip_channels, one.inner, 1, one.skip)
        for film in one.films:
            width = one.scaled(film.place, layer) * (2 if film.shift else 1)
            yield from _conv(f"{at}/{film.place}/conv", width, one.condition, 1, film.groups)
    yield from _conv(
        f"{name}_output", one.outputs, one.summed, one.output_taps, bias=one.output_bias
    )


def _lstm_places(found: LstmLayout) -> Iterator[tuple[str, _Shape]]:
    for number in range(found.layers):
        inputs = found.width if number else 1
        yield f"lstm_{number}/both", (4 * found.width, inputs + found.width)
        yield f"lstm_{number}/bias", (4 * found.width,)
        yield f"hidden_{number}", (found.width,)
        yield f"cell_{number}", (found.width,)
    yield "head/weight", (1, found.width)
    yield "head/bias", (1,)


def _conv(
    name: str, outputs: int, inputs: int, taps: int = 1, groups: int = 1, *, bias: bool = True
) -> Iterator[tuple[str, _Shape]]:
    """Weight [O I/groups k] and bias [O] of a convolution. Raises BadInput for odd groups."""
    if outputs % groups or inputs % groups:
        raise BadInput(f"{groups} groups do not divide {inputs} and {outputs} channels ({name})")
    yield f"{name}/weight", (outputs, inputs // groups, taps)
    if bias:
        yield f"{name}/bias", (outputs,)
