"""The loop carries every way of learning, survives bad batches, and resumes exactly."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

sys.path.insert(0, str(Path(__file__).parent))
import toy_runs
from toy_runs import begin, optimizers, same, train
from toys import TOYS, Adversaries, Student, draws

from zoo import mesh as meshes
from zoo.errors import BadInput
from zoo.objectives.base import Turn
from zoo.training import loop, step
from zoo.training.log import Log, read_metrics


@pytest.mark.parametrize("name", TOYS)
def test_losses_fall_and_frozen_parts_stay(tmp_path, name):
    objective = TOYS[name]
    _, begun, _ = begin(objective)
    frozen = jax.device_get(begun.variables.frozen)
    final, complete = train(tmp_path, objective, 40)
    assert complete and int(final.step) == 40
    assert same(final.variables.frozen, frozen)
    lines = read_metrics(tmp_path / "metrics.jsonl")
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
    """The generator's turns, which do not read the data, are all good."""
    with pytest.raises(loop.Diverged, match="non-finite turns in a row, the last at step 12"):
        train(tmp_path, TOYS["adversaries"], 30, poison=set(range(8, 200)))


def test_a_turn_that_a_later_one_of_the_round_hides_is_reported(tmp_path, capsys):
    final, _ = train(tmp_path, TOYS["adversaries"], 4, poison={4})
    assert int(final.rejected) == 1 and "step 2: non-finite turn" in capsys.readouterr().err
    lines = read_metrics(tmp_path / "metrics.jsonl")
    rejected = [line["rejected"] for line in lines if "rejected" in line]
    assert rejected == [0, 1, 1, 1]


class Saturated(Student):
    """A student that is where its tanh is flat from step 5 on."""

    def loss(self, variables, batch, rng, step):
        flat = jnp.where(step < 5, 1.0, 0.0)
        value, rest = super().loss(variables, batch, rng, step)
        return flat * value + jax.lax.stop_gradient((1 - flat) * value), rest


def test_a_gradient_that_stays_zero_is_told_once(tmp_path, capsys):
    train(tmp_path, Saturated(), 40)
    told = [x for x in capsys.readouterr().err.splitlines() if "gradient of 'student' was 0" in x]
    assert len(told) == 1 and "step 15:" in told[0]
    train(tmp_path, Student(), 20)
    assert "gradient of" not in capsys.readouterr().err


def test_sums_of_squares_and_of_what_is_not_finite():
    """As optax has the norm; one wrong number among many is found, wherever it is."""
    tree = {"a": jnp.arange(6.0).reshape(2, 3), "b": jnp.full(3, -2.0), "c": jnp.zeros(())}
    sums = [jnp.sum(jnp.square(x)) for x in jax.tree.leaves(tree)]
    assert float(step.root_of_sum(sums)) == pytest.approx(float(optax.tree.norm(tree)))
    assert (
        step.root_of_sum([]) == 0 and step.all_finite({}) and step.all_finite({"n": jnp.arange(3)})
    )
    assert step.all_finite(tree | {"count": jnp.ones(2, int)})
    for wrong in (jnp.nan, jnp.inf, -jnp.inf):
        assert not step.all_finite(tree | {"b": tree["b"].at[1].set(wrong)})
    assert not jnp.isfinite(step.root_of_sum([jnp.ones(()), jnp.asarray(jnp.inf)]))


def test_a_signal_saves_and_ends(tmp_path):
    saved = {}
    final, complete = train(tmp_path, TOYS["student"], 9, saved=saved, stop=lambda step: step == 2)
    assert not complete and int(final.step) == 2 and saved[2][3]


def test_a_monitor_that_is_not_among_the_scores_is_reported(tmp_path, capsys):
    train(tmp_path, TOYS["student"], 1)
    assert "monitor" not in capsys.readouterr().err
    train(tmp_path, TOYS["student"], 1, monitor="scor")
    assert "no 'scor', the monitor, among score: none is best" in capsys.readouterr().err


def test_remat_changes_no_gradient(tmp_path):
    plain, _ = train(tmp_path, TOYS["codebook"], 3)
    again, _ = train(tmp_path, TOYS["codebook"], 3, remat=True)
    for a, b in zip(jax.tree.leaves(plain), jax.tree.leaves(again)):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_accumulated_gradients_are_averaged(tmp_path, monkeypatch):
    """By SGD, which a sum would move four times as far; Adam would not tell."""
    sgd = lambda objective: {turn.player: optax.sgd(0.05) for turn in objective.turns}  # noqa: E731
    monkeypatch.setattr(toy_runs, "optimizers", sgd)
    folders = [tmp_path / "whole", tmp_path / "pieces"]
    for folder in folders:
        folder.mkdir()
    whole, _ = train(folders[0], TOYS["student"], 3)
    pieces, _ = train(folders[1], TOYS["student"], 3, accumulate=4)
    _, begun, _ = begin(TOYS["student"])
    for first, a, b in zip(*(jax.tree.leaves(x.variables.params) for x in (begun, whole, pieces))):
        assert np.abs(np.asarray(a) - first).max() > 1e-3
        np.testing.assert_allclose(a, b, atol=1e-6)
    losses = [
        [line["loss"] for line in read_metrics(folder / "metrics.jsonl") if "loss" in line]
        for folder in folders
    ]
    assert len(losses[0]) == 3
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


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
    assert [line["step"] for line in read_metrics(path)] == [1, 2]
    path.write_bytes(path.read_bytes() + b'\x80\xff{"step": 9}\n{"step": 3}\n')
    assert [line["step"] for line in read_metrics(path)] == [1, 2, 3]


def test_a_step_compiles_once(tmp_path):
    objective = TOYS["student"]
    mesh, begun, shardings = begin(objective)
    schedule = loop.Schedule(3)
    ((_, run),) = loop.compile_turns(mesh, objective, optimizers(objective), schedule, shardings)
    for batch, _ in zip(draws(0), range(3)):
        begun, _ = run(begun, meshes.global_batch(mesh, batch), jnp.asarray(0))
    assert run._cache_size() == 1
