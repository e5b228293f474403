"""The embedded data set: exact sizes, honest labels, equal bytes, and builds that survive."""

import pickle
import re
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from zoo.data.records import data_dir
from zoo.data.score_render import orchestration, rendering, takes
from zoo.data.score_render.melody_split import SPLITS, split_pieces
from zoo.data.score_render.orchestration import IN_TUNE, INSTRUMENT_FAMILIES, RENDERED_TAGS
from zoo.data.score_render.scores import cached_pieces
from zoo.data.score_render.soundfont import default_font
from zoo.data.score_render.source import ScoreRender
from zoo.errors import BadInput

CONFIGS = ("tagging", "stems", "piano", "notes")


def built(config: str) -> ScoreRender:
    """The tiny records of a configuration, rendered once and kept in $ZOO_DATA_DIR."""
    source = ScoreRender(config, "tiny")
    source.prepare()
    return source


@pytest.fixture(scope="module")
def split():
    return split_pieces(cached_pieces(data_dir() / "score_render_work"))


def job(config: str, split: dict, index: int = 0) -> takes.TakeJob:
    many = takes.jobs(config, "tiny", "train", split["train"], 16_000, str(default_font()))
    return next(job for i, job in enumerate(many) if i == index)


@pytest.mark.parametrize("config", CONFIGS)
def test_records_are_as_promised(config):
    source = built(config)
    blank = source.blank()
    keys = set()
    for name in SPLITS:
        opened = source.open(name)
        assert len(opened) == source.counts()[name]
        for record in opened:
            assert record.keys() == blank.keys()
            for key, value in blank.items():
                if isinstance(value, np.ndarray):
                    assert (record[key].shape, record[key].dtype) == (value.shape, value.dtype)
            keys.add((record["track"], record["chunk"]))
            level = rendering.rms_dbfs(record.get("audio", record.get("stems")) / 32768)
            assert -60 < level < -3
    assert len(keys) == sum(source.counts().values())
    clone = pickle.loads(pickle.dumps(source.open("test")))
    assert clone[-1]["track"] == source.open("test")[-1]["track"]


def test_the_guide_states_the_sizes():
    text = (Path(__file__).parents[3] / "docs" / "guides" / "data.md").read_text()
    for config in CONFIGS:
        (told,) = re.findall(rf"^\| `{config}` \|.*\| (.*) \|$", text, re.M)
        counts = ScoreRender(config).counts().values()
        assert told == " / ".join(f"{count:,}" for count in counts)


def test_mixture_of_stems_has_headroom():
    assert ScoreRender("stems").info.labels == ("vocals", "drums", "bass", "other")
    for record in built("stems").open("train"):
        assert np.abs(record["stems"].astype(np.int32).sum(0)).max() <= 0.951 * 32768


def test_splits_share_no_piece_and_no_preset():
    for config in ("tagging", "stems", "piano"):
        seen = [{r["track"].split("#")[0] for r in built(config).open(name)} for name in SPLITS]
        assert len(set.union(*seen)) == sum(map(len, seen))
    seen = [{record["preset"] for record in built("notes").open(name)} for name in SPLITS]
    assert len(set.union(*seen)) == sum(map(len, seen))
    presets = takes.preset_split()
    assert [len(presets[name]) for name in SPLITS] == [64, 12, 12]
    for name in SPLITS:
        families = [f for f, programs in IN_TUNE.items() if set(programs) & set(presets[name])]
        assert len(families) == 12


def test_tags_follow_the_sound(split):
    """The rule of 12 % of the mixture's RMS, recomputed from stems rendered apart."""
    record_job = job("tagging", split, 1)
    examples, _ = takes.examples(record_job)
    take = orchestration.tagging_take(record_job.piece, record_job.number)
    sampler = takes._sampler(record_job.font, record_job.rate)
    stems = list(dict.fromkeys(voice.stem for voice in take.voices))
    _, chunks = takes._render(record_job, take, sampler, stems, (-22, 4))
    assert {voice.stem for voice in take.voices} <= {*INSTRUMENT_FAMILIES, "drums"}
    for example, chunk in zip(examples, chunks):
        np.testing.assert_allclose(example["audio"][:, 0] / 32768, chunk.sum(0), atol=2e-5)
        loud = np.std(chunk, axis=1) > 0.12 * np.std(chunk.sum(0))
        heard = {stem for stem, is_loud in zip(stems, loud) if is_loud}
        tagged = {tag for tag, on in zip(RENDERED_TAGS, example["tags"]) if on}
        assert tagged & {*INSTRUMENT_FAMILIES, "drums"} == heard


def test_unknown_tags_are_masked():
    # Complements would count twice.
    assert "minor" not in RENDERED_TAGS and "tutti" not in RENDERED_TAGS
    major, solo = RENDERED_TAGS.index("major"), RENDERED_TAGS.index("solo")
    repertoires = [RENDERED_TAGS.index(name) for name in ("chorale", "quartet", "madrigal")]
    records = [record for name in SPLITS for record in built("tagging").open(name)]
    for record in records:
        is_bach = record["track"].startswith("bach/")
        assert record["known"][major] == is_bach == record["tags"][repertoires[0]]
        assert record["tags"][repertoires].sum() == 1
        assert (record["known"] == 1)[
            [i for i in range(len(RENDERED_TAGS)) if i not in (major, solo)]
        ].all()
        assert (record["tags"] <= record["known"]).all()
    assert {int(record["tags"][major]) for record in records if record["known"][major]} == {0, 1}


def test_a_rest_of_the_others_makes_no_solo(split):
    take = orchestration.tagging_take(job("tagging", split).piece, 0)
    voice = next(voice for voice in take.voices if voice.stem != "drums")
    alone = replace(take, voices=(voice,), solo=False)
    span = tuple(voice.notes[0, 0] + np.array([0, 3.0]))
    noise = np.random.default_rng(0).normal(0, 0.1, (1, 100))
    _, known = takes.labels(alone, [voice.stem], noise, span)
    assert known[RENDERED_TAGS.index("solo")] == 0
    tags, known = takes.labels(replace(alone, solo=True), [voice.stem], noise, span)
    assert tags[RENDERED_TAGS.index("solo")] == known[RENDERED_TAGS.index("solo")] == 1


def test_every_tag_is_planned_in_every_split(split):
    for name in SPLITS:
        seen = set()
        jobs = takes.jobs("tagging", "small", name, split[name], 16_000, "")
        for _, planned in zip(range(60), jobs):
            rng_take = orchestration.tagging_take(planned.piece, planned.number)
            seen |= {voice.stem for voice in rng_take.voices}
            seen |= {planned.piece.repertoire, "solo" if rng_take.solo else ""}
        assert seen >= {*INSTRUMENT_FAMILIES, "drums", "chorale", "quartet", "madrigal", "solo"}


def test_piano_notes_are_where_the_sound_rises():
    late = []
    for record in built("piano").open("train"):
        audio = np.abs(record["audio"][:, 0].astype(np.float64))
        energy = np.convolve(audio, np.ones(80) / 80, "same")
        onsets = np.sort(record["notes"]["onset"])
        apart = np.diff(onsets, prepend=-1) > 0.35  # a rise that nothing else hides
        for onset in onsets[apart & (onsets > 0.05) & (onsets < 8)]:
            at = int(onset * 16_000)
            around = energy[at - 480 : at + 960]
            rise = np.argmax(around > around[:400].max() + 0.2 * around.max())
            late.append((rise - 480) / 16_000 if rise else np.nan)
    assert len(late) > 50
    assert np.nanmedian(np.abs(late)) < 0.015
    assert np.isnan(late).mean() < 0.1


def test_a_piano_key_is_down_once_at_a_time():
    for record in built("piano").open("train"):
        notes = record["notes"]
        assert (notes["offset"] > notes["onset"]).all() and (notes["offset"] > 0).all()
        for pitch in np.unique(notes["pitch"]):
            mine = notes["pitch"] == pitch
            order = np.argsort(notes["onset"][mine])
            onset, offset = notes["onset"][mine][order], notes["offset"][mine][order]
            assert (onset[1:] >= offset[:-1]).all()


def test_two_processes_give_the_same_bytes(split, tmp_path):
    from zoo.data.score_render.workers import Workers

    wanted = job("stems", split)
    workers = Workers(1, tmp_path)
    try:
        [(there, _)] = workers.rendered([wanted])
    finally:
        workers.close()
    here, _ = takes.examples(wanted)
    assert len(here) == len(there) >= 1
    for a, b in zip(here, there):
        np.testing.assert_array_equal(a["stems"], b["stems"])
        assert (a["track"], a["chunk"]) == (b["track"], b["chunk"])


def test_it_renders_on_the_cores_it_was_given(monkeypatch):
    from zoo import machine
    from zoo.data.score_render import workers

    for given, used in (({5}, 1), ({0, 3, 4}, 3), (set(range(128)), 16)):
        affinity = lambda pid, given=given: given  # noqa: E731
        monkeypatch.setattr(machine.os, "sched_getaffinity", affinity, raising=False)
        assert workers.processes() == used


def test_a_killed_build_goes_on(tmp_path):
    """From a script without a main guard, killed with its takes half rendered."""
    shutil.copytree(data_dir() / "score_render_work", tmp_path / "score_render_work")
    source = ScoreRender("notes", "tiny", data_dir=str(tmp_path))
    work = tmp_path / "score_render_work" / "notes_tiny-1.1.0"
    script = tmp_path / "build.py"
    line = "from zoo.data.score_render.source import ScoreRender"
    script.write_text(f"{line}\n{source!r}.prepare()\n")
    with subprocess.Popen([sys.executable, str(script)]) as process:
        while not list(work.glob("*.npz")):
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()
    kept = sorted(work.glob("*.npz"))
    assert kept and not source.directory.exists()
    with subprocess.Popen([sys.executable, str(script)]) as rival:
        source.prepare()
        assert rival.wait() == 0
    assert not work.exists()
    assert not list(source.directory.parent.glob("*incomplete*"))
    for mine, kept_one in zip(source.open("train"), built("notes").open("train"), strict=True):
        np.testing.assert_array_equal(mine["audio"], kept_one["audio"])


def test_a_truncated_file_is_refused(tmp_path):
    source = ScoreRender("notes", "tiny", data_dir=str(tmp_path))
    shutil.copytree(built("notes").directory, source.directory)
    path = next(source.directory.glob("*test*"))
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(BadInput, match=r"holds 0 records, not 8"):
        source.open("test")
    assert len(source.open("train")) == 24


def test_another_font_at_the_same_path_is_refused(tmp_path):
    font = tmp_path / "mine.sf2"
    shutil.copy(default_font(), font)
    source = ScoreRender("notes", "tiny", data_dir=str(tmp_path), soundfont=str(font))
    assert source.name.startswith("notes_tiny_mine")
    shutil.copytree(built("notes").directory, source.directory)
    source.prepare()
    font.write_bytes(font.read_bytes() + b"\0\0")
    with pytest.raises(BadInput, match=r"1f569cc40159a6bd9250f816225ae222, .* has "):
        source.prepare()


def test_tfds_reads_it_by_name():
    import tensorflow_datasets as tfds

    import zoo.data.score_render.builder  # noqa: F401 (registers the builder)

    built("notes")
    read = tfds.data_source("score_render/notes_tiny", split="test", data_dir=str(data_dir()))
    assert len(read) == 8 and read[0]["audio"].shape == (16_384, 1)


def test_wrong_arguments_name_the_right_ones():
    with pytest.raises(BadInput, match=r"no config 'tags' .*tagging, stems"):
        ScoreRender("tags")
    with pytest.raises(BadInput, match=r"no size 'huge' .*tiny, small, large"):
        ScoreRender(size="huge")
    with pytest.raises(BadInput, match="prepare"):
        ScoreRender("notes", "tiny", data_dir="/nonexistent").open("train")
