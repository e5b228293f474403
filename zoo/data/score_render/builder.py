"""The TFDS builder `score_render`: rendered takes -> ArrayRecord files, without TensorFlow.

After `import zoo.data.score_render.builder`, tfds.data_source("score_render/stems", data_dir=...)
works as for any data set. Takes are rendered by other processes into a cache beside TFDS's own
folder, which TFDS empties after every failure; it is swept when the build has succeeded.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds
from tqdm import tqdm

from zoo.data import descriptions
from zoo.data.builder import lock_build, write_errors
from zoo.data.records_writer import Streamed, features
from zoo.data.score_render import takes
from zoo.data.score_render.melody_split import split_pieces
from zoo.data.score_render.scores import EXPECTED_NAMES, Piece, cached_pieces
from zoo.data.score_render.soundfont import load_font
from zoo.data.score_render.source import RECIPES, ScoreRender
from zoo.data.score_render.workers import Workers, processes
from zoo.data.source import Example
from zoo.errors import BadInput


@dataclass(eq=False, repr=False)
class ScoreRenderConfig(tfds.core.BuilderConfig):
    """A ScoreRender source as TFDS sees it."""

    source: ScoreRender | None = None
    tally: Counter = field(default_factory=Counter)  # what was left out of the last build

    def __repr__(self) -> str:
        return f"ScoreRenderConfig({self.name})"


def _config(source: ScoreRender) -> ScoreRenderConfig:
    version = tfds.core.Version(source.version)
    return ScoreRenderConfig(name=source.name, version=version, source=source)


class ScoreRenderBuilder(Streamed):
    """Generation order is kept, so that the chunks of a take stay together; Grain shuffles."""

    name = "score_render"
    VERSION = None  # each configuration has its own
    BUILDER_CONFIGS = [  # noqa: RUF012 (TFDS's own name)
        _config(ScoreRender(config, size))
        for config, recipe in RECIPES.items()
        for size in ("small", *(size for size in recipe.counts if size != "small"))
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        source = self.builder_config.source
        return tfds.core.DatasetInfo(
            builder=self,
            description=sys.modules[ScoreRender.__module__].__doc__,
            features=features(source.blank()),
            homepage=source.info.url,
            license=source.info.licence,
            disable_shuffling=True,
            metadata=tfds.core.MetadataDict(_facts(source)),
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterator[tuple[str, Example]]]:
        root = str(Path(self.data_dir).parents[2])
        source = replace(self.builder_config.source, data_dir=root)
        work = _work(source)
        where = f"rendering {source.info.name} to {source.directory}"
        total = sum(source.counts().values())
        bar = tqdm(total=total, desc=where, unit="example", file=sys.stderr)
        pieces = split_pieces(cached_pieces(work.parent))
        workers = Workers(processes(), work)
        self.builder_config.tally.clear()
        return {
            split: _examples(source, split, chosen, self.builder_config.tally, workers, bar)
            for split, chosen in pieces.items()
        }

    def download_and_prepare(self, **arguments: Any) -> None:
        """As TFDS; rendered takes are swept once the records stand."""
        super().download_and_prepare(**arguments)
        root = str(Path(self.data_dir).parents[2])
        shutil.rmtree(_work(replace(self.builder_config.source, data_dir=root)), ignore_errors=True)


def build_score_render(source: ScoreRender) -> None:
    """Builds the records of a source; a second process that wants the same waits and finds them."""
    began = time.monotonic()
    font = load_font(source.font())
    with lock_build(source.directory.parent):
        if descriptions.is_whole(source.directory):
            return
        descriptions.remove_damaged(source.directory)
        tfds.disable_progress_bar()
        known = source.name in ScoreRenderBuilder.builder_configs
        builder = ScoreRenderBuilder(
            data_dir=str(source.root),
            config=source.name if known else _config(source),
            file_format="array_record",
        )
        again = tfds.download.DownloadConfig(download_mode=tfds.GenerateMode.REUSE_CACHE_IF_EXISTS)
        quiet = contextlib.redirect_stdout(io.StringIO())  # TFDS chats
        with quiet, write_errors(Path(builder.data_dir)):
            builder.download_and_prepare(download_config=again)
        descriptions.seal_build(source.directory)
    tally = builder.builder_config.tally
    print(_summary(source, tally, time.monotonic() - began, font.path.name), file=sys.stderr)


def _work(source: ScoreRender) -> Path:
    """Where rendered takes wait for the records; by version, so that no old take slips in."""
    return source.root / "score_render_work" / f"{source.name}-{source.version}"


def _examples(
    source: ScoreRender,
    split: str,
    pieces: list[Piece],
    tally: Counter,
    workers: Workers,
    bar: tqdm,
) -> Iterator[tuple[str, Example]]:
    """Exactly as many records as the recipe names, with unique keys: TFDS would keep doubles."""
    wanted = source.counts()[split]
    arguments = source.config, source.size, split, pieces, source.sample_rate, str(source.font())
    keys: set[str] = set()
    try:
        for examples, counts in workers.rendered(takes.jobs(*arguments)):
            tally.update(counts)
            for example in examples[: wanted - len(keys)]:
                key = f"{example['track']}/{example['chunk']:05d}"
                if key in keys:
                    raise BadInput(f"record {key} occurs twice: delete {workers.cache}")
                keys.add(key)
                bar.update()
                yield key, example
            if len(keys) == wanted:
                break
        else:
            raise BadInput(
                f"{source.font()} gives {len(keys)} examples for '{split}' of {source.info.name},"
                f" not {wanted}: it lacks presets; use a General MIDI font"
            )
    finally:
        if bar.n == bar.total or len(keys) < wanted:
            workers.close()
            bar.close()


def _facts(source: ScoreRender) -> dict[str, Any]:
    return {
        "labels": list(source.info.labels),
        "sample_rate": source.sample_rate,
        "arguments": {"config": source.config, "size": source.size},
        "music21": importlib.metadata.version("music21"),
        "score_list_sha256": EXPECTED_NAMES,
        "font": source.font().name,
        "font_md5": load_font(source.font()).md5,
    }


def _summary(source: ScoreRender, tally: Counter, seconds: float, font: str) -> str:
    counts = source.counts()
    total = sum(counts.values())
    minutes = total * RECIPES[source.config].samples / source.sample_rate / 60
    silent = tally.pop("silent stems", 0)
    left_out = ", ".join(f"{name}: {count}" for name, count in sorted(tally.items())) or "nothing"
    share = f"; silent stems {silent / (4 * total):.1%}" if source.config == "stems" else ""
    return (
        f"{source.info.name}: {' + '.join(map(str, counts.values()))} examples, {minutes:.1f}"
        f" minutes at {source.sample_rate} Hz with {font}; left out {left_out}{share};"
        f" {seconds:.0f} s"
    )
