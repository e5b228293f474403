"""MelNet: a tier against PyTorch's, what waits for what, tiers and their parts, and drawing."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from torch_twin import agree, dense, inside, leaves

from zoo.errors import BadInput
from zoo.models.generation.melnet import Delayed, Features, Tier
from zoo.objectives.base import Variables
from zoo.objectives.tiers import Tiers
from zoo.signal.mixtures import MixtureOfGaussians
from zoo.signal.tiers import merge_tier, split_tiers

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)
X, BELOW = RNG.normal(size=(2, 2, 4, 3)).astype(np.float32)
LAW = MixtureOfGaussians(2)


def started(model, *given, scale=0.5):
    shapes = jax.eval_shape(model.init, jax.random.key(0), *given)
    return jax.tree.map(lambda s: (scale * RNG.normal(size=s.shape)).astype(np.float32), shapes)


def lstm(w, name, rows, way=""):
    """Rows [R T C] -> [R T D]."""
    names = "kernel", "recurrent_kernel", "bias", "recurrent_bias"
    kernel, recurrent, bias, second = (w[f"{name}/{n}{way}"] for n in names)
    state, found = (torch.zeros(len(rows), recurrent.shape[0]),) * 2, []
    order = range(rows.shape[1])
    for t in reversed(order) if way else order:
        state = torch.lstm_cell(rows[:, t], state, kernel.T, recurrent.T, bias, second)
        found.append(state[0])
    return torch.stack(found[::-1] if way else found, 1)


def both(w, name, rows):
    return torch.cat([lstm(w, name, rows), lstm(w, name, rows, "_reverse")], -1)


def across(act, x):
    """Over frames instead of bands, of [B F M D]."""
    return act(x.transpose(1, 2).flatten(0, 1)).unflatten(0, (len(x), -1)).transpose(1, 2)


def along(act, x):
    return act(x.flatten(0, 1)).unflatten(0, x.shape[:2])


def twin(w, x, below):
    """Two layers with a centralised stack where nothing lies below, else one."""
    x = torch.tensor(x)
    before = torch.nn.functional.pad(x[:, :-1], (0, 0, 1, 0))
    lower = torch.nn.functional.pad(x[..., :-1], (1, 0))
    time, down = dense(w, "enter_time", before[..., None]), dense(w, "enter_down", lower[..., None])
    centre = dense(w, "enter_centre", before) if below is None else None
    if below is not None:
        e = inside(w, "extract")
        y = dense(e, "enter", torch.tensor(below)[..., None])
        times = across(lambda r: both(e, "time", r), y)
        bands = along(lambda r: both(e, "frequency", r), y)
        z = y + dense(e, "mix", torch.cat([times, bands], -1))
        time, down = time + dense(w, "condition_time", z), down + dense(w, "condition_down", z)
    for i in range(2 if below is None else 1):
        own = inside(w, f"stack_{i}")
        ahead = across(lambda r, own=own: lstm(own, "time", r), time)
        beside = along(lambda r, own=own: both(own, "frequency", r), time)
        time = time + dense(own, "mix", torch.cat([ahead, beside], -1))
        given = time
        if centre is not None:
            centre = centre + dense(own, "centre_mix", lstm(own, "centre", centre))
            given = given + centre[:, :, None]
        y = along(lambda r, own=own: lstm(own, "down", r), down + given)
        down = down + dense(own, "down_mix", y)
    return dense(w, "leave", down)


@pytest.mark.parametrize("below", [None, BELOW], ids=["first", "upper"])
def test_densities_and_gradients_are_those_of_torch(below):
    tier = Tier(2, 4, 3, LAW) if below is None else Tier(1, 4, 0, LAW)
    variables = started(tier, X, below)

    def loss(params):
        return LAW.log_prob(tier.apply({"params": params}, X, below), X[..., None]).mean()

    value, gradient = jax.jit(jax.value_and_grad(loss))(variables["params"])
    w = leaves(variables["params"])
    weights, means, scales = twin(w, X, below).chunk(3, -1)
    normal = torch.distributions.Normal(means, scales.exp())
    density = normal.log_prob(torch.tensor(X)[..., None])
    total = torch.logsumexp(torch.log_softmax(weights, -1) + density, -1).mean()
    total.backward()
    np.testing.assert_allclose(value, total.detach(), rtol=1e-4)
    agree(w, gradient, rtol=2e-3, atol=2e-5)


@pytest.mark.parametrize("below", [None, BELOW], ids=["first", "upper"])
def test_a_bin_depends_on_frames_and_bins_before_it_and_on_all_that_lies_below(below):
    tier = Tier(2, 4, 3 if below is None else 0, LAW)
    variables = started(tier, X, below)
    apart = np.eye(12, dtype=np.float32).reshape(12, 4, 3)  # a bin moved, for each
    under = None if below is None else np.repeat(below[:1], 13, 0)
    run = jax.jit(tier.apply)
    raw = np.asarray(run(variables, np.concatenate([X[:1], X[:1] + apart]), under))
    depends = np.abs(raw[1:] - raw[0]).max(-1) > 0  # of [12 F M], on the bin that was moved
    for moved in range(12):
        wanted = np.arange(12).reshape(4, 3) > moved
        np.testing.assert_array_equal(depends[moved], wanted, err_msg=f"bin {moved}")
    if below is not None:
        under[1:] += 3 * apart
        raw = np.asarray(run(variables, np.repeat(X[:1], 13, 0), under))
        change = np.abs(raw[1:] - raw[0]).max(-1)
        assert np.all(change.max((1, 2)) > 0) and change[-1, 0, 0] > 0  # the first of the last


def test_a_layer_has_the_parameter_count_of_the_public_code():
    """Of 512 units: a layer with a centralised stack, and one of features."""
    one = jnp.zeros((1, 1, 1, 512))

    def both_parts(layer, x):
        time, _, _ = layer.frames(x, x[:, :, 0], {})
        return layer.bins(x[:, 0], time[:, 0], None)

    shapes = jax.eval_shape(
        lambda k: Delayed(512, True).init(k, one, method=both_parts), jax.random.key(0)
    )
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == 11_818_496
    features = jax.eval_shape(Features(512).init, jax.random.key(0), one[..., 0])["params"]
    enter = features.pop("enter")
    assert sum(leaf.size for leaf in jax.tree.leaves(features)) == 9_454_080
    assert enter["kernel"].shape == (1, 512)


@pytest.mark.parametrize(
    ("tiers", "shapes"),
    [
        (1, [(8, 8)]),
        (2, [(8, 4)] * 2),
        (4, [(4, 2), (4, 2), (4, 4), (8, 4)]),
        (6, [(2, 1), (2, 1), (2, 2), (4, 2), (4, 4), (8, 4)]),
    ],
)
def test_tiers_make_up_the_image(tiers, shapes):
    image = jnp.arange(128.0).reshape(2, 8, 8)
    parts = split_tiers(image, tiers)
    assert [own.shape[1:] for _, own in parts] == shapes
    whole = parts[0][1]
    for tier, (below, own) in enumerate(parts[1:], 2):
        np.testing.assert_array_equal(below, whole)
        whole = merge_tier(below, own, tier)
    np.testing.assert_array_equal(whole, image)
    with pytest.raises(BadInput, match="4 tiers cannot halve 3 frames or bands"):
        split_tiers(jnp.zeros((1, 6, 6)), 4)


class Nothing:
    """An image whose bins are all there is."""

    front = type("Front", (), {"spec": type("Spec", (), {"bins": 4})})
    hop = 1
    bounds = -1.2, 1.5

    def of(self, audio, key):
        return audio[..., 0].reshape(len(audio), -1, 4)


def test_drawing_bin_after_bin_is_the_parallel_pass():
    """What is drawn with carried states is what the densities of one pass give of that noise.

    Within the image's bounds, whatever the weights.
    """
    tiers = (Tier(1, 4, 2, LAW), Tier(1, 4, 0, LAW))
    objective, rng = Tiers(tiers, Nothing(), 3), np.random.default_rng(1)
    batch = {"audio": jnp.zeros((2, 12, 1))}
    shapes = jax.eval_shape(objective.init, jax.random.key(0), batch)
    variables = jax.tree.map(
        lambda s: jnp.asarray(0.3 * rng.normal(size=s.shape), jnp.float32), shapes
    )
    keys, warmth = jax.random.split(jax.random.key(0), 2), jnp.float32(0.8)

    @jax.jit
    def both_ways(variables):
        image, drawn = objective.drawn(variables, keys, warmth)
        again = []
        for number, (tier, (below, own)) in enumerate(zip(tiers, split_tiers(image, 2))):
            raw = tier.apply(variables.of(f"tier_{number + 1}"), own, below)
            draw = partial(jax.random.uniform, shape=(*own.shape[1:], 2), minval=1e-7)
            noise = jnp.stack([draw(jax.random.fold_in(keys[n], number)) for n in range(2)])
            again.append(LAW.sample(raw, noise, warmth)[..., 0].clip(-1.2, 1.5))
        return image, drawn, again

    image, drawn, again = both_ways(variables)
    assert image.shape == (2, 3, 4)
    for (_, own), one, other in zip(split_tiers(image, 2), drawn, again):
        np.testing.assert_allclose(own, one, atol=1e-6)
        np.testing.assert_allclose(other, own, rtol=1e-4, atol=2e-4)
    # Weights that run away within a frame.
    image, _, _ = both_ways(jax.tree.map(lambda leaf: 99 * leaf, variables))
    assert image.min() == np.float32(-1.2) and image.max() == 1.5


class Plain(nn.Module):
    """Densities that depend on nothing but one number."""

    distribution = LAW

    @nn.compact
    def __call__(self, x, below=None):
        w = self.param("w", nn.initializers.normal(), (6,))
        return jnp.broadcast_to(w, (*x.shape, 6))


def test_an_image_s_nats_are_those_of_its_tiers_by_their_bins():
    objective = Tiers((Plain(), Plain(), Plain()), Nothing(), 6)
    given = {"audio": jax.random.normal(jax.random.key(1), (2, 24, 1))}
    params = {f"tier_{n}": {"w": np.float32(RNG.normal(size=6))} for n in (1, 2, 3)}
    said = jax.jit(objective.predict)(Variables(params), given, jax.random.key(0))
    assert len({*np.asarray(said["tier_nats"]).ravel().tolist()}) == 6
    sizes = np.array([6, 6, 12])
    np.testing.assert_allclose(said["nats"], (said["tier_nats"] * sizes).sum(1) / 24, rtol=1e-5)
