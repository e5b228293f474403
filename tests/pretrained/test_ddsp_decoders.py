"""The decoders that Magenta published: their own output, and torch's for one of random weights."""

import json
import os
import struct
from pathlib import Path

import jax
import numpy as np
import pytest

from zoo import experiment
from zoo.pretrained import index, tfjs, weights

BESIDE = Path(__file__).parents[2].parent / "shared" / "weights"


def golden_input():
    t = np.arange(1250) / 250
    f0 = 440 * 2 ** (0.3 * np.sin(11 * np.pi * t) / 12)
    loudness = -55 - 15 * np.abs(t - 2.5) / 2.5
    return [np.float32(x)[None, :, None] for x in (f0, loudness)]


GOLDEN = {  # start of frame 0 and mean of the whole output
    "violin": ((-1.118708, 0.590694, 0.254102, -0.201024), -0.293023),
    "flute": ((-0.974104, 0.964740), -0.529284),
    "trumpet": ((-0.997804, 0.599662), -0.313044),
    "tenor_saxophone": ((-0.949553, 0.416742), -0.487746),
}


def decoded(name, at):
    config, arguments, variables = weights.load_weights(name, at)
    model = experiment.find_config(config).experiment(**arguments).objective.model
    run = jax.jit(lambda v, *x: model.apply(v, *x, method="raw"))
    return np.asarray(run(variables.of("model"), *golden_input()))[0]


def places():
    """Where the files of an instrument may lie on this machine."""
    own = os.environ.get("ZOO_WEIGHTS_DIR")
    for folder in ([Path(own)] if own else []) + [BESIDE]:
        for name in GOLDEN:
            for place in (folder / name, folder / f"ddsp_{name}"):
                if (place / "model.json").is_file():
                    yield name, place


def test_published_decoders_give_the_published_output(tmp_path, monkeypatch):
    found = dict(places())
    if not found:
        pytest.skip("no files of the published decoders here: set ZOO_WEIGHTS_DIR to their folder")
    monkeypatch.setenv("ZOO_WEIGHTS_DIR", str(tmp_path))  # so that nothing is kept elsewhere
    for name, place in found.items():
        raw = decoded(f"ddsp_{name}", place)
        start, mean = GOLDEN[name]
        np.testing.assert_allclose(raw[0, : len(start)], start, atol=2e-5)
        assert raw.mean() == pytest.approx(mean, abs=1e-5)
        if name == "violin":
            np.testing.assert_allclose(
                raw[624, :4], [0.207007, 1.298713, 1.546057, 0.057197], atol=2e-5
            )
            assert raw.std() == pytest.approx(2.974345, abs=1e-5)


def fabricate(folder, seed):
    """A model in the layout of the published ones, with random weights and a few constants."""
    rng = np.random.default_rng(seed)
    shapes = [(3, 1, 2, 128), (128,)]
    shapes += [(3, 1, 128, 128), (128,), (1, 1, 1, 128), (1, 1, 1, 128)] * 16
    shapes += [(128, 126), (126,)]
    arrays = {
        f"Func/model/input/_{75 + i}": rng.normal(size=shape).astype("<f4") * 0.1
        for i, shape in enumerate(shapes)
    }
    arrays["model/decoder/concat/axis"] = np.float32([2.0])
    manifest = [{"name": k, "shape": list(v.shape), "dtype": "float32"} for k, v in arrays.items()]
    text = {"weightsManifest": [{"paths": ["shard.bin"], "weights": manifest}]}
    (folder / "model.json").write_text(json.dumps(text))
    (folder / "shard.bin").write_bytes(b"".join(v.tobytes() for v in arrays.values()))
    assert struct.unpack("<f", (folder / "shard.bin").read_bytes()[-4:]) == (2.0,)
    return arrays


def test_fabricated_decoder_is_torch_s(tmp_path, monkeypatch):
    """All layers of the convolutional decoder, from the files to the output."""
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional

    fabricate(tmp_path, 1)
    arrays = tfjs.read_tfjs([tmp_path / "model.json", tmp_path / "shard.bin"])
    monkeypatch.setattr(weights.obtain, "obtain_arrays", lambda *_: arrays)
    ours = decoded("ddsp_violin", None)

    def w(number):
        return torch.tensor(arrays[f"Func/model/input/_{number}"]).squeeze()

    f0, loudness = golden_input()
    x = np.concatenate([loudness / 120 + 1, (69 + 12 * np.log2(f0 / 440)) / 127], 2)
    x = torch.tensor(np.float32(x)).transpose(1, 2)
    x = functional.conv1d(x, w(75).permute(2, 1, 0), w(76), padding=1)
    for block in range(16):
        kernel, bias, scale, shift = map(w, range(77 + 4 * block, 81 + 4 * block))
        d = 2 ** (block % 8)
        y = functional.conv1d(x.relu(), kernel.permute(2, 1, 0), bias, padding=d, dilation=d)
        x = x + functional.group_norm(y, 1, scale, shift, 1e-5)
    theirs = x.transpose(1, 2)[0] @ w(141) + w(142)
    np.testing.assert_allclose(ours, theirs.numpy(), atol=2e-4)


def test_index_knows_where_they_are():
    for name in GOLDEN:
        entry = index.find_published(f"ddsp_{name}")
        assert entry.licence == "Apache-2.0" and entry.url.startswith("https://")
        assert all(len(file.sha256) == 64 for file in entry.files)
