"""One reading of numbers, in options, arguments, environment and names of folders."""

import pytest

from zoo import experiment, numerals
from zoo.checkpoints import files
from zoo.cli import command_line, main
from zoo.errors import BadInput

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
    config = experiment.find("samplecnn_score_render")
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
    assert files.numbered(epath.Path(tmp_path)) == [0, 20]
