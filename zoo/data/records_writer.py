"""Records as TFDS describes them, written as they come, in constant memory, a file per split."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from zoo import durable, escapes
from zoo.data import records, tracks
from zoo.data.plans import Plan
from zoo.data.source import Example
from zoo.data.tracks import Track


@dataclass(eq=False, repr=False)
class RecordsConfig(tfds.core.BuilderConfig):
    """What TFDS hands back to the builder."""

    plan: Plan | None = None
    splits: dict[str, Iterator[tuple[str, Example]]] = field(default_factory=dict)
    listed: list[tuple[str, str]] = field(default_factory=list)
    tracks: dict[str, int] = field(default_factory=dict)  # that were used, by split
    used: list[tuple[str, str]] = field(default_factory=list)  # (track, split)
    index: dict[str, list[Track]] = field(default_factory=dict)  # by split

    def __repr__(self) -> str:
        return f"RecordsConfig({self.name})"


class Streamed(tfds.core.GeneratorBasedBuilder):
    """A builder whose examples are written as they come, in their order; Grain shuffles.

    TFDS would gather every split in memory first.
    """

    def _download_and_prepare(self, dl_manager: Any, download_config: Any = None) -> None:
        splits = self._split_generators(dl_manager).items()
        written = [self._write(split, examples) for split, examples in splits]
        self.info.set_splits(tfds.core.splits.SplitDict(written))

    def _write(self, split: str, examples: Iterator[tuple[Any, Example]]) -> tfds.core.SplitInfo:
        from array_record.python.array_record_module import ArrayRecordWriter

        encode = tfds.core.example_serializer.ExampleSerializer(
            self.info.features.get_serialized_info()
        ).serialize_example
        template = self._get_filename_template(split_name=split)
        path = template.sharded_filepath(shard_index=0, num_shards=1)
        # PCM hardly compresses, and a crop would pay for it: four times the time of reading.
        writer = ArrayRecordWriter(os.fspath(path), "group_size:1,uncompressed")
        count = size = 0
        try:
            for _, example in examples:
                data = encode(self.info.features.encode_example(example))
                writer.write(data)
                count, size = count + 1, size + len(data)
        finally:
            writer.close()
        return tfds.core.SplitInfo(
            name=split, shard_lengths=[count], num_bytes=size, filename_template=template
        )

    def _generate_examples(self) -> None:
        """Not called: `_split_generators` makes the generators."""


class WaveformRecords(Streamed):
    """The records of a plan, with what was left out and which track went where beside them."""

    VERSION = tfds.core.Version(records.VERSION)

    def _info(self) -> tfds.core.DatasetInfo:
        plan = self.builder_config.plan
        facts = {"sample_rate": plan.info.sample_rate, "labels": list(plan.info.labels)}
        facts |= {"name": plan.info.name, "rule": plan.rule, "notes": list(plan.notes)}
        facts |= {"listed": plan.listed.total, "missing": plan.listed.missing}
        facts |= {"unit": plan.listed.unit}
        facts |= {"tracks": self.builder_config.tracks, "about": dict(plan.about)}
        return tfds.core.DatasetInfo(
            builder=self,
            description=plan.info.name,
            features=features(plan.blank),
            homepage=plan.info.url,
            license=plan.info.licence,
            disable_shuffling=True,
            metadata=tfds.core.MetadataDict(facts),
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterator[tuple[str, Example]]]:
        return self.builder_config.splits

    def _download_and_prepare(self, dl_manager: Any, download_config: Any = None) -> None:
        super()._download_and_prepare(dl_manager, download_config)
        _write_lists(Path(self.data_dir), self.builder_config)
        tracks.write_track_index(Path(self.data_dir), self.builder_config.index)


def features(blank: Example) -> tfds.features.FeaturesDict:
    """TFDS features from an example of zeros; the time axis of PCM may have any length."""
    return tfds.features.FeaturesDict({key: _feature(key, value) for key, value in blank.items()})


def _feature(key: str, value: Any) -> Any:
    if isinstance(value, str):
        return tfds.features.Text()
    if isinstance(value, dict):
        return tfds.features.Sequence({k: np.asarray(v).dtype.type for k, v in value.items()})
    array = np.asarray(value)
    if key in records.TIME_AXIS:
        axis = records.TIME_AXIS[key]
        shape = tuple(None if i == axis else n for i, n in enumerate(array.shape))
        bytes_ = tfds.features.Encoding.BYTES
        return tfds.features.Tensor(shape=shape, dtype=array.dtype.type, encoding=bytes_)
    return tfds.features.Tensor(shape=array.shape, dtype=array.dtype.type)


def _write_lists(folder: Path, config: RecordsConfig) -> None:
    """What was left out and why, and which track went where, beside the records."""
    tables = {
        "rejects.csv": [("file", "reason"), *config.listed],
        "splits.csv": [("track", "split"), *config.used],
    }
    for name, rows in tables.items():
        # Names need not be UTF-8.
        path = folder / name
        with (
            durable.name_path_in_errors(path),
            path.open("w", newline="", errors="backslashreplace") as file,
        ):
            csv.writer(file).writerows([escapes.cell(cell) for cell in row] for row in rows)
