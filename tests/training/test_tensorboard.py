"""What the loop hands to TensorBoard is there once, and sounds right."""

import io
import sys
from pathlib import Path

import numpy as np
import soundfile

sys.path.insert(0, str(Path(__file__).parent))

from zoo.training.log import Log


def events(folder):
    """What stands in the one TensorBoard file of a run."""
    from tensorboardX.proto.event_pb2 import Event

    (file,) = (folder / "tensorboard").iterdir()
    data = file.read_bytes()
    while data:  # length (8 bytes), its checksum (4), event, its checksum (4)
        size = int.from_bytes(data[:8], "little")
        event, data = Event.FromString(data[12 : 12 + size]), data[16 + size :]
        yield event


def test_tensorboard_keeps_the_step_that_a_run_resumes_from(tmp_path):
    """As metrics.jsonl does; TensorBoard hides what stands at or beyond the step of a START."""
    Log(tmp_path, 2, 5, active=True, board=True).close()
    assert [e.step for e in events(tmp_path) if e.session_log.status] == [3]


def test_tensorboard_hears_both_channels_at_their_rate(tmp_path):
    log = Log(tmp_path, 0, 5, active=True, board=True)
    stereo = np.stack([np.linspace(-1, 1, 40), np.zeros(40)], 1).astype(np.float32)
    log.audio(1, "samples/x", stereo, 8000)
    log.close()
    (value,) = (v for e in events(tmp_path) for v in e.summary.value)
    heard, rate = soundfile.read(io.BytesIO(value.audio.encoded_audio_string))
    assert rate == 8000
    np.testing.assert_allclose(heard, stereo, atol=1e-4)
