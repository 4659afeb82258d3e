// The hand that corrects: keys and buttons of Review, as statements that can be undone.

import { useRef } from "./vendor/preact-htm.js";
import { askCoder, pressed } from "./parts.js";
import { modelValue, statementsOf } from "./correct.js";
import { changeText, isOn, PRESENT, UNSCORABLE, untilKept } from "./labels_store.js";
import { digit } from "./label_scoring.js";
import { markKeys, marking, withoutMarks } from "./marks.js";
import { answersAt } from "./timeline.js";

/** What the keys and buttons say of the chosen AU, in the frame or the span. */
export function useCorrecting({ labels, timeline, face, frame, span, chosen, setChosen, coder, toast, moves, rec }) {
  const frames = span ?? [frame, frame];
  const line = useRef(Promise.resolve());
  const inLine = (work) => {
    line.current = untilKept(line.current.then(work)); // what was pressed first is said first, and seen by what comes after
  };
  const told = async (make) => {
    if (!coder && !(await askCoder())) return;
    if (!coder) return void toast("Now press the key once more; your initials are kept");
    if (!face) return void toast("No face is chosen", "warn");
    inLine(async () => {
      try {
        const made = make();
        const { said, note } = made.said ? made : { said: made, note: "" };
        await labels.say(said);
        if (note) toast(`${note}. Z takes it back.`);
        else if (span) toast(`${changeText(said)}. Z takes it back.`);
      } catch (error) {
        toast(error);
      }
    });
  };
  const make = (aus, valueOf, more) => () => statementsOf(timeline, face, frames, aus, valueOf, more);
  const one = (au) => [{ au, u: timeline.aus.indexOf(au) }];
  const say = (value, au = chosen, more = {}) => {
    if (au == null) return void toast("Choose an AU first: press its key, or ↑ ↓");
    return told(make(one(au), () => value, more));
  };
  const holds = (au) => {
    const label = labels.at(face?.id, frame, au);
    return label ? isOn(label.value) : answersAt(timeline, face, frame)?.[timeline.aus.indexOf(au)].on;
  };
  const again = async (what, how) => {
    try {
      const changed = await what.call(labels);
      if (!changed.length) return void toast(`Nothing to ${how}`);
      toast(`${how === "undo" ? "Undone" : "Done again"}. ${changeText(changed)}`);
      const there = changed.find((entry) => entry.recording === rec.id);
      if (there) moves.to(there.frame);
      else toast("That was in another recording", "warn");
    } catch (error) {
      toast(error);
    }
  };
  const sideOf = (letter) => () => {
    const label = labels.at(face.id, frame, chosen);
    if (!label || !isOn(label.value)) throw new Error("A side belongs to an AU that you said is present");
    return make(one(chosen), () => label.value, { side: label.side === letter ? null : letter })();
  };
  const does = {
    say,
    side: (letter) => (chosen == null ? void toast("Choose an AU first") : told(sideOf(letter))),
    mark: (mark) =>
      chosen == null
        ? void toast("Choose an AU first: press its key, or ↑ ↓")
        : told(() => marking(labels, timeline, face, chosen, frame, mark)),
    key: (au) => {
      setChosen(au);
      return told(() => make(one(au), () => (holds(au) ? 0 : PRESENT))());
    },
    unscorable: (au) => {
      setChosen(au);
      return say(UNSCORABLE, au);
    },
    confirm: () =>
      chosen == null
        ? void toast("Choose an AU first, or confirm all with Shift+Enter")
        : told(make(one(chosen), modelValue(timeline, face), { source: "confirmed" })),
    confirmAll: () =>
      told(
        make(
          timeline.aus.map((au, u) => ({ au, u })),
          modelValue(timeline, face),
          { source: "confirmed" },
        ),
      ),
    takeBack: () => {
      if (chosen == null) return void toast("Choose an AU first");
      const mine = (_, __, at) => (labels.at(face?.id, at, chosen) ? null : undefined);
      const marks = () => withoutMarks(labels, timeline, face, chosen, frames);
      return told(() => [...make(one(chosen), mine, {})(), ...marks()]);
    },
    undo: () => (coder ? inLine(() => again(labels.undo, "undo")) : toast("Nothing to undo")),
    redo: () => (coder ? inLine(() => again(labels.redo, "redo")) : toast("Nothing to redo")),
  };
  return does;
}

export function correctKeys(state, timeline, does) {
  const aus = state.aus.filter(({ au, key }) => key && timeline.aus.includes(au));
  return [
    ...aus.map(({ au, key, name }) => ({ keys: key.toUpperCase(), does: `AU${au} ${name}`, run: () => does.key(au) })),
    { keys: [], show: "an AU's key", does: "present, or absent if it is present" },
    {
      keys: aus.map(({ key }) => `Shift+${key.toUpperCase()}`),
      show: "Shift+its key",
      does: "not scorable",
      run: (event) => does.unscorable(aus.find(({ key }) => pressed(event) === `Shift+${key.toUpperCase()}`).au),
    },
    { keys: ["1", "2", "3", "4", "5"], does: "level A to E", run: (event) => does.say(digit(event)) },
    { keys: "0", does: "absent", run: () => does.say(0) },
    { keys: "[", does: "on the left alone", run: () => does.side("L") },
    { keys: "]", does: "on the right alone", run: () => does.side("R") },
    ...markKeys(does.mark),
    { keys: "Enter", does: "confirm what the model says of the AU", run: does.confirm },
    { keys: "Shift+Enter", does: "confirm the model in all AUs of the frame", run: does.confirmAll },
    { keys: "Backspace", does: "take your label and marks back", run: does.takeBack },
    { keys: "Z", does: "undo", run: does.undo },
    { keys: "Shift+Z", does: "redo", run: does.redo },
  ];
}
