"""The user's own files: outputs that cannot collide, rejects that leave nothing behind."""

import errno
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from zoo import escapes
from zoo.audio.probing import probe
from zoo.errors import BadInput
from zoo.songs import own_files


def test_outputs_are_named_by_as_much_of_the_path_as_tells_them_apart():
    paths = [Path(p) for p in ("m/a/01.mp3", "m/b/01.mp3", "m/x.wav", "m/x.mp3", "m/y.v2.ogg")]
    names = ["a/01", "b/01", "x.wav", "x.mp3", "y.v2"]
    assert list(own_files.named(paths).values()) == names
    assert own_files.named([Path("/music/-1.wav")]) == {Path("/music/-1.wav"): "-1"}
    dots = [Path("m/...wav"), Path("m/..wav")]  # whose stems are folders above and around
    assert list(own_files.named(dots).values()) == ["...wav", "..wav"]


def test_a_rejected_file_is_named_and_leaves_no_folder(tmp_path, capsys):
    for name in ("good.wav", "bad.wav"):
        soundfile.write(tmp_path / name, np.zeros(10), 8000)

    def act(path, name):
        folder = own_files.fresh(tmp_path / "out" / name, force=False)
        if name == "bad":
            raise BadInput("bad.wav is not to my taste")
        (folder / "x").write_text("x")
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


def test_what_cannot_be_read_is_told_by_name_and_the_rest_is_done(tmp_path, capsys):
    soundfile.write(tmp_path / "good.wav", np.zeros(10), 8000)
    soundfile.write(tmp_path / "mute.wav", np.zeros(10), 8000)

    def act(path, name):
        probe(path)
        if name == "mute":
            raise BadInput("no pitch was heard")
        return f"did {name}"

    asked = [str(tmp_path / name) for name in ("none.wav", "mute.wav", "good.wav", "*.xyz")]
    assert own_files.for_each(asked, tmp_path / "out", act) == 2
    told = capsys.readouterr()
    assert told.out == "did good\n"
    lines = told.err.splitlines()
    assert [line.split(":")[0] for line in lines] == ["rejected"] * 3
    assert "none.wav: no such file" in lines[0] and "*.xyz: no such file" in lines[2]
    assert lines[1] == "rejected: mute.wav: no pitch was heard"


def generator(options, path=None):
    info = SimpleNamespace(sample_rate=16_000, channels=1)
    data = SimpleNamespace(source=SimpleNamespace(info=info))
    trained = SimpleNamespace(experiment=SimpleNamespace(data=data))
    return own_files.generate(trained, SimpleNamespace(**options), path, "song")


def test_more_than_a_wav_file_holds_is_refused_at_once(tmp_path):
    with pytest.raises(BadInput, match=r"1,000,000,000 s .* more than a WAV file holds .37 h"):
        generator({"prompt": None, "seconds": 1e9, "out": tmp_path})


def test_a_song_is_never_overwritten_by_what_is_made_of_it(tmp_path):
    soundfile.write(tmp_path / "song.wav", np.zeros(1600), 16_000)
    asked = {"prompt": None, "out": tmp_path, "force": True, "num": 1, "seed": 0, "temperature": 1}
    with pytest.raises(BadInput, match="would be overwritten with what it becomes"):
        generator(asked, tmp_path / "song.wav")


def test_a_full_disk_leaves_no_half_of_the_results(tmp_path):
    (tmp_path / "old.json").write_text("{}")
    with pytest.raises(OSError, match="No space") as caught, own_files.whole_or_absent(tmp_path):
        (tmp_path / "tags.csv").write_text("time")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert [path.name for path in tmp_path.iterdir()] == ["old.json"]
    assert caught.value.filename == str(tmp_path)


NAMES = ["CON", "nul", "a:b", "a?b", "a*b", "a|b", "n" * 250, "n" * 251, "=1+1", "$x{", "<b>",
         "\x1b[2J", "a\nb", "tail.. ", "日" * 83]  # fmt: skip


def test_outputs_have_names_that_every_system_takes_and_that_differ(tmp_path):
    paths = [tmp_path / f"{name}.wav" for name in NAMES]
    for path in paths:
        path.write_bytes(b"")
    names = list(own_files.named(paths).values())
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


def test_what_is_told_of_files_is_one_line_each(tmp_path, capsys):
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
