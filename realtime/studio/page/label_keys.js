// All AUs as keys, in facial order: upper face, middle, lower.

import { html } from "./vendor/preact-htm.js";
import { two } from "./parts.js";
import { UNSCORABLE, isOn, markOf, valueText } from "./labels_store.js";

const REGIONS = [
  ["upper", "Brows and eyes"],
  ["middle", "Nose, cheeks, corners of the mouth"],
  ["lower", "Lips and jaw"],
];

/** values: {au: {value, side}} that the coder gave. guesses: the model's answers by place in timeline.aus, or null. */
export function AuKeys({ aus, values, guesses, timeline, lastAu, onPress, onLook }) {
  const regions = REGIONS.map(([id, title]) => ({ id, title, own: aus.filter((one) => one.region === id) }));
  const rows = Math.ceil(Math.max(...regions.map(({ own }) => own.length)) / 2);
  const columns = regions.map(({ own }) => Math.ceil(own.length / rows));
  return html`<div class="au-keys" style=${{
    gridTemplateColumns: columns
      .filter(Boolean)
      .map((n) => `${n}fr`)
      .join(" "),
  }}>
    ${regions.map(({ id, title, own }, i) => {
      return (
        own.length > 0 &&
        html`<section key=${id}>
          <h3 class="small dim">${title}</h3>
          <div class="au-grid" style=${{ gridTemplateColumns: `repeat(${columns[i]}, minmax(0, 1fr))` }}>
            ${own.map(
              (info) => html`<${AuKey}
                key=${info.au}
                info=${info}
                label=${values[info.au]}
                guess=${guesses?.[timeline.aus.indexOf(info.au)]}
                last=${lastAu === info.au}
                onPress=${onPress}
                onLook=${onLook}
              />`,
            )}
          </div>
        </section>`
      );
    })}
  </div>`;
}

function AuKey({ info, label, guess, last, onPress, onLook }) {
  const { au, name, key, experimental } = info;
  const on = label && isOn(label.value);
  const kind = on ? "on" : label?.value === UNSCORABLE ? "unscorable" : "";
  const says = label && label.value !== 0 ? valueText(label) : "";
  const whose = experimental || says ? "" : "model ";
  const guessText = guess && `${guess.on === Boolean(on) ? "=" : "≠"} ${whose}${two(guess.p)}`;
  return html`<button
    type="button"
    class=${`au-key ${kind} ${last ? "last" : ""}`}
    aria-pressed=${Boolean(on)}
    title=${`${info.look ?? name}${experimental ? " (experimental)" : ""}`}
    onClick=${() => onPress(au)}
    onFocus=${() => onLook(au)}
  >
    ${key ? html`<kbd>${key.toUpperCase()}</kbd>` : html`<kbd class="none"> </kbd>`}
    <span class="au-what"><b>AU${au}</b> <span class="cut">${name}</span></span>
    <span class="au-says">
      ${says && html`${markOf(label.value)} ${says}`}
      ${!says && experimental && html`<span class="experimental">▵ experimental</span>`}
      ${guess && html`<span class="guess" title="What the model says; = as you, ≠ not as you">${guessText}</span>`}
    </span>
  </button>`;
}
