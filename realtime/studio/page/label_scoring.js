// Scoring a frame: presses become a draft, Enter says it as one action, and everything can be undone.

import { useRef, useState } from "./vendor/preact-htm.js";
import { BETWEEN, PRESENT, UNSCORABLE, changeText, isOn, untilKept, valueText } from "./labels_store.js";
import {
  again,
  back,
  draftKey,
  draftOf,
  press,
  put,
  setSaid,
  side,
  statementsFor,
  toggleUnscorable,
} from "./label_draft.js";
import { markKeys, marking } from "./marks.js";
import { answersAt } from "./timeline.js";
import { pressed, two } from "./parts.js";

/** {draft, lastAu, done, before, presses, keys, press, mark, look, score, skip, goBack, undo, redo} */
export function useScoring({ frames, at, item, looking, labels, aus, timeline, face, toast, load, turn }) {
  const [, drawn] = useState(0);
  const [lastAu, setLastAu] = useState(null);
  const [before, setBefore] = useState("");
  const [presses, setPresses] = useState({ now: 0, all: 0, frames: 0 });
  const history = useRef([]);
  const scored = useRef(new Set()).current; // of this list; the server's word comes a little later
  const line = useRef(Promise.resolve());
  const inLine = (work) => {
    line.current = untilKept(line.current.then(work)); // what was pressed first is said first
  };
  const key = draftKey(item);
  const numbers = aus.map(({ au }) => au);
  const kept = labels.of(item.face, item.frame, numbers);
  const draft = draftOf(key, kept);
  const done = item.done || Object.values(kept).some(({ source }) => source !== BETWEEN);

  const marks = useRef(0); // said since the last press; they are undone before it
  const changed = (run) => {
    marks.current = 0;
    const found = run();
    drawn((n) => n + 1);
    return found;
  };
  const onLast = (run, what) => {
    if (lastAu == null) return void toast(`Press an AU's key first, then ${what}`);
    changed(run);
  };
  const go = (next) => {
    history.current.push(at);
    setLastAu(null);
    setPresses((all) => ({ ...all, now: 0 }));
    turn(next);
  };
  const nextOpen = () => {
    const open = (one, i) => i !== at && !one.done && !scored.has(draftKey(one));
    const after = frames.findIndex((one, i) => i > at && open(one, i));
    return after >= 0 ? after : frames.findIndex(open);
  };
  const keep = async (said) => {
    try {
      await labels.say(said);
    } catch (error) {
      scored.delete(key);
      setSaid(key, false);
      turn(at); // what was pressed is still there
      toast(error);
    }
    load(); // nothing waits for it
  };
  const score = (all) => {
    if (labels.batch === null) return void toast("Your labels of this recording are still being loaded; press again");
    const said = statementsFor(item, draft, numbers, all);
    const next = done && at + 1 < frames.length ? at + 1 : nextOpen();
    if (!done || said.some((one) => differs(one, kept[one.au]))) {
      scored.add(key);
      setSaid(key, true);
      inLine(() => keep(said));
    }
    setBefore(compared(item, said, timeline && answersAt(timeline, face, item.frame), timeline));
    setPresses((p) => ({ now: 0, all: p.all + p.now + 1, frames: p.frames + 1 }));
    if (next >= 0) go(next);
    else toast("That was the last frame of the list", "ok");
  };
  const skip = () => {
    const next = nextOpen();
    if (next < 0) toast("No other frame waits for a label");
    else go(next);
  };
  const goBack = () => {
    const to = history.current.pop() ?? at - 1;
    if (to < 0) return void toast("This is the first frame of the list");
    setLastAu(null);
    turn(to);
  };
  const server = async (what, how) => {
    try {
      const said = await what.call(labels);
      if (!said.length) return void toast(`Nothing to ${how}`);
      toast(`${how === "undo" ? "Undone" : "Done again"}. ${changeText(said)}`);
      const scores = said.filter((one) => !one.mark && one.source !== BETWEEN);
      for (const one of new Set(scores.map(draftKey))) {
        setSaid(one, how === "redo");
        if (how === "undo") scored.delete(one);
      }
      await load();
      const there = frames.findIndex((one) => scores.some((s) => draftKey(s) === draftKey(one)));
      if (there >= 0) turn(there);
    } catch (error) {
      toast(error);
    }
  };
  const undo = () => {
    if (marks.current > 0) marks.current -= 1;
    else if (changed(() => back(key, draft))) return;
    inLine(() => server(labels.undo, "undo"));
  };
  const redo = () => (changed(() => again(key, draft)) ? null : inLine(() => server(labels.redo, "redo")));

  const mark = (what) => {
    if (lastAu == null) return void toast("Press an AU's key first, then mark its onset, apex or offset");
    if (!timeline) return void toast("The recording is still being opened; press again");
    inLine(async () => {
      try {
        const { said, note } = marking(labels, timeline, face, lastAu, looking, what);
        await labels.say(said);
        marks.current += 1;
        if (note) toast(`${note}. Z takes it back.`);
      } catch (error) {
        toast(error);
      }
    });
  };

  const does = {
    press: (au) => {
      setLastAu(au);
      changed(() => press(key, draft, au));
    },
    unscorable: (au) => {
      setLastAu(au);
      changed(() => toggleUnscorable(key, draft, au));
    },
    level: (n) => onLast(() => put(key, draft, lastAu, n), "1 to 5 for its level"),
    side: (letter) =>
      onLast(() => side(key, draft, lastAu, letter) || toast("A side belongs to an AU that is present"), "[ or ]"),
  };
  const counted = (list) =>
    list.map((one) => ({
      ...one,
      run: (event) => {
        setPresses((p) => ({ ...p, now: p.now + 1 }));
        one.run(event);
      },
    }));
  const mean = presses.frames ? (presses.all / presses.frames).toFixed(1) : "–";
  const keys = [
    ...counted(auKeys(aus, does)),
    ...markKeys(mark).map((one) => ({ ...one, does: `${one.does} (last AU, the frame that is shown)` })),
    { keys: "Enter", does: "the frame is scored: AUs not pressed are absent; next", run: () => score() },
    { keys: "Shift+Enter", does: "nothing in this frame can be scored; next", run: () => score(UNSCORABLE) },
    { keys: ".", does: "skip the frame", run: skip },
    { keys: "Backspace", does: "back to the frame before", run: goBack },
    { keys: "Z", does: "undo a press, then a frame", run: undo },
    { keys: "Shift+Z", does: "redo", run: redo },
    { keys: [], show: [mean], does: "key presses a frame so far (3 AUs need 4)" },
  ];
  return {
    draft,
    lastAu,
    done,
    before,
    presses,
    keys,
    press: does.press,
    mark,
    look: setLastAu,
    score,
    skip,
    goBack,
    undo,
    redo,
  };
}

function auKeys(aus, does) {
  const keyed = aus.filter(({ key }) => key);
  return [
    ...keyed.map(({ au, key, name }) => ({
      keys: key.toUpperCase(),
      does: `AU${au} ${name}`,
      run: () => does.press(au),
    })),
    {
      keys: keyed.map(({ key }) => `Shift+${key.toUpperCase()}`),
      show: "Shift+its key",
      does: "not scorable",
      run: (event) => does.unscorable(keyed.find(({ key }) => pressed(event) === `Shift+${key.toUpperCase()}`).au),
    },
    { keys: ["1", "2", "3", "4", "5"], does: "level A to E of the last AU", run: (event) => does.level(digit(event)) },
    { keys: "0", does: "the last AU is absent", run: () => does.level(0) },
    { keys: "[", does: "the last AU acts on the left alone", run: () => does.side("L") },
    { keys: "]", does: "the last AU acts on the right alone", run: () => does.side("R") },
  ];
}

export const digit = (event) => Number(/^\d$/.test(event.key) ? event.key : event.code.slice(-1));

const differs = (said, label) => !label || label.value !== said.value || (label.side ?? null) !== said.side;

/** What the model had said of the frame that was just scored. */
function compared(item, said, answers, timeline) {
  if (!answers) return "";
  const scored = said.filter(({ au, value }) => value !== UNSCORABLE && timeline.aus.includes(au));
  const other = scored.filter(({ au, value }) => answers[timeline.aus.indexOf(au)].on !== isOn(value));
  const words = other.map(({ au, value }) => {
    const { on, p } = answers[timeline.aus.indexOf(au)];
    return `AU${au} (you: ${valueText({ value })}, model: ${on ? PRESENT : "absent"} ${two(p)})`;
  });
  const same = `${scored.length - other.length} of ${scored.length} AUs`;
  const head = `The frame before (${item.frame}): the model said the same of ${same}`;
  return words.length ? `${head}; not of ${words.join(", ")}.` : `${head}.`;
}
