"""While the site is built: links to files of the repository lead to their pages, or are text."""

import re
from pathlib import PurePosixPath
from typing import Any

LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)#\s]+)(#[^)]*)?\)")
HOME = {"CONTRIBUTING.md": "contributing.md"}


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """The text of a page with links that lead inside the site only."""
    here = PurePosixPath(page.file.src_uri).parent
    up = "../" * len(here.parts)

    def mended(match: re.Match) -> str:
        text, target, anchor = match[1], match[2], match[3] or ""
        if "://" in target:
            return match[0]
        inside = not target.startswith("../" * (len(here.parts) + 1))
        if inside and page.file.src_uri != "contributing.md":
            return match[0]
        name = target.replace("../", "")
        return f"[{text}]({up}{HOME[name]}{anchor})" if name in HOME else text

    return LINK.sub(mended, markdown)
