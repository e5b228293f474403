"""GNSDR, GSIR and GSAR against mir_eval, and what a clip of silence does to them."""

import numpy as np
import pytest

from zoo.data.source import Info
from zoo.errors import BadInput
from zoo.evaluation.global_separation import GlobalSeparation
from zoo.songs.segments import Segments
from zoo.songs.separating import Separator

INFO = Info("toy", 8_000, 1, ("accompaniment", "vocals"), "", "")
HOW = Separator(Segments(4_000), 8_000, 1, ("vocals", "accompaniment"))


def clip(track, length, seed):
    rng = np.random.default_rng(seed)
    stems = rng.normal(size=(2, length, 1)) * 3_000
    stems[1, 1:] += stems[1, :-1]
    return {"track": track, "chunk": 0, "length": length, "stems": stems.astype(np.int16)}


def guess(batch):
    """Voice: the mixture later by two samples and less of it; the rest: the mixture, sharpened."""
    mix = batch["mixture"]
    late = np.pad(mix, ((0, 0), (2, 0), (0, 0)))[:, :-2]
    return {"prediction": np.stack([mix + late, mix - late], 2) / 2}


def test_ratios_are_those_of_mir_eval_and_clips_count_by_length():
    mir_eval = pytest.importorskip("mir_eval")
    clips = [clip("a", 4_000, 0), clip("b", 3_000, 1), clip("c", 1_500, 2)]
    report = GlobalSeparation(HOW).run(guess, clips, INFO)
    sizes, found = np.array([4_000, 3_000, 1_500]), []
    for record in clips:
        truth = record["stems"][::-1, :, 0].astype(np.float64) / 32_768
        mix = truth.sum(0)
        estimate = guess({"mixture": mix[None, :, None]})["prediction"][0, :, :, 0].T
        own = mir_eval.separation.bss_eval_sources(truth, estimate, False)
        plain = mir_eval.separation.bss_eval_sources(truth, np.stack([mix, mix]), False)
        found.append([own[0] - plain[0], own[0], own[1], own[2]])
    wanted = np.average(found, 0, sizes)
    for row, name in enumerate(("gnsdr", "gsdr", "gsir", "gsar")):
        ours = [report.metrics[f"{name}/{stem}"] for stem in HOW.sources]
        np.testing.assert_allclose(ours, wanted[row], atol=2e-2, err_msg=name)
        assert report.metrics[f"{name}/average"] == pytest.approx(np.mean(ours))
    assert report.counts == {"clips": 3, "clips_without_score": 0}
    assert np.ptp(np.array(found)[:, 0], 0).max() > 0.1  # lengths matter


def test_the_mixture_for_every_stem_has_no_gain():
    clips = [clip("a", 4_000, 0), clip("b", 2_000, 1)]

    def same(batch):
        return {"prediction": np.repeat(batch["mixture"][:, :, None], 2, 2)}

    metrics = GlobalSeparation(HOW).run(same, clips, INFO).metrics
    assert metrics["gnsdr/vocals"] == metrics["gnsdr/accompaniment"] == 0


def test_silent_clips_are_left_out_and_counted():
    quiet = clip("b", 4_000, 1)
    quiet["stems"][1] = 0
    both = GlobalSeparation(HOW).run(guess, [clip("a", 4_000, 0), quiet], INFO)
    alone = GlobalSeparation(HOW).run(guess, [clip("a", 4_000, 0)], INFO)
    assert both.counts == {"clips": 2, "clips_without_score": 1}
    assert both.metrics == alone.metrics and "without_score" not in alone.protocol


def test_oracles_are_given_the_references_and_stereo_is_refused():
    def oracle(batch):
        noise = np.random.default_rng(0).normal(size=batch["stems"].shape)
        return {"prediction": batch["stems"] + 0.001 * noise}

    clips = [clip("a", 4_000, 0)]
    report = GlobalSeparation(HOW, oracle=True).run(oracle, clips, INFO)
    assert report.metrics["gnsdr/vocals"] > 20 and "given the references" in report.protocol
    with pytest.raises(BadInput, match="2 channels"):
        GlobalSeparation(HOW).run(guess, clips, Info("toy", 8_000, 2, INFO.labels, "", ""))
