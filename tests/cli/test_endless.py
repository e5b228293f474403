"""A stream that is stopped and goes on is the stream that never stopped; noise is drawn again."""

import errno
import io
from argparse import Namespace
from dataclasses import replace
from itertools import islice
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import soundfile

from zoo.cli import endless, endless_files
from zoo.cli.endless_files import EndlessStream
from zoo.distributions import Categorical
from zoo.errors import BadInput
from zoo.models.generation.samplernn import SampleRNN
from zoo.models.generation.wavenet import WaveNet
from zoo.sampling import autoregressive

STREAM = EndlessStream(2, 4, 1.0, 16_000, samples_per_file=1500, flat=0.0, chunk=1024)
FACTS = {"config": "c", "weights_sha256": "w", "prompt": None}
MODELS = {
    "samplernn": SampleRNN((4,), 1, 6, 3, distribution=Categorical(16, "linear")),
    "wavenet": WaveNet(3, 1, 6, 5, 7, head=8, distribution=Categorical(16)),
    "wide wavenet": WaveNet(6, 1, 64, 64, 7, head=8, distribution=Categorical(16)),
}


def voices_of(name):
    model = MODELS[name]
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 8, 1)))
    rng = np.random.default_rng(0)
    variables = jax.tree.map(lambda s: rng.normal(0, 0.5, s.shape).astype(s.dtype), shapes)
    return endless.Voices(model, variables, {})


@pytest.fixture(scope="module", params=list(MODELS))
def voices(request):
    return voices_of(request.param)


def plain(voices, length):
    pieces = autoregressive.generate(voices.model, voices.variables, length=length, count=2, seed=4)
    return np.concatenate(list(pieces), 1)


def after(rounds):
    """A `stop` that lets so many chunks pass."""
    left = iter(range(rounds))
    return lambda: next(left, None) is None


def found(voices, sample_rate=16_000):
    objective = SimpleNamespace(model=voices.model, needs_source=False)
    source = SimpleNamespace(info=SimpleNamespace(sample_rate=sample_rate))
    experiment = SimpleNamespace(objective=objective, data=SimpleNamespace(source=source))
    variables = SimpleNamespace(params={"model": voices.variables["params"]})
    config = SimpleNamespace(name="it")
    return SimpleNamespace(
        experiment=experiment, variables=variables, config=config, name="it", meta={}
    )


def options(out, **changes):
    given = dict(
        out=out,
        resume=False,
        force=False,
        num=2,
        seed=4,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        prompt=None,
        prompt_seconds=2.0,
        minutes_per_file=10_000 / 60 / 16_000,
        raw=False,
        noise_flatness=0.0,
        engine="auto",
    )
    return Namespace(**{**given, **changes})


def test_stopped_killed_and_resumed_files_hold_the_uninterrupted_stream(voices, tmp_path):
    trained = found(voices)
    endless.play_endless(trained, options(tmp_path), FACTS, stop=after(1))
    # A kill between the files and the state leaves a chunk too much, which is taken back.
    paths = [tmp_path / f"endless_voice{v}_00000.wav" for v in range(2)]
    for path in paths:
        assert soundfile.info(path).frames == 8192
        with soundfile.SoundFile(path, "r+") as file:
            file.seek(0, soundfile.SEEK_END)
            file.write(np.ones(300))
    endless.play_endless(
        trained, options(tmp_path, resume=True, num=1, seed=0), FACTS, stop=after(1)
    )
    expected = plain(voices, 16_384)[..., 0]
    for voice, path in enumerate(paths):
        second = path.with_name(path.name.replace("00000", "00001"))
        parts = [soundfile.read(p)[0] for p in (path, second)]
        assert [len(part) for part in parts] == [10_000, 6384]
        np.testing.assert_allclose(np.concatenate(parts), expected[voice], atol=1.5 / 32768)
        assert second.with_suffix(".json").is_file()
    page = (tmp_path / "page.html").read_text()
    assert page.count("<audio") == 4 and "endless_voice1_00001.wav, seed 4" in page
    with pytest.raises(BadInput, match="--resume goes on"):
        endless.play_endless(trained, options(tmp_path), FACTS, stop=after(1))
    with pytest.raises(BadInput, match="begun with weights_sha256 w"):
        other = {**FACTS, "weights_sha256": "x"}
        endless.play_endless(trained, options(tmp_path, resume=True), other, stop=after(1))
    with pytest.raises(BadInput, match="no stream was saved"):
        endless.play_endless(trained, options(tmp_path / "no", resume=True), FACTS, stop=after(1))


def test_the_weights_are_folded_once_for_a_whole_stream(monkeypatch):
    voices, calls, fold = voices_of("samplernn"), [], autoregressive.fold

    def counted(*given):
        calls.append(given)
        return fold(*given)

    monkeypatch.setattr(autoregressive, "fold", counted)
    list(islice(endless.chunks(voices, STREAM, voices.start(STREAM)), 3))
    assert len(calls) == 1


def test_a_stream_begun_anew_cannot_go_on_as_the_one_before(tmp_path):
    trained = found(voices_of("samplernn"))
    endless.play_endless(trained, options(tmp_path), FACTS, stop=after(1))
    killed_at_once = after(0)
    endless.play_endless(trained, options(tmp_path, force=True), FACTS, stop=killed_at_once)
    with pytest.raises(BadInput, match="no stream was saved"):
        endless.play_endless(trained, options(tmp_path, resume=True), FACTS, stop=after(1))


def test_a_full_disk_keeps_the_state_before_and_is_named(tmp_path, monkeypatch):
    def savez(file, **arrays):
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "endless.npz").write_text("before")
    monkeypatch.setattr(endless_files.np, "savez", savez)
    with pytest.raises(OSError, match="No space") as caught:
        endless_files.save_stream(tmp_path, {}, EndlessStream(1, 0, 1.0, 8000, 8000), {})
    assert caught.value.filename == str(tmp_path / "endless.npz")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("endless.npz", "before")]


def test_raw_voices_are_channels_and_a_closed_pipe_loses_nothing(tmp_path, monkeypatch):
    voices, stdout = voices_of("samplernn"), io.BytesIO()
    monkeypatch.setattr("sys.stdout", SimpleNamespace(buffer=stdout))
    endless.play_endless(found(voices), options(tmp_path, raw=True), FACTS, stop=after(1))
    first = stdout.getvalue()

    class Closed(io.BytesIO):
        def write(self, data):
            raise BrokenPipeError

    for pipe in (Closed(), stdout):
        monkeypatch.setattr("sys.stdout", SimpleNamespace(buffer=pipe))
        again = options(tmp_path, resume=True)
        endless.play_endless(found(voices), again, FACTS, stop=after(1))
    heard = np.frombuffer(stdout.getvalue(), "<i2").reshape(-1, 2).T / 32768
    assert len(first) == 8192 * 2 * 2
    np.testing.assert_allclose(heard, plain(voices, 16_384)[..., 0], atol=1.5 / 32768)


def test_a_burst_is_drawn_again_for_its_voice_alone(voices, monkeypatch):
    """The detector cries at the second chunk of voice 1: once, then for ever."""
    calls = []

    def cries(times):
        calls.clear()

        def judge(audio, stream):
            calls.append(stream.written)
            now = calls.count(stream.written) <= times and stream.written == 1024
            return np.array([False, now])

        monkeypatch.setattr(endless, "bursts", judge)

    def run(times):
        cries(times)
        return list(islice(endless.chunks(voices, STREAM, voices.start(STREAM)), 3))

    expected = plain(voices, 3072)
    once = run(1)
    audio = np.concatenate([chunk for chunk, _, _ in once], 1)
    np.testing.assert_allclose(audio[0], expected[0], atol=1e-6)
    np.testing.assert_allclose(audio[1, :1024], expected[1, :1024], atol=1e-6)
    assert np.abs(audio[1, 1024:2048] - expected[1, 1024:2048]).max() > 0.01
    assert once[-1][2] == replace(STREAM, written=3072, redrawn=1)
    always = run(99)
    assert always[-1][2] == replace(STREAM, written=3072, redrawn=3, restarted=1)
    np.testing.assert_allclose(always[2][0][0], expected[0, 2048:], atol=1e-6)


def test_a_voice_begun_afresh_knows_nothing_of_its_past(voices):
    start = voices.start(STREAM)
    _, state = voices.draw(start, STREAM)
    mixed = endless.restart_voices(voices, STREAM, state, np.array([False, True]))
    follow, _ = voices.draw(mixed, STREAM)
    kept, _ = voices.draw(state, STREAM)
    np.testing.assert_allclose(follow[0], kept[0], atol=1e-6)
    new = start.replace(clock=state.clock)
    if "clock" in (state.carry if isinstance(state.carry, dict) else {}):
        new = new.replace(carry={**new.carry, "clock": state.carry["clock"]})
    begun, _ = voices.draw(new, STREAM)
    np.testing.assert_allclose(follow[1], begun[1], atol=1e-6)


def test_a_voice_begun_afresh_continues_the_prompt_again(voices):
    """However far the stream is: the queues of a WaveNet turn with its clock."""
    prompt = np.random.default_rng(1).uniform(-1, 1, (12, 1)).astype(np.float32)
    hop = getattr(voices.model, "hop", 1)
    chunk = -(-13 // hop) * hop  # no multiple of a queue's turn
    prompted = replace(voices, prompt=prompt)
    stream = replace(STREAM, chunk=chunk, temperature=0.05)
    start = prompted.start(stream)
    _, state = prompted.draw(start, stream)
    mixed = endless.restart_voices(prompted, stream, state, np.array([False, True]))
    again, _ = prompted.draw(mixed, stream)
    begun, _ = prompted.draw(start.replace(clock=state.clock), stream)
    np.testing.assert_allclose(again[1], begun[1], atol=1e-6)


def test_bursts_ask_the_detector_at_the_stream_s_flatness():
    audio = np.random.default_rng(0).normal(0, 0.2, (2, 4096, 1)).astype(np.float32)
    audio[0] = np.sin(np.arange(4096) / 5)[:, None] * 0.3
    assert endless.bursts(audio, replace(STREAM, flat=0.4)).tolist() == [False, True]
    assert not endless.bursts(audio, STREAM).any()


def test_only_models_that_draw_out_of_nothing_are_endless(tmp_path):
    trained = found(voices_of("wavenet"))
    trained.experiment.objective.needs_source = True
    with pytest.raises(BadInput, match="no --endless"):
        endless.play_endless(trained, options(tmp_path), FACTS, stop=after(1))
    with pytest.raises(BadInput, match="above 0"):
        endless.play_endless(trained, options(tmp_path, num=0), FACTS, stop=after(1))
    with pytest.raises(BadInput, match=r"give a file 0.1 s at least, which is 0.0017"):
        endless.play_endless(
            trained, options(tmp_path, minutes_per_file=1e-6), FACTS, stop=after(1)
        )
    assert endless_files.stream_files(tmp_path / "x") == [tmp_path / "x" / "endless.npz"]
