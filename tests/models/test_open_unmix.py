"""Open-Unmix: published sizes, and its authors' module: nets, a step of SGD, the whole chain."""

import sys
from unittest.mock import MagicMock

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict

from zoo.errors import BadInput
from zoo.losses.waveform import l2, source_sum
from zoo.models.separation.open_unmix import OpenUnmix, SourceNet, bin_deviations
from zoo.objectives.base import Variables
from zoo.objectives.masking import Masking
from zoo.pretrained import rules
from zoo.pretrained.open_unmix import open_unmix_rules

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.optimised


@pytest.mark.parametrize(
    "bins, channels, all_bins, hidden, parameters",
    [
        (1487, 2, 2049, 512, 8_893_348),  # UMX and UMXHQ
        (1487, 2, 2049, 1024, 28_257_188),  # UMXL
        (513, 1, 513, 256, 1_583_622),  # UMXSE
        (2049, 2, 2049, 512, 9_469_960),  # all bins
    ],
)
def test_parameters_are_the_published_ones(bins, channels, all_bins, hidden, parameters):
    x = jax.ShapeDtypeStruct((1, 3, all_bins, channels), jnp.float32)
    y, variables = jax.eval_shape(SourceNet(bins, hidden).init_with_output, jax.random.key(0), x)
    assert y.shape == x.shape
    assert sum(leaf.size for leaf in jax.tree.leaves(variables["params"])) == parameters


TINY = OpenUnmix(sources=2, channels=2, n_fft=32, hop=8, bins=11, hidden=6, layers=2, window=5)


def test_statistics_are_those_of_the_first_batch():
    magnitudes = np.random.default_rng(0).uniform(0, 5, (2, 30, 17, 2)).astype(np.float32)
    magnitudes[:, :, 3] = 0.5
    params = jax.jit(SourceNet(11, 6, 1).init)(jax.random.key(0), magnitudes)["params"]
    mono = magnitudes.mean(3).reshape(-1, 17)[:, :11].astype(np.float64)
    np.testing.assert_allclose(params["input_mean"], -mono.mean(0), rtol=1e-5)
    wanted = np.maximum(mono.std(0), 1e-4 * mono.std(0).max())
    np.testing.assert_allclose(params["input_scale"], 1 / wanted, rtol=1e-4)
    assert params["input_scale"][3] == np.max(params["input_scale"])
    np.testing.assert_array_equal(bin_deviations(jnp.zeros((1, 2, 3, 1))), 1)


def test_a_pass_over_the_training_split_gives_the_statistics():
    """Equal to scikit-learn's StandardScaler, which the authors use, over all batches."""
    from sklearn.preprocessing import StandardScaler

    from zoo.objectives.masking import Masking
    from zoo.objectives.remix import Remix

    rng = np.random.default_rng(1)
    stems = [rng.uniform(-1, 1, (2, 100, 2, 2)).astype(np.float32) * scale for scale in (1, 3)]
    batches = [{"stems": x, "mixture": x.sum(2)} for x in stems]
    objective = Remix(Masking(TINY), group=2)
    variables = jax.jit(objective.init)(jax.random.key(0), batches[0])
    learnt = objective.initialize(variables, iter(batches)).params["model"]
    scaler = StandardScaler()
    for batch in batches:
        magnitude = np.abs(TINY.spectrum(batch["mixture"])).mean(3)
        scaler.partial_fit(magnitude.reshape(-1, 17)[:, :11])
    for net in learnt.values():
        np.testing.assert_allclose(net["input_mean"], -scaler.mean_, rtol=1e-5)
        np.testing.assert_allclose(net["input_scale"], 1 / scaler.scale_, rtol=1e-5)
    assert learnt.keys() == variables.params["model"].keys()


def test_what_cannot_be_is_refused():
    x = jnp.zeros((1, 100, 2))
    with pytest.raises(BadInput, match="n_fft=32 has 17"):
        TINY.clone(bins=18).init(jax.random.key(0), x)
    with pytest.raises(BadInput, match="iterations=0"):
        TINY.clone(sources=1).init(jax.random.key(0), x)
    with pytest.raises(BadInput, match=r"takes \[B T 2\]"):
        TINY.init(jax.random.key(0), x[..., :1])


@pytest.fixture
def authors(published_modules, monkeypatch):
    """openunmix 1.3.0, which imports torchaudio for what is not needed here."""
    published_modules("openunmix==1.3.0", "tqdm")
    monkeypatch.setitem(sys.modules, "torchaudio", MagicMock())
    from openunmix import model

    return model


def nets(authors, layers=2, bidirectional=True):
    torch.manual_seed(0)
    made = []
    for _ in range(2):
        net = authors.OpenUnmix(17, 2, 6, layers, not bidirectional, max_bin=11)
        net.lstm.dropout = 0.0
        with torch.no_grad():
            for name, tensor in net.state_dict().items():
                if "tracked" not in name:
                    tensor.add_(0.3 * torch.rand(tensor.shape))
        made.append(net)
    return made


def numbers(made):
    return {
        f"{number}.{name}": tensor.detach().numpy().copy()
        for number, net in enumerate(made)
        for name, tensor in net.state_dict().items()
    }


def converted(model, arrays):
    x = jax.ShapeDtypeStruct((1, 100, model.channels), jnp.float32)
    wanted = flatten_dict(jax.eval_shape(model.init, jax.random.key(0), x), sep="/")
    return unflatten_dict(rules.apply_rules(open_unmix_rules(), arrays, wanted), sep="/")


def noise(length=130):
    return np.random.default_rng(0).standard_normal((2, length, 2)).astype(np.float32)


@pytest.mark.download
@pytest.mark.parametrize("iterations", [0, 2])
def test_separation_equals_the_authors_module(authors, iterations):
    """From audio to audio: reflected STFT, both nets, EM in windows of five frames."""
    made = nets(authors)
    separator = authors.Separator(
        dict(zip("ab", made)), niter=iterations, n_fft=32, n_hop=8, wiener_win_len=5
    ).eval()
    with torch.no_grad():
        expected = separator(torch.tensor(noise()).mT.contiguous())
    model = TINY.clone(iterations=iterations)
    y = jax.jit(model.apply)(converted(model, numbers(made)), noise())
    assert np.abs(expected).max() > 0.5
    np.testing.assert_allclose(np.transpose(y, (0, 2, 3, 1)), expected, atol=5e-3)
    if not iterations:
        np.testing.assert_allclose(np.transpose(y, (0, 2, 3, 1)), expected, atol=2e-5)


@pytest.mark.download
@pytest.mark.parametrize("bidirectional", [True, False])
def test_a_step_of_sgd_equals_the_authors_module(authors, bidirectional):
    """The squared error of magnitudes, a net a source; moving statistics but for their variance."""
    made = nets(authors, 1, bidirectional)
    model = TINY.clone(layers=1, bidirectional=bidirectional, dropout=0.0)
    stems = np.stack([noise(), noise()[::-1]], 2)
    batch = {"mixture": jnp.asarray(stems.sum(2)), "stems": jnp.asarray(stems)}
    variables = converted(model, numbers(made))
    (turn,) = Masking(model, source_sum(l2)).turns

    def value(params):
        state = {"batch_stats": variables["batch_stats"]}
        given = Variables({"model": params}, {"model": state})
        return turn.loss(given, batch, jax.random.key(0), 0)

    run = jax.jit(jax.value_and_grad(value, has_aux=True))
    (ours, (changed, _)), slopes = run(variables["params"])
    encode = authors.ComplexNorm()
    spectra, _ = authors.make_filterbanks(32, 8, center=True)

    def magnitudes(x):
        return encode(spectra(torch.tensor(np.ascontiguousarray(x.transpose(0, 2, 1)))))

    mixed = magnitudes(stems.sum(2))
    losses = []
    for source, net in enumerate(made):
        net.train()
        loss = torch.nn.functional.mse_loss(net(mixed), magnitudes(stems[:, :, source]))
        loss.backward()
        losses.append(loss.item())
        torch.optim.SGD(net.parameters(), 0.01).step()
    np.testing.assert_allclose(ours, sum(losses), rtol=1e-4)
    sgd = optax.sgd(0.01)
    stepped = optax.apply_updates(variables["params"], sgd.update(slopes, sgd.init(slopes))[0])
    after = converted(model, numbers(made))
    wanted = flatten_dict(after["params"], sep="/")
    for name, leaf in flatten_dict(stepped, sep="/").items():
        np.testing.assert_allclose(leaf, wanted[name], rtol=2e-3, atol=2e-5, err_msg=name)
    means = flatten_dict(changed["model"]["batch_stats"], sep="/")
    for name, leaf in flatten_dict(after["batch_stats"], sep="/").items():
        rtol = 1e-4 if name.endswith("mean") else 0.05
        np.testing.assert_allclose(means[name], leaf, rtol=rtol, atol=1e-4, err_msg=name)
