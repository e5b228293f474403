"""Multi-band MelGAN's published weights through our code, and the reader of .tflite files."""

import struct

import jax
import numpy as np
import pytest

from zoo import experiment as experiments
from zoo.checkpoints.checksums import by_path
from zoo.errors import BadInput
from zoo.pretrained import rules, tflite_file
from zoo.pretrained.mb_melgan import RULES
from zoo.signal import pqmf

PLACES = (0, 1, 1000, 1700, 2399)
BANDS = (  # TensorFlow Lite's own, of 32 frames: samples at PLACES of the four bands
    (-0.0055673, 0.0015881, -0.0002373, -0.0002620),
    (-0.0295809, -0.0013437, -0.0000308, 0.0009066),
    (0.0183795, -0.0001060, -0.0008977, 0.0013017),
    (-0.0339715, 0.0001039, -0.0000297, 0.0013939),
    (0.0009003, 0.0019636, 0.0017852, -0.0004517),
)
AUDIO = (-0.0155284, -0.0215301, -0.0270173, 0.0325773, 0.0001344)  # at four times PLACES


def frames():
    time, bins = np.arange(32)[:, None], np.arange(80)
    return (1.2 * np.sin(0.1 * time + 0.05 * bins)).astype(np.float32)[None]


@pytest.mark.download
def test_published_weights_give_their_output():
    """Bands in float32; the published graph rounds them to 8 bits before it joins them."""
    from zoo.pretrained import weights

    config, arguments, variables = weights.load_weights("mb_melgan_baker")
    generator = experiments.find_config(config).experiment(**arguments).objective.generator
    standard = generator.mean + generator.std * frames()
    bands = jax.jit(lambda v, x: generator.apply(v, x, method="bands"))(
        variables.of("generator"), standard
    )
    assert bands.shape == (1, 2400, 4)
    np.testing.assert_allclose(bands[0, PLACES], BANDS, atol=5e-6)
    np.testing.assert_allclose(np.abs(bands).mean(), 0.0071487, atol=2e-7)
    np.testing.assert_allclose(bands.std(), 0.0189896, atol=2e-7)
    audio = pqmf.synthesis(np.round(np.asarray(bands) * 128) / 128)[0, :, 0]
    np.testing.assert_allclose(audio[np.array([0, 1, 4000, 6400, 9599])], AUDIO, atol=1e-6)
    np.testing.assert_allclose(np.abs(audio).mean(), 0.0265490, atol=1e-6)


def foreign():
    """Names and shapes of the published arrays, from the architecture alone."""

    def layer(name, out, into, taps, kernel="conv1d1:1", turned=False):
        shape = (out, taps, 1, into) if turned else (out, 1, taps, into)
        return {f"sequential_4/{name}/{kernel}": shape, f"sequential_4/{name}/BiasAdd:1": (out,)}

    shapes, width = layer("conv1d", 384, 80, 7), 384
    for stage, factor in enumerate((3, 5, 5)):
        inner = "conv2d_transpose" + (f"_{stage}" if stage else "")
        name, half = f"conv_transpose_._{stage}/{inner}", width // 2
        shapes |= layer(name, half, width, 2 * factor, "conv2d_transpose1:1", turned=True)
        width = half
        for block in range(4):
            stack, number = f"residual_stack_._{stage}._._{block}", 8 * stage + 2 * block + 1
            shapes |= layer(f"{stack}/conv1d_{number}", width, width, 3)
            shapes |= layer(f"{stack}/conv1d_{number + 1}", width, width, 1, "conv1d2:1")
            shapes |= layer(f"{stack}/shortcut", width, width, 1)
    shapes |= {"conv1d;PartitionedCall/conv1d2:1": (1, 1, 63, 4)}
    return shapes | layer("conv1d_25", 4, 48, 7)


def test_every_array_has_one_place():
    experiment = experiments.find_config("mb_melgan_ljspeech").experiment(front="baker")
    spec = experiment.data.spec(1)
    wanted = jax.eval_shape(experiment.objective.init, jax.random.key(0), spec).of("generator")
    blank = {name: np.zeros(shape, np.float32) for name, shape in foreign().items()}
    filled = rules.apply_rules(RULES, blank, by_path(wanted))
    assert sum(x.size for x in filled.values()) == 1_861_588


def flatbuffer(root):
    """Bytes of a FlatBuffer: dicts are tables, lists vectors of tables, bytes vectors as they are.

    A pair (struct format, value) is a scalar.
    """
    out = bytearray(struct.pack("<I", 0) + b"TFL3")

    def refer(place, target):
        struct.pack_into("<I", out, place, target - place)

    def table(fields):
        last = max(fields)
        out.extend(b"\0" * (-len(out) % 4))
        start = len(out)
        size = 4 + 2 * (last + 1)
        begin = start + size + (-size % 4)
        offsets = [4 + 4 * i if i in fields else 0 for i in range(last + 1)]
        out.extend(struct.pack(f"<HH{last + 1}H", size, 4 + 4 * (last + 1), *offsets))
        out.extend(b"\0" * (begin - len(out)))
        out.extend(struct.pack("<i", begin - start) + b"\0" * 4 * (last + 1))
        for field, value in fields.items():
            place = begin + 4 + 4 * field
            if isinstance(value, tuple):
                struct.pack_into(value[0], out, place, value[1])
            else:
                refer(place, vector(value))
        return begin

    def vector(items):
        out.extend(b"\0" * (-len(out) % 4))
        start = len(out)
        if isinstance(items, list):
            out.extend(struct.pack("<I", len(items)) + b"\0" * 4 * len(items))
            for i, item in enumerate(items):
                refer(start + 4 + 4 * i, table(item))
        else:
            count, data = items[:4], items[4:]
            out.extend(count + data)
        return start

    refer(0, table(root))
    return bytes(out)


def counted(data, size=1):
    return struct.pack("<I", len(data) // size) + data


def integers(*values):
    return counted(struct.pack(f"<{len(values)}i", *values), 4)


def model():
    """One operator 'sum' of an input, a kernel and zeros for the bias it lacks; another of both."""

    def tensor(name, shape, buffer):
        return {0: integers(*shape), 1: ("<b", 0), 2: ("<I", buffer), 3: counted(name)}

    kernel = np.arange(6, dtype="<f4").tobytes()
    tensors = [
        tensor(b"in", (1, 2), 0),
        tensor(b"kernel", (2, 3), 1),
        tensor(b"none", (3,), 2),
        tensor(b"net/sum", (1, 3), 0),
        tensor(b"net/twice", (1, 3), 0),
    ]
    operators = [
        {1: integers(0, 1, 2), 2: integers(3)},
        {1: integers(3, 1, -1), 2: integers(4)},
    ]
    buffers = [{0: counted(b"")}, {0: counted(kernel)}, {0: counted(bytes(12))}]
    return flatbuffer({2: [{0: tensors, 3: operators}], 4: buffers})


def test_constants_are_named_by_their_use(tmp_path):
    path = tmp_path / "small.tflite"
    path.write_bytes(model())
    found = tflite_file.read_tflite([path])
    assert set(found) == {"net/sum:1", "net/twice:1"}
    np.testing.assert_array_equal(found["net/sum:1"], np.arange(6).reshape(2, 3))


def test_files_that_are_none_are_refused(tmp_path):
    path = tmp_path / "broken.tflite"
    for content in (b"PK\3\4 no model at all", model()[:120], model()[:-30]):
        path.write_bytes(content)
        with pytest.raises(BadInput, match="TensorFlow Lite"):
            tflite_file.read_tflite([path])
    with pytest.raises(BadInput, match="one file"):
        tflite_file.read_tflite([path, path])
