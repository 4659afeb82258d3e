// The stream to the server: pictures go out, answers come back, each beside the picture that it is of.

const TRIES_S = [0.5, 1, 2, 4, 5];
const MOST_UNANSWERED = 2; // the server takes the newest, so more would only be older when their turn comes
const FORGOTTEN_S = 2; // a picture without an answer for so long was dropped
const FINAL = [1003, 1008, 1009]; // the same would happen again

/** says: {ready(about), answer(answer, picture, round_ms), lost(why, final)} */
export class Stream {
  constructor(token, says) {
    this.token = token;
    this.says = says;
    this.sent = 0;
    this.answered = 0;
    this.unanswered = new Map(); // seconds -> {picture, at}
    this.tries = 0;
    this.open();
  }

  open() {
    const address = new URL("v1/stream", document.baseURI);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    this.isReady = false;
    this.error = "";
    try {
      this.socket = new WebSocket(address, ["ks.v1", `ks.token.${this.token}`]);
    } catch {
      this.says.lost("A browser can send letters, digits, - and _ in a token alone; give the server such a one.", true);
      return;
    }
    this.socket.onopen = () => this.socket.send(JSON.stringify({ format: "jpeg", name: "webcam" }));
    this.socket.onmessage = (event) => this.hear(JSON.parse(event.data));
    this.socket.onclose = (event) => this.ended(event);
  }

  /** Whether a picture that is sent now would be looked at soon. */
  get wants() {
    const now = performance.now();
    for (const [time, { at }] of this.unanswered) {
      if (now - at > 1000 * FORGOTTEN_S) this.unanswered.delete(time);
    }
    return this.isReady && this.unanswered.size < MOST_UNANSWERED && this.socket.bufferedAmount === 0;
  }

  /** jpeg: an ArrayBuffer. picture: what is shown when its answer comes. */
  send(jpeg, picture) {
    if (!this.isReady) return;
    const at = performance.now();
    const time = at / 1000;
    const message = new Uint8Array(8 + jpeg.byteLength);
    new DataView(message.buffer).setFloat64(0, time, true);
    message.set(new Uint8Array(jpeg), 8);
    this.unanswered.set(time, { picture, at });
    this.sent += 1;
    this.socket.send(message);
  }

  hear(message) {
    if (message.type === "error") this.error = message.error;
    else if (message.type === "ready") {
      this.isReady = true;
      this.says.ready(message);
    } else this.match(message);
  }

  match(answer) {
    this.tries = 0;
    let found = null;
    for (const [time, waiting] of this.unanswered) {
      if (time > answer.pts_s + 1e-6) break;
      this.unanswered.delete(time); // older ones were dropped
      if (Math.abs(time - answer.pts_s) <= 1e-6) found = waiting;
    }
    if (!found) return;
    this.answered += 1;
    this.says.answer(answer, found.picture, performance.now() - found.at);
  }

  async ended(event) {
    const wasReady = this.isReady;
    this.isReady = false;
    this.unanswered.clear();
    if (this.stopped) return;
    const why = this.error || event.reason || (wasReady ? "The connection broke." : await this.reason());
    const final = FINAL.includes(event.code) || this.refused;
    this.says.lost(why, final);
    if (final || this.stopped) return;
    const wait = TRIES_S[Math.min(this.tries, TRIES_S.length - 1)];
    this.tries += 1;
    this.timer = setTimeout(() => this.open(), 1000 * wait);
  }

  /** A browser does not tell why a WebSocket was refused; another request with the same token does. */
  async reason() {
    try {
      const asked = await fetch("metrics", { headers: { Authorization: `Bearer ${this.token}` } });
      this.refused = asked.status === 401 || asked.status === 403;
      if (this.refused) return "This is not the server's token.";
      return asked.ok ? "The server is full; trying again." : `No stream here (HTTP ${asked.status}); trying again.`;
    } catch {
      return "The server does not answer; trying again.";
    }
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    this.socket?.close(1000);
  }
}
