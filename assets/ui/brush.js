// The brush on a cut-out: strokes are kept as lines in fractions of the photo, so nothing depends on the screen's size.
/** Open it: `opened` {token, photo, strokes}; `solve(token, strokes)` → {mask, said}; `done(token, strokes)` uses it. */
lockup.brush ??= async (opened, solve, done) => {
  const { h, button } = lockup;
  const state = { photo: null, mask: null, strokes: opened.strokes, line: null, kind: "remove", asked: 0 };
  const canvas = h("canvas"), said = h("span.said", { role: "status" });
  const size = h("input", { type: "range", min: 2, max: 80, value: 16, "aria-label": "Size of the brush", title: "[ and ]" });
  const kinds = { remove: button({ label: "Remove", title: "R", onclick: () => choose("remove") }), keep: button({ label: "Keep", title: "K", onclick: () => choose("keep") }) };
  const say = (text) => { said.textContent = text; };
  const picture = (source) => new Promise((ready, failed) => { const image = new Image(); image.onload = () => ready(image); image.onerror = failed; image.src = source; });
  const radius = () => Number(size.value) / 1000;
  const choose = (kind) => { state.kind = kind; for (const [name, one] of Object.entries(kinds)) one.setAttribute("aria-pressed", String(name === kind)); };

  function draw() {
    if (!state.photo) return;
    const pen = canvas.getContext("2d");
    pen.drawImage(state.photo, 0, 0, canvas.width, canvas.height);
    if (state.mask) pen.drawImage(state.mask, 0, 0, canvas.width, canvas.height);
    if (!state.line) return;
    pen.strokeStyle = state.line.kind === "keep" ? "rgba(20, 150, 90, 0.6)" : "rgba(210, 60, 30, 0.6)";
    pen.lineWidth = 2 * state.line.radius * Math.max(canvas.width, canvas.height);
    pen.lineCap = pen.lineJoin = "round";
    pen.beginPath();
    for (const [x, y] of state.line.points) pen.lineTo(x * canvas.width, y * canvas.height);
    pen.stroke();
  }
  async function find() {
    const asked = ++state.asked;
    say("Finding the edge");
    try {
      const found = await solve(opened.token, JSON.stringify(state.strokes));
      if (asked !== state.asked) return; // a newer stroke is under way
      if (found.mask) state.mask = await picture(found.mask);
      say(found.said);
    } catch (error) { say(error.message); }
    draw();
  }
  const place = (event) => { const box = canvas.getBoundingClientRect(); return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]; };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    canvas.setPointerCapture(event.pointerId);
    const kind = event.altKey ? (state.kind === "keep" ? "remove" : "keep") : state.kind;
    state.line = { kind, radius: radius(), points: [place(event), place(event)] };
    draw();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!state.line) return;
    for (const one of event.getCoalescedEvents?.() ?? [event]) state.line.points.push(place(one));
    draw();
  });
  const lift = () => { if (!state.line) return; state.strokes.push(state.line); state.line = null; find(); };
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);

  const undo = () => { if (state.strokes.pop()) find(); };
  const dialog = h("dialog.brush", { "aria-label": "Mend the cut-out" },
    h("header", null, kinds.remove, kinds.keep, h("label", null, "Size", size),
      button({ label: "Undo", title: "Ctrl Z", onclick: undo }),
      button({ label: "Start over", onclick: () => { if (state.strokes.length) { state.strokes = []; find(); } } }),
      said, button({ label: "Cancel", onclick: () => dialog.close() }),
      button({ label: "Use this", kind: "primary", onclick: async () => { dialog.close(); await done(opened.token, JSON.stringify(state.strokes)); } })),
    h("div.board", null, canvas),
    h("p", null, "Paint over what is wrong. The checkerboard is cut away; ", h("i"), " is where the edge is unsure. Hold Alt for the other brush."));
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "k") choose("keep");
    else if (event.key === "r") choose("remove");
    else if (event.key === "[") size.value = Number(size.value) - 4;
    else if (event.key === "]") size.value = Number(size.value) + 4;
    else if (event.key === "z" && (event.ctrlKey || event.metaKey)) undo();
    else return;
    event.preventDefault();
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  choose("remove");
  state.photo = await picture(opened.photo);
  canvas.width = state.photo.naturalWidth;
  canvas.height = state.photo.naturalHeight;
  dialog.showModal();
  draw();
  find();
};
