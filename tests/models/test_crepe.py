"""CREPE: sizes, torch on the same weights, torchcrepe's decoding by librosa, and real pitches."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest

from zoo import experiment
from zoo.checkpoints.checksums import by_path
from zoo.data.pitch_targets import PitchTarget
from zoo.errors import BadInput
from zoo.models.classification.crepe import CAPACITIES, Crepe
from zoo.pretrained import index, obtain, rules, torch_file, weights
from zoo.pretrained.crepe import RULES
from zoo.pretrained.pitch_tracker import PitchTracker
from zoo.signal import pitch

KEY = jax.random.key(0, impl="unsafe_rbg")


def shapes(model):
    return jax.eval_shape(model.init, KEY, jnp.zeros((1, 1024, 1)))


@pytest.mark.parametrize("name, count", [("tiny", 486_552), ("full", 22_239_976)])
def test_sizes_are_the_published_ones(name, count):
    model = Crepe(CAPACITIES[name])
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes(model)["params"])) == count
    with pytest.raises(BadInput, match=r"takes windows \[B 1024 1\]"):
        shapes(model.clone(bins=2)), jax.eval_shape(model.init, KEY, jnp.zeros((1, 1000, 1)))


def foreign(rng, capacity):
    """Arrays of a torchcrepe network that was never trained, by torch's names."""
    widths = [1, *Crepe(capacity).widths]
    arrays = {}
    for i, (inside, outside) in enumerate(pairwise(widths), start=1):
        taps = 512 if i == 1 else 64
        bound = (inside * taps) ** -0.5
        arrays[f"conv{i}.weight"] = rng.uniform(-1, 1, (outside, inside, taps, 1)) * bound * 2
        arrays[f"conv{i}.bias"] = rng.normal(size=outside) * 0.1
        arrays[f"conv{i}_BN.weight"] = rng.uniform(0.5, 1.5, outside)
        arrays[f"conv{i}_BN.bias"] = rng.normal(size=outside) * 0.1
        arrays[f"conv{i}_BN.running_mean"] = rng.normal(size=outside) * 0.1
        arrays[f"conv{i}_BN.running_var"] = rng.uniform(0.5, 1.5, outside)
        arrays[f"conv{i}_BN.num_batches_tracked"] = np.int64(7)
    arrays["classifier.weight"] = rng.normal(size=(360, widths[-1] * 4)) * 0.1
    arrays["classifier.bias"] = rng.normal(size=360)
    return {k: np.asarray(v, None if "num" in k else np.float32) for k, v in arrays.items()}


def variables_of(arrays, model):
    wanted = shapes(model)
    filled = rules.apply_rules(RULES, arrays, by_path(wanted))
    return jax.tree.unflatten(jax.tree.structure(wanted), [filled[p] for p in by_path(wanted)])


def test_torch_gives_the_same(tmp_path):
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional

    rng = np.random.default_rng(0)
    arrays = foreign(rng, 1)
    tensors = {k: torch.tensor(v) for k, v in arrays.items()}
    torch.save(tensors, tmp_path / "crepe.pth")
    model = Crepe(1)
    ours = variables_of(torch_file.read_torch([tmp_path / "crepe.pth"]), model)
    x = rng.normal(size=(3, 1024)).astype(np.float32) * 0.1 + 0.05

    y = torch.tensor((x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True))[:, None]
    for i in range(1, 7):
        w, b = tensors[f"conv{i}.weight"][..., 0], tensors[f"conv{i}.bias"]
        y = functional.pad(y, (254, 254) if i == 1 else (31, 32))
        y = functional.conv1d(y, w, b, stride=4 if i == 1 else 1).relu()
        fields = ("running_mean", "running_var", "weight", "bias")
        norm = [tensors[f"conv{i}_BN.{field}"] for field in fields]
        y = functional.max_pool1d(functional.batch_norm(y, *norm, eps=1e-3), 2)
    y = y.transpose(1, 2).reshape(3, -1) @ tensors["classifier.weight"].T
    theirs = (y + tensors["classifier.bias"]).numpy()
    np.testing.assert_allclose(jax.jit(model.apply)(ours, x[..., None]), theirs, atol=2e-5)


def test_the_prior_is_where_every_bin_begins():
    heard, _ = Crepe(1, prior=-4.5).init_with_output(jax.random.key(0), jnp.zeros((1, 1024, 1)))
    np.testing.assert_allclose(heard, -4.5, atol=1e-5)


def test_scale_and_targets():
    hertz = np.array([32.7032, 440.0, 1500.0])
    np.testing.assert_allclose(pitch.to_hertz(pitch.CENTS[[0, -1]]), [31.7, 2005.5], rtol=1e-3)
    found = pitch.local_mean(pitch.pitch_target(hertz))
    assert np.abs(1200 * np.log2(found / hertz)).max() < 3
    example = PitchTarget()(np.random.default_rng(0), {"pitch": 57})
    np.testing.assert_allclose(
        example["salience"], pitch.pitch_target(np.array([220.0]))[0], atol=1e-5
    )
    edge = np.zeros((1, 360))
    edge[0, 359] = 1
    np.testing.assert_allclose(pitch.local_mean(edge), pitch.to_hertz(pitch.CENTS[359]), rtol=1e-6)


@pytest.mark.parametrize("start", [180, 357])  # at an edge, where steps are fewer and likelier
def test_viterbi_is_librosas(start):
    rng = np.random.default_rng(0)
    path = np.clip(start + np.cumsum(rng.integers(-9, 10, 60)), 0, 359)
    logits = rng.normal(size=(60, 360)) * 2
    logits[np.arange(60), path] += 3.5
    triangle = np.maximum(12 - np.abs(np.subtract.outer(np.arange(360), np.arange(360))), 0)
    likely = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    theirs = librosa.sequence.viterbi(likely.T, triangle / triangle.sum(1, keepdims=True))
    ours = pitch.viterbi(1 / (1 + np.exp(-logits)))
    np.testing.assert_array_equal(ours, theirs)
    assert np.mean(ours == path) > np.mean(logits.argmax(1) == path)


def test_windows_are_centred():
    x = np.arange(1, 101.0)
    views = pitch.centred_windows(x, 8, 10)
    assert views.shape == (10, 8)
    np.testing.assert_array_equal(views[3], x[26:34])
    np.testing.assert_array_equal(views[0], [0, 0, 0, 0, 1, 2, 3, 4])


def glide(seconds=1.0, rate=16_000):
    """A vowel-like tone that glides, and its frequency per sample."""
    t = np.arange(round(seconds * rate)) / rate
    hertz = 220 * 2 ** (0.4 * np.sin(2 * np.pi * t))
    phase = 2 * np.pi * np.cumsum(hertz) / rate
    return 0.2 * sum(np.sin(k * phase) / k for k in range(1, 9)), hertz


@pytest.mark.download
def test_published_weights_follow_a_glide():
    audio, hertz = glide()
    found, confidence = PitchTracker()(audio, 64)
    assert found.shape == (250,)
    inner = slice(8, -8)
    cents = 1200 * np.abs(np.log2(found / hertz[::64]))[inner]
    assert cents.mean() < 10 and cents.max() < 50 and confidence[inner].min() > 0.5
    _, silent = PitchTracker()(np.zeros(2000), 64)
    assert silent.max() < 0.5
    noise = np.random.default_rng(0).normal(size=4000) * 0.1
    assert PitchTracker()(noise, 64)[1].mean() < 0.5


@pytest.mark.download
def test_published_weights_fill_the_config():
    config, arguments, variables = weights.load_weights("crepe_tiny")
    found = experiment.find_config(config).experiment(**arguments)
    x = np.sin(2 * np.pi * 440 * np.arange(1024) / 16_000)[None, :, None]
    batch = {"audio": jnp.asarray(x, jnp.float32)}
    salience = jax.jit(found.objective.predict)(variables, batch, KEY)["prediction"]
    assert pitch.local_mean(np.asarray(salience))[0] == pytest.approx(440, rel=0.005)
    raw = obtain.obtain_arrays(index.find_published("crepe_tiny"))
    assert raw["conv1.weight"].shape == (128, 1, 512, 1)
