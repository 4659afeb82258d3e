// Correcting: what a key or a button says of an AU in the frames that are chosen.

import { html } from "./vendor/preact-htm.js";
import { AuName, Icon, auInfo, count, two } from "./parts.js";
import { MOST_FRAMES, PRESENT, UNSCORABLE, valueText } from "./labels_store.js";
import { MarkButtons } from "./marks.js";
import { lowerBound } from "./timeline.js";

/** The chosen frames in which the face was seen, as rows [first, last). */
export function rowsOf(face, [from, to]) {
  return [lowerBound(face.frame, from), lowerBound(face.frame, to + 1)];
}

/** Statements for each frame: valueOf(u, row) gives the value, or undefined for no word. Throws what to do instead. */
export function statementsOf(timeline, face, frames, aus, valueOf, more = {}) {
  const [first, last] = rowsOf(face, frames);
  if (first === last) throw new Error("The face is not seen in these frames; choose others");
  const most = Math.floor(MOST_FRAMES / aus.length);
  if (last - first > most)
    throw new Error(`At most ${most.toLocaleString("en")} frames at a time; choose a shorter span`);
  const said = [];
  for (let row = first; row < last; row += 1) {
    const frame = face.frame[row];
    for (const { au, u } of aus) {
      const value = valueOf(u, row, frame);
      if (value !== undefined)
        said.push({
          face: face.id,
          frame,
          time_s: timeline.times[frame],
          au,
          value,
          side: null,
          source: "human",
          ...more,
        });
    }
  }
  return said;
}

/** What the model says, as a value. */
export const modelValue = (timeline, face) => (u, row) => (face.on[row * timeline.aus.length + u] ? PRESENT : 0);

const LEVELS = ["A", "B", "C", "D", "E"];

/**
 * The buttons for the chosen AU, and the marks of the frame. does: say(value), confirm(), confirmAll(), side(letter),
 * mark(mark), takeBack(), undo(), redo().
 */
export function CorrectBar({ state, au, label, marks, answer, span, frames, does, canUndo, canRedo }) {
  if (au == null)
    return html`<div class="correct dim">
      Choose an AU: click its row, press its key, or ↑ ↓. <${Undo} ...${{ does, canUndo, canRedo }} />
    </div>`;
  const info = auInfo(state, au);
  const is = (value) => label?.value === value;
  const button = (value, text, title) => html`<button
    type="button"
    class="btn small"
    aria-pressed=${is(value)}
    title=${title}
    onClick=${() => does.say(value)}
  >
    ${text}
  </button>`;
  const model = answer ? `the model: ${answer.on ? "present" : "absent"}, ${two(answer.p)}` : "no face here";
  const said = label ? `you: ${valueText(label)}` : model;
  return html`<div class="correct" role="group" aria-label=${`Correct AU${au}`}>
    <div class="correct-au">
      <span class="cut">
        <${AuName} state=${state} au=${au} />${info.key ? html` <kbd>${info.key.toUpperCase()}</kbd>` : ""}
      </span>
      <span class="dim small cut">
        ${span ? `${count(frames, "frame")}, ${span[0]} to ${span[1]}` : "This frame"} · ${said}
      </span>
    </div>
    <span class="spread"></span>
    <button
      type="button"
      class="btn small"
      title="The model is right: Enter"
      disabled=${!answer}
      onClick=${does.confirm}
    >
      <${Icon} name="ok" />Confirm
    </button>
    <span class="joined">
      ${button(0, "Absent", "0")}${button(PRESENT, "Present", info.key?.toUpperCase() ?? "")}
      ${LEVELS.map((letter, i) => button(i + 1, letter, `Level ${letter}: ${i + 1}`))}
      ${button(UNSCORABLE, "Not scorable", `Shift+${info.key?.toUpperCase()}`)}
    </span>
    <span class="joined">
      ${["L", "R"].map(
        (side) => html`<button
          type="button"
          class="btn small"
          aria-pressed=${label?.side === side}
          title=${side === "L" ? "Left alone: [" : "Right alone: ]"}
          onClick=${() => does.side(side)}
        >
          ${side}
        </button>`,
      )}
    </span>
    <${MarkButtons} here=${marks} disabled=${!answer} onMark=${does.mark} />
    <button
      type="button"
      class="btn small"
      disabled=${!label && !span && !marks.length}
      title="Backspace"
      onClick=${does.takeBack}
    >
      Take back
    </button>
    <${Undo} ...${{ does, canUndo, canRedo }} />
  </div>`;
}

function Undo({ does, canUndo, canRedo }) {
  const button = (name, title, can, run) => html`<button
    type="button"
    class="btn small icon"
    aria-label=${title.split(":")[0]}
    title=${title}
    disabled=${!can}
    onClick=${run}
  >
    <${Icon} name=${name} />
  </button>`;
  return html`<span class="joined">
    ${button("undo", "Undo: Z", canUndo, does.undo)}${button("redo", "Redo: Shift+Z", canRedo, does.redo)}
  </span>`;
}
