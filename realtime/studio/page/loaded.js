// What a view loads of a recording: its timeline and the labels of a coder, with the line that says why not.

import { useEffect, useMemo, useState } from "./vendor/preact-htm.js";
import { Labels } from "./labels_store.js";
import { parseTimeline } from "./timeline.js";

const MOST = 3;
const kept = new Map(); // address -> promise of a timeline

/** The timeline of an analysed recording by a model. Rejects with an ApiError. */
export function timelineOf(api, recording, model, weights = "") {
  const address = `/api/recordings/${recording}/timeline?model=${encodeURIComponent(model)}`;
  const key = `${address} ${weights}`;
  const made = kept.get(key) ?? api.bytes(address).then(parseTimeline);
  kept.delete(key);
  kept.set(key, made);
  made.catch(() => kept.delete(key));
  if (kept.size > MOST) kept.delete(kept.keys().next().value);
  return made;
}

/** {timeline, error}; asked again when the recording becomes ready or the model changes. */
export function useTimeline(api, rec, state) {
  const [found, set] = useState({ timeline: null, error: null, id: "" });
  const ready = rec?.state === "ready";
  useEffect(() => {
    let gone = false;
    const take = (what) => !gone && set({ timeline: null, error: null, id: rec.id, ...what });
    if (ready)
      timelineOf(api, rec.id, state.model, state.weights).then(
        (timeline) => take({ timeline }),
        (error) => take({ error }),
      );
    return () => {
      gone = true;
    };
  }, [rec?.id, ready, state.model, state.weights]);
  return ready && found.id === rec.id ? found : { timeline: null, error: null };
}

/** The labels of a recording by a coder; the page is drawn anew when they change, here or in another page. */
export function useLabels(api, recording, coder, toast, said) {
  const [, changed] = useState(0);
  const labels = useMemo(() => new Labels(api, recording, coder, toast), [api, recording, coder]);
  useEffect(() => {
    const stop = labels.listen((version) => changed(version + Math.random()));
    if (recording) labels.load().catch(toast);
    return stop;
  }, [labels]);
  useEffect(() => void labels.heard(said).catch(toast), [labels, labels.version, said?.batch]);
  return labels;
}
