"""Damage in any file of state: the state before, a silent rebuild, or one line; no traceback."""

import json
import logging
import random
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo import durable
from zoo.cli import compile_cache, endless_files
from zoo.cli.endless_files import BEFORE, STATE, EndlessStream, load_state, load_stream
from zoo.data import descriptions
from zoo.errors import BadInput
from zoo.pretrained import obtain

CHANCE = random.Random(5)
FACTS = {"config": "toy", "weights_sha256": "w", "prompt": None}
LIKE = {"a": jax.ShapeDtypeStruct([40], "float32"), "b": jax.ShapeDtypeStruct([], "int32")}


def spoilt(data: bytes, count: int = 60):
    """A file cut anywhere, emptied, longer, overwritten, or with bits turned."""
    yield from (data[: len(data) // 2], b"", data + b"\0", bytes(len(data)), data[1:])
    for _ in range(count):
        changed = bytearray(data)
        changed[CHANCE.randrange(len(data))] ^= 1 << CHANCE.randrange(8)
        yield bytes(changed)


def save(folder, written):
    state = {"a": jnp.full([40], written, jnp.float32), "b": jnp.int32(written)}
    endless_files.save_stream(
        folder, state, EndlessStream(1, 0, 1.0, 8000, 8000, written=written), FACTS
    )


def test_a_stream_goes_on_from_the_chunk_before(tmp_path):
    for written in (1, 2):
        save(tmp_path, written)
    whole = (tmp_path / STATE).read_bytes()
    for data in spoilt(whole):
        (tmp_path / STATE).write_bytes(data)
        assert load_stream(tmp_path, FACTS)[0].written == 1
        assert int(load_state(tmp_path, LIKE)["b"]) == 1
    (tmp_path / STATE).unlink()  # killed between two renames
    assert load_stream(tmp_path, FACTS)[0].written == 1
    (tmp_path / STATE).write_bytes(whole)
    assert load_stream(tmp_path, FACTS)[0].written == 2
    np.testing.assert_array_equal(load_state(tmp_path, LIKE)["a"], np.full(40, 2))
    for name in (STATE, BEFORE):
        (tmp_path / name).write_bytes(whole[:-9])
    with pytest.raises(BadInput, match=r"is damaged.*put a copy back") as caught:
        load_stream(tmp_path, FACTS)
    assert "\n" not in str(caught.value)
    endless_files.forget(tmp_path)
    with pytest.raises(BadInput, match="no stream was saved"):
        load_stream(tmp_path, FACTS)


@pytest.mark.parametrize(
    "about",
    [
        "",
        "[]",
        "null",
        "{}",
        "[" * 99_999,
        {"stream": 3},
        {"stream": {}},
        {"stream": {"count": 1}},
        {"count": -1},
        {"count": "2"},
        {"count": True},
        {"chunk": 0},
        {"count": 2**60},
        {"written": -1},
        {"sample_rate": 8000.5},
        {"more": 1},
        {"prompt": "file"},
        {"prompt": {"file": 3, "seconds": 1}},
        {"prompt": {"file": "a"}},
    ],
    ids=lambda about: str(about)[:30],
)
def test_a_stream_of_a_stranger_is_one_line(tmp_path, about):
    save(tmp_path, 1)
    if isinstance(about, dict):
        good = json.loads((tmp_path / "endless.json").read_text())
        change = (
            about if about.keys() & {"stream", "prompt"} else {"stream": good["stream"] | about}
        )
        about = json.dumps(good | change)
    durable.write_sealed(tmp_path / STATE, lambda file: np.savez(file, about=np.array(about)))
    (tmp_path / BEFORE).unlink(missing_ok=True)
    with pytest.raises(BadInput, match="not as the zoo writes it") as caught:
        load_stream(tmp_path, FACTS)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_kept_weights_are_obtained_anew(tmp_path, monkeypatch):
    arrays, fetched = {"w": np.arange(50.0), "file": np.ones([2, 3], np.int8)}, []
    record = SimpleNamespace(name="toy", fingerprint="f", wheel="")
    monkeypatch.setenv("ZOO_WEIGHTS_DIR", str(tmp_path))
    monkeypatch.setattr(obtain, "_lying", lambda *_: {})
    monkeypatch.setattr(obtain, "_fetch", lambda *_: fetched.append(1) or {})
    monkeypatch.setattr(obtain, "_read", lambda *_: arrays)
    obtain.obtain_arrays(record)
    kept = tmp_path / "toy-f.npz"
    whole = kept.read_bytes()
    obtain.obtain_arrays(record)
    assert len(fetched) == 1
    for count, data in enumerate(spoilt(whole), 2):
        kept.write_bytes(data)
        for _ in range(2):  # the second time it is there again
            read = obtain.obtain_arrays(record)
            assert read.keys() == arrays.keys()
            np.testing.assert_array_equal(read["w"], arrays["w"])
        assert len(fetched) == count and kept.read_bytes() == whole


def test_compiled_programs_are_made_anew(tmp_path):
    cache = compile_cache.SealedCache(tmp_path / "deep" / "cache")
    assert cache.get("key") is None
    cache.put("key", b"program" * 50)
    (path,) = (tmp_path / "deep" / "cache").iterdir()
    whole = path.read_bytes()
    for data in spoilt(whole):
        path.write_bytes(data)
        assert cache.get("key") is None
        cache.put("key", b"program" * 50)
        assert cache.get("key") == b"program" * 50
    blocked = compile_cache.SealedCache(path / "no" / "folder")
    blocked.put("key", b"x")
    assert blocked.get("key") is None


def test_jax_takes_our_cache(tmp_path):
    from jax._src import compilation_cache

    former = jax.config.jax_compilation_cache_dir, compilation_cache.get_file_cache
    try:
        compile_cache.use_compile_cache(str(tmp_path))
        cache, path = compilation_cache.get_file_cache(str(tmp_path))
        assert isinstance(cache, compile_cache.SealedCache) and path == str(tmp_path)
    finally:
        compilation_cache.get_file_cache = former[1]
        jax.config.update("jax_compilation_cache_dir", former[0])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    (folder / "dataset_info.json").write_text(json.dumps({"name": "x", "splits": []}))
    (folder / "features.json").write_text(json.dumps({"type": "y", "shape": [3]}))
    (folder / "metadata.json").write_text(json.dumps({"about": {"fingerprint": "z"}}))
    (folder / "tracks.json").write_text(json.dumps({"train": []}))
    descriptions.seal_build(folder)
    return folder


@pytest.mark.parametrize("name", [*descriptions._FILES, descriptions.HASHES])
def test_descriptions_of_data_are_checked(data, name):
    assert descriptions.is_whole(data)
    whole = (data / name).read_bytes()
    for content in spoilt(whole, 200):
        (data / name).write_bytes(content)
        # JSON may change without changing what it says, in the list of hashes alone.
        same = name == descriptions.HASHES and said(content) == said(whole)
        assert descriptions.is_whole(data) == same, content
    (data / name).write_bytes(whole)


def said(content):
    try:
        return json.loads(content)
    except ValueError:
        return None


def test_descriptions_without_hashes_have_to_be_json(data):
    hashes = data / descriptions.HASHES
    former = hashes.read_bytes()
    hashes.unlink()
    assert descriptions.is_whole(data)
    for name in descriptions._FILES:
        whole = (data / name).read_bytes()
        for content in (b"", whole[:-2], b"[]", b"\xff" + whole):
            (data / name).write_bytes(content)
            assert descriptions.damage(data) == name
        (data / name).write_bytes(whole)
    hashes.write_bytes(former)


def test_damaged_data_are_prepared_anew_or_refused_in_one_line(tmp_path, capsys):
    import soundfile

    from zoo.data.sets.folder import Folder

    logging.getLogger("absl").setLevel(logging.ERROR)
    rng = np.random.default_rng(0)
    for number in range(6):
        path = tmp_path / "songs" / f"{number}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, rng.uniform(-0.5, 0.5, 8000), 8000)
    source = Folder(str(tmp_path / "songs"), 8000, chunk_seconds=1.0, data_dir=str(tmp_path / "d"))
    source.prepare()
    first = np.asarray(source.open("train")[0]["audio"])
    for name in (*descriptions._FILES, descriptions.HASHES):
        path = source.directory / name
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 2
        path.write_bytes(bytes(data))
        with pytest.raises(BadInput, match="is damaged: prepare") as caught:
            source.open("train")
        assert "\n" not in str(caught.value)
        source.prepare()
        np.testing.assert_array_equal(np.asarray(source.open("train")[0]["audio"]), first)
