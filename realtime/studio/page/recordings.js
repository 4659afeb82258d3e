// Recordings: add, analyse, say who is seen, remove; and the files that the project gives to other programs.

import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { Files } from "./files.js";
import { Badge, Bar, Empty, Icon, confirm, count, linkTo } from "./parts.js";

const STATES = {
  new: { word: "not analysed", icon: "wait", kind: "" },
  waiting: { word: "waiting", icon: "wait", kind: "" },
  watching: { word: "analysing", icon: "busy", kind: "on" },
  ready: { word: "analysed", icon: "ok", kind: "ok" },
  failed: { word: "failed", icon: "bad", kind: "bad" },
  gone: { word: "file is gone", icon: "bad", kind: "bad" },
};
const BUSY = ["waiting", "watching"];
const VIDEOS = "video/*,.mkv,.avi,.mov,.mp4,.webm,.m4v,.mpg,.mpeg,.ts";

export function Recordings({ state, coder, api, toast }) {
  const [copying, setCopying] = useState([]); // {name, share, stop}
  const run = useRun(api, toast);
  const copy = async (files) => {
    for (const file of files) {
      const stopper = new AbortController();
      const told = (share) =>
        setCopying((all) => [
          ...all.filter((one) => one.name !== file.name),
          { name: file.name, share, stop: () => stopper.abort() },
        ]);
      told(0);
      const to = `/api/recordings/upload?${api.query({ name: file.name })}`;
      await run(() => api.upload(to, file, told, stopper.signal));
      setCopying((all) => all.filter((one) => one.name !== file.name));
    }
  };
  const add = { copy, path: (path) => run(() => api.post("/api/recordings", { path })), demo: null };
  add.demo = () => run(() => api.post("/api/recordings/demo"));
  const todo = state.recordings.filter((rec) => rec.state === "new" || rec.state === "failed");
  const all = async () => {
    for (const rec of todo) await run(() => api.post(`/api/recordings/${rec.id}/watch`));
  };
  return html`<${Dropped} onFiles=${copy}>
    <header>
      <div>
        <h1>Recordings</h1>
        <p>
          Each is analysed once; the project keeps what was seen. Say who is seen, so that the same person's recordings
          are known as theirs.
        </p>
      </div>
      ${todo.length > 0 &&
      html`<button type="button" class="btn primary" onClick=${all}>
        <${Icon} name="play" />${todo.length === 1 ? "Analyse it" : `Analyse all ${todo.length}`}
      </button>`}
    </header>
    ${copying.map(
      (one) => html`<div class="card row" key=${one.name}>
        <span class="cut">Copying ${one.name} into the project</span>
        <div class="spread"><${Bar} share=${one.share} label=${`Copying ${one.name}`} /></div>
        <span class="number">${Math.round(100 * one.share)} %</span>
        <button type="button" class="btn small" onClick=${one.stop}>Stop</button>
      </div>`,
    )}
    ${state.recordings.length === 0
      ? html`<${Empty} icon="recordings" title="No recordings yet">
          <p>
            Add videos of faces, or try the bundled clip, which is analysed in less than a minute. Nothing leaves this
            computer.
          </p>
          <${Adding} add=${add} big />
        <//>`
      : html`<${List} state=${state} run=${run} api=${api} />
          <section class="card">
            <h2>Add more</h2>
            <${Adding} add=${add} />
          </section>`}
    ${(state.recordings.length > 0 || state.exports.length > 0) &&
    html`<${Files} state=${state} coder=${coder} api=${api} run=${run} toast=${toast} />`}
  <//>`;
}

/** Runs a request, shows its error, and asks for the state at once. */
function useRun(api, toast) {
  return async (work) => {
    try {
      return await work();
    } catch (error) {
      toast(error);
      return null;
    } finally {
      api.refresh();
    }
  };
}

/** The view; files may be dropped anywhere on it. */
function Dropped({ onFiles, children }) {
  const [over, setOver] = useState(false);
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  return html`<div
    class=${over ? "view dropping" : "view"}
    onDragOver=${(event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setOver(true);
    }}
    onDragLeave=${(event) => event.currentTarget.contains(event.relatedTarget) || setOver(false)}
    onDrop=${(event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setOver(false);
      onFiles([...event.dataTransfer.files]);
    }}
  >
    ${children}
  </div>`;
}

function Adding({ add, big = false }) {
  const [path, setPath] = useState("");
  const picker = useRef(null);
  const submit = async (event) => {
    event.preventDefault();
    if (path.trim() && (await add.path(path.trim().replace(/^["']|["']$/g, "")))) setPath("");
  };
  return html`<div class="stack tight adding">
    <div class="row">
      ${big && html`<button type="button" class="btn primary" onClick=${add.demo}>Try the bundled clip</button>`}
      <button type="button" class="btn" onClick=${() => picker.current.click()}>
        <${Icon} name="add" />Pick files …
      </button>
      ${!big && html`<button type="button" class="btn quiet" onClick=${add.demo}>Add the bundled clip</button>`}
      <span class="dim small">or drop them here; they are copied into the project</span>
      <input
        ref=${picker}
        type="file"
        multiple
        hidden
        aria-label="Video files"
        accept=${VIDEOS}
        onChange=${(event) => {
          add.copy([...event.target.files]);
          event.target.value = "";
        }}
      />
    </div>
    <form class="row" onSubmit=${submit}>
      <label class="field spread">
        <span>
          Or the path of a video, of a folder, or of a CSV with the columns video and subject; these are read where they
          are
        </span>
        <input
          type="text"
          value=${path}
          placeholder="/home/me/study/videos"
          spellcheck="false"
          onInput=${(event) => setPath(event.target.value)}
        />
      </label>
      <button type="submit" class="btn low" disabled=${!path.trim()}>Add</button>
    </form>
  </div>`;
}

function List({ state, run, api }) {
  return html`<div class="card wide flush">
    <table class="data">
      <thead>
        <tr>
          <th>Recording</th>
          <th>Who is seen</th>
          <th>Analysis</th>
          <th class="number">Labelled frames</th>
          <th><span class="away">What to do</span></th>
        </tr>
      </thead>
      <tbody>
        ${state.recordings.map((rec) => html`<${Row} key=${rec.id} rec=${rec} run=${run} api=${api} />`)}
      </tbody>
    </table>
  </div>`;
}

function Row({ rec, run, api }) {
  const at = `/api/recordings/${rec.id}`;
  const { word, icon, kind } = STATES[rec.state] ?? STATES.new;
  const busy = BUSY.includes(rec.state);
  const remove = async () => {
    const yes = await confirm({
      title: `Remove ${rec.name}?`,
      text: "It leaves the list. The file and its labels stay: add it again, and they are back.",
      yes: "Remove",
      danger: true,
    });
    if (yes) run(() => api.remove(at));
  };
  return html`<tr>
    <td class="named">
      ${rec.state === "ready" ? html`<a href=${linkTo("review", { id: rec.id })}><b>${rec.name}</b></a>` : rec.name}
      ${rec.error && html`<p class="wrong small">${rec.error}</p>`}
    </td>
    <td><${Subject} rec=${rec} save=${(subject) => run(() => api.post(at, { subject }))} /></td>
    <td>
      <div class="stack tight state">
        <span>
          <${Badge} kind=${kind} icon=${icon} turning=${rec.state === "watching"}>${word}<//>
          ${rec.frames_done > 0 && html` <span class="dim small number cut">${count(rec.frames_done, "frame")}</span>`}
        </span>
        ${rec.state === "watching" &&
        html`<${Bar} share=${rec.frames ? rec.frames_done / rec.frames : null} label=${`Analysing ${rec.name}`} />`}
      </div>
    </td>
    <td class="number">${rec.labelled || html`<span class="dim">none</span>`}</td>
    <td>
      <div class="row doing">
        ${busy &&
        html`<button type="button" class="btn small" onClick=${() => run(() => api.post(`${at}/stop`))}>Stop</button>`}
        ${(rec.state === "new" || rec.state === "failed") &&
        html`<button type="button" class="btn small" onClick=${() => run(() => api.post(`${at}/watch`))}>
          ${rec.state === "failed" ? "Try again" : rec.frames_done ? "Go on" : "Analyse"}
        </button>`}
        ${rec.state === "ready" && html`<a class="btn small" href=${linkTo("review", { id: rec.id })}>Review</a>`}
        <button
          type="button"
          class="btn quiet small icon"
          title="Remove from the list"
          aria-label=${`Remove ${rec.name} from the list`}
          onClick=${remove}
        >
          <${Icon} name="remove" />
        </button>
      </div>
    </td>
  </tr>`;
}

/** Saved when the field is left or by Enter; Escape takes the change back. */
function Subject({ rec, save }) {
  const [text, setText] = useState(rec.subject);
  useEffect(() => setText(rec.subject), [rec.subject]);
  const keep = () => text.trim() !== rec.subject && save(text.trim());
  return html`<input
    type="text"
    class="subject"
    value=${text}
    placeholder="not said"
    aria-label=${`Who is seen in ${rec.name}`}
    onInput=${(event) => setText(event.target.value)}
    onBlur=${keep}
    onKeyDown=${(event) => {
      if (event.key === "Enter") event.target.blur();
      if (event.key === "Escape") setText(rec.subject);
    }}
  />`;
}
