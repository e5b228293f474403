"""Demonstrations: what they measure, and the pages that `python -m zoo demo` writes."""

import numpy as np
import pytest
import scipy.signal
import soundfile

from zoo.cli import main as zoo
from zoo.demos import checkerboard, factors, masking, networks, phases, recordings
from zoo.errors import BadInput
from zoo.interpret import files
from zoo.models.separation.masks import IdealMask

RATE = 8000
RNG = np.random.default_rng(0)


def song(seconds=0.6, hertz=440.0):
    """Decaying harmonics and a little noise, [T]."""
    t = np.arange(round(seconds * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * hertz * k * t) / k for k in (1, 2, 3)) * np.exp(-2 * t)
    return (0.1 * tone + 0.01 * RNG.standard_normal(len(t))).astype(np.float32)


@pytest.fixture
def folder(tmp_path):
    """Three stems, one shorter, one at twice the channels, and their mixture."""
    place = tmp_path / "stems <b>"
    place.mkdir()
    for name, hertz in (("vocals", 440.0), ("drums", 900.0), ("bass", 110.0), ("mixture", 200.0)):
        soundfile.write(place / f"{name}.wav", song(hertz=hertz), RATE, subtype="FLOAT")
    soundfile.write(place / "bass.wav", np.stack([song(0.55)] * 2, 1), RATE, subtype="FLOAT")
    return place


@pytest.mark.parametrize("taps, stride", [(8, 4), (5, 4), (3, 2)])
def test_a_transposed_layer_is_torchs(taps, stride):
    torch = pytest.importorskip("torch")
    latent, kernel = RNG.standard_normal((6, 9)), RNG.standard_normal((6, taps))
    found = checkerboard.spread_kernels(latent, kernel, stride)
    theirs = torch.nn.functional.conv_transpose1d(
        torch.tensor(latent)[None], torch.tensor(kernel)[:, None], stride=stride
    )
    np.testing.assert_allclose(found, theirs[0, 0], atol=1e-12)


def test_steady_latents_make_lines_in_transposed_layers_alone():
    found = checkerboard.random_layers((8, 4), seeds=1)
    for latent in ("steady", "slow", "rectified noise"):
        assert found[latent, "transposed"] > -12
        assert found[latent, "linear, then convolved"] < -30
    assert found["steady", "nearest, then convolved"] < -150
    assert found["slow", "nearest, then convolved"] < -45


def test_a_line_is_found_where_it_is():
    noise = 0.01 * RNG.standard_normal(4 * checkerboard._LENGTH)
    line = 0.01 * np.sin(2 * np.pi * 1000 * np.arange(len(noise)) / RATE)
    hertz, over = checkerboard.strongest_line(noise + line, RATE)
    # A sine of power a²/2 over noise of variance s² in bins 1.5 rate / size wide (Hann).
    expected = 10 * np.log10(0.5 / (2 * 1.5 / checkerboard._LENGTH))
    assert hertz == 1000 and over == pytest.approx(expected, abs=2)
    assert checkerboard.strongest_line(noise, RATE)[1] < 6
    whole = checkerboard.on_teeth(line, 8)
    assert whole > 0.99 and checkerboard.on_teeth(line, 3) < 0.01


def test_magnitudes_with_other_phases():
    audio = song()
    found = phases.rebuild(audio, 256)
    np.testing.assert_allclose(found.audio["original phase"], audio, atol=1e-5)
    assert found.convergence["original phase"] < -80 and found.si_sdr["original phase"] > 80
    for name in ("zero phase", "random phase"):
        assert found.convergence[name] > -10 and found.si_sdr[name] < 0
    for curve in found.curves.values():
        assert curve == sorted(curve, reverse=True) and curve[-1] < -15
    # What is measured, by SciPy.
    x = found.audio["random phase"]
    given, made = (
        np.abs(scipy.signal.stft(y, nperseg=256, noverlap=192, padded=False)[2]) for y in (audio, x)
    )
    wanted = 20 * np.log10(np.linalg.norm(made - given) / np.linalg.norm(given))
    assert found.convergence["random phase"] == pytest.approx(wanted, abs=0.01)


def test_errors_of_masks_are_divided_and_those_of_sisec():
    stems = {name: song(hertz=f) for name, f in (("a", 440.0), ("b", 470.0), ("c", 300.0))}
    found = masking.mask(stems, "b")
    errors = found.errors
    across = {errors[label][1] for label in list(masking.MASKS)[:4]}
    assert max(across) - min(across) < 1e-5 < min(across)  # no real mask reaches it
    best = errors["phase-sensitive, 0 to 1"]
    assert all(best[0] <= errors[label][0] for label in ("ideal binary", "ideal ratio"))
    assert sum(errors["complex"]) < 1e-8 < sum(errors["complex, modulus to 1"]) < sum(best)
    given = RNG.standard_normal((2, 3, 5)) + 1j * RNG.standard_normal((2, 3, 5))
    whole = np.square(np.abs(given[0] - given[1])).sum() / np.square(np.abs(given[0])).sum()
    assert sum(masking.error_energies(given[0] + given[1], *given)) == pytest.approx(whole)
    played = np.stack([*stems.values()])
    oracle = IdealMask("irm").apply({}, played.sum(0)[None, :, None], played.T[None, :, :, None])
    error = np.square(np.asarray(oracle)[0, :, :, 0].T - played).sum(1)
    wanted = 10 * np.log10(np.square(played).sum(1) / error)
    np.testing.assert_allclose(found.sdr["ideal ratio"], wanted, atol=1e-3)


def test_frames_come_back_from_every_matrix_and_ranks_are_kept():
    audio = song()
    for label, way in factors.factorisation_inputs(audio).items():
        assert way.matrix.min() >= 0
        np.testing.assert_allclose(way.restore(way.matrix), way.goal, atol=1e-6)
        np.testing.assert_allclose(way.audio(way.goal), audio, atol=1e-5, err_msg=label)
        gains, spectra = map(np.asarray, factors._factorised(way.matrix, 3, factors.seed()))
        assert np.count_nonzero(gains.any(0)) == 3 == np.count_nonzero(spectra.any(1))
        exact = way.goal if label == "magnitudes" else way.matrix
        assert factors.error(way, exact) < -100


def show(tmp_path, *words):
    return zoo.main(["demo", *map(str, words), "--out", str(tmp_path / "out")])


def unseen(path, figure, about):
    """In place of most pictures: to paint them takes longer than all else."""
    path.write_bytes(b"PNG")
    return about


@pytest.mark.parametrize("kind, sounds", [("phase", 6), ("factors", 4), ("masking", 14)])
def test_pages_of_a_users_own_files(kind, sounds, folder, tmp_path, capsys, monkeypatch):
    if kind != "masking":
        monkeypatch.setattr(files, "write_picture", unseen)
    given = folder if kind == "masking" else folder / "vocals.wav"
    assert show(tmp_path, kind, "--input", given) == 0
    made = list((tmp_path / "out").iterdir())
    page = (tmp_path / "out" / f"{kind}.html").read_text()
    assert len([path for path in made if path.suffix == ".wav"]) == sounds
    assert page.count("<audio") == sounds and page.count("data:image/png") > sounds
    assert ("stems &lt;b&gt;" in page) == (kind == "masking")
    assert f"{kind}.html: the page" in capsys.readouterr().out
    audio, rate = soundfile.read(min(path for path in made if path.suffix == ".wav"))
    assert rate == RATE and np.abs(audio).max() <= 1
    with np.load(tmp_path / "out" / f"{kind}.npz") as numbers:
        assert len(numbers.files) > 3


def test_networks_and_trainless(tmp_path, monkeypatch):
    """A net that gives noise and a line; separators, vocoders and generators are played so."""

    class Fake:
        sample_rate, methods = RATE, ("separate",)

        def separate(self, audio, rate):
            t = np.arange(len(audio)) / rate
            return {"a": audio, "b": audio + np.float32(0.1) * np.sin(2 * np.pi * 2000 * t)}

    monkeypatch.setattr(networks.finding, "load_system", lambda name: Fake())
    monkeypatch.setattr(files, "write_picture", unseen)
    monkeypatch.setattr(checkerboard, "SEEDS", 1)
    monkeypatch.setattr(checkerboard, "_PAIRS", ((8, 4),))
    monkeypatch.setattr(checkerboard, "random_layers", lambda p: RANDOM(p, 1))
    assert show(tmp_path, "checkerboard", "--net", "mine") == 0
    with np.load(tmp_path / "out/checkerboard.npz") as numbers:
        hertz, over = numbers["line/mine"]
    assert hertz == 2000 and over > 20
    Fake.methods = ("tags",)
    with pytest.raises(BadInput, match="makes no sound"):
        networks.run_network("mine")


RANDOM = checkerboard.random_layers


@pytest.mark.parametrize(
    "words, said",
    [
        (("phase", "--input", "absent.wav"), "absent.wav"),
        (("phase", "--input", "FOLDER/vocals.wav", "--start", "9"), "from 9 s on"),
        (("masking", "--input", "FOLDER/vocals.wav"), "give one with a file for each stem"),
        (("masking", "--input", "FOLDER", "--stem", "oboe"), "no stem 'oboe'"),
        (("checkerboard", "--trainless", "--net", "x"), "say one of them"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(words, said, folder, tmp_path, capsys):
    words = [word.replace("FOLDER", str(folder)) for word in words]
    assert show(tmp_path, *words) == 2
    error = capsys.readouterr().err
    assert said in error and len(error.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_folders_of_stems(folder):
    found, rate, name = recordings.read_stems(folder, 0.0, 6.0)
    assert [*found] == ["bass", "drums", "vocals"] and name == folder.name and rate == RATE
    assert {len(x) for x in found.values()} == {round(0.6 * RATE)}
    assert not found["bass"][round(0.55 * RATE) :].any()
    soundfile.write(folder / "other.wav", song(), 2 * RATE)
    with pytest.raises(BadInput, match="one rate"):
        recordings.read_stems(folder, 0.0, 6.0)
    for path in folder.glob("[bdo]*.wav"):
        path.unlink()
    with pytest.raises(BadInput, match="holds 1 stems"):
        recordings.read_stems(folder, 0.0, 6.0)
