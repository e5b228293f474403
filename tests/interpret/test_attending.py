"""Attention of a small tagger, and its logits with all of it on one frame."""

from types import SimpleNamespace

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from looked_at import SAMPLES, Bank, looked_at

from zoo.errors import BadInput
from zoo.interpret import attending, layers
from zoo.interpret.clips import Clip
from zoo.models.classification.self_attention import SelfAttentionTagger


class Front(nn.Module):
    """[B T 1] -> [B 10 8]."""

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        return nn.Dense(8, name="frame")(x.reshape(x.shape[0], 10, -1))


@pytest.fixture(scope="module")
def seen():
    model = SelfAttentionTagger(3, Front(), SAMPLES, layers=2, heads=2)
    found = looked_at(model)
    windows = np.random.default_rng(0).normal(size=(2, SAMPLES, 1)).astype(np.float32)
    network = layers.audio_network(found)
    made = attending.measure_attention(found, network, Clip("x.wav", windows, 8000, 0.0))
    return SimpleNamespace(network=network, made=made, windows=windows)


def test_maps_are_those_of_every_layer_and_rows_sum_to_one(seen):
    assert [m.shape for m in seen.made.maps] == [(2, 2, 11, 11)] * 2
    for one in seen.made.maps:
        np.testing.assert_allclose(one.sum(-1), 1, rtol=1e-5)
    token = seen.made.token
    assert token.shape == (4, 20)
    wanted = seen.made.maps[1][1, 0, 0, 1:]  # layer 2, head 1, second window
    np.testing.assert_allclose(
        token[2, 10:] / token[2, 10:].max(), wanted / wanted.max(), rtol=1e-5
    )
    np.testing.assert_allclose(seen.made.kept, seen.made.maps[1][:, :, 0, 0].mean(1))


def test_logits_are_the_networks_own(seen):
    own = seen.network(seen.network.variables, seen.windows)
    np.testing.assert_allclose(seen.made.logits, own, atol=1e-5)


def test_frames_alone_are_what_one_hot_attention_gives(seen, monkeypatch):
    softmax = jax.nn.softmax
    for frame in (0, 4, 9):
        calls = []

        def chosen(scores, axis=-1, frame=frame, calls=calls):
            calls.append(1)
            if len(calls) % 2:
                return softmax(scores, axis)
            return jnp.broadcast_to(jax.nn.one_hot(frame + 1, scores.shape[-1]), scores.shape)

        monkeypatch.setattr(jax.nn, "softmax", chosen)
        wanted = seen.network(seen.network.variables, seen.windows[1:])
        monkeypatch.setattr(jax.nn, "softmax", softmax)
        assert len(calls) == 2
        np.testing.assert_allclose(seen.made.alone[1, frame], wanted[0], atol=1e-5)
    assert np.ptp(seen.made.alone, axis=1).max() > 0.01


def test_a_network_without_attention_is_refused():
    found = looked_at(Bank())
    clip = Clip("x.wav", np.zeros((1, SAMPLES, 1), np.float32), 8000, 0.0)
    with pytest.raises(BadInput, match="attends to nothing"):
        attending.measure_attention(found, layers.audio_network(found), clip)
