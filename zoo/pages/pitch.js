// A pitch curve that moves with the recording; click to go there.
{
const d = JSON.parse(document.getElementById("data").textContent);
const sound = document.getElementById("sound"), canvas = document.getElementById("curve");
const now = document.getElementById("now"), pen = canvas.getContext("2d");
const span = Math.min(20, Math.max(d.seconds, .5)), left = () =>
  Math.max(0, Math.min(sound.currentTime - span / 3, d.seconds - span));
const margin = 92, split = .78;                 // of the labels, and where the confidence begins
canvas.style.cursor = "pointer";
canvas.onclick = event => {
  const part = (event.offsetX - margin) / (canvas.clientWidth - margin);
  sound.currentTime = Math.max(0, left() + span * part);
};
function draw() {
  const scale = devicePixelRatio, wide = canvas.clientWidth, high = canvas.clientHeight;
  if (canvas.width !== Math.round(wide * scale)) {
    canvas.width = Math.round(wide * scale); canvas.height = Math.round(high * scale);
  }
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, wide, high);
  const from = left(), x = t => margin + (t - from) / span * (wide - margin);
  const y = note => split * high * (d.high - note) / (d.high - d.low);
  const style = getComputedStyle(document.body);
  pen.font = "12px system-ui, sans-serif";
  d.ticks.forEach(([note, name]) => {
    pen.fillStyle = "#8885"; pen.fillRect(margin, y(note), wide, 1);
    pen.fillStyle = style.color; pen.fillText(name, 6, Math.max(11, y(note) + 4));
  });
  pen.fillStyle = "#888"; pen.fillText("confidence", 6, (1 + split) / 2 * high + 4);
  const first = Math.max(0, Math.floor(from / d.step)), last = Math.ceil((from + span) / d.step);
  for (let i = first; i <= last && i < d.notes.length; i++) {
    const at = x(i * d.step), w = Math.max(1.5, d.step / span * wide), sure = d.confidence[i];
    pen.fillStyle = "#3b6ea566";
    pen.fillRect(at, high * (1 - (1 - split) * .9 * sure), w, high * (1 - split) * .9 * sure);
    if (sure < d.confident) continue;
    pen.fillStyle = style.getPropertyValue("--accent"); pen.fillRect(at, y(d.notes[i]) - 1.5, w, 3);
  }
  for (let s = Math.ceil(from); s < from + span; s++) if (s % Math.ceil(span / 8) === 0) {
    pen.fillStyle = "#888"; pen.fillText(clock(s), x(s), split * high - 4);
  }
  pen.fillStyle = "#e0662e"; pen.fillRect(x(sound.currentTime), 0, 2, high);
  const i = Math.min(Math.floor(sound.currentTime / d.step), d.notes.length - 1);
  const hertz = 440 * 2 ** ((d.notes[i] - 69) / 12);
  now.textContent = d.confidence[i] >= d.confident ? hertz.toFixed(1) + " Hz" : "no pitch";
  requestAnimationFrame(draw);
}
draw();
}
