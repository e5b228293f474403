"""One reading of numbers, in options, arguments, environment and names of folders."""

import re
from pathlib import Path

import pytest

from zoo import experiment, numerals
from zoo.checkpoints import files
from zoo.cli import command_line, main
from zoo.errors import BadInput
from zoo.sampling import pitch_names

NO_NUMBERS = [
    "²",
    "1²",
    "٣",
    "१२",
    "１２",
    "Ⅳ",
    "½",
    "",
    " ",
    "1__0",
    "_1",
    "1_",
    "0x10",
    "1,5",
    "--1",
    "1e",
    "e5",
    "9" * 5000,
    "1e99999",
    "\x00",
    "1\n2",
    "one",
    "1.5.2",
    "+",
]


@pytest.mark.parametrize(
    ("text", "value"),
    [("5", 5), ("5_000", 5000), ("2e5", 200_000), ("-3", -3), ("+7", 7), (" 8 ", 8), ("007", 7)],
)
def test_whole_numbers(text, value):
    assert numerals.integer(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.5", 0.5), (".5", 0.5), ("5.", 5), ("1e-3", 1e-3), ("-2", -2), ("1_0.5", 10.5)],
)
def test_numbers(text, value):
    assert numerals.real(text) == value


@pytest.mark.parametrize("text", NO_NUMBERS, ids=ascii)
def test_what_is_no_number_is_refused_in_one_line(text):
    for reading in (numerals.integer, numerals.real):
        if reading is numerals.real and text in ("9" * 5000,):
            continue
        with pytest.raises(ValueError) as caught:
            reading(text)
        assert len(str(caught.value)) < 200
    with pytest.raises(ValueError):
        numerals.integer("1.5")


OPTIONS = [
    ["sample", "--seed"],
    ["sample", "--num"],
    ["sample", "--seconds"],
    ["sample", "--shifts"],
    ["sample", "--temperature"],
    ["sample", "--top_k"],
    ["sample", "--top_p"],
    ["sample", "--keep"],
    ["sample", "--prompt_seconds"],
    ["sample", "--minutes_per_file"],
    ["sample", "--noise_flatness"],
    ["evaluate", "--limit"],
    ["zoo", "interpret", "x", "--filters"],
    ["zoo", "interpret", "x", "--limit"],
    ["zoo", "measure", "--minutes"],
    ["zoo", "probe", "x", "y", "--folds"],
]


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option[-1])
@pytest.mark.parametrize("text", ["²", "٣", "9" * 5000, "1e400"], ids=ascii)
def test_every_numeric_option_refuses_them(option, text, capsys):
    import evaluate
    import sample

    script = {"sample": sample.main, "evaluate": evaluate.main, "zoo": main.main}[option[0]]
    with pytest.raises(SystemExit) as caught:
        script([*option[1:], text])
    assert caught.value.code == 2
    assert "Traceback" not in (told := capsys.readouterr().err)
    assert f"argument {option[-1]}: " in told.splitlines()[-1]


@pytest.mark.parametrize("text", ["²", "٣", "9" * 5000], ids=ascii)
def test_arguments_of_configs_refuse_them(text):
    config = experiment.find_config("samplecnn_score_render")
    for name in ("batch", "steps", "learning_rate", "widths"):
        with pytest.raises(BadInput, match=f"^{name}="):
            config.parse([f"{name}={text}"])


@pytest.mark.parametrize("text", ["²", "٣", "one"], ids=ascii)
def test_the_environment_refuses_them(text, monkeypatch):
    monkeypatch.setenv("JAX_NUM_PROCESSES", text)
    with pytest.raises(BadInput, match=r"JAX_NUM_PROCESSES: .* is no whole number"):
        command_line.environment_number("JAX_NUM_PROCESSES")


def test_folders_are_steps_only_as_we_write_them(tmp_path):
    from etils import epath

    for name in ("0", "20", "007", "٣", "²", "1_0", "-5", "+5", "9" * 30, "2.damaged"):
        (tmp_path / name).mkdir()
    assert files.numbered_steps(epath.Path(tmp_path)) == [0, 20]


def test_nothing_else_asks_whether_a_text_is_a_number():
    """`isdigit` takes what `int` refuses, and of 5,000 digits `int` refuses what all three take."""
    root = Path(numerals.__file__).parents[1]
    files = [path for name in ("zoo", "configs") for path in (root / name).rglob("*.py")]
    asking = re.compile(r"\.is(digit|decimal|numeric)\(")
    assert len(files) > 400
    # Runs of digits within a name that a regular expression found, which are short.
    assert {p.name for p in files if asking.search(p.read_text())} == {"excitation.py"}


@pytest.mark.parametrize("text", ["9" * 5000, "²", "٣"], ids=ascii)
def test_numbers_among_names_are_names_where_they_are_none(text, tmp_path, capsys):
    with pytest.raises(BadInput, match="is no pitch"):
        pitch_names.parse_pitch_text(text)
    (tmp_path / "a.txt").write_text("no audio")
    assert (
        main.main(["probe", "x", str(tmp_path), "--group", text, "--out", str(tmp_path / "o")]) == 2
    )
    assert capsys.readouterr().err.startswith("zoo: no audio in")
