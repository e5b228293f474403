"""A folder of one-shots as WaveGAN's loader takes it."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from zoo import experiment
from zoo.data import records
from zoo.data.sets.folder import Folder
from zoo.errors import BadInput

RATE = 8_000


def source(tmp_path: Path, **changes: object) -> Folder:
    settings = dict(chunk_seconds=1.0, data_dir=str(tmp_path / "data"))
    return Folder(str(tmp_path / "music"), RATE, **{**settings, **changes})


def test_of_one_shots_the_first_slice_is_kept_at_the_peak_of_the_whole_file(tmp_path):
    """As WaveGAN's loader. A decay of 2.5 s is one record; its tail is not lifted to full scale."""
    written = {}
    for name, seconds, delay, peak in (
        ("decay.wav", 2.5, 0.0, 0.5),
        ("hit.wav", 0.05, 0.0, 0.01),
        ("late.flac", 3.0, 2.0, 0.8),
    ):
        t = np.arange(round(seconds * 22_050)) / 22_050
        rise = np.exp(-8 * np.maximum(t - delay, 0)) * np.where(t < delay, 1e-2, 1)
        written[name] = peak * rise * np.sin(2 * np.pi * 440 * t)
        (tmp_path / "music").mkdir(exist_ok=True)
        soundfile.write(tmp_path / "music" / name, written[name], 22_050, subtype="PCM_24")
    folder = source(tmp_path, one_shots=True)
    folder.prepare()
    found = [record for split in records.SPLITS for record in folder.open(split)]
    assert sorted(record["track"] for record in found) == sorted(written)
    for record in found:
        whole = soxr.resample(written[record["track"]], 22_050, RATE)
        wanted = np.zeros(RATE)
        first = (whole / np.abs(whole).max())[:RATE]
        wanted[: len(first)] = first
        np.testing.assert_allclose(record["audio"][:, 0] / 32768, wanted, atol=1e-3)
        assert record["length"] == len(first)
    assert folder.directory != source(tmp_path).directory
    with pytest.raises(BadInput, match="one_shots"):
        source(tmp_path, one_shots=True, chunk_seconds=0)


@pytest.mark.parametrize("name", ["wavegan_sc09", "specgan_sc09"])
def test_gans_of_one_shots_do_as_their_authors(name, tmp_path):
    config = experiment.find_config(name).module.config
    slices = config(str(tmp_path))
    assert slices.data.source.one_shots and "Peak" not in str(slices.data.transforms)
    long = config(str(tmp_path), one_shots=False)
    assert not long.data.source.one_shots and "Peak" in str(long.data.on_device)
