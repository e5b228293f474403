"""Parameters of a voice found in mixtures, against those that WORLD finds in the voice alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar

import numpy as np

from zoo import tuning
from zoo.audio import warped, world
from zoo.audio.blocks import Blocks
from zoo.audio.world import VoiceLayout
from zoo.data.source import Example, Info
from zoo.errors import BadInput
from zoo.evaluation.base import FigureMaker, Monitor, Predict, Progress, Report
from zoo.evaluation.separation import Separation, mixture, stem_getter, track_spans
from zoo.metrics.pitch import score_melody
from zoo.metrics.resampling import Scores
from zoo.songs.separating import Separator
from zoo.songs.vocoder import ParameterVocoder

_SHOWN = 2000  # frames of the figure


@dataclass(frozen=True)
class SungVoice:
    """Distortion of the envelope, and accuracy of pitch and voicing, of whole tracks.

    how: with a `vocoder`, and the one source whose parameters it plays. What WORLD finds in the
    mixture as it is, is the floor of every metric. The sound itself is not scored: a vocoder's
    phases are its own, so ratios of signal to distortion say nothing.
    """

    shows: ClassVar[tuple[str, ...]] = ("stems",)
    oracle: ClassVar[bool] = False

    how: Separator

    @property
    def monitor(self) -> Monitor:
        return "mcd", "min"

    @property
    def vocoder(self) -> ParameterVocoder:
        if self.how.vocoder is None:
            raise BadInput("this evaluation is of separators that play a voice: set its vocoder")
        return self.how.vocoder

    def run(
        self,
        predict: Predict,
        records: Sequence[Example],
        info: Info,
        *,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Report:
        rows: list[dict[str, Any]] = []
        shown: list[tuple[np.ndarray, np.ndarray]] = []
        silent = 0
        for track, span in islice(track_spans(records), limit):
            mix, alone = self._sides([records[index] for index in span], info)
            truth = world.analysed(alone, self.vocoder.voice)
            if np.any(truth[:, -1] < 0.5):
                found = self._found(predict, mix)[: len(truth)]
                plain = parameter_distances(
                    truth, world.analysed(mix, self.vocoder.voice), self.vocoder.voice
                )
                own = parameter_distances(truth, found, self.vocoder.voice)
                rows.append({"track": track, **own, **{f"floor/{k}": v for k, v in plain.items()}})
                shown.append((truth[:_SHOWN], found[:_SHOWN]))
            else:
                silent += 1
            if progress:
                progress(span.stop, len(records))
        if not rows:
            raise BadInput(f"no track has a voiced frame of {self.how.sources[0]}: give others.")
        return self._report(rows, shown[0], silent, info)

    def stems(
        self, predict: Predict, song: Callable[[], Blocks], rate: int, **choices: Any
    ) -> dict[str, np.ndarray]:
        """The voice of a song, {name: [T C]}, played from parameters of all of its frames."""
        return Separation(self.how).stems(predict, song, rate, **choices)

    def _sides(self, pieces: Sequence[Example], info: Info) -> tuple[np.ndarray, np.ndarray]:
        """Mixture and voice of a track, [T] both."""
        stem = stem_getter(self.how, info)
        mix = np.concatenate([mixture(piece) for piece in pieces])
        alone = np.concatenate([stem(piece)[0] for piece in pieces])
        return mix.mean(1), alone.mean(1)

    def _found(self, predict: Predict, mix: np.ndarray) -> np.ndarray:
        blocks: Iterator[np.ndarray] = iter([mix[:, None]])
        return np.concatenate(list(self.vocoder.parameters(predict, blocks, self.how.segments)))

    def _report(
        self,
        rows: list[dict[str, Any]],
        shown: tuple[np.ndarray, np.ndarray],
        silent: int,
        info: Info,
    ) -> Report:
        tracks = np.array([row["track"] for row in rows])
        scores = Scores(
            tracks, {k: np.array([row[k] for row in rows]) for k in rows[0] if k != "track"}
        )
        found = scores.statistics(np.ones((1, len(tracks))))
        return Report(
            {name: float(value[0]) for name, value in found.items()},
            self._sentence(info),
            {"tracks": len(rows), "tracks_without_voice": silent},
            {"per_track": rows},
            {"voice": _parameters_figure(*shown, self.vocoder.voice)},
            scores=scores,
        )

    def _sentence(self, info: Info) -> str:
        voice = self.vocoder.voice
        return (
            f"Parameters of WORLD every {voice.hop} samples at {info.sample_rate} Hz, found in the "
            f"mixture, against those of {self.how.sources[0]} alone; means over tracks. mcd: mel "
            "cepstral distortion in dB of all coefficients but the first, envelope_l1 and "
            "aperiodicity_l1: in dB, over voiced frames; pitch within 50 cents and voicing as "
            "mir_eval.melody; floor/: of what WORLD finds in the mixture as it is."
        )


def parameter_distances(
    truth: np.ndarray, found: np.ndarray, voice: VoiceLayout
) -> dict[str, float]:
    """Distances by name between parameters [F P] of a voice and those found."""
    envelope, bands, notes, unvoiced = world.split_parameters(truth.astype(np.float64), voice)
    ours = world.split_parameters(found.astype(np.float64), voice)
    voiced = unvoiced < 0.5
    apart = (ours[0] - envelope)[voiced]
    cepstra = apart @ warped.cepstra(voice.envelope).T
    melody = score_melody(curve(notes, unvoiced), curve(ours[2], ours[3]))
    return {
        "mcd": float(np.sqrt(2 * np.square(cepstra[:, 1:]).sum(1)).mean()),
        "envelope_l1": float(np.abs(apart).mean()),
        "aperiodicity_l1": float(np.abs(ours[1] - bands)[voiced].mean()),
        "raw_pitch": melody.raw_pitch,
        "raw_chroma": melody.raw_chroma,
        "voicing_recall": melody.voicing_recall,
        "voicing_false_alarm": melody.voicing_false_alarm,
        "overall_pitch": melody.overall,
    }


def curve(notes: np.ndarray, unvoiced: np.ndarray) -> np.ndarray:
    """MIDI numbers [F] as Hz, below zero where they are unvoiced, 0 where there is no number."""
    hertz = np.where(notes > 0, tuning.hertz_of_note(notes), 0.0)
    return np.where(unvoiced > 0.5, -hertz, hertz)


def _parameters_figure(truth: np.ndarray, found: np.ndarray, voice: VoiceLayout) -> FigureMaker:
    """Envelopes of both, and both pitches where they are voiced."""

    def make() -> Any:
        from matplotlib.figure import Figure as Canvas

        canvas = Canvas(figsize=(9, 7), layout="constrained")
        axes = canvas.subplots(3, 1, sharex=True)
        parts = [world.split_parameters(x, voice) for x in (truth, found)]
        seconds = len(truth) * voice.hop / voice.rate
        low, high = np.percentile(parts[0][0], (5, 99.5))
        for panel, (envelope, *_), name in zip(axes, parts, ("voice alone", "from the mixture")):
            panel.imshow(
                envelope.T,
                origin="lower",
                aspect="auto",
                vmin=low,
                vmax=high,
                extent=(0, seconds, 0, voice.envelope),
            )
            panel.set(ylabel="warped frequency", title=f"envelope, {name}")
        times = (np.arange(len(truth)) + 0.5) * voice.hop / voice.rate
        for (_, _, notes, unvoiced), style in zip(parts, ("k", "C1--")):
            axes[2].plot(times[: len(notes)], np.where(unvoiced > 0.5, np.nan, notes), style)
        axes[2].set(xlabel="s", ylabel="MIDI number")
        axes[2].legend(["voice alone", "from the mixture"], loc="upper right")
        axes[2].grid(alpha=0.3)
        return canvas

    return make
