"""Ensembles: who plays is said, and the same for everyone; training draws anew."""

import numpy as np

from zoo.data.ensembles import Ensembles, players
from zoo.data.source import Info
from zoo.data.stem_transforms import DropStems
from zoo.data.transforms import Group, Mixture, ToFloat

RNG = np.random.default_rng(0)
STEMS = RNG.integers(1, 9000, (4, 30, 1)).astype(np.int16)


class Songs:
    info = Info("songs", 8000, 1, ("a", "b", "c", "d"), "CC0", "")

    def blank(self):
        return {"stems": np.zeros((4, 30, 1), np.int16), "track": "", "chunk": 0}

    def prepare(self):
        pass

    def open(self, split):
        return [{"stems": STEMS, "track": f"{i // 2}", "chunk": i % 2} for i in range(200)]


def test_held_out_songs_have_players_of_their_own_in_all_of_their_records():
    source = Ensembles(Songs(), least=2)
    records = list(source.open("test"))
    counts = np.zeros(5, int)
    for first, second in zip(records[::2], records[1::2]):
        np.testing.assert_array_equal(first["present"], second["present"])
        counts[first["present"].sum()] += 1
        muted = first["stems"] * (1 - first["present"][:, None, None])
        assert not muted.any() and first["stems"].dtype == np.int16
        np.testing.assert_array_equal(
            first["stems"][first["present"] == 1], STEMS[first["present"] == 1]
        )
    assert counts[:2].sum() == 0 and counts[2:].min() > 15
    again = Ensembles(Songs(), least=2).open("test")[7]
    np.testing.assert_array_equal(again["present"], records[7]["present"])
    assert source.blank()["present"].shape == (4,)


def test_training_records_are_whole_and_lose_players_as_drawn():
    whole = Ensembles(Songs()).open("train")[0]
    assert whole["present"].tolist() == [1, 1, 1, 1]
    rng = np.random.default_rng(1)
    seen = set()
    for _ in range(60):
        example = DropStems(3)(rng, ToFloat()(rng, whole))
        seen.add(tuple(example["present"]))
        mixed = Mixture()(rng, Group(((3,), (0, 1), (2,)))(rng, example))
        sounds = np.abs(mixed["stems"]).max((0, 2)) > 0
        np.testing.assert_array_equal(mixed["present"].astype(bool), sounds)
        np.testing.assert_allclose(mixed["mixture"], mixed["stems"].sum(1), atol=1e-6)
    assert len(seen) == 5  # one of four is away, or none


def test_who_is_absent_already_never_comes_back():
    there = np.array([True, False, True, False])
    drawn = {tuple(players(np.random.default_rng(i), there, 3)) for i in range(20)}
    assert drawn == {tuple(there)}
