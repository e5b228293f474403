"""Rule tables: layouts against plain loops and torch, and every kind of fault in one error."""

import numpy as np
import pytest

from zoo.errors import BadInput
from zoo.pretrained import rules
from zoo.pretrained.rules import Rule, Skip

RANDOM = np.random.default_rng(0)


def floats(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


def test_a_table_fills_every_leaf():
    foreign = {
        "enc.0.conv.weight": floats(4, 3, 5),
        "enc.0.conv.bias": floats(4),
        "enc.0.bn.weight": floats(4),
        "enc.0.bn.bias": floats(4),
        "enc.0.bn.running_mean": floats(4),
        "enc.0.bn.running_var": floats(4),
        "enc.0.bn.num_batches_tracked": np.int64(3),
        "top.weight": floats(2, 4).astype(np.float16),
    }
    table = (
        Rule(r"enc\.(\d)\.conv\.weight", r"params/block_\1/conv/kernel", rules.conv),
        Rule(r"enc\.(\d)\.conv\.bias", lambda m: f"params/block_{m[1]}/conv/bias"),
        rules.batch_norm(r"enc\.(\d)\.bn", r"block_\1/norm"),
        Rule(r"top\.weight", "params/top/kernel", rules.transpose),
        Skip(r".*num_batches_tracked"),
    )
    wanted = {
        "params/block_0/conv/kernel": np.zeros((5, 3, 4), np.float32),
        "params/top/kernel": np.zeros((4, 2), np.float32),
        "params/block_0/conv/bias": np.zeros(4, np.float32),
        "params/block_0/norm/scale": np.zeros(4, np.float32),
        "params/block_0/norm/bias": np.zeros(4, np.float32),
        "batch_stats/block_0/norm/mean": np.zeros(4, np.float32),
        "batch_stats/block_0/norm/var": np.zeros(4, np.float32),
    }
    filled = rules.apply_rules(table, foreign, wanted)
    assert set(filled) == set(wanted)
    assert all(leaf.dtype == np.float32 for leaf in filled.values())
    kernel = foreign["enc.0.conv.weight"]
    for o, i, w in np.ndindex(4, 3, 5):
        assert filled["params/block_0/conv/kernel"][w, i, o] == kernel[o, i, w]
    np.testing.assert_array_equal(
        filled["batch_stats/block_0/norm/var"], foreign["enc.0.bn.running_var"]
    )
    np.testing.assert_array_equal(filled["params/top/kernel"], foreign["top.weight"].T)


def test_all_faults_are_named_at_once_and_on_one_line():
    foreign = {
        "a": floats(2),
        "b": floats(2),
        "stranger": floats(1),
        "both": floats(1),
        "c": floats(2),
        "nan": np.full(2, np.nan, np.float32),
        "integer": np.ones(2, int),
        "split": floats(3),
    }
    table = (
        Rule("a", "params/x"),
        Rule("b", "params/x"),
        Rule("both", "params/both"),
        Rule("bo.*", "params/both"),
        Rule("c", "params/nowhere"),
        Rule("nan", "params/nan"),
        Rule("integer", "params/integer"),
        Rule("split", "params/split", rules.gates((1, 0))),
        Rule("v", "params/v"),
    )
    wanted = {
        f"params/{name}": np.zeros(2, np.float32)
        for name in ("x", "both", "nan", "integer", "split", "empty")
    }
    with pytest.raises(BadInput) as caught:
        rules.apply_rules(table, foreign, wanted)
    text = str(caught.value)
    assert "\n" not in text
    for piece in (
        "filled twice: params/x (by a and b)",
        "several rules for: both",
        "no rule for: stranger",
        "not in the model: params/nowhere (from c)",
        "not finite: params/nan (from nan)",
        "other type: params/integer (integer is int64, wanted float32)",
        "other shape: params/split (split [3]",
        "not filled: params/both, params/empty",
    ):
        assert piece in text, piece


def test_companions_need_no_rule_but_must_be_there():
    v, g = floats(6, 3, 5), floats(6, 1, 1)
    table = (
        Rule(r"(.*)\.weight_v", r"params/\1/kernel", rules.fuse_weight_norm(), (r"\1.weight_g",)),
    )
    wanted = {"params/up/kernel": np.zeros((5, 3, 6), np.float32)}
    kernel = rules.apply_rules(table, {"up.weight_v": v, "up.weight_g": g}, wanted)[
        "params/up/kernel"
    ]
    for o in range(6):
        plain = g[o, 0, 0] * v[o] / np.sqrt((v[o] ** 2).sum())
        np.testing.assert_allclose(kernel[:, :, o], plain.T, rtol=1e-5)
    with pytest.raises(BadInput, match=r"missing: up\.weight_g"):
        rules.apply_rules(table, {"up.weight_v": v}, wanted)


def test_weight_norm_is_torchs():
    torch = pytest.importorskip("torch")
    for layer in (torch.nn.Conv1d(3, 4, 5), torch.nn.ConvTranspose1d(3, 4, 6)):
        layout = rules.transposed_conv if "Transpose" in type(layer).__name__ else rules.conv
        v, g = layer.weight.detach(), torch.rand(layer.weight.shape[0], 1, 1)
        fused = torch._weight_norm(v, g, 0).numpy()  # what every form of torch's comes down to
        ours = rules.fuse_weight_norm(layout)(v.numpy(), g.numpy())
        np.testing.assert_allclose(ours, layout(fused), rtol=1e-5)


def test_layouts():
    square = floats(6, 3, 2, 5)
    assert rules.conv(square)[1, 4, 2, 5] == square[5, 2, 1, 4]
    up = floats(3, 4, 6)
    assert rules.transposed_conv(up)[5, 2, 3] == up[2, 3, 5]
    tf = np.arange(8.0)[None]  # i, c, f, o, of width two
    np.testing.assert_array_equal(rules.gates((0, 2, 1, 3))(tf)[0], [0, 1, 4, 5, 2, 3, 6, 7])
    assert rules.flat(floats(4, 1, 1)).shape == (4,) and rules.flat(floats(1, 1)).shape == (1,)
    np.testing.assert_array_equal(rules.sum_arrays(np.ones(2), np.ones(2)), [2, 2])
