// All answers of a recording: views into the server's bytes, and what fits on a screen of them.

const KINDS = { f8: Float64Array, i4: Int32Array, u4: Uint32Array, i2: Int16Array, u2: Uint16Array, u1: Uint8Array };
const FULL = 65535; // a probability of 1
const DIFFER_FULL = 255;
const NO_POSE = -32768;
const NO_LEVEL = 255;
const LEVEL_STEPS = 50; // per level of intensity
const SIDE_FULL = 254;
const NO_SIDE = 255;
const BLOCK = 8; // rows that are looked at as one where many lie in a pixel
const GAP_S = 0.5; // a face that was away for longer breaks its curve

const align8 = (n) => (n + 7) & ~7;
const product = (shape) => shape.reduce((size, n) => size * n, 1);

/** The header's fields, `times`, and `faces`, each with its arrays and the `seconds` of its rows. */
export function parseTimeline(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const arrays = {};
  let at = align8(4 + length);
  for (const [name, kind, shape] of header.arrays) {
    const made = new KINDS[kind](buffer, at, product(shape));
    arrays[name] = made;
    at += align8(made.byteLength);
  }
  const times = arrays.times_s;
  const faces = header.faces.map(({ id, rows }) => {
    const own = Object.fromEntries(
      ["frame", "p", "on", "differ", "box", "pose", "intensity", "left", "right"].map((n) => [n, arrays[`${id}.${n}`]]),
    );
    const seconds = Float64Array.from(own.frame, (frame) => times[frame]);
    return { id, rows, ...own, seconds, columns: new Map() };
  });
  const whole = (times.length ? times[times.length - 1] : 0) + 1 / (header.fps || 25); // seconds, the last frame's too
  return { ...header, times, numbers: arrays.numbers, faces, whole, events: eventsByRow(header.events) };
}

function eventsByRow(events) {
  const rows = new Map();
  for (const event of events ?? []) {
    const key = `${event.face}:${event.au}`;
    if (!rows.has(key)) rows.set(key, []);
    rows.get(key).push(event);
  }
  rows.forEach((row) => row.sort((a, b) => a.onset_s - b.onset_s));
  return rows;
}

const NONE = [];
export const eventsOf = (timeline, faceId, au) => timeline.events.get(`${faceId}:${au}`) ?? NONE;

/** First place whose value is >= wanted, in an increasing array. */
export function lowerBound(values, wanted, from = 0, to = values.length) {
  while (from < to) {
    const middle = (from + to) >> 1;
    if (values[middle] < wanted) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** The frame nearest to a time. */
export function frameAt(times, seconds) {
  const after = lowerBound(times, seconds);
  if (after === 0) return 0;
  if (after === times.length) return times.length - 1;
  return seconds - times[after - 1] <= times[after] - seconds ? after - 1 : after;
}

/** A face's row of a frame, or -1 where it was not seen. */
export function rowOf(face, frame) {
  if (!face) return -1;
  const row = lowerBound(face.frame, frame);
  return face.frame[row] === frame ? row : -1;
}

/** What the model says of a face in a frame, per AU of timeline.aus; null where it saw none. */
export function answersAt(timeline, face, frame) {
  const row = rowOf(face, frame);
  if (row < 0) return null;
  const count = timeline.aus.length;
  const sided = timeline.sided?.length ?? 0;
  return timeline.aus.map((au, u) => {
    const at = row * count + u;
    const s = sided ? timeline.sided.indexOf(au) : -1;
    const level = face.intensity ? face.intensity[at] : NO_LEVEL;
    return {
      au,
      p: face.p[at] / FULL,
      on: face.on[at] === 1,
      differ: face.differ ? face.differ[at] / DIFFER_FULL : 0,
      level: level === NO_LEVEL ? null : level / LEVEL_STEPS,
      sides: s < 0 ? null : sidesAt(face, row * sided + s),
    };
  });
}

function sidesAt({ left, right }, at) {
  return !left || left[at] === NO_SIDE || right[at] === NO_SIDE ? null : [left[at] / SIDE_FULL, right[at] / SIDE_FULL];
}

export function boxAt(face, frame) {
  const row = rowOf(face, frame);
  return row < 0 || !face.box ? null : Array.from(face.box.subarray(row * 4, row * 4 + 4));
}

/** Yaw, pitch, roll in degrees, or null. */
export function poseAt(face, frame) {
  const row = rowOf(face, frame);
  if (row < 0 || !face.pose || face.pose[row * 3] === NO_POSE) return null;
  return Array.from(face.pose.subarray(row * 3, row * 3 + 3), (tenths) => tenths / 10);
}

/** One AU's numbers of all rows, side by side in memory; taken out of the table once. */
export function columnOf(timeline, face, u) {
  if (!face.columns.has(u)) {
    const count = timeline.aus.length;
    const p = new Uint16Array(face.rows);
    const differ = new Uint8Array(face.rows);
    for (let row = 0, at = u; row < face.rows; row += 1, at += count) {
      p[row] = face.p[at];
      if (face.differ) differ[row] = face.differ[at];
    }
    face.columns.set(u, { p, differ, blocks: null });
  }
  return face.columns.get(u);
}

/** The rows of a face between two times cut into pixel columns: `starts[c]` is the first row of column c. */
export function cut(face, from, to, width) {
  const first = Math.max(lowerBound(face.seconds, from) - 1, 0);
  const last = Math.min(lowerBound(face.seconds, to) + 1, face.rows);
  if (last - first <= 2 * width) return { first, last, starts: null, step: 0 };
  const starts = new Int32Array(width + 1);
  const step = (to - from) / width;
  for (let c = 0, at = first; c <= width; c += 1) {
    at = c === width ? last : lowerBound(face.seconds, from + c * step, at, last);
    starts[c] = c === 0 ? first : at;
  }
  return { first, last, starts, step };
}

/** [x, p, low, high] for a plot. Of a pixel column with many rows the lowest and the highest stay, in their order. */
export function curve(face, column, { first, last, starts, step }) {
  const out = [[], [], [], []];
  const { p, differ } = column;
  const { seconds } = face;
  const away = Math.max(GAP_S, 2.5 * step); // the face was not there
  let before = -1;
  const push = (row, low, high) => {
    if (before >= 0 && seconds[row] - seconds[before] > away) breakAt(out, seconds[before]);
    out[0].push(seconds[row]);
    out[1].push(p[row] / FULL);
    out[2].push(Math.max(low, 0) / FULL);
    out[3].push(Math.min(high, FULL) / FULL);
    before = row;
  };
  if (!starts) {
    for (let row = first; row < last; row += 1) push(row, p[row] - differ[row] * 257, p[row] + differ[row] * 257);
    return out;
  }
  if (last - first > 4 * BLOCK * starts.length) fromBlocks(column, starts, push);
  else fromRows(column, starts, push);
  return out;
}

function fromRows({ p, differ }, starts, push) {
  for (let c = 0; c + 1 < starts.length; c += 1) {
    if (starts[c] === starts[c + 1]) continue;
    const { lowRow, highRow, low, high } = extremes(p, differ, starts[c], starts[c + 1]);
    push(Math.min(lowRow, highRow), low, high);
    if (lowRow !== highRow) push(Math.max(lowRow, highRow), low, high);
  }
}

function extremes(p, differ, from, to) {
  let [lowRow, highRow, low, high] = [from, from, FULL, 0];
  for (let row = from; row < to; row += 1) {
    const value = p[row];
    if (value < p[lowRow]) lowRow = row;
    else if (value > p[highRow]) highRow = row;
    const spread = differ[row] * 257;
    if (value - spread < low) low = value - spread;
    if (value + spread > high) high = value + spread;
  }
  return { lowRow, highRow, low, high };
}

/** The same from blocks of rows, which are looked through once. A block belongs to the column of its first row. */
function fromBlocks(column, starts, push) {
  const { p } = column;
  column.blocks ??= blocksOf(column);
  const { lows, highs, low, high } = column.blocks;
  for (let c = 0; c + 1 < starts.length; c += 1) {
    const [from, to] = [Math.ceil(starts[c] / BLOCK), Math.ceil(starts[c + 1] / BLOCK)];
    if (from >= to) continue;
    let [lowRow, highRow, least, most] = [lows[from], highs[from], low[from], high[from]];
    for (let b = from + 1; b < to; b += 1) {
      if (p[lows[b]] < p[lowRow]) lowRow = lows[b];
      if (p[highs[b]] > p[highRow]) highRow = highs[b];
      if (low[b] < least) least = low[b];
      if (high[b] > most) most = high[b];
    }
    push(Math.min(lowRow, highRow), least, most);
    if (lowRow !== highRow) push(Math.max(lowRow, highRow), least, most);
  }
}

function blocksOf({ p, differ }) {
  const count = Math.ceil(p.length / BLOCK);
  const made = {
    lows: new Int32Array(count),
    highs: new Int32Array(count),
    low: new Int32Array(count),
    high: new Int32Array(count),
  };
  for (let b = 0; b < count; b += 1) {
    const found = extremes(p, differ, b * BLOCK, Math.min((b + 1) * BLOCK, p.length));
    [made.lows[b], made.highs[b], made.low[b], made.high[b]] = [found.lowRow, found.highRow, found.low, found.high];
  }
  return made;
}

function breakAt(out, seconds) {
  out[0].push(seconds);
  for (const values of out.slice(1)) values.push(null);
}

/** How unsure the model is of each row: the mean over the AUs of how near p is to its threshold, plus disagreement. */
export function doubts(timeline, face, wanted = null) {
  const count = timeline.aus.length;
  const used = wanted ?? timeline.aus.map((_, u) => u);
  const found = new Float32Array(face.rows);
  for (const u of used) {
    const threshold = timeline.thresholds[u];
    for (let row = 0, at = u; row < face.rows; row += 1, at += count) {
      const p = face.p[at] / FULL;
      const near = p < threshold ? p / threshold : (1 - p) / (1 - threshold);
      found[row] += near + (face.differ ? face.differ[at] / DIFFER_FULL : 0);
    }
  }
  for (let row = 0; row < face.rows; row += 1) found[row] /= used.length * 2;
  return found;
}

/** Per AU, the mean doubt and the share of rows where it is present; for sorting. */
export function summaries(timeline, face) {
  if (face.summaries) return face.summaries;
  face.summaries = timeline.aus.map((au, u) => {
    const doubt = doubts(timeline, face, [u]);
    let sum = 0;
    let on = 0;
    for (let row = 0; row < face.rows; row += 1) {
      sum += doubt[row];
      on += face.on[row * timeline.aus.length + u];
    }
    return { au, doubt: sum / Math.max(face.rows, 1), present: on / Math.max(face.rows, 1) };
  });
  return face.summaries;
}

/** The least sure rows first, at least `apart` seconds from each other. */
export function leastSure(timeline, face, wanted, most = 50, apart = 1) {
  const doubt = doubts(timeline, face, wanted);
  const order = Array.from(doubt.keys()).sort((a, b) => doubt[b] - doubt[a]);
  const taken = [];
  for (const row of order) {
    if (taken.length === most) break;
    if (taken.every((other) => Math.abs(face.seconds[other] - face.seconds[row]) >= apart)) taken.push(row);
  }
  return taken.map((row) => ({ frame: face.frame[row], doubt: doubt[row] }));
}

/** The row with the least action, a proposal for a neutral frame; -1 if there is no row. */
export function calmest(timeline, face) {
  const count = timeline.aus.length;
  let best = -1;
  let least = Infinity;
  for (let row = 0; row < face.rows; row += 1) {
    let sum = 0;
    for (let u = 0; u < count; u += 1) sum += face.p[row * count + u];
    if (sum < least) [least, best] = [sum, row];
  }
  return best < 0 ? -1 : face.frame[best];
}
