"""Sizes of the VQ-VAE, its losses in NumPy, its decoder against the sampler, and its prior."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.distributions import Categorical, Tokens, disturbed
from zoo.errors import BadInput
from zoo.evaluation.codes import CodeLikelihood
from zoo.models.generation.vqvae import VQVAE, Encoder
from zoo.models.generation.wavenet import WaveNet
from zoo.objectives.autoencoder import QuantisedAutoencoder
from zoo.objectives.base import Request
from zoo.objectives.code_prior import CodePrior
from zoo.sampling.rule import SamplerRule

DECODER = WaveNet(
    4, 2, 6, 6, 8, head=8, distribution=Categorical(16), local_condition=5, upsampling=(2, 4)
)
MODEL = VQVAE(DECODER, width=7, code_width=5, levels=3, codes=8)
PRIOR = WaveNet(4, 2, 6, 6, 8, head=8, distribution=Tokens(8))


def noise(length=64, batch=2, seed=0):
    audio = np.random.default_rng(seed).uniform(-0.9, 0.9, (batch, length, 1))
    return {"audio": jnp.asarray(audio, jnp.float32)}


def started(objective, batch):
    return jax.jit(objective.init)(jax.random.key(0), batch)


def test_the_encoder_is_64_times_shorter():
    x = jax.ShapeDtypeStruct((1, 64 * 50, 1), jnp.float32)
    shape, variables = jax.eval_shape(lambda x: Encoder().init_with_output(jax.random.key(0), x), x)
    assert shape.shape == (1, 50, 64)
    count = sum(np.prod(leaf.shape) for leaf in jax.tree.leaves(variables))
    assert count == (4 * 256 + 256) + 5 * (4 * 256 * 256 + 256) + (256 * 64 + 64)


def test_loss_is_the_papers_three_terms():
    objective, batch = QuantisedAutoencoder(MODEL, 0.3), noise()
    variables = started(objective, batch)
    raw, found = jax.jit(MODEL.apply)(variables.of("autoencoder"), batch["audio"])
    (turn,) = objective.turns
    value, (collections, metrics) = jax.jit(turn.loss)(variables, batch, jax.random.key(1), 0)
    raw = np.asarray(raw, np.float64)
    codes = np.asarray(Categorical(16).encode(batch["audio"]))
    chance = np.take_along_axis(np.exp(raw) / np.exp(raw).sum(-1, keepdims=True), codes, -1)
    distance = np.square(np.asarray(found.latent - found.vectors, np.float64)).sum(-1).mean()
    assert float(value) == pytest.approx(-np.log(chance).mean() + 1.3 * distance, rel=1e-5)
    assert collections == {} and 1 <= float(metrics["perplexity"]) <= 8
    nats = jax.jit(objective.predict)(variables, batch, jax.random.key(0))["nats"]
    np.testing.assert_allclose(nats, -np.log(chance)[..., 0], rtol=1e-4)


def test_a_disturbed_decoder_follows_the_codes_of_the_clean_audio():
    """It reads noise of three codes on the past, and predicts what was there without."""
    objective, batch = QuantisedAutoencoder(MODEL, 0.0, disturbance=3.0), noise()
    variables, key = started(objective, batch), jax.random.key(1)
    (turn,) = objective.turns
    value = jax.jit(turn.loss)(variables, batch, key, 0)[0]
    audio, law, own = batch["audio"], DECODER.distribution, variables.of("autoencoder")
    past = disturbed(audio, law, 3.0, jax.random.fold_in(key, 1))
    off = np.asarray(law.encode(past) - law.encode(audio)).astype(float)
    assert 1.5 < off.std() < 3.5  # of sixteen codes, at whose ends it is cut off
    raw, found = MODEL.apply(own, audio, past=past)
    clean = MODEL.apply(own, audio)[1]
    np.testing.assert_array_equal(found.codes, clean.codes)
    distance = jnp.square(found.latent - found.vectors).sum(-1).mean()
    nats = -law.log_prob(raw, audio).mean()
    assert float(value) == pytest.approx(float(nats + distance), rel=1e-5)


def test_each_term_moves_what_it_should():
    """Commitment moves the encoder alone, the pull the codebook alone; nats the encoder through."""
    objective, batch = QuantisedAutoencoder(MODEL), noise()
    variables = started(objective, batch)

    def terms(params):
        found = MODEL.apply({"params": params}, batch["audio"], method="quantise")
        stop = jax.lax.stop_gradient
        pull = jnp.square(stop(found.latent) - found.vectors).sum()
        return jnp.stack([jnp.square(found.latent - stop(found.vectors)).sum(), pull])

    slopes = jax.jit(jax.jacrev(terms))(variables.params["autoencoder"])
    book, encoder = slopes["quantizer"]["codebook"], slopes["encoder"]["latent"]["kernel"]
    assert np.any(encoder[0]) and not np.any(encoder[1])
    assert np.any(book[1]) and not np.any(book[0])
    turn = objective.turns[0]

    def loss(params):
        changed = variables.replace(params={"autoencoder": params})
        return turn.loss(changed, batch, jax.random.key(1), 0)[0]

    gradient = jax.jit(jax.grad(loss))(variables.params["autoencoder"])
    assert all(np.any(np.asarray(leaf)) for leaf in jax.tree.leaves(gradient))


def test_a_moving_codebook_is_a_collection_that_training_alone_moves():
    model = MODEL.clone(moving_average=True, decay=0.5, normalise=True)
    objective, batch = QuantisedAutoencoder(model), noise()
    variables = started(objective, batch)
    assert set(variables.collections["autoencoder"]) == {"codebook", "batch_stats"}
    turn = objective.turns[0]
    _, (changed, _) = jax.jit(turn.loss)(variables, noise(seed=1), jax.random.key(1), 0)
    before = variables.collections["autoencoder"]["codebook"]["quantizer"]["vectors"]
    after = changed["autoencoder"]["codebook"]["quantizer"]["vectors"]
    assert np.abs(after - before).max() > 1e-4
    listen = partial(
        model.apply,
        method="quantise",
        train=True,
        rngs={"codes": jax.random.key(0)},
        mutable=["codebook", "batch_stats"],
    )
    found, _ = jax.jit(listen)(variables.of("autoencoder"), batch["audio"])
    np.testing.assert_allclose(np.asarray(found.latent).std((0, 1)), 1, atol=1e-2)


def test_reconstruction_follows_the_codes_and_only_them():
    """The sampler's greedy audio, teacher-forced through the model, is what the model prefers."""
    objective, batch = QuantisedAutoencoder(MODEL), noise(60)
    variables = started(objective, noise())
    source = np.asarray(batch["audio"][0])
    request = Request(length=0, count=1, rule=SamplerRule(0), source=source, chunk=16)
    audio = np.concatenate(list(objective.generate(variables, request)), 1)
    assert audio.shape == (1, 60, 1)
    own = variables.of("autoencoder")
    padded = np.pad(source, ((0, 4), (0, 0)))[None]
    known = {k: v for k, v in own["params"]["decoder"].items() if "upsample" not in k}
    bare = DECODER.clone(upsampling=(), upsampler="repeat")

    @jax.jit
    def forced(own, padded, audio):
        frames = MODEL.apply(own, MODEL.apply(own, padded, method="encode"), method="frames")
        return bare.apply({"params": known}, audio, condition=frames[:, :60])

    raw = forced(own, padded, audio)
    np.testing.assert_allclose(DECODER.distribution.mode(raw), audio, atol=1e-6)


def test_the_prior_samples_codes_then_audio_of_exact_length():
    objective, batch = CodePrior(PRIOR, MODEL), noise(1024)
    variables = started(objective, batch)
    assert set(variables.params) == {"model"} and set(variables.frozen) == {"autoencoder"}
    sound = lambda **k: np.concatenate(  # noqa: E731
        list(objective.generate(variables, Request(length=100, count=2, chunk=32, **k))), 1
    )
    audio = sound()
    assert audio.shape == (2, 100, 1) and np.abs(audio).max() < 1.00001
    np.testing.assert_array_equal(audio, sound())
    assert np.any(audio != sound(seed=1)) and np.any(audio[0] != audio[1])
    prompted = sound(prompt=np.asarray(batch["audio"][0, :101]))
    assert prompted.shape == (2, 100, 1) and np.any(prompted != audio)
    with pytest.raises(BadInput, match="length"):
        list(objective.generate(variables, Request(length=0)))


def test_the_prior_is_the_likelihood_of_codes_and_leaves_the_autoencoder_alone():
    objective, batch = CodePrior(PRIOR, MODEL), noise(1024)
    variables = started(objective, batch)
    predict = jax.jit(objective.predict)
    predicted = predict(variables, batch, jax.random.key(0))
    codes = np.asarray(predicted["codes"])
    assert codes.shape == (2, 128)
    np.testing.assert_array_equal(
        PRIOR.distribution.encode(PRIOR.distribution.decode(jnp.arange(8))), np.arange(8)
    )
    loss = jax.jit(objective.turns[0].loss)
    value, (collections, _) = loss(variables, batch, jax.random.key(0), 0)
    assert float(value) == pytest.approx(float(predicted["nats"].mean()), rel=1e-5)
    assert collections == {}
    report = CodeLikelihood(512, 8, 8).run(
        lambda b: jax.device_get(predict(variables, b, jax.random.key(0))),
        [{"track": "a", "audio": np.asarray(row)} for row in np.asarray(batch["audio"])],
        type("Info", (), {"sample_rate": 16_000}),
    )
    assert report.counts["codes"] == 256 and 0 < report.metrics["live_codes"] <= 1
    assert report.metrics["unigram_bits_per_code"] <= 3.0


def test_refuses_what_does_not_fit():
    with pytest.raises(BadInput, match="whole number of codes"):
        QuantisedAutoencoder(MODEL).init(jax.random.key(0), noise(63))
    with pytest.raises(BadInput, match="make them equal"):
        MODEL.clone(levels=4).init(jax.random.key(0), noise()["audio"])
    with pytest.raises(BadInput, match=r"must be Tokens\(count=8\)"):
        CodePrior(DECODER, MODEL)
