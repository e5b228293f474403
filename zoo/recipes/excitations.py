"""What drives a vocoder besides its frames, from the word of a config."""

from __future__ import annotations

from typing import Literal

from zoo.signal import mel
from zoo.signal.excitation import Draft, Excitation, Noise

Driven = Literal["none", "noise", "griffin_lim"]


def excitation(word: Driven, spec: mel.MelSpec) -> Excitation | None:
    """'none', white 'noise', or a 'griffin_lim' draft of the audio."""
    if word == "none":
        return None
    return Noise(spec.hop) if word == "noise" else Draft(spec)


def is_draft(word: Driven) -> bool:
    """Whether the excitation is audio already, that a generator changes."""
    return word == "griffin_lim"
