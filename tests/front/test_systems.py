"""Every method on every kind of system, with audio as people have it; what is refused, and how."""

import numpy as np
import pytest
import soundfile

import zoo
from zoo import experiment as experiments
from zoo.errors import BadInput

# A tiny system of each kind, and the methods that it has.
KINDS = {
    "musicnn_score_render": {"tags", "tags_over_time", "embed"},
    "random_cnn_score_render": {"tags", "tags_over_time", "embed"},
    "crepe_score_render": {"pitch"},
    "onsets_frames_score_render": {"notes"},
    "wave_unet_score_render": {"separate"},
    "nmf_score_render": set(),
    "wavenet_score_render": {"sample", "stream"},
    "wavegan_score_render": {"sample", "stream"},
    "melgan_score_render": {"vocode"},
    "vqvae_score_render": {"reconstruct"},
    "ddsp_score_render": {"transfer"},
}


@pytest.fixture(scope="module", params=KINDS)
def system(request):
    return zoo.create(request.param, **experiments.find(request.param).entry.smoke)


@pytest.fixture(scope="module")
def tune():
    """Half a second of a tone with vibrato at 22,050 Hz, stereo float [T 2]."""
    seconds = np.arange(11_025) / 22_050
    tone = 0.3 * np.sin(2 * np.pi * 440 * seconds + np.sin(30 * seconds))
    return np.stack([tone, 0.5 * tone], 1).astype(np.float32)


def applied(system, method, audio, rate=None):
    """A method of a system that takes audio, whose answer is checked to be finite NumPy."""
    found = getattr(system, method)(audio, rate)
    for array in found.values() if isinstance(found, dict) else (found,):
        parts = array if isinstance(array, tuple) else (array,)
        for part in parts:
            values = getattr(part, "scores", part)
            assert np.isfinite(np.asarray(values, np.float64)).all(), method
    return found


def test_a_system_has_the_methods_of_its_kind_and_says_so(system):
    assert set(system.methods) == KINDS[system.name]
    lines = repr(system).splitlines()
    assert 2 <= len(lines) <= 8 and lines[0].startswith(f"{system.name}: ")
    for other in set().union(*KINDS.values()) - KINDS[system.name] - {"sample", "stream"}:
        with pytest.raises(BadInput, match=f"{system.name} has no {other}.*its methods: "):
            getattr(system, other)(np.zeros(16_000), 16_000)


def test_arrays_of_any_kind_and_files_are_one_audio(system, tune, tmp_path):
    """Stereo float, its 16-bit integers and a file of these are the same sound to any method."""
    methods = KINDS[system.name] - {"sample", "stream", "tags_over_time"}
    pcm = np.round(tune * 32768).astype(np.int16)
    soundfile.write(tmp_path / "tune.wav", pcm, 22_050)
    for method in methods:
        one, two = (applied(system, method, audio, 22_050) for audio in (pcm / 32768, pcm))
        three, four = getattr(system, method)([tmp_path / "tune.wav"] * 2)
        for found in (two, three, four):
            same(found, one)


def same(found, wanted):
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys()
        found, wanted = list(found.values()), list(wanted.values())
    if isinstance(wanted, (tuple, list)):
        for one, other in zip(found, wanted, strict=True):
            same(one, other)
        return
    np.testing.assert_allclose(found, wanted, atol=1e-5)
