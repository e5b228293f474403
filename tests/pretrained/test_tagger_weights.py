"""Published taggers of Keras 1 and torch through our code.

Their files are not ours to ship. Fabricated ones under the published names go through reader, rules
and model, and have to give what a second pass gives, written from the frameworks' own conventions.
The published ones, where $ZOO_WEIGHTS_DIR or shared/weights beside the repository holds them, have
to give the tags that the README of their author prints for the arrays beside them.
"""

import os
from pathlib import Path

import jax
import numpy as np
import pytest

from zoo import experiment
from zoo.data.sets.million_song import TAGS
from zoo.errors import BadInput
from zoo.pretrained import choi, index, keras_h5, weights, won
from zoo.pretrained.rules import apply_rules

pytestmark = pytest.mark.optimised

h5py = pytest.importorskip("h5py")
torch = pytest.importorskip("torch")

F = torch.nn.functional

BESIDE = Path(__file__).parents[2].parent / "shared" / "weights"
PRINTED = {  # README of music-auto_tagging-keras
    "cute": {
        "jazz": 0.444,
        "instrumental": 0.151,
        "folk": 0.103,
        "Hip-Hop": 0.103,
        "ambient": 0.077,
        "guitar": 0.068,
        "rock": 0.058,
        "acoustic": 0.054,
        "experimental": 0.051,
        "electronic": 0.042,
    },
    "dubstep": {
        "Hip-Hop": 0.245,
        "rock": 0.183,
        "alternative": 0.081,
        "electronic": 0.076,
        "alternative rock": 0.053,
        "metal": 0.051,
        "indie": 0.028,
        "instrumental": 0.027,
    },
    "thejazzpiano": {
        "jazz": 0.299,
        "instrumental": 0.174,
        "electronic": 0.089,
        "ambient": 0.061,
        "chillout": 0.052,
        "rock": 0.044,
        "guitar": 0.044,
        "funk": 0.033,
    },
}


def model_of(name):
    published = index.find_published(name)
    defaults = experiment.find_config(published.config).defaults
    arguments = {**defaults, **published.arguments}
    return experiment.find_config(published.config).experiment(**arguments).objective.model


def variables_of(model, foreign, rules):
    """Our variables, filled from arrays under the published names."""
    from zoo.checkpoints.checksums import by_path

    x = np.zeros((1, model.samples, 1), np.float32)
    shapes = jax.eval_shape(model.init, jax.random.key(0), x)
    filled = apply_rules(rules, foreign, by_path(shapes))
    return jax.tree.unflatten(jax.tree.structure(shapes), [filled[p] for p in by_path(shapes)])


def written(path, arrays):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return path


def normal(random, *shape):
    return (random.standard_normal(shape) / np.sqrt(np.prod(shape[1:]) or 1)).astype(np.float32)


def fields(random, width, name, end):
    """A norm's four arrays as Keras 1 names them."""
    draw = {key: random.uniform(0.5, 1.5, width).astype(np.float32) for key in choi.FIELDS}
    return {f"{name}_{key}{end}": array for key, array in draw.items()}


def fabricated_crnn(random):
    arrays = fields(random, 1440, "bn_0_freq/bn_0_freq", "_1:0")
    for i, (into, out) in enumerate(((1, 64), (64, 128), (128, 128), (128, 128)), 1):
        arrays[f"conv{i}/conv{i}_W_1:0"] = normal(random, out, into, 3, 3)
        arrays[f"conv{i}/conv{i}_b_1:0"] = normal(random, out)
        arrays |= fields(random, out, f"bn{i}/bn{i}", "_1:0")
    for i, into in ((1, 128), (2, 32)):
        for gate in "zrh":
            arrays[f"gru{i}/gru{i}_W_{gate}:0"] = normal(random, into, 32)
            arrays[f"gru{i}/gru{i}_U_{gate}:0"] = 3 * normal(random, 32, 32)
            arrays[f"gru{i}/gru{i}_b_{gate}:0"] = normal(random, 32)
    arrays["output/output_W_1:0"] = normal(random, 32, 50)
    return arrays | {"output/output_b_1:0": normal(random, 50)}


def keras_crnn(arrays, mel):
    """Logits of log mel [96 1366], by Keras 1's conventions; the epsilon is 1e-3."""
    a = {name.removesuffix(":0").removesuffix("_1"): array for name, array in arrays.items()}

    def norm(name, x, axis):
        shape = [-1 if i == axis else 1 for i in range(x.ndim)]
        gamma, beta, mean, var = (
            a[f"{name}_{k}"].reshape(shape)
            for k in ("gamma", "beta", "running_mean", "running_std")
        )
        return (x - mean) / np.sqrt(var + 1e-3) * gamma + beta

    x = norm("bn_0_freq/bn_0_freq", np.pad(mel, ((0, 0), (37, 37))), 1)[None, None]
    for i, pool in enumerate((2, 3, 4, 4), 1):
        kernel, bias = (torch.tensor(a[f"conv{i}/conv{i}_{k}"]) for k in "Wb")
        x = F.conv2d(torch.tensor(x, dtype=torch.float32), kernel, bias, padding=1).numpy()
        x = F.max_pool2d(F.elu(torch.tensor(norm(f"bn{i}/bn{i}", x, 1))), pool).numpy()
    x = x[0, :, 0].T
    for name in ("gru1/gru1", "gru2/gru2"):
        h, states = np.zeros(32), []
        for frame in x:
            w = {g: frame @ a[f"{name}_W_{g}"] + a[f"{name}_b_{g}"] for g in "zrh"}
            z = np.clip(0.2 * (w["z"] + h @ a[f"{name}_U_z"]) + 0.5, 0, 1)
            r = np.clip(0.2 * (w["r"] + h @ a[f"{name}_U_r"]) + 0.5, 0, 1)
            h = z * h + (1 - z) * np.tanh(w["h"] + (r * h) @ a[f"{name}_U_h"])
            states.append(h)
        x = np.array(states)
    return x[-1] @ a["output/output_W"] + a["output/output_b"]


def test_fabricated_crnn_is_that_of_keras(tmp_path):
    random = np.random.default_rng(0)
    arrays = fabricated_crnn(random)
    foreign = keras_h5.read_keras_h5([written(tmp_path / "crnn.h5", arrays)])
    model = model_of("choi_crnn_msd")
    variables = variables_of(model, foreign, index.find_published("choi_crnn_msd").rules)
    mel = random.normal(0, 20, (96, 1366)).astype(np.float32)
    run = jax.jit(lambda v, x: model.apply(v, x, method="tags"))
    found = run(variables, mel.T[None, :, :, None])[0]
    wanted = keras_crnn(arrays, mel)
    np.testing.assert_allclose(found, wanted, atol=1e-3 * np.abs(wanted).max())


def test_fabricated_compact_cnn_is_that_of_theano(tmp_path):
    """Kernels turned round, norms by the batch at hand, dB below the peak, a turned window."""
    random = np.random.default_rng(1)
    arrays = {"dense_1/dense_1_W": normal(random, 32, 50), "dense_1/dense_1_b": normal(random, 50)}
    for i in range(1, 6):
        arrays[f"{choi.STACK}/convolution2d_{i}_W"] = normal(random, 32, 1 if i == 1 else 32, 3, 3)
        arrays[f"{choi.STACK}/convolution2d_{i}_b"] = normal(random, 32)
        arrays |= fields(random, 32, f"{choi.STACK}/batchnormalization_{i}", "")
        arrays[f"melgram/param_{i % 3}"] = normal(random, 2)
    foreign = keras_h5.read_keras_h5([written(tmp_path / "compact.hdf5", arrays)])
    model = model_of("compact_cnn_msd")
    variables = variables_of(model, foreign, index.find_published("compact_cnn_msd").rules)
    x = random.uniform(-0.5, 0.5, (2, 348_000, 1)).astype(np.float32)
    found = jax.jit(model.apply)(variables, x)
    y = torch.tensor(kapre(x[..., 0]))[:, None]
    for i, pool in enumerate(((2, 4), (3, 4), (2, 5), (2, 4), (4, 4)), 1):
        name = f"{choi.STACK}/convolution2d_{i}"
        kernel = torch.tensor(arrays[f"{name}_W"][:, :, ::-1, ::-1].copy())
        y = F.conv2d(y, kernel, torch.tensor(arrays[f"{name}_b"]), padding=1)
        name = f"{choi.STACK}/batchnormalization_{i}"
        gamma, beta = (torch.tensor(arrays[f"{name}_{k}"]) for k in ("gamma", "beta"))
        y = F.max_pool2d(F.elu(F.batch_norm(y, None, None, gamma, beta, True, eps=1e-3)), pool)
    wanted = y.flatten(1).numpy() @ arrays["dense_1/dense_1_W"] + arrays["dense_1/dense_1_b"]
    np.testing.assert_allclose(found, wanted, atol=2e-3 * np.abs(wanted).max())


def kapre(x):
    """Log mel [B 96 1360] as the old library's convolution with turned kernels gives it."""
    import librosa

    window = np.hanning(513)[:-1][::-1]
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((0, 0), (256, 256))), 512, axis=1)
    power = np.abs(np.fft.rfft(frames[:, ::256][:, :1360] * window)) ** 2
    mel = librosa.filters.mel(sr=12_000, n_fft=512, n_mels=96)
    level = 10 * np.log10(np.maximum(np.einsum("mn,bfn->bmf", mel, power), 1e-10))
    level -= level.max((1, 2), keepdims=True)
    return np.maximum(level, -80).astype(np.float32)


def torchaudio_like(x):
    """Log mel [96 F] as torchaudio's MelSpectrogram and AmplitudeToDB give it."""
    import librosa

    power = librosa.feature.melspectrogram(
        y=x,
        sr=16_000,
        n_fft=512,
        hop_length=256,
        n_mels=96,
        pad_mode="reflect",
        htk=True,
        norm=None,
    )
    return librosa.power_to_db(power, ref=1.0, amin=1e-10, top_db=None)


def torch_tagger(kind, random):
    """The benchmark's net as a torch module with random arrays everywhere."""

    class Block(torch.nn.Module):
        def __init__(self, into, out, pool):
            super().__init__()
            self.conv = torch.nn.Conv2d(into, out, 3, padding=1)
            self.bn = torch.nn.BatchNorm2d(out)
            self.pool = pool

        def forward(self, x):
            return F.max_pool2d(F.relu(self.bn(self.conv(x))), self.pool)

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.spec_bn = torch.nn.BatchNorm2d(1)
            pools = ((2, 4), (2, 4), (2, 4), (3, 5), (4, 4)) if kind == "fcn" else (2, 3, 4, 4)
            widths = (1, 64, 128, 128, 128, 64)
            self.count = len(pools)
            for i, pool in enumerate(pools, 1):
                setattr(self, f"layer{i}", Block(widths[i - 1], widths[i], pool))
            if kind == "crnn":
                self.layer5 = torch.nn.GRU(128, 32, 2, batch_first=True)
            self.dense = torch.nn.Linear(64 if kind == "fcn" else 32, 50)

        def forward(self, x):
            x = self.spec_bn(x)
            for i in range(1, self.count + 1):
                x = getattr(self, f"layer{i}")(x)
            if kind == "crnn":
                x = self.layer5(x.squeeze(2).transpose(1, 2))[0][:, -1]
            return self.dense(x.flatten(1))

    net = Net().eval()
    with torch.no_grad():
        for tensor in net.state_dict().values():
            if tensor.dtype.is_floating_point and tensor.ndim < 2:
                tensor.copy_(torch.tensor(random.uniform(0.5, 1.5, tensor.shape)))
    return net


@pytest.mark.parametrize("kind", ["fcn", "crnn"])
def test_fabricated_benchmark_nets_are_torch_s(kind):
    net = torch_tagger(kind, np.random.default_rng(2))
    x = np.random.default_rng(3).uniform(-0.5, 0.5, (1, 464_000, 1)).astype(np.float32)
    with torch.no_grad():
        wanted = net(torch.tensor(torchaudio_like(x[0, :, 0]))[None, None])
    foreign = {k: v.numpy() for k, v in net.state_dict().items()}
    foreign |= {"spec.mel_scale.fb": np.zeros(1), "spec.spectrogram.window": np.zeros(1)}
    model = model_of(f"won_{kind}_msd")
    variables = variables_of(model, foreign, won.RULES[kind])
    found = jax.jit(model.apply)(variables, x)
    np.testing.assert_allclose(found, wanted, atol=2e-3 * float(wanted.abs().max()))


def test_files_that_are_no_weights_are_refused(tmp_path):
    (tmp_path / "text.h5").write_text("no HDF5")
    cut = written(tmp_path / "cut.h5", {"a/b": np.zeros(10_000)})
    cut.write_bytes(cut.read_bytes()[:3000])
    words = written(tmp_path / "words.h5", {"a/b": np.array(["x"], "S")})
    far = tmp_path / "far.h5"
    with h5py.File(far, "w") as file:
        file.create_dataset("a", (9,), "f4", external=[(str(tmp_path / "text.h5"), 0, 36)])
        file["b"] = h5py.ExternalLink("text.h5", "/c")
    large = tmp_path / "large.h5"
    with h5py.File(large, "w") as file:
        file.create_dataset("a", (1 << 20, 1 << 12), "f4", chunks=True)  # nothing of it is written
    for path in (tmp_path / "text.h5", cut, words, far, large, tmp_path / "none.h5"):
        with pytest.raises(BadInput, match=path.name):
            keras_h5.read_keras_h5([path])


def test_published_crnn_gives_the_tags_of_its_readme(tmp_path, monkeypatch):
    """Without the files test_fabricated_crnn_is_that_of_keras stands for this."""
    folders = [Path(p) for p in (os.environ.get("ZOO_WEIGHTS_DIR"), BESIDE) if p]
    name = "music_tagger_crnn_weights_tensorflow.h5"
    for folder in folders:
        for place in (folder, folder / "choi_crnn"):
            if (place / name).is_file():
                monkeypatch.setenv("ZOO_WEIGHTS_DIR", str(tmp_path))
                compare_with_the_readme(place)
                return


def compare_with_the_readme(place):
    config, arguments, variables = weights.load_weights("choi_crnn_msd", place)
    model = experiment.find_config(config).experiment(**arguments).objective.model
    run = jax.jit(lambda v, x: jax.nn.sigmoid(model.apply(v, x, method="tags")))
    for track, tags in PRINTED.items():
        if (file := place / f"bensound-{track}.npy").is_file():
            mel = np.load(file)[0, 0].T[None, :, :, None].astype(np.float32)
            found = dict(zip(TAGS, np.asarray(run(variables.of("model"), mel))[0]))
            for tag, score in tags.items():
                assert found[tag] == pytest.approx(score, abs=6e-4), (track, tag)
