"""Arguments on the command line are typed by the config; mistakes name what would be right."""

import inspect
import json
from dataclasses import replace
from pathlib import Path
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from zoo import arguments, catalog
from zoo import experiment as experiments
from zoo.catalog import Entry, PaperRow
from zoo.data.completeness import allowing
from zoo.data.folds import Folded
from zoo.data.sets.free_spoken_digits import FreeSpokenDigits
from zoo.errors import BadInput
from zoo.experiment import Config
from zoo.training.stages import Stage


class Module:
    """A config file."""

    @staticmethod
    def config(
        steps: int = 10,
        rate: float = 0.1,
        flag: bool = False,
        widths: tuple[int, ...] = (1, 2),
        sizes: tuple[int, int] = (3, 4),
        path: str | None = None,
        kind: Literal["one", "two"] = "one",
    ):
        return steps, rate, flag, widths, sizes, path, kind


ROW = PaperRow("toy", "default")
ENTRY = Entry("toy", Path("toy.py"), "own", "", (ROW,), {}, {})
CONFIG = Config("toy", ENTRY.path, "own", Module, ENTRY, ROW)


def parsed(*words):
    return CONFIG.parse(words)


def test_values_take_the_type_of_the_default():
    given = parsed("steps=2e3", "rate=1", "flag=yes", "widths=3,4,5", "path=a b", "kind=two")
    assert given == {
        "steps": 2000,
        "rate": 1.0,
        "flag": True,
        "widths": (3, 4, 5),
        "path": "a b",
        "sizes": (3, 4),
        "kind": "two",
        "seed": 0,
        "accumulate": 1,
        "fsdp": 1,
        "workers": 0,
        "read_threads": 2,
        "clip_norm": 0.0,
        "allow_missing": 0.0,
    }
    assert isinstance(given["steps"], int) and isinstance(given["rate"], float)
    assert parsed("path=none")["path"] is None
    assert parsed() == CONFIG.defaults


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("stps=3", "did you mean steps"),
        ("steps", "write name=value"),
        ("steps=1.5", "it takes a whole number, like 10"),
        ("flag=maybe", "it takes true or false, like false"),
        ("widths=a,b", "it takes values with commas between them, like 1,2$"),
        ("sizes=1,2,3", "sizes=1,2,3 does not fit: .*, like 3,4$"),
        ("widths=", "widths= is empty: it takes some, like 1,2$"),
        ("widths=2,0", "widths=0 must be above 0"),
        ("steps=1e400", "takes a whole number"),
        ("steps=99999999999999999999", "too much: at most 2147483647"),
        ("seed=-1", "seed=-1 must be 0 or above"),
        ("seed=99999999999999999999", "too much"),
        ("kind=three", "choose one, two"),
        ("steps=0", "steps=0 must be above 0, like 10"),
        ("steps=-1", "must be above 0"),
        ("rate=-1", "rate=-1.0 must be 0 or above"),
        ("rate=nan", "finite"),
        ("fsdp=0", "fsdp=0 must be above 0"),
    ],
)
def test_mistakes_are_answered_in_one_line(word, message):
    with pytest.raises(BadInput, match=message) as caught:
        parsed(word)
    assert "\n" not in str(caught.value)


def test_unknown_configs_get_the_nearest_names():
    with pytest.raises(BadInput, match=r"did you mean .*samplecnn_score_render"):
        experiments.find_config("samplecn")
    with pytest.raises(BadInput, match=r"or a \.py file"):
        experiments.find_config("songs/x.wav")
    with pytest.raises(BadInput, match="no config file"):
        experiments.find_config("nowhere/x.py")


def test_a_file_of_one_s_own_is_found_and_must_have_a_config(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text('"""Mine."""\n\n\ndef config(steps: int = 1):\n    return steps\n')
    assert experiments.find_config(str(path)).experiment(steps=3) == 3
    path.write_text("x = 1\n")
    with pytest.raises(BadInput, match="no function `config"):
        experiments.find_config(str(path))
    path.write_text("def config(batch: int):\n    return batch\n")
    with pytest.raises(BadInput, match=r"argument 'batch' of config.* needs a default"):
        experiments.find_config(str(path))


def test_what_any_run_may_need_is_an_argument_of_every_config():
    config = experiments.find_config("demucs_score_render")
    arguments = config.parse(["fsdp=4", "accumulate=2", "seed=7"])
    made = config.experiment(**arguments)
    assert (made.fsdp, made.accumulate, made.seed) == (4, 2, 7)
    read = config.experiment(**config.parse(["workers=3", "read_threads=0"])).data
    assert (read.workers, read.read_threads) == (3, 0)
    with pytest.raises(BadInput, match="workers=-1 must be 0 or above"):
        config.parse(["workers=-1"])
    for name in catalog.config_files():
        assert {"fsdp", "accumulate", "seed", "workers"} <= set(
            experiments.find_config(name).defaults
        ), name


def test_a_part_of_a_data_set_may_be_allowed_where_there_is_a_path(tmp_path):
    """Of what is learnt from and of what is scored, and of a set inside of folds."""
    config = experiments.find_config("wave_unet_musdb18")
    made = config.experiment(**config.parse(["path=songs", "allow_missing=0.5"]))
    assert made.data.source.allow_missing == made.test_source.allow_missing == 0.5
    assert config.experiment(path="songs").data.source.allow_missing == 0
    config = experiments.find_config("inception_digits")
    folded = Folded(FreeSpokenDigits("there"), 0)
    assert allowing(folded, 0.2).source.allow_missing == 0.2
    own = experiments.find_config("wavenet_folder")
    with pytest.raises(BadInput, match="takes what its folder holds: leave it out"):
        own.experiment(**own.parse(["path=there", "allow_missing=0.5"]))
    assert "allow_missing" not in experiments.find_config("samplecnn_score_render").defaults
    with pytest.raises(BadInput, match="must be 0 or above"):
        config.parse(["allow_missing=-1"])


def test_a_config_s_own_word_on_them_counts(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text('"""Mine."""\n\n\ndef config(fsdp: int = 2):\n    return fsdp\n')
    config = experiments.find_config(str(path))
    shared = {"seed": 0, "accumulate": 1, "workers": 0, "read_threads": 2, "clip_norm": 0.0}
    assert config.defaults == {"fsdp": 2, **shared}
    assert config.experiment() == 2 and config.experiment(fsdp=4, seed=0) == 4


@pytest.mark.parametrize("word", ["gate=0", "skip=0", "samples=0", "layers=0"])
def test_a_net_of_nothing_is_refused(word):
    with pytest.raises(BadInput, match=f"{word} must be above 0"):
        experiments.find_config("wavenet_score_render").parse([word])


def test_zero_leaves_out_what_may_be_left_out():
    for name, argument in (("demucs_musdb18", "lstm_layers"), ("wavegan_sc09", "shuffle")):
        config = experiments.find_config(name)
        assert config.parse([f"{argument}=0"])[argument] == 0


def test_arguments_that_no_number_can_follow_are_named():
    config = experiments.find_config("demucs_musdb18")
    with pytest.raises(
        BadInput, match=r"demucs_musdb18 cannot be built with depth=1024: .*samples"
    ):
        config.experiment(**config.parse(["depth=1024"]))


def test_gradients_of_every_player_are_clipped_in_every_stage_where_asked():
    made = experiments.find_config("wavegan_score_render").experiment()
    plain = {player: optax.sgd(1.0) for player in made.optimizers}
    stage = Stage(optimizers={"generator": optax.sgd(2.0)})
    found = experiments.with_clipping(replace(made, optimizers=plain, stages=(stage,)), 0.5)
    gradient = {"w": jnp.array([3.0, 4.0])}
    first, then = {player: 1.0 for player in plain}, {"generator": 2.0}
    for optimizers, scales in ((found.optimizers, first), (found.stages[0].optimizers, then)):
        assert set(optimizers) == set(scales)
        for player, optimizer in optimizers.items():
            step, _ = optimizer.update(gradient, optimizer.init(gradient))
            np.testing.assert_allclose(step["w"], -scales[player] * np.array([0.3, 0.4]), rtol=1e-6)


@pytest.mark.parametrize("system", ["melgan_score_render", "waveglow_score_render"])
def test_every_config_takes_a_clip_norm(system):
    config = experiments.find_config(system)
    with pytest.raises(BadInput, match="clip_norm=-1: give a norm above 0"):
        config.experiment(clip_norm=-1.0)
    plain, clipped = (config.experiment(**config.parse(w)) for w in ([], ["clip_norm=2"]))
    weights = {"w": jnp.zeros(1)}
    for player in plain.optimizers:
        states = (jax.tree.structure(x.optimizers[player].init(weights)) for x in (plain, clipped))
        assert len(set(states)) == 2


def test_every_row_can_be_typed_and_read_back():
    """What a row gives, as words of the command line and as a run's own metadata has it."""
    for entry in catalog.entries():
        for row in entry.rows:
            config = experiments.find_config(row.id)
            words = [
                f"{name}={arguments.format_value(value)}" for name, value in row.arguments.items()
            ]
            assert config.parse(words) == config.defaults, row.id
            for name, value in config.defaults.items():
                kept = json.loads(json.dumps(value))
                read = arguments.stored(name, kept, config.parameters[name])
                assert read == value and type(read) is type(value), (row.id, name)


def test_items_of_a_tuple_are_typed_by_its_annotation_where_it_begins_empty():
    def config(taps: tuple[int, ...] = (), rates: tuple[float, ...] = (), names: tuple = ()): ...

    taken = inspect.signature(config, eval_str=True).parameters
    assert arguments.parse_value("taps", "1,2,4", taken["taps"]) == (1, 2, 4)
    assert arguments.parse_value("rates", "1,.5", taken["rates"]) == (1.0, 0.5)
    assert arguments.parse_value("names", "a,b", taken["names"]) == ("a", "b")
    assert arguments.stored("taps", [1, 2, 4], taken["taps"]) == (1, 2, 4)
    for wrong in (["1", "2"], [1.5], [[1]]):
        with pytest.raises(BadInput, match="does not fit"):
            arguments.stored("taps", wrong, taken["taps"])
    with pytest.raises(BadInput, match="taps=a,b does not fit"):
        arguments.parse_value("taps", "a,b", taken["taps"])
