"""A system of the zoo as a Python object: what `zoo.load` and `zoo.create` give.

Its methods take arrays [T] or [T C] with their rate, paths, or a list of either, of any rate and
channel count, and give NumPy arrays; of a list they give a list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.audio.blocks import Blocks
from zoo.errors import BadInput
from zoo.front import sounds
from zoo.front.playing import Plays
from zoo.front.sounds import Sound

if TYPE_CHECKING:  # JAX: not before a system is used
    from zoo.experiment import Experiment
    from zoo.runs.networks import BoundModule
    from zoo.runs.trained import Trained


class System(Plays):
    """A trained (or new) system. `methods` names what it can do; `repr` says it in a few lines."""

    def __init__(
        self, name: str, bring: Callable[[], Trained], experiment: Experiment | None = None
    ) -> None:
        """bring: gives the experiment with its variables, at the first use of either.

        experiment: where it is built already and only the variables are to come.
        """
        self.name = name
        self._bring = bring
        self._experiment = experiment

    @cached_property
    def trained(self) -> Trained:
        """Config, arguments, experiment, variables and provenance."""
        import jax

        from zoo.cli.command_line import keep_programs

        chosen = jax.config.jax_compilation_cache_dir  # type: ignore[attr-defined]  # made by JAX
        if not chosen:  # by the caller
            keep_programs()
        return self._bring()

    @property
    def experiment(self) -> Experiment:
        """The data, objective, optimisers and evaluation that the system was trained with."""
        return self._experiment or self.trained.experiment

    @property
    def sample_rate(self) -> int:
        """Of what the model reads and makes, Hz."""
        return self.experiment.data.source.info.sample_rate

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of tags or stems in the order of the model's output."""
        from zoo.runs.pairs import labels_of

        return labels_of(self.experiment)

    @property
    def methods(self) -> tuple[str, ...]:
        """The names of the methods that this system has."""
        from zoo.front import offers

        return offers.offered(self.experiment)

    @cached_property
    def _network(self) -> BoundModule:
        from zoo.runs import networks

        return networks.network(self.experiment.objective, self.trained.variables)

    @property
    def module(self) -> Any:
        """The linen module."""
        return self._network.module

    @property
    def variables(self) -> Any:
        """What `module.apply` takes: {'params': ..., 'batch_stats': ...}."""
        return self._network.variables

    @property
    def apply(self) -> Callable[..., Any]:
        """`module.apply`: apply(variables, audio [B T C]), pure, for jit, grad and vmap."""
        return self.module.apply

    @cached_property
    def predict(self) -> Callable[[dict], dict]:
        """Compiled: a batch of arrays as the data makes them to the objective's prediction."""
        return self._compiled("predict")

    @cached_property
    def _embed(self) -> Callable[[dict], dict]:
        return self._compiled("embed")

    def _compiled(self, method: str) -> Callable[[dict], dict]:
        from zoo.runs import inference

        trained = self.trained
        bind = inference.predictor(trained.experiment.objective, trained.mesh, method)
        return bind(trained.variables)

    def tags(self, audio: Any, rate: float | None = None) -> Any:
        """{label: score in 0..1}, the mean over all of the audio, strongest first."""
        self.require("tags")
        return sounds.for_all_sounds(audio, rate, self._taggrams, lambda one: dict(one.top()))

    def tags_over_time(self, audio: Any, rate: float | None = None) -> Any:
        """A Taggram: `times` [N] s, `scores` [N K], `labels`."""
        self.require("tags_over_time")
        return sounds.for_all_sounds(audio, rate, self._taggrams)

    def embed(self, audio: Any, rate: float | None = None, *, over_time: bool = False) -> Any:
        """[D], the mean over segments of what the last layer reads; over_time: ([N] s, [N D])."""
        self.require("embed")
        chosen = (lambda found: found[:2]) if over_time else (lambda found: found[2])
        return sounds.for_all_sounds(audio, rate, self._embeddings, chosen)

    def separate(self, audio: Any, rate: float | None = None, **choices: Any) -> Any:
        """{stem: [T C]} at the audio's own rate, length and channels (surround: stereo).

        choices: residual=, keep_sum=, shifts=, seed= of `zoo.songs.separating.Separator`; segment=
        (s) and overlap= (a share) instead of the run's own; stems=, only these; two_stems=, this
        one and the sum of all others, as no_NAME; labels=, what plays, for models that take it.
        """
        self.require("separate")
        from zoo.front import requests

        requests.check_separation(choices)
        return sounds.for_each_sound(audio, rate, lambda one: self._stems(one, choices))

    def notes(self, audio: Any, rate: float | None = None) -> Any:
        """{onset, offset (s), pitch (MIDI), velocity} of every note, each [n]."""
        self.require("notes")
        from zoo.evaluation.capabilities import Transcribes, require_capability

        def one(sound: Sound) -> Any:
            sound.require(self.sample_rate)
            info = self.experiment.data.source.info
            evaluation = require_capability(Transcribes, self.experiment.evaluation)
            return evaluation.notes(self.predict, sound.at(info.sample_rate, 1), info)

        return sounds.for_each_sound(audio, rate, one)

    def pitch(self, audio: Any, rate: float | None = None) -> Any:
        """A Curve: times (s), frequency (Hz), confidence, each [F]."""
        self.require("pitch")
        from zoo.evaluation.capabilities import TracksPitch, require_capability

        def one(sound: Sound) -> Any:
            sound.require(self.sample_rate)
            info = self.experiment.data.source.info
            signal = sound.read(info.sample_rate, 1)[:, 0]
            evaluation = require_capability(TracksPitch, self.experiment.evaluation)
            return evaluation.curve(self.predict, signal, info)

        return sounds.for_each_sound(audio, rate, one)

    def sample(self, seconds: float = 5.0, **asked: Any) -> np.ndarray:
        """New audio [num T C] at `sample_rate`; asked: as of `stream`. The same seed, the same."""
        if seconds is None:
            raise BadInput("seconds=None has no end: use stream, which gives chunks")
        return sounds.join_chunks(self.stream(seconds, **asked))

    def stream(
        self,
        seconds: float | None = None,
        *,
        num: int = 1,
        seed: int = 0,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        prompt: Any = None,
        rate: float | None = None,
        pitches: Any = (),
        notes: Any = None,
        chunk: int = 16_384,
        engine: str = "auto",
    ) -> Iterator[np.ndarray]:
        """Chunks [num t C] of new audio, without end where `seconds` is None.

        temperature: 1 as learnt, less is safer. top_k, top_p: of codes or symbols only so many of
        the likeliest (0: all), and only those that together reach this probability. prompt: audio
        that is continued, at `rate`. pitches: names or MIDI numbers of the notes that an instrument
        makes. notes: a MIDI file, or notes, that it plays, `seconds` long or to their end.
        engine: of zoo/sampling/engines.py ('xla', 'native', 'native_int8', ...), where samples are
        drawn one by one.
        """
        from zoo.evaluation.capabilities import require_capability
        from zoo.front import requests
        from zoo.objectives.base import Generative, check_pitches, check_rule

        self.require("stream")
        info = self.experiment.data.source.info
        request = requests.new(
            info.sample_rate,
            seconds,
            num=num,
            seed=seed,
            temperature=temperature,
            chunk=chunk,
            top_k=top_k,
            top_p=top_p,
            engine=engine,
        )
        request = requests.pitched(
            request, self.experiment.objective, info.sample_rate, pitches, notes
        )
        check_rule(self.experiment.objective, request)
        check_pitches(self.experiment.objective, request)
        if prompt is not None:
            given = sounds.as_sound(prompt, rate).read(info.sample_rate, info.channels)
            request = requests.prompted(request, given)
        objective = require_capability(Generative, self.experiment.objective)
        return objective.generate(self.trained.variables, request)

    def vocode(self, audio: Any, rate: float | None = None, **asked: Any) -> Any:
        """The audio made anew from its features, [T C] at `sample_rate`; asked: seed=, num=."""
        return self._made_of("vocode", audio, rate, asked)

    def reconstruct(self, audio: Any, rate: float | None = None, **asked: Any) -> Any:
        """The audio through the model and back, [T C]; holes=[(1.2, 1.25)]: seconds to fill."""
        return self._made_of("reconstruct", audio, rate, asked)

    def transfer(self, audio: Any, rate: float | None = None, **asked: Any) -> Any:
        """The tune played by the model's instrument, or in domain=, [T C] at `sample_rate`."""
        return self._made_of("transfer", audio, rate, asked)

    def process(self, audio: Any, rate: float | None = None, **asked: Any) -> Any:
        """The audio through the effect that the model learnt, [T C] at `sample_rate`."""
        return self._made_of("process", audio, rate, asked)

    def train(self, workdir: Any) -> System:
        """Trains its config with its arguments into a run directory; the best of it.

        As train.py does: the same call goes on with a run that was interrupted.
        """
        from pathlib import Path

        from zoo.front import finding
        from zoo.runs import train as runs

        folder, found = Path(workdir).expanduser(), self.trained
        if not runs.train(found.config, found.arguments, folder, allow_change=False, board=False):
            raise KeyboardInterrupt
        return finding.load_system(folder, config=str(found.config.path))

    def _taggrams(self, given: Iterable[Sound]) -> Iterator[Any | BadInput]:
        from zoo.evaluation.capabilities import Tags, require_capability

        evaluation, info = (
            require_capability(Tags, self.experiment.evaluation),
            self.experiment.data.source.info,
        )
        return evaluation.taggrams(self.predict, self._opened(given), info)

    def _embeddings(self, given: Iterable[Sound]) -> Iterator[Any | BadInput]:
        from zoo.evaluation.capabilities import Tags, require_capability

        evaluation, info = (
            require_capability(Tags, self.experiment.evaluation),
            self.experiment.data.source.info,
        )
        return evaluation.embeddings(self._embed, self._opened(given), info)

    def _opened(self, given: Iterable[Sound]) -> Iterator[Callable[[], tuple[Blocks, int]]]:
        def opens(one: Sound) -> tuple[Blocks, int]:
            one.require(self.sample_rate)
            return one.blocks(), one.rate

        return (partial(opens, one) for one in given)

    def _stems(self, sound: Sound, choices: dict[str, Any]) -> dict[str, np.ndarray]:
        from zoo.evaluation.capabilities import Separates, require_capability
        from zoo.front import stems

        evaluation = require_capability(Separates, self.experiment.evaluation)
        sound.require(evaluation.how.rate)
        wanted = stems.requested_stems(self.trained, choices)
        most = 2 if evaluation.how.channels == 2 else sound.channels  # surround to stereo
        song = lambda: sounds.mixed(sound, min(sound.channels, most))  # noqa: E731
        found = evaluation.stems(self.predict, song, sound.rate, **wanted.fields)
        return {name: sound.shaped(stem) for name, stem in wanted.of(found).items()}

    def _made_of(self, verb: str, audio: Any, rate: float | None, asked: dict[str, Any]) -> Any:
        from zoo.evaluation.capabilities import require_capability
        from zoo.front import requests
        from zoo.objectives.base import Generative, check_domain, check_holes, check_rule

        self.require(verb)
        info = self.experiment.data.source.info

        def one(sound: Sound) -> np.ndarray:
            sound.require(info.sample_rate)
            source = sound.read(info.sample_rate, info.channels)
            request = requests.of_source(source, info.sample_rate, asked)
            check_rule(self.experiment.objective, request)
            check_domain(self.experiment.objective, request)
            check_holes(self.experiment.objective, request)
            objective = require_capability(Generative, self.experiment.objective)
            made = sound.shaped(
                sounds.join_chunks(objective.generate(self.trained.variables, request))
            )
            return made[0] if request.count == 1 else made

        return sounds.for_each_sound(audio, rate, one)

    def require(self, method: str) -> None:
        if method not in self.methods:
            has = ", ".join(self.methods) or "none: it can only be scored or trained"
            raise BadInput(f"{self.name} has no {method}(...); its methods: {has}")

    def __repr__(self) -> str:
        from zoo.front.offers import SIGNATURES
        from zoo.runs import inference

        trained, info = self.trained, self.experiment.data.source.info
        count = inference.count_parameters(trained.variables.params)
        many = len(self.labels)
        names = ", ".join(self.labels[:6]) + (", ..." if many > 6 else "")
        lines = [
            f"{self.name}: {trained.config.title}",
            f"  {count:,} parameters, {info.form}, {trained.config.name}",
            *([f"  {many} label{'s' * (many != 1)}: {names}"] if many else []),
            *(f"  .{SIGNATURES[name]}" for name in self.methods),
        ]
        return "\n".join(lines)
