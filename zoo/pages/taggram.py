"""One HTML file in which a song plays above its taggram: no server, no scripts from elsewhere."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from zoo.audio.blocks import Song, open_song, read_blocks, reblock
from zoo.pages import html
from zoo.songs.taggram import Taggram

BYTES_PER_SECOND = 20_000  # of the mp3 made of a larger file, generously
PEAKS = 1200


def write_page(taggram: Taggram, path: str | Path, sound: str | Path, *, count: int = 20) -> Path:
    """Writes the page: player, waveform and the `count` strongest tags, aligned with the playback.

    The song is embedded where it takes up to 6 MB as it is or as mp3, else linked where it lies.
    """
    song = open_song(sound)
    order = [taggram.labels.index(label) for label, _ in taggram.top(count)]
    data = {
        "duration": taggram.duration,
        "edges": np.round(taggram.edges, 4).tolist(),
        "labels": [taggram.labels[index] for index in order],
        "means": [round(float(taggram.mean[index]), 4) for index in order],
        "scores": np.round(taggram.scores[:, order].T, 4).tolist(),
        "peaks": np.round(_peaks(song), 3).tolist(),
    }
    return html.write(path, PAGE, song.path.stem, _source(song), data)


def _source(song: Song) -> str:
    """A data URI of the song, or a link to its file."""
    if whole := html.embedded(song.path):
        return whole
    small = song.length / song.rate * BYTES_PER_SECOND <= html.EMBED_BYTES
    if small and song.rate <= 48_000 and song.channels <= 2:
        return html.data_uri(_mp3(song), "audio/mpeg")
    return song.path.resolve().as_uri()


def _mp3(song: Song) -> bytes:
    import soundfile

    memory = io.BytesIO()
    with soundfile.SoundFile(memory, "w", song.rate, song.channels, format="MP3") as sink:
        for block in read_blocks(song):
            sink.write(block)
    return memory.getvalue()


def _peaks(song: Song) -> np.ndarray:
    """The largest magnitude in up to 1,200 equal stretches of the song, scaled to 1."""
    size = max(1, -(-song.length // PEAKS))
    peaks = [float(np.abs(block).max()) for block in reblock(read_blocks(song), size)]
    return np.array(peaks) / max(max(peaks, default=0.0), 1e-9)


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{title}}: tags over time</title>
<style>
  :root { color-scheme: light dark;
          --ink: light-dark(#222, #ddd); --paper: light-dark(#fff, #16161a) }
  body { font: 15px/1.4 system-ui, sans-serif; color: var(--ink); background: var(--paper);
         max-width: 1100px; margin: 2rem auto; padding: 0 1rem }
  h1 { font-size: 1.3rem; font-weight: 600 }
  audio { width: 100%; margin-bottom: .8rem }
  .rows { display: grid; grid-template-columns: minmax(5rem, max-content) 1fr 3.2rem; gap: 0 .7rem }
  .names, .now { line-height: 22px; white-space: nowrap; font-size: 13px }
  .names { text-align: right } .now { font-variant-numeric: tabular-nums }
  .plot { position: relative; cursor: pointer }
  canvas { display: block; width: 100% }
  .cursor { position: absolute; top: 0; bottom: 0; width: 2px; background: #2fd3c5; left: 0 }
  .axis { display: flex; justify-content: space-between; font-size: 12px; opacity: .7 }
  .lead { height: 56px }
</style></head><body>
<h1>{{title}}</h1>
<audio controls preload="metadata" src="{{source}}"></audio>
<div class="rows">
  <div class="names"><div class="lead"></div></div>
  <div class="plot"><canvas id="wave" height="56"></canvas><canvas id="gram"></canvas>
    <div class="cursor"></div></div>
  <div class="now"><div class="lead"></div></div>
  <div></div><div class="axis"></div><div></div>
</div>
<script>
const d = {{data}}, row = 22, audio = document.querySelector("audio");
const [names, plot, now, axis, cursor] =
  [".names", ".plot", ".now", ".axis", ".cursor"].map(s => document.querySelector(s));
const clock = s => Math.floor(s / 60) + ":" + String(Math.floor(s % 60)).padStart(2, "0");
const add = (parent, text) =>
  parent.appendChild(Object.assign(document.createElement("div"), { textContent: text }));
d.labels.forEach(label => add(names, label));
const values = d.means.map(mean => add(now, mean.toFixed(2)));
for (let i = 0; i <= 4; i++) add(axis, clock(d.duration * i / 4));

const stops = [[11, 7, 30], [81, 18, 124], [183, 55, 121], [252, 137, 97], [252, 253, 191]];
const top_score = Math.max(1e-6, ...d.scores.map(line => Math.max(...line)));
function colour(score) {
  const at = Math.min(score / top_score, 1) * 3.999, i = Math.floor(at), f = at - i;
  return "rgb(" + stops[i].map((c, k) => Math.round(c + f * (stops[i + 1][k] - c))).join() + ")";
}
const wave = document.getElementById("wave"), gram = document.getElementById("gram");
wave.width = gram.width = 1200;
gram.height = row * d.labels.length;
const ink = wave.getContext("2d"), paint = gram.getContext("2d");
ink.fillStyle = "#8a8fa3";
d.peaks.forEach((p, i) => {
  const x = i * 1200 / d.peaks.length, w = Math.max(1, 1200 / d.peaks.length - .3);
  ink.fillRect(x, 28 - 26 * p, w, Math.max(1, 52 * p));
});
d.scores.forEach((line, r) => line.forEach((score, n) => {
  const [x, end] = [n, n + 1].map(i => d.edges[i] / d.duration * 1200);
  paint.fillStyle = colour(score);
  paint.fillRect(x, r * row, end - x + 1, row - 1);
}));
gram.style.height = gram.height + "px";
wave.style.height = "56px";

function follow() {
  const t = audio.currentTime;
  cursor.style.left = 100 * Math.min(t / d.duration, 1) + "%";
  const after = d.edges.findIndex(edge => edge > t);
  const n = (after < 0 ? d.edges.length - 1 : after) - 1;
  const moving = t > 0 || !audio.paused;
  values.forEach((cell, r) => cell.textContent = (moving ? d.scores[r][n] : d.means[r]).toFixed(2));
  if (!audio.paused) requestAnimationFrame(follow);
}
["play", "seeking", "timeupdate"].forEach(event => audio.addEventListener(event, follow));
plot.addEventListener("click", event => {
  const box = plot.getBoundingClientRect();
  audio.currentTime = d.duration * (event.clientX - box.left) / box.width;
});
</script></body></html>
"""
