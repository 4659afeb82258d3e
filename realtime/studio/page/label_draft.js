// What a coder has pressed for one frame and not yet said: values by AU, with a way back for each press.

import { coderName } from "./dialogs.js";
import { PRESENT, UNSCORABLE, isOn } from "./labels_store.js";
import { tab } from "./store.js";

const drafts = new Map(); // "coder:recording:frame:face" -> draft; while it is not said a reload of the page finds it
const mine = (key) => `draft.${coderName.get()}:${key}`;

export const draftKey = (item) => (item ? `${item.recording}:${item.frame}:${item.face}` : "");

/** {values: {au: {value, side}}, past, future}; begins with the labels that hold. */
export function draftOf(key, labels) {
  const kept = found(key);
  return kept && !kept.said ? kept : { values: labels, past: [], future: [] };
}

function found(key) {
  const name = mine(key);
  if (!drafts.has(name)) drafts.set(name, JSON.parse(tab.get(name))); // null: none
  return drafts.get(name);
}

function keep(key, draft) {
  drafts.set(mine(key), draft);
  tab.set(mine(key), draft.said ? null : JSON.stringify(draft));
}

/** Said: the labels hold now. Taken back: the presses are a draft again. */
export function setSaid(key, said) {
  const draft = found(key);
  if (draft) keep(key, { ...draft, said });
}

function change(key, draft, values) {
  keep(key, { values, past: [...draft.past, draft.values], future: [] });
}

export function press(key, draft, au) {
  const { [au]: before, ...others } = draft.values;
  const on = before && (isOn(before.value) || before.value === UNSCORABLE);
  change(key, draft, on ? others : { ...others, [au]: { value: PRESENT, side: null } });
}

export function put(key, draft, au, value) {
  const before = draft.values[au];
  const side = isOn(value) && before ? before.side : null;
  change(key, draft, { ...draft.values, [au]: { value, side } });
}

export function toggleUnscorable(key, draft, au) {
  const { [au]: before, ...others } = draft.values;
  change(key, draft, before?.value === UNSCORABLE ? others : { ...others, [au]: { value: UNSCORABLE, side: null } });
}

/** Whether there was an AU to take the side. */
export function side(key, draft, au, letter) {
  const before = draft.values[au];
  if (!before || !isOn(before.value)) return false;
  change(key, draft, { ...draft.values, [au]: { ...before, side: before.side === letter ? null : letter } });
  return true;
}

export function back(key, draft) {
  if (!draft.past.length) return false;
  const past = draft.past.slice(0, -1);
  keep(key, { values: draft.past[past.length], past, future: [draft.values, ...draft.future] });
  return true;
}

export function again(key, draft) {
  if (!draft.future.length) return false;
  const [values, ...future] = draft.future;
  keep(key, { values, past: [...draft.past, draft.values], future });
  return true;
}

/** Statements for a frame: each AU that is coded, 0 where nothing was pressed. */
export function statementsFor(item, draft, aus, all = undefined) {
  const { face, frame, time_s } = item;
  return aus.map((au) => {
    const { value = 0, side: where = null } = all === undefined ? (draft.values[au] ?? {}) : { value: all };
    return { face, frame, time_s, au, value, side: where, source: "human" };
  });
}
