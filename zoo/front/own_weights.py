"""The weights of our own, in weights/: what each is, as their model.json says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zoo import catalog, escapes
from zoo.errors import BadInput
from zoo.front import finding
from zoo.pretrained.index import used_by
from zoo.runs import pairs
from zoo.runs.kept import Kept


def list_own_weights() -> list[dict[str, Any]]:
    """All of them as plain data, with the keys of `zoo.pretrained.index.list_published`."""
    return [_describe(name, finding.own_weights_folder(name)) for name in finding.own_names()]


def _describe(name: str, folder: Path) -> dict[str, Any]:
    """One of them; its score is the one that its system is chosen by."""
    facts = pairs.read_facts(folder)
    if facts["config"] not in catalog.config_files():
        raise BadInput(f"{folder / pairs.FACTS} is of no config of the zoo: remove it")
    kept = pairs.kept_of(facts)
    scores = facts["scores"]
    shown = {kept.monitor: scores[kept.monitor]} if kept and kept.monitor in scores else scores
    size = (folder / pairs.WEIGHTS).stat().st_size
    task, script = used_by(facts["config"])
    return {
        "name": name,
        "title": escapes.terminal_line(facts["title"]) + _trained_for(kept),
        "config": facts["config"],
        "licence": escapes.terminal_line(facts["licence"]),
        "source": facts["data"]["url"],
        "size": size,
        "score": shown,
        "arguments": facts["arguments"],
        "task": task,
        "script": script,
    }


def _trained_for(kept: Kept | None) -> str:
    minutes = kept.training_seconds / 60 if kept and kept.training_seconds else 0
    return f" ({minutes:.1f} min of training)" if minutes else ""
