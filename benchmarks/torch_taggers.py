"""FCN, short-chunk CNN and self-attention of Won et al. 2020 as PyTorch modules, to be timed.

Written here, apart from the models of the zoo, in the layers that the authors' public module is
made of, which pip does not have; attention is PyTorch's fused one. Names are those of the zoo's
parameters. Audio [B T] to logits [B K], images [B C bins frames].
"""

from __future__ import annotations

from collections.abc import Mapping

import librosa
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

LAYOUTS = {"kernel": "weight", "scale": "weight", "mean": "running_mean", "var": "running_var"}


def load(net: nn.Module, arrays: Mapping[str, np.ndarray]) -> nn.Module:
    """Fills a net from the zoo's arrays by path; kernels lie the other way round."""
    state = {}
    for path, array in arrays.items():
        *parts, leaf = path.split("/")[1:]
        array = array.T if leaf == "kernel" else array
        name = ".".join([*parts, LAYOUTS.get(leaf, leaf)])
        state[name] = torch.tensor(np.ascontiguousarray(array))
    wanted = {name for name in net.state_dict() if not name.endswith("num_batches_tracked")}
    assert wanted == set(state), wanted ^ set(state)
    net.load_state_dict(state, strict=False)
    return net


class LogMel(nn.Module):
    """Decibels of mel power, [B T] -> [B 1 M F]."""

    def __init__(self, bins: int) -> None:
        super().__init__()
        mel = librosa.filters.mel(sr=16_000, n_fft=512, n_mels=bins, htk=True, norm=None)
        self.register_buffer("mel", torch.tensor(mel), persistent=False)
        self.register_buffer("window", torch.hann_window(512), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        spectrum = torch.stft(x, 512, 256, window=self.window, return_complex=True)
        power = spectrum.real**2 + spectrum.imag**2
        return 10 * torch.log10((self.mel @ power).clamp(min=1e-10))[:, None]


class Block(nn.Module):
    def __init__(self, width: int, features: int, pool: tuple[int, int]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, features, 3, padding=1)
        self.norm = nn.BatchNorm2d(features)
        self.pool = pool

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.max_pool2d(F.relu(self.norm(self.conv(x))), self.pool)


class Residual(nn.Module):
    def __init__(self, width: int, features: int, stride: tuple[int, int]) -> None:
        super().__init__()
        self.conv_1 = nn.Conv2d(width, features, 3, stride, 1)
        self.norm_1 = nn.BatchNorm2d(features)
        self.conv_2 = nn.Conv2d(features, features, 3, 1, 1)
        self.norm_2 = nn.BatchNorm2d(features)
        self.conv_shortcut = nn.Conv2d(width, features, 3, stride, 1)
        self.norm_shortcut = nn.BatchNorm2d(features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm_2(self.conv_2(F.relu(self.norm_1(self.conv_1(x)))))
        return F.relu(y + self.norm_shortcut(self.conv_shortcut(x)))


class FCN(nn.Module):
    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.mel, self.norm = LogMel(96), nn.BatchNorm2d(1)
        pools = ((2, 4), (2, 4), (2, 4), (3, 5), (4, 4))
        for i, sizes in enumerate(zip((1, *widths), widths, pools), 1):
            self.add_module(f"block_{i}", Block(*sizes))
        self.top = nn.Linear(widths[-1], 50)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.mel(x))
        for i in range(1, 6):
            x = getattr(self, f"block_{i}")(x)
        return self.top(x.flatten(1))


class Top(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.hidden, self.norm = nn.Linear(width, width), nn.BatchNorm1d(width)
        self.top = nn.Linear(width, 50)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.top(F.relu(self.norm(self.hidden(x))))


class ShortChunk(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.mel, self.norm = LogMel(128), nn.BatchNorm2d(1)
        widths = [width * factor for factor in (1, 1, 2, 2, 2, 2, 4)]
        for i, sizes in enumerate(zip((1, *widths), widths), 1):
            self.add_module(f"block_{i}", Block(*sizes, (2, 2)))
        self.top = Top(widths[-1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.mel(x))
        for i in range(1, 8):
            x = getattr(self, f"block_{i}")(x)
        return self.top(x.amax((2, 3)))


class Front(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.mel, self.norm = LogMel(128), nn.BatchNorm2d(1)
        widths = [features // 2] * 2 + [features] * 5
        for i, sizes in enumerate(zip((1, *widths), widths), 1):
            self.add_module(f"block_{i}", Residual(*sizes, (2, 2) if i <= 3 else (2, 1)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.mel(x))
        for i in range(1, 8):
            x = getattr(self, f"block_{i}")(x)
        return x.squeeze(2).mT


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        for name in ("query", "key", "value", "out"):
            self.add_module(name, nn.Linear(width, width))
        self.heads = heads

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = [layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for layer in self.read]
        y = F.scaled_dot_product_attention(*parts)
        return self.out(y.transpose(1, 2).flatten(2))

    @property
    def read(self) -> tuple[nn.Module, ...]:
        return self.query, self.key, self.value


class Layer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = Attention(width, heads)
        self.hidden, self.out = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.norm_1, self.norm_2 = (nn.LayerNorm(width, 1e-12) for _ in range(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm_1(x + self.attention(x))
        return self.norm_2(x + self.out(F.gelu(self.hidden(x))))


class SelfAttention(nn.Module):
    def __init__(self, features: int, heads: int = 8) -> None:
        super().__init__()
        self.front = Front(features)
        self.layer_1, self.layer_2 = Layer(features, heads), Layer(features, heads)
        self.pooler, self.top = nn.Linear(features, features), nn.Linear(features, 50)
        token = np.random.RandomState(0).random_sample(features).astype(np.float32)
        self.register_buffer("token", torch.tensor(token), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.front(x)
        x = torch.cat([self.token.expand(len(x), 1, -1), x], 1)
        x = self.layer_2(self.layer_1(x))
        return self.top(torch.tanh(self.pooler(x[:, 0])))
