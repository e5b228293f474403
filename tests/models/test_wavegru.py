"""WaveGRU: filters against SciPy, layers against PyTorch, steps against one pass, Lyra's files."""

import gzip
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import logistic

from zoo.checkpoints.checksums import by_path
from zoo.errors import BadInput
from zoo.models.generation.wavegru import WaveGRU
from zoo.objectives.banded_likelihood import BandedLikelihood
from zoo.objectives.base import Request, Variables
from zoo.pretrained import lyra, rules
from zoo.sampling.rule import SamplerRule
from zoo.signal import qmf
from zoo.signal.mixtures import SoftplusLogistics

torch = pytest.importorskip("torch")
F = torch.nn.functional

RNG = np.random.default_rng(0)
LAW = SoftplusLogistics(2)
SMALL = WaveGRU(8, 4, 6, features=3, frame_hop=64, distribution=LAW)
SIZES = {  # of Lyra's layers: rows, columns
    "conv1d": (4, 9),
    **{f"conditioning_stack_{i}": (4, 8) for i in range(3)},
    **{f"transpose_{i}": (8, 4) for i in range(3)},
    "conv_cond": (8, 4),
    "conv_to_gates": (24, 8),
    "ar_to_gates": (24, 4),
    "gru_layer": (24, 8),
    "proj": (6, 8),
    **{name: (8, 6) for name in ("mix", "means", "scales")},
}


@pytest.fixture(scope="module")
def layers():
    return {
        name: (RNG.normal(0, 0.5, shape).astype("<f4"), RNG.normal(0, 0.3, shape[0]).astype("<f4"))
        for name, shape in SIZES.items()
    }


@pytest.fixture(scope="module")
def files(layers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lyra")
    for name, (weights, bias) in layers.items():
        for end, numbers in ((lyra._WEIGHTS, weights), (lyra.BIAS, bias)):
            path = folder / f"{lyra.PREFIX}{name}{end}"
            path.write_bytes(gzip.compress(numbers.tobytes()))
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def variables(files):
    shapes = jax.eval_shape(
        SMALL.init, jax.random.key(0), jnp.zeros((1, 64, 1)), jnp.zeros((1, 1, 3))
    )
    filled = rules.apply_rules(lyra.RULES, lyra.read_lyra(files), by_path(shapes))
    leaves = [jnp.asarray(filled[path]) for path in by_path(shapes)]
    return jax.tree.unflatten(jax.tree.structure(shapes), leaves)


def twin(layers, frames, bands):
    """Frames [F 3] and bands [T 4] to raw parameters [T 4 6], layer by layer as Lyra runs them."""
    weights = {name: [torch.tensor(part) for part in both] for name, both in layers.items()}

    def taps(name, x, dilation=1):
        kernel, bias = weights[name]
        kernel = kernel.reshape(4, -1, x.shape[1]).transpose(1, 2)
        return F.conv1d(x, kernel, bias, dilation=dilation)

    x = torch.tensor(frames).T[None]
    x = taps("conv1d", F.pad(F.pad(x, (1, 0), value=np.log(500) / 10), (1, 0)))
    for number, dilation in enumerate((1, 2, 4)):
        x = x + taps(f"conditioning_stack_{number}", F.pad(F.relu(x), (dilation, 0)), dilation)
    x = x[0].T
    for number in range(3):
        x = F.relu(F.linear(x, *weights[f"transpose_{number}"])).reshape(-1, 4)
    gates = F.linear(F.linear(x, *weights["conv_cond"]), *weights["conv_to_gates"])
    cell = torch.nn.GRUCell(24, 8)
    recurrent, bias = weights["gru_layer"]
    state = {"weight_ih": torch.eye(24), "bias_ih": torch.zeros(24)}
    cell.load_state_dict({**state, "weight_hh": recurrent, "bias_hh": bias})
    h, last, raw = torch.zeros(1, 8), torch.zeros(1, 4), []
    for step, now in enumerate(torch.tensor(bands)):
        h = cell(gates[None, step // 2] + F.linear(last, *weights["ar_to_gates"]), h)
        hidden = F.relu(F.linear(h, *weights["proj"]))
        parts = [F.linear(hidden, *weights[n]).reshape(4, 2) for n in ("mix", "means", "scales")]
        raw.append(torch.cat(parts, -1))
        last = now[None]
    return torch.stack(raw).detach().numpy()


def test_lyra_s_files_give_what_its_layers_give(layers, variables):
    frames = RNG.normal(0, 0.5, (12, 3)).astype(np.float32)
    bands = RNG.uniform(-0.5, 0.5, (192, 4)).astype(np.float32)
    given = jnp.asarray(bands.reshape(1, -1, 1)), jnp.asarray(frames[None])
    ours = np.asarray(jax.jit(SMALL.apply)(variables, *given)).reshape(192, 4, 6)
    np.testing.assert_allclose(ours, twin(layers, frames, bands), atol=2e-5)


def frames_of(batch):
    """Three numbers of each 64 samples."""
    parts = batch["audio"][..., 0].reshape(len(batch["audio"]), -1, 64)
    return jnp.stack([parts[..., 0], parts[..., 20], parts.mean(-1)], -1)


def test_steps_are_one_pass(variables):
    """What is drawn has the likelihood of the parallel pass; chunks and voices change nothing."""
    objective = BandedLikelihood(SMALL, condition=frames_of)
    ours = Variables({"model": variables["params"]})
    source = RNG.uniform(-0.5, 0.5, (1472, 1)).astype(np.float32)
    asked = partial(Request, 1470, 2, 3, SamplerRule(0.8), source=source)
    *_, (_, nats) = objective.scored(ours, asked(chunk=500))
    whole = np.concatenate(list(objective.generate(ours, asked(chunk=1470))), 1)
    audio = np.concatenate(list(objective.generate(ours, asked(chunk=500))), 1)
    assert audio.shape == (2, 1470, 1) and np.abs(audio[0] - audio[1]).max() > 0.01
    np.testing.assert_allclose(audio, whole, atol=1e-6)
    drawn = drawn_bands(objective, ours, asked(chunk=1470))
    raw = jax.jit(SMALL.apply)(variables, drawn, frames_of({"audio": np.tile(source, (2, 1, 1))}))
    np.testing.assert_allclose(LAW.log_prob(raw, drawn).sum(1), nats, rtol=1e-4)


def drawn_bands(objective, variables, request):
    """The bands themselves, interleaved [B T 1], before they are merged."""
    chunks = super(BandedLikelihood, objective).scored(variables, replace(request, length=1472))
    return np.concatenate([np.asarray(chunk) for chunk, _ in chunks], 1)


def test_bands_are_scipy_s_and_merge_to_an_all_pass():
    x = RNG.normal(size=(2, 2048)).astype(np.float32)

    def passed(x, zeros):
        for a in zeros:
            x = lfilter([a, 1], [1, a], x)
        return x

    def halves(x):
        first, second = passed(x[:, ::2], qmf._FIRST), passed(x[:, 1::2], qmf.SECOND)
        return (first + second) / 2, (first - second) / 2

    low, high = halves(x)
    (one, two), (four, three) = halves(low), halves(high)
    split = jax.jit(partial(qmf.split_bands, bands=4))
    bands = np.asarray(split(x))
    np.testing.assert_allclose(bands, np.stack([one, two, three, four], -1), atol=1e-4)
    merge = qmf.Merger(4, 2)
    joined = np.concatenate([merge(bands[:, :100]), merge(bands[:, 100:])], 1)
    np.testing.assert_allclose(joined, qmf.Merger(4, 2)(bands), atol=1e-9)

    impulse = np.zeros((2, 2048), np.float32)
    impulse[:, 8] = 1
    answer = qmf.Merger(4, 2)(np.asarray(split(impulse)))
    np.testing.assert_allclose(np.abs(np.fft.rfft(answer[0])), 1, atol=2e-3)
    with pytest.raises(BadInput, match="power of two"):
        qmf.split_bands(x, 3)


def test_bands_rise_in_frequency():
    time = np.arange(4096) / 16_000
    split = jax.jit(partial(qmf.split_bands, bands=4))
    for band in range(4):
        tone = np.sin(2 * np.pi * (1000 + 2000 * band) * time, dtype=np.float32)[None]
        energy = np.square(np.asarray(split(tone))).mean((0, 1))
        assert energy.argmax() == band and energy[band] > 0.95 * energy.sum()


def test_the_law_is_scipy_s():
    raw = RNG.normal(0, 3, (50, 6)).astype(np.float32)
    audio = RNG.uniform(-0.1, 0.1, (50, 1)).astype(np.float32)
    shares = np.exp(raw[:, :2]) / np.exp(raw[:, :2]).sum(1, keepdims=True)
    scales = np.log1p(np.exp(np.float64(raw[:, 4:]))) / 128
    density = (shares * logistic.pdf(audio, raw[:, 2:4] / 128, scales)).sum(1)
    np.testing.assert_allclose(LAW.log_prob(raw, audio), np.log(density), rtol=1e-4, atol=1e-4)
    noise = RNG.uniform(size=(50, 2)).astype(np.float32)
    noise[:2, 1] = 0, 1 - 2**-24
    which = (noise[:, 0] > shares[:, 0]).astype(int)[:, None]
    chance = noise[:, 1:] * (1 - 2e-5) + 1e-5
    mean, scale = (np.take_along_axis(x, which, 1) for x in (raw[:, 2:4], 128 * scales))
    wanted = np.trunc(256 * (mean + scale * np.log((1 - chance) / chance))) / 32768
    np.testing.assert_allclose(LAW.sample(raw, noise, 1.0), wanted, atol=1.1 / 32768)
    heaviest = raw[:, :2].argmax(1)[:, None]
    wanted = np.trunc(256 * np.take_along_axis(raw[:, 2:4], heaviest, 1)) / 32768
    np.testing.assert_allclose(LAW.mode(raw), wanted, atol=1.1 / 32768)
    np.testing.assert_allclose(LAW.sample(raw, noise, 0.0), LAW.mode(raw), atol=1e-7)
    steps = np.array([-1.7, -0.7, 0.7, 1.7], np.float32)[:, None]  # of 16 bits: cut, not rounded
    raw = np.pad(steps / 256, ((0, 0), (2, 3)))
    np.testing.assert_array_equal(32768 * LAW.mode(raw), np.trunc(steps))


def test_files_that_are_none_are_refused(files, tmp_path):
    bias = next(path for path in files if path.name.endswith(lyra.BIAS))
    with pytest.raises(BadInput, match=r"weights and the bias|does not belong"):
        lyra.read_lyra([bias])
    for content in (b"no gzip", gzip.compress(b"123"), bias.read_bytes()[:-9]):
        path = tmp_path / bias.name
        path.write_bytes(content)
        with pytest.raises(BadInput, match=bias.name):
            lyra.read_lyra([path])
