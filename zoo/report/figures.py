"""Figures of a trained system for its page: filters, tags over time, piano roll, codebook.

Written with what is to be said of them into RUN/figures; see KINDS for who offers what.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from zoo import durable
from zoo.data.note_rolls import notes_between
from zoo.data.source import Example
from zoo.errors import BadInput
from zoo.evaluation.base import unpadded_audio
from zoo.evaluation.capabilities import Tags, Transcribes, require_capability
from zoo.evaluation.separation import mixture
from zoo.evaluation.transcription import whole_pieces
from zoo.interpret import filters
from zoo.interpret.drawing import (
    alignment_figure,
    attention_figure,
    bank_figure,
    codebook_figure,
)
from zoo.interpret.filters import spread_indices
from zoo.layers.quantizer import codebook_usage
from zoo.objectives.autoencoder import AUTOENCODER
from zoo.pages.piano_roll import compared_figure
from zoo.report.results import held_out
from zoo.runs import inference, networks
from zoo.runs.trained import Trained
from zoo.songs.note_decoding import listen
from zoo.songs.taggram import Listener, taggram_figure, tags_over_time

_CLIPS, CLIP_SECONDS, ROLL_SECONDS = 4, 4, 20
CODED = 16  # clips whose codes are counted
ATTENDED = 128  # symbols whose attention is shown
_TAPS = 3  # of the shortest filters that are shown


def shows(found: Trained, what: str) -> bool:
    """Whether the evaluation or the objective of a system names that among what it `shows`."""
    parts = (found.experiment.evaluation, found.experiment.objective)
    return any(what in getattr(part, "shows", ()) for part in parts)


def _write_filters(found: Trained, directory: Path) -> None:
    """figures/filters.png: magnitude responses of the first layer, by centre frequency."""
    bank = _first_bank(found)
    if bank is None:  # it reads spectra
        return
    figure = bank_figure(bank)
    taps, count = bank.kernel.shape
    caption = (
        f"Magnitude responses of the {count} filters of up to {taps} samples that the first layer "
        "learnt on the waveform, each scaled to its maximum and sorted by where that lies; below, "
        "eight of them as waveforms."
    )
    save_figure(figure, directory / "figures" / "filters.png", title="First layer", caption=caption)


def _first_bank(found: Trained) -> filters.Bank | None:
    """The filters of the first layer, of all its banks, where it reads the waveform."""
    try:
        return filters.join_banks(filters.banks(found, least=_TAPS))
    except BadInput:
        return None


def _write_taggram(found: Trained, directory: Path) -> None:
    """figures/taggram.png and .wav: the tags of a few test clips, one after another."""
    source = found.experiment.data.source
    evaluation = require_capability(Tags, found.experiment.evaluation)
    rate, labels = source.info.sample_rate, source.info.labels
    size = max(CLIP_SECONDS * rate, evaluation.samples)
    records = source.open(held_out(source))
    chosen = [records[index] for index in spread_indices(len(records), _CLIPS)]
    clips = [unpadded_audio(record)[:size] for record in chosen]
    audio = np.concatenate(clips)
    hop = min(evaluation.samples, max(evaluation.samples // 4, rate // 20))
    how = Listener(evaluation.samples, rate, audio.shape[1], hop, evaluation.batch, evaluation.key)
    taggram = tags_over_time(run_predictor(found), [audio], rate, how, labels)
    figure = taggram_figure(taggram)
    starts = np.cumsum([0, *map(len, clips)]) / rate
    spans = ", ".join(
        f"{start:.0f} s {_described(record, labels)}" for start, record in zip(starts, chosen)
    )
    folder = directory / "figures"
    caption = f"Scores of the strongest tags over {len(clips)} test clips; labelled: {spans}."
    about = {"sound": "taggram.wav", "span": axes_extent(figure, figure.axes[0])}
    save_figure(figure, folder / "taggram.png", title="Tags over time", caption=caption, **about)
    write_wav(folder / "taggram.wav", audio, rate)


def _write_roll(found: Trained, directory: Path) -> None:
    """figures/roll.png and .wav: the first 20 s of a test piece, as played and as transcribed."""
    source = found.experiment.data.source
    evaluation = require_capability(Transcribes, found.experiment.evaluation)
    rate = source.info.sample_rate
    piece = next(whole_pieces(source.open(held_out(source)), rate))
    audio = piece.audio[: ROLL_SECONDS * rate]
    seconds = len(audio) / rate
    rolls = next(listen(run_predictor(found), [[audio]], evaluation.windows))
    transcribed = evaluation.decoded(rolls, rate)
    played = notes_between(piece.notes, 0.0, seconds)
    figure = compared_figure({"played": played, "transcribed": transcribed}, seconds)
    caption = (
        f"Notes of {piece.track}: above as they were played, below as the model transcribed them."
    )
    about = {"sound": "roll.wav", "span": axes_extent(figure, figure.axes[0])}
    folder = directory / "figures"
    save_figure(figure, folder / "roll.png", title="Piano roll", caption=caption, **about)
    write_wav(folder / "roll.wav", audio, rate)


def write_codebook(found: Trained, directory: Path) -> None:
    """figures/codebook.png: how often test clips use each code, and where their vectors lie."""
    source = found.experiment.data.source
    model, _ = networks.find_network(found.experiment.objective, found.variables)
    records = source.open(held_out(source))
    chosen = [records[index] for index in spread_indices(len(records), CODED)]
    size = CLIP_SECONDS * source.info.sample_rate // model.hop * model.hop
    cut = [mixture(record)[:size] for record in chosen]
    clips = np.stack([np.pad(clip, ((0, size - len(clip)), (0, 0))) for clip in cut])
    quantise = jax.jit(lambda own, audio: model.apply(own, audio, method="quantise"))
    coded = quantise(found.variables.of(AUTOENCODER), clips)
    codes = np.asarray(coded.codes).ravel()
    vectors = np.asarray(coded.vectors, np.float64).reshape(len(codes), -1)
    used, first, counts = np.unique(codes, return_index=True, return_counts=True)
    perplexity, _ = codebook_usage(coded.codes, model.codes)
    caption = (
        f"The codes of {len(chosen)} test clips of {CLIP_SECONDS} s: {len(used)} of {model.codes} "
        f"occur, as evenly as {perplexity:.0f} would (perplexity). Left, how often; right, their "
        "vectors along the two directions of largest variance, larger where more frequent."
    )
    figure = codebook_figure(counts / len(codes), vectors[first])
    save_figure(figure, directory / "figures" / "codebook.png", title="Codebook", caption=caption)


def _write_attention(found: Trained, directory: Path) -> None:
    """figures/attention.png: where each head of each layer looks in the begin of a test piece."""
    source = found.experiment.data.source
    objective: Any = found.experiment.objective  # one of events: vocabulary and model
    record = source.open(held_out(source))[0]
    events = objective.vocabulary.sequence(record)[:ATTENDED]
    batch = np.asarray(events, np.float32)[None, :, None]
    own = found.variables.of("model")
    _, state = objective.model.apply(own, batch, mutable=["intermediates"])
    maps = [np.asarray(leaf)[0] for leaf in jax.tree.leaves(state["intermediates"])]
    caption = (
        f"From where each symbol (a row, the first {len(events)} of {record['track']}) takes what, "
        "per layer (down) and head (across); the darker, the more."
    )
    place = directory / "figures" / "attention.png"
    save_figure(attention_figure(maps), place, title="Attention", caption=caption)


def _write_alignment(found: Trained, directory: Path) -> None:
    """figures/alignment.png: where attention looks while a test sentence is said."""
    source = found.experiment.data.source
    evaluation: Any = found.experiment.evaluation  # one of speech: what is read of a record
    record = source.open(held_out(source))[0]
    example = evaluation.example(record)
    said = run_predictor(found)({key: np.asarray(value)[None] for key, value in example.items()})
    letters, frames = int(example["text_known"].sum()), int(example["known"].sum())
    spoken = min(int(said["free_count"][0]), len(example["known"]))
    steps = [-(-count // evaluation.together) for count in (frames, spoken)]
    names = "each frame after the true ones", "after its own"
    kinds = "alignment", "free_alignment"
    maps = {n: np.asarray(said[k][0])[:s, :letters] for n, k, s in zip(names, kinds, steps)}
    text = evaluation.characters.decode(example["text"][:letters])
    caption = (
        f"Where attention looks in “{text}” (up) at each step of the decoder (across), of "
        f"{frames} frames in the recording and {spoken} spoken freely. A line from one corner to "
        "the other reads the text in order; blur or jumps are words lost or repeated."
    )
    place = directory / "figures" / "alignment.png"
    save_figure(alignment_figure(maps, text), place, title="Alignment", caption=caption)


FIGURE_KINDS: dict[str, Callable[[Trained, Path], None]] = {
    "filters": _write_filters,
    "taggram": _write_taggram,
    "roll": _write_roll,
    "codebook": write_codebook,
    "attention": _write_attention,
    "alignment": _write_alignment,
}


def run_predictor(found: Trained) -> Any:
    return inference.predictor(found.experiment.objective, found.mesh)(found.variables)


def _described(record: Example, labels: Sequence[str]) -> str:
    """The labels of a record, or its track's name where it has none."""
    given = [label for label, value in zip(labels, record["tags"]) if value]
    return " + ".join(given) or str(record["track"])


def save_figure(figure: Any, path: Path, **about: Any) -> None:
    """A figure, and what is to be said about it in a JSON beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with durable.name_path_in_errors(path):
        figure.savefig(path, dpi=150, bbox_inches=_contents(figure))
    durable.write_atomically(path.with_suffix(".json"), json.dumps(about, indent=1) + "\n")


def _contents(figure: Any) -> Any:
    """The box (inches) that the figure is cut to."""
    figure.canvas.draw()
    return figure.get_tightbbox().padded(0.1)


def axes_extent(figure: Any, axes: Any) -> list[float]:
    """Where an axes begins and ends, as parts of the width of what `save_figure` writes."""
    cut, box = _contents(figure), axes.get_position()
    width = figure.get_figwidth()
    return [(edge * width - cut.x0) / cut.width for edge in (box.x0, box.x1)]


def write_wav(path: Path, audio: np.ndarray, rate: int) -> None:
    """Audio [T C] as 16 bit."""
    import soundfile

    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.clip(audio, -1, 1), rate, subtype="PCM_16")
