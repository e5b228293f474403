"""Attributions find a planted tone, and sum to what they explain."""

import jax
import numpy as np
import pytest
from looked_at import RATE, SAMPLES, Bank, looked_at, sinusoids

from zoo.interpret import attribution, clips, layers
from zoo.interpret.clips import Clip

HERTZ = (2000.0, 310.0, 3100.0, 900.0)


def tagger():
    """Tag 'loud' grows with 2 kHz and falls with 310 Hz; nothing else counts."""
    pass_on = np.zeros((3, 4, 6), np.float32)
    pass_on[1, :4, :4] = np.eye(4)
    top = np.zeros((6, 3), np.float32)
    top[0, 0], top[1, 0] = 1.0, -1.0
    return looked_at(Bank(), bank=sinusoids(HERTZ), second=pass_on, top=top)


def two_tones() -> Clip:
    """2 kHz in the first half, 310 Hz in the second."""
    t = np.arange(SAMPLES) / RATE
    fade = np.clip((SAMPLES / 2 - np.abs(np.arange(SAMPLES) - SAMPLES / 4)) / 50 - 5, 0, 1)
    x = np.sin(2 * np.pi * HERTZ[0] * t) * fade + np.sin(2 * np.pi * HERTZ[1] * t) * fade[::-1]
    return Clip("x.wav", 0.3 * x[None, :, None].astype(np.float32), RATE, 0.0)


@pytest.fixture(scope="module", params=attribution.METHODS)
def made(request):
    found = tagger()
    network = layers.audio_network(found)
    target = clips.find_target(found, network, "loud")
    return attribution.attribute(network, target, two_tones(), request.param)


def test_the_tones_stand_where_they_sound_with_their_signs(made):
    half = len(made.values) // 2
    band = np.searchsorted(made.edges, (2000, 310)) - 1
    near = slice(band[0] - 3, band[0] + 4), slice(max(0, band[1] - 5), band[1] + 6)
    for_it = np.maximum(made.values, 0).sum()
    against = np.minimum(made.values, 0).sum()
    assert made.values[: half + 1, near[0]].sum() > 0.6 * for_it > 0
    assert made.values[half - 1 :, near[1]].sum() < 0.5 * against < 0


def test_what_is_played_alone_is_the_tone_that_speaks_for_the_tag(made):
    half = SAMPLES // 2
    power = [
        np.mean(part[part_of] ** 2)
        for part in (made.alone, made.rest)
        for part_of in (slice(half), slice(half, None))
    ]
    assert power[0] > 5 * power[1] and power[3] > 5 * power[2]
    np.testing.assert_allclose(made.alone + made.rest, made.audio, atol=1e-5)
    assert made.scores["alone"] > made.scores["all"] > made.scores["without these"]
    assert made.scores["without as many others"] > made.scores["without these"]


def test_integrated_gradients_sum_to_the_difference_of_the_logits():
    """Of a net of random parameters with all its kinks, by windows of different loudness."""
    found = looked_at(Bank())
    network = layers.audio_network(found)
    cut = attribution.cells(network)
    x = np.random.default_rng(0).normal(size=(3, SAMPLES, 1)).astype(np.float32)
    x *= np.array([0.01, 0.1, 1])[:, None, None]
    target = clips.find_target(found, network, "soft")
    values = attribution.integrated(network, target, x, cut)
    logit = jax.jit(lambda variables, x: network(variables, x))
    wanted = [logit(network.variables, y)[:, 1] for y in (x, attribution._FLOOR * x)]
    wanted = np.asarray(wanted[0] - wanted[1])
    np.testing.assert_allclose(values.sum((1, 2)), wanted, atol=0.01 * np.abs(wanted).max())
    assert values.shape == (3, *cut.shape)


def test_the_nodes_integrate_logarithms():
    gain, weight = attribution.nodes(48)
    assert (gain * weight).sum() == pytest.approx((1 - 1e-8) / 2, rel=1e-9)
    found = (weight * 2e4 * gain / (1 + 1e4 * gain**2)).sum()  # of log(1 + 1e4 g^2)
    wanted = np.log1p(1e4) - np.log1p(1e4 * attribution._FLOOR**2)
    assert found == pytest.approx(wanted, rel=1e-3)


def test_occlusion_is_the_fall_of_the_logit_when_a_patch_is_silenced():
    found = tagger()
    network = layers.audio_network(found)
    cut, clip = attribution.cells(network), two_tones()
    target = clips.find_target(found, network, "loud")
    values = attribution.occluded(network, target, clip.windows, cut)[0]
    frames, bands = (
        np.array_split(np.arange(n), min(n, p)) for n, p in zip(cut.shape, attribution.PATCHES)
    )
    gains = np.ones((2, *cut.shape), np.float32)
    f, b = frames[2], bands[5]
    gains[1, f[0] : f[-1] + 1, b[0] : b[-1] + 1] = attribution._FLOOR
    score = attribution.logits(
        network, target, cut, network.variables, np.repeat(clip.windows, 2, 0), gains
    )
    fall = float(score[0] - score[1])
    assert values[f[0] : f[-1] + 1, b[0] : b[-1] + 1].sum() == pytest.approx(fall, abs=1e-5)
    assert abs(fall) > 1e-3


def test_gains_of_one_give_the_sound_and_bands_part_all_bins():
    network = layers.audio_network(looked_at(Bank()))
    cut = attribution.cells(network)
    assert cut.band.shape == (cut.n_fft // 2 + 1,) and (np.diff(cut.band) >= 0).all()
    assert set(cut.band) == set(range(cut.shape[1]))
    hertz = np.arange(len(cut.band)) * RATE / cut.n_fft
    inside = (hertz >= cut.edges[cut.band] - 1e-6) & (hertz <= cut.edges[cut.band + 1] + 1e-6)
    assert inside.all()
