"""A chain of systems over a user's files: MIDI of every stage, sound, and a page with all of it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from zoo import durable, writing
from zoo.audio.audio_writing import require_room
from zoo.audio.probing import read_header
from zoo.audio.streaming import stream
from zoo.data.note_rolls import Notes
from zoo.errors import BadInput
from zoo.evaluation.base import write_figure
from zoo.front.system import System
from zoo.objectives.performing import notes_duration
from zoo.pages import own, stages
from zoo.pages.piano_roll import roll_figure
from zoo.songs import chain, own_files
from zoo.songs.chain import Systems
from zoo.songs.credits import credited, provenance
from zoo.songs.generating import long_enough
from zoo.songs.midi_files import write_midi

_FOUND, CONTINUED, _PLAYED = "notes.mid", "continued.mid", "played.wav"
FONT = {"instrument": "TimGM6mb.sf2, out of pretty_midi", "licence": "GPL-2"}


def run_chain(
    inputs: list[str],
    out: Path,
    systems: Systems,
    *,
    seed: int = 0,
    force: bool = False,
    **composing: Any,
) -> int:
    """Every file into `out`/FILE; 2 where one had to be rejected. composing: as of `chain`."""
    asked = chain.check_composing(systems, composing)

    def one(path: Path, name: str) -> str:
        place = out / name
        long_enough(path, systems.notes.sample_rate, own_files.SHORTEST)
        with writing.write_folder(place, partial(_refuse, place, path, force)) as folder:
            line, whole = _write(folder, path, systems, seed, asked)
            own.sign(folder, path, line, _whose(systems))
        if not whole:
            raise KeyboardInterrupt  # what was played so far is in order
        return f"{path.name}: {line}; look at {place / own.PAGE_NAME}"

    code = own_files.for_each(inputs, out, one)
    own_files.say_index(out, _whose(systems))
    return code


def _refuse(place: Path, path: Path, force: bool) -> None:
    """Raises BadInput where something is there already, or the recording itself."""
    writing.refuse_nonempty(place, force)
    if place.resolve() in path.resolve().parents:
        raise BadInput(f"{path} lies where its results would: choose another --out")


def _write(
    folder: Path, path: Path, systems: Systems, seed: int, asked: dict[str, Any]
) -> tuple[str, bool]:
    """All of one recording into a folder; what is said of it, and whether it was played whole."""
    found = chain.transcribed(systems, path)
    write_midi(folder / _FOUND, found)
    _picture(folder / _FOUND, found)
    notes, begins = chain.continued(systems, found, seed, asked)
    if begins is not None:
        program = getattr(systems.instrument, "program", 0)
        write_midi(folder / CONTINUED, notes, program)
        _picture(folder / CONTINUED, notes)
    length = round(notes_duration(notes) * systems.rate)
    samples = _play(folder / _PLAYED, systems, notes, seed, length)
    counts = {"notes": len(found["pitch"]), "compose": len(notes["pitch"]) - len(found["pitch"])}
    facts = _described(folder, path, systems, counts, begins, asked)
    facts |= {"seed": seed, "samples": samples, "sample_rate": systems.rate}
    durable.write_json(folder / "info.json", facts)
    stages.write_stages_page(folder, path, _titles(systems))
    more = "" if begins is None else f", {counts['compose']} more from {begins:.1f} s on"
    line = f"{counts['notes']} notes{more}, {samples / systems.rate:.1f} s played by"
    return f"{line} {_player(systems)}", samples == length


def _picture(midi: Path, notes: Notes) -> None:
    write_figure(
        partial(roll_figure, notes, notes_duration(notes)), midi.with_suffix(".png"), dpi=100
    )


def _play(path: Path, systems: Systems, notes: Notes, seed: int, length: int) -> int:
    """Streams the music to a file -> its samples, fewer than `length` where Ctrl-C ended it."""
    require_room(path.parent, 2 * length)
    chunks = chain.perform_notes(systems, notes, seed)
    written = stream(chunks, [path], systems.rate, length=length)
    if not written:
        raise KeyboardInterrupt
    return written


def _described(
    folder: Path,
    path: Path,
    systems: Systems,
    counts: dict[str, int],
    begins: float | None,
    asked: dict[str, Any],
) -> dict[str, Any]:
    """The recording and the stages: weights, licence, what was asked, files and their hashes."""
    files = {"notes": _FOUND, "compose": CONTINUED, "perform": _PLAYED}
    by = {method: _of_weights(system) for method, system in systems.named.items()}
    by.setdefault("perform", {**FONT, "program": getattr(systems.instrument, "program", 0)})
    for method, facts in by.items():
        file = files[method]
        facts |= {"file": file, "sha256": durable.file_sha256(folder / file)}
        facts |= {"count": counts[method]} if method in counts else {}
    if begins is not None:
        by["compose"] |= {**asked, "begins_seconds": round(begins, 3)}
    source = {
        "file": str(path),
        "sha256": durable.file_sha256(path),
        "seconds": read_header(path).seconds,
    }
    return {"input": source, "stages": by}


def _of_weights(system: System) -> dict[str, Any]:
    return {**provenance(system.trained), "licence": _licence(system)}


def _licence(system: System) -> str:
    return str(system.trained.meta.get("licence") or "your own training")


def _player(systems: Systems) -> str:
    return systems.perform.name if systems.perform else "the sound font"


def _titles(systems: Systems) -> dict[str, str]:
    """A title for each file of the folder, by what made it."""
    shown = {_FOUND: f"Notes, found by {systems.notes.name}"}
    if systems.compose:
        shown[CONTINUED] = f"Continued by {systems.compose.name}"
    return {**shown, _PLAYED: f"Played by {_player(systems)}"}


def _whose(systems: Systems) -> dict[str, Any]:
    """What pages say of the weights of all stages."""
    every = [credited(system.trained) for system in systems.named.values()]
    joined = {key: "; ".join(str(one[key]) for one in every) for key in ("checkpoint", "config")}
    steps = (one.get("step") for one in every)
    weights = [
        one["checkpoint"] + ("" if step is None else f" at step {step:,}")
        for one, step in zip(every, steps)
    ]
    licences = dict.fromkeys(_licence(system) for system in systems.named.values())
    return {**joined, "checkpoint": "; ".join(weights), "licence": "; ".join(licences)}
