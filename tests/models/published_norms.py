"""What published systems add to the variance, and keep of running statistics, in every norm.

A framework's default where the authors' code names nothing, and that is what most of it does.
"""

from typing import NamedTuple


class Norm(NamedTuple):
    """keep: share of running statistics that stays, None where there are none."""

    keep: float | None
    epsilon: float
    source: str


KERAS = Norm(0.99, 1e-3, "default of Keras' BatchNormalization and of tf.layers'")
TORCH = Norm(0.9, 1e-5, "default of torch's BatchNorm: momentum 0.1")
SLIM = Norm(0.999, 1e-3, "default of tf.contrib's batch_norm")
LAYER = Norm(None, 1e-5, "default of torch's LayerNorm")
T2T = Norm(None, 1e-6, "tensorflow/tensor2tensor: layer_norm")

# By rows, then by path; the first that fits holds.
NORMS = {
    "at_scale_*|basic_pitch_*|crepe_*|inception_*|musicnn_*|vgg_*": {".*": KERAS},
    "resemul_*|samplecnn_*|mrcae_*|spleeter_*|tacotron_*": {".*": KERAS},
    "fcn_*.choi_*|fcn_*.music_tagger_cnn|fcn_*.compact_cnn|crnn_*.choi": {".*": KERAS},
    "multi_scale_*": {"front": TORCH._replace(source="ours"), ".*": KERAS},
    "fcn_*|crnn_*|harmonic_cnn_*|short_chunk_*|open_unmix_*|tacotron2_*": {".*": TORCH},
    "onsets_frames_maestro.port": {".*": TORCH},
    "onsets_frames_*|jansson_*": {".*": SLIM},
    "self_attention_*": {
        r"layer_\d+/norm": Norm(None, 1e-12, "BERT's, of minzwon/self-attention-music-tagging"),
        ".*": TORCH,
    },
    "sincnet_*": {
        "norm_dense": Norm(0.95, 1e-5, "mravanelli/SincNet: BatchNorm1d(momentum=0.05)"),
        ".*": Norm(None, 1e-6, "mravanelli/SincNet: LayerNorm"),
    },
    "crn_*": {".*recurrent/norm": LAYER, ".*": TORCH},
    "phasebook_*": {".*": Norm(None, 1e-6, "ours: Flax's default")},
    "ddsp_*": {".*": Norm(None, 1e-3, "default of Keras' LayerNormalization")},
    "gan_tts_*": {".*": Norm(0.99, 1e-5, "ours: the paper names neither")},
    "music_transformer_*": {".*": T2T},
    "sparse_transformer_*": {".*": LAYER},
}
