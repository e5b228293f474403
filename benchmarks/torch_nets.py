"""SampleCNN, Wave-U-Net, WaveNet, Wavenet regression in PyTorch, as functions of weights.

Written here, apart from the models of the zoo, to be compared with: in time by training_step.py,
in output and gradients by the tests. Each is `net(weights, x, **sizes)`, channels first, in the
plain operators that PyTorch offers for it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch.nn import functional as F

Weights = Mapping[str, torch.Tensor]


def to_torch(weights: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """Trainable tensors from Flax arrays by path: [k I O] -> [O I k], [I O] -> [O I]."""
    return {
        name: torch.tensor(
            np.ascontiguousarray(array if name.endswith("embedding") else array.T),
            requires_grad=True,
        )
        for name, array in weights.items()
    }


def from_torch(name: str, tensor: torch.Tensor) -> np.ndarray:
    """The same tensor (or its gradient) in the layout of Flax."""
    array = tensor.detach().numpy()
    return array if name.endswith("embedding") else array.T


def _conv(weights: Weights, name: str, x: torch.Tensor, **how: int) -> torch.Tensor:
    return F.conv1d(x, weights[f"{name}/kernel"], weights[f"{name}/bias"], **how)


def samplecnn(
    weights: Weights, x: torch.Tensor, *, m: int, depth: int, stem: int, mean: float, std: float
) -> torch.Tensor:
    """[B 1 T] -> logits [B K], with the batch's statistics and without dropout."""

    def block(x: torch.Tensor, name: str, **how: int) -> torch.Tensor:
        x = _conv(weights, f"{name}/conv", x, **how)
        scale, bias = weights[f"{name}/norm/scale"], weights[f"{name}/norm/bias"]
        still = (torch.zeros_like(bias), torch.ones_like(bias))
        return F.relu(F.batch_norm(x, *still, scale, bias, True, 0.01, 1e-3))

    x = block((x - mean) / std, "stem", stride=stem)
    for i in range(depth):
        x = F.max_pool1d(block(x, f"module_{i + 1}", padding=m // 2), m)
    x = block(x, "top").mean(-1)
    return F.linear(x, weights["dense/kernel"], weights["dense/bias"])


def wave_unet(
    weights: Weights,
    x: torch.Tensor,
    *,
    levels: int,
    context: bool = False,
    difference: bool = False,
) -> torch.Tensor:
    """[B C T] -> sources [B S C T'], linear upsampling."""

    def filters(x: torch.Tensor, name: str) -> torch.Tensor:
        taps = weights[f"{name}/conv/kernel"].shape[-1]
        padding = 0 if context else taps // 2
        return F.leaky_relu(_conv(weights, f"{name}/conv", x, padding=padding), 0.2)

    def crop(x: torch.Tensor, length: int) -> torch.Tensor:
        start = (x.shape[-1] - length) // 2
        return x[..., start : start + length]

    mixture, skips = x, []
    for level in range(levels):
        x = filters(x, f"down_{level + 1}")
        skips.append(x)
        x = x[..., ::2]
    x = filters(x, "bottleneck")
    for level in reversed(range(levels)):
        x = F.interpolate(x, size=2 * x.shape[-1] - 1, mode="linear", align_corners=True)
        x = x if context else F.pad(x, (0, 1), mode="replicate")
        x = filters(torch.cat([crop(skips[level], x.shape[-1]), x], 1), f"up_{level + 1}")
    mixture = crop(mixture, x.shape[-1])
    y = torch.tanh(_conv(weights, "output", torch.cat([mixture, x], 1)))
    y = y.unflatten(1, (-1, mixture.shape[1]))
    if difference:
        y = torch.cat([y, mixture[:, None] - y.sum(1, keepdim=True)], 1)
    return y


def wavenet(weights: Weights, codes: torch.Tensor, *, layers: int, stacks: int) -> torch.Tensor:
    """Codes [B T], already late by one sample -> logits [B Q T]."""
    x = F.embedding(codes, weights["source/embedding"]).mT
    total = torch.zeros(())
    for i in range(layers):
        dilation = 2 ** (i % (layers // stacks))
        z = _conv(weights, f"blocks_{i}/dilated", F.pad(x, (dilation, 0)), dilation=dilation)
        first, second = z.chunk(2, 1)
        gated = torch.tanh(first) * torch.sigmoid(second)
        total = total + _conv(weights, f"blocks_{i}/skip", gated)
        if i < layers - 1:
            x = x + _conv(weights, f"blocks_{i}/residual", gated)
    return _conv(weights, "output", F.relu(_conv(weights, "hidden", F.relu(total))))


def wavenet_regression(weights: Weights, x: torch.Tensor, stacks: int, layers: int) -> torch.Tensor:
    """[B 1 T] -> [B T' S], the target field and a sample a side; every layer over all of T."""
    dilations = [2 ** (number % layers) for number in range(stacks * layers)]
    before = sum(dilations) - 1
    keep = slice(before, x.shape[-1] - before)
    h, total = F.conv1d(x, weights["initial/kernel"], padding=1), torch.zeros(())
    for number, d in enumerate(dilations):
        z = F.conv1d(h, weights[f"block_{number}_dilated/kernel"], padding=d, dilation=d)
        left, right = z.chunk(2, 1)
        z = F.conv1d(left.tanh() * right.sigmoid(), weights[f"block_{number}_outputs/kernel"])
        h, total = h + z[:, : h.shape[1]], total + z[:, h.shape[1] :, keep]
    y = F.conv1d(total.relu(), weights["final_1/kernel"], padding=1)
    y = F.conv1d(y.relu(), weights["final_2/kernel"], padding=1)
    return _conv(weights, "output", y).mT
