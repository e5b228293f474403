"""Note metrics of transcription, two lists of notes -> precision, recall, F1 in 0..1.

As `mir_eval.transcription` (Raffel et al., ISMIR 2014) and, for velocities, as Hawthorne et al.
(ISMIR 2018): onset within 50 ms, pitch within 50 cents, offset within the larger of 50 ms and 20 %
of the reference's duration, velocity within 0.1 after one linear rescaling of the estimate.
Candidate pairs are found by sorted onsets, so memory grows with notes, not with their square.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo.errors import BadInput

DECIMALS = 4  # times are compared after rounding, so that exactly 50 ms counts as 50 ms


@dataclass(frozen=True)
class NoteEvents:
    """Notes of a piece: onset and offset in seconds, pitch in Hz, MIDI velocity if known."""

    intervals: np.ndarray  # [N 2]
    pitches: np.ndarray  # [N]
    velocities: np.ndarray | None = None  # [N], 0..127


@dataclass(frozen=True)
class _F1:
    """Harmonic mean of precision and recall, all in 0..1; 0 where nothing is right."""

    precision: float
    recall: float
    f1: float


def note_f1(
    reference: NoteEvents,
    estimate: NoteEvents,
    *,
    offsets: bool = False,
    velocities: bool = False,
    onset_tolerance: float = 0.05,
    pitch_tolerance: float = 50.0,
    offset_ratio: float = 0.2,
    offset_tolerance: float = 0.05,
    velocity_tolerance: float = 0.1,
) -> _F1:
    """F1 of notes; offsets and velocities say what else than onset and pitch must be right.

    Tolerances in seconds, cents, parts of the duration, seconds, parts of the velocity range.
    """
    reference, estimate = _checked(reference, velocities), _checked(estimate, velocities)
    if not len(reference.pitches) or not len(estimate.pitches):
        return _F1(0.0, 0.0, 0.0)
    pairs = _onset_pairs(reference, estimate, onset_tolerance)
    pairs = _keep_pitch(pairs, reference, estimate, pitch_tolerance)
    if offsets:
        pairs = _keep_offset(pairs, reference, estimate, offset_ratio, offset_tolerance)
    matched = match_notes(pairs, len(reference.pitches), len(estimate.pitches))
    if velocities:
        matched = _keep_velocity(matched, reference, estimate, velocity_tolerance)
    return _f1_of_counts(len(matched), len(reference.pitches), len(estimate.pitches))


def all_note_f1(reference: NoteEvents, estimate: NoteEvents) -> dict[str, _F1]:
    """The three rows of a transcription table: note, with offset, with offset and velocity."""
    return {
        "note": note_f1(reference, estimate),
        "note_offset": note_f1(reference, estimate, offsets=True),
        "note_offset_velocity": note_f1(reference, estimate, offsets=True, velocities=True),
    }


def frame_f1(reference: np.ndarray, estimate: np.ndarray) -> _F1:
    """F1 of active keys per frame: piano rolls [F K] and [F K] of 0 and 1 on one time grid."""
    reference, estimate = np.asarray(reference, bool), np.asarray(estimate, bool)
    if reference.shape != estimate.shape:
        raise BadInput(f"piano rolls {reference.shape} and {estimate.shape} must share [F K].")
    hits = int((reference & estimate).sum())
    return _f1_of_counts(hits, int(reference.sum()), int(estimate.sum()))


def _f1_of_counts(hits: int, references: int, estimates: int) -> _F1:
    """Precision, recall and F1 from counts; 0 where a denominator is empty."""
    precision = hits / estimates if estimates else 0.0
    recall = hits / references if references else 0.0
    total = precision + recall
    return _F1(precision, recall, 2 * precision * recall / total if total else 0.0)


def match_notes(pairs: np.ndarray, references: int, estimates: int) -> np.ndarray:
    """Largest one-to-one subset of candidate pairs (reference, estimate): [P 2] -> [M 2].

    The greedy matching is kept where it is as large as the largest, since mir_eval's search starts
    from the same one and its velocity regression depends on which notes are paired.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    greedy = _greedy(pairs)
    edges = (np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1]))
    graph = csr_array(edges, shape=(references, estimates))
    partner = maximum_bipartite_matching(graph, perm_type="column")
    found = np.flatnonzero(partner >= 0)
    if len(found) == len(greedy):
        return greedy
    return np.stack([found, partner[found]], axis=1)


def _greedy(pairs: np.ndarray) -> np.ndarray:
    """Estimates, in the order in which they first occur, take their first free reference."""
    wishes: dict[int, list[int]] = {}
    for reference, estimate in pairs.tolist():
        wishes.setdefault(estimate, []).append(reference)
    taken: dict[int, int] = {}
    for estimate, references in wishes.items():
        free = next((r for r in references if r not in taken), None)
        if free is not None:
            taken[free] = estimate
    return np.asarray(sorted(taken.items()), int).reshape(-1, 2)


def _onset_pairs(reference: NoteEvents, estimate: NoteEvents, tolerance: float) -> np.ndarray:
    """Pairs with close onsets, ordered by reference and then estimate: -> [P 2]."""
    order = np.argsort(estimate.intervals[:, 0], kind="stable")
    onsets = estimate.intervals[order, 0]
    reach = tolerance + 10.0**-DECIMALS
    first = np.searchsorted(onsets, reference.intervals[:, 0] - reach, "left")
    last = np.searchsorted(onsets, reference.intervals[:, 0] + reach, "right")
    pairs = [(r, e) for r, (a, b) in enumerate(zip(first, last)) for e in np.sort(order[a:b])]
    found = np.asarray(pairs, int).reshape(-1, 2)
    gap = np.abs(reference.intervals[found[:, 0], 0] - estimate.intervals[found[:, 1], 0])
    return found[np.round(gap, DECIMALS) <= tolerance]


def _keep_pitch(
    pairs: np.ndarray, reference: NoteEvents, estimate: NoteEvents, tolerance: float
) -> np.ndarray:
    one, other = np.log2(reference.pitches), np.log2(estimate.pitches)
    return pairs[1200 * np.abs(one[pairs[:, 0]] - other[pairs[:, 1]]) <= tolerance]


def _keep_offset(
    pairs: np.ndarray, reference: NoteEvents, estimate: NoteEvents, ratio: float, least: float
) -> np.ndarray:
    one, other = reference.intervals[pairs[:, 0]], estimate.intervals[pairs[:, 1]]
    gap = np.round(np.abs(one[:, 1] - other[:, 1]), DECIMALS)
    return pairs[gap <= np.maximum(ratio * np.abs(one[:, 1] - one[:, 0]), least)]


def _keep_velocity(
    matched: np.ndarray, reference: NoteEvents, estimate: NoteEvents, tolerance: float
) -> np.ndarray:
    """Matches whose velocity fits the line from the estimate's velocities to 0..1."""
    written, played = reference.velocities, estimate.velocities
    if not len(matched) or written is None or played is None:
        return matched
    low, high = written.min(), written.max()
    truth = (written[matched[:, 0]] - low) / max(1.0, high - low)
    guess = played[matched[:, 1]]
    columns = np.stack([guess, np.ones_like(guess)], axis=1)
    line = np.linalg.lstsq(columns, truth, rcond=None)[0]
    return matched[np.abs(columns @ line - truth) < tolerance]


def _checked(notes: NoteEvents, velocities: bool) -> NoteEvents:
    intervals = np.asarray(notes.intervals, float).reshape(-1, 2)
    pitches = np.asarray(notes.pitches, float)
    if velocities and notes.velocities is None:
        raise BadInput("these notes have no velocities; score them with velocities=False.")
    strength = None if notes.velocities is None else np.asarray(notes.velocities, float)
    if len(intervals) != len(pitches) or (strength is not None and len(strength) != len(pitches)):
        raise BadInput("intervals [N 2], pitches [N] and velocities [N] must count the same notes.")
    if (pitches <= 0).any() or (intervals < 0).any():
        raise BadInput("pitches must be positive Hz, not MIDI numbers, and times not negative.")
    if (intervals[:, 1] <= intervals[:, 0]).any():
        raise BadInput("every note's offset must be later than its onset.")
    return NoteEvents(intervals, pitches, strength)
