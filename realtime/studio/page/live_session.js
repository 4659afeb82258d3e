// A live session: the WebSocket to the engine, what it said, and the last 20 seconds. While it records it outlives the
// view.

import { socket } from "./api.js";
import { Rolling } from "./rolling.js";
import { tab } from "./store.js";

const LOST = "The connection to the studio was lost; start again";

const RECORDING = "recording";

/** The source that this page recorded when it was left, or null. */
export const leftRecording = () => tab.get(RECORDING);

export class LiveSession {
  /** source: "demo", "camera:0", an address, or "recording:ID". changed(): called when anything but a frame came. */
  constructor(source) {
    this.source = source;
    this.phase = "opening"; // opening, running, stopped, failed
    this.error = "";
    this.about = { aus: [], thresholds: [], experimental: [], sided: [] };
    this.recording = null; // {since_s, files}
    this.written = []; // files of recordings that ended
    this.frame = null; // {header, picture} of the same message
    this.rolling = new Rolling();
    this.onChange = () => {};
    this.onFrame = () => {};
    this.socket = socket("/api/live");
    this.socket.onopen = () => this.#say({ start: { source, voices: "all" } });
    this.socket.onmessage = ({ data }) => (typeof data === "string" ? this.#told(JSON.parse(data)) : this.#saw(data));
    this.socket.onclose = ({ reason }) => this.isOpen && this.#end("failed", reason || LOST);
  }

  get isOpen() {
    return this.phase === "opening" || this.phase === "running";
  }

  get failure() {
    return this.error ? { message: this.error, lost: this.error === LOST } : null;
  }

  record(video) {
    this.#say({ record: { video } });
  }

  stopRecording() {
    this.#say({ record: null });
  }

  stop() {
    this.#say({ stop: true });
    if (this.isOpen) this.#end("stopped", "");
  }

  #say(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  #told(message) {
    if ("recording" in message) {
      if (!message.recording && this.recording) this.written = this.recording.files ?? [];
      this.recording = message.recording;
      this.#rememberIt();
    }
    if (message.status) {
      const { status, error, ...about } = message;
      if (about.aus?.length) this.about = about;
      this.error = error ?? "";
      if (status === "failed" || status === "stopped") this.#end(status, this.error);
      else this.phase = status;
    }
    this.onChange();
  }

  async #saw(data) {
    const length = new DataView(data).getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
    let picture = null;
    try {
      picture = await createImageBitmap(new Blob([new Uint8Array(data, 4 + length)], { type: "image/jpeg" }));
    } catch {
      picture = null; // a picture that cannot be shown; its numbers can
    }
    this.frame?.picture?.close();
    this.frame = { header, picture };
    this.rolling.push(header);
    this.onFrame();
    this.#say({ ack: header.n });
  }

  #end(phase, error) {
    this.phase = phase;
    this.error = error;
    if (this.recording) this.written = this.recording.files ?? [];
    this.recording = null;
    this.#rememberIt();
    this.socket.close();
    this.onChange();
  }

  /** A page that is loaded again finds its recording. An address is not kept: it may hold a password. */
  #rememberIt() {
    const kept = this.recording && !this.source.includes("://");
    tab.set(RECORDING, kept ? this.source : null);
  }
}
