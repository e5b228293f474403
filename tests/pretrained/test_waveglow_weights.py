"""NVIDIA's layout of WaveGlow: every array finds its place, and gives what its module gives."""

import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from zoo.checkpoints.checksums import by_path
from zoo.errors import BadInput
from zoo.models.generation.waveglow import WaveGlow
from zoo.pretrained import rules, waveglow

pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")

SIZES = dict(flows=3, width=6, layers=2, bins=5)
OURS = WaveGlow(**SIZES, hop=16, upsampling_kernel=64, early_every=2)
LENGTH, FRAMES = 160, 11


def foreign(joined=True):
    """Names and shapes of NVIDIA's arrays, from its architecture alone."""
    shapes = {"upsample.weight": (5, 5, 64), "upsample.bias": (5,)}
    for k, channels in enumerate((8, 8, 6)):
        shapes[f"convinv.{k}.conv.weight"] = (channels, channels, 1)
        layers = {
            "start": (6, channels // 2, 1),
            "in_layers.0": (12, 6, 3),
            "in_layers.1": (12, 6, 3),
            "res_skip_layers.0": (12, 6, 1),
            "res_skip_layers.1": (6, 6, 1),
        }
        layers |= {"cond_layer": (24, 40, 1)} if joined else {"cond_layers.0": (12, 40, 1)}
        for name, shape in layers.items():
            shapes[f"WN.{k}.{name}.weight_v"] = shape
            shapes[f"WN.{k}.{name}.weight_g"] = (shape[0], 1, 1)
            shapes[f"WN.{k}.{name}.bias"] = shape[:1]
        shapes |= {f"WN.{k}.end.weight": (channels, 6, 1), f"WN.{k}.end.bias": (channels,)}
    rng = np.random.default_rng(0)
    return {n: rng.normal(size=shape).astype(np.float32) for n, shape in shapes.items()}


def places(model):
    inputs = np.zeros((1, LENGTH, 1), np.float32), np.zeros((1, FRAMES, 5), np.float32)
    return jax.eval_shape(model.init, jax.random.key(0), *inputs)


def ours(arrays, model=OURS):
    shapes = places(model)
    filled = rules.apply_rules(waveglow.waveglow_rules(bins=5), arrays, by_path(shapes))
    leaves = [filled[path] for path in by_path(shapes)]
    return jax.tree.unflatten(jax.tree.structure(shapes), leaves)


def test_every_array_finds_its_place():
    arrays = foreign()
    params = ours(arrays)["params"]
    told = arrays["WN.2.cond_layer.weight_v"]
    # Input 3 * 8 + 2 of theirs is bin 3 of sample 2; ours counts 2 * 5 + 3.
    np.testing.assert_array_equal(
        params["couplings_2"]["condition"]["kernel"][0, 13], told[:, 26, 0]
    )
    np.testing.assert_array_equal(
        params["mixers_1"]["kernel"], arrays["convinv.1.conv.weight"][..., 0].T
    )


def test_older_files_are_refused():
    with pytest.raises(BadInput, match="cond_layers"):
        ours(foreign(joined=False))


@pytest.fixture
def restated():
    torch = pytest.importorskip("torch")
    sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
    try:
        from torch_waveglow import WaveGlow as Restated
    finally:
        sys.path.pop(0)
    torch.manual_seed(0)
    net = Restated(**SIZES, hop=16, taps=64, early_every=2)
    for parameter in net.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return net


@pytest.mark.parametrize("form", ["state", "checkpoint", "bare"])
def test_files_give_the_numbers_of_pytorch(restated, form, tmp_path):
    """Through a file of torch.save; z, log-determinant and inverse equal to 1e-4."""
    torch = pytest.importorskip("torch")

    rng = np.random.default_rng(1)
    audio = rng.normal(0, 0.3, (2, LENGTH)).astype(np.float32)
    mel = rng.normal(size=(2, 5, FRAMES)).astype(np.float32)
    z, log_det = (x.detach().numpy() for x in restated(torch.tensor(audio), torch.tensor(mel)))
    if form == "bare":
        for module in restated.modules():
            if hasattr(module, "weight_g"):
                torch.nn.utils.remove_weight_norm(module)
    state = restated.state_dict()
    names = set(foreign()) if form != "bare" else set(state)
    assert set(state) == names
    inside = {"state_dict": {f"module.{k}": v for k, v in state.items()}, "iteration": 3}
    torch.save(inside if form == "checkpoint" else state, tmp_path / "file.pt")
    variables = ours(waveglow.read_waveglow([tmp_path / "file.pt"]))
    told = mel.swapaxes(1, 2)
    ours_z, ours_det = jax.jit(OURS.apply)(variables, audio[..., None], told)
    np.testing.assert_allclose(ours_z, z.swapaxes(1, 2), atol=1e-4)
    np.testing.assert_allclose(ours_det, log_det, atol=1e-3)
    noise = rng.normal(size=z.shape).astype(np.float32)
    theirs = restated.infer(torch.tensor(noise), torch.tensor(mel)).detach().numpy()
    mine = jax.jit(lambda *a: OURS.apply(*a, method="inverse"))(
        variables, noise.swapaxes(1, 2), told
    )
    np.testing.assert_allclose(mine[..., 0], theirs, atol=2e-4 * np.abs(theirs).max())


@pytest.mark.download
def test_output_equals_the_authors_module(published_modules, tmp_path):
    """NVIDIA's class as the package waveglow carries it; z and log-determinant of five frames."""
    torch = pytest.importorskip("torch")
    published_modules("waveglow==22.12.28")
    from waveglow.glow import WaveGlow as Theirs

    torch.manual_seed(0)
    net = Theirs(5, 3, 8, 2, 2, dict(n_layers=2, n_channels=6, kernel_size=3))
    for parameter in net.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    rng = np.random.default_rng(1)
    audio = rng.normal(0, 0.3, (2, 1280)).astype(np.float32)
    told = rng.normal(size=(2, 5, 5)).astype(np.float32)
    z, scales, mixers = net((torch.tensor(told).mT, torch.tensor(audio)))
    log_det = sum(x.sum((1, 2)) for x in scales) + sum(mixers) / 2  # theirs are of the batch
    torch.save(net.state_dict(), tmp_path / "file.pt")
    model = WaveGlow(**SIZES, early_every=2)
    variables = ours(waveglow.read_waveglow([tmp_path / "file.pt"]), model)
    found, ours_det = jax.jit(model.apply)(variables, audio[..., None], told)
    np.testing.assert_allclose(found, z.detach().mT, atol=1e-4)
    np.testing.assert_allclose(ours_det, log_det.detach(), rtol=1e-4)
