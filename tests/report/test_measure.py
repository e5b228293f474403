"""Rows at one budget: how many steps fit, what waits for what, what is not done twice."""

import json

import numpy as np
import pytest

from zoo import experiment as experiments
from zoo.errors import BadInput
from zoo.evaluation import scores_file
from zoo.metrics.resampling import Scores
from zoo.report import measure


def trial(compiling: float, step: float, validation: float, period: int = 10) -> list[dict]:
    """The log that three rounds of logging of a system with these times leave."""
    first, then = period / (compiling + period * step), 1 / step
    times = [1000.0 + compiling + n * period * step for n in (1, 2, 3)]
    end = times[2] + validation
    return [
        {"step": period, "time": times[0], "steps_per_second": first},
        {"step": 2 * period, "time": times[1], "steps_per_second": then},
        {"step": 3 * period, "time": end, "validation/loss": 1.0},
        {"step": 3 * period, "time": end, "steps_per_second": 0.1},
    ]


@pytest.mark.parametrize("every, period", [(50, 10), (200, 10), (200, 100)])
def test_steps_compilation_and_validations_fill_the_budget(every, period):
    steps = measure.steps_for(300, trial(12, 0.4, 20, period), every, period)
    spent = 12 + 0.4 * steps + 20 * steps / every
    assert 299 < spent <= 300


def test_a_system_that_is_too_slow_still_trains_a_little():
    assert measure.steps_for(60, trial(100, 30, 0), 100) == 10


def test_students_wait_for_their_teachers():
    names = ["clarinet_student_score_render", "vqvae_prior_score_render", "wavenet_score_render"]
    student, prior, wavenet = map(experiments.find_config, names)
    assert measure.origins(student) == {"teacher": "clarinet_teacher_score_render"}
    assert measure.origins(prior) == {"autoencoder": "vqvae_score_render"}
    of_notes = experiments.find_config("vqvae_prior_score_render.notes")
    assert measure.origins(of_notes) == {"autoencoder": "vqvae_score_render.notes"}
    assert measure.in_order([prior, student, wavenet])[0] is wavenet
    given = {"steps": 7, "autoencoder": "/a/folder/of/mine"}
    result = measure._of_runs(of_notes, {"arguments": given, "changed": given, "step": 7})
    assert result["arguments"]["autoencoder"] == "runs/vqvae_score_render.notes"
    assert result["changed"] == {"steps": 7} and result["step"] == 7


SCORES = Scores(np.array(["a", "b"]), means={"x": np.array([0.5, 1.5])})


@pytest.fixture
def scripts(tmp_path, monkeypatch):
    """Stands in for the entry scripts; notes what was run."""
    ran = []

    def command(root, script, *words):
        words = list(map(str, words))
        ran.append((script, words))
        if script == "train.py":
            run = tmp_path / words[words.index("--workdir") + 1]
            (run / "evaluation").mkdir(parents=True)
            if "--no_test" in words:
                steps = next(int(word[6:]) for word in words if word.startswith("steps="))
                lines = trial(5, 1.0, 10, steps // 3)
                (run / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)))
            elif command.interrupted:
                raise KeyboardInterrupt("stopped; the same command goes on")
            else:
                (run / "evaluation" / "test.json").write_text(REPORT)
                (run / "evaluation" / "test").mkdir()
                scores_file.write_scores(run / "evaluation" / "test" / "scores.npz", SCORES)
        return not command.fails

    command.interrupted = command.fails = False
    monkeypatch.setattr(measure, "run_script", command)
    monkeypatch.setattr(measure.tables, "clone", lambda: tmp_path)
    monkeypatch.setattr(measure.tables, "write_tables", lambda root, results: [])
    return command, ran


NAME = "clarinet_student_score_render"
REPORT = '{"metrics": {"x": 1}, "arguments": {}, "changed": {}}'


def test_a_row_is_a_trial_and_a_training_and_is_not_done_twice(scripts, tmp_path):
    _, ran = scripts
    assert measure.measure_systems([NAME], 5, tmp_path / "runs", tmp_path / "results") == 0
    row = tmp_path / "results" / "generation" / f"{NAME}.json"
    made = json.loads(row.read_text())
    assert made["metrics"] == {"x": 1}
    assert made["arguments"] == {"teacher": "runs/clarinet_teacher_score_render"}
    kept = scores_file.read_scores(row.with_suffix(".npz"))  # for intervals and paired comparison
    np.testing.assert_array_equal(kept.means["x"], SCORES.means["x"])
    (_, first), (_, second) = ran
    assert f"teacher={tmp_path / 'runs' / 'clarinet_teacher_score_render'}" in second
    assert "steps=30" in first and "--no_test" in first
    assert any(word.startswith("steps=2") and len(word) == 9 for word in second)
    assert measure.measure_systems([NAME], 5, tmp_path / "runs", tmp_path / "results") == 0
    assert len(ran) == 2


def test_a_variant_of_a_config_is_a_row_of_its_own(scripts, tmp_path):
    name = "wave_unet_score_render.hydranet"
    assert measure.measure_systems([name], 5, tmp_path / "runs", tmp_path / "results") == 0
    assert all(name in words for _, words in scripts[1])
    assert (tmp_path / "results" / "separation" / f"{name}.json").is_file()
    assert {"wave_unet_score_render", name} <= set(measure.score_render_rows())


def test_the_trial_of_a_system_that_logs_seldom_is_longer(scripts, tmp_path):
    assert experiments.find_config("lewis_score_render").experiment().log_every == 100
    assert (
        measure.measure_systems(["lewis_score_render"], 5, tmp_path / "runs", tmp_path / "rows")
        == 0
    )
    assert "steps=300" in scripts[1][0][1]


def test_an_interrupted_training_goes_on_without_another_trial(scripts, tmp_path):
    command, ran = scripts
    command.interrupted = True
    with pytest.raises(KeyboardInterrupt, match="the same command goes on"):
        measure.measure_systems([NAME], 5, tmp_path / "runs", tmp_path / "results")
    assert [script for script, _ in ran] == ["train.py", "train.py"]
    (tmp_path / "runs" / NAME / "evaluation").rmdir()
    command.interrupted = False
    assert measure.measure_systems([NAME], 5, tmp_path / "runs", tmp_path / "results") == 0
    assert len(ran) == 3 and ran[2] == ran[1]


def test_a_system_without_training_is_scored_into_the_clone_and_once(scripts, tmp_path):
    _, ran = scripts
    name = "oracle_score_render"
    assert measure.measure_systems([name], 5, tmp_path / "runs", tmp_path / "results") == 0
    folder = tmp_path / "results"
    assert ran == [("evaluate.py", ["--config", name, "--results", str(folder)])]
    (folder / "separation").mkdir(parents=True)
    (folder / "separation" / f"{name}.json").write_text("{}")
    assert measure.measure_systems([name], 5, tmp_path / "runs", tmp_path / "results") == 0
    assert len(ran) == 1


def test_one_that_fails_does_not_stop_the_others(scripts, tmp_path, capsys):
    command, ran = scripts
    command.fails = True
    assert (
        measure.measure_systems(
            [NAME, "wavenet_score_render"], 5, tmp_path / "runs", tmp_path / "results"
        )
        == 2
    )
    assert len(ran) == 2
    assert "wavenet_score_render" in capsys.readouterr().err


def test_the_budget_must_be_some_time(tmp_path):
    for minutes in (0, -1, float("nan")):
        with pytest.raises(BadInput, match="minutes"):
            measure.measure_systems([], minutes, tmp_path)


def test_a_config_of_other_data_is_refused(tmp_path):
    with pytest.raises(BadInput, match="samplecnn_magnatagatune is not on the embedded data"):
        measure.measure_systems([NAME, "samplecnn_magnatagatune"], 5, tmp_path)


@pytest.mark.parametrize("code, good", [(0, True), (2, False)])
def test_a_script_s_exit_code_says_whether_it_went_well(tmp_path, code, good):
    (tmp_path / "train.py").write_text(f"raise SystemExit({code})")
    assert measure.run_script(tmp_path, "train.py", "x") is good


def test_an_interrupted_script_ends_the_measuring(tmp_path):
    (tmp_path / "train.py").write_text("raise SystemExit(130)")
    with pytest.raises(KeyboardInterrupt, match="the same command goes on"):
        measure.run_script(tmp_path, "train.py")
    (tmp_path / "train.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGINT)")
    with pytest.raises(KeyboardInterrupt, match="the same command goes on"):
        measure.run_script(tmp_path, "train.py")
