"""What is read off compiled programs, held to XLA's own analysis and to loops counted by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.devices import cost, hlo

pytestmark = pytest.mark.optimised
SHAPE = jax.ShapeDtypeStruct


def compiled(function, *shapes):
    return jax.jit(function).lower(*(SHAPE(s, "float32") for s in shapes)).compile()


def conv(x, w, **options):
    return jax.lax.conv_general_dilated(x, w, dimension_numbers=("NWC", "WIO", "NWC"), **options)


@pytest.mark.parametrize(
    "function, shapes, exact",
    [
        (lambda x, w: conv(x, w, window_strides=(1,), padding="VALID"), [(2, 50, 3), (5, 3, 7)], 1),
        (lambda x, w: conv(x, w, window_strides=(3,), padding="VALID"), [(2, 50, 3), (5, 3, 7)], 1),
        (lambda x, w: jnp.einsum("btc,cd->btd", x, w), [(3, 20, 32), (32, 48)], 1),
    ],
)
def test_products_are_those_of_xla(function, shapes, exact):
    program = compiled(function, *shapes)
    found = cost.products(hlo.parse_hlo(program.as_text()), 1)
    assert found.once == found.inside == pytest.approx(program.cost_analysis()["flops"], rel=0.01)


def test_a_loop_counts_as_often_as_it_runs():
    def repeated(x, w):
        return jax.lax.scan(lambda c, _: (jnp.tanh(c @ w), None), x, None, length=37)[0]

    def open_ended(x, w, n):
        return jax.lax.fori_loop(0, n.astype(int)[0], lambda i, c: jnp.tanh(c @ w), x)

    once = 2 * 64 * 64 * 64
    module = hlo.parse_hlo(compiled(repeated, (64, 64), (64, 64)).as_text())
    found = cost.products(module, rounds=5)
    assert (found.once, found.inside) == (once, 37 * once)
    loops = [s for s in cost.slow_instructions(module, 5) if "loop" in s["what"]]
    assert [entry["what"] for entry in loops] == ["loop of 37 rounds"]
    module = hlo.parse_hlo(compiled(open_ended, (64, 64), (64, 64), (1,)).as_text())
    assert cost.products(module, rounds=5).inside == 5 * once
    assert [s["what"] for s in cost.slow_instructions(module, 5)] == ["loop of unknown rounds"]


def test_bytes_are_what_is_read_and_written():
    text = compiled(lambda x, y: x * y + 1, (256, 1024), (256, 1024)).as_text()
    assert cost.memory_traffic(hlo.parse_hlo(text), 1) == 3 * 4 * 256 * 1024


def test_a_slice_of_a_large_array_counts_as_the_slice():
    """As XLA counts it: of a window that moves through a long array, not the array each time."""

    def total(x):
        def add(i, c):
            return c + jax.lax.dynamic_slice(x, (i * 64, 0), (64, 128))

        return jax.lax.fori_loop(0, 100, add, jnp.zeros((64, 128)))

    moved = cost.memory_traffic(hlo.parse_hlo(compiled(total, (6400, 128)).as_text()), 1)
    window, whole = 4 * 64 * 128, 4 * 6400 * 128
    assert whole <= moved <= 100 * 5 * window < 100 * whole


TPU = """HloModule jit_step, is_scheduled=true

%add (a: f32[], b: f32[]) -> f32[] {
  %a = f32[] parameter(0)
  %b = f32[] parameter(1)
  ROOT %sum = f32[] add(%a, %b)
}

%fused (param_0: f32[4,100,24], param_1: f32[3,24,48]) -> f32[4,100,48] {
  %param_0 = f32[4,100,24]{2,1,0:T(8,128)} parameter(0)
  %param_1 = f32[3,24,48]{2,1,0:T(8,128)S(1)} parameter(1)
  ROOT %conv = f32[4,100,48]{2,1,0:T(8,128)} convolution(%param_0, %param_1), window={size=3 \
pad=1_1}, dim_labels=b0f_0io->b0f, feature_group_count=1, operand_precision={highest,highest}, \
metadata={op_name="jit(step)/jvp(Net)/conv/conv_general_dilated" stack_frame_id=1}
}

ENTRY %main (x: f32[4,100,24], w: f32[3,24,48]) -> f32[4,100,48] {
  %x = f32[4,100,24]{2,1,0:T(8,128)} parameter(0)
  %w = f32[3,24,48]{2,1,0:T(8,128)S(1)} parameter(1)
  %fusion = f32[4,100,48]{2,1,0:T(8,128)} fusion(%x, %w), kind=kOutput, calls=%fused, \
metadata={op_name="jit(step)/jvp(Net)/conv/conv_general_dilated"}, \
backend_config={"window_config":{"estimated_cycles":"1500"}}
  %reduced = f32[4,100,48]{2,1,0:T(8,128)} all-reduce(%fusion), channel_id=1, to_apply=%add, \
metadata={op_name="jit(step)/transpose(jvp(Net))/conv/reduce_sum"}
  ROOT %gathered = f32[16,100,48]{2,1,0:T(8,128)} all-gather(%reduced), dimensions={0}
}
"""


def test_tpu_text():
    """Layouts with tiles and memory spaces, precision, cycles, collectives."""
    module = hlo.parse_hlo(TPU)
    found = cost.products(module, 1)
    assert found.inside == 2 * (4 * 100 * 48) * (3 * 24) and found.passes == 6 * found.inside
    assert cost.cycles(module, 1) == 1500
    result, gathered = 4 * 4 * 100 * 48, 4 * 16 * 100 * 48
    # The kernel lies near the chip; the all-reduce reads and writes, the gather reads and writes.
    assert (
        cost.memory_traffic(module, 1) == 4 * 4 * 100 * 24 + result + 2 * result + result + gathered
    )
    sent = cost.collectives(module, 1)
    assert sent["all-reduce"]["bytes"] == result and sent["all-gather"]["bytes"] == gathered
    assert sent["all-reduce"]["origin"] == "transpose(jvp(Net))/conv/reduce_sum"
    # 48 channels fill 128 lanes, 100 steps 104 sublanes.
    assert cost.padding(module) == pytest.approx(128 / 48 * 104 / 100)
    assert cost.longest(module, 1)[0] == {
        "origin": "jvp(Net)/conv/conv_general_dilated",
        "share": 1,
    }


@pytest.mark.parametrize(
    "line, what",
    [
        (
            "%c = f32[1] convolution(%a, %b), feature_group_count=64",
            "convolution in 64 feature groups",
        ),
        ("%c = f32[1] convolution(%a, %b), batch_group_count=4", "convolution in 4 batch groups"),
        (
            "%c = f32[1] convolution(%a, %b), window={size=3 lhs_dilate=2}",
            "convolution of a dilated input",
        ),
        ('%c = f32[1] scatter(%a, %b, %d), metadata={op_name="jit(f)/scatter"}', "scatter"),
        (
            '%c = f32[1] while(%a), body=%b, metadata={op_name="x/scatter"}',
            "scatter as a loop of unknown rounds",
        ),
        ('%c = f32[1] custom-call(%a), custom_call_target="TopK"', "call of TopK"),
        ("%c = f32[1] convolution(%a, %b), window={size=3}", ""),
        ("%c = f32[1] add(%a, %b)", ""),
    ],
)
def test_slow_kinds(line, what):
    assert cost.kind_of(hlo.instruction(hlo._LINE.match(f"  {line}"))) == what


def test_sizes_of_types():
    (shape,) = hlo.shapes("bf16[3,5]{1,0:T(4,128)(2,1)}")
    assert shape.bytes == 30 and not shape.near and shape.padded == 2 * 4 * 128
    assert [s.bytes for s in hlo.shapes("(pred[7], s4[8]{0}, f8e4m3fn[2])")] == [7, 4, 2]
    assert np.isclose(sum(s.bytes for s in hlo.shapes("f32[]")), 4)
