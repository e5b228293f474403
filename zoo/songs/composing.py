"""Notes out of a composer into files: MIDI, what it sounds like, and the JSON that makes it again.

A tune that is to be continued stands before what was made of it, in the MIDI and in the sound.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from zoo import durable, writing
from zoo.audio.audio_writing import require_room
from zoo.audio.streaming import stream
from zoo.data.midi import read_notes
from zoo.data.note_rolls import Notes
from zoo.errors import BadInput
from zoo.evaluation.base import write_figure
from zoo.objectives import performing
from zoo.objectives.base import Composing, Performance, Request, composer
from zoo.pages.piano_roll import roll_figure
from zoo.runs.trained import Trained
from zoo.songs.choices import Choices
from zoo.songs.credits import provenance
from zoo.songs.generating import CHUNK, describe_request, requested
from zoo.songs.likeliest import Clips
from zoo.songs.midi_files import write_midi
from zoo.songs.stem_files import refuse_overwrite

_ENDINGS = (".mid", ".midi")
_KINDS = (".mid", ".wav", ".json")


def find_midi_files(inputs: Sequence[str]) -> list[Path]:
    """MIDI files, and those in folders and patterns, sorted. raises BadInput for none."""
    from glob import glob

    found: dict[Path, None] = {}
    for item in inputs:
        path = Path(item).expanduser()
        matches = [path] if path.exists() else [Path(m) for m in glob(str(path), recursive=True)]
        found |= dict.fromkeys(p for m in sorted(matches) for p in _inside(m))
    if not found:
        raise BadInput(f"no MIDI in {', '.join(inputs)}: give .mid files, or folders of them")
    return list(found)


def _inside(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(p for p in path.rglob("*") if p.suffix.lower() in _ENDINGS)


def compose(
    trained: Trained, options: Choices, path: Path | None = None, stem: str = "sample"
) -> str:
    """New pieces, or the tune at `path` and how it goes on; the line that says so."""
    experiment = trained.experiment
    objective, info = composer(experiment.objective), experiment.data.source.info
    request = requested(options, None, info)
    tune = None if path is None else read_notes(path)
    request = replace(request, notes=tune)
    clips = Clips(objective, request, options.keep or 0)
    several = len(clips) > 1
    stems = [f"{stem}_{i}" for i in range(len(clips))] if several else [stem]
    files = [options.out / f"{name}{kind}" for name in stems for kind in _KINDS]
    if path is not None and any(f.exists() and f.samefile(path) for f in files):
        raise BadInput(f"{path} would be overwritten with what it becomes: choose another --out")
    begins = 0.0 if tune is None else float(np.max(tune["offset"]))
    length = request.length + round(begins * info.sample_rate)
    require_room(options.out, 2 * length * len(clips))
    with writing.hold_lock(options.out / f"{stem}_N.mid" if several else files[0], files):
        refuse_overwrite(files, options.force)
        made = _best(objective.compose(trained.variables, request), options.keep or 0)
        about = {"request": _asked(request, path), **provenance(trained)}
        for name, (voice, performance) in zip(stems, made):
            notes = append_notes(tune, performance.notes, begins)
            facts = {"voice": voice, "begins_seconds": round(begins, 3), **about}
            if performance.log_prob is not None:
                facts = {"log_prob_nats": performance.log_prob, **facts}
            _keep(objective, notes, options.out / name, length, info.sample_rate, facts)
    listed = ", ".join(f"{options.out / name}.mid" for name in stems)
    given = f", the first {begins:.1f} s as given" if tune is not None else ""
    return f"{length / info.sample_rate:.1f} s x {len(stems)}{given}, played in .wav: {listed}"


def _best(performances: Sequence[Performance], keep: int) -> list[tuple[int, Performance]]:
    """All performances with the numbers of their voices, or the likeliest `keep` of them."""
    numbered = list(enumerate(performances))
    if not keep:
        return numbered
    return sorted(numbered, key=lambda pair: -(pair[1].log_prob or 0.0))[:keep]


def append_notes(tune: Notes | None, notes: Notes, begins: float) -> Notes:
    """The tune and then the notes, whose times count from `begins` seconds."""
    if tune is None:
        return notes
    later = {name: notes[name] + np.float32(begins) for name in ("onset", "offset")}
    both = {**notes, **later}
    return {name: np.concatenate([np.asarray(tune[name]), both[name]]) for name in both}


def _keep(
    objective: Composing,
    notes: Notes,
    place: Path,
    length: int,
    rate: int,
    about: dict[str, Any],
) -> None:
    """PLACE.mid, .wav of `length` samples and .json, which stand together or not at all."""
    paths = [place.with_name(place.name + kind) for kind in (".json", ".mid", ".wav")]
    request = Request(length=length, chunk=CHUNK)
    chunks = performing.render_performances([Performance(notes)], objective.instrument, request)
    with writing.replacing(*paths) as (note, score, sound):
        write_midi(score, notes, program=getattr(objective.instrument, "program", 0))
        if stream(chunks, [sound], rate, length=length, progress=False) < length:
            raise KeyboardInterrupt
        facts = {"file": paths[2].name, "midi": paths[1].name, "notes": len(notes["pitch"])}
        facts |= {"samples": length, "sample_rate": rate, "sha256": durable.file_sha256(sound)}
        facts |= {"midi_sha256": durable.file_sha256(score), **about}
        note.write_text(json.dumps(facts, indent=1) + "\n")
    picture = place.with_name(place.name + ".png")
    write_figure(lambda: roll_figure(notes, length / rate), picture, dpi=100, bbox_inches="tight")


def _asked(request: Request, path: Path | None) -> dict[str, Any]:
    """A request as JSON; the tune is named by its file and hash."""
    facts = describe_request(request, None, None)
    if path is not None:
        own = {"file": str(path), "sha256": durable.file_sha256(path)}
        facts["input"] = {**own, "notes": len(request.notes["pitch"])}
    return facts
