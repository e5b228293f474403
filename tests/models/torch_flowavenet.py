"""FloWaveNet restated in PyTorch: log-likelihood per sample of audio under a mel spectrogram."""

import math

import numpy as np
import pytest
from torch_twin import agree, conv, inside, leaves

torch = pytest.importorskip("torch")
F = torch.nn.functional


def pairs(x):
    """[B C T] -> [B 2C T/2]: sample i of channel c becomes channel 2c + i."""
    batch, channels, length = x.shape
    x = x.reshape(batch, channels, length // 2, 2).permute(0, 1, 3, 2)
    return x.reshape(batch, 2 * channels, length // 2)


def net(w, x, told, layers):
    x, total = F.relu(conv(w, "front", x, padding=1)), 0
    for i in range(layers):
        z = conv(w, f"dilated_{i}", x, padding=2**i, dilation=2**i) + conv(
            w, f"condition_{i}", told
        )
        first, second = z.chunk(2, 1)
        gate = first.tanh() * second.sigmoid()
        total = total + conv(w, f"skip_{i}", gate)
        if i < layers - 1:
            x = (x + conv(w, f"residual_{i}", gate)) * math.sqrt(0.5)
    out = conv(w, "end", F.relu(conv(w, "hidden", F.relu(total))))
    return (out * (3 * w["end_gain"])[:, None].exp()).chunk(2, 1)


def upsampled(w, told, factors):
    """[B F M] -> [B M T] by the two-dimensional transposed convolutions."""
    told = told.mT[:, None]
    for i, factor in enumerate(factors):
        own = inside(w, f"upsample_layers_{i}")
        kernel = own["kernel"] * own["scale"] / own["kernel"].norm()
        weight, how = kernel.permute(2, 1, 0)[None], dict(stride=(1, factor))
        told = F.conv_transpose2d(told, weight, own["bias"], padding=(1, factor // 2), **how)
        told = F.leaky_relu(told, 0.4)
    return told[:, 0]


def log_prob(x, mean, log_scale):
    return -0.5 * math.log(2 * math.pi) - log_scale - 0.5 * (x - mean) ** 2 / (2 * log_scale).exp()


def nats(torch, model, w, audio, frames):
    """Minus the mean log-likelihood per sample of audio [B T 1] under mel frames [B F M]."""
    x, total = torch.tensor(audio).mT, 0
    told = upsampled(w, torch.tensor(frames), model.upsampling)[..., : x.shape[-1]]
    for k in range(model.blocks):
        x, told = pairs(x), pairs(told)
        stage = inside(w, f"stages_{k}")
        for i in range(model.flows):
            own = inside(stage, f"norms_{i}")
            x = own["scale"][:, None] * (x + own["loc"][:, None])
            total = total + own["scale"].abs().log().sum() * len(x) * x.shape[-1]
            (still, moved), (near, far) = x.chunk(2, 1), told.chunk(2, 1)
            log_scale, shift = net(inside(stage, f"couplings_{i}"), still, near, model.layers)
            moved = (moved - shift) * (-log_scale).exp()
            total = total - log_scale.sum()
            x, told = torch.cat([moved, still], 1), torch.cat([far, near], 1)
        if (k + 1) % model.split_every == 0 and k < model.blocks - 1:
            x, z = x.chunk(2, 1)
            mean, log_scale = net(inside(stage, "prior"), x, told, 2)
            total = total + log_prob(z, mean, log_scale).sum()
    total = total - 0.5 * (math.log(2 * math.pi) + x**2).sum()
    return -total / audio.size


def assert_agrees(torch, model, params, audio, frames, value, gradients):
    w = leaves(params)
    theirs = nats(torch, model, w, audio, frames)
    np.testing.assert_allclose(value, theirs.item(), rtol=1e-4)
    theirs.backward()
    agree(w, gradients, rtol=1e-3, atol=1e-4)
