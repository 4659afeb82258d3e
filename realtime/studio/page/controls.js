// Beside the stage: where we are, playing, faces, and jumps.

import { html, useState } from "./vendor/preact-htm.js";
import { Icon, clock, count } from "./parts.js";
import { MARKS } from "./marks.js";
import { poseAt } from "./timeline.js";

const RATES = [0.25, 0.5, 1, 2];

const poseText = (pose) => ["yaw", "pitch", "roll"].map((name, i) => `${name} ${Math.round(pose[i]) || 0}°`).join(", ");

/** What is being typed stays, whatever is drawn meanwhile. */
function FrameNumber({ frame, frames, to }) {
  const [typed, setTyped] = useState(null);
  const go = () => {
    if (typed !== null) to(Math.round(Number(typed) || 0));
    setTyped(null);
  };
  return html`<input
    type="number"
    class="number frame-number"
    min="0"
    max=${frames - 1}
    value=${typed ?? frame}
    onInput=${(event) => setTyped(event.target.value)}
    onChange=${go}
    onBlur=${() => setTyped(null)}
    onKeyDown=${(event) => event.key === "Enter" && event.target.blur()}
  />`;
}

export function Controls({ timeline, frame, face, faceId, setFace, moves, play, exact, close, setClose }) {
  const pair = (name, run, [before, after]) => html`<span class="joined" role="group" aria-label=${name}>
    <button type="button" class="btn small" title=${before} aria-label=${`${name} before`} onClick=${() => run(-1)}>
      <${Icon} name="previous" />${name}
    </button>
    <button
      type="button"
      class="btn small icon"
      title=${after}
      aria-label=${`Next ${name.toLowerCase()}`}
      onClick=${() => run(1)}
    >
      <${Icon} name="next" />
    </button>
  </span>`;
  const how = play.playing ? (play.byStills ? "by single pictures" : "") : exact ? "exact frame" : "loading …";
  const pose = face ? poseAt(face, frame) : null;
  return html`<div class="controls">
    <div class="row">
      <button type="button" class="btn icon" aria-label="One frame back" title="←" onClick=${() => moves.step(-1)}>
        <${Icon} name="previous" />
      </button>
      <button type="button" class="btn play" title="Space" onClick=${play.toggle}>
        <${Icon} name=${play.playing ? "pause" : "play"} />${play.playing ? "Pause" : "Play"}
      </button>
      <button type="button" class="btn icon" aria-label="One frame on" title="→" onClick=${() => moves.step(1)}>
        <${Icon} name="next" />
      </button>
      <select aria-label="Speed" value=${play.rate} onChange=${(event) => play.setRate(Number(event.target.value))}>
        ${RATES.map((one) => html`<option key=${one} value=${one}>${one} ×</option>`)}
      </select>
    </div>
    <label class="row">
      <span class="dim">Frame</span>
      <${FrameNumber} frame=${frame} frames=${timeline.frames} to=${moves.to} />
      <span class="dim number">of ${timeline.frames.toLocaleString("en")}</span>
    </label>
    <p class="number">
      <b class="now">${clock(timeline.times[frame] ?? 0, 3)}</b>
      <span class="dim"> ${how}</span>
    </p>
    ${
      play.byStills &&
      play.playing &&
      html`<p class="dim small">The browser cannot play this kind of file; pictures are shown one by one.</p>`
    }
    ${
      timeline.faces.length === 0
        ? html`<p class="dim">No face was found in this recording.</p>`
        : html`<label class="field">
          <span>Face</span>
          <select value=${faceId} onChange=${(event) => setFace(Number(event.target.value))}>
            ${timeline.faces.map(
              ({ id, rows }) => html`<option key=${id} value=${id}>face ${id}: ${count(rows, "frame")}</option>`,
            )}
          </select>
        </label>`
    }
    <p class="dim small number">
      ${pose ? `Head: ${poseText(pose)}` : "Head pose: not known here"}
    </p>
    <div class="row">
      ${pair("Event", moves.event, ["Event before: ,", "Next event: ."])}
      ${pair("Label", moves.label, ["Label of yours before: Shift+PageUp", "Next label of yours: Shift+PageDown"])}
      <button type="button" class="btn small" title="Least sure frame: /" onClick=${moves.unsure}>Least sure</button>
      <button type="button" class="btn small" aria-pressed=${close} onClick=${() => setClose(!close)}>
        Close to the face
      </button>
    </div>
    <p class="legend small dim">
      <span><b class="key-model">▬</b> model: present</span><span><b class="key-human">◆</b> you: present</span>
      <span><b class="key-human">◇</b> you: absent</span><span><b class="key-human">✕</b> you: not scorable</span>
      ${MARKS.map(({ mark, shape }) => html`<span><b class="key-human">${shape}</b> ${mark}</span>`)}
    </p>
  </div>`;
}
