// One frame after the other: the frame, its neighbours, the neutral face, the AUs as keys.

import { html, useEffect, useMemo, useState } from "./vendor/preact-htm.js";
import { Failure, Icon, Note, clock, count, linkTo, remember, remembered, useKeys } from "./parts.js";
import { AuKeys } from "./label_keys.js";
import { Look, Neutral, Strip, useNeutral } from "./label_side.js";
import { useScoring } from "./label_scoring.js";
import { useLabels, useTimeline } from "./loaded.js";
import { MarkButtons, marksAround } from "./marks.js";
import { Stage } from "./stage.js";
import { soon, useStill } from "./stills.js";
import { answersAt, boxAt } from "./timeline.js";

const GUESS = [
  ["after", "Model's guess: once scored"],
  ["always", "Model's guess: shown"],
  ["never", "Model's guess: never"],
];

export function LabelWork({ state, coder, api, toast, queue, load, suggest }) {
  const { frames } = queue;
  const [at, setAt] = useState(() =>
    Math.max(
      frames.findIndex((one) => !one.done),
      0,
    ),
  );
  const [offset, setOffset] = useState(0);
  const [close, setClose] = useState(remembered("close", "yes") === "yes");
  const [guess, setGuess] = useState(remembered("guess", "after"));
  const item = frames[Math.min(at, frames.length - 1)];
  const rec = state.recordings.find(({ id }) => id === item.recording);
  const { timeline, error } = useTimeline(api, rec, state);
  const labels = useLabels(api, item.recording, coder, toast, state.said);
  const face = timeline?.faces.find(({ id }) => id === item.face);
  const last = timeline ? timeline.frames - 1 : item.frame;
  const looking = Math.min(Math.max(item.frame + offset, 0), last);
  const still = useStill(api, item.recording, looking);
  const full = still.recording === item.recording ? (still.bitmap?.width ?? 0) : 0;
  const aus = useMemo(
    () => state.aus.filter(({ au }) => !state.coded || state.coded.includes(au)),
    [state.aus, state.coded],
  );
  const neutral = useNeutral(item, timeline, face);
  const box = useMemo(() => boxAt(face, item.frame), [face, item.frame]);
  const shownBox = useMemo(() => boxAt(face, looking) ?? box, [face, looking, box]);
  const faces = useMemo(
    () => (shownBox && !close ? [{ id: item.face, box: shownBox }] : []),
    [shownBox, close, item.face],
  );

  const turn = (next) => {
    setAt(next);
    setOffset(0);
  };
  const work = useScoring({ frames, at, item, looking, labels, aus, timeline, face, toast, load, turn });
  const { draft, lastAu, done, before } = work;
  const marks = lastAu == null ? [] : labels.marks(item.face, lastAu);
  const peek = (by) => setOffset((now) => Math.min(Math.max(now + by, -item.frame), last - item.frame));
  const toggleClose = () => {
    remember("close", close ? "no" : "yes");
    setClose(!close);
  };
  useKeys("Label", [
    ...work.keys,
    { keys: "ArrowLeft", does: "look at the frame before (the label stays with its frame)", run: () => peek(-1) },
    { keys: "ArrowRight", does: "look at the frame after", run: () => peek(1) },
    { keys: "Shift+ArrowLeft", does: "ten frames before", run: () => peek(-10) },
    { keys: "Shift+ArrowRight", does: "ten frames after", run: () => peek(10) },
    { keys: ["ArrowUp", "Home"], does: "back to the frame", run: () => setOffset(0) },
    {
      keys: "ArrowDown",
      does: "compare with the neutral frame",
      run: () => neutral.frame != null && setOffset(neutral.frame - item.frame),
    },
    { keys: "P", does: "pin this frame as the person's neutral one", run: () => neutral.pin(looking) },
    { keys: ["=", "+"], does: "close to the face, or the whole picture", run: toggleClose },
  ]);
  useEffect(() => {
    const next = frames.find((one, i) => i > at && !one.done);
    if (next && still.index === item.frame) soon(api, next.recording, [next.frame]);
  }, [still.index, at]);

  const left = frames.length - queue.done;
  const answers = timeline ? answersAt(timeline, face, item.frame) : null;
  const guesses = guess === "always" || (guess === "after" && done) ? answers : null;
  const note = still.error ?? error;
  return html`
    ${left === 0 && html`<${AllDone} suggest=${suggest} />`}
    <div class="label-top">
      <div class="label-main">
        <${Stage}
          picture=${still.index === looking && still.recording === item.recording ? still.bitmap : null}
          faces=${faces}
          chosen=${item.face}
          close=${close ? shownBox : null}
          label=${`Frame ${looking} of ${rec?.name ?? "a recording"}`}
        >
          <span class="stage-word number">
            ${rec?.name}${rec?.subject ? ` (${rec.subject})` : ""} · frame ${item.frame} · ${clock(item.time_s, 2)}
          </span>
          ${
            offset !== 0 &&
            html`<span class="stage-word away-word number">
            looking at ${offset > 0 ? "+" : "−"}${Math.abs(offset)}; the label belongs to frame ${item.frame} (↑)
          </span>`
          }
          <${Failure} error=${note} />
        <//>
        <${Strip} ...${{ api, item, box, last, offset, full }} onOffset=${setOffset} />
      </div>
      <aside class="label-aside">
        <${Neutral} ...${{ api, item, face, neutral, looking, full }} />
        <${Look} state=${state} au=${lastAu} />
      </aside>
    </div>
    <div class="row label-bar">
      <button type="button" class="btn primary" title="Enter" onClick=${() => work.score()}>
        <${Icon} name="ok" />${done ? "Keep, and next" : "Score, and next"} <kbd>Enter</kbd>
      </button>
      <button type="button" class="btn" title="." onClick=${work.skip}>Skip <kbd>.</kbd></button>
      <button type="button" class="btn" title="Backspace" onClick=${work.goBack}>
        <${Icon} name="previous" />Back
      </button>
      <span class="joined">
        <button type="button" class="btn icon" aria-label="Undo" title="Undo: Z" onClick=${work.undo}>
          <${Icon} name="undo" />
        </button>
        <button type="button" class="btn icon" aria-label="Redo" title="Redo: Shift+Z" onClick=${work.redo}>
          <${Icon} name="redo" />
        </button>
      </span>
      <${MarkButtons}
        here=${labels.marksAt(item.face, looking, lastAu)}
        disabled=${lastAu == null}
        onMark=${work.mark}
      />
      <button type="button" class="btn" aria-pressed=${close} title="Close to the face: =" onClick=${toggleClose}>
        Close up
      </button>
      <select
        aria-label="When to show what the model says"
        value=${guess}
        onChange=${(event) => {
          remember("guess", event.target.value);
          setGuess(event.target.value);
        }}
      >
        ${GUESS.map(([id, text]) => html`<option key=${id} value=${id}>${text}</option>`)}
      </select>
    </div>
    <${AuKeys}
      ...${{ aus, values: draft.values, guesses, timeline, lastAu }}
      onPress=${work.press}
      onLook=${work.look}
    />
    <div class="row dim small label-foot">
      <span class="spread" role="status">${guess === "after" && before}</span>
      ${marks.length > 0 && html`<span class="number">AU${lastAu}: ${marksAround(marks, looking)}</span>`}
      <span class="number">
        ${labels.batch === null ? "loading your labels" : `frame ${at + 1} of ${frames.length}`}
        ${done ? ", scored" : ""} ·${" "}
        ${count(work.presses.now, "key press", "key presses")}
        ${work.presses.frames > 0 && ` (${(work.presses.all / work.presses.frames).toFixed(1)} a frame so far)`}
      </span>
    </div>
  `;
}

function AllDone({ suggest }) {
  return html`<${Note} kind="ok">
    All of these frames are scored. <a href=${linkTo("train")}>Train with them</a>, go over them with Backspace,
    or${" "}
    <button type="button" class="btn small" onClick=${suggest}>suggest more frames</button>
  <//>`;
}
