"""Notes and frequencies, against librosa's, for numbers, lists and both kinds of array."""

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest

from zoo import tuning

NOTES = np.arange(0, 128, 0.25)


def test_notes_and_hertz_are_librosas():
    hertz = librosa.midi_to_hz(NOTES)
    np.testing.assert_allclose(tuning.hertz_of_note(NOTES), hertz, rtol=1e-14)
    np.testing.assert_allclose(tuning.note_of_hertz(hertz), NOTES, atol=1e-12)
    assert tuning.hertz_of_note(tuning.LOWEST_KEY) == 27.5
    assert tuning.hertz_of_note(tuning.LOWEST_KEY + tuning.PIANO_KEYS - 1) == pytest.approx(4186.01)


@pytest.mark.parametrize("values", [69, [57, 69], np.arange(40, 50, dtype=np.int16)])
def test_integers_are_no_integers_any_more(values):
    found = tuning.note_of_hertz(tuning.hertz_of_note(values))
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, values, atol=1e-12)


def test_traced_arrays_keep_within_jax():
    hertz = jax.jit(tuning.hertz_of_note)(jnp.asarray(NOTES, jnp.float32))
    assert hertz.dtype == jnp.float32
    np.testing.assert_allclose(hertz, librosa.midi_to_hz(NOTES), rtol=2e-6)
    notes, slope = jax.value_and_grad(tuning.note_of_hertz)(440.0)
    assert float(notes) == 69 and float(slope) == pytest.approx(12 / np.log(2) / 440)
    assert jax.jit(tuning.hertz_of_note)(jnp.asarray([69, 81])).tolist() == [440, 880]
