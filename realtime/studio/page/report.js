// What ks-adapt found: F1 of the base model and of one's own, on frames that taught nothing, in all and per AU.

import { html, useState } from "./vendor/preact-htm.js";
import { AuName, Note, Tabs, count, two } from "./parts.js";

const TESTS = {
  audit: { label: "Frames kept apart", says: "seconds that never taught, however often you trained" },
  these: { label: "These recordings", says: "other frames of these recordings, by cross-validation" },
  people: { label: "Same people", says: "new recordings of these people, by cross-validation" },
  anyone: { label: "Other people", says: "people not in the recordings, by cross-validation" },
};
const KINDS = { base: "as it was", threshold: "threshold raised", bias: "level moved", head: "own head" };
const LITTLE = 0.05; // less F1 above saying present everywhere is nothing learned; realtime/adapt/show.py

const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;

export function Report({ state, report, title, action }) {
  const scores = { audit: report.audit, ...report.left_out };
  const [picked, pick] = useState("audit");
  const at = scores[picked] ? picked : "audit";
  return html`<section class="card stack">
    <div class="row">
      <h2>${title}</h2>
      <div class="spread"></div>
      ${action}
    </div>
    <p class="dim">
      ${count(report.labelled_frames, "labelled face")} of ${Number(report.frames).toLocaleString("en")},${" "}
      ${count(report.recordings, "recording")}, ${count(report.people, "person", "people")}. F1 is 1 where all is
      right.
    </p>
    <${Tabs}
      label="Tested on"
      value=${at}
      onChange=${pick}
      items=${Object.keys(scores).map((id) => ({ id, label: TESTS[id].label }))}
    />
    <${Mean} score=${scores[at]} says=${TESTS[at].says} />
    <${PerAu} state=${state} report=${report} score=${scores[at]} />
    ${report.notes?.map((note) => html`<${Note} key=${note} kind="warn">${note}<//>`)}
  </section>`;
}

function Mean({ score, says }) {
  if (score.f1_own == null) {
    return html`<${Note} kind="warn">
      Too few labels that show an AU to tell (${count(score.frames, "frame")}). Label more frames: a fifth of those that
      are suggested is for this test.
    <//>`;
  }
  const low_high = score.gain_95;
  const changed = low_high && (low_high[0] > 0 ? "better" : low_high[1] < 0 ? "worse" : "no sure difference");
  return html`<div class="stack tight">
    <div class="row figures">
      <div><span>Base model</span><b class="number">${two(score.f1_base)}</b></div>
      <span aria-hidden="true">→</span>
      <div><span>Own</span><b class="number">${two(score.f1_own)}</b></div>
      <div>
        <span>Gain${low_high ? ", with its 95 % interval" : ""}</span>
        <b class="number">${signed(score.f1_own - score.f1_base)}</b>
        ${low_high && html`<em class="number">${signed(low_high[0])} to ${signed(low_high[1])}: ${changed}</em>`}
      </div>
    </div>
    <p class="dim">
      Mean F1 of ${count(score.aus, "AU")} with five or more frames that show it, on${" "}
      ${count(score.frames, "frame")}: ${says}. ${!low_high && "Too few seconds for an interval."}
    </p>
    ${score.f1_own < score.f1_always + LITTLE &&
    html`<${Note} kind="warn" role="alert">
      No more than saying present everywhere (${two(score.f1_always)}): the labels do not fit what is seen. Check that
      they belong to these frames and faces, or label more.
    <//>`}
  </div>`;
}

function PerAu({ state, report, score }) {
  const rows = report.aus
    .map((one, u) => ({ ...one, ...tested(score.per_au[u]) }))
    .filter((one) => one.present + one.absent + one.shown + one.without > 0);
  return html`<div class="wide">
    <table class="data">
      <thead>
        <tr>
          <th>AU</th>
          <th>What changed</th>
          <th class="number">Labels that taught</th>
          <th class="number">Tested on</th>
          <th class="number">F1, base → own</th>
          <th class="number">Gain, 95 %</th>
          <th class="chart"><${Scale} /></th>
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (one) => html`<tr key=${one.au}>
            <td><${AuName} state=${state} au=${one.au} /></td>
            <td>${KINDS[one.kind] ?? one.kind}</td>
            <td class="number small cut">${one.present} present, ${one.absent} absent</td>
            <td class="number small cut">${one.shown} present, ${one.without} absent</td>
            <td class="number">${one.shown ? `${two(one.f1_base)} → ${two(one.f1_own)}` : "–"}</td>
            <td class="number small cut">${one.gain_95 ? `${signed(one.gain_95[0])} to ${signed(one.gain_95[1])}` : "–"}</td>
            <td class="chart">${one.shown > 0 && html`<${Change} before=${one.f1_base} after=${one.f1_own} />`}</td>
          </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

const tested = ({ present, absent, f1_base, f1_own, gain_95 }) => ({
  shown: present,
  without: absent,
  f1_base,
  f1_own,
  gain_95,
});

const WIDE = 110;
const x = (f1) => 8 + (f1 ?? 0) * (WIDE - 16);

function Scale() {
  return html`<span class="scale"><span>0</span><span>○ base ● own</span><span>1</span></span>`;
}

function Change({ before, after }) {
  const words = `from ${two(before)} to ${two(after)}`;
  return html`<svg class="change" viewBox=${`0 0 ${WIDE} 16`} width=${WIDE} height="16" role="img" aria-label=${words}>
    <line class="axis" x1="8" x2=${WIDE - 8} y1="8" y2="8" />
    <line class="way" x1=${x(before)} x2=${x(after)} y1="8" y2="8" />
    <circle class="before" cx=${x(before)} cy="8" r="4" />
    <circle class="after" cx=${x(after)} cy="8" r="4.5" />
  </svg>`;
}
