// One analysed recording: the exact frame, the AUs over time, and a human's word over the model's.

import { html, useEffect, useMemo, useRef, useState } from "./vendor/preact-htm.js";
import { Failure, clock, useKeys } from "./parts.js";
import { CorrectBar, rowsOf } from "./correct.js";
import { Controls } from "./controls.js";
import { correctKeys, useCorrecting } from "./correcting.js";
import { Curves } from "./curves.js";
import { Filters, firstFilter, rowsShown } from "./filters.js";
import { useLabels } from "./loaded.js";
import { usePlayback } from "./playback.js";
import { reviewKeys } from "./review_keys.js";
import { Stage } from "./stage.js";
import { soon, useStill } from "./stills.js";
import { answersAt, boxAt, eventsOf, frameAt, leastSure, poseAt } from "./timeline.js";

const FEWEST = 8; // frames in the closest view

export function Working({ state, coder, api, toast, rec, timeline, at }) {
  const { times } = timeline;
  const last = times.length - 1;
  const [frame, setFrame] = useState(() => clamp(Number(at) || 0, 0, last));
  const [faceId, setFace] = useState(timeline.faces[0]?.id ?? null);
  const [range, setRange] = useState([0, timeline.whole]);
  const [chosen, setChosen] = useState(null);
  const [span, setSpan] = useState(null);
  const [filter, setFilter] = useState(firstFilter);
  const [unsure, setUnsure] = useState({ list: null, at: -1, key: "" });
  const [close, setClose] = useState(false);
  const labels = useLabels(api, rec.id, coder, toast, state.said);
  const face = timeline.faces.find(({ id }) => id === faceId);
  const still = useStill(api, rec.id, frame);
  const play = usePlayback(rec.id, times, frame, setFrame);
  const answers = useMemo(() => answersAt(timeline, face, frame), [timeline, face, frame]);
  const rows = rowsShown(state, timeline, face, filter, answers, labels);
  const uOf = (au) => timeline.aus.indexOf(au);

  useEffect(() => {
    if (at != null) setFrame(clamp(Number(at) || 0, 0, last));
  }, [at]);
  useFollow(range, setRange, times[frame] ?? 0, timeline);
  useEffect(() => {
    if (!play.playing && still.index === frame)
      soon(
        api,
        rec.id,
        [frame + 1, frame - 1].filter((one) => one <= last),
      );
  }, [still.index, play.playing]);

  const show = (from, to) => setRange(within(from, to, timeline));
  const moves = {
    to: (next) => {
      play.stop();
      setFrame(clamp(next, 0, last));
    },
    step: (by) => moves.to(frame + by),
    zoom: (factor, around = times[frame]) =>
      setRange(([from, to]) => within(around - (around - from) * factor, around + (to - around) * factor, timeline)),
    pan: (share) => setRange(([from, to]) => within(from + share * (to - from), to + share * (to - from), timeline)),
    page: (by) => moves.to(frameAt(times, times[frame] + by * (range[1] - range[0]) * 0.9)),
    event: (by) => {
      const onset = nearestEvent(
        timeline,
        face,
        chosen == null ? rows.map(({ au }) => au) : [chosen],
        times[frame],
        by,
      );
      if (onset == null) toast(by > 0 ? "No event after this frame" : "No event before this frame");
      else moves.to(frameAt(times, onset));
    },
    label: (by) => {
      const frames = labels.frames(face?.id);
      const next = by > 0 ? frames.find((one) => one > frame) : frames.findLast((one) => one < frame);
      if (next == null) toast(`No label of yours ${by > 0 ? "after" : "before"} this frame`);
      else moves.to(next);
    },
    unsure: () => {
      if (!face) return;
      const key = `${face.id}:${chosen}`;
      const list = unsure.key === key ? unsure.list : leastSure(timeline, face, chosen == null ? null : [uOf(chosen)]);
      const next = unsure.key === key ? (unsure.at + 1) % list.length : 0;
      setUnsure({ key, list, at: next });
      moves.to(list[next].frame);
      const about = chosen == null ? "all AUs" : `AU${chosen}`;
      toast(`Least sure about ${about}: ${next + 1} of ${list.length}, frame ${list[next].frame}`);
    },
    row: (by) => {
      const here = rows.findIndex(({ au }) => au === chosen);
      const next = here < 0 ? (by > 0 ? 0 : rows.length - 1) : clamp(here + by, 0, rows.length - 1);
      setChosen(rows[next]?.au ?? null);
    },
    away: () => {
      if (span) setSpan(null);
      else if (chosen != null) setChosen(null);
      else setRange([0, timeline.whole]);
    },
    mark: (end) =>
      setSpan((before) => {
        const [from, to] = before ?? [frame, frame];
        return end === "in" ? [frame, Math.max(frame, to)] : [Math.min(from, frame), frame];
      }),
  };

  const does = useCorrecting({ labels, timeline, face, frame, span, chosen, setChosen, coder, toast, moves, rec });
  useKeys("Review", reviewKeys(state, timeline, moves, play));
  useKeys("Correct", correctKeys(state, timeline, does));
  const shown = play.video || still.index < 0 ? frame : still.index; // boxes belong to the picture that is there
  const faces = useMemo(
    () =>
      timeline.faces
        .map((one) => ({ id: one.id, box: boxAt(one, shown), pose: poseAt(one, shown) }))
        .filter(({ box }) => box),
    [timeline, shown],
  );
  const zoomButton = (sign, name, key, factor) => html`<button
    type="button"
    class="btn small icon"
    aria-label=${name}
    title=${`${name}: ${key}`}
    onClick=${() => moves.zoom(factor)}
  >
    ${sign}
  </button>`;
  const chosenBox = faces.find(({ id }) => id === faceId)?.box ?? null;
  const labelled = useMemo(() => labels.frames(face?.id), [labels.version, labels, face]);
  const [first, end] = span && face ? rowsOf(face, span) : [0, 1];
  return html`
    <div class="review-top">
      <${Stage}
        picture=${play.video ?? still.bitmap}
        tick=${frame}
        faces=${faces}
        chosen=${faceId}
        close=${close ? chosenBox : null}
        onFace=${setFace}
        label=${`${rec.name}, frame ${shown}`}
      >
        <${Failure} error=${!play.playing && still.error} />
        ${!faces.length && html`<span class="stage-word">no face found in this frame</span>`}
      <//>
      <${Controls}
        ...${{ timeline, frame, face, faceId, setFace, moves, play, close, setClose }}
        exact=${still.index === frame}
      />
    </div>
    <${CorrectBar}
      ...${{ state, does, span, au: chosen, canUndo: labels.canUndo, canRedo: labels.canRedo }}
      label=${labels.at(face?.id, frame, chosen)}
      marks=${labels.marksAt(face?.id, frame, chosen)}
      answer=${chosen == null ? null : answers?.[uOf(chosen)]}
      frames=${end - first}
    />
    <div class="row zoom">
      <${Filters} filter=${filter} onFilter=${setFilter} shown=${rows.length} all=${timeline.aus.length} />
      <span class="spread"></span>
      <span class="dim small number">${clock(range[0])} to ${clock(range[1])}</span>
      <span class="joined">
        ${zoomButton("−", "Zoom out", "-", 2)}
        ${zoomButton("+", "Zoom in", "+", 0.5)}
        <button type="button" class="btn small" title="Esc" onClick=${() => setRange([0, timeline.whole])}>All</button>
      </span>
    </div>
    ${
      rows.length === 0
        ? html`<p class="dim">No AU fits here. Choose “All AUs” and empty the search field to see all of them.</p>`
        : html`<${Curves}
          ...${{ state, timeline, face, rows, range, frame, span, chosen, answers, labels, labelled }}
          onFrame=${moves.to}
          onRange=${show}
          onSpan=${(from, to) => setSpan([from, to])}
          onChoose=${setChosen}
          onZoom=${moves.zoom}
          onPan=${moves.pan}
        />`
    }
  `;
}

const clamp = (value, least, most) => Math.min(Math.max(value, least), most);

/** A range that lies in the recording and holds a few frames at least. */
function within(from, to, timeline) {
  const { whole } = timeline;
  const size = clamp(to - from, Math.min(FEWEST / (timeline.fps || 25), whole), whole);
  const middle = (from + to) / 2;
  const start = clamp(size === to - from ? from : middle - size / 2, 0, whole - size);
  return [start, start + size];
}

/** The shown part follows the frame when that leaves it. */
function useFollow(range, setRange, seconds, timeline) {
  const before = useRef(seconds);
  useEffect(() => {
    const moved = before.current !== seconds;
    before.current = seconds;
    const [from, to] = range;
    if (!moved || (seconds >= from && seconds <= to)) return;
    const start = seconds > to && seconds - to < to - from ? to - (to - from) * 0.1 : seconds - (to - from) / 2;
    setRange(within(start, start + to - from, timeline));
  }, [seconds]);
}

function nearestEvent(timeline, face, aus, seconds, by) {
  if (!face) return null;
  let found = null;
  for (const au of aus)
    for (const { onset_s: onset } of eventsOf(timeline, face.id, au)) {
      const fits = by > 0 ? onset > seconds + 1e-4 : onset < seconds - 1e-4;
      if (fits && (found == null || (by > 0 ? onset < found : onset > found))) found = onset;
    }
  return found;
}
