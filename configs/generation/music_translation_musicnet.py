"""Universal Music Translation between six domains of MusicNet (Mor et al., ICLR 2019).

A folder for each domain below path=FOLDER, with train, val and test in it, as the authors' scripts
leave them (parse_musicnet.py, split_dir.py): Bach's cello, Beethoven's piano, Cambini's winds,
Bach's piano, Beethoven's violin and his quartets; domains=a,b,c names others. Recipe of their
train.sh: 12,000 samples at 16 kHz, 32 of each domain, Adam 1e-3 that falls by .995 every 1,000
steps, gradients cut at 1 each, confusion .01, a stretch of every clip moved by up to half a
semitone. They trained for 3 days on 48 GPUs; steps here are ours. Opinion scores are not repeated.
Deviations: the classifier's rate falls, too; decoders and encoder see the mean over domains.
`sample.py --checkpoint RUN --input violin.wav --domain Bach_Solo_Piano` translates.
Audio is the reader's own download.
"""

from typing import Any

import jax.numpy as jnp
import optax

from zoo.data.domains import Domains
from zoo.data.sets.folder import Folder
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Keep
from zoo.errors import BadInput
from zoo.experiment import Experiment
from zoo.models.generation.music_translation import Decoder, Encoder, Translator
from zoo.recipes.translation import translation
from zoo.training.optimizers import adam

ROWS = {
    "default": {"parameters": 41_251_562},
    "ten_layers": {"arguments": {"layers": 10}, "parameters": 30_167_786},
}
AGREES = {"tests/models/test_music_translation.py": "own twin"}
SMOKE = {
    "domains": "a,b",
    "encoder_layers": 2,
    "layers": 3,
    "blocks": 1,
    "width": 8,
    "latent": 4,
    "pool": 16,
    "samples": 512,
    "batch": 1,
    "steps": 2,
}

RATE = 16_000
MUSICNET = (
    "Bach_Solo_Cello,Beethoven_Solo_Piano,Cambini_Wind_Quintet,Bach_Solo_Piano,"
    "Beethoven_Accompanied_Violin,Beethoven_String_Quartet"
)


def config(
    path: str = "~/data/musicnet/split",
    domains: str = MUSICNET,
    blocks: int = 4,
    layers: int = 14,
    encoder_layers: int = 10,
    width: int = 128,
    latent: int = 64,
    pool: int = 800,
    samples: int = 12_000,
    batch: int = 32,
    steps: int = 200_000,
    learning_rate: float = 1e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    names = [name.strip() for name in domains.split(",") if name.strip()]
    if len(set(names)) < 2:
        raise BadInput(f"domains={domains}: name two folders or more, as violin,piano")
    every = tuple((name, Folder(f"{path}/{name}", RATE)) for name in names)
    falling = optax.exponential_decay(learning_rate, 1_000, 0.995, staircase=True)
    common: dict[str, Any] = {"width": width, "latent": latent, "pool": pool}
    common["dtype"] = jnp.bfloat16 if bfloat16 else jnp.float32
    decoder = Decoder(blocks, layers, skip=width, **common)
    return translation(
        Domains("musicnet_domains", every),
        Translator(Encoder(layers=encoder_layers, **common), decoder, len(names)),
        (Keep("audio"),),
        samples=samples,
        crop=TrackCrop(samples),
        batch=batch,
        optimizer=optax.chain(optax.clip(1.0), adam(falling)),
        steps=steps,
        evaluate_every=5_000,
        evaluate_limit=12,
        save_every=1_000,
        seed=seed,
    )
