import numpy as np
import pytest

from zoo.data.stem_transforms import ActiveCrop, Pick, Stagger, Standardise
from zoo.data.transforms import Mixture
from zoo.errors import BadInput


def stems(scale=0.3):
    return (np.random.default_rng(0).standard_normal((4, 4000, 2)) * scale + 0.1).astype("f4")


def test_standardised_stems_make_a_standard_mixture():
    example = Standardise()(None, {"stems": stems(), "track": "a"})
    mono = example["stems"].sum(0).mean(-1)
    np.testing.assert_allclose([mono.mean(), mono.std()], [0, 1], atol=1e-4)
    assert example["stems"].dtype == np.float32 and example["track"] == "a"
    louder = Standardise()(None, {"stems": 2 * stems()})["stems"]
    np.testing.assert_allclose(louder, example["stems"], atol=1e-4)


def test_silence_and_quiet_passages_are_not_blown_up():
    assert not Standardise()(None, {"stems": np.zeros((4, 100, 1), "f4")})["stems"].any()
    quiet = Standardise(floor=0.5)(None, {"stems": stems(0.001)})["stems"]
    assert quiet.sum(0).mean(-1).std() < 0.01


def test_stems_are_windows_of_the_old_each_with_its_own_start():
    ramp = np.arange(100, dtype="f4")[None, :, None] + 1000 * np.arange(4)[:, None, None]
    random = np.random.default_rng(0)
    starts = []
    for _ in range(200):
        found = Stagger(90)(random, {"stems": ramp})["stems"][..., 0]
        assert found.shape == (4, 90) and (np.diff(found) == 1).all()
        np.testing.assert_array_equal(found[:, 0] // 1000, np.arange(4))
        starts.append(found[:, 0] % 1000)
    assert set(np.ravel(starts)) == set(range(11))
    assert np.unique(starts, axis=0).shape[0] > 150


def test_stems_picked_after_the_mixture_leave_it_whole():
    mixed = Mixture()(None, {"stems": stems()})
    picked = Pick((3, 0))(None, mixed)
    np.testing.assert_array_equal(picked["stems"], mixed["stems"][:, [3, 0]])
    np.testing.assert_array_equal(picked["mixture"], mixed["mixture"])
    with pytest.raises(BadInput, match="put Mixture before it"):
        Pick((4,))(None, mixed)
    with pytest.raises(BadInput, match="put Mixture before it"):
        Pick((0,))(None, {"stems": stems()})


def test_active_crops_lie_where_the_stem_sounds():
    """Of two sounding stretches one is long enough; it begins and ends on whole chunks."""
    audio = np.zeros((2, 10_000, 1), "i2")
    audio[0] = 30_000  # another stem is no reason
    audio[1, 1000:1500] = 1000
    audio[1, 4000:7000] = 900
    audio[1, 7000:9000] = 50  # below a tenth
    audio[0, :, 0] -= np.arange(10_000, dtype="i2")
    random = np.random.default_rng(0)

    def starts(probability):
        crop = ActiveCrop(2000, 1, probability, chunk=500)
        found = [crop(random, {"stems": audio, "track": "a"})["stems"] for _ in range(300)]
        assert all(stems.shape == (2, 2000, 1) for stems in found)
        return np.array([30_000 - stems[0, 0, 0] for stems in found])

    inside = starts(1.0)
    assert inside.min() < 4050 and inside.max() > 4950
    assert inside.min() >= 4000 and inside.max() <= 5000
    half = starts(0.5)
    share = np.mean((half >= 4000) & (half <= 5000))
    assert 0.45 < share < 0.67  # 0.5, and an eighth of the others
    silent = ActiveCrop(2000, 1, 1.0)(random, {"stems": np.zeros_like(audio)})["stems"]
    assert silent.shape == (2, 2000, 1)
