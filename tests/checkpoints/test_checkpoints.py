"""Saving, keeping, restoring: on tiny states."""

import contextlib
import logging
import os
import resource
import tempfile
import threading
from collections import namedtuple
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from zoo.checkpoints import checksums, files
from zoo.checkpoints.checksums import array_differences, array_sha256, by_path, records
from zoo.checkpoints.store import Checkpoints, SaveFailed
from zoo.errors import BadInput


def state(step, width=3):
    params = {"kernel": jnp.arange(2.0 * width).reshape(2, width) + step}
    return {
        "step": jnp.int32(step),
        "params": params,
        "optimiser": optax.adam(1e-3).init(params),
        "half": jnp.full([2], step, jnp.bfloat16),
        "key": jax.random.key(step),
    }


def abstract(tree):
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding), tree
    )


def assert_same(one, other):
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for path, leaf in by_path(one).items():
        mine, theirs = leaf, by_path(other)[path]
        assert mine.dtype == theirs.dtype
        if jax.dtypes.issubdtype(mine.dtype, jax.dtypes.prng_key):
            mine, theirs = jax.random.key_data(mine), jax.random.key_data(theirs)
        np.testing.assert_array_equal(np.asarray(mine), np.asarray(theirs), err_msg=path)


def saved(directory, *steps, **options):
    with Checkpoints(directory, **options) as checkpoints:
        for step in steps:
            assert checkpoints.save(step, state(step), {"config": "toy"})
        checkpoints.wait()


def test_state_and_meta_come_back(tmp_path):
    meta = {"config": "toy", "labels": ("b", "a"), "rate": 16000}
    with Checkpoints(tmp_path / "new" / "run") as checkpoints:
        assert checkpoints.save(7, state(7), meta, {"auc": jnp.float32(0.5)})
        checkpoints.wait()
        step, restored, told = checkpoints.restore(abstract(state(0)))
    assert step == 7
    assert_same(restored, state(7))
    ours = told.pop("checkpoint")
    assert told == {"config": "toy", "labels": ["b", "a"], "rate": 16000}
    assert (ours["format"], ours["step"], ours["metrics"]) == (1, 7, {"auc": 0.5})
    assert ours["versions"]["jax"] == jax.__version__
    kernel = np.arange(6, dtype=np.float32).reshape(2, 3) + 7
    assert ours["arrays"]["params/kernel"] == {
        "shape": [2, 3],
        "dtype": "float32",
        "pieces": {"0:2,0:3": array_sha256(kernel)},
    }


def test_relative_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    saved("runs/toy", 1)
    assert Checkpoints("runs/toy", read_only=True).steps() == [1]


def test_training_goes_on_while_a_checkpoint_is_written(tmp_path):
    """The next step overwrites the donated state; the writer must have its own copy by then."""
    train = jax.jit(lambda x: x + 1, donate_argnums=0)
    now = jnp.zeros([500_000])
    with Checkpoints(tmp_path, keep=9) as checkpoints:
        for step in range(1, 5):
            now = train(now)
            checkpoints.save(step, {"x": now}, {})
            for _ in range(3):
                now = train(now)
        checkpoints.wait()
        for step in range(1, 5):
            restored = checkpoints.restore(abstract({"x": now}), step)[1]["x"]
            np.testing.assert_array_equal(restored, np.full([500_000], 4 * step - 3))


def test_sha256_is_of_the_bytes():
    import hashlib

    array = np.arange(6, dtype=np.float32).reshape(2, 3).T
    assert array_sha256(array) == hashlib.sha256(array.tobytes()).hexdigest()
    assert array_sha256(jnp.bfloat16(1)) == hashlib.sha256(b"\x80\x3f").hexdigest()


def test_saves_at_the_interval_and_when_forced(tmp_path):
    with Checkpoints(tmp_path, every=3, keep=9) as checkpoints:
        begun = [checkpoints.save(step, state(step), {}) for step in range(1, 8)]
        assert begun == [False, False, True, False, False, True, False]
        assert checkpoints.save(7, state(7), {}, force=True)
        assert not checkpoints.save(7, state(7), {}, force=True)
        checkpoints.wait()
        assert checkpoints.steps() == [3, 6, 7]


@pytest.mark.parametrize("way, best", [("max", 2), ("min", 3)])
def test_newest_two_and_the_best_stay(tmp_path, way, best):
    scores = {1: 0.5, 2: 0.9, 3: 0.1, 4: 0.6, 5: float("nan"), 6: 0.4, 7: 0.9}
    with Checkpoints(tmp_path, monitor=("auc", way)) as checkpoints:
        for step, score in scores.items():
            checkpoints.save(step, state(step), {}, {"auc": score})
        checkpoints.save(8, state(8), {}, {"loss": 1.0})
        checkpoints.wait()
        assert checkpoints.steps() == [best, 7, 8]
        assert checkpoints.best() == best
        assert checkpoints.restore(abstract(state(0)), "best")[0] == best
    with Checkpoints(tmp_path, monitor=("auc", way)) as later:  # the scores outlive the process
        later.save(9, state(9), {}, {"auc": 0.5})
        later.wait()
        assert later.steps() == [best, 8, 9]
    reader = Checkpoints(tmp_path, read_only=True)
    assert reader.best() == best  # and need not be described to a reader
    assert reader.read_meta("best")[0] == best


def test_target_may_depend_on_meta(tmp_path):
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, state(1, width=5), {"width": 5})
        checkpoints.wait()
        _, restored, _ = checkpoints.restore(lambda meta: abstract(state(0, meta["width"])))
    assert_same(restored, state(1, width=5))


def test_an_older_step_can_be_asked_for(tmp_path):
    saved(tmp_path, 1, 2)
    with Checkpoints(tmp_path, read_only=True) as checkpoints:
        assert_same(checkpoints.restore(abstract(state(0)), 1)[1], state(1))
        with pytest.raises(BadInput, match=r"no checkpoint of step 3 .* there are: 1, 2"):
            checkpoints.restore(abstract(state(0)), 3)


def test_going_back_sets_the_future_aside(tmp_path):
    saved(tmp_path, 1, 2, 3, keep=3)
    with Checkpoints(tmp_path, keep=3) as checkpoints:
        _, restored, _ = checkpoints.restore(abstract(state(0)), 1)
        assert checkpoints.steps() == [1, 2, 3]
        assert checkpoints.save(2, restored, {}, force=True) is False  # it is there already
        (tmp_path / "2").rename(tmp_path / "kept")
        assert checkpoints.save(2, restored, {})
        checkpoints.wait()
        assert checkpoints.steps() == [1, 2]
        assert (tmp_path / "3.abandoned" / "state").exists()
        assert_same(checkpoints.restore(abstract(state(0)))[1], state(1))


def test_another_model_is_described(tmp_path):
    saved(tmp_path, 1)
    other = state(1, width=4)
    other["step"] = jnp.float32(1)
    other["bias"] = other.pop("half")
    with Checkpoints(tmp_path) as checkpoints, pytest.raises(BadInput) as caught:
        checkpoints.restore(abstract(other))
    text = str(caught.value)
    assert "missing from the checkpoint: bias" in text
    assert "unknown to the model: half" in text
    assert "params/kernel (saved float32 [2 3], wanted float32 [2 4])" in text
    assert "step (saved int32 [], wanted float32 [])" in text  # Orbax would cast without a word
    assert "\n" not in text
    assert (tmp_path / "1").exists()


def test_long_differences_are_cut_short():
    text = array_differences(records({str(n): jnp.zeros(1) for n in range(9)}), {})
    assert text == "unknown to the model: 0, 1, 2, 3, 4 and 4 more"


def test_changed_versions_are_named(tmp_path, monkeypatch):
    saved(tmp_path, 1)
    now = {"jax": "99.0"}
    monkeypatch.setattr("zoo.checkpoints.files._versions", lambda: now)
    with pytest.raises(BadInput, match=f"written with jax {jax.__version__}, now 99.0"):
        Checkpoints(tmp_path, read_only=True).restore({})


def test_empty_or_absent_directories_say_so(tmp_path):
    with pytest.raises(BadInput, match=r"no checkpoint in .*absent"):
        Checkpoints(tmp_path / "absent", read_only=True).restore({})
    assert not (tmp_path / "absent").exists()
    with Checkpoints(tmp_path) as checkpoints:
        assert (checkpoints.steps(), checkpoints.best()) == ([], None)
        with pytest.raises(BadInput, match="no checkpoint"):
            checkpoints.read_meta()


def test_newer_format_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("zoo.checkpoints.files.FORMAT", 2)
    saved(tmp_path, 1)
    monkeypatch.setattr("zoo.checkpoints.files.FORMAT", 1)
    with pytest.raises(BadInput, match="has format 2, this zoo reads 1"):
        Checkpoints(tmp_path, read_only=True).restore(abstract(state(0)))


@contextlib.contextmanager
def files_no_larger_than(size):
    """A full disk, as far as one process can see one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_without_room_is_noticed_before_orbax_tries(tmp_path, monkeypatch):
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, state(1), {})
        checkpoints.wait()
        usage = namedtuple("usage", "free")(1000)
        monkeypatch.setattr("zoo.checkpoints.files.shutil.disk_usage", lambda _: usage)
        checkpoints.save(2, state(2), {})
        with pytest.raises(SaveFailed, match=r"No space left.* 0.0 MB are free; .*disk: \[1\]"):
            checkpoints.wait()
        assert checkpoints.steps() == [1]


def test_full_disk_costs_only_that_checkpoint(tmp_path, caplog):
    large = {"x": jax.random.normal(jax.random.key(0), [20000])}
    with Checkpoints(tmp_path) as checkpoints, caplog.at_level(logging.WARNING, "zoo"):
        for step in (1, 2):
            checkpoints.save(step, large, {})
        checkpoints.wait()
        with files_no_larger_than(20_000):
            assert checkpoints.save(3, large, {})  # begun; nobody knows yet
            assert checkpoints.save(4, large, {})  # warns about 3
            with pytest.raises(
                SaveFailed, match=r"/4 could not be written.* File too large; .* on disk: \[1, 2\]"
            ):
                checkpoints.wait()
        ours = [record for record in caplog.records if record.name == "zoo.checkpoints.store"]
        assert not any(record.exc_info for record in caplog.records)  # Orbax would show a dozen
        assert [record.message.split(":")[0][-23:] for record in ours] == [
            "/3 could not be written",
            "/4 could not be written",
        ]
        assert checkpoints.restore(abstract(large))[0] == 2
        assert checkpoints.save(5, large, {})
        checkpoints.wait()  # a later good one mends it
        assert checkpoints.steps() == [2, 5]
        assert not list(tmp_path.glob("*tmp*"))


@contextlib.contextmanager
def as_nobody():
    """Root may write anywhere, so root becomes nobody for a moment."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.fixture
def public():
    """A directory that nobody can reach, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


def test_read_only_directory(public):
    run = public / "run"
    saved(run, 1)
    (run / "99").mkdir()
    run.chmod(0o555)
    before = sorted(run.rglob("*"))
    with as_nobody():
        with pytest.raises(BadInput, match=r"cannot write to .*choose another directory"):
            Checkpoints(run)
        with Checkpoints(run, read_only=True) as checkpoints:
            assert checkpoints.restore(abstract(state(0)))[0] == 1
            assert not checkpoints.save(2, state(2), {}, force=True)
    assert sorted(run.rglob("*")) == before
    run.chmod(0o755)


def test_a_state_that_is_donated_meanwhile_is_sealed_as_it_was(tmp_path):
    donate = jax.jit(lambda x: x * 0 + 7, donate_argnums=0)
    with Checkpoints(tmp_path) as checkpoints:
        state = {"x": jnp.full([3_000_000], 3.0), "host": np.arange(3)}
        assert checkpoints.save(1, state, {})
        state["host"][:] = 9
        for _ in range(3):
            state["x"] = donate(state["x"])
        state["x"].block_until_ready()
        checkpoints.wait()
        arrays = files.read_meta(checkpoints.directory, 1)["checkpoint"]["arrays"]
        wanted = {"x": np.full([3_000_000], 3.0, np.float32), "host": np.arange(3)}
        for name, array in wanted.items():
            (digest,) = arrays[name]["pieces"].values()
            assert digest == checksums.array_sha256(array)


def test_no_hash_is_taken_by_the_thread_that_trains(tmp_path, monkeypatch):
    threads = []
    real = checksums.array_sha256
    told = lambda array: threads.append(threading.current_thread()) or real(array)  # noqa: E731
    monkeypatch.setattr(checksums, "array_sha256", told)
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, {"x": jnp.ones(5)}, {})
        checkpoints.wait()
    assert threads and threading.main_thread() not in threads
