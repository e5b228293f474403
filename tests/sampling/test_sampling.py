"""However it is cut, batched, primed or interrupted, the loop draws the same audio."""

import re
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import soundfile

from zoo.audio.streaming import speed, stream_to_wav
from zoo.distributions import Categorical, MixtureOfLogistics
from zoo.errors import BadInput
from zoo.models.generation.wavenet import WaveNet
from zoo.sampling import autoregressive
from zoo.sampling.conditions import Upsampled
from zoo.sampling.rule import SamplerRule

pytestmark = pytest.mark.optimised

MODEL = WaveNet(layers=4, stacks=2, width=6, gate=5, skip=7, head=8, distribution=Categorical(16))


def opinionated(model, *inputs, **options):
    """Random variables large enough for uneven predictions, without compiling an `init`."""
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), *inputs, **options))
    rng = np.random.default_rng(0)

    def draw(leaf):
        return rng.normal(0, 0.1 if leaf.ndim == 1 else 1.0, leaf.shape).astype(leaf.dtype)

    return jax.tree.map(draw, shapes)


@pytest.fixture(scope="module")
def variables():
    return opinionated(MODEL, jnp.zeros((1, 8, 1)))


def same(audio, expected):
    """Equal codes: a decoded code may differ in its last digit between two compilations."""
    np.testing.assert_allclose(audio, expected, atol=1e-6)


def drawn(variables, length, **options):
    """By XLA's loop; tests/sampling/test_native.py holds compiled code to the parallel pass."""
    asked = dict(length=length, engine="xla", **options)
    chunks = list(autoregressive.generate(MODEL, variables, **asked))
    return np.concatenate(chunks, axis=1), [chunk.shape for chunk in chunks]


def reference(variables, length, seed, voices, temperature=1.0, prompt=None):
    """No cache, no loop on the device: the parallel pass over all so far, once per sample."""
    state = autoregressive.start_voices(MODEL, variables, count=voices, seed=seed)
    noise = autoregressive._uniform(state, 1)
    audio = jnp.zeros((voices, 0, 1)) if prompt is None else jnp.tile(prompt[None], (voices, 1, 1))
    begin = audio.shape[1]
    padded = jnp.pad(audio, ((0, 0), (0, length), (0, 0)))

    @jax.jit
    def one(padded, t):
        raw = MODEL.apply(variables, padded)[:, begin + t]
        new = MODEL.distribution.mode(raw)
        if temperature:
            new = MODEL.distribution.sample(raw, noise[t], temperature)
        return padded.at[:, begin + t].set(new)

    for t in range(length):
        padded = one(padded, t)
    return np.asarray(padded[:, begin:])


@pytest.mark.parametrize("temperature", [0.0, 0.7, 1.0])
def test_equals_naive_recomputation(variables, temperature):
    audio, _ = drawn(variables, 50, seed=3, count=2, rule=SamplerRule(temperature))
    same(audio, reference(variables, 50, 3, 2, temperature))
    assert audio.dtype == np.float32 and len(np.unique(audio)) > (3 if temperature else 1)


def test_chunks_do_not_matter_and_the_length_is_exact(variables):
    length = autoregressive.BLOCK + 77
    whole, shapes = drawn(variables, length, seed=1)
    assert shapes == [(1, length, 1)]
    cut, shapes = drawn(variables, length, seed=1, chunk=500)
    assert shapes == [(1, 500, 1), (1, 500, 1), (1, length - 1000, 1)]
    np.testing.assert_array_equal(cut, whole)


def test_a_batch_is_its_voices_drawn_alone(variables):
    batch, _ = drawn(variables, 200, seed=5, count=3)
    for voice in range(3):
        state = autoregressive.start_voices(MODEL, variables, seed=5, first_voice=voice)
        ((alone, _),) = autoregressive.resume(MODEL, variables, state, length=200, engine="xla")
        np.testing.assert_array_equal(alone[0], batch[voice])
    assert not np.array_equal(batch[0], batch[1])


def test_seeds_repeat_and_differ(variables):
    first, _ = drawn(variables, 100, seed=7)
    np.testing.assert_array_equal(first, drawn(variables, 100, seed=7)[0])
    assert not np.array_equal(first, drawn(variables, 100, seed=8)[0])


def test_interrupted_saved_and_resumed_is_uninterrupted(variables, tmp_path):
    whole, _ = drawn(variables, 150, seed=2, count=2)
    state = autoregressive.start_voices(MODEL, variables, seed=2, count=2)
    asked = dict(engine="xla")
    ((first, state),) = autoregressive.resume(MODEL, variables, state, length=90, **asked)
    leaves, structure = jax.tree.flatten(state)
    np.savez(tmp_path / "state.npz", *leaves)
    with np.load(tmp_path / "state.npz") as saved:
        loaded = jax.tree.unflatten(structure, [jnp.asarray(saved[key]) for key in saved])
    ((rest, _),) = autoregressive.resume(MODEL, variables, loaded, length=60, **asked)
    np.testing.assert_array_equal(np.concatenate([first, rest], axis=1), whole)


def test_endless_mode_goes_on_and_agrees(variables):
    asked = dict(length=0, seed=2, chunk=40, engine="xla")
    endless = autoregressive.generate(MODEL, variables, **asked)
    begin = np.concatenate([next(endless) for _ in range(3)], axis=1)
    np.testing.assert_array_equal(begin, drawn(variables, 120, seed=2)[0])


@pytest.mark.parametrize("length", [3, 40])
def test_a_prompt_is_continued(variables, length):
    prompt = np.random.default_rng(0).uniform(-1, 1, (length, 1)).astype(np.float32)
    audio, _ = drawn(variables, 30, seed=4, count=2, prompt=prompt)
    same(audio, reference(variables, 30, 4, 2, prompt=prompt))


def test_conditions_reach_the_samples_they_belong_to():
    model = MODEL.copy(global_condition=2, local_condition=1, upsampling=(4,))
    length = autoregressive.BLOCK + 100  # over the edge of a block
    frames = jax.random.normal(jax.random.key(2), (2, -(-length // 4), 1))
    given = dict(condition=frames, speaker=jnp.array([1, 0]))
    variables = opinionated(model, jnp.zeros((2, length, 1)), **given)
    condition = jax.jit(partial(model.apply, method="upsample"))(variables, frames)
    constant = {"speaker": given["speaker"]}
    chunks = autoregressive.generate(
        model,
        variables,
        length=length,
        count=2,
        rule=SamplerRule(0),
        chunk=300,
        constant=constant,
        condition=condition,
        engine="xla",
    )
    audio = np.concatenate(list(chunks), axis=1)
    raw = jax.jit(model.apply)(variables, jnp.asarray(audio), **given)
    same(audio, model.distribution.mode(raw))
    assert len(np.unique(audio)) > 1


def test_a_long_condition_is_made_block_by_block():
    """And no array grows with it: the nets take windows of one shape."""
    model = MODEL.copy(local_condition=1, upsampling=(8, 16))
    variables = opinionated(model, jnp.zeros((1, 128, 1)), condition=jnp.zeros((1, 1, 1)))
    shapes = set()

    def seen(next_method, args, kwargs, context):
        if context.method_name == "upsample":
            shapes.add(args[0].shape)
        return next_method(*args, **kwargs)

    for count in (30, 300):
        frames = jax.random.normal(jax.random.key(2), (2, count, 1))
        condition = Upsampled(frames, model, variables)
        with nn.intercept_methods(seen):
            assert condition.length == 128 * count
        whole = np.asarray(jax.jit(partial(model.apply, method="upsample"))(variables, frames))
        blocks = condition.blocks(autoregressive.BLOCK)
        for first in (0, 700, 1024, 5000, condition.length - 50):
            with nn.intercept_methods(seen):
                block = blocks(first)
            there = whole[:, first : first + autoregressive.BLOCK]
            np.testing.assert_allclose(block[:, : there.shape[1]], there, atol=1e-5)
    assert shapes == {(2, 1, 1), (2, 13, 1)}
    with pytest.raises(BadInput, match="lasts 38400 samples"):
        list(autoregressive.generate(model, variables, length=38_401, condition=condition))


class Plain(nn.Module):
    """A model with nothing but the contract's `initial` and `step`."""

    distribution: MixtureOfLogistics = MixtureOfLogistics(2)

    def initial(self, batch):
        return jnp.zeros((batch, 4))

    @nn.compact
    def step(self, carry, x, condition=None):
        carry, seen = nn.GRUCell(4)(carry, x if condition is None else x + condition)
        return carry, nn.Dense(6)(seen)


class Frames(Plain):
    """The same, several samples at a time."""

    hop: int = 2

    def frame(self, folded, carry, x, condition, noise, draw):
        drawn = []
        for i in range(self.hop):
            carry, raw = self.apply(folded, carry, x, None, method="step")
            drawn.append(draw(raw, noise[i]))
            x = drawn[-1][0]
        return carry, *(jnp.concatenate(each, axis=1) for each in zip(*drawn))


def test_models_without_the_extras_and_models_that_draw_frames():
    plain = Plain()
    variables = opinionated(plain, plain.initial(1), jnp.zeros((1, 1)), method="step")
    prompt = np.full((6, 1), 0.3, np.float32)
    options = dict(length=31, count=2, seed=3, prompt=prompt)
    audio = np.concatenate(list(autoregressive.generate(plain, variables, **options)), axis=1)
    noise = autoregressive._uniform(
        autoregressive.start_voices(plain, variables, count=2, seed=3), 2
    )

    @jax.jit
    def one(carry, x, noise):
        carry, raw = plain.apply(variables, carry, x, method="step")
        return carry, plain.distribution.sample(raw, noise, 1.0)

    carry, x = plain.initial(2), jnp.zeros((2, 1))
    for _ in range(6):
        carry, x = one(carry, x, noise[0])[0], jnp.full((2, 1), 0.3)
    for t in range(31):
        carry, x = one(carry, x, noise[t])
        np.testing.assert_allclose(audio[:, t], x, atol=2e-3)
    for hop, chunk in ((2, 10), (3, 10)):  # 3 divides neither the chunk nor a block of 1024
        frames = list(autoregressive.generate(Frames(hop=hop), variables, chunk=chunk, **options))
        assert {piece.shape[1] % hop for piece in frames[:-1]} == {0}
        np.testing.assert_allclose(np.concatenate(frames, axis=1), audio, atol=2e-3)


@pytest.mark.parametrize("fields", [{}, dict(width=64, gate=64)], ids=str)
def test_the_queues_are_never_copied(fields):
    """The guard of speed: no copy as large as the buffer within the compiled loop."""
    model = MODEL.copy(layers=14, **fields)  # 2 x (1..64): the queues are the one large array
    variables = opinionated(model, jnp.zeros((1, 8, 1)))
    state = autoregressive.start_voices(model, variables, count=2)
    folded = jax.eval_shape(partial(model.apply, method="fold"), variables)
    lowered = autoregressive._draw_block.lower(model, folded, state, None, 5, 1.0, SamplerRule())
    text = lowered.compile().as_text()
    rows = state.carry["buffer"].shape[0]
    whole = rf"f32\[{rows},2,{model.width}\]\S*"
    assert re.search(whole, text), "the buffer is not where it was looked for"
    copies = [line for line in text.splitlines() if re.search(rf"= {whole} copy\(", line)]
    assert not copies, copies


def test_bad_requests_say_what_is_right(variables):
    with pytest.raises(BadInput, match="negative"):
        list(autoregressive.generate(MODEL, variables, length=-3))
    with pytest.raises(BadInput, match="mono"):
        list(autoregressive.generate(MODEL, variables, length=3, prompt=np.zeros((5, 2))))
    with pytest.raises(BadInput, match="lasts 5 samples"):
        list(autoregressive.generate(MODEL, variables, length=6, condition=jnp.zeros((1, 5, 2))))


@pytest.mark.parametrize("bits", [16, 32])
def test_files_are_whole_at_every_chunk_and_after_an_interrupt(tmp_path, bits):
    paths = [tmp_path / "voices" / f"{i}.wav" for i in range(2)]
    rng = np.random.default_rng(0)
    chunks = [(rng.integers(-32768, 32768, (2, n, 1)) / 32768).astype(np.float32) for n in (5, 8)]

    def stream():
        for i, chunk in enumerate(chunks):
            assert soundfile.info(paths[0]).frames == 5 * i
            yield chunk
        raise KeyboardInterrupt

    assert stream_to_wav(stream(), paths, 8_000, bits=bits, progress=bits == 16) == 13
    for voice, path in enumerate(paths):
        audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
        assert rate == 8_000
        np.testing.assert_array_equal(audio, np.concatenate(chunks, axis=1)[voice])


def test_a_stream_that_gave_nothing_leaves_no_file(tmp_path):
    def fails():
        raise BadInput("no")
        yield

    with pytest.raises(BadInput):
        stream_to_wav(fails(), [tmp_path / "a.wav"], 8_000, progress=False)
    assert not list(tmp_path.iterdir())
    there = tmp_path / "b.wav"  # as under --force: what cannot be replaced is not lost
    stream_to_wav([np.full((1, 9, 1), 0.5)], [there], 8_000, progress=False)
    with pytest.raises(BadInput):
        stream_to_wav(fails(), [there], 8_000, progress=False)
    assert soundfile.info(there).frames == 9
    stream_to_wav([np.full((1, 4, 1), 0.5)], [there], 8_000, progress=False)
    assert soundfile.info(there).frames == 4


def test_speed_tells_one_voice_from_all():
    assert speed(4_000.0, 16_000, 1) == "0.25x real time"
    assert speed(4_000.0, 16_000, 8) == "0.25x real time each, 2x together (32000 samples/s)"
