// Beside the frame: its neighbours in time, the person's neutral frame, and what to look for in an AU.

import { html, useLayoutEffect, useMemo, useRef, useState } from "./vendor/preact-htm.js";
import { AuName, Icon, auInfo, remember, remembered, sharp, useSize } from "./parts.js";
import { closeTo, place } from "./stage.js";
import { useStill } from "./stills.js";
import { boxAt, calmest } from "./timeline.js";

export const OFFSETS = [-10, -5, -2, -1, 1, 2, 5, 10];

const SMALL = 1280; // pixels; wider pictures come smaller, since many are shown at once

/** The same part of a picture for all, so that only the face moves. full: the width in which box is given. */
function Crop({ api, recording, frame, box, full, label }) {
  const [ref, { width, height }] = useSize();
  const canvas = useRef(null);
  const { bitmap, error } = useStill(api, recording, frame, full > 1.2 * SMALL ? SMALL : 0);
  useLayoutEffect(() => {
    if (!width || !height) return;
    const pen = sharp(canvas.current, width, height);
    if (!bitmap?.width) return;
    const here = box?.map((value) => (value * bitmap.width) / full);
    const part = box ? closeTo(here, bitmap.width, bitmap.height, width / height) : [0, 0, bitmap.width, bitmap.height];
    place(pen, bitmap, part, width, height);
  }, [bitmap, width, height, box, full]);
  return html`<span class="crop" ref=${ref}>
    <canvas ref=${canvas} role="img" aria-label=${label} style=${{ width: `${width}px`, height: `${height}px` }} />
    ${error && html`<span class="small dim">${error.message}</span>`}
  </span>`;
}

/** full: the pictures' width, 0 until the frame itself is there; its neighbours wait for it. */
export function Strip({ api, item, box, last, offset, full, onOffset }) {
  return html`<div class="strip" role="group" aria-label="Frames before and after">
    ${OFFSETS.map((by) => {
      const frame = item.frame + by;
      const there = frame >= 0 && frame <= last;
      return html`<button
        key=${by}
        type="button"
        class="strip-frame"
        aria-pressed=${offset === by}
        disabled=${!there}
        onClick=${() => onOffset(offset === by ? 0 : by)}
      >
        ${
          there && full
            ? html`<${Crop} ...${{ api, box, frame, full }} recording=${item.recording} label=${`Frame ${frame}`} />`
            : html`<span class="crop"></span>`
        }
        <span class="small number">${by > 0 ? "+" : "−"}${Math.abs(by)}</span>
      </button>`;
    })}
  </div>`;
}

/** {frame, pinned, pin(frame), unpin()}: kept in this browser for each recording and face. */
export function useNeutral(item, timeline, face) {
  const name = `neutral.${item.recording}.${item.face}`;
  const [, drawn] = useState(0);
  const kept = remembered(name, "");
  const proposed = useMemo(() => (timeline && face ? calmest(timeline, face) : -1), [timeline, face]);
  const pin = (frame) => {
    remember(name, frame);
    drawn((n) => n + 1);
  };
  const frame = kept !== "" ? Number(kept) : proposed >= 0 ? proposed : null;
  return { frame, pinned: kept !== "", pin, unpin: () => pin("") };
}

export function Neutral({ api, item, face, neutral, looking, full }) {
  const { frame, pinned } = neutral;
  const box = useMemo(() => (frame == null ? null : boxAt(face, frame)), [face, frame]);
  return html`<section class="neutral">
    <div class="row">
      <h3 class="small">Neutral face${frame == null ? "" : pinned ? `, frame ${frame}` : ", proposed"}</h3>
      <span class="spread"></span>
      ${pinned && html`<button type="button" class="btn quiet small" onClick=${neutral.unpin}>Unpin</button>`}
      <button
        type="button"
        class="btn small"
        title="Pin the frame that is shown: P"
        onClick=${() => neutral.pin(looking)}
      >
        <${Icon} name="pin" />Pin
      </button>
    </div>
    ${
      frame == null
        ? html`<p class="dim small">None yet. Go to a frame at rest with ← → and press P.</p>`
        : full > 0 &&
          html`<${Crop}
            ...${{ api, frame, box, full }}
            recording=${item.recording}
            label=${`Neutral face, frame ${frame}`}
          />`
    }
  </section>`;
}

export function Look({ state, au }) {
  const [gone, setGone] = useState(() => new Set());
  if (au == null)
    return html`<section class="look dim small">
      <p>
        Press an AU's key: what to look for is shown here. <kbd>1</kbd> to <kbd>5</kbd> give its level,${" "}
        <kbd>Shift</kbd> with its key: not scorable.
      </p>
    </section>`;
  const { look, reference, picture } = auInfo(state, au);
  return html`<section class="look">
    <h3><${AuName} state=${state} au=${au} /></h3>
    <p class="small">${look}</p>
    ${
      reference &&
      !gone.has(au) &&
      html`<figure>
      <img
        src=${reference}
        alt=${`AU${au}, drawn: neutral, level B, level D`}
        onError=${() => setGone(new Set([...gone, au]))}
      />
      <figcaption class="small dim">Drawn: neutral, level B, level D. ${picture}</figcaption>
    </figure>`
    }
  </section>`;
}
