// Train: what the model is for, one button, what it says while it learns, what it brought, and which model is used.

import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { Badge, Bar, Choices, Empty, Icon, Note, count, linkTo, two, useKeys } from "./parts.js";
import { Report } from "./report.js";

const GOALS = [
  {
    id: "these",
    label: "The other frames of these recordings",
    says: "You label a few frames; the model codes the rest. This is where labels help most.",
  },
  {
    id: "people",
    label: "New recordings of the same people",
    says: "The people here come back. Say in Recordings who is seen.",
  },
  { id: "anyone", label: "People who are not in these recordings", says: "Labels of few people carry over little." },
];
const SPREADS = [
  { id: "none", label: "They do not", says: "Your labels alone teach. Measured best, and the quickest." },
  {
    id: "ks",
    label: "As in the paper",
    says: "Students and teacher label the other frames softly, and drop what is out of order.",
  },
  { id: "pseudo-label", label: "What one is sure of becomes a label", says: "Pseudo-label, Lee 2013." },
  {
    id: "fixmatch",
    label: "The same, learned from a poorer view",
    says: "FixMatch, Sohn et al. 2020.",
  },
];
const WHEN = { dateStyle: "medium", timeStyle: "short" };
const STATES = {
  running: { word: "learning", icon: "busy", kind: "on" },
  done: { word: "done", icon: "ok", kind: "ok" },
  failed: { word: "failed", icon: "bad", kind: "bad" },
  stopped: { word: "stopped", icon: "stop", kind: "warn" },
};

const TABLE = /^\s*([┏┡└├┃│]|AUs: what your labels changed)/; // in the log; the report shows it

export function Train({ state, api, toast }) {
  const [goal, setGoal] = useState("these");
  const [spread, setSpread] = useState("none");
  const [seen, setSeen] = useState(null); // id of the model whose report is shown; null: the last one
  const { training } = state;
  const running = training.state === "running";
  const labelled = state.recordings.reduce((sum, rec) => sum + rec.labelled, 0);
  const run = async (work, said) => {
    try {
      await work();
      if (said) toast(said, "ok");
    } catch (error) {
      toast(error);
    }
    api.refresh();
  };
  const begin = () => {
    setSeen(null);
    run(() => api.post("/api/train", { goal, spread }));
  };
  const use = (id) => run(() => api.post("/api/model", { id }), "In use: Live, Review and the next suggestions ask it");
  const ready = state.coders.length > 0 && !running;
  useKeys("Train", [{ keys: "T", does: "train", run: () => ready && begin() }]);
  if (!state.coders.length && state.models.length < 2 && training.state === "idle") {
    return html`<div class="view">
      <header><div><h1>Train</h1><p>The model learns from your labels, in about a minute.</p></div></header>
      <${Empty} icon="train" title="Label first, then train">
        <p>
          Label at least 20 frames, better 2 % of all, spread over your recordings. An AU needs frames with it and
          frames without it, three of each, or it stays as it is.
        </p>
        <div class="row"><a class="btn primary" href=${linkTo("label")}>Label frames</a></div>
      <//>
    </div>`;
  }
  const shown = state.models.find((one) => one.id === (seen ?? training.id) && one.report) ?? null;
  const report = seen === null ? (training.report ?? shown?.report) : shown?.report;
  return html`<div class="view">
    <header>
      <div>
        <h1>Train</h1>
        <p>
          The model learns from your labels, in about a minute. It starts at the base model, and moves only as far as
          labels justify.
        </p>
      </div>
    </header>
    <div class="training">
      <section class="card stack">
        <${Choices}
          legend="What is it for?"
          name="goal"
          items=${GOALS}
          value=${goal}
          onChange=${setGoal}
          disabled=${running}
        />
        <details open=${spread !== "none"}>
          <summary>How frames without a label teach: <b>${SPREADS.find((one) => one.id === spread).label}</b></summary>
          <${Choices}
            legend=""
            name="spread"
            items=${SPREADS}
            value=${spread}
            onChange=${setSpread}
            disabled=${running}
          />
        </details>
        <div class="row">
          ${running
            ? html`<button type="button" class="btn" key="stop" onClick=${() => run(() => api.post("/api/train/stop"))}>
                <${Icon} name="stop" />Stop
              </button>`
            : html`<button type="button" class="btn primary" key="train" disabled=${!ready} onClick=${begin}>
                <${Icon} name="train" />${["stopped", "failed"].includes(training.state) ? "Start again" : "Train"}
              </button>`}
          <span class="dim small">
            ${labelled ? `${count(labelled, "labelled frame")}. ` : ""}A fifth is kept apart and never teaches.
          </span>
        </div>
      </section>
      <${Progress} training=${training} />
    </div>
    ${report &&
    html`<${Report}
      state=${state}
      report=${report}
      title=${`What model ${seen ?? training.id} learned`}
      action=${html`<${Use} state=${state} id=${seen ?? training.id} use=${use} />`}
    />`}
    <${Models} state=${state} seen=${seen ?? training.id} show=${setSeen} use=${use} />
  </div>`;
}

function Progress({ training }) {
  const log = useRef(null);
  const lines = (training.log ?? []).filter((line) => !TABLE.test(line));
  useEffect(() => {
    if (log.current) log.current.scrollTop = log.current.scrollHeight;
  }, [lines.length]);
  const { word, icon, kind } = STATES[training.state] ?? {};
  return html`<section class="card stack tight" aria-label="Progress">
    <div class="row">
      <h2>${training.id ? `Model ${training.id}` : "Progress"}</h2>
      <span aria-live="polite">
        ${word && html`<${Badge} kind=${kind} icon=${icon} turning=${training.state === "running"}>${word}<//>`}
      </span>
      <div class="spread"></div>
      ${training.frames > 0 && html`<span class="dim small number">${count(training.frames, "frame")} seen</span>`}
    </div>
    ${training.state === "running" &&
    html`<${Bar} share=${null} label="Learning" />
      <p class="dim small">You may close this page: it goes on, and is found when the studio is opened again.</p>`}
    ${training.error && html`<${Note} kind="bad" role="alert">${training.error}<//>`}
    ${training.state === "stopped" && html`<p class="dim">Start again goes on where it stopped.</p>`}
    ${lines.length > 0
      ? html`<pre class="log" role="log" tabindex="0" aria-label="What it says" ref=${log}>${lines.join("\n")}</pre>`
      : html`<p class="dim">What it says while it learns stands here.</p>`}
  </section>`;
}

function Use({ state, id, use }) {
  return state.model === id
    ? html`<${Badge} kind="ok" icon="ok">in use<//>`
    : html`<button type="button" class="btn primary" onClick=${() => use(id)}>Use this model</button>`;
}

function Models({ state, seen, show, use }) {
  return html`<section class="card wide">
    <h2>Models of this project</h2>
    <table class="data">
      <thead>
        <tr>
          <th>Model</th>
          <th>For</th>
          <th>Learned</th>
          <th class="number">F1 on frames kept apart, base → own</th>
          <th><span class="away">What to do</span></th>
        </tr>
      </thead>
      <tbody>
        ${state.models.map(
          (one) => html`<tr key=${one.id}>
            <td>
              <b>${one.id === "bundled" ? "Base model" : one.id}</b>${" "}
              <span class="dim small">${one.name ?? one.weights}</span>
            </td>
            <td>${GOALS.find(({ id }) => id === one.goal)?.label ?? "–"}</td>
            <td class="number left">${one.when ? new Date(one.when).toLocaleString(undefined, WHEN) : "–"}</td>
            <td class="number">${one.f1_own == null ? "–" : `${two(one.f1_base)} → ${two(one.f1_own)}`}</td>
            <td>
              <div class="row doing">
                ${one.report &&
                html`<button
                  type="button"
                  class="btn small"
                  aria-pressed=${one.id === seen}
                  onClick=${() => show(one.id)}
                >
                  Report
                </button>`}
                ${one.id === state.model
                  ? html`<${Badge} kind="ok" icon="ok">in use<//>`
                  : html`<button type="button" class="btn small" onClick=${() => use(one.id)}>Use</button>`}
              </div>
            </td>
          </tr>`,
        )}
      </tbody>
    </table>
  </section>`;
}
