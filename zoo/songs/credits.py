"""What files say of the weights that made them, for their JSON and for pages."""

from __future__ import annotations

from typing import Any

from zoo.runs.trained import Trained


def provenance(trained: Trained) -> dict[str, Any]:
    """Which weights and which arguments made a file."""
    return {
        "checkpoint": trained.name,
        "step": trained.meta.get("step"),
        "config": trained.config.name,
        "arguments": trained.arguments,
        "weights_sha256": trained.fingerprint(),
    }


def credited(trained: Trained) -> dict[str, Any]:
    """What a page says of the weights: their name, step, config, licence and source."""
    meta = trained.meta
    named = {"checkpoint": trained.name, "step": meta.get("step"), "config": trained.config.name}
    return {**named, **{k: meta[k] for k in ("licence", "published") if k in meta}}
