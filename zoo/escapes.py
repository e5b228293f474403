"""Names that users or files gave, as text for the place they go to: data, never markup.

One function per place: `html`, `label` (matplotlib), `cell` (CSV), `terminal_line` (terminals),
`file_name`."""

from __future__ import annotations

import hashlib
import html as markup
import re
from typing import Any

FORMULA = "=+-@\t\r＝＋－＠"  # with which spreadsheets begin a formula
RESERVED = re.compile(r"(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|COM[0-9¹²³]|LPT[0-9¹²³])", re.IGNORECASE)
LONGEST_LABEL = 60
_LONGEST_NAME = 120  # bytes: room for endings within the 255 of most file systems
# Controls (terminals obey them), line separators, marks that turn the direction of the text
# around, and halves of characters, which no encoding can write.
UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def html(value: Any) -> str:
    """Text inside an element or a quoted attribute of HTML."""
    return markup.escape(UNPRINTABLE.sub(_kept_in_html, str(value)), quote=True)


def label(value: Any, longest: int = LONGEST_LABEL) -> str:
    """A label of a matplotlib figure, of at most that many characters, without mathematics."""
    text = " ".join(UNPRINTABLE.sub(" ", str(value)).split()) or "?"
    text = text if len(text) <= longest else text[: longest - 1] + "…"
    return text.replace("$", r"\$")


def cell(value: Any) -> Any:
    """A cell of a CSV: a text that a spreadsheet would evaluate gets an apostrophe before it.

    Numbers are left alone, whether given as numbers or as text.
    """
    if not isinstance(value, str):
        return value
    text = re.sub("[\x00\ud800-\udfff]", "\ufffd", value)
    return f"'{text}" if _evaluated(text.lstrip("'")) else text


def from_cell(text: str) -> str:
    """What `cell` was given."""
    return text[1:] if text.startswith("'") and _evaluated(text.lstrip("'")) else text


def terminal_line(value: Any) -> str:
    """One line for a terminal: what it would obey is written out, as \\x1b."""
    return UNPRINTABLE.sub(_written_out, str(value))


def file_name(value: Any, longest: int = _LONGEST_NAME) -> str:
    """A name for one file or folder on any system; shortened by a hash where it is too long."""
    text = re.sub(r'[<>:"/\\|?*]', "_", UNPRINTABLE.sub("_", str(value)))
    text = text.rstrip(". ") if text.strip(". ") else "_" * max(1, len(text))
    if RESERVED.fullmatch(text.partition(".")[0].rstrip()):
        text = f"_{text}"
    if len(text.encode()) <= longest:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return text.encode()[: longest - 9].decode(errors="ignore").rstrip(". ") + f"-{digest}"


def _evaluated(text: str) -> bool:
    if len(text) < 2 or text[0] not in FORMULA:
        return False
    try:
        float(text)
    except ValueError:
        return True
    return False


def _kept_in_html(found: re.Match) -> str:
    return found[0] if found[0] in "\n\t" else "\ufffd"


def _written_out(found: re.Match) -> str:
    if found[0] in "\n\t":
        return " "
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
