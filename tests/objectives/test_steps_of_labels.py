"""One step of every objective with targets: supervised, masks, remixed, notes, posteriorgrams,
parameters of a voice."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from twin_step import assert_step, drawn, fixed

from zoo.errors import BadInput
from zoo.losses.tagging import binary_cross_entropy
from zoo.losses.waveform import dissimilar_l1, l1, l2, source_sum
from zoo.objectives.masking import Masking
from zoo.objectives.partly_frozen import PartlyFrozen
from zoo.objectives.posteriorgrams import Posteriorgrams
from zoo.objectives.remix import Remix
from zoo.objectives.roll_likelihood import RollLikelihood
from zoo.objectives.supervised import Supervised
from zoo.objectives.transcription import Transcription
from zoo.objectives.voice_parameters import VoiceParameters

RNG = np.random.default_rng(3)


class Tagger(nn.Module):
    """tanh of the mean [B T 1] times weights, [B 3]."""

    @nn.compact
    def __call__(self, x, *, train=False):
        return nn.Dense(3)(jnp.tanh(x[:, :4, 0]))


def bernoulli(logits, target):
    return np.logaddexp(0, logits) - target * logits


def test_tagging_with_unknown_labels():
    audio = RNG.normal(size=(2, 6, 1)).astype(np.float32)
    tags, known = RNG.integers(0, 2, (2, 3)), np.array([[1, 0, 1], [0, 1, 0]])
    batch = {"audio": audio, "tags": tags.astype(np.float32), "known": known.astype(np.float32)}
    objective = Supervised(Tagger(), binary_cross_entropy, mask="known")

    def loss(w):
        logits = np.tanh(audio[:, :4, 0]) @ w["Dense_0"]["kernel"] + w["Dense_0"]["bias"]
        return np.mean((bernoulli(logits, tags) * known).sum(1) / known.sum(1))

    assert_step(objective, drawn(objective, batch), batch, "model", loss)


class Keys(nn.Module):
    """Logits of the step after each, [B T 3] -> [B T 3]."""

    @nn.compact
    def __call__(self, x, *, train=False):
        return nn.Dense(3)(jnp.tanh(x))


def test_piano_rolls_of_unequal_lengths():
    """Summed over keys and steps, mean over pieces; the first step and the filling do not count."""
    roll = RNG.integers(0, 2, (2, 5, 3)).astype(np.float32)
    known = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], np.float32)
    batch = {"roll": roll, "known": known}
    objective = RollLikelihood(Keys())

    def loss(w):
        logits = np.tanh(roll[:, :-1]) @ w["Dense_0"]["kernel"] + w["Dense_0"]["bias"]
        nats = bernoulli(logits, roll[:, 1:]).sum(2) * known[:, 1:]
        return nats.sum() / 2

    assert_step(objective, drawn(objective, batch), batch, "model", loss)


class Separator(nn.Module):
    """[B T 1] -> [B T-3 2 1]: an unpadded filter of two taps a source, three samples shorter."""

    @nn.compact
    def __call__(self, x, *, train=False):
        taps = self.param("taps", nn.initializers.ones, (2, 2))
        pair = jnp.stack([x[:, 1:-2, 0], x[:, 2:-1, 0]], -1)
        return jnp.tanh(pair @ taps)[..., None]

    def estimates(self, x, *, train=False):
        return self(x) ** 2

    def targets(self, stems):
        return stems[:, 1:-2] ** 2


def separated(w, mixture):
    pair = np.stack([mixture[:, 1:-2, 0], mixture[:, 2:-1, 0]], -1).astype(np.float64)
    return np.tanh(pair @ w["taps"])[..., None]


def songs(count=2):
    stems = RNG.normal(size=(count, 8, 2, 1)).astype(np.float32)
    return {"stems": stems, "mixture": stems.sum(2)}


def test_separation_with_cropped_targets():
    """The targets are three samples longer: one is left out before them and two behind."""
    batch = songs()
    target = batch["stems"][:, 1:-2]
    objective = Supervised(Separator(), l2, "mixture", "stems")
    variables = drawn(objective, batch)

    def loss(w):
        return np.mean((separated(w, batch["mixture"]) - target) ** 2)

    assert_step(objective, variables, batch, "model", loss)


def test_sums_over_sources_and_what_it_should_not_be():
    batch = songs()
    target = batch["stems"][:, 1:-2]

    def summed(w):
        return 2 * np.mean(np.abs(separated(w, batch["mixture"]) - target))

    objective = Supervised(Separator(), source_sum(l1), "mixture", "stems")
    variables = drawn(objective, batch)
    assert_step(objective, variables, batch, "model", summed)

    def unlike(w):
        first = separated(w, batch["mixture"])[:, :, 0]
        distances = [np.mean(np.abs(first - target[:, :, s])) for s in range(2)]
        return distances[0] - 0.3 * distances[1]

    objective = Supervised(Separator(), dissimilar_l1(0.3), "mixture", "stems")
    assert_step(objective, variables, batch, "model", unlike)


def test_masking():
    batch = songs()
    objective = Masking(Separator(), l1)

    def loss(w):
        ours = separated(w, batch["mixture"]) ** 2
        return np.mean(np.abs(ours - batch["stems"][:, 1:-2] ** 2))

    assert_step(objective, drawn(objective, batch), batch, "model", loss)


def test_remix(monkeypatch):
    """Every source of a group of two takes the place that is drawn for it."""
    batch = songs(4)
    order = np.array([[[0, 1], [1, 0]], [[1, 0], [0, 1]]])  # group, place, source
    fixed(monkeypatch, "uniform", {(2, 2, 2): order})
    objective = Remix(Supervised(Separator(), l2, "mixture", "stems"), group=2)
    stems = batch["stems"].copy()
    stems[[0, 1], :, 1], stems[[2, 3], :, 0] = stems[[1, 0], :, 1], stems[[3, 2], :, 0]

    def loss(w):
        return np.mean((separated(w, stems.sum(2)) - stems[:, 1:-2]) ** 2)

    assert_step(objective, drawn(objective, batch), batch, "model", loss)


class Parts(nn.Module):
    """A part that may be frozen, which doubles in training, and one that may not."""

    @nn.compact
    def __call__(self, x, *, train=False):
        for name in ("down", "up"):
            x = Doubling(name=name)(x, train=train)
        return x


class Doubling(nn.Module):
    @nn.compact
    def __call__(self, x, *, train=False):
        return jnp.sin(x @ self.param("w", nn.initializers.ones, (2, 2))) * (2 if train else 1)


def test_partly_frozen():
    """What is frozen runs as at inference; that its weights stay is the optimiser's part."""
    batch = {"audio": RNG.normal(size=(3, 2)).astype(np.float32), "tags": np.zeros((3, 2))}
    objective = PartlyFrozen(Supervised(Parts(), l2), ("down",))

    def loss(w):
        return np.mean((2 * np.sin(np.sin(batch["audio"] @ w["down"]["w"]) @ w["up"]["w"])) ** 2)

    assert_step(objective, drawn(objective, batch), batch, "model", loss)


class Heads(nn.Module):
    """[B T 1] -> heads [B T 2]."""

    names: tuple[str, ...]

    @nn.compact
    def __call__(self, x, *, train=False):
        return {name: nn.Dense(2, name=name)(jnp.sin(x)) for name in self.names}


def heads(w, audio):
    x = np.sin(np.float64(audio))
    return {name: x @ own["kernel"] + own["bias"] for name, own in w.items()}


def rolls(*names):
    batch = {"audio": RNG.normal(size=(2, 5, 1)).astype(np.float32)}
    return batch | {n: RNG.integers(0, 2, (2, 5, 2)).astype(np.float32) for n in names}


def test_transcription():
    names = ("onsets", "offsets", "frames", "velocities")
    batch = rolls(*names[:3])
    batch["velocities"], batch["weights"] = RNG.uniform(0, 3, (2, 2, 5, 2)).astype(np.float32)
    batch["onsets"][1] = 0  # a window without notes
    objective = Transcription(Heads(names), weights="weights", emphasis=4.0)

    def loss(w):
        found = heads(w, batch["audio"])
        total = np.mean(bernoulli(found["frames"], batch["frames"]) * batch["weights"])
        for name in ("onsets", "offsets"):
            weight = np.where(batch[name] > 0, 4.0, 1.0)
            total += np.mean(bernoulli(found[name], batch[name]) * weight)
        squares = batch["onsets"] * (found["velocities"] - batch["velocities"]) ** 2
        return total + squares[0].sum() / batch["onsets"][0].sum() / 2

    assert_step(objective, drawn(objective, batch), batch, "model", loss)


def test_posteriorgrams():
    names = ("onsets", "frames", "contours")
    batch = rolls(*names)
    variables = drawn(Posteriorgrams(Heads(names)), batch)

    def loss(w, positive):
        found = heads(w, batch["audio"])
        nats = {n: bernoulli(found[n], np.where(batch[n] > 0, 0.85, 0.15)) for n in names}
        onsets, there = nats["onsets"], batch["onsets"] > 0
        own = np.mean(onsets)
        if positive is not None:
            own = positive * onsets[there].mean() + (1 - positive) * onsets[~there].mean()
        return own + nats["frames"].mean() + nats["contours"].mean()

    for positive in (None, 0.7):
        objective = Posteriorgrams(Heads(names), smoothing=0.3, positive=positive)
        wanted = partial(loss, positive=positive)
        assert_step(objective, variables, batch, "model", wanted)
        own = jax.tree.map(np.float64, variables.params["model"])
        held = objective.held_out_loss(variables, batch, None)["loss"]
        np.testing.assert_allclose(np.mean(held), wanted(own), rtol=1e-5)


class Singer(nn.Module):
    """tanh of the mixture [B 3 1] times weights, [B 3 6]; ranges are of zero to `most`."""

    envelope: int = 3
    bands: int = 1

    def setup(self):
        self.taps = self.param("taps", nn.initializers.ones, (6,))
        self.most = self.variable("ranges", "most", jnp.ones, (6,))
        self.rest = [self.variable("ranges", n, jnp.ones, (6,)) for n in ("loudest", "least")]

    def __call__(self, x):
        return self.normalised(x) * self.most.value

    def normalised(self, x):
        return jnp.tanh(x * self.taps)

    def magnitudes(self, x):
        return jnp.abs(jnp.concatenate([x, 2 * x], -1))

    def shares(self, parameters):
        return parameters / self.most.value


def test_parameters_of_a_voice():
    """Sums over frames: envelope times 1, .85, .7, aperiodicity, voiced pitch, cross-entropy."""
    mixture = RNG.normal(size=(2, 3, 1)).astype(np.float32)
    voice = RNG.normal(size=(2, 3, 6)).astype(np.float32)
    voice[..., -1] = [[0, 1, 0], [1, 1, 0]]
    batch = {"mixture": mixture, "voice": voice}
    objective = VoiceParameters(Singer())
    most = np.array([2, 3, 4, 5, 6, 1], np.float32)
    ranges = {"most": most, "loudest": most, "least": most}
    variables = drawn(objective, batch).replace(collections={"model": {"ranges": ranges}})
    target = voice / most
    weights = np.array([1, 0.85, 0.7, 1])

    def loss(w):
        ours = np.tanh(mixture * w["taps"])
        apart = np.abs(ours - target)
        pitch = apart[..., 4] * (1 - voice[..., 5])
        return ((apart[..., :4] * weights).sum() + pitch.sum()) / 2 + bernoulli(
            ours[..., 5], voice[..., 5]
        ).sum() / 2

    assert_step(objective, variables, batch, "model", loss)
    held = objective.held_out_loss(variables, batch, None)["loss"]
    np.testing.assert_allclose(held.mean(), loss(variables.params["model"]), rtol=1e-5)


def test_ranges_of_a_voice_are_found_before_the_first_step():
    """Of pitch where there is one; decibels reach up to 0 at least."""
    mixtures, voices = RNG.normal(size=(3, 3, 1)), RNG.normal(size=(3, 3, 6)) - 2
    voices[..., -1] = [[0, 1, 0], [0, 1, 1], [1, 1, 1]]
    voices[..., 4] = [[60, 99, 50], [55, 1, 1], [1, 99, 99]]
    batches = [{"mixture": mixtures[i:j], "voice": voices[i:j]} for i, j in ((0, 2), (2, 3))]
    objective = VoiceParameters(Singer())
    begun = drawn(objective, batches[0])
    found = objective.initialize(begun, iter(batches)).collections["model"]["ranges"]
    np.testing.assert_allclose(found["loudest"], np.abs(mixtures).max() * np.array([1, 2]), 1e-6)
    np.testing.assert_allclose(found["least"][:4], voices.min((0, 1))[:4], rtol=1e-6)
    np.testing.assert_allclose(found["most"][:4], np.maximum(voices.max((0, 1)), 0)[:4], rtol=1e-6)
    assert found["least"][4:].tolist() == [50, 0] and found["most"][4:].tolist() == [60, 1]
    for none in ([], batches[1:]):
        with pytest.raises(BadInput, match="no voice sounds"):
            objective.initialize(begun, iter(none))
