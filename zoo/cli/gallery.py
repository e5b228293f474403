"""`zoo gallery`: one page of sound, of what every system at hand does to the same eight bars.

Each section shows the very commands that made it: they are run as they stand, in a folder that
holds the pieces. At hand are the weights of weights/ and the published ones that were obtained
before; others are named.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import shlex
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from zoo import commands, escapes
from zoo.cli import command_line, evaluate, sample
from zoo.cli.command_line import nonempty_text, path_argument
from zoo.errors import BadInput
from zoo.evaluation.capabilities import Separates

if TYPE_CHECKING:
    from zoo.front.system import System
    from zoo.pages.gallery import Exhibit

_TUNE, _PIANO, BAND = (f"pieces/{name}.wav" for name in ("tune", "piano", "band"))
_MELODY = "pieces/tune.mid"
_SPELT = "f#4 f#4 g4 a4"  # how the tune begins, note by note
_SCRIPTS = {"evaluate": evaluate, "sample": sample}
_LARGEST = 15_000_000  # bytes of the page


@dataclass(frozen=True)
class _Line:
    """A command: its script, and its words behind --checkpoint NAME. more: it may be refused."""

    script: str
    words: tuple[str, ...]
    more: bool = False


_FOUND = ("--figures", "--input")
PLANS: dict[str, tuple[_Line, ...]] = {  # by the method that a system has
    "tags": (_Line("evaluate", (*_FOUND, _TUNE, _PIANO, BAND)),),
    "notes": (_Line("evaluate", (*_FOUND, _TUNE, _PIANO)),),
    "pitch": (_Line("evaluate", (*_FOUND, _TUNE)),),
    "separate": (_Line("sample", ("--form", "wav16", "--input", BAND)),),
    "compose": (
        _Line("sample", ("--seconds", "12")),
        _Line("sample", ("--seconds", "12", "--input", _MELODY), more=True),
    ),
    "perform": (_Line("sample", ("--input", _MELODY)),),
    "speak": (_Line("sample", ("--text", _SPELT)),),
    "sample": (
        _Line("sample", ("--seconds", "4")),
        _Line("sample", ("--seconds", "4", "--prompt", _PIANO), more=True),
    ),
    "vocode": (_Line("sample", ("--input", _TUNE, BAND)),),
    "reconstruct": (_Line("sample", ("--input", _TUNE, BAND)),),
    "transfer": (_Line("sample", ("--input", _TUNE)),),
    "process": (_Line("sample", ("--input", _TUNE, BAND)),),
}


def add_command(add: Callable[..., argparse.ArgumentParser]) -> None:
    gallery = add("gallery", help="a page of sound: every system at hand, on the same eight bars")
    gallery.add_argument(
        "names", nargs="*", type=nonempty_text, metavar="NAME", help="of weights; all"
    )
    gallery.add_argument("--out", type=path_argument, default=Path("gallery.html"), help="the page")
    gallery.add_argument(
        "--folder",
        type=path_argument,
        metavar="DIR",
        help="short sounds and pictures there instead, as the systems' pages of the site have them",
    )
    gallery.add_argument("--force", action="store_true", help="overwrite it")
    gallery.set_defaults(run=_make)


def _make(options: argparse.Namespace) -> int:
    """Writes the page or the folder; 1 where a system was left out of it."""
    from zoo.data.score_render import ode
    from zoo.pages import excerpts, gallery

    out = (options.folder or options.out).absolute()
    if out.exists() and not options.force:
        raise BadInput(f"{out} exists: choose another --out, or --force to overwrite")
    command_line.prepare_devices()
    shown, failed = [], []
    places = {name: _standing(name) for name in options.names or _at_hand()}
    with tempfile.TemporaryDirectory(prefix="zoo-gallery-") as folder, contextlib.chdir(folder):
        pieces = write_pieces(Path("pieces"))
        for name, where in places.items():
            print(escapes.terminal_line(f"{name} ..."), flush=True)
            found = _exhibit(name, where)
            shown += [found] if found.commands else []
            failed += [] if found.commands else [name]
        if options.folder:
            files = excerpts.write_excerpts(out, pieces, shown, ode.LICENCE)
        else:
            page = gallery.gallery_page(pieces, shown, ode.LICENCE)
    if options.folder:
        size = sum(path.stat().st_size for path in files)
        print(escapes.terminal_line(f"{len(files)} files in {out} ({size / 1e6:.1f} MB)"))
    else:
        _put(out, page, len(shown))
    for name in failed:
        print(escapes.terminal_line(f"left out: {name}, which did nothing with these pieces"))
    return min(len(failed), 1)


def _put(out: Path, page: str, systems: int) -> None:
    """Writes a page that is not too large. BadInput."""
    from zoo import durable

    if len(page) > _LARGEST:
        size = f"{len(page) / 1e6:.1f} MB, at most {_LARGEST / 1e6:g}"
        raise BadInput(f"a page of {systems} systems takes {size}: name fewer")
    durable.write_atomically(out, page)
    print(escapes.terminal_line(f"page to listen to: {out} ({len(page) / 1e6:.1f} MB)"))


def write_pieces(folder: Path) -> dict[str, Path]:
    """The pieces in a folder, as NAME.wav, and the tune as MIDI: the sounds by name."""
    import soundfile

    from zoo.data.score_render import ode
    from zoo.songs.midi_files import write_midi

    folder.mkdir()
    write_midi(folder / "tune.mid", ode.tune_notes())
    files = {}
    for name, audio in ode.embedded_pieces().items():
        files[name] = folder / f"{name}.wav"
        soundfile.write(files[name], audio, ode.RATE, subtype="PCM_16")
    return files


def _at_hand() -> list[str]:
    """The names of all weights that need no network."""
    from zoo.front import finding
    from zoo.pretrained import index, obtain

    published = sorted(index.weights().items())
    kept = [name for name, one in published if obtain.kept_file(one).is_file()]
    return [*finding.own_names(), *kept]


def _standing(name: str) -> str:
    """A path as it is from any folder; a name as it is."""
    path = Path(name).expanduser()
    return str(path.absolute()) if path.exists() else name


def _exhibit(name: str, where: str) -> Exhibit:
    """What a system made in folders of its own, and by which commands. where: its path or name."""
    from zoo.front import finding
    from zoo.pages.gallery import Exhibit

    model = finding.load_system(where)
    folders, said = [], []
    for number, line in enumerate(_plan(model)):
        out = f"{escapes.file_name(name)}_{number}"
        words = [*line.words, "--out", out]
        if run_line(line, ["--checkpoint", where, *words]):
            folders.append(Path(out))
            typed = shlex.join(["--checkpoint", name, *words])
            said.append(f"{commands.command_name(line.script)} {typed}")
    config = model.trained.config.name
    return Exhibit(name, config, title_and_licence(model), tuple(said), tuple(folders))


def _plan(model: System) -> tuple[_Line, ...]:
    """The commands of a system, by the first method of PLANS that it has."""
    method = next((method for method in PLANS if method in model.methods), None)
    lines = PLANS[method] if method else ()
    evaluation = model.experiment.evaluation if method == "separate" else None
    if isinstance(evaluation, Separates) and evaluation.how.labels:  # has to know what plays: all
        known = ("--labels", ",".join(model.labels))
        return tuple(replace(line, words=(*line.words, *known)) for line in lines)
    return lines


def run_line(line: _Line, words: list[str]) -> bool:
    """Whether the command did something; what may be refused is so in silence."""
    quiet = contextlib.redirect_stderr(io.StringIO()) if line.more else contextlib.nullcontext()
    with quiet, contextlib.redirect_stdout(io.StringIO()):
        return _SCRIPTS[line.script].main(words) == 0


def title_and_licence(model: System) -> str:
    """Title and licence of its weights."""
    found = model.trained
    return f"{found.config.title.rstrip('.')}. Weights: {found.meta.get('licence', 'your own')}."
