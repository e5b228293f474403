// A listening test: every listener gets trials, and sounds within them, in an order of their own.
const test = JSON.parse(document.getElementById("data").textContent);
const by = id => document.getElementById(id), ratings = [];
const WORDS = ["bad", "poor", "fair", "good", "excellent"];
let at = -1, listener = "", playing = null, position = 0, begun = 0;

function shuffled(list) {
  const order = [...list];
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
const trials = shuffled(test.trials);

function made(name, inside, attributes = {}) {
  const node = Object.assign(document.createElement(name), attributes);
  node.append(...inside);
  return node;
}
function halt() {
  if (!playing) return;
  position = playing.audio.currentTime;
  playing.audio.pause();
  playing.button.setAttribute("aria-pressed", "false");
  playing = null;
}
// Another sound of the trial goes on where the last one was, and is played again and again.
function player(label, source, done) {
  const audio = new Audio(source);
  audio.loop = true;
  const button = made("button", [label], { type: "button", className: "word play-sound" });
  button.setAttribute("aria-pressed", "false");
  button.onclick = () => {
    const same = playing && playing.audio === audio;
    halt();
    if (same) return;
    audio.currentTime = test.mode === "mushra" ? position : 0;
    audio.play();
    playing = { audio, button };
    button.setAttribute("aria-pressed", "true");
    done();
  };
  return button;
}

function slider(sound, given) {
  const range = made("input", [], { type: "range", min: 0, max: 100, value: 50, disabled: true });
  const shown = made("output", ["–"]);
  range.oninput = range.onchange = () => {
    shown.textContent = range.value;
    given.set(sound, +range.value);
    ready(given);
  };
  return [range, shown, () => range.disabled = false];
}
function choice(sound, given) {
  const radios = WORDS.map((word, i) => {
    const radio = made("input", [], { type: "radio", name: sound, value: i + 1, disabled: true });
    radio.onchange = () => { given.set(sound, i + 1); ready(given); };
    return radio;
  });
  const labels = radios.map((radio, i) => made("label", [radio, `${i + 1} ${WORDS[i]}`]));
  return [made("span", labels), "", () => radios.forEach(radio => radio.disabled = false)];
}
function ready(given) {
  by("next").disabled = given.size < Object.keys(trials[at].sounds).length;
}

function show() {
  const trial = trials[at], given = new Map(), box = by("trial");
  position = 0; begun = Date.now();
  by("title").textContent = `${at + 1} of ${trials.length}: ${trial.item}`;
  const rows = shuffled(Object.keys(trial.sounds)).map((sound, i) => {
    const [control, shown, allow] = (test.mode === "mushra" ? slider : choice)(sound, given);
    const label = test.mode === "mushra" ? String.fromCharCode(65 + i) : "Play";
    const button = player(label, trial.sounds[sound], allow);
    return made("div", [button, control, shown], { className: "stimulus" });
  });
  if (trial.reference) {
    const words = WORDS.map(word => made("span", [word]));
    const known = player("Reference", trial.reference, () => {});
    rows.unshift(made("div", [known], { className: "stimulus" }),
                 made("div", words, { className: "marks" }));
  }
  box.replaceChildren(...rows);
  by("next").disabled = true;
  by("next").onclick = () => {
    halt();
    const seconds = (Date.now() - begun) / 1000;
    given.forEach((rating, sound) =>
      ratings.push({ listener, trial: at + 1, sound, rating, seconds: +seconds.toFixed(1) }));
    step();
  };
}
function step() {
  at += 1;
  if (at < trials.length) return show();
  ["trial", "next"].forEach(id => by(id).hidden = true);
  by("end").hidden = false;
  by("title").textContent = "Done";
}
function save(kind, text) {
  const address = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  const name = listener.replace(/[^\w-]+/g, "_");
  made("a", [], { href: address, download: `ratings_${name}.${kind}` }).click();
  ratings.saved = true;
}
const quoted = value => /[",\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : value;
by("csv").onclick = () => {
  const names = ["listener", "trial", "sound", "rating", "seconds"];
  const rows = ratings.map(row => names.map(name => quoted(row[name])).join(","));
  save("csv", [names.join(","), ...rows].join("\n") + "\n");
};
by("json").onclick = () => save("json", JSON.stringify(ratings));
by("title").textContent = `${trials.length} trials`;
by("begin").onclick = () => {
  listener = by("listener").value.trim();
  if (!listener) return by("listener").focus();
  by("start").hidden = true;
  by("trial").hidden = by("next").hidden = false;
  step();
};
window.onbeforeunload = () => ratings.length && !ratings.saved ? true : undefined;
