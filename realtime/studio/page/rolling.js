// The last 20 seconds of each face, and how they are drawn: a strip per action unit, and the picture with its boxes.

export const SPAN_S = 20;
export const ROW = 34; // CSS pixels of a strip
const GAP_S = 0.6; // a line does not cross a longer pause

export class Rolling {
  constructor() {
    this.faces = new Map(); // id -> [{t, p, on, differ}], oldest first
    this.now = 0;
  }

  push({ time_s: t, faces }) {
    if (t < this.now) this.faces.clear(); // the source began again
    this.now = t;
    for (const { id, p, on, differ } of faces) {
      if (!this.faces.has(id)) this.faces.set(id, []);
      this.faces.get(id).push({ t, p, on, differ });
    }
    for (const [id, rows] of this.faces) {
      while (rows.length && rows[0].t < t - SPAN_S) rows.shift();
      if (!rows.length) this.faces.delete(id);
    }
  }
}

/** All strips of a face, one below the other. pen: of parts.js' sharp(). */
export function drawStrips(pen, width, rolling, face, thresholds, colour) {
  const rows = rolling.faces.get(face) ?? [];
  const x = (t) => width - ((rolling.now - t) / SPAN_S) * width;
  thresholds.forEach((threshold, u) => {
    const top = u * ROW + 3;
    const high = ROW - 6;
    const y = (p) => top + (1 - Math.min(1, Math.max(0, p))) * (high - 4) + 1;
    pen.fillStyle = colour.sunken;
    pen.fillRect(0, top, width, high);
    pen.fillStyle = colour.line;
    for (let s = 5; s < SPAN_S; s += 5) pen.fillRect(Math.round(width * (1 - s / SPAN_S)), top, 1, high);
    for (const run of runs(rows, u)) {
      present(pen, run, u, x, top, high, colour);
      band(pen, run, u, x, y, colour);
      line(pen, run, u, x, y, colour);
    }
    pen.fillStyle = colour.dim;
    for (let at = 0; at < width; at += 6) pen.fillRect(at, Math.round(y(threshold)), 2, 1);
  });
}

/** Stretches without a pause in which the AU was answered. */
function* runs(rows, u) {
  let run = [];
  for (const row of rows) {
    const answered = row.p?.[u] != null;
    if (run.length && (!answered || row.t - run.at(-1).t > GAP_S)) {
      yield run;
      run = [];
    }
    if (answered) run.push(row);
  }
  if (run.length) yield run;
}

function present(pen, run, u, x, top, high, colour) {
  let from = null;
  const fill = (left, right) => {
    const wide = Math.max(2, right - left);
    pen.fillStyle = colour.present_soft;
    pen.fillRect(left, top, wide, high);
    pen.fillStyle = colour.present;
    pen.fillRect(left, top + high - 4, wide, 4);
  };
  for (const row of run) {
    if (row.on?.[u]) from ??= x(row.t);
    else if (from !== null) {
      fill(from, x(row.t));
      from = null;
    }
  }
  if (from !== null) fill(from, x(run.at(-1).t));
}

function band(pen, run, u, x, y, colour) {
  pen.fillStyle = colour.band;
  pen.beginPath();
  for (const { t, p, differ } of run) pen.lineTo(x(t), y(p[u] + (differ?.[u] ?? 0) / 2));
  for (const { t, p, differ } of run.toReversed()) pen.lineTo(x(t), y(p[u] - (differ?.[u] ?? 0) / 2));
  pen.fill();
}

function line(pen, run, u, x, y, colour) {
  pen.strokeStyle = colour.model;
  pen.lineWidth = 1.5;
  pen.lineJoin = "round";
  pen.beginPath();
  for (const { t, p } of run) pen.lineTo(x(t), y(p[u]));
  pen.stroke();
}

const NAMES_SHOWN = 5;

/** The picture and, from the same message, its faces. shown: id of the face whose strips are shown. */
export function drawPicture(pen, width, height, { header, picture }, aus, shown, names) {
  if (picture) pen.drawImage(picture, 0, 0, width, height);
  const scale = width / header.width;
  for (const face of header.faces.toSorted((a, b) => (a.id === shown) - (b.id === shown))) {
    const [left, top, right, bottom] = face.box.map((side) => side * scale);
    box(pen, left, top, right - left, bottom - top, face.id === shown, Boolean(face.rejected));
    const place = [left, top, face.rejected ? Infinity : right];
    const present = face.rejected ? [] : aus.filter((_, u) => face.on[u]).map(names);
    const more = present.length > NAMES_SHOWN ? [`and ${present.length - NAMES_SHOWN} more`] : [];
    const title = face.rejected ? `Face ${face.id}: ${face.rejected}` : `Face ${face.id}`;
    labels(pen, width, height, place, [title, ...present.slice(0, NAMES_SHOWN), ...more]);
  }
}

function box(pen, left, top, width, height, shown, rejected) {
  pen.setLineDash(rejected ? [6, 4] : []);
  for (const [colour, wide] of [["#000000b0", shown ? 6 : 4], [shown ? "#ffc42e" : "#ffffff", shown ? 3 : 1.5]]) {
    pen.strokeStyle = colour;
    pen.lineWidth = wide;
    pen.strokeRect(left, top, width, height);
  }
  pen.setLineDash([]);
}

/** Beside the box, right or left; above it where neither has room, or if right is Infinity. */
function labels(pen, width, height, [left, top, right], lines) {
  pen.font = "12px system-ui, sans-serif";
  pen.textBaseline = "top";
  const wide = Math.max(...lines.map((one) => pen.measureText(one).width)) + 10;
  const high = lines.length * 16 + 6;
  const beside = right + 6 + wide <= width ? right + 6 : left - 6 - wide;
  const at = beside >= 0 && right < Infinity ? [beside, top] : [left, top - 4 - high];
  const [x, y] = [Math.min(Math.max(0, at[0]), width - wide), Math.min(Math.max(0, at[1]), height - high)];
  pen.fillStyle = "#000000b8";
  pen.fillRect(x, y, wide, high);
  lines.forEach((one, i) => {
    pen.fillStyle = i ? "#ffd166" : "#ffffff";
    pen.fillText(one, x + 5, y + 4 + 16 * i);
  });
}
