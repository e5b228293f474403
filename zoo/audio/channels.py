"""Channel mapping, [T C] -> [T 1] or [T 2]: copies, means and the usual surround downmix.

Weights follow ITU-R BS.775: centre and surrounds at -3 dB, the effects channel left out, rows
scaled to sum to one so that nothing can clip. wav and flac order their channels otherwise than
ogg does, and libsndfile does not reorder them.
"""

from __future__ import annotations

import numpy as np

from zoo.errors import BadInput

WAVE_ORDER = {
    3: "L R C",
    4: "L R BL BR",
    5: "L R C BL BR",
    6: "L R C LFE BL BR",
    8: "L R C LFE BL BR SL SR",
}
OGG_ORDER = {
    3: "L C R",
    4: "L R BL BR",
    5: "L C R BL BR",
    6: "L C R BL BR LFE",
    8: "L C R SL SR BL BR LFE",
}
_WEIGHTS = {"L": (1.0, 0.0), "R": (0.0, 1.0), "C": (0.7071, 0.7071), "LFE": (0.0, 0.0)}
_WEIGHTS |= {"BL": (0.7071, 0.0), "BR": (0.0, 0.7071), "SL": (0.7071, 0.0), "SR": (0.0, 0.7071)}


def convert(audio: np.ndarray, channels: int, ogg: bool = False) -> np.ndarray:
    """[... T C] -> [... T channels] float32. raises BadInput where no sensible mapping is known."""
    there = audio.shape[-1]
    if there == channels:
        return audio
    if there == 1:
        return np.repeat(audio, channels, axis=-1)
    return audio @ _matrix(there, channels, ogg)


def _matrix(source: int, target: int, ogg: bool = False) -> np.ndarray:
    """The weights [source target] float32 of a downmix; each column sums to one."""
    if target not in (1, 2) or target > source:
        raise BadInput(f"{source} channels cannot become {target}: choose 1 or 2.")
    order = (OGG_ORDER if ogg else WAVE_ORDER).get(source)
    if target == 1 and (order is None or source == 2):
        return np.full((source, 1), 1 / source, np.float32)
    if order is None:
        raise BadInput(f"{source} channels of unknown order cannot become stereo: choose mono.")
    weights = np.array([_WEIGHTS[name] for name in order.split()], np.float32)
    weights /= weights.sum(axis=0)
    return weights if target == 2 else weights.mean(axis=1, keepdims=True)


def describe_channels(channels: int) -> str:
    """'mono', 'stereo' or '6 channels'."""
    return {1: "mono", 2: "stereo"}.get(channels, f"{channels} channels")
