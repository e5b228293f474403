"""What a bug report needs: versions, devices, codecs, memory, where data lies."""

from __future__ import annotations

import platform
import shutil
from importlib import metadata
from importlib.util import find_spec

from zoo import commands

_PACKAGES = (
    "waveform-zoo",
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "orbax-checkpoint",
    "grain",
    "array_record",
    "tensorflow-datasets",
    "librosa",
    "soundfile",
    "soxr",
    "numpy",
    "scipy",
    "scikit-learn",
    "matplotlib",
    "tensorboardX",
    "music21",
    "pretty_midi",
    "torch",
)


def diagnose() -> str:
    """A few lines per subject; what is missing is said with what it is needed for."""
    import jax
    import soundfile

    from zoo import machine
    from zoo.data import records

    lines = [f"python {platform.python_version()} on {platform.system()} {platform.machine()}"]
    lines += [f"{name:<22}{installed_version(name)}" for name in _PACKAGES]
    devices = jax.devices()
    lines.append(f"devices: {len(devices)} x {devices[0].device_kind} ({jax.default_backend()})")
    for device in devices[:1]:
        memory = (device.memory_stats() or {}).get("bytes_limit")
        if memory:
            lines.append(f"device memory: {memory / 2**30:.1f} GiB each")
    lines.append(f"cores: {machine.cores()}, processes: {jax.process_count()}")
    lines.append(f"malloc: {_malloc()}")
    lines.append(f"compiled sampling: {_compiled()}")
    known = soundfile.available_formats()
    formats = {k: k in known for k in ("WAV", "FLAC", "OGG", "MP3")}
    lines.append("audio: " + ", ".join(f"{k} {'yes' if v else 'NO'}" for k, v in formats.items()))
    if not (find_spec("music21") and find_spec("pretty_midi")):
        lines.append(f"embedded data set: not installed ({commands.MUSIC})")
    folder = records.data_dir()
    place = folder if folder.exists() else folder.parent
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    lines.append(f"data: {folder} ({free / 2**30:.0f} GiB free)")
    return "\n".join(lines)


def _compiled() -> str:
    """Whether samples can be drawn by compiled code, and by whose."""
    from zoo.sampling.native import library

    try:
        library.load_library("gated_stack")
        return f"yes ({library.compiler()})"
    except library.Unavailable as error:
        return f"NO, by XLA's loop: {error}"


def _malloc() -> str:
    """Whose allocator runs, and what is faster on CPUs."""
    from zoo import machine

    name = machine.allocator()
    if name == "glibc":
        return "glibc (steps on CPUs are shorter with tcmalloc: docs/guides/speed.md)"
    return name


def installed_version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "-"
