"""TCN and recurrent nets over piano rolls equal PyTorch's with the same weights, gradients too."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.models.generation.tcn import TCN
from zoo.models.generation.tcn_baselines import RollRNN
from zoo.objectives.base import Variables
from zoo.objectives.roll_likelihood import RollLikelihood

torch = pytest.importorskip("torch")
tnn = torch.nn

pytestmark = pytest.mark.optimised
KEYS, WIDTH = 5, 8


class TorchTCN(tnn.Module):
    """An own twin of the published net: weight norm, crop at the right, ReLU after the sum."""

    def __init__(self, levels: int, kernel: int):
        super().__init__()
        self.kernel, self.convs, self.skips = kernel, tnn.ModuleList(), tnn.ModuleList()
        for level in range(levels):
            width = WIDTH if level else KEYS
            for size in (width, WIDTH):
                conv = tnn.Conv1d(size, WIDTH, kernel, dilation=2**level)
                self.convs.append(tnn.utils.parametrizations.weight_norm(conv))
        self.skips.append(tnn.Conv1d(KEYS, WIDTH, 1))
        self.head = tnn.Linear(WIDTH, KEYS)

    def forward(self, x):
        x = x.transpose(1, 2)
        for level in range(len(self.convs) // 2):
            y = x
            for conv in self.convs[2 * level : 2 * level + 2]:
                left = (self.kernel - 1) * conv.dilation[0]
                y = torch.relu(conv(tnn.functional.pad(y, (left, 0))))
            x = torch.relu(y + (x if level else self.skips[0](x)))
        return self.head(x.transpose(1, 2))


def randomised(params, seed=0):
    """Parameters like these, all random, none at its starting value."""
    leaves, tree = jax.tree.flatten(params)
    rng = np.random.default_rng(seed)
    random = [jnp.asarray(0.4 * rng.standard_normal(x.shape), jnp.float32) for x in leaves]
    return jax.tree.unflatten(tree, random)


def torch_weights(params):
    """Our TCN's parameters in the order of TorchTCN's modules: (tensor, path, transposition)."""
    places = []
    for level in range(3):
        for number, name in enumerate(("conv1", "conv2")):
            block, conv = f"Block_{level}", f"convs.{2 * level + number}"
            original = f"{conv}.parametrizations.weight.original"
            places += [
                (f"{original}0", (block, name, "scale"), lambda x: x[:, None, None]),
                (f"{original}1", (block, name, "kernel"), lambda x: x.transpose(2, 1, 0)),
                (f"{conv}.bias", (block, name, "bias"), lambda x: x),
            ]
    return [
        *places,
        ("skips.0.weight", ("Block_0", "skip", "kernel"), lambda x: x.transpose(2, 1, 0)),
        ("skips.0.bias", ("Block_0", "skip", "bias"), lambda x: x),
        ("head.weight", ("head", "kernel"), lambda x: x.T),
        ("head.bias", ("head", "bias"), lambda x: x),
    ]


def at(tree, path):
    for name in path:
        tree = tree[name]
    return np.asarray(tree)


def rolls(pieces=2, steps=12):
    rng = np.random.default_rng(1)
    roll = (rng.random((pieces, steps, KEYS)) < 0.4).astype(np.uint8)
    known = np.ones((pieces, steps), np.uint8)
    known[1, 7:] = 0
    return {"roll": roll * known[..., None], "known": known}


def torch_loss(logits, batch):
    """The authors' sum of both terms of a Bernoulli likelihood, over the steps of each piece."""
    target = torch.tensor(batch["roll"][:, 1:], dtype=torch.float64)
    chance = torch.sigmoid(logits.double())
    nats = -(target * chance.log() + (1 - target) * (1 - chance).log()).sum(-1)
    return (nats * torch.tensor(batch["known"][:, 1:])).sum() / len(target)


def ours(model, batch, params=None):
    """(params, value, gradient) of a turn's loss without dropout."""
    objective = RollLikelihood(model)
    variables = objective.init(jax.random.key(0), batch)
    params = randomised(variables.params["model"]) if params is None else params

    def loss(params):
        return objective.turns[0].loss(Variables({"model": params}), batch, jax.random.key(1), 0)[0]

    value, gradient = jax.jit(jax.value_and_grad(loss))(params)
    return params, float(value), gradient


def test_tcn_equals_its_twin_in_pytorch():
    batch = rolls()
    params, value, gradient = ours(TCN(KEYS, WIDTH, 3, 3, dropout=0.0), batch)
    twin = TorchTCN(3, 3)
    with torch.no_grad():
        state = {
            name: torch.tensor(turn(at(params, path)).copy())
            for name, path, turn in torch_weights(params)
        }
    twin.load_state_dict(state)
    loss = torch_loss(twin(torch.tensor(batch["roll"][:, :-1], dtype=torch.float32)), batch)
    loss.backward()
    assert value == pytest.approx(loss.item(), rel=1e-5)
    theirs = dict(twin.named_parameters())
    for name, path, turn in torch_weights(params):
        expected = theirs[name].grad.numpy()
        scale = np.abs(expected).max()
        np.testing.assert_allclose(turn(at(gradient, path)), expected, atol=1e-5 * scale)


@pytest.mark.parametrize(("cell", "torch_cell"), [("lstm", tnn.LSTM), ("gru", tnn.GRU)])
def test_recurrent_nets_equal_torch_s_layers(cell, torch_cell):
    batch = rolls()
    params, value, gradient = ours(RollRNN(KEYS, cell, WIDTH, 2, dropout=0.0), batch)
    net, head = torch_cell(KEYS, WIDTH, 2, batch_first=True), tnn.Linear(WIDTH, KEYS)
    names = {
        "kernel": "weight_ih_l",
        "recurrent_kernel": "weight_hh_l",
        "bias": "bias_ih_l",
        "recurrent_bias": "bias_hh_l",
    }
    with torch.no_grad():
        for own, name in names.items():
            for layer in range(2):
                weight = at(params, (f"layer{layer}", own)).T
                getattr(net, f"{name}{layer}").copy_(torch.tensor(weight.copy()))
        head.weight.copy_(torch.tensor(at(params, ("head", "kernel")).T.copy()))
        head.bias.copy_(torch.tensor(at(params, ("head", "bias"))))
    outputs, _ = net(torch.tensor(batch["roll"][:, :-1], dtype=torch.float32))
    loss = torch_loss(head(outputs), batch)
    loss.backward()
    assert value == pytest.approx(loss.item(), rel=1e-5)
    for own, name in names.items():
        for layer in range(2):
            expected = getattr(net, f"{name}{layer}").grad.numpy()
            found = at(gradient, (f"layer{layer}", own)).T
            np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_the_published_sizes():
    """By hand from the paper's table 2: convolutions with norms, skip, head."""
    x = jnp.zeros((1, 3, 88))
    tcn = jax.eval_shape(TCN().init, jax.random.key(0), x)["params"]
    assert sum(leaf.size for leaf in jax.tree.leaves(tcn)) == 269_938
    conv, wide = 150 * (3 * 88 + 2), 150 * (3 * 150 + 2)
    assert conv + 3 * wide + 150 * 89 + 88 * 151 == 269_938


def test_no_step_sees_what_comes():
    roll = np.asarray(np.random.default_rng(0).random((1, 20, KEYS)), np.float32)
    for model in (TCN(KEYS, WIDTH, 2, 3), RollRNN(KEYS, "lstm", WIDTH), RollRNN(KEYS, "gru", 4)):
        variables = model.init(jax.random.key(0), roll)
        variables = {"params": randomised(variables["params"])}
        other = roll.copy()
        other[:, 12:] += 1
        one, two = (np.asarray(model.apply(variables, x)) for x in (roll, other))
        np.testing.assert_array_equal(one[:, :12], two[:, :12])
        assert np.abs(one[:, 12:] - two[:, 12:]).max() > 1e-3


def test_a_receptive_field_is_exact():
    model = TCN(KEYS, WIDTH, 2, 3)
    assert model.receptive_field == 13
    roll = np.zeros((1, 30, KEYS), np.float32)
    params = {"params": randomised(model.init(jax.random.key(0), roll)["params"])}
    gradient = jax.grad(lambda x: model.apply(params, x)[0, -1].sum())(roll)
    reached = np.flatnonzero(np.abs(np.asarray(gradient)).sum((0, 2)))
    assert reached.min() == 30 - 13


def test_weights_start_as_torch_leaves_them():
    x = jnp.zeros((1, 3, 88))
    params = TCN().init(jax.random.key(0), x)["params"]
    assert np.std(params["Block_0"]["skip"]["kernel"]) == pytest.approx(0.01, rel=0.03)
    bound = 1 / np.sqrt(3 * 150)
    largest = np.abs(params["Block_1"]["conv2"]["kernel"]).max()
    assert 0.99 * bound < largest <= bound
    bias = RollRNN(forget_bias=10.0).init(jax.random.key(0), x)["params"]["layer1"]
    total = np.asarray(bias["bias"] + bias["recurrent_bias"])
    assert (total[200:400] == 10).all() and np.abs(total[:200]).max() < 0.2


def test_dropout_is_between_layers_and_in_blocks_in_training_alone():
    roll = np.ones((1, 9, KEYS), np.float32)
    for model in (TCN(KEYS, 32, 2, 3, 0.5), RollRNN(KEYS, "gru", 32, dropout=0.5)):
        variables = model.init(jax.random.key(0), roll)
        runs = [
            model.apply(variables, roll, train=True, rngs={"dropout": jax.random.key(i)})
            for i in range(2)
        ]
        assert np.abs(runs[0] - runs[1]).max() > 1e-4
        np.testing.assert_array_equal(model.apply(variables, roll), model.apply(variables, roll))
