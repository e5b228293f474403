// Pages without libraries: players, stems in sync, charts that read off, tables that sort.
const all = (s, at = document) => [...at.querySelectorAll(s)];
const clock = s => Math.floor(s / 60) + ":" + String(Math.floor(s % 60)).padStart(2, "0");
const stops = new Set();                       // one thing sounds at a time
const alone = own => stops.forEach(stop => stop !== own && stop());

function mark(face, part) {                    // the cursor at that part of the sound
  const a = +face.dataset.start, b = +face.dataset.end, cursor = face.querySelector(".cursor");
  cursor.style.left = 100 * (a + Math.min(part, 1) * (b - a)) + "%";
  cursor.style.opacity = 1;
}
function seek(face, event) {
  const a = +face.dataset.start, b = +face.dataset.end, box = face.getBoundingClientRect();
  return Math.max(0, Math.min(1, ((event.clientX - box.left) / box.width - a) / (b - a)));
}

all(".sound").forEach(one => {
  const audio = one.querySelector("audio"), face = one.querySelector(".face");
  const button = one.querySelector("button"), stop = () => audio.pause();
  stops.add(stop);
  const follow = () => {
    if (audio.duration) mark(face, audio.currentTime / audio.duration);
    if (!audio.paused) requestAnimationFrame(follow);
  };
  const play = () => { alone(stop); audio.play(); };
  button.onclick = () => audio.paused ? play() : stop();
  face.onclick = event => {
    const go = () => { audio.currentTime = seek(face, event) * audio.duration; play(); };
    audio.duration ? go() : (audio.onloadedmetadata = go, audio.load());
  };
  audio.onplay = () => { button.textContent = "❚❚"; follow(); };
  audio.onpause = audio.onended = () => button.textContent = "▶";
});

// Embedded stems are decoded and started by one clock; files beside the page, which a page opened
// from disk may not read, play as media elements: in step to a few hundredths of a second.
function embedded(context, address) {
  const bytes = Uint8Array.from(atob(address.split(",")[1]), c => c.charCodeAt(0));
  const gain = context.createGain();
  gain.connect(context.destination);
  let node = null;
  const stop = () => { if (node) node.stop(); node = null; };
  return context.decodeAudioData(bytes.buffer).then(buffer => ({
    stop, volume: v => gain.gain.setTargetAtTime(v, context.currentTime, .01),
    start(when, at) {
      stop();
      if (at >= buffer.duration) return;
      node = Object.assign(context.createBufferSource(), { buffer });
      node.connect(gain);
      node.start(when, at);
    } }));
}
function beside(address) {
  const audio = new Audio(address);
  return { stop: () => audio.pause(), volume: v => audio.volume = v,
           start(when, at) { audio.currentTime = at; audio.play(); } };
}

all(".mixer").forEach(one => {
  const seconds = +one.dataset.seconds, rows = all(".track", one);
  const show = one.querySelector("output");
  const button = one.querySelector(".play"), on = (row, what) =>
    row.querySelector("." + what).getAttribute("aria-pressed") === "true";
  let context = null, loading = null, voices = null, begun = 0, from = 0, playing = false;

  const balance = () => {
    const solo = rows.some(row => on(row, "solo"));
    rows.forEach((row, i) => {
      const sounding = solo ? on(row, "solo") : !on(row, "mute");
      row.classList.toggle("quiet", !sounding);
      if (voices) voices[i].volume(sounding ? 1 : 0);
    });
  };
  const now = () => playing ? Math.max(from, from + context.currentTime - begun) : from;
  const place = () => {
    rows.forEach(row => mark(row.querySelector(".face"), now() / seconds));
    show.textContent = clock(now()) + " / " + clock(seconds);
  };
  const halt = () => {
    if (!playing) return;
    from = now(); playing = false; button.textContent = "▶";
    voices.forEach(voice => voice.stop());
  };
  const follow = () => {
    if (!playing) return;
    if (now() >= seconds) { halt(); from = 0; }
    place();
    requestAnimationFrame(follow);
  };
  async function go(at) {
    alone(halt);
    if (!context) {
      context = new AudioContext();
      loading = Promise.all(rows.map(row => row.dataset.src.startsWith("data:")
        ? embedded(context, row.dataset.src) : beside(row.dataset.src)));
    }
    voices = await loading;
    await context.resume();
    balance();
    from = at; begun = context.currentTime + .06; playing = true; button.textContent = "❚❚";
    voices.forEach(voice => voice.start(begun, at));
    follow();
  }
  stops.add(halt);
  button.onclick = () => playing ? halt() : go(from);
  rows.forEach(row => {
    const face = row.querySelector(".face");
    face.onclick = event => go(seek(face, event) * seconds);
    all("button", row).forEach(b => b.onclick = () => {
      b.setAttribute("aria-pressed", b.getAttribute("aria-pressed") !== "true");
      balance();
    });
  });
  balance();
});

all(".chart").forEach(one => {
  const lines = JSON.parse(one.dataset.lines), svg = one.querySelector("svg");
  const hair = one.querySelector(".hair"), show = one.querySelector("output");
  const cells = all("em", one), place = one.dataset.read;
  const say = (step, values) => {
    cells.forEach((cell, i) => cell.textContent = values[i]);
    show.textContent = place.replace("%", step.toLocaleString("en")) + (cells.length ? "" : ": " + values[0]);
  };
  const nearest = (points, x) =>
    points.reduce((best, p) => Math.abs(p[0] - x) < Math.abs(best[0] - x) ? p : best);
  const last = () => {
    hair.removeAttribute("d");
    say(lines[0][1].at(-1)[1], lines.map(([, points]) => points.at(-1)[2]));
  };
  svg.onpointermove = event => {
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * svg.viewBox.baseVal.width;
    const found = lines.map(([, points]) => nearest(points, x));
    hair.setAttribute("d", `M${found[0][0]} 10V192`);
    say(found[0][1], found.map(p => p[2]));
  };
  svg.onpointerleave = last;
  last();
});

all(".sortable th").forEach(head => head.onclick = () => {
  const body = head.closest("table").tBodies[0], column = head.cellIndex;
  const key = row => row.cells[column].textContent.replaceAll(",", "");
  const up = head.dataset.up !== "1";
  head.dataset.up = up ? "1" : "0";
  const order = (a, b) => {
    const x = key(a), y = key(b), difference = x - y;
    return (isNaN(difference) ? x.localeCompare(y) : difference) * (up ? 1 : -1);
  };
  [...body.rows].sort(order).forEach(row => body.append(row));
});
