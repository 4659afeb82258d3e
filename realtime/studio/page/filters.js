// Which AU rows are shown, and in what order.

import { html } from "./vendor/preact-htm.js";
import { auInfo, remember, remembered } from "./parts.js";
import { summaries } from "./timeline.js";

const SHOW = [
  ["all", "All AUs"],
  ["present", "Present at this frame"],
  ["unsure", "Unsure at this frame"],
  ["labelled", "With labels of mine"],
];
const SORT = [
  ["face", "Upper to lower face"],
  ["unsure", "Least sure first"],
  ["present", "Most present first"],
];
const NEAR = 0.6; // doubt from which a row counts as unsure

export const firstFilter = () => ({ words: "", show: "all", sort: remembered("sort", "face") });

const REGIONS = ["upper", "middle", "lower"];

/** AU -> its place, from the brows to the jaw. */
export function facialOrder(state) {
  const sorted = [...state.aus].sort((a, b) => REGIONS.indexOf(a.region) - REGIONS.indexOf(b.region));
  return new Map(sorted.map((one, i) => [one.au, i]));
}

/** [{au, u}] of a timeline, as asked for. */
export function rowsShown(state, timeline, face, filter, answers, labels) {
  const place = facialOrder(state);
  let rows = timeline.aus.map((au, u) => ({ au, u }));
  rows.sort((a, b) => (place.get(a.au) ?? 99) - (place.get(b.au) ?? 99));
  if (filter.sort !== "face" && face) {
    const of = summaries(timeline, face);
    const by = filter.sort === "unsure" ? "doubt" : "present";
    rows.sort((a, b) => of[b.u][by] - of[a.u][by]);
  }
  const wanted = filter.words
    .toLowerCase()
    .split(/[\s,;]+/)
    .filter(Boolean);
  if (wanted.length) rows = rows.filter(({ au }) => wanted.some((word) => fits(state, au, word)));
  if (filter.show === "labelled") return rows.filter(({ au }) => labels.has(face?.id, au));
  if (filter.show === "all" || !answers) return rows;
  return rows.filter(({ u }) => {
    const { on, p, differ } = answers[u];
    const threshold = timeline.thresholds[u];
    return filter.show === "present"
      ? on
      : (p < threshold ? p / threshold : (1 - p) / (1 - threshold)) >= NEAR || differ >= 0.25;
  });
}

const fits = (state, au, word) =>
  /^(au)?\d+$/.test(word) ? String(au) === word.replace("au", "") : auInfo(state, au).name.toLowerCase().includes(word);

export function Filters({ filter, onFilter, shown, all }) {
  const select = (name, options, label) => html`<label class="row small"
    ><span class="away">${label}</span>
    <select
      value=${filter[name]}
      title=${label}
      onChange=${(event) => {
        if (name === "sort") remember("sort", event.target.value);
        onFilter({ ...filter, [name]: event.target.value });
      }}
    >
      ${options.map(([id, text]) => html`<option key=${id} value=${id}>${text}</option>`)}
    </select>
  </label>`;
  return html`<div class="row filters">
    <input
      type="search"
      id="au-filter"
      placeholder="AU or name, e.g. 12 brow"
      aria-label="Show only these AUs"
      value=${filter.words}
      onInput=${(event) => onFilter({ ...filter, words: event.target.value })}
      onKeyDown=${(event) => event.key === "Escape" && event.target.blur()}
    />
    ${select("show", SHOW, "Which AUs are shown")}${select("sort", SORT, "Order of the AUs")}
    <span class="dim small number">${shown} of ${all}</span>
  </div>`;
}
