// What the page shows, from the agent's events: status, assets, history, alarms, models.
import { Feed } from "./feed.js";
import { TimeChart, clock, format, latencies, sparkline } from "./charts.js";

const $ = (id) => document.getElementById(id);
const span = 5 * 60_000;
const severities = ["", "warning", "minor", "major", "critical"];

/// Makes an element; text is text, never markup: keys of assets come from outside.
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "text") element.textContent = value;
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/// Replaces text only where it changes, so that a selection and a screen reader stay where they are.
function say(element, text) { if (element.textContent !== text) element.textContent = text; }

function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 1) return "now";
  const parts = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const at = parts.findIndex(([size]) => seconds >= size);
  const [size, unit] = parts[at], [next, nextUnit] = parts[at + 1] || [];
  const first = Math.floor(seconds / size), second = next ? Math.floor((seconds % size) / next) : 0;
  return second && at < 3 && first < 10 ? `${first} ${unit} ${second} ${nextUnit}` : `${first} ${unit}`;
}

function bytes(count) {
  for (const [size, unit] of [[1 << 30, "GiB"], [1 << 20, "MiB"], [1 << 10, "KiB"]]) if (count >= size) return `${format(count / size)} ${unit}`;
  return `${format(count)} B`;
}

const state = {
  status: null, assets: null, history: null, alarms: [], models: null, serverAhead: 0,
  pipeline: new URLSearchParams(location.hash.slice(1)).get("pipeline"), asset: new URLSearchParams(location.hash.slice(1)).get("asset"), search: "",
  rates: new Map(), sparks: new Map(), outbox: [], linkedAt: 0, ratesAt: 0,
};
/// The agent's clock, as far as this browser knows.
const now = () => Date.now() + state.serverAhead;

// MARK: Theme

const themes = ["auto", "light", "dark"];
function showTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme; else document.documentElement.dataset.theme = theme;
  say($("theme-text"), theme[0].toUpperCase() + theme.slice(1));
  $("theme").setAttribute("aria-label", `Colours: ${theme}. Change`);
  $("theme").dataset.choice = theme;
}
showTheme(themes.includes(localStorage.getItem("theme")) ? localStorage.getItem("theme") : "auto");
$("theme").addEventListener("click", () => {
  const next = themes[(themes.indexOf($("theme").dataset.choice) + 1) % themes.length];
  localStorage.setItem("theme", next);
  showTheme(next);
});

// MARK: Header

function drawHeader() {
  const { agent, pipelines, outbox } = state.status;
  say($("agent"), agent.id);
  say($("version"), `edge-agent ${agent.version}`);
  const raised = pipelines.reduce((sum, pipeline) => sum + pipeline.alarmsRaised, 0);
  const isDeaf = pipelines.some((pipeline) => !pipeline.sensorsConnected);
  const overBudget = pipelines.filter((pipeline) => pipeline.phase !== "holding");
  const [kind, text] = raised ? ["bad", raised === 1 ? "1 alarm raised" : `${raised} alarms raised`]
    : isDeaf ? ["warn", "No sensors: the broker is away"]
    : !outbox.isDiskWritable ? ["warn", "The disk cannot be written"]
    : overBudget.length ? ["warn", "Latency budget missed"]
    : !outbox.isUplinkConnected ? ["warn", "Uplink away, alerts are kept"]
    : ["good", "All normal"];
  $("state").dataset.kind = kind;
  say($("state-text"), text);
  document.title = `${raised ? `(${raised}) ` : ""}${agent.id} · edge-agent`;
  const sensors = pipelines.every((pipeline) => pipeline.sensorsConnected);
  facts($("facts"), [
    ["Up", duration(agent.uptimeSeconds)],
    ["Sensors", sensors ? "connected" : "away", sensors ? "good" : "bad"],
    ["Uplink", outbox.isUplinkConnected ? "connected" : "away", outbox.isUplinkConnected ? "good" : "warn"],
    ["Clock", agent.clock === "synchronised" ? "synchronised" : "not synced", agent.clock === "synchronised" ? "" : "warn"],
  ]);
  say($("foot-left"), `${agent.id}, started ${new Date(agent.startedAt).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" })}`);
}

function facts(list, rows) {
  if (list.children.length !== rows.length) list.replaceChildren(...rows.map(() => make("div", {}, make("dt"), make("dd"))));
  rows.forEach(([name, value, kind = "", note = ""], index) => {
    const [term, text] = list.children[index].children;
    say(term, name);
    say(text, value);
    list.children[index].dataset.kind = kind;
    if (note) text.title = note;
  });
}

// MARK: Pipelines

const missNames = { "late-window": "came late", wait: "waited", decode: "decoding", features: "features", inference: "inference", alarm: "alarm", publish: "publishing" };
const cards = new Map();

function pipelineCard(name) {
  const parts = { title: make("h3", { text: name }), model: make("p", { class: "quiet model-line" }), badge: make("p", { class: "badge" }), stats: make("div", { class: "stats" }), plot: make("div", { class: "latency" }) };
  const stat = (label) => {
    const value = make("p", { class: "stat-value" }), note = make("p", { class: "stat-note quiet" }), extra = make("div", { class: "stat-extra" });
    parts.stats.append(make("div", { class: "stat" }, make("p", { class: "stat-label quiet", text: label }), value, extra, note));
    return { value, note, extra };
  };
  parts.rate = stat("Evaluations");
  parts.p99 = stat("Latency, 99 %");
  parts.misses = stat("Budget missed");
  parts.assets = stat("Assets");
  parts.meter = make("span", { class: "meter-fill" });
  parts.p99.extra.append(make("div", { class: "meter", "aria-hidden": "true" }, parts.meter));
  parts.root = make("article", { class: "card pipeline" },
    make("div", { class: "pipeline-main" }, make("div", { class: "card-head" }, make("div", {}, parts.title, parts.model), parts.badge), parts.stats),
    make("div", { class: "pipeline-latency" }, make("p", { class: "stat-label quiet", text: "Latency of every evaluation, sensor to alert" }), parts.plot));
  return parts;
}

/// A square for each asset, raised ones first.
function drawStrip(element, pipeline) {
  const own = state.assets?.pipeline === pipeline.name ? state.assets.assets : [];
  const kinds = own.map((asset) => standing(asset).kind);
  const known = kinds.slice(0, 24).join();
  if (element.dataset.known === known) return;
  element.dataset.known = known;
  element.replaceChildren(make("span", { class: "strip", "aria-hidden": "true" }, ...kinds.slice(0, 24).map((kind) => make("i", { "data-kind": kind }))));
}

function number(element, value, unit) {
  if (element.dataset.shown === `${value} ${unit}`) return;
  element.dataset.shown = `${value} ${unit}`;
  element.replaceChildren(value, make("small", { text: unit }));
}

function drawPipelines() {
  const { pipelines } = state.status;
  const box = $("pipelines");
  if (box.querySelector(".skeleton")) box.replaceChildren();
  box.dataset.count = pipelines.length;
  for (const pipeline of pipelines) {
    let card = cards.get(pipeline.name);
    if (!card) { card = pipelineCard(pipeline.name); cards.set(pipeline.name, card); box.append(card.root); }
    const { model, latency, budgetMilliseconds: budget } = pipeline;
    say(card.model, `${model.name} ${model.version} · ${model.digest.replace("sha256:", "").slice(0, 8)}`);
    const [kind, text] = !pipeline.sensorsConnected ? ["bad", "No sensors"] : pipeline.phase === "exceeded" ? ["bad", "Over budget"] : pipeline.phase === "fallback" ? ["warn", "Fallback decides"]
      : pipeline.evaluations ? ["good", "In budget"] : ["unknown", "Waiting for readings"];
    card.badge.dataset.kind = kind;
    say(card.badge, text);
    number(card.rate.value, format(pipeline.evaluationsPerSecond), "/s");
    say(card.rate.note, `${format(pipeline.evaluations, 9)} so far`);
    const rates = state.rates.get(pipeline.name) || [];
    card.rate.extra.replaceChildren(sparkline(rates, { width: 120, height: 26, kind: "filled" }));
    number(card.p99.value, pipeline.evaluations ? format(latency.p99) : "–", "ms");
    say(card.p99.note, `of ${format(budget)} ms`);
    const share = Math.min(latency.p99 / budget, 1);
    card.meter.style.width = `${Math.max(share * 100, 1.5)}%`;
    card.meter.dataset.kind = share >= 1 ? "bad" : share > 0.8 ? "warn" : "good";
    const misses = Object.entries(pipeline.misses).filter(([, count]) => count > 0).sort((one, two) => two[1] - one[1]);
    const missed = misses.reduce((sum, [, count]) => sum + count, 0);
    number(card.misses.value, format(missed, 9), "");
    card.misses.value.dataset.kind = missed ? "warn" : "";
    say(card.misses.note, missed ? misses.slice(0, 3).map(([cause, count]) => `${format(count, 6)} ${missNames[cause] || cause}`).join(", ") : "");
    say(card.misses.extra, missed ? `${format((100 * missed) / Math.max(pipeline.evaluations, missed))} % of all` : pipeline.evaluations ? "all in time" : "");
    drawStrip(card.assets.extra, pipeline);
    number(card.assets.value, format(pipeline.assets, 9), "");
    say(card.assets.note, pipeline.alarmsRaised ? `${pipeline.alarmsRaised} raised` : "none raised");
    card.assets.note.dataset.kind = pipeline.alarmsRaised ? "bad" : "";
    latencies(card.plot, { ...pipeline.histogram, budget, p50: latency.p50, p99: latency.p99, maximum: latency.maximum });
  }
  for (const [name, card] of cards) if (!pipelines.some((pipeline) => pipeline.name === name)) { card.root.remove(); cards.delete(name); }
  const choice = $("pipeline-choice");
  choice.hidden = pipelines.length < 2;
  if (choice.options.length !== pipelines.length) choice.replaceChildren(...pipelines.map((pipeline) => make("option", { text: pipeline.name, selected: pipeline.name === state.pipeline })));
}

// MARK: Assets

const rows = new Map();

function assetRow(key) {
  const parts = { spark: make("span", { class: "row-spark" }), score: make("span", { class: "row-score" }), note: make("span", { class: "row-note quiet" }), shape: make("span", { class: "shape", "aria-hidden": "true" }) };
  parts.button = make("button", { type: "button", class: "row", onclick: () => choose(key, true) },
    parts.shape, make("span", { class: "row-name" }, make("span", { class: "row-key", text: key }), parts.note), parts.spark, parts.score);
  parts.root = make("li", {}, parts.button);
  return parts;
}

function standing(asset) {
  if (asset.severity) return { kind: asset.severity, text: `${asset.severity}, ${duration(asset.raisedSeconds)}` };
  if (asset.ageSeconds > 15) return { kind: "silent", text: `silent for ${duration(asset.ageSeconds)}` };
  return { kind: "normal", text: asset.isFallback ? "normal, by the fallback" : "normal" };
}

function drawAssets() {
  const { assets, total, matching } = state.assets;
  const list = $("assets");
  if (list.querySelector(".skeleton, .empty")) list.replaceChildren();
  say($("assets-count"), total ? format(total, 9) : "");
  if (!assets.length) list.replaceChildren(make("li", { class: "empty quiet", text: total ? `No asset matches “${state.search}”.` : "No asset has been evaluated yet. It takes one whole window of readings." }));
  const seen = new Set();
  assets.forEach((asset, index) => {
    seen.add(asset.key);
    let row = rows.get(asset.key);
    if (!row) { row = assetRow(asset.key); rows.set(asset.key, row); }
    const { kind, text } = standing(asset);
    row.root.dataset.kind = kind;
    row.button.setAttribute("aria-current", String(asset.key === state.asset));
    say(row.note, text);
    say(row.score, format(asset.score));
    const threshold = state.history?.rule?.bands[0]?.raiseAbove ?? state.assets.rule?.bands[0]?.raiseAbove ?? null;
    row.spark.replaceChildren(sparkline((state.sparks.get(asset.key) || []).map(([, score]) => score), { width: 84, height: 24, kind: asset.severity ? "is-raised" : "", threshold }));
    if (list.children[index] !== row.root) list.insertBefore(row.root, list.children[index] || null);
  });
  for (const [key, row] of rows) if (!seen.has(key)) { row.root.remove(); rows.delete(key); }
  $("assets-note").hidden = matching <= assets.length;
  say($("assets-note"), `${assets.length} of ${format(matching, 9)} are listed. Search finds the others.`);
  // A bookmark may name an asset that is no more.
  const isKnown = assets.some((asset) => asset.key === state.asset) || state.search || matching > assets.length;
  if ((!state.asset || !isKnown) && assets.length) choose(assets[0].key, false);
}

function drawRaised() {
  const raised = state.assets.assets.filter((asset) => asset.severity);
  const box = $("raised");
  box.hidden = raised.length === 0;
  const known = raised.map((asset) => `${asset.key} ${asset.severity}`).join("\n");
  if (box.dataset.known !== known) {
    box.dataset.known = known;
    box.replaceChildren(make("span", { class: "raised-title", text: raised.length === 1 ? "Raised now" : `${raised.length} raised now` }),
      ...raised.slice(0, 12).map((asset) => make("button", { type: "button", class: "chip", "data-kind": asset.severity, onclick: () => choose(asset.key, true) },
        make("span", { class: "shape", "aria-hidden": "true" }), make("b", { text: asset.key }), make("span", { text: asset.severity }), make("span", { class: "chip-for" }))));
  }
  raised.slice(0, 12).forEach((asset, index) => say(box.children[index + 1].lastChild, duration(asset.raisedSeconds)));
}

function choose(key, byHand) {
  if (byHand && matchMedia("(max-width: 860px)").matches) $("detail").scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth", block: "start" });
  if (key === state.asset && state.history) return;
  state.asset = key;
  state.history = null;
  for (const [other, row] of rows) row.button.setAttribute("aria-current", String(other === key));
  const place = new URLSearchParams({ ...(state.pipeline ? { pipeline: state.pipeline } : {}), asset: key });
  if (byHand) history.replaceState(null, "", `#${place}`);
  ask();
}

function ask() {
  feed.ask({ ...(state.pipeline ? { pipeline: state.pipeline } : {}), ...(state.asset ? { asset: state.asset } : {}), ...(state.search ? { search: state.search } : {}) });
}

$("pipeline-choice").addEventListener("change", (event) => {
  Object.assign(state, { pipeline: event.target.value, asset: null, history: null, assets: null });
  state.sparks.clear();
  ask();
});
let typing;
$("search").addEventListener("input", (event) => {
  clearTimeout(typing);
  typing = setTimeout(() => { state.search = event.target.value.trim(); ask(); }, 250);
});

// MARK: One asset

let charts = [], chartsOf = "";

function drawDetail() {
  const { history } = state;
  const asset = state.assets?.assets.find((candidate) => candidate.key === state.asset);
  if (!history || history.asset !== state.asset) {
    if (state.asset) { say($("detail-title"), state.asset); say($("detail-note"), "Loading its last minutes …"); }
    return;
  }
  say($("detail-title"), history.asset);
  const about = asset ? standing(asset) : { kind: "silent", text: "not listed" };
  $("detail-state").hidden = false;
  $("detail-state").dataset.kind = asset?.severity ? "bad" : about.kind === "silent" ? "warn" : "good";
  say($("detail-state"), asset?.severity ? `${asset.severity}` : about.kind);
  say($("detail-note"), asset?.severity ? `raised ${duration(asset.raisedSeconds)} ago`
    : asset && asset.ageSeconds > 15 ? `last evaluation ${duration(asset.ageSeconds)} ago` : asset ? "evaluated just now · each point is the highest score of two seconds" : "it is not in the list");
  const points = history.points;
  $("charts").hidden = false;
  const names = `${history.pipeline} ${history.channels.map((channel) => `${channel.name} ${channel.unit}`).join()}`;
  if (chartsOf !== names) {
    chartsOf = names;
    charts = [new TimeChart({ title: "Score", height: 250, isLarge: true, kind: "score" }),
      ...history.channels.map((channel) => new TimeChart({ title: channel.name, unit: channel.unit, height: matchMedia("(max-width: 480px)").matches ? 84 : 116 }))];
    $("charts").replaceChildren(...charts.map((chart) => chart.element));
  }
  // A young history fills its charts: from a minute on they grow to five.
  const to = now(), from = Math.max(to - span, Math.min(points[0]?.[0] ?? to, to - 60_000));
  const recent = points.filter((point) => point[0] >= from - 2000);
  const times = recent.map((point) => point[0]);
  const spans = alarmSpans(recent, to), falls = fallbackSpans(recent, to);
  const bands = history.rule?.bands || [];
  const thresholds = bands.map((band) => [band.raiseAbove, band.severity, `${band.severity} ${format(band.raiseAbove)}`]);
  const marks = recent.filter((point) => point[3]).map((point) => [point[0], point[1], point[3] === "cleared" ? "cleared" : severities[point[2]] || "warning", `${point[3]} ${clock(point[0])}, score ${format(point[1])}`]);
  const scores = recent.map((point) => point[1]), moments = [...times];
  // The newest score comes every second, a point every two.
  if (asset && asset.ageSeconds < 2 && to - asset.ageSeconds * 1000 > (times.at(-1) ?? 0)) { moments.push(to - asset.ageSeconds * 1000); scores.push(asset.score); }
  charts[0].set({ times: moments, values: scores, thresholds, spans: [...spans, ...falls], marks, from, to, note: spans.length ? `${spans.length} times raised` : "not raised" });
  history.channels.forEach((channel, index) => charts[index + 1].set({ times, values: recent.map((point) => point[5 + index] ?? NaN), spans, from, to }));
  drawTable(recent);
}

function alarmSpans(points, to) {
  const spans = [];
  let start = null;
  for (const point of points) {
    if (point[2] && start === null) start = [point[0], point[2]];
    if (start) start[1] = Math.max(start[1], point[2]);
    if (!point[2] && start) { spans.push([start[0], point[0], `raised ${severities[start[1]]}`]); start = null; }
  }
  if (start) spans.push([start[0], to, `raised ${severities[start[1]]}`]);
  return spans;
}

function fallbackSpans(points, to) {
  const spans = [];
  points.forEach((point, index) => { if (point[4]) spans.push([point[0], points[index + 1]?.[0] ?? to, "fallback"]); });
  return spans;
}

function drawTable(points) {
  $("detail-table").hidden = false;
  if (!$("detail-table").open) return;
  const table = $("detail-table").querySelector("table");
  const head = ["Time", "Score", "Alarm", ...state.history.channels.map((channel) => `${channel.name}${channel.unit ? `, ${channel.unit}` : ""}`)];
  table.replaceChildren(make("caption", { class: "unseen", text: `The last ${Math.min(points.length, 60)} points of ${state.asset}` }),
    make("thead", {}, make("tr", {}, ...head.map((text) => make("th", { scope: "col", text })))),
    make("tbody", {}, ...points.slice(-60).reverse().map((point) => make("tr", {}, make("th", { scope: "row", text: clock(point[0]) }), make("td", { text: format(point[1]) }),
      make("td", { text: point[3] || severities[point[2]] || "" }), ...point.slice(5).map((value) => make("td", { text: format(value) }))))));
}
$("detail-table").addEventListener("toggle", drawDetail);

function pointAt(time) { for (const chart of charts) if (chart.data) chart.point(time); }
$("charts").addEventListener("pointermove", (event) => {
  const chart = charts.find((candidate) => candidate.element.contains(event.target));
  if (chart?.bounds) pointAt(chart.timeAt(event.clientX));
});
$("charts").addEventListener("pointerleave", () => pointAt(null));
$("charts").addEventListener("keydown", (event) => {
  const times = charts[0]?.data?.times || [];
  if (!times.length || !["ArrowLeft", "ArrowRight", "Home", "End", "Escape"].includes(event.key)) return;
  event.preventDefault();
  const at = charts[0].pointed ?? times.at(-1), index = times.findIndex((time) => time >= at);
  const step = event.shiftKey ? 10 : 1;
  const next = { ArrowLeft: Math.max(0, index - step), ArrowRight: Math.min(times.length - 1, index + step), Home: 0, End: times.length - 1 }[event.key];
  pointAt(event.key === "Escape" ? null : times[next]);
});

// MARK: Alarms, outbox, models

function eventText({ asset, label, transition, severity }) {
  if (asset === null) return `${label.replaceAll("-", " ")} ${transition}`;
  return { raised: `raised, ${severity}`, escalated: `now ${severity}`, reminded: `still ${severity}`, cleared: "cleared" }[transition] || transition;
}

function drawAlarms() {
  const list = $("events");
  if (!state.alarms.length) return list.replaceChildren(make("li", { class: "empty quiet", text: "None since the agent started." }));
  list.replaceChildren(...state.alarms.slice(0, 8).map((alarm) => make("li", { "data-kind": alarm.transition === "cleared" ? "cleared" : alarm.asset === null ? "warning" : alarm.severity },
    make("span", { class: "shape", "aria-hidden": "true" }),
    make("span", { class: "event-text", title: alarm.score === null ? "" : `score ${format(alarm.score)}` }, make("b", { text: alarm.asset || alarm.pipeline }), ` ${eventText(alarm)}`),
    make("time", { class: "quiet", datetime: alarm.time, text: clock(Date.parse(alarm.time)) }))));
}

let outboxChart;

function drawOutbox() {
  const { outbox } = state.status;
  const box = $("outbox");
  if (!outboxChart) {
    outboxChart = new TimeChart({ title: "Records that wait for the uplink", height: 190, isCount: true, kind: "outbox" });
    box.replaceChildren(outboxChart.element, make("dl", { class: "facts-grid" }));
  }
  const [kind, text] = !outbox.isDiskWritable ? ["bad", "Disk cannot be written"] : !outbox.isUplinkConnected ? ["warn", "Uplink away, records are kept"] : outbox.depth > 0 ? ["good", "Sending"] : ["good", "Nothing waits"];
  $("outbox-state").dataset.kind = kind;
  say($("outbox-state"), text);
  const to = now(), from = to - 15 * 60_000;
  const recent = state.outbox.filter(([time]) => time >= from);
  outboxChart.set({ times: recent.map(([time]) => time), values: recent.map(([, depth]) => depth), from: Math.max(from, Math.min(recent[0]?.[0] ?? to, to - 60_000)), to });
  facts(box.querySelector("dl"), [
    ["Oldest", outbox.oldestAgeSeconds === null ? "none" : duration(outbox.oldestAgeSeconds)],
    ["Delivered", format(outbox.delivered, 9)],
    ["On disk", bytes(outbox.databaseBytes)],
    ["Given up", format(outbox.dropped, 9), outbox.dropped ? "bad" : ""],
    ["Refused", format(outbox.quarantined, 9), outbox.quarantined ? "warn" : ""],
  ]);
}

const phaseText = { resolving: "looking", downloading: "downloading", verifying: "being verified", staged: "staged", selfTest: "in self-test", shadow: "in shadow: runs beside, says nothing", trial: "on trial: decides" };
const whatText = { committed: "committed", refused: "refused", rolledBack: "rolled back", trialStarted: "on trial", shadowStarted: "in shadow", selfTested: "self-test passed", staged: "staged", verified: "verified", downloaded: "downloaded", resolved: "found", failed: "registry failed", waiting: "waits", pinned: "pinned", unpinned: "unpinned", held: "held", released: "released", commanded: "commanded", acknowledged: "acknowledged" };
const percent = (part, whole) => (whole ? `${format((100 * part) / whole)} %` : "–");

function drawModels() {
  const box = $("models");
  if (!state.models || !state.status) return;
  box.replaceChildren(...state.models.pipelines.flatMap((entry) => {
    const decides = state.status.pipelines.find((pipeline) => pipeline.name === entry.name)?.model;
    const parts = [];
    if (state.models.pipelines.length > 1) parts.push(make("h3", { class: "models-pipeline", text: entry.name }));
    parts.push(make("div", { class: "version active" }, make("span", { class: "version-name" }, make("b", { text: decides ? `${decides.name} ${decides.version}` : "–" }), make("span", { class: "quiet", text: decides ? decides.digest.replace("sha256:", "").slice(0, 12) : "" })), make("span", { class: "badge", "data-kind": "good", text: "decides" })));
    const candidate = entry.candidate;
    if (candidate) parts.push(comparison(candidate));
    if (entry.isHeld) parts.push(make("p", { class: "quiet note", text: "Held: no other version is taken." }));
    if (!entry.hasUpdates) parts.push(make("p", { class: "quiet note", text: "Updates are off: the configuration names the bundle." }));
    const lines = entry.history.slice(0, 5);
    if (lines.length) parts.push(make("ol", { class: "versions" }, ...lines.map((line) => make("li", { "data-kind": line.what === "committed" ? "good" : ["refused", "rolledBack", "failed"].includes(line.what) ? "bad" : "" },
      make("span", {}, make("b", { text: line.version ? `${line.version} ` : "" }), whatText[line.what] || line.what, line.reason ? make("span", { class: "quiet", text: ` ${line.reason}` }) : null),
      make("time", { class: "quiet", datetime: line.time, title: line.detail || "", text: new Date(line.time).toLocaleString("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }) })))));
    return parts;
  }));
}

/// A version beside the one that decides.
function comparison(candidate) {
  const { tally } = candidate;
  const isShadow = candidate.phase === "shadow";
  const root = make("div", { class: "version candidate" }, make("span", { class: "version-name" }, make("b", { text: candidate.version || candidate.reference }), make("span", { class: "quiet", text: phaseText[candidate.phase] || candidate.phase })));
  if (!["shadow", "trial"].includes(candidate.phase) || !tally.evaluations) return root;
  const other = isShadow ? tally.reference / tally.evaluations : candidate.activeAlarmShare;
  root.append(make("table", { class: "compare" }, make("caption", { class: "unseen", text: "The new version beside the one before" }),
    make("thead", {}, make("tr", {}, make("th", { scope: "col", text: "" }), make("th", { scope: "col", text: isShadow ? "decides" : "before" }), make("th", { scope: "col", text: "new" }))),
    make("tbody", {},
      make("tr", {}, make("th", { scope: "row", text: "Windows above the threshold" }), make("td", { text: other === null || other === undefined ? "–" : percent(other, 1) }), make("td", { text: percent(tally.alarming, tally.evaluations) })),
      isShadow ? make("tr", {}, make("th", { scope: "row", text: "Agreement" }), make("td", { colspan: 2, text: percent(tally.agreements, tally.evaluations) })) : make("tr", {}, make("th", { scope: "row", text: "Budget missed" }), make("td", { text: "" }), make("td", { text: percent(tally.reference, tally.evaluations) })),
      make("tr", {}, make("th", { scope: "row", text: "No finite score" }), make("td", { text: "" }), make("td", { text: format(tally.failures, 9) })),
      make("tr", {}, make("th", { scope: "row", text: "Windows so far" }), make("td", { text: "" }), make("td", { text: format(tally.evaluations, 9) })))));
  return root;
}

// MARK: What the log complains of

async function readProblems() {
  if (document.hidden || link_state !== "live") return;
  try {
    const response = await fetch("api/v1/status", { headers: feed.headers, cache: "no-store", credentials: "same-origin" });
    const { problems = [] } = response.ok ? await response.json() : {};
    $("problems-card").hidden = problems.length === 0;
    $("problems").replaceChildren(...problems.slice(0, 6).map((problem) => make("li", { "data-kind": problem.level === "error" ? "major" : "warning" },
      make("span", { class: "shape", "aria-hidden": "true" }),
      make("span", { class: "event-text", title: problem.message }, problem.pipeline ? make("b", { text: `${problem.pipeline} ` }) : null, problem.message, problem.count > 1 ? make("span", { class: "quiet", text: ` ×${format(problem.count, 6)}` }) : null),
      make("time", { class: "quiet", datetime: problem.last, text: clock(Date.parse(problem.last)) }))));
  } catch { /* The stream says that the agent is away. */ }
}

// MARK: Events

const handlers = {
  status(status) {
    state.status = status;
    state.serverAhead = Date.parse(status.agent.time) - Date.now();
    if (!state.pipeline || !status.pipelines.some((pipeline) => pipeline.name === state.pipeline)) state.pipeline = status.pipelines[0]?.name ?? null;
    for (const pipeline of status.pipelines) {
      const rates = state.rates.get(pipeline.name) || [];
      if (Date.now() - state.ratesAt >= 4900) rates.push(pipeline.evaluationsPerSecond);
      state.rates.set(pipeline.name, rates.slice(-120));
    }
    if (Date.now() - state.ratesAt >= 4900) state.ratesAt = Date.now();
    state.outbox.push([Date.parse(status.agent.time), status.outbox.depth]);
    if (state.outbox.length > 1000) state.outbox.splice(0, 100);
    drawHeader();
    drawPipelines();
    drawOutbox();
  },
  series(series) {
    for (const [name, rates] of Object.entries(series.rates)) state.rates.set(name, rates.slice(-120));
    const at = Date.parse(series.time);
    state.outbox = series.outbox.map((depth, index) => [at - (series.outbox.length - 1 - index) * series.stepSeconds * 1000, depth]);
    if (state.status) { drawPipelines(); drawOutbox(); }
  },
  assets(assets) {
    if (assets.pipeline !== state.pipeline && state.pipeline) return;
    const at = Math.floor(now() / 1000);
    for (const asset of assets.assets) {
      const spark = asset.recent ? asset.recent.map((score, index) => [at - 2 * (asset.recent.length - index), score]) : state.sparks.get(asset.key) || [];
      if (asset.ageSeconds < 3 && !(at - spark.at(-1)?.[0] < 2)) spark.push([at, asset.score]);
      state.sparks.set(asset.key, spark.slice(-45));
      delete asset.recent;
    }
    state.assets = assets;
    drawAssets();
    drawRaised();
    drawDetail();
  },
  history(history) {
    if (history.asset !== state.asset) return;
    if (history.append && state.history) {
      const last = state.history.points.at(-1)?.[0] ?? 0;
      state.history.points.push(...history.points.filter((point) => point[0] > last + 100));
      const oldest = now() - span - 10_000;
      while (state.history.points.length && state.history.points[0][0] < oldest) state.history.points.shift();
      if (history.rule) state.history.rule = history.rule;
    } else state.history = history;
    drawDetail();
  },
  alarms({ alarms }) {
    const newest = state.alarms[0]?.number ?? -1;
    if (state.linkedAt && state.alarms.length) for (const alarm of alarms.filter((candidate) => candidate.number > newest).reverse()) $("announce").append(make("p", { text: `${alarm.asset || alarm.pipeline} ${eventText(alarm)}` }));
    while ($("announce").childElementCount > 20) $("announce").firstChild.remove();
    state.alarms = alarms;
    drawAlarms();
  },
  models(models) { state.models = models; drawModels(); },
};

const link = $("link");
let link_state = "loading";

function showLink() {
  const root = document.documentElement;
  root.dataset.link = link_state;
  if (link_state !== "lost") return void (link.hidden = true);
  link.hidden = false;
  const age = state.linkedAt ? `This is ${duration((Date.now() - state.linkedAt) / 1000)} old. ` : "";
  say(link, `${state.linkedAt ? "The agent does not answer." : "Nothing has come from the agent yet."} ${age}${state.reason ? `(${state.reason}) ` : ""}Trying again …`);
  if (state.linkedAt) { $("state").dataset.kind = "unknown"; say($("state-text"), "Disconnected"); }
}
setInterval(showLink, 1000);

const feed = new Feed("api/v1/events", {
  onEvent(name, value) { handlers[name]?.(value); },
  onState(next, about = {}) {
    link_state = next;
    state.reason = about.reason || "";
    if (next === "live") state.linkedAt = Date.now();
    $("unlock").hidden = next !== "locked";
    $("main").hidden = next === "locked";
    if (next === "locked") { say($("unlock-error"), about.isWrong ? "The agent does not take this token." : ""); say($("state-text"), "Locked"); $("token").focus(); }
    showLink();
  },
});
$("unlock").addEventListener("submit", (event) => { event.preventDefault(); feed.unlock($("token").value); $("token").value = ""; });
drawAlarms();
ask();
setInterval(readProblems, 10_000);
setTimeout(readProblems, 1500);
