"""`python -m zoo export`: a system's weights apart from its training, for others to load."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from zoo import writing
from zoo.errors import BadInput
from zoo.front.system import System


def export(model: System, out: Path, *, program: bool = False, force: bool = False) -> str:
    """Writes the pair, and the program where asked to; the line that says what stands where.

    Raises BadInput where `out` holds files already, unless `force`, or another process writes it.
    """
    from zoo.runs import pairs

    with writing.write_folder(out, partial(_refuse, out, force)) as part:
        line = _export(model, part, program)
    if not program:
        (out / pairs.PROGRAM).unlink(missing_ok=True)  # it would be of other weights
    return writing.relocated_line(line, part, out)


def _refuse(out: Path, force: bool) -> None:
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not force)):
        raise BadInput(f"{out} exists: choose another folder, or --force to overwrite")


def _export(model: System, out: Path, program: bool) -> str:
    from zoo.runs import pairs

    pairs.write_pair(model.trained, out, _known_scores(model))
    size = (out / pairs.WEIGHTS).stat().st_size
    line = f"{model.name}: {size / 1e6:.1f} MB in {out / pairs.WEIGHTS}, {out / pairs.FACTS}"
    if not program:
        return line
    from zoo.front import programs

    about = programs.write_program(model.trained, out)
    shapes = ", ".join(f"{key} [{' '.join(shape)}]" for key, shape in about["inputs"].items())
    return f"{line}; {out / pairs.PROGRAM} takes {shapes}, lengths {about['lengths']}"


def _known_scores(model: System) -> dict[str, float]:
    """The scores that a run's checkpoint or pair was saved with; {} of published weights."""
    from zoo.runs import pairs

    found = model.trained
    if "scores" not in found.meta and found.directory is not None:
        return pairs.best_of(found.directory, found.meta["step"])[1]
    return found.meta.get("scores", {})
