"""A WaveNet that plays notes, on recordings with notes: what its rows share.

Hawthorne et al., ICLR 2019, arXiv 1810.12247: a piano roll of held keys at 250 Hz passes a context
stack of 2 x 6 layers, the audio 3 x 10; a mixture of logistics over 16 bits. Chosen, as not stated
there: all widths, ten logistics, and that the stack's frames are repeated to samples.

`struck_wavenet` is what small budgets take in its place: the age of each stroke beside its key,
sines of the keys that are held, and 8-bit mu-law codes, whose distribution is learnt sooner.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from zoo.data.held_rolls import held_roll, struck_roll
from zoo.data.pipeline import Data
from zoo.distributions import Categorical, MixtureOfLogistics
from zoo.evaluation.played_notes import PlayedLikelihood
from zoo.experiment import Experiment
from zoo.layers.context_stack import ContextStack
from zoo.layers.struck_keys import StruckKeys
from zoo.models.generation.wavenet import WaveNet
from zoo.objectives.played_notes import PlayedNotes, as_it_is
from zoo.sampling.rule import SamplerRule

MIDI_HOP = 64  # samples: 250 Hz
_TEMPERATURE = 0.7  # at which an evaluation plays


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
        upsampling=(MIDI_HOP,),
        upsampler="repeat",
        context=ContextStack(context, dtype=net["dtype"]),
        **net,
    )
    past = -(-model.receptive_field // MIDI_HOP) * MIDI_HOP
    rate = data.source.info.sample_rate
    return Experiment(
        data=data,
        objective=PlayedNotes(model, held=held_roll, hop=MIDI_HOP, rate=rate),
        evaluation=PlayedLikelihood(2 * samples + past, past, score_batch, hop=MIDI_HOP),
        **training,
    )


def struck_wavenet(
    data: Data,
    net: dict[str, Any],
    *,
    hop: int,
    context: int,
    harmonics: int,
    disturbance: float,
    played: int,
    **training: Any,
) -> Experiment:
    """As `midi_wavenet`, of `audio` and `roll` [B F 176] that `struck_roll` makes of the notes.

    hop: samples of a frame. harmonics: sines of each key that is held. disturbance: of the past in
    training, in codes. played: clips of the test that are played from their notes alone.
    """
    rate = data.source.info.sample_rate
    keys = StruckKeys(context, hop, rate, harmonics, layers=4, dtype=net["dtype"])
    model = WaveNet(
        distribution=Categorical(256),
        input="scalar",
        local_condition=context,
        upsampler="repeat",
        context=keys,
        **net,
    )
    past = -(-model.receptive_field // hop) * hop
    score = PlayedLikelihood(16_384 + past, past, batch=1, hop=hop, other=4, roll=struck_roll)
    return Experiment(
        data=data,
        objective=PlayedNotes(
            model,
            condition=as_it_is,
            disturbance=disturbance,
            held=struck_roll,
            hop=hop,
            rate=rate,
            rule=SamplerRule(_TEMPERATURE),
        ),
        evaluation=score,
        test=replace(score, played=played),
        **training,
    )
