"""A dry and a wet recording: found, aligned, held out at the end, refused where they differ."""

import numpy as np
import pytest
import soundfile

from zoo.data.amplified import amplified
from zoo.data.sets import amp_pair
from zoo.data.sets.amp_pair import AmpPair, found_delay
from zoo.errors import BadInput

RATE = 8_000
RNG = np.random.default_rng(0)
DRY = (0.2 * RNG.normal(size=5 * RATE)).astype(np.float32)


def pair(folder, wet, dry=DRY, names=("dry", "wet"), rates=(RATE, RATE)):
    for name, sound, rate in zip(names, (dry, wet), rates):
        soundfile.write(folder / f"{name}.wav", sound, rate, "PCM_24")
    return AmpPair(str(folder), RATE, chunk_seconds=0.25, data_dir=str(folder / "records"))


def late(samples):
    return np.concatenate([np.zeros(samples), amplified(DRY, RATE, 3.0)[: len(DRY) - samples]])


def stems(source, split):
    parts = list(source.open(split))
    dry = np.concatenate([part["audio"][: part["length"], 0] for part in parts])
    return dry, np.concatenate([part["stems"][0, : part["length"], 0] for part in parts])


def test_the_delay_is_taken_out_and_the_end_held_out(tmp_path, capsys):
    source = pair(tmp_path, late(123), names=("input", "OUTPUT"))
    source.prepare()
    assert "107 samples late" in capsys.readouterr().err
    dry, wet = zip(*(stems(source, split) for split in ("train", "validation", "test")))
    whole = len(DRY) - 107
    assert [len(part) for part in dry] == [whole - 2 * (whole // 10), *[round(0.1 * whole)] * 2]
    np.testing.assert_allclose(np.concatenate(dry) / 32768, DRY[:whole], atol=2e-5)
    expected = np.concatenate([np.zeros(16), amplified(DRY, RATE, 3.0)])[:whole]
    np.testing.assert_allclose(np.concatenate(wet) / 32768, expected, atol=2e-5)
    assert source.blank()["stems"].shape == (1, RATE // 4, 1)


@pytest.mark.parametrize("samples", [40, 300])
def test_delays_of_either_sign_are_found(samples):
    dry, wet = DRY, late(samples)
    assert found_delay(dry, wet, RATE) == samples - amp_pair.SAFE
    assert found_delay(wet, dry, RATE) == -samples - amp_pair.SAFE
    assert found_delay(dry, -wet, RATE) == samples - amp_pair.SAFE


REFUSED = {
    "not alike": lambda f: pair(f, 0.2 * np.random.default_rng(1).normal(size=len(DRY))),
    "one length": lambda f: pair(f, late(5)[: 3 * RATE]),
    "is silent": lambda f: pair(f, np.zeros(len(DRY))),
    "needs one of wet.wav": lambda f: pair(f, DRY, names=("dry", "other")),
    "holds dry.wav, input.wav": lambda f: [pair(f, DRY), pair(f, DRY, names=("input", "wet"))][1],
}


@pytest.mark.parametrize("words", REFUSED)
def test_recordings_that_do_not_belong_together_are_refused(words, tmp_path):
    with pytest.raises(BadInput, match=words):
        REFUSED[words](tmp_path).prepare()
