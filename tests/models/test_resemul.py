"""The blocks of Kim et al.: counts of the papers, a torch restatement, and their excitations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from zoo.errors import BadInput
from zoo.models.classification.resemul import BLOCKS, ReSEMul

KEY = jax.random.key(0, impl="unsafe_rbg")
TINY = dict(depth=3, labels=3, first=5, middle=6, last=8, ratio=2, mean=0.1, std=0.5)


def shapes(model, samples=None):
    x = jax.ShapeDtypeStruct((1, samples or model.samples, 1), jnp.float32)
    everything = ["params", "batch_stats", "intermediates"]
    return jax.eval_shape(lambda k, x: model.init_with_output(k, x, mutable=everything), KEY, x)


def count(model, samples=None):
    return sum(leaf.size for leaf in jax.tree.leaves(shapes(model, samples)[1]["params"]))


MILLIONS = {  # single | multi, as the papers' sizes work out
    ("basic", 16): (1.87, 2.68),
    ("se", 16): (23.9, 24.7),
    ("se", 1 / 8): (2.04, 2.86),
    ("res_1", 16): (2.04, 2.85),
    ("res_2", 16): (4.11, 4.92),
    ("rese_1", 16): (24.1, 24.9),
    ("rese_1", 1 / 8): (2.21, 3.02),
    ("rese_2", 16): (26.2, 27.0),
    ("rese_2", 1 / 8): (4.28, 5.10),
}


@pytest.mark.parametrize("block, ratio", MILLIONS)
def test_parameters_are_the_papers(block, ratio):
    for multi, millions in zip((False, True), MILLIONS[block, ratio]):
        digits = 1 if millions > 20 else 2
        assert round(count(ReSEMul(block, multi, ratio)) / 1e6, digits) == millions


@pytest.mark.parametrize(
    "block, labels, parameters",
    [("basic", 35, 1_664_803), ("basic", 17, 1_655_569), ("se", 35, 1_822_755)],
)
def test_one_second_models_have_the_journal_s_counts(block, labels, parameters):
    model = ReSEMul(block, False, 1 / 8, 8, stem_padding="same", labels=labels)
    assert count(model, 22_050) == parameters


def test_the_input_shrinks_to_one_feature_and_is_checked():
    output, variables = shapes(ReSEMul())
    assert ReSEMul().samples == 59_049 and output.shape == (1, 50)
    seen = variables["intermediates"]
    assert seen["block_9"]["output"][0].shape == (1, 1, 512)
    assert seen["penultimate"][0].shape == (1, 1024)
    with pytest.raises(BadInput, match="81 samples or longer, not 80"):
        shapes(ReSEMul(**TINY), 80)
    shapes(ReSEMul(**TINY, stem_padding="same"), 80)
    with pytest.raises(BadInput, match="no block 'res'"):
        shapes(ReSEMul("res"))


def test_excitations_have_names_and_lie_between_0_and_1():
    model = ReSEMul("se", **TINY)
    x = jax.random.normal(KEY, (2, 81, 1))
    run = jax.jit(lambda k, x: model.init_with_output(k, x, mutable=True))
    _, variables = run(KEY, x)
    seen = variables["intermediates"]
    for i, width in enumerate((5, 5, 8)):
        gates = seen[f"block_{i + 1}"]["excitation"][0]
        assert gates.shape == (2, width) and np.all((gates > 0) & (gates < 1))
    plain = shapes(ReSEMul("res_1", **TINY))[1]["intermediates"]
    assert "excitation" not in plain["block_1"]


def restated(torch, flat, x, block, mean, std):
    """The same net in torch's functions, multi-level, batch statistics, from our weights."""
    convolutions, excited = BLOCKS[block]
    functional = torch.nn.functional

    def conv(name, y, stride=1, pad=1):
        weight = flat[f"{name}/kernel"].permute(2, 1, 0)
        return functional.conv1d(y, weight, flat[f"{name}/bias"], stride, pad)

    def norm(name, y):
        one = dict(weight=flat[f"{name}/scale"], bias=flat[f"{name}/bias"])
        return functional.batch_norm(y, None, None, **one, training=True, eps=1e-3)

    def dense(name, y):
        return y @ flat[f"{name}/kernel"] + flat[f"{name}/bias"]

    def excite(at, y):
        hidden = torch.relu(dense(f"{at}/gates/squeeze", y.mean(2)))
        return y * torch.sigmoid(dense(f"{at}/gates/excite", hidden))[..., None]

    y, levels = torch.relu(norm("stem_norm", conv("stem", (x - mean) / std, 3, 0))), []
    for i in range(3):
        at = f"block_{i + 1}"
        if not convolutions:
            y = functional.max_pool1d(torch.relu(norm(f"{at}/norm", conv(f"{at}/conv", y))), 3)
            y = excite(at, y) if excited else y
        else:
            branch, shortcut = y, y
            for n in range(convolutions):
                branch = torch.relu(branch) if n else branch
                branch = norm(f"{at}/norm_{n + 1}", conv(f"{at}/conv_{n + 1}", branch))
            branch = excite(at, branch) if excited else branch
            if f"{at}/conv_shortcut/kernel" in flat:
                shortcut = norm(f"{at}/norm_shortcut", conv(f"{at}/conv_shortcut", y, 1, 0))
            y = functional.max_pool1d(torch.relu(branch + shortcut), 3)
        levels.append(y.amax(2))
    y = torch.relu(norm("hidden_norm", dense("hidden", torch.cat(levels, 1))))
    return dense("dense", y)


@pytest.mark.parametrize("block", ["se", "rese_2"])
def test_output_and_gradients_equal_torch(block):
    torch = pytest.importorskip("torch")
    model = ReSEMul(block, **TINY, dropout=0.0, block_dropout=0.0)
    x = np.random.default_rng(0).uniform(-1, 1, (5, 81, 1)).astype(np.float32)
    shape = jax.eval_shape(model.init, KEY, x)
    random = np.random.default_rng(1)
    params = jax.tree.map(
        lambda s: random.normal(size=s.shape).astype(np.float32) * 0.4, shape["params"]
    )
    stats = jax.tree.map(lambda s: np.zeros(s.shape, np.float32), shape["batch_stats"])
    target = np.cos(np.arange(15.0, dtype=np.float32)).reshape(5, 3)

    def loss(params):
        variables = {"params": params, "batch_stats": stats}
        y, _ = model.apply(variables, x, train=True, mutable=["batch_stats"])
        return jnp.sum(y * target), y

    (_, y), grads = jax.jit(jax.value_and_grad(loss, has_aux=True))(params)
    flat = {k: torch.tensor(v) for k, v in flatten_dict(params, sep="/").items()}
    flat = {k: v.requires_grad_() for k, v in flat.items()}
    theirs = restated(torch, flat, torch.tensor(x).mT, block, model.mean, model.std)
    np.testing.assert_allclose(y, theirs.detach(), atol=2e-4)
    (theirs * torch.tensor(target)).sum().backward()
    for name, grad in flatten_dict(grads, sep="/").items():
        wanted = flat[name].grad.numpy()
        np.testing.assert_allclose(grad, wanted, atol=3e-3, rtol=3e-3, err_msg=name)
