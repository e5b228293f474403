"""Names, folders and pairs: what `zoo.load` finds, what it refuses, and what importing costs."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

import zoo
from zoo import experiment as experiments
from zoo.errors import BadInput
from zoo.front import exporting, finding
from zoo.runs import pairs, trained

ROOT = Path(__file__).parents[2]
CONFIG = "samplecnn_score_render"
NOISE = np.random.default_rng(0).uniform(-0.3, 0.3, (48_000, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def made():
    return zoo.create(CONFIG, **experiments.find_config(CONFIG).entry.smoke)


@pytest.fixture(scope="module")
def pair(made, tmp_path_factory):
    """An exported system, with a program."""
    folder = tmp_path_factory.mktemp("export") / "pair"
    exporting.export(made, folder, program=True)
    return folder


@pytest.fixture
def copied(pair, tmp_path):
    return Path(shutil.copytree(pair, tmp_path / "pair"))


def test_importing_and_listing_cost_nothing():
    code = "import sys, zoo; assert not {'jax', 'numpy', 'flax'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    code = (
        "import sys; from zoo.pretrained import index; index.weights()\n"
        "from zoo.front import finding, system\n"
        "heavy = {'jax', 'flax', 'optax', 'scipy', 'sklearn', 'matplotlib', 'librosa'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_a_tagger_imports_no_renderer_separator_or_figures():
    code = (
        "import sys, zoo; zoo.create('musicnn_magnatagatune').experiment\n"
        "odd = ('matplotlib', 'sklearn', 'librosa', 'orbax', 'tensorflow_datasets', 'grain',\n"
        "       'zoo.data.score_render.soundfont', 'zoo.evaluation.separation',\n"
        "       'zoo.metrics.bss_eval')\n"
        "found = [name for name in odd if name in sys.modules]\n"
        "assert not found, found"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_lists_are_what_load_and_create_take():
    assert CONFIG in zoo.list() and CONFIG in zoo.list("classification")
    assert CONFIG not in zoo.list("separation")
    assert "musicnn_mtt" in zoo.list(weights=True)
    with pytest.raises(BadInput, match="choose classification, separation, generation"):
        zoo.list("tagging")


def test_names_that_are_none_say_which_are_near(tmp_path):
    with pytest.raises(BadInput, match="did you mean musicnn_m"):
        zoo.load("musicnn_mt")
    with pytest.raises(BadInput, match="no weights 'zoo/nothing'; of our own there are"):
        zoo.load("zoo/nothing")
    with pytest.raises(BadInput, match=r"neither checkpoints/ nor model.json"):
        zoo.load(tmp_path)
    with pytest.raises(BadInput, match="train it first"):
        zoo.load(f"runs/{CONFIG}")
    with pytest.raises(BadInput, match="has no argument 'wings'"):
        zoo.create(CONFIG, wings=3)
    with pytest.raises(BadInput, match="batch=-1 must be"):
        zoo.create(CONFIG, batch=-1)


def test_a_pair_loads_as_what_was_exported(made, pair):
    found = zoo.load(pair)
    assert found.trained.fingerprint() == made.trained.fingerprint()
    assert found.tags(NOISE, 16_000) == made.tags(NOISE, 16_000)
    facts = json.loads((pair / "model.json").read_text())
    assert facts["labels"] == list(made.labels) and facts["sample_rate"] == 16_000
    assert {"zoo", "jax", "flax"} <= facts["versions"].keys() and facts["licence"]
    for name in ("model.json", "model.safetensors"):
        assert zoo.load(pair / name).labels == made.labels


def test_our_own_weights_are_folders_of_weights(pair, tmp_path, monkeypatch):
    monkeypatch.setattr(finding, "weights_folder", lambda: tmp_path)
    shutil.copytree(pair, tmp_path / "tagger")
    assert "zoo/tagger" in zoo.list(weights=True)
    assert zoo.load("zoo/tagger").trained.config.name == CONFIG


def test_damage_is_seen_when_a_pair_is_loaded(copied):
    weights = copied / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-3] ^= 1
    weights.write_bytes(content)
    with pytest.raises(BadInput, match=r"is damaged, or not of this model.json"):
        zoo.load(copied)
    weights.unlink()
    with pytest.raises(BadInput, match="both are needed"):
        zoo.load(copied)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"format": 2}, "format 2"),
        ({"config": 3}, "no sound 'config'"),
        ({"data": {"labels": []}}, "no sound 'data'"),
        ({"config": "../../evil"}, "is no name of letters"),
        ({"name": ["x"]}, "is no text"),
        ({"arguments": {"wings": 2}}, "no longer has: wings"),
        ({"arguments": {"size": "tiny"}}, "does not fit its config"),
    ],
)
def test_a_file_that_says_nonsense_is_refused(copied, change, message):
    path = copied / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(BadInput, match=message):
        zoo.load(copied).trained  # noqa: B018


@pytest.mark.parametrize(
    "data",
    [
        *({"sample_rate": rate} for rate in (0, -1, True, 1.5, "1", 1 << 60)),
        *({"labels": labels} for labels in ("ab", [1], [["a"]], {"a": 1}, None)),
        *({"name": 1}, {"url": None}, {"licence": []}, {"channels": 0}, {"more": 1}),
    ],
    ids=str,
)
def test_data_are_described_field_by_field(copied, data):
    path = copied / "model.json"
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({**facts, "data": {**facts["data"], **data}}))
    with pytest.raises(BadInput, match=r"no sound 'data' \("):
        zoo.load(copied)


@pytest.mark.parametrize(
    "change",
    [
        *({"kind": kind} for kind in ("none", None, [], {}, "notes", "separate")),
        *({"evaluation": fields} for fields in (None, [], "x", {}, {"wings": 1})),
        *({"samples": number} for number in (0, -1, True, 1.5, "3", None, 1 << 60)),
        *({"batch": 0}, {"hop": 0}, {"hop": "1"}, {"key": 3}, {"key": "../x"}, {"key": "x"}),
        {"samples": 7},
    ],
    ids=str,
)
def test_a_hostile_program_is_refused_in_one_line(copied, change):
    """Its pair is sealed anew, as anyone may; the system is of a config file of its own."""
    path = copied / "model.json"
    facts = json.loads(path.read_text())
    about = facts["program"]
    if change.keys() & {"kind", "evaluation"}:
        about |= change
    else:
        about["evaluation"] |= change
    path.write_text(json.dumps({**facts, "config": "mine", "config_file": "mine.py"}))
    with pytest.raises(BadInput) as caught:
        zoo.load(copied).tags(NOISE, 16_000)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


def test_a_program_of_other_bytes_is_refused(copied):
    path, program = copied / "model.json", copied / "model.program"
    program.write_bytes(b"no program" * 40)
    facts = json.loads(path.read_text()) | {"config": "mine", "config_file": "mine.py"}
    facts["program"]["sha256"] = hashlib.sha256(program.read_bytes()).hexdigest()
    path.write_text(json.dumps(facts))
    with pytest.raises(BadInput, match="is no exported program"):
        zoo.load(copied).trained  # noqa: B018


def test_a_program_computes_what_the_system_does(made, pair):
    """For CPUs, GPUs and TPUs, of any batch and of more segments; loaded without its code."""
    from jax import export

    facts = json.loads((pair / "model.json").read_text())
    program = export.deserialize(bytearray((pair / "model.program").read_bytes()))
    assert facts["program"]["platforms"] == ["cpu", "cuda", "tpu"]
    samples = made.experiment.evaluation.samples
    assert facts["program"]["inputs"]["audio"] == ["b", f"{samples}*n", "1"]
    assert facts["program"]["lengths"] == f"from {samples:,} in steps of {samples:,}"
    for length in (samples, 2 * samples):
        audio = np.stack([NOISE[:length]] * 3)
        found = program.call(pairs.read_weights(pair), {"audio": audio})["prediction"]
        wanted = made.predict({"audio": audio})["prediction"]
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_a_program_needs_no_config_file_of_ones_own(copied, made):
    path = copied / "model.json"
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({**facts, "config": "mine", "config_file": "mine.py"}))
    found = zoo.load(copied)
    assert found.methods == ("tags", "tags_over_time")
    assert found.tags(NOISE, 16_000) == pytest.approx(made.tags(NOISE, 16_000), abs=1e-5)
    (copied / "model.program").write_bytes(b"")
    with pytest.raises(BadInput, match=r"model.program is damaged"):
        zoo.load(copied).trained  # noqa: B018
    (copied / "model.program").unlink()
    with pytest.raises(BadInput, match=r"name that file with --config, or export .* --program"):
        zoo.load(copied).trained  # noqa: B018


def test_apply_is_pure_under_jit_grad_and_vmap(made):
    audio = np.stack([NOISE[: made.experiment.evaluation.samples]] * 2)
    logits = jax.jit(made.apply)(made.variables, audio)
    tags = made.predict({"audio": audio})["prediction"]
    np.testing.assert_allclose(jax.nn.sigmoid(logits), tags, atol=1e-5)
    one = jax.vmap(lambda x: made.apply(made.variables, x[None])[0])
    np.testing.assert_allclose(jax.jit(one)(audio), logits, atol=1e-4)
    slope = jax.jit(jax.grad(lambda x: made.apply(made.variables, x)[:, 0].sum()))(audio)
    assert slope.shape == audio.shape and np.isfinite(slope).all() and np.any(slope)


def test_a_run_gives_its_pair_while_that_is_in_step(pair, tmp_path, monkeypatch):
    """Of another step than the best, or damaged, the checkpoint is read instead."""
    run = Path(shutil.copytree(pair, tmp_path / "run"))
    (run / "checkpoints").mkdir()
    read = []
    whole = zoo.load(pair).trained
    monkeypatch.setattr(trained, "load_trained", lambda folder, **_: read.append(folder) or whole)
    for best, times in ((None, 0), (7, 1)):
        monkeypatch.setattr(pairs, "best_of", lambda folder, best=best: (best, {}))
        found = zoo.load(run).trained
        assert times or (found.name, found.directory) == ("run", run)
        assert len(read) == times
    (run / "model.safetensors").write_bytes(b"damaged")
    zoo.load(run)
    assert len(read) == 2


def test_an_export_overwrites_nothing_unasked(made, copied):
    with pytest.raises(BadInput, match="exists: choose another folder"):
        exporting.export(made, copied)
    line = exporting.export(made, copied, force=True)
    assert "model.safetensors" in line and not (copied / "model.program").exists()


def test_an_export_is_whole_or_not_there(made, copied, monkeypatch):
    """Killed, or on a full disk: what was there stays, and what comes anew takes its place."""
    before = {path.name: path.read_bytes() for path in copied.iterdir()}

    def full(trained, folder, scores):
        (folder / pairs.WEIGHTS).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(pairs, "write_pair", full)
        with pytest.raises(OSError, match="No space") as caught:
            exporting.export(made, copied, force=True)
        with pytest.raises(OSError, match="No space"):
            exporting.export(made, copied.parent / "other")
    assert caught.value.filename == str(copied)
    assert {path.name: path.read_bytes() for path in copied.iterdir()} == before
    line = exporting.export(made, copied, force=True)
    assert str(copied / "model.safetensors") in line and "partial" not in line
    assert {p.name for p in copied.iterdir()} == {"model.safetensors", "model.json"}
    assert [path.name for path in copied.parent.iterdir()] == ["pair"]
