"""Exported programs: of which lengths, and that they compute at each what the system does."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

import zoo
from zoo import experiment as experiments
from zoo.front import exporting, programs
from zoo.layers import conv, pool
from zoo.runs import networks, pairs
from zoo.signal import stft, wiener

LENGTHS = {  # of the smokes: what the audio of a program may be long
    "samplecnn_score_render": "243*n",  # whole segments
    "demucs_score_render": "16*n+4",  # what strides leave whole
    "conv_tasnet_score_render": "8*n",
    "wavenet_regression_score_render": "n",
    "spleeter_unet_score_render": "n",
    "onsets_frames_score_render": "8192*n",
    "crepe_score_render": "1024",  # windows alone
}


@pytest.mark.parametrize("name", LENGTHS)
def test_as_many_lengths_as_a_model_lets_are_free(name):
    config = experiments.find_config(name)
    experiment = config.experiment(**{**config.defaults, **config.entry.smoke})
    objective, spec = experiment.objective, experiment.data.spec(1)
    variables = jax.eval_shape(objective.init, jax.random.key(0), spec)
    key = "audio" if "audio" in spec else "mixture"
    model = networks.find_network(objective, variables)[0]
    for number, shapes in programs.candidates({key: spec[key]}, model):
        try:
            jax.eval_shape(objective.predict, variables, shapes, jax.random.key(0))
        except Exception:  # as export does
            continue
        step = number
        break
    assert programs.symbolic_sizes(shapes)[key][:2] == ["b", LENGTHS[name]]
    whole, _, letter = LENGTHS[name].rpartition("*")
    assert step == int(whole or letter == "n")


def test_a_program_computes_the_same_at_every_length(tmp_path, monkeypatch):
    monkeypatch.setattr(programs, "PLATFORMS", ("cpu",))
    name, folder = "wave_unet_score_render", tmp_path / "pair"
    made = zoo.create(name, **experiments.find_config(name).entry.smoke)
    line = exporting.export(made, folder, program=True)
    assert "mixture [b 16*n 1], lengths from 1,024 in steps of 16" in line and "\n" not in line
    program = export.deserialize(bytearray((folder / "model.program").read_bytes()))
    for length in (1024, 1072):
        audio = np.random.default_rng(length).uniform(-0.5, 0.5, (2, length, 1))
        batch = {"mixture": audio.astype(np.float32)}
        found = program.call(pairs.read_weights(folder), batch)["prediction"]
        np.testing.assert_allclose(found, made.predict(batch)["prediction"], atol=1e-5)
    for other in (1008, 1029):
        with pytest.raises(ValueError, match=r"mixture|refining shapes"):
            program.call(
                pairs.read_weights(folder), {"mixture": np.zeros((1, other, 1), np.float32)}
            )


def test_why_a_program_has_one_length_is_said_in_one_line():
    told = programs.lengths(1024, 0, ["CREPE takes windows [B 1024 1],\n not (b, n, 1)", "later"])
    assert told == "of 1,024 alone (CREPE takes windows [B 1024 1], not (b, n, 1))"
    assert programs.lengths(512, 1, []) == "from 512"


def pointwise(x):
    return conv.convolve(x, jnp.ones((1, 2, 3)))


def wide(x):
    return conv.convolve(x, jnp.arange(66.0).reshape(11, 2, 3), stride=1)


def there_and_back(x):
    return stft.centred_inverse(stft.centred(x, 8, 4), 8, 4, x.shape[1])


def refined(x):
    spectrum = stft.centred(x, 8, 4)
    magnitudes = jnp.stack([jnp.abs(spectrum), 2 * jnp.abs(spectrum)], 3)
    return jnp.abs(wiener.wiener_filter(magnitudes, spectrum, window=6))


@pytest.mark.parametrize(
    "function", [pointwise, wide, lambda x: pool.largest(x, 1), there_and_back, refined]
)
def test_parts_compute_the_same_of_any_length(function):
    """Where a program of one length takes another form than one of any."""
    shape = export.symbolic_shape("b, n, 2", constraints=["n >= 12"])
    free = export.export(jax.jit(function))(jax.ShapeDtypeStruct(shape, jnp.float32))
    for length in (12, 27, 40):
        x = np.random.default_rng(length).normal(size=(2, length, 2)).astype(np.float32)
        np.testing.assert_allclose(free.call(x), jax.jit(function)(x), rtol=1e-4, atol=1e-4)
