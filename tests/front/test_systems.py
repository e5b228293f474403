"""Every method on every kind of system, with audio as people have it; what is refused, and how."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

import zoo
from zoo import experiment as experiments
from zoo.errors import BadInput
from zoo.front import stems
from zoo.songs import own_files, separating
from zoo.songs.choices import Choices

# A tiny system of each kind, and the methods that it has.
KINDS = {
    "samplecnn_score_render": {"tags", "tags_over_time", "embed"},
    "random_cnn_score_render": {"tags", "tags_over_time", "embed"},
    "crepe_score_render": {"pitch"},
    "onsets_frames_score_render": {"notes"},
    "wave_unet_score_render": {"separate"},
    "nmf_score_render": {"separate"},
    "oracle_score_render": set(),
    "wavenet_score_render": {"sample", "stream"},
    "wavegan_score_render": {"sample", "stream"},
    "melgan_score_render": {"vocode"},
    "vqvae_score_render": {"reconstruct"},
    "ddsp_score_render": {"transfer"},
}


def smoke(name):
    return experiments.find_config(name).entry.smoke


@pytest.fixture(scope="module", params=KINDS)
def system(request):
    return zoo.create(request.param, **smoke(request.param))


@pytest.fixture(scope="module")
def tune():
    """Half a second of a tone with vibrato at 22,050 Hz, stereo float [T 2]."""
    seconds = np.arange(11_025) / 22_050
    tone = 0.3 * np.sin(2 * np.pi * 440 * seconds + np.sin(30 * seconds))
    return np.stack([tone, 0.5 * tone], 1).astype(np.float32)


def test_a_system_has_the_methods_of_its_kind_and_says_so(system):
    assert set(system.methods) == KINDS[system.name]
    for other in set().union(*KINDS.values()) - KINDS[system.name] - {"sample", "stream"}:
        with pytest.raises(BadInput, match=f"{system.name} has no {other}.*its methods: "):
            getattr(system, other)(np.zeros(16_000), 16_000)


def test_a_system_is_a_few_lines():
    system = zoo.create("samplecnn_score_render", **smoke("samplecnn_score_render"))
    lines = repr(system).splitlines()
    assert len(lines) == 6 and lines[0].startswith("samplecnn_score_render: SampleCNN")
    assert "16,000 Hz mono" in lines[1] and lines[2].startswith("  20 labels: piano, ")


def test_arrays_of_any_kind_and_files_are_one_audio(system, tune, tmp_path):
    """Stereo float, its 16-bit integers and a file of these are the same sound to any method."""
    methods = KINDS[system.name] - {"sample", "stream", "tags_over_time", "transfer"}
    pcm = np.round(tune * 32768).astype(np.int16)
    soundfile.write(tmp_path / "tune.wav", pcm, 22_050)
    for method in methods:
        act = getattr(system, method)
        one, two = (act(audio, 22_050) for audio in (pcm / 32768, pcm))
        three, four = act([tmp_path / "tune.wav", str(tmp_path / "tune.wav")])
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
    assert np.isfinite(wanted).all()
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.fixture(scope="module")
def generator():
    return zoo.create("wavegan_score_render", **smoke("wavegan_score_render"))


def test_what_is_sampled_depends_on_the_seed_alone(generator):
    audio = generator.sample(0.05, num=2, seed=3)
    assert audio.shape == (2, round(0.05 * generator.sample_rate), 1)
    np.testing.assert_array_equal(audio, generator.sample(0.05, num=2, seed=3, chunk=100))
    assert np.any(audio != generator.sample(0.05, num=2, seed=4))
    endless = generator.stream(num=2, seed=3, chunk=100)
    chunks = np.concatenate([next(endless) for _ in range(3)], 1)
    np.testing.assert_array_equal(chunks, audio[:, :300])


@pytest.mark.parametrize(
    "asked, message",
    [
        ({"seconds": 0}, "less than a sample"),
        ({"seconds": float("nan")}, "seconds=nan: "),
        ({"seconds": -1}, "seconds=-1: "),
        ({"seconds": None}, "use stream"),
        ({"seconds": "5"}, "seconds='5': "),
        ({"num": 0}, "num=0: "),
        ({"num": 1.5}, "num=1.5: "),
        ({"seed": -1}, "seed=-1: "),
        ({"temperature": -0.1}, "temperature=-0.1: "),
        ({"top_k": -1}, "top_k=-1: "),
        ({"top_k": 3}, "draws no symbols"),
        ({"top_p": 0}, "top_p 0"),
    ],
)
def test_what_cannot_be_sampled_is_refused(generator, asked, message):
    with pytest.raises(BadInput, match=message):
        generator.sample(**asked)


def some_stems(system, audio):
    """As `sample.py` has them: only these; one and all others; segments of other lengths."""
    every = system.separate(audio, 22_050)
    first, *others = every
    two = system.separate(audio, 22_050, two_stems=first)
    assert list(two) == [first, f"no_{first}"]
    np.testing.assert_allclose(two[first], every[first], atol=1e-6)
    np.testing.assert_allclose(two[f"no_{first}"], sum(every[n] for n in others), atol=1e-6)
    some = others[::-1]
    chosen = system.separate(audio, 22_050, stems=some)
    assert list(chosen) == some
    np.testing.assert_array_equal(chosen[some[0]], every[some[0]])
    how = own_files.chosen_separator(system.trained, Choices(Path(), segment=0.05, overlap=0.6))
    assert how.segments != system.experiment.evaluation.how.segments
    parts = separating.separate(system.predict, lambda: iter([audio]), 22_050, how)
    cut = system.separate(audio, 22_050, segment=0.05, overlap=0.6)
    np.testing.assert_array_equal(list(cut.values()), np.concatenate(list(parts), 1))
    asked = {"segment": 0.05, "overlap": 0.6}
    assert stems.requested_stems(system.trained, asked).fields["segments"] == how.segments
    for asked, message in (
        ({"two_stems": "flute"}, "no stem 'flute'"),
        ({"stems": "vocals"}, "give a list of names"),
        ({"stems": some, "two_stems": first}, "give one of them"),
        ({"segment": 0}, "segment=0: give seconds"),
        ({"segment": 1e7}, r"segments of 1e\+07 s take .* GB at the least"),
        ({"overlap": 1}, "overlap=1: give a share"),
    ):
        with pytest.raises(BadInput, match=message):
            system.separate(audio, 22_050, **asked)


def test_a_conditioned_separator_is_given_what_plays(tune, tmp_path, capsys):
    """From Python and by both scripts; what is wrong is one line."""
    name = "conditioned_wave_unet_score_render"
    system = zoo.create(name, **smoke(name))
    audio = tune[:4000]
    found = system.separate(audio, 22_050, labels=["vocals", "bass"], residual=True)
    assert list(found) == ["bass", "vocals", "residual"]
    np.testing.assert_allclose(sum(found.values()), audio, atol=1e-5)
    whole = system.separate(audio, 22_050, labels=system.labels)
    assert np.abs(whole["bass"] - found["bass"]).max() > 0
    for labels, message in ((None, "give labels, of bass, drums"), (["base"], "did you mean bass")):
        with pytest.raises(BadInput, match=message):
            system.separate(audio, 22_050, **({"labels": labels} if labels else {}))
    other = zoo.create("wave_unet_score_render", **smoke("wave_unet_score_render"))
    with pytest.raises(BadInput, match="takes no labels"):
        other.separate(audio, 22_050, labels=["bass"])
    soundfile.write(tmp_path / "song.wav", audio, 22_050)
    song = [str(tmp_path / "song.wav")]
    for number, act in enumerate((by_sample, by_evaluate)):
        out = tmp_path / f"out{number}"
        assert act(system.trained, song, out, "vocals, bass") == 0
        names = {path.stem for path in out.rglob("*.wav")}
        assert names == {"bass", "vocals"} and "bass" in capsys.readouterr().out
        with pytest.raises(BadInput, match="no label 'flute': this model knows bass, drums"):
            act(system.trained, song, out, "flute")
        with pytest.raises(BadInput, match="does not separate: leave --labels out"):
            act(zoo.create("crepe_score_render").trained, song, out, "flute")


def test_a_translator_is_given_a_domain(tune, tmp_path):
    """From Python and by the script; what is wrong is one line."""
    name = "music_translation_score_render"
    system = zoo.create(name, **smoke(name))
    assert system.labels == ("piano", "voice", "bass") and "transfer" in system.methods
    audio = tune[:400]
    found = {d: system.transfer(audio, 22_050, domain=d, seed=1) for d in ("piano", "voice")}
    assert found["piano"].shape == (round(400 * 16_000 / 22_050), 1)
    assert np.abs(found["piano"] - found["voice"]).max() > 0.01
    for domain, message in (("flute", "no domain 'flute'.*knows piano"), ("", "give the domain")):
        with pytest.raises(BadInput, match=message):
            system.transfer(audio, 22_050, domain=domain)
    soundfile.write(tmp_path / "violin.wav", audio, 22_050)
    asked = {"input": [str(tmp_path / "violin.wav")], "seed": 1}
    assert (
        own_files.sample_to_files(
            system.trained, Choices(tmp_path / "out", domain="voice", **asked)
        )
        == 0
    )
    (file,) = (tmp_path / "out").rglob("*.wav")
    made, rate = soundfile.read(file, dtype="float32", always_2d=True)
    np.testing.assert_allclose(made, found["voice"], atol=2**-14)
    assert rate == 16_000 and '"domain": "voice"' in file.with_suffix(".json").read_text()
    with pytest.raises(BadInput, match="did you mean piano"):
        own_files.sample_to_files(
            system.trained, Choices(tmp_path / "out2", domain="Piano", **asked)
        )
    other = zoo.create("ddsp_score_render", **smoke("ddsp_score_render"))
    with pytest.raises(BadInput, match="has no domains: leave the domain out"):
        own_files.sample_to_files(
            other.trained, Choices(tmp_path / "out3", domain="piano", **asked)
        )


def by_sample(trained, song, out, labels):
    return own_files.sample_to_files(trained, Choices(out, input=song, labels=labels))


def by_evaluate(trained, song, out, labels):
    return own_files.predict(trained, song, out, force=False, labels=labels)


def test_a_generator_of_notes_performs_a_tune():
    """As it streams one; to its end and a second more."""
    system = zoo.create("gansynth_score_render", **smoke("gansynth_score_render"))
    assert set(system.methods) == {"sample", "stream", "perform"}
    whole = {"onset": [0.0, 0.25], "offset": [0.25, 0.5], "pitch": [60, 64], "velocity": [90, 90]}
    whole = {name: np.array(values) for name, values in whole.items()}
    played = system.perform(whole, seed=3)
    assert played.shape == (24_000, 1) and np.abs(played[:8000]).max() > 0
    streamed = np.concatenate(list(system.stream(notes=whole, seed=3)), 1)[0]
    np.testing.assert_array_equal(played, streamed)
    with pytest.raises(BadInput, match="plays MIDI pitches 28 to 96"):
        system.perform({**whole, "pitch": np.array([60, 97])})


def test_separation_takes_what_a_separator_has(tune):
    system = zoo.create("wave_unet_score_render", **smoke("wave_unet_score_render"))
    found = system.separate(tune[:4000], 22_050, residual=True)
    assert list(found) == [*system.labels, "residual"]
    np.testing.assert_allclose(sum(found.values()), tune[:4000], atol=1e-5)
    mono = system.separate(tune[:4000, 0], 22_050, keep_sum=True)
    assert all(stem.shape == (4000,) for stem in mono.values())
    some_stems(system, tune[:4000])
    with pytest.raises(BadInput, match="no argument volume=: a separator takes residual="):
        system.separate(tune, 22_050, volume=2)
    with pytest.raises(BadInput, match="shifts=-1: "):
        system.separate(tune, 22_050, shifts=-1)
