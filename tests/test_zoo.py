"""Properties of every config of the zoo: at full size by shapes alone, and small for real."""

import re
from dataclasses import fields, is_dataclass, replace
from functools import partial

import agreement
import jax
import numpy as np
import pytest
from lowered_turns import abstract_turns, cure, floats, products
from quick_keys import QUICK

from zoo import catalog
from zoo import experiment as experiments
from zoo import mesh as meshes
from zoo.audio import world
from zoo.distributions import Categorical
from zoo.objectives.base import Request
from zoo.runs import contract, inference, trained
from zoo.runs import train as training_runs
from zoo.sampling.rule import SamplerRule
from zoo.training import state

NAMES = list(catalog.config_files())
ROWS = [row.id for entry in catalog.entries() for row in entry.rows]
# A row counts what is learnt, by gradients or by a fit. Systems without any are fitted in closed
# form to each example: nothing of them trains.
UNTRAINED = [entry.name for entry in catalog.entries() if entry.rows[0].parameters == 0]
# Those with parameters but no optimiser are fitted once to the training split.
FITTED = [
    name
    for name in NAMES
    if name not in UNTRAINED and not experiments.find_config(name).experiment().optimizers
]
LEARNERS = [name for name in NAMES if name not in UNTRAINED + FITTED]
# The others' data are obtained by hand: they take their step on noise (test_learns).
EMBEDDED = [name for name in NAMES if name.endswith("_score_render")]


def classes(name):
    """What of a config decides what its programs are: the classes of its objective and networks."""
    found, waiting = set(), [experiments.find_config(name).experiment().objective]
    while waiting:
        part = waiting.pop()
        found.add(type(part))
        inner = [getattr(part, f.name) for f in fields(part)] if is_dataclass(part) else []
        waiting += [x for x in inner if is_dataclass(x) and not isinstance(x, type)]
    return frozenset(found)


def stepping():
    """Configs of which a step is run: the embedded ones, and one of every kind that these lack.

    All others are traced and lowered with their optimisers (bfloat16), and sized by their rows.
    """
    seen = {}
    for name in sorted(LEARNERS, key=lambda name: (name not in EMBEDDED, name)):
        if name in EMBEDDED or classes(name) not in seen.values():
            seen[name] = classes(name)
    return sorted(seen)


@pytest.fixture(scope="module", params=NAMES)
def config(request):
    return experiments.find_config(request.param)


def shapes(experiment):
    spec = experiment.data.spec(experiment.batch)
    variables = jax.eval_shape(experiment.objective.init, jax.random.key(0), spec)
    return spec, variables


@pytest.mark.parametrize("name", ROWS)
def test_every_row_stands_at_the_paper_s_size(name):
    """The parameter count that the row states; the outputs that evaluation reads."""
    config = experiments.find_config(name)
    experiment = config.experiment()
    contract.check_experiment(config.name, experiment)
    spec, variables = shapes(experiment)
    count = inference.count_parameters(variables.params)
    assert count == config.row.parameters, f'let {name} say "parameters": {count:_}'
    assert config.row_of(config.defaults) == config.row
    players = {turn.player for turn in experiment.objective.turns}
    fits = not players and hasattr(experiment.objective, "fit")
    assert players == set(variables.params) or fits
    jax.eval_shape(experiment.objective.predict, variables, spec, jax.random.key(0))


def test_says_what_it_is(config):
    assert config.module.__doc__ and len(config.title) <= 100
    assert all(row.source or not row.reported for row in config.entry.rows)
    assert set(config.entry.smoke) <= set(config.defaults)
    info = config.experiment().data.source.info
    assert info.licence and info.url and info.sample_rate


def test_says_what_outside_agrees(config):
    """In known words, of files that are there; tests/conftest.py sees whether they show it."""
    assert config.entry.agrees or "nothing outside" in " ".join(
        config.module.__doc__.lower().split()
    )
    for path, what in config.entry.agrees.items():
        assert path.startswith("tests/") and len(what) <= 50 and agreement.claimed(what), what
        assert (catalog.configs_folder().parent / path).is_file(), path
        parts = what.split(", ")
        assert all(agreement.claimed(part) for part in parts), f"say what '{what}' is in its words"


@pytest.fixture(scope="module", params=stepping())
def learner(request):
    return experiments.find_config(request.param)


@pytest.fixture(scope="module", autouse=True)
def quick():
    """First weights of a generator that compiles at once."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch.setattr(state, "GENERATOR", QUICK)


@pytest.fixture(scope="module")
def small(learner):
    """A config with SMOKE, and its first state."""
    experiment = learner.experiment(**learner.entry.smoke)
    mesh = meshes.make_mesh()
    build = partial(
        state.initial_state, experiment.objective, experiment.optimizers, experiment.ema_decay, 0
    )
    batch = fake_batch(experiment)
    begun, shardings = state.init_sharded(mesh, build, meshes.global_batch(mesh, batch))
    return experiment, mesh, begun, shardings, batch


def fake_batch(experiment):
    """Noise in the shapes of the data, integers and masks within their range."""
    random = np.random.default_rng(0)

    def fill(key, value):
        if key.endswith("known"):
            return np.ones_like(value)
        if value.dtype.kind in "iu":
            return random.integers(0, 2, value.shape).astype(value.dtype)
        if key in ("tags", "roll", "onsets", "offsets", "frames"):
            return (random.random(value.shape) < 0.3).astype(value.dtype)
        return random.uniform(-0.5, 0.5, value.shape).astype(value.dtype)

    return {k: fill(k, v) for k, v in experiment.data.spec(experiment.batch).items()}


# Whose turns reach a part of their player each: magnitudes alone never pass the second net.
PARTIAL = {"refiner_score_render"}


def test_learns(small, request):
    """One round of turns is finite, every leaf of every player gets a gradient, frozen stay."""
    experiment, mesh, begun, _, batch = small
    objective = experiment.objective
    variables = jax.device_get(begun.variables)
    dead: dict[str, set[str]] = {}
    partial_turns = any(name in request.node.name for name in PARTIAL)
    for turn in objective.turns:
        run = jax.jit(partial(gradient_of, turn))
        value, gradient = run(begun.variables, meshes.global_batch(mesh, batch))
        assert np.isfinite(value), turn.player
        paths = jax.tree_util.tree_leaves_with_path(gradient)
        named = {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in paths}
        wild = [path for path, leaf in named.items() if not np.all(np.isfinite(leaf))]
        assert not wild, f"no finite gradient for {turn.player}: {wild}"
        still = {path for path, leaf in named.items() if not np.any(leaf)}
        before = dead.get(turn.player, still)
        dead[turn.player] = before & still if partial_turns else before | still
    exempt = getattr(objective, "zero_gradient_at_init", ())
    for player, paths in dead.items():
        left = sorted(path for path in paths if not any(word in path for word in exempt))
        assert not left, (
            f"no gradient for {player}: {left}; leave out what the output does not "
            "depend on, or name it in the objective's `zero_gradient_at_init` and say why"
        )
    after = jax.device_get(begun.variables)
    jax.tree.map(np.testing.assert_array_equal, variables.frozen, after.frozen)


def gradient_of(turn, variables, batch):
    (value, _), gradient = differentiated(turn, variables, batch)
    return value, gradient


def differentiated(turn, variables, batch):
    """((loss, (new collections, metrics)), gradient) of a turn."""

    def loss(params):
        players = {**variables.params, turn.player: params}
        return turn.loss(variables.replace(params=players), batch, jax.random.key(1), 0)

    return jax.value_and_grad(loss, has_aux=True)(variables.params[turn.player])


def test_predicts_and_generates_again_without_compiling(small):
    """Equal objectives, other seeds and temperatures use the programs of the first call."""
    experiment, mesh, begun, _, batch = small
    objective, info = experiment.objective, experiment.data.source.info
    time = np.arange(info.sample_rate // 4)
    tune = 0.5 * np.sin(2 * np.pi * 220 / info.sample_rate * time, dtype=np.float32)[:, None]
    source = tune if getattr(objective, "needs_source", False) else None
    notes = NOTES if getattr(objective, "needs_notes", False) else None
    text = objective.characters.example if getattr(objective, "needs_text", False) else None
    if hasattr(objective, "tracker"):  # instead of published weights
        objective = replace(objective, tracker=at_220_hertz)

    def use(seed):
        inference.predictor(replace(objective), mesh)(begun.variables)(batch)
        if hasattr(objective, "generate"):
            rule = SamplerRule(0.5 + seed)
            domain = getattr(objective, "domains", ("",))[0]
            given = {"source": source, "notes": notes, "domain": domain, "text": text}
            request = Request(1700, 2, seed, rule, **given)
            list(replace(objective).generate(begun.variables, request))

    use(0)
    assert not compiled(partial(use, 1))


NOTES = {"onset": [0.0], "offset": [0.05], "pitch": [60], "velocity": [90]}


def at_220_hertz(audio, hop):
    frames = -(-len(audio) // hop)
    return np.full(frames, 220.0), np.ones(frames)


def compiled(act):
    """How often XLA was asked for a program, from disk or anew, while `act` ran."""
    events = []

    def listen(name, seconds, **_):
        events.extend([name] * (name == "/jax/core/compile/backend_compile_duration"))

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        act()
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    return len(events)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in EMBEDDED if name not in UNTRAINED])
def test_trains_evaluates_and_sounds(name, tmp_path):
    """Through the library as the scripts call it: train, evaluate, sample."""
    if name.startswith("voice_vocoder") and not world.world_installed():
        pytest.skip("pyworld is not installed: it is the extra `voice`")
    learner = experiments.find_config(name)
    arguments = {**learner.defaults, **learner.entry.smoke}
    experiment = learner.experiment(**arguments)
    assert training_runs.train(
        learner, arguments, tmp_path / "run", allow_change=False, board=False
    )
    found = trained.load_trained(tmp_path / "run", step="latest")
    from zoo.report import results

    report = results.evaluate(found, "test", limit=8)  # of fewer, tags may be without both classes
    assert report.metrics and all(np.isfinite(v) for v in report.metrics.values())
    generate = getattr(experiment.objective, "generate", None)
    if generate is not None and not getattr(experiment.objective, "needs_source", False):
        notes = NOTES if getattr(experiment.objective, "needs_notes", False) else None
        speaks = getattr(experiment.objective, "needs_text", False)
        text = experiment.objective.characters.example if speaks else None
        request = Request(length=700, count=2, chunk=256, notes=notes, text=text)
        audio = np.concatenate(list(generate(found.variables, request)), 1)
        assert audio.shape[:2] == (2, 700) and np.all(np.isfinite(audio))
        assert np.abs(audio).max() <= 1.0


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in EMBEDDED if name in UNTRAINED])
def test_untrained_systems_evaluate(name, tmp_path):
    """As `evaluate.py --config` calls them; the same numbers each time."""
    config = experiments.find_config(name)
    words = [f"{key}={value}" for key, value in config.entry.smoke.items()]
    found = trained.untrained(config, words)
    assert not found.experiment.objective.turns and not found.experiment.optimizers
    assert not jax.tree.leaves(found.variables)
    from zoo.report import results

    report = results.evaluate(found, "test", limit=2, folder=tmp_path)
    assert report.metrics and all(np.isfinite(v) for v in report.metrics.values())
    again = results.evaluate(found, "test", limit=2, folder=tmp_path)
    assert again.metrics == report.metrics


LOGITS = Categorical().codes
# Of the linear algebra that JAX gives to a library; a call of Python's would be a callback.
LIBRARIES = {"LuDecomposition", "cusolver_getrf_ffi", "cu_lu_pivots_to_permutation"}


@pytest.mark.parametrize("name", LEARNERS)
def test_trains_in_bfloat16_on_eight_gpus_or_tpus(name):
    """By tracing and lowering alone, every turn as the loop has it, with its optimiser.

    What is kept is float32. What is multiplied in float32 although bfloat16 was asked for has its
    reasons, for which the defaults of GPUs and TPUs, 10 and 7 bits, will not do either: all but
    logits and networks that are frozen.
    """
    config = experiments.find_config(name)
    experiment = config.experiment(**config.entry.smoke | {"batch": 8}, bfloat16=True)
    auto = (jax.sharding.AxisType.Auto,) * 2
    mesh = jax.sharding.AbstractMesh((4, 2), ("data", "fsdp"), axis_types=auto)
    begun, batch, turns = abstract_turns(experiment, mesh)
    assert floats(begun) == {"float32"}
    for turn, run in turns:
        traced = run.trace(begun, batch, jax.ShapeDtypeStruct((), "int32"))
        assert floats(traced.out_info) == {"float32"}, turn.player
        found = list(products(traced.jaxpr.jaxpr))
        assert any(kinds == {"bfloat16"} for kinds, _, _ in found), turn.player
        rounded = [
            sizes
            for kinds, whole, sizes in found
            if kinds != {"bfloat16"}
            and not whole
            and LOGITS not in sum(sizes, ())
            and not begun.variables.frozen
        ]
        assert not rounded, cure(turn.player, rounded)
        text = traced.lower(lowering_platforms=("cuda", "tpu")).as_text()
        donated = re.findall("jax.buffer_donor|tf.aliasing_output", text)
        assert len(donated) == len(jax.tree.leaves(begun)), turn.player
        assert set(re.findall(r"custom_call @([\w.]+)", text)) <= LIBRARIES, turn.player


BFLOAT16 = ["samplecnn_score_render", "wave_unet_score_render", "wavenet_score_render"]


@pytest.mark.parametrize("name", BFLOAT16)
def test_bfloat16_computes_close_to_float32_and_keeps_its_weights(name):
    config = experiments.find_config(name)
    losses = []
    for bfloat16 in (False, True):
        experiment = config.experiment(**config.entry.smoke, bfloat16=bfloat16)
        batch = fake_batch(experiment)
        variables = jax.jit(experiment.objective.init)(jax.random.key(0, impl=QUICK), batch)
        assert {x.dtype.name for x in jax.tree.leaves(variables.params)} == {"float32"}
        (turn,) = experiment.objective.turns
        losses.append(float(jax.jit(turn.loss)(variables, batch, jax.random.key(1), 0)[0]))
    assert np.isfinite(losses).all() and losses[0] != losses[1]
    np.testing.assert_allclose(losses[1], losses[0], rtol=0.05)
