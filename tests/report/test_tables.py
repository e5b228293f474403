"""RESULTS.md and the README's table: rendered from JSON and configs, always the same."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from zoo.errors import BadInput
from zoo.experiment import Config
from zoo.report import tables

ROW = {
    "task": "classification",
    "title": "Toy | Net (Doe 2019).",
    "arguments": {"steps": 50, "path": "~/x", "width": 1.0},
    "parameters": 12_345,
    "step": 50,
    "training_seconds": 300.0,
    "data": {"name": "toys"},
    "split": "test",
    "metrics": {"other": 0.1, "roc_auc": 0.91234567, "pr_auc": 0.4},
    "protocol": "Mean over tags.",
    "paper": {"roc_auc": 0.9055, "source": "Table 2."},
    "device": "1 x cpu",
    "date": "2026-01-02",
}


def toy(name, paper):
    def config(path: str = "~/data", steps: int = 100, width: float = 1.0):
        return SimpleNamespace(evaluation=SimpleNamespace(monitor=("pr_auc", "max")))

    agrees = {"tests/a.py": "Torch", "tests/b.py": "SciPy"} if name == "net_toys" else {}
    module = SimpleNamespace(
        config=config, PAPER=paper, PARAMETERS=999, AGREES=agrees, __doc__=f"{name} (X 1)."
    )
    return Config(name, Path(name), "classification", module)


@pytest.fixture
def root(tmp_path, monkeypatch):
    remembered = {"sdr": 3.2, "source": "unchecked"}
    configs = [toy("net_toys", ROW["paper"]), toy("other_toys", remembered)]
    monkeypatch.setattr(tables.listing, "entries", lambda task=None: configs)
    (tmp_path / "README.md").write_text(f"# Zoo\n\n{tables.BEGIN}\nold\n{tables.END}\n\nend\n")
    path = tmp_path / "results" / "classification" / "net_toys.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(ROW))
    return tmp_path


def cells(text, start):
    line = next(line for line in text.splitlines() if line.startswith(start))
    return [cell.strip() for cell in line.replace("\\|", "¦").strip("|").split("|")]


def test_results_row_says_all(root):
    files = tables.render(root)
    assert files == [root / "results" / "RESULTS.md", root / "README.md"]
    text = files[0].read_text()
    assert cells(text, "| `net_toys`") == [
        "`net_toys`[^net_toys]", "Toy ¦ Net (Doe 2019)", "12,345", "roc_auc 0.9123, pr_auc 0.4",
        "roc_auc 0.9055", "[Torch](../tests/a.py), [SciPy](../tests/b.py)",
        "50 steps, 5 min, 1 x cpu, `steps=50`", "toys, test", "2026-01-02",
    ]  # fmt: skip
    assert "[^net_toys]: Reported: Table 2. Ours: Mean over tags.\n" in text
    assert "## Classification" in text and "## Separation" not in text


def test_a_row_of_published_weights_names_them():
    row = {"step": None, "weights": "musicnn_mtt", "device": "1 x cpu"}
    assert tables.budget(row, None) == "published weights `musicnn_mtt`, 1 x cpu"
    assert tables.budget({**row, "weights": None}, None) == "no training, 1 x cpu"


def test_readme_lists_every_config(root):
    tables.render(root)
    text = (root / "README.md").read_text()
    assert text.startswith("# Zoo\n\n") and text.endswith("\n\nend\n") and "old" not in text
    assert cells(text, "| [`net_toys`]")[1:] == [
        "net_toys (X 1)", "999", "roc_auc 0.9055", "roc_auc 0.9123, pr_auc 0.4",
        "[Torch](tests/a.py), [SciPy](tests/b.py)",
    ]  # fmt: skip
    assert cells(text, "| [`other_toys`]")[3:] == ["sdr 3.2 (unchecked)", "not run here", "–"]


def test_the_list_says_what_agrees(root):
    lines = tables.listing.table().splitlines()
    assert lines[0].split()[-2:] == ["agrees", "with"]
    assert "  Torch, SciPy  net_toys (X 1)." in lines[1] and "  -  " in lines[2]


def test_stale_until_rendered(root):
    assert tables.stale(root) == ["results/RESULTS.md", "README.md"]
    tables.render(root)
    assert tables.stale(root) == []
    first = (root / "README.md").read_bytes()
    tables.render(root)
    assert (root / "README.md").read_bytes() == first
    row = {**ROW, "metrics": {"roc_auc": 0.5}}
    (root / "results" / "classification" / "net_toys.json").write_text(json.dumps(row))
    assert tables.stale(root) == ["results/RESULTS.md", "README.md"]


def test_without_results(root):
    (root / "results" / "classification" / "net_toys.json").unlink()
    tables.render(root)
    assert "No results yet." in (root / "results" / "RESULTS.md").read_text()
    assert (root / "README.md").read_text().count("not run here") == 2


def test_bad_input(root):
    (root / "README.md").write_text("# Zoo\n")
    with pytest.raises(BadInput, match="the table goes between them"):
        tables.render(root)
    path = root / "results" / "classification" / "net_toys.json"
    path.write_text(json.dumps({"task": "classification", "metrics": {}}))
    with pytest.raises(BadInput, match="evaluate net_toys again"):
        tables.render(root)


def test_the_zoo_s_own_configs_render():
    lines = tables.readme_table({}, tables.listing.entries()).splitlines()
    names = {config.name for config in tables.listing.entries()}
    assert {line.split("`")[1] for line in lines if line.startswith("| [")} == names


def test_the_committed_tables_are_fresh():
    """README.md and RESULTS.md hold what `python -m zoo report --table` gives."""
    assert tables.stale() == []
