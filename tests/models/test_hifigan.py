"""HiFi-GAN: the paper's sizes; networks and losses against the authors' and PyTorch's."""

import jax
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from zoo.layers.spectral_norm import COLLECTION
from zoo.losses import adversarial
from zoo.models.generation import hifigan
from zoo.runs.inference import count_parameters

KEY = jax.random.key(0, impl="unsafe_rbg")


def shape_of(module, shape):
    x = np.zeros(shape, np.float32)
    output, variables = jax.eval_shape(lambda: module.init_with_output(KEY, x))
    return output, count_parameters(variables["params"])


def drawn(module, x):
    """Weights drawn with NumPy, as Flax has them and, transposed, by path for torch."""
    torch = pytest.importorskip("torch")

    random = np.random.default_rng(0)
    params = jax.tree.map(
        lambda s: random.normal(0, 1 / np.sqrt(max(np.prod(s.shape[:-1]), 4)), s.shape).astype(
            np.float32
        ),
        jax.eval_shape(module.init, KEY, x)["params"],
    )
    flat = flatten_dict(params, sep="/")
    return params, {k: torch.tensor(np.ascontiguousarray(v.T)) for k, v in flat.items()}


@pytest.mark.parametrize(
    "sizes, plain, normed, hop",
    [
        ({}, 13_926_017, 13_936_130, 256),
        ({"width": 128}, 925_985, 928_514, 256),
        (hifigan.V3, 1_462_273, 1_464_322, 256),
    ],
    ids=["V1", "V2", "V3"],
)
def test_generators_of_the_paper(sizes, plain, normed, hop):
    audio, size = shape_of(hifigan.Generator(**sizes), (2, 8, 80))
    assert size == normed and audio.shape == (2, 8 * hop, 1)
    assert shape_of(hifigan.Generator(**sizes, norm="none"), (2, 8, 80))[1] == plain


def test_discriminators_of_the_paper():
    discriminator = hifigan.Discriminator(norms=False, scales=0)
    answers, size = shape_of(discriminator, (2, 8192, 1))
    assert size == 41_092_165 and len(answers) == 5
    discriminator = hifigan.Discriminator(norms=False, periods=())
    answers, size = shape_of(discriminator, (2, 8192, 1))
    assert size == 29_610_627 and len(answers) == 3
    assert all(len(features) == 8 for _, features in answers)
    assert all(features[-1].shape == score.shape for score, features in answers)


def test_first_scale_is_under_spectral_norm():
    """A power step at a time the largest singular value goes to one, and only in training."""
    x = np.random.default_rng(0).normal(size=(1, 256, 1)).astype(np.float32)
    discriminator = hifigan.Discriminator(periods=(), scales=1, narrower=64)
    variables = jax.jit(discriminator.init)(KEY, x)

    @jax.jit
    def still_and_moved(variables):
        how = dict(mutable=[COLLECTION])
        return [discriminator.apply(variables, x, train=train, **how)[1] for train in (False, True)]

    still, moved = still_and_moved(variables)
    jax.tree.map(np.testing.assert_array_equal, variables[COLLECTION], still[COLLECTION])
    for _ in range(30):
        moved = still_and_moved({**variables, **moved})[1]
    norms = flatten_dict(moved[COLLECTION], sep="/")
    kernels = flatten_dict(variables["params"], sep="/")
    for name in [*(f"down_{i}" for i in range(1, 8)), "score"]:
        kernel = kernels[f"scale_1/{name}/kernel"]
        matrix = np.reshape(kernel, (-1, kernel.shape[-1])).T
        u, v = (norms[f"scale_1/{name}_norm/{vector}"] for vector in "uv")
        largest = np.linalg.svd(matrix)[1][0]
        assert 0.99 * largest < u @ matrix @ v < 1.001 * largest, name


def test_an_output_depends_on_its_reach_and_no_further():
    pytest.importorskip("torch")
    sizes = dict(upsampling=(4, 2), taps=(8, 4), kernels=(3, 7), dilations=((1, 3),) * 2)
    model = hifigan.Generator(bins=1, width=16, norm="none", **sizes)
    assert hifigan.Generator().reach == 13 and model.reach == 11
    x = np.random.default_rng(1).normal(size=(1, 61, 1)).astype(np.float32)
    params, _ = drawn(model, x)
    samples = slice(30 * model.hop, 31 * model.hop)
    gradient = jax.jit(jax.grad(lambda x: model.apply({"params": params}, x)[:, samples].sum()))(x)
    touched = np.flatnonzero(gradient[0, :, 0])
    assert touched.min() == 30 - 11 and touched.max() == 30 + 11


@pytest.mark.parametrize("double", [True, False])
def test_generator_equals_torch(double):
    torch = pytest.importorskip("torch")
    F = torch.nn.functional

    sizes = dict(upsampling=(4, 3), taps=(8, 7), kernels=(3, 7), dilations=((1, 3), (2, 5)))
    model = hifigan.Generator(bins=5, width=16, double=double, norm="none", **sizes)
    mel = np.random.default_rng(2).normal(size=(2, 9, 5)).astype(np.float32)
    params, w = drawn(model, mel)

    def conv(x, name, dilation=1):
        kernel = w[f"{name}/kernel"]
        pad = (kernel.shape[-1] - 1) * dilation // 2
        return F.conv1d(x, kernel, w[f"{name}/bias"], padding=pad, dilation=dilation)

    x = conv(torch.tensor(mel).mT, "first")
    for i, (factor, taps) in enumerate(zip((4, 3), (8, 7)), 1):
        kernel = w[f"up_{i}/kernel"].transpose(0, 1)
        x = F.leaky_relu(x, 0.1)
        x = F.conv_transpose1d(x, kernel, w[f"up_{i}/bias"], factor, (taps - factor) // 2)
        total = 0
        for j, dilations in enumerate(((1, 3), (2, 5)), 1):
            y = x
            for k, dilation in enumerate(dilations, 1):
                name = f"residual_{i}_{j}"
                z = conv(F.leaky_relu(y, 0.1), f"{name}/dilated_{k}", dilation)
                z = conv(F.leaky_relu(z, 0.1), f"{name}/plain_{k}") if double else z
                y = y + z
            total = total + y
        x = total / 2
    wanted = torch.tanh(conv(F.leaky_relu(x, 0.01), "last")).mT
    audio = jax.jit(model.apply)({"params": params}, mel)
    assert audio.shape == (2, 108, 1)
    np.testing.assert_allclose(audio, wanted, atol=1e-5)


def test_discriminator_equals_torch():
    torch = pytest.importorskip("torch")
    F = torch.nn.functional

    model = hifigan.Discriminator(periods=(3,), scales=2, narrower=64, norms=False)
    audio = np.random.default_rng(3).normal(size=(2, 400, 1)).astype(np.float32)
    params, w = drawn(model, audio)
    period, *scales = jax.jit(model.apply)({"params": params}, audio)
    x = torch.tensor(audio).mT
    y = F.pad(x, (0, 2), mode="reflect").reshape(2, 1, -1, 3)
    for i, stride in enumerate((3, 3, 3, 3, 1), 1):
        kernel, bias = (w[f"period_3/down_{i}/{k}"] for k in ("kernel", "bias"))
        y = F.leaky_relu(F.conv2d(y, kernel[..., None], bias, (stride, 1), (2, 0)), 0.1)
        np.testing.assert_allclose(period[1][i - 1], y.permute(0, 3, 2, 1), atol=1e-5)
    kernel, bias = (w[f"period_3/score/{k}"] for k in ("kernel", "bias"))
    y = F.conv2d(y, kernel[..., None], bias, padding=(1, 0))
    np.testing.assert_allclose(period[0], y.permute(0, 3, 2, 1), atol=1e-5)
    strides, groups = (1, 2, 2, 4, 4, 1, 1), (1, 4, 16, 16, 16, 16, 1)
    for number, (score, features) in enumerate(scales, 1):
        x = F.avg_pool1d(x, 4, 2, 2) if number > 1 else x
        y = x
        for i, (stride, group) in enumerate(zip(strides, groups), 1):
            kernel, bias = (w[f"scale_{number}/down_{i}/{k}"] for k in ("kernel", "bias"))
            how = dict(stride=stride, padding=kernel.shape[-1] // 2, groups=group)
            y = F.leaky_relu(F.conv1d(y, kernel, bias, **how), 0.1)
            np.testing.assert_allclose(features[i - 1], y.mT, atol=1e-5)
        kernel, bias = (w[f"scale_{number}/score/{k}"] for k in ("kernel", "bias"))
        np.testing.assert_allclose(score, F.conv1d(y, kernel, bias, padding=1).mT, atol=1e-5)


def from_module(net):
    """(parameters, vectors of the spectral norm) of a discriminator's sub-net in torch."""
    params, statistics = {}, {}
    names = [*(f"down_{i}" for i in range(1, len(net.convs) + 1)), "score"]
    for name, layer in zip(names, [*net.convs, net.conv_post], strict=True):
        arrays = {k: v.numpy().copy() for k, v in layer.state_dict().items()}
        if "weight_orig" in arrays:
            v = arrays["weight_v"].reshape(arrays["weight_orig"].shape[1:]).T.ravel()
            statistics[f"{name}_norm"] = {"u": arrays["weight_u"], "v": v}
            params[name] = {"kernel": arrays["weight_orig"].T}
        else:
            kernel = arrays["weight_v"].T  # of a period, [1 k I O]
            kernel = kernel[0] if kernel.ndim == 4 else kernel
            params[name] = {"kernel": kernel, "scale": arrays["weight_g"].ravel()}
        params[name]["bias"] = arrays["bias"]
    return params, statistics


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
@pytest.mark.download
def test_discriminators_and_losses_equal_the_authors_module(published_modules):
    """The code of Kong et al. as the package hifi_gan carries it, at full width and both norms."""
    torch = pytest.importorskip("torch")
    published_modules("hifi_gan==0.0.2")
    from hifi_gan import models as theirs

    torch.manual_seed(0)
    nets = theirs.DiscriminatorP(3), theirs.DiscriminatorS(True), theirs.DiscriminatorS()
    names = ("period_3", "scale_1", "scale_2")
    found = [from_module(net) for net in nets]
    variables = {
        "params": {name: params for name, (params, _) in zip(names, found)},
        COLLECTION: {"scale_1": found[1][1]},
    }
    audio = np.random.default_rng(3).normal(size=(2, 512, 1)).astype(np.float32)
    # In training the vectors of both make one step before they are used.
    net = hifigan.Discriminator(periods=(3,), scales=2)
    run = jax.jit(lambda v: net.apply(v, audio, train=True, mutable=[COLLECTION])[0])
    answers = run(variables)
    x = torch.tensor(audio).mT
    pooled = torch.nn.functional.avg_pool1d(x, 4, 2, 2)
    with torch.no_grad():
        scores, maps = zip(*(net(y) for net, y in zip(nets, (x, x, pooled))))
    for (score, features), wanted in zip(answers, maps, strict=True):
        for ours, map_ in zip(features, wanted, strict=True):
            map_ = map_.permute(0, 3, 2, 1) if map_.ndim == 4 else map_.mT
            np.testing.assert_allclose(ours, map_, atol=1e-5)
        np.testing.assert_array_equal(score, features[-1])
    # The losses, of one example that is real and one that is not.
    real, fake = (jax.tree.map(lambda a, i=i: a[i : i + 1], answers) for i in (0, 1))
    halves = [[[m[i : i + 1] for m in ms] for ms in maps] for i in (0, 1)]
    matched = adversarial.feature_matching([f for _, f in fake], [f for _, f in real])
    np.testing.assert_allclose(2 * matched[0], theirs.feature_loss(*halves), rtol=1e-4)
    judged = sum(
        adversarial.least_squares_discriminator(f, r) for (f, _), (r, _) in zip(fake, real)
    )
    wanted = theirs.discriminator_loss([s[:1] for s in scores], [s[1:] for s in scores])[0]
    np.testing.assert_allclose(judged[0], wanted, rtol=1e-4)
