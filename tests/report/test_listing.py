"""What `zoo info` says of a system: its cost counted as by hand, its receptive field in words."""

import jax
import jax.numpy as jnp
import pytest

from zoo import experiment
from zoo.report import flops, listing


def test_a_loop_counts_as_often_as_it_runs():
    def powers(matrix, x, count):
        return jax.lax.fori_loop(0, count, lambda _, y: matrix @ y, x)

    matrix, x = jnp.zeros((7, 7)), jnp.zeros((7, 5))
    once, known = flops.count_flops(lambda m, y: m @ y, matrix, x)
    assert known and once == 2 * 7 * 7 * 5
    loop, known = flops.count_flops(
        lambda m, y: jax.jit(powers, static_argnums=2)(m, y, 11), matrix, x
    )
    assert known and 11 * once <= loop <= 12 * once
    assert flops.count_flops(powers, matrix, x, 11)[1] is False  # it is a number of the run


@pytest.mark.parametrize(
    "name, field, cost",
    [
        # 174,496 weights and biases, but for the embedding, are used once per sample: 2 x 16,000.
        ("wavenet_score_render", "2,047 samples = 127.9 ms", "5.32 GFLOP"),
        ("vqvae_prior_score_render", "65,598 samples = 4099.9 ms", None),
        ("ica_score_render", "the whole input", None),
        ("wavegan_score_render", "none (audio is made of a random vector)", None),
    ],
)
def test_info_gives_receptive_field_and_cost(name, field, cost):
    config = experiment.find_config(name)
    lines = listing.info(config, config.defaults).splitlines()
    assert f"receptive field: {field}" in lines
    assert lines[-1].startswith("cost: ") and (cost or "FLOP per second of input") in lines[-1]
    assert ("counted once" in lines[-1]) == (name == "ica_score_render")
