// The labels of one recording by one coder: what holds, as runs of frames, and what is said, undone and redone.

export const PRESENT = "present";
export const UNSCORABLE = "unscorable";
export const MARKED = "marked"; // the value of a mark that is there
export const BETWEEN = "between"; // the source of a label that follows from an onset and an offset
export const MOST_FRAMES = 8000; // of one action: the server takes 1 MB
const TRIES = 10; // of an action that another page, which says one after the other, came before
const NONE = [];
const LEVELS = ["absent", "A", "B", "C", "D", "E"];

/** "absent", "level C", "present, left only", "not scorable", "" for none. */
export function valueText(label) {
  if (!label || label.value == null) return "";
  const { value, side } = label;
  const named =
    value === UNSCORABLE ? "not scorable" : value === PRESENT ? PRESENT : value ? `level ${LEVELS[value]}` : "absent";
  return side ? `${named}, ${side === "L" ? "left" : "right"} only` : named;
}

export const isOn = (value) => value === PRESENT || (typeof value === "number" && value > 0);

/** The shape of a human's word: not colour alone. */
export const markOf = (value) => (isOn(value) ? "◆" : value === 0 ? "◇" : "✕");

let waiting = 0;
addEventListener("beforeunload", (event) => waiting && event.preventDefault());

/** Work whose labels the server does not have yet: whoever leaves the page before is asked. */
export function untilKept(work) {
  waiting += 1;
  return work.finally(() => {
    waiting -= 1;
  });
}

const lines = new Map(); // by coder: the requests of this page, one after the other, whatever recording they are about

function lineOf(coder) {
  if (!lines.has(coder)) lines.set(coder, { end: Promise.resolve(), waiting: 0 });
  return lines.get(coder);
}

const ELSEWHERE = "Your labels were changed elsewhere, in another page or by a file that was read";

/**
 * told(text, kind): takes a line for the coder. The server keeps nothing that comes from a page which does not know the
 * coder's last batch; then the labels are loaded again.
 */
export class Labels {
  constructor(api, recording, coder, told = () => {}) {
    Object.assign(this, { api, recording, coder, told, version: 0, canUndo: false, canRedo: false });
    Object.assign(this, { rows: new Map(), batch: null, line: lineOf(coder) });
    this.listeners = new Set();
  }

  listen(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  #inLine(work) {
    const { line } = this;
    line.waiting += 1;
    const mine = line.end.then(work).finally(() => {
      line.waiting -= 1;
    });
    line.end = mine.catch(() => {});
    return mine;
  }

  load() {
    return this.#inLine(() => this.#fetch());
  }

  /** Whether what holds has changed. */
  async #fetch() {
    if (!this.coder) return false;
    const found = await this.api.get(`/api/labels?${this.api.query({ recording: this.recording, coder: this.coder })}`);
    const before = this.rows;
    this.rows = new Map();
    this.#take(found.labels);
    this.batch = found.batch;
    this.#told(found.can_undo, found.can_redo);
    return !alike(before, this.rows);
  }

  /** said: {coder, batch} of the server's state. Loads again what was said in another page. */
  async heard(said) {
    if (this.line.waiting || this.batch === null || said?.coder !== this.coder || said.batch <= this.batch) return;
    if (await this.load()) this.told(`${ELSEWHERE}; they are shown as they are now`, "warn");
  }

  #row(face, au) {
    const key = `${face}:${au}`;
    if (!this.rows.has(key)) this.rows.set(key, { frames: new Map(), marks: new Map(), runs: null, listed: null });
    return this.rows.get(key);
  }

  #take(said) {
    for (const { face, frame, au, value, side = null, source = "human", mark = null } of said) {
      const row = this.#row(face, au);
      if (mark) setMark(row, frame, mark, value !== null);
      else if (value === null) row.frames.delete(frame);
      else row.frames.set(frame, { value, side, source });
      row.runs = null;
    }
  }

  #told(canUndo, canRedo) {
    Object.assign(this, { canUndo, canRedo, version: this.version + 1 });
    this.listeners.forEach((listener) => listener(this.version));
  }

  at(face, frame, au) {
    return this.rows.get(`${face}:${au}`)?.frames.get(frame);
  }

  /** {au: label} of a frame. */
  of(face, frame, aus) {
    const found = aus.map((au) => [au, this.at(face, frame, au)]);
    return Object.fromEntries(found.filter(([, label]) => label));
  }

  /** Frames in a row with the same value: [{from, to, value, side, source}], by frame. */
  runs(face, au) {
    const row = this.rows.get(`${face}:${au}`);
    if (!row) return NONE;
    row.runs ??= runsOf(row.frames);
    return row.runs;
  }

  /** The marks of an AU: [{frame, mark}], by frame. */
  marks(face, au) {
    const row = this.rows.get(`${face}:${au}`);
    if (!row) return NONE;
    row.listed ??= [...row.marks].sort(byFrame).flatMap(([frame, of]) => of.map((mark) => ({ frame, mark })));
    return row.listed;
  }

  /** ["onset", …] of one frame. */
  marksAt(face, frame, au) {
    return this.rows.get(`${face}:${au}`)?.marks.get(frame) ?? NONE;
  }

  has(face, au) {
    const row = this.rows.get(`${face}:${au}`);
    return row !== undefined && row.frames.size + row.marks.size > 0;
  }

  /** Each frame of a face with a label or a mark, once, in order. */
  frames(face) {
    const found = new Set();
    for (const [key, row] of this.rows)
      if (key.startsWith(`${face}:`)) for (const frame of [...row.frames.keys(), ...row.marks.keys()]) found.add(frame);
    return [...found].sort((a, b) => a - b);
  }

  /** One action: kept by the server, then shown. Throws, with nothing said, if another page changed the same labels. */
  say(statements) {
    if (!statements.length) return Promise.resolve();
    const before = this.#about(statements);
    return this.#inLine(async () => {
      const sent = { recording: this.recording, statements: statements.map(asSent) };
      const post = () => this.#post("/api/labels", sent);
      let answer = await post();
      let changed = false;
      for (let tries = 0; answer.elsewhere; tries += 1) {
        changed = (await this.#fetch()) || changed;
        if (tries === TRIES || this.#about(statements) !== before)
          throw new Error(`${ELSEWHERE}; look at them, then say it again: what you pressed was not kept`);
        answer = await post(); // it is about other labels
      }
      if (changed) this.told(`${ELSEWHERE}; they are shown as they are now`, "warn");
      this.#take(statements);
      this.batch = answer.batch;
      this.#told(true, false);
      this.api.refresh?.();
    });
  }

  async #post(path, body) {
    if (this.batch === null) await this.#fetch();
    return this.api.post(path, { coder: this.coder, known: this.batch, ...body });
  }

  /** What holds where statements are about, to compare. */
  #about(statements) {
    const here = ({ face, frame, au, mark }) =>
      mark ? this.marksAt(face, frame, au).includes(mark) : (this.at(face, frame, au) ?? null);
    return JSON.stringify(statements.map(here));
  }

  undo() {
    return this.#again("/api/undo", (changed) => this.#told(changed, true));
  }

  redo() {
    return this.#again("/api/redo", (changed) => this.#told(true, changed));
  }

  #again(path, told) {
    return this.#inLine(async () => {
      const { changed, batch, elsewhere } = await this.#post(path, {});
      if (elsewhere) {
        await this.#fetch();
        throw new Error(`${ELSEWHERE}; press again to go on from what is there now`);
      }
      this.#take(changed.filter((one) => one.recording === this.recording));
      this.batch = batch;
      told(changed.length > 0);
      this.api.refresh?.();
      return changed;
    });
  }
}

const ORDER = ["onset", "apex", "offset"];

function setMark(row, frame, mark, there) {
  const others = (row.marks.get(frame) ?? NONE).filter((one) => one !== mark);
  const now = there ? ORDER.filter((one) => one === mark || others.includes(one)) : others;
  if (now.length) row.marks.set(frame, now);
  else row.marks.delete(frame);
  row.listed = null;
}

/** A statement without what the server takes for granted. */
function asSent({ side, source, mark, ...said }) {
  const more = { ...(side && { side }), ...(source !== "human" && { source }), ...(mark && { mark }) };
  return { ...said, ...more };
}

/** Whether two maps of rows hold the same. */
function alike(before, after) {
  const text = (rows) =>
    JSON.stringify(
      [...rows]
        .map(([key, { frames, marks }]) => [key, [...frames].sort(byFrame), [...marks].sort(byFrame)])
        .filter(([, frames, marks]) => frames.length + marks.length)
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    );
  return text(before) === text(after);
}

const byFrame = ([a], [b]) => a - b;

function runsOf(frames) {
  const runs = [];
  for (const frame of [...frames.keys()].sort((a, b) => a - b)) {
    const label = frames.get(frame);
    const last = runs[runs.length - 1];
    const goes = last && last.to === frame - 1 && last.value === label.value && last.side === label.side;
    if (goes && last.source === label.source) last.to = frame;
    else runs.push({ from: frame, to: frame, ...label });
  }
  return runs;
}

/** "AU12: absent, frames 100 to 110; onset at frame 100"; of what an undo or a redo changed. */
export function changeText(changed) {
  if (!changed.length) return "";
  const labels = changed.filter((one) => !one.mark);
  const marks = changed.filter((one) => one.mark);
  const parts = [];
  if (labels.length) {
    const frames = labels.map((one) => one.frame);
    const [from, to] = [Math.min(...frames), Math.max(...frames)];
    const values = new Set(labels.map((one) => valueText(one) || "no label"));
    const where = from === to ? `frame ${from}` : `frames ${from} to ${to}`;
    parts.push(`${values.size === 1 ? [...values][0] : "several values"}, ${where}`);
  }
  const shown = marks.slice(0, 3).map((one) => `${one.value ? "" : "no "}${one.mark} at frame ${one.frame}`);
  if (marks.length > 3) shown.push("…");
  parts.push(...shown);
  const aus = [...new Set(changed.map((one) => one.au))];
  const what = aus.length > 3 ? `${aus.length} AUs` : aus.map((au) => `AU${au}`).join(", ");
  return `${what}: ${parts.join("; ")}`;
}
