"""Distances between sets of embeddings, [N D] and [M D] -> scalar, float64 on the host.

Fréchet distance (Dowson & Landau 1982; as FID and FAD), and unbiased kernel distances: the cubic
kernel of KID (Bińkowski et al., ICLR 2018) and the Gaussian one of KAD. They depend on the
embedding, its rate and the number of clips, so these belong beside every value printed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from zoo.errors import BadInput


@dataclass(frozen=True)
class _Gaussian:
    """Mean [D] and unbiased covariance [D D] of `count` embeddings."""

    mean: np.ndarray
    covariance: np.ndarray
    count: int


def fit_gaussian(embeddings: np.ndarray) -> _Gaussian:
    """Mean and covariance (divided by N - 1) of embeddings: [N D] -> Gaussian."""
    embeddings = _checked(embeddings)
    mean = embeddings.mean(axis=0)
    centred = embeddings - mean
    return _Gaussian(mean, centred.T @ centred / (len(embeddings) - 1), len(embeddings))


def frechet_distance(one: _Gaussian, other: _Gaussian) -> float:
    """Squared Fréchet distance |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^1/2) of two Gaussians.

    The trace of the mixed root is the nuclear norm of C1^1/2 C2^1/2: real, and accurate where
    fewer embeddings than dimensions make the covariances singular.
    """
    if one.mean.shape != other.mean.shape:
        raise BadInput(f"embeddings have {one.mean.size} and {other.mean.size} dimensions.")
    roots = _square_root(one.covariance) @ _square_root(other.covariance)
    cross = np.linalg.svd(roots, compute_uv=False).sum()
    shift = one.mean - other.mean
    trace = np.trace(one.covariance) + np.trace(other.covariance)
    return float(shift @ shift + trace - 2 * cross)


def kernel_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Unbiased squared MMD with KID's kernel (x.y / D + 1)^3: [N D], [M D] -> scalar.

    May be slightly negative for equal distributions.
    """
    one, other = _checked(one), _checked(other)

    def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (x @ y.T / x.shape[1] + 1) ** 3

    return _unbiased_mmd(one, other, kernel)


def gaussian_kernel_distance(
    evaluated: np.ndarray, reference: np.ndarray, bandwidth: float | None = None
) -> float:
    """Unbiased squared MMD with exp(-d^2 / (2 bandwidth^2)): [N D], [M D] -> scalar.

    bandwidth: by default the median distance between pairs of the reference set. KAD is 100 times
    this; its released program takes the bandwidth from the evaluated set, so values differ.
    """
    evaluated, reference = _checked(evaluated), _checked(reference)
    if bandwidth is None:
        upper = np.triu_indices(len(reference), 1)
        bandwidth = float(np.median(np.sqrt(_square_distances(reference, reference)[upper])))
    if bandwidth <= 0:
        raise BadInput("the bandwidth is 0 (all reference embeddings equal?); give one above 0.")

    def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.exp(-_square_distances(x, y) / (2 * bandwidth**2))

    return _unbiased_mmd(evaluated, reference, kernel)


def log_mel_embedding(audio: np.ndarray, rate: int, mels: int = 64) -> np.ndarray:
    """Mean and deviation over time of a log-mel spectrogram: [N T C] -> [N 2*mels].

    An embedding without weights, for smoke tests and small comparisons. Channels are averaged;
    window 1024, hop 256, natural log of power + 1e-6.
    """
    import librosa

    mono = np.asarray(audio, np.float64).mean(axis=-1)
    mel = librosa.feature.melspectrogram(y=mono, sr=rate, n_fft=1024, hop_length=256, n_mels=mels)
    level = np.log(mel + 1e-6)
    return np.concatenate([level.mean(axis=-1), level.std(axis=-1)], axis=-1)


def log_mel_frechet(reference: np.ndarray, evaluated: np.ndarray, rate: int) -> float:
    """Fréchet distance of log-mel embeddings of two sets of clips: [N T C], [M T C] -> scalar."""
    sets = (log_mel_embedding(audio, rate) for audio in (reference, evaluated))
    return frechet_distance(*(fit_gaussian(embeddings) for embeddings in sets))


def _square_root(matrix: np.ndarray) -> np.ndarray:
    """Symmetric root of a covariance [D D]; eigenvalues below rounding error count as zero."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    floor = np.abs(values).max() * len(values) * np.finfo(float).eps
    return (vectors * np.sqrt(np.where(values > floor, values, 0))) @ vectors.T


def _unbiased_mmd(
    one: np.ndarray, other: np.ndarray, kernel: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> float:
    within = sum(_off_diagonal_mean(kernel(x, x)) for x in (one, other))
    return float(within - 2 * kernel(one, other).mean())


def _off_diagonal_mean(matrix: np.ndarray) -> float:
    count = len(matrix)
    return (matrix.sum() - np.trace(matrix)) / (count * (count - 1))


def _square_distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    norms = (one * one).sum(axis=1)[:, None] + (other * other).sum(axis=1)
    return np.clip(norms - 2 * one @ other.T, 0, None)


def _checked(embeddings: np.ndarray) -> np.ndarray:
    embeddings = np.asarray(embeddings, float)
    if embeddings.ndim != 2 or len(embeddings) < 2 or not np.isfinite(embeddings).all():
        raise BadInput(f"embeddings {embeddings.shape} must be finite [N D] with N of 2 or more.")
    return embeddings
