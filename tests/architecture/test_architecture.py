"""Figures of architectures: what stands in them is what the modules compute, and they are fresh."""

import re
import xml.etree.ElementTree as xml
from types import SimpleNamespace

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest

from zoo.architecture import figures, folding
from zoo.architecture.drawing import svg
from zoo.architecture.network import TracedNetwork
from zoo.architecture.tracing import trace
from zoo.cli import main
from zoo.experiment import shipped
from zoo.objectives.base import Turn, Variables

LARGEST = 25_000  # bytes of a figure
COMMAND = "python -m zoo draw --all"
# Whose modules hold no parameters: spectra, masks, factors, scattering; those of the deep belief
# net are its objective's, layer by layer.
WITHOUT = {
    "cdbn_gtzan",
    "cdbn_score_render",
    "complex_nmf",
    "engineered",
    "griffin_lim_score_render",
    "ica",
    "isa",
    "masks",
    "nmf",
    "scattering",
    "sinusoidal",
    "sparse_coding",
}


class Block(nn.Module):
    dilation: int

    @nn.compact
    def __call__(self, x):
        y = nn.Conv(8, (3,), kernel_dilation=self.dilation, name="dilated")(x)
        return nn.Conv(4, (1,), name="mix")(nn.relu(y))


class Chain(nn.Module):
    """Residual blocks, and the input beside what they give."""

    blocks: int = 4

    @nn.compact
    def __call__(self, x):
        y = nn.Conv(4, (1,), name="enter")(x)
        for number in range(self.blocks):
            y = y + Block(2**number, name=f"block_{number}")(y)
        return nn.Dense(2, name="top")(jnp.concatenate([y, x], -1))


class Spoken(nn.Module):
    """A loop whose second part is read by the first in the next round."""

    @nn.compact
    def __call__(self, x):
        first, second = nn.Dense(4, name="first"), nn.Dense(3, name="second")

        def step(module, carry, x):
            y = second(nn.relu(first(jnp.concatenate([x, carry], -1))))
            return y, y

        scan = nn.scan(step, variable_broadcast="params", split_rngs={"params": False}, in_axes=1)
        return scan(self, jnp.zeros((len(x), 3)), x)[1]


def drawn(module, *shape):
    batch = {"audio": jax.ShapeDtypeStruct(shape, jnp.float32)}
    params = jax.eval_shape(module.init, jax.random.key(0), batch["audio"])["params"]
    variables = Variables({"model": params})
    seen = trace(lambda v, b: module.apply(v.of("model"), b["audio"]), variables, batch)
    found = folding.network_figure(TracedNetwork(seen, "model"))
    named = {item.key: item.key[-1] if item.node.form != "join" else "+" for item in found.items}
    return found, named


def test_a_chain_of_blocks_is_drawn_as_it_computes():
    """Like blocks once, opened; what skips them; parameters and shapes of each part."""
    found, named = drawn(Chain(), 7, 100, 1)
    assert list(named.values()) == ["audio", "enter", "dilated", "mix", "+", "top", "result"]
    assert {(named[a], named[b]) for a, b in found.edges} == {
        ("audio", "enter"),
        ("audio", "top"),
        ("enter", "dilated"),
        ("dilated", "mix"),
        ("enter", "+"),
        ("mix", "+"),
        ("+", "top"),
        ("top", "result"),
    }
    assert [(frame.text, len(frame.items)) for frame in found.frames] == [("Block × 4", 3)]
    sizes = {named[item.key]: item.node.parameters for item in found.items}
    assert found.parameters == 8 + 4 * (104 + 36) + 12 and sizes["dilated"] == 104
    text = svg("Chain", [folding.replace(found, batch=7)])
    assert "[B 100 8] · 104" in text and "3 taps" in text


def test_one_block_is_opened_and_not_said_to_follow_itself():
    found, _ = drawn(Chain(blocks=1), 7, 100, 1)
    assert [frame.text for frame in found.frames] == ["block 0, Block"]
    assert all(len(item.members) == 1 for item in found.items)


def test_what_a_round_of_a_loop_hands_on_is_drawn():
    found, named = drawn(Spoken(), 7, 10, 2)
    assert {(named[a], named[b]) for a, b in found.back} == {("second", "first")}
    assert [(frame.text, frame.loop) for frame in found.frames] == [("each of 10 steps", True)]


def test_players_that_only_train_have_figures_too():
    """A discriminator reads what the generator gives, which is a box there."""
    makes, judges = nn.Dense(5), nn.Dense(1)

    def init(rng, batch):
        made = jax.ShapeDtypeStruct((7, 5), jnp.float32)
        sizes = [makes.init(rng, batch["z"]), judges.init(rng, jnp.zeros(made.shape))]
        return Variables({k: v["params"] for k, v in zip(("generator", "discriminator"), sizes)})

    def loss(variables, batch, rng, step):
        fake = makes.apply(variables.of("generator"), batch["z"])
        return judges.apply(variables.of("discriminator"), fake).mean(), ({}, {})

    objective = SimpleNamespace(
        init=init,
        turns=(Turn("discriminator", loss),),
        predict=lambda v, b, rng: {"audio": makes.apply(v.of("generator"), b["z"])},
    )
    data = SimpleNamespace(spec=lambda n: {"z": jax.ShapeDtypeStruct((n, 3), jnp.float32)})
    experiment = SimpleNamespace(objective=objective, data=data, batch=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "has_network", lambda part: True)
        one, two = figures.figures(experiment)
    assert (one.name, one.parameters, two.name, two.parameters) == (
        "generator",
        20,
        "discriminator",
        6,
    )
    kinds = [item.node.kind for item in two.items]
    assert kinds[:2] == ["z", "the generator"]


def test_every_system_with_a_network_has_its_figure():
    lacking = set(figures.missing_figures(figures.figures_folder())) - WITHOUT
    assert not lacking, f"`{COMMAND}` draws {', '.join(sorted(lacking))}"
    there = {path.stem for path in figures.figures_folder().glob("*.svg")}
    assert there <= figures.groups().keys(), f"`{COMMAND}` removes what is of no system any more"


@pytest.mark.parametrize("name", ["crnn", "todd", "wavegan"])
def test_figures_are_fresh(name):
    """As they would be drawn now, to the byte."""
    now = figures.of_system(figures.groups()[name])
    kept = (figures.figures_folder() / f"{name}.svg").read_text()
    assert now == kept, f"draw it anew: {COMMAND}"


def test_figures_are_small_and_say_what_they_show():
    for path in figures.figures_folder().glob("*.svg"):
        text = path.read_text()
        root = xml.fromstring(text)
        assert len(text) <= LARGEST, path.name
        assert root.attrib["role"] == "img" and "prefers-color-scheme" in text
        title, said = root[0].text, root[1].text
        assert title and re.search(r"[\d,]+ parameters: ", said), path.name
        width = float(root.attrib["width"])
        for one in root.iter("{http://www.w3.org/2000/svg}rect"):
            assert float(one.attrib["width"]) <= width


def test_the_command_draws_what_is_asked_for(tmp_path, capsys):
    out = tmp_path / "one.svg"
    words = ["draw", "wavenet_score_render", "--out", str(out)]
    assert main.main([*words, "layers=4", "stacks=1"]) == 0
    assert "GatedBlock × 4" in out.read_text()
    assert main.main([*words, "layers=4"]) == 2
    assert "--force" in capsys.readouterr().err
    assert main.main(["draw", "nmf_score_render", "--out", str(tmp_path / "no.svg")]) == 2
    assert "no network" in capsys.readouterr().err
    assert main.main(["draw"]) == main.main(["draw", "crepe_score_render", "--all"]) == 2


def test_a_config_is_drawn_at_its_own_size():
    config = shipped("wavenet_score_render")
    text = figures.draw_architecture(config, config.defaults | {"width": 48})
    assert "4096 48]" in text
