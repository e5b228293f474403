"""What pages about a user's own file share: the recording inside, its data, one file of HTML."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from zoo import durable, escapes

PLAYABLE = {".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".flac": "audio/flac", ".wav": "audio/wav"}
EMBED_BYTES = 6_000_000  # of audio that a page may carry; beyond, it links to the file


def data_uri(content: bytes, kind: str) -> str:
    """The content of a file of that media type as an address."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def embedded(sound: Path) -> str | None:
    """A data URI of a recording; None of one that is large or that browsers do not play."""
    kind = PLAYABLE.get(sound.suffix.lower())
    small = kind and sound.stat().st_size <= EMBED_BYTES
    return data_uri(sound.read_bytes(), kind) if small else None


def write(path: str | Path, template: str, title: str, source: str, data: dict[str, Any]) -> Path:
    """Writes a template with its {{title}}, {{source}} (an address) and {{data}} (JSON) filled."""
    # "<" would let a text called "</script>" end the script.
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    page = template.replace("{{title}}", escapes.html(title))
    page = page.replace("{{source}}", escapes.html(source))
    path = Path(path)
    durable.write(path, page.replace("{{data}}", text))
    return path
