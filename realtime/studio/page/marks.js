// Onset, apex and offset of an AU: their names, keys and shapes, and what a mark says of the frames between.

import { html } from "./vendor/preact-htm.js";
import { BETWEEN, MARKED, MOST_FRAMES, PRESENT } from "./labels_store.js";
import { lowerBound, rowOf } from "./timeline.js";

export const MARKS = [
  { mark: "onset", name: "Onset", key: "6", shape: "▶", does: "the AU's first frame, its onset; again: not" },
  { mark: "apex", name: "Apex", key: "7", shape: "▲", does: "its strongest frame, the apex; again: not" },
  { mark: "offset", name: "Offset", key: "8", shape: "■", does: "its last frame, the offset; again: not" },
];

export const shapeOf = (mark) => MARKS.find((one) => one.mark === mark).shape;

/** "▶ onset · ▲ apex" of a frame; "" for none. */
export const marksText = (marks) => marks.map((mark) => `${shapeOf(mark)} ${mark}`).join(" · ");

/** The marks nearest to a frame, in order, as "▶ 30, ▲ 41, ■ 60". */
export function marksAround(marks, frame, most = 6) {
  const near = [...marks].sort((a, b) => Math.abs(a.frame - frame) - Math.abs(b.frame - frame)).slice(0, most);
  return near
    .sort((a, b) => a.frame - b.frame)
    .map((one) => `${shapeOf(one.mark)} ${one.mark} ${one.frame}`)
    .join(", ");
}

/** [onset, offset] of the event that has this mark as its begin or end, or null. marks: with it, in any order. */
export function eventWith(marks, frame, mark) {
  const turns = marks
    .filter((one) => one.mark !== "apex")
    .sort((a, b) => a.frame - b.frame || (a.mark === "onset" ? -1 : 1)); // an event of one frame has both in it
  const at = turns.findIndex((one) => one.frame === frame && one.mark === mark);
  const [onset, offset] = mark === "onset" ? [turns[at], turns[at + 1]] : [turns[at - 1], turns[at]];
  return onset?.mark === "onset" && offset?.mark === "offset" ? [onset.frame, offset.frame] : null;
}

/**
 * One action: the mark, or it is taken back if it is there. The second end of an event says present in its frames, too,
 * where nothing else was said. {said, note}: note is a line on what cannot be seen at the frame. Throws what to do
 * instead.
 */
export function marking(labels, timeline, face, au, frame, mark) {
  if (rowOf(face, frame) < 0) throw new Error("The face is not seen in this frame; choose another one");
  const about = { face: face.id, frame, time_s: timeline.times[frame], au, side: null, source: "human", mark };
  if (labels.marksAt(face.id, frame, au).includes(mark))
    return { said: [{ ...about, value: null }], note: "" };
  const put = { ...about, value: MARKED };
  const event = mark !== "apex" && eventWith([...labels.marks(face.id, au), { frame, mark }], frame, mark);
  if (!event) return { said: [put], note: "" };
  const { said, kept } = between(labels, timeline, face, au, event);
  const where = `${event[0]} to ${event[1]}`;
  if (said.length >= MOST_FRAMES)
    return { said: [put], note: `AU${au}: marked, but ${where} are too many frames to say present at once` };
  const others = kept ? `; ${kept} of these frames keep what you said of them` : "";
  return { said: [put, ...said], note: `AU${au}: present from ${where}${others}` };
}

/** Present in an event's frames without a label; kept: how many have another word than present. */
function between(labels, timeline, face, au, [from, to]) {
  const said = [];
  let kept = 0;
  for (let row = lowerBound(face.frame, from); row < face.rows && face.frame[row] <= to; row += 1) {
    const frame = face.frame[row];
    const label = labels.at(face.id, frame, au);
    if (!label) {
      const about = { face: face.id, frame, time_s: timeline.times[frame], au };
      said.push({ ...about, value: PRESENT, side: null, source: BETWEEN });
    } else if (label.value === 0 || label.value === "unscorable") kept += 1;
  }
  return { said, kept };
}

/** Statements that take back the marks of an AU in the frames from..to. */
export function withoutMarks(labels, timeline, face, au, [from, to]) {
  return labels
    .marks(face.id, au)
    .filter(({ frame }) => frame >= from && frame <= to)
    .map(({ frame, mark }) => {
      const about = { face: face.id, frame, time_s: timeline.times[frame], au, side: null, source: "human" };
      return { ...about, mark, value: null };
    });
}

/** Keys of a view; run(mark). A key that is held down marks once. */
export const markKeys = (run) =>
  MARKS.map(({ mark, key, does }) => ({ keys: key, does, run: (event) => event.repeat || run(mark) }));

/** here: the marks of the frame that is shown. */
export function MarkButtons({ here, disabled = false, onMark }) {
  return html`<span class="joined" role="group" aria-label="Marks of the AU's event">
    ${MARKS.map(
      ({ mark, name, key, shape, does }) => html`<button
        type="button"
        class="btn small"
        aria-pressed=${here.includes(mark)}
        disabled=${disabled}
        title=${`${does[0].toUpperCase()}${does.slice(1)}: ${key}`}
        onClick=${() => onMark(mark)}
      >
        <span class="key-human" aria-hidden="true">${shape}</span>${name}
      </button>`,
    )}
  </span>`;
}

/** Draws a mark's shape around (x, y), r pixels to each side. */
export function drawMark(pen, mark, x, y, r) {
  pen.beginPath();
  if (mark === "offset") pen.rect(x - r * 0.9, y - r * 0.9, r * 1.8, r * 1.8);
  else if (mark === "onset") {
    pen.moveTo(x - r, y - r);
    pen.lineTo(x + r, y);
    pen.lineTo(x - r, y + r);
    pen.closePath();
  } else {
    pen.moveTo(x - r, y + r);
    pen.lineTo(x, y - r);
    pen.lineTo(x + r, y + r);
    pen.closePath();
  }
  pen.stroke();
  pen.fill();
}
