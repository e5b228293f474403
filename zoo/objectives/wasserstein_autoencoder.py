"""Optimal transport to the windows of audio by an autoencoder: WAE-MMD.

Tolstikhin et al. 2018, equation 4 and algorithm 2: the cost of coding a window, and a penalty that
pulls the latents of a batch *as a set* to the prior, where a VAE pulls those of every window. Cost
is the square of the distance, in units of `level`, a mean over samples: the paper's sum and weight
differ by a factor alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.losses.discrepancy import multiquadratic_mmd
from zoo.losses.spectral import multi_scale
from zoo.network import Network
from zoo.objectives import clips, one_network
from zoo.objectives.base import Batch, LossOutput, Turn, Variables

_SIZES = (512, 256, 128)  # of the FFTs that `spectral` sums over


@dataclass(frozen=True)
class WassersteinAutoencoder(clips.WindowGenerator):
    """Codes batch[`audio`] [B T 1], two windows or more; one player, 'model'.

    model(audio) -> (audio again, latents [B L]), with `decode`, `latents` and `samples`. penalty:
    weight of the discrepancy from a standard normal. level: amplitude in which errors are measured.
    spectral: weight, in the cost, of how far logarithmic spectra are apart. The paper takes any
    cost; of distances between waveforms a decoder learns no highs, whose phases it cannot meet.
    """

    model: Network
    penalty: float = 1.0
    level: float = 0.1
    spectral: float = 0.0
    audio: str = "audio"

    named: ClassVar[str] = "an autoencoder of windows"

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        return one_network.init_player(self.model, rng, batch[self.audio])

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (Turn("model", self._loss),)

    def _loss(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        audio = batch[self.audio]
        if len(audio) < 2:
            raise BadInput("a set of latents is of two windows or more: use batch=2 or more")
        again, z = self.model.apply(variables.of("model"), audio)
        error = jnp.square(again - audio).mean()
        apart = multiquadratic_mmd(z, jax.random.normal(rng, z.shape))
        snr = 10 * jnp.log10(jnp.square(audio).mean() / error)
        value = error / self.level**2 + self.penalty * apart
        if self.spectral:
            value += self.spectral * multi_scale(again, audio, sizes=_SIZES, linear=0.0).mean()
        return value, ({}, {"discrepancy": apart, "snr": snr})

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'audio': [B T 1], a window drawn by batch['index'] where given; 'prediction': [B T 1]}.

        The prediction is batch['audio'], coded.
        """
        drawn = self._drawn_by_index(variables, batch, rng)
        again, _ = self.model.apply(variables.of("model"), batch[self.audio])
        return {"audio": drawn, "prediction": again}

    def _drawn(self, variables: Variables, keys: jax.Array, temperature: Any) -> jax.Array:
        draw = jax.vmap(lambda k: jax.random.normal(k, (self.model.latents,)))
        audio: jax.Array = self.model.apply(
            variables.of("model"), temperature * draw(keys), method="decode"
        )
        return audio
