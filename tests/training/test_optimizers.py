"""Every optimiser and schedule step by step against torch, Keras' formulas or Optax itself."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from zoo.training import optimizers as zoo

sys.path.insert(0, str(Path(__file__).parents[1] / "recipes"))
import expected_optimizers

STEPS = 7
START = {"dense": {"kernel": np.array([[0.5, -1.0], [2.0, 0.3]]), "bias": np.array([0.1, -0.2])}}
RNG = np.random.default_rng(0)
GRADIENTS = [jax.tree.map(lambda w: RNG.normal(size=w.shape) * 3, START) for _ in range(STEPS)]


def ours(optimizer):
    """The parameters after every step."""
    params = jax.tree.map(jnp.asarray, START)
    state, path = optimizer.init(params), []
    for gradient in GRADIENTS:
        updates, state = optimizer.update(jax.tree.map(jnp.asarray, gradient), state, params)
        params = optax.apply_updates(params, updates)
        path.append(params)
    return path


def theirs(make, decayed=("kernel", "bias"), clip=None, schedule=None, scaled=None):
    """The same by a torch optimiser. decayed: with its weight decay; scaled: (name, factor)."""
    torch = pytest.importorskip("torch")
    weights = {k: torch.nn.Parameter(torch.tensor(v)) for k, v in START["dense"].items()}
    groups = []
    for name, weight in weights.items():
        group = {"params": [weight]}
        if name not in decayed:
            group["weight_decay"] = 0.0
        groups.append(group)
    optimizer = make(torch.optim, groups)
    if scaled:
        groups[list(weights).index(scaled[0])]
        optimizer.param_groups[list(weights).index(scaled[0])]["lr"] *= scaled[1]
    falls = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule) if schedule else None
    path = []
    for gradient in GRADIENTS:
        for name, weight in weights.items():
            weight.grad = torch.tensor(gradient["dense"][name])
        if clip:
            torch.nn.utils.clip_grad_norm_(weights.values(), clip)
        optimizer.step()
        if falls:
            falls.step()
        path.append({"dense": {k: w.detach().numpy().copy() for k, w in weights.items()}})
    return path


CASES = {
    "adam": (
        lambda: zoo.adam(0.01, b1=0.5, b2=0.9, eps=1e-3),
        lambda: theirs(lambda o, g: o.Adam(g, 0.01, (0.5, 0.9), 1e-3)),
    ),
    "adamw": (
        lambda: zoo.adam(0.01, b1=0.8, b2=0.99, weight_decay=0.3),
        lambda: theirs(lambda o, g: o.AdamW(g, 0.01, (0.8, 0.99), weight_decay=0.3)),
    ),
    "clipped": (
        lambda: zoo.adam(0.01, clip_norm=0.7, eps=1.0),
        lambda: theirs(lambda o, g: o.Adam(g, 0.01, eps=1.0), clip=0.7),
    ),
    "nesterov": (
        lambda: zoo.nesterov(0.01, momentum=0.8, clip_norm=2.0),
        lambda: theirs(lambda o, g: o.SGD(g, 0.01, momentum=0.8, nesterov=True), clip=2.0),
    ),
    "muon": (  # torch's rounds to bfloat16
        lambda: zoo.muon(0.02, zoo.adam(0.01)),
        lambda: expected_optimizers.muon(0.02, 0.01).path(START, GRADIENTS, 0),
    ),
    "muon_and_adam": (
        lambda: zoo.muon_and_adam(0.02, 0.01, 100, clip_norm=2.0),
        lambda: expected_optimizers.muon(
            expected_optimizers.cosine(0.02, 100, 50),
            expected_optimizers.cosine(0.01, 100, 50),
            clip=2.0,
        ).path(START, GRADIENTS, 0),
    ),
    "l2_regularisation": (
        lambda: optax.chain(zoo.l2_regularisation(0.3), zoo.adam(0.01)),
        lambda: theirs(lambda o, g: o.Adam(g, 0.01, weight_decay=0.3)),
    ),
    "kernel_penalty": (
        lambda: optax.chain(zoo.kernel_penalty(0.3), zoo.adam(0.01)),
        lambda: theirs(lambda o, g: o.Adam(g, 0.01, weight_decay=0.3), decayed=("kernel",)),
    ),
    "scale_learning_rate": (
        lambda: zoo.scale_learning_rate(zoo.adam(0.01), "dense/bias", 5.0),
        lambda: theirs(lambda o, g: o.Adam(g, 0.01), scaled=("bias", 5.0)),
    ),
    "inverse_time": (
        lambda: zoo.nesterov(zoo.inverse_time(0.01, 0.5)),
        lambda: theirs(
            lambda o, g: o.SGD(g, 0.01, momentum=0.9, nesterov=True),
            schedule=lambda step: 1 / (1 + 0.5 * step),
        ),
    ),
    "halving": (
        lambda: zoo.adam(zoo.halving(0.01, 3)),
        lambda: theirs(lambda o, g: o.Adam(g, 0.01), schedule=lambda step: 0.5 ** (step // 3)),
    ),
    "noam": (
        lambda: zoo.adam(zoo.noam(64, 3)),
        lambda: theirs(
            lambda o, g: o.Adam(g, 0.01),
            schedule=lambda step: 12.5 * min((step + 1) * 3**-1.5, (step + 1) ** -0.5),
        ),
    ),
    "warmup_cosine": (
        lambda: zoo.adam(zoo.warmup_cosine(0.01, STEPS, 2)),
        lambda: theirs(
            lambda o, g: o.Adam(g, 0.01),
            schedule=lambda step: (
                step / 2 if step < 2 else 0.5 * (1 + np.cos(np.pi * (step - 2) / (STEPS - 2)))
            ),
        ),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_every_step_equals_torch(name):
    make, reference = CASES[name]
    mine = ours(make())
    for step, (a, b) in enumerate(zip(mine, reference())):
        for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b)):
            np.testing.assert_allclose(x, y, rtol=2e-5, atol=2e-6, err_msg=f"step {step + 1}")


def test_every_optimiser_and_schedule_is_compared():
    """A new one needs a case here."""
    public = {n: f for n, f in vars(zoo).items() if getattr(f, "__module__", "") == zoo.__name__}
    given = {n: f.__annotations__.get("return") for n, f in public.items() if n[0] != "_"}
    kinds = ("optax.GradientTransformation", "optax.Schedule")
    named = {n for n, kind in given.items() if kind in kinds} - {"unit_filters", "freeze_parts"}
    assert named == set(CASES) - {"adamw"}


def test_no_warm_up_longer_than_the_training():
    rates = [float(zoo.warmup_cosine(1e-3, 1, 50)(step)) for step in range(2)]
    assert rates == [pytest.approx(1e-3), 0.0]


def test_unit_filters_have_norm_one_after_each_step():
    """The kernel is where the bare optimiser's step leads, each filter divided by its norm."""
    random = np.random.default_rng(0)
    kernel = jnp.asarray(random.normal(size=(3, 2, 4, 5)), jnp.float32)
    params = {"conv": {"kernel": kernel, "bias": jnp.array([3.0, 4.0])}}
    slopes = jax.tree.map(lambda p: jnp.asarray(random.normal(size=p.shape), jnp.float32), params)
    bare = optax.sgd(0.1)
    held = zoo.unit_filters(bare)
    updates, _ = held.update(slopes, held.init(params), params)
    found = optax.apply_updates(params, updates)["conv"]
    free = jax.tree.map(lambda p, g: np.asarray(p - 0.1 * g), params, slopes)["conv"]
    norms = np.sqrt((free["kernel"] ** 2).sum((0, 1, 2)))
    np.testing.assert_allclose(found["kernel"], free["kernel"] / norms, atol=1e-6)
    np.testing.assert_allclose(found["bias"], free["bias"], atol=1e-6)
