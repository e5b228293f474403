"""The user's own files: outputs that cannot collide, rejects that leave nothing behind."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from zoo import own_files
from zoo.errors import BadInput


def test_outputs_are_named_by_as_much_of_the_path_as_tells_them_apart():
    paths = [Path(p) for p in ("m/a/01.mp3", "m/b/01.mp3", "m/x.wav", "m/x.mp3", "m/y.v2.ogg")]
    names = ["a/01", "b/01", "x.wav", "x.mp3", "y.v2"]
    assert list(own_files.named(paths).values()) == names
    assert own_files.named([Path("/music/-1.wav")]) == {Path("/music/-1.wav"): "-1"}


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
