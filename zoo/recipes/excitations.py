"""What drives a vocoder besides its frames, from the word of a config."""

from __future__ import annotations

from typing import Literal

from zoo.signal import mel
from zoo.signal.excitation import Draft, ExcitationSignal, Noise
from zoo.signal.sine_source import Levelled, Sine

Driven = Literal["none", "noise", "griffin_lim", "sine"]


def excitation(word: Driven, spec: mel.MelSpec) -> ExcitationSignal | None:
    """'none', white 'noise', a 'griffin_lim' draft, or a 'sine' of the audio's pitch and level."""
    if word == "noise":
        return Noise(spec.hop)
    if word == "griffin_lim":
        return Draft(spec)
    return Levelled(Sine(spec)) if word == "sine" else None


def is_draft(word: Driven) -> bool:
    """Whether the excitation is audio already, that a generator changes."""
    return word == "griffin_lim"
