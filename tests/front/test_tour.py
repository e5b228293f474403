"""docs/tour.ipynb runs from top to bottom, and what it stores is small."""

import os
from pathlib import Path

import nbclient
import nbformat
import pytest

ROOT = Path(__file__).parents[2]
TOUR = ROOT / "docs" / "tour.ipynb"
WORDS = (".tags(", ".embed(", ".separate(", ".pitch(", ".sample(", ".train(", "jax.grad")
LARGEST = 20_000  # bytes with all outputs


@pytest.mark.slow
@pytest.mark.download
def test_the_tour_runs(monkeypatch):
    before = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(ROOT), before))))
    tour = nbformat.read(TOUR, as_version=4)
    nbclient.NotebookClient(tour, timeout=600, kernel_name="python3").execute()
    last = [cell for cell in tour.cells if cell.cell_type == "code"][-1]
    assert "(1, 47872, 1), True" in last.outputs[0]["data"]["text/plain"]


def test_the_tour_shows_all_and_is_small():
    tour = nbformat.read(TOUR, as_version=4)
    code = "\n".join(cell.source for cell in tour.cells if cell.cell_type == "code")
    assert all(word in code for word in WORDS) and TOUR.stat().st_size < LARGEST
    cells = [cell for cell in tour.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells), "store it executed"
