"""Tags over time of one's own song: alignment in time, constant memory, and what is written."""

import csv
import json
import re
import tracemalloc

import numpy as np
import pytest
import soundfile

from zoo.errors import BadInput
from zoo.evaluation.tagging import Tagging
from zoo.pages import recording
from zoo.pages.taggram import write_taggram
from zoo.songs.taggram import (
    Listener,
    song_mean,
    tag_file,
    tag_files,
    taggram_figure,
    tags_over_time,
    write_csv,
    write_tags,
)

LABELS = ("loud", "quiet", "</script>")
LISTENER = Listener(samples=1000, rate=4000, hop=500, batch=4)


def loudness(batch):
    level = np.abs(batch["audio"]).mean((1, 2))
    return {"prediction": np.stack([level, 1 - level, 0 * level], 1)}


def song(seconds=4.1, rate=8000, channels=2):
    """Silence, but for the second second, which is a loud tone."""
    time = np.arange(round(seconds * rate)) / rate
    tone = np.where((time >= 1) & (time < 2), np.sin(2 * np.pi * 200 * time), 0)
    return np.repeat(tone[:, None], channels, 1).astype(np.float32)


def blocks(audio, size=700):
    return [audio[at : at + size] for at in range(0, len(audio), size)]


def test_scores_stand_at_their_times_at_another_rate():
    taggram = tags_over_time(loudness, blocks(song()), 8000, LISTENER, LABELS)
    assert taggram.duration == pytest.approx(4.1) and taggram.seconds == 0.25
    np.testing.assert_allclose(np.diff(taggram.times), 0.125)
    loud = taggram.times[taggram.scores[:, 0] > 0.5]
    assert (loud.min(), loud.max()) == (1.0, 1.75)
    assert taggram.times[-1] + taggram.seconds >= 4.1 > taggram.times[-1]
    np.testing.assert_allclose(taggram.edges[1:-1], taggram.times[1:] + (0.25 - 0.125) / 2)
    assert (taggram.edges[0], taggram.edges[-1]) == (0, 4.1)
    assert taggram.top(1)[0][0] == "quiet" and len(taggram.top()) == 3


@pytest.mark.parametrize(
    "length,hop,count",
    [
        (10, None, 1),
        (1000, None, 1),
        (1400, None, 1),
        (1600, None, 2),
        (2000, None, 2),
        (2001, 500, 4),
        (1001, 900, 1),
    ],
)
def test_a_rest_counts_where_half_of_it_is_music(length, hop, count):
    how = Listener(1000, 4000, hop=hop)
    audio = np.ones((length, 1), np.float32)
    assert len(tags_over_time(loudness, [audio], 4000, how, LABELS).times) == count


@pytest.mark.parametrize("length", [700, 1000, 1001, 1499, 1500, 1999, 2000, 4300])
@pytest.mark.parametrize("hop", [None, 500, 700])
def test_a_song_s_score_is_the_evaluation_s(length, hop):
    """Of any length, at any hop: what the protocol of held-out clips gives the same samples."""
    audio = np.random.default_rng(length).uniform(-1, 1, (length, 1)).astype(np.float32)
    audio *= np.linspace(0.2, 1, length)[:, None].astype(np.float32)
    how = Listener(1000, 4000, hop=hop)
    ours = tags_over_time(loudness, [audio], 4000, how, LABELS).mean
    record = {"audio": audio, "tags": np.zeros(3), "track": "song"}
    (clip,) = Tagging(1000, hop=hop).clip_scores(loudness, [record])
    np.testing.assert_allclose(ours, clip.total / clip.segments, rtol=1e-6)


def test_a_song_s_mean_of_anything():
    rows = np.arange(12.0).reshape(3, 2, 2)
    times = np.array([0.0, 1.0, 2.0])
    np.testing.assert_array_equal(song_mean(rows, times, 1.0, 2.6), rows[:2].mean(0))
    np.testing.assert_array_equal(song_mean(rows, times, 1.0, 3.0), rows.mean(0))
    np.testing.assert_array_equal(song_mean(rows[:1], times[:1], 1.0, 0.7), rows[0])


def test_memory_does_not_grow_with_the_song():
    def peak(count):
        stream = (np.ones((4000, 2), np.float32) for _ in range(count))
        tracemalloc.start()
        tags_over_time(loudness, stream, 8000, LISTENER, LABELS)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(10)
    assert peak(600) < 1.3 * peak(60) + 600_000  # 600 blocks are 19 MB; scores stay


def test_refusals():
    with pytest.raises(BadInput, match="no samples"):
        tags_over_time(loudness, [], 8000, LISTENER, LABELS)
    with pytest.raises(BadInput, match="is silent"):
        tags_over_time(loudness, [1e-4 * song()], 8000, LISTENER, LABELS)
    with pytest.raises(BadInput, match="for 2 labels"):
        tags_over_time(loudness, [song()], 8000, LISTENER, LABELS[:2])


def test_files_written(tmp_path):
    soundfile.write(tmp_path / "my song.wav", song(), 8000)
    taggram = tag_file(loudness, tmp_path / "my song.wav", LISTENER, LABELS)
    write_csv(taggram, tmp_path / "tags.csv")
    with (tmp_path / "tags.csv").open() as file:
        lines = list(csv.reader(file))
    assert lines[0] == ["time", *LABELS] and len(lines) == 1 + len(taggram.times)
    assert float(lines[9][0]) == 1.0 and float(lines[9][1]) > 0.5
    write_tags(taggram, tmp_path / "tags.json", 2)
    facts = json.loads((tmp_path / "tags.json").read_text())
    assert list(facts["tags"]) == ["quiet", "loud"] and facts["duration"] == 4.1
    axes = taggram_figure(taggram).axes
    assert [label.get_text() for label in axes[0].get_yticklabels()] == [
        l for l, _ in taggram.top()
    ]


@pytest.mark.parametrize(("form", "bass"), [("OGG", 5), ("WAV", 3)])
def test_surround_is_mixed_down_in_its_format_s_order(tmp_path, form, bass):
    audio = np.full((8000, 6), 0.01, np.float32)
    audio[:, bass] = song(1.0, channels=1)[:, 0] + 0.5  # effects, which no downmix holds
    path = tmp_path / f"surround.{form.lower()}"
    soundfile.write(path, audio, 8000, format=form)
    assert tag_file(loudness, path, LISTENER, LABELS).mean[0] < 0.02


def test_page_holds_song_and_scores_and_nothing_from_elsewhere(tmp_path, monkeypatch):
    sound = tmp_path / "a <b> song.wav"
    soundfile.write(sound, song(), 8000)
    taggram = tag_file(loudness, sound, LISTENER, LABELS)
    page = write_taggram(taggram, tmp_path / "page.html", sound).read_text()
    assert page.count("</script>") == 2 and "a &lt;b&gt; song" in page
    assert 'src="data:audio/wav;base64,' in page
    assert not re.search(r"https?://", page)
    data = json.loads(re.search(r'id="data">(.*?)</script>', page)[1])
    assert data["labels"][0] == "quiet" and len(data["scores"][0]) == len(taggram.times)
    assert max(data["peaks"]) == 1 and len(data["edges"]) == len(taggram.times) + 1
    monkeypatch.setattr(recording, "EMBED_BYTES", 83_000)  # the wav has 131 kB
    assert (
        'src="data:audio/mpeg;base64,'
        in write_taggram(taggram, sound.with_suffix(".html"), sound).read_text()
    )
    monkeypatch.setattr(recording, "EMBED_BYTES", 10)
    beside = write_taggram(taggram, tmp_path / "link.html", sound).read_text()
    assert 'src="page_files/recording.mp3"' in beside and "file:" not in beside
    heard, rate = soundfile.read(tmp_path / "page_files" / "recording.mp3", always_2d=True)
    assert rate == 8000 and len(heard) >= taggram.duration * 8000 and np.abs(heard).max() > 0.1


def test_many_short_files_share_batches_and_give_what_each_gives_alone(tmp_path):
    """Short, long, silent, broken and refused ones in any order, in memory that does not grow."""
    seconds = (0.2, 0.25, 3.0, 0.1, 0.2, 0.2, 0.3)
    paths = [tmp_path / f"{number}.wav" for number in range(len(seconds) + 2)]
    for number, (path, length) in enumerate(zip(paths, seconds)):
        time = np.arange(round(8000 * length)) / 8000
        soundfile.write(path, (0.1 + 0.1 * number) * np.sin(2 * np.pi * 200 * time), 8000)
    soundfile.write(paths[4], np.zeros(1600), 8000)
    paths[5].write_bytes(b"RIFF")
    soundfile.write(paths[7], np.ones(2000), 8000)
    calls = []

    def counted(batch):
        calls.append(len(batch["audio"]))
        return loudness(batch)

    def check(path):
        if path == paths[7]:
            raise BadInput("not this one")

    found = list(tag_files(counted, paths, LISTENER, LABELS, check))
    shared = len(calls)
    said = {n: str(one) for n, one in enumerate(found) if isinstance(one, BadInput)}
    assert set(said) == {4, 5, 7, 8} and "is silent" in said[4] and said[7] == "not this one"
    for number in (0, 1, 2, 3, 6):
        alone = tag_file(counted, paths[number], LISTENER, LABELS)
        np.testing.assert_array_equal(found[number].scores, alone.scores)
        np.testing.assert_array_equal(found[number].times, alone.times)
        assert found[number].duration == alone.duration
    segments = sum(len(one.times) for one in found if not isinstance(one, BadInput)) + 1
    assert shared == -(-segments // 4) and set(calls) == {4}
    assert not list(tag_files(counted, [], LISTENER, LABELS))
    (only,) = tag_files(counted, [paths[5]], LISTENER, LABELS)
    assert isinstance(only, BadInput)
