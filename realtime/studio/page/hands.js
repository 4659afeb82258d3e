// A mouse on a button or a list does not take the keys away from the frame.

let byHand = null; // the select that was opened with the pointer

/** Spread on a view: <div ...${handsBack}>. */
export const handsBack = {
  onMouseDown(event) {
    if (event.target.closest("button")) event.preventDefault(); // the focus stays where it was
    byHand = event.target.closest("select");
  },
  onKeyDown() {
    byHand = null;
  },
  onChange(event) {
    if (event.target === byHand) byHand.blur();
  },
};
