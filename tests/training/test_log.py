"""What a run writes of itself on the way cannot end it, and says where a disk is full."""

import time
from pathlib import Path

import pytest

from zoo.evaluation.base import Report, write_figure
from zoo.evaluation.tagging import tag_bars
from zoo.training.log import Log, read_metrics

FULL = Path("/dev/full")
ROWS = [
    {"tag": tag, "roc_auc": 0.5, "pr_auc": 0.1, "positives": 1, "known": 2}
    for tag in ("$x{$", "$\\frac$", "n" * 5000, "\x1b[2J", "a\nb", "$" * 9, "\ud800", "")
]


@pytest.fixture
def log(tmp_path):
    return Log(tmp_path, 0, 10, active=True, board=True)


@pytest.mark.skipif(not FULL.exists(), reason="Linux only")
def test_a_full_disk_under_the_metrics_is_named(log):
    log.path.symlink_to(FULL)
    with pytest.raises(OSError, match="No space") as caught:
        log.scalars(1, {"loss": 1.0})
    assert caught.value.filename == str(log.path)


def test_a_full_disk_under_tensorboard_ends_nothing(log, monkeypatch, capfd):
    def full(event):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(log.board.file_writer.event_writer._ev_writer, "write_event", full)
    for step in range(40):  # more than the queue of the thread that is dead by now
        log.scalars(step, {"loss": 1.0})
        time.sleep(0.01)
    log.close()
    told = capfd.readouterr().err
    assert told.count("tensorboard/ gets nothing more") == 1 and "Traceback" not in told
    assert len(read_metrics(log.path)) == 40


@pytest.mark.parametrize(
    "error", [ValueError("x\n\x1b[2J"), RuntimeError(), KeyError("k"), OSError(28, "full")]
)
def test_what_is_shown_beside_may_fail(log, error, capfd):
    with log.beside("the figure 'tags'"):
        raise error
    told = capfd.readouterr().err
    assert "left out the figure 'tags'" in told and "\x1b" not in told
    with pytest.raises(KeyboardInterrupt), log.beside("x"):
        raise KeyboardInterrupt
    log.close()


@pytest.mark.filterwarnings("ignore:Glyph")
def test_tags_of_any_text_are_drawn(tmp_path, log):
    assert write_figure(tag_bars(ROWS), tmp_path / "tags.png")
    assert (tmp_path / "tags.png").stat().st_size < 2_000_000
    log.figure(1, "tags", tag_bars(ROWS)())
    log.close()


def test_a_figure_that_cannot_be_drawn_is_left_out(tmp_path, capsys):
    def make():
        raise ValueError("ParseFatalException:\n  x{\n  ^\x1b[2J")

    assert not write_figure(make, tmp_path / "tags.png")
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "tags.png is left out: ValueError" in told
    report = Report({}, "", {}, {"per_tag": ROWS}, {"tags": make})
    from zoo.evaluation.base import save_report

    save_report(report, tmp_path / "out")
    assert (tmp_path / "out" / "report.json").is_file()


def test_a_validation_whose_figure_fails_goes_on(tmp_path, log, monkeypatch):
    from types import SimpleNamespace

    from zoo.report import examples
    from zoo.runs import hooks

    def fails(*_):
        raise RuntimeError("no sound")

    monkeypatch.setattr(examples, "while_training", fails)
    info = SimpleNamespace(sample_rate=8000)
    source = SimpleNamespace(info=info)
    experiment = SimpleNamespace(data=SimpleNamespace(source=source))
    run = SimpleNamespace(meta={"step": 3}, experiment=experiment, directory=tmp_path)
    drawn = []
    report = Report({"x": 1.0}, "", {}, {}, {"bad": fails, "good": lambda: drawn.append(1) or 0})
    monkeypatch.setattr(log, "figure", lambda *_: None)
    hooks.show(run, report, log)
    assert drawn == [1]
    log.close()


def test_names_of_tracks_do_not_reach_the_terminal(log, capfd):
    log.say("its examples: \x1b]0;owned\x07\nnext")
    assert "\x1b]" not in (told := capfd.readouterr().err) and "\\x1b]0;owned\\x07 next" in told
    log.close()
