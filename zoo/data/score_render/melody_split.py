"""Splits pieces so that no tune is on both sides: pieces -> train, validation, test.

A melody is the sequence of pitch intervals of a part without repeated notes, hence free of
transposition, and its signature the set of all runs of eight intervals. Two pieces belong together
when any voice of one shares more than 40 % of a signature with any voice of the other; by file,
half of the test chorales would share such a tune with a training piece.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import scipy.sparse
from scipy.sparse.csgraph import connected_components

from zoo.data.records import SPLITS
from zoo.data.score_render.scores import REPERTOIRES, Piece

GRAM = 8  # intervals; six of them at 30 % chain a third of the corpus into one cluster
_SHARED = 0.4
HELD_OUT = 0.1  # of the groups, each for validation and test
AT_LEAST = 2  # groups of each repertoire, each for validation and test


def split_pieces(pieces: Sequence[Piece]) -> dict[str, list[Piece]]:
    """Pieces by split, sorted by name; whole melody clusters only, every repertoire in each."""
    chosen: dict[str, list[Piece]] = {split: [] for split in SPLITS}
    clusters = _cluster(pieces)
    for repertoire in REPERTOIRES:
        groups = [group for group in clusters if group[0].repertoire == repertoire]
        groups.sort(key=lambda group: hashlib.sha256(group[0].name.encode()).hexdigest())
        count = max(AT_LEAST, round(HELD_OUT * len(groups)))
        for split, part in (
            ("test", groups[:count]),
            ("validation", groups[count : 2 * count]),
            ("train", groups[2 * count :]),
        ):
            chosen[split] += [piece for group in part for piece in group]
    return {split: sorted(part, key=lambda piece: piece.name) for split, part in chosen.items()}


def _cluster(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Groups of pieces that share a melody, quartets also by opus; each sorted by name."""
    links = piece_overlap(pieces) > _SHARED
    opus = [_opus(piece) for piece in pieces]
    links |= np.array([[a == b for a in opus] for b in opus])
    _, labels = connected_components(scipy.sparse.csr_matrix(links))
    groups = defaultdict(list)
    for label, piece in zip(labels, pieces):
        groups[label].append(piece)
    return [sorted(group, key=lambda piece: piece.name) for group in groups.values()]


def piece_overlap(pieces: Sequence[Piece]) -> np.ndarray:
    """Largest shared part of a signature over all pairs of voices, in [0, 1]. [pieces pieces]"""
    grams = [interval_signatures(part) for piece in pieces for part in piece.parts]
    owner = np.array([i for i, piece in enumerate(pieces) for _ in piece.parts])
    sizes = np.array([len(gram) for gram in grams])
    _, columns = np.unique(np.concatenate(grams), return_inverse=True)
    rows = np.repeat(np.arange(len(grams)), sizes)
    ones = np.ones(len(rows), np.float32)
    table = scipy.sparse.csr_matrix((ones, (rows, columns)), (len(grams), columns.max() + 1))
    shared = (table @ table.T).tocoo()
    smaller = np.minimum(sizes[shared.row], sizes[shared.col])
    enough = smaller >= GRAM  # very short voices agree by chance
    overlap = np.zeros((len(pieces), len(pieces)))
    at = owner[shared.row[enough]], owner[shared.col[enough]]
    np.maximum.at(overlap, at, shared.data[enough] / smaller[enough])
    return overlap


def interval_signatures(part: np.ndarray) -> np.ndarray:
    """The distinct runs of eight pitch intervals of one part [N 3], each packed into an int64."""
    steps = np.diff(part[:, 2]).astype(np.int8)
    steps = steps[steps != 0]
    if len(steps) < GRAM:
        return np.zeros(0, np.int64)
    runs = np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(steps, GRAM))
    return np.unique(runs.view(np.int64))


def _opus(piece: Piece) -> str:
    """What binds movements of one quartet; other pieces stand alone."""
    return "/".join(piece.name.split("/")[:2]) if piece.repertoire == "quartet" else piece.name
