"""benchmarks/on_device.py in tiny form: every program of a config runs, and has its time."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.slow
def test_every_program_is_timed(tmp_path):
    words = ["config=wavenet_score_render", f"out={tmp_path}/steps.jsonl", "seconds=0.1", "tiny=1"]
    done = subprocess.run(
        [sys.executable, "benchmarks/on_device.py", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [json.loads(line) for line in (tmp_path / "steps.jsonl").read_text().splitlines()]
    assert [line["name"] for line in lines] == ["model", "predict", "fold", "draw_block"]
    assert all(line["ms"] > 0 and line["calls"] >= 3 and line["machine"] for line in lines)
    # The block really draws: its rounds are an argument, which zeros would make none.
    assert lines[3]["ms"] > lines[2]["ms"]


def test_the_prepared_run_is_a_sound_script():
    script = ROOT / "benchmarks" / "on_device.sh"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", str(script)]).returncode == 0
