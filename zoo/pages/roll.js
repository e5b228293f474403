// A piano roll that moves with the recording, or with its notes played by oscillators.
{
const data = JSON.parse(document.getElementById("data").textContent);
const sound = document.getElementById("sound");
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
}
