// Review: choose a recording, analyse it, then see and correct what the model says.

import { html, useEffect, useState } from "./vendor/preact-htm.js";
import { Badge, Bar, Dialog, Empty, Failure, Icon, Note, count, go, linkTo, remember, remembered } from "./parts.js";
import { Files } from "./files.js";
import { handsBack } from "./hands.js";
import { useTimeline } from "./loaded.js";
import { Working } from "./review_work.js";

export function Review({ state, coder, api, toast, params }) {
  const rec = chosenOf(state.recordings, params.id);
  const { timeline, error } = useTimeline(api, rec, state);
  const [files, setFiles] = useState(false);
  useEffect(() => {
    if (rec) remember("review", rec.id);
  }, [rec?.id]);
  if (!rec)
    return html`<div class="view">
      <${Empty} icon="review" title="No recordings yet">
        <p>Add a video, a folder of pictures, or the small clip that comes with the studio. Then it is shown here.</p>
        <a class="btn primary" href=${linkTo("recordings")}>Add recordings</a>
      <//>
    </div>`;
  const run = (work) => work().catch((failed) => void toast(failed));
  return html`<div class="view review" ...${handsBack}>
    <header class="row">
      <h1>Review</h1>
      <select
        aria-label="Recording"
        value=${rec.id}
        onChange=${(event) => go("review", { id: event.target.value })}
      >
        ${state.recordings.map(
          (one) => html`<option key=${one.id} value=${one.id}>
            ${one.name}${one.subject ? ` (${one.subject})` : ""}${one.state === "ready" ? "" : `: ${STATES[one.state]}`}
          </option>`,
        )}
      </select>
      ${timeline && html`<${Facts} timeline=${timeline} rec=${rec} />`}
      <span class="spread"></span>
      <button type="button" class="btn" onClick=${() => setFiles(true)}><${Icon} name="export" />Files</button>
    </header>
    ${
      timeline && timeline.frames > 0
        ? html`<${Working} key=${rec.id} ...${{ state, coder, api, toast, rec, timeline }} at=${params.frame} />`
        : html`<${NotReady} ...${{ rec, api, run, error, timeline }} />`
    }
    ${
      files &&
      html`<${Dialog} title="Files" broad onClose=${() => setFiles(false)}>
      <${Files} ...${{ state, coder, api, run, toast }} />
    <//>`
    }
  </div>`;
}

const STATES = {
  new: "not analysed",
  waiting: "waiting",
  watching: "being analysed",
  ready: "ready",
  failed: "failed",
  gone: "file is gone",
};

function chosenOf(recordings, id) {
  const by = (wanted) => recordings.find((one) => one.id === wanted);
  return by(id) ?? by(remembered("review")) ?? recordings.find((one) => one.state === "ready") ?? recordings[0];
}

function Facts({ timeline, rec }) {
  return html`<span class="row">
    <${Badge}>${count(timeline.frames, "frame")}<//>
    <${Badge}>${timeline.fps.toFixed(2)} frames/s<//>
    <${Badge}>${count(timeline.faces.length, "face")}<//>
    ${rec.labelled > 0 && html`<${Badge}>◆ ${count(rec.labelled, "frame")} labelled<//>`}
  </span>`;
}

/** A recording without answers: what it waits for, and what to do. */
function NotReady({ rec, api, run, error, timeline }) {
  const analyse = () => run(() => api.post(`/api/recordings/${rec.id}/watch`).then(api.refresh));
  const stop = () => run(() => api.post(`/api/recordings/${rec.id}/stop`).then(api.refresh));
  if (error) return html`<${Failure} error=${error} />`;
  if (timeline) return html`<${Note} kind="warn">No picture of this recording could be read.<//>`;
  if (rec.state === "ready") return html`<p class="dim" role="status">Opening ${rec.name} …</p>`;
  if (rec.state === "watching" || rec.state === "waiting")
    return html`<${Empty}
      icon="wait"
      title=${`${rec.name} ${rec.state === "waiting" ? "waits for its turn" : "is being analysed"}`}
    >
      <p>${count(rec.frames_done, "frame")} done. You can go on elsewhere; this does not stop.</p>
      <div class="progress"><${Bar} share=${null} label="Analysis" /></div>
      <button type="button" class="btn" onClick=${stop}>Stop</button>
    <//>`;
  const failed = rec.state === "failed" || rec.state === "gone";
  return html`${failed && html`<${Note} kind="bad" role="alert">${rec.error}<//>`}
    <${Empty} icon="review" title=${`${rec.name} is not analysed yet`}>
      <p>
        The model looks at each frame once, in the background; what it found is kept.
        ${rec.frames_done > 0 && ` ${count(rec.frames_done, "frame")} are done already.`}
      </p>
      <button type="button" class="btn primary" disabled=${rec.state === "gone"} onClick=${analyse}>
        ${failed ? "Try again" : "Analyse it"}
      </button>
    <//>`;
}
