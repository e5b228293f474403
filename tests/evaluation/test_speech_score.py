"""Speech scored: what is counted, how ends and wrong texts show, and the floors."""

import numpy as np
import pytest

from zoo.data.characters import Characters
from zoo.data.source import Info
from zoo.evaluation.speech import _FLOOR, SpeechScore, frame_distance, peak_agreement

INFO = Info("x", 8000, 1, (), "-", "-")
SCORE = SpeechScore(Characters("_abc"), frames=6, hop=2, longest=4, batch=2, wrong=4)
LENGTHS = (8, 12, 6)
TEXTS = ("ab", "abca", "b")


def records():
    return [
        {"track": f"t{n}", "chunk": 0, "text": text, "audio": np.full((12, 1), 100, np.int16)}
        | {"length": length}
        for n, (text, length) in enumerate(zip(TEXTS, LENGTHS))
    ]


def reader(batch):
    """Says each frame half a nat too loud, and freely as many frames as there are letters.

    A frame's band is the first letter's number, so that a wrong text is heard.
    """
    rows = len(batch["text"])
    known = batch["known"][..., None].astype(float)
    real = np.where(known, np.eye(5)[np.arange(6) % 5] * 2 - 3.0, _FLOOR) * np.ones((rows, 1, 1))
    count = np.minimum(batch["text_known"].sum(1) * 2, 6)
    count = np.where(batch["text_known"].sum(1) == 1, 7, count)  # finds no end
    off = 0.1 * batch["text"][:, 0][:, None, None]
    there = np.arange(6)[None, :, None] < count[:, None, None]
    line = np.eye(4)[np.minimum(np.arange(6), 3)] * np.ones((rows, 1, 1))
    return {
        "real": real,
        "forced": real + 0.5,
        "free": np.where(there, real + off, -1.0),
        "free_count": count,
        "alignment": line,
        "free_alignment": line,
    }


@pytest.fixture(scope="module")
def report():
    return SCORE.run(reader, records(), INFO)


def test_frames_that_are_there_are_counted(report):
    found, rows = report.metrics, report.tables["per_sentence"]
    assert found["mel_l1"] == pytest.approx(0.5)
    assert [row["frames"] for row in rows] == [4, 6, 3]
    assert [row["stop_error_frames"] for row in rows] == [0, 0, 3]
    assert [row["without_end"] for row in rows] == [0, 0, 1]
    assert rows[0]["free_mel_l1"] == pytest.approx(0.1) and rows[0]["free_peaks_right"] == 1
    assert rows[0]["focus"] == 0.5 and rows[1]["focus"] == 1  # of the letters that are there
    assert report.counts == {"sentences": 3, "frames": 13}
    assert found["free_mel_l1_lost_by_wrong_text"] != 0


def test_floors_are_silence_and_the_mean_frame(report):
    every = np.concatenate([np.eye(5)[np.arange(n) % 5] * 2 - 3.0 for n in (4, 6, 3)])
    rows = np.split(every, (4, 10))
    wanted = np.mean([np.abs(x - every.mean(0)).mean() for x in rows])
    assert report.metrics["floor/mean_frame_mel_l1"] == pytest.approx(wanted)
    silence = np.mean([np.abs(x - _FLOOR).mean() for x in rows])
    assert report.metrics["floor/silence_mel_l1"] == pytest.approx(silence)


def test_what_is_missing_or_too_much_is_compared_with_silence():
    one = np.full((2, 3), -1.0)
    assert (
        frame_distance(one, one[:1])
        == pytest.approx((-1 - _FLOOR) / 2)
        == frame_distance(one[:1], one)
    )
    assert (
        frame_distance(one, one) == 0
        and frame_distance(np.full((1, 3), _FLOOR), np.full((1, 3), -99.0)) == 0
    )
    ramp = np.arange(12.0).reshape(4, 3)
    assert peak_agreement(ramp, ramp) == 1 and peak_agreement(ramp, ramp[:, ::-1]) == 0
    assert peak_agreement(ramp, ramp[:3]) == 0.5  # a frame that is missing
    ramp[3] += 100  # among the louder half is the third as well, whatever the mean
    assert peak_agreement(ramp, ramp[:3]) == 0.5
