"""What anyone can do who can read our source: change a checkpoint's meta and renew its seal."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zoo.checkpoints import files


def resealed(checkpoints: Path, change: Callable[[dict], Any], step: int = 1) -> None:
    path = checkpoints / str(step) / "meta" / "meta.json"
    meta = json.loads(path.read_text())
    change(meta)
    meta["checkpoint"].pop("seal", None)
    meta["checkpoint"]["seal"] = files._digest(meta)
    path.write_text(json.dumps(meta))
