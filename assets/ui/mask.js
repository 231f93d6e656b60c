// Where in the new picture something counts: painted with a brush over the whole of it.
/** `what` it is for, in words; `keep(strokes)` → {mask, picture} stores it; `use(kept)` gets that; its mask is null for none. */
lockup.paintMask ??= (what, keep, use) => {
  const { h, button, slider } = lockup;
  const strokes = [];
  let line = null, kind = "keep";
  const canvas = h("canvas", { width: 512, height: 512, tabindex: "0", "aria-label": `The new picture; paint where ${what} counts` });
  const size = slider({ label: "Brush", min: 2, max: 40, step: 1, value: 14 });
  const pen = canvas.getContext("2d");
  const paint = () => {
    pen.globalCompositeOperation = "source-over";
    pen.clearRect(0, 0, 512, 512);
    for (const one of line ? [...strokes, line] : strokes) {
      pen.globalCompositeOperation = one.kind === "keep" ? "source-over" : "destination-out";
      pen.strokeStyle = getComputedStyle(canvas).color;
      pen.lineWidth = 2 * one.radius * 512;
      pen.lineCap = pen.lineJoin = "round";
      pen.beginPath();
      for (const [x, y] of [...one.points, one.points.at(-1)]) pen.lineTo(x * 512, y * 512);
      pen.stroke();
    }
  };
  const spot = (event) => { const box = canvas.getBoundingClientRect(); return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]; };
  canvas.addEventListener("pointerdown", (event) => { if (event.button) return; canvas.setPointerCapture(event.pointerId); line = { kind: event.altKey ? "remove" : kind, radius: size.box.value / 200, points: [spot(event)] }; paint(); });
  canvas.addEventListener("pointermove", (event) => { if (!line) return; for (const one of event.getCoalescedEvents?.() ?? [event]) line.points.push(spot(one)); paint(); });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { if (line) strokes.push(line); line = null; paint(); });
  const part = (label, x0, y0, x1, y1) => button({ label, kind: "small", onclick: () => { strokes.length = 0; const radius = 0.02; for (let y = y0 + radius; y <= y1; y += radius) strokes.push({ kind: "keep", radius, points: [[x0 + radius, y], [x1 - radius, y]] }); paint(); } });
  const shut = lockup.dialog({
    title: "Where it counts",
    body: h("div.stack", null, h("div.row.wrap", null, part("Left half", 0, 0, 0.5, 1), part("Right half", 0.5, 0, 1, 1), part("Top half", 0, 0, 1, 0.5), part("Bottom half", 0, 0.5, 1, 1)),
      h("div.mask-board", null, canvas), size,
      h("div.row", null, lockup.segments({ label: "Brush", value: "keep", options: [["keep", "Counts"], ["remove", "Does not"]], onchange: (to) => { kind = to; } }),
        button({ label: "Undo", icon: "undo", kind: "small", onclick: () => { strokes.pop(); paint(); } }), button({ label: "Clear", kind: "small", onclick: () => { strokes.length = 0; paint(); } }))),
    actions: [button({ label: "Cancel", onclick: () => shut() }), button({ label: "Use it", kind: "primary", name: "use-mask", onclick: async () => {
      use(await keep(JSON.stringify(strokes)));
      shut();
    } })],
  });
};
