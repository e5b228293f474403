"""The methods of a system that makes music of notes, or speech of text."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.front import sounds

if TYPE_CHECKING:  # JAX: not before a system is used
    from zoo.experiment import Experiment
    from zoo.runs.trained import Trained


class Plays(ABC):
    """Composing, performing and speaking, for `zoo.front.system.System`."""

    @property
    @abstractmethod
    def trained(self) -> Trained: ...

    @property
    @abstractmethod
    def experiment(self) -> Experiment: ...

    @property
    @abstractmethod
    def sample_rate(self) -> int: ...

    @abstractmethod
    def require(self, method: str) -> None: ...

    def compose(self, seconds: float = 30.0, *, notes: Any = None, **asked: Any) -> Any:
        """Notes {onset, offset (s), pitch, velocity} [n] of a new piece; with num=2, a list of two.

        notes: a MIDI file, or notes, that it goes on from: times count from where those end. asked:
        num=, seed=, temperature=, top_k=, top_p=. `zoo.songs.midi_files.write_midi` writes them.
        """
        from zoo.front import requests
        from zoo.objectives.base import check_rule, composer

        self.require("compose")
        request = requests.composed(self.sample_rate, seconds, notes, asked)
        check_rule(self.experiment.objective, request)
        made = composer(self.experiment.objective).compose(self.trained.variables, request)
        found = [performance.notes for performance in made]
        return found[0] if request.count == 1 else found

    def perform(self, notes: Any, **asked: Any) -> np.ndarray:
        """Notes, or a MIDI file, played by the model, [T C] at `sample_rate`; asked: seed=, num=.

        As long as the notes and a second more.
        """
        from zoo.evaluation.capabilities import require_capability
        from zoo.front import requests
        from zoo.objectives.base import Generative, check_rule

        self.require("perform")
        request = requests.performed(self.sample_rate, notes, asked)
        check_rule(self.experiment.objective, request)
        objective = require_capability(Generative, self.experiment.objective)
        made = sounds.join_chunks(objective.generate(self.trained.variables, request))
        return made[0] if request.count == 1 else made

    def speak(self, text: str, *, vocoder: Any = None, **asked: Any) -> np.ndarray:
        """A text, a line at a time, [T C] at `sample_rate`; asked: seed=, num=, temperature=.

        vocoder: a System that vocodes, or what `zoo.load` takes, in place of Griffin-Lim; the audio
        is at its rate then.
        """
        from zoo.front import requests
        from zoo.songs import speaking

        self.require("speak")
        request = requests.speech_request(text, asked)
        other = None if vocoder is None else speaking.vocoder(vocoder)
        made = sounds.join_chunks(speaking.speak_request(self.trained, request, other))
        return made[0] if request.count == 1 else made
