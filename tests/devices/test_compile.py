"""`python -m zoo compile`: programs of an experiment, rows that stand, errors in one line."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

from zoo import experiment as experiments
from zoo import mesh as meshes
from zoo.cli import main
from zoo.devices import chips, command, gpus, measure, programs, recording, rows, topology
from zoo.errors import BadInput
from zoo.objectives.base import Request
from zoo.report import compiled as page
from zoo.sampling import autoregressive

ROOT = Path(__file__).parent.parent.parent
# Apart from the environment's packages, where JAX would look for a TPU in every process.
APART = ROOT / ".libtpu"
TPU = APART.is_dir() or importlib.util.find_spec("libtpu") is not None


def tiny(name, **given):
    config = experiments.find_config(name)
    return config, {**config.defaults, **config.entry.smoke, **given}


def found(name):
    config, arguments = tiny(name)
    experiment = config.experiment(**arguments)
    return list(programs.of_experiment(experiment, meshes.make_mesh(), 2))


@pytest.mark.parametrize(
    "name, expected",
    [
        ("samplecnn_score_render", {("turn", "model"), ("predict", "predict")}),
        (
            "melgan_score_render",
            {
                ("turn", "discriminator"),
                ("turn", "generator"),
                ("predict", "predict"),
                ("sample", "features"),
                ("sample", "make"),
            },
        ),
        (
            "wavenet_score_render",
            {
                ("turn", "model"),
                ("predict", "predict"),
                ("sample", "fold"),
                ("sample", "draw_block"),
            },
        ),
    ],
)
def test_every_program_of_an_experiment_is_found_and_lowers(name, expected):
    every = found(name)
    assert {(p.kind, p.name) for p in every} == expected
    lowered = measure.lower_all(every)
    assert len(lowered) == len(expected) and len({one.digest for one in lowered}) == len(expected)


def test_sampling_is_recorded_without_computing():
    """The functions and shapes of a real call, which is as it was before afterwards."""
    config, arguments = tiny("wavenet_score_render")
    objective = config.experiment(**arguments).objective
    spec = config.experiment(**arguments).data.spec(1)
    variables = jax.jit(objective.init)(jax.random.key(0), spec)
    request = Request(length=1100, count=2, chunk=2000)
    before = autoregressive._draw_block
    noted = recording.calls(lambda: list(objective.generate(variables, request)))
    assert autoregressive._draw_block is before
    blocks = [call for call in noted if call.function is before]
    assert [call.rounds for call in blocks] == [1024, 1100 - 1024]
    assert all(call.kwargs == {} for call in noted)
    (audio,) = objective.generate(variables, request)
    silent = []
    recording.calls(lambda: silent.extend(objective.generate(variables, request)))
    assert silent[0].shape == audio.shape and not silent[0].any() and audio.any()


def test_a_row_stands_until_its_programs_change(tmp_path, monkeypatch):
    config, arguments = tiny("samplecnn_score_render")
    lines = []
    first = rows.make_row(config, arguments, topology.local_topology(), tmp_path, lines.append)
    (path,) = tmp_path.glob("*.json")
    assert first["complete"] and json.loads(path.read_text()) == first
    assert not any("stands" in line for line in lines)

    def never(*_):
        raise AssertionError("compiled again")

    monkeypatch.setattr(measure, "measure_program", never)
    again = rows.make_row(config, arguments, topology.local_topology(), tmp_path, lines.append)
    assert again["programs"] == first["programs"]
    assert sum("(stands)" in line for line in lines) == len(first["programs"])
    changed = replace(topology.local_topology(), compiler="jaxlib of tomorrow")
    with pytest.raises(AssertionError, match="compiled again"):
        rows.make_row(config, arguments, changed, tmp_path, lines.append)


def test_rows_of_one_config_have_files_of_their_own(tmp_path):
    names = []
    for name, words in (("polyphonic_jsb", []), ("polyphonic_jsb.gru", ["batch=2", "path=/data"])):
        config = experiments.find_config(name)
        names.append(
            rows.path_of(tmp_path, config, config.parse(words), topology.local_topology()).name
        )
    assert names == ["polyphonic_jsb--here.json", "polyphonic_jsb.gru-batch=2--here.json"]


def test_bounds_are_the_chip_s():
    chip = chips.find_chip("TPU v5 lite")
    sent = {"all-reduce": {"bytes": 1e9}, "all-gather": {"bytes": 2e9}}
    found = measure.roofline_bound(197e12, 819e9 / 2, sent, chip)
    assert found == {"products": 1.0, "memory": 0.5, "links": pytest.approx(4e9 / 200e9)}
    assert chips.find_chip("TPU v5p").name == chips.find_chip("TPU v5").name == "v5p"
    assert chips.find_chip("cpu") is None


def test_what_is_refused_for_memory_is_no_fit():
    text = (
        "RESOURCE_EXHAUSTED: XLA:TPU compile permanent error. Ran out of memory in memory space "
        "hbm. Used 20.50G of 15.75G hbm. Exceeded hbm capacity by 4.75G."
    )
    program = {"name": "model", "kind": "turn", "often": 1, **measure.compile_refusal(text)}
    assert program["bytes"] == {"total": 20.5 * 2**30, "there": 15.75 * 2**30}
    v5e = replace(topology.local_topology(), chip=chips.find_chip("TPU v5 lite"))
    about = rows.summarise_programs([program], v5e)
    assert not about["fits"] and about["most_bytes"] == 20.5 * 2**30
    assert rows.row_remarks([program])[0].startswith("turn model: RESOURCE_EXHAUSTED")


def test_a_batch_that_the_chips_do_not_divide_grows():
    config, arguments = tiny("samplecnn_score_render", batch=5)
    four = replace(topology.local_topology(), devices=topology.local_topology().devices * 4)
    experiment, arguments, remarks = rows.fit_batch(config, arguments, four)
    assert experiment.batch == arguments["batch"] == 8
    assert remarks == ["batch 5 -> 8, which 4 chips divide"]


def test_a_closed_form_is_compiled_for_any_number_of_chips():
    config, arguments = tiny("oracle_musdb18")
    four = replace(topology.local_topology(), devices=topology.local_topology().devices * 4)
    experiment, after, remarks = rows.fit_batch(config, arguments, four)
    assert (experiment.batch, after, remarks) == (4, arguments, [])


@pytest.mark.parametrize(
    "words, message",
    [
        (["--topology", "v5e"], "write VERSION:SHAPE as v5e:2x2"),
        ([], "pip install '.[tpu]'"),
        (["--topology", "here", "batch=no"], "batch"),
        (["--topology", "h200:8"], "pip install '.[cuda12]'"),
        (["--topology", "h200:12"], "write h200:1 to :8, or a multiple of 8"),
        (["--topology", "h100:many"], "write h100:1 to :8"),
    ],
)
def test_bad_input_is_one_line(words, message, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(topology, "find_spec", lambda name: None)
    there = gpus.PLUGINS[-1] if words[-1:] != ["h200:8"] else None
    monkeypatch.setattr(gpus, "find_spec", lambda name: name == there or None)
    monkeypatch.setattr(topology, "prepare_topologies", lambda names: None)
    monkeypatch.setattr(command, "end_at_once", lambda: None)
    code = main.main(["compile", "samplecnn_score_render", f"--results={tmp_path}", *words])
    error = capsys.readouterr().err
    assert code == 2 and message in error and error.count("\n") == 1


def test_a_signal_ends_it_inside_of_the_compiler():
    """Which does not come back to Python for minutes: here a sleep of C that is not interrupted."""
    code = (
        "import ctypes; from zoo.cli import command_line; from zoo.devices import command\n"
        "def act(_):\n    command.end_at_once(); print('compiling', flush=True)\n"
        "    lib = ctypes.PyDLL(None)\n"
        "    while True: lib.usleep(100_000)\n"
        "command_line.run_command(command_line.make_parser('x', prog='x'), act, [])"
    )
    running = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    assert running.stdout.readline() == b"compiling\n"
    running.send_signal(signal.SIGTERM)
    assert running.wait(timeout=20) == -signal.SIGTERM


def test_all_goes_on_after_a_row_that_ends_its_process(monkeypatch, tmp_path, capsys):
    asked = []

    def run(words, check):
        asked.append(words)
        return type("Done", (), {"returncode": -6 if len(asked) == 1 else 0})

    monkeypatch.setattr(command.subprocess, "run", run)
    where = command.Where(("v5e:4x4",), 1, tmp_path)
    assert command.compile_all(where, ["bfloat16=true"]) == 1
    assert len(asked) > 50 and "ended with -6" in capsys.readouterr().out
    assert asked[0][3:5] == ["compile", asked[0][4]] and "bfloat16=true" in asked[0]
    assert not any("score_render" in word for words in asked for word in words)


def test_operations_of_a_compiler_that_hides_them_are_those_of_the_traced_program():
    """As XLA:GPU, whose convolutions are calls of libraries: loops count as often as they run."""
    (turn, *_) = found("samplecnn_score_render")
    lowered = measure.lower(turn)

    class Silent:
        def cost_analysis(self):
            return None

    flops, passes = measure.operations(Silent(), lowered, None)
    whole = lowered.stage.compile()
    assert flops == passes == pytest.approx(whole.cost_analysis()["flops"], rel=0.3)


ROW = {
    "config": "net_toys",
    "arguments": {"fsdp": "4", "batch": "32"},
    "topology": "v5e:4x4",
    "slices": 2,
    "chips": 32,
    "device": "TPU v5 lite",
    "mesh": {"data": 8, "fsdp": 4},
    "batch": 32,
    "compiler": "libtpu 1",
    "jax": "1",
    "complete": True,
    "most_bytes": 3 * 2**29,
    "fits": True,
    "step": {"least": 0.02, "estimate": 0.04, "bound_by": "memory"},
    "second_of_audio": {"least": 0.5, "estimate": 2.0, "bound_by": "memory"},
    "remarks": ["turn model: scatter at 2 places, as a/b"],
    "programs": [{"voices": 8, "seconds": {"lower": 1.0, "compile": 9.0}}],
}


def test_the_page_says_fits_bound_and_steps(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(ROW))
    (tmp_path / "b.json").write_text(json.dumps({**ROW, "complete": False}))
    text = page.compiled_page(page.read_compiled_rows(tmp_path))
    (line,) = (line for line in text.splitlines() if line.startswith("| `net_toys"))
    assert [cell.strip() for cell in line.strip("|").split("|")] == [
        "`net_toys fsdp=4`",
        "2 x v5e:4x4 (32, fsdp 4)",
        "32",
        "1.50",
        "yes",
        "memory",
        "50 (25)",
        "16 (4) x",
        "10 s",
    ]
    assert "- turn model: scatter at 2 places, as a/b" in text and "819 GB/s" in text


@pytest.mark.parametrize("key", ["config", "slices", "device", "mesh", "step", "chips", "remarks"])
def test_a_compiled_row_that_holds_nonsense_is_named(key, tmp_path):
    refused = 0
    for wrong in (None, "x", [[]], {"a": "b"}, 1.5):
        (tmp_path / "a.json").write_text(json.dumps({**ROW, key: wrong}))
        try:
            page.compiled_page(page.read_compiled_rows(tmp_path))
        except BadInput as error:
            refused += "a.json is no compiled row (" in str(error)
    assert refused


@pytest.mark.slow
@pytest.mark.skipif(not TPU, reason="no libtpu: pip install --target .libtpu libtpu")
def test_xla_for_tpus_compiles_a_training_step_for_a_slice(tmp_path):
    """In a process of its own, as a user does; v5e:2x2 and its collectives."""
    words = ["compile", "polyphonic_jsb", "--topology", "v5e:2x2", f"--results={tmp_path}"]
    command = [sys.executable, "-m", "zoo", *words]
    known = os.pathsep.join((str(APART), os.environ.get("PYTHONPATH", "")))
    env = {**os.environ, "PYTHONPATH": known}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr[-2000:]
    (path,) = tmp_path.glob("*.json")
    row = json.loads(path.read_text())
    assert row["complete"] and row["fits"] and row["chips"] == 4
    turn = row["programs"][0]
    assert turn["kind"] == "turn" and turn["collectives"]["all-reduce"]["bytes"] > 0
    assert turn["bytes"]["code"] > 0 and turn["estimate"] > 0 and turn["flops"] > 0
    assert np.isfinite(row["step"]["least"]) and row["step"]["least"] < 1
