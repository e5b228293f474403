"""Pages that are made when the site is built: one a system, one a room of the library."""

import ast
import html
import json
import re
from pathlib import Path

import mkdocs_gen_files as site

from zoo import catalog
from zoo.data.score_render import ode
from zoo.front import own_weights
from zoo.pretrained import index
from zoo.report import claims, robust, stored
from zoo.report.tables import format_metrics, markdown, system_name, systems

ROOT = Path(catalog.__file__).parent.parent
MEASURED = stored.read_measured(catalog.results_folder())
WEIGHTS = [*own_weights.list_own_weights(), *index.list_published()]
MADE = json.loads((ROOT / "docs" / "made" / "made.json").read_text())
PUBLIC = (
    "models",
    "layers",
    "objectives",
    "training",
    "data",
    "evaluation",
    "metrics",
    "signal",
    "losses",
    "audio",
    "songs",
    "interpret",
    "architecture",
    "pages",
    "report",
    "runs",
    "checkpoints",
    "devices",
    "pretrained",
    "sampling",
)


def write(path: str, text: str) -> None:
    with site.open(path, "w") as file:
        file.write(text.rstrip() + "\n")


def system(group: list) -> str:
    """Title and paper, architecture, what it makes, rows, weights, agreement, and the module."""
    first, name = group[0], system_name(group)
    parts = [f"# {name}", first.title.rstrip(".") + "."]
    if first.model:
        parts.append(literal(ast.get_docstring(ast.parse((ROOT / first.model).read_text())) or ""))
    configs = {entry.name for entry in group}
    parts += architecture(name) + made(configs)
    rows = [
        (
            row.id,
            "-" if row.parameters is None else f"{row.parameters:,}",
            format_metrics(row.reported.items()),
            ours(row.id),
            row.source or "-",
        )
        for entry in group
        for row in entry.rows
    ]
    head = ("row", "parameters", "reported", "ours", "source")
    parts += ["## Rows", "\n".join(markdown(head, rows))]
    known = [w for w in WEIGHTS if w["config"] in configs]
    if known:
        body = [
            (
                f"`{w['name']}`",
                w["title"],
                format_metrics(w["score"].items()),
                w["licence"],
                w["source"],
            )
            for w in known
        ]
        parts += [
            "## Weights",
            "\n".join(markdown(("name", "what", "score", "licence", "from"), body)),
        ]
    agrees = {path: what for entry in group for path, what in entry.agrees.items()}
    if agrees:
        parts += ["## Agrees with", "\n".join(f"- {w}: `{p}`" for p, w in agrees.items())]
    parts += pictures(name, configs)
    if first.model:
        module = first.model.removesuffix(".py").replace("/", ".")
        parts += ["## Module", f"::: {module}\n    options:\n      heading_level: 3"]
    return "\n\n".join(parts)


def ours(row: str) -> str:
    return format_metrics(list(MEASURED[row].metrics.items())[:4]) if row in MEASURED else "-"


def literal(text: str) -> str:
    """A docstring as it is set in the file: its brackets are shapes, not links."""
    return f"```text\n{text}\n```"


def architecture(name: str) -> list[str]:
    """The figure that `python -m zoo draw --all` made of its networks, if it has any."""
    path = ROOT / "docs" / "architecture" / f"{name}.svg"
    if not path.is_file():
        return []
    said = re.search(r"<desc[^>]*>(.*?)</desc>", path.read_text(), re.S)
    text = re.sub(r"[\[\]\n]", " ", said[1] if said else name)
    note = (
        "Drawn from the modules themselves (`python -m zoo draw`), at the size of the first row: "
        "what a part gives, [B T C], and its parameters."
    )
    return ["## Architecture", f"![{text}](../architecture/{name}.svg)", note]


def made(configs: set[str]) -> list[str]:
    """Sounds and pictures of its weights, which `python -m zoo gallery --folder` made."""
    known = {name: one for name, one in MADE["weights"].items() if one["config"] in configs}
    if not known:
        return []
    parts = [
        "## What it makes",
        "Of pieces that the weights did not learn from, by the commands shown; sounds are the "
        f"first six seconds. {MADE['licence']}.",
    ]
    for name, one in known.items():
        about = next(w for w in WEIGHTS if w["name"] == name)
        parts += [f"### {name}", f"{about['title'].rstrip('.')}. Weights: {about['licence']}."]
        for part in one["made"]:
            parts.append(f"```bash\n{part['command']}\n```")
            given = [p for p in MADE["pieces"] if f"pieces/{p}." in part["command"]]
            pieces = [{**MADE["pieces"][p], "label": f"given: {p}"} for p in given]
            parts.append(shown([*pieces, *part["shown"]]))
    return parts


def shown(items: list[dict[str, str]]) -> str:
    """A figure for each sound or picture. Addresses are those seen from a page's own folder."""
    lines = ['<div class="made">']
    for item in items:
        label = html.escape(item["label"])
        lines.append("<figure>")
        if "picture" in item:
            source = f"../../made/{item['picture']}"
            lines.append(f'<img src="{source}" alt="{label}" loading="lazy">')
        if "sound" in item:
            source = f"../../made/{item['sound']}"
            lines.append(f'<audio controls preload="none" src="{source}"></audio>')
        text = f": {html.escape(item['text'])}" if "text" in item else ""
        lines.append(f"<figcaption>{label}{text}</figcaption></figure>")
    return "\n".join([*lines, "</div>"])


def pictures(name: str, configs: set[str]) -> list[str]:
    """Figures that stand with the stored results."""
    found = [p for c in configs for p in sorted(catalog.results_folder().glob(f"*/{c}*.png"))]
    parts = ["## Figures"] if found else []
    for path in found:
        with site.open(f"systems/{name}/{path.name}", "wb") as file:
            file.write(path.read_bytes())
        parts.append(f"![{path.stem}]({name}/{path.name})")
    return parts


def all_systems() -> None:
    entries, lines = catalog.entries(), ["# Systems"]
    for task in catalog.TASKS:
        lines += ["", f"## {task.capitalize()}", ""]
        for group in systems(entries, task):
            name = system_name(group)
            write(f"systems/{name}.md", system(group))
            lines.append(f"- [{name}]({name}.md): {group[0].title}")
    write("systems/index.md", "\n".join(lines))


def library() -> None:
    lines = ["# The library", "", "Room by room; the walls between them are tested.", ""]
    for room in PUBLIC:
        files = sorted(p for p in (ROOT / "zoo" / room).rglob("*.py") if p.stem != "__init__")
        modules = [".".join(p.relative_to(ROOT).with_suffix("").parts) for p in files]
        if room == "models":  # which have pages of their own
            continue
        write(
            f"reference/{room}.md",
            f"# zoo.{room}\n\n" + "\n\n".join(f"::: {module}" for module in modules),
        )
        lines.append(f"- [zoo.{room}]({room}.md): {len(modules)} modules")
    lines += ["", "Models stand with their [systems](../systems/index.md)."]
    write("reference/index.md", "\n".join(lines))


def gallery() -> None:
    """The page of sound where it was made before the site; else how it is made."""
    lines = [
        "# Gallery",
        "What every system at hand does to the same eight bars, and how to do it.",
    ]
    if (ROOT / "docs" / "gallery.html").is_file():
        lines += ["[Listen](gallery.html)", f"{ode.LICENCE}."]
    else:
        made = "`python -m zoo gallery --out docs/gallery.html`"
        lines.append(f"This site was built without it: {made}, before that, takes some minutes.")
    write("gallery.md", "\n\n".join(lines))


def by_clips() -> None:
    """Claims and robustness of taggers, with the figure."""
    for page in (claims.CLAIMS_PAGE, robust.ROBUSTNESS_PAGE):
        write(page.lower(), (catalog.results_folder() / page).read_text())
    with site.open(claims.PICTURE, "wb") as file:
        file.write((catalog.results_folder() / claims.PICTURE).read_bytes())


all_systems()
library()
gallery()
write("compiled.md", (catalog.results_folder() / "COMPILED.md").read_text())
write("reproduced.md", (catalog.results_folder() / "REPRODUCED.md").read_text())
by_clips()
write("contributing.md", re.sub(r"\]\(docs/", "](", (ROOT / "CONTRIBUTING.md").read_text()))
