"""Kinds of `python -m zoo interpret` that take a user's recording: sound, figure, page, numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import jax
import numpy as np
from tqdm import tqdm

from zoo.audio import audio_writing
from zoo.errors import BadInput
from zoo.interpret import attending, attribution, clips, deepdream, files, layers
from zoo.interpret.clips import Clip
from zoo.interpret.layers import AudioNetwork
from zoo.pages import html, own, sounds
from zoo.pages.markup import escape_text, pairs, section, tag
from zoo.runs.trained import Trained

if TYPE_CHECKING:
    from zoo.interpret.command import Options


def show_deepdream(found: Trained, folder: Path, choices: Options) -> Iterator[str]:
    from zoo.interpret.clip_drawing import dream_figure

    network = layers.audio_network(found)
    if choices.towards is None:
        raise BadInput("--kind deepdream: say --towards TAG, LAYER or LAYER:FILTER")
    target = clips.find_target(found, network, choices.towards)
    how = deepdream.Dream(steps=choices.steps, seed=choices.seed)
    clip = None if choices.input is None else _clip(network, choices)
    start, loudness = _start(network, clip, choices, how)
    with tqdm(total=how.steps, unit="step", desc="deepdream", leave=False, disable=None) as bar:
        dreamt = deepdream.dream(network, target, start, loudness, how, bar.update)
    change = f"{target.name}: {dreamt.before:.3g} before, {dreamt.after:.3g} after"
    rms = 20 * np.log10(np.sqrt(np.mean(dreamt.sound**2)) + 1e-9)
    yield files.write_picture(folder / "deepdream.png", dream_figure(dreamt), change)
    named = {"deepdream_start": start, "deepdream": dreamt.sound}
    yield from _write_sounds(folder, named, network.rate)
    facts = {"towards": target.name, "score before": f"{dreamt.before:.4g}"}
    facts |= {"score after": f"{dreamt.after:.4g}", "loudness": f"{rms:.1f} dB RMS"}
    facts |= {"start": str(clip.path.name if clip else f"pink noise, seed {how.seed}")}
    yield _write_page(found, folder, "deepdream", facts, tuple(named))
    yield files.archive(folder / "deepdream.npz", dreamt.numbers)


def _start(
    network: AudioNetwork, clip: Clip | None, choices: Options, how: deepdream.Dream
) -> tuple[np.ndarray, float]:
    """(where the dream begins [T C], the RMS it may have)."""
    if clip is not None:
        return clip.audio, float(np.sqrt(np.mean(clip.audio**2)))
    count = max(1, int(choices.seconds * network.rate) // network.samples)
    shape = (count * network.samples, network.shape[1])
    return deepdream.pink(shape, how.noise, how.seed), how.loudness


def show_attribution(found: Trained, folder: Path, choices: Options) -> Iterator[str]:
    from zoo.interpret.clip_drawing import attribution_figure

    network = layers.audio_network(found)
    labels = clips.tags_of(found, network)
    clip = _clip(network, choices)
    target = clips.find_target(found, network, choices.towards or _strongest(network, labels, clip))
    if target.layer is not None:
        raise BadInput(f"--kind attribution explains tags: '{target.name}' is a layer")
    one = attribution.attribute(network, target, clip, choices.method)
    scores = ", ".join(f"{name} {value:.2f}" for name, value in one.scores.items())
    yield files.write_picture(
        folder / "attribution.png", attribution_figure(one), f"{one.tag}: {scores}"
    )
    named = {"attribution_alone": one.alone, "attribution_rest": one.rest}
    yield from _write_sounds(folder, {"attribution_recording": one.audio} | named, clip.rate)
    facts = {"tag": one.tag, "method": one.method, "start": f"{clip.start:g} s"}
    facts |= {f"logit, {name}": f"{value:.3f}" for name, value in one.scores.items()}
    if choices.method == "integrated":
        facts["attributions sum to"] = f"{one.explained.mean():.3f} of {one.total.mean():.3f}"
    listed = ("attribution_recording", *named)
    yield _write_page(found, folder, "attribution", facts, listed)
    yield files.archive(folder / "attribution.npz", one.numbers)


def _strongest(network: AudioNetwork, labels: tuple[str, ...], clip: Clip) -> str:
    logits = jax.jit(lambda variables, x: network(variables, x))
    every = [np.asarray(logits(network.variables, x[None]))[0] for x in clip.windows]
    return labels[int(np.mean(every, 0).argmax())]


def show_attention(found: Trained, folder: Path, choices: Options) -> Iterator[str]:
    from zoo.interpret.clip_drawing import attended_figure
    from zoo.interpret.drawing import attention_figure

    network = layers.audio_network(found)
    clips.tags_of(found, network)
    seen = attending.measure_attention(found, network, _clip(network, choices))
    tags = ", ".join(seen.labels[k] for k in seen.top(3))
    about = f"{tags}; the token keeps {seen.kept.mean():.0%} of the last layer's attention"
    yield files.write_picture(folder / "attention.png", attended_figure(seen), about)
    whole = attention_figure([one[0] for one in seen.maps])
    yield files.write_picture(
        folder / "attention_maps.png", whole, "all places of the first window"
    )
    named = {"attention_recording": seen.clip.audio}
    yield from _write_sounds(folder, named, seen.clip.rate)
    facts = {"strongest tags": tags, "kept by the token": f"{seen.kept.mean():.0%}"}
    yield _write_page(found, folder, "attention", facts, tuple(named), ("attention_maps",))
    yield files.archive(folder / "attention.npz", seen.numbers)


def _clip(network: AudioNetwork, choices: Options) -> Clip:
    if choices.input is None:
        raise BadInput("give a recording: --input SONG")
    return clips.read_clip(network, choices.input, choices.start, choices.seconds)


def _write_sounds(folder: Path, named: Mapping[str, np.ndarray], rate: int) -> Iterator[str]:
    for name, audio in named.items():
        path = folder / f"{name}.wav"
        audio_writing.write_audio(path, audio, rate, "PCM_16", overwrite=True)
        yield f"{path}: {len(audio) / rate:.1f} s"


def _write_page(
    found: Trained,
    folder: Path,
    kind: str,
    facts: Mapping[str, str],
    named: tuple[str, ...],
    pictures: tuple[str, ...] = (),
) -> str:
    """KIND.html: facts, players and figures; its files lie beside it."""
    stand = sounds.AudioBudget(folder, lossless=False, left=sounds.BUDGET, beside="")
    plates = []
    for name in (kind, *pictures):
        address = html.data_uri((folder / f"{name}.png").read_bytes(), "image/png")
        plates.append(
            tag("div", f'<img src="{address}" alt="{escape_text(name)}">', class_="plate")
        )
    players = [
        sounds.player(folder / f"{name}.wav", stand, name.removeprefix(f"{kind}_"))
        for name in named
    ]
    licence = str(found.meta.get("licence") or "your own training")
    shown = {"weights": found.name, "licence of the weights": licence, **facts}
    body = pairs({name: escape_text(value) for name, value in shown.items()})
    body += section("Sounds", *players) + section("Figures", *plates)
    listed = [f"{name}.wav" for name in named] + [f"{kind}.png", f"{kind}.npz"]
    path = own.write_page(folder / f"{kind}.html", f"{kind}, {found.name}", body, files=listed)
    return f"{path}: figure, sounds and numbers"
