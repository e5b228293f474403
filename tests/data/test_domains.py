"""Domains: records that say whose they are, by turns; batches of equal shares; a local pitch."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from zoo.data.device_transforms import LocalPitch, ToFloat, change_span_speed, interpolate_at
from zoo.data.domains import DomainData, Domains, Stem
from zoo.data.source import Info
from zoo.data.transforms import Crop, Keep
from zoo.errors import BadInput


@dataclass(frozen=True)
class Level:
    """A source of so many records of one value each."""

    level: int
    count: int
    rate: int = 8000

    @property
    def info(self):
        return Info(f"level {self.level}", self.rate, 1, ("a", "b"), f"L{self.level}", "")

    def blank(self):
        return {"audio": np.zeros((40, 1), np.int16), "track": "", "chunk": 0}

    def prepare(self):
        pass

    def open(self, split):
        audio = np.full((40, 1), self.level, np.int16)
        return [
            {"audio": audio, "track": f"{self.level}-{i}", "chunk": 0} for i in range(self.count)
        ]


BOTH = Domains("both", (("low", Level(1000, 2)), ("high", Level(2000, 3))))
FEED = DomainData(BOTH, (Crop(16), Keep("audio")), on_device=(ToFloat(), LocalPitch()))


def test_records_come_by_turns_and_say_their_domain():
    records = list(BOTH.open("train"))
    assert [r["track"] for r in records] == ["1000-0", "2000-0", "1000-1", "2000-1", "2000-2"]
    assert [int(r["domain"]) for r in records] == [0, 1, 0, 1, 1]
    assert BOTH.info.labels == ("low", "high") and BOTH.info.licence == "L1000; L2000"
    with pytest.raises(BadInput, match="one rate"):
        Domains("x", (("a", Level(1, 1)), ("b", Level(1, 1, 16_000)))).info  # noqa: B018


def test_a_batch_has_as_many_of_each():
    batch = next(FEED.batches(6, seed=0))
    assert batch["domain"].tolist() == [0, 0, 0, 1, 1, 1]
    assert batch["audio"][:, 0, 0].tolist() == [1000] * 3 + [2000] * 3
    half = next(FEED.batches(8, seed=0, first=2, process=1, processes=2))
    assert half["domain"].tolist() == [0, 0, 1, 1]
    host, spec = FEED.host_spec(6), FEED.spec(6)
    assert {k: (v.shape, v.dtype) for k, v in host.items()} == {
        k: (v.shape, v.dtype) for k, v in batch.items()
    }
    assert set(spec) == {"audio", "augmented", "domain"} and spec["audio"].dtype == np.float32
    names = FEED.names(6, 0, 0)
    assert [name[:4] for name in names] == ["1000"] * 3 + ["2000"] * 3 and FEED.count() == 5
    held = list(FEED.once("test", 2, 0))
    assert [b["domain"].tolist() for b in held] == [[0, 0], [1, 1], [1]]
    with pytest.raises(BadInput, match="batch of 5 is no multiple of 2 domains"):
        next(FEED.batches(5, seed=0))
    assert FEED.spec(1)["domain"].tolist() == [0]  # of which shapes are all that is asked


@dataclass(frozen=True)
class Songs(Level):
    def blank(self):
        return {"stems": np.zeros((2, 40, 1), np.int16), "track": "", "chunk": 0}

    def open(self, split):
        return [{"stems": np.arange(80).reshape(2, 40, 1), "track": "x", "chunk": 0}]


def test_a_stem_alone_is_audio():
    stem = Stem(Songs(0, 1), "b")
    (record,) = list(stem.open("train"))
    assert record["audio"][:, 0].tolist() == list(range(40, 80)) and "stems" not in record
    assert stem.blank()["audio"].shape == (40, 1)


RATE, LENGTH = 16_000, 4096


def tone(hertz, count=1):
    time = np.arange(LENGTH) / RATE
    return np.repeat(0.5 * np.sin(2 * np.pi * hertz * time)[None, :, None], count, 0)


def pitch(x):
    """Hz of a tone, by the phase that it runs through, [n] -> a number."""
    time = np.arange(len(x)) / RATE
    spectrum = np.abs(np.fft.rfft(x * np.hanning(len(x)), 1 << 18))
    return spectrum.argmax() * RATE / (1 << 18), time


@pytest.mark.parametrize("hertz", [440, 3000])
@pytest.mark.parametrize("semitones", [0.5, -0.5])
def test_the_stretch_alone_has_another_pitch(hertz, semitones):
    audio, speed = jnp.asarray(tone(hertz), jnp.float32), 2 ** (semitones / 12)
    found = np.asarray(
        change_span_speed(audio, jnp.array([500.0]), jnp.array([2500.0]), jnp.array([speed]))
    )
    assert pitch(found[0, 600:2400, 0])[0] == pytest.approx(hertz * speed, rel=5e-4)
    assert np.abs(found[0, 600:2400]).max() == pytest.approx(0.5, rel=0.01)
    np.testing.assert_array_equal(found[0, :500], audio[0, :500])
    np.testing.assert_array_equal(found[0, 2500:], audio[0, 2500:])


def test_reading_between_samples_is_exact_for_tones_and_zero_outside():
    place = jnp.linspace(100, 3000, 777)[None]
    found = interpolate_at(jnp.asarray(tone(1000), jnp.float32), place)[0, :, 0]
    np.testing.assert_allclose(found, 0.5 * np.sin(2 * np.pi * 1000 / RATE * place[0]), atol=2e-3)
    assert not np.any(interpolate_at(jnp.ones((1, 20, 1)), jnp.array([[-20.0, 60.0]])))


def test_stretches_lie_where_the_paper_s_code_draws_them():
    """A quarter to a half of the clip, begun in its first half; the clean clip stays."""
    audio = jnp.asarray(np.random.default_rng(0).normal(size=(200, 400, 1)), jnp.float32)
    made = jax.jit(LocalPitch())(jax.random.key(0), {"audio": audio})
    np.testing.assert_array_equal(made["audio"], audio)
    changed = np.asarray(made["augmented"] != audio)[..., 0]
    first, last = changed.argmax(1), 400 - changed[:, ::-1].argmax(1)
    assert first.max() <= 205 and first.min() < 15
    inside = last < 395  # those that do not reach the end
    spans = (last - first)[inside]
    assert spans.min() >= 90 and spans.max() <= 201 and inside.mean() > 0.6
    ramp = jnp.broadcast_to(jnp.arange(400.0)[:, None], audio.shape)  # what is read says from where
    read = np.asarray(jax.jit(LocalPitch())(jax.random.key(0), {"audio": ramp})["augmented"])
    middle = np.stack([x[m - 30 : m + 31 : 60, 0] for x, m in zip(read, (first + last) // 2)])
    semitones = 12 * np.log2((middle[:, 1] - middle[:, 0]) / 60)[inside]
    assert scipy.stats.kstest(semitones + 0.5, "uniform").pvalue > 0.01
