"""Dictionaries of sources, learnt at once from the frames of training stems, source by source."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput
from zoo.network import Network
from zoo.objectives import one_network
from zoo.objectives.base import Batch, Tree, Turn, Variables
from zoo.objectives.shallow import Progress
from zoo.signal import bases

SOUNDING = 1e-3  # of the mixture's power: quieter frames of a stem are not learnt from
_NOISE = 1e-3  # of a stem's power: white noise that its frames are given, 30 dB below them


@dataclass(frozen=True)
class SourceBases:
    """A model of a dictionary for each stem, filters [S N N] and exponents [S N]; learnt by `fit`.

    The model has `frames(mixture, stems)` -> [B F S N]. most: frames that a dictionary is learnt
    from, drawn from those in which its stem sounds. steps: of natural gradients, on random
    `frames_a_step` of them, by a rate that falls to zero.
    """

    model: Network
    most: int = 10_000
    steps: int = 250
    frames_a_step: int = 1024
    rate: float = 0.2
    input: str = "mixture"
    target: str = "stems"

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        return one_network.init_player(self.model, rng, batch[self.input])

    @property
    def turns(self) -> tuple[Turn, ...]:
        return ()

    def describe(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'frames': [B F S N]} of the stems, relative to the level of the mixture."""
        found = self.model.apply({}, batch[self.input], batch[self.target], method="frames")
        return {"frames": found}

    def fit(self, variables: Variables, train: Tree, held: Tree, progress: Progress) -> Variables:
        """Dictionaries from frames [N F S N] of the training split; nothing is chosen by others."""
        frames = np.moveaxis(np.asarray(train["frames"], np.float32), 2, 0)
        learnt = []
        for number, own in enumerate(frames):
            chosen = self._sounding(own.reshape(-1, own.shape[-1]), number)
            learnt.append(self._learnt(chosen, jax.random.key(number)))
            progress(number + 1, len(frames))
        filters, exponents = (np.stack([np.asarray(one[i]) for one in learnt]) for i in (0, 1))
        params = {"filters": filters, "exponents": exponents}
        return variables.replace(params={one_network.PLAYER: params})

    def _sounding(self, frames: np.ndarray, number: int) -> np.ndarray:
        loud = frames[np.square(frames).mean(1) > SOUNDING]
        if not len(loud):
            raise BadInput(
                f"stem {number + 1} sounds in no frame of the training split: nothing can be "
                "learnt of it, leave it out"
            )
        # One shape for all sources, some of which sound in fewer frames.
        draw = np.random.default_rng(number)
        return loud[draw.choice(len(loud), self.most, replace=len(loud) < self.most)]

    @partial(jax.jit, static_argnums=0)
    def _learnt(self, frames: jax.Array, key: jax.Array) -> bases.Bases:
        one, two = jax.random.split(key)
        frames = bases.add_white_noise(frames, _NOISE, one)
        return bases.learnt(
            bases.whitening_bases(frames),
            frames,
            two,
            steps=self.steps,
            batch=self.frames_a_step,
            rate=self.rate,
        )

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'prediction': [B T S C]}."""
        found = self.model.apply(variables.of(one_network.PLAYER), batch[self.input])
        return {"prediction": jnp.asarray(found)}
