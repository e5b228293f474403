"""Basic Pitch: count and shapes, losses by hand, published weights against their ONNX file."""

from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.data.note_rolls import ContourRolls, rolls
from zoo.errors import BadInput
from zoo.losses.transcription import balanced_cross_entropy, smoothed_cross_entropy
from zoo.models.classification import basic_pitch
from zoo.models.classification.basic_pitch import HOP, RATE, SAMPLES, BasicPitch
from zoo.objectives.base import Variables
from zoo.objectives.posteriorgrams import Posteriorgrams
from zoo.runs import inference, trained

pytestmark = pytest.mark.optimised

SMALL = BasicPitch((1, 2, 2))
HEADS = {"onsets": 88, "frames": 88, "contours": 264}


def shapes(model, samples=SAMPLES):
    return jax.eval_shape(lambda: model.init(jax.random.key(0), jnp.zeros((1, samples, 1))))


def music(seconds=2.0, floor=1e-3, seed=0):
    """A chord, a repeated note and a tone with vibrato over a floor of noise, [T] float32."""
    time = np.arange(int(seconds * RATE)) / RATE
    sound = np.random.default_rng(seed).normal(0, floor, len(time)) if floor else 0 * time

    def tone(key, start, stop, vibrato=0.0):
        t = time - start
        phase = 2 * np.pi * 440 * 2 ** ((key - 69) / 12) * t
        phase = phase + vibrato * np.sin(2 * np.pi * 5 * t)
        wave = sum(np.sin(n * phase) / n**1.5 for n in range(1, 9))
        return np.where((t >= 0) & (time < stop), wave * np.exp(-1.5 * np.maximum(t, 0)), 0)

    for key in (48, 60, 64, 67):
        sound = sound + 0.08 * tone(key, 0.1, 0.9)
    for start in np.arange(1.0, seconds - 0.2, 0.4):
        sound = sound + 0.1 * tone(55, start, start + 0.35)
    return (sound + 0.1 * tone(74, 0.95, seconds, vibrato=3.0)).astype(np.float32)


def test_parameters():
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes(BasicPitch())["params"])) == 16_782


@pytest.mark.parametrize("samples, frames", [(SAMPLES, 172), (33_280, 131), (60_000, 235)])
def test_frames_and_heads(samples, frames):
    spec = jax.ShapeDtypeStruct((2, samples, 1), jnp.float32)
    heads = jax.eval_shape(lambda v, x: SMALL.apply(v, x), shapes(SMALL), spec)
    assert {k: h.shape for k, h in heads.items()} == {k: (2, frames, n) for k, n in HEADS.items()}


def test_harmonics_stacked_are_half_a_pitch_and_its_first_seven_multiples(monkeypatch):
    stacked = []

    def stack(levels, harmonics, *how):
        stacked.append(tuple(harmonics))
        return own(levels, harmonics, *how)

    own = basic_pitch.harmonic_stack
    monkeypatch.setattr(basic_pitch, "harmonic_stack", stack)
    shapes(SMALL)
    assert stacked == [(0.5, *range(1, 8))]


def test_onsets_read_the_notes_before_their_own_features():
    """As basic-pitch 0.4.0 concatenates them: where nothing else sounds, a bias tells the place."""
    audio = np.zeros((1, SAMPLES, 1), np.float32)
    variables = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes(SMALL))
    variables["params"]["frame_top"]["bias"] += 3
    read = []

    def watch(call, args, kwargs, context):
        read.extend(args[:1] if context.module.name == "onset_top" else [])
        return call(*args, **kwargs)

    @jax.jit
    def run(variables):
        with nn.intercept_methods(watch):
            SMALL.apply(variables, audio)
        return read[0]

    found = np.asarray(run(variables))
    np.testing.assert_allclose(found[..., 0], 1 / (1 + np.exp(-3)), rtol=1e-5)
    assert not found[..., 1:].any()


def test_all_heads_learn_from_the_onsets():
    """No gradient is stopped between them: onsets read frames, which read contours."""
    audio = jnp.asarray(music())[None, :SAMPLES, None]
    variables = jax.jit(SMALL.init)(jax.random.key(1), audio)

    @jax.jit
    def slopes(params):
        def sums(params):
            heads = SMALL.apply({**variables, "params": params}, audio)
            return jnp.stack([heads[name].sum() for name in HEADS])

        return jax.jacrev(sums)(params)

    tree = slopes(variables["params"])
    reached = {
        head: {
            name.split("_")[0]
            for name, part in tree.items()
            if any(np.any(np.asarray(leaf[row])) for leaf in jax.tree.leaves(part))
        }
        for row, head in enumerate(HEADS)
    }
    assert reached["onsets"] == {"norm", "contour", "frame", "onset"}
    assert reached["frames"] == {"norm", "contour", "frame"}
    assert reached["contours"] == {"norm", "contour"}


def cross_entropies(logits, target, smoothing):
    chance, soft = 1 / (1 + np.exp(-logits)), target * (1 - smoothing) + 0.5 * smoothing
    return -soft * np.log(chance) - (1 - soft) * np.log(1 - chance)


def test_losses_by_hand():
    """As Keras has them: smoothed first, and the two classes' means over all of the batch."""
    random = np.random.default_rng(0)
    logits = random.normal(size=(3, 5, 4))
    target = (random.random((3, 5, 4)) < 0.2).astype(float)
    target[1] = 0
    nats = cross_entropies(logits, target, 0.3)
    own = smoothed_cross_entropy(jnp.array(logits), jnp.array(target), 0.3)
    np.testing.assert_allclose(own, nats.mean((1, 2)), rtol=1e-5)
    own = balanced_cross_entropy(jnp.array(logits), jnp.array(target), 0.9, 0.3)
    wanted = 0.1 * nats[target == 0].mean() + 0.9 * nats[target > 0].mean()
    assert own.shape == (3,) and float(own.mean()) == pytest.approx(wanted, rel=1e-5)
    nothing = balanced_cross_entropy(jnp.array(logits), jnp.zeros((3, 5, 4)), 0.9, 0.3)
    wanted = 0.1 * cross_entropies(logits, 0 * target, 0.3).mean()
    assert float(nothing.mean()) == pytest.approx(wanted, rel=1e-5)


class Answering:
    """A 'model' whose heads are given."""

    def __init__(self, heads):
        self.heads = heads

    def apply(self, variables, audio):
        return self.heads


@pytest.mark.parametrize("positive", [None, 0.8])
def test_the_objective_sums_its_heads_and_answers_probabilities(positive):
    random = np.random.default_rng(1)
    heads = {k: jnp.asarray(random.normal(size=(2, 6, n)), jnp.float32) for k, n in HEADS.items()}
    batch = {k: jnp.asarray(random.random((2, 6, n)) < 0.1, float) for k, n in HEADS.items()}
    objective = Posteriorgrams(Answering(heads), positive=positive)
    losses = objective.losses(heads, batch)
    assert list(losses) == list(HEADS)
    for name in ("frames", "contours"):
        wanted = cross_entropies(np.asarray(heads[name]), np.asarray(batch[name]), 0.2).mean()
        assert float(losses[name].mean()) == pytest.approx(wanted, rel=1e-5)
    nats = cross_entropies(np.asarray(heads["onsets"]), np.asarray(batch["onsets"]), 0.2)
    there = np.asarray(batch["onsets"]) > 0
    balanced = 0.8 * nats[there].mean() + 0.2 * nats[~there].mean()
    wanted = nats.mean() if positive is None else balanced
    assert float(losses["onsets"].mean()) == pytest.approx(wanted, rel=1e-5)
    nobody, batch = Variables({"model": {}}), {**batch, "audio": jnp.zeros((2, 1, 1))}
    total = sum(float(value.mean()) for value in losses.values())
    held_out = objective.held_out_loss(nobody, batch, None)["loss"]
    assert held_out.shape == (2,) and float(held_out.mean()) == pytest.approx(total, rel=1e-5)
    chances = objective.predict(nobody, batch, None)
    for name, head in heads.items():
        np.testing.assert_allclose(chances[name], 1 / (1 + np.exp(-head)), rtol=1e-5)


@pytest.mark.parametrize("how", [{"positive": 1.5}, {"positive": 0.0}, {"smoothing": 1.0}])
def test_weights_are_shares(how):
    with pytest.raises(BadInput, match="from 0 to 1"):
        Posteriorgrams(SMALL, **how)


def test_targets_are_rolls_of_the_net_s_frames():
    notes = {
        "onset": np.array([0.5, -0.2]),
        "offset": np.array([1.0, 0.3]),
        "pitch": np.array([60, 21]),
        "velocity": np.array([80, 90]),
    }
    example = {"audio": np.zeros((SAMPLES, 1), np.float32), "notes": notes, "track": "a"}
    made = ContourRolls(HOP, RATE)(np.random.default_rng(0), example)
    assert {k: made[k].shape for k in HEADS} == {k: (172, n) for k, n in HEADS.items()}
    plain = rolls(notes, 172, HOP / RATE)
    for name in ("onsets", "frames"):
        np.testing.assert_array_equal(made[name], plain[name])
    np.testing.assert_array_equal(np.flatnonzero(made["contours"].any(0)), [0, 3 * (60 - 21)])
    np.testing.assert_array_equal(made["contours"][:, 0], made["frames"][:, 0])
    assert made["onsets"][43, 39] == 1 and made["onsets"].sum() == 1


@pytest.mark.download
def test_published_weights_give_the_onnx_file_s_output(published_modules):
    """Within 1e-4 over a floor of noise of -60 dB.

    One window at a time: beside others the file gives silence another output than alone. Beneath a
    digital silence its own transform in float32 is up to 0.1 dB off (ours 0.03), which shows in the
    fourth decimal of its output.
    """
    import onnxruntime

    published_modules("basic-pitch==0.4.0")
    import basic_pitch

    folder = Path(basic_pitch.__file__).parent / "saved_models" / "icassp_2022"
    session = onnxruntime.InferenceSession(
        str(folder / "nmp.onnx"), providers=["CPUExecutionProvider"]
    )
    names = {"onsets": 2, "frames": 1, "contours": 0}
    found = trained.published("basic_pitch")
    predict = inference_of(found)
    quiet = 1e-3 * np.random.default_rng(1).normal(size=SAMPLES)
    sounds = [music(2.0), music(2.0, floor=0.0), np.zeros(SAMPLES), quiet]
    windows = np.stack([sound[:SAMPLES, None] for sound in sounds]).astype(np.float32)
    own = predict({"audio": windows})
    outputs = [f"StatefulPartitionedCall:{number}" for number in names.values()]
    rows = [session.run(outputs, {"serving_default_input_2:0": row[None]}) for row in windows]
    theirs = {name: np.concatenate(parts) for name, parts in zip(names, zip(*rows))}
    assert max(theirs["onsets"][0].max(), theirs["frames"][0].max()) > 0.8
    for name in names:
        difference = np.abs(own[name] - theirs[name])
        assert difference[[0, 2, 3]].max() < 1e-4, name
        assert difference[1].max() < 2e-3 and (difference[1] < 1e-4).mean() > 0.99, name


def inference_of(found):
    return inference.predictor(found.experiment.objective, found.mesh)(found.variables)
