"""Universal Music Translation: one encoder for all music, a WaveNet for each domain.

Noam Mor, Lior Wolf, Adam Polyak, Yaniv Taigman: "A Universal Music Translation Network", ICLR
2019, arXiv 1805.07848, after the authors' training code (facebookresearch/music-translation,
train.sh). Encoder: 3 x 10 residual dilated convolutions, averaged over 800 samples; decoders: 4 x
14 gated layers.

Deviations and choices
- mu-law codes are rounded to the nearest, not cut; before the first sample stands silence, whose
  code is .002 above the zero of the code that is published;
- the residual convolution of the last layer is kept, although nothing depends on it, for the count;
- decoders are one stack of weights; the released script trains one for all domains on one node, and
  one a domain only on as many nodes: here it is one a domain, as in the paper.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.distributions import Categorical, Distribution
from zoo.errors import BadInput
from zoo.layers.conv import Conv
from zoo.layers.initializers import torch
from zoo.layers.matvec import matvec
from zoo.layers.queues import Carry, Queues
from zoo.layers.receptive_field import Step, conditioned
from zoo.signal.precision import HIGHEST

_Folded = dict[str, Any]


class Encoder(nn.Module):
    """Amplitudes [B T 1] in [-.5, .5] -> latents [B F L], F = T // pool."""

    blocks: int = 3
    layers: int = 10  # of each block
    width: int = 128
    latent: int = 64
    pool: int = 800
    dtype: Any = jnp.float32

    @property
    def reach(self) -> int:
        """Samples to either side of a frame's own that it is made of."""
        return 1 + self.blocks * (2**self.layers - 1)

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = self._conv(3, 1, "start", x)
        for layer in range(self.blocks * self.layers):
            y = self._conv(3, 2 ** (layer % self.layers), f"dilated_{layer}", x)
            x += self._conv(1, 1, f"mix_{layer}", nn.relu(y))
        x = Conv(self.latent, 1, name="latent", precision=HIGHEST, **torch(self.width))(x)
        frames = x.shape[1] // self.pool
        kept = x[:, : frames * self.pool]
        return kept.reshape(len(x), frames, self.pool, self.latent).mean(2)

    def _conv(self, taps: int, dilation: int, name: str, x: jax.Array) -> jax.Array:
        starts = torch(taps * x.shape[-1])
        how = dict(dilation=dilation, dtype=self.dtype, name=name, **starts)
        return Conv(self.width, taps, padding="same", **how)(x)


class TwoTaps(nn.Module):
    """Causal convolution of two taps, [B T C] -> [B T features].

    As two products: mapped over a stack of kernels these stay dense, where a convolution becomes a
    grouped one, which is slow.
    """

    features: int
    dilation: int = 1
    precision: Any = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        starts = torch(2 * x.shape[-1])
        shape = (2, x.shape[-1], self.features)
        kernel = self.param("kernel", starts["kernel_init"], shape).astype(self.dtype)
        bias = self.param("bias", starts["bias_init"], (self.features,)).astype(self.dtype)
        x = x.astype(self.dtype)
        older = jnp.pad(x, ((0, 0), (self.dilation, 0), (0, 0)))[:, : x.shape[1]]
        product = partial(jnp.matmul, precision=self.precision)
        return product(older, kernel[0]) + product(x, kernel[1]) + bias


class Layer(nn.Module):
    """Gated dilated convolution under a condition, [B T C], [B T L] -> (residual, skip) [B T C]."""

    width: int
    skip: int
    dilation: int
    last: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, local: jax.Array) -> tuple[jax.Array, jax.Array]:
        both = 2 * self.width
        z = TwoTaps(both, self.dilation, dtype=self.dtype, name="dilated")(x)
        z += Conv(both, 1, dtype=self.dtype, name="local", **torch(local.shape[-1]))(local)
        z = _gated(z)
        mixed = torch(self.width)
        # Nothing follows the last one's residual, whose gradient therefore is zero.
        name = "unused_residual" if self.last else "residual"
        residual = Conv(self.width, 1, dtype=self.dtype, name=name, **mixed)(z)
        return x + residual, Conv(self.skip, 1, dtype=self.dtype, name="skip", **mixed)(z)


def _gated(z: jax.Array) -> jax.Array:
    """Sigmoid of the first half of the channels times tanh of the second, [... 2A] -> [... A]."""
    gate, value = jnp.split(z, 2, axis=-1)
    return jax.nn.sigmoid(gate) * jnp.tanh(value)


class Decoder(nn.Module):
    """Logits of every next code, audio [B T 1] and latents [B F L] -> [B T 256].

    raw[t] is the prediction of audio[t] from audio[:t] and the latent of its own frame.
    """

    blocks: int = 4
    layers: int = 14  # of each block
    width: int = 128
    skip: int = 128
    latent: int = 64
    pool: int = 800
    distribution: Distribution = Categorical()
    dtype: Any = jnp.float32

    hop = 1

    def setup(self) -> None:
        plain = dict(dtype=self.dtype)
        self.front = TwoTaps(self.width, precision=HIGHEST)
        self.front_skip = Conv(self.skip, 1, **plain, **torch(self.width))
        count = len(self.dilations)
        self.stack = [
            Layer(self.width, self.skip, dilation, i == count - 1, self.dtype)
            for i, dilation in enumerate(self.dilations)
        ]
        self.head_local = Conv(self.skip, 1, **plain, **torch(self.latent))
        self.hidden = Conv(self.skip, 1, **plain, **torch(self.skip))
        self.output = Conv(self.distribution.parameters, 1, **torch(self.skip))

    @property
    def dilations(self) -> tuple[int, ...]:
        return tuple(2**i for i in range(self.layers)) * self.blocks

    @property
    def receptive_field(self) -> int:
        """Past samples that one prediction sees."""
        return 2 + sum(self.dilations)

    @property
    def _queues(self) -> Queues:
        return Queues(2, self.dilations)

    def __call__(self, audio: jax.Array, condition: jax.Array) -> jax.Array:
        local = self.upsample(condition)[:, : audio.shape[1]]
        past = jnp.pad(audio, ((0, 0), (2, 0), (0, 0)))[:, :-1]
        x = self.front(self._amplitude(past))[:, 1:].astype(self.dtype)
        skips = [self.front_skip(x)]
        for layer in self.stack:
            x, skip = layer(x, local)
            skips.append(skip)
        x = self.hidden(nn.relu(reduce(jnp.add, skips))) + self.head_local(local)
        return self.output(nn.relu(x).astype(jnp.float32))

    def upsample(self, condition: jax.Array) -> jax.Array:
        """Latents [B F L] -> one for every sample [B T L]."""
        return jnp.repeat(condition, self.pool, axis=1)

    def _amplitude(self, audio: jax.Array) -> jax.Array:
        """What the net reads: code / 255 - 1/2."""
        return self.distribution.inputs(audio) / 2

    # From here on, sampling: see zoo/sampling/autoregressive.py for who calls what.

    def initial(self, batch: int) -> Carry:
        """Silence in the queues of all layers, and before the latest sample."""
        return {
            **self._queues.initial(batch, self.width, self.dtype),
            "before": jnp.zeros((batch, 1)),
        }

    def fold(self) -> _Folded:
        """The weights as sampling wants them, one skip matrix for all layers."""
        params = self.variables["params"]
        blocks = [params[f"stack_{i}"] for i in range(len(self.dilations))]
        both = [block.get("residual", block.get("unused_residual")) for block in blocks]
        skips = [params["front_skip"], *(block["skip"] for block in blocks)]
        folded = {
            "past": [block["dilated"]["kernel"][0] for block in blocks],
            "now": [block["dilated"]["kernel"][1] for block in blocks],
            "bias": [block["dilated"]["bias"] + block["local"]["bias"] for block in blocks],
            "local": jnp.stack([block["local"]["kernel"][0] for block in blocks]),
            "residual": [mix["kernel"][0] for mix in both],
            "residual_bias": [mix["bias"] for mix in both],
            "skip": jnp.concatenate([skip["kernel"][0] for skip in skips]).T,
            "skip_bias": reduce(jnp.add, (skip["bias"] for skip in skips)),
            "hidden": params["hidden"]["kernel"][0].T,
            "head_local": params["head_local"]["kernel"][0],
            "head_bias": params["hidden"]["bias"] + params["head_local"]["bias"],
        }
        folded = jax.tree.map(lambda leaf: leaf.astype(self.dtype), folded)
        output = {"kernel": params["output"]["kernel"][0].T, "bias": params["output"]["bias"]}
        return {**folded, "front": params["front"], "output": output}

    def project(self, folded: _Folded, condition: jax.Array) -> _Folded:
        """Latents of samples [B T L] -> what they add, to each layer [T K B 2A], to the head."""
        local = condition.astype(self.dtype)
        return {
            "layers": jnp.einsum("btl,klg->tkbg", local, folded["local"]),
            "head": jnp.einsum("btl,ls->tbs", local, folded["head_local"]),
        }

    def frame(
        self,
        folded: _Folded,
        carry: Carry,
        x: jax.Array,
        condition: _Folded,
        noise: jax.Array,
        draw: Callable[[jax.Array, jax.Array], tuple[jax.Array, jax.Array]],
    ) -> tuple[Carry, jax.Array, jax.Array]:
        """The sample [B 1] after x [B 1], and its nats; condition and noise of one sample."""
        carry, raw = self.advance(folded, carry, x, jax.tree.map(lambda c: c[0], condition))
        return carry, *draw(raw, noise[0])

    def advance(
        self, folded: _Folded, carry: Carry, x: jax.Array, condition: _Folded
    ) -> tuple[Carry, jax.Array]:
        """(carry, raw [B P]) of the sample after x [B 1]."""
        pair = jnp.stack([carry["before"], x], 1)  # [B 2 1]
        front = folded["front"]
        entered = jnp.einsum(
            "bk,kc->bc", self._amplitude(pair)[..., 0], front["kernel"][:, 0], precision=HIGHEST
        )
        h = (entered + front["bias"]).astype(self.dtype)
        past = self._queues.read(carry)[:, 0]
        inputs, outputs = [], [h]
        weights = zip(*(folded[k] for k in ("past", "now", "bias", "residual", "residual_bias")))
        for i, (older, now, bias, residual, residual_bias) in enumerate(weights):
            z = _gated(past[i] @ older + h @ now + bias + condition["layers"][i])
            inputs.append(h)
            outputs.append(z)
            h = h + z @ residual + residual_bias
        skips = matvec(folded["skip"], jnp.concatenate(outputs, -1)) + folded["skip_bias"]
        hidden = matvec(folded["hidden"], nn.relu(skips)) + folded["head_bias"] + condition["head"]
        output = folded["output"]
        raw = matvec(output["kernel"], nn.relu(hidden).astype(jnp.float32)) + output["bias"]
        return {**self._queues.write(carry, jnp.stack(inputs)), "before": x}, raw


class Translator(nn.Module):
    """Encoder and a decoder a domain: audio of K domains [K b T 1] -> logits [K b T 256].

    The weights of decoders are one stack, [K ...] each. seen [K b T 1]: what the encoder reads, if
    not the audio itself; latents are returned, too, [K b F L].
    """

    encoder: Encoder
    decoder: Decoder
    domains: int

    def setup(self) -> None:
        if (self.encoder.latent, self.encoder.pool) != (self.decoder.latent, self.decoder.pool):
            raise BadInput("encoder and decoder have one width of latents, and one hop: pool")

    @property
    def receptive_field(self) -> int:
        """Samples of which one prediction is made: those before it, and those of its latents."""
        reach, pool, net = self.encoder.reach, self.encoder.pool, self.decoder
        steps = Step(2 * reach + 1, before=reach), Step(pool, pool), Step(pool, pool, up=True)
        late = sum(net.dilations) - net.dilations[0]  # the first layer sees its own time at once
        return conditioned(steps, pool, net.receptive_field - 1, late)

    def __call__(
        self, audio: jax.Array, seen: jax.Array | None = None, *, train: bool = False
    ) -> tuple[jax.Array, jax.Array]:
        seen = audio if seen is None else seen
        latents = self.encode(seen.reshape(-1, *seen.shape[2:]))
        latents = latents.reshape(*seen.shape[:2], *latents.shape[1:])
        decode = nn.vmap(
            lambda decoder, x, z: decoder(x, z),
            variable_axes={"params": 0},
            split_rngs={"params": True},
            axis_size=self.domains,
        )
        return decode(self.decoder, audio, latents), latents

    def encode(self, audio: jax.Array) -> jax.Array:
        """Audio [B T 1] -> latents [B F L]."""
        return self.encoder(self.decoder.distribution.inputs(audio) / 2)


class DomainClassifier(nn.Module):
    """Logits of the domain, latents [B F L] -> [B K]: 1x1 convolutions, averaged over time."""

    domains: int
    layers: int = 3
    width: int = 100
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, z: jax.Array, *, train: bool = False) -> jax.Array:
        for layer in range(self.layers):
            start = torch(z.shape[-1])
            z = nn.elu(Conv(self.width, 1, dtype=self.dtype, name=f"conv_{layer}", **start)(z))
        logits = Conv(self.domains, 1, precision=HIGHEST, name="output", **torch(self.width))
        return logits(z.astype(jnp.float32)).mean(1)
