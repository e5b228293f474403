"""What the documents say to type is what the commands take, and their Python runs as printed."""

import ast
import inspect
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import create_autospec

import pytest

import zoo
from zoo import catalog
from zoo import experiment as experiments
from zoo.cli import evaluate, main, sample, train
from zoo.data import device_transforms, stem_transforms, transforms
from zoo.data.pipeline import Data
from zoo.data.sets.folder import Folder
from zoo.data.track_crops import TrackCrop
from zoo.front.system import System
from zoo.pretrained.own_files import READERS

ROOT = Path(__file__).parent.parent
GUIDES = sorted((ROOT / "docs").rglob("*.md"))
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *GUIDES]
BLOCK = re.compile(r"^( *)```(\w+)[^\n]*\n(.*?)^ *```", re.S | re.M)
COMMAND = re.compile(r"\S*python3? (train|evaluate|sample)\.py|\S*python3? -m (zoo)\b|^ *(zoo) ")
SCRIPTS = {"train": train, "evaluate": evaluate, "sample": sample}
NAMES = re.compile(r"^(NAME|RUN|CONFIG|YOUR_\w+|\.\.\.)$")
NEVER_TRAINED = {"small_score_render"}  # of the guide


def blocks(kind):
    for path in DOCUMENTS:
        text = path.read_text()
        for match in BLOCK.finditer(text):
            if match[2] == kind:
                line = text[: match.start()].count("\n") + 1
                yield pytest.param(path, match[3], id=f"{path.name}:{line}")


def commands():
    """(place, script, words) of every command of the zoo in blocks of shell and in the text."""
    for path in DOCUMENTS:
        text = path.read_text()
        inside = [match[3] for match in BLOCK.finditer(text) if match[2] in ("bash", "shell", "sh")]
        outside = re.findall(r"`([^`\n]+)`", BLOCK.sub("", text))
        for piece in [*inside, *outside]:
            for line in re.sub(r" *\\\n *", " ", piece).splitlines():
                for part in re.split(r"&&|;|\|", re.sub(r"(^|\s)#.*", "", line)):
                    if found := COMMAND.search(part):
                        script = next(filter(None, found.groups()))
                        words = shlex.split(balanced(part[found.end() :]))
                        if "--help" in words or (piece in outside and len(words) < 2):
                            continue  # the name of a command, in a sentence
                        yield pytest.param(script, words, id=f"{path.name}-{part.strip()[:70]}")


def balanced(text):
    """Without the quote that closes one before the command, as of `srun "python ..."`."""
    return text if text.count('"') % 2 == 0 else text.replace('"', "")


def parsed(script, words):
    if script == "zoo":
        if words[0] in SCRIPTS:
            return parsed(words[0], words[1:])
        words = main.gathered(words) if words[0] in ("repeat", "compile", "draw") else words
        return main.parsed().parse_args(words)
    return SCRIPTS[script].parser(script).parse_intermixed_args(words)


def is_config(name):
    stem, _, row = name.partition(".")
    entries = {entry.name: entry for entry in catalog.entries()}
    known = stem in entries and (not row or row in {r.name for r in entries[stem].rows})
    return known or name in NEVER_TRAINED


@pytest.mark.parametrize(("script", "words"), list(commands()))
def test_a_command_is_what_its_parser_takes(script, words):
    options = parsed(script, [word for word in words if word != "..."])
    if script == "zoo" and words[0] in SCRIPTS:
        script = words[0]
    config = getattr(options, "config", None) or getattr(options, "name", None)
    if config and not config.endswith(".py") and not NAMES.match(config):
        assert is_config(config), config
    checkpoint = getattr(options, "checkpoint", None)
    if checkpoint and not NAMES.match(checkpoint):
        run = checkpoint.partition("runs/")[2]
        known = checkpoint in zoo.list(weights=True) or Path(checkpoint).suffix in READERS
        assert is_config(run) if run else known, checkpoint
    given = [w for w in getattr(options, "arguments", ()) if w != "path=..."]
    if config and given and is_config(config) and config not in NEVER_TRAINED:
        experiments.find_config(config).parse(given)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text())
    lost = [t for t in targets if "://" not in t and not t.startswith("mailto:")]
    lost = [t for t in lost if not (path.parent / t).exists() and not made_by_the_site(t)]
    assert not lost


def made_by_the_site(target):
    made = ("systems/", "reference/", "compiled.md")
    return target.removeprefix("../").startswith(made)


class Recorded:
    """In place of the zoo's functions: takes what they take, by their signatures."""

    def __init__(self, called):
        self.called = called

    def load(self, *given, **named):
        inspect.signature(zoo.load).bind(*given, **named)
        self.called.append("zoo.load")
        return create_autospec(System, instance=True)

    def stand_in(self, function):
        returned = function.__annotations__.get("return")
        wanted = getattr(sys.modules[function.__module__], str(returned), None)

        def call(*given, **named):
            inspect.signature(function).bind(*given, **named)
            self.called.append(function.__name__)
            names = getattr(wanted, "__dataclass_fields__", ())
            return SimpleNamespace(**dict.fromkeys(names, 0))

        return call


IN_PIECES = [Data, Folder, TrackCrop]  # what the guide on data puts together without imports
IN_PIECES += [transforms.Keep, device_transforms.ToFloat, stem_transforms.Standardise]
IN_PIECES += [device_transforms.Gain, device_transforms.Mixture]


def run_as_printed(text, called):
    """A block, with a record in place of what would load weights or read files."""
    recorded = Recorded(called)
    space = {kind.__name__: kind for kind in IN_PIECES} | {"STEMS": ("drums", "bass")}
    space["zoo"] = recorded
    for node in ast.parse(text).body:
        code = compile(ast.Module([node], []), "block", "exec")
        if isinstance(node, ast.Import) and node.names[0].name == "zoo":
            continue
        exec(code, space)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("zoo.songs"):
            for name in node.names:
                space[name.name] = recorded.stand_in(space[name.name])
        if isinstance(node, ast.Assign) and "model" in ast.unparse(node.targets[0]):
            assert called


@pytest.mark.parametrize(("path", "text"), list(blocks("python")))
def test_python_runs_as_printed(path, text, tmp_path, monkeypatch):
    """What needs a song or weights is called by its signature; the guide's two files run below."""
    if "Small" in text:
        return
    monkeypatch.chdir(tmp_path)
    before = "model = zoo.load('x')\n" if "model" in text and "model =" not in text else ""
    called = []
    run_as_printed(before + text, called)
    if before:
        called.remove("zoo.load")
    assert called or "zoo" not in text


@pytest.mark.parametrize(
    ("block", "error"),
    [
        ("import zoo\nmodel = zoo.load(step=3)", TypeError),
        ("import zoo\nmodel = zoo.load('x')\nmodel.tag('song.mp3')", AttributeError),
        ("import zoo\nmodel = zoo.load('x')\nmodel.embed('s', overtime=True)", TypeError),
        ("from zoo.songs.midi_files import write_notes", ImportError),
        ("from zoo.songs.chain import chain\nchain('s', notes=0).made", AttributeError),
        ("Folder('~/songs', 44_100, 2, stem=STEMS)", TypeError),
    ],
)
def test_a_block_that_is_out_of_date_fails(block, error):
    with pytest.raises(error):
        run_as_printed(block, [])


def test_readme_is_short_and_its_numbers_are_the_table_s():
    readme = (ROOT / "README.md").read_text()
    prose = [line for line in readme.splitlines() if not line.startswith("|")]  # tables grow
    assert len(prose) <= 140


@pytest.mark.slow
def test_the_example_of_the_guide_passes_the_tests_that_it_names(tmp_path):
    """In a copy of the tree: the two files as printed, and the command that stands below them."""
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    copy = tmp_path / "copy"
    hidden = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info")

    def left_out(folder: str, names: list[str]) -> set[str]:
        made = {"runs", "out", "build"} if Path(folder) == ROOT else set()
        return hidden(folder, names) | (made & set(names))

    shutil.copytree(ROOT, copy, ignore=left_out)
    for name, text in re.findall(r"`(\S+\.py)`:\n\n```python\n(.*?)```", guide, re.S):
        (copy / name).write_text(text)
    (ROOT / ".cache").mkdir(exist_ok=True)
    (copy / ".cache").symlink_to(ROOT / ".cache")  # the records that other tests have rendered
    named = re.search(r"`python -m (pytest tests/test_zoo\.py -k small)`", guide)[1].split()
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    done = subprocess.run(
        [sys.executable, "-m", *named, "-n", "0", "--basetemp", str(tmp_path / "t")],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    ran = int(re.search(r"(\d+) passed", done.stdout)[1])
    assert ran >= 7
