"""Peak memory of separating a long song over that of a short one, each in a process of its own.

  python benchmarks/separation_memory.py [short=60] [long=600]     (seconds of stereo at 44.1 kHz)

Prints JSON. The model is a small untrained Wave-U-Net: memory depends on segments, not on weights.
"""

import json
import platform
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import in_turns
import numpy as np
from in_turns import parsed

ROOT = Path(__file__).parent.parent


def separate(seconds: int) -> None:
    """Writes noise of that length, separates it, prints the peak resident size in MB."""
    import jax
    import soundfile

    from zoo import experiment, machine, mesh
    from zoo.runs import inference
    from zoo.songs.stem_files import separate_file

    machine.keep_freed_memory()  # as sample.py does
    made = experiment.find_config("wave_unet_score_render").experiment(levels=6, width=4)
    spec = made.data.spec(1)
    variables = jax.jit(made.objective.init)(jax.random.key(0), spec)
    predict = inference.predictor(made.objective, mesh.make_mesh())(variables)
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        song = Path(folder) / "song.wav"
        with soundfile.SoundFile(song, "w", 44_100, 2) as file:
            for _ in range(seconds):
                file.write(random.uniform(-0.1, 0.1, (44_100, 2)))
        separate_file(predict, song, Path(folder) / "stems", made.evaluation.how)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        return separate(int(sys.argv[2]))
    lengths = parsed(sys.argv[1:], {"short": 60, "long": 600})
    peaks = {}
    for name, seconds in lengths.items():
        command = [sys.executable, __file__, "--one", str(seconds)]
        # Without JAX's cache: the second process would not compile, which takes memory, too.
        env = in_turns.environment({})
        done = subprocess.run(
            command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, check=True
        )
        peaks[name] = float(done.stdout.split()[-1])
    report = {
        "seconds": lengths,
        "peak_mb": {k: round(v) for k, v in peaks.items()},
        "ratio": round(peaks["long"] / peaks["short"], 3),
        "machine": f"{platform.machine()}, CPU",
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
