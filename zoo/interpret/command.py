"""What `python -m zoo interpret` does: figures and an NPZ of numbers, and a line about each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from zoo import escapes, writing
from zoo.errors import BadInput
from zoo.evaluation import steady_notes
from zoo.interpret import (
    activation,
    bases,
    clip_command,
    drawing,
    excitation,
    files,
    filters,
    layers,
    periodicity,
)
from zoo.runs.trained import Trained


@dataclass(frozen=True)
class Options:
    """layer: one of them only. count: filters per layer. split, limit: of the data, for gates.

    input: a recording, of which `seconds` from `start` on are looked at. towards: a tag, a layer or
    a filter. steps, seed: of a dream. method: of an attribution.
    """

    layer: str | None = None
    count: int = 128
    split: str = "test"
    limit: int | None = None
    input: Path | None = None
    towards: str | None = None
    start: float = 0.0
    seconds: float = 10.0
    steps: int = 64
    seed: int = 0
    method: str = "integrated"


def interpret(found: Trained, kind: str, folder: Path, choices: Options) -> Iterator[str]:
    """Writes the files of one kind; a line as each comes to be."""
    if choices.count < 1:
        raise BadInput(f"--filters {choices.count}: give 1 or more")
    with writing.hold_lock(folder / kind):
        yield from _KINDS[kind](found, folder, choices)


def _show_filters(found: Trained, folder: Path, choices: Options) -> Iterator[str]:
    banks = filters.banks(found, choices.layer)
    for bank in banks:
        name = "filters" if len(banks) == 1 else f"filters_{_plain(bank.name)}"
        low, middle, high = np.percentile(bank.peak, (5, 50, 95))
        taps, count = bank.kernel.shape
        title = f"{found.name}, {bank.name}: {count} filters of {taps} samples"
        about = f"{title}; peaks {low:,.0f}, {middle:,.0f}, {high:,.0f} Hz (5, 50, 95 %)"
        yield files.write_picture(folder / f"{name}.png", drawing.bank_figure(bank, title), about)
    if len(banks) > 1:
        every = filters.join_banks(banks)
        about = f"{found.name}: all {every.kernel.shape[1]} filters of {len(banks)} banks"
        yield files.write_picture(folder / "filters.png", drawing.bank_figure(every, about), about)
    numbers = {f"{bank.name}/{key}": value for bank in banks for key, value in bank.numbers.items()}
    yield files.archive(folder / "filters.npz", numbers)


def _show_activation(found: Trained, folder: Path, choices: Options) -> Iterator[str]:
    network = layers.audio_network(found)
    every = []
    for layer in layers.choose(network, choices.layer):
        excited = activation.maximise(network, layer, choices.count)
        if not len(excited.filters):
            yield f"{layer.name}: no sound wakes any of its filters"
            continue
        every.append(excited)
        middle, silent = np.median(excited.peak), excited.silent
        about = f"{len(excited.filters)} of {layer.filters} filters, median peak {middle:,.0f} Hz"
        about += f"; {silent} more stayed silent" if silent else ""
        path = folder / f"activation_{_plain(layer.name)}.png"
        yield files.write_picture(path, drawing.excited_figure(excited), about)
    if len(every) > 1:
        yield files.write_picture(
            folder / "activation.png", drawing.draw_overview(every), "all layers"
        )
    if every:
        numbers = {key: value for one in every for key, value in one.numbers.items()}
        yield files.archive(folder / "activation.npz", numbers)


def _show_excitation(found: Trained, folder: Path, choices: Options) -> Iterator[str]:
    about = f"{found.name} on {choices.split}"
    with tqdm(unit="record", desc=about, leave=False, disable=None) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        gates = excitation.measure_excitation(found, choices.split, choices.limit, progress)
    widest = max(gates.layers, key=lambda name: gates.layers[name].spread.mean())
    first = next(iter(gates.layers))
    by_tag = f"{len(gates.tags)} tags; they differ most in {widest}"
    follows = f"{first} follows it with a correlation of {gates.layers[first].together:+.2f}"
    yield files.write_picture(folder / "excitation_tags.png", drawing.tags_figure(gates), by_tag)
    yield files.write_picture(
        folder / "excitation_spread.png", drawing.spread_figure(gates), "by layer"
    )
    yield files.write_picture(
        folder / "excitation_loudness.png", drawing.loudness_figure(gates), follows
    )
    yield files.archive(folder / "excitation.npz", gates.numbers)


def _show_periodicity(found: Trained, folder: Path, choices: Options) -> Iterator[str]:
    comb = periodicity.play_tones(found)
    close = np.abs(comb.cents) <= steady_notes.CLOSE
    about = (
        f"{close.sum()} of {len(comb.hertz)} steady notes within {steady_notes.CLOSE:.0f} cents, "
        f"median error {np.nanmedian(np.abs(comb.cents)):.1f}; {np.mean(comb.on_teeth):.0%} of the "
        f"energy at multiples of {comb.rate / comb.hop:.2f} Hz, of the notes themselves "
        f"{np.mean(comb.expected):.0%}"
    )
    title = f"{found.name}: steady notes, hop {comb.hop} at {comb.rate:,} Hz"
    yield files.write_picture(
        folder / "periodicity.png", periodicity.comb_figure(comb, title), about
    )
    yield files.archive(folder / "periodicity.npz", comb.numbers)


def _show_bases(found: Trained, folder: Path, choices: Options) -> Iterator[str]:
    every = bases.dictionaries(found)
    rate = found.experiment.data.source.info.sample_rate
    about = "; ".join(
        f"{one.name}: {one.copies:.0%} of {len(one.match)} waveforms are moved copies of another"
        for one in every
    )
    yield files.write_picture(folder / "bases.png", bases.bases_figure(every, rate), about)
    numbers = {f"{one.name}/{key}": value for one in every for key, value in one.numbers.items()}
    yield files.archive(folder / "bases.npz", numbers)


_KINDS: dict[str, Callable[[Trained, Path, Options], Iterator[str]]] = {
    "filters": _show_filters,
    "activation": _show_activation,
    "excitation": _show_excitation,
    "periodicity": _show_periodicity,
    "bases": _show_bases,
    "deepdream": clip_command.show_deepdream,
    "attention": clip_command.show_attention,
    "attribution": clip_command.show_attribution,
}


def _plain(name: str) -> str:
    return escapes.file_name(name)
