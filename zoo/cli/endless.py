"""Audio without end from an autoregressive model: rolling files or raw PCM, resumable, watched.

Voices are drawn side by side, a chunk at a time. A chunk in which a voice falls into noise is drawn
again from the state before it with other random numbers; a voice that stays in noise begins afresh.
After every chunk the state is saved (zoo/cli/endless_files.py), so that the stream goes on sample
for sample, whatever ended it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from zoo import writing
from zoo.audio import audio_files
from zoo.audio.streaming import speed
from zoo.cli.endless_files import (
    EndlessStream,
    cut_back,
    forget,
    interleaved_pcm,
    load_state,
    load_stream,
    save_stream,
    stream_files,
    write_files,
)
from zoo.errors import BadInput
from zoo.network import Network
from zoo.pages import own
from zoo.runs.trained import Trained
from zoo.sampling import autoregressive, engines
from zoo.sampling.autoregressive import SamplerState
from zoo.signal import noise
from zoo.songs.choices import Choices
from zoo.songs.credits import credited
from zoo.training import interruption

_Tree = Any
OTHER_NOISE = 65_536  # added to a voice's number: more than there will be voices
SHORTEST_FILE = 0.1  # seconds
TRIES = 3


@dataclass(frozen=True)
class Voices:
    """A model with its variables, and what its sampler takes besides; prompt [T 1] or None.

    engine: of zoo/sampling/engines.py.
    """

    model: Network
    variables: _Tree
    constant: dict[str, Any]
    prompt: np.ndarray | None = None
    engine: str = "auto"

    @cached_property
    def prepared(self) -> autoregressive.PreparedLoop:
        """The weights as the sampler takes them, made once for the whole stream."""
        return autoregressive.prepare_loop(self.model, self.variables, self.constant, self.engine)

    def start(self, stream: EndlessStream) -> SamplerState:
        """The state before the first sample of all voices."""
        return autoregressive.start_voices(
            self.model,
            self.variables,
            count=stream.count,
            seed=stream.seed,
            prompt=self.prompt,
            constant=self.constant,
        )

    def draw(self, state: SamplerState, stream: EndlessStream) -> tuple[np.ndarray, SamplerState]:
        """The next chunk [B t 1] and the state after it; the given state stays usable."""
        chunks = autoregressive.resume(
            self.model,
            self.variables,
            jax.tree.map(jnp.copy, state),
            length=stream.chunk,
            rule=stream.rule,
            chunk=stream.chunk,
            prepared=self.prepared,
        )
        return next(chunks)


def chunks(
    voices: Voices, stream: EndlessStream, state: SamplerState
) -> Iterator[tuple[np.ndarray, SamplerState, EndlessStream]]:
    """Endless (chunk [B t 1], state after it, stream after it), free of bursts where possible."""
    while True:
        audio, after = voices.draw(state, stream)
        for tried in range(TRIES + 1):
            bad = bursts(audio, stream)
            if not bad.any() or tried == TRIES:
                break
            stream = replace(stream, redrawn=stream.redrawn + 1)
            if tried == TRIES - 1:
                state = restart_voices(voices, stream, state, bad)
                stream = replace(stream, restarted=stream.restarted + int(bad.sum()))
            state = state.replace(voices=state.voices + jnp.asarray(bad * OTHER_NOISE, jnp.uint32))
            audio, after = voices.draw(state, stream)
        state, stream = after, replace(stream, written=stream.written + audio.shape[1])
        yield audio, state, stream


def bursts(audio: np.ndarray, stream: EndlessStream) -> np.ndarray:
    """Which voices [B] of a chunk hold a burst of noise."""
    if not stream.flat:
        return np.zeros(len(audio), bool)
    return np.asarray(noise.has_burst(jnp.asarray(audio), stream.sample_rate, flat=stream.flat))


def restart_voices(
    voices: Voices, stream: EndlessStream, state: SamplerState, bad: np.ndarray
) -> SamplerState:
    """The state with the rows of `bad` [B] as at the very start; the noise goes on."""
    fresh = voices.start(stream)
    begun = fresh.carry
    if hasattr(voices.model, "align"):
        begun = voices.model.align(begun, state.carry)

    def mixed(axis: int, old: jax.Array, new: jax.Array) -> jax.Array:
        if axis < 0:
            return old  # shared by all voices, a clock for instance
        shape = [-1 if i == axis else 1 for i in range(old.ndim)]
        return jnp.where(bad.reshape(shape), new.astype(old.dtype), old)

    axes = autoregressive.voice_axes(voices.model, stream.count)
    carry = jax.tree.map(mixed, axes, state.carry, begun)
    return state.replace(carry=carry, last=jnp.where(bad[:, None], fresh.last, state.last))


def _record(
    voices: Voices,
    stream: EndlessStream,
    folder: Path,
    facts: dict[str, Any],
    sink: Callable[[np.ndarray, EndlessStream], None],
    stop: Callable[[], bool],
    resumed: bool = False,
) -> EndlessStream:
    """Draws, hands chunks to `sink` and saves, until `stop`; the stream as far as it came."""
    shapes = jax.eval_shape(lambda: voices.start(stream))
    state = load_state(folder, shapes) if resumed else voices.start(stream)
    parts = chunks(voices, stream, state)
    while not stop():
        audio, state, now = next(parts)
        try:
            sink(audio, stream)
        except BrokenPipeError:  # the reader has gone: the saved state is before this chunk
            break
        stream = now
        save_stream(folder, state, stream, facts)
    return stream


def play_endless(
    trained: Trained,
    options: Choices,
    facts: dict[str, Any],
    stop: Callable[[], bool] | None = None,
) -> int:
    """What `sample.py --endless` was asked for, until a signal (or `stop`) ends it."""
    with writing.hold_lock(options.out / "endless"):
        return _play(trained, options, facts, stop)


def _play(
    trained: Trained,
    options: Choices,
    facts: dict[str, Any],
    stop: Callable[[], bool] | None,
) -> int:
    folder = options.out
    if options.resume:
        stream, saved = load_stream(folder, facts)
        facts = {**saved, **facts}
    else:
        stream = _asked(trained, options)
        present = [name for name in stream_files(folder) if name.exists()]
        if present and not options.force:
            raise BadInput(f"{present[0]} exists: --resume goes on, --force begins anew")
        source = {"file": options.prompt, "seconds": options.prompt_seconds}
        facts = {**facts, "prompt": source if options.prompt else None}
    voices = replace(_speaking(trained, stream, facts["prompt"]), engine=options.engine)
    folder.mkdir(parents=True, exist_ok=True)
    if not options.resume:
        forget(folder)  # the state of a stream whose files go now
    elif not stream.raw:
        cut_back(folder, stream)
    out = sys.stdout.buffer if stream.raw else None
    _say(f"{stream.count} voices at {stream.sample_rate} Hz without end; Ctrl-C stops and saves")
    sink = partial(_write_raw, out) if out else partial(write_files, folder, facts)
    bar = tqdm(initial=stream.written, unit="sample", unit_scale=True, file=sys.stderr)
    with interruption.handle_signals() as interrupted, bar, engines.collect_engines() as used:
        stream = _record(
            voices,
            stream,
            folder,
            facts,
            _watched(sink, bar),
            stop or interrupted,
            resumed=options.resume,
        )
    seconds = stream.written / stream.sample_rate
    _say(
        f"{seconds:.1f} s x {stream.count} so far, {stream.redrawn} chunks drawn again, "
        f"{stream.restarted} voices begun afresh, {'; '.join(used)}; "
        f"--resume --out {folder} goes on"
    )
    if not stream.raw and (page := own.index(folder, credited(trained))):
        _say(f"page to look at: {page}")
    return 0


def _asked(trained: Trained, options: Choices) -> EndlessStream:
    """The stream that the options describe."""
    rate = trained.experiment.data.source.info.sample_rate
    hop = getattr(getattr(trained.experiment.objective, "model", None), "hop", 1)
    if options.num < 1 or options.minutes_per_file <= 0:
        raise BadInput("--num and --minutes_per_file must be above 0")
    if options.minutes_per_file * 60 < SHORTEST_FILE:
        raise BadInput(
            f"--minutes_per_file {options.minutes_per_file:g}: give a file {SHORTEST_FILE} s at "
            f"least, which is {SHORTEST_FILE / 60:.2g}"
        )
    return EndlessStream(
        count=options.num,
        seed=options.seed,
        sample_rate=rate,
        temperature=options.temperature,
        top_k=options.top_k,
        top_p=options.top_p,
        samples_per_file=round(options.minutes_per_file * 60 * rate),
        raw=options.raw,
        flat=options.noise_flatness,
        chunk=-(-EndlessStream.chunk // hop) * hop,
    )


def _speaking(trained: Trained, stream: EndlessStream, prompt: dict[str, Any] | None) -> Voices:
    """The voices of an objective whose model samples through zoo/sampling/autoregressive.py."""
    objective, name = trained.experiment.objective, trained.config.name
    model = getattr(objective, "model", None)
    drawn = hasattr(model, "initial") and hasattr(model, "distribution")
    given = any(getattr(objective, f"needs_{what}", False) for what in ("source", "notes", "text"))
    if model is None or not drawn or given:
        raise BadInput(f"{name} does not draw sample by sample out of nothing: no --endless")
    stream.rule.check(model.distribution)
    if not model.distribution.clip:
        raise BadInput(f"{name} draws symbols, not audio: no --endless")
    constant, audio = {}, None
    if getattr(objective, "speaker", None) is not None:
        constant["speaker"] = jnp.arange(stream.count) % getattr(objective, "speakers", 1)
    if prompt is not None:
        audio, _ = audio_files.read_audio(prompt["file"], stream.sample_rate, 1)
        audio = audio[-round(prompt["seconds"] * stream.sample_rate) :]
    params = {"params": trained.variables.params["model"]}
    return Voices(model, params, constant, audio)


def _write_raw(out: Any, audio: np.ndarray, stream: EndlessStream) -> None:
    out.write(interleaved_pcm(audio))
    out.flush()


def _watched(
    sink: Callable[[np.ndarray, EndlessStream], None], bar: tqdm
) -> Callable[[np.ndarray, EndlessStream], None]:
    """The sink with a bar on stderr: samples, speed, and what the detector found."""

    def shown(audio: np.ndarray, now: EndlessStream) -> None:
        sink(audio, now)
        bar.update(audio.shape[1])
        pace = (bar.n - bar.initial) / max(bar.format_dict["elapsed"], 1e-9)
        found = f", {now.redrawn} drawn again" if now.redrawn else ""
        bar.set_postfix_str(speed(pace, now.sample_rate, now.count) + found, refresh=False)

    return shown


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # stdout may be the audio
