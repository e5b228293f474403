"""CRN and GCRN: the counts of their authors' code, twins in PyTorch, causality, silence."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.fft
import scipy.signal
from torch_twin import agree, dense, inside, leaves

from zoo.errors import BadInput
from zoo.losses.waveform import l2
from zoo.models.separation.crn import CRN, CRNNet, GCRNNet, bins_by_level
from zoo.objectives.base import Variables
from zoo.objectives.masking import Masking
from zoo.signal import stft

torch = pytest.importorskip("torch")
F = torch.nn.functional
KINDS = ("magnitude", "complex")
SMALL = {"n_fft": 32, "hop": 16, "widths": (2, 4)}  # 17, 8, 3 bins


def noise(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def drawn(module, *args, **how):
    """Every variable away from where it starts; variances stay positive."""
    rng = np.random.default_rng(1)
    start = jax.eval_shape(lambda: module.init(jax.random.key(0), *args, **how))

    def draw(path, leaf):
        x = 0.5 * rng.standard_normal(leaf.shape)
        return jnp.asarray(1 + x**2 if path[-1].key == "var" else x, jnp.float32)

    return jax.tree_util.tree_map_with_path(draw, start)


@pytest.mark.parametrize("kind, parameters", [("magnitude", 17_579_459), ("complex", 9_771_340)])
def test_parameters_are_as_many_as_in_the_authors_code(kind, parameters):
    x = jax.ShapeDtypeStruct((1, 1600, 1), jnp.float32)
    y, variables = jax.eval_shape(CRN(kind=kind).init_with_output, jax.random.key(0), x)
    assert sum(leaf.size for leaf in jax.tree.leaves(variables["params"])) == parameters
    assert y.shape == (1, 1600, 1, 1)
    assert bins_by_level(161, 5) == [161, 80, 39, 19, 9, 4]


def lstm(w, name, x):
    """torch's own LSTM, whose weights are leaves of ours."""
    own = inside(w, name)
    given = [own["kernel"].T, own["recurrent_kernel"].T, own["bias"], own["recurrent_bias"]]
    zeros = x.new_zeros(1, len(x), x.shape[-1])
    return torch.lstm(x, (zeros, zeros), given, True, 1, 0.0, False, False, True)[0]


def norm(w, name, x):
    """Batch norm [B C F N] of a batch's own statistics."""
    own = inside(w, name)
    return F.batch_norm(x, None, None, own["scale"], own["bias"], training=True)


def sequence(x):
    return x.transpose(1, 2).flatten(2)


def two_frames(kernel):
    """Kernel [3 2C C'] of frames side by side as [C' C 2 3]: the frame before, then the frame."""
    before, now = kernel.chunk(2, 1)
    return torch.stack([before, now], 0).permute(3, 2, 0, 1)


def crn(w, x):
    """[B 1 F N] -> [B 1 F N], two-dimensional layers as the paper draws them; two levels."""
    skips, sizes = [], [x.shape[-1]]
    for level in (1, 2):
        kernel, bias = two_frames(w[f"down_{level}/kernel"]), w[f"down_{level}/bias"]
        y = F.conv2d(x, kernel, bias, stride=(1, 2), padding=(1, 0))[:, :, :-1]
        x = F.elu(norm(w, f"down_{level}_norm", y))
        skips.append(x)
        sizes.append(x.shape[-1])
    y = lstm(w, "lstm_1", lstm(w, "lstm_0", sequence(x)))
    y = y.unflatten(2, (x.shape[1], x.shape[3])).transpose(1, 2)
    x = torch.cat([y, skips.pop()], 1)
    for level in (2, 1):
        kernel = two_frames(w[f"up_{level}/kernel"]).transpose(0, 1).flip(2)
        spare = sizes[level - 1] - 2 * sizes[level] - 1
        how = dict(stride=(1, 2), padding=(1, 0), output_padding=(0, spare))
        y = F.pad(F.conv_transpose2d(x, kernel, w[f"up_{level}/bias"], **how), (0, 0, 1, 0))
        x = norm(w, f"up_{level}_norm", y)
        x = F.elu(torch.cat([x, skips.pop()], 1)) if level > 1 else F.softplus(x)
    return x


def gated(w, name, x, apply):
    return apply(name, x) * torch.sigmoid(apply(f"{name}_gate", x))


def gcrn(w, x):
    """[B 2 F N] -> [B 2 F N]."""
    skips, sizes = [], [x.shape[-1]]

    def down(name, x):
        kernel = w[f"{name}/kernel"].permute(2, 1, 0)[:, :, None]
        return F.conv2d(x, kernel, w[f"{name}/bias"], stride=(1, 2))

    for level in (1, 2):
        x = F.elu(norm(w, f"down_{level}_norm", gated(w, f"down_{level}", x, down)))
        skips.append(x)
        sizes.append(x.shape[-1])
    y = grouped(inside(w, "recurrent"), sequence(x))
    start = torch.cat([y.unflatten(2, (x.shape[1], x.shape[3])).transpose(1, 2), x], 1)
    parts = []
    for part in ("real", "imaginary"):
        y = start
        for level in (2, 1):
            spare = (0, sizes[level - 1] - 2 * sizes[level] - 1)

            def up(name, x, spare=spare):
                kernel = w[f"{name}/kernel"].permute(1, 2, 0)[:, :, None]
                bias = w[f"{name}/bias"]
                return F.conv_transpose2d(x, kernel, bias, stride=(1, 2), output_padding=spare)

            y = norm(w, f"{part}_{level}_norm", gated(w, f"{part}_{level}", y, up))
            y = F.elu(torch.cat([y, skips[level - 2]], 1) if level > 1 else y)
        parts.append(dense(w, f"{part}_dense", y))
    return torch.cat(parts, 1)


def grouped(w, x):
    a, b = x.chunk(2, -1)
    x = torch.stack([lstm(w, "lstm_0_0", a), lstm(w, "lstm_0_1", b)], -1).flatten(2)
    x = F.layer_norm(x, x.shape[-1:], w["norm_0/scale"], w["norm_0/bias"])
    a, b = x.chunk(2, -1)
    x = torch.cat([lstm(w, "lstm_1_0", a), lstm(w, "lstm_1_1", b)], -1)
    return F.layer_norm(x, x.shape[-1:], w["norm_1/scale"], w["norm_1/bias"])


@pytest.mark.optimised
@pytest.mark.parametrize("kind", KINDS)
def test_nets_equal_the_twin_with_every_gradient(kind):
    net, twin = (CRNNet, crn) if kind == "magnitude" else (GCRNNet, gcrn)
    net = net(SMALL["widths"])
    x, target = noise(2, 3, 5, 17, 1 if kind == "magnitude" else 2)
    variables = drawn(net, x)

    def loss(params):
        given = {**variables, "params": params}
        y, _ = net.apply(given, x, train=True, mutable=["batch_stats"])
        return jnp.sum(y * target), y

    run = jax.jit(jax.value_and_grad(loss, has_aux=True))
    (_, y), gradients = run(variables["params"])
    w = leaves(variables["params"])
    theirs = twin(w, torch.tensor(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    np.testing.assert_allclose(y, theirs.detach(), atol=2e-5)
    (theirs * torch.tensor(target)).sum().backward()
    agree(w, gradients, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_no_frame_reads_a_later_one(kind):
    net = (CRNNet if kind == "magnitude" else GCRNNet)(SMALL["widths"])
    x = noise(1, 6, 17, 1 if kind == "magnitude" else 2)
    variables = drawn(net, x)
    apply = jax.jit(net.apply)
    whole, changed = apply(variables, x), apply(variables, np.concatenate([x[:, :4], -x[:, 4:]], 1))
    np.testing.assert_array_equal(whole[:, :4], changed[:, :4])
    assert np.abs(whole[:, 4:] - changed[:, 4:]).max() > 1e-3


def test_spectra_are_those_of_scipy_and_come_back():
    """Symmetric Hamming windows centred on whole hops; songs of no whole number of hops, too."""
    model, x = CRN(), noise(2, 1650, 1)
    window = scipy.signal.windows.hamming(320)
    how = dict(window=window, nperseg=320, noverlap=160, boundary="zeros", padded=True)
    _, _, wanted = scipy.signal.stft(x[:, :, 0], **how)
    found = model.spectrum(x)[..., 0]
    np.testing.assert_allclose(found, wanted.transpose(0, 2, 1) * window.sum(), atol=2e-4)
    np.testing.assert_allclose(model.audio(model.spectrum(x), 1650), x, atol=1e-5)


def test_real_spectra_are_scipys_cosine_transforms_and_come_back():
    model, x = CRN(kind="real"), noise(2, 1650, 1)
    padded = np.pad(x[:, :, 0], ((0, 0), (160, 160 + 110)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, 320, axis=1)[:, ::160]
    wanted = scipy.fft.dct(frames * scipy.signal.windows.hamming(320), norm="ortho")
    found = model.spectrum(x)[..., 0]
    np.testing.assert_allclose(found, wanted, atol=2e-5)
    np.testing.assert_allclose(model.audio(model.spectrum(x), 1650), x, atol=1e-5)


def test_a_single_decoder_is_the_first_of_two():
    both, one = GCRNNet(SMALL["widths"]), GCRNNet(SMALL["widths"], parts=("real",))
    x = noise(1, 3, 17, 2)
    variables = drawn(both, x)
    wanted, found = jax.jit(lambda v: (both.apply(v, x), one.apply(v, x)))(variables)
    np.testing.assert_allclose(found, wanted[..., :1], atol=1e-6)


@pytest.mark.parametrize("kind", [*KINDS, "real"])
def test_what_is_compared_and_what_sounds(kind):
    """The loss is the mean square of the estimates, of both parts of every bin in the complex kind
    (as the authors' criterion divides it); their sound and the rest are the mixture.
    """
    model = CRN(rest=True, kind=kind, **SMALL)
    stems = 0.1 * noise(2, 90, 2, 1)
    batch = {"mixture": jnp.asarray(stems.sum(2)), "stems": jnp.asarray(stems)}
    variables = drawn(model, batch["mixture"])
    state = {"batch_stats": variables["batch_stats"]}
    held = Variables({"model": variables["params"]}, {"model": state})

    @jax.jit
    def run():
        y = model.apply(variables, batch["mixture"])
        estimates = model.apply(variables, batch["mixture"], method="estimates")
        return y, estimates, Masking(model, l2).held_out_loss(held, batch, jax.random.key(0))

    y, estimates, found = run()
    true, estimates = np.asarray(model.spectrum(stems[:, :, 0])), np.asarray(estimates)[..., 0]
    if kind == "complex":
        real, imaginary = np.split(estimates, 2, 2)
        error = ((true.real - real) ** 2 + (true.imag - imaginary) ** 2) / 2
        wanted = real + 1j * imaginary
    elif kind == "real":
        error, wanted = (true - estimates) ** 2, estimates
    else:
        error = (np.abs(true) - estimates) ** 2
        wanted = estimates * np.exp(1j * np.angle(model.spectrum(batch["mixture"])))
    np.testing.assert_allclose(found["loss"], error.mean((1, 2, 3)), rtol=1e-4)
    np.testing.assert_allclose(y[:, :, 0], model.audio(wanted, 90), atol=1e-5)
    np.testing.assert_allclose(y.sum(2), batch["mixture"], atol=1e-5)


def test_silence_stays_silent_where_the_mixture_gives_the_phase():
    model = CRN(kind="magnitude", **SMALL)
    x = np.zeros((1, 200, 1), np.float32)
    np.testing.assert_array_equal(jax.jit(model.apply)(drawn(model, x), x), 0)


def test_what_cannot_be_is_refused():
    def begin(model, channels=1):
        jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 200, channels)))

    with pytest.raises(BadInput, match="longer n_fft"):
        begin(CRN(n_fft=32, hop=16))
    with pytest.raises(BadInput, match="choose magnitude, complex or real"):
        begin(CRN(kind="phase", **SMALL))
    with pytest.raises(BadInput, match="groups"):
        begin(CRN(groups=5, **SMALL))
    with pytest.raises(BadInput, match="mono"):
        begin(CRN(**SMALL), 2)


def test_parts_of_a_spectrum_stand_one_behind_the_other():
    spectrum = (noise(1, 2, 3, 2) + 1j * noise(1, 2, 3, 2)[:, ::-1]).astype(np.complex64)
    found = stft.real_and_imaginary(jnp.asarray(spectrum))
    np.testing.assert_array_equal(found[:, :, :3], spectrum.real)
    np.testing.assert_array_equal(found[:, :, 3:], spectrum.imag)
    np.testing.assert_array_equal(stft.of_parts(found), spectrum)
