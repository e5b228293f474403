"""The catalogue of the zoo: what every config file says of itself, read without running it.

A config states its docstring, ROWS, AGREES and SMOKE as literals, so that a table of stored numbers
needs neither JAX nor an experiment:

    ROWS = {
        "v1": {"parameters": 648_548_208, "reported": {"sdr": 5.58}, "source": "table 2"},
        "v2": {"arguments": {"variant": "v2"}, "parameters": 265_675_344, ...},
    }

A row of a paper is a config with some arguments. The first row is the config's defaults.
"""

from __future__ import annotations

import ast
import functools
import importlib.resources
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo.errors import BadInput

TASKS = ("classification", "separation", "generation")
STATED = ("ROWS", "AGREES", "SMOKE")


@dataclass(frozen=True)
class PaperRow:
    """One row of a paper's table.

    arguments: of the config, where they differ from its defaults. reported: the published numbers
    under the names of our metrics. source: where they stand; it says "unchecked" where they were
    not compared with the publication. parameters: the exact count of all players together, without
    frozen networks. protocol: how the published numbers were scored, where ours differs.
    """

    config: str
    name: str
    first: bool = True
    arguments: Mapping[str, Any] = field(default_factory=dict)
    reported: Mapping[str, float] = field(default_factory=dict)
    source: str = ""
    parameters: int | None = None
    protocol: str = ""

    @property
    def id(self) -> str:
        """`config`, or `config.row` for all but the first: what --config takes."""
        return self.config if self.first else f"{self.config}.{self.name}"

    @property
    def unchecked(self) -> bool:
        """Whether the reported numbers were never compared with the publication itself."""
        return bool(self.reported) and "unchecked" in (self.source or "unchecked").lower()


@dataclass(frozen=True)
class Entry:
    """A config file as it describes itself. model: the file of its network, if it imports one."""

    name: str
    path: Path
    task: str
    doc: str
    rows: tuple[PaperRow, ...]
    agrees: Mapping[str, str]
    smoke: Mapping[str, Any]
    model: str | None = None

    @property
    def title(self) -> str:
        return self.doc.strip().splitlines()[0] if self.doc.strip() else self.name

    def row(self, name: str) -> PaperRow:
        """The row of that name. Raises BadInput."""
        for row in self.rows:
            if row.name == name:
                return row
        known = ", ".join(f"{self.name}.{row.name}" for row in self.rows)
        raise BadInput(f"{self.name} has no row '{name}': it has {known}")

    def row_of(self, arguments: Mapping[str, Any], defaults: Mapping[str, Any]) -> PaperRow | None:
        """The row that these arguments make; None where they make none of the paper's."""
        names = {name for row in self.rows for name in row.arguments}
        for row in self.rows:
            wanted = {n: row.arguments.get(n, defaults.get(n)) for n in names}
            if all(equal_as_json(arguments.get(n, defaults.get(n)), v) for n, v in wanted.items()):
                return row
        return None


def equal_as_json(one: Any, other: Any) -> bool:
    """Whether two arguments are equal once they have been JSON."""
    return json.loads(json.dumps(one)) == json.loads(json.dumps(other))


def configs_folder() -> Path:
    """Where the configs stand: inside the installed package, or beside it in a clone."""
    beside = Path(__file__).parent.parent / "configs"
    if (beside / "classification").is_dir():
        return beside
    return Path(str(importlib.resources.files("zoo"))) / "configs"


def results_folder() -> Path:
    """Where the shipped rows stand: beside the configs."""
    return configs_folder().parent / "results"


def config_files() -> dict[str, Path]:
    """Every config of the zoo: its name and its file."""
    files = sorted(p for task in TASKS for p in (configs_folder() / task).glob("*.py"))
    return {p.stem: p for p in files if p.stem != "__init__"}


def entries(task: str | None = None) -> list[Entry]:
    """The configs of one wing, or of all, by wing and name."""
    found = [read_entry(path) for path in config_files().values()]
    found.sort(key=lambda entry: (TASKS.index(entry.task), entry.name))
    return [entry for entry in found if task in (None, entry.task)]


@functools.lru_cache
def read_entry(path: Path) -> Entry:
    """What a config file says of itself. Nothing in it is executed. BadInput if it is no Python."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError) as error:
        raise BadInput(f"{path} is no Python file: {error}") from error
    stated = {
        node.targets[0].id: _literal(path, node.targets[0].id, node)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        if node.targets[0].id in STATED
    }
    rows = stated.get("ROWS") or {"default": {}}
    return Entry(
        path.stem,
        path,
        path.parent.name if path.parent.name in TASKS else "own",
        ast.get_docstring(tree) or "",
        tuple(_row(path, name, number == 0, rows[name]) for number, name in enumerate(rows)),
        stated.get("AGREES", {}),
        stated.get("SMOKE", {}),
        _model_of(tree),
    )


def _literal(path: Path, name: str, node: ast.Assign) -> dict[str, Any]:
    try:
        value = ast.literal_eval(node.value)
    except (ValueError, TypeError, SyntaxError) as error:
        raise BadInput(f"{path}: {name} must be a literal, so that lists can read it") from error
    if not isinstance(value, dict):
        raise BadInput(f"{path}: {name} must be a dictionary")
    return value


def _row(path: Path, name: str, first: bool, stated: Any) -> PaperRow:
    known = set(PaperRow.__dataclass_fields__) - {"config", "name", "first"}
    if not isinstance(stated, dict) or not set(stated) <= known:
        raise BadInput(f"{path}: row '{name}' takes {', '.join(sorted(known))}")
    if first and stated.get("arguments"):
        raise BadInput(f"{path}: row '{name}' is the first, so its arguments are the defaults")
    return PaperRow(path.stem, name, first, **stated)


def _model_of(tree: ast.Module) -> str | None:
    """The first module below zoo/models that a config imports, as a path of the repository."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("zoo.models."):
            return (node.module or "").replace(".", "/") + ".py"
    return None
