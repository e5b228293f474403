"""Basic Pitch's published weights, the TensorFlow bundle of the authors' wheel."""

from __future__ import annotations

from zoo.pretrained import tf_bundle
from zoo.pretrained.index import File, Published
from zoo.pretrained.rules import BATCH_NORM, Rule, Skip

_FOLDER = "basic_pitch/saved_models/icassp_2022/nmp/variables"
_END = r"/\.ATTRIBUTES/VARIABLE_VALUE"
_CONVS = {
    1: "contour_conv",
    3: "contour_top",
    4: "frame_conv",
    5: "onset_conv",
    7: "frame_top",
    8: "onset_top",
}
_NORMS = {0: "norm", 2: "contour_norm", 6: "onset_norm"}


def _layer(number: int) -> str:
    return f"layer_with_weights-{number}"


_RULES: tuple[Rule | Skip, ...] = (
    *(
        Rule(rf"{_layer(number)}/(kernel|bias){_END}", rf"params/{own}/\1")
        for number, own in _CONVS.items()
    ),
    *(
        Rule(f"{_layer(number)}/{field}{_END}", f"{collection}/{own}/{leaf}")
        for number, own in _NORMS.items()
        for field, (collection, leaf) in BATCH_NORM.items()
        if field in ("gamma", "beta", "moving_mean", "moving_variance")
    ),
    Skip(r".*/\.OPTIMIZER_SLOT/.*"),
    Skip(rf"(optimizer|keras_api)/.*{_END}"),
)

PUBLISHED = (
    Published(
        name="basic_pitch",
        title="Basic Pitch: notes of any pitched instrument, Bittner et al. 2022, by its authors",
        config="basic_pitch_score_render",
        arguments={},
        files=(
            File(
                f"{_FOLDER}/variables.index",
                4794,
                "356aa1a00095cf2dba17386144e8b289cb04195ae090aa7f324312b08220115e",
            ),
            File(
                f"{_FOLDER}/variables.data-00000-of-00001",
                219_309,
                "f5d12cd7245fecea0c956c963751f3519c263615ea954b5948d5e8c9c3376f9b",
            ),
        ),
        read=tf_bundle.read_tf_bundle,
        rules=_RULES,
        licence="Apache-2.0",
        source="https://github.com/spotify/basic-pitch",
        package="basic-pitch==0.4.0",
        wheel="basic_pitch-0.4.0-py2.py3-none-any.whl",
        wheel_size=758_279,
        wheel_sha256="738adb503aae7fdfc7d1e1511aa0ce35052315f260a19531ef4c356708425db0",
    ),
)
