"""Receptive fields as stated, against those of gradients."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.distributions import Gaussian
from zoo.layers import receptive_field as receptive_fields
from zoo.models.classification.frame_level import FrameLevel
from zoo.models.classification.musicnn import Musicnn
from zoo.models.classification.onsets_frames import OnsetsFrames
from zoo.models.classification.random_cnn import FrameLevelMany
from zoo.models.classification.scattering import LogScattering
from zoo.models.classification.sincnet import SincNet
from zoo.models.classification.vgg import Vgg
from zoo.models.generation import hifigan, melgan
from zoo.models.generation.gaussian_iaf import GaussianIAF
from zoo.models.generation.vqvae import VQVAE
from zoo.models.generation.waveglow import WaveGlow
from zoo.models.generation.wavenet import WaveNet
from zoo.models.separation.demucs import Demucs
from zoo.models.separation.masks import IdealMask
from zoo.models.separation.spectrogram_unet import SpectrogramUNet

DEMUCS = dict(sources=1, channels=1, width=2, depth=2, kernel_size=4, stride=2, lstm_layers=0)
RECURRENT = Demucs(**{**DEMUCS, "lstm_layers": 1})
UNET = dict(sources=1, n_fft=32, bins=16, frames=32, widths=(2, 2))
DECODER = WaveNet(
    layers=3,
    stacks=1,
    width=4,
    gate=4,
    skip=4,
    head=4,
    input="scalar",
    distribution=Gaussian(),
    local_condition=3,
    upsampling=(2, 2),
)
SMALL = {"dense": 4, "recurrent": 3, "filters": (2, 2, 2)}


def even(path, leaf):
    """Weights of one sign and of no great gain: no gradient dies on its way, nor is cancelled."""
    rng = np.random.default_rng(len(str(path)))
    fan = np.prod(leaf.shape[:-1]) if leaf.ndim > 1 else 4
    return jnp.asarray(rng.uniform(0.5, 1.5, leaf.shape) / fan, jnp.float32)


def input_interval(model, x, outputs, *given):
    """The most inputs, first to last, of which one output of the batch is made."""
    keys = {"params": jax.random.key(0), "init": jax.random.key(1)}
    variables = jax.eval_shape(model.init, keys, x, *given)
    variables = jax.tree_util.tree_map_with_path(even, variables)

    @jax.jit
    def seen(index):
        def value(x):
            y = model.apply(variables, x, *given, rngs={"init": keys["init"]})
            return jnp.take(jax.tree.leaves(y)[0], index, axis=1).sum()

        return jnp.abs(jax.grad(value)(x)).sum((0, 2))  # a pool passes one of its inputs on

    spans = [np.flatnonzero(seen(index)) for index in outputs]
    return max(int(span[-1] - span[0]) + 1 for span in spans)


@pytest.mark.parametrize(
    "model, length, outputs",
    [
        (FrameLevel(64, 32, filters=4, taps=3, pool=2, hidden=4, samples=800), 800, [0]),
        (FrameLevel(64, 64, filters=4, taps=3, pool=4, hidden=4, samples=1000), 1000, [0]),
        (Musicnn(timbral=2, temporal=2, middle=2, hidden=4, frames=20), 20 * 256, [0]),
        (Vgg(features=2), 187 * 256, [0]),
        (SincNet(samples=600, taps=31, channels=(2,), filters=3, hidden=(4,)), 600, [0]),
        (FrameLevelMany(2), 4_000, [0]),
        (OnsetsFrames(**SMALL), 16 * 512, [3]),
        (LogScattering(octaves=5, per_octave=(2, 1)), 256, [0]),
        (melgan.Generator(1, 8, (3, 2)), 61, range(180, 186)),
        (
            hifigan.Generator(1, 8, (4, 2), (8, 4), (3, 5), ((1, 2),) * 2, norm="none"),
            61,
            range(240, 248),
        ),
        (GaussianIAF(2, 3, 2, 2, 2, 2, 3), 50, [49]),
        (WaveGlow(2, 4, 2, 0, 2, 3, bins=2, hop=8, upsampling_kernel=16), 160, [20]),
        (VQVAE(DECODER, width=3, code_width=3, levels=2, codes=8), 64, range(32, 36)),
        (Demucs(**DEMUCS), 0, range(8, 12)),
        (Demucs(**DEMUCS, rewrite=False), 0, range(8, 12)),
        (Demucs(**DEMUCS, resample=True), 0, range(100, 104)),
        (RECURRENT, 0, [100]),
        (IdealMask("irm", n_fft=32, hop=8), 160, range(80, 88)),
        (SpectrogramUNet(**UNET, hop=24), 24 * 90, range(24 * 38, 24 * 48, 5)),
        (SpectrogramUNet(**UNET, hop=8, layout="spleeter"), 8 * 90, range(240, 290, 3)),
    ],
    ids=lambda part: type(part).__name__ if hasattr(part, "apply") else "",
)
def test_the_stated_field_is_that_of_the_gradient(model, length, outputs):
    length = length or model.input_length(160)
    x = jax.random.normal(jax.random.key(2), (8, length, 1))
    given = {
        GaussianIAF: [jnp.ones((8, length, 2))],
        WaveGlow: [jnp.ones((8, length // 8, 2))],
        IdealMask: [jnp.stack([0.3 * x, 0.7 * x[:, ::-1]], 2)],
    }
    stated = getattr(model, "receptive_field", None) or receptive_fields.total_receptive_field(
        model.steps, model.hop
    )
    found = input_interval(model, x, outputs, *given.get(type(model), []))
    # Onsets and Frames leaves the last sample of its whole input out.
    assert found == stated or (stated == math.inf and found >= length - 1)
