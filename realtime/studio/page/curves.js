// The rows of AUs over time: names and values on the left, plots on the right, one playhead through all of them.

import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./vendor/preact-htm.js";
import { AuName, auInfo, two, useColours, useSize } from "./parts.js";
import { columnOf, curve, cut, eventsOf, frameAt } from "./timeline.js";
import { BETWEEN, isOn, markOf, valueText } from "./labels_store.js";
import { marksText } from "./marks.js";
import { AuPlot } from "./plot.js";
import { Minimap, Ruler } from "./minimap.js";

const HEIGHT = 38;
const CLICK = 4; // pixels that a hand moves without meaning to

/**
 * rows: [{au, u}] to show, in their order. range: [from, to] in seconds; frame: the current one; span: [from, to]
 * frames or null; labelled: frames with a human's word. chosen: the AU that is worked on. answers: of the
 * frame, by u. Calls onFrame(frame), onRange(from, to), onSpan(from, to), onChoose(au), onZoom(factor,
 * at seconds), onPan(share).
 */
export function Curves(props) {
  const { timeline, face, rows, range, frame, span, chosen, answers, labels, state } = props;
  const [ref, { width }] = useSize();
  const ink = useColours();
  const [drag, setDrag] = useState(null);
  const pieces = useMemo(() => (face && width ? cut(face, range[0], range[1], width) : null), [face, range, width]);
  const overlay = useOverlay(props, width, setDrag);
  const x = (seconds) => ((seconds - range[0]) / (range[1] - range[0])) * width;
  const at = x(timeline.times[frame] ?? 0);
  return html`<div class="curves">
    <div class="curves-head">
      <span class="small dim">AU, and its probability at the frame</span>
      <div>
        <${Minimap} ...${{ timeline, face, range, frame }} labelled=${props.labelled} onRange=${props.onRange} />
        <${Ruler} range=${range} />
      </div>
    </div>
    <div class="curves-rows">
      ${rows.map(
        ({ au, u }) => html`<${Row}
          key=${au}
          ...${{ au, u, timeline, face, range, width, pieces, span, state, ink, chosen: chosen === au }}
          runs=${labels.runs(face?.id, au)}
          marks=${labels.marks(face?.id, au)}
          label=${labels.at(face?.id, frame, au)}
          here=${labels.marksAt(face?.id, frame, au)}
          answer=${answers?.[u]}
          onChoose=${props.onChoose}
        />`,
      )}
      <div class="curves-over" ref=${ref} ...${overlay}>
        ${at >= 0 && at <= width && html`<div class="playhead" style=${{ left: `${at}px` }}></div>`}
        ${
          drag &&
          html`<div
          class=${drag.shift ? "dragged span" : "dragged"}
          style=${{ left: `${Math.min(drag.from, drag.to)}px`, width: `${Math.abs(drag.to - drag.from)}px` }}
        ></div>`
        }
      </div>
    </div>
  </div>`;
}

/** Wheel, click and drag over all plots. */
function useOverlay(props, width, setDrag) {
  const { timeline, range, rows, onFrame, onRange, onSpan, onChoose, onZoom, onPan } = props;
  const seconds = (x) => range[0] + (x / width) * (range[1] - range[0]);
  const here = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const onWheel = (event) => {
    event.preventDefault();
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey;
    const unit = event.deltaMode === 1 ? 32 : 1;
    if (sideways) onPan(((event.deltaX || event.deltaY) * unit) / width);
    else onZoom(Math.exp(event.deltaY * unit * 0.002), seconds(here(event)[0]));
  };
  const onPointerDown = (event) => {
    if (event.button) return;
    const [from, y] = here(event);
    const { currentTarget, shiftKey: shift } = event;
    const row = rows[Math.floor(y / HEIGHT)];
    if (row) onChoose(row.au);
    currentTarget.setPointerCapture(event.pointerId);
    let to = from;
    currentTarget.onpointermove = (moved) => {
      [to] = here(moved);
      if (Math.abs(to - from) > CLICK) setDrag({ from, to, shift });
    };
    currentTarget.onpointercancel = currentTarget.onpointerup = (ended) => {
      currentTarget.onpointermove = currentTarget.onpointerup = currentTarget.onpointercancel = null;
      setDrag(null);
      if (ended.type === "pointercancel") return;
      const [a, b] = [seconds(Math.min(from, to)), seconds(Math.max(from, to))];
      const frames = [a, b].map((one) => frameAt(timeline.times, one));
      if (Math.abs(to - from) <= CLICK) onFrame(frames[0]);
      else if (shift) onSpan(...frames);
      else onRange(a, b);
    };
  };
  return { onWheel, onPointerDown };
}

function Row(props) {
  const { au, u, timeline, face, range, width, pieces, span, state, ink, chosen, runs, marks, label, here } = props;
  const { answer, onChoose } = props;
  const element = useRef(null);
  const plot = useRef(null);
  const seen = useSeen(element);
  const events = face ? eventsOf(timeline, face.id, au) : [];
  const starts = useMemo(() => Float64Array.from(events, (event) => event.onset_s), [events]);
  useEffect(() => () => plot.current?.destroy(), []);
  useEffect(() => chosen && element.current.parentElement.scrollIntoView({ block: "nearest" }), [chosen]);
  useLayoutEffect(() => {
    if (!seen || !pieces || width < 8) return;
    plot.current ??= new AuPlot(element.current, width, HEIGHT);
    plot.current.size(width, HEIGHT);
    plot.current.show(curve(face, columnOf(timeline, face, u), pieces), {
      ...{ from: range[0], to: range[1], times: timeline.times, threshold: timeline.thresholds[u] },
      ...{ events, starts, runs, marks, span: chosen ? span : null, ink },
    });
  }, [seen, pieces, width, runs, marks, span, chosen, ink, events]);
  const on = label ? isOn(label.value) : answer?.on;
  return html`<div class=${chosen ? "curve chosen" : "curve"}>
    <button type="button" class="curve-name" aria-pressed=${chosen} onClick=${() => onChoose(au)}>
      <span class="cut"><${AuName} state=${state} au=${au} /></span>
      <span class="number">${answer ? two(answer.p) : "–"}</span>
      <span class=${label || here.length ? "says human" : on ? "says on" : "says"}>
        ${here.length > 0 && `${marksText(here)} · `}${saysText(answer, label)}
        ${auInfo(state, au).experimental && html`<i> ▵ experimental</i>`}
      </span>
    </button>
    <div class="curve-plot" ref=${element}></div>
  </div>`;
}

const SOURCES = { confirmed: ", confirmed", [BETWEEN]: ", between marks" };

function saysText(answer, label) {
  if (label) return `${markOf(label.value)} ${valueText(label)}${SOURCES[label.source] ?? ""}`;
  if (!answer) return "no face";
  const words = [answer.on ? "▬ present" : "absent"];
  if (answer.level != null && answer.on) words.push(`level ${answer.level.toFixed(1)}`);
  if (answer.sides && answer.on) words.push(`L ${two(answer.sides[0])} R ${two(answer.sides[1])}`);
  return words.join(" · ");
}

/** Whether an element is near the part that is scrolled to; plots of others are not drawn. */
function useSeen(ref) {
  const [seen, set] = useState(false);
  useEffect(() => {
    const watcher = new IntersectionObserver(([entry]) => set(entry.isIntersecting), {
      root: ref.current.closest(".curves"),
      rootMargin: "40px 0px",
    });
    watcher.observe(ref.current);
    return () => watcher.disconnect();
  }, []);
  return seen;
}
