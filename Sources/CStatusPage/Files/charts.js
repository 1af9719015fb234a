// Small charts as SVG: lines over time with thresholds, alarm spans and marks; bars for latencies.

const namespace = "http://www.w3.org/2000/svg";

export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(namespace, name);
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined && value !== null) element.setAttribute(key, value);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const number = (value) => Math.round(value * 10) / 10;

/// A number for people: three or four digits, thin space between thousands.
export function format(value, digits = 3) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e7 || size < 1e-4)) return value.toExponential(1).replace("e", "·10^").replace("+", "");
  const decimals = size >= 1000 ? 0 : size === 0 ? 0 : Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
  return value.toLocaleString("en-US", { maximumFractionDigits: Math.min(decimals, 6), minimumFractionDigits: 0 }).replaceAll(",", " ");
}

export const clock = (milliseconds, seconds = true) =>
  new Date(milliseconds).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: seconds ? "2-digit" : undefined });

/// Round steps that give about `count` of them.
function ticks(low, high, count) {
  const raw = (high - low) / Math.max(count, 1);
  if (!(raw > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= raw * 0.999);
  const found = [];
  for (let value = Math.ceil(low / step - 1e-9) * step; value <= high + step * 1e-9; value += step) found.push(Math.abs(value) < step * 1e-9 ? 0 : value);
  return found;
}

function decades(low, high) {
  const found = [];
  for (let power = Math.ceil(Math.log10(low) - 1e-9); power <= Math.log10(high) + 1e-9; power++) found.push(10 ** power);
  const every = Math.ceil(found.length / 5);
  return found.filter((_, index) => index % every === 0);
}

/// Maps values to pixels, straight or by logarithm.
function scale(low, high, from, to, isLog) {
  const forward = isLog ? (value) => Math.log10(Math.max(value, low)) : (value) => value;
  const start = forward(low), length = forward(high) - start || 1;
  return (value) => from + ((forward(value) - start) / length) * (to - from);
}

function path(points) {
  let text = "", isDown = false;
  for (const [x, y] of points) {
    if (y === null || !Number.isFinite(y)) { isDown = false; continue; }
    text += `${isDown ? "L" : "M"}${number(x)} ${number(y)}`;
    isDown = true;
  }
  return text;
}

/// A line without axes, the way to its ground filled.
export function sparkline(values, { width = 96, height = 28, kind = "", threshold = null } = {}) {
  const known = values.filter(Number.isFinite);
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: `spark ${kind}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  if (known.length < 2) return root;
  let low = Math.min(...known), high = Math.max(...known);
  const isLog = threshold !== null && low > 0;
  if (threshold !== null) { high = Math.max(high, threshold * 1.3); if (!isLog) low = Math.min(low, 0); }
  if (threshold === null) low = Math.min(low, 0);
  if (high === low) high = low + 1;
  const x = scale(0, values.length - 1, 1, width - 1), y = scale(low, high, height - 2, 2, isLog);
  const line = path(values.map((value, index) => [x(index), Number.isFinite(value) ? y(value) : null]));
  if (threshold !== null) root.append(svg("line", { x1: 0, x2: width, y1: number(y(threshold)), y2: number(y(threshold)), class: "spark-threshold" }));
  if (threshold === null) root.append(svg("path", { d: `${line}L${width - 1} ${height}L1 ${height}Z`, class: "spark-area" }));
  root.append(svg("path", { d: line, class: "spark-line" }));
  return root;
}

/// Times at round minutes or seconds within a span.
function timeTicks(from, to, count) {
  const step = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200].map((seconds) => seconds * 1000).find((candidate) => (to - from) / candidate <= count) || 14_400_000;
  const offset = new Date(to).getTimezoneOffset() * 60_000;
  const found = [];
  for (let time = Math.ceil((from - offset) / step) * step + offset; time <= to; time += step) found.push(time);
  return [found, step];
}

/// A chart of one quantity over time. `set` draws; `point(time)` moves the cross-hair.
export class TimeChart {
  constructor({ title, unit = "", height, isLarge = false, kind = "", isCount = false }) {
    Object.assign(this, { unit, height, isLarge, isCount });
    this.element = document.createElement("figure");
    this.element.className = `chart ${kind} ${isLarge ? "large" : ""}`;
    const caption = document.createElement("figcaption");
    this.title = document.createElement("span");
    this.title.className = "chart-title";
    this.title.textContent = title;
    this.value = document.createElement("span");
    this.value.className = "chart-value";
    this.when = document.createElement("span");
    this.when.className = "chart-when quiet";
    caption.append(this.title, this.value);
    if (isLarge) this.title.after(this.when);
    this.root = svg("svg", { class: "plot", role: "img", height });
    this.element.append(caption, this.root);
    new ResizeObserver(() => this.data && this.draw()).observe(this.element);
  }

  /// times: milliseconds, ascending. spans: [from, to, kind]. marks: [time, value, kind, text]. thresholds: [value, kind, text].
  set(data) {
    this.data = data;
    this.draw();
  }

  draw() {
    const { times, values, thresholds = [], spans = [], marks = [], from, to, note = "" } = this.data;
    const width = Math.max(160, Math.floor(this.root.parentElement?.clientWidth || 300)), height = this.height;
    const isNarrow = width < 520, hasLabels = this.isLarge && !isNarrow && thresholds.length > 0;
    const left = isNarrow && this.isLarge ? 38 : this.isLarge ? 46 : 40, right = hasLabels ? 92 : 8, top = 8, bottom = this.isLarge ? 22 : 17;
    this.root.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.root.setAttribute("width", width);
    const known = values.filter(Number.isFinite);
    let low = known.length ? Math.min(...known) : 0, high = known.length ? Math.max(...known) : 1;
    const limits = thresholds.map(([value]) => value).filter(Number.isFinite);
    if (limits.length) high = Math.max(high, Math.max(...limits) * 1.15);
    // Scores lie orders of magnitude apart when something is wrong: then only a logarithm shows both.
    const isLog = this.isLarge && low > 0 && limits.length > 0 && Math.min(...limits) > 0 && high / Math.min(low, ...limits) > 30;
    if (isLog) { low = Math.min(low, ...limits) / 1.5; high *= 1.4; }
    else if (this.isLarge || this.isCount) { low = Math.min(low, 0); if (this.isCount) high = Math.max(high, 4); }
    const margin = (high - low) * 0.12 || Math.max(Math.abs(high) * 0.02, 1e-3);
    if (!isLog) { high += margin; if (low !== 0 || !(this.isLarge || this.isCount)) low -= margin; }
    const x = scale(from, to, left, width - right), y = scale(low, high, height - bottom, top, isLog);
    this.x = x; this.y = y; this.bounds = { left, right: width - right, top, bottom: height - bottom, from, to };

    const children = [];
    for (const [start, end, kind] of spans) {
      const begin = Math.max(x(start), left), finish = Math.min(x(end), width - right);
      if (finish > begin) children.push(svg("rect", { x: number(begin), width: number(Math.max(finish - begin, 1)), y: top, height: height - top - bottom, class: `span ${kind}` }));
    }
    let lines = isLog ? decades(low, high) : ticks(low, high, this.isLarge ? 4 : 2);
    for (let count = 3; !isLog && lines.length < 2 && count < 9; count++) lines = ticks(low, high, count);
    for (const value of lines) {
      const at = number(y(value));
      children.push(svg("line", { x1: left, x2: width - right, y1: at, y2: at, class: "grid" }));
      children.push(svg("text", { x: left - 6, y: at + 3.5, class: "tick end" }, format(value)));
    }
    const [moments, step] = timeTicks(from, to, Math.max(2, Math.floor((width - left - right) / (this.isLarge ? 90 : 76))));
    for (const time of moments) {
      const at = number(x(time));
      if (this.isLarge) children.push(svg("line", { x1: at, x2: at, y1: height - bottom, y2: height - bottom + 4, class: "axis" }));
      if (at > left + 12 && at < width - right - 12) children.push(svg("text", { x: at, y: height - (this.isLarge ? 4 : 2), class: "tick middle" }, clock(time, step < 60_000)));
    }
    const labelled = [];
    for (const [value, kind, text] of thresholds) {
      if (value < low || value > high) continue;
      const at = number(y(value));
      children.push(svg("line", { x1: left, x2: width - right, y1: at, y2: at, class: `threshold ${kind}` }));
      if (this.isLarge && labelled.every((other) => Math.abs(other - at) > 11)) {
        children.push(hasLabels ? svg("text", { x: width - right + 8, y: at + 3.5, class: `threshold-text ${kind}` }, text)
          : svg("text", { x: left + 5, y: at - 4, class: `threshold-text halo ${kind}` }, text));
        labelled.push(at);
      }
    }
    // A gap of more than six seconds is no line.
    const drawn = [];
    times.forEach((time, index) => {
      if (index > 0 && time - times[index - 1] > Math.max(6000, (to - from) / 30)) drawn.push([0, null]);
      drawn.push([x(time), Number.isFinite(values[index]) ? y(values[index]) : null]);
    });
    if (this.isCount && drawn.length > 1) {
      const ground = number(y(low));
      children.push(svg("path", { d: `${path(drawn)}L${number(drawn.at(-1)[0])} ${ground}L${number(drawn[0][0])} ${ground}Z`, class: "area" }));
    }
    children.push(svg("path", { d: path(drawn), class: "line" }));
    if (times.length === 1 && Number.isFinite(values[0])) children.push(svg("circle", { cx: number(x(times[0])), cy: number(y(values[0])), r: 2, class: "now" }));
    for (const [time, value, kind, text] of marks) {
      if (time < from || time > to) continue;
      const at = x(time), place = Math.min(Math.max(y(value), top + 6), height - bottom - 5);
      const mark = kind === "cleared"
        ? svg("path", { d: `M${number(at - 5)} ${number(place - 4)}h10l-5 8z`, class: "mark cleared" })
        : svg("path", { d: `M${number(at - 5)} ${number(place + 4)}h10l-5 -8z`, class: `mark ${kind}` });
      mark.append(svg("title", {}, text));
      children.push(mark);
    }
    const last = values.length - 1;
    if (last >= 0 && Number.isFinite(values[last])) children.push(svg("circle", { cx: number(x(times[last])), cy: number(y(values[last])), r: this.isLarge ? 3.5 : 2.5, class: "now" }));
    if (!known.length) children.push(svg("text", { x: (left + width - right) / 2, y: height / 2, class: "tick middle" }, "no readings yet"));
    this.hair = svg("line", { y1: top, y2: height - bottom, class: "hair", visibility: "hidden" });
    this.spot = svg("circle", { r: 3.5, class: "spot", visibility: "hidden" });
    children.push(this.hair, this.spot);
    this.root.replaceChildren(...children);
    const words = known.length ? `now ${format(known.at(-1))} ${this.unit}, between ${format(Math.min(...known))} and ${format(Math.max(...known))} in this time` : "no readings yet";
    this.root.setAttribute("aria-label", `${this.title.textContent}: ${words}${note ? `, ${note}` : ""}`);
    this.point(this.pointed ?? null);
  }

  /// Shows the value at a time; null: the newest.
  point(time) {
    this.pointed = time;
    const { times, values } = this.data;
    let index = times.length - 1;
    if (time !== null && times.length) {
      index = times.findIndex((candidate) => candidate >= time);
      if (index < 0) index = times.length - 1;
      if (index > 0 && time - times[index - 1] < times[index] - time) index--;
    }
    const value = values[index];
    const unit = document.createElement("small");
    unit.textContent = this.unit;
    this.value.replaceChildren(format(value), unit);
    const shows = time !== null && Number.isFinite(value);
    this.when.textContent = shows && this.isLarge ? clock(times[index]) : "";
    this.hair.setAttribute("visibility", shows ? "visible" : "hidden");
    this.spot.setAttribute("visibility", shows ? "visible" : "hidden");
    if (shows) {
      const at = number(this.x(times[index]));
      for (const [key, to] of [["x1", at], ["x2", at]]) this.hair.setAttribute(key, to);
      this.spot.setAttribute("cx", at);
      this.spot.setAttribute("cy", number(this.y(value)));
    }
  }

  timeAt(clientX) {
    const box = this.root.getBoundingClientRect(), { left, right, from, to } = this.bounds;
    return from + (Math.min(Math.max(clientX - box.left, left), right) - left) / (right - left) * (to - from);
  }
}

/// Latencies as bars on a logarithmic axis, with the budget's mark.
export function latencies(element, { lowestMilliseconds, perOctave, counts, budget, p50, p99, maximum }) {
  const width = Math.max(220, Math.floor(element.clientWidth || 420)), height = 168, left = 8, right = 12, top = 34, bottom = 24;
  const total = counts.reduce((sum, count) => sum + count, 0);
  const bound = (index) => lowestMilliseconds * 2 ** (index / perOctave);
  let first = counts.findIndex((count) => count > 0), last = counts.findLastIndex((count) => count > 0);
  if (first < 0) { first = 0; last = 0; }
  const low = Math.min(bound(first) / 1.6, budget / 20), high = Math.max(bound(last + 1) * 1.3, budget * 2);
  const x = scale(low, high, left, width - right, true), tallest = Math.max(...counts, 1);
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, class: "plot", role: "img" });
  root.append(svg("rect", { x: number(x(budget)), width: number(width - right - x(budget)), y: top, height: height - top - bottom, class: "over" }));
  for (const value of decades(low, high)) {
    const at = number(x(value));
    root.append(svg("line", { x1: at, x2: at, y1: height - bottom, y2: height - bottom + 4, class: "axis" }));
    if (at > left + 8 && at < width - right - 8) root.append(svg("text", { x: at, y: height - 6, class: "tick middle" }, value < 1 ? `${format(value * 1000)} µs` : value < 1000 ? `${format(value)} ms` : `${format(value / 1000)} s`));
  }
  root.append(svg("line", { x1: left, x2: width - right, y1: height - bottom, y2: height - bottom, class: "axis" }));
  counts.forEach((count, index) => {
    if (!count) return;
    const from = x(bound(index)), to = x(bound(index + 1));
    const tall = Math.max((count / tallest) * (height - top - bottom), 1.5);
    const bar = svg("rect", { x: number(from + 0.5), width: number(Math.max(to - from - 1, 1)), y: number(height - bottom - tall), height: number(tall), rx: 1.5, class: bound(index) >= budget ? "bar late" : "bar" });
    bar.append(svg("title", {}, `${format(bound(index))} to ${format(bound(index + 1))} ms: ${format(count)} of ${format(total)}`));
    root.append(bar);
  });
  const mark = (value, text, kind, row) => {
    const at = Math.min(Math.max(x(value), left), width - right);
    const anchor = at > width - 90 ? "end" : at < 60 ? "start" : "middle";
    root.append(svg("line", { x1: number(at), x2: number(at), y1: row + 5, y2: height - bottom, class: `mark-line ${kind}` }));
    root.append(svg("text", { x: number(at + (anchor === "end" ? 2 : anchor === "start" ? -2 : 0)), y: row, class: `mark-text ${kind}`, "text-anchor": anchor }, text));
  };
  if (total > 0) mark(p99, `p99 ${format(p99)} ms`, "p99", 26);
  mark(budget, `budget ${format(budget)} ms`, "budget", 11);
  root.setAttribute("aria-label", total > 0
    ? `Latency of ${format(total)} evaluations: half within ${format(p50)} ms, 99 % within ${format(p99)} ms, longest ${format(maximum)} ms; the budget is ${format(budget)} ms`
    : `No evaluation yet; the budget is ${format(budget)} ms`);
  element.replaceChildren(root);
}
