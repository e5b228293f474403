// Tags over time, aligned with the playback; colours are of scores from 0 to 1.
{
const d = JSON.parse(document.getElementById("data").textContent), row = 22;
const audio = document.querySelector("audio");
const [names, plot, now, axis, cursor] =
  [".names", ".plot", ".now", ".axis", ".cursor"].map(s => document.querySelector(s));
const add = (parent, text) =>
  parent.appendChild(Object.assign(document.createElement("div"), { textContent: text }));
d.labels.forEach(label => add(names, label));
const values = d.means.map(mean => add(now, mean.toFixed(2)));
for (let i = 0; i <= 4; i++) add(axis, clock(d.duration * i / 4));

const stops = [[11, 7, 30], [81, 18, 124], [183, 55, 121], [252, 137, 97], [252, 253, 191]];
function colour(score) {
  const at = Math.min(Math.max(score, 0), 1) * 3.999, i = Math.floor(at), f = at - i;
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
}
