"""Magnitudes out of mel spectrograms: against librosa, and the network against PyTorch."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from zoo.errors import BadInput
from zoo.models.generation.mel_inversion import _FLOOR, MelInverter, PseudoInverse, Refiner
from zoo.signal import mel, phase, stft

SPEC = replace(mel.HIFIGAN, sample_rate=16_000, n_fft=256, hop=64, bins=20, pad=(96, 96))
POWER = replace(SPEC, exponent=2)


def bands(spec):
    """ln mel spectrogram [1 F M] of sparse magnitudes [F N]."""
    magnitude = np.random.default_rng(0).exponential(0.1, (12, 129)) ** 3
    with_energy = magnitude.astype(np.float32) ** spec.exponent
    return np.log(np.maximum(with_energy @ spec.filters(), 1e-5))[None]


@pytest.mark.parametrize("spec", [SPEC, POWER])
def test_least_squares_are_as_near_as_librosas(spec):
    features = bands(spec)
    target = np.exp(features[0])
    theirs = librosa.feature.inverse.mel_to_stft(
        target.T, sr=16_000, n_fft=256, power=spec.exponent, fmax=spec.high
    ).T
    found = {}
    for method in ("clipped", "least_squares"):
        ours = np.asarray(jax.jit(PseudoInverse(spec, method).apply)({}, features))[0]
        assert ours.shape == (12, 129) and ours.min() >= 0
        found[method] = np.linalg.norm(ours**spec.exponent @ spec.filters() - target)
    wanted = np.linalg.norm(theirs**spec.exponent @ spec.filters() - target)
    assert found["least_squares"] < 1.02 * wanted + 1e-3 * np.linalg.norm(target)
    assert found["least_squares"] < 0.5 * found["clipped"]


def test_the_clipped_pseudo_inverse_is_numpys():
    features = bands(SPEC)
    bank = librosa.filters.mel(sr=16_000, n_fft=256, n_mels=20, fmax=8000)
    wanted = np.maximum(np.exp(features[0]) @ np.linalg.pinv(bank).T, 0)
    ours = jax.jit(PseudoInverse(SPEC).apply)({}, features)[0]
    np.testing.assert_allclose(ours, wanted, rtol=2e-3, atol=2e-3 * wanted.max())


def drawn(model, features):
    random = np.random.default_rng(1)
    shapes = jax.eval_shape(model.init, jax.random.key(0), features)["params"]
    return jax.tree.map(lambda s: random.normal(0, 0.1, s.shape).astype(np.float32), shapes)


@pytest.mark.parametrize("spec", [SPEC, POWER])
def test_the_network_equals_torch(spec):
    torch = pytest.importorskip("torch")
    F = torch.nn.functional

    model, features = MelInverter(spec, width=6, blocks=2, taps=3), bands(spec)
    params = drawn(model, features)
    w = {k: torch.tensor(v) for k, v in flatten_dict(params, sep="/").items()}
    bank = torch.tensor(spec.filters())
    x = torch.tensor(features)
    energy = x.exp() @ torch.tensor(np.linalg.pinv(spec.filters()).astype(np.float32))
    base = energy.clamp(min=_FLOOR**spec.exponent).log() / spec.exponent

    def conv(x, name):
        kernel = w[f"{name}/kernel"].permute(2, 1, 0)
        y = F.conv1d(x.mT, kernel, w[f"{name}/bias"], padding=kernel.shape[-1] // 2)
        return y.mT

    def norm(x, name):
        return F.layer_norm(x, x.shape[-1:], w[f"{name}/scale"], w[f"{name}/bias"], 1e-6)

    y = conv((x + 5) / 3, "first")
    for name in ("block_1", "block_2"):
        z = F.gelu(conv(norm(y, f"{name}/norm"), f"{name}/frames"), approximate="tanh")
        y = y + conv(z, f"{name}/mix")
    magnitude = (base + conv(norm(y, "norm"), "last")).clamp(np.log(_FLOOR) - 2, 8).exp()
    share = bank / bank.sum(1, keepdim=True).clamp(min=1e-12)
    for _ in range(3):
        ours = (magnitude**spec.exponent) @ bank
        ratio = x.exp().clamp(min=_FLOOR).log() - ours.clamp(min=_FLOOR).log()
        magnitude = magnitude * (ratio @ share.T / spec.exponent).exp()
    ours = jax.jit(model.apply)({"params": params}, features)
    np.testing.assert_allclose(ours, magnitude, rtol=2e-3, atol=1e-6)


def test_the_refined_draft_equals_torch():
    """Levels of the draft's phases: Griffin-Lim is librosa's in its own test, the rest here."""
    torch = pytest.importorskip("torch")
    F = torch.nn.functional

    model = Refiner(SPEC, width=6, blocks=(1, 1), taps=3, rounds=3, rounds_in_training=1)
    features, random = bands(SPEC), np.random.default_rng(2)
    magnitude = random.exponential(0.3, (1, 12, 129)).astype(np.float32)
    excitation = random.normal(size=(1, 768, 1)).astype(np.float32)
    params = drawn(model, features)
    framing = dict(centre=False, pad=SPEC.pad)
    window = torch.hann_window(256)

    def frames(audio):
        padded = F.pad(torch.tensor(np.asarray(audio)[..., 0]), SPEC.pad)
        return torch.stft(padded, 256, 64, window=window, center=False, return_complex=True).mT

    def layer(x, name):
        w = {k: torch.tensor(v) for k, v in every[name].items()}
        kernel = w["kernel"].permute(2, 1, 0)
        return F.conv1d(x.mT, kernel, w["bias"], padding=kernel.shape[-1] // 2).mT

    def norm(x, of):
        return F.layer_norm(x, x.shape[-1:], *map(torch.tensor, (of["scale"], of["bias"])), 1e-6)

    def both(train, rounds):
        start = stft.stft(excitation, 256, 64, **framing)
        how = dict(length=768, iterations=rounds, start=start, **framing)
        draft = phase.griffin_lim(magnitude[..., None], 256, 64, **how)
        given = {"params": params}, features, magnitude, excitation
        return draft, model.apply(*given, train=train, method="sound")

    block = params["again_0"]
    every = params | {"frames": block["frames"], "mix": block["mix"]}
    for train, rounds in ((False, 3), (True, 1)):
        draft, ours = jax.jit(both, static_argnums=(0, 1))(train, rounds)
        found, given = frames(draft), torch.tensor(magnitude)
        levels = [((x + _FLOOR).log() + 3) / 3 for x in (given, found.abs())]
        x = layer(torch.cat([(torch.tensor(features) + 5) / 3, *levels], -1), "first")
        y = F.gelu(layer(norm(x, block["norm"]), "frames"), approximate="tanh")
        change = 3 * (layer(norm(x + layer(y, "mix"), every["norm"]), "last") / 3).tanh()
        wanted = given * change.exp() * found / found.abs()
        real = jax.jit(
            stft.istft, static_argnums=(1, 2), static_argnames=("centre", "pad", "length")
        )(wanted.numpy()[..., None], 256, 64, length=768, **framing)
        np.testing.assert_allclose(ours, real, atol=2e-4 * np.abs(real).max())


def test_bands_come_near_to_the_level_that_is_asked_for():
    features = bands(SPEC)
    model = MelInverter(SPEC, width=6, blocks=1, scalings=8)
    params = drawn(model, features)
    ours = np.log(np.asarray(model.apply({"params": params}, features)[0] @ SPEC.filters()))
    loose = MelInverter(SPEC, width=6, blocks=1, scalings=0).apply({"params": params}, features)
    before = np.abs(np.log(np.maximum(loose[0] @ SPEC.filters(), 1e-5)) - features[0]).mean()
    assert np.abs(ours - features[0]).mean() < 0.3 * before


def test_what_does_not_fit_is_said():
    with pytest.raises(BadInput, match="clipped or least_squares"):
        PseudoInverse(SPEC, "exact").apply({}, bands(SPEC))
    with pytest.raises(BadInput, match=r"\[B F 20\]"):
        MelInverter(SPEC).init(jax.random.key(0), jnp.zeros((1, 4, 21)))
