"""Composing: as long as asked, from the seed alone, going on from a tune, played as written."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.data.events import PAPER, Vocabulary
from zoo.data.score_render.instrument import Instrument, limited
from zoo.distributions import Tokens
from zoo.errors import BadInput
from zoo.models.generation.music_transformer import MusicTransformer
from zoo.objectives import event_likelihood, performing
from zoo.objectives.base import Composing, Performance, Request, Scored, Variables
from zoo.objectives.event_likelihood import EventLikelihood
from zoo.sampling.rule import SamplerRule

SMALL = Vocabulary(55, 62, shifts=8, velocities=0, steps=8)
RATE = 8000
NET = MusicTransformer(Tokens(SMALL.count), 1, 8, 8, 8, 2, reach=16, memory=16, positions=False)
OBJECTIVE = EventLikelihood(NET, SMALL, Instrument(0, RATE), RATE)
BATCH = {"events": jnp.zeros((1, 4, 1), jnp.int32), "known": jnp.ones((1, 4), jnp.uint8)}


@pytest.fixture(scope="module")
def variables():
    shapes = jax.eval_shape(OBJECTIVE.init, jax.random.key(0), BATCH)
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda s: jnp.asarray(rng.normal(0, 0.4, s.shape), s.dtype), shapes)


def composed(variables, **asked):
    return OBJECTIVE.compose(variables, Request(**{"length": 4 * RATE, "chunk": 3000, **asked}))


def test_it_offers_what_composers_offer(variables):
    assert isinstance(OBJECTIVE, Composing) and isinstance(OBJECTIVE, Scored)
    one, two = composed(variables, count=2)
    for performance in (one, two):
        notes = performance.notes
        assert len(notes["pitch"]) > 3 and np.all(np.diff(notes["onset"]) >= 0)
        assert notes["onset"].max() < 4 and notes["offset"].max() <= 4
        assert (notes["offset"] > notes["onset"]).all() and performance.log_prob < 0
    assert one.notes["onset"].tolist() != two.notes["onset"].tolist()


def test_the_seed_alone_decides(variables):
    """Not how many voices there are, nor in what chunks it is played."""
    again = composed(variables, chunk=700)[0]
    for name, column in composed(variables, count=2)[0].notes.items():
        np.testing.assert_array_equal(column, again.notes[name])
    other = composed(variables, seed=1)[0]
    assert other.notes["onset"].tolist() != again.notes["onset"].tolist()
    calm = composed(variables, rule=SamplerRule(temperature=0.0))[0].notes
    same = composed(variables, rule=SamplerRule(temperature=0.0), seed=9)[0].notes
    assert calm["pitch"].tolist() == same["pitch"].tolist()


def test_a_tune_changes_what_follows(variables):
    def after(pitches):
        times = np.arange(len(pitches), dtype=np.float32)
        velocity = np.full(len(pitches), 80)
        notes = {"onset": times, "offset": times + 1, "pitch": np.array(pitches)}
        return composed(variables, notes={**notes, "velocity": velocity})[0].notes

    found = [after([60, 62]), after([55, 57]), composed(variables)[0].notes]
    assert len({str(notes["onset"].tolist() + notes["pitch"].tolist()) for notes in found}) == 3
    # half of what the model remembers: of a long tune the end alone
    long = [56] * 40
    np.testing.assert_array_equal(after([57, *long])["onset"], after([60, *long])["onset"])


def test_the_chunks_are_the_piece_as_its_instrument_plays_it(variables):
    request = Request(length=2 * RATE + 5, count=2, chunk=3000)
    chunks, scores = zip(*OBJECTIVE.scored(variables, request))
    audio = np.concatenate(chunks, 1)
    assert audio.shape == (2, 2 * RATE + 5, 1) and 0.01 < np.abs(audio).max() < 1
    for voice, performance in enumerate(OBJECTIVE.compose(variables, request)):
        whole = OBJECTIVE.instrument.play(performance.notes, 0, request.length)
        np.testing.assert_allclose(audio[voice], whole, atol=1e-6)
        assert scores[-1][voice] == performance.log_prob
    np.testing.assert_array_equal(
        audio, np.concatenate(list(OBJECTIVE.generate(variables, request)), 1)
    )


def test_a_model_that_lets_no_time_pass_ends(monkeypatch):
    """Its logits forbid all but one note: every so many symbols stand for a second."""
    monkeypatch.setattr(event_likelihood, "IDLE", 128)
    begun = OBJECTIVE.init(jax.random.key(0), BATCH)
    stuck = tuple((symbol, -jnp.inf) for symbol in range(1, SMALL.count))
    rule = SamplerRule(bias=tuple((s, float(b)) for s, b in stuck))
    (performance,) = composed(Variables(begun.params), rule=rule)
    assert len(performance.notes["pitch"]) == 0 or performance.notes["onset"].max() == 0


def test_what_cannot_be_composed_is_refused(variables):
    for asked, message in (
        ({"length": 0}, "without end"),
        ({"prompt": np.zeros((9, 1), np.float32)}, "continues no audio"),
    ):
        with pytest.raises(BadInput, match=message):
            composed(variables, **asked)
    with pytest.raises(BadInput, match="continues no notes"):
        performing.check_composable("Todd", Request(9, notes={}), False)


def test_the_instrument_plays_the_pitch_when_it_is_asked():
    notes = {"onset": [0.5], "offset": [1.5], "pitch": [69], "velocity": [100]}
    audio = Instrument(0, RATE).play(notes, 0, 2 * RATE)[:, 0]
    assert np.abs(audio[: RATE // 2]).max() == 0 and np.abs(audio[RATE // 2 :]).max() > 0.01
    spectrum = np.abs(np.fft.rfft(audio[RATE // 2 : 3 * RATE // 2]))
    assert abs(np.argmax(spectrum) - 440) <= 2
    organ = Instrument(19, RATE).play(notes, 0, 2 * RATE)[:, 0]
    assert np.abs(organ - audio).max() > 0.01


def test_peaks_are_bent_and_quiet_sound_is_left_alone():
    audio = np.array([-3.0, -0.8, -0.1, 0.0, 0.5, 0.79, 0.9, 50.0], np.float32)
    found = limited(audio)
    np.testing.assert_array_equal(found[1:6], audio[1:6])
    assert np.all(np.diff(found) > 0) and np.abs(found).max() <= 1


def test_notes_are_cut_where_the_piece_ends():
    notes = {"onset": np.array([0.0, 1.0, 2.0]), "offset": np.array([0.5, 3.0, 2.5])}
    cut = performing.clip_notes(notes, 2.0)
    assert cut["onset"].tolist() == [0, 1] and cut["offset"].tolist() == [0.5, 2.0]
    chunks = list(
        performing.render_performances(
            [Performance({**PAPER.decode(np.zeros(0, int))})], Instrument(), Request(7, chunk=4)
        )
    )
    assert [chunk.shape for chunk in chunks] == [(1, 4, 1), (1, 3, 1)]
