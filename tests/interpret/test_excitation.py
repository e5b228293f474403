"""Excitation analysis of a net whose gates are a known function of the sound."""

import numpy as np
import pytest
from looked_at import SAMPLES, Bank, Gated, looked_at

from zoo.errors import BadInput
from zoo.interpret import excitation
from zoo.interpret.loudness import ByLoudness, rms_decibels

LEVELS = (0.8, 0.4, 0.2, 0.1)


def clip(*levels, tags):
    """Square waves, one second of the model's samples per level."""
    wave = np.concatenate([np.tile([v, -v], SAMPLES // 2) for v in levels])
    return {"audio": wave[:, None].astype(np.float32), "tags": np.array(tags, np.uint8)}


@pytest.fixture
def found():
    return looked_at(
        Gated(),
        [
            clip(0.8, 0.4, tags=[1, 0, 0]),
            clip(0.8, 0.8, tags=[1, 0, 0]),
            clip(0.2, 0.1, tags=[0, 1, 0]),
            clip(0, 0, tags=[0, 0, 0]),
        ],
    )


def test_known_gates_give_their_numbers(found):
    result = excitation.measure_excitation(found)
    assert list(result.layers) == ["block_9", "block_10"]
    assert result.tags == ("loud", "soft") and result.clips.tolist() == [2, 1]
    loud, soft = np.mean([0.4, 0.64]), 0.025  # powers: a clip's mean, then over clips
    rising, falling = result.layers["block_10"], result.layers["block_9"]
    np.testing.assert_allclose(rising.mean, [[loud, 0.25], [soft, 0.25]], rtol=1e-5)
    np.testing.assert_allclose(rising.overall[0], np.mean([0.4, 0.64, 0.025, 0]), rtol=1e-5)
    np.testing.assert_allclose(rising.spread, [(loud - soft) / 2, 0], atol=1e-6)
    np.testing.assert_allclose(falling.mean[:, 0], [1 - loud, 1 - soft], rtol=1e-5)


def test_loudness_bins_and_correlation_are_numpys(found):
    result = excitation.measure_excitation(found)
    powers = np.array([0.64, 0.16, 0.64, 0.64, 0.04, 0.01])  # the silent segments are left out
    wanted = np.corrcoef(powers, 10 * np.log10(powers))[0, 1]
    rising, falling = result.layers["block_10"], result.layers["block_9"]
    np.testing.assert_allclose(rising.correlation, [wanted, 0], atol=1e-5)
    np.testing.assert_allclose([rising.together, falling.together], [wanted, -wanted], atol=1e-5)
    assert result.level.tolist() == [-17.5, -12.5, -7.5, -2.5]
    assert result.segments.tolist() == [1, 1, 1, 3]
    np.testing.assert_allclose(rising.binned[:, 0], [0.01, 0.04, 0.16, 0.64], rtol=1e-5)


def test_limit_takes_the_first_clips(found):
    assert excitation.measure_excitation(found, limit=1).tags == ("loud",)
    assert excitation.measure_excitation(found, limit=1).segments.sum() == 2


def test_unknown_labels_do_not_count():
    record = {**clip(0.5, tags=[1, 1, 0]), "known": np.array([1, 0, 1], np.uint8)}
    assert excitation.measure_excitation(looked_at(Gated(), [record])).tags == ("loud",)


def test_level_of_full_scale_and_silence():
    assert rms_decibels(np.ones((4, 1), np.float32)) == 0
    assert rms_decibels(np.zeros((4, 1), np.float32)) == -np.inf
    one = ByLoudness(1)
    one.add(np.array([0.3]), 0.0)
    assert one.means.tolist() == [[0.3]] and one.correlations.tolist() == [0, 0]


def test_models_without_gates_are_refused():
    with pytest.raises(BadInput, match=r"no squeeze-and-excitation blocks.*resemul_score_render"):
        excitation.measure_excitation(looked_at(Bank()))
