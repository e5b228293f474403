"""RESULTS.md, SYSTEMS.md and the README's list: rendered from JSON and configs, always the same."""

import json
import subprocess
import sys

import pytest

from zoo import catalog
from zoo.cli import main
from zoo.errors import BadInput
from zoo.report import listing, stored, tables

RUN = {
    "config": "net_toys",
    "row": "default",
    "task": "classification",
    "title": "Toy | Net (Doe 2019).",
    "arguments": {"steps": 50, "width": 1.0},
    "changed": {"steps": 50},
    "parameters": 12_345,
    "step": 50,
    "training_seconds": 300.0,
    "data": {"name": "toys"},
    "split": "test",
    "metrics": {"other": 0.1, "roc_auc": 0.91234567, "pr_auc": 0.4},
    "monitor": "pr_auc",
    "protocol": "Mean over tags.",
    "device": "1 x cpu",
    "date": "2026-01-02",
}
NET = '''"""Toy | Net (Doe 2019)."""

from zoo.models.classification.net import Net

ROWS = {
    "default": {"parameters": 999, "reported": {"roc_auc": 0.9055}, "source": "Table 2."},
    "wide": {"arguments": {"width": 2.0}, "reported": {"sdr": 3.2}, "source": "unchecked"},
}
AGREES = {"tests/a.py": "Torch", "tests/b.py": "SciPy"}

raise RuntimeError("a list of stored numbers runs no config")
'''


PAGES = ("RESULTS.md", "REPRODUCED.md", "COMPILED.md", "SYSTEMS.md")
EVERY = [*(f"results/{page}" for page in PAGES), "README.md"]


@pytest.fixture
def root(tmp_path, monkeypatch):
    config = tmp_path / "configs" / "classification" / "net_toys.py"
    config.parent.mkdir(parents=True)
    config.write_text(NET)
    monkeypatch.setattr(catalog, "configs_folder", lambda: tmp_path / "configs")
    (tmp_path / "train.py").touch()
    (tmp_path / "README.md").write_text(f"# Zoo\n\n{tables.BEGIN}\nold\n{tables.END}\n\nend\n")
    store(tmp_path, "net_toys", RUN)
    return tmp_path


def store(root, name, run):
    path = root / "results" / "classification" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(run))


def cells(text, start):
    line = next(line for line in text.splitlines() if line.startswith(start))
    return [cell.strip() for cell in line.replace("\\|", "¦").strip("|").split("|")]


def test_a_row_of_results_says_all(root):
    files = tables.write_tables(root)
    assert files == [root / name for name in EVERY]
    text = files[0].read_text()
    assert cells(text, "| `net_toys`") == [
        "`net_toys`[^net_toys]",
        "Toy ¦ Net (Doe 2019)",
        "12,345",
        "roc_auc 0.9123, pr_auc 0.4",
        "roc_auc 0.9055",
        "[Torch](../tests/a.py), [SciPy](../tests/b.py)",
        "50 steps, 5 min, 1 x cpu, `steps=50`",
        "toys, test",
        "2026-01-02",
    ]
    assert "[^net_toys]: Reported: Table 2. Ours: Mean over tags.\n" in text
    assert "## Classification" in text and "## Separation" not in text


def test_variants_are_rows_of_their_own(root):
    wide = {**RUN, "row": "wide", "metrics": {"sdr": 2.5}}
    text = tables.write_tables(root)[0].read_text()
    assert cells(text, "| `net_toys.wide`")[3:5] == ["not run here", "sdr 3.2 (unchecked)"]
    store(root, "net_toys.wide", wide)
    text = tables.write_tables(root)[0].read_text()
    assert cells(text, "| `net_toys.wide`")[3:5] == ["sdr 2.5", "sdr 3.2 (unchecked)"]
    assert cells(text, "| `net_toys`")[3] == "roc_auc 0.9123, pr_auc 0.4"


def test_seeds_make_one_row_with_their_spread(root):
    for seed, score in ((1, 0.5), (2, 0.6)):
        store(root, f"net_toys-seed{seed}", {**RUN, "metrics": {"roc_auc": score, "pr_auc": 0.4}})
    text = tables.write_tables(root)[0].read_text()
    mean = (0.91234567 + 0.5 + 0.6) / 3
    assert cells(text, "| `net_toys`")[3].startswith(f"roc_auc {mean:.4g} ± 0.22, pr_auc 0.4")
    assert cells(text, "| `net_toys`")[3].endswith("(3 runs)")


def test_a_single_run_shows_its_interval_and_several_their_spread(root):
    run = {**RUN, "intervals": {"roc_auc": [0.9011, 0.9202]}}
    store(root, "net_toys", run)
    text = tables.write_tables(root)[0].read_text()
    assert cells(text, "| `net_toys`")[3] == "roc_auc 0.9123 [0.901, 0.92], pr_auc 0.4"
    store(root, "net_toys-seed1", {**run, "metrics": {"roc_auc": 0.9}})
    text = tables.write_tables(root)[0].read_text()
    assert cells(text, "| `net_toys`")[3] == "roc_auc 0.9062 ± 0.0087 (2 runs)"


def test_reproduced_holds_what_was_run_on_the_publication_s_data(root):
    page = root / "results/REPRODUCED.md"
    store(root, "net_toys", {**RUN, "data": {"name": "score_render/tagging"}})
    tables.write_tables(root)
    assert "Nothing yet." in page.read_text()
    store(root, "net_toys", {**RUN, "intervals": {"roc_auc": [0.9, 0.92]}})
    tables.write_tables(root)
    assert cells(page.read_text(), "| `net_toys`") == [
        "`net_toys`[^net_toys]",
        "Toy ¦ Net (Doe 2019)",
        "toys, test",
        "roc_auc 0.9055",
        "Table 2",
        "roc_auc 0.9123 [0.9, 0.92]",
        "within",
        "`python train.py --config net_toys steps=50 path=...`",
    ]
    assert "[^net_toys]: Ours: Mean over tags. Best weights at step 50" in page.read_text()
    store(root, "net_toys-seed1", {**RUN, "metrics": {"roc_auc": 0.9}})
    wide = {**RUN, "row": "wide", "metrics": {"sdr": 2.5}, "weights": "w", "changed": {}}
    store(root, "net_toys.wide", wide)
    tables.write_tables(root)
    assert cells(page.read_text(), "| `net_toys`")[-1] == (
        "`python -m zoo repeat net_toys --seeds 2 steps=50 path=...`"
    )
    assert cells(page.read_text(), "| `net_toys.wide`")[3::2] == [
        "sdr 3.2 (unchecked)",
        "sdr 2.5",
        "`python evaluate.py --checkpoint w --config net_toys.wide path=...`",
    ]


def test_a_run_is_named_by_row_other_arguments_and_seed(root):
    entry = catalog.read_entry(catalog.config_files()["net_toys"])
    defaults = {"path": "x", "width": 1.0, "steps": 100, "seed": 0}

    def name(**given):
        return stored.result_name(entry, {**defaults, **given}, defaults)

    assert name() == name(path="elsewhere") == "net_toys"
    assert name(width=2.0) == "net_toys.wide" and name(seed=3) == "net_toys-seed3"
    assert name(width=2.0, seed=3) == "net_toys.wide-seed3"
    digests = {name(steps=7), name(steps=8), name(steps=7, width=2.0), name(width=3.0)}
    assert len(digests) == 4 and name(width=3.0).startswith("net_toys-")
    assert name(steps=7, seed=1) == name(steps=7) + "-seed1"


def test_a_row_of_published_weights_names_them():
    run = {"step": None, "weights": "musicnn_mtt", "device": "1 x cpu"}
    assert tables.budget(run, None, None) == "published weights `musicnn_mtt`, 1 x cpu"
    assert tables.budget({**run, "weights": None}, None, None) == "no training, 1 x cpu"


def test_the_page_of_systems_has_a_line_for_each_and_the_readme_lists_them(root):
    tables.write_tables(root)
    text = (root / "README.md").read_text()
    assert text.startswith("# Zoo\n\n") and text.endswith("\n\nend\n") and "old" not in text
    assert "**Classification** (1): [net](zoo/models/classification/net.py)\n" in text
    assert cells((root / "results" / "SYSTEMS.md").read_text(), "| [net]") == [
        "[net](../zoo/models/classification/net.py)",
        "Toy ¦ Net (Doe 2019)",
        "roc_auc 0.9055",
        "pr_auc 0.4 in 5 min",
        "[Torch](../tests/a.py), [SciPy](../tests/b.py)",
    ]


def test_the_readme_is_read_in_minutes():
    assert len((tables.clone() / "README.md").read_text().splitlines()) <= 200


def test_the_list_has_every_row(root):
    lines = listing.listing_table().splitlines()
    assert lines[0].split()[-2:] == ["agrees", "with"]
    assert lines[1].startswith("net_toys ") and "  Torch, SciPy  Toy | Net (Doe" in lines[1]
    assert lines[2].startswith("net_toys.wide ") and "sdr 3.2 (unchecked)" in lines[2]
    described = listing.list_rows()
    assert [row["row"] for row in described] == ["net_toys", "net_toys.wide"]
    assert described[0]["ours"]["pr_auc"] == 0.4 and json.dumps(described)


def test_a_folder_of_one_s_own_results_has_a_table_of_its_own(root, tmp_path):
    (own,) = tables.write_tables(results=tmp_path / "mine")
    assert own == tmp_path / "mine" / "RESULTS.md" and "net_toys" not in own.read_text()
    store(tmp_path / "mine" / "..", "x", RUN)
    readme = (root / "README.md").read_text()
    (own,) = tables.write_tables(results=tmp_path / "results")
    assert "| `x`" in own.read_text() and (root / "README.md").read_text() == readme


def test_stale_until_rendered(root):
    assert tables.stale_tables(root) == EVERY
    tables.write_tables(root)
    assert tables.stale_tables(root) == []
    first = (root / "README.md").read_bytes()
    tables.write_tables(root)
    assert (root / "README.md").read_bytes() == first
    store(root, "net_toys", {**RUN, "metrics": {"pr_auc": 0.5}})
    of_runs = [name for name in EVERY if "COMPILED" not in name and name != "README.md"]
    assert tables.stale_tables(root) == of_runs


def test_bad_input(root):
    (root / "README.md").write_text("# Zoo\n")
    with pytest.raises(BadInput, match="the table goes between them"):
        tables.write_tables(root)
    store(root, "net_toys", {"task": "classification", "metrics": {}})
    with pytest.raises(BadInput, match="evaluate net_toys again"):
        tables.write_tables(root)


WRONG = (5, -1.5, "x", [], [1], {"a": []}, True, 1e308, float("nan"), None)


def test_a_row_that_holds_nonsense_is_named(root):
    """Every field of a stored evaluation, with whatever JSON may have in its place."""
    whole = {**RUN, "intervals": {"pr_auc": [0.1, 0.5]}, "counts": {"clips": 3}, "commit": "a"}
    whole |= {"reported": {"roc_auc": 0.9}, "versions": {"jax": "1"}, "weights": None}
    places = [(key,) for key in whole]
    nested = {key: value for key, value in whole.items() if isinstance(value, dict)}
    places += [(key, inner) for key, value in nested.items() for inner in value]
    path, refused = root / "results" / "classification" / "net_toys.json", set()
    for first, *second in places:
        for wrong in WRONG:
            changed = {**whole[first], second[0]: wrong} if second else wrong
            path.write_text(json.dumps({**whole, first: changed}))
            try:
                tables.table_texts(root)
            except BadInput as error:
                assert "net_toys.json" in str(error) and f"'{first}'" in str(error)
                refused.add(first)
    assert refused == set(whole)
    store(root, "net_toys", whole)
    tables.table_texts(root)


def test_a_folder_that_is_not_there_has_no_table(tmp_path, capsys):
    assert main.main(["report", "--table", "--results", str(tmp_path / "nowhere")]) == 2
    assert "nowhere is no folder: give one that" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ROWS = {'a': {'parameters': 2 + two}}", "must be a literal"),
        ("ROWS = ['a']", "must be a dictionary"),
        ("ROWS = {'a': {'params': 2}}", "takes arguments, parameters, protocol"),
        ("ROWS = {'a': {'arguments': {'width': 2}}}", "its arguments are the defaults"),
        ("def (", "is no Python file"),
    ],
)
def test_a_config_that_says_it_wrongly_is_named(tmp_path, text, message):
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(BadInput, match=message) as caught:
        catalog.read_entry(path)
    assert "\n" not in str(caught.value)


def test_rendering_builds_no_experiment():
    """A list of stored numbers must not import JAX, nor any config."""
    code = "import sys; from zoo.report import tables; tables.table_texts(None)\n"
    code += "assert not {'jax', 'flax', 'optax'} & set(sys.modules)\n"
    code += "assert not any(name.startswith('zoo_config') for name in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_committed_tables_are_fresh():
    """README.md and RESULTS.md hold what `python -m zoo report --table` gives."""
    assert tables.stale_tables() == []
