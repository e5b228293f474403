"""A checkpoint directory of a stranger runs no code, whichever command reads it."""

import json
import shutil

import pytest
from resealed import resealed

import evaluate
import sample
import train
from zoo.arguments import format_value
from zoo.cli import main
from zoo.experiment import find_config
from zoo.runs import train as runs

WORDS = ["size=tiny", "depth=4", "widths=4,6,8", "batch=4", "steps=2"]
PAYLOAD = """
import pathlib
pathlib.Path(__file__).with_name("ran").write_text("")
def config(steps: int = 2):
    raise SystemExit(7)
"""


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    config = find_config("samplecnn_score_render")
    directory = tmp_path_factory.mktemp("honest") / "run"
    runs.train(config, config.parse(WORDS), directory, allow_change=False, board=False)
    return directory


@pytest.fixture
def evil(honest, tmp_path, monkeypatch):
    """A copy with a payload in it, and the current folder, from which relative paths lead there."""
    run = shutil.copytree(honest, tmp_path / "evil")
    for part in run.glob("model.*"):  # the pair of its best weights, which would be read instead
        part.unlink()
    (run / "config.py").write_text(PAYLOAD)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return run


def smallest(name, **changed):
    arguments = {**find_config(name).entry.smoke, **changed}
    words = [f"{key}={format_value(value)}" for key, value in arguments.items()]
    return ["--config", name, "--no_tensorboard", "--no_test", *words]


COMMANDS = {
    "evaluate": lambda run: evaluate.main(["--checkpoint", run]),
    "evaluate latest": lambda run: evaluate.main(["--checkpoint", run, "--step", "latest"]),
    "sample": lambda run: sample.main(["--checkpoint", run, "--out", "out"]),
    "interpret": lambda run: main.main(["interpret", run, "--kind", "filters", "--out", "out"]),
    "autoencoder=": lambda run: train.main(smallest("vqvae_prior_score_render", autoencoder=run)),
    "teacher=": lambda run: train.main(smallest("clarinet_student_score_render", teacher=run)),
    "resume": lambda run: train.main(
        [
            "--config",
            "samplecnn_score_render",
            "--workdir",
            run,
            "--no_tensorboard",
            "--no_test",
            *WORDS,
        ]
    ),
}
NAMES = [
    "evil/config.py",
    "./evil/config.py",
    "{run}/config.py",
    "~/evil/config.py",
    "../{name}/evil/config.py",
    "evil/config",
    "config.py",
]


def steps_of(run):
    return [int(path.name) for path in (run / "checkpoints").iterdir() if path.name.isdecimal()]


def change(run, alter):
    for step in steps_of(run):
        resealed(run / "checkpoints", alter, step)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_name_in_a_checkpoint_is_no_path(evil, command, capsys, tmp_path):
    for name in NAMES if command == "evaluate" else NAMES[:1]:
        name = name.format(run=evil, name=tmp_path.name)
        change(evil, lambda meta, n=name: meta.update(config=n, config_file=None))
        assert COMMANDS[command](str(evil)) == 2, name
        told = capsys.readouterr().err.strip().splitlines()[-1]
        assert "'config' is no name" in told or "no config named" in told
        assert not (evil / "ran").exists()


def test_a_config_file_is_only_shown(evil, capsys):
    change(evil, lambda meta: meta.update(config_file=str(evil / "config.py")))
    assert COMMANDS["evaluate"](str(evil)) == 2
    assert "config file of its own" in capsys.readouterr().err
    assert not (evil / "ran").exists()


def test_run_json_is_no_path(evil, capsys):
    note = {"config": "evil/config.py", "arguments": {}}
    (evil / "run.json").write_text(json.dumps(note))
    main.main(["report", str(evil)])
    assert not (evil / "ran").exists()


HOSTILE = [
    {"arguments": {"widths": "../x"}},
    {"arguments": {"widths": [["a"]]}},
    {"arguments": {"depth": 10**12}},
    {"arguments": {"depth": -1}},
    {"arguments": {"depth": 1.5}},
    {"arguments": {"depth": True}},
    {"arguments": {"depth": None}},
    {"arguments": {"batch": 0}},
    {"arguments": {"widths": []}},
    {"arguments": {"size": 4}},
    {"arguments": {"size": "\x1b[2J"}},
    {"arguments": {"unknown": 4}},
    {"arguments": []},
    {"arguments": {"seed": [1]}},
    {"config": 4},
    {"config": "samplecnn_score_render\x1b[2J"},
    {"config": "wavenet_score_render"},
    {"config": None},
    {"stage": "x"},
    {"stage": {"a": 1}},
    {"stage": {"stage": 7}},
]


@pytest.mark.parametrize("hostile", HOSTILE, ids=str)
def test_hostile_words_of_a_run_are_one_line(evil, hostile, capsys):
    change(evil, lambda meta: meta.update(hostile))
    assert COMMANDS["evaluate"](str(evil)) == 2
    told = capsys.readouterr().err
    assert told.startswith("evaluate: ") and told.count("\n") == 1 and "\x1b" not in told


WORDS_OF_PAIRS = [words for words in HOSTILE if "stage" not in words]
WORDS_OF_PAIRS += [{"step": "\x1b[2J"}, {"step": -1}, {"scores": {"roc_auc": "x"}}]


@pytest.mark.parametrize("hostile", WORDS_OF_PAIRS, ids=str)
def test_hostile_words_of_a_pair_are_one_line(honest, hostile, tmp_path, capsys):
    for name in ("model.json", "model.safetensors"):
        shutil.copy(honest / name, tmp_path / name)
    facts = json.loads((tmp_path / "model.json").read_text()) | hostile
    (tmp_path / "model.json").write_text(json.dumps(facts))
    assert COMMANDS["evaluate"](str(tmp_path)) == 2
    told = capsys.readouterr().err
    assert told.startswith("evaluate: ") and told.count("\n") == 1 and "\x1b" not in told


def test_published_is_what_our_index_says(evil):
    from zoo.runs.trained import load_trained

    change(evil, lambda meta: meta.update(published="https://example.org", licence="CC0", step=-1))
    assert (
        load_trained(evil).meta.keys() == {"step", "stage"} and load_trained(evil).meta["step"] == 2
    )


def test_other_arguments_than_the_run_s_are_named(honest, capsys):
    from zoo.runs.trained import load_trained

    assert load_trained(honest).arguments["batch"] == 4
    assert capsys.readouterr().err == ""
    assert load_trained(honest, words=["batch=2", "seed=0"]).arguments["batch"] == 2
    assert capsys.readouterr().err == "other than in the run: batch: 4 -> 2\n"
