// The sketch's canvas. Strokes are vectors in fractions of the board and the only truth: every layer is drawn from them
// again whenever size, shape, tab or screen change, so nothing that was drawn can be lost.
const MOST_STROKES = 600, MOST_POINTS = 200_000, MOST_IN_ONE = 19_900;
/** Points nearer than this to the last, in fractions of the longer side, are left out. */
const LEAST_STEP = 0.0015;

/**
 * A place to draw. `get()` gives the strokes, `put(strokes)` keeps new ones, `pen()` says what is in hand:
 * {tool: "line"|"block"|"erase", size, hex, closed}; `said(text)` is for screen readers, `full()` says that no more fits.
 */
function sketchpad({ get, put, pen, said, full }) {
  const { h } = lockup;
  const layer = (name) => h("canvas", { class: name, "aria-hidden": "true" });
  const blocks = layer("pad-blocks"), lines = layer("pad-lines"), live = layer("pad-live");
  const ring = h("i.pad-ring", { "aria-hidden": "true" }), cross = h("i.pad-cross", { "aria-hidden": "true" });
  const pad = h("div.pad", {
    tabindex: 0, role: "application", "aria-roledescription": "drawing board",
    "aria-label": "Sketch. Arrow keys move the pen, Space puts it down and lifts it, Escape drops the stroke.",
  }, blocks, lines, live, ring, cross);

  let stroke = null; // under the pen now
  let held = null; // the pointer that draws
  let past = [], future = [];
  let cursor = [0.5, 0.5], byKeys = false;

  // ------------------------------------------------------------------------------------------ drawing

  const size = () => [pad.clientWidth, pad.clientHeight];
  function trace(canvas, one, how) {
    const pen2d = canvas.getContext("2d"), { width, height } = canvas;
    pen2d.globalCompositeOperation = how ?? (one.tool === "erase" ? "destination-out" : "source-over");
    pen2d.strokeStyle = pen2d.fillStyle = one.tool === "erase" ? "#000" : one.hex;
    pen2d.lineWidth = Math.max(one.size_fraction * Math.max(width, height), 1);
    pen2d.lineCap = pen2d.lineJoin = "round";
    pen2d.beginPath();
    one.points.forEach(([x, y], index) => (index ? pen2d.lineTo(x * width, y * height) : pen2d.moveTo(x * width, y * height)));
    if (one.points.length === 1) pen2d.lineTo(one.points[0][0] * width, one.points[0][1] * height);
    if (one.closed && one.points.length > 2) { pen2d.closePath(); pen2d.fill(); }
    pen2d.stroke();
  }
  const wipe = (canvas) => canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
  function redraw() {
    wipe(blocks); wipe(lines); wipe(live);
    for (const one of get()) {
      if (one.tool !== "line") trace(blocks, one);
      if (one.tool !== "block") trace(lines, one);
    }
    if (stroke) showLive();
  }
  function showLive() {
    if (stroke.tool === "erase") { trace(blocks, stroke); trace(lines, stroke); return; }
    wipe(live);
    live.style.zIndex = stroke.tool === "block" ? 1 : 3;
    trace(live, stroke);
  }
  /** Fit the layers to the board and the screen, then draw everything again. */
  function fit() {
    const [width, height] = size(), dense = window.devicePixelRatio || 1;
    if (!width || !height) return;
    for (const canvas of [blocks, lines, live]) {
      const w = Math.round(width * dense), tall = Math.round(height * dense);
      if (canvas.width !== w || canvas.height !== tall) { canvas.width = w; canvas.height = tall; }
    }
    redraw();
    place();
  }

  // ------------------------------------------------------------------------------------------ strokes

  const count = (strokes) => strokes.reduce((sum, one) => sum + one.points.length, 0);
  const rounded = (value) => Math.round(Math.min(Math.max(value, -0.5), 1.5) * 1e4) / 1e4;
  function begin(x, y) {
    const strokes = get();
    if (strokes.length >= MOST_STROKES || count(strokes) >= MOST_POINTS - MOST_IN_ONE) { full(); return false; }
    const { tool, size: wide, hex, closed } = pen();
    stroke = { tool, points: [[rounded(x), rounded(y)]], size_fraction: Math.round(wide * 1e5) / 1e5, hex, closed: Boolean(closed) };
    showLive();
    return true;
  }
  function extend(x, y, always) {
    if (!stroke) return;
    const [width, height] = size(), long = Math.max(width, height) || 1;
    const [lastX, lastY] = stroke.points[stroke.points.length - 1];
    if (!always && Math.hypot((x - lastX) * width, (y - lastY) * height) / long < LEAST_STEP) return;
    stroke.points.push([rounded(x), rounded(y)]);
    if (stroke.points.length >= MOST_IN_ONE) { finish(); begin(x, y); }
  }
  function finish() {
    if (!stroke) return;
    const done = stroke;
    stroke = null;
    change([...get(), done]);
  }
  function change(strokes) {
    past.push(get());
    if (past.length > 300) past.shift();
    future = [];
    put(strokes);
    redraw();
  }
  const drop = () => { stroke = null; redraw(); };

  // ------------------------------------------------------------------------------------------ mouse, pen, finger

  const where = (event) => {
    const box = pad.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  const over = (event) => {
    const [x, y] = where(event);
    const wide = Math.max(pen().size * Math.max(...size()), 3);
    Object.assign(ring.style, { left: `${x * 100}%`, top: `${y * 100}%`, width: `${wide}px`, height: `${wide}px` });
  };
  pad.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.isPrimary || held !== null) return;
    event.preventDefault();
    pad.focus({ preventScroll: true });
    setKeys(false);
    finish();
    if (!begin(...where(event))) return;
    held = event.pointerId;
    try { pad.setPointerCapture(held); } catch { /* the pointer is gone already */ }
    over(event);
  });
  pad.addEventListener("pointermove", (event) => {
    over(event);
    if (event.pointerId !== held || !stroke) return;
    const all = event.getCoalescedEvents?.() ?? [];
    for (const one of all.length ? all : [event]) extend(...where(one));
    if (stroke) showLive();
  });
  const lift = (event) => {
    if (event.pointerId !== held) return;
    held = null;
    if (event.type === "pointerup") extend(...where(event));
    finish();
  };
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) pad.addEventListener(name, lift);

  // ------------------------------------------------------------------------------------------ keys

  function setKeys(on_) { byKeys = on_; pad.classList.toggle("by-keys", on_); place(); }
  function place() { Object.assign(cross.style, { left: `${cursor[0] * 100}%`, top: `${cursor[1] * 100}%` }); cross.classList.toggle("down", byKeys && Boolean(stroke)); }
  pad.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = event.shiftKey ? 0.08 : 0.02;
    const by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (by) {
      cursor = cursor.map((at, axis) => Math.min(Math.max(at + by[axis], 0), 1));
      setKeys(true);
      if (stroke && held === null) { extend(...cursor, true); showLive(); }
    } else if (event.key === " " || event.key === "Enter") {
      setKeys(true);
      if (stroke) { finish(); said("Pen lifted"); } else if (begin(...cursor)) said("Pen down");
      place();
    } else if (event.key === "Escape" && stroke) {
      drop();
      said("Stroke dropped");
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  pad.addEventListener("focus", () => { if (pad.matches(":focus-visible")) setKeys(true); });
  pad.addEventListener("blur", () => { if (held === null) finish(); setKeys(false); });

  // ------------------------------------------------------------------------------------------ the rest

  return {
    element: pad, fit, redraw,
    /** Keep the stroke under the pen, for instance before the tab changes. */
    finish: () => { held = null; finish(); },
    canUndo: () => get().length > 0 || past.length > 0,
    canRedo: () => future.length > 0,
    undo() {
      finish();
      const now = get();
      const before = past.length ? past.pop() : now.slice(0, -1);
      if (before.length === now.length && !now.length) return;
      future.push(now);
      put(before);
      redraw();
    },
    redo() {
      const next = future.pop();
      if (!next) return;
      past.push(get());
      put(next);
      redraw();
    },
    clear() { finish(); if (get().length) change([]); },
    /** Strokes came from elsewhere: what could be undone is over. */
    renewed() { past = []; future = []; stroke = null; redraw(); },
  };
}
