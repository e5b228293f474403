"""What chips are published to do: products a second, memory, bandwidth, links."""

from __future__ import annotations

from dataclasses import dataclass

CLOUD = "Cloud TPU documentation, system architecture of the version"
BOOK = "clock: How to Scale Your Model (DeepMind, 2025), chapter on TPUs"


@dataclass(frozen=True)
class Chip:
    """One accelerator as its maker describes it.

    flops: products and sums a second in bfloat16. memory: bytes. bandwidth: bytes a second between
    memory and chip. links: bytes a second to all neighbours together. clock: cycles a second, in
    which XLA:TPU estimates.
    """

    name: str
    kinds: tuple[str, ...]  # beginnings of `device_kind`
    flops: float
    memory: float
    bandwidth: float
    links: float
    clock: float | None
    source: str


GIB = 2.0**30
CHIPS = (
    Chip("v5e", ("TPU v5 lite",), 197e12, 16 * GIB, 819e9, 200e9, 1.5e9, f"{CLOUD} v5e; {BOOK}"),
    Chip("v6e", ("TPU v6 lite",), 918e12, 32 * GIB, 1640e9, 400e9, None, f"{CLOUD} v6e"),
    Chip("v5p", ("TPU v5",), 459e12, 95 * GIB, 2765e9, 600e9, 1.75e9, f"{CLOUD} v5p; {BOOK}"),
    Chip("h200", ("NVIDIA H200",), 989e12, 141e9, 4.8e12, 900e9, None, "NVIDIA H200 data sheet"),
    Chip("h100", ("NVIDIA H100",), 989e12, 80e9, 3.35e12, 900e9, None, "NVIDIA H100 SXM sheet"),
)


def find_chip(kind: str) -> Chip | None:
    """The chip of a JAX `device_kind`; None where its figures are not known here, as for CPUs."""
    return next((chip for chip in CHIPS if kind.startswith(chip.kinds)), None)
