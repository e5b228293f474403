"""Transforms of the device change batches as those of the host change examples."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from zoo.data import device_transforms as device
from zoo.data import stem_transforms, transforms
from zoo.data.pipeline import Data
from zoo.errors import BadInput

RNG = np.random.default_rng(0)
STEMS = RNG.integers(-32768, 32768, (6, 3, 5, 2)).astype(np.int16)  # [B S T C]
AUDIO = RNG.integers(-32768, 32768, (6, 5, 2)).astype(np.int16)
KEYS = ("stems", "audio")
ONES = {"stems": jnp.ones((500, 3, 4, 2)), "audio": jnp.ones((500, 4, 2))}


def on_device(*chosen):
    batch = {"stems": jnp.asarray(STEMS), "audio": jnp.asarray(AUDIO)}
    batch["tags"] = jnp.ones((6, 2), jnp.uint8)
    return jax.jit(lambda b: device.apply_on_device(chosen, jax.random.key(0), b))(batch)


def on_host(*chosen):
    rows = []
    for stems, audio in zip(STEMS, AUDIO):
        example = {"stems": stems, "audio": audio, "tags": np.ones(2, np.uint8)}
        for transform in chosen:
            example = transform(np.random.default_rng(0), example)
        rows.append(example)
    return {key: np.stack([row[key] for row in rows]) for key in rows[0]}


GROUPS = ((2, 0), (1,))


@pytest.mark.parametrize(
    "names",
    [("ToFloat",), ("ToFloat", "Group"), ("ToFloat", "Mixture"), ("ToFloat", "Group", "Mixture")],
)
def test_what_is_not_random_equals_the_host_s(names):
    arguments = {"Group": (GROUPS,)}
    make = lambda module: [getattr(module, n)(*arguments.get(n, ())) for n in names]  # noqa: E731
    ours, theirs = on_device(*make(device)), on_host(*make(transforms))
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        assert ours[key].dtype == value.dtype
        np.testing.assert_allclose(ours[key], value, rtol=1e-6, atol=1e-7)


def factors(module, name, arguments):
    """What 500 examples of ones are multiplied by: stems [500 S], audio [500]."""
    chosen = getattr(module, name)(*arguments, keys=KEYS)
    if module is device:
        made = device.apply_on_device((chosen,), jax.random.key(3), ONES)
    else:
        rng = np.random.default_rng(3)
        rows = [
            chosen(rng, {"stems": np.asarray(s), "audio": np.asarray(a)})
            for s, a in zip(ONES["stems"], ONES["audio"])
        ]
        made = {key: np.stack([row[key] for row in rows]) for key in KEYS}
    made = {key: np.asarray(value) for key, value in made.items()}
    for value in made.values():  # one factor for all samples and channels
        np.testing.assert_array_equal(value, np.broadcast_to(value[..., :1, :1], value.shape))
    return made["stems"][..., 0, 0], made["audio"][..., 0, 0]


@pytest.mark.parametrize(
    "name, arguments", [("Gain", (0.25, 1.25)), ("Gain", (0.7, 1.0)), ("PolarityFlip", (0.3,))]
)
def test_factors_have_the_host_s_distribution(name, arguments):
    ours, theirs = factors(device, name, arguments), factors(transforms, name, arguments)
    for own, other in zip(ours, theirs):
        assert stats.ks_2samp(own.ravel(), other.ravel()).pvalue > 1e-3
    stems = ours[0]
    assert (
        np.abs(np.corrcoef(np.concatenate([stems, ours[1][:, None]], 1).T) - np.eye(4)).max() < 0.2
    )
    assert np.abs(np.corrcoef(stems[:-1, 0], stems[1:, 0])[0, 1]) < 0.2  # of other examples, too


def test_channels_are_mirrored_at_their_rate_stem_by_stem():
    marked = {key: value * jnp.asarray([1.0, 2.0]) for key, value in ONES.items()}
    made = device.SwapChannels(0.3, keys=KEYS)(jax.random.key(1), marked)
    for key in KEYS:
        value = np.asarray(made[key])
        np.testing.assert_array_equal(np.sort(value, -1)[..., 0], 1.0)
        np.testing.assert_array_equal(value, np.broadcast_to(value[..., :1, :], value.shape))
        swapped = value[..., 0, 0] == 2.0
        assert stats.binomtest(int(swapped.sum()), swapped.size, 0.3).pvalue > 1e-3
    swapped = np.asarray(made["stems"])[..., 0, 0] == 2.0
    assert np.abs(np.corrcoef(swapped.T) - np.eye(3)).max() < 0.2


def test_standardise_divides_by_the_deviation_of_the_track():
    stems = RNG.normal(0.01, 0.05, (4, 300, 2)).astype(np.float32)
    mono = stems.sum(0).mean(-1)
    batch = {"stems": jnp.asarray(stems)[None]}
    batch |= {"mean": jnp.asarray([mono.mean()]), "deviation": jnp.asarray([mono.std()])}
    made = device.Standardise()(jax.random.key(0), batch)
    wanted = stem_transforms.Standardise()(np.random.default_rng(0), {"stems": stems})["stems"]
    np.testing.assert_allclose(made["stems"][0], wanted, rtol=1e-4, atol=1e-5)
    assert made.keys() == {"stems"}
    silent = {
        **batch,
        "stems": jnp.zeros((1, 4, 9, 2)),
        "mean": jnp.zeros(1),
        "deviation": jnp.zeros(1),
    }
    assert not device.Standardise()(jax.random.key(0), silent)["stems"].any()


def test_peak_takes_that_of_the_whole_track():
    batch = {"audio": jnp.asarray([[[0.5], [-0.1]], [[0.0], [0.0]]]), "peak": jnp.array([0.8, 0])}
    made = device.Peak(0.95)(jax.random.key(0), batch)
    np.testing.assert_allclose(made["audio"][:, :, 0], [[0.5 * 0.95 / 0.8, -0.11875], [0, 0]])
    assert made.keys() == {"audio"}


def test_mixture_may_keep_the_first_stems_only():
    made = on_device(device.ToFloat(), device.Mixture(keep=2))
    whole = on_device(device.ToFloat(), device.Mixture())
    np.testing.assert_array_equal(made["stems"], whole["stems"][:, :, :2])
    np.testing.assert_array_equal(made["mixture"], whole["mixture"])


@pytest.mark.parametrize(
    "chosen", [device.Gain(0.5, 1.0), device.Mixture(), device.Group(GROUPS), device.Standardise()]
)
def test_integers_are_refused(chosen):
    with pytest.raises(BadInput, match="put ToFloat first"):
        on_device(chosen)


def test_transforms_draw_apart_and_other_keys_others():
    twice = device.apply_on_device((device.Gain(0.0, 1.0),) * 2, jax.random.key(0), ONES)["stems"]
    once = device.apply_on_device((device.Gain(0.0, 1.0),), jax.random.key(0), ONES)["stems"]
    assert not np.allclose(twice, once**2)
    other = device.apply_on_device((device.Gain(0.0, 1.0),), jax.random.key(1), ONES)["stems"]
    assert not np.allclose(once, other)


def test_spec_is_that_of_the_augmented_batch():
    class Blank:
        def blank(self):
            return {"stems": STEMS[0], "track": ""}

    data = Data(Blank(), (), on_device=(device.ToFloat(), device.Mixture()))
    host, spec = data.host_spec(4), data.spec(4)
    assert host["stems"].dtype == np.int16 and host["stems"].shape == (4, 3, 5, 2)
    made = data.augment(jax.random.key(0), host)
    assert {k: (v.shape, v.dtype) for k, v in made.items()} == {
        k: (v.shape, v.dtype) for k, v in spec.items()
    }
