"""SpecGAN's images: moments, the way there and back, and training in the image's domain."""

import jax
import librosa
import numpy as np
import pytest

from zoo.errors import BadInput
from zoo.models.generation import specgan
from zoo.objectives.base import Request, Variables
from zoo.objectives.spectrogram_gan import SpectrogramGAN

KEY = jax.random.key(0)
TIME = np.arange(16_384) / 16_000
TONES = np.stack(
    [
        0.4 * np.sin(2 * np.pi * f * TIME) * np.exp(-d * TIME)
        + 1e-3 * np.random.default_rng(int(f)).normal(size=len(TIME))
        for f, d in ((440, 1), (1500, 3), (3100, 0.5), (700, 5))
    ]
).astype(np.float32)[..., None]


def build(**how):
    size = how.pop("size", (128, 128))
    return SpectrogramGAN(
        specgan.Generator(1, size, latent=3),
        specgan.Discriminator(1, size),
        discriminator_turns=2,
        n_fft=2 * size[1],
        **how,
    )


def by_librosa(audio):
    """ln magnitudes [F N] of 128 frames that begin on whole hops, zeros behind the end."""
    spectrum = librosa.stft(np.pad(audio, (0, 128)), n_fft=256, hop_length=128, center=False)
    return np.log(np.abs(spectrum).T + 1e-6)


def test_images_are_standardised_as_the_authors_do():
    objective = build()
    logarithms = np.stack([by_librosa(x[:, 0]) for x in TONES])
    moments = objective.moments(TONES)
    np.testing.assert_allclose(moments["mean"], logarithms.mean((0, 1)), atol=1e-3)
    np.testing.assert_allclose(moments["std"], logarithms.std((0, 1)), atol=1e-3)
    image = objective.image(moments, TONES)
    assert image.shape == (4, 128, 128, 1)
    standard = (logarithms - logarithms.mean((0, 1))) / logarithms.std((0, 1))
    wanted = np.clip(standard[..., :128] / 3, -1, 1)
    np.testing.assert_allclose(image[..., 0], wanted, atol=2e-3)
    assert np.abs(wanted).max() == 1  # something was clipped


def test_a_pass_over_the_training_split_gives_the_moments_of_all_of_it():
    """In batches of any size, the last one smaller."""
    objective = build()
    variables = Variables({}, frozen={"moments": objective.moments(TONES[:1])})
    batches = ({"audio": TONES[first : first + 3]} for first in (0, 3))
    found = objective.initialize(variables, batches).frozen["moments"]
    for name, wanted in objective.moments(TONES).items():
        np.testing.assert_allclose(found[name], wanted, rtol=1e-3, atol=1e-3)
    with pytest.raises(BadInput, match="training split is empty"):
        objective.initialize(variables, iter(()))


def test_an_image_sounds_as_what_it_was_made_of():
    objective = build()
    moments = objective.moments(TONES)
    back = np.asarray(jax.jit(objective.audio_of)(moments, objective.image(moments, TONES)))
    assert back.shape == TONES.shape
    for real, fake in zip(TONES, back):
        # Bins of 2.7 Hz; the image tells frequencies apart by 62.5 Hz.
        spectra = [np.abs(np.fft.rfft(x[2000:8000, 0])) for x in (real, fake)]
        assert abs(int(spectra[0].argmax()) - int(spectra[1].argmax())) <= 23
        share = np.square(fake).mean() / np.square(real).mean()
        assert 0.3 < share < 1.7  # their synthesis window is no dual, and loud bins are clipped


def test_from_steady_phases_a_tone_keeps_its_frequency():
    """From the authors' zero phases half of its energy may go into lines beside, and its pitch."""

    def share(steady):
        """Of the energy of each tone, what lies within 30 Hz of its frequency."""
        objective = build(steady=steady)
        moments = objective.moments(TONES)
        back = jax.jit(objective.audio_of)(moments, objective.image(moments, TONES))
        spectra = [np.abs(np.fft.rfft(x[:, 2000:10_000, 0])) ** 2 for x in (TONES, back)]
        middles = spectra[0].argmax(1)  # bins of 2 Hz
        return [p[m - 15 : m + 16].sum() / p.sum() for p, m in zip(spectra[1], middles)]

    assert min(share(True)) > 0.97 and min(share(False)) < 0.6


def test_players_learn_on_images_and_samples_are_audio():
    objective = build(size=(16, 16))
    batch = {"audio": TONES[:, : objective.samples]}
    variables = jax.jit(objective.init)(KEY, batch)
    assert set(variables.frozen) == {"moments"} and objective.samples == 16 * 128
    loss, (_, metrics) = jax.jit(objective.turns[0].loss)(variables, batch, KEY, 0)
    assert np.isfinite(loss) and metrics["slope"] > 0
    assert [turn.repeat for turn in objective.turns] == [2, 1]
    made = np.concatenate(list(objective.generate(variables, Request(3000, 2, chunk=700))), 1)
    assert made.shape == (2, 3000, 1) and 0 < np.abs(made).max() <= 1
    again = jax.jit(objective.predict)(variables, batch, KEY)["audio"]
    assert again.shape == batch["audio"].shape


def test_what_does_not_fit_is_said():
    objective = build()
    with pytest.raises(BadInput, match="crop to 16,384"):
        objective.image(objective.moments(TONES), TONES[:, :16_000])
    with pytest.raises(BadInput, match="let n_fft be 256"):
        SpectrogramGAN(objective.generator, objective.discriminator, n_fft=512)
