"""The page of a run: complete, self-contained, and true to the files it shows."""

import base64
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import librosa
import numpy as np
import pytest
import soundfile
from PIL import Image

from zoo.errors import BadInput
from zoo.pages import charts, sounds
from zoo.pages.markup import html_table
from zoo.report import facts, finish, page

RATE = 8000
ROW = {
    "task": "separation",
    "title": "Toy-Net 3^2 on <noise> (Doe & Roe 2019).",
    "parameters": 1234,
    "step": 200,
    "metrics": {"sdr/bass": 1.5, "sdr/drums": 2.5, "pr_auc": 0.25},
    "counts": {"tracks": 3},
    "protocol": "One sentence.",
    "reported": {"pr_auc": 0.5},
    "source": "Table 1, unchecked",
    "data": {"name": "toys", "url": "https://example.org", "licence": "CC0", "sample_rate": RATE},
    "device": "1 x cpu",
    "date": "2026-01-02",
}


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def tone(path, hertz=440.0, seconds=0.5):
    path.parent.mkdir(parents=True, exist_ok=True)
    audio = 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)
    soundfile.write(path, audio, RATE, subtype="PCM_16")
    return path


@pytest.fixture
def bare(tmp_path):
    write_json(tmp_path / "run.json", {"config": "toy", "arguments": {"steps": 200}})
    return tmp_path


@pytest.fixture
def full(bare):
    scalars = [{"step": s, "loss": 1 / s, "steps_per_second": 2.0} for s in range(10, 201, 10)]
    scalars.append({"step": 200, "validation/pr_auc": 0.25, "validation/sdr/bass": None})
    (bare / "metrics.jsonl").write_text("".join(json.dumps(x) + "\n" for x in scalars))
    write_json(bare / "evaluation" / "test.json", ROW)
    (bare / "evaluation" / "test").mkdir()
    rows = "".join(f"t{n},{n / 7:.9f}\n" for n in range(300))
    (bare / "evaluation" / "test" / "per_track.csv").write_text("track,SDR\n" + rows)
    for step in (100, 20):
        tone(bare / "samples" / str(step) / "sample_0.wav")
    for name in ("mixture", "bass", "bass.reference"):
        tone(bare / "samples" / "stems" / "song" / f"{name}.wav")
    tone(bare / "figures" / "look.wav")
    Image.new("L", (4, 4)).save(bare / "figures" / "look.png")
    about = {"title": "A look", "caption": "What <is> seen.", "sound": "look.wav", "span": [0.1, 1]}
    write_json(bare / "figures" / "look.json", about)
    return bare


class Balance(HTMLParser):
    """Fails at a tag that closes another than the one that is open."""

    def __init__(self):
        super().__init__()
        self.stack, self.words = [], []

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "img"):
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def parse(text):
    parser = Balance()
    parser.feed(text)
    assert parser.stack == []
    return " ".join(parser.words)


def headings(text):
    return re.findall("<h2>(.*?)</h2>", text)


def test_shows_everything_that_is_there(full):
    path = page.write_report(full)
    assert path == full / "report.html" and not list(full.glob("*.new"))
    text = path.read_text()
    words = parse(text)
    assert headings(text) == [
        "Reported and measured",
        "Separated songs",
        "Samples",
        "A look inside",
        "Training",
        "Scores on the test split",
        "To do it again",
    ]
    for shown in ("1,234", "200 steps", "CC0", "One sentence.", "Table 1, unchecked", "What <is>"):
        assert shown in words, shown
    assert "Toy-Net 3<sup>2</sup> on &lt;noise&gt;</h1>" in text and "Doe &amp; Roe 2019" in text
    assert text.index("step 20<") < text.index("step 100<")
    assert "the first 200 of 300" in words and "t199" in words and "t200" not in words
    assert "not been held against the paper" in words
    assert re.search(r"<th[^>]*>bass</th><th[^>]*>drums</th>.*1\.5.*2\.5", text)


def test_needs_nothing_from_elsewhere(full):
    text = page.write_report(full).read_text()
    assert not re.search(r"<link|<script src|@import|url\(", text)
    addresses = re.findall(r'(?:src|data-src|href)="([^"]{5})', text)
    assert len(addresses) > 8 and set(addresses) == {"data:", "https"}
    assert re.findall(r'href="(https[^"]*)"', text) == ["https://example.org"]


def test_leaves_out_what_is_not_there(bare):
    text = page.write_report(bare).read_text()
    parse(text)
    assert headings(text) == ["To do it again"]


def test_embeds_the_very_samples(full):
    text = page.write_report(full).read_text()
    wanted, _ = soundfile.read(full / "figures" / "look.wav", dtype="int16")
    packed = re.search(r'src="data:audio/flac;base64,([^"]+)"', text)[1]
    got, rate = soundfile.read(io.BytesIO(base64.b64decode(packed)), dtype="int16")
    assert rate == RATE and np.array_equal(got, wanted)


def test_a_full_shelf_puts_sounds_beside_the_page(full):
    stand = sounds.AudioBudget(full, lossless=False, left=30_000)
    path = full / "figures" / "look.wav"
    address = stand.place(path, *sounds.read_sound(path))
    assert address.startswith("data:audio/mpeg") and len(address) == 30_000 - stand.left
    stand.left = len(address) - 1
    assert stand.place(path, *sounds.read_sound(path)) == "report_files/figures/look.wav"
    assert (full / "report_files/figures/look.wav").read_bytes() == path.read_bytes()


def test_large_sounds_stand_beside_the_page(full, monkeypatch):
    monkeypatch.setattr(sounds, "BUDGET", 10)
    text = page.write_report(full).read_text()
    linked = re.findall(r'"(report_files/[^"]+)"', text)
    assert len(linked) == 6 and all((full / name).is_file() for name in linked)


@pytest.mark.parametrize("hertz", [300.0, 1000.0, 3000.0])
def test_spectrogram_shows_a_tone_where_it_is(tmp_path, hertz):
    audio, rate = sounds.read_sound(tone(tmp_path / "x.wav", hertz))
    image = np.asarray(Image.open(io.BytesIO(sounds.spectrogram_png(audio, rate, 50, 200))))
    assert image.shape == (200, 50)
    row = 199 - np.bincount(image[:, 10:40].argmax(0)).argmax()
    mel = librosa.hz_to_mel([hertz, rate / 2], htk=True)
    assert abs(row / 199 - mel[0] / mel[1]) < 0.015


def test_curve_runs_through_its_points():
    points = [(0, 0.0), (50, 10.0), (100, 5.0)]
    drawing = charts.chart("x", {"": points}, 100)
    found = re.search(r'd="M([^"]*)" class="line', drawing)[1]
    x, y = np.array([p.split() for p in found.split("L")], float).T
    np.testing.assert_allclose(x, [54, 281, 508], atol=0.1)
    assert np.isclose((y[0] - y[2]) / (y[0] - y[1]), 0.5, atol=0.01) and y[1] < y[2] < y[0]


def test_long_curves_are_condensed_to_mean_and_spread():
    points = [(n, float(n % 2)) for n in range(10_000)]
    rows = charts.condense(points)
    assert len(rows) == 200 and rows[-1] == (9999, 0.0, 0.5, 1.0)
    text = charts.scalar_charts([{"step": n, "loss": v} for n, v in points])
    assert "band" in text and len(text) < 20_000


def test_scores_of_one_family_share_a_chart_and_the_monitored_comes_first():
    line = {"step": 1, "loss": 1.0, "validation/a": 1.0, "validation/b/x": 1.0}
    line |= {"validation/b/y": float("nan"), "validation/b/z": 3}
    text = charts.scalar_charts([line, {**line, "step": 2}], "b/x")
    assert text.count('class="chart"') == 3
    b, a = text.index(">Validation: b<"), text.index(">Validation: a<")
    assert b < a and ">y " not in text and ">z " in text


def test_one_step_is_no_curve():
    assert charts.scalar_charts([{"step": 1, "validation/a": 1.0, "steps_per_second": 0.1}]) == ""


@pytest.mark.parametrize(
    ("low", "high", "marks"), [(0, 1, [0, 0.25, 0.5, 0.75, 1]), (-7, 12, [-5, 0, 5, 10])]
)
def test_ticks_are_round(low, high, marks):
    assert charts.axis_ticks(low, high, 4) == marks


def test_pauses_do_not_count_as_training():
    lines = [
        {"step": 10, "time": 0, "steps_per_second": 2.0},
        {"step": 10, "time": 1},
        {"step": 30, "time": 9e9, "steps_per_second": 4.0},
    ]
    assert facts.training_seconds(lines) == 10.0
    assert facts.training_seconds([]) is None


def test_the_command_given_works_in_a_shell(bare):
    words = facts.argument_words({"widths": [4, 6], "path": "~/my data", "rate": 0.01})
    assert words == ["widths=4,6", "'path=~/my data'", "rate=0.01"]


def test_without_a_paper_nothing_is_reported(full):
    write_json(full / "evaluation" / "test.json", {**ROW, "reported": {}})
    text = page.write_report(full).read_text()
    assert headings(text)[0] == "Measured" and ">reported<" not in text


def test_bad_input_is_said_in_one_line(tmp_path, full):
    with pytest.raises(BadInput, match="give the --workdir"):
        page.write_report(tmp_path / "nowhere")
    (full / "samples" / "20" / "sample_0.wav").write_bytes(b"no sound")
    with pytest.raises(BadInput, match="cannot be read as audio"):
        page.write_report(full)
    (full / "evaluation" / "test.json").write_text("{")
    with pytest.raises(BadInput, match=r"test\.json is not readable as JSON"):
        page.write_report(full)
    assert not (full / "report.html").exists()


def test_the_next_commands_of_a_config_of_ones_own_name_its_file():
    config = SimpleNamespace(task="own", path=Path("my configs/mine.py"))
    hears = SimpleNamespace(predict_file=print)
    for evaluation, then in ((hears, "--input"), (None, "--split validation")):
        experiment = SimpleNamespace(evaluation=evaluation, objective=SimpleNamespace())
        found = SimpleNamespace(config=config, experiment=experiment)
        first = finish.commands(found, Path("runs/mine"))[0]
        assert f"--checkpoint runs/mine --config 'my configs/mine.py' {then}" in first


def test_a_table_has_no_sign_before_what_was_rounded_to_zero():
    cells = ["-0", "-0.00", "-0.01", "0.0", "-0 dB", "-00"]
    table = html_table(["number"], [[cell] for cell in cells])
    found = re.findall(r"<td>(.*?)</td>", table)
    assert found == ["0", "0.00", "-0.01", "0.0", "-0 dB", "-00"]
