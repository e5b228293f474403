"""Compiled sampling: the parallel pass gives what it drew, its library is kept and made anew."""

import os
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo import durable
from zoo.distributions import Categorical, Gaussian, MixtureOfLogistics, Tokens
from zoo.errors import BadInput
from zoo.models.generation.quantile_wavenet import QuantileWaveNet
from zoo.models.generation.wavenet import WaveNet
from zoo.sampling import autoregressive, engines
from zoo.sampling.native import library, packing
from zoo.sampling.rule import SamplerRule

SMALL = WaveNet(layers=4, stacks=2, width=6, gate=5, skip=7, head=8, distribution=Categorical(16))
SHORT = SMALL.copy(layers=2, stacks=1)
DEEP = SMALL.copy(layers=5, stacks=1)  # two of whose layers reach far back
TOLD = DEEP.copy(
    width=40,
    gate=70,
    skip=50,
    kernel=3,
    global_condition=3,
    local_condition=2,
    upsampler="repeat",
)
RULES = {
    "learnt": SamplerRule(),
    "mode": SamplerRule(0),
    "safer": SamplerRule(0.7),
    "top_k": SamplerRule(1.3, top_k=3),
    "top_p": SamplerRule(0.9, top_k=12, top_p=0.6, bias=((3, 0.5), (3, 0.5), (7, -np.inf))),
}
MODELS = {  # with how many voices are drawn
    "small": (SMALL, 1),
    "told": (TOLD, 2),
    "scalar": (
        SHORT.copy(
            input="scalar", residual_scale=0.7, width=33, distribution=Categorical(16, "linear")
        ),
        6,
    ),
    "tokens": (SHORT.copy(distribution=Tokens(300), last_residual=True), 2),
    "logistics": (SHORT.copy(input="scalar", distribution=MixtureOfLogistics(3, bits=8)), 2),
    "normal": (SHORT.copy(input="scalar", distribution=Gaussian()), 5),
}
CASES = [("small", rule) for rule in RULES]
CASES += [(name, "learnt") for name in MODELS if name != "small"]
CASES += [("logistics", "mode")]


@pytest.fixture
def compiled():
    try:
        library.ffi_target("gated_stack", "float32")
    except library.Unavailable as error:
        pytest.skip(f"{error}")


def asked_of(model, count, length, seed=0):
    """(variables, what a parallel pass is given, what a sampler is given)."""
    rng = np.random.default_rng(seed)
    given = {}
    if model.local_condition:
        given["condition"] = rng.normal(size=(count, length, 2)).astype(np.float32)
    if model.global_condition:
        given["speaker"] = np.arange(count) % 3
    shapes = jax.eval_shape(
        partial(model.init, jax.random.key(0)), jnp.zeros((count, length, 1)), **given
    )

    def draw(leaf):
        scale = 0.1 if leaf.ndim == 1 else 1.5 * leaf.shape[-2] ** -0.5
        return rng.normal(0, scale, leaf.shape).astype(leaf.dtype)

    constant = {"speaker": given["speaker"]} if model.global_condition else {}
    sampler = {"constant": constant, "condition": given.get("condition")}
    return jax.tree.map(draw, shapes), given, sampler


@partial(jax.jit, static_argnames="model")
def parallel(model, variables, audio, given):
    """Raw parameters of every sample, and the queues after the last."""
    primed = model.apply(variables, audio, method="prime", **given)
    return model.apply(variables, audio, **given), primed


@pytest.mark.parametrize("name, rule", CASES)
def test_the_parallel_pass_gives_what_was_drawn(name, rule, compiled):
    """After a prompt, in two chunks; and likelihoods and queues are those of what was drawn."""
    (model, count), rule, length = MODELS[name], RULES[rule], 90
    prompt = np.random.default_rng(1).uniform(-1, 1, (5, 1)).astype(np.float32)
    if not model.distribution.clip:
        prompt = np.abs(np.rint(10 * prompt))
    variables, given, sampler = asked_of(model, count, len(prompt) + length)
    after = {**sampler}
    if after["condition"] is not None:
        prompt = np.zeros((0, 1), np.float32)  # a prompt would have none
        after["condition"] = after["condition"][:, :length]
        given = {**given, "condition": after["condition"]}
    begin = partial(autoregressive.start_voices, model, variables, count=count, seed=3)
    begun = begin(prompt=prompt, constant=after["constant"])
    noise = autoregressive._uniform(begun, model.distribution.noise, length).swapaxes(0, 1)
    asked = dict(length=length, rule=rule, chunk=50, engine="native", **after)
    pairs = list(autoregressive.resume(model, variables, begun, **asked))
    drawn, state = np.concatenate([audio for audio, _ in pairs], 1), pairs[-1][1]
    audio = np.concatenate([np.broadcast_to(prompt, (count, *prompt.shape)), drawn], 1)

    raw, primed = parallel(model, variables, audio, given)
    raw, distribution = raw[:, len(prompt) :], model.distribution
    expected = rule.draw(distribution, raw, noise, max(rule.temperature, 1e-9))
    near = 1e-4 if isinstance(distribution, Gaussian) else 1e-6
    np.testing.assert_allclose(drawn, expected, atol=near)
    nats = distribution.log_prob(raw, drawn).sum(1)
    np.testing.assert_allclose(state.log_prob, nats, rtol=2e-4, atol=2e-3)
    assert len(np.unique(drawn)) > (1 if rule.temperature == 0 else 4)
    turned = model.align(state.carry, primed)
    np.testing.assert_allclose(turned["buffer"], primed["buffer"], atol=2e-4)


def test_voices_chunks_and_blocks_change_no_bit(compiled):
    model, length = DEEP, autoregressive.BLOCK + 77
    variables, _, _ = asked_of(model, 5, 8)

    def drawn(count, chunk, first=0):
        state = autoregressive.start_voices(
            model, variables, count=count, seed=5, first_voice=first
        )
        asked = dict(length=length, chunk=chunk, engine="native")
        pairs = list(autoregressive.resume(model, variables, state, **asked))
        return np.concatenate([audio for audio, _ in pairs], 1), pairs[-1][1]

    whole, state = drawn(5, length)
    cut, _ = drawn(5, 500)
    np.testing.assert_array_equal(cut, whole)
    alone, single = drawn(1, length, first=4)
    np.testing.assert_array_equal(alone[0], whole[4])
    np.testing.assert_allclose(single.log_prob[0], state.log_prob[4], rtol=1e-6)


def test_a_state_goes_on_under_the_other_engine(compiled):
    variables, _, _ = asked_of(SMALL, 2, 8)
    begin = partial(autoregressive.start_voices, SMALL, variables, count=2, seed=2)
    drawn = {}
    for pair in (("native", "native"), ("xla", "native"), ("native", "xla")):
        state, pieces = begin(), []
        for engine, length in zip(pair, (90, 61)):
            ((audio, state),) = autoregressive.resume(
                SMALL, variables, state, length=length, engine=engine
            )
            pieces.append(audio)
        drawn[pair] = np.concatenate(pieces, 1), np.asarray(state.log_prob)
    (first, nats), *others = drawn.values()
    for audio, other in others:
        np.testing.assert_allclose(audio, first, atol=1e-6)
        np.testing.assert_allclose(other, nats, rtol=1e-5)


def bfloat16s(leaf):
    return leaf.astype(jnp.bfloat16).astype(np.float32)


def bytes_of_columns(leaf):
    """Multiples of 2^-k, up to the 127th in every column, so that its unit is this power."""
    if leaf.ndim == 1:
        return leaf
    unit = np.float32(2.0**-7)
    multiples = np.clip(np.rint(leaf / unit), -126, 126)
    multiples[..., 0, :] = 127
    return multiples * unit


@pytest.mark.parametrize("kind, exact", [("bfloat16", bfloat16s), ("int8", bytes_of_columns)])
def test_narrow_weights_are_read_as_the_numbers_that_they_are(kind, exact, compiled):
    """Of matrices that the type has exactly nothing is lost; of others draws change."""
    variables, _, _ = asked_of(SMALL, 2, 8)
    there = jax.tree.map(exact, variables)

    def drawn(engine, variables):
        asked = dict(length=80, count=2, seed=4, engine=engine)
        return next(autoregressive.generate(SMALL, variables, **asked))

    np.testing.assert_allclose(drawn(f"native_{kind}", there), drawn("native", there), atol=1e-6)
    other = drawn(f"native_{kind}", variables)
    assert not np.array_equal(drawn("native", variables), other)


def test_bytes_are_within_half_a_unit_of_their_column():
    matrix = np.random.default_rng(0).normal(size=(2, 5, 70)).astype(np.float32)
    matrix[:, :, 3] = 0
    packed = np.asarray(packing.panels(jnp.asarray(matrix), packing.PackedLayout(64, "int8")))
    assert packed.dtype == np.int8 and packed.shape == (2, (4 + 5) * 80)
    first = packed[:, : 9 * 64].reshape(2, 9, 64)
    units = np.ascontiguousarray(first[:, :4]).view(np.float32).reshape(2, 1, 64)
    apart = np.abs(units * first[:, 4:] - matrix[..., :64])
    assert (apart <= 0.501 * units).all()
    np.testing.assert_allclose(units[:, 0], np.abs(matrix[..., :64]).max(1) / 127, rtol=1e-6)


def test_large_weights_keep_their_bits_on_large_pages():
    weights = jnp.asarray(np.random.default_rng(0).normal(size=2**20 + 7).astype(np.float32))
    np.testing.assert_array_equal(packing.huge_page_copy(weights), weights)


def test_without_a_compiler_xla_draws_and_the_reason_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(library, "COMPILERS", ("no-such-compiler",))
    monkeypatch.setattr(library, "ffi_target", library.ffi_target.__wrapped__)
    monkeypatch.setattr(library, "load_library", library.compile_library)
    monkeypatch.delenv("CXX", raising=False)
    variables, _, _ = asked_of(SMALL, 1, 8)
    with engines.collect_engines() as used:
        assert engines.choose_engine("auto", SMALL, variables) is None
        assert engines.choose_engine("auto", SMALL, variables) is None
    assert used == [f"drawn by XLA's loop: {no_compiler(monkeypatch)}"]
    with pytest.raises(BadInput, match="no C\\+\\+ compiler"):
        engines.choose_engine("native", SMALL, variables)


def no_compiler(monkeypatch):
    with pytest.raises(library.Unavailable) as error:
        library.compiler()
    return error.value


def test_what_has_no_compiled_loop_says_so(compiled):
    variables, _, _ = asked_of(SMALL, 1, 8)
    assert engines.choose_engine("xla", SMALL, variables) is None
    assert engines.choose_engine("auto", SMALL, variables) is not None
    for model in (QuantileWaveNet(SMALL), SMALL.copy(dtype=jnp.bfloat16), SMALL.copy(kernel=1)):
        assert engines.choose_engine("auto", model, variables) is None
        with pytest.raises(BadInput, match="no compiled loop"):
            engines.choose_engine("native", model, variables)
    with pytest.raises(BadInput, match="use auto, xla, native"):
        engines.choose_engine("quick", SMALL, variables)


@pytest.fixture
def one(monkeypatch, tmp_path):
    """A library of one function, in a cache of its own; gives what loads it, and where it lies."""
    sources, cache = tmp_path / "sources", tmp_path / "cache"
    sources.mkdir()
    (sources / "one.cc").write_text('extern "C" int one() { return 1; }\n')
    monkeypatch.setattr(library, "_SOURCES", sources)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    try:
        library.compiler()
    except library.Unavailable as error:
        pytest.skip(f"{error}")
    return partial(library.compile_library, "one"), sources, cache


def kept(cache):
    (path,) = cache.rglob("*.so")
    assert [p.name for p in path.parent.iterdir()] == [path.name], "something is left beside it"
    return path


def test_a_library_is_kept_and_a_damaged_one_made_anew(one, monkeypatch):
    load, _, cache = one
    assert load().one() == 1
    path = kept(cache)
    assert durable.is_sound(path) and path.parent.stat().st_mode & 0o077 == 0
    with monkeypatch.context() as patch:
        patch.setattr(library, "compile_into", lambda *_: pytest.fail("it was there"))
        assert load().one() == 1
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", whole[:-200] + bytes(200)):
        path.write_bytes(damaged)
        assert load().one() == 1 and durable.is_sound(kept(cache))


def test_other_sources_or_flags_are_another_library(one, monkeypatch):
    load, sources, cache = one
    load()
    before = kept(cache)
    (sources / "more.h").write_text("// other\n")
    assert library.key(["c++"]) != library.key(["g++"])
    load()
    assert len(list(cache.rglob("*.so"))) == 2 and before.exists()
    os.utime(before, (0, 0))  # not loaded since 1970
    (sources / "more.h").write_text("// others\n")
    load()
    assert len(list(cache.rglob("*.so"))) == 2 and not before.exists()


def test_a_compiler_that_fails_is_asked_once(monkeypatch):
    asked = []

    def fails(name, weights):
        asked.append(name)
        raise library.Unavailable("it does not compile")

    monkeypatch.setattr(library, "compile_library", fails)
    for _ in range(2):
        with pytest.raises(library.Unavailable, match="not compile"):
            library.load_library("no-such-loop")
    assert asked == ["no-such-loop"]


def test_what_does_not_compile_or_cannot_be_kept_is_a_reason(one, monkeypatch, tmp_path):
    load, sources, cache = one
    (cache / "waveform-zoo").mkdir(parents=True)
    (sources / "one.cc").write_text("int one( {\n")
    with pytest.raises(library.Unavailable, match=r"does not compile it: .*error"):
        load()
    assert not [p for p in cache.rglob("*") if p.is_file()]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    os.rmdir(cache / "waveform-zoo" / "native")
    (cache / "waveform-zoo" / "native").symlink_to(elsewhere)
    with pytest.raises(library.Unavailable, match="own folder"):
        load()
