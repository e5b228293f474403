import numpy as np

from zoo.data.stem_transforms import Stagger, Standardise


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
