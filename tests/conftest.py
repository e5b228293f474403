"""Settings that every test shares: compiled programs and built data are kept between runs."""

import os
import pathlib

CACHE = pathlib.Path(__file__).parent.parent / ".cache"

os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(CACHE / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")
os.environ.setdefault("ZOO_DATA_DIR", str(CACHE / "data"))
os.environ.setdefault("MPLBACKEND", "agg")
