"""How published systems start biases and norms, where neither zero, one nor the kernel says it."""

from published_starts import BAI, MEHRI, TASNET
from start_distributions import Start, exactly, torch


def constant(value, source):
    return Start("constant", value, source)


# Biases that start neither at zero nor as their kernel (`Start.bias`), and norms that start neither
# at one nor at zero. The deviation is of the kernel's shape, where the layer has one. A constant
# has a value, or one a gate; None: another test's.
BIASES = {
    "crepe_*": {"dense": constant(-4.5, "ours: the rarity of a pitch")},
    "conv_tasnet_mir1k*": {},
    "conv_tasnet_*": {
        ".*norm": exactly("normal", lambda s: (2 / (1 + s[-1])) ** 0.5, TASNET + ", norms' too")
    },
    "amp_*.lstm": {"lstm": None},  # tests/models/test_amp.py
    "clarinet_student_*|parallel_wavenet_student_*": {"nets.*output": None},
    "dadabots_*": {".*rnn": constant((0, 3, 0, 0), MEHRI + ": the forget gate's")},
    "ddsp_*": {"decoder/dense": None, "decoder/input_[01]/dense_1": None},
    "flowavenet_*": {".*norms": None},  # the first batch says
    "polyphonic_*.lstm": {"layer": None},
    "polyphonic_*": {".*skip": torch(BAI)},
    "voice_vocoder_*": {
        ".*(envelope|bands|pitch)/": constant(0.5, "ours: at 0 a head of one ReLU may be dead"),
    },
    "tacotron2_*": {
        ".*(stop|frame|conv)/": torch("NVIDIA/tacotron2 draws kernels alone by its gains"),
    },
    "tacotron_*": {
        ".*gate_": constant(-1, "keithito/tacotron: highways carry"),
        ".*(gru|ahead|back)": constant((0.5, 0.5, 0), "TensorFlow 1's GRUCell: 1 in both gates"),
    },
}
