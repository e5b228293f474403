"""MelGAN in PyTorch, with torch's own weight norm, loaded from arrays named as in Flax.

Written here, apart from the model of the zoo, to be compared with by adversarial_round.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

SLOPE = 0.2


class Residual(nn.Module):
    """Dilated convolution, 1 x 1, and a 1 x 1 shortcut."""

    def __init__(self, width: int, dilation: int):
        super().__init__()
        self.dilation = dilation
        self.dilated = weight_norm(nn.Conv1d(width, width, 3, dilation=dilation))
        self.mix = weight_norm(nn.Conv1d(width, width, 1))
        self.shortcut = weight_norm(nn.Conv1d(width, width, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.pad(F.leaky_relu(x, SLOPE), (self.dilation,) * 2, mode="reflect")
        return self.shortcut(x) + self.mix(F.leaky_relu(self.dilated(y), SLOPE))


class Generator(nn.Module):
    """Mel frames [B M F] -> audio [B 1 T]."""

    def __init__(self, sizes: Any):
        super().__init__()
        self.first = weight_norm(nn.Conv1d(sizes.bins, sizes.width, 7))
        width, self.stages = sizes.width, len(sizes.upsampling)
        for i, factor in enumerate(sizes.upsampling, 1):
            up = nn.ConvTranspose1d(width, width // 2, 2 * factor, factor, factor // 2)
            setattr(self, f"up_{i}", weight_norm(up))
            width //= 2
            for j, dilation in enumerate(sizes.dilations, 1):
                setattr(self, f"residual_{i}_{j}", Residual(width, dilation))
        self.blocks = len(sizes.dilations)
        self.last = weight_norm(nn.Conv1d(width, 1, 7))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(F.pad(x, (3, 3), mode="reflect"))
        for i in range(1, self.stages + 1):
            x = getattr(self, f"up_{i}")(F.leaky_relu(x, SLOPE))
            for j in range(1, self.blocks + 1):
                x = getattr(self, f"residual_{i}_{j}")(x)
        x = F.pad(F.leaky_relu(x, SLOPE), (3, 3), mode="reflect")
        return torch.tanh(self.last(x))


class Scale(nn.Module):
    """Audio [B 1 T] -> (score, features)."""

    def __init__(self, sizes: Any):
        super().__init__()
        self.first = weight_norm(nn.Conv1d(1, sizes.width, 15))
        width, self.downs = sizes.width, len(sizes.strides)
        for i, stride in enumerate(sizes.strides, 1):
            new = min(width * stride, sizes.most)
            groups, taps = width // 4, 10 * stride + 1
            down = nn.Conv1d(width, new, taps, stride, 5 * stride, groups=groups)
            setattr(self, f"down_{i}", weight_norm(down))
            width = new
        self.mix = weight_norm(nn.Conv1d(width, min(2 * width, sizes.most), 5, padding=2))
        self.score = weight_norm(nn.Conv1d(min(2 * width, sizes.most), 1, 3, padding=1))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        x = F.leaky_relu(self.first(F.pad(x, (7, 7), mode="reflect")), SLOPE)
        features = [x]
        for layer in [*(getattr(self, f"down_{i}") for i in range(1, self.downs + 1)), self.mix]:
            x = F.leaky_relu(layer(x), SLOPE)
            features.append(x)
        return self.score(x), features


class Discriminator(nn.Module):
    """Audio [B 1 T] -> (score, features) per scale."""

    def __init__(self, sizes: Any):
        super().__init__()
        self.scales = sizes.scales
        for i in range(1, sizes.scales + 1):
            setattr(self, f"scale_{i}", Scale(sizes))

    def forward(self, x: torch.Tensor) -> list[tuple[torch.Tensor, list[torch.Tensor]]]:
        answers = []
        for i in range(1, self.scales + 1):
            x = F.avg_pool1d(x, 4, 2, 1, count_include_pad=False) if i > 1 else x
            answers.append(getattr(self, f"scale_{i}")(x))
        return answers


def from_arrays(
    arrays: Mapping[str, np.ndarray], generator: Any, discriminator: Any
) -> tuple[Generator, Discriminator]:
    """Both nets in the sizes of the zoo's modules, with the weights of `arrays`."""
    nets = {"generator": Generator(generator), "discriminator": Discriminator(discriminator)}
    for name, net in nets.items():
        state = {}
        for path, array in arrays.items():
            if not path.startswith(f"{name}/"):
                continue
            *place, leaf = path.split("/")[1:]
            place = ".".join(place)
            if leaf == "bias":
                state[f"{place}.bias"] = array
            elif leaf == "scale":
                state[f"{place}.parametrizations.weight.original0"] = array[:, None, None]
            else:
                order = (1, 2, 0) if place.startswith("up_") else (2, 1, 0)
                state[f"{place}.parametrizations.weight.original1"] = array.transpose(order)
        net.load_state_dict({k: torch.tensor(np.ascontiguousarray(v)) for k, v in state.items()})
    return nets["generator"], nets["discriminator"]
