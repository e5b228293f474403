"""SampleRNN: sizes of the public code, a torch twin, windows that join, and the folded sampler."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.distributions import Categorical
from zoo.errors import BadInput
from zoo.models.generation.samplernn import SampleRNN
from zoo.sampling import autoregressive
from zoo.sampling.rule import SamplerRule

SHAPES = [dict(frames=(4,), layers=2), dict(frames=(2, 8), layers=1, cell="lstm")]


def small(**fields):
    return SampleRNN(width=10, embedding=5, distribution=Categorical(16, "linear"), **fields)


def opinionated(model):
    """Random variables large enough for uneven predictions, without compiling an `init`."""
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 8, 1)))
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda s: rng.normal(0, 0.5, s.shape).astype(s.dtype), shapes)


def noise(length, count=2):
    return jax.random.uniform(jax.random.key(1), (count, length, 1), minval=-1.0)


@pytest.mark.parametrize(
    ("fields", "parameters", "for_sampling"),
    [
        ({}, 41_283_072, 41_182_208),
        (dict(frames=(2, 8), layers=1), 20_815_360, 20_725_760),
        (dict(frames=(16, 64), layers=2), 51_848_704, None),
    ],
)
def test_sizes_are_those_of_the_public_code(fields, parameters, for_sampling):
    """Counts of samplernn-pytorch, and of its matrices once weight norm and embedding are folded.

    The latter has one table of codes per position, one bias per GRU, no other bias or state.
    """
    model = SampleRNN(**fields)
    params = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 128, 1)))["params"]
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == parameters
    if for_sampling is None:
        return
    count = model.frames[0] * 256 * model.width
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        names = [key.key for key in path]
        rnn = any(name.startswith("rnn") for name in names)
        matrix = names[-1].endswith("kernel") and names[0] != "enter"
        count += leaf.size if matrix or (rnn and names[-1] == "bias") else 0
    assert count == for_sampling


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_equals_a_twin_in_torch(cell):
    """The 3-tier network in torch.nn, with torch's own weight norm, cells and transposed conv."""
    torch = pytest.importorskip("torch")
    weight_norm = torch.nn.utils.parametrizations.weight_norm

    model = small(frames=(2, 8), layers=2, cell=cell)
    variables, audio = opinionated(model), noise(24)
    params = variables["params"]

    def tensor(leaf):
        return torch.from_numpy(np.array(leaf))

    def conv(p, layer, order, axis):
        """Direction and size into torch's weight-normed layer."""
        layer = weight_norm(layer, dim=0)
        kernel = np.array(p["kernel"]).transpose(order)
        shape = [-1] + [1] * (kernel.ndim - 1)
        layer.parametrizations.weight.original0.data = tensor(p["scale"]).reshape(shape)
        layer.parametrizations.weight.original1.data = tensor(kernel)
        if "bias" in p:
            layer.bias.data = tensor(p["bias"])
        return layer

    def tier(p, frames, above):
        size, width = frames.shape[-1], model.width
        expand = conv(p["expand"], torch.nn.Conv1d(size, width, 1), (2, 1, 0), 2)
        x = expand(frames.transpose(1, 2)).transpose(1, 2) + above
        kind = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[cell]
        cells = kind(width, width, num_layers=2, batch_first=True)
        for i in range(2):
            rnn = p[f"rnn_{i}"]
            getattr(cells, f"weight_ih_l{i}").data = tensor(rnn["kernel"]).T
            getattr(cells, f"weight_hh_l{i}").data = tensor(rnn["recurrent_kernel"]).T
            getattr(cells, f"bias_ih_l{i}").data = tensor(rnn["bias"])
            second = rnn.get("recurrent_bias", np.zeros_like(rnn["bias"]))  # LSTMs have one bias
            getattr(cells, f"bias_hh_l{i}").data = tensor(second)
        start = tensor(p["start"]).reshape(2, -1, 1, width).expand(-1, -1, len(x), -1)
        start = tuple(state.contiguous() for state in start.unbind(1))  # h, and an LSTM's c
        x, _ = cells(x, start if cell == "lstm" else start[0])
        ratio = p["upsample"]["kernel"].shape[0]
        up = torch.nn.ConvTranspose1d(width, width, ratio, stride=ratio, bias=False)
        up = conv(p["upsample"], up, (1, 2, 0), 1)
        bias = tensor(p["upsample_bias"]).repeat(x.shape[1], 1)
        return up(x.transpose(1, 2)).transpose(1, 2) + bias

    codes = np.array(model.distribution.encode(audio))[..., 0]
    silence = np.full((2, 8), int(model.distribution.encode(jnp.zeros(1))[0]))
    before = np.concatenate([silence, codes], 1)
    real = torch.from_numpy((2 * (before * (2 / 15) - 1)).astype(np.float32))
    with torch.no_grad():
        top = tier(params["tier_1"], real[:, :24].reshape(2, 3, 8), 0)
        low = tier(params["tier_0"], real[:, 6:30].reshape(2, 12, 2), top)
        embedded = tensor(params["embed"]["embedding"])[torch.from_numpy(before[:, 6:31]).long()]
        enter = conv(params["enter"], torch.nn.Conv1d(5, 10, 2, bias=False), (2, 1, 0), 2)
        x = torch.relu(enter(embedded.transpose(1, 2)) + low.transpose(1, 2))
        hidden = conv(params["hidden"], torch.nn.Conv1d(10, 10, 1), (2, 1, 0), 2)
        raw = conv(params["output"], torch.nn.Conv1d(10, 16, 1), (2, 1, 0), 2)(
            torch.relu(hidden(x))
        )
    ours = jax.jit(model.apply)(variables, audio)
    np.testing.assert_allclose(ours, raw.transpose(1, 2), atol=2e-5)


@pytest.mark.parametrize("fields", SHAPES)
def test_two_windows_are_one_and_the_future_is_not_seen(fields):
    model, audio = small(**fields), noise(48)
    variables = opinionated(model)
    follow = jax.jit(lambda a, c: model.apply(variables, a, c, method="window"))
    whole, last = follow(audio, model.initial(2))
    first, carry = follow(audio[:, :16], model.initial(2))
    second, joined = follow(audio[:, 16:], carry)
    np.testing.assert_allclose(jnp.concatenate([first, second], 1), whole, atol=2e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-6), joined, last)
    fresh, _ = follow(audio[:, 16:], model.restart(carry, jnp.array([True, False])))
    alone, _ = follow(audio[:, 16:], model.initial(2))
    np.testing.assert_allclose(fresh[0], alone[0], atol=2e-6)
    np.testing.assert_allclose(fresh[1], second[1], atol=2e-6)
    assert np.abs(alone[1] - second[1]).max() > 1e-2

    changed, _ = follow(audio.at[:, 40:].multiply(-1.0), model.initial(2))
    np.testing.assert_array_equal(changed[:, :41], whole[:, :41])
    assert np.abs(changed[:, 41] - whole[:, 41]).max() > 1e-2


@pytest.mark.parametrize(("fields", "prompt"), list(zip(SHAPES, (0, 13))))
def test_the_sampler_draws_what_the_parallel_pass_predicts(fields, prompt):
    """Every sample is the draw of its noise from the teacher-forced distribution at its place."""
    model = small(**fields)
    variables = opinionated(model)
    given = np.asarray(noise(prompt, 1)[0]) if prompt else None
    asked = dict(length=88, count=3, seed=5, prompt=given, chunk=40, rule=SamplerRule(0.8))

    def drawn(engine):
        return list(autoregressive.generate(model, variables, **asked, engine=engine))

    audio = np.concatenate(drawn("xla"), 1)
    np.testing.assert_allclose(np.concatenate(drawn("auto"), 1), audio, atol=1e-6)
    assert audio.shape == (3, 88, 1) and len(np.unique(audio)) > 8
    before = np.zeros((3, -prompt % model.hop + prompt, 1), np.float32)
    if prompt:
        before[:, -prompt:] = given
    raw = jax.jit(model.apply)(variables, np.concatenate([before, audio], 1))
    draws = autoregressive._uniform(
        autoregressive.start_voices(model, variables, count=3, seed=5), 1
    )[:88]
    expected = model.distribution.sample(raw[:, before.shape[1] :], draws.swapaxes(0, 1), 0.8)
    np.testing.assert_allclose(audio, expected, atol=1e-6)


@pytest.mark.parametrize("fields", SHAPES, ids=str)
def test_the_sampler_in_bfloat16_draws_nearly_what_is_predicted(fields):
    model = small(**fields, dtype=jnp.bfloat16)
    variables = opinionated(model)
    audio = np.concatenate(list(autoregressive.generate(model, variables, length=88, count=3)), 1)
    raw, carry = jax.jit(partial(model.apply, method="window"))(variables, audio, model.initial(3))
    assert raw.dtype == jnp.float32
    assert {leaf.dtype.name for leaf in jax.tree.leaves(carry["hidden"])} == {"float32"}
    draws = autoregressive._uniform(autoregressive.start_voices(model, variables, count=3), 1)[:88]
    expected = model.distribution.sample(raw, draws.swapaxes(0, 1), 1.0)
    assert len(np.unique(audio)) > 8 and np.mean(np.isclose(audio, expected, atol=1e-6)) > 0.9


def test_forgets_little_at_first_and_refuses_what_does_not_fit():
    model = small(frames=(4,), layers=1, cell="lstm")

    @jax.jit
    def bias(key, audio):  # alone, so that nothing else of the initialisation is compiled
        return model.init(key, audio)["params"]["tier_0"]["rnn_0"]["bias"]

    bias = bias(jax.random.key(0), noise(8))
    np.testing.assert_array_equal(bias, np.repeat([0.0, 3.0, 0.0, 0.0], 10))
    for wrong, word in ((dict(frames=(8, 2)), "divide"), (dict(cell="rnn"), "gru")):
        with pytest.raises(BadInput, match=word):
            jax.eval_shape(small(**wrong).init, jax.random.key(0), noise(16))
    with pytest.raises(BadInput, match="multiple of 16"):
        jax.eval_shape(small().init, jax.random.key(0), noise(17))
