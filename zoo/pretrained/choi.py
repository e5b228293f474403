"""Taggers that Keunwoo Choi publishes as weights of Keras 1: CRNN, and the compact CNN of 2017."""

from __future__ import annotations

import numpy as np

from zoo.pretrained import keras_h5
from zoo.pretrained.index import File, Published
from zoo.pretrained.rules import Rule, Skip

_COMMIT = "a3e105d0c4c529c512cc197ad8770ff1cc52aa32"
_SOURCE = "https://github.com/keunwoochoi/music-auto_tagging-keras"
FIELDS = {
    "gamma": "params/{}/norm/scale",
    "beta": "params/{}/norm/bias",
    "running_mean": "batch_stats/{}/norm/mean",
    "running_std": "batch_stats/{}/norm/var",  # the variance, whatever it is called
}


def _kernel(x: np.ndarray) -> np.ndarray:
    """[O I bins frames] -> [frames bins I O]."""
    return x.transpose(3, 2, 1, 0)


def _turned(x: np.ndarray) -> np.ndarray:
    """As `_kernel`, of Theano, which turns kernels round before it slides them."""
    return _kernel(x[:, :, ::-1, ::-1])


def _beside(*parts: np.ndarray) -> np.ndarray:
    """The matrices or vectors of all gates side by side."""
    return np.concatenate(parts, -1)


def _norms(pattern: str, block: str, fields: dict[str, str] = FIELDS) -> tuple[Rule, ...]:
    return tuple(Rule(pattern.format(field), path.format(block)) for field, path in fields.items())


def _gates(layer: str, own: str) -> tuple[Rule, ...]:
    """A GRU's nine arrays, gates z, r, h."""
    names = {"W": "kernel", "U": "recurrent_kernel", "b": "bias"}
    return tuple(
        Rule(
            rf"{layer}/{layer}_{letter}_z",
            f"params/{own}/{leaf}",
            _beside,
            also=(f"{layer}/{layer}_{letter}_r", f"{layer}/{layer}_{letter}_h"),
        )
        for letter, leaf in names.items()
    )


_CRNN: tuple[Rule | Skip, ...] = (
    *(
        Rule(rf"bn_0_freq/bn_0_freq_{field}_1", path.format("").replace("//norm", "/norm"))
        for field, path in FIELDS.items()
    ),
    Rule(r"conv(\d)/conv\d_W_1", r"params/block_\1/conv/kernel", _kernel),
    Rule(r"conv(\d)/conv\d_b_1", r"params/block_\1/conv/bias"),
    *_norms(r"bn(\d)/bn\d_{}_1", r"block_\1"),
    *_gates("gru1", "recurrent_1"),
    *_gates("gru2", "recurrent_2"),
    Rule(r"output/output_W_1", "params/top/kernel"),
    Rule(r"output/output_b_1", "params/top/bias"),
)
STACK = "ConvBNEluDr"
_COMPACT: tuple[Rule | Skip, ...] = (
    Rule(rf"{STACK}/convolution2d_(\d)_W", r"params/block_\1/conv/kernel", _turned),
    Rule(rf"{STACK}/convolution2d_(\d)_b", r"params/block_\1/conv/bias"),
    *_norms(
        rf"{STACK}/batchnormalization_(\d)_{{}}",
        r"block_\1",
        {field: FIELDS[field] for field in ("gamma", "beta")},
    ),
    Skip(rf"{STACK}/batchnormalization_\d_running_(mean|std)"),  # 0 and 1: never used
    Skip(r"melgram/param_\d"),  # the Fourier and mel matrices, which are ours
    Rule(r"dense_1/dense_1_W", "params/top/kernel"),
    Rule(r"dense_1/dense_1_b", "params/top/bias"),
)

PUBLISHED = (
    Published(
        name="choi_crnn_msd",
        title="Choi et al. 2017, CRNN, 50 tags, trained on the Million Song Dataset",
        config="crnn_magnatagatune",
        arguments={"version": "choi", "labels": "million_song"},
        files=(
            File(
                "data/music_tagger_crnn_weights_tensorflow.h5",
                1_649_464,
                "df63638de9f3113780768181670c554f122fbd1297c63c065836d70a251115a8",
            ),
        ),
        read=keras_h5.read_keras_h5,
        rules=_CRNN,
        licence="MIT",
        source=_SOURCE,
        score={"roc_auc": 0.8662},
        url=f"https://raw.githubusercontent.com/keunwoochoi/music-auto_tagging-keras/{_COMMIT}/",
    ),
    Published(
        name="compact_cnn_msd",
        title="Choi et al. 2017, compact CNN, 50 tags; wants batches of different clips",
        config="fcn_magnatagatune",
        arguments={"version": "compact_cnn", "labels": "million_song"},
        files=(
            File(
                "compact_cnn/weights_theano.hdf5",
                1_329_264,
                "caf89f811415691fbb245be7eef394b9cebd787d7e3f78e29695972141cf2a08",
            ),
        ),
        read=keras_h5.read_keras_h5,
        rules=_COMPACT,
        licence="MIT",
        source=_SOURCE,
        score={"roc_auc": 0.849},
        url=f"https://raw.githubusercontent.com/keunwoochoi/music-auto_tagging-keras/{_COMMIT}/",
    ),
)
