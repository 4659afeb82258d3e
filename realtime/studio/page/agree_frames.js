// The frames in which two coders differ: a list, the still, and both answers beside each other.

import { html, useEffect, useMemo, useRef, useState } from "./vendor/preact-htm.js";
import { AuName, Failure, Note, clock, count, linkTo, useKeys } from "./parts.js";
import { isOn, markOf, valueText } from "./labels_store.js";
import { useTimeline } from "./loaded.js";
import { Stage } from "./stage.js";
import { soon, useStill } from "./stills.js";
import { boxAt } from "./timeline.js";

const WHAT = { presence: "present or not", scorable: "scorable or not", level: "level", side: "side" };

export function Differences({ state, api, a, b, au, setAu, differ }) {
  const frames = useMemo(
    () => (au == null ? differ : differ.filter((one) => one.aus.some((x) => x.au === au))),
    [differ, au],
  );
  const [at, setAt] = useState(0);
  const one = frames[Math.min(at, frames.length - 1)];
  const step = (by) => setAt((now) => Math.min(Math.max(now + by, 0), frames.length - 1));
  useKeys("Agreement", [
    { keys: ["ArrowDown", "ArrowRight"], does: "next frame in which they differ", run: () => step(1) },
    { keys: ["ArrowUp", "ArrowLeft"], does: "frame before", run: () => step(-1) },
    { keys: "Home", does: "first frame", run: () => setAt(0) },
    { keys: "End", does: "last frame", run: () => setAt(frames.length - 1) },
    { keys: "Escape", does: "frames of all AUs", run: () => setAu(null) },
  ]);
  if (!one) return html`<${Note} kind="ok">${a} and ${b} gave the same answer wherever both answered.<//>`;
  return html`<section class="card differ">
    <h2>
      ${count(frames.length, "frame")} in which they differ${au == null ? "" : ` in AU${au}`}
      ${au != null && html` <button type="button" class="btn small" onClick=${() => setAu(null)}>All AUs</button>`}
    </h2>
    <div class="differ-parts">
      <${List} ...${{ state, frames, at, setAt }} />
      <${Picture} ...${{ state, api, one }} next=${frames[at + 1]} />
      <${Answers} ...${{ state, one, a, b }} />
    </div>
  </section>`;
}

const whereText = ({ frame, time_s, aus }) =>
  `frame ${frame} · ${clock(time_s, 2)} · ${aus.map(({ au }) => `AU${au}`).join(" ")}`;
const nameOf = (state, id) => state.recordings.find((rec) => rec.id === id)?.name ?? "not in the project now";

function List({ state, frames, at, setAt }) {
  const list = useRef(null);
  useEffect(() => {
    const { current: box } = list;
    const { offsetTop: top, offsetHeight: height } = box.children[at] ?? { offsetTop: 0, offsetHeight: 0 };
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top + height > box.scrollTop + box.clientHeight) box.scrollTop = top + height - box.clientHeight;
  }, [at]);
  return html`<div class="differ-list" role="listbox" aria-label="Frames" ref=${list}>
    ${frames.map(
      (one, i) => html`<button
        key=${i}
        type="button"
        role="option"
        aria-selected=${i === at}
        tabindex=${i === at ? 0 : -1}
        onClick=${() => setAt(i)}
      >
        <span class="cut">${nameOf(state, one.recording)}</span>
        <span class="number small dim">${whereText(one)}</span>
      </button>`,
    )}
  </div>`;
}

function Picture({ state, api, one, next }) {
  const rec = state.recordings.find(({ id }) => id === one.recording);
  const { timeline } = useTimeline(api, rec, state);
  const still = useStill(api, rec?.id, one.frame);
  const box = useMemo(
    () =>
      boxAt(
        timeline?.faces.find(({ id }) => id === one.face),
        one.frame,
      ),
    [timeline, one],
  );
  useEffect(() => {
    if (next?.recording && still.index === one.frame) soon(api, next.recording, [next.frame]);
  }, [still.index, next]);
  const fits = still.recording === rec?.id && still.index === one.frame;
  return html`<${Stage}
    picture=${fits ? still.bitmap : null}
    faces=${NO_FACES}
    close=${box}
    label=${`${rec?.name ?? "recording"}, frame ${one.frame}`}
  >
    <${Failure} error=${fits && still.error} />
    ${!rec && html`<${Note} kind="warn">The recording is not in the project now; add it again to see the frame.<//>`}
    <span class="stage-word number">frame ${one.frame}, face ${one.face}</span>
  <//>`;
}

const NO_FACES = [];

function Answers({ state, one, a, b }) {
  const answer = (value, side) => html`<span class=${isOn(value) ? "answer on" : "answer"}>
    ${markOf(value)} ${valueText({ value, side })}
  </span>`;
  return html`<div class="answers">
    <table class="data">
      <thead><tr><th>AU</th><th>${a}</th><th>${b}</th><th>Differs in</th></tr></thead>
      <tbody>
        ${one.aus.map(
          (x) => html`<tr key=${x.au}>
            <td><${AuName} state=${state} au=${x.au} short /></td>
            <td>${answer(x.a, x.a_side)}</td>
            <td>${answer(x.b, x.b_side)}</td>
            <td class="dim">${WHAT[x.what] ?? ""}</td>
          </tr>`,
        )}
      </tbody>
    </table>
    ${
      one.recording &&
      html`<p><a href=${linkTo("review", { id: one.recording, frame: one.frame })}>See it in Review</a></p>`
    }
  </div>`;
}
