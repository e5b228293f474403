"""The queues of a sampler: written alike on every device, in the form that each takes well."""

import jax
import jax.numpy as jnp
import numpy as np

from zoo.layers.queues import Queues, slice_by_slice


def test_the_queues_are_written_alike_on_every_device():
    """On TPUs in slices, where a scatter keeps the weights of the loop out of the chip's memory."""
    layout, rng = Queues(3, (1, 2, 4, 1)), np.random.default_rng(0)
    carry = layout.initial(2, 5)
    buffer = jnp.asarray(rng.normal(size=carry["buffer"].shape), jnp.float32)
    write = jax.jit(layout.write)
    for clock in range(9):
        carry, inputs = {"buffer": buffer, "clock": jnp.int32(clock)}, rng.normal(size=(4, 2, 5))
        rows = layout._rows(jnp.int32(clock))[:, 0]
        sliced = slice_by_slice(buffer, rows, jnp.asarray(inputs, jnp.float32))
        np.testing.assert_array_equal(write(carry, inputs)["buffer"], sliced)
        for row, new in zip(np.asarray(rows), inputs):
            np.testing.assert_allclose(sliced[row], new, rtol=1e-6)
        buffer = sliced
    traced = write.trace(carry, inputs)
    for platform, scatters in (("cpu", 1), ("cuda", 1), ("tpu", 0)):
        text = traced.lower(lowering_platforms=(platform,)).as_text()
        assert text.count('"stablehlo.scatter"') == scatters, platform
        assert text.count("stablehlo.dynamic_update_slice") == (0 if scatters else 4)
