"""Waveform-based music processing in JAX: models, objectives, training, evaluation, sampling."""

__version__ = "0.1.0"
