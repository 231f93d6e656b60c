// The Compose tab: sketch, set or photo at the left, the board in the middle, how it is used at the right.
const { h, fill, mount, state, on, set, icon, button, choice, slider, toggle, segments, dropzone, toast, failed, many, keys, announce } = lockup;
const call = lockup.caller(server);
const root = mount("compose", element, { show });

const desk = {
  mode: "sketch", format: "", layout: "", set: "arch", outlines: null, facts: null, pitch: null, underlay: false, showSet: false,
  tool: "line", size: 0.008, hex: "#1a1a18", over: { slots: false, calm: false, safe: false },
};
const TOOLS = [["line", "Pen", "pen", "p"], ["block", "Brush", "brush", "b"], ["shape", "Shape", "shape", "s"], ["erase", "Eraser", "erase", "e"]];
const INK = "#1a1a18";

// ------------------------------------------------------------------------------------------------ the sketch is kept

const keptAt = () => `lockup.sketch.${state.draftId}`;
/** A copy beside the draft, written at once: a page that is closed within the same blink loses nothing either. */
function keepCopy() {
  try { sessionStorage.setItem(keptAt(), JSON.stringify(state.draft.sketch)); } catch { /* too large, or a private window */ }
  dropCopy();
}
/** Gone again as soon as the studio has the sketch, so that an old copy never comes back over a newer draft. */
const dropCopy = lockup.later(async () => {
  await lockup.saved();
  if (document.documentElement.dataset.saved !== "yes") { dropCopy(); return; }
  try { sessionStorage.removeItem(keptAt()); } catch { /* a private window */ }
}, 900);
function takeCopy() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(keptAt()) ?? "null");
    if (kept?.strokes && JSON.stringify(kept) !== JSON.stringify(state.draft.sketch)) set({ sketch: kept }, "compose");
  } catch { /* none, or not readable */ }
}
const sketch = (fields) => set({ sketch: { ...state.draft.sketch, ...fields } }, "compose");

const pad = sketchpad({
  get: () => state.draft.sketch.strokes,
  put: (strokes) => { sketch({ strokes }); drawHistory(); },
  pen: () => ({ tool: desk.tool === "shape" ? "block" : desk.tool, closed: desk.tool === "shape", size: desk.tool === "shape" ? Math.min(desk.size, 0.01) : desk.size, hex: desk.hex }),
  said: announce,
  full: () => toast("The sketch is full", { hint: "Undo some strokes, or clear it and begin again.", kind: "bad" }),
});
const board = sheetBoard({ pad, moved: moveProduct, dropped: () => edits.draw() });

// ------------------------------------------------------------------------------------------------ left: sketch

const history = {
  undo: button({ label: "Undo", icon: "undo", kind: "icon", key: "Control+Z", title: "Undo (Ctrl+Z)", onclick: () => { pad.undo(); drawHistory(); } }),
  redo: button({ label: "Redo", icon: "redo", kind: "icon", key: "Control+Shift+Z", title: "Redo (Ctrl+Shift+Z)", onclick: () => { pad.redo(); drawHistory(); } }),
  clear: button({ label: "Clear", kind: "small plain", onclick: () => {
    const before = state.draft.sketch.strokes;
    pad.clear();
    drawHistory();
    toast("The sketch is cleared", { undo: () => { sketch({ strokes: before }); pad.redraw(); drawHistory(); } });
  } }),
};
function drawHistory() {
  const strokes = state.draft.sketch.strokes.length;
  history.undo.disabled = !pad.canUndo();
  history.redo.disabled = !pad.canRedo();
  history.clear.disabled = !strokes;
  strokeCount.textContent = strokes ? many(strokes, "stroke") : "Nothing drawn yet";
}
const strokeCount = h("small.quiet");
const tools = h("div.tools-row", { role: "radiogroup", "aria-label": "Tool" });
const palette = h("div.palette", { role: "radiogroup", "aria-label": "Colour" });
const sizeSlider = slider({ label: "Size", value: 8, min: 1, max: 120, step: 1, oninput: (value) => { desk.size = value / 1000; } });
function setTool(id) {
  desk.tool = id;
  if (id !== "line" && desk.size < 0.02) setSize(0.04);
  else if (id === "line" && desk.size > 0.03) setSize(0.008);
  drawTools();
}
function setSize(size) { desk.size = Math.min(Math.max(size, 0.001), 0.12); sizeSlider.set(Math.round(desk.size * 1000)); }
function drawTools() {
  fill(tools, TOOLS.map(([id, label, symbol, key]) => {
    const box = h("input", { type: "radio", name: "compose-tool", value: id, checked: desk.tool === id, "aria-keyshortcuts": key.toUpperCase() });
    box.addEventListener("change", () => setTool(id));
    return h("label", { title: `${label} (${key.toUpperCase()})` }, box, h("span", null, icon(symbol, 18), h("small", null, label)));
  }));
}
function drawPalette() {
  const kit = lockup.kit();
  const colours = [...new Map([[INK, "Ink"], ...(kit?.swatches ?? []).map((one) => [one.hex, one.role])]).entries()];
  if (!colours.some(([hex]) => hex === desk.hex)) desk.hex = INK;
  fill(palette, colours.map(([hex, role]) => {
    const box = h("input", { type: "radio", name: "compose-colour", value: hex, checked: desk.hex === hex });
    box.addEventListener("change", () => { desk.hex = hex; });
    return h("label.swatch", { title: `${role} ${hex}` }, box, h("i", { style: { background: hex } }), h("span.unseen", null, `${role} ${hex}`));
  }));
}
const underlayFile = h("input.unseen", { type: "file", accept: "image/*", id: "compose-trace" });
let underlayUrl = "";
underlayFile.addEventListener("change", () => {
  const [chosen] = underlayFile.files;
  underlayFile.value = "";
  if (!chosen) return;
  URL.revokeObjectURL(underlayUrl);
  underlayUrl = URL.createObjectURL(chosen);
  board.trace(underlayUrl);
  drawUnder();
});
const under = h("div.stack.tight");
function drawUnder() {
  fill(under, h("h3", null, "Underneath"),
    toggle({ label: "The set", info: "As it was last seen", value: desk.showSet, onchange: (value) => { desk.showSet = value; status.hidden = !value; if (value) paint(); board.place(); } }),
    h("div.row", null, underlayFile, h("label.btn.small", { htmlFor: "compose-trace" }, icon("image", 16), desk.underlay ? "Another picture" : "A picture to trace"),
      desk.underlay ? button({ label: "Take it away", kind: "small plain", onclick: () => { board.trace(null); drawUnder(); } }) : null));
}
const sketchLeft = h("div.stack.loose", null,
  h("div.stack", null, tools, sizeSlider, palette),
  h("div.split", null, strokeCount, h("div.row.tight", null, history.undo, history.redo, history.clear)), under);

// ------------------------------------------------------------------------------------------------ right: how the sketch is used

const sketchRight = h("div");
function drawSketchUse() {
  const now = state.draft.sketch;
  fill(sketchRight, h("h2", null, "Sketch"), h("div.stack", null,
    toggle({ label: "Use this sketch", value: now.used, onchange: (used) => sketch({ used }) }),
    slider({ label: "Lines", value: now.line_strength, min: 0, max: 2, step: 0.05, rest: 0.8, oninput: (value) => sketch({ line_strength: value }) }),
    slider({ label: "Colours", value: now.block_strength, min: 0, max: 2, step: 0.05, rest: 0.6, oninput: (value) => sketch({ block_strength: value }) }),
    h("small", null, "Of the painter's steps, it is followed"),
    stretch({ start: now.start, end: now.end, onchange: (start, end) => sketch({ start, end }) }),
    unusedNotice("lineart", "The sketch is kept for one that does.")));
}

// ------------------------------------------------------------------------------------------------ middle: bar, board, layouts

const status = h("span.board-status.quiet.num", { role: "status" });
const formatBox = h("div");
const noticeBox = h("div.board-notice");
const strip = layoutStrip({
  chosen: (id) => state.draft.layouts.includes(id), shown: () => desk.layout,
  pick(id) {
    const now = state.draft.layouts;
    desk.layout = id;
    set({ layouts: now.includes(id) ? now.filter((one) => one !== id) : [...now, id] }, "compose");
    redrawBoard();
    paint();
  },
});
const layoutNote = h("small.quiet");
const overlays = h("div.row.tight", { role: "group", "aria-label": "Shown over the board" }, [["slots", "Layout"], ["calm", "Calm areas"], ["safe", "Safe zone"]].map(([name, label]) => {
  const made = button({ label, kind: "small", pressed: desk.over[name], onclick: () => {
    desk.over[name] = !desk.over[name];
    made.setAttribute("aria-pressed", String(desk.over[name]));
    board.place();
  } });
  return made;
}));
function shapes() {
  const { formats } = state.studio;
  const chosen = state.draft.formats.length ? formats.filter((one) => state.draft.formats.includes(one.id)) : formats;
  return [...chosen, ...(desk.facts?.shapes ?? [])];
}
function drawFormats() {
  const all = shapes();
  if (!all.some((one) => one.id === desk.format)) desk.format = all[0].id;
  fill(formatBox, choice({ label: "Format", quiet: true, value: desk.format, options: all.map((one) => [one.id, one.size ? `${one.name} · ${one.size}` : one.name]), onchange: (id) => { desk.format = id; outline(); paint(); } }));
}
function redrawBoard() {
  const seen = desk.outlines;
  if (seen && !seen.families[desk.layout]) desk.layout = Object.keys(seen.families)[0] ?? desk.layout;
  board.place();
  strip.draw();
  const chosen = state.draft.layouts.length;
  layoutNote.textContent = chosen ? `${many(chosen, "layout")} chosen` : "None chosen: every one that suits takes its turn";
}
const outline = lockup.newest(async () => {
  if (!state.draft.kit) return;
  desk.outlines = await call("outlines", { wish: composed() });
  redrawBoard();
});

// ------------------------------------------------------------------------------------------------ the preview

let warm = false;
const isSetWanted = () => state.tab === "compose" && (desk.mode === "set" || (desk.mode === "sketch" && desk.showSet));
const paintNow = lockup.newest(async () => {
  if (!isSetWanted() || !state.draft.kit) return;
  const slow = setTimeout(() => { status.textContent = warm ? "Setting the stage" : "Setting the stage, once"; status.classList.add("busy-text"); }, warm ? 700 : 250);
  try {
    const made = await call("preview", { wish: composed() });
    warm = true;
    if (made.pitch_deg !== null && state.draft.pitch_deg === null && desk.pitch !== made.pitch_deg) { desk.pitch = made.pitch_deg; edits.draw(); }
    await board.show(made.url);
    clearTimeout(slow);
    status.textContent = made.seconds ? `Painted in ${made.seconds.toFixed(1)} s` : "";
    refine();
    const other = made.family !== desk.layout && state.studio.layouts.find((one) => one.id === made.family);
    fill(noticeBox, other ? h("small.quiet", null, `This layout has no picture; the set is shown as in ${other.name}.`) : null);
  } catch (error) {
    status.textContent = "";
    throw error;
  } finally { clearTimeout(slow); status.classList.remove("busy-text"); }
});
function paint() { if (isSetWanted()) paintNow(); }
/** Once the sliders rest: the same picture, larger and with less grain. It gives way to any new wish. */
const refine = lockup.later(async () => {
  if (!isSetWanted() || !state.draft.kit) return;
  const wish = composed(), asked = JSON.stringify(wish);
  const made = await call("preview", { wish, fine: true }).catch(() => null);
  if (made?.url && asked === JSON.stringify(composed())) await board.show(made.url);
}, 1400);

const picker = setPicker({ chose: () => { edits.draw(); paint(); } });
const edits = setEdits({
  changed: () => { outline(); paint(); },
  keep: async (kind) => { const kept = await call("keep_map", { wish: composed(), kind }); addControl({ kind, picture: kept.digest, strength: 0.8, start: 0, end: 1 }); },
});
function moveProduct(x, y) {
  const now = state.draft.set_edits, held = (value) => Math.round(Math.min(Math.max(value, -0.5), 0.5) * 1e4) / 1e4;
  edits.edit({ product_x: held(now.product_x + x), product_y: held(now.product_y + y) });
}
const photo = photoPanel({ drawn: () => maps.draw() });
const maps = controlList();

// ------------------------------------------------------------------------------------------------ the tab

const left = h("div"), right = h("div"), above = h("div.stage-bar"), below = h("div.stage-below");
const modes = segments({ label: "Built on", value: desk.mode, options: [["sketch", "Sketch"], ["set", "Set"], ["photo", "Photo"]], onchange: setMode });
const stage = h("div.middle.compose-middle", null, above, board.element, photo.stage, below);
function setMode(mode) {
  pad.finish();
  desk.mode = mode;
  if (desk.facts) drawMode(); // before the first answer, `show` draws what was chosen
}
function drawMode() {
  const { mode } = desk;
  fill(left, { sketch: sketchLeft, set: picker.element, photo: photo.left }[mode]);
  fill(right, { sketch: sketchRight, set: edits.element, photo: photo.right }[mode], maps.element);
  board.element.hidden = above.hidden = below.hidden = mode === "photo";
  photo.stage.hidden = mode !== "photo";
  if (mode === "sketch") { drawTools(); drawPalette(); drawUnder(); drawSketchUse(); drawHistory(); }
  if (mode === "set") { const used = setsInUse(); if (!used.includes(desk.set)) desk.set = used[0] ?? desk.set; picker.show(); edits.draw(); }
  if (mode === "photo") photo.show();
  maps.draw().catch(failed);
  status.hidden = mode !== "set" && !desk.showSet;
  redrawBoard();
  paint();
}

let begun = null;
function begin() {
  fill(above, formatBox, overlays, status);
  fill(below, noticeBox, h("div.split", null, h("h3", null, "Layouts"), layoutNote), strip);
  fill(root, h("div.side", null, h("div.modes", null, modes), left), stage, h("div.side.right", null, right));
  takeCopy();
  desk.layout = state.draft.layouts[0] ?? "hero";
  desk.set = setsInUse()[0] ?? desk.set;
  // The first thumbnails warm the painter up while something is drawn.
  if (state.draft.kit) call("thumbs", { kit: state.draft.kit }).catch(() => null);
  return call("start").then((facts) => { desk.facts = facts; });
}
async function show() {
  begun ??= begin();
  try { await begun; } catch (error) { begun = null; failed(error); return; }
  drawFormats();
  drawMode();
  outline();
}
on("tab", (tab) => { if (tab !== "compose") pad.finish(); });
on("draft", (fields, by) => {
  if (!begun) return;
  if ("sketch" in fields) { keepCopy(); if (by !== "compose") { pad.renewed(); drawHistory(); drawSketchUse(); } }
  if ("controls" in fields && by !== "compose-strength") maps.draw().catch(failed);
  if (by === "compose" || state.tab !== "compose" || !desk.facts) return;
  // Changed by an undo or another part of the page while this tab is in sight.
  drawFormats();
  drawMode();
  outline();
});
on("engines", () => { if (begun) begun = call("start").then((facts) => { desk.facts = facts; }); });
on("kits", () => { if (state.tab === "compose" && desk.facts) { board.forget(); show(); } });

// ------------------------------------------------------------------------------------------------ keys

const drawing = () => desk.mode === "sketch";
for (const [id, label, , key] of TOOLS) keys({ key, tab: "compose", does: label, when: drawing, go: () => setTool(id) });
keys({ key: "[", tab: "compose", does: "Smaller", when: drawing, go: () => setSize(desk.size / 1.25 - 0.0005) });
keys({ key: "]", tab: "compose", does: "Larger", when: drawing, go: () => setSize(desk.size * 1.25 + 0.0005) });
document.addEventListener("keydown", (event) => {
  if (state.tab !== "compose" || !drawing() || !(event.ctrlKey || event.metaKey) || event.altKey || lockup.typing(event.target) || document.querySelector("dialog[open]")) return;
  const key = event.key.toLowerCase();
  const redo = key === "y" || (key === "z" && event.shiftKey);
  if (!redo && key !== "z") return;
  event.preventDefault();
  if (redo) pad.redo(); else pad.undo();
  drawHistory();
});
