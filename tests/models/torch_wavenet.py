"""WaveNet with its conditions, restated in PyTorch from the paper's figure 4 and equations."""

import pytest
from torch_twin import Leaves, causal, conv, up

torch = pytest.importorskip("torch")
F = torch.nn.functional


def follow(w: Leaves, condition: torch.Tensor, factors: tuple[int, ...]) -> torch.Tensor:
    """Condition [B D F] -> one frame per sample [B D T] by transposed convolutions."""
    for i, factor in enumerate(factors):
        condition = up(w, f"upsample_layers_{i}", condition, factor)
    return condition


def wavenet(
    w: Leaves,
    late: torch.Tensor,
    dilations: tuple[int, ...],
    local: torch.Tensor | None = None,
    voice: torch.Tensor | None = None,
) -> torch.Tensor:
    """Codes [B T] or amplitudes [B 1 T], late by one sample -> raw [B P T].

    local [B D T] one frame per sample, voice [B K] one-hot.
    """
    if late.ndim == 2:
        x = F.embedding(late, w["source/embedding"]).mT
    else:
        x = w["source/kernel"].T @ late + w["source/bias"][:, None]
    total = 0
    for i, dilation in enumerate(dilations):
        name = f"blocks_{i}"
        z = causal(w, f"{name}/dilated", x, dilation)
        z = z if local is None else z + conv(w, f"{name}/local", local)
        z = z if voice is None else z + (voice @ w[f"{name}/speaker/kernel"])[..., None]
        first, second = z.chunk(2, 1)
        gated = torch.tanh(first) * torch.sigmoid(second)
        total = total + conv(w, f"{name}/skip", gated)
        if i < len(dilations) - 1:
            x = x + conv(w, f"{name}/residual", gated)
    return conv(w, "output", F.relu(conv(w, "hidden", F.relu(total))))
