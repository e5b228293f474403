"""Whole songs of other rates and channels through a separator, in memory and on disk."""

import json
import tracemalloc

import numpy as np
import pytest
import soundfile

from zoo.audio.channels import convert
from zoo.errors import BadInput
from zoo.songs.segments import Segments, echo
from zoo.songs.separating import Separator, mean_and_deviation, separate
from zoo.songs.stem_files import refuse_overwrite, separate_file

SEGMENTS = Segments(600, 500, 400, "fade", batch=2)


def music(length, channels=2, rate=8000, seed=0):
    """Smooth noise, so that resampling there and back loses little."""
    shape = (length + 40, channels)
    white = np.random.default_rng(seed).normal(0, 0.1, shape).astype(np.float32)
    smooth = [np.convolve(column, np.hanning(41)[:-1] / 8, "valid") for column in white.T]
    return np.stack(smooth, 1)[:length].astype(np.float32)


def halves(batch):
    """Two stems of 30 % and 60 % of the mix: a tenth is lost."""
    centre = echo(SEGMENTS)(batch)["prediction"]
    return {"prediction": np.concatenate([0.3 * centre, 0.6 * centre], 2)}


def run(predict, song, rate, how):
    blocks = [song[at : at + 1000] for at in range(0, len(song), 1000)]
    return np.concatenate(list(separate(predict, lambda: blocks, rate, how)), 1)


def separator(**fields):
    given = {"segments": SEGMENTS, "rate": 8000, "channels": 2, "sources": ("a", "b")}
    return Separator(**given | fields)


@pytest.mark.parametrize("fields", [{}, {"residual": True}, {"keep_sum": True}, {"channels": 1}])
def test_a_silent_song_has_silent_stems_whatever_the_biases(tmp_path, fields):
    def biased(batch):
        return {"prediction": halves(batch)["prediction"] + 0.01}

    soundfile.write(tmp_path / "silent.wav", np.zeros((900, 2)), 11_025)
    how = separator(loudness=-18.0, **fields)
    facts = separate_file(biased, tmp_path / "silent.wav", tmp_path / "stems", how)
    assert facts["null_db"] is None and set(facts["peak"].values()) == {0.0}
    for file in facts["files"].values():
        audio, rate = soundfile.read(tmp_path / "stems" / file)
        assert audio.shape == (900, 2) and rate == 11_025 and not audio.any()


@pytest.mark.parametrize("rate", [8000, 11_025, 6000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("model_channels", [1, 2])
def test_any_song_comes_back_aligned_at_its_rate_channels_and_length(
    rate, channels, model_channels
):
    for length in (1, 501, 9001):
        song = music(length, channels)
        stems = run(halves, song, rate, separator(channels=model_channels))
        assert stems.shape == (2, length, channels) and stems.dtype == np.float32
    inner = slice(200, -200)  # resampling rings at the ends
    np.testing.assert_allclose(stems[0, inner], 0.3 * song[inner], atol=2e-4)
    np.testing.assert_allclose(stems[1, inner], 0.6 * song[inner], atol=4e-4)


def test_stems_sum_to_the_mix_by_residual_or_projection():
    song = music(5000)
    stems = run(halves, song, 11_025, separator(residual=True))
    assert stems.shape == (3, 5000, 2) and separator(residual=True).stems == ("a", "b", "residual")
    np.testing.assert_allclose(stems.sum(0), song, atol=1e-6)
    stems = run(halves, song, 11_025, separator(keep_sum=True))
    np.testing.assert_allclose(stems.sum(0), song, atol=1e-6)
    np.testing.assert_allclose(stems[0, 300:-300], 0.35 * song[300:-300], atol=2e-4)
    assert np.abs(run(halves, song, 8000, separator()).sum(0) - song).max() > 0.005
    with pytest.raises(BadInput, match="choose one"):
        separator(keep_sum=True, residual=True)


def test_mono_model_separates_each_channel_or_their_mean():
    song = music(3000) * np.float32([1, 0.5])
    each = run(halves, song, 8000, separator(channels=1))
    np.testing.assert_allclose(each[0], 0.3 * song, atol=1e-6)
    mean = run(halves, song, 8000, separator(channels=1, stereo="downmix"))
    np.testing.assert_allclose(
        mean[0], np.repeat(0.3 * song.mean(1, keepdims=True), 2, 1), atol=1e-6
    )
    with pytest.raises(BadInput, match="cannot become 3"):
        run(halves, music(900, 3), 8000, separator())


def test_normalised_model_sees_unit_deviation_and_the_level_is_put_back():
    song = 0.01 * music(8000) + np.float32(0.2)
    seen = []

    def predict(batch):
        seen.append(batch["mixture"])
        centre = echo(SEGMENTS)(batch)["prediction"]
        return {"prediction": np.concatenate([0.25 * centre, 0.75 * centre], 2)}

    stems = run(predict, song, 8000, separator(normalise=True))
    assert 0.8 < np.concatenate(seen)[1:-1].mean(2).std() < 1.2
    np.testing.assert_allclose(stems.sum(0), song, atol=1e-6)
    mean, deviation = mean_and_deviation([song[:100], song[100:]])
    assert mean == pytest.approx(song.mean(), abs=1e-6)
    assert deviation == pytest.approx(song.mean(1).std(), rel=1e-3)
    assert mean_and_deviation([np.zeros((9, 2))]) == (0.0, 1.0)


def test_wrong_number_of_sources_is_named():
    with pytest.raises(BadInput, match="gives 2 stems, but 3 are named: a, b, c"):
        run(halves, music(900), 8000, separator(sources=("a", "b", "c")))


def test_file_to_stems_and_facts(tmp_path):
    song = music(9000, 2)
    soundfile.write(tmp_path / "song.wav", song, 11_025, subtype="FLOAT")
    how, steps = separator(residual=True), []
    facts = separate_file(
        halves,
        tmp_path / "song.wav",
        tmp_path / "out",
        how,
        progress=lambda *at: steps.append(at),
        about={"checkpoint": "runs/a"},
    )
    stems = [
        soundfile.read(tmp_path / "out" / f"{name}.wav", dtype="float32") for name in how.stems
    ]
    assert {rate for _, rate in stems} == {11_025}
    np.testing.assert_allclose(sum(audio for audio, _ in stems), song, atol=1e-6)
    assert steps[-1] == (9000, 9000)
    assert facts["length"] == 9000 and facts["null_db"] < -100
    assert facts["peak"]["a"] == pytest.approx(np.abs(stems[0][0]).max(), rel=1e-5)
    assert facts == json.loads((tmp_path / "out" / "info.json").read_text())
    assert facts["checkpoint"] == "runs/a"
    with pytest.raises(BadInput, match="--force"):
        separate_file(halves, tmp_path / "song.wav", tmp_path / "out", how)
    separate_file(halves, tmp_path / "song.wav", tmp_path / "out", separator(), force=True)
    chosen = separate_file(
        halves, tmp_path / "song.wav", tmp_path / "b", separator(), stems=["b"], form="flac24"
    )
    assert chosen["files"] == {"b": "b.flac"} and (tmp_path / "b" / "b.flac").exists()
    assert chosen["null_db"] == pytest.approx(-20, abs=0.1)
    for wrong, message in (({"stems": ["c"]}, "no stem 'c'"), ({"form": "mp9"}, "unknown format")):
        with pytest.raises(BadInput, match=message):
            separate_file(halves, tmp_path / "song.wav", tmp_path / "c", separator(), **wrong)


def test_a_failure_leaves_no_half_written_stem(tmp_path):
    soundfile.write(tmp_path / "song.wav", music(9000), 8000)
    calls = iter(range(3))

    def failing(batch):
        if next(calls) == 2:
            raise RuntimeError("device lost")
        return halves(batch)

    with pytest.raises(RuntimeError, match="device lost"):
        separate_file(failing, tmp_path / "song.wav", tmp_path / "out", separator())
    assert list((tmp_path / "out").iterdir()) == []


def test_disk_to_disk_memory_does_not_grow_with_the_song(tmp_path):
    def peak(seconds):
        path = tmp_path / f"{seconds}.wav"
        soundfile.write(path, np.zeros((seconds * 8000, 2), np.int16), 8000)
        tracemalloc.start()
        facts = separate_file(
            halves, path, tmp_path / str(seconds), separator(rate=6000, normalise=True)
        )
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert facts["length"] == seconds * 8000
        return most

    peak(5)
    assert peak(150) < 1.2 * peak(15)


def test_surround_becomes_stereo_for_a_stereo_model_and_stays_for_a_mono_one(tmp_path):
    song = music(3000, 6) * 0.2
    soundfile.write(tmp_path / "song.wav", song, 8000, "FLOAT")
    for model, channels in ((2, 2), (1, 6)):
        how = separator(channels=model, residual=True)
        facts = separate_file(halves, tmp_path / "song.wav", tmp_path / str(model), how)
        assert (facts["channels"], facts["channels_of_input"]) == (channels, 6)
        stems = [soundfile.read(tmp_path / str(model) / f"{n}.wav")[0] for n in how.stems]
        mix = convert(song, channels)
        np.testing.assert_allclose(sum(stems), mix, atol=1e-6)


def test_a_file_without_a_sample_is_nothing_to_lose(tmp_path):
    """A program killed before its first block leaves a header; the next one needs no --force."""
    empty, one, text = (tmp_path / name for name in ("empty.wav", "one.wav", "info.json"))
    soundfile.write(empty, np.zeros(0), 8000)
    soundfile.write(one, np.zeros(1), 8000)
    text.write_text("{}")
    refuse_overwrite([empty, tmp_path / "absent.wav"], force=False)
    for file in (one, text):
        with pytest.raises(BadInput, match=rf"{file.name} exists: .*--force"):
            refuse_overwrite([empty, file], force=False)
        refuse_overwrite([empty, file], force=True)
