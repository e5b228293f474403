"""The documentation's site is built from the tree as it stands, warnings being errors."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from zoo import catalog

ROOT = Path(__file__).parent.parent
EXTRA = ("mkdocs", "material", "mkdocstrings", "mkdocs_gen_files")
MISSING = [name for name in EXTRA if importlib.util.find_spec(name) is None]


@pytest.mark.slow
@pytest.mark.skipif(bool(MISSING), reason=f"pip install '.[docs]': {', '.join(MISSING)} lacking")
def test_the_site_is_built_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path)]
    quiet = {"NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"}
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **quiet}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    systems = {Path(e.model).stem for e in catalog.entries() if e.model}
    pages = {path.parent.name: path.read_text() for path in tmp_path.glob("systems/*/index.html")}
    assert systems <= set(pages)
    assert "crepe_full" in pages["crepe"] and "MIT" in pages["crepe"]
    assert "demucs_musdb18.v2" in pages["demucs"] and "Agrees with" in pages["demucs"]
    assert "architecture/demucs.svg" in pages["demucs"] and "Demucs, 648,548,208" in pages["demucs"]
    assert (tmp_path / "architecture" / "demucs.svg").is_file()
    heard = re.findall(r'<audio[^>]*src="([^"]+)"', pages["wave_unet"])
    assert len(heard) >= 5  # the piece and its stems
    assert all(
        (tmp_path / "systems" / "wave_unet" / source).resolve().is_file() for source in heard
    )
    assert "read_blocks" in (tmp_path / "reference" / "audio" / "index.html").read_text()
