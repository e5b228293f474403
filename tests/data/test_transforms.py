import pickle

import numpy as np
import pytest

from zoo.data import transforms as t
from zoo.errors import BadInput


def record(samples: int = 100, stems: int = 3, channels: int = 2) -> dict:
    rng = np.random.default_rng(7)
    pcm = rng.integers(-32768, 32768, (stems, samples, channels)).astype(np.int16)
    audio = pcm[0].copy()
    return {"track": "x", "chunk": 0, "stems": pcm, "audio": audio, "tags": np.uint8([0, 1])}


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_crop_is_the_same_window_everywhere_and_reaches_both_ends():
    source, starts, random = record(), set(), rng()
    for _ in range(200):
        out = t.Crop(97)(random, source)
        np.testing.assert_array_equal(out["stems"][0], out["audio"])
        starts.add(next(s for s in range(4) if (source["audio"][s : s + 97] == out["audio"]).all()))
    assert starts == {0, 1, 2, 3}
    assert t.Crop(100)(random, source)["stems"].shape == (3, 100, 2)
    with pytest.raises(BadInput, match="larger chunk_seconds"):
        t.Crop(101)(random, source)
    with pytest.raises(BadInput, match=r"more than 10\^488 samples: ask for fewer layers"):
        t.Crop(3**1024)(random, source)
    with pytest.raises(BadInput, match="neither 'audio' nor 'stems' in track, sound"):
        t.Crop(10)(random, {"track": "x", "sound": source["audio"]})


def test_a_crop_keeps_out_of_the_zeros_that_fill_up_a_short_file():
    ramp = np.arange(100, dtype=np.int16)[:, None]
    random = rng()
    short = {"audio": ramp, "length": 13}
    starts = {int(t.Crop(10)(random, short)["audio"][0, 0]) for _ in range(99)}
    assert starts == {0, 1, 2, 3}
    assert t.Crop(20)(random, short)["audio"][0, 0] == 0


def test_padding():
    short = {"audio": np.ones((9, 1), np.float32), "length": 7}
    for example, counted in ((short, 7), ({"audio": short["audio"]}, 9)):
        filled = t.Pad(12, mask="there")(rng(), example)
        assert filled["there"].tolist() == [1.0] * counted + [0.0] * (12 - counted)
        assert filled["audio"].shape == (12, 1)
    assert "there" not in t.Pad(12)(rng(), short)
    out = t.Pad(120)(rng(), record())
    assert out["stems"].shape == (3, 120, 2) and out["audio"].shape == (120, 2)
    assert not out["audio"][100:].any() and out["stems"].dtype == np.int16


def test_floats_are_in_range_and_labels_are_float():
    out = t.ToFloat()(rng(), {**record(), "audio": np.int16([[-32768], [32767]])})
    assert out["audio"].dtype == out["stems"].dtype == out["tags"].dtype == np.float32
    np.testing.assert_array_equal(out["audio"][:, 0], np.float32([-1, 32767 / 32768]))


def test_mixture_is_the_sum_and_turns_the_stems():
    floats = t.ToFloat()(rng(), record())
    out = t.Mixture()(rng(), floats)
    assert out["mixture"].shape == (100, 2) and out["stems"].shape == (100, 3, 2)
    np.testing.assert_allclose(out["mixture"], out["stems"].sum(axis=1), atol=1e-6)
    np.testing.assert_array_equal(out["stems"][:, 1], floats["stems"][1])
    with pytest.raises(ValueError, match="ToFloat"):
        t.Mixture()(rng(), record())
    np.testing.assert_array_equal(t.SumStems()(rng(), floats)["audio"], out["mixture"])
    assert "stems" not in t.SumStems()(rng(), floats)


def test_groups_sum_and_reorder():
    floats = t.ToFloat()(rng(), record())
    out = t.Group(((2,), (0, 1)))(rng(), floats)["stems"]
    np.testing.assert_array_equal(out[0], floats["stems"][2])
    np.testing.assert_allclose(out[1], floats["stems"][:2].sum(axis=0))


def test_each_stem_has_its_own_gain_sign_and_sides():
    floats = t.ToFloat()(rng(), record())
    stems = floats["stems"]
    gained = t.Gain(0.7, 1.0)(rng(), floats)["stems"]
    factors = (gained / stems)[:, 0, 0]
    np.testing.assert_allclose(gained, stems * factors[:, None, None], rtol=1e-5)
    assert len(set(factors)) == 3 and (factors >= 0.7).all() and (factors <= 1).all()
    assert gained.dtype == np.float32
    flipped = t.PolarityFlip()(np.random.default_rng(1), floats)["stems"]
    assert {float(f) for f in (flipped / stems)[:, 0, 0]} == {-1.0, 1.0}
    swapped = t.SwapChannels()(np.random.default_rng(1), floats)["stems"]
    kinds = {bool((a == b[:, ::-1]).all()) for a, b in zip(swapped, stems)}
    assert kinds == {True, False}
    assert (swapped.sum(axis=-1) == stems.sum(axis=-1)).all()
    audio = t.Gain(0.5, 0.5, ("audio",))(rng(), floats)
    np.testing.assert_array_equal(audio["audio"], floats["audio"] / 2)
    np.testing.assert_array_equal(audio["stems"], stems)


def test_mono_and_keep():
    out = t.Mono()(rng(), t.ToFloat()(rng(), record()))
    assert out["audio"].shape == (100, 1) and out["stems"].shape == (3, 100, 1)
    assert set(t.Keep("audio", "tags")(rng(), out)) == {"track", "audio", "tags"}
    with pytest.raises(BadInput, match="no 'mixture'"):
        t.Keep("mixture")(rng(), out)


def test_transforms_travel_to_worker_processes_and_leave_their_input_alone():
    chain = (t.Crop(50), t.ToFloat(), t.Gain(0.5, 2), t.PolarityFlip(), t.SwapChannels(1.0))
    source = record()
    before = source["stems"].copy()
    source["stems"].flags.writeable = False  # as records from the disk are
    results = []
    for transforms in (chain, pickle.loads(pickle.dumps(chain))):
        example, random = source, np.random.default_rng(3)
        for transform in (*transforms, t.Mixture(), t.Keep("mixture", "stems")):
            example = transform(random, example)
        results.append(example)
    np.testing.assert_array_equal(results[0]["mixture"], results[1]["mixture"])
    np.testing.assert_array_equal(source["stems"], before)
    assert hash(chain) == hash(pickle.loads(pickle.dumps(chain)))
