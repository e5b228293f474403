"""Stems of another tempo, pitch and timbre: by the key, each its own, within what is asked for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.data import device_transforms as device
from zoo.data.device_augmentation import Equalise, PitchShift, TimeStretch, augmentation
from zoo.errors import BadInput

STEMS = jnp.asarray(np.random.default_rng(0).normal(0, 0.1, (2, 3, 4500, 1)).astype(np.float32))


def run(chosen, seed=0, stems=STEMS):
    found = jax.jit(lambda b, k: device.apply_on_device((chosen,), k, b))(
        {"stems": stems}, jax.random.key(seed)
    )
    return np.asarray(found["stems"])


@pytest.mark.parametrize("chosen", [TimeStretch(0.9, 1.1, 4000), PitchShift(2.0), Equalise(6.0)])
def test_the_same_key_gives_the_same_and_another_something_else(chosen):
    one, again, other = run(chosen), run(chosen), run(chosen, 1)
    assert one.shape == (2, 3, 4000 if "Time" in repr(chosen) else 4500, 1)
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 0.02


def test_all_stems_of_an_example_together():
    """Equal stems stay equal, and those of another example differ."""
    same = jnp.broadcast_to(STEMS[:1, :1], STEMS.shape)
    found = run(PitchShift(2.0, together=True), stems=same)
    np.testing.assert_allclose(found[:, 0], found[:, 2], atol=1e-6)
    assert np.abs(found[0] - found[1]).max() > 0.02
    apart = run(PitchShift(2.0), stems=same)
    assert np.abs(apart[0, 0] - apart[0, 2]).max() > 0.02


def test_an_equaliser_s_gains_lie_within_its_decibels_and_move_no_phase():
    click = jnp.zeros((50, 2, 512, 1)).at[:, :, 256].set(1.0)
    found = run(Equalise(6.0), stems=click)[..., 0]
    gains = 20 * np.log10(np.abs(np.fft.rfft(found)))
    assert -6.5 < gains.min() < -5 and 5 < gains.max() < 6.5
    assert gains[:, :, -1].std() == pytest.approx(6 / 3**0.5, rel=0.15)
    np.testing.assert_allclose(found[:, :, 1:], found[:, :, :0:-1], atol=1e-5)
    assert np.abs(np.diff(gains)[..., 128:]).max() < 0.14  # 12 dB an octave


def test_what_a_config_asks_for():
    assert augmentation(1000, 0.0, 0.0, 0.0) == (1000, ())
    needed, chosen = augmentation(1000, 0.1, 2.0, 6.0)
    assert needed == 1100
    assert chosen == (TimeStretch(0.9, 1.1, 1000), PitchShift(2.0), Equalise(6.0))
    with pytest.raises(BadInput, match="low <= high"):
        augmentation(1000, 1.0, 0.0, 0.0)
    with pytest.raises(BadInput, match="up to 24"):
        PitchShift(-1.0)
    with pytest.raises(BadInput, match="crop 4,950"):
        run(TimeStretch(0.9, 1.1, 4500))
