"""Nats per bin of images: what is counted, and the histograms that are to be beaten."""

from dataclasses import dataclass, replace

import jax
import numpy as np
import pytest
import scipy.signal
import scipy.stats

from zoo.data.source import Info
from zoo.errors import BadInput
from zoo.evaluation.spectrograms import SpectrogramLikelihood, histogram_nats, histograms
from zoo.signal import mel
from zoo.signal.mel_images import MelImage
from zoo.signal.speech_fronts import MelFront

SPEC = replace(mel.HIFIGAN, sample_rate=8000, n_fft=64, hop=16, bins=6, high=4000.0, pad=(24, 24))
IMAGE = MelImage(MelFront(SPEC))
INFO = Info("x", 8000, 1, (), "-", "-")


@dataclass(frozen=True)
class Noise:
    """Records of noise, the last of which fills no image."""

    lengths: tuple[int, ...] = (2000, 1300, 100)

    def open(self, split):
        rng = np.random.default_rng(len(split))
        return [
            {"track": f"t{n}", "audio": (3000 * rng.normal(size=(length, 1))).astype(np.int16)}
            for n, length in enumerate(self.lengths)
        ]


def test_images_of_a_record_stand_side_by_side_and_a_rest_is_left_out():
    score = SpectrogramLikelihood(IMAGE, 40, Noise(), batch=2)
    seen = []

    def predict(batch):
        seen.append(batch["audio"])
        nats = batch["audio"][:, 0, 0]
        return {"nats": nats, "tier_nats": np.stack([nats, 2 * nats], 1)}

    records = Noise().open("test")
    found = score.run(predict, records, INFO)
    starts = [records[0]["audio"][0], records[0]["audio"][640], records[0]["audio"][1280]]
    starts = [*starts, records[1]["audio"][0], records[1]["audio"][640]]
    wanted = np.concatenate(starts) / 32768
    rows = found.tables["per_image"]
    np.testing.assert_allclose([row["nats_per_bin"] for row in rows], wanted, atol=1e-6)
    assert found.metrics["tier_2_nats"] == pytest.approx(2 * wanted.mean(), abs=1e-6)
    assert found.counts == {"images": 5} and seen[0].shape == (2, 640, 1)
    with pytest.raises(BadInput, match="no record is as long as 640 samples"):
        score.run(predict, records[2:], INFO)


def test_the_floor_is_the_entropy_of_the_bands():
    """Of noise: near that of a normal law of each band's deviation, and above it."""
    order_0, edges = histograms(Noise((2600,) * 64), IMAGE, 40)
    rng = np.random.default_rng(3)
    audio = (3000 * rng.normal(size=(64_000, 1))).astype(np.int16)
    image = np.asarray(IMAGE.of(audio[None].astype(np.float32) / 32768, rng_key()))[0]
    nats = histogram_nats(image, order_0, edges)
    wanted = np.mean([scipy.stats.norm(0, band.std()).entropy() for band in image.T])
    assert abs(nats - wanted) < 0.15
    total = np.exp(order_0) * np.concatenate([[6.0], np.diff(edges), [6.0]])
    np.testing.assert_allclose(total.sum(1), 1, rtol=1e-6)
    assert histogram_nats(image + 99, order_0, edges) > 5


def test_digital_silence_becomes_white_noise_of_the_dither():
    """Its magnitudes follow Rayleigh's law; the outermost bins are in no band."""
    image = np.asarray(IMAGE.of(np.zeros((1, 64_000, 1), np.float32), rng_key()))[0]
    bands = np.exp(image.astype(np.float64) * IMAGE.scale + IMAGE.centre).mean(0)
    energy = 1e-6 * np.square(scipy.signal.get_window("hann", SPEC.n_fft)).sum()
    wanted = (np.pi * energy / 4) ** 0.5 * SPEC.filters().sum(0)
    np.testing.assert_allclose(bands, wanted, rtol=0.03)


def rng_key() -> jax.Array:
    return jax.random.key(1)


def test_bounds_hold_what_audio_can_have_and_little_more():
    calm = replace(IMAGE, dither=0.0)
    time = np.arange(1600)
    least, most = calm.bounds
    tones = np.sign(np.sin(2 * np.pi * np.array([500, 1000, 1500])[:, None] * time / 8000 + 0.1))
    given = np.concatenate([tones, np.zeros((1, 1600))])[..., None].astype(np.float32)
    image = jax.jit(calm.of)(given, rng_key())
    loud, still = image[:3], image[3]
    assert most - np.log(4) / calm.scale < loud.max() < most
    assert still.min() == pytest.approx(least, abs=0.02) and still.min() >= least


def test_sound_comes_back_from_its_image():
    time = np.arange(3200) / 8000
    tone = (0.3 * np.sin(2 * np.pi * 1000 * time)).astype(np.float32)[None, :, None]
    there_and_back = jax.jit(lambda x: IMAGE.sound(IMAGE.of(x, rng_key())))
    made = np.asarray(there_and_back(tone))[0, 400:2800, 0]
    assert np.std(made) == pytest.approx(np.std(tone), rel=0.3)
    spectrum = np.abs(np.fft.rfft(made * np.hanning(len(made))))
    assert abs(spectrum.argmax() * 8000 / len(made) - 1000) < 150
