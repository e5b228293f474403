"""The length of an mp3 that has no length header, by walking over its frames: bytes -> samples.

libsndfile guesses such a length from the bit rate and hands out no sample beyond the guess.
Layer III only. Source: ISO/IEC 11172-3 and 13818-3, frame headers.
"""

from __future__ import annotations

from mmap import mmap

MPEG1_RATES = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)  # kbit/s
MPEG2_RATES = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
SAMPLE_RATES = {
    3: (44_100, 48_000, 32_000),
    2: (22_050, 24_000, 16_000),
    0: (11_025, 12_000, 8_000),
}
HEADERS = (b"Xing", b"Info", b"VBRI")


def tag_size(data: bytes | mmap) -> int:
    """Bytes of the ID3 tag (titles, pictures) in front of the sound."""
    if data[:3] != b"ID3" or len(data) < 10:
        return 0
    a, b, c, d = data[6:10]
    return 10 + (a << 21 | b << 14 | c << 7 | d)


def has_length(data: bytes | mmap) -> bool:
    """Whether the first frame tells the length of the whole."""
    start = tag_size(data)
    return any(mark in data[start : start + 4096] for mark in HEADERS)


def count_samples(data: bytes | mmap) -> int:
    """Samples per channel in all frames, passing over whatever is no frame."""
    at, samples = tag_size(data), 0
    while 0 <= (at := data.find(b"\xff", at)) <= len(data) - 4:
        size, contained = _frame(data[at : at + 4])
        samples += contained
        at += size or 1
    return samples


def _frame(header: bytes) -> tuple[int, int]:
    """(bytes, samples) of the frame that a header opens; (0, 0) when it is no header."""
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    bit_rate, rate = header[2] >> 4, header[2] >> 2 & 3
    if header[1] < 0xE0 or version == 1 or layer != 1 or bit_rate in (0, 15) or rate == 3:
        return 0, 0
    kilobits = (MPEG1_RATES if version == 3 else MPEG2_RATES)[bit_rate - 1]
    samples = 1152 if version == 3 else 576
    padding = header[2] >> 1 & 1
    return samples // 8 * kilobits * 1000 // SAMPLE_RATES[version][rate] + padding, samples
