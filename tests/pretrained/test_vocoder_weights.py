"""Published vocoders through our code: the numbers that PyTorch gave with the same weights."""

import jax
import numpy as np
import pytest

from zoo import experiment as experiments
from zoo.pretrained import rules
from zoo.pretrained.hifigan import RULES as HIFIGAN
from zoo.pretrained.melgan import RULES as MELGAN

PLACES = (0, 1, 1000, 4096, 8191)
GOLDEN = {  # samples at PLACES, mean modulus and deviation of 32 frames, float32 on a CPU
    "melgan": (
        (-0.0048337, -0.0092580, -0.0147828, -0.0072326, -0.0000582),
        0.0090172,
        0.0125554,
    ),
    "hifigan_ljspeech": (
        (-0.0257536, -0.0340796, -0.0656022, -0.0245508, -0.0182648),
        0.0180724,
        0.0298507,
    ),
    "hifigan_universal": (
        (0.0191685, 0.0133768, 0.0376120, 0.0102539, 0.0065899),
        0.0149471,
        0.0303205,
    ),
}


def frames():
    time, bins = np.arange(32)[:, None], np.arange(80)
    return (-5 + 3 * np.sin(0.1 * time + 0.05 * bins)).astype(np.float32)[None]


@pytest.mark.download
@pytest.mark.parametrize("name", GOLDEN)
def test_published_weights_give_their_output(name):
    from zoo.pretrained import weights

    config, arguments, variables = weights.load_weights(name)
    objective = experiments.find_config(config).experiment(**arguments).objective
    audio = np.asarray(jax.jit(objective.generator.apply)(variables.of("generator"), frames()))
    samples, modulus, deviation = GOLDEN[name]
    assert audio.shape == (1, 8192, 1)
    np.testing.assert_allclose(audio[0, PLACES, 0], samples, atol=5e-5)
    np.testing.assert_allclose(np.abs(audio).mean(), modulus, atol=1e-5)
    np.testing.assert_allclose(audio.std(), deviation, atol=1e-5)


def foreign_melgan():
    """Names and shapes of the port's arrays, from its architecture alone."""

    def layer(name, out, into, taps, upside_down=False):
        shape = (into, out, taps) if upside_down else (out, into, taps)
        return {
            f"generator.{name}.weight_v": shape,
            f"generator.{name}.weight_g": (shape[0], 1, 1),
            f"generator.{name}.bias": (out,),
        }

    shapes, width = layer("1", 512, 80, 7), 512
    for stage, factor in enumerate((8, 8, 2, 2), 1):
        shapes |= layer(str(3 * stage), width // 2, width, 2 * factor, upside_down=True)
        width //= 2
        for block in range(3):
            stack = f"{3 * stage + 1}"
            shapes |= layer(f"{stack}.blocks.{block}.2", width, width, 3)
            shapes |= layer(f"{stack}.blocks.{block}.4", width, width, 1)
            shapes |= layer(f"{stack}.shortcuts.{block}", width, width, 1)
    return shapes | layer("16", 1, 32, 7)


def foreign_hifigan():
    def layer(name, out, into, taps, upside_down=False):
        shape = (into, out, taps) if upside_down else (out, into, taps)
        return {
            f"generator.{name}.weight_v": shape,
            f"generator.{name}.weight_g": (shape[0], 1, 1),
            f"generator.{name}.bias": (out,),
        }

    shapes, width = layer("conv_pre", 512, 80, 7), 512
    for stage, factor in enumerate((8, 8, 2, 2)):
        shapes |= layer(f"ups.{stage}", width // 2, width, 2 * factor, upside_down=True)
        width //= 2
        for kernel, taps in enumerate((3, 7, 11)):
            for half in ("convs1", "convs2"):
                for turn in range(3):
                    name = f"resblocks.{3 * stage + kernel}.{half}.{turn}"
                    shapes |= layer(name, width, width, taps)
    return shapes | layer("conv_post", 1, 32, 7)


@pytest.mark.parametrize(
    "config, arguments, table, shapes",
    [
        ("melgan_ljspeech", {"front": "port"}, MELGAN, foreign_melgan()),
        ("hifigan_ljspeech", {}, HIFIGAN, foreign_hifigan()),
    ],
)
def test_every_array_has_one_place(config, arguments, table, shapes):
    """Without any download: rules fill the generator completely, each leaf once."""
    from zoo.checkpoints.checksums import by_path

    experiment = experiments.find_config(config).experiment(**arguments)
    spec = experiment.data.spec(1)
    wanted = jax.eval_shape(experiment.objective.init, jax.random.key(0), spec).of("generator")
    blank = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    filled = rules.apply_rules(table, blank, by_path(wanted))
    assert sum(x.size for x in filled.values()) == sum(x.size for x in blank.values())
