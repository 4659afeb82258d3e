// Icons of 16 x 16, drawn for this page; strokes take the colour of the words beside them.

import { html } from "./vendor/preact-htm.js";

const PATHS = {
  live: "M2.5 4.5h8v7h-8zM10.5 7.2 14 5v6l-3.5-2.2",
  review: "M1.5 11.5 4.5 6l3 4 2.5-6.5 2 5 2.5 3M1.5 14h13",
  label: "M2 8.5V2.5h6l6 6-6 6zM5 5.5h.01",
  train: "M8 1.5v3M8 11.5v3M1.5 8h3M11.5 8h3M8 5.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z",
  agree: "M6 3.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10 3.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9z",
  recordings: "M1.5 4.5v8h13v-7h-6l-1.5-2h-5.5z",
  add: "M8 3v10M3 8h10",
  close: "M4 4l8 8M12 4l-8 8",
  help: "M5.8 6a2.2 2.2 0 1 1 3.2 2c-.7.4-1 .8-1 1.6M8 12h.01M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13z",
  sun: "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M3 13l1-1M12 4l1-1",
  moon: "M13.5 9.5A6 6 0 0 1 6.5 2.5a6 6 0 1 0 7 7z",
  half: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM8 2v12M10.5 3v10M12.5 4.5v7",
  person: "M8 2.5a2.7 2.7 0 1 0 0 5.4 2.7 2.7 0 0 0 0-5.4zM2.5 14c.5-3 2.7-4.3 5.5-4.3s5 1.3 5.5 4.3",
  play: "M4.5 2.5v11l9-5.5z",
  pause: "M5 3v10M11 3v10",
  stop: "M3.5 3.5h9v9h-9z",
  record: "M8 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8z",
  ok: "M3 8.5 6.5 12 13 4.5",
  warn: "M8 2 1.5 13.5h13zM8 6.5v3.5M8 12h.01",
  bad: "M5.3 1.5h5.4l3.8 3.8v5.4l-3.8 3.8H5.3l-3.8-3.8V5.3zM8 4.8v4M8 11.2h.01",
  busy: "M8 1.5A6.5 6.5 0 1 1 1.5 8",
  wait: "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM8 4.5V8l2.5 2",
  undo: "M6 3 2.5 6.5 6 10M2.5 6.5h7a4 4 0 0 1 0 8H6",
  redo: "M10 3l3.5 3.5L10 10M13.5 6.5h-7a4 4 0 0 0 0 8H10",
  previous: "M10 3 5 8l5 5",
  next: "M6 3l5 5-5 5",
  down: "M3 6l5 5 5-5",
  export: "M8 10V2M5 4.5 8 1.5l3 3M2.5 9.5v4.5h11V9.5",
  import: "M8 1.5v8M5 6.5l3 3 3-3M2.5 9.5v4.5h11V9.5",
  remove: "M2.5 4.5h11M6 4.5V2.5h4v2M4 4.5 4.7 14h6.6L12 4.5",
  pin: "M5.5 2h5M6.5 2v5L4 9.5h8L9.5 7V2M8 9.5V14",
  eye: "M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8zM8 6a2 2 0 1 0 0 4 2 2 0 0 0 0-4z",
};

export function Icon({ name, turning = false }) {
  const filled = name === "record" || name === "stop" || name === "play" ? "currentColor" : "none";
  return html`<svg
    class=${turning ? "icon-svg turning" : "icon-svg"}
    viewBox="0 0 16 16"
    aria-hidden="true"
    focusable="false"
  >
    <path d=${PATHS[name] ?? PATHS.help} fill=${filled} />
  </svg>`;
}
