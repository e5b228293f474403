"""Names are data in every place they go to: HTML, matplotlib, CSV, terminals, file names."""

import csv
import html.parser
import io

import pytest

from zoo import escapes

NAMES = [
    "$x{",
    r"\frac{1}{0}$$",
    "<script>alert(1)</script>",
    "</script>",
    "a & b",
    '" onload="x',
    "=HYPERLINK(1)",
    "+1+1",
    "'=1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "＝1+1",
    "\x1b[2J\x1b]0;owned\x07",
    "a\nb",
    "a\rb",
    "\x9b31m",
    "\u202egnp.exe",
    "\ud800",
    "CON",
    "nul",
    "com1.txt",
    "LPT9",
    "..",
    ".",
    "",
    " ",
    "a/b",
    "a\\b",
    "\x00",
    "n" * 300,
    "ñ" * 300,
    "trailing. . ",
    "日本語",
    "a:b|c?*",
    "%s %d {x}",
    "${HOME}",
    "`id`",
    "COM¹.wav",
    "-rf",
    "~root",
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_html_gives_back_the_text_and_no_element(name):
    found = []

    class Reader(html.parser.HTMLParser):
        def handle_starttag(self, tag, attributes):
            found.append((tag, attributes))

        def handle_data(self, data):
            found.append(data)

    reader = Reader()
    reader.feed(f'<p title="{escapes.html(name)}">{escapes.html(name)}</p>')
    reader.close()
    (tag, [(key, value)]), *texts = found
    assert (tag, key, value) == ("p", "title", "".join(texts))
    assert all(isinstance(text, str) for text in texts)
    assert escapes.html(name).encode() is not None and "\x1b" not in escapes.html(name)
    if name.isprintable():
        assert value == name


@pytest.mark.filterwarnings("ignore:Glyph")
def test_labels_are_drawn_as_they_are_written():
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3, 3 + len(NAMES) / 5))
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_yticks(range(len(NAMES)), map(escapes.label, NAMES))
    for name in NAMES:
        axes.set_title(escapes.label(name))
        figure.canvas.draw()  # a formula that is none raises here
        assert len(escapes.label(name).replace(r"\$", "$")) <= 60
    with pytest.raises(ValueError, match=r"x\{"):  # what it is for
        axes.set_title("$x{$")
        figure.canvas.draw()


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_cells_are_not_evaluated_and_read_back(name):
    written = escapes.cell(name)
    assert not (len(written) > 1 and written[0] in "=+-@\t\r＝")
    if "\x00" not in name and "\ud800" not in name:
        assert escapes.from_cell(written) == name
    file = io.StringIO(newline="")
    csv.writer(file).writerow([written])
    file.getvalue().encode()


@pytest.mark.parametrize(
    "value", ["-3.5", "+1", "-1e-3", "-inf", "-", "=", "plain", "'quoted", 5, -1.5]
)
def test_cells_that_no_spreadsheet_evaluates_stay(value):
    assert escapes.cell(value) == value
    assert not isinstance(value, str) or escapes.from_cell(value) == value


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_lines_obey_no_one(name):
    line = escapes.terminal_line(name)
    assert line.isprintable() and line.encode() is not None
    if name.isprintable():
        assert line == name


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_file_names_fit_every_system(name, tmp_path):
    made = escapes.file_name(name)
    assert made and len(made.encode()) <= 120 and made == escapes.file_name(made)
    assert not set(made) & set('<>:"/\\|?*') and made.isprintable()
    assert made not in (".", "..") and made[-1] not in ". "
    assert made.partition(".")[0].upper() not in ("CON", "NUL", "COM1", "LPT9", "COM¹")
    (tmp_path / made).mkdir()  # and it is one
    assert [path.name for path in tmp_path.iterdir()] == [made]


def test_long_names_stay_apart():
    assert escapes.file_name("n" * 300) != escapes.file_name("n" * 301)
