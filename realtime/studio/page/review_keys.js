// The keys of Review that move through a recording.

/** moves: of review_work.js. AU keys come first where both want a key. */
export function reviewKeys(state, timeline, moves, play) {
  const taken = new Set(state.aus.filter(({ au }) => timeline.aus.includes(au)).map(({ key }) => key?.toUpperCase()));
  const free = (...keys) => keys.filter((key) => !taken.has(key));
  return [
    { keys: "Space", does: "play, pause", run: play.toggle },
    { keys: "ArrowLeft", does: "one frame back", run: () => moves.step(-1) },
    { keys: "ArrowRight", does: "one frame on", run: () => moves.step(1) },
    { keys: "Shift+ArrowLeft", does: "ten frames back", run: () => moves.step(-10) },
    { keys: "Shift+ArrowRight", does: "ten frames on", run: () => moves.step(10) },
    { keys: "PageUp", does: "one screen back", run: () => moves.page(-1) },
    { keys: "PageDown", does: "one screen on", run: () => moves.page(1) },
    { keys: "Home", does: "first frame", run: () => moves.to(0) },
    { keys: "End", does: "last frame", run: () => moves.to(timeline.frames - 1) },
    { keys: ".", does: "next event of the chosen AU, or of all", run: () => moves.event(1) },
    { keys: ",", does: "event before", run: () => moves.event(-1) },
    { keys: "/", does: "least sure frame, and the one after it", run: moves.unsure },
    { keys: "Shift+PageDown", does: "next label of yours", run: () => moves.label(1) },
    { keys: "Shift+PageUp", does: "label of yours before", run: () => moves.label(-1) },
    { keys: ["+", "="], does: "zoom in", run: () => moves.zoom(0.5) },
    { keys: "-", does: "zoom out", run: () => moves.zoom(2) },
    { keys: "ArrowUp", does: "AU above", run: () => moves.row(-1) },
    { keys: "ArrowDown", does: "AU below", run: () => moves.row(1) },
    { keys: free("I", "<"), does: "the span begins here", run: () => moves.mark("in") },
    { keys: free("O", ">"), does: "the span ends here", run: () => moves.mark("out") },
    { keys: "Escape", does: "let go of the span, then of the AU, then show all", run: moves.away },
    { keys: [], show: ["Drag"], does: "zoom to the part" },
    { keys: [], show: ["Shift+Drag"], does: "choose a span of frames" },
    { keys: [], show: ["Wheel"], does: "zoom; with Shift: move sideways" },
  ];
}
