"""WaveNet that plays notes: against a net in PyTorch, what it sees, what it samples, its score."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.data.held_rolls import HeldRoll, held_roll, struck_roll
from zoo.data.source import Info
from zoo.distributions import Categorical, MixtureOfLogistics
from zoo.errors import BadInput
from zoo.evaluation.played_notes import PlayedLikelihood, in_tune
from zoo.front import requests
from zoo.layers.context_stack import ContextStack
from zoo.layers.struck_keys import StruckKeys
from zoo.models.generation.wavenet import WaveNet
from zoo.objectives.base import Request, Variables
from zoo.objectives.likelihood import Autoregressive
from zoo.objectives.played_notes import PlayedNotes, of_roll
from zoo.sampling.rule import SamplerRule

torch = pytest.importorskip("torch")
from torch_twin import agree, conv, leaves  # noqa: E402
from torch_wavenet import wavenet  # noqa: E402

pytestmark = pytest.mark.optimised

HOP, RATE = 4, 1000
NET = WaveNet(
    layers=4,
    stacks=2,
    width=6,
    gate=5,
    skip=7,
    head=8,
    distribution=MixtureOfLogistics(2, 16),
    input="scalar",
    local_condition=3,
    upsampling=(HOP,),
    upsampler="repeat",
    context=ContextStack(3, layers=2),
)
OBJECTIVE = PlayedNotes(NET, held=held_roll, hop=HOP, rate=RATE)
RNG = np.random.default_rng(0)
NOTES = {"onset": [0.012, 0.052], "offset": [0.04, 0.092], "pitch": [60, 64], "velocity": [127, 64]}


def drawn(audio, roll):
    shapes = jax.eval_shape(lambda: NET.init(jax.random.key(0), audio, condition=roll))
    return jax.tree.map(lambda s: RNG.normal(0, 0.4, s.shape).astype(np.float32), shapes)


AUDIO = RNG.uniform(-0.9, 0.9, (2, 24, 1)).astype(np.float32)
ROLL = RNG.uniform(0, 1, (2, 6, 88)).astype(np.float32)
VARIABLES = drawn(AUDIO, ROLL)


def drawn_of(module, x):
    shapes = jax.eval_shape(lambda: module.init(jax.random.key(0), x))
    return jax.tree.map(lambda s: RNG.normal(0, 0.4, s.shape).astype(np.float32), shapes)


def test_output_and_gradients_equal_torch():
    w = leaves(VARIABLES["params"])
    x = conv(w, "context/enter", torch.tensor(ROLL).mT)
    for number, dilation in enumerate((1, 2, 1, 2)):
        z = conv(w, f"context/dilated_{number}", x, dilation=dilation, padding=dilation)
        first, second = z.chunk(2, 1)
        x = x + conv(w, f"context/mixed_{number}", torch.tanh(first) * torch.sigmoid(second))
    late = torch.tensor(np.pad(AUDIO[:, :-1, 0], ((0, 0), (1, 0))))[:, None]
    theirs = wavenet(w, late, NET.dilations, local=x.repeat_interleave(HOP, 2)).mT
    target = np.cos(np.arange(theirs.numel(), dtype=np.float32)).reshape(theirs.shape)

    def loss(variables):
        raw = NET.apply(variables, AUDIO, condition=ROLL)
        return jnp.sum(raw * target), raw

    (_, raw), gradients = jax.jit(jax.value_and_grad(loss, has_aux=True))(VARIABLES)
    np.testing.assert_allclose(raw, theirs.detach(), atol=2e-5)
    (theirs * torch.tensor(target)).sum().backward()
    agree(w, gradients["params"], atol=1e-3, rtol=1e-3)


def test_a_sample_s_condition_is_made_of_the_frames_in_reach():
    assert ContextStack(8).reach == 126 and NET.condition_reach == 8  # 6, and 2 to upsample
    roll = jnp.zeros((1, 21, 88))
    upsample = jax.jit(lambda roll: NET.apply(VARIABLES, roll, method="upsample"))
    changed = np.abs(upsample(roll.at[0, 10, 3].set(1)) - upsample(roll)).max((0, 2)) > 0
    assert np.flatnonzero(changed).tolist() == list(range(4 * HOP, 17 * HOP))


def test_keys_are_held_with_their_velocity():
    roll = held_roll(NOTES, 25, HOP / RATE)
    assert roll.dtype == np.uint8 and roll.shape == (25, 88)
    assert np.flatnonzero(roll[:, 39]).tolist() == list(range(3, 10)) and roll[3, 39] == 127
    assert np.flatnonzero(roll[:, 43]).tolist() == list(range(13, 23)) and roll[13, 43] == 64
    assert roll.sum() == 7 * 127 + 10 * 64
    example = HeldRoll(HOP, RATE)(RNG, {"audio": np.zeros((50, 1)), "notes": NOTES})
    assert set(example) == {"audio", "roll"}
    np.testing.assert_array_equal(example["roll"], roll[:12])
    assert float(of_roll({"roll": jnp.asarray(roll)}).max()) == 1.0


def test_strokes_are_counted_from_their_own_time():
    """Frames of 4 ms; a key struck 12 and 52 ms after the start, and one 200 ms before it."""
    notes = {k: np.array([*v, last]) for (k, v), last in zip(NOTES.items(), (-0.2, 0.02, 33, 32))}
    roll = struck_roll(notes, 25, HOP / RATE)
    assert roll.dtype == np.float32 and roll.shape == (25, 176)
    np.testing.assert_array_equal(np.round(127 * roll[:, :88]), held_roll(notes, 25, HOP / RATE))
    np.testing.assert_allclose(roll[3:10, 88 + 39], 0.004 * np.arange(7), atol=1e-6)
    np.testing.assert_allclose(roll[:5, 88 + 12], 0.2 + 0.004 * np.arange(5), atol=1e-6)
    assert not roll[:, 88:][roll[:, :88] == 0].any()


def test_sines_begin_with_their_stroke():
    """What the map of sines adds is a sum of sines of the key's harmonics, below half the rate."""
    keys = StruckKeys(3, HOP, RATE, harmonics=3, stacks=1, layers=2)
    roll = jnp.asarray(struck_roll(NOTES, 25, HOP / RATE))[None]
    variables = drawn_of(keys, roll)
    silent = {"params": {**variables["params"], "sines": 0 * variables["params"]["sines"]}}
    both = [np.asarray(keys.apply(v, roll))[0] for v in (variables, silent)]
    time, total = np.arange(100) / RATE, np.zeros((100, 3))
    for onset, key, velocity in ((0.012, 39, 1.0), (0.052, 43, 64 / 127)):
        held_there = np.repeat(np.asarray(roll)[0, :, key] > 0, HOP)[:, None]
        for number in (0, 1, 2):
            hertz = 27.5 * 2 ** (key / 12) * (number + 1)
            if hertz >= 0.475 * RATE:
                continue
            phase = 2 * np.pi * hertz * (time - onset)[:, None]
            sine, cosine = variables["params"]["sines"][:, key, number, 0]
            total += velocity * held_there * (np.sin(phase) * sine + np.cos(phase) * cosine)
    assert np.abs(total).max() > 0.3
    np.testing.assert_allclose(both[0] - both[1], total, atol=1e-4)
    velocity, age = np.split(np.asarray(roll), 2, -1)
    strokes = [velocity * np.exp(-age / seconds) for seconds in (0.01, 0.05, 0.3)]
    stack = ContextStack(3, stacks=1, layers=2)
    frames = stack.apply(
        {"params": variables["params"]["frames"]}, np.concatenate([velocity, *strokes], -1)
    )
    np.testing.assert_allclose(both[1], np.repeat(frames[0], HOP, 0), atol=1e-4)
    assert keys.reach == 3


def test_what_is_sampled_has_the_likelihood_of_a_parallel_pass():
    """Over several blocks of a condition that is made piece by piece."""
    variables = Variables({"model": VARIABLES["params"]})
    request = Request(2100, 2, seed=3, rule=SamplerRule(0.7), notes=NOTES, chunk=700)
    chunks, nats = zip(*OBJECTIVE.scored(variables, request))
    audio = np.concatenate(chunks, 1)
    assert audio.shape == (2, 2100, 1)
    roll = np.repeat(held_roll(NOTES, 525, HOP / RATE)[None], 2, 0)
    found = OBJECTIVE.predict(variables, {"audio": audio, "roll": roll}, None)["nats"]
    np.testing.assert_allclose(-found.sum(1), nats[-1], rtol=1e-3)
    other = np.concatenate(list(OBJECTIVE.generate(variables, request)), 1)
    np.testing.assert_array_equal(audio, other)


def test_what_predict_plays_is_what_generate_draws():
    """The voice of an index, of seed 0, at the objective's own temperature."""
    objective = replace(OBJECTIVE, rule=SamplerRule(0.7))
    variables = Variables({"model": VARIABLES["params"]})
    roll = np.repeat(held_roll(NOTES, 50, HOP / RATE)[None], 2, 0)
    made = objective.predict(variables, {"roll": roll, "index": np.array([1, 0])}, None)["audio"]
    request = Request(200, 2, seed=0, rule=SamplerRule(0.7), notes=NOTES, engine="xla")
    drawn = np.concatenate(list(objective.generate(variables, request)), 1)
    np.testing.assert_array_equal(made, drawn[::-1])


def test_training_reads_a_disturbed_past_and_predicts_the_clean():
    audio = RNG.uniform(-0.9, 0.9, (2, 2000, 1)).astype(np.float32)
    key, codes = jax.random.key(1), Categorical(256)
    model = WaveNet(layers=2, stacks=1, width=2, gate=2, skip=2, head=2, input="scalar")
    objective = Autoregressive(model, disturbance=5.0)
    read = objective._read({"audio": audio}, key)
    off = np.asarray(codes.encode(read) - codes.encode(audio)).astype(float)
    assert abs(off.mean()) < 0.3 and off.std() == pytest.approx(5, rel=0.1)
    variables = Variables({"model": drawn_of(model, audio)["params"]})
    loss = objective._loss(variables, {"audio": audio}, key, 0)[0]
    raw = model.apply(variables.of("model"), read)
    assert float(loss) == pytest.approx(-float(codes.log_prob(raw, audio).mean()), rel=1e-5)
    clean = replace(objective, disturbance=None)
    assert clean._read({"audio": audio}, key) is audio


def test_notes_in_tune_are_counted(monkeypatch):
    """Two tones: one as asked for, one 30 cents flat; too short a note does not count."""
    rate = 8000
    time = np.arange(rate) / rate
    hertz = 440 * 2 ** (np.array([60 - 69, 64 - 69.3]) / 12)
    clip = np.concatenate([np.sin(2 * np.pi * f * time[: rate // 2]) for f in hertz])[:, None]
    notes = {"onset": [0, 0.5, 0.9], "offset": [0.5, 1.0, 1.0], "pitch": [60, 64, 30]}
    assert in_tune([clip], [notes], rate) == 0.5
    assert in_tune([clip, 0 * clip], [notes, notes], rate) == 0.25
    assert in_tune([clip], [notes], rate, moved=6) == 0
    assert np.isnan(in_tune([], [], rate))
    spans = []
    measure = lambda span, *_: spans.append(len(span)) or 0.0  # noqa: E731
    monkeypatch.setattr("zoo.evaluation.played_notes.cents_off", measure)
    assert in_tune([clip], [{**notes, "offset": [0.25, 1.0, 1.0]}], rate) == 1
    assert spans == pytest.approx([0.22 * rate, 0.37 * rate], abs=1)  # 30 ms after the stroke on


def test_what_cannot_be_played_is_refused():
    variables = Variables({"model": VARIABLES["params"]})
    for asked, reason in (
        ({}, "plays notes: give"),
        ({"notes": NOTES, "source": np.zeros((9, 1))}, "takes no audio"),
        ({"notes": NOTES, "length": 0}, "which end"),
    ):
        with pytest.raises(BadInput, match=reason):
            list(OBJECTIVE.generate(variables, Request(**{"length": 100, **asked})))
    request = requests.performed(RATE, NOTES, {"num": 2})
    assert request.length == 1092 and request.count == 2
    with pytest.raises(BadInput, match="arrays of one length"):
        requests.performed(RATE, {"onset": [0]}, {})


def test_wrong_notes_cost_bits_where_the_model_follows_them():
    """Nats wherever one key is not held; rolls lie where their window is."""
    record = {"track": "a", "audio": np.zeros((100, 1), np.float32), "notes": NOTES}
    info, asked = Info("toy", RATE, 1, (), "", ""), []

    def predict(batch):
        asked.append(batch)
        wrong = (batch["roll"][..., 39] == 0).repeat(HOP, 1).astype(float)
        return {"nats": np.log(2) * wrong}

    score = PlayedLikelihood(32, 8, batch=1, hop=HOP)
    report = score.run(predict, [record], info)
    assert report.metrics["bits_per_sample"] == pytest.approx((100 - 28) / 100)
    assert report.metrics["bits_lost_by_wrong_notes"] == pytest.approx(0.28)
    whole = np.concatenate([batch["roll"][0, 2:] for batch in asked[:5]])
    np.testing.assert_array_equal(whole[:25], held_roll(NOTES, 25, HOP / RATE))
    with pytest.raises(BadInput, match="multiples"):
        PlayedLikelihood(30, 8, hop=HOP)


def test_clips_are_played_from_the_notes_that_begin_in_them():
    """Of two records the first, by a model that is silent: its recording is in tune."""
    rate, time = 8000, np.arange(8000) / 8000
    notes = {"onset": [-0.1, 0.1], "offset": [0.1, 0.9], "pitch": [50, 69], "velocity": [80, 90]}
    audio = np.sin(2 * np.pi * 440 * time)[:, None].astype(np.float32)
    records = [{"track": t, "audio": audio, "notes": notes} for t in "ab"]
    asked = []

    def predict(batch):
        if "audio" in batch:
            return {"nats": np.zeros(batch["audio"].shape[:2])}
        asked.append(batch)
        return {"audio": 0 * audio[None, : batch["roll"].shape[1] * 32]}

    score = PlayedLikelihood(
        4096, 0, batch=1, hop=32, other=0, roll=struck_roll, played=1, seconds=0.5
    )
    metrics = score.run(predict, records, Info("toy", rate, 1, (), "", "")).metrics
    assert (metrics["in_tune"], metrics["in_tune_recorded"], metrics["in_tune_floor"]) == (0, 1, 0)
    (batch,) = asked
    assert batch["index"].tolist() == [0] and batch["roll"].shape == (1, 125, 176)
    np.testing.assert_array_equal(np.flatnonzero(batch["roll"][0, :, :88].any(0)), [69 - 21])
