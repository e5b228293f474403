"""A piano roll to look at: a figure, and a page that plays the recording or the notes along it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zoo import escapes
from zoo.data.note_rolls import Notes
from zoo.pages import html

LINE, LINES = 20.0, 24  # seconds a line of the figure shows; at most so many lines


def roll_figure(notes: Notes, seconds: float) -> Any:
    """A matplotlib figure: the piano roll in lines of 20 s (longer ones for long music)."""
    from matplotlib.figure import Figure

    span = max(LINE, math.ceil(seconds / LINES))
    count = max(math.ceil(seconds / span), 1)
    figure = Figure(figsize=(12, 0.6 + 1.7 * count), layout="constrained")
    compass = _compass(notes)
    for line, axes in enumerate(figure.subplots(count, 1, squeeze=False)[:, 0]):
        _draw(axes, notes, (line * span, (line + 1) * span), compass)
    axes.set_xlabel("s", fontsize=8)
    return figure


def compared_figure(versions: Mapping[str, Notes], seconds: float) -> Any:
    """A matplotlib figure: several versions of the same music, one above the other."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 2.6 * len(versions)))
    compass = _compass(*versions.values())
    rows = figure.subplots(len(versions), 1, squeeze=False, sharex=True)[:, 0]
    for (name, notes), axes in zip(versions.items(), rows):
        _draw(axes, notes, (0.0, seconds), compass)
        axes.set_title(escapes.label(name), loc="left", fontsize=9)
    axes.set_xlabel("s", fontsize=8)
    return figure


def _draw(axes: Any, notes: Notes, span: tuple[float, float], compass: tuple[int, int]) -> None:
    """The notes that sound within the span (s), darker where louder."""
    low, high = compass
    here = (notes["onset"] < span[1]) & (notes["offset"] > span[0])
    onset, pitch = notes["onset"][here], notes["pitch"][here]
    axes.barh(
        pitch, notes["offset"][here] - onset, left=onset, height=0.9,
        color=[(0.12, 0.3, 0.55, 0.25 + 0.75 * v / 127) for v in notes["velocity"][here]],
    )  # fmt: skip
    octaves = [p for p in range(low, high + 1) if p % 12 == 0]
    axes.set_yticks(octaves, [f"C{p // 12 - 1}" for p in octaves], fontsize=7)
    axes.set(xlim=span, ylim=(low - 0.5, high + 0.5))
    axes.grid(axis="y", linewidth=0.4)
    axes.tick_params(axis="x", labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)


def _compass(*versions: Notes) -> tuple[int, int]:
    pitches = np.concatenate([notes["pitch"] for notes in versions])
    return (int(pitches.min()) - 2, int(pitches.max()) + 2) if len(pitches) else (48, 84)


def write_page(
    path: str | Path, sound: str | Path, notes: Notes, seconds: float, *, picture: bool = True
) -> Path:
    """One HTML file without anything from elsewhere: player, piano roll, and the notes to hear.

    A large recording is linked where it lies. picture: whether roll.png stands beside the page.
    """
    sound = Path(sound).expanduser()
    rows = np.stack(
        [notes["onset"], notes["offset"], notes["pitch"], notes["velocity"]], 1
    ).round(3)  # fmt: skip
    low, high = _compass(notes)
    data = {"notes": rows.tolist(), "low": low, "high": high, "seconds": seconds}
    address = html.embedded(sound) or sound.resolve().as_uri()
    page = PAGE if picture else PAGE.replace(LINK, "")
    return html.write(path, page, sound.stem, address, data)


LINK = ' · <a href="roll.png">all of it</a>'


PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{{title}}</title>
<style>
body { font: 15px/1.4 system-ui, sans-serif; margin: 2em auto; max-width: 60em; padding: 0 1em;
  background: Canvas; color: CanvasText; color-scheme: light dark }
canvas { width: 100%; height: 22em; border: 1px solid #8886; cursor: pointer }
audio { width: 100% }
</style>
<h1>{{title}}</h1>
<audio id="sound" controls src="{{source}}"></audio>
<p><button id="notes">Play the notes instead</button>
<a href="notes.mid">MIDI</a> · <a href="notes.csv">CSV</a> · <a href="roll.png">all of it</a></p>
<canvas id="roll" width="1600" height="560"></canvas>
<script>
const data = {{data}}, sound = document.getElementById("sound");
const button = document.getElementById("notes"), roll = document.getElementById("roll");
const pen = roll.getContext("2d"), span = Math.min(15, Math.max(data.seconds, 1));
let synth = null, began = 0, from = 0, next = 0;
const now = () => synth ? from + synth.currentTime - began : sound.currentTime;
const left = () => Math.max(0, Math.min(now() - span / 3, data.seconds - span));
function stop() {
  if (synth) synth.close();
  synth = null; button.textContent = "Play the notes instead";
}
function schedule() {
  if (!synth) return;
  for (; next < data.notes.length && data.notes[next][0] < now() + 1; next++) {
    const [on, off, pitch, velocity] = data.notes[next], at = began + on - from;
    if (at < synth.currentTime) continue;
    const tone = synth.createOscillator(), gain = synth.createGain();
    tone.type = "triangle"; tone.frequency.value = 440 * 2 ** ((pitch - 69) / 12);
    gain.gain.setValueAtTime(0.25 * (velocity / 127) ** 1.5, at);
    gain.gain.setTargetAtTime(0, at, 0.6);
    gain.gain.setTargetAtTime(0, began + off - from, 0.05);
    tone.connect(gain).connect(synth.destination);
    tone.start(at); tone.stop(began + off - from + 0.4);
  }
  if (now() > data.seconds) stop();
}
button.onclick = () => {
  if (synth) return stop();
  from = sound.currentTime; sound.pause();
  synth = new AudioContext(); began = synth.currentTime + 0.1;
  next = data.notes.findIndex(note => note[0] >= from);
  if (next < 0) next = data.notes.length;
  button.textContent = "Stop";
};
sound.onplay = stop;
roll.onclick = event => {
  stop(); sound.currentTime = left() + span * event.offsetX / roll.clientWidth;
};
function draw() {
  const wide = roll.width, start = left(), x = t => (t - start) / span * wide;
  const row = roll.height / (data.high - data.low + 1);
  pen.clearRect(0, 0, wide, roll.height);
  for (let p = data.low; p <= data.high; p++) if (p % 12 == 0) {
    pen.fillStyle = "#8884"; pen.fillRect(0, (data.high - p) * row, wide, row);
    pen.fillStyle = "#888"; pen.font = "18px sans-serif";
    pen.fillText("C" + (p / 12 - 1), 4, (data.high - p + 1) * row);
  }
  for (const [on, off, pitch, velocity] of data.notes) if (off > start && on < start + span) {
    pen.fillStyle = `rgba(59, 110, 165, ${0.3 + 0.7 * velocity / 127})`;
    pen.fillRect(x(on), (data.high - pitch) * row, Math.max((off - on) / span * wide - 1, 2), row);
  }
  pen.fillStyle = "#e0662e"; pen.fillRect(x(now()), 0, 3, roll.height);
  schedule(); requestAnimationFrame(draw);
}
draw();
</script></html>
"""
