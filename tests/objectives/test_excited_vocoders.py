"""Excitations of a vocoder: in windows as in one pass, and what they do to steady frames."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from zoo import catalog
from zoo import experiment as experiments
from zoo.errors import BadInput
from zoo.evaluation import steady_notes
from zoo.models.generation import hifigan, mel_inversion, melgan
from zoo.objectives.adversarial_vocoder import Vocoder
from zoo.objectives.base import Request
from zoo.objectives.multi_band_vocoder import MultiBandVocoder
from zoo.objectives.refined_vocoder import RefinedVocoder
from zoo.signal import mel
from zoo.signal.excitation import Draft, Noise
from zoo.signal.sine_source import Levelled, Sine

KEY = jax.random.key(0, impl="unsafe_rbg")
SPEC = mel.MelSpec(
    8000, 32, 8, 6, mel.log_clamp, exponent=1, centre=False, pad=(12, 12), floor=1e-9
)
GENERATORS = {
    "hifigan": hifigan.Generator(
        bins=6, width=16, upsampling=(4, 2), taps=(8, 4), kernels=(3,), dilations=((1, 3),)
    ),
    "melgan": melgan.Generator(bins=6, width=16, upsampling=(4, 2), dilations=(1, 3)),
}
DISCRIMINATOR = melgan.Discriminator(scales=1, width=4, most=8, strides=(4,))
EXCITATIONS = {"noise": Noise(8), "draft": Draft(SPEC, 3), "sine": Levelled(Sine(SPEC))}
DRIVEN = [("hifigan", "noise"), ("melgan", "draft"), ("hifigan", "sine")]
SMALL = {
    "hifigan": hifigan.Generator(6, 4, (8,), (16,), kernels=(3,), dilations=((1,),), residual=True),
    "melgan": melgan.Generator(6, 4, (8,), dilations=(1,), residual=True),
}
CONFIGS = [e.name for e in catalog.entries() if "excitation: " in e.path.read_text()]
REFINER = mel_inversion.Refiner(SPEC, 8, (1, 1), rounds=2)


@pytest.fixture(scope="module", params=DRIVEN, ids="-".join)
def driven(request):
    """(objective, its variables, random)."""
    network, excitation = (
        table[name] for table, name in zip((GENERATORS, EXCITATIONS), request.param)
    )
    objective = Vocoder(network, DISCRIMINATOR, SPEC, excitation=excitation)
    return objective, randomised(objective)


def randomised(objective):
    batch = {"audio": np.zeros((2, 64, 1), np.float32)}
    variables = jax.eval_shape(objective.init, KEY, batch)
    random = np.random.default_rng(1)
    params = jax.tree.map(
        lambda x: random.normal(0, 1 / np.sqrt(max(np.prod(x.shape[:-1]), 4)), x.shape).astype("f"),
        variables.params,
    )
    return variables.replace(params=params)


def test_windows_equal_one_pass(driven):
    assert_windows_equal_one_pass(*driven)


def test_a_refiner_in_windows_equals_one_pass():
    objective = RefinedVocoder(REFINER, None, SPEC, excitation=Noise(8))
    assert_windows_equal_one_pass(objective, randomised(objective))


def assert_windows_equal_one_pass(objective, variables):
    source = np.random.default_rng(2).uniform(-0.5, 0.5, (1203, 1))
    source[300:900] *= 0.01  # between noises a tone, whose phase goes on from window to window
    source[300:900, 0] += 0.4 * np.sin(2 * np.pi * 441 / 8000 * np.arange(600))
    source = source.astype(np.float32)
    request = Request(length=1203, source=source, chunk=64)
    chunks = list(objective.generate(variables, request))
    frames = -(-1203 // 8) + 10
    whole = np.pad(source, ((0, frames * 8 - 1203), (0, 0)))[None]
    once = jax.jit(objective.predict)(variables, {"audio": whole}, KEY)["audio"]
    assert len(chunks) > 3 and np.abs(once).max() > 0.01
    once = np.clip(once[0, :1203], -1, 1)
    np.testing.assert_allclose(np.concatenate(chunks, 1)[0], once, atol=1e-5)


def test_constant_frames_are_a_period_of_the_hop_without_excitation_and_not_with_it(driven):
    objective, variables = driven
    frames = np.full((1, 80, 6), -1.0, np.float32)
    own = variables.of("generator")
    params = flatten_dict(own["params"], sep="/")
    bare = {k: v for k, v in params.items() if not k.startswith("excite_")}
    assert sum(k.endswith("kernel") for k in params) == sum(k.endswith("kernel") for k in bare) + 2
    sine = isinstance(objective.excitation, Levelled)
    assert ("merge/sum/kernel" in params) == sine
    steady = 0.4 * np.sin(2 * np.pi * 441 / 8000 * np.arange(640))[None, :, None]
    condition = objective.excitation.condition(steady.astype(np.float32)) if sine else frames
    driven_by = objective.excitation(condition, np.uint32(0))

    def ripple(*given):
        """Change from one hop to the next in the middle, as a share of the level."""
        out = np.asarray(objective.generator.apply(own, *given))[0, 240:400, 0].reshape(-1, 8)
        return np.diff(out, axis=0).std() / out.std()

    assert ripple(frames) < 1e-4 < 0.05 < ripple(frames, driven_by)


def test_the_gradient_reaches_the_weights_that_merge_harmonics():
    objective = Vocoder(GENERATORS["hifigan"], None, SPEC, spectral=1.0, excitation=Sine(SPEC))
    variables = randomised(objective)
    audio = 0.4 * np.sin(2 * np.pi * 441 / 8000 * np.arange(640))[None, :, None].astype(np.float32)
    (turn,) = objective.turns

    def loss(own):
        params = variables.replace(params={"generator": own})
        return turn.loss(params, {"audio": audio}, KEY, 0)[0]

    slope = jax.jit(jax.grad(loss))(variables.params["generator"])["merge"]["sum"]
    assert slope["kernel"].shape == (9, 1) and np.abs(slope["kernel"]).min() > 0
    assert np.abs(slope["bias"]) > 0


def test_a_sine_source_hears_audio_and_takes_no_frames_alone():
    objective = Vocoder(GENERATORS["hifigan"], None, SPEC, excitation=Sine(SPEC))
    assert not objective.takes_frames and objective.receptive_field == np.inf
    assert Vocoder(GENERATORS["hifigan"], None, SPEC, excitation=Noise(8)).takes_frames
    request = Request(64, frames=np.zeros((8, 6), np.float32))
    with pytest.raises(BadInput, match="driven by the pitch of audio"):
        objective.generate(None, request)


@pytest.mark.parametrize("name", CONFIGS)
def test_every_vocoder_with_an_excitation_has_the_sine(name):
    """By shapes, a turn of the generator."""
    found = experiments.find_config(name)
    experiment = found.experiment(**{**found.entry.smoke, "excitation": "sine"})
    batch = experiment.data.spec(2)
    variables = jax.eval_shape(experiment.objective.init, KEY, batch)
    turn = experiment.objective.turns[-1]
    jax.eval_shape(turn.loss, variables, batch, KEY, 0)
    assert isinstance(experiment.objective.excitation, Levelled)


@pytest.mark.parametrize("name", SMALL)
def test_a_residual_generator_begins_at_its_draft(name):
    frames = np.random.default_rng(3).normal(-2, 1, (1, 8, 6)).astype(np.float32)
    draft = np.random.default_rng(4).uniform(-0.9, 0.9, (1, 64, 1)).astype(np.float32)
    refined, _ = jax.jit(SMALL[name].init_with_output)(KEY, frames, draft)
    assert 0 < np.abs(refined - draft).max() < 0.02


def test_noise_is_white_and_depends_on_the_number_of_the_frame_alone():
    frames = np.zeros((2, 600, 6), np.float32)
    noise = np.asarray(Noise(8)(frames, np.uint32(0)))
    assert noise.shape == (2, 4800, 1)
    np.testing.assert_array_equal(noise[0], noise[1])
    np.testing.assert_array_equal(Noise(8)(frames[:, :5], np.uint32(7))[0], noise[0, 56:96])
    assert noise.std() == pytest.approx(1, abs=0.05) and abs(noise.mean()) < 0.05
    for lag in (1, 8, 16):
        assert abs(np.mean(noise[0, lag:] * noise[0, :-lag])) < 0.06


@pytest.mark.parametrize(("compress", "exponent"), [(mel.log_clamp, 1), (mel.log10_clamp, 2)])
def test_a_draft_plays_steady_notes_nearer_to_their_pitch_than_the_comb(compress, exponent):
    """Of front ends in ln and in log10, of magnitudes and of powers."""
    spec = replace(mel.HIFIGAN, sample_rate=16_000, compress=compress, exponent=exponent)
    audio, hertz = steady_notes.scale(2, 4 * 16_384, 16_384)
    frames = jax.jit(lambda x: mel.log_mel(x, spec)[..., 0])(audio)
    made = np.asarray(jax.jit(Draft(spec))(frames, np.uint32(0)))
    cents = np.abs(steady_notes.errors(made, hertz, 16_384))
    assert np.median(cents) < 20 and made.std() == pytest.approx(audio.std(), rel=0.5)


def test_bad_input_is_named():
    with pytest.raises(BadInput, match="frame a hop"):
        Draft(replace(SPEC, centre=True, pad=None))
    with pytest.raises(BadInput, match="ln or log10"):
        Draft(replace(SPEC, compress=mel.power_to_db))
    with pytest.raises(BadInput, match="takes no excitation"):
        MultiBandVocoder(GENERATORS["melgan"], DISCRIMINATOR, SPEC, excitation=Noise(8))
