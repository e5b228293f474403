"""Readers of foreign weights: fabricated files, damaged and hostile ones. Nothing may execute."""

import io
import json
import pickle
import struct
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
from foreign_files import bundle, module_pickle, torch_zip

from zoo.errors import BadInput
from zoo.pretrained import npz, tf_bundle, tfjs, torch_file

RANDOM = np.random.default_rng(0)
ARRAYS = {
    "conv2d/kernel": RANDOM.standard_normal((7, 3, 1, 4)).astype(np.float32),
    "conv2d/kernel/Adam": np.ones((7, 3, 1, 4), np.float32),
    "conv2d_1/bias": RANDOM.standard_normal(4).astype(np.float16),
    "global_step": np.array(7, np.int64),
}


def test_tf_bundle(tmp_path):
    index, data = bundle(tmp_path, ARRAYS)
    found = tf_bundle.read_tf_bundle([index, data])
    assert list(found) == sorted(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


@pytest.mark.parametrize("cut", [0, 20, 47, 60, -1, -20])
def test_tf_bundle_cut_short(tmp_path, cut):
    index, data = bundle(tmp_path, ARRAYS)
    index.write_bytes(index.read_bytes()[:cut])
    with pytest.raises(BadInput, match="no sound TensorFlow bundle"):
        tf_bundle.read_tf_bundle([index, data])


def test_tf_bundle_speaks_of_more_than_there_is(tmp_path):
    index, data = bundle(tmp_path, ARRAYS)
    data.write_bytes(data.read_bytes()[:-1])
    with pytest.raises(BadInput, match="does not lie in the data file"):
        tf_bundle.read_tf_bundle([index, data])
    with pytest.raises(BadInput, match=r"one \.index and one"):
        tf_bundle.read_tf_bundle([index])


def test_flipped_bytes_never_crash(tmp_path):
    index, data = bundle(tmp_path, ARRAYS)
    sound = index.read_bytes()
    for place in range(len(sound)):
        index.write_bytes(sound[:place] + bytes([sound[place] ^ 0x81]) + sound[place + 1 :])
        try:
            tf_bundle.read_tf_bundle([index, data])
        except BadInput as error:
            assert "\n" not in str(error)


def test_torch_zip_with_views_and_shared_storage(tmp_path):
    storage = np.arange(24, dtype=np.float32)
    views = {
        "a.weight": (storage, 0, (4, 3), (3, 1)),
        "a.turned": (storage, 2, (3, 4), (1, 3)),
        "scalar": (storage, 23, (), ()),
        "none": (storage, 0, (0, 3), (3, 1)),
    }
    found = torch_file.read_torch([torch_zip(tmp_path / "a.pt", views)])
    np.testing.assert_array_equal(found["a.weight"], storage[:12].reshape(4, 3))
    np.testing.assert_array_equal(found["a.turned"], (storage[2:14].reshape(4, 3)).T)
    assert found["scalar"] == 23 and found["none"].shape == (0, 3)


def test_a_whole_module_is_looked_into_and_not_run(tmp_path):
    path = tmp_path / "module.pt"
    storage = np.arange(6, dtype=np.float32)
    torch_zip(path, {}, pickled=module_pickle(), storages=[storage])
    found = torch_file.read_torch([path])
    np.testing.assert_array_equal(found["generator.0.weight"], storage.reshape(2, 3))
    assert list(found) == ["generator.0.weight"]


@pytest.mark.parametrize("kind", ["state", "older", "half"])
def test_torch_writes_what_we_read(tmp_path, kind):
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(
        torch.nn.Conv1d(2, 3, 5), torch.nn.BatchNorm1d(3), torch.nn.LSTM(3, 4)
    )
    module = module.half() if kind == "half" else module
    path = tmp_path / "a.pth"
    state = {"generator": module.state_dict(), "epoch": 3, "notes": ["x", None, {1, 2}]}
    torch.save(state, path, _use_new_zipfile_serialization=kind != "older")
    found = torch_file.read_torch([path])
    assert list(found) == [f"generator.{name}" for name in module.state_dict()]
    for name, tensor in module.state_dict().items():
        np.testing.assert_array_equal(found[f"generator.{name}"], tensor.numpy())
    torch.save(module, path)  # whole, with all its classes and functions
    whole = torch_file.read_torch([path])
    assert {f"generator.{name}" for name in whole} == set(found)


class Call:
    """Pickles as a call of `function` with `args`."""

    def __init__(self, function, *args):
        self.function, self.args = function, args

    def __reduce__(self):
        return self.function, self.args


def exec_and_co(path):
    import os
    import subprocess

    target = str(path / "executed")
    yield "system", Call(os.system, f"touch {target}")
    yield "exec", Call(exec, f"open({target!r}, 'w')")
    yield "eval", Call(eval, f"open({target!r}, 'w')")
    yield "Popen", Call(subprocess.Popen, ["touch", target])
    yield "getattr", Call(getattr, Call(__import__, "os"), "system")
    yield "runstring", Call(__import__("runpy").run_path, target)


def test_payloads_are_refused_by_name(tmp_path):
    for name, payload in exec_and_co(tmp_path):
        path = tmp_path / f"{name}.pt"
        torch_zip(path, {}, pickled=pickle.dumps({"weight": payload}, 2))
        with pytest.raises(BadInput, match=r"asks to call .*refused") as caught:
            torch_file.read_torch([path])
        assert name in str(caught.value) or name in ("getattr", "runstring")
        raw = tmp_path / "older.pt"
        raw.write_bytes(pickle.dumps(payload, 2))
        with pytest.raises(BadInput):
            torch_file.read_torch([raw])
    assert not (tmp_path / "executed").exists()


def hostile_pickles():
    loop = b"\x80\x02]q\x00" + b"h\x00h\x00\x86" * 40 + b"."  # tuples of tuples of the same
    yield "a memo number of 2^31", b"\x80\x02}r\xff\xff\xff\x7f."
    tree = b"}q%c(X\x01\x00\x00\x00ah%cX\x01\x00\x00\x00bh%cu"
    branches = b"".join(tree % (i + 1, i, i) for i in range(60))
    yield "an endless tree", b"\x80\x02}q\x00" + branches + b"."
    yield "tuples of the same", loop
    yield "an empty stack", b"\x80\x02s."
    objects = b"\x80\x02}X\x01\x00\x00\x00acnumpy\ndtype\nX\x02\x00\x00\x00O8K\x00K\x01\x87Rs."
    yield "objects in an array", objects
    yield "a changed function", b"\x80\x02ctorch\nSize\n}X\x09\x00\x00\x00_functionK\x01sb."
    yield "a changed class", b"\x80\x02cmodels\nNet\n}X\x05\x00\x00\x00stateK\x01sb."
    yield "an extension", b"\x80\x02\x82\x01."
    yield "promised bytes", b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc."
    yield "nothing", b""


@pytest.mark.parametrize("name, text", list(hostile_pickles()))
def test_hostile_pickles(tmp_path, name, text):
    path = tmp_path / "a.pt"
    torch_zip(path, {}, pickled=text)
    try:
        found = torch_file.read_torch([path])
    except BadInput as error:
        assert "\n" not in str(error)
    else:
        assert found == {} and name in ("a memo number of 2^31", "tuples of the same")


@pytest.mark.parametrize(
    "offset, shape, stride",
    [
        (0, (7,), (1,)),
        (5, (2,), (1,)),
        (-1, (2,), (1,)),
        (0, (2, 2), (1,)),
        (0, (10**9,), (0,)),
        (0, (2,), (-1,)),
        (0, (2**40, 2**40), (1, 1)),
    ],
)
def test_tensors_beyond_their_storage(tmp_path, offset, shape, stride):
    view = (np.arange(6, dtype=np.float32), offset, shape, stride)
    with pytest.raises(BadInput, match=r"no sound file of torch\.save"):
        torch_file.read_torch([torch_zip(tmp_path / "a.pt", {"x": view})])


def test_bombs_and_lacking_storages(tmp_path):
    path = tmp_path / "a.pt"
    view = {"x": (np.zeros(100_000, np.float32), 0, (100_000,), (1,))}
    torch_zip(path, view, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(BadInput, match="unpacks to"):
        torch_file.read_torch([path])
    torch_zip(path, view, storages=[])
    with pytest.raises(BadInput, match="no sound file"):
        torch_file.read_torch([path])
    many = {f"x{i}": view["x"] for i in range(30)}
    torch_zip(path, many)
    with pytest.raises(BadInput, match="tensors of more than"):
        torch_file.read_torch([path])


def test_older_files_cut_short(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "a.pth"
    torch.save({"x": torch.arange(50.0)}, path, _use_new_zipfile_serialization=False)
    whole = path.read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(BadInput, match=r"no sound file of torch\.save"):
            torch_file.read_torch([path])


def tfjs_files(folder, weights, raw, shard="group1-shard1of1.bin"):
    model = folder / "model.json"
    model.write_text(json.dumps({"weightsManifest": [{"paths": [shard], "weights": weights}]}))
    (folder / "0-group1-shard1of1.bin").write_bytes(raw)
    return [model, folder / "0-group1-shard1of1.bin"]


def test_tfjs(tmp_path):
    kernel = RANDOM.standard_normal((2, 3)).astype(np.float32)
    weights = [
        {"name": "k", "shape": [2, 3], "dtype": "float32"},
        {
            "name": "q",
            "shape": [3],
            "dtype": "float32",
            "quantization": {"dtype": "uint8", "scale": 0.5, "min": -1.0},
        },
    ]
    raw = kernel.tobytes() + bytes([0, 2, 255])
    found = tfjs.read_tfjs(tfjs_files(tmp_path, weights, raw))
    np.testing.assert_array_equal(found["k"], kernel)
    np.testing.assert_array_equal(found["q"], [-1.0, 0.0, 126.5])
    first = weights[0]
    for reason, *case in (
        ("beyond the end", weights, raw[:-1]),
        ("the manifest", weights, raw + b"x"),
        ("a shard called", weights, raw, "../../etc/passwd"),
        ("no shard", weights, raw, "other.bin"),
        ("shape", [{**first, "shape": [-1]}], raw),
        ("string", [{**first, "dtype": "string"}], raw),
    ):
        with pytest.raises(BadInput, match=f"no sound TensorFlow.js model .*{reason}"):
            tfjs.read_tfjs(tfjs_files(tmp_path, *case))


def test_npz(tmp_path):
    path = tmp_path / "a.npz"
    arrays = {"file": np.arange(3.0), "a/b": np.float32(2), "../x": np.ones((2, 2), np.int8)}
    npz.write_npz(path, arrays)
    found = npz.read_npz([path])
    assert set(found) == set(arrays) and not (tmp_path.parent / "x.npy").exists()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
    damaged = bytearray(path.read_bytes())
    damaged[200] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(BadInput, match="no sound npz"):
        npz.read_npz([path])
    np.savez(path, x=np.array([{}], object))
    with pytest.raises(BadInput, match="object"):
        npz.read_npz([path])
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (1 << 50,)}
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", header.getvalue() + struct.pack("<f", 1))
    with pytest.raises(BadInput, match="promises"):
        npz.read_npz([path])


def test_ordered_dicts_keep_their_order(tmp_path):
    text = pickle.dumps(OrderedDict(b=np.arange(2.0), a=np.arange(3, dtype=np.int32)), 2)
    torch_zip(tmp_path / "a.ckpt", {}, pickled=text)
    found = torch_file.read_torch([tmp_path / "a.ckpt"])
    assert list(found) == ["b", "a"] and found["a"].dtype == np.int32
    np.testing.assert_array_equal(found["b"], [0, 1])
