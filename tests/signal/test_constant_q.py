"""Constant-Q transforms against nnAudio's module and librosa; scaling and stacks by hand."""

from functools import partial

import jax
import librosa
import numpy as np
import pytest

from zoo.errors import BadInput
from zoo.models.classification.basic_pitch import _SPEC
from zoo.signal import constant_q as cq

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.optimised

TWELVE = cq.ConstantQ(16_000, 512, 65.4, 60, 12)  # whole octaves
ODD = cq.ConstantQ(16_000, 64, 110.0, 70, 24)  # the top octave begins between two of the bins'


def noise(samples, batch=2):
    return np.random.default_rng(0).normal(0, 0.1, (batch, samples, 1)).astype(np.float32)


@pytest.mark.download
def test_equals_nnaudio(published_modules):
    published_modules("nnAudio==0.3.4")
    from nnAudio.features.cqt import CQT2010v2

    for spec, samples in ((_SPEC, 43_844), (TWELVE, 40_961), (ODD, 8000)):
        module = CQT2010v2(
            sr=spec.sample_rate,
            hop_length=spec.hop,
            fmin=spec.low,
            n_bins=spec.bins,
            bins_per_octave=spec.per_octave,
            earlydownsample=False,
            verbose=False,
        )
        audio = noise(samples)
        theirs = module(torch.tensor(audio[..., 0])).numpy().transpose(0, 2, 1)
        own = np.asarray(jax.jit(partial(cq.constant_q, spec=spec))(audio))
        assert own.shape == (2, samples // spec.hop + 1, spec.bins) == theirs.shape
        np.testing.assert_allclose(own, theirs, atol=3e-6 * theirs.max())


def test_is_librosas_within_a_hundredth_of_the_peak():
    """On tones in the middle of their octave; near its ends the half-band filters differ, by 6 %.

    librosa's filters are a hundredth longer, and its audio is halved by another resampler.
    """
    time = np.arange(2 * _SPEC.sample_rate) / _SPEC.sample_rate
    bins = (60, 150, 250)
    tones = np.stack([np.sin(2 * np.pi * _SPEC.frequencies()[b] * time) for b in bins])
    tones = tones[..., None].astype(np.float32)
    own = np.asarray(jax.jit(partial(cq.constant_q, spec=_SPEC))(tones))
    for number, tone in enumerate(tones[..., 0]):
        theirs = np.abs(
            librosa.cqt(
                tone,
                sr=_SPEC.sample_rate,
                hop_length=_SPEC.hop,
                fmin=_SPEC.low,
                n_bins=_SPEC.bins,
                bins_per_octave=_SPEC.per_octave,
            )
        ).T
        middle = slice(70, 100)
        assert own[number, middle].mean(0).argmax() == bins[number]
        np.testing.assert_allclose(
            own[number, middle], theirs[middle], atol=0.01 * theirs[middle].max()
        )


def test_levels_span_nought_to_one_in_each_example():
    power = np.array([[[1.0, 10.0], [100.0, 1e-3]], [[0.0, 0.0], [0.0, 0.0]]])
    power = np.concatenate([power, [[[0.0, 1e-10], [3e-10, 1.0]]]])
    own = np.asarray(cq.normalised_log(power.astype(np.float32)))
    np.testing.assert_allclose(own[0], [[0.6, 0.8], [1.0, 0.0]], atol=1e-6)
    np.testing.assert_array_equal(own[1], 0)
    np.testing.assert_allclose(own[2, 0], [0, np.log10(2) / 10], atol=1e-6)


def test_harmonics_stand_over_their_fundamental():
    """A spike at every harmonic of a bin is a row of ones there; beyond the spectrum are zeros."""
    harmonics, bins, low = (0.5, 1, 2, 3, 5), 80, 40
    spectrum = np.zeros((1, 1, 110), np.float32)
    shifts = [round(36 * np.log2(h)) for h in harmonics]
    for shift in shifts:
        spectrum[0, 0, min(low + shift, 109)] = low + shift < 110
    own = np.asarray(cq.harmonic_stack(spectrum, harmonics, 36, bins))
    assert own.shape == (1, 1, bins, len(harmonics)) and shifts == [-36, 0, 36, 57, 84]
    np.testing.assert_array_equal(own[0, 0, low], [1, 1, 1, 1, 0])
    ramp = np.arange(1, 111, dtype=np.float32)[None, None]
    own = np.asarray(cq.harmonic_stack(ramp, harmonics, 36, bins))[0, 0]
    for channel, shift in enumerate(shifts):
        there = (np.arange(bins) + shift >= 0) & (np.arange(bins) + shift < 110)
        wanted = np.where(there, np.arange(bins) + shift + 1, 0)
        np.testing.assert_array_equal(own[:, channel], wanted)


def test_bad_input_is_named():
    with pytest.raises(BadInput, match="multiple of 16"):
        cq.ConstantQ(16_000, 200, 65.4, 60, 12)
    with pytest.raises(BadInput, match="fewer than 318"):
        cq.ConstantQ(22_050, 256, 27.5, 318, 36)
    with pytest.raises(BadInput, match="mono"):
        cq.constant_q(np.zeros((1, 40_000, 2), np.float32), _SPEC)
    with pytest.raises(BadInput, match=f"give {_SPEC.least} or more"):
        cq.constant_q(noise(_SPEC.least - 1), _SPEC)
    frames = jax.eval_shape(partial(cq.constant_q, spec=_SPEC), noise(_SPEC.least, 1)).shape
    assert frames == (1, _SPEC.least // 256 + 1, 309)
