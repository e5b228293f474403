"""AAC and ALAC by PyAV: samples, lengths, damage, tracks; stem files written and read again."""

import av
import numpy as np
import pytest
import soundfile
from odd_audio import tone, verdict

from zoo.audio import audio_files, mpeg4, probing, stem_mp4
from zoo.audio.blocks import open_song, read_blocks
from zoo.errors import BadInput

RATE = 44_100


def encoded(path, signals, codec="aac", rate=RATE, form=None, options=None):
    """Signals [n C] as the tracks of a file, by FFmpeg."""
    layout = {1: "mono", 2: "stereo"}[signals[0].shape[1]]
    with av.open(str(path), "w", format=form, options=options or {}) as container:
        streams = [container.add_stream(codec, rate=rate, layout=layout) for _ in signals]
        for stream, signal in zip(streams, signals):
            stream.bit_rate = 256_000
            whole = (signal * 2**15).astype(np.int16).reshape(1, -1)
            kind = "s16" if codec == "alac" else "fltp"
            planes = whole if codec == "alac" else np.ascontiguousarray(signal.T)
            frame = av.AudioFrame.from_ndarray(planes, "s16" if kind == "s16" else kind, layout)
            frame.sample_rate = rate
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return path


def near(found, wanted):
    """dB of the difference below the signal, best over a delay of up to 3,000 samples."""
    n = min(len(found), len(wanted)) - 3000
    error = min(
        float(np.square(found[d : d + n] - wanted[:n]).sum()) for d in (0, 1024, 2048, 2112)
    )
    return 10 * np.log10(error / float(np.square(wanted[:n]).sum()))


@pytest.mark.parametrize(
    "name, codec, form, subtype, slack",
    [
        ("song.m4a", "aac", "mp4", "AAC", 1024),
        ("song.mp4", "alac", "mp4", "ALAC", 0),
        ("song.aac", "aac", "adts", "AAC", 3072),
    ],
)
def test_samples_and_lengths(tmp_path, name, codec, form, subtype, slack):
    wanted = 0.5 * tone(1.3, RATE, 2)
    path = encoded(tmp_path / name, [wanted], codec, form=form)
    file = probing.read_header(path)
    assert (file.rate, file.channels, file.subtype) == (RATE, 2, subtype)
    assert abs(file.frames - len(wanted)) <= slack
    found, report = audio_files.read_audio(path)
    assert len(found) == file.frames and f"{subtype}" in file.subtype and not report.silent
    assert near(found, wanted) < (-70 if codec == "alac" else -25)
    pieces = list(audio_files.stream_audio(path, 22_050, 1, 5000))
    assert sum(map(len, pieces)) == audio_files.resampled_length(file, 22_050)


def test_what_is_no_whole_mpeg_4_is_refused_in_a_line(tmp_path):
    whole = encoded(tmp_path / "a.m4a", [tone(2, RATE, 2)], options={"movflags": "faststart"})
    data = whole.read_bytes()
    cut = tmp_path / "cut.m4a"
    cut.write_bytes(data[: len(data) // 2])
    assert verdict(cut).startswith(f"refused: {cut} is cut off or damaged")
    cut.write_bytes(encoded(tmp_path / "b.m4a", [tone(2, RATE, 2)]).read_bytes()[:20_000])
    assert verdict(cut).startswith(f"refused: {cut} is AAC or MPEG-4 that cannot be read (")
    with av.open(str(tmp_path / "mute.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10, width=16, height=16, pix_fmt="yuv420p")
        container.mux(stream.encode(av.VideoFrame(16, 16, "yuv420p")))
        container.mux(stream.encode(None))
    assert "without a sound track" in verdict(tmp_path / "mute.mp4")


def test_without_pyav_the_extra_is_named_and_folders_list_the_files(tmp_path, monkeypatch):
    path = encoded(tmp_path / "song.m4a", [tone(0.5, RATE, 2)])
    soundfile.write(tmp_path / "x.wav", tone(0.5, RATE, 2), RATE)
    assert audio_files.audio_in(tmp_path) == [path, tmp_path / "x.wav"]
    assert audio_files.unreadable_in(tmp_path) == []
    probing._probed.cache_clear()
    monkeypatch.setattr(mpeg4, "pyav_installed", lambda: False)
    with pytest.raises(BadInput, match=r"without PyAV: pip install 'av>=14', or"):
        probing.read_header(path)
    assert audio_files.audio_in(tmp_path) == [tmp_path / "x.wav"]
    assert audio_files.find_audio_files([tmp_path]) == [path, tmp_path / "x.wav"]
    assert "extra: pip install" in audio_files.why_not(path)
    with pytest.raises(BadInput, match="a stem file takes PyAV: pip install"):
        stem_mp4.check_stem_mp4(RATE, 2)


def test_a_stem_file_holds_the_mix_then_its_stems(tmp_path):
    stems = np.stack([0.2 * tone(1.5, RATE, 2, seed=seed) for seed in range(3)])
    signals = np.concatenate([stems.sum(0)[None], stems])
    path, names = tmp_path / "a.stem.mp4", ("drums", "bass", "völlig anders")
    with stem_mp4.StemFile(path, RATE, 2, names) as file:
        for at in range(0, signals.shape[1], 5000):
            file.write(signals[:, at : at + 5000])
    assert stem_mp4.read_stem_names(path) == names
    found = probing.read_track_headers(path)
    assert len(found) == 4 and len({track.frames for track in found}) == 1
    for index, wanted in enumerate(signals):
        audio = np.concatenate(list(read_blocks(open_song(path, index))))
        assert abs(len(audio) - len(wanted)) <= 1024 and near(audio, wanted) < -18
    with av.open(str(path)) as container:  # as FFmpeg reads it
        assert len(container.streams.audio) == 4
    first = np.concatenate(list(audio_files.stream_audio(path)))
    assert near(first, signals[0]) < -18


def test_a_stem_file_of_odd_audio_is_refused():
    for rate, channels in ((9000, 2), (RATE, 6)):
        with pytest.raises(BadInput, match="up to two channels and rates like"):
            stem_mp4.check_stem_mp4(rate, channels)


def test_a_file_that_names_no_stems(tmp_path):
    assert stem_mp4.read_stem_names(encoded(tmp_path / "a.m4a", [tone(0.3, RATE, 2)])) == ()
    (tmp_path / "b.mp4").write_bytes(b"\0\0\0\x10ftypM4A \0\0\0\0\0\0\0\x09moov")
    assert stem_mp4.read_stem_names(tmp_path / "b.mp4") == ()
