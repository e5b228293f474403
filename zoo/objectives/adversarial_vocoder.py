"""Vocoders trained adversarially: audio from its own mel spectrogram.

MelGAN (hinge), HiFi-GAN (least squares): the generator's loss is adversarial, feature matching
and, where weighted, the L1 of its log mel spectrogram. The authors train both players on the same
generated batch; here each turn draws a fresh one. For trainings of minutes the L1 of magnitudes at
several FFT sizes may join: logarithms hardly tell partials from a comb at multiples of rate / hop,
those of the multi-resolution STFT loss (Yamamoto et al. 2020) no more than those of mel bands.
Metrics to watch: discriminator/margin, real minus generated score, near 0 when the discriminators
are fooled; generator/feature_matching, generator/log_mel_l1 and generator/linear_l1, which fall
while the generator learns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput
from zoo.layers import receptive_field as receptive_fields
from zoo.losses import adversarial, spectral
from zoo.losses.waveform import l1
from zoo.network import Network
from zoo.objectives import mel_windows
from zoo.objectives.base import Batch, Metrics, Request, Tree, Turn, Variables
from zoo.signal import framing, mel
from zoo.signal.excitation import AudioExcitation, ExcitationSignal

_Outcome = tuple[jax.Array, tuple[Tree, Metrics]]
PLACES = 2**20  # numbers of first frames in training: noise is never the same
_TAIL = 10  # frames of silence behind a source: without them vocoders end in a burst of noise


@dataclass(frozen=True)
class Vocoder:
    """Discriminator and generator of batch[`audio`] [B T 1], T a multiple of the hop.

    generator(mel [B F M]) -> [B hop F 1]; discriminator(audio) -> a (score, features) per scale, or
    None: then the generator learns from spectra alone.
    spec: the front end. discriminator_loss(fake, real), generator_loss(fake): losses of scores ->
    [B], summed over the scales. feature_matching: weight of the summed L1 of features; spectral: of
    the L1 of `spectral_spec`'s mel spectrogram (default: the front end's), always in ln above 1e-5
    whatever the front end's unit; linear: of the L1 of magnitudes at DDSP's six FFT sizes, 0 Hz
    included, which the papers do without. excitation: what drives the generator besides the
    frames, its second argument.
    """

    generator: Network
    discriminator: Network | None
    spec: mel.MelSpec
    audio: str = "audio"
    discriminator_loss: Callable[[jax.Array, jax.Array], jax.Array] = (
        adversarial.hinge_discriminator
    )
    generator_loss: Callable[[jax.Array], jax.Array] = adversarial.hinge_generator
    feature_matching: float = 10 * (4 / 5) / 3
    spectral: float = 0.0
    linear: float = 0.0
    spectral_spec: mel.MelSpec | None = None
    excitation: ExcitationSignal | None = None

    needs_source: ClassVar[bool] = True
    # While all scores lie within the margins of the hinge, moving them together changes nothing.
    zero_gradient_at_init: ClassVar[tuple[str, ...]] = ("['score']['bias']",)

    def __post_init__(self) -> None:
        if self.generator.hop != self.spec.hop:
            raise BadInput(
                f"the generator makes {self.generator.hop} samples a frame, but the front end has "
                f"a hop of {self.spec.hop}: the product of `upsampling` must equal it"
            )
        if self.generator.bins != self.spec.bins:
            raise BadInput(
                f"the generator takes {self.generator.bins} mel bins, the front end gives "
                f"{self.spec.bins}: make them equal"
            )

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        keys, audio = jax.random.split(rng), batch[self.audio]
        params: dict[str, Tree] = {}
        collections: dict[str, Tree] = {}
        inputs = {"generator": self._inputs(audio), "discriminator": (audio,)}
        for key, (name, given) in zip(keys, inputs.items()):
            module = getattr(self, name)
            if module is None:
                continue
            rest = dict(module.init(key, *given))
            params[name] = rest.pop("params")
            collections |= {name: rest} if rest else {}
        return Variables(params, collections)

    @property
    def takes_frames(self) -> bool:
        """Whether the frames of a system that speaks will do (zoo/songs/speaking.py)."""
        return not isinstance(self.excitation, AudioExcitation)

    @property
    def receptive_field(self) -> float:
        """Samples of the source whose mel frames a sample is made of; phases sum all before it."""
        if isinstance(self.excitation, AudioExcitation):
            return math.inf
        frames = receptive_fields.total_receptive_field(self.generator.steps, self.generator.hop)
        frames += 2 * self._driven
        return framing.frames_span(frames, self.spec.n_fft, self.spec.hop)

    @property
    def turns(self) -> tuple[Turn, ...]:
        generator = Turn("generator", self._generator_turn)
        if self.discriminator is None:
            return (generator,)
        return Turn("discriminator", self._discriminator_turn), generator

    @property
    def opponent(self) -> Network:
        """The discriminator. Raises BadInput: there is none."""
        if self.discriminator is None:
            raise BadInput("this vocoder has no discriminator: give one")
        return self.discriminator

    def features(self, audio: jax.Array) -> jax.Array:
        """The front end's log mel spectrogram of mono audio [B T 1] -> [B F M]."""
        return mel.log_mel(audio, self.spec)[..., 0]

    @property
    def _driven(self) -> int:
        """Frames on either side that the excitation adds."""
        return self.excitation.reach + 1 if self.excitation else 0

    def _inputs(self, audio: jax.Array, rng: jax.Array | None = None) -> tuple[jax.Array, ...]:
        """What the generator takes of audio [B T 1]; rng: as if it began at a random place."""
        condition = frames = self.features(audio)
        if self.excitation is None:
            return (frames,)
        first, key = jnp.uint32(0), None
        if rng is not None:
            first = jax.random.randint(rng, (), 0, PLACES).astype(jnp.uint32)
            key = jax.random.fold_in(rng, 2)
        if isinstance(self.excitation, AudioExcitation):
            condition = self.excitation.condition(audio, key)
        return frames, self.excitation(condition, first)

    def _discriminator_turn(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> _Outcome:
        fake, real = self._pair(variables, batch, rng)
        # One call for both, so that vectors of a spectral norm move once a turn.
        answers, changed = self.opponent.apply(
            variables.of("discriminator"),
            jnp.concatenate([fake, real]),
            train=True,
            mutable=list(variables.collections.get("discriminator", {})),
            rngs=_shuffling(rng),
        )
        scores = [jnp.split(score, 2) for score, _ in answers]
        losses = [self.discriminator_loss(*pair) for pair in scores]
        loss = jnp.mean(reduce(jnp.add, losses))
        margins = [jnp.mean(ours) - jnp.mean(theirs) for theirs, ours in scores]
        margin = reduce(jnp.add, margins) / len(scores)
        return loss, ({"discriminator": dict(changed)} if changed else {}, {"margin": margin})

    def _generator_turn(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> _Outcome:
        fake, real = self._pair(variables, batch, rng)
        spec = replace(self.spectral_spec or self.spec, compress=mel.log_clamp)
        distance = jnp.mean(l1(mel.log_mel(fake, spec), mel.log_mel(real, spec)))
        spectra, metrics = self.spectral * distance, {"log_mel_l1": distance}
        if self.linear:
            # Mel filters are blind at 0 Hz: without this a constant offset is free.
            metrics["linear_l1"] = jnp.mean(spectral.multi_scale(fake, real, log=0.0))
            spectra += self.linear * metrics["linear_l1"]
        if self.discriminator is None:
            return spectra, ({}, metrics)
        own, given = variables.of("discriminator"), {"rngs": _shuffling(rng)}  # the same for both
        scored = [self.opponent.apply(own, x, **given) for x in (fake, real)]
        losses = [self.generator_loss(score) for score, _ in scored[0]]
        adversarial_loss = jnp.mean(reduce(jnp.add, losses))
        features = [[f for _, f in answers] for answers in scored]
        matching = jnp.mean(adversarial.feature_matching(*features))
        loss = adversarial_loss + self.feature_matching * matching + spectra
        metrics |= {"adversarial": adversarial_loss, "feature_matching": matching}
        return loss, ({}, metrics)

    def _pair(
        self, variables: Variables, batch: Batch, rng: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """(generated, real) audio of one length; the excitation is that of a random place."""
        real = batch[self.audio]
        given = self._inputs(real, rng)
        fake = self.generator.apply(variables.of("generator"), *given, train=True)
        if fake.shape != real.shape:
            raise BadInput(
                f"audio of {real.shape[1]} samples is no whole number of frames of "
                f"{self.spec.hop}: use a multiple of it"
            )
        return fake, real

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'audio': [B hop F 1]}: the batch's audio out of its own mel spectrogram."""
        given = self._inputs(batch[self.audio])
        return {"audio": self.generator.apply(variables.of("generator"), *given)}

    def generate(self, variables: Variables, request: Request) -> Iterator[Any]:
        """Chunks [count t 1] of the source vocoded, equal to one pass over all of it.

        Every voice is the same, there being no chance in it.
        """
        make: mel_windows.Make = partial(self._make, variables)
        if isinstance(self.excitation, AudioExcitation):
            make = self._conditioned(make, self.excitation, request)
        reach = self.generator.reach + self._driven
        chunks = mel_windows.vocoded(
            make, request, self.spec, before=reach, after=reach, tail=_TAIL
        )
        return (np.repeat(chunk, request.count, 0) for chunk in chunks)

    def _conditioned(
        self, make: Callable[..., jax.Array], excitation: AudioExcitation, request: Request
    ) -> mel_windows.Make:
        """`make` with the excitation's condition of the whole source, cut to the same window."""
        if request.source is None:
            raise BadInput(
                "this vocoder is driven by the pitch of audio, which mel frames do not say: give "
                "it a source, or take a vocoder with another excitation"
            )
        source, hop = np.asarray(request.source, np.float32), self.spec.hop
        length = request.length or len(source)
        whole = (-(-length // hop) + _TAIL) * hop
        source = source[:length]
        condition = excitation.condition_of_source(
            np.pad(source, ((0, whole - len(source)), (0, 0)))
        )

        def made(frames: jax.Array, first: jax.Array) -> jax.Array:
            begin = int(first)
            return make(frames, first, condition[:, begin : begin + frames.shape[1]])

        return made

    @partial(jax.jit, static_argnums=0)
    def _make(
        self,
        variables: Variables,
        frames: jax.Array,
        first: jax.Array,
        condition: jax.Array | None = None,
    ) -> jax.Array:
        driven: tuple[jax.Array, ...] = ()
        if self.excitation is not None:
            driven = (self.excitation(frames if condition is None else condition, first),)
        return self.generator.apply(variables.of("generator"), frames, *driven)


def _shuffling(rng: jax.Array) -> dict[str, jax.Array]:
    """The random key 'shuffle' of a turn, for discriminators that shuffle phases."""
    return {"shuffle": jax.random.fold_in(rng, 1)}
