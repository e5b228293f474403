"""Music translation: both players' losses against torch, the authors' sizes, what is sampled."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo import experiment as experiments
from zoo.distributions import Categorical, Gaussian
from zoo.errors import BadInput
from zoo.models.generation.music_translation import Decoder, DomainClassifier, Encoder, Translator
from zoo.objectives import translation
from zoo.objectives.base import Request
from zoo.objectives.translation import Translation
from zoo.sampling.rule import SamplerRule

torch = pytest.importorskip("torch")
from torch_twin import agree, causal, conv, inside, leaves  # noqa: E402

pytestmark = pytest.mark.optimised

F = torch.nn.functional
POOL, DOMAINS, RNG = 4, ("piano", "violin"), np.random.default_rng(0)
COMMON = {"width": 3, "latent": 2, "pool": POOL}
MODEL = Translator(
    Encoder(blocks=2, layers=2, **COMMON),
    Decoder(blocks=2, layers=2, skip=5, distribution=Categorical(16), **COMMON),
    2,
)
OBJECTIVE = Translation(MODEL, DomainClassifier(2, layers=2, width=4), DOMAINS, confusion=0.3)
AUDIO = RNG.uniform(-0.9, 0.9, (4, 12, 1)).astype(np.float32)
BATCH = {
    "audio": AUDIO,
    "augmented": AUDIO + RNG.uniform(-0.1, 0.1, AUDIO.shape).astype(np.float32),
    "domain": np.array([1, 0, 0, 1], np.int32),  # in any order
}


def drawn():
    shapes = jax.eval_shape(OBJECTIVE.init, jax.random.key(0), BATCH)
    return jax.tree.map(lambda s: RNG.normal(0, 0.5, s.shape).astype(np.float32), shapes)


VARIABLES = drawn()


def codes(audio):
    """Mu-law of 16 codes, as the formula has it."""
    curve = np.sign(audio) * np.log1p(15 * np.abs(audio)) / np.log(16)
    return np.clip(np.floor((curve + 1) / 2 * 15 + 0.5), 0, 15).astype(int)


def amplitudes(audio):
    return torch.tensor(codes(audio) / 15 - 0.5, dtype=torch.float32).mT


def encode(w, audio):
    x = conv(w, "encoder/start", amplitudes(audio), padding=1)
    for layer, dilation in enumerate((1, 2, 1, 2)):
        y = F.relu(conv(w, f"encoder/dilated_{layer}", x, dilation=dilation, padding=dilation))
        x = x + conv(w, f"encoder/mix_{layer}", y)
    return F.avg_pool1d(conv(w, "encoder/latent", x), POOL)


def decode(w, domain, audio, latents):
    """Logits [B 16 T] by the decoder of one domain; silence stands before the clip."""
    own = {name: leaf[domain] for name, leaf in inside(w, "decoder").items()}
    local = latents.repeat_interleave(POOL, 2)
    past = np.concatenate([np.zeros_like(audio[:, :2]), audio[:, :-1]], 1)
    x = conv(own, "front", amplitudes(past))
    skip = conv(own, "front_skip", x)
    for layer, dilation in enumerate((1, 2, 1, 2)):
        z = causal(own, f"stack_{layer}/dilated", x, dilation) + conv(
            own, f"stack_{layer}/local", local
        )
        z = torch.sigmoid(z[:, :3]) * torch.tanh(z[:, 3:])
        skip = skip + conv(own, f"stack_{layer}/skip", z)
        x = x + conv(own, f"stack_{layer}/{'residual' if layer < 3 else 'unused_residual'}", z)
    hidden = F.relu(conv(own, "hidden", F.relu(skip)) + conv(own, "head_local", local))
    return conv(own, "output", hidden)


def domain_loss(w, latents, domain):
    for layer in range(2):
        latents = F.elu(conv(w, f"conv_{layer}", latents))
    return F.cross_entropy(conv(w, "output", latents).mean(2), torch.tensor(domain))


def ours(player):
    (turn,) = [t for t in OBJECTIVE.turns if t.player == player]

    def loss(params):
        players = {**VARIABLES.params, player: params}
        return turn.loss(VARIABLES.replace(params=players), BATCH, jax.random.key(1), 0)[0]

    return jax.jit(jax.value_and_grad(loss))(VARIABLES.params[player])


def test_losses_and_gradients_equal_torch():
    """The classifier reads the clean clip; the others the augmented one, against its loss."""
    model, classifier = (leaves(VARIABLES.params[p]) for p in ("model", "classifier"))
    names = 0.3 * domain_loss(classifier, encode(model, AUDIO).detach(), [1, 0, 0, 1])
    names.backward()
    value, gradient = ours("classifier")
    np.testing.assert_allclose(value, names.item(), rtol=1e-5)
    agree(classifier, gradient, atol=1e-6, rtol=1e-4)
    nats = []
    for domain in (0, 1):
        rows = BATCH["domain"] == domain
        raw = decode(model, domain, AUDIO[rows], encode(model, BATCH["augmented"][rows]))
        nats.append(F.cross_entropy(raw, torch.tensor(codes(AUDIO[rows])[..., 0])))
    confused = domain_loss(classifier, encode(model, BATCH["augmented"]), [1, 0, 0, 1])
    plays = sum(nats) / 2 - 0.3 * confused
    plays.backward()
    value, gradient = ours("model")
    np.testing.assert_allclose(value, plays.item(), rtol=1e-5)
    agree(model, gradient, atol=1e-6, rtol=1e-4)


def test_sizes_and_fields_of_the_authors_code():
    """Counted layer by layer; 20 latents a second, 65,534 samples of past under 14 layers."""
    objective = experiments.find_config("music_translation_musicnet").experiment().objective
    model, audio = objective.model, jnp.zeros((6, 1, 1600, 1))
    shapes = jax.eval_shape(model.init, jax.random.key(0), audio)["params"]
    conv1 = lambda taps, a, b: taps * a * b + b  # noqa: E731
    layer = 2 * conv1(1, 128, 128) + conv1(2, 128, 256) + conv1(1, 64, 256)
    head = conv1(2, 1, 128) + 2 * conv1(1, 128, 128) + conv1(1, 64, 128) + conv1(1, 128, 256)
    encoder = conv1(3, 1, 128) + 30 * (conv1(3, 128, 128) + conv1(1, 128, 128)) + conv1(1, 128, 64)
    count = lambda tree: sum(math.prod(x.shape) for x in jax.tree.leaves(tree))  # noqa: E731
    assert count(shapes["encoder"]) == encoder == 1_982_528
    assert count(shapes["decoder"]) == 6 * (56 * layer + head) == 6 * 6_540_288
    raw, latents = jax.eval_shape(model.apply, {"params": shapes}, audio)
    assert raw.shape == (6, 1, 1600, 256) and latents.shape == (6, 1, 2, 64)
    assert model.decoder.receptive_field == 4 * (2**14 - 1) + 2
    assert model.encoder.reach == 3 * 1023 + 1 and objective.confusion == 0.01


def sampled(domain, *, count=2, seed=3, length=10, source=AUDIO[0]):
    request = Request(length, count, seed, SamplerRule(1.3), source=source, domain=domain, chunk=4)
    chunks = list(OBJECTIVE.scored(VARIABLES, request))
    return np.concatenate([audio for audio, _ in chunks], 1), chunks[-1][1]


def test_what_is_sampled_is_what_the_parallel_pass_predicts():
    """The log-likelihood of the drawn samples, by the decoder that was asked for."""
    latents = translation.encoded(MODEL, VARIABLES.of("model"), AUDIO[0, :10])
    found = {}
    for number, domain in enumerate(DOMAINS):
        audio, score = sampled(domain)
        own = translation.decoder_of(VARIABLES.of("model"), number)
        raw = MODEL.decoder.apply(own, audio, jnp.repeat(latents, 2, 0))
        wanted = MODEL.decoder.distribution.log_prob(raw, audio).sum(1)
        np.testing.assert_allclose(score, wanted, rtol=1e-4)
        found[domain] = audio
    assert np.abs(found["piano"] - found["violin"]).max() > 0.1
    assert np.abs(found["piano"][0] - found["piano"][1]).max() > 0.1


def test_predictions_are_those_of_the_domain_of_each_example():
    nats = np.asarray(OBJECTIVE.predict(VARIABLES, BATCH, jax.random.key(0))["nats"])
    model = leaves(VARIABLES.params["model"])
    for row, domain in enumerate(BATCH["domain"]):
        audio = AUDIO[row : row + 1]
        raw = decode(model, int(domain), audio, encode(model, audio))
        wanted = F.cross_entropy(raw, torch.tensor(codes(audio)[..., 0]), reduction="none")
        np.testing.assert_allclose(nats[row], wanted[0].detach(), rtol=1e-3, atol=1e-5)


def test_a_long_source_is_encoded_window_by_window(monkeypatch):
    monkeypatch.setattr(translation, "_WINDOW", 5)  # another shape, hence another program
    audio = RNG.uniform(-0.9, 0.9, (13 * POOL - 1, 1)).astype(np.float32)
    found = translation.encoded(MODEL, VARIABLES.of("model"), audio)
    padded = np.pad(audio, ((2 * POOL, 1 + 2 * POOL), (0, 0)))[None]
    whole = MODEL.apply(VARIABLES.of("model"), padded, method="encode")
    assert found.shape == (1, 13, 2)
    np.testing.assert_allclose(found, whole[:, 2:-2], atol=1e-5)


def test_a_request_says_in_which_domain():
    for domain, message in (
        ("", "give the domain in which it is to play: piano, violin"),
        ("violine", r"no domain 'violine' \(did you mean violin\?\): this model knows piano"),
    ):
        with pytest.raises(BadInput, match=message):
            sampled(domain)
    request = Request(4, source=AUDIO[0], domain="piano", prompt=AUDIO[0])
    with pytest.raises(BadInput, match="source and no prompt"):
        OBJECTIVE.scored(VARIABLES, request)
    with pytest.raises(BadInput, match="no multiple of 2 domains"):
        OBJECTIVE.turns[1].loss(
            VARIABLES, {k: v[:3] for k, v in BATCH.items()}, jax.random.key(0), 0
        )
    with pytest.raises(BadInput, match="one hop"):
        jax.eval_shape(
            MODEL.clone(encoder=Encoder(latent=3)).init, jax.random.key(0), AUDIO[:, None]
        )


def test_the_stated_field_is_that_of_the_gradient():
    net = MODEL.clone(decoder=MODEL.decoder.clone(distribution=Gaussian()), domains=1)
    audio = jnp.asarray(RNG.uniform(0.1, 0.9, (1, 1, 64, 1)), jnp.float32)
    shapes = jax.eval_shape(net.init, jax.random.key(0), audio)
    variables = jax.tree.map(lambda s: RNG.uniform(0.5, 1.0, s.shape) / 9, shapes)

    @jax.jit
    def seen(index):
        value = lambda x: net.apply(variables, x)[0][0, 0, index].sum()  # noqa: E731
        return jnp.abs(jax.grad(value)(audio))[0, 0, :, 0]

    spans = [np.flatnonzero(seen(index)) for index in range(32, 36)]
    assert max(span[-1] - span[0] + 1 for span in spans) == net.receptive_field
