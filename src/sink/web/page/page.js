// The page: listens to one socket, keeps the newest of everything, draws when the screen does.
import { drawBelief, drawBreath, drawEvents, drawMap } from "/draw.js";

const SPAN_US = 60e6;
const newest = new Map(); // stream: { payload, heard, staleAfter }
const pictures = new Map(); // kind: { header, pixels, heard, fresh }
const shown = new Map(); // stream or kind: the sensor that is shown, the first that was heard
const history = []; // stretches of the expression stage, oldest first
const PICTURE_STALE_MS = 1500;
const BREATH_STALE_MS = 4000;
let boot = null;
let pause = 250;
let dirty = true;
let drawn = 0;
const LEAST_DRAWN_MS = 200; // staleness shows without news, too

const byId = (id) => document.getElementById(id);
const say = (id, text) => {
  const element = byId(id);
  if (element.textContent !== text) element.textContent = text;
};
const payload = (stream) => newest.get(stream)?.payload;

// The token is in the part of the address that no server sees: http://box:5580/#token=...
function protocols() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  return token ? ["visaged", `token.${token}`] : ["visaged"];
}

function connect() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const socket = new WebSocket(`${scheme}://${location.host}/live`, protocols());
  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    pause = 250;
    link("open", "connected");
  };
  socket.onmessage = ({ data }) => (typeof data === "string" ? hear(data) : look(data));
  socket.onclose = () => {
    const why = location.hash.includes("token=") ? "no connection (or a wrong token)" : "no connection";
    link("closed", `${why}: nothing here is current, trying again`);
    setTimeout(connect, pause);
    pause = Math.min(2 * pause, 2000);
  };
}

function link(state, words) {
  document.body.dataset.link = state;
  say("link", words);
}

function hear(text) {
  const { topic, header, payload, age_ms } = JSON.parse(text);
  if (header.boot_id !== boot) forget(header.boot_id);
  const [, stream, source] = topic.split("/");
  if (!isShown(stream, source)) return;
  newest.set(stream, {
    payload, heard: performance.now() - age_ms, staleAfter: header.stale_after_ms,
  });
  dirty = true;
  if (stream === "expression") remember(payload, header.recorded_us);
  if (stream === "identity" && history.length) prolong(header.recorded_us);
}

function look(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const pixels = new Uint8Array(buffer, 4 + length);
  if (!isShown(header.picture, header.source)) return;
  pictures.set(header.picture, { header, pixels, heard: performance.now(), fresh: true });
  dirty = true;
}

// There is one panel for each kind: of several sensors the first is shown.
function isShown(kind, source) {
  if (!shown.has(kind)) shown.set(kind, source);
  return shown.get(kind) === source;
}

// Another start of the daemon: what was before belongs to it no more.
function forget(next) {
  boot = next;
  newest.clear();
  pictures.clear();
  shown.clear();
  history.length = 0;
}

function remember({ state, label, band }, micros) {
  const last = history[history.length - 1];
  if (last && last.state === state && last.label === label && last.band === band) {
    last.until = Math.max(last.until, micros);
  } else {
    history.push({ from: last ? last.until : micros, until: micros, state, label, band });
  }
}

function prolong(micros) {
  const last = history[history.length - 1];
  last.until = Math.max(last.until, micros);
  while (history.length > 1 && history[0].until < last.until - SPAN_US) history.shift();
}

function isCurrent(entry, limit) {
  return document.body.dataset.link === "open" && Boolean(entry) &&
    performance.now() - entry.heard < limit;
}

function markStale() {
  for (const section of document.querySelectorAll("section")) {
    const { topic, picture } = section.dataset;
    const entry = topic ? newest.get(topic.split("/")[1]) : pictures.get(picture);
    const limit = topic ? entry?.staleAfter : picture === "breath" ? BREATH_STALE_MS : PICTURE_STALE_MS;
    section.classList.toggle("stale", !isCurrent(entry, limit));
  }
}

function showIdentity() {
  const entry = newest.get("identity");
  // An answer is acted upon while it is current and no longer: old ones are taken away.
  const identity = isCurrent(entry, entry?.staleAfter) ? entry.payload : {};
  say("identity-state", identity.state || "-");
  say("identity-reason", identity.reason || "-");
  say("identity-liveness", identity.liveness || "-");
  say("identity-band", identity.band || "-");
  const left = identity.lease_ms || 0;
  byId("lease").value = left;
  say("lease-left", left ? `${(left / 1000).toFixed(1)} s` : "none");
}

function showExpression() {
  const entry = newest.get("expression");
  const expression = isCurrent(entry, entry?.staleAfter) ? entry.payload : {};
  const band = expression.band ? ` (${expression.band})` : "";
  say("expression-state", (expression.label || expression.state || "-") + band);
  drawBelief(byId("belief"), history, SPAN_US);
}

function target(name, nothing) {
  const found = payload("radar")?.[name];
  const sign = found?.velocity_m_s < 0 ? "" : "+";
  const digits = name === "slow" ? 4 : 2;
  say(name, found ? `strongest at ${found.range_m.toFixed(2)} m, ${sign}` +
    `${found.velocity_m_s.toFixed(digits)} m/s, ${found.snr_db.toFixed(0)} dB above the median` : nothing);
  return found;
}

function showPictures() {
  const moving = target("moving", "nothing moves");
  const slow = target("slow", "no slow motion yet: a block of frames is gathered first");
  const event = payload("event");
  if (event) say("rate", `${(1000 * event.rate_mev_s).toFixed(0)} thousand events/s`);
  const draw = {
    "range-doppler": ({ header, pixels }) => drawMap(byId("range-doppler"), header, pixels, moving),
    "micro-range-doppler": ({ header, pixels }) =>
      drawMap(byId("micro-range-doppler"), header, pixels, slow),
    "events": ({ header, pixels }) => drawEvents(byId("events"), header, pixels, event?.region),
    "breath": ({ header, pixels }) => drawBreath(byId("breath"), header, pixels),
  };
  for (const [kind, picture] of pictures) {
    if (picture.fresh && draw[kind]) draw[kind](picture);
    picture.fresh = false;
  }
  const breath = payload("radar")?.respiration;
  say("breath-rate", breath ? `${breath.rate_per_min.toFixed(1)} per minute` : "none seen");
  say("breath-note", breath ? `at ${breath.range_m.toFixed(2)} m, moved ` +
    `${breath.displacement_mm.toFixed(1)} mm, ${breath.snr_db.toFixed(0)} dB; not a medical device`
    : "looked for once a second, from 8 s of frames on");
}

// Rows of cells; a cell is text, or [text, class].
function fill(id, rows) {
  const table = byId(id);
  const text = JSON.stringify(rows);
  if (table.dataset.said === text) return;
  table.dataset.said = text;
  table.replaceChildren(...rows.map((cells) => {
    const row = document.createElement("tr");
    cells.forEach((cell, at) => {
      const [words, kind] = Array.isArray(cell) ? cell : [cell, ""];
      const element = document.createElement(at === 0 ? "th" : "td");
      element.textContent = words;
      if (kind) element.className = kind;
      row.append(element);
    });
    return row;
  }));
}

const counts = (table) => {
  const rows = Object.entries(table || {});
  return rows.length ? rows.map(([reason, n]) => [reason, [n.toLocaleString("en"), "number"]])
    : [["nothing"]];
};

function clockWords(clock) {
  if (!clock) return "recorded";
  const parts = [clock.state];
  if (clock.residual_us !== undefined) parts.push(`residual ${clock.residual_us.toFixed(0)} µs`);
  if (clock.drift_ppm !== undefined) parts.push(`drift ${clock.drift_ppm.toFixed(1)} ppm`);
  return parts.join(", ");
}

function showStatus() {
  const status = payload("status");
  if (!status) return;
  fill("sensors", status.sensors.map((sensor) => [
    sensor.name,
    sensor.trouble ? [`${sensor.state} (${sensor.trouble})`, "trouble"] : sensor.state,
    [`${sensor.received.toLocaleString("en")} received`, ""],
    `clock: ${clockWords(sensor.clock)}`,
    Object.entries(sensor.counts).map(([reason, n]) => `${reason} ${n}`).join(", ") || "nothing lost",
  ]));
  fill("dropped", counts(status.dropped));
  fill("filtered", counts(status.filtered));
}

function showHealth() {
  const [health, hello] = [payload("health"), payload("hello")];
  if (hello) say("box", `${hello.version} on ${hello.host}, bundle ${(hello.bundle || "none").slice(0, 12)}`);
  if (!health) return;
  const millis = (value) => (value === undefined ? "-" : `${value.toFixed(2)} ms`);
  say("health-state", health.state);
  fill("health", [
    ["memory", [`${(health.memory_bytes / 2 ** 20).toFixed(1)} MiB`, "number"]],
    ["up", [`${health.uptime_s.toFixed(0)} s`, "number"]],
    ["pipeline, median", [millis(health.pipeline_median_ms), "number"]],
    ["pipeline, worst", [millis(health.pipeline_worst_ms), "number"]],
  ]);
}

function show(now) {
  requestAnimationFrame(show);
  if (!dirty && now - drawn < LEAST_DRAWN_MS) return;
  dirty = false;
  drawn = now;
  showIdentity();
  showExpression();
  showPictures();
  showStatus();
  showHealth();
  markStale();
}

connect();
requestAnimationFrame(show);
