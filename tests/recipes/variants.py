"""What published variants are made of, beside what `recipes.ini` states."""

from typing import Any

from zoo.distributions import Categorical, Gaussian

# By row: the field of the objective that holds a network, its type, and fields of it.
VARIANTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    # Ping et al. 2019, whose floor is a guess; ksw0306/ClariNet: -9 for what the teacher says, -6
    # in the divergence (which is the objective's).
    "clarinet_teacher_ljspeech": ("model", "WaveNet", {"distribution": Gaussian(-7.0)}),
    "clarinet_teacher_ljspeech.public": ("model", "WaveNet", {"distribution": Gaussian(-9.0)}),
    "clarinet_student_ljspeech": ("teacher", "WaveNet", {"distribution": Gaussian(-7.0)}),
    "clarinet_student_ljspeech.public": ("teacher", "WaveNet", {"distribution": Gaussian(-9.0)}),
    # Mehri et al. 2017; soroushmehri/sampleRNN_ICLR2017, models/two_tier/two_tier.py.
    "samplernn_folder": (
        "model",
        "SampleRNN",
        {"frames": (16,), "layers": 3, "distribution": Categorical(256, "linear")},
    ),
    "samplernn_folder.released": (
        "model",
        "ReleasedSampleRNN",
        {"hop": 16, "layers": 3, "distribution": Categorical(256, "equal")},
    ),
}
