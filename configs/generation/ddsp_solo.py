"""DDSP on recordings of one solo instrument at 16 kHz (Engel et al., ICLR 2020): tone transfer.

path=FOLDER of your own recordings, ten minutes or more of one player without accompaniment; their
pitch is found once by CREPE (weights=crepe_full is the authors' choice, slow without a GPU). The
defaults are the published configuration: 3 x 512 and GRU 512, 60 harmonics, 65 noise bands, three
seconds of learned reverb, 4 s clips, Adam 3e-4 times .98 every 10,000 steps, clip 3, batch 32;
40,000 steps, where Magenta's code would go on to a million. The rate is in conflict: 1e-3 in the
paper, 1e-5 with batch 128 in a note on the original run (reported, unchecked). decoder=conv
instrument=NAME reverb=0 is what Magenta's published weights need; theirs are `--checkpoint
ddsp_violin`, ddsp_flute, ddsp_trumpet, ddsp_tenor_saxophone.
"""

import jax.numpy as jnp
import optax

from zoo.arguments import OrNone
from zoo.data.device_transforms import ToFloat
from zoo.data.pipeline import Data
from zoo.data.sets.folder import Folder
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Keep
from zoo.errors import BadInput
from zoo.evaluation.resynthesis import Resynthesised
from zoo.experiment import Experiment
from zoo.models.generation.ddsp import DDSP, DilatedConvDecoder, RnnFcDecoder
from zoo.objectives.resynthesis import Resynthesis
from zoo.objectives.tone_transfer import Register
from zoo.pretrained.pitch_tracker import PitchTracker
from zoo.pretrained.pitched import PitchedRecords
from zoo.training.optimizers import adam

ROWS = {
    "default": {
        "parameters": 4_849_150,
        "reported": {
            "loudness_l1": 0.07,
            "f0_l1": 0.02,
            "f0_outliers": 0.003,
        },
        "source": ("supervised autoencoder on NSynth, not solo instruments; reported, unchecked"),
    },
}
AGREES = {
    "tests/pretrained/test_ddsp_decoders.py": "published weights",
    "tests/models/test_ddsp.py": "own twin",
}
SMOKE = {
    "width": 8,
    "layers": 1,
    "gru": 8,
    "harmonics": 8,
    "reverb": 100,
    "samples": 4096,
    "batch": 2,
    "steps": 2,
}

# Mean MIDI pitch, mean and largest loudness of the recordings behind the published weights, and
# the gain that makes them equally loud (constants of Magenta's demo).
REGISTERS = {
    "violin": Register(62.0, -68.5, -48.6, 2.0),
    "tenor_saxophone": Register(58.9, -56.0, -44.7, 0.9),
    "trumpet": Register(68.6, -72.5, -61.7, 1.5),
    "flute": Register(63.2, -70.6, -45.9, 4.0),
}


def config(
    path: str = "~/data/solo",
    decoder: str = "rnn",
    instrument: str = "",
    width: int = 512,
    layers: int = 3,
    gru: int = 512,
    harmonics: int = 60,
    reverb: OrNone = 48_000,
    samples: int = 64_000,
    weights: str = "crepe_tiny",
    batch: int = 32,
    steps: int = 40_000,
    learning_rate: float = 3e-4,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    if decoder not in ("rnn", "conv"):
        raise BadInput(f"decoder={decoder}: choose rnn or conv")
    if instrument and instrument not in REGISTERS:
        raise BadInput(f"instrument={instrument}: choose {', '.join(REGISTERS)}, or none")
    if decoder == "rnn":
        network: RnnFcDecoder | DilatedConvDecoder = RnnFcDecoder(width, layers, gru, dtype)
    else:
        network = DilatedConvDecoder(dtype=dtype)
    model = DDSP(network, harmonics, reverb=reverb, ahead=decoder == "conv")
    tracker = PitchTracker(weights)
    folder = Folder(path, model.sample_rate, chunk_seconds=samples / model.sample_rate)
    crop = TrackCrop(samples, hop=model.hop, draw="window")
    return Experiment(
        data=Data(
            PitchedRecords(folder, tracker, model.hop),
            (Keep("audio", "f0"),),
            crop=crop,
            on_device=(ToFloat(),),
        ),
        objective=Resynthesis(model, "f0", None, tracker, REGISTERS.get(instrument)),
        optimizers={
            "model": adam(optax.exponential_decay(learning_rate, 10_000, 0.98), clip_norm=3.0)
        },
        evaluation=Resynthesised(samples, model.hop, keys=("f0",), tracker=tracker),
        batch=batch,
        steps=steps,
        evaluate_every=2000,
        evaluate_limit=16,
        save_every=1000,
        seed=seed,
    )
