"""ClariNet's parallel student (Ping et al., ICLR 2019, table 1, reverse KL), at 24 kHz.

6 Gaussian flows of 10 layers of 64 channels, distilled from a run of clarinet_teacher_ljspeech:
teacher=RUN. teacher= (of no run) leaves the frozen teacher at random, which serves the tests alone.
Rows: default as the paper, whose floors of the log scales in the divergence are -7, whose spectra
are 50 ms wide and whose terms all weigh 1; public as ksw0306/ClariNet: a teacher floored at -9, the
divergence at -6, spectra of 1,024 samples, weight 4 of the scales. Rates and clip are that code's
in both; 500,000 steps is remembered, unchecked: a week or two of one GPU.
Deviation: the spectral loss is a mean over frames and bins; the paper's scale is not known to us.
"""

import jax.numpy as jnp

from zoo.data.device_transforms import ToFloat
from zoo.data.pipeline import Data
from zoo.data.sets.folder import Folder
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Keep
from zoo.distributions import Gaussian
from zoo.evaluation.vocoding import Vocoding
from zoo.experiment import Experiment
from zoo.layers.initializers import torch
from zoo.models.generation.gaussian_iaf import GaussianIAF
from zoo.models.generation.wavenet import WaveNet
from zoo.objectives.distillation import Distillation
from zoo.signal import mel
from zoo.training.optimizers import adam, halving

ROWS = {
    "default": {
        "parameters": 5_227_032,
        "reported": {
            "mean_opinion_score": 4.16,
        },
        "source": "table 1, reverse KL, teacher 4.40, natural 4.54 (reported, unchecked)",
    },
    "public": {
        "arguments": {
            "teacher": "runs/clarinet_teacher_ljspeech.public",
            "teacher_floor": -9.0,
            "floor": -6.0,
            "regularizer": 4.0,
            "transform": (1024, 256, 1024),
        },
        "parameters": 5_227_032,
    },
}
AGREES = {
    "tests/models/test_clarinet_parity.py": "own twin",
    "tests/models/test_clarinet.py": "a public code's parameter count",
}
SMOKE = {
    "teacher": "",
    "flows": 2,
    "layers": 2,
    "width": 8,
    "gate": 8,
    "skip": 8,
    "teacher_layers": 4,
    "teacher_width": 8,
    "teacher_gate": 8,
    "teacher_skip": 8,
    "samples": 2400,
    "batch": 2,
    "steps": 2,
}


def config(
    path: str = "~/data/ljspeech",
    teacher: str = "runs/clarinet_teacher_ljspeech",
    flows: int = 6,
    layers: int = 10,
    width: int = 64,
    gate: int = 128,
    skip: int = 64,
    teacher_layers: int = 20,
    teacher_width: int = 128,
    teacher_gate: int = 256,
    teacher_skip: int = 128,
    teacher_floor: float = -7.0,
    floor: float = -7.0,
    regularizer: float = 1.0,
    transform: tuple[int, int, int] = (2048, 300, 1200),
    samples: int = 12_000,
    batch: int = 8,
    steps: int = 500_000,
    learning_rate: float = 1e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    spec = mel.TACOTRON2
    # In bfloat16 the teacher's hidden layers round, too; its Gaussians' head is float32.
    wavenet = WaveNet(
        teacher_layers,
        2,
        teacher_width,
        teacher_gate,
        teacher_skip,
        head=teacher_skip,
        distribution=Gaussian(teacher_floor),
        input="scalar",
        local_condition=spec.bins,
        upsampling=(15, 20),
        dtype=dtype,
        starts=torch,
    )
    student = GaussianIAF(flows, layers, width, gate, skip, dtype=dtype)
    source = Folder(path, spec.sample_rate, chunk_seconds=1.0)
    return Experiment(
        data=Data(source, (Keep("audio"),), crop=TrackCrop(samples), on_device=(ToFloat(),)),
        objective=Distillation(
            student, wavenet, spec, regularizer, transform=transform, floor=floor
        ),
        optimizers={"student": adam(halving(learning_rate, 200_000), clip_norm=10.0)},
        evaluation=Vocoding(spec),
        batch=batch,
        steps=steps,
        ema_decay=0.9999,
        evaluate_every=5000,
        evaluate_limit=50,
        save_every=2000,
        seed=seed,
        initial={"teacher": teacher} if teacher else {},
    )
