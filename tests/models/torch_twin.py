"""What nets restated in PyTorch share: leaves that lie as in Flax, and layers that read them.

A leaf is a tensor in the layout of Flax under its path there, so that its gradient can be compared
as it is; the layers turn it. Audio and features are [B C T] here.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from flax.traverse_util import flatten_dict

torch = pytest.importorskip("torch")
F = torch.nn.functional

Leaves = dict[str, torch.Tensor]


def leaves(params: Mapping[str, Any]) -> Leaves:
    """Trainable copies of a tree of arrays, by path."""
    flat = flatten_dict(params, sep="/")
    return {name: torch.tensor(np.array(x), requires_grad=True) for name, x in flat.items()}


def inside(w: Leaves, name: str) -> Leaves:
    """The leaves below `name`."""
    return {
        path.removeprefix(f"{name}/"): x for path, x in w.items() if path.startswith(f"{name}/")
    }


def dense(w: Leaves, name: str, x: torch.Tensor) -> torch.Tensor:
    return F.linear(x, w[f"{name}/kernel"].T, w.get(f"{name}/bias"))


def conv(w: Leaves, name: str, x: torch.Tensor, **how: int) -> torch.Tensor:
    kernel = w[f"{name}/kernel"].permute(2, 1, 0)
    if f"{name}/scale" in w:
        kernel = torch._weight_norm(kernel, w[f"{name}/scale"][:, None, None], 0)
    return F.conv1d(x, kernel, w.get(f"{name}/bias"), **how)


def causal(w: Leaves, name: str, x: torch.Tensor, dilation: int = 1) -> torch.Tensor:
    span = dilation * (len(w[f"{name}/kernel"]) - 1)
    return conv(w, name, F.pad(x, (span, 0)), dilation=dilation)


def up(w: Leaves, name: str, x: torch.Tensor, stride: int) -> torch.Tensor:
    """Transposed convolution to `stride` times the length, cut as TensorFlow's 'same'."""
    kernel = w[f"{name}/kernel"].permute(1, 2, 0)
    start = (kernel.shape[-1] - stride) // 2
    long = F.conv_transpose1d(x, kernel, w[f"{name}/bias"], stride)
    return long[..., start : start + stride * x.shape[-1]]


def agree(w: Leaves, gradients: Mapping[str, Any], **tolerance: float) -> None:
    """Every leaf's gradient is that of the tree of the same paths."""
    flat = flatten_dict(gradients, sep="/")
    assert set(flat) == set(w)
    for name, gradient in flat.items():
        theirs = w[name].grad
        theirs = np.zeros_like(gradient) if theirs is None else theirs.numpy()
        np.testing.assert_allclose(gradient, theirs, err_msg=name, **tolerance)
