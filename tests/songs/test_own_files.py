"""The user's own files: outputs that cannot collide, rejects that leave nothing behind."""

import errno
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from zoo import escapes, writing
from zoo.audio.probing import read_header
from zoo.data.source import Info
from zoo.errors import BadInput
from zoo.evaluation.tagging import Tagging
from zoo.runs import inference
from zoo.songs import own_files


def test_outputs_are_named_by_as_much_of_the_path_as_tells_them_apart():
    paths = [Path(p) for p in ("m/a/01.mp3", "m/b/01.mp3", "m/x.wav", "m/x.mp3", "m/y.v2.ogg")]
    names = ["a/01", "b/01", "x.wav", "x.mp3", "y.v2"]
    assert list(own_files.name_outputs(paths).values()) == names
    assert own_files.name_outputs([Path("/music/-1.wav")]) == {Path("/music/-1.wav"): "-1"}
    dots = [Path("m/...wav"), Path("m/..wav")]  # whose stems are folders above and around
    assert list(own_files.name_outputs(dots).values()) == ["...wav", "..wav"]


def test_a_rejected_file_is_named_and_leaves_no_folder(tmp_path, capsys):
    for name in ("good.wav", "bad.wav"):
        soundfile.write(tmp_path / name, np.zeros(10), 8000)

    def act(path, name):
        place = tmp_path / "out" / name
        with writing.write_folder(place, partial(writing.refuse_nonempty, place, False)) as folder:
            (folder / "x").write_text("x")
            if name == "bad":
                raise BadInput("bad.wav is not to my taste")
        return f"did {name}"

    assert own_files.for_each([str(tmp_path)], tmp_path / "out", act) == 2
    told = capsys.readouterr()
    assert told.out == "did good\n" and told.err == "rejected: bad.wav is not to my taste\n"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good"]


def test_a_file_of_which_nothing_is_left_at_the_models_rate_is_refused(tmp_path):
    soundfile.write(tmp_path / "one.wav", np.zeros(1), 48_000)
    own_files.long_enough(tmp_path / "one.wav", 48_000)
    with pytest.raises(BadInput, match="1 samples, nothing at 16,000 Hz"):
        own_files.long_enough(tmp_path / "one.wav", 16_000)


def test_what_takes_no_files_says_what_would(tmp_path):
    """No script sends to the other and is sent back."""
    scores, makes = SimpleNamespace(), SimpleNamespace(generate=print)
    for objective, message in ((scores, r"no predict_file\(...\)"), (makes, r"use sample\.py")):
        found = SimpleNamespace(
            experiment=SimpleNamespace(evaluation=None, objective=objective),
            config=SimpleNamespace(name="mine"),
        )
        with pytest.raises(BadInput, match=message):
            own_files.predict(found, ["x.wav"], tmp_path, force=False)


def test_unreadable_files_are_named_and_the_rest_is_done(tmp_path, capsys):
    soundfile.write(tmp_path / "good.wav", np.zeros(10), 8000)
    soundfile.write(tmp_path / "mute.wav", np.zeros(10), 8000)

    def act(path, name):
        read_header(path)
        if name == "mute":
            raise BadInput("no pitch was found")
        return f"did {name}"

    asked = [str(tmp_path / name) for name in ("none.wav", "mute.wav", "good.wav", "*.xyz")]
    assert own_files.for_each(asked, tmp_path / "out", act) == 2
    told = capsys.readouterr()
    assert told.out == "did good\n"
    lines = told.err.splitlines()
    assert [line.split(":")[0] for line in lines] == ["rejected"] * 3
    assert "none.wav: no such file" in lines[0] and "*.xyz: no such file" in lines[2]
    assert lines[1] == "rejected: mute.wav: no pitch was found"


ASKED = {
    "num": 1,
    "seed": 0,
    "temperature": 1,
    "top_k": 0,
    "top_p": 1.0,
    "engine": "auto",
    "keep": None,
    "pitches": "",
    "domain": "",
    "holes": "",
}


def generator(options, path=None):
    info = SimpleNamespace(sample_rate=16_000, channels=1)
    data = SimpleNamespace(source=SimpleNamespace(info=info))
    trained = SimpleNamespace(experiment=SimpleNamespace(data=data, objective=None))
    return own_files.generate_files(trained, SimpleNamespace(**options), path, "song")


def test_more_than_the_disk_holds_is_refused_at_once(tmp_path):
    with pytest.raises(BadInput, match=r"32,000.0 GB of audio do not fit into .*: ask for less"):
        generator({"prompt": None, "seconds": 1e9, "out": tmp_path, **ASKED})


def test_a_song_is_never_overwritten_by_what_is_made_of_it(tmp_path):
    soundfile.write(tmp_path / "song.wav", np.zeros(1600), 16_000)
    asked = {"prompt": None, "out": tmp_path, "force": True, **ASKED}
    with pytest.raises(BadInput, match="would be overwritten with what it becomes"):
        generator(asked, tmp_path / "song.wav")


def test_a_full_disk_leaves_no_half_of_the_results(tmp_path):
    (tmp_path / "old.json").write_text("{}")
    full = pytest.raises(OSError, match="No space")
    with full as caught, writing.write_folder(tmp_path, lambda: None) as part:
        (part / "tags.csv").write_text("time")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert [path.name for path in tmp_path.iterdir()] == ["old.json"]
    assert caught.value.filename == str(tmp_path)


NAMES = [
    "CON",
    "nul",
    "a:b",
    "a?b",
    "a*b",
    "a|b",
    "n" * 250,
    "n" * 251,
    "=1+1",
    "$x{",
    "<b>",
    "\x1b[2J",
    "a\nb",
    "tail.. ",
    "日" * 83,
]


def test_outputs_have_names_that_every_system_takes_and_that_differ(tmp_path):
    paths = [tmp_path / f"{name}.wav" for name in NAMES]
    for path in paths:
        path.write_bytes(b"")
    names = list(own_files.name_outputs(paths).values())
    assert len(set(names)) == len(NAMES)
    for name in names:
        assert name == escapes.file_name(name)
        (tmp_path / "out" / name).mkdir(parents=True)
        (tmp_path / "out" / f"{name}_0.json.partial").write_text("")


@pytest.mark.parametrize("samples", [1, 2, 100, 799])
def test_a_click_gets_no_tags(tmp_path, samples):
    soundfile.write(tmp_path / "click.wav", np.ones(samples) * 0.5, 8000)
    with pytest.raises(BadInput, match=r"lasts [0-9.]+ ms: give 0.1 s or more"):
        own_files.long_enough(tmp_path / "click.wav", 8000, own_files.SHORTEST)
    soundfile.write(tmp_path / "sound.wav", np.ones(800) * 0.5, 8000)
    own_files.long_enough(tmp_path / "sound.wav", 8000, own_files.SHORTEST)


def test_files_give_one_line_each(tmp_path, capsys):
    soundfile.write(tmp_path / "\x1b[2Ja\nb.wav", np.zeros(9), 8000)
    told = []

    def act(path, name):
        told.append(name)
        if len(told) == 1:
            raise BadInput(f"{path} is odd")
        return f"{path.name}: fine"

    assert own_files.for_each([str(tmp_path)], tmp_path / "out", act) == 2
    own_files.for_each([str(tmp_path)], tmp_path / "out", act)
    out, err = capsys.readouterr()
    assert out.count("\n") == err.count("\n") == 1
    assert "\x1b" not in out + err


@pytest.mark.parametrize("figures", [False, True])
def test_pictures_come_when_they_are_asked_for(figures, tmp_path, monkeypatch, capsys):
    """Of one file or many; an evaluation of one's own need not know of them."""
    for number in range(3):
        soundfile.write(tmp_path / f"{number}.wav", np.full(1600, 0.5), 16_000)
    (tmp_path / "bad.wav").write_bytes(b"RIFF")
    info = Info("toy", 16_000, 1, ("a", "b"), "CC0", "")

    class Own:
        def predict_file(self, predict, path, folder, info):
            (folder / "own.txt").write_text("own")
            return f"{path.name}: in {folder}"

    def scores(batch):
        return {"prediction": np.abs(batch["audio"]).mean(1) * np.array([1, 0.5])}

    monkeypatch.setattr(inference, "predictor", lambda *_: lambda variables: scores)
    for evaluation, files in (
        (Tagging(800, batch=4), {"tags.csv", "tags.json", "page.html"}),
        (Own(), {"own.txt", "page.html"}),
    ):
        experiment = SimpleNamespace(
            evaluation=evaluation,
            objective=None,
            data=SimpleNamespace(source=SimpleNamespace(info=info)),
        )
        trained = SimpleNamespace(
            experiment=experiment,
            mesh=None,
            variables=None,
            name="theirs",
            meta={"licence": "X"},
            config=SimpleNamespace(name="toy"),
        )
        out = tmp_path / type(evaluation).__name__
        for code in (2, 2):  # the second time because they are there
            asked = {"force": False, "figures": figures}
            assert own_files.predict(trained, [str(tmp_path / "*.wav")], out, **asked) == code
        drawn = {"taggram.png"} if figures and isinstance(evaluation, Tagging) else set()
        assert {path.name for path in out.iterdir()} == {"0", "1", "2", "page.html"}
        assert {path.name for path in (out / "1").iterdir()} == files | drawn
        told = capsys.readouterr()
        assert told.out.count(str(out)) == 5 and ".partial" not in told.out
        assert told.err.count("rejected: ") == 5 and told.err.count("exists: choose") == 3
