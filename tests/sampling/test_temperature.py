"""The temperature of a request reaches every sampler: at 0 all seeds sound alike."""

import importlib
import inspect
import pkgutil
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import zoo.objectives
from zoo.data.events import Vocabulary
from zoo.data.score_render.instrument import Instrument
from zoo.data.score_render.melodies import EighthSlices
from zoo.data.twelve_bars import BluesNotes
from zoo.distributions import MixtureOfLogistics, Tokens
from zoo.models.generation import gansynth
from zoo.models.generation.eck_blues import EckBlues
from zoo.models.generation.lewis import Lewis
from zoo.models.generation.melnet import Tier
from zoo.models.generation.music_transformer import MusicTransformer
from zoo.models.generation.vae import VAE
from zoo.models.generation.window_flows import Nice
from zoo.objectives.adversarial import Wasserstein
from zoo.objectives.autoencoder import QuantisedAutoencoder
from zoo.objectives.base import Request, Variables
from zoo.objectives.blues import Blues
from zoo.objectives.code_autoencoder import CodeAutoencoder
from zoo.objectives.code_prior import CodePrior
from zoo.objectives.density_distillation import DensityDistillation
from zoo.objectives.distillation import Distillation
from zoo.objectives.energy_based import EnergyBased
from zoo.objectives.event_likelihood import EventLikelihood
from zoo.objectives.flow import Flow
from zoo.objectives.implicit_quantiles import ImplicitQuantiles
from zoo.objectives.likelihood import Autoregressive
from zoo.objectives.progressive_gan import ProgressiveGAN
from zoo.objectives.recurrent_likelihood import RecurrentLikelihood
from zoo.objectives.refinement import Refinement
from zoo.objectives.score_matching import ScoreMatching
from zoo.objectives.spectrogram_gan import SpectrogramGAN
from zoo.objectives.tiers import Tiers
from zoo.objectives.toned_gan import TonedGAN
from zoo.objectives.translation import Translation
from zoo.objectives.variational import Variational
from zoo.objectives.wasserstein_autoencoder import WassersteinAutoencoder
from zoo.objectives.window_flow import WindowFlow
from zoo.objectives.window_gan import WindowGan
from zoo.sampling import autoregressive
from zoo.sampling.noise_processes import Annealed
from zoo.sampling.rule import AS_LEARNT, SamplerRule
from zoo.signal import mel
from zoo.signal.mel_images import MelImage
from zoo.signal.mixtures import MixtureOfGaussians
from zoo.signal.phase_images import PhaseImageLayout
from zoo.signal.speech_fronts import MelFront

sys.path.insert(0, str(Path(__file__).parent.parent / "objectives"))
from test_steps_of_densities import SPEC, Coder, Leaky, Memory, Prior, Scale
from test_steps_of_families import Halves, Levels, Linear, Parabola
from test_steps_of_gans import Maker, Scorer
from test_steps_of_students import Student
from test_steps_of_windows import Voice, Windows

WITHOUT_CHANCE = {"Vocoder", "RefinedVocoder", "MultiBandVocoder", "PhaseRetrieval", "Effect"}
# Resynthesis: its noise is part of the timbre, no published system scales it.
# PlannedMelodies: the seed mixes two melodies' plans, the network draws nothing.
# DeepPrior: its noise is the network that it begins with.
# Speech: the rate of the pre-net's dropout, whose few units tests/objectives/test_speech.py has.
SPEECH = {"StoppedSpeech", "SilencedSpeech"}
WITHOUT_TEMPERATURE = {"Resynthesis", "PlannedMelodies", "DeepPrior", *SPEECH}
# The bases of students, of speech and of windows; what samples as Autoregressive.
SHARED = {"Student", "PlayedNotes", "_Speech", "WindowGenerator", "BandedLikelihood"}
RNG = np.random.default_rng(0)
KEY = jax.random.key(0)
SOURCE = RNG.uniform(-0.5, 0.5, (32, 1)).astype(np.float32)


class Inverse(Scale):
    """`Scale` with the way back: x = z exp(-s) - shift, of a fixed shift and s."""

    frames_before: int = 1
    frames_after: int = 1

    def inverse(self, z, frames):
        return (0.1 * z + 0.3).reshape(len(z), -1, 1)


class Speaker(Memory):
    """A decoder and its autoencoder's encoder in one."""

    global_condition: int = 0
    codes: int = 4
    hop: int = 2
    receptive_field: int = 2

    @property
    def decoder(self):
        return self

    def encode(self, audio):
        return jnp.zeros((len(audio), audio.shape[1] // 2), jnp.int32)

    def frames(self, codes):
        return codes[..., None] * 1.0


class Encoder(Coder):
    @property
    def decoder(self):
        return Memory()


class Upper(Speaker):
    """As `Speaker`, over codes."""

    distribution: Any = Tokens(4)


class Translating(Speaker):
    """Latents of two samples, and a decoder for every domain."""

    @property
    def encoder(self):
        return SimpleNamespace(pool=2, reach=0)


def translating():
    return Translation(Translating(), None, ("piano", "violin"))


AUTOREGRESSIVE = {
    "Translation": (translating, {"source": SOURCE, "domain": "violin"}, 1),
    "Autoregressive": (lambda: Autoregressive(Memory()), {}, 1),
    "ImplicitQuantiles": (lambda: ImplicitQuantiles(Levels()), {}, 1),
    "RecurrentLikelihood": (lambda: RecurrentLikelihood(Leaky()), {}, 1),
    "QuantisedAutoencoder": (lambda: QuantisedAutoencoder(Speaker()), {"source": SOURCE}, 1),
    "CodePrior": (lambda: CodePrior(Prior(), Encoder()), {}, 2),  # of codes and of samples
    "CodeAutoencoder": (lambda: CodeAutoencoder(Upper(), Speaker()), {"source": SOURCE}, 2),
}


@pytest.mark.parametrize("name", AUTOREGRESSIVE)
def test_autoregressive_samplers_are_asked_for_it(name, monkeypatch):
    make, how, calls = AUTOREGRESSIVE[name]
    asked = []

    def noted(model, variables, *, length, count=1, rule=AS_LEARNT, **_):
        asked.append(rule.temperature)
        yield jnp.zeros((count, length, 1)), jnp.zeros((count, length))

    monkeypatch.setattr(autoregressive, "generate_scored", noted)
    own = {"model": {"decoder": {}}, "autoencoder": {"decoder": {}}, "below": {"decoder": {}}}
    request = Request(32, rule=SamplerRule(0.37), **how)
    assert list(make().generate(Variables(own), request))
    assert asked == [0.37] * calls


def gan(cls, **how):
    objective = cls(Maker((4, 4, 1)) if how else Maker(), Scorer(), **how)
    moments = {"mean": jnp.full(5, -2.0), "std": jnp.ones(5)}
    kernel = RNG.normal(size=(3, 16 if how else 5)).astype(np.float32)
    return objective, Variables(
        {"generator": {"out": {"kernel": kernel}}}, {}, {"moments": moments}
    )


def student():
    objective = Distillation(Student(), Memory(), SPEC, transform=(8, 4, 8))
    own = {"w": jnp.array([0.1, 0.05, 0.0, -2.0])}
    return objective, Variables({"student": own}, {}, {"teacher": {"w": jnp.ones(4)}})


def density_student():
    class Mixed(Memory):
        distribution: Any = MixtureOfLogistics()

    objective = DensityDistillation(Student(), Mixed(), SPEC, transform=(8, 4))
    return objective, student()[1]


def spread(shapes):
    return jax.tree.map(lambda s: RNG.normal(0, 0.4, s.shape).astype(s.dtype), shapes)


def windows():
    objective = WindowFlow(Nice(samples=16, width=4, layers=1))
    shapes = jax.eval_shape(objective.init, KEY, {"audio": jnp.zeros((1, 16, 1))})
    return objective, spread(shapes)


def notes(kind=ProgressiveGAN):
    how = dict(pitches=3, start=(16, 32), resolutions=1, base=8, widest=4, channels=kind.channels)
    layout = PhaseImageLayout(256, 16, 32, 8_000, "linear")
    parts = gansynth.Generator(latent=4, **how), gansynth.Discriminator(**how)
    objective = kind(*parts, layout, growth=None, lowest=60)
    batch = {"audio": jnp.zeros((2, 256, 1)), "pitch": jnp.full(2, 60)}
    counts = {"pitches": {"counts": jnp.array([0.0, 1.0, 0.0])}}
    variables = objective.init(KEY, batch).replace(frozen=counts)
    params = jax.tree.map(
        lambda p: p + 0.05 * RNG.normal(size=p.shape), variables.params
    )  # some of them are zero at first
    return objective, variables.replace(params=params)


def flow():
    return Flow(Inverse(), SPEC, sigma=0.5), Variables({"model": {}})


def variational():
    model = VAE(samples=16, latents=4, width=8, levels=1)
    shapes = jax.eval_shape(model.init, KEY, jnp.zeros((1, 16, 1)), jnp.zeros((1, 4)))["params"]
    params = jax.tree.map(lambda s: (0.2 * RNG.normal(size=s.shape)).astype(np.float32), shapes)
    return Variational(model), Variables({"model": params})


class Window(Halves):
    """`Halves` with its way back alone."""

    def decode(self, z):
        return jnp.repeat(z, 2, -1)[..., None]


def transport():
    return WassersteinAutoencoder(Window()), Variables({"model": {}})


def energies():
    chains = {"replay": {"chains": jnp.zeros((4, 16, 1))}}
    weights = {"w": jnp.array([0.2, 0.1])}
    return EnergyBased(Parabola(), long=5), Variables({"model": weights}, {"model": chains})


def scores():
    weights = {"w": jnp.array([-0.5, 0.1])}
    objective = ScoreMatching(Linear(), Annealed(each=2), samples=16)
    return objective, Variables({"model": weights})


def voice():
    spec = mel.MelSpec(8000, 8, 4, 3, mel.log_clamp, exponent=1, centre=False, pad=(2, 2))
    objective = WindowGan(Voice(), Windows(), spec)
    shapes = jax.eval_shape(objective.init, KEY, {"audio": SOURCE[None]})
    return objective, spread(shapes)


def tiers():
    front = MelFront(replace(SPEC, bins=4, centre=False, pad=(2, 2)), iterations=1)
    law = MixtureOfGaussians(2)
    objective = Tiers((Tier(1, 3, 2, law), Tier(1, 3, 0, law)), MelImage(front, -8.0, 0.3), 4)
    shapes = jax.eval_shape(objective.init, KEY, {"audio": jnp.zeros((1, 16, 1))})
    return objective, spread(shapes)


PARALLEL = {
    "WindowGan": voice,
    "WassersteinAutoencoder": transport,
    "EnergyBased": energies,
    "ScoreMatching": scores,
    "Variational": variational,
    "Flow": flow,
    "WindowFlow": windows,
    "Distillation": student,
    "DensityDistillation": density_student,
    "ProgressiveGAN": notes,
    "TonedGAN": lambda: notes(TonedGAN),
    "Wasserstein": lambda: gan(Wasserstein),
    "Tiers": tiers,
    "SpectrogramGAN": lambda: gan(SpectrogramGAN, n_fft=8, hop=2, iterations=0),
}


def sounds(objective, variables, temperature, seed):
    source = {"source": SOURCE} if getattr(objective, "needs_source", False) else {}
    asked = Request(16, 2, seed, SamplerRule(temperature), **source)
    return np.concatenate(list(objective.generate(variables, asked)), 1)


@pytest.mark.parametrize("name", PARALLEL)
def test_parallel_samplers_are_quieted_by_it(name, monkeypatch):
    """At 0 all seeds and voices are one sound; it grows with the temperature."""
    monkeypatch.setattr(Student, "receptive_field", 2, raising=False)
    objective, variables = PARALLEL[name]()
    none, other = (sounds(objective, variables, 0.0, seed) for seed in (0, 1))
    np.testing.assert_allclose(none, other, atol=1e-6)
    np.testing.assert_allclose(none[0], none[1], atol=1e-6)
    far = [np.abs(sounds(objective, variables, t, 0) - none).mean() for t in (0.01, 0.5, 1.0)]
    assert 0 < far[0] < far[1] and far[0] < 0.2 * far[2]


def events():
    symbols = Vocabulary(55, 62, shifts=8, velocities=0, steps=8)
    net = MusicTransformer(Tokens(symbols.count), 1, 8, 8, 8, 2, 16, 16, positions=False)
    batch = {"events": jnp.zeros((1, 4, 1), jnp.int32), "known": jnp.ones((1, 4), jnp.uint8)}
    return EventLikelihood(net, symbols, Instrument(0, 8000), 8000), batch


def blues():
    net = EckBlues(blocks=3, cells=2)
    steps = dict(steps=BluesNotes(), instrument=Instrument(0, 8000), rate=8000)
    return Blues(net, **steps), {"roll": jnp.zeros((1, 4, 25)), "known": jnp.ones((1, 4))}


def refinement():
    how = dict(length=8, rounds=2, rate=8000)
    slices = jnp.zeros((1, 8, 15))
    return Refinement(Lewis(5), EighthSlices(), Instrument(0, 8000), **how), {"slices": slices}


COMPOSERS = {"EventLikelihood": events, "Blues": blues, "Refinement": refinement}


@pytest.mark.parametrize("name", COMPOSERS)
def test_composers_are_quieted_by_it(name):
    """At 0 all seeds and voices are one tune, at 1 they are not."""
    objective, batch = COMPOSERS[name]()
    variables = spread(jax.eval_shape(objective.init, KEY, batch))

    def tunes(temperature):
        asked = (Request(32_000, 2, seed, SamplerRule(temperature)) for seed in (0, 1))
        every = [p.notes for request in asked for p in objective.compose(variables, request)]
        return {str([np.asarray(n[k]).tolist() for k in ("onset", "pitch")]) for n in every}

    assert len(tunes(0.0)) == 1 and len(tunes(1.0)) > 2


def test_a_flow_s_noise_is_as_wide_as_sigma_times_the_temperature():
    objective, variables = flow()
    width = objective.sigma * 0.6
    z = objective._make(4, variables, np.uint32(0), width, jnp.zeros((1, 500, 3)), jnp.uint32(0))
    z = (np.asarray(z) - 0.3) / 0.1
    assert z.std() == pytest.approx(0.5 * 0.6, rel=0.03)


def test_every_generator_is_among_them():
    found = set()
    for module in pkgutil.iter_modules(zoo.objectives.__path__):
        full = importlib.import_module(f"zoo.objectives.{module.name}")
        for name, kind in inspect.getmembers(full, inspect.isclass):
            own = kind.__module__ == full.__name__ and module.name != "base"
            if own and hasattr(kind, "generate"):
                found.add(name)
    drawing = {*AUTOREGRESSIVE, *PARALLEL, *COMPOSERS}
    assert found == drawing | WITHOUT_CHANCE | WITHOUT_TEMPERATURE | SHARED
