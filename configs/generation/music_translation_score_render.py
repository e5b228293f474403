"""Music translation between three families of the embedded instruments, small, on two cores.

Domains: piano (the piano pieces), voice and bass (those stems of the songs, alone), half an hour
each. Encoder 2 x 8 layers of 32 channels over 400 samples, decoders 2 x 9. The recipe is the
paper's with a shorter schedule. `sample.py --checkpoint RUN --input violin.wav --domain piano`
translates.
"""

from typing import Any

import jax.numpy as jnp
import optax

from zoo.data.domains import Domains, Stem
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Keep
from zoo.experiment import Experiment
from zoo.models.generation.music_translation import Decoder, Encoder, Translator
from zoo.recipes.translation import translation
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {"default": {"parameters": 616_171}}
AGREES = {"tests/models/test_music_translation.py": "own twin"}
SMOKE = {
    "size": "tiny",
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


def config(
    size: str = "small",
    blocks: int = 2,
    layers: int = 9,
    encoder_layers: int = 8,
    width: int = 32,
    latent: int = 16,
    pool: int = 400,
    samples: int = 4_000,
    batch: int = 1,
    steps: int = 400,
    learning_rate: float = 2e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    songs = ScoreRender("stems", size)
    every = (
        ("piano", ScoreRender("piano", size)),
        ("voice", Stem(songs, "vocals")),
        ("bass", Stem(songs, "bass")),
    )
    common: dict[str, Any] = {"width": width, "latent": latent, "pool": pool}
    common["dtype"] = jnp.bfloat16 if bfloat16 else jnp.float32
    decoder = Decoder(blocks, layers, skip=2 * width, **common)
    return translation(
        Domains("score_render/families", every),
        Translator(Encoder(2, encoder_layers, **common), decoder, len(every)),
        (Crop(samples), Keep("audio")),
        samples=samples,
        batch=batch,
        optimizer=optax.chain(optax.clip(1.0), adam(warmup_cosine(learning_rate, steps, 50))),
        steps=steps,
        ema_decay=0.99,
        evaluate_every=200,
        evaluate_limit=6,
        save_every=200,
        seed=seed,
    )
