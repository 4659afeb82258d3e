// What is seen: the picture with its faces, and a bar for each AU of the largest face.

import { AU_NAMES } from "./au_names.js";

const COLOUR = { found: "#ffc42e", rejected: "#ff938a" };
const byId = (id) => document.getElementById(id);

/** Rows for the server's AUs. about: the server's first message. */
export function makeRows(about) {
  const experimental = new Set(about.experimental.map(number));
  byId("aus").replaceChildren(...about.aus.map((au, i) => row(number(au), about.thresholds[i], experimental)));
}

const number = (au) => Number(String(au).replace("AU", ""));

function row(au, threshold, experimental) {
  const made = element("li");
  const name = element("span", "name", `AU${au} ${AU_NAMES[au] ?? ""}`);
  name.title = experimental.has(au) ? `${name.textContent}: experimental, not shown to work on real faces`
    : name.textContent;
  if (experimental.has(au)) name.append(" *");
  const bar = element("span", "bar");
  const tick = element("span", "tick");
  tick.style.left = `${100 * threshold}%`;
  bar.append(element("span", "fill"), tick);
  made.append(element("span", "mark", "▸"), name, bar, element("span", "value", "-"));
  made.dataset.au = `AU${au}`;
  return made;
}

function element(kind, className = "", text = "") {
  const made = document.createElement(kind);
  made.className = className;
  made.textContent = text;
  return made;
}

export function show(answer, picture) {
  const face = largest(answer.faces);
  draw(answer.faces, picture);
  byId("face").textContent = title(face, answer.faces.length);
  for (const made of byId("aus").children) {
    const au = face?.aus?.[made.dataset.au];
    const known = au?.p != null;
    made.classList.toggle("present", known && au.c);
    made.querySelector(".fill").style.width = known ? `${100 * au.p}%` : "0";
    made.querySelector(".value").textContent = known ? au.p.toFixed(2) : "-";
    made.setAttribute("aria-label", known ? `${made.dataset.au} ${au.p.toFixed(2)}${au.c ? ", present" : ""}` : "");
  }
  const head = face?.head;
  byId("head").textContent = head ? `${round(head.yaw_deg)}° ${round(head.pitch_deg)}° ${round(head.roll_deg)}°` : "-";
}

const round = (value) => (Math.round(value) || 0).toString(); // no -0

function title(face, count) {
  if (!face) return "No face in sight";
  const more = count > 1 ? `, the largest of ${count}` : "";
  return face.success ? `Face ${face.face_id}${more}` : `Face ${face.face_id}${more}: ${face.reason}`;
}

const area = ([left, top, right, bottom]) => (right - left) * (bottom - top);
const largest = (faces) => faces.reduce((a, b) => (a && area(a.box_xyxy_px) >= area(b.box_xyxy_px) ? a : b), null);

function draw(faces, picture) {
  const canvas = byId("picture");
  if (canvas.width !== picture.width || canvas.height !== picture.height) {
    Object.assign(canvas, { width: picture.width, height: picture.height });
  }
  const pen = canvas.getContext("2d");
  pen.drawImage(picture, 0, 0);
  pen.lineWidth = 2;
  for (const face of faces) {
    const [left, top, right, bottom] = face.box_xyxy_px;
    pen.strokeStyle = face.success ? COLOUR.found : COLOUR.rejected;
    pen.strokeRect(left, top, right - left, bottom - top);
  }
}

/** Numbers on the stream, over the last seconds. */
export class Facts {
  constructor() {
    this.rows = [];
  }

  add(answer, roundMs, stream) {
    const now = performance.now();
    this.rows.push({ now, roundMs, serverMs: answer.latency_ms });
    this.rows = this.rows.filter((one) => now - one.now < 3000);
    const seconds = (now - this.rows[0].now) / 1000;
    byId("fps").textContent = seconds > 0.5 ? ((this.rows.length - 1) / seconds).toFixed(1) : "-";
    byId("round").textContent = `${Math.round(median(this.rows.map((one) => one.roundMs)))} ms`;
    byId("server").textContent = `${Math.round(median(this.rows.map((one) => one.serverMs)))} ms`;
    byId("share").textContent = `${stream.answered} / ${stream.sent}`;
  }
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
