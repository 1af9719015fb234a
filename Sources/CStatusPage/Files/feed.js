// Server-sent events by fetch, which unlike EventSource can send a token. Comes back by itself.

const silenceMilliseconds = 6000;

/// Reads `event:` and `data:` lines; calls `onEvent(name, value)` for each event.
async function read(response, onEvent, onBytes) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    onBytes();
    rest += value;
    let end;
    while ((end = rest.indexOf("\n\n")) >= 0) {
      let name = "message";
      const data = [];
      for (const line of rest.slice(0, end).split("\n")) {
        if (line.startsWith("event:")) name = line.slice(6).trim();
        else if (line.startsWith("data:")) data.push(line.slice(5).trimStart());
      }
      rest = rest.slice(end + 2);
      if (data.length) onEvent(name, JSON.parse(data.join("\n")));
    }
    if (rest.length > 4_000_000) throw new Error("an event without an end");
  }
}

/// Keeps a stream open.
///
/// onState gets "live", "lost" (with the seconds until the next try) or "locked" (a token is needed).
export class Feed {
  constructor(path, { onEvent, onState }) {
    this.path = path;
    this.onEvent = onEvent;
    this.onState = onState;
    this.query = "";
    this.token = sessionStorage.getItem("token") || "";
    this.failures = 0;
    this.lastEvent = 0;
    document.addEventListener("visibilitychange", () => (document.hidden ? this.pause() : this.open()));
  }

  /// What every request shows of the token.
  get headers() { return this.token ? { Authorization: `Bearer ${this.token}` } : {}; }

  /// What is to be sent from now on; opens the stream anew.
  ask(query) {
    const text = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
    if (text === this.query && this.abort) return;
    this.query = text;
    this.open();
  }

  unlock(token) {
    this.token = token;
    sessionStorage.setItem("token", token);
    this.open();
  }

  /// A page that nobody sees takes none of the agent's few streams.
  pause() {
    clearTimeout(this.timer);
    clearTimeout(this.watchdog);
    this.abort?.abort();
    this.abort = null;
  }

  async open() {
    this.pause();
    if (document.hidden) return;
    const abort = (this.abort = new AbortController());
    const guard = () => {
      clearTimeout(this.watchdog);
      this.watchdog = setTimeout(() => abort.abort(), silenceMilliseconds);
    };
    guard();
    try {
      const response = await fetch(`${this.path}?${this.query}`, { headers: { ...this.headers, Accept: "text/event-stream" }, signal: abort.signal, cache: "no-store", credentials: "same-origin" });
      if (response.status === 401 || response.status === 403) {
        clearTimeout(this.watchdog);
        this.abort = null;
        return this.onState("locked", { isWrong: this.token !== "" });
      }
      if (!response.ok) throw new Error(response.status === 503 || response.status === 429 ? "the agent has no stream to spare" : `the agent answers ${response.status}`);
      await read(response, (name, value) => {
        this.failures = 0;
        this.lastEvent = Date.now();
        this.onState("live");
        this.onEvent(name, value);
      }, guard);
      throw new Error("the stream has ended");
    } catch (error) {
      if (this.abort !== abort) return; // Opened anew, or paused.
      this.abort = null;
      clearTimeout(this.watchdog);
      const seconds = Math.min(10, 1 + this.failures++);
      this.onState("lost", { seconds, reason: abort.signal.aborted || error instanceof TypeError ? "" : error.message });
      this.timer = setTimeout(() => this.open(), seconds * 1000);
    }
  }
}
