"""Wave-U-Net (the plan of M6, mono and padded) on the four stems of the embedded music.

Narrower and shallower than the paper's so that two cores train it in minutes; width=24 levels=12 is
the paper's size. The vocals are what remains of the mixture. Rows hydranet, dilated_dense and
spectral change one thing each: a BiLSTM at the bottleneck (Kaspersen 2019), dilated dense blocks
(Narayanaswamy et al. 2019), magnitudes in the loss (Akhmetov et al. 2019); none has public code.
Rows context and learned are the paper's own steps: input on both sides of what is given (a crop of
49,139 samples for as many targets), and upsampling with a learnt weight for each channel.
Row augmented changes the tempo (a share), the pitch (semitones) and the timbre (dB) of every stem
by its own draw, on the device (after Cohen-Hadria et al. 2019).
"""

from typing import Literal

import jax.numpy as jnp

from zoo.data import device_transforms as device
from zoo.data.device_augmentation import augmentation
from zoo.data.device_transforms import DeviceTransform
from zoo.data.examples import Transform
from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Gain, Group, Keep, Mixture, ToFloat
from zoo.evaluation.separation import Separation
from zoo.experiment import Experiment
from zoo.losses.spectral import with_magnitudes
from zoo.losses.waveform import l1
from zoo.models.separation.wave_unet import WaveUNet
from zoo.objectives.supervised import Supervised
from zoo.songs.segments import Segments
from zoo.songs.separating import Separator
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {
    "default": {"parameters": 1_073_896},
    "hydranet": {"arguments": {"lstm_layers": 1}, "parameters": 1_147_376},
    "dilated_dense": {"arguments": {"dilations": (1, 2, 4)}, "parameters": 1_179_472},
    "spectral": {"arguments": {"spectral": 0.02}, "parameters": 1_073_896},
    "context": {"arguments": {"context": True}, "parameters": 1_073_896},
    "learned": {"arguments": {"upsampling": "learned"}, "parameters": 1_074_546},
    "augmented": {
        "arguments": {"stretch": 0.1, "semitones": 2.0, "equaliser": 6.0},
        "parameters": 1_073_896,
    },
}
AGREES = {"tests/models/test_wave_unet_parity.py": "own twin"}
SMOKE = {"size": "tiny", "levels": 4, "width": 2, "samples": 1024, "batch": 2, "steps": 2}

SOURCES = ("bass", "drums", "other", "vocals")


def config(
    size: str = "small",
    levels: int = 10,
    width: int = 10,
    lstm_layers: int = 0,
    dilations: tuple[int, ...] = (),
    context: bool = False,
    upsampling: Literal["linear", "learned"] = "linear",
    spectral: float = 0.0,
    stretch: float = 0.0,
    semitones: float = 0.0,
    equaliser: float = 0.0,
    samples: int = 16_384,
    batch: int = 4,
    steps: int = 1500,
    learning_rate: float = 1e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    model = WaveUNet(
        levels=levels,
        width=width,
        sources=4,
        output="difference",
        lstm_layers=lstm_layers,
        dilations=dilations,
        context=context,
        upsampling=upsampling,
        dtype=dtype,
    )
    length = model.input_length(samples)
    data = ScoreRender("stems", size)
    groups = tuple((data.info.labels.index(name),) for name in SOURCES)
    # The padded edges of a segment are guesses: only its middle is kept.
    kept = model.output_length(length) if context else length // 2
    segments = Segments(length, kept, batch=8, key="mixture")
    loss = with_magnitudes(l1, spectral) if spectral else l1
    needed, changed = augmentation(length, stretch, semitones, equaliser)
    host: tuple[Transform, ...] = (Crop(needed), Keep("stems"))
    on_device: tuple[DeviceTransform, ...] = ()
    if changed:
        mixed = (device.Gain(0.5, 1.0), device.Group(groups), device.Mixture())
        on_device = (device.ToFloat(), *changed, *mixed)
    else:
        mixing = (Gain(0.5, 1.0), Group(groups), Mixture(), Keep("mixture", "stems"))
        host = (Crop(length), ToFloat(), *mixing)
    return Experiment(
        data=Data(data, host, on_device=on_device),
        objective=Supervised(model, loss, input="mixture", target="stems"),
        optimizers={"model": adam(warmup_cosine(learning_rate, steps, 50), clip_norm=1.0)},
        evaluation=Separation(Separator(segments, 16_000, 1, SOURCES)),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=500,
        evaluate_limit=20,
        save_every=250,
        seed=seed,
    )
