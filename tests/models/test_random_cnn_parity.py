"""Features of random filters against PyTorch, with the same filters and spectrograms."""

import jax
import numpy as np
import pytest

from zoo.models.classification.random_cnn import make_random_cnn, paper_mel_spec
from zoo.signal import mel

torch = pytest.importorskip("torch")
from torch_twin import Leaves, conv, leaves  # noqa: E402

F = torch.nn.functional

pytestmark = pytest.mark.optimised
RATE = 12_000


def same(w: Leaves, name: str, x: torch.Tensor) -> torch.Tensor:
    """A rectified convolution as long as its input, the odd zero on the right."""
    spare = len(w[f"{name}/kernel"]) - 1
    return conv(w, name, F.pad(x, (spare // 2, spare - spare // 2))).relu()


def sample_level(w: Leaves, audio: torch.Tensor, bands: torch.Tensor) -> list[torch.Tensor]:
    maps = [conv(w, "conv_0", audio, stride=3).relu()]
    for i in range(1, 7):
        maps.append(F.max_pool1d(same(w, f"conv_{i}", maps[-1]), 3))
    return maps


def frame_level(w: Leaves, audio: torch.Tensor, bands: torch.Tensor) -> list[torch.Tensor]:
    front = conv(w, "front", audio, stride=32).relu()
    first = conv(w, "back_1", front).relu()
    second = first + same(w, "back_2", first)
    pooled = F.max_pool1d(second, 2)
    return [front, first, second, pooled + same(w, "back_3", pooled)]


def vgg(w: Leaves, audio: torch.Tensor, bands: torch.Tensor) -> list[torch.Tensor]:
    x, maps = bands[:, None], []
    for i, pool in enumerate(((4, 2), (4, 3), (5, 2), (4, 2), (4, 4))):
        kernel = w[f"conv_{i}/kernel"].permute(3, 2, 0, 1)
        x = F.elu(F.conv2d(x, kernel, w[f"conv_{i}/bias"], padding=1))
        x = F.max_pool2d(x, tuple(map(min, pool, x.shape[2:])))
        maps.append(x)
    return maps


def timbral_temporal(w: Leaves, audio: torch.Tensor, bands: torch.Tensor) -> list[torch.Tensor]:
    """Filters over [frames, bands], the largest of all bands, beside those over the bands' mean."""
    maps = []
    for taps, height in ((t, h) for h in (86, 38) for t in (7, 3, 1)):
        name = f"timbral_{taps}x{height}/conv"
        kernel, bias = w[f"{name}/kernel"].permute(2, 0, 1)[:, None], w[f"{name}/bias"]
        maps.append(F.conv2d(bands[:, None], kernel, bias, padding=(taps // 2, 0)).relu().amax(3))
    return maps + [
        same(w, f"temporal_{taps}", bands.mean(2)[:, None]) for taps in (165, 128, 64, 32)
    ]


@pytest.mark.parametrize("net", [sample_level, frame_level, vgg, timbral_temporal])
def test_features_equal_torch(net):
    model, rng = make_random_cnn(net.__name__, RATE, 4), np.random.default_rng(0)
    audio = rng.uniform(-1, 1, (2, 6_000, 1)).astype(np.float32)
    shapes = jax.eval_shape(model.init, jax.random.key(0), audio)
    variables = jax.tree.map(lambda s: rng.normal(0, 0.3, s.shape).astype(np.float32), shapes)
    bands = torch.tensor(np.array(mel.log_mel(audio, paper_mel_spec(RATE))[..., 0]))
    with torch.no_grad():
        maps = net(leaves(variables["params"]), torch.tensor(audio).mT, bands)
        theirs = torch.cat([x.flatten(2).mean(2) for x in maps], 1)
    ours = jax.jit(model.apply)(variables, audio)
    np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=1e-4)
