"""Discriminators of a vocoder, from the word of a config: rows that differ in nothing else."""

from __future__ import annotations

from typing import Any, Literal

from zoo.models.generation import discriminators, hifigan, melgan
from zoo.network import Network

Prior = Literal["strided", "shuffled", "rates", "dilated", "periods", "spectrogram", "resolutions"]


def discriminator(word: Prior, width: int, dtype: Any) -> Network:
    """A net of `width` channels in its first layer, or of twice as many in all of its layers.

    'strided'; 'shuffled': with phase shuffle; 'rates': three (MelGAN); 'dilated', at the full rate;
    'periods': of 2, 3 and 5 samples (HiFi-GAN); 'spectrogram'; 'resolutions': three spectrograms.
    """
    if word == "rates":
        return melgan.Discriminator(3, width, 8 * width, dtype=dtype)
    if word == "dilated":
        return discriminators.Dilated(2 * width, dtype=dtype)
    if word == "periods":
        return hifigan.Discriminator((2, 3, 5), 0, max(128 // width, 1), dtype=dtype)
    if word in ("spectrogram", "resolutions"):
        sizes = (512,) if word == "spectrogram" else (256, 512, 1024)
        return discriminators.Spectrograms(sizes, 2 * width, dtype=dtype)
    shuffle = 2 if word == "shuffled" else 0
    return discriminators.Strided(width, shuffle=shuffle, dtype=dtype)
