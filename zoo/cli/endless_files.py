"""The files of an endless stream: where it lies, what it is, and how far it has come.

endless.npz holds the sampler's arrays and the stream's facts, replaced at once after every chunk,
and endless_before.npz those of the chunk before; endless.json the same facts to be read; the audio
is in files of a fixed length, one per voice.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from zoo import durable
from zoo.audio import wav_files
from zoo.audio.streaming import quantise_pcm
from zoo.checkpoints import metadata
from zoo.errors import BadInput
from zoo.pretrained import npz
from zoo.sampling.autoregressive import SamplerState
from zoo.sampling.rule import SamplerRule

STATE, BEFORE = "endless.npz", "endless_before.npz"


@dataclass(frozen=True)
class EndlessStream:
    """What a stream is, and how far it has come; all of it is in endless.json.

    flat: flatness above which a chunk is drawn again, 0 never (see zoo/signal/noise.py). written:
    samples per voice so far. redrawn, restarted: chunks drawn again, voices begun afresh.
    """

    count: int
    seed: int
    temperature: float
    sample_rate: int
    samples_per_file: int
    raw: bool = False
    flat: float = 0.4
    chunk: int = 8192
    written: int = 0
    redrawn: int = 0
    restarted: int = 0
    top_k: int = 0
    top_p: float = 1.0

    @property
    def rule(self) -> SamplerRule:
        """How samples are chosen."""
        return SamplerRule(self.temperature, self.top_k, self.top_p)


def write_files(
    folder: Path, facts: dict[str, Any], audio: np.ndarray, stream: EndlessStream
) -> None:
    """A chunk [B t 1] that begins at stream.written, into the file or files it belongs to."""
    done = 0
    folder.mkdir(parents=True, exist_ok=True)
    while done < audio.shape[1]:
        number, offset = divmod(stream.written + done, stream.samples_per_file)
        piece = audio[:, done : done + stream.samples_per_file - offset]
        paths = _files(folder, stream, number)
        if offset == 0:
            for path in paths:
                wav_files.create_wav(path, stream.sample_rate, 1, "PCM_16")
            _describe(paths, {**facts, "first_sample": stream.written + done}, stream)
        for path, own in zip(paths, piece):
            wav_files.append(wav_files.open_wav(path), own)
        done += piece.shape[1]


def _files(folder: Path, stream: EndlessStream, number: int) -> list[Path]:
    """The `number`-th file of each voice."""
    voices = [f"_voice{v}" for v in range(stream.count)] if stream.count > 1 else [""]
    return [folder / f"endless{voice}_{number:05d}.wav" for voice in voices]


def stream_files(folder: Path) -> list[Path]:
    """The files of any stream in a folder; the saved state first."""
    return [folder / STATE, *folder.glob(BEFORE), *sorted(folder.glob("endless*_[0-9]*.wav"))]


def _describe(paths: list[Path], facts: dict[str, Any], stream: EndlessStream) -> None:
    for voice, path in enumerate(paths):
        about = {**facts, "file": path.name, "voice": voice, "stream": asdict(stream)}
        durable.write_json(path.with_suffix(".json"), about)


def cut_back(folder: Path, stream: EndlessStream) -> None:
    """Takes off the files what was written after the last saved state; it will be drawn again."""
    number, offset = divmod(stream.written, stream.samples_per_file)
    for path in _files(folder, stream, number) if offset else []:
        if not path.is_file():
            raise BadInput(f"{path} is missing, which the stream goes on: put it back")
        file = wav_files.open_wav(path)
        if file.frames < offset:
            raise BadInput(f"{path} is {offset - file.frames} samples short: put it back")
        wav_files.truncate_wav(file, offset)


def interleaved_pcm(audio: np.ndarray) -> bytes:
    """[B t 1] -> raw little-endian 16-bit PCM with the voices as channels."""
    return np.ascontiguousarray(quantise_pcm(audio[..., 0].T)).astype("<i2").tobytes()


def save_stream(
    folder: Path, state: SamplerState, stream: EndlessStream, facts: dict[str, Any]
) -> None:
    """The state and the stream in one file, replaced at once; and the stream to be read."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(state)]
    arrays: dict[str, Any] = {
        f"leaf_{i}": np.frombuffer(leaf.tobytes(), np.uint8) for i, leaf in enumerate(leaves)
    }
    about = json.dumps({**facts, "stream": asdict(stream)}, indent=1)
    durable.write_sealed(
        folder / STATE,
        lambda file: np.savez(file, about=np.array(about), **arrays),
        before=folder / BEFORE,
    )
    durable.write_atomically(folder / "endless.json", about + "\n")


def forget(folder: Path) -> None:
    """Takes away the state of a stream whose files are written anew."""
    for name in (STATE, BEFORE):
        (folder / name).unlink(missing_ok=True)


def load_stream(folder: Path, facts: dict[str, Any]) -> tuple[EndlessStream, dict[str, Any]]:
    """How far the stream in a folder came, and what was saved about it.

    BadInput where there is none, or one of other weights.
    """
    about = _about(folder, _arrays(folder))
    for key in ("config", "weights_sha256"):
        if about.get(key) != facts.get(key):
            raise BadInput(
                f"{folder} was begun with {key} {about.get(key)}, not {facts.get(key)}: give the "
                "--checkpoint it began with, or another --out"
            )
    return about.pop("stream"), about


def load_state(folder: Path, like: SamplerState) -> SamplerState:
    """The sampler's state after the last chunk of a saved stream, with the shapes of `like`."""
    arrays = _arrays(folder)
    shapes, tree = jax.tree.flatten(like)
    saved = [arrays[f"leaf_{i}"] for i in range(len(shapes)) if f"leaf_{i}" in arrays]
    sizes = [shape.size * shape.dtype.itemsize for shape in shapes]
    if [len(leaf) for leaf in saved] != sizes:
        raise BadInput(f"{folder / STATE} holds the state of another model: begin anew")
    leaves = [jnp.asarray(leaf.view(s.dtype).reshape(s.shape)) for leaf, s in zip(saved, shapes)]
    return jax.tree.unflatten(tree, leaves)


def _arrays(folder: Path) -> dict[str, np.ndarray]:
    """All that was saved last; where the disk spoilt it, what was saved a chunk before."""
    paths = [path for path in (folder / STATE, folder / BEFORE) if path.is_file()]
    if not paths:
        raise BadInput(f"--resume: no stream was saved in {folder}; leave it out to begin one")
    faults = []
    for path in paths:
        try:
            durable.verify_sealed(path)
            return npz.read_npz([path])
        except (OSError, durable.Damaged, BadInput) as error:
            faults.append(str(error))
    raise BadInput(f"{'; '.join(faults)}: put a copy back, or begin anew with --force")


def _about(folder: Path, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """The facts of a saved stream, its Stream under 'stream'. BadInput where they do not fit."""
    try:
        about = metadata.mapping(json.loads(str(arrays["about"])))
        stream = _stream(metadata.mapping(about["stream"]))
        if (prompt := about.get("prompt")) is not None:
            metadata.as_text(metadata.mapping(prompt)["file"])
            metadata.as_numbers({"seconds": prompt["seconds"]})
    except (ValueError, KeyError, RecursionError) as error:
        raise BadInput(f"{folder / STATE} is not as the zoo writes it ({error})") from None
    return {**about, "prompt": about.get("prompt"), "stream": stream}


def _stream(given: dict[str, Any]) -> EndlessStream:
    kinds = {"bool": (bool,), "int": (int,), "float": (float, int)}
    names = {field.name: kinds[str(field.type)] for field in fields(EndlessStream)}
    if given.keys() != names.keys() or any(type(v) not in names[k] for k, v in given.items()):
        raise metadata.Unfit("'stream' has not the fields of one")
    stream = EndlessStream(**given)
    try:
        _ = stream.rule
    except BadInput as error:
        raise metadata.Unfit(str(error)) from None
    above = (stream.count, stream.sample_rate, stream.samples_per_file, stream.chunk)
    if min(above) < 1 or max(above) > 1 << 40 or min(stream.written, stream.seed) < 0:
        raise metadata.Unfit("'stream' has numbers of no stream")
    return stream
