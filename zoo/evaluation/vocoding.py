"""Copy synthesis: spectral distances of held-out audio and its vocoded version."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from itertools import groupby

import jax
import jax.numpy as jnp
import numpy as np

from zoo.data.source import Example, Info
from zoo.errors import BadInput
from zoo.evaluation import steady_notes
from zoo.evaluation.base import (
    HostBatch,
    Monitor,
    Predict,
    Progress,
    Report,
    first,
    in_batches,
    padded_audio,
    paired_predictions,
)
from zoo.losses import spectral
from zoo.metrics.resampling import Scores
from zoo.signal import mel, phase, stft

STFT_SIZES = (2048, 1024, 512)  # of the spectral convergence, with hops of a quarter
_SILENCE = 1e-3  # -60 dB: a record below it has no spectrum to compare with
_Measure = Callable[[np.ndarray, np.ndarray], dict[str, jax.Array]]  # (copy, original) [1 T 1]
_STEP = 2048  # samples: the ends of records fall on multiples of it
HIGH_RATE = 32_000  # Hz above which frames are twice as long


def common(sample_rate: int) -> mel.MelSpec:
    """The one front end in which all vocoders of a rate are compared: HiFi-GAN's, in ln."""
    longer = 2 if sample_rate > HIGH_RATE else 1
    n_fft, hop = mel.HIFIGAN.n_fft * longer, mel.HIFIGAN.hop * longer
    high = min(8000.0 * longer, sample_rate / 2)
    pad = ((n_fft - hop) // 2,) * 2
    return replace(mel.HIFIGAN, sample_rate=sample_rate, n_fft=n_fft, hop=hop, high=high, pad=pad)


@dataclass(frozen=True)
class Vocoding:
    """Distances of spectra between whole records and what `predict` makes of them.

    `predict` gets {key: [B T 1]}, T a multiple of the hop, and answers {'audio': [B T' 1]},
    compared over the shorter of the two, and where the model states a likelihood {'nats': [B]} per
    sample. spec: the model's own front end, whose unit stands beside the common one. monitored:
    the metric that chooses checkpoints. notes: how many steady notes are played at least.
    """

    spec: mel.MelSpec
    batch: int = 1
    key: str = "audio"
    monitored: str = "log_mel_l1"
    notes: int = 8

    @property
    def monitor(self) -> Monitor:
        return self.monitored, "min"

    def run(
        self,
        predict: Predict,
        records: Sequence[Example],
        info: Info,
        *,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Report:
        rows: list[dict] = []
        left_out = {"silent": 0, "too_short": 0}
        measure = partial(self.distances, info.sample_rate)
        limits = None if limit else partial(self._limits, info.sample_rate)
        examples = self._examples(first(records, limit, progress), left_out)
        length = 0
        for (row, real), output in self._outputs(predict, examples):
            row |= record_distances(measure, output["audio"], real, row["samples"])
            if "nats" in output:
                row["bits_per_sample"] = float(output["nats"] / np.log(2))
            if limits is not None:
                row |= _bounds(limits, measure, real, row["samples"])
            rows.append(row)
            length = max(length, row["samples"] // self.spec.hop * self.spec.hop)
        if not rows:
            raise BadInput(f"no record is longer than {self.spec.n_fft} samples and sounds.")
        counts = {"records": len(rows), **{f"{k}_records": v for k, v in left_out.items()}}
        names = [name for name in rows[0] if name not in ("record", "track", "samples")]
        metrics = {name: float(np.mean([row[name] for row in rows])) for name in names}
        if self.notes:
            off = self._play(predict, length, info.sample_rate)
            metrics |= steady_notes.note_error_scores(off)
            counts["notes"] = len(off)
        labels = np.array([f"{row['track']}#{row['record']}" for row in rows])
        scores = Scores(labels, {name: np.array([row[name] for row in rows]) for name in names})
        tables = {"per_record": rows}
        return Report(metrics, self._sentence(info), counts, tables, scores=scores)

    def _examples(
        self, found: Iterable[tuple[int, Example]], left_out: dict[str, int]
    ) -> Iterator[tuple[tuple[dict, np.ndarray], HostBatch]]:
        """((row, audio [T 1]), what the model sees) of the records that can be compared."""
        for index, record in found:
            audio, there = padded_audio(record, self.key)
            audio = audio[: len(audio) // self.spec.hop * self.spec.hop]
            there = min(there, len(audio))
            if there < max(self.spec.n_fft, *STFT_SIZES):
                left_out["too_short"] += 1
            elif np.sqrt(np.square(audio[:there]).mean()) < _SILENCE:
                left_out["silent"] += 1
            else:
                row = {"record": index, "track": str(record["track"]), "samples": there}
                yield (row, audio), {self.key: audio}

    def _outputs(
        self, predict: Predict, examples: Iterator[tuple[tuple[dict, np.ndarray], HostBatch]]
    ) -> Iterator[tuple[tuple[dict, np.ndarray], HostBatch]]:
        """Outputs in order, through calls of one shape for every length of record."""
        for _, group in groupby(examples, key=lambda example: example[1][self.key].shape):
            yield from paired_predictions(predict, group, self.batch)

    def _play(self, predict: Predict, length: int, rate: int) -> np.ndarray:
        """Errors in cents of steady notes, in rows as long as the longest record."""
        rows = -(-self.notes // max(length // rate, 1))
        audio, hertz = steady_notes.scale(rows, length, rate)
        made = in_batches(predict, ({self.key: row} for row in audio), self.batch)
        return steady_notes.errors(np.stack([one["audio"] for one in made]), hertz, rate)

    @partial(jax.jit, static_argnums=(0, 1))
    def distances(self, rate: int, fake: jax.Array, real: jax.Array) -> dict[str, jax.Array]:
        convergence = [spectral.convergence(fake, real, n, n // 4) for n in STFT_SIZES]
        stft_convergence, log_stft = spectral.multi_resolution(fake, real)
        return {
            "log_mel_l1": spectral.log_mel_l1(fake, real, common(rate)),
            "own_log_mel_l1": spectral.log_mel_l1(fake, real, self.spec),
            "spectral_convergence": reduce(jnp.add, convergence) / len(STFT_SIZES),
            "stft_convergence": stft_convergence,
            "log_stft_l1": log_stft,
        }

    @partial(jax.jit, static_argnums=(0, 1))
    def _limits(self, rate: int, real: jax.Array) -> dict[str, jax.Array]:
        """Audio that needs no vocoder: silence, and true magnitudes with the phases lost."""
        spec = common(rate)
        magnitude = stft.magnitude(stft.stft(real, spec.n_fft, spec.hop, centre=True))
        rebuilt = phase.griffin_lim(
            magnitude, spec.n_fft, spec.hop, centre=True, length=real.shape[1]
        )
        return {"floor/silence": jnp.zeros_like(real), "ceiling/true_magnitudes": rebuilt}

    def _sentence(self, info: Info) -> str:
        spec = common(info.sample_rate)
        text = (
            f"Whole held-out records at {info.sample_rate} Hz against their copies from "
            f"{self.spec.bins} mel bins, means over records: mean absolute difference of ln mel "
            f"magnitudes above 1e-5 ({spec.n_fft}/{spec.hop}, {spec.bins} bins to {spec.high:.0f} "
            "Hz, for every vocoder of this rate), the same in the model's own front end, spectral "
            f"convergence averaged over FFTs of {', '.join(map(str, STFT_SIZES))}, and Parallel "
            "WaveGAN's sum of convergence and ln magnitude L1 at three resolutions. floor/silence "
            "and ceiling/true_magnitudes (32 rounds of fast Griffin-Lim) need no vocoder."
        )
        if not self.notes:
            return text
        return (
            f"{text} cents_off: median pitch error of steady harmonic tones from C3 to C6; "
            "within_20_cents: their share that is in tune; notes 40 dB below their tone are silent."
        )


def record_distances(
    measure: _Measure, fake: np.ndarray, real: np.ndarray, there: int
) -> dict[str, float]:
    """Distances of one record's copy [T' 1] from it [T 1], of whose samples `there` are its own."""
    there = compiled_length(min(len(fake), len(real), there))
    pair = (np.asarray(x[:there], np.float32)[None] for x in (fake, real))
    found = {name: float(value[0]) for name, value in measure(*pair).items()}
    found["multi_resolution_stft"] = found.pop("stft_convergence") + found["log_stft_l1"]
    return found


def compiled_length(there: int) -> int:
    """Samples that are compared: a rest of less than STEP is left out, so few lengths compile."""
    return max(there // _STEP * _STEP, min(there, _STEP))


def _bounds(
    limits: Callable[[np.ndarray], dict[str, jax.Array]],
    measure: _Measure,
    real: np.ndarray,
    there: int,
) -> dict[str, float]:
    """What silence and lost phases cost, by name: bounds on either side of a vocoder."""
    shown = ("log_mel_l1", "spectral_convergence")
    found: dict[str, float] = {}
    real = real[: compiled_length(there)]
    for name, audio in limits(real[None]).items():
        distances = record_distances(measure, np.asarray(audio[0]), real, there)
        found |= {f"{name}_{which}": distances[which] for which in shown}
    return found
