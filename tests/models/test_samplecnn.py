import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from zoo.errors import BadInput
from zoo.models.classification.samplecnn import SampleCNN

KEY = jax.random.key(0, impl="unsafe_rbg")  # compiles six times faster than threefry
TINY = SampleCNN(m=2, depth=3, stem=2, labels=3, first=8, middle=8, last=16, mean=0, std=1)


def shapes(model):
    x = jax.ShapeDtypeStruct((1, model.samples, 1), jnp.float32)
    return jax.eval_shape(
        lambda key, x: model.init_with_output(
            key, x, mutable=["params", "batch_stats", "intermediates"]
        ),
        jax.random.key(0),
        x,
    )


@pytest.mark.parametrize(
    "m, depth, stem, samples, parameters",
    [
        (3, 9, 3, 59_049, 1_869_874),
        (2, 13, 2, 16_384, 1_872_818),
        (2, 14, 2, 32_768, 2_004_658),
        (4, 6, 4, 16_384, 1_605_554),
        (4, 7, 4, 65_536, 1_868_466),
        (5, 5, 5, 15_625, 1_604_914),
        (5, 6, 5, 78_125, 1_933_362),
    ],
)
def test_parameters_and_lengths_are_the_papers(m, depth, stem, samples, parameters):
    model = SampleCNN(m, depth, stem)
    output, variables = shapes(model)
    assert model.samples == samples and output.shape == (1, 50)
    assert sum(leaf.size for leaf in jax.tree.leaves(variables["params"])) == parameters
    last = variables["intermediates"][f"module_{depth}"]["output"][0]
    assert last.shape == (1, 1, 512)


@pytest.mark.parametrize("stem, depth", [(256, 6), (128, 7), (64, 8), (16, 10), (4, 12)])
def test_every_first_filter_of_the_table_keeps_the_input_length(stem, depth):
    model = SampleCNN(2, depth, stem)
    assert model.samples == 16_384
    assert shapes(model)[1]["intermediates"]["module_1"]["output"][0].shape[1] == 8_192 // stem


def tones(batch):
    time = jnp.arange(16)
    frequencies = jnp.array([0.5, 1.5, 2.8])
    labels = jnp.arange(batch) % 3
    phase = jax.random.uniform(jax.random.key(1), (batch, 1)) * 6
    return jnp.sin(frequencies[labels][:, None] * time + phase)[..., None], jax.nn.one_hot(
        labels, 3
    )


def test_a_tiny_member_learns_tones():
    x, tags = tones(48)
    model = TINY.clone(momentum=0.9)
    variables = jax.jit(model.init)(KEY, x)
    optimiser = optax.adam(1e-2)

    def loss(params, stats, key):
        logits, new = model.apply(
            {"params": params, **stats},
            x,
            train=True,
            rngs={"dropout": key},
            mutable=["batch_stats"],
        )
        return optax.sigmoid_binary_cross_entropy(logits, tags).mean(), new

    @jax.jit
    def step(carry, key):
        params, stats, state = carry
        (value, stats), grads = jax.value_and_grad(loss, has_aux=True)(params, stats, key)
        updates, state = optimiser.update(grads, state)
        return (optax.apply_updates(params, updates), stats, state), value

    params, stats = variables["params"], {"batch_stats": variables["batch_stats"]}
    carry = (params, stats, optimiser.init(params))
    (params, stats, _), _ = jax.lax.scan(step, carry, jax.random.split(KEY, 150))
    logits = jax.jit(model.apply)({"params": params, **stats}, x)
    assert np.mean(np.argmax(logits, -1) == np.argmax(tags, -1)) > 0.95


def test_training_drops_out_and_longer_inputs_average():
    x, _ = tones(4)
    variables = jax.jit(TINY.init)(KEY, x)

    @jax.jit
    def noisy(key):
        return TINY.apply(variables, x, train=True, rngs={"dropout": key}, mutable=True)[0]

    first, second = noisy(KEY), noisy(jax.random.fold_in(KEY, 1))
    assert not np.allclose(first, second)
    twice = jnp.concatenate([x, x], 1)
    assert jax.eval_shape(TINY.apply, variables, twice).shape == (4, 3)
    with pytest.raises(BadInput, match=r"takes \[B 16 1\]"):
        TINY.apply(variables, x[:, :15])
    low = jax.jit(TINY.clone(dtype=jnp.bfloat16).apply)(variables, x)
    assert low.dtype == jnp.float32
    np.testing.assert_allclose(low, jax.jit(TINY.apply)(variables, x), atol=0.1)
