"""WaveNet against a public PyTorch module and a net written apart from it, of the same weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.distributions import Categorical, Gaussian
from zoo.models.generation.wavenet import WaveNet

torch = pytest.importorskip("torch")
from torch_twin import agree, leaves  # noqa: E402
from torch_wavenet import follow, wavenet  # noqa: E402

pytestmark = pytest.mark.optimised

SIZES = dict(layers=4, stacks=2, width=6, gate=5, skip=7, head=8)


@pytest.mark.parametrize("kind", ["codes", "conditions"])
def test_output_and_gradients_equal_torch(kind):
    """Of 8-bit codes alone, and of amplitudes under frames and a speaker with a Gaussian on top."""
    rng = np.random.default_rng(0)
    audio = rng.uniform(-0.9, 0.9, (2, 24, 1)).astype(np.float32)
    model, inputs, told = WaveNet(**SIZES, distribution=Categorical(16)), {}, {}
    if kind == "conditions":
        model = WaveNet(
            **SIZES,
            kernel=3,
            input="scalar",
            distribution=Gaussian(),
            global_condition=3,
            local_condition=4,
            upsampling=(2, 4),
        )
        inputs = {
            "condition": rng.normal(size=(2, 3, 4)).astype(np.float32),
            "speaker": jnp.array([2, 0]),
        }
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), audio, **inputs))
    variables = jax.tree.map(lambda s: rng.normal(0, 0.4, s.shape).astype(np.float32), shapes)
    w = leaves(variables["params"])
    if kind == "codes":
        codes = np.array(model.distribution.encode(audio))[..., 0]
        silence = int(model.distribution.encode(jnp.zeros(1))[0])
        late = torch.tensor(np.pad(codes[:, :-1], ((0, 0), (1, 0)), constant_values=silence))
    else:
        late = torch.tensor(np.pad(audio[:, :-1, 0], ((0, 0), (1, 0))))[:, None]
        frames = follow(w, torch.tensor(inputs["condition"]).mT, model.upsampling)
        told = {"local": frames, "voice": torch.eye(3)[[2, 0]]}
    theirs = wavenet(w, late.long() if kind == "codes" else late, model.dilations, **told).mT
    target = np.cos(np.arange(theirs.numel(), dtype=np.float32)).reshape(theirs.shape)

    def loss(variables):
        raw = model.apply(variables, audio, **inputs)
        return jnp.sum(raw * target), raw

    (_, raw), gradients = jax.jit(jax.value_and_grad(loss, has_aux=True))(variables)
    np.testing.assert_allclose(raw, theirs.detach(), atol=2e-5)
    (theirs * torch.tensor(target)).sum().backward()
    agree(w, gradients["params"], rtol=1e-3, atol=2e-4)


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
@pytest.mark.download
def test_output_equals_a_public_module(published_modules):
    """r9y9's wavenet_vocoder 0.1.1 under frames, whose residual sums are scaled by sqrt(1/2)."""
    published_modules("wavenet_vocoder==0.1.1")
    from wavenet_vocoder import WaveNet as Theirs

    torch.manual_seed(0)
    net = Theirs(
        16, 4, 2, 6, 10, 7, 3, dropout=0.0, cin_channels=4, weight_normalization=False, legacy=False
    ).eval()
    torch.nn.utils.remove_weight_norm(net.first_conv)
    model = WaveNet(
        **{**SIZES, "head": 7},
        kernel=3,
        distribution=Categorical(16),
        local_condition=4,
        upsampling=(1,),
        upsampler="repeat",
        last_residual=True,
        residual_scale=0.5**0.5,
    )
    w = {name: leaf.detach().numpy().T for name, leaf in net.named_parameters()}

    def conv(name, *others):
        """A convolution of theirs; biases that are added to its output join its own."""
        bias = sum(w[f"{place}.bias"] for place in (name, *others))
        return {"kernel": w[f"{name}.weight"], "bias": bias}

    params = {"source": {"embedding": w["first_conv.weight"][0] + w["first_conv.bias"]}}
    for i in range(4):
        place = f"conv_layers.{i}"
        params[f"blocks_{i}"] = {
            "dilated": conv(f"{place}.conv", f"{place}.conv1x1c"),
            "local": {"kernel": w[f"{place}.conv1x1c.weight"]},
            "residual": conv(f"{place}.conv1x1_out"),
            "skip": conv(f"{place}.conv1x1_skip"),
        }
    params |= {"hidden": conv("last_conv_layers.1"), "output": conv("last_conv_layers.3")}
    rng = np.random.default_rng(0)
    audio = rng.uniform(-0.9, 0.9, (2, 24, 1)).astype(np.float32)
    told = rng.normal(size=(2, 24, 4)).astype(np.float32)
    codes = np.array(model.distribution.encode(audio))[..., 0]
    silence = int(model.distribution.encode(jnp.zeros(1))[0])
    late = np.pad(codes[:, :-1], ((0, 0), (1, 0)), constant_values=silence)
    with torch.no_grad():
        theirs = net(torch.eye(16)[torch.tensor(late).long()].mT, torch.tensor(told).mT).mT
    raw = jax.jit(model.apply)({"params": params}, audio, condition=told)
    assert theirs.std() > 0.01
    np.testing.assert_allclose(raw, theirs, atol=1e-5)
