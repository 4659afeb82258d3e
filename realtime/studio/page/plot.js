// One AU's plot: probability, threshold, band of disagreement; under it the model's events and a human's labels.

import uPlot from "./vendor/uplot.js";
import { lowerBound } from "./timeline.js";
import { UNSCORABLE, isOn } from "./labels_store.js";
import { drawMark } from "./marks.js";

export const LANE = 13; // CSS pixels under the curve
const TOP = 3;

/** ink: colours(). show() draws; the plot holds no data of its own. */
export class AuPlot {
  constructor(element, width, height) {
    this.view = null;
    const line = (more) => ({ show: true, points: { show: false }, ...more });
    this.plot = new uPlot(
      {
        width,
        height,
        padding: [TOP, 0, LANE, 0],
        legend: { show: false },
        cursor: { show: false },
        scales: { x: { time: false, auto: false }, y: { auto: false, range: [0, 1] } },
        axes: [{ show: false }, { show: false }],
        series: [
          {},
          line({ stroke: () => this.view.ink.model, width: 1.25 }),
          line({ width: 0, stroke: "transparent" }),
          line({ width: 0, stroke: "transparent" }),
        ],
        bands: [{ series: [3, 2], fill: () => this.view.ink.band }],
        hooks: { drawClear: [() => this.#behind()], draw: [() => this.#before()] },
      },
      [[], [], [], []],
      element,
    );
  }

  /**
   * data: of curve(). view: {from, to, times, threshold, events, runs, marks, span, ink, chosen}; times of frames,
   * events, runs and marks by time, span: [frame, frame] or null.
   */
  show(data, view) {
    this.view = view;
    this.plot.batch(() => {
      this.plot.setData(data, false);
      this.plot.setScale("x", { min: view.from, max: view.to });
    });
  }

  size(width, height) {
    if (this.plot.width !== width || this.plot.height !== height) this.plot.setSize({ width, height });
  }

  destroy() {
    this.plot.destroy();
  }

  // Canvas pixels from here on.

  #x(seconds) {
    const { from, to } = this.view;
    const { left, width } = this.plot.bbox;
    return left + ((seconds - from) / (to - from)) * width;
  }

  /** Left and right of the frames from..to; a frame lasts until the next one. */
  #reach(from, to) {
    const { times } = this.view;
    const step = times.length > 1 ? (times[times.length - 1] - times[0]) / (times.length - 1) : 0.04;
    const half = (frame, other) => (times[other] === undefined ? step / 2 : Math.abs(times[other] - times[frame]) / 2);
    return [this.#x(times[from] - half(from, from - 1)), this.#x(times[to] + half(to, to + 1))];
  }

  #behind() {
    if (!this.view) return;
    const { ctx, bbox } = this.plot;
    const { span, ink } = this.view;
    if (!span) return;
    const [left, right] = this.#reach(...span);
    ctx.fillStyle = ink.accent_soft;
    ctx.fillRect(left, 0, Math.max(right - left, 1), bbox.top + bbox.height + LANE * devicePixelRatio);
  }

  #before() {
    if (!this.view) return;
    const { ctx, bbox } = this.plot;
    const ratio = devicePixelRatio;
    ctx.save();
    this.#threshold(ctx, bbox, ratio);
    const lane = bbox.top + bbox.height + 2 * ratio;
    const height = (LANE - 4) * ratio;
    this.#events(ctx, bbox, lane, height, ratio);
    this.#labels(ctx, bbox, lane, height, ratio);
    this.#marks(ctx, bbox, lane + height, ratio);
    ctx.restore();
  }

  #threshold(ctx, bbox, ratio) {
    const { threshold, ink } = this.view;
    const y = Math.round(bbox.top + (1 - threshold) * bbox.height) + 0.5;
    ctx.strokeStyle = ink.edge;
    ctx.lineWidth = ratio;
    ctx.setLineDash([4 * ratio, 4 * ratio]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.setLineDash([]);
  }

  #events(ctx, bbox, top, height, ratio) {
    const { events, starts, to, ink } = this.view;
    const right = bbox.left + bbox.width;
    ctx.fillStyle = ink.present;
    let drawn = -1; // up to here
    for (let i = Math.max(lowerBound(starts, this.view.from) - 1, 0); i < events.length; i += 1) {
      const { onset_s: onset, end_s: end } = events[i];
      if (onset > to) break;
      if (end < this.view.from) continue;
      const x0 = Math.max(this.#x(onset), bbox.left);
      const x1 = Math.min(Math.max(this.#x(end), x0 + ratio), right);
      if (x1 <= drawn) continue;
      ctx.fillRect(x0, top + height * 0.25, x1 - x0, height * 0.5);
      drawn = x1;
    }
  }

  /** A human's labels, over the model's bars: a full bar for present, an open one for absent, a cross for neither. */
  #labels(ctx, bbox, top, height, ratio) {
    const { runs, times, from, to, ink } = this.view;
    const right = bbox.left + bbox.width;
    let drawn = -1;
    for (const run of runs) {
      if (times[run.to] < from - 1 || times[run.from] > to + 1) continue;
      const [x0, x1] = this.#reach(run.from, run.to);
      if (x1 < bbox.left || x0 > right || x1 < drawn) continue;
      drawn = Math.max(x1, x0 + 2 * ratio);
      mark(ctx, run.value, Math.max(x0, bbox.left - 20), Math.min(x1, right + 20), top, height, ratio, ink);
    }
  }

  /** Onset, apex, offset: a line in the frame, and its shape on top. */
  #marks(ctx, bbox, bottom, ratio) {
    const { marks, times, from, to, ink } = this.view;
    const r = 5 * ratio;
    ctx.fillStyle = ink.human;
    for (const { frame, mark } of marks) {
      if (times[frame] < from || times[frame] > to) continue;
      const x = this.#x(times[frame]);
      ctx.fillRect(x - ratio * 0.75, bbox.top, ratio * 1.5, bottom - bbox.top);
      ctx.strokeStyle = ink.surface;
      ctx.lineWidth = 2 * ratio;
      drawMark(ctx, mark, Math.min(Math.max(x, bbox.left + r), bbox.left + bbox.width - r), bbox.top + r, r);
    }
  }
}

function mark(ctx, value, x0, x1, top, height, ratio, ink) {
  const middle = top + height / 2;
  const r = height / 2;
  ctx.lineWidth = 1.5 * ratio;
  ctx.strokeStyle = ink.human;
  ctx.fillStyle = isOn(value) ? ink.human : ink.surface;
  if (x1 - x0 > 3 * height) {
    ctx.fillRect(x0, top, x1 - x0, height);
    ctx.strokeRect(x0 + ratio, top + ratio / 2, x1 - x0 - 2 * ratio, height - ratio);
  }
  const x = (x0 + x1) / 2;
  ctx.beginPath();
  if (value === UNSCORABLE) {
    ctx.moveTo(x - r, middle - r);
    ctx.lineTo(x + r, middle + r);
    ctx.moveTo(x - r, middle + r);
    ctx.lineTo(x + r, middle - r);
    ctx.stroke();
    return;
  }
  ctx.moveTo(x - r, middle);
  ctx.lineTo(x, middle - r);
  ctx.lineTo(x + r, middle);
  ctx.lineTo(x, middle + r);
  ctx.closePath();
  ctx.fill();
  ctx.stroke();
}
