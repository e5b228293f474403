"""One file of HTML: the page that all pages share, filled with what is special to each."""

from __future__ import annotations

import base64
import importlib.resources
import json
from collections.abc import Mapping, Sequence
from string import Template
from typing import Any

from zoo import escapes


def data_uri(content: bytes, kind: str) -> str:
    """The content of a file of that media type as an address."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _asset(name: str) -> str:
    """The text of one of this package's .html, .css and .js files."""
    return importlib.resources.files("zoo.pages").joinpath(name).read_text(encoding="utf-8")


def fill_template(name: str, **texts: str) -> str:
    """A fragment of HTML with its $names filled by escaped texts."""
    return Template(_asset(name)).substitute({k: escapes.html(v) for k, v in texts.items()})


def document(
    title: str,
    body: str,
    *,
    description: str = "",
    styles: Sequence[str] = (),
    scripts: Sequence[str] = (),
    data: Mapping[str, Any] | None = None,
) -> str:
    """A whole page. body: HTML. styles, scripts: assets beside those of every page."""
    # "<" would let a text called "</script>" end the script.
    text = json.dumps(data or {}, separators=(",", ":")).replace("<", "\\u003c")
    return Template(_asset("page.html")).substitute(
        title=escapes.html(title),
        description=escapes.html(description),
        body=body,
        data=text,
        style="\n".join(map(_asset, ("style.css", *styles))),
        script="\n".join(map(_asset, ("script.js", *scripts))),
    )
