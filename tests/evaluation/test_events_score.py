"""Nats per symbol and per note, whatever the segments; bars by counting; closed forms."""

from itertools import pairwise

import numpy as np
import pytest

from zoo.data.events import Vocabulary
from zoo.data.grids import Grid
from zoo.data.source import Info
from zoo.errors import BadInput
from zoo.evaluation.events import EventScore
from zoo.metrics import markov

GRID = Grid(60, 62, voices=1, seconds_per_step=0.5)
INFO = Info("toy", 16_000, 1, (), "none", "none", kind="notes")


class Pieces:
    """Two pieces to test, one to count; a Source as far as the score asks."""

    def open(self, split):
        rows = {"train": [[60, 60, 62, 60]], "test": [[60, 62, 62, 60, 62], [61]]}[split]
        return [{"track": str(i), "voices": np.array(row)[:, None]} for i, row in enumerate(rows)]


def predict(batch):
    """As many nats as the symbol says; some where nothing is, which must not count."""
    return {"nats": batch["events"][..., 0] + 100.0 * (1 - batch["known"])}


@pytest.mark.parametrize("length", [2, 3, 8])
def test_sums_over_symbols_however_pieces_are_cut(length):
    report = EventScore(GRID, length, batch=2).run(predict, Pieces().open("test"), INFO)
    total = (1 + 3 + 3 + 1 + 3) + 2
    assert report.counts == {"pieces": 2, "events": 6, "notes": 6}
    assert report.metrics["nats_per_event"] == pytest.approx(total / 6)
    assert report.metrics["nats_per_note"] == pytest.approx(total / 6)
    assert report.tables["per_piece"][0]["nats_per_event"] == pytest.approx(11 / 5)
    whole = report.scores.statistics(np.ones((1, 2), int))
    assert whole["nats_per_event"][0] == pytest.approx(total / 6)


def test_notes_that_sound_at_the_start_of_a_segment_do_not_count():
    vocabulary = Vocabulary(60, 62, shifts=2, velocities=0, steps=2)
    notes = {"onset": [0.0, 0.5], "offset": [9.0, 9.0], "pitch": [60, 62], "velocity": [9, 9]}
    pieces = [{"track": "a", "notes": notes}]
    events = vocabulary.sequence(pieces[0])
    for held, segments in ((False, 3), (True, 4)):
        asked = []

        def counted(batch, asked=asked):
            asked.append(batch)
            return {"nats": np.ones(batch["known"].shape) * batch["events"][..., 0]}

        score = EventScore(vocabulary, 4, batch=1, held=held)
        report = score.run(counted, pieces, INFO)
        assert report.metrics["nats_per_event"] == pytest.approx(events.mean())
        assert report.metrics["nats_per_note"] == pytest.approx(events.sum() / 2)
        assert len(asked) >= segments and report.counts["events"] == len(events)
    assert asked[1]["events"][0, :2, 0].tolist() == [0, 2]  # both sound


def test_the_bars_are_those_of_counting():
    """Order 0: one more than the counts, of 8; order 1 leans on it with ten symbols' weight."""
    source = Pieces()
    report = EventScore(GRID, 8, batch=2, source=source).run(predict, source.open("test"), INFO)
    chances = np.array([1, 4, 1, 2]) / 8
    table = 10 * np.tile(chances, (4, 1))
    for before, after in ((1, 1), (1, 3), (3, 1)):
        table[before, after] += 1
    table /= table.sum(1, keepdims=True)
    pieces = ([1, 3, 3, 1, 3], [2])
    order_0 = -sum(np.log(chances[s]) for piece in pieces for s in piece) / 6
    order_1 = -sum(np.log(chances[piece[0]]) for piece in pieces)
    order_1 -= sum(np.log(table[a, b]) for piece in pieces for a, b in pairwise(piece))
    assert report.metrics["nats_per_event_order_0"] == pytest.approx(order_0)
    assert report.metrics["nats_per_event_order_1"] == pytest.approx(order_1 / 6)


def test_counting_finds_the_rate_of_a_chain():
    """A long draw of a Markov chain is predicted with its entropy rate."""
    rng, chain = np.random.default_rng(0), np.array([[0.9, 0.1], [0.5, 0.5]])
    symbols = [0]
    for number in rng.random(40_000):
        symbols.append(int(number > chain[symbols[-1], 0]))
    symbols = np.array(symbols)
    chances = markov.order_0([symbols[:20_000]], 2)
    table = markov.order_1([symbols[:20_000]], chances)
    entropy = -(np.array([5 / 6, 1 / 6]) @ (chain * np.log(chain)).sum(1))
    assert markov.nats([symbols[20_000:]], chances, table) / 20_001 == pytest.approx(
        entropy, rel=0.03
    )


def test_a_split_without_notes_is_refused():
    with pytest.raises(BadInput, match="no notes"):
        EventScore(GRID, 8).run(predict, [{"track": "a", "voices": np.zeros((0, 1))}], INFO)
