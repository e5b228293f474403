"""Hierarchies of discrete autoencoders (Dieleman et al. 2018): two levels, a prior above them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.distributions import Categorical, Distribution, Tokens
from zoo.evaluation.codes import CodeLikelihood
from zoo.evaluation.generation import Likelihood
from zoo.experiment import Experiment
from zoo.layers.quantizer import ArgmaxQuantizer, Quantizer
from zoo.models.generation.ada import DiscreteAutoencoder
from zoo.models.generation.wavenet import WaveNet
from zoo.objectives.autoencoder import QuantisedAutoencoder
from zoo.objectives.code_autoencoder import CodeAutoencoder
from zoo.objectives.code_prior import CodePrior

Bottleneck = Literal["argmax", "codebook"]
COMMITMENT = 0.25  # of codebooks that are learnt by a loss, as the VQ-VAE's


@dataclass(frozen=True)
class Hierarchy:
    """Sizes that both levels have: of local models, of encoders and modulators, of codes.

    bottleneck: 'argmax' with the weight `diversity`, or a learnt 'codebook' of vectors of 64.
    """

    layers: int = 30
    stacks: int = 3
    width: int = 512
    skip: int = 256
    encoder: int = 256
    depth: int = 6
    codes: int = 256
    bottleneck: Bottleneck = "argmax"
    diversity: float = 0.01
    normalise: bool = False
    levels: int = 3
    dtype: Any = jnp.float32

    @property
    def bottom(self) -> DiscreteAutoencoder:
        """The autoencoder of mu-law audio."""
        return self._autoencoder(Categorical(), embed=False)

    @property
    def top(self) -> DiscreteAutoencoder:
        """The autoencoder of the bottom's codes."""
        return self._autoencoder(Tokens(self.codes), embed=True)

    def local_model(self, distribution: Distribution, **how: Any) -> WaveNet:
        """A WaveNet of these sizes; how: its condition."""
        wide = (self.width, self.width, self.skip, self.skip)
        net = WaveNet(self.layers, self.stacks, *wide, distribution=distribution, dtype=self.dtype)
        return net.clone(**how)

    def _autoencoder(self, distribution: Distribution, embed: bool) -> DiscreteAutoencoder:
        argmax = self.bottleneck == "argmax"
        chosen: ArgmaxQuantizer | Quantizer = Quantizer(self.codes)
        if argmax:
            chosen = ArgmaxQuantizer(self.codes, self.diversity)
        condition = dict(local_condition=self.encoder, upsampling=(2**self.levels,))
        return DiscreteAutoencoder(
            self.local_model(distribution, **condition),
            chosen,
            self.encoder,
            self.codes if argmax else 64,
            self.levels,
            self.depth,
            embed,
            self.normalise,
            self.dtype,
        )

    @property
    def _commitment(self) -> float:
        return 0.0 if self.bottleneck == "argmax" else COMMITMENT

    def learn_bottom(self, data: Data, samples: int, optimizer: Any, **how: Any) -> Experiment:
        """Likelihood of audio given its codes; windows of 2 x `samples` are scored."""
        model = self.bottom
        context = -(-model.decoder.receptive_field // model.hop) * model.hop
        return Experiment(
            data=data,
            objective=QuantisedAutoencoder(model, self._commitment),
            optimizers={"autoencoder": optimizer},
            evaluation=Likelihood(2 * samples + context, context, batch=1),
            **how,
        )

    def learn_top(
        self, data: Data, samples: int, optimizer: Any, below: str, **how: Any
    ) -> Experiment:
        """Likelihood of the bottom's codes given those above; below: the bottom's run."""
        bottom = self.bottom
        return Experiment(
            data=data,
            objective=CodeAutoencoder(self.top, bottom, self._commitment),
            optimizers={"autoencoder": optimizer},
            evaluation=CodeLikelihood(samples, bottom.hop, self.codes, batch=2),
            initial={"below": below} if below else {},
            **how,
        )

    def learn_prior(
        self,
        data: Data,
        samples: int,
        optimizer: Any,
        prior: WaveNet,
        below: str,
        top: str,
        **how: Any,
    ) -> Experiment:
        """Likelihood of the uppermost codes; below, top: runs of the two levels."""
        objective = CodePrior(prior, self.top, below=self.bottom)
        runs = {"autoencoder": top, "below": below}
        return Experiment(
            data=data,
            objective=objective,
            optimizers={"model": optimizer},
            evaluation=CodeLikelihood(samples, objective.levels.hop, self.codes, batch=2),
            initial={name: run for name, run in runs.items() if run},
            **how,
        )
