// Files for other programs: labels out and in, what the model says of a recording, and what was written so far.

import { html, useRef, useState } from "./vendor/preact-htm.js";
import { Icon, Note, askCoder, count } from "./parts.js";

const LABELS = [
  ["manifest", "ks-train's table (CSV)"],
  ["csv", "a table per recording (CSV, OpenFace's names)"],
  ["elan", "ELAN (.eaf)"],
  ["boris", "BORIS (TSV)"],
  ["bids", "BIDS events (TSV)"],
];
const RESULTS = [
  ["csv", "a row per frame (CSV)"],
  ["jsonl", "a line per frame (JSON lines)"],
  ["tsv", "events (BIDS, TSV)"],
  ["eaf", "events (ELAN, .eaf)"],
  ["video", "a video with the AUs drawn in"],
];

export function Files({ state, coder, api, run, toast }) {
  const { results } = state;
  return html`<section class="card files">
    <h2>Files</h2>
    <div class="columns">
      <div class="stack">
        <${LabelsOut} state=${state} api=${api} run=${run} toast=${toast} />
        <${LabelsIn} coder=${coder} api=${api} run=${run} toast=${toast} />
        <${ResultsOut} state=${state} api=${api} run=${run} toast=${toast} />
      </div>
      <div class="stack tight">
        <h3>Written</h3>
        ${results?.running && html`<p><${Icon} name="busy" turning /> ${results.file} is being written …</p>`}
        ${results?.error && html`<${Note} kind="bad">${results.file}: ${results.error}<//>`}
        ${state.exports.length === 0
          ? html`<p class="dim">Nothing yet. What you write lies in the project's folder exports.</p>`
          : html`<ul class="written">
              ${state.exports.map((name) =>
                results?.running && name === results.file
                  ? null
                  : html`<li key=${name}>
                      <a href=${`/api/exports/${encodeURIComponent(name)}`} download=${name}>
                        <${Icon} name="export" /> ${name}
                      </a>
                    </li>`,
              )}
            </ul>`}
      </div>
    </div>
  </section>`;
}

function Pick({ label, items, value, onChange }) {
  return html`<label class="field spread">
    <span>${label}</span>
    <select value=${value} onChange=${(event) => onChange(event.target.value)}>
      ${items.map(([id, words]) => html`<option key=${id} value=${id}>${words}</option>`)}
    </select>
  </label>`;
}

function LabelsOut({ state, api, run, toast }) {
  const [format, setFormat] = useState("manifest");
  const [whose, setWhose] = useState("");
  const write = async () => {
    const found = await run(() => api.post("/api/export", { format, coder: whose }));
    if (found) toast(`${count(found.files.length, "file")} written: ${found.files.join(", ")}`, "ok");
  };
  const coders = [["", "everybody"], ...state.coders.map((one) => [one, one])];
  return html`<div class="stack tight">
    <h3>Labels out</h3>
    <div class="row bottom">
      <${Pick} label="As" items=${LABELS} value=${format} onChange=${setFormat} />
      <${Pick} label="Labels of" items=${coders} value=${whose} onChange=${setWhose} />
      <button type="button" class="btn" disabled=${!state.coders.length} onClick=${write}>Write</button>
    </div>
    ${!state.coders.length && html`<p class="dim small">There are no labels yet.</p>`}
  </div>`;
}

function LabelsIn({ coder, api, run, toast }) {
  const picker = useRef(null);
  const read = async (file) => {
    const mine = coder || (await askCoder());
    if (!mine) return;
    const found = await run(() => api.upload(`/api/import?${api.query({ name: file.name, coder: mine })}`, file));
    if (!found) return;
    toast(`${file.name}: ${count(found.said, "label")} taken as ${mine}'s`, "ok");
    found.notes.forEach((note) => toast(note, "warn"));
  };
  return html`<div class="stack tight">
    <h3>Labels in</h3>
    <div class="row">
      <button type="button" class="btn" onClick=${() => picker.current.click()}>
        <${Icon} name="import" />Read a file …
      </button>
      <span class="dim small">CSV, OpenFace, ELAN, BORIS, BIDS, or another studio's labels.jsonl</span>
      <input
        ref=${picker}
        type="file"
        hidden
        aria-label="Label file"
        accept=".csv,.tsv,.txt,.eaf,.jsonl,.ndjson"
        onChange=${(event) => {
          if (event.target.files[0]) read(event.target.files[0]);
          event.target.value = "";
        }}
      />
    </div>
  </div>`;
}

function ResultsOut({ state, api, run, toast }) {
  const [format, setFormat] = useState("csv");
  const [id, setId] = useState("");
  const recordings = state.recordings.map((rec) => [rec.id, rec.name]);
  const chosen = recordings.some(([one]) => one === id) ? id : recordings[0]?.[0];
  const write = async () => {
    const found = await run(() => api.post(`/api/recordings/${chosen}/results`, { format }));
    if (found) toast(`${found.file} is being written`);
  };
  return html`<div class="stack tight">
    <h3>What the model says</h3>
    <div class="row bottom">
      <${Pick} label="Of" items=${recordings} value=${chosen} onChange=${setId} />
      <${Pick} label="As" items=${RESULTS} value=${format} onChange=${setFormat} />
      <button type="button" class="btn" disabled=${!chosen || state.results?.running} onClick=${write}>Write</button>
    </div>
  </div>`;
}
