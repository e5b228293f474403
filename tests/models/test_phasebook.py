"""Phasebook, magbook and combook: twins in PyTorch, MISI by torch's spectra, what books can say."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from torch_twin import agree, dense, inside, leaves

from zoo.errors import BadInput
from zoo.losses.spectral import complex_l1
from zoo.models.separation.phasebook import _KINDS, Phasebook, complex_codes, mix_codebook
from zoo.signal.misi import misi, spectra

torch = pytest.importorskip("torch")
F = torch.nn.functional
SMALL = dict(n_fft=8, hop=4, hidden=3, layers=1, phases=5, codes=4)


def noise(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def drawn(model, x):
    rng = np.random.default_rng(1)
    start = jax.eval_shape(lambda: model.init(jax.random.key(0), x))
    return jax.tree.map(lambda s: jnp.asarray(0.5 * rng.standard_normal(s.shape), s.dtype), start)


def bilstm(w, x):
    names = ("kernel", "recurrent_kernel", "bias", "recurrent_bias")
    given = [w[f"{n}{d}"] for d in ("", "_reverse") for n in names]
    zeros = x.new_zeros(2, len(x), 3)
    given = [g.T if g.ndim > 1 else g for g in given]
    return torch.lstm(x, (zeros, zeros), given, True, 1, 0.0, False, True, True)[0]


def mean_of(w, book, y):
    """Weights [B F N S K] of a book, and its columns."""
    own = inside(w, f"books_{book}")
    weights = dense(own, "weights", y).unflatten(2, (5, 2, -1)).softmax(-1)
    return weights, [own[f"book_{i}"] for i in range(2) if f"book_{i}" in own]


def masks(w, kind, magnitude):
    y = F.layer_norm(
        torch.log(magnitude + 1e-4), magnitude.shape[-1:], w["norm/scale"], w["norm/bias"], 1e-6
    )
    y = bilstm(inside(w, "lstm_0"), y)
    if kind == "combook":
        weights, (real, imaginary) = mean_of(w, "code", y)
        return (weights * torch.complex(real, imaginary)).sum(-1)
    weights, (sizes,) = mean_of(w, "magnitude", y)
    size = (weights * sizes).sum(-1)
    if kind == "magbook":
        return size.to(torch.complex64)
    weights, (angles,) = mean_of(w, "phase", y)
    point = (weights * torch.polar(torch.ones_like(angles), angles)).sum(-1)
    return torch.polar(size.abs(), point.angle() + torch.pi * (size < 0))


@pytest.mark.optimised
@pytest.mark.parametrize("kind", _KINDS)
def test_learning_equals_the_twin_with_every_gradient(kind):
    """Masked spectra against those of the stems, by the modulus of their difference."""
    model = Phasebook(kind=kind, dropout=0.0, **SMALL)
    stems = noise(2, 17, 2, 1)
    x = stems.sum(2)
    variables = drawn(model, x)

    def loss(params):
        y = model.apply({"params": params}, x, train=True, method="estimates")
        return complex_l1(y, model.apply({}, stems, method="targets")).sum()

    value, gradients = jax.jit(jax.value_and_grad(loss))(variables["params"])
    w = leaves(variables["params"])
    mix, known = (torch.tensor(np.asarray(spectra(a, 8, 4))) for a in (x, stems[..., 0]))
    error = (masks(w, kind, mix[..., 0].abs()) * mix - known).abs().mean((1, 2, 3)).sum()
    assert float(value) == pytest.approx(error.item(), rel=1e-4)
    error.backward()
    agree(w, gradients, rtol=2e-3, atol=1e-4)


def test_misi_is_torchs_inversion_of_both_sources():
    x = noise(1, 64, 2)
    estimates = np.asarray(spectra(x + 0.5 * noise(1, 64, 2)[:, ::-1], 16, 4))
    mixture = x.sum(-1, keepdims=True)
    ours = jax.jit(lambda e, m: misi(e, m, 16, 4, 2))(estimates, mixture)
    window = torch.hann_window(16).sqrt()
    how = dict(n_fft=16, hop_length=4, window=window, center=True)
    spectrum = torch.tensor(estimates[0]).permute(2, 1, 0)
    y = torch.istft(spectrum, length=64, **how)
    for _ in range(2):
        y = y + (torch.tensor(mixture[0, :, 0]) - y.sum(0)) / 2
        again = torch.stft(y, pad_mode="constant", return_complex=True, **how)
        y = torch.istft(spectrum.abs() * again / again.abs(), length=64, **how)
    np.testing.assert_allclose(ours[0].T, y, atol=1e-4)


def test_true_spectra_come_back_as_they_are_whatever_the_iterations():
    x = noise(1, 50, 2)
    y = jax.jit(lambda e, m: misi(e, m, 16, 8, 3))(spectra(x, 16, 8), x.sum(-1, keepdims=True))
    np.testing.assert_allclose(y, x, atol=1e-4)


def test_hard_books_give_entries_and_soft_ones_what_lies_between():
    quarters = [[0, 0], [1, 0], [0, 1], [-1, 0], [0, -1]]
    np.testing.assert_allclose(complex_codes(5), quarters, atol=1e-9)
    book = jnp.asarray(complex_codes(4))
    logits = jnp.asarray([[0.0, 9.0, 0.0, 0.0], [30.0, 30.0, -30.0, -30.0]])
    np.testing.assert_allclose(mix_codebook(logits, book, True)[0], [1, 0], atol=1e-6)
    np.testing.assert_allclose(mix_codebook(logits, book, False)[1], [0.5, 0], atol=1e-6)
    model = Phasebook(kind="combook", hard=True, **SMALL)
    variables = drawn(model, noise(1, 17, 1))
    found = np.asarray(model.apply(variables, np.abs(noise(1, 3, 5)), method="masks"))
    own = variables["params"]["books_code"]
    entries = np.asarray(own["book_0"]) + 1j * np.asarray(own["book_1"])
    apart = np.abs(found[..., None] - entries)
    assert apart.min(-1).max() < 1e-6 and len(np.unique(apart.argmin(-1))) > 1


def test_silence_is_silence_with_a_gradient():
    model = Phasebook(**SMALL, iterations=1)
    x = np.zeros((1, 20, 1), np.float32)
    variables = drawn(model, x)
    y, slope = jax.jit(jax.value_and_grad(lambda v: jnp.abs(model.apply(v, x)).sum()))(variables)
    assert y == 0 and all(np.isfinite(s).all() for s in jax.tree.leaves(slope))


def test_what_cannot_be_is_refused():
    for fields, channels, match in (
        ({"kind": "dictionary"}, 1, "choose magbook"),
        ({"phases": 1}, 1, "two entries"),
        ({}, 2, "mono"),
    ):
        with pytest.raises(BadInput, match=match):
            model = Phasebook(**{**SMALL, **fields})
            jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 20, channels)))
