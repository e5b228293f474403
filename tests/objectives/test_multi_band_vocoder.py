"""Multi-band MelGAN's losses by hand, and the score that joins them late."""

import jax
import numpy as np
import pytest

from zoo.losses import spectral
from zoo.models.generation import melgan
from zoo.objectives.multi_band_vocoder import BAND_RESOLUTIONS, MultiBandVocoder
from zoo.signal import mel, pqmf

KEY = jax.random.key(0, impl="unsafe_rbg")
SPEC = mel.MelSpec(8000, 64, 16, 6, mel.log10_clamp, exponent=1, centre=False, pad=(24, 24))
FULL, PARTS = ((64, 10, 40), (128, 20, 128)), ((32, 5, 20),)


def test_resolutions_of_bands_are_the_published_ones():
    """kan-bayashi/ParallelWaveGAN, multi_band_melgan.v2: subband_stft_loss_params."""
    sizes, hops, windows = (384, 683, 171), (30, 60, 10), (150, 300, 60)
    assert tuple(zip(sizes, hops, windows)) == BAND_RESOLUTIONS


@pytest.mark.parametrize("step", [2, 3])
def test_losses_are_those_of_the_recipe(step):
    generator = melgan.MultiBandGenerator(bins=6, width=8, upsampling=(2, 2), dilations=(1,))
    discriminator = melgan.Discriminator(scales=2, width=4, most=8, strides=(4,))
    objective = MultiBandVocoder(
        generator, discriminator, SPEC, begin=3, resolutions=FULL, band_resolutions=PARTS
    )
    batch = {"audio": np.random.default_rng(0).uniform(-0.5, 0.5, (3, 512, 1)).astype(np.float32)}

    @jax.jit
    def run(key):
        variables = objective.init(key, batch)
        frames = objective.features(batch["audio"])
        bands = generator.apply(variables.of("generator"), frames, method="bands")
        fake = generator.apply(variables.of("generator"), frames)
        scores = discriminator.apply(variables.of("discriminator"), fake)
        value, (_, metrics) = objective.turns[1].loss(variables, batch, key, step)
        return bands, fake, [score for score, _ in scores], value, metrics

    bands, fake, scores, value, metrics = run(KEY)
    np.testing.assert_allclose(fake, pqmf.synthesis(bands), atol=1e-6)
    whole = np.mean(sum(spectral.multi_resolution(fake, batch["audio"], FULL)))
    parts = 0.0
    for k in range(4):
        pair = (x[..., k : k + 1] for x in (bands, np.asarray(pqmf.analysis(batch["audio"]))))
        parts += np.mean(sum(spectral.multi_resolution(*pair, PARTS))) / 4
    score = np.mean([np.square(np.asarray(s) - 1).mean() for s in scores]) if step >= 3 else 0
    np.testing.assert_allclose(value, whole / 2 + parts / 2 + 2.5 * score, rtol=1e-4)
    np.testing.assert_allclose(metrics["band_stft"], parts, rtol=1e-4)
    assert [turn.begin for turn in objective.turns] == [3, 0]
