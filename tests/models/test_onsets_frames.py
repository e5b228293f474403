"""Onsets and Frames: the port's count, its module rebuilt in torch, losses by hand, gradients."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest

from zoo.checkpoints.checksums import by_path
from zoo.errors import BadInput
from zoo.losses.transcription import (
    velocity_error,
    velocity_error_per_frame,
    weighted_cross_entropy,
)
from zoo.models.classification.onsets_frames import (
    _SPEC,
    MAGENTA,
    PORT,
    V1,
    ConvStack,
    OnsetsFrames,
)
from zoo.objectives.transcription import Transcription
from zoo.pretrained import rules, torch_file
from zoo.pretrained.onsets_frames import RULES

SMALL = OnsetsFrames((2, 2, 4), 8, 4)
KEYS = {"params": jax.random.key(0), "dropout": jax.random.key(1)}
NAMES = ("onsets", "offsets", "frames", "velocities")


def shapes(model, samples=5120):
    return jax.eval_shape(lambda: model.init(KEYS, jnp.zeros((1, samples, 1))))


def noise(frames=10, batch=1):
    audio = np.random.default_rng(0).normal(0, 0.1, (batch, 512 * frames, 1))
    return jnp.asarray(audio, jnp.float32)


@pytest.mark.parametrize(
    "fields, count",
    [(PORT, 26_491_256), (MAGENTA, 22_606_712), (V1, 6_796_096)],
    ids=["port", "magenta", "v1"],
)
def test_parameters(fields, count):
    params = shapes(OnsetsFrames(**fields))["params"]
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == count


def test_frames_and_heads_of_20_seconds():
    spec = jax.ShapeDtypeStruct((2, 327_680, 1), jnp.float32)
    heads = jax.eval_shape(lambda v, x: SMALL.apply(v, x), shapes(SMALL), spec)
    assert set(heads) == set(NAMES) and {h.shape for h in heads.values()} == {(2, 640, 88)}
    first = OnsetsFrames(**{**V1, "filters": (2, 2, 4)})
    heads = jax.eval_shape(lambda v, x: first.apply(v, x), shapes(first), spec)
    assert set(heads) == set(NAMES) - {"offsets"}
    with pytest.raises(BadInput, match="multiple of 512"):
        SMALL.init(KEYS, jnp.zeros((1, 700, 1)))


def test_front_end_is_librosas():
    audio = np.asarray(noise(12))
    own = jax.jit(SMALL.features)(audio)
    mel = librosa.feature.melspectrogram(
        y=audio[0, :-1, 0],
        sr=16_000,
        n_fft=2048,
        hop_length=512,
        n_mels=229,
        fmin=30,
        fmax=8000,
        htk=True,
        power=1.0,
        pad_mode="reflect",
    )
    np.testing.assert_allclose(own[0], np.log(np.maximum(mel, 1e-5)).T, atol=2e-3)
    assert own.shape == (1, 12, _SPEC.bins)


def test_the_authors_front_end_is_librosas_decibels():
    audio = np.asarray(noise(12)) * np.linspace(0, 1, 12 * 512)[None, :, None] ** 8
    model = OnsetsFrames(**{**MAGENTA, "filters": (2, 2, 4)})
    own = jax.jit(model.features)(audio.astype(np.float32))
    mel = librosa.feature.melspectrogram(
        y=audio[0, :-1, 0],
        sr=16_000,
        n_fft=2048,
        hop_length=512,
        n_mels=229,
        fmin=30,
        fmax=8000,
        htk=True,
        power=2.0,
        pad_mode="reflect",
    )
    wanted = librosa.power_to_db(mel).T
    np.testing.assert_allclose(own[0], wanted, atol=2e-2)
    assert float(own.max() - own.min()) == pytest.approx(80, abs=1e-3)


def test_the_authors_stack_is_slims():
    """By its formulas in NumPy: no bias, an offset alone, ReLU behind the dense layer."""
    model = ConvStack((2,), 5, (0.0, 0.0), "magenta")
    x = np.random.default_rng(3).normal(size=(1, 4, 6, 1)).astype(np.float32)
    variables = jax.jit(model.init)(KEYS, x)
    draw = lambda leaf: np.random.default_rng(leaf.size).uniform(0.2, 1, leaf.shape)  # noqa: E731
    variables = jax.tree.map(draw, variables)
    own = jax.jit(model.apply)(variables, x)
    params, stats = variables["params"], variables["batch_stats"]["norm_0"]
    assert set(params["conv_0"]) == {"kernel"} and set(params["norm_0"]) == {"bias"}
    wide = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    patches = np.lib.stride_tricks.sliding_window_view(wide, (3, 3), (1, 2))
    y = np.einsum("bfncij,ijco->bfno", patches, params["conv_0"]["kernel"])
    y = (y - stats["mean"]) / np.sqrt(stats["var"] + 1e-3) + params["norm_0"]["bias"]
    y = np.maximum(y, 0).reshape(1, 4, -1) @ (params["dense"]["kernel"] - 0.6)
    shifted = {**params, "dense": {**params["dense"], "kernel": params["dense"]["kernel"] - 0.6}}
    own = jax.jit(model.apply)({**variables, "params": shifted}, x)
    wanted = np.maximum(y + params["dense"]["bias"], 0)
    assert (wanted == 0).any() and (wanted > 0).any()
    np.testing.assert_allclose(own, wanted, rtol=1e-4, atol=1e-4)


def test_the_authors_velocities_lie_between_10_and_90():
    objective = Transcription(SMALL, per_frame=True, softest=10 / 128, loudest=90 / 128)
    batch = {"audio": noise()}
    variables = jax.jit(objective.init)(jax.random.key(0), batch)
    raw = jax.jit(SMALL.apply)(variables.of("model"), batch["audio"])["velocities"]
    found = jax.jit(objective.predict)(variables, batch, jax.random.key(0))["velocities"]
    np.testing.assert_allclose(128 * found, 80 * np.clip(raw, 0, 1) + 10, rtol=1e-5)


def test_frames_do_not_teach_the_other_heads():
    audio = noise(6)
    variables = jax.jit(SMALL.init)(KEYS, audio)

    @jax.jit
    def slopes(params):
        def sums(params):
            heads = SMALL.apply({**variables, "params": params}, audio)
            return jnp.stack([heads[name].sum() for name in NAMES])

        return jax.jacrev(sums)(params)

    tree = slopes(variables["params"])
    reached = {
        head: {
            name.split("_")[0]
            for name, part in tree.items()
            if any(np.any(np.asarray(leaf[row])) for leaf in jax.tree.leaves(part))
        }
        for row, head in enumerate(NAMES)
    }
    assert reached == {
        "onsets": {"onset"},
        "offsets": {"offset"},
        "frames": {"frame", "combined"},
        "velocities": {"velocity"},
    }


def test_losses_by_hand():
    random = np.random.default_rng(0)
    logits, target = random.normal(size=(2, 5, 3)), random.integers(0, 2, (2, 5, 3)).astype(float)
    weights = random.uniform(0.5, 5, (2, 5, 3))
    chance = 1 / (1 + np.exp(-logits))
    nats = -np.where(target > 0, np.log(chance), np.log(1 - chance))
    own = weighted_cross_entropy(jnp.array(logits), jnp.array(target), jnp.array(weights))
    np.testing.assert_allclose(own, (nats * weights).mean((1, 2)), rtol=1e-5)
    target[1] = 0
    error = velocity_error(jnp.array(logits), jnp.array(weights), jnp.array(target))
    squares = (logits[0] - weights[0])[target[0] > 0] ** 2
    np.testing.assert_allclose(error, [squares.mean(), 0], rtol=1e-5)
    error = velocity_error_per_frame(jnp.array(logits), jnp.array(weights), jnp.array(target))
    np.testing.assert_allclose(error, [squares.sum() / 5, 0], rtol=1e-5)


def test_the_objective_sums_its_heads_and_answers_probabilities():
    objective = Transcription(SMALL, weights="weights")
    random = np.random.default_rng(1)
    rolls = {n: jnp.asarray(random.integers(0, 2, (1, 10, 88)), jnp.float32) for n in NAMES}
    batch = {"audio": noise(), **rolls, "weights": 1 + rolls["frames"]}
    variables = jax.jit(objective.init)(jax.random.key(0), batch)
    value, (changed, metrics) = jax.jit(objective.turns[0].loss)(
        variables, batch, jax.random.key(2), 0
    )
    assert float(value) == pytest.approx(sum(map(float, metrics.values())), rel=1e-5)
    assert set(metrics) == {f"{name}_loss" for name in NAMES} and "batch_stats" in changed["model"]
    predicted = jax.jit(objective.predict)(variables, batch, jax.random.key(0))
    assert all(jnp.all((roll >= 0) & (roll <= 1)) for roll in predicted.values())


def test_the_authors_last_net_reads_onsets_activations_and_offsets():
    """Heads whose biases alone count tell who stands where."""
    model = OnsetsFrames(**{**MAGENTA, "filters": (2, 2, 4), "dense": 8, "recurrent": 4, "keys": 2})
    variables = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes(model))
    for bias, name in enumerate(("onset", "frame", "offset")):
        variables["params"][f"{name}_top"]["bias"] += bias
    read = []

    def watch(call, args, kwargs, context):
        read.extend(args[:1] if context.module.name == "combined_lstm" else [])
        return call(*args, **kwargs)

    @jax.jit
    def run(variables):
        with nn.intercept_methods(watch):
            model.apply(variables, noise(3))
        return read[0]

    wanted = np.repeat(1 / (1 + np.exp(-np.arange(3.0))), 2)
    np.testing.assert_allclose(run(variables)[0, 0], wanted, atol=1e-5)


def test_priors_are_where_the_heads_begin():
    silence = jnp.zeros((1, 5120, 1))
    model = SMALL.clone(priors=(-5.5, -3.0))
    heads, plain = (jax.jit(m.init_with_output)(KEYS, silence)[0] for m in (model, SMALL))
    for name, prior in {"onsets": -5.5, "offsets": -5.5, "velocities": 0.0}.items():
        np.testing.assert_allclose(heads[name], plain[name] + prior, atol=1e-5)
    assert -4 < float(heads["frames"].mean()) < -2


def test_emphasis_weighs_beginnings_and_ends_and_nothing_else():
    random = np.random.default_rng(2)
    heads = {n: jnp.asarray(random.normal(size=(1, 10, 88)), jnp.float32) for n in NAMES}
    rolls = {n: jnp.asarray(random.integers(0, 2, (1, 10, 88)), jnp.float32) for n in NAMES}
    plain, heavy = (Transcription(SMALL, emphasis=e).losses(heads, rolls) for e in (1.0, 5.0))
    for name in ("onsets", "offsets"):
        weights = jnp.where(rolls[name] > 0, 5.0, 1.0)
        wanted = weighted_cross_entropy(heads[name], rolls[name], weights).mean()
        assert float(heavy.pop(name)) == pytest.approx(float(wanted), rel=1e-6)
    assert heavy == {name: plain[name] for name in heavy}


def port(torch, filters, dense, units):
    """The port's module tree, written anew: same names, same order of operations."""
    nn = torch.nn

    class Stack(nn.Module):
        def __init__(self):
            super().__init__()
            a, b, c = filters
            self.cnn = nn.Sequential(
                nn.Conv2d(1, a, 3, padding=1),
                nn.BatchNorm2d(a),
                nn.ReLU(),
                nn.Conv2d(a, b, 3, padding=1),
                nn.BatchNorm2d(b),
                nn.ReLU(),
                nn.MaxPool2d((1, 2)),
                nn.Dropout(0.25),
                nn.Conv2d(b, c, 3, padding=1),
                nn.BatchNorm2d(c),
                nn.ReLU(),
                nn.MaxPool2d((1, 2)),
                nn.Dropout(0.25),
            )
            self.fc = nn.Sequential(nn.Linear(c * (229 // 4), dense), nn.Dropout(0.5))

        def forward(self, x):
            return self.fc(self.cnn(x[:, None]).transpose(1, 2).flatten(-2))

    class Recurrent(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.rnn = nn.LSTM(width, units, batch_first=True, bidirectional=True)

        def forward(self, x):
            return self.rnn(x)[0]

    class Port(nn.Module):
        def __init__(self):
            super().__init__()
            for name in ("onset", "offset"):
                layers = (Stack(), Recurrent(dense), nn.Linear(2 * units, 88), nn.Sigmoid())
                setattr(self, f"{name}_stack", nn.Sequential(*layers))
            self.frame_stack = nn.Sequential(Stack(), nn.Linear(dense, 88), nn.Sigmoid())
            self.combined_stack = nn.Sequential(
                Recurrent(3 * 88), nn.Linear(2 * units, 88), nn.Sigmoid()
            )
            self.velocity_stack = nn.Sequential(Stack(), nn.Linear(dense, 88))

        def forward(self, mel):
            onset, offset = self.onset_stack(mel), self.offset_stack(mel)
            known = torch.cat([onset, offset, self.frame_stack(mel)], -1)
            return onset, offset, self.combined_stack(known), self.velocity_stack(mel)

    return Port()


def test_a_file_of_the_port_gives_the_ports_output(tmp_path):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    theirs = port(torch, (2, 2, 4), 8, 4)
    for name, buffer in theirs.named_buffers():
        if "running" in name:
            buffer.uniform_(0.5, 1.5)
    theirs.eval()
    torch.save(theirs.state_dict(), tmp_path / "model.pt")
    wanted = shapes(SMALL)
    filled = rules.apply_rules(
        RULES, torch_file.read_torch([tmp_path / "model.pt"]), by_path(wanted)
    )
    leaves = [jnp.asarray(filled[path]) for path in by_path(wanted)]
    variables = jax.tree.unflatten(jax.tree.structure(wanted), leaves)
    audio = noise(20, 2)
    own = jax.jit(SMALL.apply)(variables, audio)
    with torch.no_grad():
        outputs = theirs(torch.tensor(np.asarray(jax.jit(SMALL.features)(audio))))
    for name, output in zip(NAMES, outputs):
        ours = own[name] if name == "velocities" else jax.nn.sigmoid(own[name])
        np.testing.assert_allclose(ours, output.numpy(), atol=2e-4, err_msg=name)


def test_the_table_covers_the_ports_full_size():
    """By shapes alone, at complexity 48: every array of theirs has its place, none is left."""
    torch = pytest.importorskip("torch")
    with torch.device("meta"):
        state = port(torch, (48, 48, 96), 768, 384).state_dict()
    foreign = {
        name: np.broadcast_to(np.float32(0), tuple(value.shape)) for name, value in state.items()
    }
    wanted = by_path(shapes(OnsetsFrames()))
    filled = rules.apply_rules(RULES, foreign, wanted)
    assert set(filled) == set(wanted)
