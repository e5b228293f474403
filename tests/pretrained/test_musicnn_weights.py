"""The four published taggers through our code: against a second forward pass, and their clips.

The second pass is plain NumPy over the arrays as TensorFlow named them, written from the library's
layer list. The library's own clip is not free to ship: lay it into $ZOO_WEIGHTS_DIR, and the tags
that the library prints for it are compared too.
"""

import hashlib

import jax
import numpy as np
import pytest

from zoo.pretrained import index, obtain
from zoo.runs import trained
from zoo.signal.mel import MUSICNN, log_mel
from zoo.songs.taggram import Listener, tags_over_time

pytestmark = pytest.mark.download

CLIP = "joram-moments_of_clarity-08-solipsism-59-88.mp3"
CLIP_SHA256 = "eb0cf54d5d94a1fd08d16055825f11bf56a0ce70badd5801870069bd293ec101"
PRINTED = {
    "musicnn_mtt": {
        "techno": 0.585,
        "electronic": 0.541,
        "synth": 0.419,
        "fast": 0.272,
        "beat": 0.213,
        "drums": 0.120,
        "no vocals": 0.095,
        "no vocal": 0.080,
        "dance": 0.073,
        "ambient": 0.060,
    },
    "vgg_mtt": {"techno": 0.648, "electronic": 0.528, "fast": 0.395, "synth": 0.380},
    "musicnn_msd": {"electronic": 0.294, "instrumental": 0.146, "ambient": 0.125},
    "vgg_msd": {},
}


def norm(arrays, number, x):
    name = f"batch_normalization_{number}" if number else "batch_normalization"
    field = {key: arrays[f"{name}/{key}"] for key in FIELDS}
    scaled = (x - field["moving_mean"]) / np.sqrt(field["moving_variance"] + 1e-3)
    return scaled * field["gamma"] + field["beta"]


FIELDS = ("gamma", "beta", "moving_mean", "moving_variance")


def conv(arrays, name, x, pad):
    """ReLU of a TensorFlow convolution, [H W C] -> [H' W' C'], as a sum over its rows."""
    kernel, bias = arrays[f"{name}/kernel"], arrays[f"{name}/bias"]
    x = np.pad(x, (*pad, (0, 0)))
    high, wide = (n - k + 1 for n, k in zip(x.shape[:2], kernel.shape))
    total = np.zeros((high, wide, kernel.shape[3]), np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[1], axis=1)
    for i, row in enumerate(kernel):
        total += np.tensordot(windows[i : i + high], row, ((3, 2), (0, 1)))
    return np.maximum(total + bias, 0)


def musicnn(arrays, x):
    """Sigmoids [50] of one patch [187 96]."""
    x = norm(arrays, 0, x[..., None])
    time = {0: (3, 3), 1: (3, 3), 2: (63, 64), 3: (31, 32), 4: (15, 16)}
    front = []
    for number, pad in time.items():
        name = f"conv2d_{number}" if number else "conv2d"
        front.append(norm(arrays, number + 1, conv(arrays, name, x, (pad, (0, 0)))).max(1))
    layers = [np.concatenate(front, -1)]
    for number in (5, 6, 7):
        y = conv(arrays, f"conv2d_{number}", layers[-1][..., None], ((3, 3), (0, 0)))[:, 0]
        y = norm(arrays, number + 1, y)
        layers.append(y if number == 5 else y + layers[-1])
    y = np.concatenate(layers, -1)
    y = norm(arrays, 9, np.stack([y.max(0), y.mean(0)], -1).reshape(-1))
    y = np.maximum(y @ arrays["dense/kernel"] + arrays["dense/bias"], 0)
    return logistic(norm(arrays, 10, y) @ arrays["dense_1/kernel"] + arrays["dense_1/bias"])


def vgg(arrays, x):
    """Sigmoids [50] of one patch [187 96]."""
    x = norm(arrays, 0, x[..., None])
    pools = ((4, 1, 2, 2), (2, 2, 2, 2), (2, 2, 2, 2), (2, 2, 2, 2), (4, 4, 4, 4))
    for number, (high, wide, down, right) in enumerate(pools, 1):
        x = norm(arrays, number, conv(arrays, f"{number}CNN", x, ((1, 1), (1, 1))))
        rows = range(0, x.shape[0] - high + 1, down)
        columns = range(0, x.shape[1] - wide + 1, right)
        x = np.array([[x[i : i + high, j : j + wide].max((0, 1)) for j in columns] for i in rows])
    return logistic(x.reshape(-1) @ arrays["dense/kernel"] + arrays["dense/bias"])


def logistic(x):
    return 1 / (1 + np.exp(-x))


def ours(found, patches):
    model = found.experiment.objective.model
    run = jax.jit(lambda v, x: jax.nn.sigmoid(model.apply(v, x, method="tags")))
    return np.asarray(run(found.variables.of("model"), patches))


@pytest.mark.parametrize("name", list(PRINTED))
def test_published_weights_give_the_same_tags(name):
    found = trained.published(name)
    noise = np.random.default_rng(0).normal(0, 0.1, (1, 187 * 256, 1)).astype(np.float32)
    patch = np.asarray(log_mel(noise, MUSICNN))[0, :187, :, 0]
    arrays = obtain.obtain_arrays(index.find_published(name))
    plain = (musicnn if name.startswith("musicnn") else vgg)(arrays, patch)
    predict = jax.jit(found.experiment.objective.predict)
    score = predict(found.variables, {"audio": noise}, jax.random.key(0))["prediction"]
    np.testing.assert_allclose(score[0], plain, atol=2e-5)
    compare_with_the_clip(name, found)


def compare_with_the_clip(name, found):
    path = obtain.weights_cache() / CLIP
    if not path.is_file():
        return
    assert hashlib.sha256(path.read_bytes()).hexdigest() == CLIP_SHA256
    import librosa

    audio, _ = librosa.load(path, sr=16_000)
    frames = np.asarray(log_mel(audio[None, :, None], MUSICNN))[0, :, :, 0]
    patches = frames[: len(frames) // 187 * 187].reshape(-1, 187, 96)
    assert patches.shape[0] == 9
    assert abs(patches.mean() - 2.0933) < 1e-4 and abs(patches.std() - 1.1674) < 1e-4
    scores = ours(found, patches).mean(0)
    labels = found.experiment.data.source.info.labels
    printed = PRINTED[name]
    best = [labels[i] for i in np.argsort(-scores)[: len(printed)]]
    assert best == list(printed)
    for tag, score in printed.items():
        assert abs(scores[labels.index(tag)] - score) < 6e-4, tag


def test_published_musicnn_scores_a_song_of_odd_length_as_its_library():
    """Patches of the whole song's spectrogram, the rest dropped, through the second forward pass.

    The library's spectrogram is cut after it was made, ours before: hence the tolerance.
    """
    found = trained.published("musicnn_mtt")
    time = np.arange(187 * 256 * 2 + 31_777) / 16_000
    rng = np.random.default_rng(1)
    song = 0.2 * np.sin(2 * np.pi * 330 * time * (1 + 0.1 * time)) + 0.05 * rng.normal(
        size=len(time)
    )
    song[187 * 256 * 2 :] *= 0.01
    song = song[:, None].astype(np.float32)
    frames = np.asarray(log_mel(song[None], MUSICNN))[0, :, :, 0]
    arrays = obtain.obtain_arrays(index.find_published("musicnn_mtt"))
    theirs = np.mean([musicnn(arrays, frames[at : at + 187]) for at in (0, 187)], 0)
    run = jax.jit(found.experiment.objective.predict)
    predict = lambda batch: jax.device_get(run(found.variables, batch, jax.random.key(0)))  # noqa: E731
    labels = found.experiment.data.source.info.labels
    how = Listener(187 * 256, 16_000, batch=1)
    ours = tags_over_time(predict, [song], 16_000, how, labels)
    assert len(ours.times) == 3
    np.testing.assert_allclose(ours.mean, theirs, atol=0.01)
    assert np.abs(ours.scores.mean(0) - theirs).max() > 0.03
