"""Training data out of long recordings: windows from anywhere in them."""

from __future__ import annotations

from zoo.data.device_transforms import Peak, ToFloat
from zoo.data.pipeline import Data
from zoo.data.source import Source
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Keep


def recordings(source: Source, samples: int) -> Data:
    """Audio [B samples C]: every window of every file once in a pass, files at full scale.

    WaveGAN's loader slices files side by side, from an offset that it draws anew in each pass.
    """
    return Data(
        source,
        (Keep("audio", "peak"),),
        crop=TrackCrop(samples, draw="window"),
        on_device=(ToFloat(), Peak()),
    )
