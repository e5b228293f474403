"""How far the members of an ensemble differ over a song, as a curve of confidence for each stem."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from zoo.audio.blocks import Blocks, reblock

_BELOW, ABOVE = -20.0, 60.0  # dB, at which a curve ends
SILENT = 1e-10  # power below which a stem says nothing


class Spread:
    """Powers of stems and of their members' deviations, part after part of a song."""

    def __init__(self) -> None:
        self.powers: list[np.ndarray] = []

    def taken(self, estimates: Blocks, size: int) -> Iterator[np.ndarray]:
        """The stems of estimates [2S n C], whose second half are deviations: [S size C]."""
        self.powers = []
        for block in reblock(estimates, size):
            self.powers.append(np.square(block, dtype=np.float64).mean((1, 2)).reshape(2, -1))
            yield block[: len(block) // 2]

    def curves(self, names: Sequence[str], seconds: float) -> dict[str, Any]:
        """{'seconds': of a part, 'db': {stem: its level over its members' deviation}}.

        Between BELOW and ABOVE; where a stem is silent nothing is known of it: BELOW.
        """
        stems, spreads = np.stack(self.powers, -1)
        level = 10 * np.log10((stems + SILENT) / (spreads + SILENT))
        level = np.clip(np.where(stems < SILENT, _BELOW, level), _BELOW, ABOVE)
        return {"seconds": seconds, "db": dict(zip(names, level.round(2).tolist()))}
