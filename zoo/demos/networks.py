"""What networks make of weak white noise, or out of nothing: of any weights, or of fresh ones."""

from __future__ import annotations

import numpy as np

from zoo.demos.checkerboard import NetworkOutput
from zoo.errors import BadInput
from zoo.front import finding

GIVEN = ("zoo/wave_unet", "demucs_score_render", "wavegan_score_render")
_SECONDS = 3.0
_LEVEL = 0.01  # RMS of the noise


def run_network(name: str) -> NetworkOutput:
    """A separator or vocoder on noise, a generator by itself; name: of weights, a run or a config.

    Of a separator the stem with the strongest line. Fresh weights where a config needs training.
    """
    from zoo.demos.checkerboard import strongest_line

    fresh = finding.is_config(name)
    system = finding.create_system(name, {}) if fresh else finding.load_system(name)
    rate, methods = system.sample_rate, system.methods
    noise = np.random.default_rng(0).standard_normal(round(_SECONDS * rate)) * _LEVEL
    given = noise.astype(np.float32)
    if "separate" in methods:
        stems = [
            stem.reshape(len(stem), -1)[:, 0] for stem in system.separate(given, rate).values()
        ]
        audio = max(stems, key=lambda stem: strongest_line(stem, rate)[1])
    elif "vocode" in methods:
        audio = system.vocode(given, rate)
    elif "sample" in methods:
        audio = system.sample(_SECONDS)[0]
    else:
        raise BadInput(f"{name} makes no sound: give a separator, a vocoder or a generator")
    return NetworkOutput(f"{name}, fresh" if fresh else name, np.asarray(audio).reshape(-1), rate)
