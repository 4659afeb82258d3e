// Keys: a view says which it has; the help shows those that hold at the moment.

import { html, useEffect, useRef } from "./vendor/preact-htm.js";

const groups = new Set();
export const keyGroups = () => [...groups].map((group) => group.current);

/**
 * title: of the group in the help. list: [{keys: "Shift+Z" or several, does: "redo", run: (event) => …}]. Without
 * `run` a key is only told. Letters are written as capitals; "Shift+G" is G with Shift. The latest view wins.
 */
export function useKeys(title, list, active = true) {
  const group = useRef(null);
  group.current = { title, list };
  useEffect(() => {
    if (!active) return undefined;
    groups.add(group);
    return () => groups.delete(group);
  }, [active]);
}

export function pressed(event) {
  const { code } = event;
  let { key } = event;
  if (/^Digit\d$/.test(code) && !event.shiftKey && !/^\d$/.test(key)) key = code.slice(5); // AZERTY
  if (key.length === 1) key = key.toUpperCase();
  if (key === " ") key = "Space";
  const written = event.getModifierState("AltGraph");
  const held = [
    (event.ctrlKey || event.metaKey) && !written && "Ctrl+",
    event.altKey && !written && "Alt+",
    event.shiftKey && (key.length > 1 || /[\p{L}]/u.test(key)) && "Shift+",
  ];
  return held.filter(Boolean).join("") + key;
}

/** Whether the element under the focus wants the key for itself. */
function wanted(target, combo) {
  if (document.querySelector("dialog[open]")) return true;
  if (!(target instanceof Element)) return false;
  if (target.matches("textarea, select, [contenteditable], input:not([type=checkbox], [type=radio], [type=range])"))
    return true;
  if (/^(Enter|Space)$/.test(combo)) return target.matches("button, a[href], summary, input");
  if (/^(Arrow|Home|End|Page)/.test(combo)) return target.matches("[role=tab], [type=radio], [type=range]");
  return false;
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing) return;
  const combo = pressed(event);
  if (wanted(event.target, combo)) return;
  for (const group of [...groups].reverse()) {
    const found = group.current.list.find((one) => one.run && [one.keys].flat().includes(combo));
    if (!found) continue;
    event.preventDefault();
    found.run(event);
    return;
  }
});

const SHOWN = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc" };

export function Keys({ keys }) {
  return [keys].flat().map(
    (combo, i) => html`${i > 0 && " "}${combo.split(/(?<=.)\+/).map(
      (part, j) => html`${j > 0 && " "}<kbd>${SHOWN[part] ?? part}</kbd>`,
    )}`,
  );
}
