"""Spleeter's two nets and all around them once more, in torch, in the published layout."""

import pytest

torch = pytest.importorskip("torch")
nn = torch.nn
functional = torch.nn.functional

WIDTHS = (16, 32, 64, 128, 256, 512)


class Around(nn.Module):
    """Zeros around both axes, or with `crop` the same taken away again."""

    def __init__(self, crop=False):
        super().__init__()
        self.crop = crop

    def forward(self, x):
        return x[:, :, 1:-2, 1:-2] if self.crop else functional.pad(x, (1, 2, 1, 2))


class Net(nn.Module):
    """[B C F N] -> shares of the magnitude; modules are named as in the published files."""

    def __init__(self, channels=2):
        super().__init__()
        for level, (before, after) in enumerate(zip((channels, *WIDTHS), WIDTHS), 1):
            down = nn.Sequential(Around(), nn.Conv2d(before, after, 5, 2))
            act = nn.Sequential(nn.BatchNorm2d(after, 1e-3), nn.LeakyReLU(0.2))
            setattr(self, f"down{level}_conv", down)
            setattr(self, f"down{level}_act", act)
        for level, after in enumerate((*WIDTHS[-2::-1], 1), 1):
            before = WIDTHS[-level] * (1 if level == 1 else 2)
            up = nn.ConvTranspose2d(before, after, 5, 2)
            norm = nn.BatchNorm2d(after, 1e-3)
            setattr(self, f"up{level}", nn.Sequential(up, Around(crop=True), nn.ReLU(), norm))
        self.up7 = nn.Sequential(nn.Conv2d(1, channels, 4, dilation=2, padding=3), nn.Sigmoid())

    def forward(self, x):
        skips = []
        for level in range(1, 7):
            skips.append(getattr(self, f"down{level}_conv")(x))
            x = getattr(self, f"down{level}_act")(skips[-1])
        x = self.up1(skips.pop())
        for level in range(2, 7):
            x = getattr(self, f"up{level}")(torch.cat([skips.pop(), x], 1))
        return self.up7(x)


def separate(nets, audio, frames=512):
    """[C T] -> [S C T], T a multiple of 1024."""
    window = torch.hann_window(4096)
    spectrum = torch.stft(
        audio, 4096, 1024, window=window, center=True, pad_mode="constant", return_complex=True
    )
    spectrum = spectrum[:, :1024]
    count = spectrum.shape[-1]
    magnitude = functional.pad(spectrum.abs(), (0, -count % frames))
    pieces = torch.stack(magnitude.split(frames, -1)).transpose(2, 3)
    estimates = [net(pieces) * pieces for net in nets]
    total = sum(estimate**2 for estimate in estimates) + 1e-10
    stems = []
    for estimate in estimates:
        mask = ((estimate**2 + 0.5e-10) / total).transpose(2, 3)
        mask = torch.cat(list(mask), -1)[..., :count]
        masked = functional.pad(spectrum * mask, (0, 0, 0, 1025))
        stems.append(torch.istft(masked, 4096, 1024, window=window, length=audio.shape[-1]))
    return torch.stack(stems)
