"""The gallery: its commands are what was run, its sounds are on the page and play in a browser."""

import json
import re
import shlex
import shutil
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from PIL import Image

from zoo import catalog, escapes
from zoo import experiment as experiments
from zoo.cli import gallery, main
from zoo.data.score_render import ode
from zoo.front import finding, offers
from zoo.pages import excerpts
from zoo.pages import gallery as pages
from zoo.runs.pairs import labels_of
from zoo.songs.midi_files import write_midi

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
RATE = 16_000


def put(path, seconds=2.0, hertz=440.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    times = np.arange(round(seconds * RATE)) / RATE
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * hertz * times), RATE)


def test_the_eight_bars_are_as_written():
    """The tune as notes; its sound has their pitches, and the band is the sum of four voices."""
    notes = ode.tune_notes()
    assert len(notes["pitch"]) == 30 and notes["pitch"][:8].tolist() == [
        66,
        66,
        67,
        69,
        69,
        67,
        66,
        64,
    ]
    assert sum(quarters for _, quarters in ode.TUNE) == 4 * ode.BARS
    assert all(len(part) == 2 * ode.BARS for part in (ode.BASS, ode.UPPER, ode.LOWER))
    made = ode.embedded_pieces(RATE)
    assert list(made) == ["tune", "piano", "band"]
    length = round((32 * ode.QUARTER + ode._TAIL) * RATE)
    for audio in made.values():
        assert audio.shape == (length, 1) and 0.05 < np.abs(audio).max() <= 0.951
    for pitch, onset in zip(notes["pitch"][2:5], notes["onset"][2:5]):
        held = made["tune"][round((onset + 0.1) * RATE) :][: RATE // 5, 0]
        peak = np.abs(np.fft.rfft(held * np.hanning(len(held)), RATE)).argmax()
        octave = 12 * np.log2(peak / 440) + 69 - pitch
        assert abs(octave - 12 * round(octave / 12)) < 0.5


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gallery, "write_pieces", pieces)
    return tmp_path


def pieces(place):
    for name in ("tune", "piano", "band"):
        put(place / f"{name}.wav")
    return {name: place / f"{name}.wav" for name in ("tune", "piano", "band")}


def fake(done):
    """A script that writes what the method would, or refuses prompts."""

    def main(words):
        done.append(words)
        if "--prompt" in words:
            return 2
        out = gallery.Path(words[words.index("--out") + 1])
        put(out / "sample.wav")
        return 0

    return SimpleNamespace(main=main)


def test_what_stands_on_the_page_is_what_was_run(folder, monkeypatch, capsys):
    done = []
    monkeypatch.setattr(gallery, "_SCRIPTS", {"sample": fake(done), "evaluate": fake(done)})
    monkeypatch.setattr(gallery, "title_and_licence", lambda model: "A title. Weights: CC0.")
    trained = SimpleNamespace(config=SimpleNamespace(name="one_config"))
    system = SimpleNamespace(methods=("sample", "stream"), trained=trained)
    monkeypatch.setattr("zoo.front.finding.load_system", lambda name: system)
    assert main.main(["gallery", "zoo/one", "--out", "g.html"]) == 0
    page = (folder / "g.html").read_text()
    assert len(done) == 2 and page.count("sample.py --checkpoint zoo/one --seconds 4") == 1
    assert escapes.html(ode.LICENCE) in page and "A title. Weights: CC0." in page
    assert page.count('class="sound"') == 4 and "pieces/" not in re.findall(r'src="([^"]{9})', page)
    assert main.main(["gallery", "zoo/one", "--out", "g.html"]) == 2
    assert "--force to overwrite" in capsys.readouterr().err
    monkeypatch.setattr(gallery, "_LARGEST", 1000)
    assert main.main(["gallery", "zoo/one", "--out", "g.html", "--force"]) == 2
    assert (folder / "g.html").read_text() == page
    monkeypatch.setattr(gallery, "run_line", lambda line, words: False)
    monkeypatch.setattr(gallery, "_LARGEST", 1e9)
    assert main.main(["gallery", "zoo/one", "--out", "h.html"]) == 1
    assert "left out: zoo/one" in capsys.readouterr().out


def test_commands_are_what_the_scripts_take():
    for method, lines in gallery.PLANS.items():
        for line in lines:
            words = ["--checkpoint", "zoo/x", *line.words, "--out", "o"]
            options = gallery._SCRIPTS[line.script].parser("x").parse_intermixed_args(words)
            assert options.checkpoint == "zoo/x" and not options.arguments, method
    names = {method for method in gallery.PLANS}
    assert names <= set(offers.OFFERS) and offers.OFFERS.keys() - names == {
        "tags_over_time",
        "embed",
        "stream",
    }


@pytest.mark.parametrize("name", ["gansynth_score_render", "midi_wavenet_score_render"])
def test_what_plays_tunes_is_heard_with_the_tune(name):
    """Though it may make single notes as well."""
    methods = offers.offered(experiments.find_config(name).experiment())
    assert gallery._plan(SimpleNamespace(methods=methods)) == gallery.PLANS["perform"]


def test_a_separator_that_has_to_know_what_plays_is_told():
    """One that needs no labels has none, and its command is the plan's."""
    for name, known in (
        ("conditioned_wave_unet_score_render", True),
        ("wave_unet_score_render", False),
    ):
        experiment = experiments.find_config(name).experiment()
        methods, labels = offers.offered(experiment), labels_of(experiment)
        model = SimpleNamespace(methods=methods, labels=labels, experiment=experiment)
        (line,) = gallery._plan(model)
        assert ("--labels" in line.words) is known, name
        assert line.words[:4] == gallery.PLANS["separate"][0].words
    assert line.script == "sample"


@pytest.fixture
def page(tmp_path, monkeypatch):
    """A page with stems, tags, notes, a composition and a sample."""
    monkeypatch.chdir(tmp_path)
    given = pieces(gallery.Path("pieces"))
    (found, stems, new) = map(gallery.Path, ("found", "stems", "new"))
    for name, hertz in (("bass", 110.0), ("drums", 3000.0)):
        put(stems / "band" / f"{name}.wav", hertz=hertz)
    facts = {"files": {"bass": "bass.wav", "drums": "drums.wav"}, "length": 2 * RATE, "rate": RATE}
    (stems / "band" / "info.json").write_text(json.dumps(facts))
    (found / "tune").mkdir(parents=True)
    (found / "tune" / "tags.json").write_text('{"tags": {"a<b": 0.25, "flute": 0.75}}')
    write_midi(found / "tune" / "notes.mid", ode.tune_notes())
    put(new / "sample.wav")
    shown = [
        pages.Exhibit("zoo/found", "found_config", "Finds.", ("evaluate.py",), (found,)),
        pages.Exhibit(
            "zoo/stems", "stems_config", "Separates.", ("sample.py a" * 40, "b"), (stems, new)
        ),
        *(pages.Exhibit(f"zoo/of_a_longer_name_{i}", "any", "Nothing.", (), ()) for i in range(12)),
    ]
    return pages.gallery_page(given, shown, "free")


def test_the_page_holds_all_that_was_made(page):
    assert "flute 0.75, a&lt;b 0.25" in page and "<b 0.25" not in page
    assert page.count('class="sound"') == 5 and page.count('class="mixer"') == 1
    sources = re.findall(r'(?:data-)?src="(data:audio[^,]*|[^d"][^"]*)', page)
    assert len(sources) == 7 and all(source.startswith("data:audio") for source in sources)
    assert 'href="#zoo-stems"' in page and 'id="zoo-stems"' in page


# The page's clock runs ahead of the decoders: each look at them takes some real time, too.
LOOK = """<script>
window.onload = async () => {
  const whole = document.documentElement, told = { wide: whole.scrollWidth - whole.clientWidth };
  const until = async ready => {
    for (let look = 0, sum = 0; look < 400 && !ready(); look++) {
      for (let i = 0; i < 4e6; i++) sum += i;
      await new Promise(done => setTimeout(done, 50));
    }
  };
  const one = document.querySelector(".sound"), audio = one.querySelector("audio");
  audio.addEventListener("play", () => told.played = true);
  audio.addEventListener("seeked", () => told.at = audio.currentTime / audio.duration);
  const face = one.querySelector(".face"), box = face.getBoundingClientRect();
  face.dispatchEvent(new MouseEvent("click", { clientX: box.left + box.width / 2, bubbles: true }));
  await until(() => told.played && "at" in told);
  const mixer = document.querySelector(".mixer"), button = mixer.querySelector(".play");
  button.click(); mixer.querySelector(".solo").click();
  await until(() => button.textContent !== "▶");
  told.stems = button.textContent;
  told.quiet = mixer.querySelectorAll(".quiet").length;
  document.body.dataset.told = JSON.stringify(told);
};
</script></body>"""


@pytest.mark.skipif(not BROWSER, reason="no Chromium on this machine")
@pytest.mark.parametrize("width", [500, 1280])
def test_a_browser_plays_seeks_and_solos_without_overflow(page, width, tmp_path):
    copy = tmp_path / "copy.html"
    copy.write_text(page.replace("</body>", LOOK))
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--window-size={width},900"]
    flags += ["--autoplay-policy=no-user-gesture-required", f"--user-data-dir={tmp_path / 'own'}"]
    command = [BROWSER, *flags, "--virtual-time-budget=60000", "--dump-dom", copy.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    told = json.loads(re.search(r'data-told="(.*?)"', dom)[1].replace("&quot;", '"'))
    assert told["wide"] <= 0 and told["played"] and 0.4 < told["at"] <= 1
    assert told["quiet"] == 1 and told["stems"] == "❚❚"


def test_a_folder_holds_short_sounds_and_small_pictures(folder, monkeypatch, capsys):
    """Six seconds of each, what they are in made.json; what is not made any more goes."""
    found = folder / "found" / "piece"
    put(found.parent / "stereo.wav", seconds=9.0)
    found.mkdir()
    Image.new("RGB", (1800, 900), "teal").save(found / "roll.png")
    (found / "tags.json").write_text(json.dumps({"tags": {"flute": 0.7, "organ": 0.2}}))
    put(folder / "tune.wav", seconds=1.0)
    out = folder / "made"
    out.mkdir()
    (out / "old.mp3").write_bytes(b"of before")
    exhibit = pages.Exhibit("zoo/one", "one_config", "A title.", ("sample.py x",), (found.parent,))
    excerpts.write_excerpts(out, {"tune": folder / "tune.wav"}, [exhibit], "may be passed on")
    index = json.loads((out / "made.json").read_text())
    assert index["licence"] == "may be passed on" and index["pieces"]["tune"]["label"] == "tune"
    (made,) = index["weights"]["zoo/one"]["made"]
    sound, picture = made["shown"]
    assert made["command"] == "sample.py x" and picture["text"] == "flute 0.70, organ 0.20"
    audio, rate = soundfile.read(out / sound["sound"])
    assert rate == RATE and audio.ndim == 1 and abs(len(audio) / rate - 6) < 0.2
    seen = Image.open(out / picture["picture"])
    assert seen.size == (900, 450) and picture["label"] == "piece, roll"
    named = {sound["sound"], sound["picture"], picture["picture"], "made.json"}
    named |= {index["pieces"]["tune"][kind] for kind in ("sound", "picture")}
    assert {path.name for path in out.iterdir()} == named
    assert main.main(["gallery", "zoo/one", "--folder", str(out)]) == 2
    assert "--force" in capsys.readouterr().err


def test_what_the_site_has_is_small_and_complete():
    """Every file that docs/made names is there and no other; of weights and commands that are."""
    place = catalog.configs_folder().parent / "docs" / "made"
    index = json.loads((place / "made.json").read_text())
    weights = index["weights"]
    shown = [s for one in weights.values() for part in one["made"] for s in part["shown"]]
    shown += index["pieces"].values()
    named = {s[kind] for s in shown for kind in ("sound", "picture") if kind in s}
    assert {path.name for path in place.iterdir()} == named | {"made.json"}
    assert set(finding.own_names()) <= set(weights) and index["licence"] == ode.LICENCE
    for path in place.iterdir():
        assert path.stat().st_size <= (60_000 if path.suffix == ".mp3" else 45_000), path.name
    assert sum(path.stat().st_size for path in place.iterdir()) < 3_000_000
    for name, one in weights.items():
        assert one["config"] in catalog.config_files()
        for part in one["made"]:
            script, words = re.fullmatch(r"\S+ (\w+)\.py (.*)", part["command"]).groups()
            parser = gallery._SCRIPTS[script].parser(script)
            assert parser.parse_intermixed_args(shlex.split(words)).checkpoint == name
