"""A WaveNet that plays notes, on recordings with notes: what its rows share.

Hawthorne et al., ICLR 2019, arXiv 1810.12247: a piano roll of held keys at 250 Hz passes a context
stack of 2 x 6 layers, the audio 3 x 10; a mixture of logistics over 16 bits. Chosen, as not stated
there: all widths, ten logistics, and that the stack's frames are repeated to samples.
"""

from __future__ import annotations

from typing import Any

from zoo.data.held_rolls import held
from zoo.data.pipeline import Data
from zoo.distributions import MixtureOfLogistics
from zoo.evaluation.played_notes import PlayedLikelihood
from zoo.experiment import Experiment
from zoo.layers.context_stack import ContextStack
from zoo.models.generation.wavenet import WaveNet
from zoo.objectives.played_notes import PlayedNotes

HOP = 64  # samples: 250 Hz


def midi_wavenet(
    data: Data,
    net: dict[str, Any],
    *,
    context: int,
    samples: int,
    components: int = 10,
    score_batch: int = 1,
    **training: Any,
) -> Experiment:
    """The experiment. net: fields of WaveNet. data: `audio` and `roll` of `samples`.

    context: channels of the context stack. components: logistics of the mixture. training: the rest
    of an Experiment.
    """
    model = WaveNet(
        distribution=MixtureOfLogistics(components, 16),
        input="scalar",
        local_condition=context,
        upsampling=(HOP,),
        upsampler="repeat",
        context=ContextStack(context, dtype=net["dtype"]),
        **net,
    )
    past = -(-model.receptive_field // HOP) * HOP
    rate = data.source.info.sample_rate
    return Experiment(
        data=data,
        objective=PlayedNotes(model, held=held, hop=HOP, rate=rate),
        evaluation=PlayedLikelihood(2 * samples + past, past, score_batch, hop=HOP),
        **training,
    )
