"""The listening test: blind, level-matched, rated in a real browser, its ratings compared."""

import base64
import io
import json
import re
import shutil
import subprocess

import numpy as np
import odd_audio
import pytest
import soundfile

from zoo.audio.loudness import measured
from zoo.cli.main import main
from zoo.errors import BadInput
from zoo.pages import listening
from zoo.songs import ratings

RATE = 22_050
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")


def put(path, gain=1.0, rate=RATE, seconds=2.0, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    quiet = 0.05 * odd_audio.tone(seconds, rate, seed=seed)
    quiet[len(quiet) // 2 :] *= 6
    soundfile.write(path, gain * quiet, rate)


@pytest.fixture
def folders(tmp_path):
    for system, gain in (("wavenet", 0.1), ("wave_unet", 1.0), ("truth", 0.5)):
        for song in ("a", "b"):
            rate = 16_000 if system == "wavenet" else RATE
            put(tmp_path / system / song / "vocals.wav", gain, rate, seed=ord(song))
            put(tmp_path / system / song / "page_files" / "mixture.wav")
    return tmp_path


def test_ratings_fit_the_key_of_their_own_test_alone(folders):
    words = []
    for at, (mode, seed) in enumerate((("mushra", 0), ("mos", 0), ("mos", 1), ("mos", 0))):
        listening.write_listening_test(folders / f"{at}", asked(folders, mode, seed=seed))
        words.append(set(json.loads((folders / f"{at}" / "key.json").read_text())["sounds"]))
        if at == 2:
            put(folders / "wavenet" / "a" / "vocals.wav", seed=7)
    assert not words[0] & words[1] and not words[1] & words[2]
    assert len(words[1] & words[3]) == len(words[1]) - 1  # all but what was made anew


def test_what_is_silent_in_all_folders_is_left_out(tmp_path):
    for system in ("one", "two"):
        put(tmp_path / system / "a.wav", 0.0)
    test = listening.Test({name: tmp_path / name for name in ("one", "two")}, seconds=0.8)
    with pytest.raises(BadInput, match="nothing sounds"):
        listening.write_listening_test(tmp_path / "out", test)
    put(tmp_path / "one" / "b.wav", 0.0)
    put(tmp_path / "two" / "b.wav")
    said = listening.write_listening_test(tmp_path / "out", test)
    assert said.startswith("2 trials") and said.endswith("left out: a")
    assert {trial["item"] for trial in content(tmp_path / "out")[1]["trials"]} == {"b"}


def content(out):
    page = (out / "page.html").read_text()
    return page, json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])


def decoded(uri):
    audio, rate = soundfile.read(io.BytesIO(base64.b64decode(uri.split(",")[1])), always_2d=True)
    return audio.astype(np.float32), rate


def asked(folders, mode, **more):
    systems = listening.name_systems([folders / "wavenet", folders / "wave_unet"])
    return listening.Test(systems, mode, folders / "truth", 0.8, **more)


def test_sounds_are_level_matched_and_the_page_names_no_system(folders):
    said = listening.write_listening_test(folders / "out", asked(folders, "mushra"))
    page, data = content(folders / "out")
    key = json.loads((folders / "out" / "key.json").read_text())
    assert said.startswith("2 trials of 4 sound(s)") and not re.search("wavenet|wave_unet", page)
    assert [trial["item"] for trial in data["trials"]] == ["a/vocals", "b/vocals"]
    for trial in data["trials"]:
        sounds = {
            key["sounds"][word]["system"]: decoded(uri) for word, uri in trial["sounds"].items()
        }
        assert set(sounds) == {"wavenet", "wave_unet", ratings.HIDDEN_REFERENCE, listening.ANCHOR}
        levels = [measured([audio], rate).loudness for audio, rate in sounds.values()]
        assert np.ptp(levels) < 0.1 and {len(audio) for audio, _ in sounds.values()} == {17_640}
        assert {rate for _, rate in sounds.values()} == {RATE}
        anchor, reference = (
            np.abs(np.fft.rfft(sounds[name][0][:, 0]))
            for name in (listening.ANCHOR, ratings.HIDDEN_REFERENCE)
        )
        above = slice(round(len(anchor) * 2 * 4500 / RATE), None)
        assert anchor[above].max() < 0.05 * reference[above].max()
        assert trial["reference"] in trial["sounds"].values()
    other = listening.write_listening_test(
        folders / "out", asked(folders, "mos", seed=1, items=1), force=True
    )
    assert other.startswith("3 trials of 1 sound(s)")
    assert not set(key["sounds"]) & set(
        json.loads((folders / "out" / "key.json").read_text())["sounds"]
    )


def test_what_cannot_be_played_is_refused(folders, tmp_path):
    systems = listening.name_systems([folders / "wavenet"])
    for plan, said in (
        (listening.Test(systems, "mushra"), "give its folder with --reference"),
        (listening.Test({"x": tmp_path / "none"}), "is no folder"),
    ):
        with pytest.raises(BadInput, match=said):
            listening.write_listening_test(tmp_path / "out", plan)
    put(tmp_path / "other" / "else.wav")
    with pytest.raises(BadInput, match="no sound has the same path in all folders"):
        listening.write_listening_test(
            tmp_path / "out", listening.Test({**systems, "x": tmp_path / "other"})
        )
    with pytest.raises(BadInput, match="given twice"):
        listening.name_systems([folders / "wavenet"] * 2)
    assert not (tmp_path / "out").exists()


CLICKS = """<script>
window.onbeforeunload = null;
URL.createObjectURL = blob => { blob.text().then(text => {
  const pre = document.createElement("pre"); pre.id = "saved-" + text.length;
  pre.textContent = "SAVED" + text; document.body.append(pre); }); return "#"; };
const told = [];
by("begin").click(); told.push(by("trial").hidden);
by("listener").value = 'Ann, "A"'; by("begin").click();
while (by("end").hidden) {
  told.push(by("next").disabled);
  const rows = [...document.querySelectorAll(".stimulus")].filter(r => r.querySelector("input"));
  rows.forEach((row, i) => {
    const input = row.querySelectorAll("input")[test.mode === "mos" ? 3 : 0];
    told.push(input.disabled);
    row.querySelector("button").click();
    told.push(!input.disabled);
    if (test.mode === "mos") input.click();
    else { input.value = 20 + 10 * i; input.dispatchEvent(new Event("input")); }
  });
  told.push(!by("next").disabled);
  by("next").click();
}
by("csv").click(); by("json").click();
document.body.dataset.told = JSON.stringify(told);
</script></body>"""


@pytest.mark.skipif(not BROWSER, reason="no Chromium on this machine")
@pytest.mark.parametrize("mode", ["mos", "mushra"])
def test_a_browser_plays_rates_and_saves(folders, mode, capsys):
    out = folders / "out"
    listening.write_listening_test(out, asked(folders, mode))
    page, _ = content(out)
    copy = folders / "copy.html"
    copy.write_text(page.replace("</body>", CLICKS))
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={folders / 'profile'}",
    ]
    command = [BROWSER, *flags, "--virtual-time-budget=2000", "--dump-dom", copy.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    told = json.loads(re.search(r'data-told="(.*?)"', dom)[1])
    assert told and all(told)
    found = re.findall(r'<pre id="saved-\d+">SAVED(.*?)</pre>', dom, re.DOTALL)
    saved = [text.replace("&quot;", '"') for text in found]
    assert len(saved) == 2
    for text in saved:
        ending = "json" if text.startswith("[") else "csv"
        (folders / f"ratings.{ending}").write_text(text)
    key = json.loads((out / "key.json").read_text())
    by_csv, by_json = (
        ratings.read_ratings([folders / f"ratings.{e}"], key) for e in ("csv", "json")
    )
    assert by_csv == by_json and len(by_csv) == (6 if mode == "mos" else 8)
    assert {rating.listener for rating in by_csv} == {'Ann, "A"'}
    values = {rating.value for rating in by_csv}
    assert values == ({4.0} if mode == "mos" else {20.0, 30.0, 40.0, 50.0})
    orders = re.findall(r'"sound":"(\w+)"', (folders / "ratings.json").read_text())
    assert sorted(orders) == sorted(key["sounds"])


def rows(key, values):
    return [
        {"listener": who, "sound": sound, "rating": values[about["system"]] + shift}
        for who, shift in (("1", 0), ("2", 1), ("3", -1))
        for sound, about in key["sounds"].items()
    ]


def test_ratings_are_summed_up_by_the_command(folders, capsys):
    out = folders / "out"
    put(folders / "wavenet" / "c" / "vocals.wav")
    words = ["listen", str(out), *(str(folders / s) for s in ("wavenet", "wave_unet"))]
    assert main([*words, "--seconds", "0.5"]) == 0
    key = json.loads((out / "key.json").read_text())
    (folders / "r.json").write_text(json.dumps(rows(key, {"wavenet": 2, "wave_unet": 4})))
    capsys.readouterr()
    assert main(["ratings", str(folders / "r.json"), "--key", str(out / "key.json")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:4] == ["wave_unet", "6", "4.00", "0.89"]
    assert lines[2].split()[:4] == ["wavenet", "6", "2.00", "0.89"]
    assert "wave_unet - wavenet: +2.00; unpaired t(10) = 3.87, p = 0.00309; paired" in lines[-1]


@pytest.mark.parametrize(
    "text, said",
    [
        ("[]", "no ratings"),
        ("{", "is no ratings as the page saves them"),
        ("[1]", "is no ratings as the page saves them"),
        ('[{"listener": "a", "sound": "x", "rating": 6}]', "6 is no rating of 1 to 5"),
        ('[{"listener": "a", "sound": "x", "rating": "good"}]', "'good' is no rating"),
        ('[{"listener": "a", "sound": "y", "rating": 3}]', "no sound of this test"),
        ('[{"sound": "x", "rating": 3}, {"sound": "x", "rating": 3}]', "twice"),
    ],
)
def test_ratings_that_cannot_be_are_named(text, said, tmp_path):
    (tmp_path / "r.json").write_text(text)
    key = {"mode": "mos", "sounds": {"x": {"item": "a", "system": "s"}}}
    with pytest.raises(BadInput, match=said):
        ratings.read_ratings([tmp_path / "r.json"], key)


def test_who_misses_the_hidden_reference_is_left_out():
    made = [
        ratings.Rating(who, str(item), system, value)
        for who, given in (("keen", 95.0), ("deaf", 60.0))
        for item in range(4)
        for system, value in ((ratings.HIDDEN_REFERENCE, given), ("s", 50.0))
    ]
    kept, missed = ratings.screen_listeners(made)
    assert missed == ["deaf"] and {rating.listener for rating in kept} == {"keen"}
    unmarked = [rating for rating in made if rating.system == "s"]
    assert ratings.screen_listeners(unmarked) == (unmarked, [])
