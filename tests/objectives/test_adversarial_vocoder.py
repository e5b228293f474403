"""Vocoder objective: its losses by hand, and long sources in windows against one pass."""

import jax
import numpy as np
import pytest

from zoo.errors import BadInput
from zoo.losses.adversarial import least_squares_discriminator, least_squares_generator
from zoo.models.generation import hifigan, melgan
from zoo.objectives.adversarial_vocoder import Vocoder
from zoo.objectives.base import Request
from zoo.signal import mel

KEY = jax.random.key(0, impl="unsafe_rbg")
SPEC = mel.MelSpec(
    8000, 32, 8, 6, mel.log_clamp, exponent=1, centre=False, pad=(12, 12), floor=1e-9
)


def make(**how):
    generator = melgan.Generator(bins=6, width=16, upsampling=(4, 2), dilations=(1, 3))
    discriminator = melgan.Discriminator(scales=2, width=4, most=8, strides=(4,))
    return Vocoder(generator, discriminator, SPEC, **how)


@pytest.fixture(scope="module")
def learnt():
    """(objective, variables, batch); the wild weights make every part of the output matter."""
    objective = make(spectral=2.0)
    batch = {"audio": np.random.default_rng(0).uniform(-0.5, 0.5, (3, 64, 1)).astype(np.float32)}
    return objective, jax.jit(objective.init)(KEY, batch), batch


def test_losses_are_those_of_the_paper(learnt):
    objective, variables, batch = learnt
    discriminator, generator = objective.turns

    @jax.jit
    def run(variables):
        fake = objective.predict(variables, batch, KEY)["audio"]
        pair = (fake, batch["audio"])
        answers = [objective.discriminator.apply(variables.of("discriminator"), x) for x in pair]
        both = [turn.loss(variables, batch, KEY, 0) for turn in (discriminator, generator)]
        return answers, both, mel.log_mel(fake, SPEC), mel.log_mel(batch["audio"], SPEC)

    (fake, real), ((judged, (_, seen)), (pleased, (_, parts))), ours, theirs = run(variables)
    hinge = sum(
        np.maximum(1 + f, 0).mean() + np.maximum(1 - r, 0).mean()
        for (f, _), (r, _) in zip(fake, real)
    )
    np.testing.assert_allclose(judged, hinge, rtol=1e-5)
    margin = np.mean([r.mean() - f.mean() for (f, _), (r, _) in zip(fake, real)])
    np.testing.assert_allclose(seen["margin"], margin, atol=1e-6)
    matching = sum(np.abs(a - b).mean() for (_, x), (_, y) in zip(fake, real) for a, b in zip(x, y))
    pleasing = -sum(f.mean() for f, _ in fake)
    distance = np.abs(ours - theirs).mean()
    wanted = pleasing + 10 * 4 / 5 / 3 * matching + 2 * distance
    np.testing.assert_allclose(pleased, wanted, rtol=1e-5)
    np.testing.assert_allclose(parts["feature_matching"], matching, rtol=1e-5)


@pytest.mark.parametrize("length, chunk", [(1003, 64), (7, 64)])
def test_windows_equal_one_pass(learnt, length, chunk):
    """Whole frames of source and silence through the nets at once, then cut."""
    objective, variables, _ = learnt
    source = np.random.default_rng(1).uniform(-0.5, 0.5, (length, 1)).astype(np.float32)
    request = Request(length=length, source=source, chunk=chunk, count=2)
    chunks = list(objective.generate(variables, request))
    audio = np.concatenate(chunks, 1)
    assert audio.shape == (2, length, 1) and (length < 200 or len(chunks) > 3)
    frames = -(-length // 8) + 10
    whole = np.pad(source, ((0, frames * 8 - length), (0, 0)))[None]
    once = jax.jit(objective.predict)(variables, {"audio": whole}, KEY)["audio"]
    assert np.abs(once).max() > 0.01
    np.testing.assert_allclose(audio[0], once[0, :length], atol=2e-6)


def test_one_window_shape_is_compiled_for_any_length(learnt):
    """Constant memory: a source ten times as long asks the nets for nothing larger."""
    objective, variables, _ = learnt
    seen = set()

    class Watched(melgan.Generator):
        def __call__(self, x, **how):
            seen.add(x.shape)
            return super().__call__(x, **how)

    names = ("bins", "width", "upsampling", "dilations")
    fields = {name: getattr(objective.generator, name) for name in names}
    watched = Vocoder(Watched(**fields), objective.discriminator, SPEC)
    for length in (800, 8000):
        source = np.zeros((length, 1), np.float32)
        for piece in watched.generate(variables, Request(length, source=source, chunk=128)):
            assert piece.shape[1] <= 128
    assert len(seen) == 1


def test_centred_front_ends_stream_as_well(learnt):
    spec = mel.MelSpec(8000, 32, 8, 6, mel.log_clamp, exponent=1)
    objective = Vocoder(learnt[0].generator, learnt[0].discriminator, spec)
    source = np.random.default_rng(2).uniform(-0.5, 0.5, (400, 1)).astype(np.float32)

    def run(chunk):
        request = Request(length=400, source=source, chunk=chunk)
        return np.concatenate(list(objective.generate(learnt[1], request)), 1)

    np.testing.assert_allclose(run(40), run(10_000), atol=2e-6)
    padded = np.pad(source, ((0, 80), (0, 0)))[None]
    frames = jax.jit(lambda x: mel.log_mel(x, spec)[..., 0])(padded)
    once = jax.jit(objective.generator.apply)(learnt[1].of("generator"), frames[:, :60])
    np.testing.assert_allclose(run(40)[:, :392], once[:, :392], atol=2e-6)


def test_spectral_norm_moves_once_in_the_discriminator_s_turn():
    generator = hifigan.Generator(
        bins=6, width=8, upsampling=(4, 2), taps=(8, 4), kernels=(3,), dilations=((1,),)
    )
    discriminator = hifigan.Discriminator(periods=(2,), scales=1, narrower=64)
    losses = {
        "discriminator_loss": least_squares_discriminator,
        "generator_loss": least_squares_generator,
    }
    objective = Vocoder(generator, discriminator, SPEC, **losses)
    batch = {"audio": np.random.default_rng(0).uniform(-1, 1, (1, 64, 1)).astype(np.float32)}

    @jax.jit
    def run(key):
        variables = objective.init(key, batch)
        judged = objective.turns[0].loss(variables, batch, key, 0)[1][0]
        pleased = objective.turns[1].loss(variables, batch, key, 0)[1][0]
        return variables.collections, judged, pleased

    before, judged, pleased = run(KEY)
    assert set(before) == set(judged) == {"discriminator"} and not pleased
    moved = jax.tree.map(lambda a, b: bool(np.any(a != b)), before, judged)
    assert any(jax.tree.leaves(moved))


def test_what_does_not_fit_is_said(learnt):
    objective, variables, _ = learnt
    generator, discriminator = objective.generator, objective.discriminator
    with pytest.raises(BadInput, match=r"8 samples a frame.*hop of 256"):
        Vocoder(generator, discriminator, mel.MELGAN)
    with pytest.raises(BadInput, match="6 mel bins"):
        Vocoder(generator, discriminator, mel.MelSpec(8000, 32, 8, 7, mel.log_clamp))
    with pytest.raises(BadInput, match="source"):
        next(objective.generate(variables, Request(length=10)))
    batch = {"audio": np.zeros((1, 65, 1), np.float32)}
    with pytest.raises(BadInput, match="multiple"):
        jax.eval_shape(objective.turns[0].loss, variables, batch, KEY, 0)
