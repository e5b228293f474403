"""The walls of the house, the length of its files, and the shape lines of its docstrings."""

import ast
import configparser
import importlib
import re
import subprocess
import sys
from collections import defaultdict
from fnmatch import fnmatch
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted(p for p in (ROOT / "zoo").rglob("*.py"))
SCRIPTS = [ROOT / name for name in ("train.py", "evaluate.py", "sample.py")]
CONFIGS = sorted(p for p in (ROOT / "configs").rglob("*.py") if p.stem != "__init__")

# room -> what it may import of the zoo, besides LEAVES; None: anything.
LEAVES = {
    "commands",
    "durable",
    "errors",
    "escapes",
    "locks",
    "machine",
    "network",
    "numerals",
    "places",
    "tuning",
    "vocabulary",
    "writing",
}
ROOMS = {
    "signal": {"signal"},
    "layers": {"layers", "signal"},
    "losses": {"losses", "signal"},
    "distributions": {"signal"},
    "models": {"layers", "signal", "distributions"},
    "objectives": {"objectives", "losses", "signal", "distributions", "sampling", "layers"},
    "training": {"training", "objectives", "mesh"},
    "audio": {"audio"},
    "data": {"data", "audio"},
    "metrics": {"metrics"},
    "sampling": {"sampling", "distributions", "signal", "mesh"},
    "mesh": set(),
    "checkpoints": None,
}
FOREIGN = {
    "signal": {"flax", "optax", "librosa", "soundfile"},
    "audio": {"jax", "flax", "optax"},
    "data": {"jax", "flax", "optax"},
    "metrics": {"flax", "optax"},
    "models": {"optax", "soundfile", "librosa"},
}
ON_DEVICE = {"device_transforms.py", "device_augmentation.py"}  # those of `data` that it runs
LONGEST = 350
DRAWERS = {"utils", "util", "common", "helpers", "helper", "misc"}


def room(path: Path) -> str:
    parts = path.relative_to(ROOT / "zoo").parts
    return parts[0].removesuffix(".py")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_rooms_reach_into_those_below_alone():
    wrong = {}
    for path in FILES:
        allowed = ROOMS.get(room(path))
        inside = {n.split(".")[1] for n in imports(path) if n.startswith("zoo.")} - LEAVES
        allowed = allowed and allowed | ({"signal"} if path.name in ON_DEVICE else set())
        if allowed is not None and inside - allowed:
            wrong[name(path)] = inside - allowed
    assert not wrong


def test_every_name_that_is_imported_is_there():
    """Of all modules, and of what is run by hand alone: a removed name would break it unseen."""
    for path in FILES:
        if path.name != "__main__.py":
            importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    by_hand = [*SCRIPTS, *CONFIGS, *(ROOT / "benchmarks").rglob("*.py"), *FILES]
    missing = {
        f"{name(path)}: {wanted}"
        for path in by_hand
        for wanted in imports(path)
        if wanted.startswith("zoo.") and not there(wanted)
    }
    assert not missing


def there(wanted: str) -> bool:
    """Whether `module.name`, of the zoo, can be imported."""
    module, _, last = wanted.rpartition(".")
    try:
        return hasattr(importlib.import_module(module), last) or bool(
            importlib.import_module(wanted)
        )
    except ModuleNotFoundError:
        return False


def test_rooms_import_no_foreign_package_that_is_not_theirs():
    never = {"configs", "tensorflow", "torch"}
    own = {file: {"jax"} for file in ON_DEVICE}
    wrong = {}
    for path in FILES:
        used = {n.split(".")[0] for n in imports(path)} - own.get(path.name, set())
        if found := used & (FOREIGN.get(room(path), set()) | never):
            wrong[name(path)] = found
    assert not wrong


def test_configs_do_not_import_each_other():
    own = ("configs", "zoo.configs")
    wrong = [name(path) for path in CONFIGS if any(n.startswith(own) for n in imports(path))]
    assert not wrong


def test_files_are_short():
    lengths = {name(p): len(p.read_text().splitlines()) for p in (*FILES, *SCRIPTS, *CONFIGS)}
    assert not {path: length for path, length in lengths.items() if length > LONGEST}


def test_no_line_is_kept_from_the_formatter():
    marks = ("fmt: " + "skip", "fmt: " + "off")
    files = (*FILES, *SCRIPTS, *CONFIGS, *(ROOT / "tests").rglob("*.py"))
    assert not [name(p) for p in files if any(mark in p.read_text() for mark in marks)]


def test_no_two_files_of_tests_share_a_name():
    """pytest imports them by it."""
    names = sorted(p.name for p in (ROOT / "tests").rglob("test_*.py"))
    assert [one for one, other in pairwise(names) if one == other] == []


def test_pytorch_is_no_condition_of_the_tests():
    """An oracle where it is installed: `pytest.importorskip("torch")`."""
    bare = re.compile(r"^\s*(?:import torch\b|from torch\b)", re.M)
    paths = [p for p in (ROOT / "tests").rglob("*.py") if bare.search(p.read_text())]
    assert not paths, f"they fail without PyTorch: {paths}"


def test_files_are_named_for_a_thing():
    assert not [name(path) for path in (*FILES, *SCRIPTS, *CONFIGS) if path.stem in DRAWERS]


SHAPE = re.compile(r"\[(\.\.\.|[^\]]*[A-Z0-9][^\]]*)\]|same shape")


def public_functions(path: Path):
    for node in tree(path).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node


def is_linen(node) -> bool:
    bases = node.bases if isinstance(node, ast.ClassDef) else ()
    return any("Module" in ast.unparse(base) for base in bases)


def of_arrays(node) -> bool:
    """A linen module, or a function that returns an array."""
    if isinstance(node, ast.ClassDef):
        return is_linen(node)
    return node.returns is not None and ast.unparse(node.returns) in ("jax.Array", "Array")


def test_docstrings_give_shapes():
    """The docstring's first paragraph of a public function of arrays or module names a shape."""
    wrong = []
    for path in (p for p in FILES if room(p) in ("signal", "layers", "models")):
        for node in public_functions(path):
            text = ast.get_docstring(node) or ""
            if not text or (of_arrays(node) and not SHAPE.search(text.split("\n\n")[0])):
                wrong.append(f"{name(path)}: {node.name}")
    assert not wrong, "a docstring, of arrays with their shapes in its first paragraph"


# Names that modules share because something asks each of them by it (CONTRIBUTING, Style).
SHARED = {
    "zoo/cli": {"main", "parser", "add_command"},
    "zoo/pretrained": {"record"},
    "zoo/data": {
        *("Gain", "Group", "Mixture", "Peak", "PolarityFlip", "Standardise", "SwapChannels"),
        "ToFloat",
    },
}


def test_a_name_is_one_thing():
    """A public function or class stands in one module. Of a paper's parts several have one each:
    linen modules, whose names are in the paths of weights."""
    places, linen = defaultdict(list), defaultdict(list)
    for path in FILES:
        shared = [n for at, ns in SHARED.items() if name(path).startswith(at) for n in ns]
        for node in public_functions(path):
            if node.name not in shared:
                (linen if is_linen(node) else places)[node.name].append(name(path))
    twice = {n: paths + linen[n] for n, paths in places.items() if len(paths + linen[n]) > 1}
    assert not twice, f"say what it does (`read_midi`, not `read`), or begin with `_`: {twice}"


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]])
def test_ruff_is_content(command):
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *command, "."], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_mypy_is_content(tmp_path):
    """Every file, with the options of setup.cfg."""
    command = [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_example_of_the_guide_is_ruff_clean():
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    blocks = re.findall(r"`(\S+\.py)`:\n\n```python\n(.*?)```", guide, re.S)
    assert len(blocks) == 2
    for name, text in blocks:  # I001: ruff takes a module that is not there yet for a foreign one
        command = ["ruff", "check", "--ignore", "I001", "--stdin-filename", name, "-"]
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=ROOT, input=text, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout


def test_every_package_is_in_the_wheel():
    listed = (ROOT / "setup.cfg").read_text()
    packages = {p.parent.relative_to(ROOT) for p in FILES}
    for package in packages:
        assert f"\n    {'.'.join(package.parts)}\n" in listed, package


def test_every_file_of_the_library_is_in_the_wheel():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    data = {k: v.replace(" ", "").split(",") for k, v in config["options.package_data"].items()}
    for path in (ROOT / "zoo").rglob("*"):
        if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts:
            package = ".".join(path.parent.relative_to(ROOT).parts)
            kinds = (*data["*"], *data.get(package, ()))
            assert any(fnmatch(path.name, kind) for kind in kinds), path
    commands = config["options.entry_points"]["console_scripts"]
    assert commands.strip() == "zoo = zoo.cli.main:main"


def test_help_comes_at_once():
    """`--help` imports neither jax nor librosa: it must answer in under a second."""
    code = "import sys; sys.argv = ['x', '--help']; import train, evaluate, sample\n"
    code += "for m in (train, evaluate, sample):\n    try: m.main(['--help'])\n"
    code += "    except SystemExit: pass\n"
    code += "assert not {'jax', 'librosa', 'flax'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


SOUNDS = {"audio", "stems", "mixture"}
RECORDS = re.compile(r"record|chunk|piece", re.I)


def takes_sound_by_hand(node: ast.AST) -> bool:
    """Whether it indexes or gets audio or stems of something that is called a record."""
    if isinstance(node, ast.Subscript):
        owner, key = node.value, node.slice
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        if node.func.attr not in ("get", "pop", "__getitem__"):
            return False
        owner, key = node.func.value, node.args[0]
    else:
        return False
    named = isinstance(key, ast.Constant) and key.value in SOUNDS
    named = named or ast.unparse(key) == "self.key"
    return named and bool(RECORDS.search(ast.unparse(owner)))


def test_sound_of_records_is_taken_in_one_way():
    """Zeros fill up short records, so no protocol indexes their audio: `unpadded_audio`."""
    rooms = ("evaluation", "objectives", "songs", "pages", "report", "interpret", "runs")
    for path in (p for p in FILES if room(p) in rooms):
        tree = ast.parse(path.read_text())
        allowed = set()
        if path.name == "base.py":
            one_way = {"unpadded_audio", "padded_audio", "sounding_frames"}
            found = [n for n in ast.walk(tree) if getattr(n, "name", "") in one_way]
            allowed = {inner for node in found for inner in ast.walk(node)}
        by_hand = [n for n in ast.walk(tree) if takes_sound_by_hand(n) and n not in allowed]
        told = [f"{path.name}:{node.lineno}: {ast.unparse(node)}" for node in by_hand]
        assert not told, f"take them by unpadded_audio(record): {told}"


@pytest.mark.parametrize(
    "line, wrong",
    [
        ('record["audio"]', True),
        ("record[self.key][:5]", True),
        ('records[index]["stems"]', True),
        ('record.get("audio")', True),
        ('batch["audio"]', False),
        ('record["tags"]', False),
        ("unpadded_audio(record)", False),
    ],
)
def test_what_takes_sound_by_hand_is_seen(line, wrong):
    assert any(takes_sound_by_hand(node) for node in ast.walk(ast.parse(line))) == wrong
