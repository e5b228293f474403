"""Harmonics that become one excitation, as a formula."""

import numpy as np

from zoo.layers.source_merge import SourceMerge


def test_harmonics_merge_under_a_hyperbolic_tangent():
    """Wang et al. 2019, section III-C; one channel passes as it is."""
    random = np.random.default_rng(0)
    x = random.standard_normal((2, 5, 3)).astype(np.float32)
    kernel, bias = random.standard_normal((3, 1)), random.standard_normal(1)
    variables = {"params": {"sum": {"kernel": kernel, "bias": bias}}}
    merged = SourceMerge().apply(variables, x)
    np.testing.assert_allclose(merged, np.tanh(x @ kernel + bias), atol=1e-5)
    np.testing.assert_array_equal(SourceMerge().apply({}, x[..., :1]), x[..., :1])
