"""Wave-U-Net M1 to M7 on MUSDB18-HQ (Stoller, Ewert and Dixon, ISMIR 2018).

Default variant=m4, the SiSEC 2018 entry STL1: stereo at 22,050 Hz with input context; m6 is STL2,
of four stems. Adam at 1e-4 until 20 epochs of 2,000 steps bring nothing, then at 1e-5 from the last
weights; about a day on one GPU of 2018 (reported, unchecked). Three later changes, trained as M4:
hydranet is M4 with a BiLSTM (Kaspersen 2019), dilated_dense M4 without context and of dense blocks
(Narayanaswamy et al. 2019), spectral M4 with magnitudes in the loss (Akhmetov et al. 2019); their
sizes are ours, and no numbers of theirs are available here. stretch=.1 semitones=2 equaliser=6
change the tempo (a share), the pitch and the timbre (dB) of every stem by its own draw.
Deviations: HQ audio instead of the compressed stems and without the 50 CCMixter songs; the usual
86/14 split instead of a random 75/25; the second stage keeps batch 16 instead of 32; validation
is by SDR at the model's rate, not by the loss; crops fall into pieces of
four inputs (27 s of M4), so that with context a sixth to a quarter of the music is never a target.
Audio is the reader's own download: path=FOLDER.
"""

from typing import Any, Literal

import jax.numpy as jnp

from zoo.data.device_augmentation import augmentation
from zoo.data.device_transforms import Gain, Group, Mixture, ToFloat
from zoo.data.pipeline import Data
from zoo.data.sets.musdb18 import RATE, Musdb18HQ, as_published
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Keep
from zoo.errors import BadInput
from zoo.evaluation.separation import Separation
from zoo.experiment import Experiment
from zoo.losses.spectral import with_magnitudes
from zoo.losses.waveform import l2
from zoo.models.separation.wave_unet import WaveUNet
from zoo.objectives.supervised import Supervised
from zoo.recipes import separation
from zoo.songs.segments import Segments
from zoo.songs.separating import Separator
from zoo.training.optimizers import adam
from zoo.training.stages import falling

ROWS = {
    "m4": {
        "parameters": 10_263_390,
        "reported": {
            "sdr_median_of_track_medians/vocals": 4.97,
            "sdr_median_of_track_medians/accompaniment": 11.11,
        },
        "source": "STL1 of SiSEC 2018, re-aggregated from its frames (checked), at 44.1 kHz",
    },
    "m1": {
        "arguments": {"variant": "m1"},
        "parameters": 10_263_028,
        "reported": {
            "sdr_pooled_median/vocals": 3.9,
            "sdr_pooled_median/accompaniment": 7.45,
        },
        "source": "table 2 of the paper, pooled medians (reported, unchecked)",
    },
    "m2": {
        "arguments": {"variant": "m2"},
        "parameters": 10_263_002,
        "reported": {
            "sdr_pooled_median/vocals": 3.92,
            "sdr_pooled_median/accompaniment": 7.46,
        },
        "source": "table 2 of the paper, pooled medians (reported, unchecked)",
    },
    "m3": {
        "arguments": {"variant": "m3"},
        "parameters": 10_263_002,
        "reported": {
            "sdr_pooled_median/vocals": 3.96,
            "sdr_pooled_median/accompaniment": 7.53,
        },
        "source": "table 2 of the paper, pooled medians (reported, unchecked)",
    },
    "m5": {
        "arguments": {"variant": "m5"},
        "parameters": 10_265_550,
        "reported": {
            "sdr_pooled_median/vocals": 4.58,
            "sdr_pooled_median/accompaniment": 10.66,
        },
        "source": "table 2 of the paper, pooled medians (reported, unchecked)",
    },
    "m5_high": {
        "arguments": {"variant": "m5_high"},
        "parameters": 10_265_550,
        "reported": {
            "sdr_pooled_median/vocals": 4.95,
            "sdr_pooled_median/accompaniment": 11.16,
        },
        "source": "README of the authors' repository (checked)",
    },
    "m6": {
        "arguments": {"variant": "m6"},
        "parameters": 10_263_498,
        "reported": {
            "sdr_median_of_track_medians/drums": 4.22,
            "sdr_median_of_track_medians/bass": 3.21,
            "sdr_median_of_track_medians/other": 2.25,
            "sdr_median_of_track_medians/vocals": 3.25,
            "sdr_median_of_track_medians/average": 3.234,
        },
        "source": "STL2 of SiSEC 2018, re-aggregated from its frames (checked), at 44.1 kHz",
    },
    "m7": {
        "arguments": {"variant": "m7"},
        "parameters": 20_594_652,
        "reported": {
            "sdr_pooled_median/vocals": 3.49,
            "sdr_pooled_median/accompaniment": 7.12,
        },
        "source": "table 2 of the paper, pooled medians (reported, unchecked)",
    },
    "hydranet": {"arguments": {"variant": "hydranet"}, "parameters": 10_849_950},
    "dilated_dense": {"arguments": {"variant": "dilated_dense"}, "parameters": 11_227_104},
    "spectral": {"arguments": {"spectral": 0.02}, "parameters": 10_263_390},
}
AGREES = {"tests/models/test_wave_unet_parity.py": "own twin"}
SMOKE = {"variant": "m4", "levels": 3, "width": 2, "samples": 16, "batch": 2, "steps": 2}

# The last source is the mixture less the others.
VOICE = {"accompaniment": ("bass", "drums", "other"), "vocals": ("vocals",)}
MULTI = {name: (name,) for name in ("bass", "drums", "other", "vocals")}
M3 = {"output": "difference", "context": True}
VARIANTS: dict[str, tuple[dict[str, Any], int]] = {  # the model's fields and the sample rate
    "m1": ({}, 22_050),
    "m2": ({"output": "difference"}, 22_050),
    "m3": (M3, 22_050),
    "m4": ({**M3, "channels": 2}, 22_050),
    "m5": ({**M3, "channels": 2, "upsampling": "learned"}, 22_050),
    "m5_high": ({**M3, "channels": 2, "upsampling": "learned"}, 44_100),
    "m6": ({**M3, "channels": 2, "sources": 4}, 22_050),
    "m7": ({**M3, "width": 34}, 8_192),
    "hydranet": ({**M3, "channels": 2, "lstm_layers": 1}, 22_050),
    "dilated_dense": ({"output": "difference", "channels": 2, "dilations": (1, 2, 4)}, 22_050),
}


def config(
    path: str = "~/data/musdb18hq",
    variant: str = "m4",
    levels: int = 12,
    width: int = 0,
    samples: int = 0,
    spectral: float = 0.0,
    stretch: float = 0.0,
    semitones: float = 0.0,
    equaliser: float = 0.0,
    batch: int = 16,
    steps: int = 400_000,
    learning_rate: float = 1e-4,
    ratios: Literal["sdr", "full"] = "sdr",
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    if variant not in VARIANTS:
        raise BadInput(f"variant={variant} is unknown: choose {', '.join(VARIANTS)}")
    fields, hertz = VARIANTS[variant]
    fields = {**fields, **({"width": width} if width else {})}
    model = WaveUNet(levels=levels, dtype=dtype, **fields)
    wanted = samples or (98_560 if variant == "m7" else 16_384)
    length = model.input_length(wanted)
    sources = MULTI if model.sources == 4 else VOICE
    data = Musdb18HQ(path, hertz, model.channels)
    groups = tuple(tuple(map(data.info.labels.index, stems)) for stems in sources.values())
    if model.context and not model.lstm_layers:  # LSTMs give other outputs at other lengths
        segments = separation.long_segments(model, wanted, 2**levels)
    else:
        kept = model.output_length(length) // 2**levels * 2**levels
        segments = Segments(length, kept if model.context else None, batch=4)
    stereo: Literal["downmix", "each"] = "downmix" if model.channels == 1 else "each"
    separator = Separator(segments, hertz, model.channels, tuple(sources), stereo=stereo)
    loss = with_magnitudes(l2, spectral) if spectral else l2
    needed, changed = augmentation(length, stretch, semitones, equaliser)
    return Experiment(
        data=Data(
            data,
            (Keep("stems"),),
            crop=TrackCrop(needed, context=(length - model.output_length(length)) // 2),
            on_device=(
                ToFloat(),
                *changed,
                Group(groups),
                Gain(0.7, 1.0),  # of the sources, so the accompaniment keeps its balance
                Mixture(),
            ),
        ),
        objective=Supervised(model, loss, input="mixture", target="stems"),
        optimizers={"model": adam(learning_rate)},
        evaluation=Separation(separator, ratios=ratios),
        test_source=None if hertz == RATE else as_published(path),
        batch=batch,
        steps=steps,
        stages=falling(20, (1.0, 0.1), start="last", keep_optimizer=True),
        evaluate_every=2000,
        evaluate_limit=14,
        save_every=1000,
        seed=seed,
    )
