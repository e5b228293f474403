"""Songs through a model that gives a voice's parameters, which are played once they are joined.

Windows of frames overlap and are faded into each other as parameters, not as sound: two voices of
one pitch and different phases would cancel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from zoo.audio import world
from zoo.audio.blocks import Blocks
from zoo.audio.world import VoiceLayout
from zoo.errors import BadInput
from zoo.evaluation.base import HostBatch, Predict
from zoo.songs.segments import Segments, separate_blocks

PIECE = 4096  # frames that are played at once, which takes 70 MB
LAP = 16  # frames in which a piece is faded into the next


@dataclass(frozen=True)
class ParameterVocoder:
    """How parameters of a model are played. n_fft: samples that it reads for a frame."""

    voice: VoiceLayout
    n_fft: int

    def sound(self, predict: Predict, blocks: Blocks, segments: Segments) -> Iterator[np.ndarray]:
        """The voice of a song in blocks [n 1], as blocks [1 n 1] of whole frames."""
        for piece in play_blocks(self.parameters(predict, blocks, segments), self.voice):
            yield piece[None, :, None]

    def parameters(
        self, predict: Predict, blocks: Blocks, segments: Segments
    ) -> Iterator[np.ndarray]:
        """Parameters of a song in blocks [n 1], as blocks [f P]: a frame for every hop begun.

        segments: in samples; what is kept of one is whole frames.
        """
        hop, key = self.voice.hop, segments.key
        if segments.kept % hop or segments.step % hop:
            raise BadInput(f"segments of {segments.kept} samples: give multiples of {hop}")
        cut = Segments(
            segments.kept // hop,
            hop=segments.step // hop,
            window=segments.window,
            batch=segments.batch,
            key=key,
        )

        def of_frames(batch: HostBatch) -> HostBatch:
            return predict({key: overlap_add_frames(batch[key], hop)})

        frames = framed(blocks, self.n_fft, hop)
        spare = _beyond(self.n_fft, hop)
        held = np.zeros((0, self.voice.size), np.float32)
        for found in separate_blocks(of_frames, frames, cut, self.n_fft):
            held = np.concatenate([held, found[0]])
            yield held[: max(len(held) - spare, 0)]
            held = held[max(len(held) - spare, 0) :]


def _beyond(n_fft: int, hop: int) -> int:
    """How many frames behind a song's end hold a part of what its last frame reads."""
    return -(-n_fft // hop)


def framed(blocks: Blocks, n_fft: int, hop: int) -> Iterator[np.ndarray]:
    """Blocks [n 1] as frames [f n_fft], each in the middle of its hop; zeros beyond the ends.

    A frame for every hop begun, and those `_beyond`, so that `overlap_add_frames` has all of the
    last one.
    """
    rest = np.zeros((n_fft - hop) // 2, np.float32)
    length = given = 0
    for block in blocks:
        length += len(block)
        rest = np.concatenate([rest, np.asarray(block, np.float32)[:, 0]])
        if count := max(0, (len(rest) - n_fft) // hop + 1):
            yield _windows(rest, count, n_fft, hop)
            rest, given = rest[count * hop :], given + count
    if length:
        count = -(-length // hop) + _beyond(n_fft, hop) - given
        yield _windows(np.pad(rest, (0, n_fft + count * hop)), count, n_fft, hop)


def _windows(audio: np.ndarray, count: int, n_fft: int, hop: int) -> np.ndarray:
    return np.lib.stride_tricks.sliding_window_view(audio, n_fft)[: count * hop : hop]


def overlap_add_frames(frames: np.ndarray, hop: int) -> np.ndarray:
    """Frames that overlap, [B F n_fft], as audio [B T 1], T = (F - 1) hop + n_fft."""
    before = frames[:, :-1, :hop].reshape(len(frames), -1)
    return np.concatenate([before, frames[:, -1]], 1)[..., None]


def play_blocks(parameters: Iterator[np.ndarray], voice: VoiceLayout) -> Iterator[np.ndarray]:
    """Blocks of parameters [f P] as sound [n], in pieces that end where the voice pauses.

    Where it does not for a whole piece, that is faded into the next one all the same.
    """
    held = np.zeros((0, voice.size), np.float32)
    tail = np.zeros(0, np.float32)
    for block in parameters:
        held = np.concatenate([held, block])
        while len(held) >= PIECE:
            end = find_pause(held[:PIECE, -1])
            made = faded(tail, world.synthesise_voice(held[:end], voice))
            lap = LAP * voice.hop
            yield made[:-lap]
            tail, held = made[-lap:], held[end - LAP :]
    if len(held):
        yield faded(tail, world.synthesise_voice(held, voice))


def find_pause(unvoiced: np.ndarray) -> int:
    """Where the last `LAP` frames without pitch end in the second half of [F]; F if nowhere."""
    silent = np.convolve(unvoiced > 0.5, np.ones(LAP), "valid") > LAP - 0.5
    ends = np.flatnonzero(silent) + LAP
    return int(ends[-1]) if len(ends) and ends[-1] > len(unvoiced) // 2 else len(unvoiced)


def faded(tail: np.ndarray, made: np.ndarray) -> np.ndarray:
    """The sound [n] with the end of the one before faded into its beginning."""
    if not len(tail):
        return made
    ramp = (np.arange(len(tail), dtype=np.float32) + 0.5) / len(tail)
    made = made.copy()
    made[: len(tail)] = tail * (1 - ramp) + made[: len(tail)] * ramp
    return made
