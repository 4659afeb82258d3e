// Dialogs, questions that any view may ask, the coder's initials, and messages at the corner of the page.

import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { away, refresh } from "./api.js";
import { Icon } from "./icons.js";
import { remember, remembered, store, useStore } from "./store.js";

export function Dialog({ title, onClose, broad = false, children }) {
  const ref = useRef(null);
  useEffect(() => {
    const before = document.activeElement;
    ref.current.showModal();
    return () => before?.focus?.();
  }, []);
  return html`<dialog
    ref=${ref}
    class=${broad ? "broad" : ""}
    aria-label=${title}
    onCancel=${(event) => {
      event.preventDefault();
      onClose();
    }}
  >
    <button type="button" class="btn quiet icon close" aria-label="Close" onClick=${onClose}>
      <${Icon} name="close" />
    </button>
    <h2>${title}</h2>
    ${children}
  </dialog>`;
}

// Questions: the shell shows them, any view may ask.

const question = store(null);

const asked = (what) =>
  new Promise((resolve) =>
    question.set({
      ...what,
      done: (answer) => {
        question.set(null);
        resolve(answer);
      },
    }),
  );

/** -> true or false. */
export const confirm = ({ title, text, yes = "Yes", danger = false }) => asked({ title, text, yes, danger });

/** -> what was written, or null. wrong(text) -> a line that says what is wrong with it, or "". */
export const ask = ({ title, text, label, value = "", yes = "Save", wrong = () => "" }) =>
  asked({ title, text, label, value, yes, wrong });

/** -> the coder's initials, asked once and kept in this browser; null if nobody says. */
export async function askCoder() {
  const given = await ask({
    title: "Who is labelling?",
    text: "Your initials stand on each label that you give. They are kept in this browser and can be changed later.",
    label: "Initials",
    value: coderName.get(),
    yes: "Go on",
    wrong: (text) => (/^[\p{L}\p{N}._-]{1,12}$/u.test(text.trim()) ? "" : "1 to 12 letters or digits, no spaces"),
  });
  if (given === null) return null;
  remember("coder", given.trim());
  coderName.set(given.trim());
  return given.trim();
}

export const coderName = store(remembered("coder"));

export function Asked() {
  const it = useStore(question);
  return it && html`<${Question} key=${it.title} it=${it} />`;
}

function Question({ it }) {
  const [text, setText] = useState(it.value ?? "");
  const [wrong, setWrong] = useState("");
  const isText = it.label != null;
  const close = () => it.done(isText ? null : false);
  const submit = (event) => {
    event.preventDefault();
    const line = isText ? it.wrong(text) : "";
    if (line) setWrong(line);
    else it.done(isText ? text : true);
  };
  return html`<${Dialog} title=${it.title} onClose=${close}>
    <form onSubmit=${submit} class="stack">
      ${it.text && html`<p>${it.text}</p>`}
      ${isText &&
      html`<label class="field">
        <span>${it.label}</span>
        <input type="text" value=${text} autofocus onInput=${(event) => setText(event.target.value)} />
      </label>`}
      ${wrong && html`<div class="note bad" role="alert"><${Icon} name="bad" /><span>${wrong}</span></div>`}
      <div class="actions">
        <button type="button" class="btn" onClick=${close}>Cancel</button>
        <button type="submit" class=${it.danger ? "btn danger" : "btn primary"} autofocus=${!isText}>${it.yes}</button>
      </div>
    </form>
  <//>`;
}

// Messages at the corner of the page.

const messages = store([]);
const SHOWN_MS = 6000;
let nextMessage = 0;

/** kind: "", ok, warn, bad. An error stays until it is closed. action: {label, run}. */
export function toast(text, kind = "", action = null) {
  if (text.lost) return void refresh().then(() => away.get() || toast(text.message, "bad"));
  if (text instanceof Error) [text, kind] = [text.message, "bad"];
  const id = nextMessage++;
  const away = () => messages.set((all) => all.filter((one) => one.id !== id));
  messages.set((all) => [...all.filter((one) => one.text !== text).slice(-3), { id, text, kind, action, away }]);
  if (kind !== "bad") setTimeout(away, SHOWN_MS);
}

export function Toasts() {
  const shown = useStore(messages);
  return html`<div class="toasts" role="status" aria-live="polite">
    ${shown.map(
      (one) => html`<div key=${one.id} class=${`note ${one.kind}`} role=${one.kind === "bad" ? "alert" : undefined}>
        <${Icon} name=${{ ok: "ok", warn: "warn", bad: "bad" }[one.kind] ?? "help"} />
        <span>${one.text}</span>
        ${one.action &&
        html`<button
          type="button"
          class="btn small"
          onClick=${() => {
            one.away();
            one.action.run();
          }}
        >
          ${one.action.label}
        </button>`}
        <button type="button" class="btn quiet small icon" aria-label="Close this message" onClick=${one.away}>
          <${Icon} name="close" />
        </button>
      </div>`,
    )}
  </div>`;
}
