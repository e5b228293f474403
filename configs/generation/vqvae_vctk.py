"""VQ-VAE (van den Oord et al. 2017, section 4.3) on VCTK speech at 16 kHz: 512 codes, 64x smaller.

VCTK is the reader's own download: path=FOLDER of its sound; any folder will do. labels=CSV with a
column per speaker (see zoo/data/labels.py) and speakers=109 (version 0.80) tell the decoder who
speaks, as in the paper; then `sample.py --num` also speaks in other voices. The decoder's size is
NSynth's of the same group, the optimiser's numbers are those of public WaveNets: the paper's are
not established, nor is its likelihood. Days on one GPU. Where `perplexity` falls to 1 the codebook
has collapsed: codebook=moving_average normalise=True holds it.
"""

import jax.numpy as jnp

from zoo.data.device_transforms import ToFloat
from zoo.data.pipeline import Data
from zoo.data.sets.folder import Folder
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Keep
from zoo.errors import BadInput
from zoo.evaluation.generation import Likelihood
from zoo.experiment import Experiment
from zoo.models.generation.vqvae import VQVAE
from zoo.models.generation.wavenet import WaveNet
from zoo.objectives.autoencoder import QuantisedAutoencoder
from zoo.training.optimizers import adam, halving

ROWS = {"default": {"parameters": 46_734_592}}
AGREES = {
    "tests/models/test_vqvae_parity.py": "own twin",
    "tests/layers/test_quantizer.py": "a public quantiser's module",
}
SMOKE = {
    "layers": 4,
    "stacks": 2,
    "width": 8,
    "skip": 8,
    "encoder": 8,
    "code_width": 8,
    "codes": 16,
    "samples": 512,
    "batch": 2,
    "steps": 2,
}


def config(
    path: str = "~/data/vctk",
    labels: str = "",
    speakers: int = 0,
    layers: int = 30,
    stacks: int = 3,
    width: int = 512,
    skip: int = 256,
    encoder: int = 256,
    code_width: int = 64,
    codes: int = 512,
    codebook: str = "loss",
    normalise: bool = False,
    commitment: float = 0.25,
    samples: int = 7680,
    batch: int = 8,
    steps: int = 500_000,
    learning_rate: float = 1e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    if codebook not in ("loss", "moving_average"):
        raise BadInput(f"codebook={codebook}: choose loss or moving_average")
    if bool(labels) != bool(speakers):
        raise BadInput("labels and speakers belong together: give the CSV and its column count")
    decoder = WaveNet(
        layers,
        stacks,
        width,
        width,
        skip,
        head=skip,
        global_condition=speakers,
        local_condition=code_width,
        upsampling=(4, 4, 4),
        dtype=dtype,
    )
    model = VQVAE(
        decoder,
        encoder,
        code_width,
        codes=codes,
        moving_average=codebook == "moving_average",
        normalise=normalise,
        dtype=dtype,
    )
    keys = ("tags",) if speakers else ()
    source = Folder(
        path,
        16_000,
        labels=labels or None,
        chunk_seconds=samples / 16_000,
        leave_out="*_mic2.flac",  # the same words again, in version 0.92
    )
    context = -(-decoder.receptive_field // model.hop) * model.hop
    return Experiment(
        data=Data(
            source,
            (Keep("audio", *keys),),
            crop=TrackCrop(samples),
            on_device=(ToFloat(),),
        ),
        objective=QuantisedAutoencoder(model, commitment, speaker=keys[0] if keys else None),
        optimizers={"autoencoder": adam(halving(learning_rate, 200_000), clip_norm=1.0)},
        evaluation=Likelihood(4 * samples + context, context, batch=1, keys=keys),
        batch=batch,
        steps=steps,
        ema_decay=0.9999,
        evaluate_every=10_000,
        evaluate_limit=20,
        save_every=2000,
        seed=seed,
    )
