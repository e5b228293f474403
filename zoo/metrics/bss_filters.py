"""Least-squares distortion filters of BSSEval, [R T] and [E T] -> [R L E] with L taps, float64.

The estimate is projected on the references delayed by 0..L-1 samples (Vincent, Gribonval & Févotte,
IEEE TASLP 14(4), 2006). Correlations are summed block by block in the frequency domain, so cost and
memory grow linearly with the track; the normal equations are factorised once for all right-hand
sides. float32 or iterative solvers are not equivalent: the system's condition exceeds 1e10.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.fft
import scipy.linalg

_BLOCK = 8_192  # FFT points per block
GROUP = 4  # blocks transformed together: few enough that their spectra stay in the cache


def correlations(left: np.ndarray, rights: Sequence[np.ndarray], taps: int) -> np.ndarray:
    """Cross-correlations sum_t left[t] right[t + k], k = 1-L..L-1, of all channels.

    [S T C] and a sequence of [S T C] -> [S*C E 2L-1], E counting the channels of all the rights.
    """
    length, lags = left.shape[1], 2 * taps - 2
    points = scipy.fft.next_fast_len(max(min(_BLOCK, length + lags), 4 * taps), real=True)
    step = points - lags
    total = np.zeros(())
    for start in range(0, length, GROUP * step):
        stop = min(start + GROUP * step, start + -(-(length - start) // step) * step)
        narrow = _piece(left, start, stop)
        one = scipy.fft.rfft(narrow.reshape(len(narrow), -1, step), points, axis=2)
        # Every right block reaches taps-1 samples beyond its left block on both sides.
        reach = [_piece(right, start - taps + 1, stop + taps - 1) for right in rights]
        wide = np.lib.stride_tricks.sliding_window_view(np.concatenate(reach), points, axis=1)
        other = scipy.fft.rfft(wide[:, ::step], points, axis=2)
        # Where the last two axes are strided, NumPy multiplies without BLAS.
        ours = np.ascontiguousarray(np.conj(one).transpose(2, 0, 1))
        total = total + ours @ np.ascontiguousarray(other.transpose(2, 1, 0))
    return scipy.fft.irfft(total.transpose(1, 2, 0), points, axis=2)[:, :, : lags + 1]


def _piece(signal: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Samples start..stop of every channel, zero beyond the ends: [S T C] -> [S*C stop-start]."""
    inside = signal[:, max(start, 0) : stop].transpose(0, 2, 1)
    before, after = max(-start, 0), max(stop - signal.shape[1], 0)
    flat = inside.reshape(-1, inside.shape[2]).astype(np.float64, copy=False)
    return np.pad(flat, ((0, 0), (before, after)))


def _gram(correlation: np.ndarray) -> np.ndarray:
    """Block-Toeplitz matrix of inner products of delayed references: [R R 2L-1] -> [R*L R*L]."""
    count, taps = len(correlation), (correlation.shape[2] + 1) // 2
    lagged = np.lib.stride_tricks.sliding_window_view(correlation, taps, axis=2)[..., ::-1]
    # A copy in every case: a single channel would otherwise be a read-only view.
    blocks = np.array(lagged.transpose(0, 2, 1, 3), order="C")
    return blocks.reshape(count * taps, count * taps)


def solve(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve a positive semi-definite system [N N], [N E] -> [N E]; `matrix` may be overwritten.

    Cholesky; where the matrix is not positive definite in float64 (two equal channels), LU as
    museval does; where that finds it singular, least squares.
    """
    # Machine epsilon on the diagonal is museval's regulariser.
    diagonal = matrix.diagonal() + np.finfo(float).eps
    np.fill_diagonal(matrix, diagonal)
    try:
        # In place: the transpose is in LAPACK's order, and one of its triangles stays as it was.
        factor = scipy.linalg.cho_factor(matrix.T, lower=True, overwrite_a=True, check_finite=False)
        return scipy.linalg.cho_solve(factor, right, check_finite=False)
    except scipy.linalg.LinAlgError:
        matrix = np.tril(matrix, -1)
        matrix += matrix.T
        np.fill_diagonal(matrix, diagonal)
    try:
        return np.linalg.solve(matrix, right)
    except np.linalg.LinAlgError:
        return np.linalg.lstsq(matrix, right, rcond=None)[0]


def distortion_filters(
    reference: np.ndarray, estimate: np.ndarray, taps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Filters from all sources, and from each source alone, to every estimated channel.

    [S T C], [S T C] -> ([S*C L S*C], [S C L S*C]); the last axis runs over estimates x channels.
    """
    sources, _, channels = reference.shape
    count = sources * channels
    found = correlations(reference, (reference, estimate), taps)
    auto, cross = found[:, :count], found[:, count:, taps - 1 :].transpose(0, 2, 1)
    own = np.stack(
        [
            solve(_gram(auto[at, at]), cross[at].reshape(channels * taps, -1))
            for at in (slice(j * channels, (j + 1) * channels) for j in range(sources))
        ]
    )
    both = solve(_gram(auto), cross.reshape(count * taps, -1))
    return both.reshape(count, taps, count), own.reshape(sources, channels, taps, count)
