import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.errors import BadInput
from zoo.layers.mel_upsampling import MelUpsampler

pytestmark = pytest.mark.optimised


def test_upsampler_equals_torchs_two_dimensional_transposed_convolutions():
    torch = pytest.importorskip("torch")
    rng, layer = np.random.default_rng(0), MelUpsampler((2, 3), bins=5)
    frames = rng.normal(size=(2, 3, 6)).astype(np.float32)
    shapes = jax.eval_shape(layer.init, jax.random.key(0), frames)
    params = jax.tree.map(lambda s: rng.normal(0, 0.5, s.shape).astype(np.float32), shapes)
    theirs = torch.tensor(frames).mT[:, None]
    for i, factor in enumerate((2, 3)):
        own = jax.tree.map(torch.tensor, params["params"][f"layers_{i}"])
        kernel = own["kernel"].permute(2, 1, 0)[None]
        how = dict(stride=(1, factor), padding=(2, 0))
        theirs = torch.conv_transpose2d(theirs, kernel, own["bias"], **how).relu()
    found = layer.apply(params, frames)
    assert found.shape == (2, 18, 6) and theirs.std() > 0.1
    np.testing.assert_allclose(found, theirs[:, 0].mT, atol=1e-5)


def test_an_even_number_of_bins_is_refused():
    with pytest.raises(BadInput, match="odd number"):
        MelUpsampler((2,), bins=4).init(jax.random.key(0), jnp.zeros((1, 2, 6)))
