"""WaveGlow in PyTorch, written here to be compared with; names of weights as in NVIDIA's files.

Channels first, weight norm as torch has it. `forward` gives (z [B 8 T/8], log-determinant [B]),
`infer` the audio of z.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn.utils import weight_norm


def parted(*arguments: int, **how: int) -> nn.Module:
    """Conv1d with 'weight_g' and 'weight_v'."""
    return weight_norm(nn.Conv1d(*arguments, **how))


class Mixer(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, channels, 1, bias=False)
        nn.init.orthogonal_(self.conv.weight)


class Net(nn.Module):
    def __init__(self, half: int, condition: int, width: int, layers: int, kernel: int) -> None:
        super().__init__()
        self.width = width
        self.start = parted(half, width, 1)
        self.end = nn.Conv1d(width, 2 * half, 1)
        self.cond_layer = parted(condition, 2 * width * layers, 1)
        self.in_layers = nn.ModuleList(
            parted(width, 2 * width, kernel, dilation=2**i, padding=(kernel // 2) * 2**i)
            for i in range(layers)
        )
        self.res_skip_layers = nn.ModuleList(
            parted(width, 2 * width if i < layers - 1 else width, 1) for i in range(layers)
        )

    def forward(
        self, x: torch.Tensor, condition: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        x, total = self.start(x), 0
        pieces = self.cond_layer(condition).chunk(len(self.in_layers), 1)
        for dilated, mixed, piece in zip(self.in_layers, self.res_skip_layers, pieces):
            filtered, gate = (dilated(x) + piece).chunk(2, 1)
            both = mixed(torch.tanh(filtered) * torch.sigmoid(gate))
            total = total + both[:, -self.width :]
            if both.shape[1] > self.width:
                x = x + both[:, : self.width]
        shift, log_scale = self.end(total).chunk(2, 1)
        return log_scale, shift


class WaveGlow(nn.Module):
    def __init__(
        self,
        flows: int,
        width: int,
        layers: int,
        *,
        bins: int = 80,
        hop: int = 256,
        taps: int = 1024,
        group: int = 8,
        early_every: int = 4,
        early: int = 2,
        kernel: int = 3,
    ) -> None:
        super().__init__()
        self.group, self.early_every, self.early, self.hop = group, early_every, early, hop
        self.upsample = nn.ConvTranspose1d(bins, bins, taps, stride=hop)
        sizes = [group - early * (k // early_every) for k in range(flows)]
        self.convinv = nn.ModuleList(Mixer(c) for c in sizes)
        self.WN = nn.ModuleList(Net(c // 2, bins * group, width, layers, kernel) for c in sizes)

    def condition(self, mel: torch.Tensor, length: int) -> torch.Tensor:
        """[B M F] -> [B M*group T/group], the mel bin first."""
        x = self.upsample(mel)[..., :length].unflatten(2, (-1, self.group))
        return x.transpose(2, 3).flatten(1, 2)

    def forward(self, audio: torch.Tensor, mel: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        condition = self.condition(mel, audio.shape[1])
        x, gone, total = audio.unflatten(1, (-1, self.group)).mT, [], 0
        for k, (mixer, net) in enumerate(zip(self.convinv, self.WN)):
            if k and k % self.early_every == 0:
                gone.append(x[:, : self.early])
                x = x[:, self.early :]
            x = mixer.conv(x)
            still, moved = x.chunk(2, 1)
            log_scale, shift = net(still, condition)
            x = torch.cat([still, log_scale.exp() * moved + shift], 1)
            stretch = x.shape[2] * torch.slogdet(mixer.conv.weight[..., 0])[1]
            total = total + log_scale.sum((1, 2)) + stretch
        return torch.cat([*gone, x], 1), total

    def infer(self, z: torch.Tensor, mel: torch.Tensor) -> torch.Tensor:
        condition = self.condition(mel, z.shape[2] * self.group)
        x = z[:, self.early * ((len(self.WN) - 1) // self.early_every) :]
        gone = z.shape[1] - x.shape[1]
        for k in reversed(range(len(self.WN))):
            still, moved = x.chunk(2, 1)
            log_scale, shift = self.WN[k](still, condition)
            x = torch.cat([still, (moved - shift) / log_scale.exp()], 1)
            x = nn.functional.conv1d(x, self.convinv[k].conv.weight[..., 0].inverse()[..., None])
            if k and k % self.early_every == 0:
                x = torch.cat([z[:, gone - self.early : gone], x], 1)
                gone -= self.early
        return x.mT.flatten(1)

    def nats(self, audio: torch.Tensor, mel: torch.Tensor, sigma: float = 1.0) -> torch.Tensor:
        """Negative log-likelihood per sample, averaged over the batch."""
        z, log_det = self(audio, mel)
        energy = z.square().sum((1, 2)) / (2 * sigma**2)
        constant = 0.5 * math.log(2 * math.pi * sigma**2)
        return (constant + (energy - log_det) / audio.shape[1]).mean()
