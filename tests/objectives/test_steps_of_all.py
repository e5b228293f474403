"""Every objective that learns in turns has a step that is compared with a loss written again."""

import ast
import importlib
import inspect
import pkgutil
from pathlib import Path

import zoo.objectives

HERE = Path(__file__).parent
# Its gradients, of random parameters, are compared with torch's where its nets are.
ELSEWHERE = {
    "Translation": "models/test_music_translation.py::test_losses_and_gradients_equal_torch",
    "QuantisedAutoencoder": "models/test_vqvae_parity.py::"
    "test_loss_codes_and_gradients_equal_torch",
}
WITHOUT_TURNS = {
    "BagOfFrames",
    "Blind",
    "ClosedForm",
    "DeepBelief",
    "DeepPrior",
    "Fitted",
    "Probe",
    "SourceBases",
}


def objectives() -> set[str]:
    """Names of all classes with turns in zoo.objectives, but for the protocols."""
    found = set()
    for module in pkgutil.iter_modules(zoo.objectives.__path__):
        full = importlib.import_module(f"zoo.objectives.{module.name}")
        for name, kind in inspect.getmembers(full, inspect.isclass):
            if (
                kind.__module__ == full.__name__
                and module.name != "base"
                and hasattr(kind, "turns")
            ):
                found.add(name)
    return found


def calls(path: Path) -> set[str]:
    """Names of classes that a test file makes, and of which it takes a step."""
    tree = ast.parse(path.read_text())
    functions = [
        n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name.startswith("test")
    ]
    made = set()
    for function in functions:
        names = {
            n.func.id
            for n in ast.walk(function)
            if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
        }
        made |= names if "assert_step" in names else set()
    return made


def test_none_is_left_out():
    stepped = set().union(*(calls(path) for path in HERE.glob("test_steps_of_*.py")))
    wanted = objectives() - WITHOUT_TURNS - set(ELSEWHERE)
    assert wanted <= stepped, f"take a step of {wanted - stepped} in tests/objectives"
    for name, where in ELSEWHERE.items():
        path, test = where.split("::")
        text = (HERE.parent / path).read_text()
        assert name in text and f"def {test}(" in text
