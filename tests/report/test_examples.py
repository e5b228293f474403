"""What trained systems show of themselves, with toy systems whose output is known."""

import json
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import soundfile

from zoo import mesh as meshes
from zoo.data.source import Info
from zoo.errors import BadInput
from zoo.evaluation.pitch import Pitch
from zoo.evaluation.separation import Separation
from zoo.evaluation.tagging import Tagging
from zoo.evaluation.transcription import NoteTranscription
from zoo.layers.conv import Conv
from zoo.layers.quantizer import Quantised
from zoo.objectives.autoencoder import QuantisedAutoencoder
from zoo.objectives.base import Variables
from zoo.report import examples, figures, page
from zoo.songs.note_decoding import NoteWindows
from zoo.songs.segments import Segments
from zoo.songs.separating import Separator

RATE = 4000
INFO = Info("toys", RATE, 1, ("bass", "drums"), "CC0", "https://example.org")


@dataclass(frozen=True)
class Toys:
    records: list

    info = INFO

    def open(self, split):
        assert split == "test"
        return self.records


@dataclass(frozen=True)
class Halves:
    """Gives half of its input to each of two stems."""

    def predict(self, variables, batch, rng):
        return {"prediction": jnp.stack([batch["audio"] / 2] * 2, 1)}


@dataclass(frozen=True)
class Loudness:
    """Tags a segment by its RMS, and by one minus that; its model is only looked at."""

    model: Any = None
    input: str = "audio"

    def predict(self, variables, batch, rng):
        loud = jnp.sqrt(jnp.mean(batch["audio"] ** 2, (1, 2)))
        return {"prediction": jnp.stack([loud, 1 - loud], 1)}


@dataclass(frozen=True)
class Counter:
    """Chunks that count upwards; or twice the source."""

    needs_source: bool = False

    def predict(self, variables, batch, rng):
        return {}

    def generate(self, variables, request):
        for start in range(0, request.length, request.chunk):
            stop = min(start + request.chunk, request.length)
            if self.needs_source:
                yield 2 * np.asarray(request.source)[None, start:stop]
            else:
                ramp = np.arange(start, stop) / request.length
                yield np.repeat(ramp[None, :, None], request.count, 0)


def trained(objective: Any, evaluation: Any, records: list, params: Any = None) -> Any:
    blank = {"audio": np.zeros((1, RATE, 1), np.float32)}
    data = SimpleNamespace(source=Toys(records), spec=lambda batch: blank)
    experiment = SimpleNamespace(objective=objective, evaluation=evaluation, data=data)
    variables = Variables(params or {})
    return SimpleNamespace(
        experiment=experiment,
        variables=variables,
        meta={"step": 70},
        mesh=meshes.make_mesh(1),
        name="toy",
    )


def noise(*shape, scale=6000):
    return np.random.default_rng(0).normal(0, scale, shape).astype(np.int16)


def test_separation_shows_stems_of_the_first_track(tmp_path):
    stems = noise(3, 2, 8 * RATE, 1, scale=4000)
    records = [{"track": "a/b", "chunk": n, "stems": stems[n]} for n in range(3)]
    how = Separator(Segments(512, batch=2, key="audio", time_axis=2), RATE, 1, INFO.labels)
    examples.make_examples(trained(Halves(), Separation(how), records), tmp_path)
    folder = tmp_path / "samples" / "stems" / "a_b"
    audio = {path.stem: soundfile.read(path, dtype="int16")[0] for path in folder.glob("*.wav")}
    assert set(audio) == {"mixture", "bass", "drums", "bass.reference", "drums.reference"}
    assert {len(x) for x in audio.values()} == {12 * RATE}
    whole = np.concatenate(stems[1:], 1)[:, : 12 * RATE, 0].astype(int)
    np.testing.assert_allclose(audio["drums.reference"], whole[1], atol=1)
    np.testing.assert_allclose(audio["mixture"], whole.sum(0), atol=1)
    np.testing.assert_allclose(audio["bass"], whole.sum(0) / 2, atol=1)


def test_generator_shows_samples_and_does_not_wait_for_ever(tmp_path, monkeypatch):
    found = trained(Counter(), None, [])
    examples.make_examples(found, tmp_path)
    for voice in range(2):
        audio, rate = soundfile.read(tmp_path / "samples" / "70" / f"sample_{voice}.wav")
        assert rate == RATE and np.allclose(audio, np.arange(3 * RATE) / 3 / RATE, atol=1e-4)
    monkeypatch.setattr(examples, "PATIENCE", -1.0)
    examples.make_examples(found, tmp_path)
    assert soundfile.info(tmp_path / "samples" / "70" / "sample_0.wav").frames == RATE // 8


def test_transformer_shows_what_it_makes_of_a_record(tmp_path):
    record = {"track": "a", "audio": noise(5 * RATE, 1)}
    examples.make_examples(trained(Counter(needs_source=True), None, [record]), tmp_path)
    folder = tmp_path / "samples" / "70"
    before, after = (soundfile.read(path)[0] for path in sorted(folder.glob("*.wav")))
    assert len(before) == 3 * RATE
    np.testing.assert_allclose(after, np.clip(2 * before, -1, 1), atol=1e-4)


class OneNote:
    """Finds a C4 in every window, from its third frame to its sixth."""

    def predict(self, variables, batch, rng):
        silence = jnp.zeros((len(batch["audio"]), batch["audio"].shape[1] // 512, 88))
        note = silence.at[:, 2:6, 39].set(1)
        return {"onsets": silence.at[:, 2, 39].set(1), "frames": note, "velocities": note}


def test_a_transcriber_shows_what_was_played_and_its_transcription(tmp_path):
    """In a piece that is longer than what is shown; the page has the figure and its sound."""
    columns = {"onset": [1.0, 21.0], "offset": [3.0, 22.0], "pitch": [64, 30], "velocity": [90, 9]}
    notes = {name: np.array(values) for name, values in columns.items()}
    record = {"track": "etude", "audio": noise(25 * RATE, 1), "notes": notes}
    evaluation = NoteTranscription(NoteWindows(32 * 512, 0))
    found = trained(OneNote(), evaluation, [record])
    drawn = []
    original = figures.compared_figure
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "compared_figure", lambda *how: drawn.append(how) or original(*how))
        examples.make_examples(found, tmp_path)
    ((versions, seconds),) = drawn
    assert seconds == 20 and versions["played"]["pitch"].tolist() == [64]
    assert (
        set(versions["transcribed"]["pitch"]) == {60} and len(versions["transcribed"]["pitch"]) == 5
    )
    folder = tmp_path / "figures"
    assert soundfile.info(folder / "roll.wav").frames == 20 * RATE
    about = json.loads((folder / "roll.json").read_text())
    assert about["sound"] == "roll.wav" and 0 < about["span"][0] < about["span"][1] < 1


@dataclass(frozen=True)
class Loudest:
    """Codes a quarter of a second by its peak, in eighths; codes are angles on a circle."""

    hop = RATE // 4
    codes = 8

    def apply(self, variables, audio, method):
        assert method == "quantise"
        peaks = jnp.abs(audio).reshape(len(audio), -1, self.hop).max(-1)
        codes = jnp.minimum(8 * peaks, 7).astype(int)
        vectors = jnp.stack([jnp.cos(codes), jnp.sin(codes)], -1)
        return Quantised(vectors, vectors, codes)


def test_an_autoencoder_shows_how_its_codes_are_used(tmp_path):
    """The second record is too short for a clip: the rest of it is silence, code 0."""
    quiet, loud = np.full((5 * RATE, 1), 9000, np.int16), np.full((RATE, 1), 30000, np.int16)
    records = [{"track": "a", "audio": audio} for audio in (quiet, loud)]
    found = trained(QuantisedAutoencoder(Loudest()), None, records, {"autoencoder": {}})
    figures.write_codebook(found, tmp_path)
    about = json.loads((tmp_path / "figures" / "codebook.json").read_text())
    # 16 positions of code 2, 4 of code 7 and 12 of code 0.
    assert "3 of 8 occur, as evenly as 3 would" in about["caption"]
    assert (tmp_path / "figures" / "codebook.png").stat().st_size > 1000


@dataclass(frozen=True)
class Vocoder(Counter):
    """Forgot to say that it needs a source."""

    def generate(self, variables, request):
        raise BadInput("a vocoder takes a source")
        yield


def test_a_transformer_that_does_not_say_so_gets_a_hint(tmp_path):
    with pytest.raises(BadInput, match=r"no sample of toy \(a vocoder .* Vocoder say needs_source"):
        examples.make_examples(trained(Vocoder(), None, []), tmp_path)


@pytest.fixture
def tagger():
    model = nn.Sequential([Conv(12, 16, 4), Conv(4, 3)])
    params = {"model": model.init(jax.random.key(0), jnp.zeros((1, 64, 1)))["params"]}
    records = [
        {"track": f"t{n}", "audio": noise(6 * RATE, 1), "tags": np.array([n % 2, 0], np.uint8)}
        for n in range(6)
    ]
    return trained(Loudness(model), Tagging(RATE, batch=4), records, params)


def test_tagger_shows_filters_and_tags_over_time(tagger, tmp_path):
    examples.make_examples(tagger, tmp_path)
    folder = tmp_path / "figures"
    assert {p.name for p in folder.iterdir()} == {
        "filters.png",
        "filters.json",
        "taggram.png",
        "taggram.json",
        "taggram.wav",
    }
    audio, _ = soundfile.read(folder / "taggram.wav", dtype="int16")
    first = tagger.experiment.data.source.records[0]["audio"]
    assert len(audio) == 16 * RATE and np.array_equal(audio[: 4 * RATE], first[: 4 * RATE, 0])
    about = json.loads((folder / "taggram.json").read_text())
    start, end = about["span"]
    assert 0 < start < 0.3 < 0.6 < end < 1
    assert "0 s t0, 4 s bass" in about["caption"]
    (tmp_path / "run.json").write_text(json.dumps({"config": "toy", "arguments": {}}))
    text = page.write_report(tmp_path).read_text()
    assert f'data-start="{start:.4f}"' in text and "Tags over time" in text


def test_a_pitch_tracker_shows_its_filters(tagger, tmp_path):
    experiment = SimpleNamespace(**{**vars(tagger.experiment), "evaluation": Pitch()})
    examples.make_examples(SimpleNamespace(**{**vars(tagger), "experiment": experiment}), tmp_path)
    assert {p.name for p in (tmp_path / "figures").iterdir()} == {"filters.png", "filters.json"}


def test_a_model_without_waveform_filters_shows_none(tagger, tmp_path):
    bare = SimpleNamespace(**{**vars(tagger), "variables": replace(tagger.variables, params={})})
    examples.make_examples(bare, tmp_path)
    assert not (tmp_path / "figures" / "filters.png").exists()
