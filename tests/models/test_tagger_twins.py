"""The taggers of 2016 to 2020 against PyTorch nets written apart from them, gradients included."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.layers.attention import EncoderLayer
from zoo.models.classification import crnn, fcn
from zoo.models.classification.at_scale import AtScale, SpectrogramFront, WaveformFront
from zoo.models.classification.harmonic_cnn import HarmonicCNN
from zoo.models.classification.multi_scale import MultiScale, MultiScaleFront
from zoo.models.classification.musicnn import Musicnn
from zoo.models.classification.self_attention import (
    LeeFront,
    PonsFront,
    ResidualFront,
    SelfAttentionTagger,
)
from zoo.models.classification.short_chunk import ShortChunk

pytestmark = pytest.mark.optimised

torch = pytest.importorskip("torch")
import torch_taggers as theirs  # noqa: E402
from torch_twin import agree, leaves  # noqa: E402

STILL = dict(dropout=0.0)
ATTENTIVE = dict(labels=4, heads=2, dropout=0.0, attention_dropout=0.0, top_dropout=0.0)
CHOI = {**fcn.fcn_version("choi_4"), "widths": (3, 4, 5, 6), "block_dropout": 0.0}
POOLS = ((2, 4), (4, 5), (3, 8), (4, 8))
CASES = {
    "short_chunk": (ShortChunk(4, 2, **STILL), 40_000, theirs.short_chunk),
    "short_chunk_res": (
        ShortChunk(4, 2, residual=True, **STILL),
        30_000,
        partial(theirs.short_chunk, res=True),
    ),
    "harmonic": (
        HarmonicCNN(4, 2, harmonics=6, **STILL),
        80_000,
        partial(theirs.harmonic, harmonics=6),
    ),
    "harmonic_keyword": (
        HarmonicCNN(4, 2, ((2, 2), (1, 2)), harmonics=6, **STILL),
        17_000,
        partial(theirs.harmonic, pools=((2, 2), (2, 1)), harmonics=6),
    ),
    "fcn": (fcn.FCN(4, widths=(2, 3, 4, 3, 5), **STILL), 330_000, theirs.fcn),
    "fcn_choi": (fcn.FCN(4, **CHOI), 349_440, partial(theirs.choi, pools=POOLS)),
    "crnn": (
        crnn.CRNN(4, samples=60_000, widths=(2, 3, 4, 5), hidden=3, **STILL),
        60_000,
        partial(theirs.crnn, channels=5, hidden=3),
    ),
    "attention_won": (
        SelfAttentionTagger(front=ResidualFront(8), **ATTENTIVE),
        20_000,
        partial(theirs.attention_won, heads=2),
    ),
    "attention_pons": (
        SelfAttentionTagger(front=PonsFront(8, 2, (9, 7)), positions=True, **ATTENTIVE),
        8_192,
        partial(theirs.attention_pons, heads=2),
    ),
    "attention_lee": (
        SelfAttentionTagger(front=LeeFront(8, 3), positions=True, **ATTENTIVE),
        243 * 9,
        partial(theirs.attention_lee, heads=2),
    ),
    "musicnn": (
        Musicnn(4, 2, (88, 67), 3, (6, 5), 4, 6, 0.0, 8),
        2_048,
        theirs.musicnn,
    ),
    "at_scale_spectrogram": (
        AtScale(4, SpectrogramFront(1, (9, 8)), 6, 7, 0.0),
        8_192,
        theirs.at_scale_spectrogram,
    ),
    "at_scale_waveform": (
        AtScale(4, WaveformFront((2, 2, 3, 2, 3, 2, 4)), 6, 7, 0.0),
        40_000,
        theirs.at_scale_waveform,
    ),
    "multi_scale": (
        MultiScale(4, MultiScaleFront(filters=(2, 3, 4)), 6, 7, 0.0),
        160 * 20,
        theirs.multi_scale,
    ),
}


def random_params(model, x):
    """Random leaves everywhere, norms included; of a size that keeps signals alive."""
    shapes = jax.eval_shape(model.init, jax.random.key(0), x)
    random = np.random.default_rng(1)

    def draw(path, leaf):
        name = path[-1].key
        if name in ("scale", "q"):
            return random.uniform(0.5, 1.5, leaf.shape).astype(np.float32)
        fan = np.prod(leaf.shape[:-1]) if leaf.ndim > 1 else 4
        return (random.standard_normal(leaf.shape) / np.sqrt(fan)).astype(np.float32)

    params = jax.tree_util.tree_map_with_path(draw, shapes["params"])
    stats = jax.tree.map(lambda s: np.zeros(s.shape, np.float32), shapes.get("batch_stats", {}))
    return params, stats


@pytest.mark.parametrize("name", CASES)
def test_output_and_gradients_equal_torch(name):
    model, length, twin = CASES[name]
    random = np.random.default_rng(0)
    x = random.uniform(-0.5, 0.5, (3, length, 1)).astype(np.float32)
    x *= random.uniform(0, 1, (3, length, 1)) ** 3  # not as flat as noise is
    params, stats = random_params(model, x)
    target = random.standard_normal((3, 4)).astype(np.float32)

    def loss(params):
        variables = {"params": params, "batch_stats": stats}
        y, _ = model.apply(variables, x, train=True, mutable=["batch_stats"])
        return jnp.sum(y * target), y

    (_, y), gradients = jax.jit(jax.value_and_grad(loss, has_aux=True))(params)
    weights = leaves(params)
    wanted = twin(weights, torch.tensor(x).mT)
    scale = float(wanted.detach().abs().max())
    np.testing.assert_allclose(y, wanted.detach(), atol=2e-4 * scale)
    (wanted * torch.tensor(target)).sum().backward()
    largest = max(float(leaf.grad.abs().max()) for leaf in weights.values())
    agree(weights, jax.device_get(gradients), rtol=1e-2, atol=2e-3 * max(largest, 1.0))


def test_an_encoder_layer_is_torch_s_with_the_exact_gelu():
    """Its approximation by a tanh lies within the tolerance of whole nets."""
    x = 3 * np.random.default_rng(0).standard_normal((2, 7, 8)).astype(np.float32)
    layer = EncoderLayer(2, 16)
    params, _ = random_params(layer, x)
    wanted = theirs.encoder(leaves(params), torch.tensor(x), 2)
    y = jax.jit(layer.apply)({"params": params}, x)
    np.testing.assert_allclose(y, wanted.detach(), atol=1e-5)
