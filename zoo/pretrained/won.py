"""FCN and CRNN of the benchmark of Won et al. 2020, as torch files of their authors."""

from __future__ import annotations

import numpy as np

from zoo.pretrained import torch_file
from zoo.pretrained.index import File, Published
from zoo.pretrained.rules import LSTM_RULES, Rule, Skip, batch_norm, transpose

_SOURCE = "https://github.com/minzwon/sota-music-tagging-models"


def _kernel(x: np.ndarray) -> np.ndarray:
    """torch's [O I bins frames] -> [frames bins I O]."""
    return x.transpose(3, 2, 1, 0)


COMMON = (
    batch_norm("spec_bn", "norm"),
    Rule(r"layer(\d)\.conv\.weight", r"params/block_\1/conv/kernel", _kernel),
    Rule(r"layer(\d)\.conv\.bias", r"params/block_\1/conv/bias"),
    batch_norm(r"layer(\d)\.bn", r"block_\1/norm"),
    Rule(r"dense\.weight", "params/top/kernel", transpose),
    Rule(r"dense\.bias", "params/top/bias"),
    Skip(r".*num_batches_tracked"),
    Skip(r"spec\.(spectrogram\.window|mel_scale\.fb)"),  # ours are the same
)
_RECURRENT = tuple(
    Rule(rf"layer5\.{name}_l{i}", f"params/recurrent_{i + 1}/{leaf}", layout)
    for i in (0, 1)
    for name, (leaf, layout) in LSTM_RULES.items()  # the names of torch's GRU too
)
RULES = {"fcn": COMMON, "crnn": COMMON + _RECURRENT}
_FILES = {
    ("fcn", "mtat"): (0, "e89d751202d38c3ae69855782bc27010f87051958dbec64f5aa762364dbac271"),
    ("crnn", "mtat"): (0, "cd22fc70cafd06f8f2bfc7dd795abccb1f4b50d5b09094c39ad100baf87475a3"),
    ("fcn", "msd"): (
        1_902_815,
        "6012aa7eecf864a8081faedca56af054521e8dfb9c5c98659a3dd5d3e1e66f21",
    ),
    ("crnn", "msd"): (
        1_687_711,
        "ebb99855ed0c83f38845db9cfb383dd6fc70938bc58701dcb66e18af9ee7fbea",
    ),
}
SCORES = {
    ("fcn", "mtat"): (0.9005, 0.4295),
    ("fcn", "msd"): (0.8744, 0.2970),
    ("crnn", "mtat"): (0.8722, 0.3625),
    ("crnn", "msd"): (0.8499, 0.2469),
}


def _entry(model: str, corpus: str) -> Published:
    """The publication of one net, trained on 'mtat' or 'msd'."""
    trained_on = "MagnaTagATune" if corpus == "mtat" else "the Million Song Dataset"
    labels = "magnatagatune" if corpus == "mtat" else "million_song"
    return Published(
        name=f"won_{model}_{corpus}",
        title=f"Won et al. 2020, {model.upper()}, 50 tags, trained on {trained_on}",
        config=f"{model}_magnatagatune",
        arguments={"labels": labels},
        files=(File(f"models/{corpus}/{model}/best_model.pth", *_FILES[model, corpus]),),
        read=torch_file.read_torch,
        rules=RULES[model],
        licence="MIT",
        source=_SOURCE,
        score=dict(zip(("roc_auc", "pr_auc"), SCORES[model, corpus])),
        url=f"{_SOURCE}/raw/master/",
    )


PUBLISHED = tuple(_entry(*key) for key in _FILES)
