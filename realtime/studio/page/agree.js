// Agreement: two coders, figures for each AU, and the frames in which they differ, side by side.

import { html, useEffect, useState } from "./vendor/preact-htm.js";
import { AuName, Empty, Failure, Note, count, linkTo, remember, remembered, two } from "./parts.js";
import { Differences } from "./agree_frames.js";
import { facialOrder } from "./filters.js";
import { handsBack } from "./hands.js";

const MOST_TOLERANCE_S = 60;

export function Agree({ state, coder, api, toast }) {
  const { coders } = state;
  const [a, setA] = useState(() => firstOf(coders, remembered("agree.a"), coder));
  const [b, setB] = useState(() =>
    firstOf(
      coders,
      remembered("agree.b"),
      coders.find((one) => one !== coder),
    ),
  );
  const [tolerance, setTolerance] = useState(remembered("agree.tolerance", "0.5"));
  const [au, setAu] = useState(null);
  const { found, error } = useAgreement(api, state, a, b, tolerance);
  if (coders.length < 2)
    return html`<div class="view">
      <header><h1>Agreement</h1></header>
      <${Empty} icon="agree" title="A second coder is needed">
        <p>
          ${coders.length === 1 ? `Only ${coders[0]}` : "Nobody"} has labelled so far. The second coder opens this
          studio, changes the initials at the left below, and labels the same frames without seeing the first one's
          answers. Or read another studio's labels.jsonl under Files.
        </p>
        <a class="btn primary" href=${linkTo("label")}>Label frames</a>
      <//>
    </div>`;
  const pick = (label, value, set, name) => html`<label class="field">
    <span>${label}</span>
    <select
      value=${value}
      onChange=${(event) => {
        remember(`agree.${name}`, event.target.value);
        set(event.target.value);
      }}
    >
      ${coders.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}
    </select>
  </label>`;
  return html`<div class="view agree" ...${handsBack}>
    <header>
      <h1>Agreement</h1>
      <div class="row agree-pick">
        ${pick("Coder A", a, setA, "a")}${pick("Coder B", b, setB, "b")}
        <label class="field">
          <span>Onsets may be apart, s</span>
          <input
            type="number"
            min="0"
            max=${MOST_TOLERANCE_S}
            step="0.1"
            value=${tolerance}
            onInput=${(event) => {
              remember("agree.tolerance", event.target.value);
              setTolerance(event.target.value);
            }}
          />
        </label>
      </div>
    </header>
    ${a === b && html`<${Note} kind="warn">Choose two different coders.<//>`}
    <${Failure} error=${error} />
    ${
      found &&
      a !== b &&
      (found.aus.length === 0
        ? html`<${Empty} icon="agree" title=${`${a} and ${b} share no labels yet`}>
          <p>
            Only what both labelled counts: the same AU of the same face in the same frame. Let both go through the list
            under Label.
          </p>
          <a class="btn primary" href=${linkTo("label")}>Label frames</a>
        <//>`
        : html`<${Figures} ...${{ state, found, a, b, au, setAu }} />
          <${Differences}
            key=${`${a} ${b} ${au}`}
            ...${{ state, api, a, b, au, setAu }}
            differ=${found.differ}
          />`)
    }
  </div>`;
}

const firstOf = (coders, ...wanted) => wanted.find((one) => coders.includes(one)) ?? coders[0] ?? "";

function useAgreement(api, state, a, b, tolerance) {
  const [result, set] = useState({ found: null, error: null });
  const labelled = state.recordings.map((rec) => rec.labelled).join();
  useEffect(() => {
    if (!a || !b || a === b) return undefined;
    const gone = new AbortController();
    const wait = setTimeout(async () => {
      try {
        const query = api.query({ a, b, tolerance_s: tolerance || "0" });
        set({ found: await api.get(`/api/agreement?${query}`, { signal: gone.signal }), error: null });
      } catch (error) {
        if (error.name !== "AbortError") set({ found: null, error });
      }
    }, 150);
    return () => {
      clearTimeout(wait);
      gone.abort();
    };
  }, [a, b, tolerance, labelled]);
  return result;
}

/** One row per AU; a click shows the frames of that AU alone. */
function Figures({ state, found, a, b, au, setAu }) {
  const order = facialOrder(state);
  const rows = [...found.aus].sort((x, y) => (order.get(x.au) ?? 99) - (order.get(y.au) ?? 99));
  const differ = (wanted) => found.differ.filter((one) => one.aus.some((entry) => entry.au === wanted)).length;
  const overall = found.wexler == null ? "" : `, Wexler ratio ${two(found.wexler)} over all AUs`;
  return html`<section class="card">
    <h2>
      ${count(found.n, "answer")} of both${overall}
    </h2>
    <div class="wide">
      <table class="data">
        <thead>
          <tr>
            <th>AU</th>
            <th title="Frames in which they differ; a press shows only these below">Differ</th>
            <th class="number" title="Frames that both called present or absent">Frames</th>
            <th class="number">${a}: present</th>
            <th class="number">${b}: present</th>
            <th class="number" title="Share of frames with the same answer">Agreed</th>
            <th class="number" title="Cohen's kappa: agreement beyond chance">Kappa</th>
            <th class="number" title="FACS manual: twice what both called present, by all that each called present">
              Wexler
            </th>
            <th class="number" title="Of levels: absolute agreement, ICC(A,1), in n frames">ICC (n)</th>
            <th class="number" title="Onsets of both within the tolerance">Onsets</th>
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            (row) => html`<tr key=${row.au}>
              <td><${AuName} state=${state} au=${row.au} /></td>
              <td>
                ${
                  differ(row.au) > 0
                    ? html`<button
                      type="button"
                      class="btn small"
                      aria-pressed=${au === row.au}
                      onClick=${() => setAu(au === row.au ? null : row.au)}
                    >
                      ${differ(row.au)}
                    </button>`
                    : html`<span class="dim">none</span>`
                }
              </td>
              <td class="number">${row.n}</td>
              <td class="number">${row.a}</td>
              <td class="number">${row.b}</td>
              <td class="number">${row.agreed == null ? "–" : `${Math.round(100 * row.agreed)} %`}</td>
              <td class="number">${two(row.kappa)}</td>
              <td class="number">${two(row.wexler)}</td>
              <td class="number">${row.icc?.agreement == null ? "–" : `${two(row.icc.agreement)} (${row.icc.n})`}</td>
              <td class="number">${events(row.events)}</td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
    <p class="dim small">
      “–”: the figure does not exist for so few answers, e.g. kappa where both always said the same. Onsets need
      labels of frames next to each other.
    </p>
  </section>`;
}

const events = (one) => (!one || !(one.a + one.b) ? "–" : `${one.matched} of ${one.a} and ${one.b}, F1 ${two(one.f1)}`);
