// The shell: navigation by the address's hash, the look, the coder, help, and what the server says each second.

import { html, render, useEffect, useErrorBoundary, useRef, useState } from "./vendor/preact-htm.js";
import { api, subscribe } from "./api.js";
import {
  Asked, Dialog, Icon, Keys, Note, Toasts, askCoder, coderName, go, keyGroups, linkTo, remember, remembered, toast,
  useKeys, useStore, whereAmI,
} from "./parts.js";
import { Agree } from "./agree.js";
import { Label } from "./label.js";
import { Live } from "./live.js";
import { Recordings } from "./recordings.js";
import { Review } from "./review.js";
import { Train } from "./train.js";

const scored = ({ queue }) => (queue?.wanted ? `${queue.done} / ${queue.wanted}` : "");
const learning = ({ training }) => (training?.state === "running" ? "running" : "");

const VIEWS = [
  { id: "recordings", name: "Recordings", view: Recordings, count: (state) => state.recordings.length || "" },
  { id: "live", name: "Live", view: Live, count: () => "" },
  { id: "review", name: "Review", view: Review, count: () => "" },
  { id: "label", name: "Label", view: Label, count: scored },
  { id: "train", name: "Train", view: Train, count: learning },
  { id: "agree", name: "Agreement", view: Agree, count: () => "" },
];
const CODED = ["label"]; // views in which nothing can be done without initials

const LOOKS = ["system", "light", "dark"];
const dark = matchMedia("(prefers-color-scheme: dark)");

function wear(look) {
  document.documentElement.dataset.theme = look === "system" ? (dark.matches ? "dark" : "light") : look;
}
dark.addEventListener("change", () => wear(remembered("look", "system")));
wear(remembered("look", "system"));

function useServer() {
  const [found, set] = useState({ state: null, error: null });
  useEffect(() => subscribe(set), []);
  return found;
}

function usePlace() {
  const [place, set] = useState(whereAmI);
  useEffect(() => {
    const moved = () => set(whereAmI());
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  return place;
}

function Rail({ state, at, coder, onHelp }) {
  const [look, setLook] = useState(remembered("look", "system"));
  const turn = () => {
    const next = LOOKS[(LOOKS.indexOf(look) + 1) % LOOKS.length];
    remember("look", next);
    wear(next);
    setLook(next);
  };
  const icon = { system: "half", light: "sun", dark: "moon" }[look];
  return html`<div class="rail">
    <div class="brand">
      <b class="cut">${state.project.name}</b>
      <span class="cut" title=${state.project.folder}>Knowledge-Spreader studio</span>
    </div>
    <nav class="nav" aria-label="Views">
      ${VIEWS.map(
        ({ id, name, count }) => html`<a key=${id} href=${linkTo(id)} aria-current=${id === at ? "page" : undefined}>
          <${Icon} name=${id} />${name}<span class="count">${count(state)}</span>
        </a>`,
      )}
    </nav>
    <div class="foot">
      <button type="button" class="btn quiet" onClick=${askCoder} title="Change the coder's initials">
        <${Icon} name="person" />${coder || html`<span class="words">No initials yet</span>`}
        <span class="away">: change the coder's initials</span>
      </button>
      <button type="button" class="btn quiet" onClick=${turn} title=${`Look: ${look}; press for the next`}>
        <${Icon} name=${icon} /><span class="words">Look: ${look}</span>
        <span class="away">; press for the next</span>
      </button>
      <button type="button" class="btn quiet" onClick=${onHelp} title="Keys and help (?)">
        <${Icon} name="help" /><span class="words">Keys and help</span>
      </button>
    </div>
  </div>`;
}

function Help({ state, onClose }) {
  return html`<${Dialog} title="Keys and help" onClose=${onClose} broad>
    <div class="stack">
      <p>
        See (Live, Review), correct (Review), label 2 % of the frames (Label), train (Train), and see again. All of it
        stays on this computer, in <span class="mono">${state.project.folder}</span>.
      </p>
      <div class="keys">
        ${keyGroups().map(
          ({ title, list }) => html`<section key=${title}>
            <h3>${title}</h3>
            <dl>
              ${list.map(
                (one) => html`<dt><${Keys} keys=${one.show ?? one.keys} /></dt><dd>${one.does}</dd>`,
              )}
            </dl>
          </section>`,
        )}
      </div>
      <p class="dim small">Version ${state.version}</p>
    </div>
  <//>`;
}

function App() {
  const { state, error } = useServer();
  const place = usePlace();
  const coder = useStore(coderName);
  const [help, setHelp] = useState(false);
  const main = useRef(null);
  const at = VIEWS.some(({ id }) => id === place.view) ? place.view : "recordings";
  useEffect(() => void api.refresh(), [coder]);
  useKeys("Everywhere", [
    { keys: "?", does: "this help", run: () => setHelp(true) },
    ...VIEWS.map(({ id, name }, i) => ({ keys: `Alt+${i + 1}`, does: name, run: () => go(id) })),
  ]);
  useEffect(() => {
    document.title = `${VIEWS.find(({ id }) => id === at).name} · ${state?.project.name ?? "studio"}`;
    main.current?.scrollTo(0, 0);
    if (document.activeElement?.closest("nav")) main.current?.focus({ preventScroll: true }); // Enter is the view's now
    if (CODED.includes(at) && state && !coderName.get()) askCoder();
  }, [at, state !== null]);
  if (!state) return html`<${Booting} error=${error} />`;
  const { view: View } = VIEWS.find(({ id }) => id === at);
  return html`<div class="shell">
      <a class="btn skip" href="#main" onClick=${(event) => {
        event.preventDefault();
        main.current.focus();
      }}>Skip to the content</a>
      <${Rail} state=${state} at=${at} coder=${coder} onHelp=${() => setHelp(true)} />
      <main class="main" id="main" tabindex="-1" ref=${main}>
        ${error && html`<div class="lost" role="alert"><${Icon} name="bad" />${error.message}</div>`}
        <${Caught} key=${at} view=${View} state=${state} coder=${coder} params=${place.params} />
      </main>
    </div>
    ${help && html`<${Help} state=${state} onClose=${() => setHelp(false)} />`}
    <${Asked} />
    <${Toasts} />`;
}

/** A view; one that breaks leaves the others. */
function Caught({ view: View, state, coder, params }) {
  const [broken, again] = useErrorBoundary((error) => console.error(error));
  if (!broken) return html`<${View} state=${state} coder=${coder} api=${api} toast=${toast} params=${params} />`;
  return html`<div class="view">
    <${Note} kind="bad" role="alert">This view broke (${broken.message}). Every label that was given is kept.<//>
    <div class="row"><button type="button" class="btn" onClick=${again}>Try again</button></div>
  </div>`;
}

function Booting({ error }) {
  return error
    ? html`<div class="view"><${Note} kind="bad" role="alert">${error.message}<//></div>`
    : html`<p class="booting">Opening the studio …</p>`;
}

const root = document.getElementById("app");
root.replaceChildren();
render(html`<${App} />`, root);
