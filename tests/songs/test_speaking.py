"""A text through the methods and scripts: files with their JSON, vocoders, and what is refused."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

import zoo
from zoo import experiment as experiments
from zoo.errors import BadInput
from zoo.songs import own_files, speaking
from zoo.songs.choices import Choices


def created(name):
    return zoo.create(name, **experiments.find_config(name).entry.smoke)


@pytest.fixture(scope="module")
def speaker():
    return created("tacotron2_score_render")


def test_a_speaker_speaks_and_does_nothing_else(speaker):
    assert speaker.methods == ("speak",)
    audio = speaker.speak("g4 a4-", seed=1)
    assert audio.ndim == 2 and audio.shape[1] == 1 and 0 < len(audio) <= 72 * 512
    np.testing.assert_array_equal(audio, speaker.speak("g4 a4-", seed=1, chunk=1000))
    assert speaker.speak("g4\na4", num=2).shape[0] == 2
    for text, said in (
        ("", "give what is to be spoken"),
        (7, "text=7"),
        ("xyz", "the text has x y z"),
    ):
        with pytest.raises(BadInput, match=said):
            speaker.speak(text)
    with pytest.raises(BadInput, match="has no speak"):
        created("wavegan_score_render").speak("g4")


def test_any_vocoder_may_take_griffin_lim_s_place(speaker):
    """One of another front end hears what Griffin-Lim makes; a speaker is no vocoder."""
    vocoder = created("melgan_score_render")
    made = speaker.speak("g4 a4-", vocoder=vocoder, num=2)
    draft = speaker.speak("g4 a4-", num=2)
    assert made.shape == draft.shape
    np.testing.assert_allclose(made[1], vocoder.vocode(draft[1], speaker.sample_rate), atol=1e-5)
    with pytest.raises(BadInput, match="is no vocoder; its methods: speak"):
        speaker.speak("g4", vocoder=speaker)


def test_frames_reach_a_vocoder_of_the_same_front_end():
    frames, count = np.ones((2, 8, 3)), np.array([8, 5])
    spec = SimpleNamespace(hop=4, **{name: 1 for name in speaking._FRONT if name != "hop"})
    spec.compress = speaking.mel.log_clamp
    front = SimpleNamespace(spec=spec, vocodable=True)
    heard = []

    def generate(variables, request):
        heard.append(request)
        yield np.full((1, request.length, 1), len(heard))

    speaks = SimpleNamespace(
        front=front, needs_text=True, refined=lambda *_: iter([(frames, count)]), generate=None
    )
    speaks.scored = None
    vocodes = SimpleNamespace(spec=spec, takes_frames=True, generate=generate)
    trained = SimpleNamespace(experiment=SimpleNamespace(objective=speaks), variables=None)
    other = SimpleNamespace(
        experiment=SimpleNamespace(objective=vocodes), trained=SimpleNamespace(variables=None)
    )
    request = speaking.Request(0, 2, 7, text="a")
    (chunk,) = speaking.speak_request(trained, request, other)
    assert [r.length for r in heard] == [32, 20] and [len(r.frames) for r in heard] == [8, 5]
    assert {r.seed for r in heard} == {7}
    assert chunk.shape == (2, 32, 1) and not np.any(chunk[1, 20:]) and np.all(chunk[1, :20] == 2)


def test_files_have_the_json_that_makes_them_again(speaker, tmp_path, capsys):
    choices = Choices(tmp_path, text="g4 a4-", num=2, seed=3)
    assert own_files.sample_to_files(speaker.trained, choices) == 0
    sound, rate = soundfile.read(tmp_path / "speech_1.wav")
    about = json.loads((tmp_path / "speech_1.json").read_text())
    assert rate == 16_000 and about["samples"] == len(sound) and about["voice"] == 1
    assert about["request"]["text"] == "g4 a4-" and about["request"]["seed"] == 3
    assert "speech_0.wav" in capsys.readouterr().out
    with pytest.raises(BadInput, match=r"speech_0\.wav"):
        own_files.sample_to_files(speaker.trained, choices)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "speaks: give it a text with --text"),
        ({"text": "g4", "input": ["x.wav"]}, "takes --text, no --input"),
        ({"text": "g4 ?"}, r"the text has \?"),
        ({"text": "g4", "top_k": 3}, "draws no symbols"),
        ({"text": "g4", "vocoder": "wavenet"}, "wavenet"),
        ({"text": "g4", "endless": True}, "no --endless"),
    ],
)
def test_what_cannot_be_spoken_is_refused(speaker, tmp_path, given, said):
    with pytest.raises(BadInput, match=said):
        own_files.sample_to_files(speaker.trained, Choices(tmp_path / "out", **given))
    assert not list(tmp_path.rglob("*.wav"))


def test_others_take_no_text(tmp_path):
    trained = created("wavegan_score_render").trained
    with pytest.raises(BadInput, match="speaks no text: leave --text and --vocoder out"):
        own_files.sample_to_files(trained, Choices(tmp_path, text="hello"))
