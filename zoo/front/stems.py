"""Which stems a caller wants of a separator, and how it is to be applied: `System.separate`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from zoo.evaluation.capabilities import Separates, require_capability
from zoo.runs.trained import Trained
from zoo.songs import choices
from zoo.songs.separating import stem_groups, with_sources


@dataclass(frozen=True)
class _Wanted:
    """fields: of the Separator, other than the run's. sums: what each stem is the sum of."""

    fields: dict[str, Any]
    sums: dict[str, tuple[str, ...]]

    def of(self, stems: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The stems wanted of all that the model gives, [T C] each."""
        return {
            name: stems[parts[0]] if len(parts) == 1 else np.sum([stems[p] for p in parts], 0)
            for name, parts in self.sums.items()
        }


def requested_stems(trained: Trained, asked: Mapping[str, Any]) -> _Wanted:
    """asked: as of `System.separate`. Raises BadInput for stems that the model does not give."""
    fields = dict(asked)
    cut = choices.chosen_segments(trained, fields.pop("segment", None), fields.pop("overlap", None))
    only, alone = fields.pop("stems", None), fields.pop("two_stems", None)
    names = fields.pop("labels", None)
    fields["segments"] = cut
    how = with_sources(
        replace(require_capability(Separates, trained.experiment.evaluation).how, **fields), names
    )
    fields["present"] = how.present
    given, sums = stem_groups(how, only, alone)
    parts = {name: tuple(how.stems[i] for i in these) for name, these in zip(given, sums)}
    return _Wanted(fields, {name: parts[name] for name in only or given})
