"""Turns of an experiment as shapes and as traced programs: their types and their products."""

from functools import partial

import jax

from zoo import mesh as meshes
from zoo.runs import train as training_runs
from zoo.training import loop, state


def cure(player, rounded):
    """Which layers are meant, and what to do about them."""
    shapes = "; ".join(" x ".join(map(str, sizes)) for sizes in rounded)
    return (
        f"{player}: products of float32 although bfloat16 was asked for ({shapes}). Give the layer "
        "dtype=self.dtype and cast what it gives, nn.Dense(n, dtype=self.dtype)(x)"
        ".astype(jnp.float32), or, where it has to be float32, precision=jax.lax.Precision.HIGHEST"
    )


def abstract_turns(experiment, mesh):
    """State and batch as shapes with their shardings, and the compiled turns, each once."""
    objective, sharding = experiment.objective, meshes.batch_sharding(mesh)
    spec = experiment.data.spec(experiment.batch)
    batch = {k: jax.ShapeDtypeStruct(v.shape, v.dtype, sharding=sharding) for k, v in spec.items()}
    build = partial(state.initial_state, objective, experiment.optimizers, experiment.ema_decay, 0)
    begun = state.abstract(mesh, build, batch)
    host = experiment.data.host_spec(experiment.batch)  # which a turn augments
    batch = {k: jax.ShapeDtypeStruct(v.shape, v.dtype, sharding=sharding) for k, v in host.items()}
    shardings = jax.tree.map(lambda leaf: leaf.sharding, begun)
    schedule = training_runs.schedule(experiment)
    turns = loop.compile_turns(mesh, objective, experiment.optimizers, schedule, shardings)
    return begun, batch, {id(run): (turn, run) for turn, run in turns}.values()


def floats(tree):
    leaves = [x.dtype for x in jax.tree.leaves(tree)]
    return {kind.name for kind in leaves if jax.numpy.issubdtype(kind, jax.numpy.floating)}


def products(jaxpr):
    """(types, whether whole, sizes) of all convolutions and matrix products, inner ones too."""
    for equation in jaxpr.eqns:
        if equation.primitive.name in ("dot_general", "conv_general_dilated"):
            precision = equation.params["precision"]
            whole = precision is not None and set(precision) == {jax.lax.Precision.HIGHEST}
            operands = [x.aval for x in equation.invars]
            yield {x.dtype.name for x in operands}, whole, [x.shape for x in operands]
        for value in jax.tree.leaves(list(equation.params.values())):
            inner = getattr(value, "jaxpr", value)
            if hasattr(inner, "eqns"):
                yield from products(inner)
