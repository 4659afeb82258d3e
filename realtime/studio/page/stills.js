// Exact pictures of frames by index, kept while they fit, the newest wish first.

import { useEffect, useRef, useState } from "./vendor/preact-htm.js";

const MOST_PIXELS = 40e6; // 160 MB

class StillCache {
  #kept = new Map(); // address -> promise of an ImageBitmap, the oldest first
  #pixels = 0;

  /** The whole picture, at most `width` pixels wide if that is not 0. Rejects with an ApiError. */
  get(api, recording, index, width = 0) {
    const address = `/api/recordings/${recording}/still/${index}${width ? `?w=${width}` : ""}`;
    const kept = this.#kept.get(address);
    this.#kept.delete(address);
    const made = kept ?? this.#load(api, address);
    this.#kept.set(address, made);
    return made;
  }

  async #load(api, address) {
    try {
      const bitmap = await createImageBitmap(await api.blob(address));
      this.#pixels += bitmap.width * bitmap.height;
      this.#trim();
      return bitmap;
    } catch (error) {
      this.#kept.delete(address);
      throw error;
    }
  }

  async #trim() {
    while (this.#pixels > MOST_PIXELS && this.#kept.size > 4) {
      const [address, made] = this.#kept.entries().next().value;
      this.#kept.delete(address);
      const bitmap = await made.catch(() => null);
      if (bitmap) this.#pixels -= bitmap.width * bitmap.height;
    }
  }
}

export const stills = new StillCache();

/** {bitmap, index, error} of the newest frame that came; one request at a time, so that scrubbing never queues. */
export function useStill(api, recording, index, width = 0) {
  const [shown, set] = useState({ bitmap: null, index: -1, recording: "", error: null });
  const job = useRef({ busy: false, wanted: null, gone: false }).current;
  useEffect(() => () => Object.assign(job, { gone: true, wanted: null }), []);
  useEffect(() => {
    if (!recording || index == null || index < 0) return;
    job.wanted = { recording, index, width };
    if (!job.busy) work(api, job, set);
  }, [recording, index, width]);
  return shown;
}

async function work(api, job, set) {
  job.busy = true;
  while (job.wanted && !job.gone) {
    const wish = job.wanted;
    job.wanted = null;
    let found = { bitmap: null, error: null };
    try {
      found.bitmap = await stills.get(api, wish.recording, wish.index, wish.width);
    } catch (error) {
      found = { bitmap: null, error };
    }
    if (!job.gone) set({ ...wish, ...found });
  }
  job.busy = false;
}

/** Loads what is likely to be wanted next; nobody waits for it. */
export function soon(api, recording, indexes) {
  for (const index of indexes) if (index >= 0) stills.get(api, recording, index).catch(() => {});
}
