"""Files of others by their path: which reader takes them, and what none of them knows."""

import numpy as np
import pytest

import zoo
from zoo.errors import BadInput
from zoo.pretrained import own_files, torch_weights

torch = pytest.importorskip("torch")


def test_a_net_is_told_by_its_names(tmp_path):
    state = {
        "onset_stack.0.cnn.0.weight": torch.ones(2, 3),
        "onset_stack.0.fc.0.bias": torch.ones(4),
    }
    torch.save(state, tmp_path / "model-100.pt")
    record, arrays = own_files.read_own_file(
        own_files.own_file_path(str(tmp_path / "model-100.pt"))
    )
    assert record.config == "onsets_frames_maestro" and record.name == "model-100"
    assert set(arrays) == set(state)
    np.testing.assert_array_equal(arrays["onset_stack.0.cnn.0.weight"], np.ones((2, 3)))
    system = zoo.load(tmp_path / "model-100.pt")  # its sizes are looked at when it is used
    with pytest.raises(BadInput, match="do not fit the model"):
        system.variables  # noqa: B018


def test_what_is_not_known_is_refused(tmp_path):
    torch.save({"layer.weight": torch.ones(2)}, tmp_path / "a.pth")
    with pytest.raises(BadInput, match="not known by its names"):
        zoo.load(tmp_path / "a.pth")
    (tmp_path / "b.pt").write_bytes(b"no torch at all")
    with pytest.raises(BadInput, match=r"no sound file of torch\.save"):
        zoo.load(tmp_path / "b.pt")
    with pytest.raises(BadInput, match="no file"):
        zoo.load(tmp_path / "none.pt")
    assert (
        own_files.own_file_path("musicnn_mtt") is None
        and own_files.own_file_path(str(tmp_path)) is None
    )
    assert len({layout.mark for layout in torch_weights.LAYOUTS}) == len(torch_weights.LAYOUTS)
