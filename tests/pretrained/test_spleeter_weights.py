"""Spleeter's weights through our model: torch's answers, the goldens of others, and real music."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.checkpoints.checksums import by_path
from zoo.errors import BadInput
from zoo.models.separation.spectrogram_unet import SPLEETER, MaskUNet, SpectrogramUNet
from zoo.pretrained import index, rules, weights

NAME = "spleeter_2stems"


def ours(foreign):
    """Variables of our model of two nets, filled from arrays under the published names."""
    model = SpectrogramUNet(**SPLEETER)
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, model.length(), 2)))
    filled = rules.apply_rules(index.find_published(NAME).rules, foreign, by_path(shapes))
    leaves = [jnp.asarray(filled[path]) for path in by_path(shapes)]
    return jax.tree.unflatten(jax.tree.structure(shapes), leaves)


def random_nets(torch, torch_spleeter):
    """Two nets with random weights and random statistics, so that no swap stays unseen."""
    torch.manual_seed(0)
    nets = [torch_spleeter.Net().eval() for _ in range(2)]
    for net in nets:
        for name, tensor in net.state_dict().items():
            if "running" in name or ".3." in name or "_act" in name:
                tensor.copy_(tensor + torch.rand(tensor.shape) * 0.5)
    return nets


def foreign(nets):
    kept = (
        (f"{number}.{name}", tensor.numpy().copy())
        for number, net in enumerate(nets)
        for name, tensor in net.state_dict().items()
        if "tracked" not in name
    )
    return dict(kept)


def parity(torch, torch_spleeter, nets, variables, audio, frames):
    """Largest difference of our stems [S C T] to torch's."""
    model = SpectrogramUNet(**{**SPLEETER, "frames": frames})
    stems = jax.jit(model.apply)(variables, jnp.asarray(audio.T[None]))
    with torch.no_grad():
        wanted = torch_spleeter.separate(nets, torch.from_numpy(audio), frames).numpy()
    assert np.abs(wanted).max() > 0.05
    return np.abs(np.asarray(stems[0]).transpose(1, 2, 0) - wanted).max()


def noise(length):
    return (np.random.default_rng(0).standard_normal((2, length)) * 0.2).astype(np.float32)


def test_random_weights_give_torch_s_stems():
    """Names, layouts and the whole chain around the nets, over two pieces of 64 frames."""
    torch = pytest.importorskip("torch")
    import torch_spleeter

    nets = random_nets(torch, torch_spleeter)
    variables = ours(foreign(nets))
    assert parity(torch, torch_spleeter, nets, variables, noise(80 * 1024), 64) < 1e-5


def test_the_index_names_what_the_model_holds():
    published = index.find_published(NAME)
    assert published.config == "spleeter_unet_musdb18"
    with pytest.raises(BadInput, match="not filled"):
        ours({})


GOLDEN = {  # of each net, from a port that agrees with torch to 3e-6
    "ones": ((0.037749, 0.985743), (0.045935, 0.066728)),
    "noise": ((0.005863, 2.500272), (0.012397, 1.443427)),
}


@pytest.mark.download
@pytest.mark.slow
def test_published_weights_give_the_golden_values():
    config, arguments, variables = weights.load_weights(NAME)
    assert (config, dict(arguments)) == ("spleeter_unet_musdb18", {})
    stored = variables.of("model")
    random = (np.random.default_rng(0).random((1, 512, 1024, 2)) * 5).astype(np.float32)
    given = {"ones": np.ones_like(random), "noise": random}
    run = jax.jit(MaskUNet(layout="spleeter").apply)
    for number in range(2):
        net = {name: tree[f"nets_{number}"] for name, tree in stored.items()}
        kernel = np.sum(np.asarray(net["params"]["down_1"]["kernel"], np.float64))
        assert abs(kernel - (-6.556556, -6.714604)[number]) < 1e-5
        for name, x in given.items():
            y = np.asarray(run(net, x)) * x
            means, deviations = GOLDEN[name]
            np.testing.assert_allclose(y.mean(), means[number], atol=1e-5)
            np.testing.assert_allclose(y.std(), deviations[number], atol=1e-5)


@pytest.mark.download
@pytest.mark.slow
def test_published_weights_give_torch_s_stems():
    torch = pytest.importorskip("torch")
    import torch_spleeter

    _, _, variables = weights.load_weights(NAME)
    published = index.find_published(NAME)
    from zoo.pretrained import obtain

    arrays = obtain.obtain_arrays(published)
    nets = []
    for number in range(2):
        net = torch_spleeter.Net()
        own = {k[2:]: torch.from_numpy(v) for k, v in arrays.items() if k[0] == str(number)}
        missing, unexpected = net.load_state_dict(own, strict=False)
        assert not unexpected and all("tracked" in name for name in missing)
        nets.append(net.eval())
    tone = 0.3 * np.sin(np.arange(80 * 1024) * 0.05) * np.ones((2, 1))
    audio = (noise(80 * 1024) + tone).astype(np.float32)
    assert parity(torch, torch_spleeter, nets, variables.of("model"), audio, 64) < 1e-5
