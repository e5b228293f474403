"""Peak memory of separating songs of 1, 10 and 60 minutes, for every separator of the catalogue.

  python benchmarks/separation_memory.py [systems=nmf_score_render,zoo/wave_unet] [minutes=1,10,60]
      [rate=44100] [channels=2] [song=wav] [form=wav] [narrow=1] [out=FILE]

Systems are configs, with random weights, or names of weights; without any, each config that
separates a mixture. A song of noise (of as many channels as a system insists on) is separated as
`sample.py --input` does it: stems, levels, page. narrow=1 takes from a config's SMOKE how wide and
deep a net is, and how long something is fitted: neither changes what is held of a song.

Prints a row for each system and writes it to `out`, whose rows of other systems or songs stay.
`peak_mb` is the resident size at its largest, of a process for each song; `ratio` that of the
last song over that of the one before. The first process compiles the programs, the others find
them: compiling takes memory too, under which the growth with a longer song would not be seen.
Commands keep freed memory (`zoo/machine.py`), whose holes grow for some ten minutes of a song, now
more, now less: MALLOC_ARENA_MAX=1 before the command shows what is held without them.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import in_turns
import numpy as np
from in_turns import Options

from zoo import catalog, machine

WIDTHS = (  # arguments of configs by which a net is small, or fitted soon
    *("width", "widths", "filters", "bottleneck", "hidden", "skip", "skip_width", "final"),
    *("levels", "depth", "layers", "blocks", "repeats", "stacks", "rank", "atoms", "iterations"),
)
SONG = dict(rate=44_100, channels=2, song="wav", form="wav", narrow=1)
DEFAULTS = dict(systems="", minutes="1,10,60", **SONG, out="", child="")


def separators() -> list[str]:
    """The configs that take a mixture apart without its stems, which oracles have."""
    return [entry.name for entry in catalog.entries("separation") if "oracle" not in entry.name]


def loaded(name: str, narrow: bool) -> Any:
    """A config with random weights, or weights by their name."""
    from zoo.front import finding

    if not finding.is_config(name):
        return finding.load_system(name)
    smoke = catalog.read_entry(catalog.config_files()[name.partition(".")[0]]).smoke
    small = {key: smoke[key] for key in WIDTHS if key in smoke}
    return finding.create_system(name, small if narrow else {})


def write_song(path: Path, seconds: int, rate: int, channels: int) -> None:
    """Noise, second by second."""
    import soundfile

    random = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", rate, channels) as file:
        for _ in range(seconds):
            file.write(random.uniform(-0.1, 0.1, (rate, channels)))


def child(name: str, seconds: int, options: Options) -> None:
    """Separates a song of that length as sample.py does; prints what it took."""
    from zoo.cli import command_line
    from zoo.songs import own_files
    from zoo.songs.choices import Choices

    command_line.prepare_devices()
    trained = loaded(name, bool(options["narrow"])).trained
    how = trained.experiment.evaluation.how
    channels = how.channels if how.stereo == "exact" else options["channels"]
    with tempfile.TemporaryDirectory() as folder:
        song = Path(folder, f"song.{options['song']}")
        write_song(song, seconds, options["rate"], channels)
        labels = ",".join(how.sources) if how.labels else None
        chosen = Choices(
            Path(folder, "out"), input=[str(song)], labels=labels, form=options["form"]
        )
        began = time.process_time()
        if own_files.sample_to_files(trained, chosen):
            sys.exit(f"{name} separated nothing")
        spent = time.process_time() - began
    print(json.dumps({"peak_mb": peak(), "cpu_s": spent, "channels": channels}))


def peak() -> float:
    """MB of this program at most; `ru_maxrss` begins with what the process had before it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def measured(name: str, options: Options) -> dict[str, Any]:
    """The row of a system."""
    minutes = [float(word) for word in options["minutes"].split(",")]
    given = [f"{key}={options[key]}" for key in SONG]
    found = []
    with tempfile.TemporaryDirectory() as programs:
        cache = {"JAX_ENABLE_COMPILATION_CACHE": "true", "JAX_COMPILATION_CACHE_DIR": programs}
        env = in_turns.environment({}) | cache | {"TQDM_DISABLE": "1"}
        for length in minutes:
            words = [sys.executable, __file__, f"child={name}@{round(60 * length)}", *given]
            done = subprocess.run(words, env=env, check=True, stdout=subprocess.PIPE, text=True)
            found.append(json.loads(done.stdout.splitlines()[-1]))
    peaks = [one["peak_mb"] for one in found]
    return {
        "system": name,
        **{key: options[key] for key in SONG},
        "channels": found[-1]["channels"],
        "keeps_freed_memory": not machine.is_malloc_tuned(),
        "minutes": minutes,
        "peak_mb": [round(mb) for mb in peaks],
        "ratio": round(peaks[-1] / peaks[-2], 3) if len(peaks) > 1 else None,
        "cpu_s": [round(one["cpu_s"]) for one in found],
        "machine": in_turns.machine(),
    }


def keep(row: dict[str, Any], path: Path) -> None:
    """Writes the row among those of the file, in place of one of the same system and song."""
    rows = json.loads(path.read_text()) if path.exists() else []
    same = ("system", *SONG, "keeps_freed_memory")
    rows = [old for old in rows if any(old[key] != row[key] for key in same)] + [row]
    rows.sort(key=lambda one: [one[key] for key in same])
    path.write_text("[\n" + ",\n".join(f" {json.dumps(one)}" for one in rows) + "\n]\n")


def main(arguments: list[str]) -> None:
    options = in_turns.parsed(arguments, DEFAULTS)
    if options["child"]:
        name, _, seconds = options["child"].rpartition("@")
        return child(name, int(seconds), options)
    for name in options["systems"].split(",") if options["systems"] else separators():
        row = measured(name, options)
        print(json.dumps(row), flush=True)
        if options["out"]:
            keep(row, Path(options["out"]))


if __name__ == "__main__":
    main(sys.argv[1:])
