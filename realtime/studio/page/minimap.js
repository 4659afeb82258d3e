// The whole recording in one strip: how many AUs are present, where labels are, and the part that is shown.

import { html, useLayoutEffect, useMemo, useRef } from "./vendor/preact-htm.js";
import { clock, sharp, useColours, useSize } from "./parts.js";

const HEIGHT = 34;
const RULER = 18;
const STEPS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];

/** Per pixel column the most AUs that are present in one of its rows. */
function densities(timeline, face, width) {
  const found = new Uint8Array(width);
  const count = timeline.aus.length;
  const frames = timeline.times.length;
  for (let row = 0; row < face.rows; row += 1) {
    const from = Math.floor((face.seconds[row] / timeline.whole) * width);
    const next = face.frame[row] + 1 < frames ? timeline.times[face.frame[row] + 1] : timeline.whole;
    const to = Math.min(Math.max(Math.ceil((next / timeline.whole) * width), from + 1), width);
    let on = 0;
    for (let u = 0, at = row * count; u < count; u += 1, at += 1) on += face.on[at];
    for (let c = from; c < to; c += 1) if (on > found[c]) found[c] = on;
  }
  return found;
}

/** range: [from, to] in seconds. onRange(from, to) moves it. */
export function Minimap({ timeline, face, range, frame, labelled, onRange }) {
  const [ref, { width }] = useSize();
  const canvas = useRef(null);
  const ink = useColours();
  const bars = useMemo(() => (face && width > 1 ? densities(timeline, face, width) : null), [timeline, face, width]);
  useLayoutEffect(() => {
    if (width < 2) return;
    const pen = sharp(canvas.current, width, HEIGHT);
    const x = (seconds) => (seconds / timeline.whole) * width;
    pen.fillStyle = ink.sunken;
    pen.fillRect(0, 0, width, HEIGHT);
    if (bars) {
      pen.fillStyle = ink.present;
      const unit = (HEIGHT - 9) / Math.sqrt(Math.max(timeline.aus.length, 1));
      bars.forEach((on, c) => on && pen.fillRect(c, HEIGHT - Math.sqrt(on) * unit, 1, HEIGHT));
    }
    pen.fillStyle = ink.human;
    for (const one of labelled) diamond(pen, x(timeline.times[one]), 4);
    const [left, right] = [x(range[0]), x(range[1])];
    pen.fillStyle = ink.bg;
    pen.globalAlpha = 0.6;
    pen.fillRect(0, 0, left, HEIGHT);
    pen.fillRect(right, 0, width - right, HEIGHT);
    pen.globalAlpha = 1;
    pen.strokeStyle = ink.accent;
    pen.lineWidth = 2;
    pen.strokeRect(left + 1, 1, Math.max(right - left - 2, 3), HEIGHT - 2);
    pen.fillStyle = ink.bad;
    pen.fillRect(x(timeline.times[frame] ?? 0) - 1, 0, 2, HEIGHT);
  }, [bars, width, range, frame, labelled, ink, timeline]);
  const grab = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    const at = (e) => ((e.clientX - box.left) / box.width) * timeline.whole;
    const size = range[1] - range[0];
    const inside = at(event) >= range[0] && at(event) <= range[1] && size < timeline.whole;
    const off = inside ? at(event) - range[0] : size / 2;
    const move = (e) => onRange(at(e) - off, at(e) - off + size);
    event.currentTarget.setPointerCapture(event.pointerId);
    event.currentTarget.onpointermove = move;
    event.currentTarget.onpointerup = event.currentTarget.onpointercancel = (e) => {
      e.currentTarget.onpointermove = null;
    };
    move(event);
  };
  return html`<div class="minimap" ref=${ref}>
    <canvas
      ref=${canvas}
      role="img"
      aria-label=${`The whole recording; shown: ${clock(range[0])} to ${clock(range[1])}`}
      title="Drag to move the part that is shown"
      style=${{ width: `${width}px`, height: `${HEIGHT}px` }}
      onPointerDown=${grab}
    />
  </div>`;
}

function diamond(pen, x, y) {
  pen.beginPath();
  pen.moveTo(x - 4, y);
  pen.lineTo(x, y - 4);
  pen.lineTo(x + 4, y);
  pen.lineTo(x, y + 4);
  pen.fill();
}

/** Times above the rows. */
export function Ruler({ range }) {
  const [ref, { width }] = useSize();
  const canvas = useRef(null);
  const ink = useColours();
  useLayoutEffect(() => {
    if (width < 2) return;
    const pen = sharp(canvas.current, width, RULER);
    const [from, to] = range;
    const step = STEPS.find((one) => (one / (to - from)) * width >= 84) ?? 3600;
    const digits = step >= 1 ? 0 : step >= 0.1 ? 1 : 2;
    pen.fillStyle = ink.dim;
    pen.font = "11px system-ui, sans-serif";
    pen.textBaseline = "top";
    for (let n = Math.ceil(from / step); n * step <= to; n += 1) {
      const x = ((n * step - from) / (to - from)) * width;
      pen.fillRect(Math.round(x), RULER - 6, 1, 6);
      pen.fillText(clock(n * step, digits), x + 3, 1);
    }
  }, [width, range, ink]);
  return html`<div class="ruler" ref=${ref}>
    <canvas ref=${canvas} aria-hidden="true" style=${{ width: `${width}px`, height: `${RULER}px` }} />
  </div>`;
}
