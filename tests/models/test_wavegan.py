"""WaveGAN: the paper's sizes, phase shuffle, and the Wasserstein objective's turns and samples."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo import experiment
from zoo.errors import BadInput
from zoo.layers.phase_shuffle import phase_shuffle
from zoo.losses.adversarial import gradient_norm
from zoo.models.generation import wavegan
from zoo.objectives.adversarial import Wasserstein, variety
from zoo.objectives.base import Request
from zoo.runs.inference import count_parameters

KEY = jax.random.key(0, impl="unsafe_rbg")  # compiles in a tenth of the time
SMALL = dict(dim=1, strides=(4, 4))  # 256 samples


def shape_of(module, x, classes=None):
    """(output, number of parameters) without any computation."""
    output, variables = jax.eval_shape(lambda: module.init_with_output(KEY, x, classes))
    return output, count_parameters(variables["params"])


@pytest.mark.parametrize(
    "samples, made, judged",
    [
        (16_384, 19_065_345, 17_427_969),
        (32_768, 73_149_953, 69_875_201),
        (65_536, 73_149_953, 69_875_201),
    ],
)
def test_sizes_of_the_paper(samples, made, judged):
    strides = wavegan.strides_for(samples)
    audio, size = shape_of(wavegan.Generator(strides=strides), np.zeros((2, 100)))
    assert audio.shape == (2, samples, 1) and size == made
    blank = np.zeros((2, samples, 1))
    ((score, features),), size = shape_of(wavegan.Discriminator(strides=strides), blank)
    assert score.shape == (2,) and size == judged and len(features) == len(strides)
    assert features[-1].shape == (2, 16, 64 * 2 ** (len(strides) - 1))


def test_post_filter_and_nearest_upsampling():
    z = jnp.zeros((2, 100))
    _, size = shape_of(wavegan.Generator(post_filter=512), z)
    assert size == 19_065_345 + 512
    audio, size = shape_of(wavegan.Generator(upsampling="nearest"), z)
    assert audio.shape == (2, 16_384, 1) and size == 19_065_345


@pytest.mark.parametrize("name", ["wavegan_sc09", "wavegan_score_render"])
def test_the_choices_of_the_appendix_are_arguments_of_every_row(name):
    config = experiment.find_config(name)
    words = ["upsampling=nearest", "post_filter=512"]
    generator = config.experiment(**config.parse(words)).objective.generator
    assert generator.upsampling == "nearest" and generator.post_filter == 512
    with pytest.raises(BadInput, match="zeros, nearest"):
        config.parse(["upsampling=linear"])


def test_only_zeros_between_samples_make_combs():
    """Untrained: the share of energy at multiples of 250 Hz, the rate over four strides of 4."""
    z = np.random.default_rng(0).uniform(-1, 1, (8, 100)).astype(np.float32)
    shares = {}
    for upsampling in ("zeros", "nearest"):
        model = wavegan.Generator(dim=4, strides=(4, 4, 4, 4), upsampling=upsampling)
        audio = jax.jit(lambda z, m=model: m.init_with_output(KEY, z)[0])(z)[..., 0]
        power = (np.abs(np.fft.rfft(audio * np.hanning(4096), axis=1)) ** 2).mean(0)
        power[:8] = 0  # what is slow is no comb
        comb = np.zeros(len(power), bool)
        for teeth in range(64, len(power), 64):
            comb[teeth - 2 : teeth + 3] = True
        shares[upsampling] = power[comb].sum() / power.sum()
    assert shares["zeros"] > 0.5 > 0.3 > shares["nearest"]


def test_generator_is_a_chain_of_transposed_convolutions():
    """Against the sum that defines them, in float64 by hand: stride 4, 25 taps, 10 + 11 cropped."""
    model = wavegan.Generator(dim=1, strides=(4, 4), latent=3)
    z = np.array([[0.5, -0.7, 0.2]], np.float32)
    random = np.random.default_rng(0)
    params = jax.tree.map(
        lambda x: random.normal(0, 1 / 3, x.shape).astype(np.float32),
        jax.eval_shape(model.init, KEY, z)["params"],
    )
    x = np.asarray(z, float) @ np.asarray(params["dense"]["kernel"], float)
    x = np.maximum(x + np.asarray(params["dense"]["bias"]), 0).reshape(16, 2)
    for name in ("up_1", "up_2"):
        kernel = np.asarray(params[name]["kernel"], float)
        long = np.zeros((4 * (len(x) - 1) + 25, kernel.shape[2]))
        for t, sample in enumerate(x):
            long[4 * t : 4 * t + 25] += np.einsum("c,kcd->kd", sample, kernel)
        x = long[10:-11] + np.asarray(params[name]["bias"])
        x = np.maximum(x, 0) if name == "up_1" else np.tanh(x)
    audio = jax.jit(model.apply)({"params": params}, z)
    assert np.abs(x).std() > 0.05
    np.testing.assert_allclose(audio[0], x, atol=1e-5)


def test_all_layers_but_the_last_are_shuffled(monkeypatch):
    moved = []
    monkeypatch.setattr(wavegan, "phase_shuffle", lambda x, *_: moved.append(x.shape[1:]) or x)
    model = wavegan.Discriminator(1, shuffle=2)
    how = {"params": KEY, "shuffle": KEY}
    jax.eval_shape(lambda: model.init(how, jnp.zeros((1, 16_384, 1)), train=True))
    assert moved == [(4096, 1), (1024, 2), (256, 4), (64, 8)]


def test_phase_shuffle_is_numpy_s():
    x = np.arange(10.0, dtype=np.float32)[None, :, None] ** 2
    seen = set()
    shuffle = jax.jit(lambda seed: phase_shuffle(x, jax.random.key(seed), 2))
    for seed in range(30):
        moved = np.asarray(shuffle(seed))[0, :, 0]
        wanted = {}
        for shift in range(-2, 3):
            whole = np.pad(x[0, :, 0], (max(shift, 0), max(-shift, 0)), mode="reflect")
            wanted[shift] = whole[:10] if shift >= 0 else whole[-shift:][:10]
        found = [shift for shift, w in wanted.items() if np.array_equal(w, moved)]
        assert len(found) == 1
        seen |= set(found)
    assert seen == {-2, -1, 0, 1, 2}


@pytest.fixture(scope="module")
def small():
    objective = Wasserstein(wavegan.Generator(**SMALL), wavegan.Discriminator(**SMALL))
    audio = np.sin(np.arange(256) / 3.0)[None, :, None] * np.array([0.5, 0.9])[:, None, None]
    batch = {"audio": audio.astype(np.float32)}
    return objective, jax.jit(objective.init)(KEY, batch), batch


@pytest.fixture(scope="module")
def judge(small):
    """Parameters of the discriminator -> ((loss, (collections, metrics)), gradient), compiled."""
    objective, variables, batch = small

    def loss(params):
        players = {**variables.params, "discriminator": params}
        return objective.turns[0].loss(variables.replace(params=players), batch, KEY, 0)

    return jax.jit(jax.value_and_grad(loss, has_aux=True))


def test_five_turns_of_the_discriminator_and_what_they_measure(small, judge):
    objective, variables, batch = small
    discriminator, generator = objective.turns
    assert (discriminator.player, discriminator.repeat, generator.player) == (
        "discriminator",
        5,
        "generator",
    )
    (loss, (_, metrics)), _ = judge(variables.params["discriminator"])
    assert np.isclose(loss, -metrics["margin"] + 10 * metrics["penalty"], atol=1e-4)
    assert set(metrics) >= {"margin", "slope", "penalty"}
    _, (_, metrics) = jax.eval_shape(generator.loss, variables, batch, KEY, 0)
    assert set(metrics) >= {"level_db", "variety"}


def test_penalty_survives_a_discriminator_that_does_not_answer(small, judge):
    dead = jax.tree.map(np.zeros_like, small[1].params["discriminator"])
    (value, (_, metrics)), gradient = judge(dead)
    assert np.isclose(value, 10, atol=1e-3) and metrics["slope"] < 1e-3
    assert all(np.all(np.isfinite(x)) for x in jax.tree.leaves(gradient))


def test_slope_is_that_of_finite_differences(small):
    """The discriminator's own slope along its gradient, at a fixed shuffle."""
    objective, variables, batch = small

    @jax.jit
    def both(x):
        def score(x):
            return objective._score(variables, KEY)(x, None)

        gradient = jax.grad(lambda x: score(x).sum())(x)
        step = 2e-3 * gradient / jnp.linalg.norm(gradient)
        return gradient_norm(score, x)[0], (score(x + step) - score(x - step))[0] / 4e-3

    ours, numeric = both(batch["audio"][:1])
    np.testing.assert_allclose(ours, numeric, rtol=2e-2)


def test_variety_tells_a_collapse():
    random = np.random.default_rng(0).normal(size=(8, 100, 1))
    assert variety(np.repeat(random[:1], 8, 0)) < 1e-3
    assert 0.8 < variety(random) < 1.1


def test_samples_of_any_length_by_seed_and_voice(small):
    objective, variables, _ = small

    def make(**how):
        return np.concatenate(list(objective.generate(variables, Request(**how))), 1)

    audio = make(length=600, count=2, chunk=100)
    assert audio.shape == (2, 600, 1) and np.abs(audio).max() <= 1
    assert np.abs(audio[0] - audio[1]).max() > 1e-4  # voices differ
    assert np.abs(audio[0, :256] - audio[0, 256:512]).max() > 1e-4  # so do notes of a voice
    other = make(length=300, count=2, seed=1)
    assert np.abs(audio[:, :300] - other).max() > 1e-4
    endless = objective.generate(variables, Request(length=0, chunk=256))
    pieces = [next(endless) for _ in range(3)]
    np.testing.assert_allclose(audio[:1, :600], np.concatenate(pieces, 1)[:, :600], atol=1e-6)
    with pytest.raises(BadInput, match="starts from nothing"):
        next(objective.generate(variables, Request(length=1, prompt=np.zeros((5, 1)))))


def test_classes_change_audio_and_scores():
    sizes = dict(**SMALL, classes=3)
    generator, discriminator = wavegan.Generator(**sizes), wavegan.Discriminator(**sizes)
    objective = Wasserstein(generator, discriminator, label="family")
    batch = {"audio": np.full((3, 256, 1), 0.3, np.float32), "family": np.arange(3)}

    @jax.jit
    def run(z):
        variables = objective.init(KEY, batch)
        audio = generator.apply(variables.of("generator"), z, batch["family"])
        ((score, _),) = discriminator.apply(
            variables.of("discriminator"), batch["audio"], batch["family"]
        )
        return audio, score, objective.predict(variables, batch, KEY)["audio"]

    audio, score, predicted = run(np.ones((3, 100), np.float32))
    assert np.abs(audio[0] - audio[1]).max() > 1e-5
    assert len(set(np.asarray(score).tolist())) == 3
    assert predicted.shape == (3, 256, 1)
    with pytest.raises(BadInput, match="label"):
        Wasserstein(generator, discriminator)


def test_lengths_that_do_not_fit():
    with pytest.raises(BadInput, match="16,384, 32,768 or 65,536"):
        wavegan.strides_for(16_000)
    with pytest.raises(BadInput, match="takes audio"):
        shape_of(wavegan.Discriminator(**SMALL), jnp.zeros((1, 255, 1)))
