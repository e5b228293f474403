"""Demucs in PyTorch, its weights named as in the published files, to be compared with.

Written here, apart from the models of the zoo: in time by demucs.py, in output by the tests.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F


def resampled(x: torch.Tensor, up: int, down: int) -> torch.Tensor:
    """[B C T] at twice or half the rate, through a Hann-windowed sinc of 24 zeros either side."""
    rolloff, zeros = 0.945, 24
    reach = math.ceil(zeros * max(up, down) / rolloff)
    rows = []
    for phase in range(up):
        places = torch.arange(-reach, reach + 1, dtype=torch.float64)
        t = (places / down - phase / up) * min(up, down) * rolloff
        taps = torch.sinc(t) * torch.cos(t.clamp(-zeros, zeros) * torch.pi / zeros / 2) ** 2
        rows.append(taps / taps.sum())
    batch, channels, length = x.shape
    x = F.pad(x.reshape(batch * channels, 1, length), (reach, reach), mode="replicate")
    y = F.conv1d(x, torch.stack(rows)[:, None].float(), stride=down)
    return y.mT.reshape(batch, channels, -1)


def centre(x: torch.Tensor, length: int) -> torch.Tensor:
    start = (x.shape[-1] - length) // 2
    return x[..., start : start + length]


class Recurrent(nn.Module):
    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(width, width, layers, bidirectional=True)
        self.linear = nn.Linear(2 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(self.lstm(x.permute(2, 0, 1))[0]).permute(1, 2, 0)


class Demucs(nn.Module):
    """[B C T] -> sources [B S C T']."""

    def __init__(
        self,
        sources: int = 4,
        channels: int = 2,
        width: int = 64,
        depth: int = 6,
        lstm_layers: int = 2,
        context: int = 3,
        glu: bool = True,
        rewrite: bool = True,
        upsample: bool = False,
        resample: bool = False,
        normalise: bool = False,
    ) -> None:
        super().__init__()
        self.sources, self.upsample = sources, upsample
        self.resample, self.normalise = resample, normalise
        stride = 1 if upsample else 4
        gate, wider = (nn.GLU(1), 2) if glu else (nn.ReLU(), 1)
        encoder, decoder = [], []
        before = channels
        for level in range(depth):
            now = width * 2**level
            down = [nn.Conv1d(before, now, 8, stride), nn.ReLU()]
            after = before if level else (width if upsample else sources * channels)
            back = nn.Conv1d if upsample else nn.ConvTranspose1d
            up = [back(now, after, 8, stride), *([nn.ReLU()] if level else [])]
            if rewrite:
                down += [nn.Conv1d(now, wider * now, 1), gate]
                up = [nn.Conv1d(now, wider * now, context), gate, *up]
            encoder.append(nn.Sequential(*down))
            decoder.insert(0, nn.Sequential(*up))
            before = now
        self.encoder, self.decoder = nn.ModuleList(encoder), nn.ModuleList(decoder)
        self.lstm = Recurrent(before, lstm_layers) if lstm_layers else nn.Identity()
        self.final = nn.Conv1d(width + channels, sources * channels, 1) if upsample else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean, deviation = torch.zeros(()), torch.ones(())
        if self.normalise:
            mono = x.mean(1, keepdim=True)
            mean, deviation = mono.mean(-1, keepdim=True), mono.std(-1, keepdim=True)
            x = (x - mean) / (1e-5 + deviation)
        mixture = x = resampled(x, 2, 1) if self.resample else x
        skips = []
        for down in self.encoder:
            x = down(x)
            skips.append(x)
            x = x[..., ::4] if self.upsample else x
        x = self.lstm(x)
        for up in self.decoder:
            if self.upsample:
                # One sample more on the right makes it the interpolation that keeps the samples.
                x = F.interpolate(x, size=4 * x.shape[-1] - 3, mode="linear", align_corners=True)
                x = x[..., :-1]
            x = up(x + centre(skips.pop(), x.shape[-1]))
        if self.final is not None:
            x = self.final(torch.cat([x, centre(mixture, x.shape[-1])], 1))
        x = resampled(x, 1, 2) if self.resample else x
        return (x * deviation + mean).unflatten(1, (self.sources, -1))
