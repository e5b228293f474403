"""The reader of ONNX files: what the ONNX package writes, fabricated files, damaged ones."""

import numpy as np
import pytest
from foreign_files import number, text, varint

from zoo.errors import BadInput
from zoo.pretrained import onnx_file

RANDOM = np.random.default_rng(0)
ARRAYS = {
    "masker.0.weight": RANDOM.standard_normal((4, 1, 3)).astype(np.float32),
    "onnx::PRelu_7": np.full((1, 1), 0.25, np.float32),
    "shape": np.array([1, -1, 512], np.int64),
    "half": RANDOM.standard_normal(5).astype(np.float16),
    "scalar": np.array(3.5, np.float64),
}
KINDS = {"float32": 1, "int64": 7, "float16": 10, "float64": 11}


def tensor(name, array, *, packed=True, more=b""):
    array = np.asarray(array)
    if packed:
        dims = text(1, b"".join(map(varint, array.shape)))
    else:
        dims = b"".join(number(1, size) for size in array.shape)
    head = dims + number(2, KINDS[array.dtype.name]) + text(8, name.encode())
    return head + text(9, array.tobytes()) + more


def model(*tensors):
    node = text(1, text(1, b"x") + text(2, b"y") + text(4, b"Conv"))
    return number(1, 8) + text(7, node + b"".join(text(5, one) for one in tensors))


@pytest.mark.parametrize("packed", [True, False])
def test_initialisers_by_name(tmp_path, packed):
    path = tmp_path / "net.onnx"
    path.write_bytes(model(*(tensor(k, v, packed=packed) for k, v in ARRAYS.items())))
    found = onnx_file.read_onnx([path])
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype and found[name].shape == array.shape


@pytest.mark.download
def test_what_the_onnx_package_writes(published_modules, tmp_path):
    published_modules("onnx==1.23.2")
    from onnx import TensorProto, helper, numpy_helper, save

    tensors = [numpy_helper.from_array(array, name) for name, array in ARRAYS.items()]
    typed = {
        "floats": (TensorProto.FLOAT, np.float32([[1.5, -2.0]])),
        "whole": (TensorProto.INT64, np.int64([[3, -4]])),
        "double": (TensorProto.DOUBLE, np.float64([[0.1, 7.0]])),
    }
    tensors += [
        helper.make_tensor(name, kind, array.shape, array.ravel())
        for name, (kind, array) in typed.items()
    ]
    save(helper.make_model(helper.make_graph([], "g", [], [], tensors)), tmp_path / "net.onnx")
    found = onnx_file.read_onnx([tmp_path / "net.onnx"])
    for name, array in {**ARRAYS, **{name: array for name, (_, array) in typed.items()}}.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


OUTSIDE = number(14, 1)
WRONG = {
    "no graph": number(1, 8),
    "two graphs": text(7, b"") + text(7, b""),
    "a graph that is a number": number(7, 3),
    "lies elsewhere": model(tensor("w", np.ones(3, np.float32), more=OUTSIDE)),
    "strings": model(number(2, 8) + text(8, b"w") + text(6, b"words")),
    "more promised than there": model(text(1, varint(1 << 40)) + tensor("w", np.ones(3, "f4"))),
    "half a number": model(number(2, 1) + text(8, b"w") + text(9, b"abc")),
    "no name": model(number(2, 1) + text(9, bytes(4))),
    "cut": model(tensor("w", np.ones(3, np.float32)))[:-5],
    "a page of text": b"<!DOCTYPE html><html></html>",
}


@pytest.mark.parametrize("raw", WRONG.values(), ids=WRONG)
def test_unsound_files_are_refused_in_one_line(tmp_path, raw):
    path = tmp_path / "net.onnx"
    path.write_bytes(raw)
    with pytest.raises(BadInput, match="no sound ONNX file") as error:
        onnx_file.read_onnx([path])
    assert "\n" not in str(error.value)


def test_flipped_bytes_never_crash(tmp_path):
    path = tmp_path / "net.onnx"
    sound = model(*(tensor(name, array) for name, array in ARRAYS.items()))
    for place in range(len(sound)):
        path.write_bytes(sound[:place] + bytes([sound[place] ^ 0x81]) + sound[place + 1 :])
        try:
            onnx_file.read_onnx([path])
        except BadInput as error:
            assert "\n" not in str(error)
