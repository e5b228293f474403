"""Sources without names: whose they are, by permutation and by assignment; songs of a user."""

import json

import mir_eval
import numpy as np
import pytest

from zoo import catalog
from zoo.data.source import Info
from zoo.errors import BadInput
from zoo.evaluation import blind_separation
from zoo.evaluation.blind_separation import BlindSeparation
from zoo.songs.segments import Segments, nearest_order, separate_blocks
from zoo.songs.separating import Separator

INFO = Info("noise", 1000, 1, ("low", "high", "hiss"), "none", "here")
NAMES = ("low", "high", "hiss")
SEGMENTS = Segments(512, hop=384, window="fade", unordered=True)


def stems(length=4000):
    draw = np.random.default_rng(0)
    time = np.arange(length)
    slow, fast = 0.3 * np.sin(0.05 * time), 0.2 * np.sin(0.9 * time)
    return np.stack([slow, fast, draw.uniform(-0.1, 0.1, length)])[:, :, None].astype(np.float32)


def records(length=4000):
    """One track as int16, in two records."""
    pcm = (stems(length) * 32_767).astype(np.int16)
    parts = np.split(pcm, 2, 1)
    return [{"track": "one", "chunk": n, "stems": part} for n, part in enumerate(parts)]


def how(segments=SEGMENTS, count=3, **choices):
    names = tuple(f"source_{number + 1}" for number in range(count))
    return Separator(segments, 1000, 1, names, **choices)


def split(batch, shuffle=None):
    """A model that knows the bands of the three, [B T 1] -> [B T 3 1]; shuffle() -> an order."""
    mix = batch["mixture"][..., 0]
    spectrum = np.fft.rfft(mix)
    edges = [0, len(mix[0]) // 50, len(mix[0]) // 10, len(spectrum[0])]
    parts = [np.zeros_like(spectrum) for _ in range(3)]
    for part, low, high in zip(parts, edges, edges[1:]):
        part[:, low:high] = spectrum[:, low:high]
    found = np.stack([np.fft.irfft(part, mix.shape[1]) for part in parts], -1)
    order = shuffle() if shuffle else range(3)
    return {"prediction": found[:, :, list(order), None].astype(np.float32)}


def test_the_order_is_mir_eval_s():
    draw = np.random.default_rng(1)
    references = stems()
    for order in ([2, 0, 1], [1, 2, 0]):
        noise = draw.normal(0, 0.02, references.shape)
        estimates = (references[order] + noise).astype(np.float32)
        ours = blind_separation.best_order(references, estimates)
        *_, theirs = mir_eval.separation.bss_eval_sources(references[..., 0], estimates[..., 0])
        np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(np.asarray(order)[ours], [0, 1, 2])


def test_sources_in_another_order_every_segment_are_whole_songs():
    draw = np.random.default_rng(2)
    song = stems().sum(0)
    found = np.concatenate(
        list(separate_blocks(lambda b: split(b, lambda: draw.permutation(3)), [song], SEGMENTS, 1)),
        1,
    )
    wanted = np.concatenate(list(separate_blocks(split, [song], SEGMENTS, 1)), 1)
    np.testing.assert_allclose(found[nearest_order(wanted, found)], wanted, atol=1e-5)
    report = BlindSeparation(how(), NAMES).run(
        lambda b: split(b, lambda: draw.permutation(3)), records(), INFO
    )
    plain = BlindSeparation(how(), NAMES).run(split, records(), INFO)
    assert report.metrics["sdr_median_of_track_medians/low"] > 10
    for name, value in plain.metrics.items():
        np.testing.assert_allclose(report.metrics[name], value, atol=0.05)
    assert "order with the highest mean SDR" in report.protocol and report.counts["frames"] == 4


def test_components_go_to_the_stem_that_they_are_part_of():
    draw = np.random.default_rng(3)
    references = np.moveaxis(stems(300), 0, 1)[None]
    owner = [1, 0, 2, 1, 0, 0]
    shares = draw.uniform(0.2, 1, (6, 1)).astype(np.float32)
    components = references[:, :, owner] * shares
    wanted = np.stack(
        [components[:, :, [i for i, o in enumerate(owner) if o == s]].sum(2) for s in range(3)], 2
    )
    np.testing.assert_allclose(blind_separation.assign(components, references), wanted, atol=1e-5)


def test_assigned_components_bound_the_blind_score_and_are_no_system_for_songs():
    segments = Segments(512, 384)

    def halves(batch):
        whole = split(batch)["prediction"]
        return {"prediction": np.concatenate([0.25 * whole, 0.75 * whole], 2)}

    bound = BlindSeparation(how(segments, 6), NAMES, "components")
    report = bound.run(halves, records(), INFO)
    assert report.metrics["sdr_median_of_track_medians/high"] > 6 and bound.oracle
    assert "assigned by the references" in report.protocol
    with pytest.raises(BadInput, match="can only be scored"):
        bound.stems(halves, lambda: [stems().sum(0)], 1000)


def test_a_song_of_a_user_comes_out_as_sources_by_number():
    song = stems().sum(0)
    found = BlindSeparation(how(), NAMES).stems(split, lambda: [song], 1000)
    assert list(found) == ["source_1", "source_2", "source_3"]
    np.testing.assert_allclose(sum(found.values()), song, atol=1e-5)


def test_channels_of_a_song_go_through_together():
    """Left and right would have sources in different orders."""
    seen = []

    def model(batch):
        seen.append(batch["mixture"].shape[2])
        return {"prediction": np.stack([0.25 * batch["mixture"], 0.75 * batch["mixture"]], 2)}

    song = np.random.default_rng(0).uniform(-1, 1, (2000, 3)).astype(np.float32)
    joint = how(count=2, stereo="joint")
    found = BlindSeparation(joint, NAMES).stems(model, lambda: [song], 1000)
    assert set(seen) == {3}
    np.testing.assert_allclose(found["source_2"], 0.75 * song, atol=1e-6)


def test_another_number_of_sources_separates_but_has_no_score():
    with pytest.raises(BadInput, match=r"set sources=3"):
        BlindSeparation(how(count=2), NAMES).run(split, records(), INFO)


def test_microphones_record_the_stems():
    gains = blind_separation.gains(3, 3, 0.4)
    np.testing.assert_allclose(gains, [[1, 1, 1], [0.4, 1, 0.4], [0.4, 0.4, 1]])
    images = blind_separation.recorded(stems(), 3, 0.4)
    np.testing.assert_allclose(
        images.sum(0), np.einsum("st,ms->tm", stems()[..., 0], gains), atol=1e-6
    )
    unmix = np.linalg.inv(gains)

    def known(batch):
        sources = batch["mixture"] @ unmix.T
        return {"prediction": (sources[..., None] * gains.T).astype(np.float32)}

    channels = Separator(SEGMENTS, 1000, 3, how().sources, stereo="exact")
    report = BlindSeparation(channels, NAMES, microphones=3, spill=0.4).run(known, records(), INFO)
    assert report.metrics["sdr_median_of_track_medians/average"] > 60
    with pytest.raises(BadInput, match=r"3 channels are unmixed.*this has 2.*microphones=2"):
        BlindSeparation(channels, NAMES).stems(known, lambda: [np.ones((9, 2), np.float32)], 1000)


def test_unordered_segments_have_to_overlap():
    with pytest.raises(BadInput, match="overlap"):
        Segments(512, unordered=True)


def test_blind_rows_beat_the_mixture_in_equal_shares():
    rows = [json.loads(p.read_text()) for p in catalog.results_folder().glob("separation/*.json")]
    scores = {
        f"{row['config']}.{row['row']}": row["metrics"]["sdr_median_of_track_medians/average"]
        for row in rows
        if blind_separation.MATCHED["permutation"] in row["protocol"]
        or (row["config"], row["row"]) == ("oracle_score_render", "mixture")
    }
    floor = scores.pop("oracle_score_render.mixture")
    assert len(scores) > 5 and {name for name, score in scores.items() if score <= floor} == set()
