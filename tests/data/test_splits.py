"""What is held out: folders that say so in any spelling, groups, and tags in every part."""

import numpy as np
import pytest

from zoo.data import drawing, groups
from zoo.data.plans import Job
from zoo.data.splits import divide, part_of
from zoo.errors import BadInput

TEST = (
    *(
        "test",
        "tests",
        "Testing",
        "TEST",
        "test_set",
        "TestSet",
        "testset",
        "my_test",
        "test-clean",
    ),
    *("nsynth-test", "eval", "Evaluation", "evaluation_data", "heldout", "held_out", "held-out"),
    *("HeldOut", "holdout", "test2", "02 test", "testing data", "unseen", "testdata"),
)
VALIDATION = (
    *(
        "val",
        "VAL",
        "valid",
        "validation",
        "Validation_Set",
        "valset",
        "dev",
        "dev-clean",
        "vctk_dev",
    ),
    *("val2", "nsynth-valid", "development"),
)
TRAIN = ("train", "Training", "train_set", "TRAINSET", "trn", "train-clean-100", "training_data")
NEITHER = (
    *("latest", "contest", "devices", "valley", "jazz", "tester songs of trains", "rest", "texts"),
    *("Greatest Hits", "medieval", "trains", "restrained", "1999", "rain", "evaluatio"),
)


def jobs(*names: str, **tags: object) -> list[Job]:
    return [Job(name, dict) for name in names]


def tracks(division) -> dict[str, set[str]]:
    return {split: {job.track for job in part} for split, part in division.splits.items()}


@pytest.mark.parametrize(
    "part, names",
    [
        ("test", TEST),
        ("validation", VALIDATION),
        ("train", TRAIN),
        ("", NEITHER),
    ],
)
def test_folders_are_known_in_any_spelling(part, names):
    assert {name: part_of([name]) for name in names} == dict.fromkeys(names, part)


@pytest.mark.parametrize(
    "pattern", ["{}/{}.wav", "rock/{}/{}.wav", "a/b/{}/c/{}.wav", "train/{}/{}.wav"]
)
@pytest.mark.parametrize("company", [(), ("train/",), ("train/", "more/"), ("rock/", "jazz/", "")])
@pytest.mark.parametrize("held", [(TEST), (VALIDATION)], ids=["test", "validation"])
def test_nothing_below_a_held_out_folder_is_learnt(held, pattern, company):
    for name in held:
        assert_held_out(name, pattern, company)


def assert_held_out(held: str, pattern: str, company: tuple[str, ...]) -> None:
    inside = [pattern.format(held, i) for i in range(6)]
    others = [f"{folder}{i}.wav" for folder in company or ("x/",) for i in range(9)]
    division = divide(jobs(*inside, *others), 0.2, 0.2)
    found = tracks(division)
    assert set(inside) == found[part_of([held])]
    missing = "validation" if part_of([held]) == "test" else "test"
    assert found[missing] and found[missing] <= set(others) and found["train"]
    left = {track for track, _ in division.left_out}
    assert set.union(*found.values(), left) == {*inside, *others}
    assert left == ({t for t in others if "more/" in t})
    assert part_of([held]) in division.rule


def test_a_train_folder_alone_is_cut_and_company_is_refused():
    alone = divide(jobs(*(f"train/{i}.wav" for i in range(20))), 0.2, 0.2)
    assert all(tracks(alone).values()) and not alone.left_out
    with pytest.raises(BadInput, match="named for training, but music also lies elsewhere, as bus"):
        divide(jobs("train/1.wav", "bus/1.wav"), 0.1, 0.1)
    with pytest.raises(BadInput, match="none to train"):
        divide(jobs("test/1.wav", "val/1.wav"), 0.1, 0.1)


@pytest.mark.parametrize("name", ["fold1", "Fold 10", "folds", "split_2", "trainval", "partition3"])
def test_folders_that_look_like_splits_are_not_drawn_in_silence(name):
    files = jobs(*(f"{name}/{i}.wav" for i in range(4)), "other/1.wav")
    with pytest.raises(BadInput, match="looks like a part of a split"):
        divide(files, 0.1, 0.1)
    assert divide(files, 0.1, 0.1, grouped=True).splits["train"]


@pytest.mark.parametrize("codes", [("tr", "cv", "tt"), ("tr05", "dt05"), ("TR", "et")])
def test_codes_of_speech_corpora_are_splits_where_there_are_two(codes):
    files = [f"{code}/speaker/{i}.wav" for code in codes for i in range(5)]
    with pytest.raises(BadInput, match="looks like a part of a split"):
        divide(jobs(*files), 0.1, 0.1)
    divide(
        jobs(*(f"{folder}/{i}.wav" for folder in ("tr", "de", "en") for i in range(5))), 0.1, 0.1
    )


def test_files_named_for_splits_are_not_drawn_in_silence():
    files = [f"{i}_{part}.wav" for part in ("train", "test") for i in range(5)]
    with pytest.raises(BadInput, match="the names of all files say test or train, as 0_"):
        divide(jobs(*files), 0.1, 0.1)
    assert divide(jobs(*files), 0.2, 0.2, grouped=True).splits["train"]
    divide(jobs(*files, "door.wav"), 0.1, 0.1)  # a training whistle, a test tone


def test_songs_in_split_folders():
    files = jobs("train/a", "train/b", "test/c", "Test Set/d")
    assert tracks(divide(files, 0.5, 0.5, songs=True))["test"] == {"test/c", "Test Set/d"}


@pytest.mark.parametrize("songs, each", [(6, 20), (3, 4), (40, 3)])
def test_pieces_of_one_song_stay_together(songs, each):
    names = [f"song {s}/{i:03}.wav" for s in range(songs) for i in range(each)]
    found = groups.by_folder(names, {})
    assert set(found.values()) == {f"song {s}" for s in range(songs)}
    division = divide([Job(n, dict, group=found[n]) for n in names], 0.1, 0.1)
    parts = [{name.split("/")[0] for name in part} for part in tracks(division).values()]
    assert all(parts) and sum(map(len, parts)) == songs and "groups" in division.rule


def test_where_folders_are_no_songs_nothing_is_grouped():
    flat = [f"{i}.wav" for i in range(30)]
    assert not groups.by_folder(flat, {})
    assert not groups.by_folder([f"wavs/{i}.wav" for i in range(30)], {})
    assert not groups.by_folder([f"{g}/{i}.wav" for g in ("jazz", "rock") for i in range(30)], {})
    assert not groups.by_folder([f"{i}/only.wav" for i in range(30)], {})
    genres = [f"{g}/{i}.wav" for g in ("jazz", "rock", "pop", "folk") for i in range(9)]
    eye = {name: np.eye(4, dtype=np.uint8)[i // 9] for i, name in enumerate(genres)}
    assert not groups.by_folder(genres, eye, ("a", "b", "c", "d"))  # a set of tags each
    assert not groups.by_folder(genres, {}, ("Jazz", "rock", "pop", "folk"))  # named as tags
    assert groups.by_folder(genres, {n: np.uint8([1]) for n in genres}, ("loud",))
    nested = [f"{g}/song {s}/{i}.wav" for g in ("jazz", "rock") for s in range(4) for i in range(3)]
    assert len(set(groups.by_folder(nested, {}, ("jazz", "rock")).values())) == 8
    split = [f"song {s}/{part}/{i}.wav" for s in range(4) for part in ("a", "b") for i in range(3)]
    assert set(groups.by_depth(split, 1).values()) == {f"song {s}" for s in range(4)}
    assert not groups.by_depth(split, 0) and len(set(groups.by_depth(split, 2).values())) == 8


def tagged(count: int, labels: int, seed: int, single: bool) -> list[Job]:
    rng = np.random.default_rng(seed)
    rows = rng.random((count, labels)) < rng.uniform(0.05, 0.5, labels)
    rows = np.eye(labels)[rng.integers(labels, size=count)] if single else rows
    return [Job(f"{i}.wav", dict, tags=row.astype(np.uint8)) for i, row in enumerate(rows)]


@pytest.mark.parametrize("single", [True, False])
@pytest.mark.parametrize("count, labels", [(40, 4), (200, 10), (13, 3)])
def test_tags_are_spread_over_all_parts(count, labels, single):
    files = tagged(count, labels, count, single)
    parts = drawing.draw_splits(files, {"validation": 0.15, "test": 0.15})
    assert sum(map(len, parts.values())) == count
    totals = np.sum([job.tags for job in files], axis=0)
    for name, share in (("train", 0.7), ("validation", 0.15), ("test", 0.15)):
        held = np.sum([job.tags for job in parts[name]], axis=0)
        assert (held[totals >= 3] > 0).all()
        if count == 200:
            assert abs(len(parts[name]) / count - share) < 0.04
            assert (abs(held - share * totals) <= 0.05 * totals + 2.5).all()


def test_tracks_keep_their_split_when_others_come():
    files = tagged(60, 5, 1, False)
    shares = {"validation": 0.1, "test": 0.1}
    first = drawing.draw_splits(files, shares)
    before = {job.track: part for part, held in first.items() for job in held}
    more = [*files, *(Job(f"new {j.track}", dict, tags=j.tags) for j in tagged(40, 5, 2, False))]
    after = drawing.draw_splits(more, shares, before)
    now = {job.track: part for part, held in after.items() for job in held}
    assert {name: now[name] for name in before} == before
    assert 0.05 < len(after["test"]) / len(more) < 0.2


@pytest.mark.parametrize("share", [0.01, 0.1])
@pytest.mark.parametrize("count", [3, 4, 13])
def test_no_part_is_empty_whatever_the_tags(count, share):
    eye = np.eye(count + 1, dtype=np.uint8)
    eye[:, -1] = 1
    files = [Job(f"{i}.wav", dict, tags=eye[i]) for i in range(count)]
    parts = drawing.draw_splits(files, {"validation": share, "test": share})
    assert all(parts.values()) and len(parts["train"]) == count - 2


def test_what_says_little_is_said():
    files = tagged(13, 6, 3, False)
    tags = [f"t{i}" for i in range(6)]
    notes = divide(files, 0.0, 0.08, tags=tags).notes
    assert any("test holds" in note and "say little" in note for note in notes)
    same = [Job(f"{i}.wav", dict, tags=np.uint8([1, 0])) for i in range(100)]
    notes = divide(same, 0.1, 0.1, tags=("on", "off")).notes
    assert [n for n in notes if "2 of 2 tags cannot be measured on test" in n and "on, off" in n]
    assert not divide(tagged(200, 3, 4, True), 0.1, 0.1, tags=("a", "b", "c")).notes
    assert any("is empty" in note for note in divide(jobs("a.wav"), 0.1, 0.1).notes)
