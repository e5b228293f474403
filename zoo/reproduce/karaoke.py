"""MIR-1K, the split of Huang et al. (ISMIR 2014): 825 clips of 17 singers, GNSDR, GSIR and GSAR.

The mixture is the sum of both channels. Ideal masks are what spectral masking can reach at best;
networks of that split are configs, which take hours at their papers' size: what ten minutes of one
core give are the narrow rows of four of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from zoo.metrics.resampling import intervals
from zoo.reproduce.parts import ByParts, Found
from zoo.reproduce.row import Outcome, PublishedData, Reproduction
from zoo.reproduce.trained import TrainedWithin

_BELOW = "dataset/mir-1k/Wavfile"
LEARNT = ("abjones", "amy")  # singers
_SOURCES = ("vocals", "accompaniment")
_LENGTH = 262_144  # samples: the longest clip, with room
_CLIPS = 1000


@dataclass(frozen=True)
class _Clips(ABC):
    """BSSEval of every test clip, from spectra of n_fft samples every `hop`."""

    n_fft: int = 1024
    hop: int = 512

    @abstractmethod
    def separate(self, mixture: Any, stems: Any) -> Any:
        """[B T 1] and references [B T S 1] to estimates [B T S 1]."""

    def parts(self, folder: Path) -> Sequence[str]:
        names = sorted(path.name for path in (folder / _BELOW).glob("*.wav"))
        return [name for name in names if name.split("_")[0] not in LEARNT]

    def measure(self, folder: Path, part: str) -> Found:
        from zoo.data import pcm
        from zoo.data.source import Info

        both = np.asarray(pcm.load_audio(folder / _BELOW / part, 16_000, 2))
        stems = both.T[::-1, :, None].astype(np.float32) / 32768  # the voice is on the right
        record = {"track": part.removesuffix(".wav"), "chunk": 0, "stems": stems}
        info = Info("mir-1k", 16_000, 1, _SOURCES, "none stated", "none")
        how, predict = scoring(self)
        return {"stems": how.run(predict, [record], info).tables["per_clip"]}

    def outcome(self, found: Mapping[str, Found]) -> Outcome:
        from zoo.evaluation.global_separation import clip_scores

        rows = [row for one in found.values() for row in one["stems"]]
        scores = clip_scores(rows, _SOURCES)
        values = scores.statistics(np.ones((1, len(scores.names))))
        sentence = (
            "BSSEval v3 of sources (as mir_eval) over whole clips at 16 kHz, means weighted by "
            "length, NSDR less the SDR of the mixture; spectra of "
            f"{self.n_fft} samples every {self.hop}."
        )
        metrics = {name: float(value[0]) for name, value in values.items()}
        return Outcome(metrics, sentence, {"clips": len(found)}, intervals(scores))


@dataclass(frozen=True)
class Masks(_Clips):
    """An ideal mask: binary or a ratio."""

    kind: Literal["ibm", "irm"] = "irm"
    power: float = 2.0

    def separate(self, mixture: Any, stems: Any) -> Any:
        from zoo.models.separation.masks import IdealMask

        model = IdealMask(self.kind, self.power, self.n_fft, self.hop)
        return model.apply({}, mixture, stems)


@dataclass(frozen=True)
class _Factors(_Clips):
    """Non-negative factors of the mixture, clustered into two sources by timbre.

    Which of the two is the voice is chosen by the references, as permutations are by mir_eval.
    """

    rank: int = 32
    iterations: int = 100

    def separate(self, mixture: Any, stems: Any) -> Any:
        import jax
        import jax.numpy as jnp

        from zoo.models.separation.nmf import NMF

        model = NMF(2, self.rank, 1.0, self.iterations, self.n_fft, self.hop)
        found: Any = model.apply({}, mixture, rngs={"init": jax.random.key(0)})
        likeness = jnp.einsum("btsc,btrc->sr", found, stems)
        straight = jnp.trace(likeness) >= jnp.trace(likeness[::-1])
        return jnp.where(straight, found, found[:, :, ::-1])


@cache
def scoring(clips: _Clips) -> tuple[Any, Callable[[dict], dict]]:
    """The evaluation and the compiled separation."""
    import jax

    from zoo.evaluation.global_separation import GlobalSeparation
    from zoo.songs.segments import Segments
    from zoo.songs.separating import Separator

    run = jax.jit(clips.separate)
    how = Separator(Segments(_LENGTH), 16_000, 1, _SOURCES)

    def predict(batch: dict) -> dict:
        return {"prediction": np.asarray(run(batch["mixture"], batch["stems"]))}

    return GlobalSeparation(how, oracle=True), predict


MIR_1K = PublishedData(
    "music-source-separation",
    "https://github.com/andabi/music-source-separation",
    "ba9aa531ccca08437f1efe5dec1871faebf5c840",
    "none stated for MIR-1K; for research",
    (f"{_BELOW}/*.wav",),
    _CLIPS,
    "a5b303205cf391168c852e9b1ca3285607ce464c1814d74a0a21a919e610d209",
)
_NONE = "none found for this mask on this split"
ON = "MIR-1K, 825 test clips"
MINUTES = 10.0  # of one core, for each network
_NETWORKS = {
    "u_net": ("U-Net on magnitudes, five levels of 8 to 128", "jansson_unet_mir1k.narrow"),
    "wave_u_net": ("Wave-U-Net, ten levels, width 10", "wave_unet_mir1k.narrow"),
    "wavenet": ("Wavenet, 20 layers of 16 channels", "wavenet_regression_mir1k.narrow"),
    "conv_tasnet": ("Conv-TasNet, 14 blocks of 128 channels", "conv_tasnet_mir1k.narrow"),
}
ROWS = (
    Reproduction(
        "mir1k_ideal_ratio_mask",
        "ideal ratio mask of powers",
        ON,
        ByParts(Masks(kind="irm")),
        {},
        _NONE,
        MIR_1K,
        remark="a bound; for networks a GNSDR of 7 to 8 dB is reported (unchecked)",
    ),
    Reproduction(
        "mir1k_ideal_binary_mask",
        "ideal binary mask of powers",
        ON,
        ByParts(Masks(kind="ibm")),
        {},
        _NONE,
        MIR_1K,
        remark="a bound, as the ratio mask",
    ),
    Reproduction(
        "mir1k_nmf",
        "NMF, 32 spectra clustered into two sources by timbre, blind",
        ON,
        ByParts(_Factors()),
        {},
        "none found for this system on this split",
        MIR_1K,
        remark="which source is the voice is chosen by the references",
    ),
    *(
        Reproduction(
            f"mir1k_{name}",
            f"{system}, {MINUTES:g} minutes of one core",
            ON,
            TrainedWithin(config, MINUTES, _BELOW),
            {},
            "none found for this system on this split",
            MIR_1K,
            remark=(
                "narrow, of minutes: it says what these give; for networks of hours a GNSDR of 7 "
                "to 8 dB is reported (unchecked)"
            ),
        )
        for name, (system, config) in _NETWORKS.items()
    ),
)
