"""Whatever happens to the files: exact values, or the next good checkpoint and one line why."""

import gc
import json
import logging
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.checkpoints.store import Checkpoints
from zoo.errors import BadInput

# Orbax abandons its other reads when one fails, and the array library remarks on that.
pytestmark = [
    pytest.mark.fault,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def remarks_come_at_once():
    yield
    gc.collect()


def state(step):
    return {
        "noise": jax.random.normal(jax.random.key(step), [64, 32]),
        "step": jnp.int32(step),
        "bias": jnp.full([3], step, jnp.float32),
    }


TARGET = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), state(0))
ONE_DEVICE = jax.sharding.SingleDeviceSharding


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    """Checkpoints of steps 10 and 20, to be copied and spoilt."""
    directory = tmp_path_factory.mktemp("pristine") / "run"
    with Checkpoints(directory, every=10) as checkpoints:
        for step in (10, 20):
            checkpoints.save(step, state(step), {"config": "toy"}, {"auc": step / 100})
        checkpoints.wait()
    return directory


@pytest.fixture
def run(pristine, tmp_path):
    return shutil.copytree(pristine, tmp_path / "run")


def target():
    sharding = ONE_DEVICE(jax.devices()[0])
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), TARGET
    )


def restore(run, step=None, **options):
    with Checkpoints(run, every=10) as checkpoints:
        return checkpoints.restore(target(), step, **options)


def assert_exact(restored, step):
    for name, expected in state(step).items():
        np.testing.assert_array_equal(np.asarray(restored[name]), np.asarray(expected))


def deleted(path):
    path.unlink()


def truncated(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path):
    path.write_bytes(b"")


def zeroed(path):
    path.write_bytes(bytes(path.stat().st_size))


def flipped(path, place=0.5):
    data = bytearray(path.read_bytes())
    if data:
        data[int(place * (len(data) - 1))] ^= 4
    path.write_bytes(bytes(data))


DAMAGES = [deleted, truncated, emptied, zeroed, flipped]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_every_file_of_a_checkpoint(pristine, tmp_path, caplog, damage):
    fell_back = set()
    files = [path.relative_to(pristine) for path in sorted((pristine / "20").rglob("*"))]
    files = [path for path in files if (pristine / path).is_file()]
    for number, path in enumerate(files):
        run = shutil.copytree(pristine, tmp_path / str(number))
        damage(run / path)
        caplog.clear()
        with caplog.at_level(logging.WARNING, "zoo"):
            step, restored, _ = restore(run)
        assert_exact(restored, step)
        warned = [r.message for r in caplog.records if "20 is not usable" in r.message]
        assert len(warned) == (step == 10), path
        if step == 10:
            fell_back.add(path.name)
            assert "\n" not in warned[0] and "TensorStore" not in warned[0]
            assert (run / "20.damaged").exists() and not (run / "20").exists()
    assert "meta.json" in fell_back  # whatever Orbax keeps beside, these two must be noticed
    data = max(files, key=lambda path: (pristine / path).stat().st_size)
    assert data.name in fell_back


@pytest.mark.parametrize("place", np.linspace(0.05, 0.95, 10))
def test_flipped_bit_in_an_array(run, place, caplog):
    data = max((run / "20" / "state").rglob("*"), key=lambda path: path.stat().st_size)
    flipped(data, place)
    unverified = Checkpoints(run, read_only=True).restore(target(), verify=False)
    assert unverified[0] == 20  # Orbax sees nothing ...
    assert not np.array_equal(unverified[1]["noise"], state(20)["noise"])
    step, restored, _ = restore(run)
    assert step == 10  # ... the hash does, and names the array
    assert_exact(restored, 10)
    assert "damaged array noise" in caplog.text


@pytest.mark.parametrize("place", np.linspace(0, 1, 12))
def test_flipped_bit_in_the_meta(run, place):
    """JSON has no checksum: a flipped digit of the step or a label would pass for the truth."""
    flipped(run / "20" / "meta" / "meta.json", place)
    step, restored, meta = restore(run)
    assert step == 10
    assert meta["config"] == "toy"
    assert_exact(restored, 10)


def test_saving_goes_on_after_a_fallback(run):
    flipped(max((run / "20" / "state").rglob("*"), key=lambda path: path.stat().st_size))
    with Checkpoints(run, every=10) as checkpoints:
        assert checkpoints.restore(target())[0] == 10
        assert checkpoints.steps() == [10]
        assert checkpoints.save(20, state(20), {})
        checkpoints.wait()
        assert_exact(checkpoints.restore(target())[1], 20)
    assert (run / "20.damaged" / "state").exists()


def test_second_damage_of_a_step_keeps_the_first(run):
    for _ in range(2):
        emptied(run / "20" / "meta" / "meta.json")
        with Checkpoints(run, every=10) as checkpoints:
            assert checkpoints.restore(target())[0] == 10
            checkpoints.save(20, state(20), {})
            checkpoints.wait()
    assert (run / "20.damaged").exists() and (run / "20.damaged2").exists()


def test_reading_renames_nothing(run):
    emptied(run / "20" / "meta" / "meta.json")
    reader = Checkpoints(run, read_only=True)
    assert reader.restore(target())[0] == 10
    assert reader.read_meta()[0] == 10
    assert (run / "20").exists()


def test_asking_for_a_damaged_step_gets_no_other(run):
    emptied(run / "20" / "meta" / "meta.json")
    with pytest.raises(BadInput, match=r"no usable checkpoint .*step 20: .*meta.json is damaged"):
        restore(run, 20)
    assert (run / "20").exists()


def test_nothing_good_left(run):
    for step in ("10", "20"):
        shutil.rmtree(run / step / "state")
    with pytest.raises(BadInput, match=r"step 20: .*step 10: ") as caught:
        restore(run)
    assert "\n" not in str(caught.value)
    assert (run / "20").exists()  # where nothing is good, nothing is moved


def test_damaged_best_gives_the_next_best(run):
    with Checkpoints(run, every=10, monitor=("auc", "max")) as checkpoints:
        assert checkpoints.best() == 20
        shutil.rmtree(run / "20" / "state" / "d")
        assert checkpoints.restore(target(), "best")[0] == 10
        assert checkpoints.best() == 10


@pytest.mark.parametrize("notes", ["[]", '{"commit_timestamp_nsecs": "x"}', '{"metrics": 3}'])
def test_orbax_own_notes_cannot_stop_us(run, notes):
    (run / "20" / "_CHECKPOINT_METADATA").write_text(notes)
    step, restored, _ = restore(run)
    assert step == 20
    assert_exact(restored, 20)


def test_strays_neither_count_nor_block(run, caplog):
    for name in ("99", "7.tmp", "tmp", "007", "30.orbax-checkpoint-tmp", "-5"):
        (run / name).mkdir()
    (run / "notes.txt").write_text("mine")
    (run / "50").write_text("a file named like a step")
    with Checkpoints(run, every=10) as checkpoints:
        assert checkpoints.steps() == [10, 20]
        assert checkpoints.restore(target())[0] == 20
        assert checkpoints.save(30, state(30), {})
        checkpoints.wait()
        assert checkpoints.steps() == [20, 30]
    assert "renamed" in caplog.text and (run / "99.damaged").exists()
    assert (run / "notes.txt").read_text() == "mine"
    assert all((run / name).exists() for name in ("7.tmp", "tmp", "007", "-5", "50"))


def test_stray_does_not_disturb_a_reader(run):
    (run / "99").mkdir()
    reader = Checkpoints(run, read_only=True)
    assert reader.steps() == [10, 20]
    assert reader.restore(target())[0] == 20


def test_meta_under_another_step(run):
    (run / "20").rename(run / "40")
    assert restore(run)[0] == 10


def test_huge_and_hostile_json(run):
    path = run / "20" / "meta" / "meta.json"
    for text in ("9" * 10_000, "[" * 100_000, json.dumps({"checkpoint": 3}), "\x00", "null"):
        path.write_text(text)
        assert Checkpoints(run, read_only=True).restore(target())[0] == 10
