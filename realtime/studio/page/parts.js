// Parts that every view uses: names of AUs, addresses of views, empty states, tabs; and what the files beside it give.

import { html } from "./vendor/preact-htm.js";
import { away } from "./api.js";
import { Icon } from "./icons.js";
import { useStore } from "./store.js";

export { Icon };
export * from "./dialogs.js";
export * from "./keys.js";
export * from "./screen.js";
export * from "./store.js";

// Names.

export function auInfo(state, au) {
  return state?.aus?.find((one) => one.au === Number(au)) ?? { au, name: "", experimental: false };
}

export const auText = (state, au) => `AU${au} ${auInfo(state, au).name}`.trim();

/** "AU12 lip corner puller", with the word "experimental" where it is. */
export function AuName({ state, au, short = false }) {
  const info = auInfo(state, au);
  const title = info.experimental ? "Experimental: not shown to work on real faces" : info.look || info.name;
  return html`<span class="au" title=${title}>
    <b>AU${au}</b>${short ? "" : info.name}${info.experimental && html`<i>experimental</i>`}
  </span>`;
}

/** 75.25 -> "1:15.3"; 3675 -> "1:01:15.0". digits: after the point. */
export function clock(seconds, digits = 1) {
  if (seconds == null || !Number.isFinite(seconds)) return "–";
  const rounded = Number(Math.max(0, seconds).toFixed(digits));
  const minutes = Math.floor(rounded / 60);
  const rest = (rounded - 60 * minutes).toFixed(digits).padStart(digits ? 3 + digits : 2, "0");
  if (minutes < 60) return `${minutes}:${rest}`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}

export const two = (value) => (value == null ? "–" : Number(value).toFixed(2));
export const count = (n, one, many = `${one}s`) => `${Number(n).toLocaleString("en")} ${n === 1 ? one : many}`;

// Where the page is: #review/ID?frame=12 -> {view: "review", params: {id: "ID", frame: "12"}}.

export function whereAmI() {
  const [path, search = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [view, id] = path.split("/").map(decoded);
  return { view: view || "", params: { ...(id ? { id } : {}), ...Object.fromEntries(new URLSearchParams(search)) } };
}

/** "" for what no address says, such as %ff. */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return "";
  }
}

export function linkTo(view, { id, ...more } = {}) {
  const search = new URLSearchParams(more).toString();
  return `#${view}${id ? `/${encodeURIComponent(id)}` : ""}${search ? `?${search}` : ""}`;
}

export function go(view, params = {}) {
  location.hash = linkTo(view, params);
}

// Small parts.

export function Badge({ kind = "", icon = "", turning = false, children, title }) {
  return html`<span class=${`badge ${kind}`} title=${title}>
    ${icon && html`<${Icon} name=${icon} turning=${turning} />`}${children}
  </span>`;
}

/** A line in a box. kind: "", ok, warn, bad; each has its own shape. */
export function Note({ kind = "", children, role }) {
  const icon = { ok: "ok", warn: "warn", bad: "bad" }[kind] ?? "help";
  return html`<div class=${`note ${kind}`} role=${role}><${Icon} name=${icon} /><span>${children}</span></div>`;
}

/** An ApiError, if any; nothing while the shell says that the studio is away. */
export function Failure({ error }) {
  const told = useStore(away) && error?.lost;
  return error && !told && html`<${Note} kind="bad" role="alert">${error.message}<//>`;
}

/** share: 0 to 1, or null where nobody knows how much there is. */
export function Bar({ share, label }) {
  const known = share != null && Number.isFinite(share);
  const percent = known ? Math.round(100 * Math.min(1, Math.max(0, share))) : undefined;
  return html`<div
    class=${known ? "bar" : "bar unknown"}
    role="progressbar"
    aria-label=${label}
    aria-valuemin="0"
    aria-valuemax="100"
    aria-valuenow=${percent}
  >
    <div style=${{ width: known ? `${percent}%` : "30%" }}></div>
  </div>`;
}

/** What to do where there is nothing yet. */
export function Empty({ icon, title, children }) {
  return html`<div class="empty"><${Icon} name=${icon} /><h2>${title}</h2>${children}</div>`;
}

/** items: [{id, label}]. Arrow keys change the tab. */
export function Tabs({ items, value, onChange, label }) {
  const at = items.findIndex((item) => item.id === value);
  const onKeyDown = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = (at + step + items.length) % items.length;
    onChange(items[next].id);
    event.currentTarget.children[next]?.focus();
  };
  return html`<div class="tabs" role="tablist" aria-label=${label} onKeyDown=${onKeyDown}>
    ${items.map(
      (item) => html`<button
        key=${item.id}
        type="button"
        role="tab"
        aria-selected=${item.id === value}
        tabindex=${item.id === value ? 0 : -1}
        onClick=${() => onChange(item.id)}
      >
        ${item.label}
      </button>`,
    )}
  </div>`;
}

/** One of few, each in plain words. items: [{id, label, says}]. */
export function Choices({ legend, name, items, value, onChange, disabled = false }) {
  return html`<fieldset disabled=${disabled}>
    <legend>${legend}</legend>
    <div class="choices">
      ${items.map(
        (item) => html`<label key=${item.id}>
          <input type="radio" name=${name} checked=${item.id === value} onChange=${() => onChange(item.id)} />
          <div><b>${item.label}</b><span>${item.says}</span></div>
        </label>`,
      )}
    </div>
  </fieldset>`;
}
