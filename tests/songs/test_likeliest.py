"""The best of many drawn clips: which are kept, in what order, and what is written of them."""

from dataclasses import dataclass

import numpy as np
import pytest

from zoo.errors import BadInput
from zoo.objectives.base import Request
from zoo.songs.likeliest import Clips

SCORES = np.array([-3.0, -1.0, -9.0, -1.0, -2.0])


@dataclass
class Drawn:
    """Voices of a constant each, in two chunks; the scores of the first say the contrary."""

    interrupt: bool = False

    def scored(self, variables, request):
        audio = np.arange(request.count, dtype=np.float32)[:, None, None]
        yield np.tile(audio, (1, 3, 1)), SCORES if self.interrupt else -SCORES
        if self.interrupt:
            raise KeyboardInterrupt
        yield np.tile(audio, (1, 2, 1)), SCORES


class Unscored:
    def generate(self, variables, request):
        yield np.zeros((request.count, 4, 1))


def test_all_are_kept_in_order_with_their_likelihoods():
    clips = Clips(Drawn(), Request(5, count=5))
    chunks = list(clips.chunks(None))
    assert len(clips) == 5 and [chunk.shape for chunk in chunks] == [(5, 3, 1), (5, 2, 1)]
    assert [clips.facts(i)["voice"] for i in range(5)] == list(range(5))
    assert [clips.facts(i)["log_prob_nats"] for i in range(5)] == SCORES.tolist()


@pytest.mark.parametrize(("keep", "voices"), [(1, [1]), (3, [1, 3, 4]), (5, [1, 3, 4, 0, 2])])
def test_the_likeliest_come_first(keep, voices):
    clips = Clips(Drawn(), Request(5, count=5), keep)
    (audio,) = clips.chunks(None)
    assert audio.shape == (keep, 5, 1) and len(clips) == keep
    np.testing.assert_array_equal(audio[:, 0, 0], voices)
    facts = [clips.facts(i) for i in range(keep)]
    assert [fact["voice"] for fact in facts] == voices
    assert [fact["log_prob_nats"] for fact in facts] == SCORES[voices].tolist()


def test_an_interrupt_leaves_the_likeliest_so_far():
    chunks = Clips(Drawn(interrupt=True), Request(5, count=5), 2).chunks(None)
    np.testing.assert_array_equal(next(chunks)[:, 0, 0], [1, 3])
    with pytest.raises(KeyboardInterrupt):
        next(chunks)


def test_what_cannot_be_ranked_is_refused():
    with pytest.raises(BadInput, match="--keep 6 of --num 5"):
        Clips(Drawn(), Request(5, count=5), 6)
    with pytest.raises(BadInput, match="Unscored knows no likelihood"):
        Clips(Unscored(), Request(5, count=5), 2)
    clips = Clips(Unscored(), Request(4, count=2))
    assert [chunk.shape for chunk in clips.chunks(None)] == [(2, 4, 1)]
    assert clips.facts(1) == {"voice": 1}
