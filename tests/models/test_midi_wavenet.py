"""WaveNet that plays notes: against a net in PyTorch, what it sees, what it samples, its score."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.data.held_rolls import HeldRoll, held
from zoo.data.source import Info
from zoo.distributions import MixtureOfLogistics
from zoo.errors import BadInput
from zoo.evaluation.played_notes import PlayedLikelihood
from zoo.front import requests
from zoo.layers.context_stack import ContextStack
from zoo.models.generation.wavenet import WaveNet
from zoo.objectives.base import Request, Variables
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
OBJECTIVE = PlayedNotes(NET, held=held, hop=HOP, rate=RATE)
RNG = np.random.default_rng(0)
NOTES = {"onset": [0.012, 0.052], "offset": [0.04, 0.092], "pitch": [60, 64], "velocity": [127, 64]}


def drawn(audio, roll):
    shapes = jax.eval_shape(lambda: NET.init(jax.random.key(0), audio, condition=roll))
    return jax.tree.map(lambda s: RNG.normal(0, 0.4, s.shape).astype(np.float32), shapes)


AUDIO = RNG.uniform(-0.9, 0.9, (2, 24, 1)).astype(np.float32)
ROLL = RNG.uniform(0, 1, (2, 6, 88)).astype(np.float32)
VARIABLES = drawn(AUDIO, ROLL)


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
    roll = held(NOTES, 25, HOP / RATE)
    assert roll.dtype == np.uint8 and roll.shape == (25, 88)
    assert np.flatnonzero(roll[:, 39]).tolist() == list(range(3, 10)) and roll[3, 39] == 127
    assert np.flatnonzero(roll[:, 43]).tolist() == list(range(13, 23)) and roll[13, 43] == 64
    assert roll.sum() == 7 * 127 + 10 * 64
    example = HeldRoll(HOP, RATE)(RNG, {"audio": np.zeros((50, 1)), "notes": NOTES})
    assert set(example) == {"audio", "roll"}
    np.testing.assert_array_equal(example["roll"], roll[:12])
    assert float(of_roll({"roll": jnp.asarray(roll)}).max()) == 1.0


def test_what_is_sampled_has_the_likelihood_of_a_parallel_pass():
    """Over several blocks of a condition that is made piece by piece."""
    variables = Variables({"model": VARIABLES["params"]})
    request = Request(2100, 2, seed=3, rule=SamplerRule(0.7), notes=NOTES, chunk=700)
    chunks, nats = zip(*OBJECTIVE.scored(variables, request))
    audio = np.concatenate(chunks, 1)
    assert audio.shape == (2, 2100, 1)
    roll = np.repeat(held(NOTES, 525, HOP / RATE)[None], 2, 0)
    found = OBJECTIVE.predict(variables, {"audio": audio, "roll": roll}, None)["nats"]
    np.testing.assert_allclose(-found.sum(1), nats[-1], rtol=1e-3)
    other = np.concatenate(list(OBJECTIVE.generate(variables, request)), 1)
    np.testing.assert_array_equal(audio, other)


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
    np.testing.assert_array_equal(whole[:25], held(NOTES, 25, HOP / RATE))
    with pytest.raises(BadInput, match="multiples"):
        PlayedLikelihood(30, 8, hop=HOP)
