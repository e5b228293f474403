"""Taggers restated in PyTorch over leaves that lie as in Flax: own twins, frequency before time.

Written from the layer lists of the authors' public codes; every norm is of the batch at hand.
"""

import librosa
import numpy as np
import pytest
from torch_twin import conv, dense, inside

torch = pytest.importorskip("torch")
F = torch.nn.functional


def log_mel(x, bins, rate=16_000, htk=True, db=True):
    """Audio [B 1 T] -> [B 1 M F], as torchaudio's MelSpectrogram and AmplitudeToDB give it."""
    spectrum = torch.stft(x[:, 0], 512, 256, window=torch.hann_window(512), return_complex=True)
    kind = dict(htk=True, norm=None) if htk else {}
    mel = librosa.filters.mel(sr=rate, n_fft=512, n_mels=bins, **kind)
    power = torch.tensor(mel) @ spectrum.abs() ** 2
    return 10 * torch.log10(torch.clamp(power, min=1e-10))[:, None] if db else power


def image(w, name, x, stride=1):
    """A convolution with 3 or 1 taps both ways, [B C M F]; ours lies [taps bins I O]."""
    kernel = w[f"{name}/kernel"].permute(3, 2, 1, 0)
    return F.conv2d(x, kernel, w[f"{name}/bias"], stride, kernel.shape[-1] // 2)


def norm(w, name, x, epsilon=1e-5):
    return F.batch_norm(x, None, None, w[f"{name}/scale"], w[f"{name}/bias"], True, eps=epsilon)


def block(w, name, x, pool, act=F.relu, last=False, epsilon=1e-5):
    """pool: (bins, frames)."""
    y = image(w, f"{name}/conv", x)
    if last:
        y = norm(w, f"{name}/norm", act(y), epsilon)
    else:
        y = act(norm(w, f"{name}/norm", y, epsilon))
    return F.max_pool2d(y, pool)


def residual(w, name, x, stride=1, diff=True):
    v = inside(w, name)
    y = F.relu(norm(v, "norm_1", image(v, "conv_1", x, stride)))
    y = norm(v, "norm_2", image(v, "conv_2", y))
    if diff:
        x = norm(v, "norm_shortcut", image(v, "conv_shortcut", x, stride))
    return F.relu(x + y)


def top(w, x):
    v = inside(w, "top")
    return dense(v, "top", F.relu(norm(v, "norm", dense(v, "hidden", x))))


def short_chunk(w, x, bins=128, res=False):
    y = norm(w, "norm", log_mel(x, bins))
    for i in range(1, 8):
        name = f"block_{i}"
        y = residual(w, name, y, 2) if res else block(w, name, y, 2)
    return top(w, y.amax((2, 3)))


def harmonic(w, x, pools=((2, 3), (2, 3)), harmonics=2, levels=None):
    spectrum = torch.stft(x[:, 0], 512, 256, window=torch.hann_window(512), return_complex=True)
    power = spectrum.abs() ** 2
    low = librosa.note_to_midi("C1")
    high = librosa.note_to_midi(librosa.hz_to_note(16_000 / (2 * harmonics)))
    notes = np.linspace(low, high, (high - low) * 2 + 1)[:-1]
    centre = torch.tensor(np.outer(np.arange(1, harmonics + 1), librosa.midi_to_hz(notes)).ravel())
    width = (0.1079 * centre + 24.7) / w["harmonic_spectrogram/q"]
    bins = torch.linspace(0, 8000, 257, dtype=torch.float64)[:, None]
    up, down = 1 + 2 * (bins - centre) / width, 1 - 2 * (bins - centre) / width
    bank = torch.clamp(torch.minimum(up, down), min=0).float()
    bands = torch.einsum("bnf,nh->bhf", power, bank).reshape(len(x), harmonics, len(notes), -1)
    y = norm(w, "norm", 10 * torch.log10(torch.clamp(bands, min=1e-10)))
    y = block(w, "block_1", y, 2)
    for i in (2, 3, 4):
        y = F.max_pool2d(residual(w, f"block_{i}/residual", y, diff=False), 2)
    y = block(w, "block_5", y, 2)
    for i, pool in zip((6, 7), pools):
        y = F.max_pool2d(residual(w, f"block_{i}/residual", y, diff=False), pool)
    return top(w, y.amax((2, 3)))


def fcn(w, x, bins=96):
    y = norm(w, "norm", log_mel(x, bins))
    for i, pool in enumerate(((2, 4), (2, 4), (2, 4), (3, 5), (4, 4)), 1):
        y = block(w, f"block_{i}", y, pool)
    return dense(w, "top", y.flatten(1))


def choi(w, x, pools):
    """The FCN of the paper: ReLU before the norm, Keras' epsilon, librosa's mel with a floor."""
    power = log_mel(x, 96, 12_000, htk=False, db=False)
    level = 10 * torch.log10(torch.clamp(power, min=1e-10))
    y = torch.maximum(level, level.amax((1, 2), keepdim=True) - 80)[:, None]
    for i, pool in enumerate(pools, 1):
        y = block(w, f"block_{i}", y, pool, last=True, epsilon=1e-3)
    return dense(w, "top", y.flatten(1))


def gru(w, x, sizes):
    """torch's own GRU layer on leaves, [B F C] -> [B F D]."""
    layer = torch.nn.GRU(*sizes, batch_first=True)
    names = dict(
        weight_ih_l0="kernel",
        weight_hh_l0="recurrent_kernel",
        bias_ih_l0="bias",
        bias_hh_l0="recurrent_bias",
    )
    given = {k: w[v].T if w[v].ndim == 2 else w[v] for k, v in names.items()}
    return torch.func.functional_call(layer, given, x)[0]


def crnn(w, x, channels, hidden):
    y = norm(w, "norm", log_mel(x, 96))
    for i, pool in enumerate((2, 3, 4, 4), 1):
        y = block(w, f"block_{i}", y, pool)
    y = y.squeeze(2).transpose(1, 2)
    y = gru(inside(w, "recurrent_1"), y, (channels, hidden))
    y = gru(inside(w, "recurrent_2"), y, (hidden, hidden))
    return dense(w, "top", y[:, -1])


def encoder(w, x, heads):
    """torch's own encoder layer with the norms behind the sums, [B F D] -> [B F D]."""
    width, hidden = x.shape[-1], w["hidden/bias"].shape[0]
    layer = torch.nn.TransformerEncoderLayer(
        width, heads, hidden, 0.0, "gelu", layer_norm_eps=1e-12, batch_first=True
    )
    parts = [f"attention/{n}" for n in ("query", "key", "value")]
    given = {
        "self_attn.in_proj_weight": torch.cat([w[f"{p}/kernel"].T for p in parts]),
        "self_attn.in_proj_bias": torch.cat([w[f"{p}/bias"] for p in parts]),
    }
    for theirs, own in (
        ("self_attn.out_proj", "attention/out"),
        ("linear1", "hidden"),
        ("linear2", "out"),
    ):
        given |= {f"{theirs}.weight": w[f"{own}/kernel"].T, f"{theirs}.bias": w[f"{own}/bias"]}
    for i in (1, 2):
        given |= {f"norm{i}.weight": w[f"norm_{i}/scale"], f"norm{i}.bias": w[f"norm_{i}/bias"]}
    return torch.func.functional_call(layer, given, x)


def attention_top(w, x, heads, positions):
    """Frames [B F D] -> logits, the token first."""
    token = np.random.RandomState(0).random_sample(x.shape[-1])
    token = torch.tensor(token, dtype=torch.float32).expand(len(x), 1, -1)
    y = torch.cat([token, x], 1)
    if positions:
        table = torch.zeros(y.shape[1:])
        for place in range(1, y.shape[1]):
            for j in range(y.shape[2]):
                angle = place / 10_000 ** (2 * (j // 2) / y.shape[2])
                table[place, j] = np.cos(angle) if j % 2 else np.sin(angle)
        y = y + table
    for i in (1, 2):
        y = encoder(inside(w, f"layer_{i}"), y, heads)
    return dense(w, "top", torch.tanh(dense(w, "pooler", y[:, 0])))


def attention_won(w, x, heads):
    v = inside(w, "front")
    y = norm(v, "norm", log_mel(x, 128))
    for i in range(1, 8):
        y = residual(v, f"block_{i}", y, 2 if i < 4 else (2, 1), diff=True)
    return attention_top(w, y.squeeze(2).transpose(1, 2), heads, positions=False)


def shaped(w, y, lengths, last, epsilon):
    """Timbral and temporal branches, [B 1 M F] -> [B C F]."""

    def ordered(name, y):
        if last:
            return norm(w, name, F.relu(y), epsilon)
        return F.relu(norm(w, name, y, epsilon))

    out = []
    for i, (taps, part) in enumerate([(t, p) for p in (0.9, 0.4) for t in (7, 3, 1)], 1):
        # Ours is [taps height features]: height lies where the channels of a time kernel lie.
        kernel = w[f"timbral_{i}/conv/kernel"].permute(2, 1, 0)[:, None]
        assert kernel.shape[2:] == (int(part * y.shape[2]), taps)
        z = F.conv2d(y, kernel, w[f"timbral_{i}/conv/bias"], padding=(0, taps // 2))
        out.append(ordered(f"timbral_{i}/norm", z).amax(2))
    for i, length in enumerate(lengths, 1):
        ends = ((length - 1) // 2, length // 2)
        z = conv(w, f"temporal_{i}/conv", F.pad(y.mean(2), ends))
        out.append(ordered(f"temporal_{i}/norm", z))
    return torch.cat(out, 1)


def attention_pons(w, x, heads):
    v = inside(w, "front")
    power = log_mel(x, 96, htk=False, db=False)[..., :-1]
    level = 20 * torch.log10(torch.clamp(power, min=1e-5))
    level = torch.maximum(level, level.amax((1, 2), keepdim=True) - 80)
    y = norm(v, "norm", level[:, None])
    y = shaped(inside(v, "filters"), y, (9, 7), last=False, epsilon=1e-5)
    y = F.relu(norm(v, "mix/norm", conv(v, "mix/conv", y)))
    return attention_top(w, y.transpose(1, 2), heads, positions=True)


def attention_lee(w, x, heads):
    v = inside(w, "front")
    y = F.relu(norm(v, "norm", conv(v, "stem", x, stride=3, padding=1)))
    for i in range(1, 5):
        y = F.relu(norm(v, f"block_{i}/norm", conv(v, f"block_{i}/conv", y, padding=1)))
        y = F.max_pool1d(y, 3)
    y = F.relu(norm(v, "mix/norm", conv(v, "mix/conv", y, padding=3)))
    return attention_top(w, y.transpose(1, 2), heads, positions=True)


def musicnn(w, x):
    """Pons, Serra 2019: filters' largest over all bins, and sums of two of the middle's layers."""
    power = log_mel(x, 96, htk=False, db=False)[..., :-1]
    y, front = norm(w, "norm", torch.log10(10_000 * power + 1)[:, None], 1e-3), []
    for name in ("timbral_1", "timbral_2", "temporal_1", "temporal_2"):
        v = inside(w, f"{name}/block")
        taps = len(v["conv/kernel"])
        ends = F.pad(y, ((taps - 1) // 2, taps // 2))
        z = F.conv2d(ends, v["conv/kernel"].permute(2, 1, 0)[:, None], v["conv/bias"])
        front.append(norm(v, "norm", F.relu(z), 1e-3).amax(2))
    found = [torch.cat(front, 1)]
    for i in (1, 2, 3):
        v = inside(w, f"middle_{i}")
        y = norm(v, "norm", F.relu(conv(v, "conv", found[-1], padding=3)), 1e-3)
        found.append(y if i == 1 else y + found[-1])
    y = torch.cat(found, 1)
    y = norm(w, "norm_pooled", torch.stack([y.amax(2), y.mean(2)], 2).flatten(1), 1e-3)
    return dense(w, "top", norm(w, "norm_hidden", F.relu(dense(w, "hidden", y)), 1e-3))


def back_end(w, y):
    """Frames [B C F] -> logits, with the norms over one channel."""
    v = inside(w, "back_end")
    y = norm(v, "conv_1/norm", F.relu(conv(v, "conv_1/conv", y)), 1e-3)
    for i in (2, 3):
        z = F.relu(conv(v, f"conv_{i}", y, padding=3))
        y = y + norm(v, f"norm_{i}", z[:, None], 1e-3)[:, 0]
        y = F.max_pool1d(y, 2) if i == 2 else y
    y = torch.stack([y.amax(2), y.mean(2)], 2).flatten(1)
    y = norm(v, "norm_hidden", F.relu(dense(v, "hidden", y)), 1e-3)
    return dense(v, "top", y)


def at_scale_spectrogram(w, x):
    power = log_mel(x, 96, htk=False, db=False)[..., :-1]
    level = torch.log10(10_000 * power.half().float() + 1)[:, None]
    return back_end(w, shaped(inside(w, "front/filters"), level, (9, 8), True, 1e-3))


def at_scale_waveform(w, x):
    v = inside(w, "front")
    y = norm(v, "norm", F.relu(conv(v, "stem", x, stride=3)), 1e-3)
    for i in range(1, 7):
        y = norm(v, f"block_{i}/norm", F.relu(conv(v, f"block_{i}/conv", y)), 1e-3)
        y = F.max_pool1d(y, 3)
    return back_end(w, y)


def multi_scale(w, x):
    v, out = inside(w, "front"), []
    for i, (window, stride) in enumerate(((16, 4), (64, 16), (640, 160)), 1):
        spare = window - stride
        y = conv(v, f"conv_{i}", F.pad(x, (spare // 2, spare - spare // 2)), stride=stride)
        out.append(F.max_pool1d(F.relu(norm(v, f"norm_{i}", y)), 160 // stride))
    return back_end(w, torch.cat(out, 1))
