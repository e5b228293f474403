"""Over every separation config: stems keep their names, and segments are the whole song.

Each stem of a record is a tone of its own, so that one can see which of them reached which place:
from the source through the transforms into the loss, into the references of the evaluation, and
into the files that a user gets.
"""

from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
import soundfile

from zoo import catalog
from zoo import experiment as experiments
from zoo.data import tracks
from zoo.data.examples import apply_transforms, batchable_arrays
from zoo.data.track_crops import crops
from zoo.evaluation.separation import mixture, stem_getter
from zoo.objectives.closed_form import ClosedForm
from zoo.songs.segments import separate_blocks
from zoo.songs.stem_files import separate_file

NAMES = [entry.name for entry in catalog.entries() if entry.task == "separation"]
BINS = 512


def rows():
    entries = [entry for entry in catalog.entries() if entry.task == "separation"]
    return [row.id for entry in entries for row in entry.rows]


def toned(data) -> dict:
    """A record as long as a crop whose stem i is a tone of bin 20 + 12 i, alike in all channels."""
    blank = data.source.blank()
    count, length, channels = blank["stems"].shape
    if data.crop is not None:
        length = max(length, data.crop.samples + data.crop.stagger)
    stems = np.zeros((count, length, channels), np.int16)
    tones = [
        np.sin(2 * np.pi * (20 + 12 * i) * np.arange(length) / BINS) for i in range(len(stems))
    ]
    pcm = np.round(6000 * np.stack(tones))[:, :, None].astype(np.int16)
    stems = np.broadcast_to(pcm, stems.shape).copy()
    record = {**blank, "stems": stems, "track": "tones", "length": length}
    if "present" in blank:
        record["present"] = np.ones_like(blank["present"])
    return record


class OneTrack(list):
    """One record that is a whole track."""

    def track_index(self):
        return (tracks.Track(self[0]["track"], 0, 1, **tracks.track_facts(self[0])),)

    def window(self, *which):
        return tracks.read_window(self, *which)


def learnt(data, record, seed) -> dict:
    """The example that the objective gets of a record: stems [T S C], mixture [T C]."""
    rng = np.random.default_rng(seed)
    cut = crops(OneTrack([record]), data.crop).draw(0, rng) if data.crop else dict(record)
    host = {
        k: v[None] for k, v in batchable_arrays(apply_transforms(data.transforms, cut, rng)).items()
    }
    return {k: np.asarray(v)[0] for k, v in data.augment(jax.random.key(seed), host).items()}


def heard(audio: np.ndarray, labels: tuple[str, ...]) -> set[str]:
    """The labels of whose stems the tones are in audio [T ...]."""
    middle = len(audio) // 2 - BINS // 2
    piece = np.asarray(audio, np.float64)[middle : middle + BINS].reshape(BINS, -1).mean(1)
    spectrum = np.abs(np.fft.rfft(piece)) / BINS
    return {name for i, name in enumerate(labels) if spectrum[20 + 12 * i] > 0.01}


def wanted(source: str, sources: tuple[str, ...], labels: tuple[str, ...]) -> set[str]:
    """What a source of that name is made of."""
    if source == "accompaniment" and source not in labels:
        return set(labels) - set(sources)
    assert source in labels
    return {source}


@pytest.mark.parametrize("name", NAMES)
def test_every_stem_goes_where_its_name_says(name):
    """The stems that the loss compares with outputs are those by which outputs are called."""
    experiment = experiments.find_config(name).experiment()
    info, how = experiment.data.source.info, experiment.evaluation.how
    # Blind systems have no names for what they find: the stems that they are scored by do.
    how = replace(how, sources=getattr(experiment.evaluation, "stem_names", how.sources))
    record = toned(experiment.data)
    expected = [wanted(source, how.sources, info.labels) for source in how.sources]
    seen = set()
    for seed in range(4):
        example = learnt(experiment.data, record, seed)
        if how.vocoder:  # the loss has parameters of the one stem instead
            found = [{info.labels[experiment.data.source.place]}]
        else:
            found = [heard(stem, info.labels) for stem in np.moveaxis(example["stems"], 1, 0)]
        # A silent stem is one that a random gain or a crop took: none of these draws is. Of a
        # system that is told what plays, those that were drawn to be absent are silent.
        plays = example.get("present", np.ones(len(expected)))
        there = [names if on else set() for names, on in zip(expected, plays)]
        assert found[: len(expected)] == there, seed
        seen |= heard(example["mixture"], info.labels)
    assert seen == set(info.labels)
    references = stem_getter(how, info)(record)
    assert [heard(one, info.labels) for one in references] == expected
    assert heard(mixture(record), info.labels) == set(info.labels)


@pytest.mark.parametrize("name", NAMES)
def test_files_are_named_for_the_outputs(name, tmp_path):
    """Output s of the model is written to the file of the s-th source."""
    how = experiments.find_config(name).experiment().evaluation.how
    levels = 0.1 * (1 + np.arange(len(how.sources)))

    def model(batch):
        audio = batch[how.segments.key]
        shape = (len(audio), audio.shape[1], len(levels), audio.shape[2])
        return {"prediction": np.broadcast_to(levels[:, None], shape).astype(np.float32)}

    from dataclasses import replace

    plain = replace(how, normalise=False, shifts=0, vocoder=None)
    plain = replace(plain, present=how.sources) if how.labels else plain
    soundfile.write(tmp_path / "song.wav", np.full((4096, how.channels), 0.5), how.rate)
    separate_file(model, tmp_path / "song.wav", tmp_path / "stems", plain)
    for level, source in zip(levels, how.sources, strict=True):
        (file,) = Path(tmp_path / "stems").glob(f"{source}.wav")
        np.testing.assert_allclose(soundfile.read(file)[0], level, atol=1e-4)


def segmenters():
    """Every way to cut that a row has, by what it is."""
    found = {
        row: experiments.find_config(row).experiment().evaluation.how.segments for row in rows()
    }
    return {str(s): s for s in found.values()}.values()


def centred(segments):
    """Models that hand their input back: whole, or as unpadded convolutions leave it.

    Of an odd rest, the odd sample is behind: PyTorch's and the papers' crops begin at rest // 2.
    """

    def whole(batch):
        return {"prediction": batch[segments.key][:, :, None]}

    def cropped(batch):
        first = (segments.input - segments.kept) // 2
        return {"prediction": batch[segments.key][:, first : first + segments.kept, None]}

    return whole, cropped


@pytest.mark.parametrize("segments", segmenters(), ids=lambda s: f"{s.input}-{s.kept}-{s.step}")
def test_segments_of_an_identity_are_the_song(segments):
    """At odd lengths: shorter than a segment, about one, and several with a rest."""
    rng = np.random.default_rng(0)
    for length in (1, segments.kept - 1, segments.input + 1, 2 * segments.step + segments.kept + 7):
        song = rng.uniform(-1, 1, (length, 1)).astype(np.float32)
        for model in centred(segments):
            found = np.concatenate(list(separate_blocks(model, [song], segments, 1)), 1)[0]
            np.testing.assert_allclose(found, song, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_the_model_s_centre_is_the_segments_centre(name):
    """What the model puts out is as long as what is kept of it, or is cropped around its middle."""
    config = experiments.find_config(name)
    experiment = config.experiment(**config.entry.smoke)
    objective, segments = experiment.objective, experiment.evaluation.how.segments
    if isinstance(getattr(objective, "objective", objective), ClosedForm):
        return
    batch = experiment.data.spec(experiment.batch)
    variables = jax.eval_shape(objective.init, jax.random.key(0), batch)
    channels = experiment.evaluation.how.channels
    given = {segments.key: np.zeros((1, segments.input, channels), np.float32)}
    if labels := experiment.evaluation.how.labels:
        given[labels] = np.ones((1, len(experiment.evaluation.how.sources)), np.float32)
    output = jax.eval_shape(objective.predict, variables, given, jax.random.key(0))["prediction"]
    count, vocoder = len(experiment.evaluation.how.sources), experiment.evaluation.how.vocoder
    if vocoder:
        frames = segments.kept // vocoder.voice.hop
        assert output.shape[1:] == (frames, count, vocoder.voice.size)
        return
    assert output.shape[2:] == (count, channels) and output.shape[1] >= segments.kept
