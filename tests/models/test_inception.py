"""WaveGAN's classifier: the size of the authors' code, their front end, and a twin in PyTorch."""

import jax
import librosa
import numpy as np
import pytest

from zoo.errors import BadInput
from zoo.losses.tagging import one_of_k
from zoo.models.classification.inception import _FRONT, SAMPLES, Inception
from zoo.runs.inference import count_parameters
from zoo.signal import mel

torch = pytest.importorskip("torch")
from torch_twin import agree, dense, leaves  # noqa: E402

F = torch.nn.functional

pytestmark = pytest.mark.optimised
MODEL = Inception(4, 3)


def test_size_of_the_authors_code():
    """By hand: 4 convolutions, a dense layer, batch norms of bands, channels and 8 x 8 x 128."""
    x = np.zeros((1, SAMPLES, 1), np.float32)
    variables = jax.eval_shape(Inception().init, jax.random.key(0), x)
    convolutions = 25 * 128 + 128 + 3 * (25 * 128 * 128 + 128)
    norms = 2 * (128 + 3 * 128 + 8 * 8 * 128)
    assert (
        count_parameters(variables["params"])
        == convolutions + 8 * 8 * 128 * 10 + 10 + norms
        == 1_331_850
    )


def test_front_end_has_128_frames_padded_at_their_end():
    """librosa's frames and window; every band between its neighbours' centres, straight in mels."""
    x = np.random.default_rng(0).normal(0, 0.1, (1, SAMPLES, 1)).astype(np.float32)
    x[:, : SAMPLES // 2] *= 1e-5  # near what is added below the logarithm
    long = np.pad(x[0, :, 0], (0, 896))
    bins = np.abs(librosa.stft(long, n_fft=1024, hop_length=128, center=False)).T
    edges = np.linspace(*librosa.hz_to_mel([40.0, 7800.0], htk=True), 130)
    places = librosa.hz_to_mel(np.arange(1, 513) * 16_000 / 1024, htk=True)[:, None]
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    rise, fall = (places - low) / (middle - low), (high - places) / (high - middle)
    filters = np.concatenate([np.zeros((1, 128)), np.maximum(0, np.minimum(rise, fall))])
    found = np.asarray(mel.log_mel(x, _FRONT))[0, ..., 0]
    assert found.shape == (128, 128)
    np.testing.assert_allclose(found, np.log(bins @ filters + 1e-6), atol=2e-3)


def twin(w, stats, image):
    """Logits [B K] of log mel images [B F M]; stats: those of a batch norm, by name."""

    def normed(x, name):
        mean, var = (torch.tensor(np.array(stats[name][k])) for k in ("mean", "var"))
        return (x - mean) / torch.sqrt(var + 1e-3) * w[f"{name}/scale"] + w[f"{name}/bias"]

    x = normed(image, "norm")[..., None]
    for i in range(1, 5):
        x = normed(x, f"norm_{i - 1}") if i > 1 else x
        kernel = w[f"conv_{i}/kernel"].permute(3, 2, 0, 1)
        y = F.conv2d(x.permute(0, 3, 1, 2), kernel, w[f"conv_{i}/bias"], padding=2)
        x = F.max_pool2d(F.relu(y), 2).permute(0, 2, 3, 1)
    return dense(w, "top", normed(x.reshape(len(x), -1), "norm_4"))


def test_own_twin_in_pytorch_agrees_with_outputs_and_gradients():
    random = np.random.default_rng(0)
    x = random.normal(0, 0.1, (2, SAMPLES, 1)).astype(np.float32)
    shapes = jax.eval_shape(MODEL.init, jax.random.key(0), x)
    drawn = jax.tree.map(
        lambda s: random.normal(0, 1 / np.sqrt(max(np.prod(s.shape[:-1]), 4)), s.shape), shapes
    )
    drawn["batch_stats"] = jax.tree.map(lambda a: np.abs(a) + 0.5, drawn["batch_stats"])
    drawn = jax.tree.map(lambda a: a.astype(np.float32), drawn)
    target = np.eye(4, dtype=np.float32)[[1, 3]]

    @jax.jit
    def run(params):
        logits = MODEL.apply({**drawn, "params": params}, x)
        return one_of_k(logits, target).mean(), logits

    (loss, logits), gradients = jax.value_and_grad(run, has_aux=True)(drawn["params"])
    w = leaves(drawn["params"])
    image = torch.tensor(np.array(mel.log_mel(x, _FRONT))[..., 0])
    theirs = twin(w, drawn["batch_stats"], image)
    np.testing.assert_allclose(logits, theirs.detach(), rtol=1e-3, atol=1e-3)
    wrong = F.cross_entropy(theirs, torch.tensor([1, 3]))
    np.testing.assert_allclose(loss, wrong.detach(), rtol=1e-3)
    wrong.backward()
    agree(w, gradients, rtol=1e-2, atol=1e-3)


def test_another_length_is_refused():
    with pytest.raises(BadInput, match="16384"):
        jax.eval_shape(MODEL.init, jax.random.key(0), np.zeros((1, 16_000, 1), np.float32))
