"""One HTML file of a run, to look at and listen to: no server, nothing loaded from elsewhere.

It shows what it finds in the run directory: metrics.jsonl, evaluation/SPLIT/, samples/STEP/*.wav,
samples/stems/SONG/*.wav (NAME.reference.wav beside NAME.wav) and figures/*.png, whose .json of the
same name may give `title`, `caption`, `sound` (a wav beside it) and `span` (the part of the width
over which that sound runs). What is not there is left out.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

from zoo import durable, writing
from zoo.pages import charts, sounds
from zoo.pages.html import data_uri, document
from zoo.pages.markup import (
    details,
    duration,
    escape_text,
    html_table,
    link,
    number,
    pairs,
    section,
    tag,
)
from zoo.report import facts, samples
from zoo.report.facts import Run

_ROWS = 200  # of a table that a page shows


def write_report(directory: Path) -> Path:
    """Writes RUN/report.html and returns its path. Raises BadInput where there is no run."""
    run = facts.read_run(directory)
    stand = samples.audio_budget(run.directory)
    # First: only embedded stems play in perfect sync.
    mixers = samples.stem_players(run.directory, stand)
    parts = [
        _header(run),
        _comparison(run),
        mixers,
        samples.sample_players(run.directory, stand),
        _figures(run.directory, stand),
        section("Training", charts.scalar_charts(run.scalars, run.monitor), lead=_trained_for(run)),
        *(_evaluation(run, split) for split in run.rows),
        _settings(run),
    ]
    page = document(run.config, "".join(parts), description=run.title)
    path = run.directory / "report.html"
    with writing.hold_lock(path, wait=True):
        durable.write_atomically(path, page)
    return path


def _header(run: Run) -> str:
    """Title, citation, and the facts that every number of the run hangs on."""
    title, citation = _parted(run.title)
    row = next(iter(run.rows.values()), {})
    steps = row.get("step") or (run.scalars[-1]["step"] if run.scalars else None)
    seconds = row.get("training_seconds") or facts.training_seconds(run.scalars)
    shown = {
        "parameters": number(run.parameters) if run.parameters is not None else None,
        "trained for": facts.count_of_steps(steps) if steps is not None else None,
        "training time": duration(seconds) if seconds else None,
        "device": escape_text(row["device"]) if row.get("device") else None,
        "data": _data_set(run.data) if run.data.get("name") else None,
    }
    below = tag("p", escape_text(citation), class_="citation") if citation else ""
    return tag(
        "header",
        tag("p", escape_text(f"{run.task} · {run.config}"), class_="eyebrow"),
        tag("h1", _raised(title)),
        below,
        pairs({k: v for k, v in shown.items() if v}),
        class_="top",
    )


def _data_set(data: dict[str, Any]) -> str:
    """Name, rate and licence of the data."""
    kind = data.get("kind", "audio")
    hertz = f"{data['sample_rate']:,} Hz; " if data.get("sample_rate") else ""
    rate = {"audio": hertz, "notes": f"notes, played at {hertz}"}.get(kind, f"{kind}; ")
    licence = tag("small", escape_text(f"{rate}{data.get('licence', 'licence not recorded')}"))
    return link(data["name"], data.get("url", "")) + licence


def _raised(title: str) -> str:
    """'3^9' with its exponent raised."""
    return re.sub(r"(\w)\^(\w+)", r"\1<sup>\2</sup>", escape_text(title))


def _parted(title: str) -> tuple[str, str]:
    """'SampleCNN on MTAT (Lee et al. 2017).' as title and citation."""
    start = title.find(" (")
    if start < 0 or not title.rstrip(".").endswith(")"):
        return title.rstrip("."), ""
    return title[:start], title[start + 2 :].rstrip(".").removesuffix(")")


def _comparison(run: Run) -> str:
    """What the paper reports beside what this run scored, and on what either rests."""
    reported_by = run.row if run.row and run.row.reported else None
    if not reported_by and not run.rows:
        return ""
    scores = {split: row.get("metrics", {}) for split, row in run.rows.items()}
    compared = {
        split: facts.compare_metrics(run.row, metrics, run.monitor)
        for split, metrics in scores.items()
    }
    if not compared:
        compared = {"": facts.compare_metrics(run.row, {})}
    names = dict.fromkeys(name for rows in compared.values() for name, _, _ in rows)
    reported = {name: value for rows in compared.values() for name, value, _ in rows}
    columns = {"reported": reported} if any(reported.values()) else {}
    columns |= {f"this run, {split}": metrics for split, metrics in scores.items()}
    rows = [[name, *(number(c.get(name)) for c in columns.values())] for name in names]
    notes = [("This run", row.get("protocol", "")) for row in list(run.rows.values())[:1]]
    if reported_by:
        notes.append(("Reported", reported_by.source or "no source named"))
    if run.row and run.row.unchecked:
        mark = "the reported figures have not been held against the paper itself."
        notes.append(("Unchecked", mark))
    if run.changed:
        notes.append(("Not the config's defaults", ", ".join(facts.argument_words(run.changed))))
    lines = (
        tag("p", tag("b", escape_text(name)), " ", escape_text(what))
        for name, what in notes
        if what
    )
    return section(
        "Reported and measured" if any(reported.values()) else "Measured",
        html_table(["metric", *columns], rows),
        tag("div", *lines, class_="notes"),
    )


def _trained_for(run: Run) -> str:
    if not run.scalars:
        return ""
    first, last = run.scalars[0]["step"], run.scalars[-1]["step"]
    return f"Steps {first:,} to {last:,}; bands are the spread of the points behind a line."


def _figures(directory: Path, stand: sounds.AudioBudget) -> str:
    """RUN/figures/*.png with what the JSON of the same name says about them."""
    paths = sorted((directory / "figures").glob("*.png"))
    return section("A look inside", *(_figure(path, stand) for path in paths))


def _figure(path: Path, stand: sounds.AudioBudget) -> str:
    note = path.with_suffix(".json")
    about = facts.load_json(note) if note.is_file() else {}
    title = about.get("title") or path.stem.replace("_", " ")
    caption = tag("p", escape_text(about["caption"])) if about.get("caption") else ""
    picture = data_uri(path.read_bytes(), "image/png")
    wav = path.parent / str(about.get("sound", ""))
    if about.get("sound") and wav.is_file():
        audio, rate = sounds.read_sound(wav)
        address = stand.place(wav, audio, rate)
        span = tuple(about.get("span", (0.0, 1.0)))
        shown = sounds.sound_player(address, picture, title, sounds.clock(len(audio) / rate), span)
    else:
        image = f'<img src="{picture}" alt="{escape_text(title)}">'
        shown = tag("figure", image, tag("figcaption", escape_text(title)))
    return tag("div", shown, caption, class_="plate")


def _evaluation(run: Run, split: str) -> str:
    """All scores of a split, and the figures and tables of RUN/evaluation/SPLIT."""
    row, folder = run.rows[split], run.directory / "evaluation" / split
    counts = [f"{number(v)} {k.replace('_', ' ')}" for k, v in row.get("counts", {}).items()]
    facts_of = [", ".join(counts), row.get("date"), row.get("device")]
    pictures = (
        tag(
            "div",
            tag(
                "figure",
                f'<img src="{data_uri(path.read_bytes(), "image/png")}" '
                f'alt="{escape_text(path.stem)}">',
            ),
            class_="plate",
        )
        for path in sorted(folder.glob("*.png"))
    )
    tables = (_rows_of(path) for path in sorted(folder.glob("*.csv")))
    return section(
        f"Scores on the {split} split",
        _scores(row["metrics"]),
        *pictures,
        *tables,
        lead="; ".join(filter(None, facts_of)),
    )


def _scores(metrics: dict[str, float]) -> str:
    """Plain metrics in two columns; 'sdr/vocals' and its kind as a table of stems."""
    plain = {k: v for k, v in metrics.items() if "/" not in k}
    split = [k.partition("/")[::2] for k in metrics if "/" in k]
    heads, columns = (list(dict.fromkeys(part)) for part in zip(*split)) if split else ([], [])
    first = (
        html_table(["metric", "value"], [[k, number(v)] for k, v in plain.items()]) if plain else ""
    )
    if not split:
        return first
    rows = [[h, *(number(metrics.get(f"{h}/{c}")) for c in columns)] for h in heads]
    return first + html_table(["", *columns], rows)


def _rows_of(path: Path) -> str:
    """A CSV as a table that folds away and sorts; the first 200 rows of a longer one."""
    head, rows, count = facts.read_rows(path, _ROWS)
    if not rows:
        return ""
    shown = [[_rounded(cell) for cell in row] for row in rows]
    cut = f", the first {_ROWS} of {count:,}; all in {path.name}" if count > _ROWS else f", {count}"
    name = path.stem.replace("_", " ") + cut
    return details(name, html_table(head, shown, kind="sortable"))


def _rounded(cell: str) -> str:
    try:
        value = float(cell)
    except ValueError:
        return cell
    return "–" if value != value else cell if len(cell) < 8 else f"{value:.4g}"


def _settings(run: Run) -> str:
    """Arguments, versions and commit: what it takes to do it again."""
    row = next(iter(run.rows.values()), {})
    command = tag("pre", escape_text(facts.retrain_command(run)))
    arguments = html_table(["argument", "value"], [[k, str(v)] for k, v in run.arguments.items()])
    versions = {**row.get("versions", {}), "commit": row.get("commit") or "–"}
    made = (
        html_table(["package", "version"], [[k, str(v)] for k, v in versions.items()])
        if row
        else ""
    )
    both = tag("div", arguments if run.arguments else "", made, class_="two")
    footer = tag("p", escape_text(f"Written {time.strftime('%Y-%m-%d')}."), class_="lead")
    return section("To do it again", command, details("arguments and versions", both), footer)
