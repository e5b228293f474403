"""The loop carries every way of learning, survives bad batches, and resumes exactly."""

import io
import json
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import soundfile

sys.path.insert(0, str(Path(__file__).parent))
from toys import TOYS, Adversaries, draws, hooks

from zoo import mesh as meshes
from zoo.errors import BadInput
from zoo.objectives.base import Turn
from zoo.training import loop, state, step
from zoo.training.log import Log, read
from zoo.training.stages import (
    Stage,
    StageState,
    by_steps,
    fall_when_worst,
    falling,
    reduce_on_plateau,
)


def optimizers(objective):
    return {turn.player: optax.adam(0.05) for turn in objective.turns}


def begin(objective, ema_decay=0.9):
    mesh = meshes.make()
    build = partial(state.initial, objective, optimizers(objective), ema_decay, 0)
    batch = meshes.global_batch(mesh, next(draws(0)))
    return mesh, *state.init_sharded(mesh, build, batch)


KNOWN = (
    "poison",
    "saved",
    "scores",
    "stop",
    "monitor",
    "best",
    "recalibrate",
    "evaluated",
)  # options that are the hooks'


def train(tmp_path, objective, steps, begun=None, at=None, **options):
    mesh, fresh, _ = begin(objective)
    known = {k: options.pop(k) for k in KNOWN if k in options}
    options = {"evaluate_every": 100, **options}
    schedule = loop.Schedule(steps, ema_decay=0.9, log_every=1, **options)
    if begun is None:
        begun = fresh
    else:
        begun = jax.device_put(begun, meshes.state_shardings(mesh, begun))
    log = Log(tmp_path, int(begun.step), steps, active=True, board=False)
    try:
        return loop.fit(
            mesh,
            objective,
            optimizers(objective),
            schedule,
            begun,
            at or StageState(),
            hooks(**known),
            log,
        )
    finally:
        log.close()


def same(one, two):
    return all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(two)))


@pytest.mark.parametrize("name", TOYS)
def test_losses_fall_and_frozen_parts_stay(tmp_path, name):
    objective = TOYS[name]
    _, begun, _ = begin(objective)
    frozen = jax.device_get(begun.variables.frozen)
    final, complete = train(tmp_path, objective, 40)
    assert complete and int(final.step) == 40
    assert same(final.variables.frozen, frozen)
    lines = read(tmp_path / "metrics.jsonl")
    assert [line["step"] for line in lines if "rejected" in line] == list(range(1, 41))
    if name not in ("adversaries", "late"):
        losses = [line["loss"] for line in lines if "loss" in line]
        assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])


def test_players_alternate_on_fresh_batches(tmp_path):
    objective = TOYS["adversaries"]
    final, _ = train(tmp_path, objective, 5)
    discriminator, generator = (
        final.optimizers[p][0].count for p in ("discriminator", "generator")
    )
    assert (int(discriminator), int(generator)) == (15, 5)


def test_a_late_player_rests_and_draws_nothing_until_its_round(tmp_path, capsys):
    """Its turns are in rounds 4 and 5 of 0 to 5: 4 batches before them, then 4 a round."""
    objective = TOYS["late"]
    saved, poison = {}, (5,)
    final, _ = train(tmp_path, objective, 6, saved=saved, poison=poison)
    _, begun, _ = begin(objective)
    assert same(
        saved[4][0].variables.params["discriminator"], begun.variables.params["discriminator"]
    )
    critic, generator = (final.optimizers[p][0].count for p in ("discriminator", "generator"))
    assert (int(critic), int(generator)) == (5, 6)  # one of the six had the poisoned batch
    assert (
        "step 5" in (said := capsys.readouterr().err) and "track4, track5, track6, track7" in said
    )


def test_the_turn_that_counts_the_rounds_cannot_be_late():
    objective = Adversaries()
    late = (
        Turn("discriminator", objective.discriminator),
        Turn("generator", objective.generator, begin=1),
    )
    mesh, _, shardings = begin(objective)
    with pytest.raises(BadInput, match="last turn, of 'generator'"):
        loop.compile_turns(
            mesh, SimpleNamespace(turns=late), optimizers(objective), loop.Schedule(1), shardings
        )


@pytest.mark.parametrize("name", TOYS)
@pytest.mark.parametrize("at", (3, 5))
def test_resumed_equals_uninterrupted(tmp_path, name, at):
    objective = TOYS[name]
    whole, _ = train(tmp_path, objective, 6)
    saved = {}
    train(tmp_path, objective, at, saved=saved)
    rest, _ = train(tmp_path, objective, 6, begun=saved[at][0])
    assert same(whole, rest)


def test_ema_follows_the_weights(tmp_path):
    saved = {}
    final, _ = train(tmp_path, TOYS["student"], 3, saved=saved)
    _, begun, _ = begin(TOYS["student"])
    expected = jax.device_get(begun.variables.params["student"]["w"])
    for count, decay in ((1, 1 / 10), (2, 2 / 11), (3, 3 / 12)):
        weights = saved[count][0].variables.params["student"]["w"]
        expected = decay * expected + (1 - decay) * weights
    np.testing.assert_allclose(final.ema["student"]["w"], expected, rtol=1e-6)
    assert same(final.ema_variables().params, final.ema)


def test_validation_is_of_the_averaged_weights(tmp_path):
    saved, evaluated = {}, {}
    train(tmp_path, TOYS["student"], 6, saved=saved, evaluated=evaluated, evaluate_every=3)
    assert list(evaluated) == [3, 6]
    for done, variables in evaluated.items():
        now = saved[done][0]
        assert same(variables.params, now.ema) and not same(variables.params, now.variables.params)
        assert same(variables.frozen, now.variables.frozen)


def test_ema_forgets_the_first_weights_of_a_short_run():
    average, ones = jnp.zeros(()), jnp.ones(())
    for number in range(100):
        average = step.update_ema(average, ones, 0.99, jnp.asarray(number))
    assert average > 0.9999  # with a constant decay, a third of it would be the first weights
    assert step.update_ema(0.0, 1.0, 0.99, jnp.asarray(10_000)) == pytest.approx(0.01)


def test_non_finite_step_leaves_the_state_and_is_named(tmp_path, capsys):
    saved = {}
    final, _ = train(tmp_path, TOYS["codebook"], 4, poison={2}, saved=saved)
    before, after = saved[2][0], saved[3][0]
    assert same(before.variables, after.variables) and same(before.optimizers, after.optimizers)
    assert same(before.ema, after.ema)
    assert int(final.rejected) == 1 and int(final.streak) == 0
    assert "step 3" in capsys.readouterr().err


def test_ten_non_finite_steps_in_a_row_stop_the_run(tmp_path):
    saved = {}
    with pytest.raises(loop.Diverged, match="10 non-finite turns in a row"):
        train(tmp_path, TOYS["student"], 50, poison=set(range(3, 60)), saved=saved)
    assert max(saved) <= 14


def test_a_player_that_never_takes_a_good_turn_stops_the_run(tmp_path):
    """The generator's turns, which do not hear the data, are all good."""
    with pytest.raises(loop.Diverged, match="non-finite turns in a row, the last at step 12"):
        train(tmp_path, TOYS["adversaries"], 30, poison=set(range(8, 200)))


def test_a_turn_that_a_later_one_of_the_round_hides_is_told(tmp_path, capsys):
    final, _ = train(tmp_path, TOYS["adversaries"], 4, poison={4})
    assert int(final.rejected) == 1 and "step 2: non-finite turn" in capsys.readouterr().err
    lines = read(tmp_path / "metrics.jsonl")
    rejected = [line["rejected"] for line in lines if "rejected" in line]
    assert rejected == [0, 1, 1, 1]


def test_a_signal_saves_and_ends(tmp_path):
    saved = {}
    final, complete = train(tmp_path, TOYS["student"], 9, saved=saved, stop=lambda step: step == 2)
    assert not complete and int(final.step) == 2 and saved[2][3]


def test_a_monitor_that_is_not_among_the_scores_is_told(tmp_path, capsys):
    train(tmp_path, TOYS["student"], 1)
    assert "monitor" not in capsys.readouterr().err
    train(tmp_path, TOYS["student"], 1, monitor="scor")
    assert "no 'scor', the monitor, among score: none is best" in capsys.readouterr().err


def scales(saved):
    return {step: float(kept[0].learning_rate_scale) for step, kept in saved.items()}


def test_a_plateau_lowers_the_learning_rate_and_ends(tmp_path):
    parts, saved = falling(2, (1.0, 0.1), start="last"), {}
    scores = [1.0, 0.5, 0.5, 0.9, 0.9, 2.0]
    final, complete = train(
        tmp_path, TOYS["student"], 50, evaluate_every=1, stages=parts, saved=saved, scores=scores
    )
    assert complete and int(final.step) == 5
    lines = read(tmp_path / "metrics.jsonl")
    assert [line["step"] for line in lines if "loss" in line] == [1, 2, 3, 4, 5]
    assert scales(saved) == {
        1: 1,
        2: 1,
        3: pytest.approx(0.1),
        4: pytest.approx(0.1),
        5: pytest.approx(0.1),
    }


@pytest.mark.parametrize(
    "factors, choices, scores, end",
    [
        ((1.0,), {}, [1.0, 0.5, 2.0, 0.9, 0.8], 5),  # a better score begins the count anew
        ((1.0,), {"cumulative": True}, [1.0, 0.5, 2.0, 0.9, 0.8], 4),
        ((1.0, 0.1), {}, [9.0, 5.0, 5.0, 6.0, 7.0, 6.0, 6.0], 5),  # the best of all
        ((1.0, 0.1), {"own_best": True}, [9.0, 5.0, 5.0, 6.0, 7.0, 6.0, 6.0], 7),
    ],
    ids=str,
)
def test_when_patience_ends(tmp_path, factors, choices, scores, end):
    parts = falling(2, factors, start="last", **choices)
    final, complete = train(
        tmp_path, TOYS["student"], 50, evaluate_every=1, stages=parts, scores=scores
    )
    assert complete and int(final.step) == end


def test_a_stage_keeps_the_optimiser_s_state_where_asked(tmp_path):
    counts = []
    for keep in (False, True):
        parts, saved = falling(1, (1.0, 0.1), start="last", keep_optimizer=keep), {}
        train(
            tmp_path,
            TOYS["student"],
            50,
            evaluate_every=1,
            stages=parts,
            saved=saved,
            scores=[3.0, 2.0, 1.0],
        )
        counts.append(
            [int(optax.tree_utils.tree_get(saved[n][0].optimizers, "count")) for n in (1, 2, 3)]
        )
    assert counts == [[1, 0, 1], [1, 2, 3]]


def test_reduce_on_plateau_is_torch_s(tmp_path):
    """The learning rates of torch's scheduler over the same scores, step by step."""
    torch = pytest.importorskip("torch")
    scores = [5.0, 4.0, 4.5, 4.2, 4.1, 4.3, 4.4, 3.9, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0]
    weight = torch.nn.Parameter(torch.zeros(1))
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        torch.optim.SGD([weight], 1.0), "min", 0.3, 2, threshold=0.0, cooldown=1, min_lr=0.05
    )
    wanted = []
    for score in scores:
        theirs.step(score)
        wanted.append(theirs.optimizer.param_groups[0]["lr"])
    parts, saved = reduce_on_plateau(2, 0.3, 0.05, cooldown=1), {}
    final, _ = train(
        tmp_path,
        TOYS["student"],
        len(scores),
        evaluate_every=1,
        stages=parts,
        saved=saved,
        scores=[-score for score in scores],
    )
    assert int(final.step) == len(scores)  # at its floor it goes on
    assert list(scales(saved).values()) == pytest.approx(wanted)


def test_a_rate_falls_as_the_tcn_s_authors_let_it(tmp_path):
    """A tenth where a score is worse than the worst of the last three, after so many epochs."""
    losses = [5.0, 4.0, 6.0, 3.0, 3.5, 3.2, 3.1, 3.6, 3.7, 2.0, 2.5, 2.1, 2.2, 2.4, 2.6, 2.0, 3.0]
    begin, rate, seen, wanted = 4, 1.0, [], []
    for epoch, loss in enumerate(losses, 1):
        if epoch > begin and loss > max(seen[-3:]):
            rate /= 10
        seen.append(loss)
        wanted.append(rate)
    parts, saved = fall_when_worst(3, 0.1, 9, begin=begin), {}
    train(
        tmp_path,
        TOYS["student"],
        len(losses),
        evaluate_every=1,
        stages=parts,
        saved=saved,
        scores=[-loss for loss in losses],
    )
    assert list(scales(saved).values()) == pytest.approx(wanted, rel=1e-5)
    assert wanted[-1] == pytest.approx(1e-4)
    counts = [int(optax.tree_utils.tree_get(saved[n][0].optimizers, "count")) for n in (8, 17)]
    assert counts == [8, 17]  # the optimiser's moments go on
    short, complete = train(
        tmp_path,
        TOYS["student"],
        len(losses),
        evaluate_every=1,
        stages=fall_when_worst(3, 0.1, 1, begin=begin),
        scores=[-loss for loss in losses],
    )
    assert complete and int(short.step) == 1 + next(i for i in range(17) if wanted[i] < 0.011)


def two_optimizers(start="last"):
    """Adam for three steps, then SGD from the last weights or the best, then half its steps."""
    sgd = {"student": optax.sgd(0.1)}
    return by_steps(
        (3, Stage()),
        (2, Stage(optimizers=sgd, start=start)),
        (0, Stage(learning_rate_scale=0.5)),
    )


def test_a_stage_has_an_optimiser_of_its_own(tmp_path):
    """From step 3 on, an update is minus 0.1 (then 0.05) of the gradient at the weights before."""
    objective, saved = TOYS["student"], {}
    train(tmp_path, objective, 7, stages=two_optimizers(), saved=saved)
    for done, rate in ((4, 0.1), (5, 0.1), (6, 0.05), (7, 0.05)):
        before, after = (saved[n][0].variables for n in (done - 1, done))
        batch = next(draws(done - 1))

        def loss(params, before=before, batch=batch):
            return objective.loss(before.replace(params=params), batch, None, None)[0]

        gradient = jax.grad(loss)(before.params)
        expected = jax.tree.map(lambda w, g, r=rate: w - r * g, before.params, gradient)
        for a, b in zip(jax.tree.leaves(after.params), jax.tree.leaves(expected)):
            np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("pause", [2, 3, 4, 5, 6])
def test_stages_resume_exactly(tmp_path, pause):
    objective, whole, first = TOYS["student"], {}, {}
    train(tmp_path, objective, 8, stages=two_optimizers(), saved=whole)
    train(
        tmp_path,
        objective,
        8,
        stages=two_optimizers(),
        saved=first,
        stop=lambda step: step == pause,
    )
    kept, at = first[pause][:2]
    rest, _ = train(
        tmp_path, objective, 8, stages=two_optimizers(), begun=kept, at=StageState(**at)
    )
    assert same(whole[8][0], rest)


def test_a_stage_begins_with_the_best_weights_where_asked(tmp_path):
    objective, saved = TOYS["student"], {}
    best = jax.tree.map(jnp.ones_like, begin(objective)[1].variables)
    choices = dict(evaluate_every=1, saved=saved, best=lambda: best)
    train(tmp_path, objective, 3, stages=two_optimizers("best"), scores=[3, 1, 1], **choices)
    assert same(saved[3][0].variables, best)
    train(tmp_path, objective, 3, stages=two_optimizers("best"), scores=[1, 2, 3], **choices)
    assert not same(saved[3][0].variables, best)  # the last were the best, and not on the disk yet
    train(tmp_path, objective, 3, stages=two_optimizers("last"), scores=[3, 1, 1], **choices)
    assert not same(saved[3][0].variables, best)


def test_a_stage_has_an_objective_of_its_own(tmp_path):
    """Other loss weights: here the margin is trained the other way round."""
    from toys import Student

    class Away(Student):
        def loss(self, variables, batch, rng, step):
            value, rest = super().loss(variables, batch, rng, step)
            return -value, rest

    parts = by_steps((20, Stage()), (0, Stage(objective=Away())))
    train(tmp_path, TOYS["student"], 40, stages=parts)
    losses = [line["loss"] for line in read(tmp_path / "metrics.jsonl") if "loss" in line]
    assert losses[19] < losses[0] and losses[20] < 0 and losses[39] < losses[20]


def test_early_stopping_counts_over_all_stages(tmp_path):
    parts, scores = falling(2, (1.0, 0.5, 0.25), start="last", own_best=True), [9.0] + [5.0] * 20
    final, complete = train(
        tmp_path,
        TOYS["student"],
        50,
        evaluate_every=1,
        stages=parts,
        scores=scores,
        early_stopping=1,
    )
    assert complete and int(final.step) == 2
    final, _ = train(
        tmp_path, TOYS["student"], 50, evaluate_every=1, scores=scores, early_stopping=4
    )
    assert int(final.step) == 5


def test_remat_changes_no_gradient(tmp_path):
    plain, _ = train(tmp_path, TOYS["codebook"], 3)
    again, _ = train(tmp_path, TOYS["codebook"], 3, remat=True)
    for a, b in zip(jax.tree.leaves(plain), jax.tree.leaves(again)):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_accumulated_gradients_are_averaged(tmp_path, monkeypatch):
    """By SGD, which a sum would move four times as far; Adam would not tell."""
    sgd = lambda objective: {turn.player: optax.sgd(0.05) for turn in objective.turns}  # noqa: E731
    monkeypatch.setattr(sys.modules[__name__], "optimizers", sgd)
    whole, _ = train(tmp_path, TOYS["student"], 3)
    pieces, _ = train(tmp_path, TOYS["student"], 3, accumulate=4)
    _, begun, _ = begin(TOYS["student"])
    for first, a, b in zip(*(jax.tree.leaves(x.variables.params) for x in (begun, whole, pieces))):
        assert np.abs(np.asarray(a) - first).max() > 1e-3
        np.testing.assert_allclose(a, b, atol=1e-6)
    lines = [line for line in read(tmp_path / "metrics.jsonl") if "loss" in line]
    np.testing.assert_allclose(lines[0]["loss"], lines[-3]["loss"], rtol=1e-5)


def test_accumulated_pieces_equal_the_whole_batch(tmp_path):
    whole, _ = train(tmp_path, TOYS["student"], 3)
    pieces, _ = train(tmp_path, TOYS["student"], 3, accumulate=4)
    for a, b in zip(jax.tree.leaves(whole.variables), jax.tree.leaves(pieces.variables)):
        np.testing.assert_allclose(a, b, atol=2e-6)


def test_batches_are_augmented_inside_the_step_with_numbers_of_their_own(tmp_path):
    """SGD on a linear student: what the loss saw can be told from the weights."""
    seen = []

    def shifted(rng, batch):
        return {**batch, "x": batch["x"] + jax.random.normal(rng, batch["x"].shape)}

    def watched(rng, batch):
        jax.debug.callback(lambda x: seen.append(np.asarray(x)), shifted(rng, batch)["x"])
        return shifted(rng, batch)

    plain, _ = train(tmp_path, TOYS["student"], 3)
    first, _ = train(tmp_path, TOYS["student"], 3, augment=watched)
    again, _ = train(tmp_path, TOYS["student"], 3, augment=shifted)
    assert same(first, again) and not same(first.variables, plain.variables)
    jax.effects_barrier()
    noise = [x - batch["x"] for x, batch in zip(seen, draws(0))]
    assert len(seen) == 3 and all(abs(n.std() - 1) < 0.3 for n in noise)
    assert not np.allclose(noise[0], noise[1]) and not np.allclose(noise[1], noise[2])
    pieces, _ = train(tmp_path, TOYS["student"], 3, augment=shifted, accumulate=4)
    for a, b in zip(jax.tree.leaves(first.variables), jax.tree.leaves(pieces.variables)):
        np.testing.assert_allclose(a, b, atol=2e-6)


def test_a_cut_line_is_dropped_on_resume(tmp_path):
    path = tmp_path / "metrics.jsonl"
    lines = [{"step": n, "loss": 1.0} for n in (1, 2, 3)]
    path.write_text("\n".join(map(json.dumps, lines)) + '\n{"step": 4, "lo')
    Log(tmp_path, 2, 5, active=True, board=False).close()
    assert [line["step"] for line in read(path)] == [1, 2]
    path.write_bytes(path.read_bytes() + b'\x80\xff{"step": 9}\n{"step": 3}\n')
    assert [line["step"] for line in read(path)] == [1, 2, 3]


def test_a_step_compiles_once(tmp_path):
    objective = TOYS["student"]
    mesh, begun, shardings = begin(objective)
    schedule = loop.Schedule(3)
    ((_, run),) = loop.compile_turns(mesh, objective, optimizers(objective), schedule, shardings)
    for batch, _ in zip(draws(0), range(3)):
        begun, _ = run(begun, meshes.global_batch(mesh, batch), jnp.asarray(0))
    assert run._cache_size() == 1


def events(folder):
    """What stands in the one TensorBoard file of a run."""
    from tensorboardX.proto.event_pb2 import Event

    (file,) = (folder / "tensorboard").iterdir()
    data = file.read_bytes()
    while data:  # length (8 bytes), its checksum (4), event, its checksum (4)
        size = int.from_bytes(data[:8], "little")
        event, data = Event.FromString(data[12 : 12 + size]), data[16 + size :]
        yield event


def test_tensorboard_keeps_the_step_that_a_run_resumes_from(tmp_path):
    """As metrics.jsonl does; TensorBoard hides what stands at or beyond the step of a START."""
    Log(tmp_path, 2, 5, active=True, board=True).close()
    assert [e.step for e in events(tmp_path) if e.session_log.status] == [3]


def test_tensorboard_hears_both_channels_at_their_rate(tmp_path):
    log = Log(tmp_path, 0, 5, active=True, board=True)
    stereo = np.stack([np.linspace(-1, 1, 40), np.zeros(40)], 1).astype(np.float32)
    log.audio(1, "samples/x", stereo, 8000)
    log.close()
    (value,) = (v for e in events(tmp_path) for v in e.summary.value)
    heard, rate = soundfile.read(io.BytesIO(value.audio.encoded_audio_string))
    assert rate == 8000
    np.testing.assert_allclose(heard, stereo, atol=1e-4)
