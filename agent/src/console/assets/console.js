// @ts-check
// What a page does by itself: counts down, rings, says aloud, takes keys, keeps the focus. It draws nothing: HTML is made by the
// agent alone, and a fault in whatever swaps it does not silence the desk.

const body = document.body;
const lookUp = (/** @type {string} */ id) => document.getElementById(id);

// --- time: the agent's, never the browser's ---------------------------------------------------------------------------
let ahead = Number(body.dataset.now ?? Date.now()) - Date.now();
const now = () => Date.now() + ahead;
const two = (/** @type {number} */ n) => String(n).padStart(2, "0");

/** A span as a clock counts it. @param {number} ms */
function span(ms) {
  const all = Math.max(0, Math.floor(ms / 1000));
  const hours = Math.floor(all / 3600), minutes = Math.floor(all / 60) % 60;
  if (hours >= 48) return (body.dataset.days ?? "#").replace("#", `${Math.floor(hours / 24)}`);
  return hours > 0 ? `${hours}:${two(minutes)}:${two(all % 60)}` : `${minutes}:${two(all % 60)}`;
}

/** The state of a deadline. @param {number} starts @param {number} due */
function stateOf(starts, due) {
  const left = due - now();
  if (left <= 0) return "late";
  return left * 2 <= due - starts ? "warned" : "running";
}

function tick() {
  const clock = lookUp("clock");
  if (clock) {
    const at = new Date(now() + Number(body.dataset.offset ?? 0) * 60000);
    clock.textContent = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
    const wall = document.querySelector("[data-wall-clock]");
    if (wall) wall.textContent = clock.textContent;
  }
  for (const ring of document.querySelectorAll("[data-due]")) {
    const { starts, due } = /** @type {HTMLElement} */ (ring).dataset;
    const from = Number(starts), until = Number(due), state = stateOf(from, until);
    for (const name of ["running", "warned", "late"]) ring.classList.toggle(name, name === state);
    const text = ring.querySelector(".text");
    if (text) text.textContent = state === "late" ? `${body.dataset.late}${span(now() - until)}` : span(until - now());
    const part = Math.max(0, Math.min(100, ((until - now()) / Math.max(1, until - from)) * 100));
    ring.querySelector(".left")?.setAttribute("stroke-dasharray", `${part.toFixed(1)} 100`);
  }
  remind();
  if (now() - heard > SILENT_MS) silent();
}

// --- sound ------------------------------------------------------------------------------------------------------------
const URGENT = ["FLASH", "IMMEDIATE", "PRIORITY", "ROUTINE"];
/** @type {Record<string, HTMLAudioElement>} */
const tones = {};
for (const name of URGENT) {
  const tone = new Audio(body.dataset[`tone${name[0]}${name.slice(1).toLowerCase()}`] ?? "");
  tone.preload = "auto";
  tones[name] = tone;
}
const sound = lookUp("sound");
/** @param {"on" | "off"} state */
function showSound(state) {
  if (!sound) return;
  sound.classList.toggle("on", state === "on");
  sound.classList.toggle("off", state === "off");
  const word = sound.querySelector("span");
  if (word) word.textContent = sound.dataset[state] ?? "";
}

/** Plays the tone of a precedence; says on the screen whether it was heard. @param {string} name @param {number} volume */
async function play(name, volume = 1) {
  const tone = tones[name] ?? tones.ROUTINE;
  try {
    tone.currentTime = 0;
    tone.volume = volume;
    await tone.play();
    showSound("on");
    if (volume > 0) body.dataset.rang = `${Number(body.dataset.rang ?? 0) + 1}`;
    return true;
  } catch {
    showSound("off");
    return false;
  }
}
sound?.addEventListener("click", () => {
  play("ROUTINE");
  if ("Notification" in window && Notification.permission === "default") Notification.requestPermission();
});
// whether this page may sound is found out, without a sound, before it is shown
if (sound) play("ROUTINE", 0);

// --- what is owed rings again -----------------------------------------------------------------------------------------
/** @typedef {{ id: string, name: string, precedence: string, exercise: boolean, starts: number, due: number }} Owed */
/** @type {Owed[]} */
let owed = [];
/** What has rung already: a key of deadline and state. @type {Set<string>} */
const rung = new Set(JSON.parse(sessionStorage.getItem("rung") ?? "[]"));
let lastAgain = 0;
const AGAIN_MS = 30000;

function remind() {
  if (!leading) return;
  let loudest = URGENT.length;
  for (const one of owed) {
    if (one.exercise) continue;
    const state = stateOf(one.starts, one.due);
    if (state === "running") continue;
    const key = `${one.id} ${one.name} ${state}`, place = URGENT.indexOf(one.precedence);
    const again = place === 0 && now() - lastAgain > AGAIN_MS;
    if (!rung.has(key) || again) loudest = Math.min(loudest, place);
    rung.add(key);
  }
  if (loudest < URGENT.length) {
    lastAgain = now();
    sessionStorage.setItem("rung", JSON.stringify([...rung].slice(-500)));
    ring(URGENT[loudest]);
  }
}

/** Rings here, or in another tab that may sound. @param {string} precedence */
async function ring(precedence) {
  if (!(await play(precedence))) channel.postMessage({ type: "ring", precedence });
}

/** Of several tabs that could ring for one that may not, one does. @param {string} precedence */
function ringFor(precedence) {
  if (!navigator.locks) { play(precedence); return; }
  navigator.locks.request("liandong-ring", { ifAvailable: true }, async (held) => {
    if (held && (await play(precedence))) await new Promise((over) => setTimeout(over, 1000));
  });
}

// --- the alarm stream: one a browser, and every tab hears of it -------------------------------------------------------
const SILENT_MS = 20000;
let heard = now();
let leading = false;
const channel = new BroadcastChannel("liandong-alarms");
channel.onmessage = (event) => take(event.data);

/** Nobody is signed in here any more: nothing is asked again, and the page says so. */
let ended = false;
function end() {
  if (ended) return;
  ended = true;
  silent();
  const note = lookUp("ended");
  if (note) note.hidden = false;
  document.querySelector(".watching:not(#ended)")?.remove();
}
document.addEventListener("htmx:sse:before:connection", (event) => { if (ended) event.preventDefault(); });
document.addEventListener("htmx:sse:error", (event) => {
  if (/** @type {CustomEvent} */ (event).detail.status === 401) end();
});

function listen() {
  const after = localStorage.getItem("after") ?? "";
  const stream = new EventSource(`/alarms?after=${encodeURIComponent(after)}`);
  stream.onmessage = (event) => {
    localStorage.setItem("after", event.lastEventId);
    const said = JSON.parse(event.data);
    if (said.type === "session.ended") stream.close();
    channel.postMessage(said);
    take(said);
    if (said.type === "delivery.new" && !said.exercise) announce(said);
  };
  stream.onerror = () => {
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 5000);
  };
}
if (sound && navigator.locks) {
  navigator.locks.request("liandong-alarms", () => {
    leading = true;
    listen();
    return new Promise(() => {}); // until this tab goes
  });
} else if (sound) {
  leading = true;
  listen();
}

/** Something happened. @param {any} said */
function take(said) {
  if (said.type === "ring") return ringFor(said.precedence);
  if (said.type === "session.ended") return end();
  heard = now();
  const pill = lookUp("pill");
  if (said.type === "agent.time") ahead = said.now - Date.now();
  if (said.type === "desk.state") {
    owed = said.owed;
    if (pill) {
      pill.className = `pill ${said.link.class}`;
      pill.textContent = said.link.text;
    }
    count("/inbox", said.unopened);
    title();
  }
  if (said.type === "delivery.new") speak(said.say, said.precedence === "FLASH" && !said.exercise);
  if (said.type === "delivery.refused") speak(said.say, true);
  if (pill?.classList.contains("silent") && said.type !== "desk.state") pill.classList.remove("silent");
  remind(); // timers of a hidden tab run once a minute, this does not
}

/** A new message rings once, and where nobody looks a notification says so. @param {any} said */
function announce(said) {
  ring(said.precedence);
  if (document.hidden && "Notification" in window && Notification.permission === "granted") {
    new Notification(body.dataset.product ?? "", { body: said.say, tag: said.id });
  }
}

function silent() {
  const pill = lookUp("pill");
  if (!pill || !sound || pill.classList.contains("silent")) return;
  pill.classList.add("silent");
  pill.textContent = `✕ ${body.dataset.silent}`;
}

// --- numbers, title, words for those who listen -----------------------------------------------------------------------
/** @param {string} path @param {number} n */
function count(path, n) {
  for (const place of document.querySelectorAll(`[data-count="${path}"]`)) {
    place.textContent = String(n);
    place.toggleAttribute("hidden", n === 0);
  }
}
const plainTitle = document.title;
function title() {
  const real = owed.filter((one) => !one.exercise);
  const first = URGENT.find((name) => real.some((one) => one.precedence === name));
  const mark = { FLASH: "◆", IMMEDIATE: "▲", PRIORITY: "■", ROUTINE: "●" }[first ?? ""] ?? "";
  document.title = real.length > 0 ? `(${real.length}) ${mark} ${plainTitle}` : plainTitle;
}
/** @param {string} text @param {boolean} atOnce */
function speak(text, atOnce) {
  const place = lookUp(atOnce ? "assertive" : "polite");
  if (place) place.textContent = text;
}

// --- hands ------------------------------------------------------------------------------------------------------------
const rows = () => /** @type {HTMLElement[]} */ ([...document.querySelectorAll(".row .open")].filter(shown));
/** @param {Element} of */
const shown = (of) => of.getClientRects().length > 0;

/** @param {number} by */
function move(by) {
  const all = rows(), here = all.findIndex((row) => row === document.activeElement);
  const chosen = all.findIndex((row) => row.closest(".chosen"));
  const from = here >= 0 ? here : chosen;
  const next = all[from < 0 ? 0 : Math.max(0, Math.min(all.length - 1, from + by))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

let went = 0;
document.addEventListener("keydown", (event) => {
  const at = /** @type {HTMLElement} */ (event.target);
  if (event.ctrlKey && event.key === "Enter" && !event.isComposing) {
    const next = /** @type {HTMLElement | null} */ (document.querySelector("[data-ctrl-enter]"));
    if (next) { event.preventDefault(); next.click(); }
    return;
  }
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  if (at.matches("input, select, textarea, dialog *")) return;
  const single = localStorage.getItem("keys") !== "off";
  if (single && went > 0 && now() - went < 1500) {
    went = 0;
    // what follows `g` is a place and nothing else: it must never sign
    event.preventDefault();
    const to = /** @type {HTMLElement | null} */ (document.querySelector(`[data-go="${CSS.escape(event.key)}"]`));
    to?.click();
    return;
  }
  if (event.key === "j" && single) return move(1);
  if (event.key === "k" && single) return move(-1);
  if (event.key === "g" && single) { went = now(); return; }
  if (!single && event.key.length === 1) return;
  if (event.key === "Enter" && at.matches("a, button, summary, pre")) return;
  const button = /** @type {HTMLElement | undefined} */ ([...document.querySelectorAll(`[data-key="${CSS.escape(event.key)}"]`)].find(shown));
  if (button) { event.preventDefault(); button.click(); }
});

// nothing is sent twice by a trembling hand, and nothing pretends to be done
document.addEventListener("submit", (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (form.method !== "post") return;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "1";
  const able = [...form.querySelectorAll("button:not([disabled])")];
  setTimeout(() => { for (const button of able) { button.setAttribute("disabled", ""); button.setAttribute("data-held", ""); } });
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    form.removeAttribute("data-sent");
    for (const button of form.querySelectorAll("[data-held]")) { button.removeAttribute("disabled"); button.removeAttribute("data-held"); }
  }
});

// --- drafts live at the agent: what is typed is kept there every few seconds --------------------------------------------
const paper = /** @type {HTMLFormElement | null} */ (document.querySelector("form[data-keep]"));
const KEEP_MS = 3000;
if (paper) {
  let typed = false, keeping = false, refused = false;
  const say = (/** @type {string} */ text) => { const place = lookUp("kept"); if (place) place.textContent = text; };
  paper.addEventListener("input", () => { typed = true; });
  // what was refused is refused again: the page says why and asks no more
  const stop = async (/** @type {Response} */ answer) => {
    refused = true;
    const plain = answer.headers.get("content-type")?.startsWith("text/plain");
    say(`${paper.dataset.lost} ${(plain && await answer.text()) || paper.dataset.refused}`);
  };
  setInterval(async () => {
    if (!typed || keeping || refused || paper.dataset.sent) return;
    typed = false;
    keeping = true;
    try {
      const body = new URLSearchParams(/** @type {any} */ (new FormData(paper)));
      const answer = await fetch(paper.dataset.keep ?? "", { method: "POST", body, redirect: "error" });
      if (answer.status >= 400 && answer.status < 500) { typed = true; await stop(answer); }
      else if (!answer.ok) throw new Error(String(answer.status));
      else say(`${paper.dataset.kept} ${await answer.text()}`);
    } catch {
      typed = true;
      say(`${paper.dataset.lost} ${lookUp("clock")?.textContent ?? ""}`);
    }
    keeping = false;
  }, KEEP_MS);
  // which fields must be there follows from some choices: the page is made anew, and the hand is where it was
  paper.addEventListener("change", (event) => {
    const { leads } = /** @type {HTMLElement} */ (event.target).dataset;
    const at = /** @type {HTMLInputElement | null} */ (paper.elements.namedItem("at"));
    if (!leads || !at) return;
    at.value = leads;
    paper.requestSubmit(paper.querySelector("button[name=keep]"));
  });
  addEventListener("beforeunload", (event) => { if (typed && !paper.dataset.sent) event.preventDefault(); });
}
if (location.hash === "#faults") lookUp("faults")?.focus();
if (paper && location.hash.startsWith("#f-")) {
  const at = lookUp(location.hash.slice(1));
  /** @type {HTMLElement | null | undefined} */ (at?.querySelector("input:not([type=hidden]), select, textarea"))?.focus();
}

const help = lookUp("help"), sheet = /** @type {HTMLDialogElement | null} */ (lookUp("keys"));
help?.addEventListener("click", () => sheet?.showModal());
const off = /** @type {HTMLInputElement | null} */ (lookUp("keys-off"));
if (off) {
  off.checked = localStorage.getItem("keys") === "off";
  off.addEventListener("change", () => localStorage.setItem("keys", off.checked ? "off" : "on"));
}

// a row that came while somebody looked pulses three times
const known = new Set([...document.querySelectorAll(".row")].map((row) => row.id));
document.addEventListener("htmx:after:swap", () => {
  for (const row of document.querySelectorAll(".row")) {
    if (!known.has(row.id) && row.classList.contains("unread")) row.classList.add("fresh");
    known.add(row.id);
  }
});

tick();
setInterval(tick, 1000);
