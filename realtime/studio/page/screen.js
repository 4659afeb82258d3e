// What canvases need: the colours of the look, the size of an element, a sharp context.

import { useEffect, useLayoutEffect, useRef, useState } from "./vendor/preact-htm.js";

const COLOURS = [
  ...["bg", "surface", "sunken", "hover", "line", "edge", "ink", "dim", "accent", "accent-ink", "accent-soft"],
  ...["present", "present-ink", "present-soft", "model", "band", "human", "ok", "warn", "bad"],
  ...["series-1", "series-2", "series-3", "series-4", "series-5", "series-6"],
];

/** The tokens of style.css by name, with "-" as "_": {ink, accent_soft, series_1, …}. */
export function colours() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(
    COLOURS.map((name) => [name.replaceAll("-", "_"), style.getPropertyValue(`--${name}`).trim()]),
  );
}

export function useColours() {
  const [found, set] = useState(colours);
  useEffect(() => {
    const watcher = new MutationObserver(() => set(colours()));
    watcher.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    return () => watcher.disconnect();
  }, []);
  return found;
}

/** -> [ref, {width, height}] in CSS pixels, as the element's size changes. */
export function useSize() {
  const ref = useRef(null);
  const [size, set] = useState({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const watcher = new ResizeObserver(([entry]) => {
      const { width, height } = entry.contentRect;
      set({ width: Math.floor(width), height: Math.floor(height) });
    });
    watcher.observe(ref.current);
    return () => watcher.disconnect();
  }, []);
  return [ref, size];
}

/** A 2D context of width x height CSS pixels, sharp on any screen and empty. */
export function sharp(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return pen;
}
