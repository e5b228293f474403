"""Songs as parameters of a voice: frames, windows that fade, pieces that end in pauses."""

import numpy as np
import pytest

from zoo.audio import world
from zoo.audio.world import VoiceLayout
from zoo.errors import BadInput
from zoo.songs import vocoder
from zoo.songs.segments import Segments
from zoo.songs.separating import Partner, Separator, separate
from zoo.songs.vocoder import ParameterVocoder

HOP, SIZE = 8, 20
VOICE = VoiceLayout(8000, HOP, 2, 2)
HOW = ParameterVocoder(VOICE, SIZE)
FRAMES = 6
SEGMENTS = Segments((FRAMES - 1) * HOP + SIZE, FRAMES * HOP, 3 * HOP, "fade", batch=2)


def song(length):
    return np.random.default_rng(0).normal(size=(length, 1)).astype(np.float32)


def blocks(audio, size):
    return (audio[start : start + size] for start in range(0, len(audio), size))


def frames_of(audio):
    """Every hop's frame [F SIZE], with zeros beyond the ends."""
    count, over = -(-len(audio) // HOP), (SIZE - HOP) // 2
    filled = np.pad(audio[:, 0], (over, SIZE + HOP))
    return np.stack([filled[f * HOP : f * HOP + SIZE] for f in range(count)])


@pytest.mark.parametrize("length", [1, 8, 63, 64, 65, 200])
@pytest.mark.parametrize("size", [7, 1000])
def test_frames_are_centred_on_their_hops(length, size):
    audio = song(length)
    found = np.concatenate(list(vocoder.framed(blocks(audio, size), SIZE, HOP)))
    assert len(found) == -(-length // HOP) + 3
    np.testing.assert_array_equal(found[:-3], frames_of(audio))
    np.testing.assert_array_equal(
        vocoder.overlap_add_frames(found[None], HOP)[0, :, 0],
        np.pad(audio[:, 0], (6, 60))[: len(found) * HOP - HOP + SIZE],
    )


def measured(batch):
    """A model that says of every frame its sum, its middle and how far it is into the window."""
    audio = batch["mixture"][..., 0]
    count = (audio.shape[1] - SIZE) // HOP + 1
    cut = np.stack([audio[:, f * HOP : f * HOP + SIZE] for f in range(count)], 1)
    place = np.broadcast_to(np.arange(count, dtype=np.float32), cut.shape[:2])
    rows = [cut.sum(-1), cut[..., 10], place, *[np.zeros_like(place)] * 3]
    return {"prediction": np.stack(rows, -1)[:, :, None]}


def test_windows_fade_into_each_other():
    audio = song(30 * HOP + 3)
    found = np.concatenate(list(HOW.parameters(measured, blocks(audio, 50), SEGMENTS)))
    frames = frames_of(audio)
    assert found.shape == (31, 6)
    np.testing.assert_allclose(found[:, 0], frames.sum(1), atol=1e-5)
    np.testing.assert_allclose(found[:, 1], frames[:, 10], atol=1e-6)
    # Places 3, 4, 5 of a window meet 0, 1, 2 of the next, by triangles of 3 2 1 and 1 2 3 thirds.
    np.testing.assert_allclose(found[3:6, 2], [9 / 4, 10 / 4, 11 / 4], atol=1e-6)


def row(pitch, unvoiced):
    return np.array([0, 0, 0, 0, pitch, unvoiced], np.float32)


@pytest.fixture
def steps(monkeypatch):
    """Sound is the pitch of each frame, held: what is played is seen in it."""
    calls = []

    def held(parameters, voice):
        calls.append(len(parameters))
        return np.repeat(parameters[:, -2], voice.hop)

    monkeypatch.setattr(world, "synthesise_voice", held)
    monkeypatch.setattr(vocoder, "PIECE", 40)
    return calls


def test_pieces_end_in_pauses_and_fade(steps):
    rows = np.stack([row(n, 20 <= n < 37 or n >= 60) for n in range(90)])
    parts = (rows[start : start + 13] for start in range(0, 90, 13))
    made = np.concatenate(list(vocoder.play_blocks(parts, VOICE)))
    np.testing.assert_allclose(made, np.repeat(np.arange(90), HOP), atol=1e-4)
    # Of 40 frames up to where a pause ends; 16 of them are repeated.
    assert steps == [37, 40, 40, 21]


def test_a_voice_without_pauses_is_cut_all_the_same():
    voiced = np.zeros(40)
    assert vocoder.find_pause(voiced) == 40
    voiced[5:25] = 1
    assert vocoder.find_pause(voiced) == 25
    early = np.zeros(40)
    early[:17] = 1
    assert vocoder.find_pause(early) == 40  # in the first half: the piece would be short


def test_one_piece_is_faded_into_the_next():
    tail, made = np.zeros(4, np.float32), np.ones(6, np.float32)
    np.testing.assert_allclose(vocoder.faded(tail, made), [0.125, 0.375, 0.625, 0.875, 1, 1])


def separator(**fields):
    given = {"stereo": "downmix", "vocoder": HOW, **fields}
    return Separator(SEGMENTS, 8000, 1, ("vocals",), **given)


def test_a_song_has_its_length_and_channels(steps):
    audio = np.repeat(song(203), 2, 1)
    (made,) = np.concatenate(list(separate(measured, lambda: iter([audio]), 8000, separator())), 1)
    assert made.shape == (203, 2)
    np.testing.assert_array_equal(made[:, 0], made[:, 1])


def test_what_averages_sound_is_refused():
    partner = Partner(measured, separator(), 0.5)
    for choice in ({"shifts": 2}, {"keep_sum": True}, {"partners": (partner,)}):
        with pytest.raises(BadInput, match="phases of its own"):
            separator(**choice)
    with pytest.raises(BadInput, match="set stereo='downmix'"):
        separator(stereo="each")
    with pytest.raises(BadInput, match="give multiples of 8"):
        list(HOW.parameters(measured, [song(50)], Segments(100, 50)))
