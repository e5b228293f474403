"""Text to files of speech, through Griffin-Lim or any vocoder of the zoo.

A vocoder whose front end is that of the speaker's frames, but for padding, is given the frames
themselves; any other what Griffin-Lim makes of them, whose own frames it finds.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import writing
from zoo.errors import BadInput
from zoo.objectives.base import Request, check_rule
from zoo.runs.trained import Trained
from zoo.signal import mel
from zoo.songs import generating
from zoo.songs.choices import Choices
from zoo.songs.credits import provenance
from zoo.songs.stem_files import refuse_overwrite

if TYPE_CHECKING:
    from zoo.front.system import System

_FRONT = ("sample_rate", "n_fft", "hop", "bins", "exponent", "low", "high", "scale", "norm", "win")


def vocoder(given: Any) -> System:
    """A system that vocodes: itself, or what `zoo.load` takes. Raises BadInput for others."""
    from zoo.front import finding
    from zoo.front.system import System

    system = given if isinstance(given, System) else finding.load_system(given)
    if "vocode" not in system.methods:
        has = ", ".join(system.methods) or "none"
        raise BadInput(f"{system.name} is no vocoder; its methods: {has}")
    return system


def speak_request(trained: Trained, request: Request, other: System | None) -> Iterator[np.ndarray]:
    """Chunks [count t 1] of the request's text, at the rate of the vocoder where there is one."""
    objective: Any = trained.experiment.objective
    check_rule(objective, request)
    if other is None:
        yield from objective.generate(trained.variables, request)
        return
    if takes_frames(other.experiment.objective, objective.front):
        for frames, count in objective.refined(trained.variables, request):
            voices = [
                _sounded(other, x[:n], n * objective.front.spec.hop, request)
                for x, n in zip(frames, count.tolist())
            ]
            yield _together(voices)
        return
    draft = np.concatenate(list(objective.generate(trained.variables, request)), 1)
    rate = trained.experiment.data.source.info.sample_rate
    yield _together([other.vocode(voice, rate, seed=request.seed) for voice in draft])


def takes_frames(objective: Any, front: Any) -> bool:
    """Whether a vocoder reads what the front end of a speaker gives."""
    if not getattr(objective, "takes_frames", False) or not front.vocodable:
        return False
    theirs, ours = objective.spec, front.spec
    same = all(getattr(theirs, name) == getattr(ours, name) for name in _FRONT)
    return same and theirs.compress == mel.log_clamp


def _sounded(other: System, frames: np.ndarray, length: int, asked: Request) -> np.ndarray:
    """Audio [T 1] of frames [F M], by a vocoder."""
    objective: Any = other.experiment.objective
    request = Request(length, seed=asked.seed, frames=frames, chunk=asked.chunk)
    return np.concatenate(list(objective.generate(other.trained.variables, request)), 1)[0]


def _together(voices: list[np.ndarray]) -> np.ndarray:
    """Voices [T 1] as one array [count T 1], with silence behind the shorter."""
    longest = max(len(voice) for voice in voices)
    return np.stack([np.pad(v, ((0, longest - len(v)), (0, 0))) for v in voices])


def speak(trained: Trained, options: Choices) -> str:
    """The text of `--text` into files; the line that says so."""
    if options.text is None:
        raise BadInput(f"{trained.config.name} speaks: give it a text with --text")
    if options.input or options.prompt or options.pitches or options.keep:
        raise BadInput("a system that speaks takes --text, no --input, --prompt, --pitches, --keep")
    info = trained.experiment.data.source.info
    text = sys.stdin.read() if options.text == "-" else options.text
    request = generating.requested(options, None, info)
    request = replace(request, length=0, text=text)
    other = None if options.vocoder is None else vocoder(options.vocoder)
    rate = info.sample_rate if other is None else other.sample_rate
    several = request.count > 1
    names = [f"speech_{i}.wav" for i in range(request.count)] if several else ["speech.wav"]
    files = [options.out / name for name in names]
    about = {"request": generating.describe_request(request, None, None), **provenance(trained)}
    if other is not None:
        about["vocoder"] = other.name
    with writing.hold_lock(options.out / "speech_N.wav" if several else files[0], files):
        refuse_overwrite(files, options.force)
        chunks = speak_request(trained, request, other)
        written = generating.write_voices(
            chunks, files, rate, 0, about, lambda place: {"voice": place}
        )
    return f"{written / rate:.2f} s x {len(files)} at {rate} Hz in {', '.join(map(str, files))}"
