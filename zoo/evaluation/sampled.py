"""Generated against held-out clips: Fréchet and nearest-neighbour distances, and by models.

The first embedding [N D] is a coarse log mel spectrogram, which needs no network: its values
compare models of this zoo on the same clips, and nothing else. A classifier adds the inception
score of as many clips as WaveGAN's authors take, an embedder distances of its embeddings.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import jax
import numpy as np

from zoo.data.source import Example, Info
from zoo.errors import BadInput
from zoo.evaluation import by_model, noise_floors, steady_notes
from zoo.evaluation.base import (
    HostBatch,
    Monitor,
    Predict,
    Progress,
    Report,
    first,
    in_batches,
    paired_predictions,
    unpadded_audio,
)
from zoo.metrics import frechet, steady_pitch
from zoo.signal import mel
from zoo.tuning import hertz_of_note

_HOP = 256
LACKING = 0.1  # share of a clip that may be filled up
# Of mel magnitudes, about -75 dB: what lies below, such as quantisation, is inaudible.
_FLOOR = 1e-3
_NOISE = (
    " `frechet_white` and `frechet_matched`: of white noise and of noise of their mean spectrum."
)
_NOTES = 100  # whose pitch is measured
COMPRESS = partial(mel.log_clamp, floor=_FLOOR)  # one: programs are kept by what they hold

_IN_TUNE = (
    " `cents_off`: median error of the pitch of {} generated notes against the one asked for, "
    "within a semitone; `within_20_cents`: the share of them that is nearer than that."
)


@dataclass(frozen=True)
class _Given:
    """What an evaluation is given: of the records, the first `total`."""

    predict: Predict
    records: Sequence[Example]
    info: Info
    total: int


@dataclass(frozen=True)
class Sampled:
    """As many clips as there are held-out ones, of `samples` each: `frechet` and its companions.

    `predict` gets {key: [B T 1], 'index': [B]} and the `keys` of the records, and answers
    {'audio': [B T 1]}. bins, parts: the embedding, mel bins averaged over that many equal parts
    of the clip. Longer records are cut at `samples`; of shorter ones those that lack little (spoken
    digits of a second in clips of 1.02) are taken with the zeros they are stored with, as training
    has them, the others are left out and counted. noise: whether white noise and noise of the
    clips' mean spectrum are compared as well, `frechet_white` and `frechet_matched`: the floors.
    note: the key of the MIDI number that a clip should have, whose error in cents is measured.
    """

    samples: int
    batch: int = 16
    bins: int = 32
    parts: int = 4
    key: str = "audio"
    keys: tuple[str, ...] = ()
    classifier: by_model.ClipClassifier | None = None
    clips: int = 50_000
    splits: int = 10
    label: str = ""
    embedder: by_model.Embedder | None = None
    noise: bool = False
    note: str = ""

    def __post_init__(self) -> None:
        if self.samples < self.parts * _HOP:
            raise BadInput(f"clips of {self.samples} samples: give {self.parts * _HOP} or more.")

    @property
    def monitor(self) -> Monitor:
        return "frechet", "min"

    def run(
        self,
        predict: Predict,
        records: Sequence[Example],
        info: Info,
        *,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Report:
        total = min(len(records), limit or len(records))
        spec = mel.MelSpec(
            info.sample_rate, 1024, _HOP, self.bins, COMPRESS, exponent=1, pad_mode="constant"
        )
        embed = partial(embedding, spec=spec, parts=self.parts)
        real, fake, clips = [], [], []
        made: list[tuple[int, np.ndarray]] = []
        for note, clip, output in self._pairs(predict, records, limit, progress):
            made += [(note, output)] if self.note and len(made) < _NOTES else []
            real.append(np.asarray(embed(clip[None])[0], float))
            fake.append(np.asarray(embed(output[None])[0], float))
            clips += [clip] if self.noise else []
        if len(real) < 2:
            raise BadInput(f"{len(real)} clips of {self.samples} samples: give 2 or more.")
        metrics = _compare(np.stack(fake), np.stack(real))
        if self.noise:
            metrics |= _against_noise(np.stack(clips), np.stack(real), embed)
        counts = {"clips": len(real), "too_short": total - len(real)}
        text = self._sentence(info, len(real))
        if self.note:
            metrics |= _in_tune(made, info.sample_rate)
            text += _IN_TUNE.format(len(made))
        given = _Given(predict, records, info, total)
        if self.classifier:
            count = min(self.clips, limit or self.clips)
            metrics |= self._classified(self.classifier, given, count)
            counts["classified_clips"] = count
            text += self._of_classifier(self.classifier, count, len(real))
        if self.embedder:
            added, about = self._embedded(self.embedder, given, len(real))
            metrics, text = metrics | added, text + about
        return Report(metrics, text, counts)

    def _pairs(
        self,
        predict: Predict,
        records: Sequence[Example],
        limit: int | None,
        progress: Progress | None,
    ) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """(note, held-out clip [T C], generated one [T C]) of all that are long enough."""

        def examples() -> Iterator[tuple[tuple[int, np.ndarray], HostBatch]]:
            for index, record in first(records, limit, progress):
                audio = self._clip(record)
                extra = {key: np.asarray(record[key]) for key in self.keys}
                if len(audio) == self.samples:
                    number = np.asarray(index, np.int32)
                    note = int(record[self.note]) if self.note else 0
                    yield (note, audio), {self.key: audio, "index": number, **extra}

        for own, output in paired_predictions(predict, examples(), self.batch):
            yield *own, output["audio"]

    def _generated(self, given: _Given, count: int) -> Iterator[np.ndarray]:
        """So many generated clips [T C], with the keys of the records in turn."""
        silence = np.zeros((self.samples, given.info.channels), np.float32)

        def examples() -> Iterator[HostBatch]:
            for index in range(count):
                record = given.records[index % given.total] if self.keys else {}
                extra = {key: np.asarray(record[key]) for key in self.keys}
                yield {self.key: silence, "index": np.asarray(index, np.int32), **extra}

        return (output["audio"] for output in in_batches(given.predict, examples(), self.batch))

    def _held_out(self, given: _Given) -> Iterator[np.ndarray]:
        """The clips [T C] that are compared."""
        found = (self._clip(given.records[index]) for index in range(given.total))
        return (clip for clip in found if len(clip) == self.samples)

    def _classified(
        self, classifier: by_model.ClipClassifier, given: _Given, count: int
    ) -> dict[str, float]:
        info, wanted = given.info, None
        if self.label:
            if classifier.labels != info.labels:
                raise BadInput(
                    f"{classifier.name} knows {', '.join(classifier.labels[:5])}, ..., the clips "
                    f"are {', '.join(info.labels[:5])}, ...: give a classifier of these classes."
                )
            rows = range(min(given.total, count))
            asked = [int(given.records[row][self.label]) for row in rows]
            wanted = np.resize(asked, count)
        made = self._generated(given, count)
        scores = by_model.class_scores(
            classifier.probabilities(made, info.sample_rate), self.splits, wanted
        )
        held = classifier.probabilities(self._held_out(given), info.sample_rate)
        real = by_model.class_scores(held, self.splits)
        return scores | {f"real/{name}": value for name, value in real.items()}

    def _embedded(
        self, embedder: by_model.Embedder, given: _Given, count: int
    ) -> tuple[dict[str, float], str]:
        """(distances by name, the sentence with the embedding, its reference and their numbers)."""
        reference = hashlib.sha256()

        def real() -> Iterator[np.ndarray]:
            for clip in self._held_out(given):
                reference.update(clip.tobytes())
                yield clip

        info, rate = given.info, given.info.sample_rate
        held = embedder.embeddings(real(), rate)
        made = embedder.embeddings(self._generated(given, count), rate)
        found = {f"embedded/{k}": v for k, v in by_model.embedding_distances(made, held).items()}
        return found, (
            f" embedded/: squared Fréchet distance, unbiased kernel distances (kid: cubic; kad: "
            f"100 x Gaussian, median bandwidth of the reference) and NDB of means over segments "
            f"of {embedder.name}, {held.shape[1]} numbers, of {count} generated clips at {rate} "
            f"Hz against the {count} of {info.name}, sha256 {reference.hexdigest()[:12]}; "
            "embedded/floor/ between halves of these."
        )

    def _of_classifier(self, classifier: by_model.ClipClassifier, made: int, held: int) -> str:
        return (
            f" Inception score: mean over {min(self.splits, made)} splits of {made} generated "
            f"clips (WaveGAN's authors: 50000 in 10, by a classifier of their own) by the "
            f"classifier {classifier.name}, its deviation between splits, and mean entropy of an "
            f"answer in nats; real/ those of the {held} held-out clips."
        )

    def _clip(self, record: Example) -> np.ndarray:
        """A record's first samples [T C], fewer where it is too short to be compared."""
        audio = unpadded_audio(record, self.key)
        if 0 < self.samples - len(audio) <= LACKING * self.samples:
            # With the zeros it is stored with.
            audio = unpadded_audio({**record, "length": None}, self.key)
        return audio[: self.samples]

    def _sentence(self, info: Info, count: int) -> str:
        return (
            f"Squared Fréchet distance between {count} generated and {count} held-out clips of "
            f"{self.samples} samples at {info.sample_rate} Hz, embedded as ln mel magnitudes "
            f"above {_FLOOR} (1024/{_HOP}, {self.bins} bins) averaged over {self.parts} equal "
            "parts. `floor` is that between the two halves of the held-out clips; `spread` the "
            "mean distance from a clip to its nearest neighbour in the same set, as a share of "
            "that of the held-out clips." + (_NOISE if self.noise else "")
        )


@partial(jax.jit, static_argnames=("spec", "parts"))
def embedding(audio: jax.Array, spec: mel.MelSpec, parts: int) -> jax.Array:
    """Mean log mel spectrum of equal parts of the clips, [B T C] -> [B parts M]; first channel."""
    frames = mel.log_mel(audio[..., :1], spec)[..., 0]
    length = frames.shape[1] // parts
    frames = frames[:, : length * parts].reshape(len(frames), parts, length, -1)
    return frames.mean(2).reshape(len(frames), -1)


def _in_tune(made: list[tuple[int, np.ndarray]], sample_rate: int) -> dict[str, float]:
    """`cents_off`, `within_20_cents` of clips [T C] with the MIDI numbers that they should have."""
    off = [
        steady_pitch.cents_off(audio[:, 0], sample_rate, float(hertz_of_note(note)))
        for note, audio in made
    ]
    return steady_notes.note_error_scores(np.array(off))


def _against_noise(
    clips: np.ndarray, real: np.ndarray, embed: Callable[[np.ndarray], jax.Array]
) -> dict[str, float]:
    """The distances to clips [N T C], embedded as real [N D], that noise has."""
    floors = {"white": noise_floors.white, "matched": noise_floors.spectrum_matched_noise}
    made = {
        name: np.stack([embed(x[None])[0] for x in make(clips)]) for name, make in floors.items()
    }
    return {
        f"frechet_{name}": _compare(x.astype(float), real)["frechet"] for name, x in made.items()
    }


def _compare(fake: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """Distances of embeddings [N D] of generated and held-out clips, by name."""

    def distance(one: np.ndarray, other: np.ndarray) -> float:
        return frechet.frechet_distance(frechet.fit_gaussian(one), frechet.fit_gaussian(other))

    half = len(real) // 2
    return {
        "frechet": distance(fake, real),
        "floor": distance(real[:half], real[half:]) if half > 1 else float("nan"),
        "spread": _nearest(fake) / max(_nearest(real), 1e-9),
    }


def _nearest(points: np.ndarray) -> float:
    """Mean Euclidean distance of points [N D] to their nearest other point."""
    norms = np.square(points).sum(1)
    squares = np.maximum(norms[:, None] + norms - 2 * points @ points.T, 0)
    np.fill_diagonal(squares, np.inf)
    return float(np.sqrt(squares.min(1)).mean())
