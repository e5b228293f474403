"""Products on signals must not be rounded by the defaults of GPUs and TPUs."""

import jax
import jax.numpy as jnp
import pytest

from zoo.layers.quantizer import moving_update
from zoo.models.separation.ica import ICA
from zoo.models.separation.nmf import NMF
from zoo.objectives.bag_of_frames import histogram
from zoo.objectives.one_vs_one import PairwiseSVM
from zoo.objectives.shallow import KernelSVM, Logistic, Ridge
from zoo.objectives.shallow_nets import ExtremeLearning, MultilayerPerceptron
from zoo.signal import descriptors, features, mel, resample, scattering, synthesis

SPECTRUM = jax.ShapeDtypeStruct((1, 5, 129, 1), jnp.float32)
AUDIO = jax.ShapeDtypeStruct((1, 2000, 1), jnp.float32)
CONTROL = jax.ShapeDtypeStruct((1, 8, 4), jnp.float32)
PITCH = jax.ShapeDtypeStruct((1, 8, 1), jnp.float32)
MICROPHONES = jax.ShapeDtypeStruct((1, 2000, 2), jnp.float32)
FEATURES = jax.ShapeDtypeStruct((3, 6), jnp.float32)
CODES = jax.ShapeDtypeStruct((3,), jnp.int32)


def unmixed(model):
    return lambda x: model.apply({}, x, rngs={"init": jax.random.key(0)})


def scored(classifier):
    return lambda x: classifier.scores(classifier.blank(jax.random.key(0), 6, 2), x)


CASES = {
    "resample": (lambda x: resample.resample(x, 2, 3), AUDIO),
    "resample_hann": (lambda x: resample.resample_hann(x, 2, 1), AUDIO),
    "log_mel": (lambda x: mel.log_mel(x, mel.MUSICNN), AUDIO),
    "mfcc": (features.mfcc, SPECTRUM),
    "chroma": (lambda x: features.chroma(x, 16_000), SPECTRUM),
    "centroid": (lambda x: features.centroid(x, 16_000), SPECTRUM),
    "scatter": (lambda x: scattering.scatter(x, scattering.Scattering(6)), AUDIO),
    "harmonics": (
        lambda f, a, d: synthesis.harmonics(f, a, d, hop=64, sample_rate=16_000),
        *(PITCH, PITCH, CONTROL),
    ),
    "nmf": (unmixed(NMF(2, 4, iterations=1, n_fft=512, hop=256)), AUDIO),
    "ica": (unmixed(ICA(iterations=1)), MICROPHONES),
    "kernel_svm": (scored(KernelSVM(4)), FEATURES),
    "pairwise_svm": (scored(PairwiseSVM(4)), FEATURES),
    "ridge": (scored(Ridge()), FEATURES),
    "logistic": (scored(Logistic()), FEATURES),
    "extreme_learning": (scored(ExtremeLearning((4,))), FEATURES),
    "perceptron": (scored(MultilayerPerceptron(4)), FEATURES),
    "bag": (
        lambda x: histogram({"centres": jnp.ones((4, 6)), "mean": 0.0, "deviation": 1.0}, x),
        FEATURES,
    ),
    "tonnetz": (
        lambda x: descriptors.tonnetz(x),
        jax.ShapeDtypeStruct((1, 5, 12, 1), jnp.float32),
    ),
    "codebook": (
        lambda f, c: moving_update(jnp.ones(4), jnp.ones((4, 6)), f, c, 0.9),
        *(FEATURES, CODES),
    ),
}


def products(jaxpr):
    for equation in jaxpr.eqns:
        if equation.primitive.name in ("dot_general", "conv_general_dilated"):
            yield equation.params["precision"]
        for value in jax.tree.leaves(list(equation.params.values()), is_leaf=is_program):
            if is_program(value):
                yield from products(getattr(value, "jaxpr", value))


def is_program(value):
    return hasattr(value, "eqns") or hasattr(value, "jaxpr")


@pytest.mark.parametrize("name", CASES)
def test_products_are_taken_in_whole_float32(name):
    function, *arguments = CASES[name]
    found = list(products(jax.make_jaxpr(function)(*arguments).jaxpr))
    whole = jax.lax.Precision.HIGHEST
    assert found and all(precision in (whole, (whole, whole)) for precision in found)
