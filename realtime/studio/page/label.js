// Label: the frames that the budget asks for, one after the other.

import { html, useEffect, useState } from "./vendor/preact-htm.js";
import { Bar, Dialog, Empty, Failure, Icon, Note, askCoder, count, linkTo } from "./parts.js";
import { handsBack } from "./hands.js";
import { LabelWork } from "./label_work.js";

export function Label({ state, coder, api, toast }) {
  const [queue, setQueue] = useState(null);
  const [error, setError] = useState(null);
  const [asking, setAsking] = useState(false);
  const load = async () => {
    if (!coder) return;
    try {
      setQueue(await api.get(`/api/queue?${api.query({ coder })}`));
      setError(null);
    } catch (failed) {
      setError(failed);
    }
  };
  const { wanted, done } = state.queue ?? {};
  useEffect(() => void load(), [coder, wanted, done, state.recordings.length]);
  const suggest = () => setAsking(true);
  return html`<div class="view label" ...${handsBack}>
    <header>
      <h1>Label</h1>
      ${queue && html`<${Budget} queue=${queue} />`}
      ${
        coder &&
        state.recordings.length > 0 &&
        html`<button type="button" class="btn" onClick=${suggest}><${Icon} name="add" />Suggest frames</button>`
      }
    </header>
    <${Failure} error=${error} />
    ${inside({ state, coder, api, toast, queue, load, suggest })}
    ${asking && html`<${Suggest} ...${{ api, toast }} onClose=${() => setAsking(false)} onDone=${load} />`}
  </div>`;
}

function inside({ state, coder, api, toast, queue, load, suggest }) {
  if (!state.recordings.length)
    return html`<${Empty} icon="label" title="No recordings yet">
      <p>Add recordings and analyse them; then the studio picks the frames that are worth labelling.</p>
      <a class="btn primary" href=${linkTo("recordings")}>Add recordings</a>
    <//>`;
  if (!coder)
    return html`<${Empty} icon="person" title="Who is labelling?">
      <p>Your initials stand on each label, so that two coders can be compared.</p>
      <button type="button" class="btn primary" onClick=${askCoder}>Give your initials</button>
    <//>`;
  if (!queue) return html`<p class="dim" role="status">Loading the list of frames …</p>`;
  if (!queue.frames.length)
    return html`<${Empty} icon="label" title="No frames to label yet">
      <p>
        The studio picks them: first spread over recordings and people, later those that the model is least sure of and
        as many at random. One frame in fifty is enough to begin with.
      </p>
      <button type="button" class="btn primary" onClick=${suggest}>Suggest frames</button>
    <//>`;
  return html`<${LabelWork} key=${coder} ...${{ state, coder, api, toast, queue, load, suggest }} />`;
}

/** "83 of 120 frames, 1.4 %" */
function Budget({ queue }) {
  const { wanted, done, share } = queue;
  const part = share < 0.0005 && done ? "< 0.1" : (100 * share).toFixed(1);
  return html`<div class="budget">
    <span class="number"><b>${done.toLocaleString("en")}</b> of ${count(wanted, "frame")}, ${part} %</span>
    <${Bar} share=${wanted ? done / wanted : 0} label="Frames that you have labelled" />
  </div>`;
}

function Suggest({ api, toast, onClose, onDone }) {
  const [budget, setBudget] = useState("2%");
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      const { added } = await api.post("/api/suggest", { budget: budget.trim() });
      if (added != null) toast(`${count(added, "frame")} more to label`, "ok");
      await onDone();
      onClose();
    } catch (error) {
      setWrong(error.message);
    }
    setBusy(false);
  };
  return html`<${Dialog} title="Which frames to label" onClose=${onClose}>
    <form class="stack" onSubmit=${submit}>
      <p>
        The studio looks at all recordings and picks frames that teach the model most for the work: some spread over
        time and people, some that it is unsure of, some at random. A few are kept apart, to test with.
      </p>
      <label class="field">
        <span>Budget: a share of all frames with a face, or a number of frames</span>
        <input type="text" value=${budget} autofocus onInput=${(event) => setBudget(event.target.value)} />
      </label>
      ${wrong && html`<${Note} kind="bad" role="alert">${wrong}<//>`}
      <div class="actions">
        <button type="button" class="btn" onClick=${onClose}>Cancel</button>
        <button type="submit" class="btn primary" disabled=${busy}>${busy ? "Choosing …" : "Suggest frames"}</button>
      </div>
    </form>
  <//>`;
}
