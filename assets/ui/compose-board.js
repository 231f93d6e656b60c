// The board: one ad's sheet in its true shape, with what lies on it and the outlines over it.
const SLOTS = { picture: "Picture", product: "Product", words: "Words", logo: "Logo", legal: "Small print", badge: "Price" };
const boxed = (element, [left, top, right, bottom]) => {
  Object.assign(element.style, { left: `${left * 100}%`, top: `${top * 100}%`, width: `${(right - left) * 100}%`, height: `${(bottom - top) * 100}%` });
  return element;
};
const WHOLE = [0, 0, 1, 1];

/** The fields of the draft that one picture depends on, as the studio wants them. */
function composed() {
  const draft = state.draft;
  return {
    kit: draft.kit, format: desk.format, layout: desk.layout, set_id: desk.set, edits: draft.set_edits, product: draft.product,
    pitch_deg: draft.pitch_deg, headline: (draft.headlines.find((line) => line.trim()) ?? "").slice(0, 4000), body: draft.body, action: draft.action,
    price: draft.price, legal: draft.legal, seed: draft.seed,
  };
}

/** The sheet with its layers. `pad` is the sketch's canvas, `moved(x, y)` hears of the product dragged, in fractions of the picture. */
function sheetBoard({ pad, moved, dropped }) {
  const panel = h("i.board-panel"), scene = h("div.board-scene"), shot = h("img.board-shot", { alt: "" }), trace = h("img.board-trace", { alt: "" });
  const marks = h("div.board-marks", { "aria-hidden": "true" });
  const handle = h("button.board-handle", { type: "button", "aria-label": "Product: drag it, or move it with the arrow keys", title: "Drag the product" });
  const sheet = h("div.board", { role: "group", "aria-label": "Board" }, panel, scene, trace, pad.element, marks, handle);
  scene.append(shot);
  const room = h("div.board-room", null, sheet);
  shot.hidden = trace.hidden = handle.hidden = true;

  function fit() {
    const shape = desk.outlines;
    if (!shape) return;
    const wide = room.clientWidth - 8, tall = room.clientHeight - 8;
    if (wide < 40 || tall < 40) return;
    const scale = Math.min(wide / shape.width, tall / shape.height);
    sheet.style.width = `${Math.round(shape.width * scale)}px`;
    sheet.style.height = `${Math.round(shape.height * scale)}px`;
    pad.fit();
  }
  new ResizeObserver(fit).observe(room);
  addEventListener("resize", fit); // also hears of another screen's density

  function place() {
    const seen = desk.outlines;
    if (!seen) return;
    const family = seen.families[desk.layout] ?? Object.values(seen.families)[0];
    const picture = family?.slots.picture ?? WHOLE;
    const kit = lockup.kit();
    sheet.style.background = family?.ground ?? "";
    panel.hidden = !family?.panel;
    if (family?.panel) { boxed(panel, family.panel.box); panel.style.background = family.panel.hex; }
    boxed(scene, picture);
    boxed(pad.element, picture);
    boxed(trace, picture);
    scene.style.background = desk.mode === "sketch" ? groundOf(kit) : "";
    pad.element.hidden = desk.mode !== "sketch";
    trace.hidden = desk.mode !== "sketch" || !desk.underlay;
    shot.classList.toggle("faint", desk.mode === "sketch");
    shot.hidden = !shot.src || (desk.mode === "sketch" && !desk.showSet);
    handle.hidden = desk.mode !== "set" || !family?.standing;
    if (family?.standing) boxed(handle, family.slots.product);
    outline(seen, family);
    fit();
  }

  function outline(seen, family) {
    const drawn = [];
    if (desk.over.calm) for (const box of family?.calm ?? []) drawn.push(boxed(h("i.mark.calm"), box));
    if (desk.over.slots) {
      for (const [name, box] of Object.entries(family?.slots ?? {})) {
        if (name === "picture" && box.every((at, index) => Math.abs(at - WHOLE[index]) < 0.001)) continue;
        drawn.push(boxed(h("i.mark.slot", { class: name }, h("b", null, SLOTS[name] ?? name)), box));
      }
    }
    if (desk.over.safe) drawn.push(boxed(h("i.mark.safe", null, h("b", null, "Safe zone")), seen.safe));
    fill(marks, drawn);
  }

  // The product on the board is taken by the mouse, or by the arrows.
  let from = null;
  const by = (x, y) => {
    const picture = scene.getBoundingClientRect();
    return [x / picture.width, y / picture.height];
  };
  handle.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    from = [event.clientX, event.clientY];
    handle.setPointerCapture(event.pointerId);
  });
  handle.addEventListener("pointermove", (event) => {
    if (!from) return;
    moved(...by(event.clientX - from[0], event.clientY - from[1]));
    from = [event.clientX, event.clientY];
  });
  for (const name of ["pointerup", "pointercancel"]) handle.addEventListener(name, () => { if (from) { from = null; dropped(); } });
  handle.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-0.01, 0], ArrowRight: [0.01, 0], ArrowUp: [0, -0.01], ArrowDown: [0, 0.01] }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    moved(...step);
    dropped();
  });

  return {
    element: room, place, fit,
    /** A new preview; the old one stays until this one is there. */
    async show(url) {
      const next = new Image();
      next.src = url;
      await next.decode().catch(() => null);
      shot.src = url;
      place();
    },
    trace(url) { trace.src = url ?? ""; desk.underlay = Boolean(url); place(); },
    forget() { shot.removeAttribute("src"); place(); },
  };
}
const groundOf = (kit) => (kit?.swatches.find((one) => one.role === "background") ?? kit?.swatches.find((one) => one.role === "surface"))?.hex ?? "#ffffff";

/** A family on this format as a small drawing. */
function schematic(outlines, family) {
  const scale = Math.min(76 / outlines.width, 54 / outlines.height);
  const drawn = h("span.mini", { "aria-hidden": "true", style: { width: `${Math.round(outlines.width * scale)}px`, height: `${Math.round(outlines.height * scale)}px` } });
  const part = (name, box, ...inside) => { if (box) drawn.append(boxed(h(`i.${name}`, null, ...inside), box)); };
  part("mini-picture", family.slots.picture);
  part("mini-panel", family.panel?.box);
  part("mini-product", family.slots.picture ? family.slots.product : null);
  part("mini-words", family.slots.words, h("b"), h("b"), h("b"));
  part("mini-logo", family.slots.logo);
  part("mini-badge", family.slots.badge);
  drawn.dataset.align = family.align;
  return drawn;
}

/** The families as a strip to choose from; none chosen means every one that suits. */
function layoutStrip({ chosen, shown, pick }) {
  const strip = h("div.layouts", { role: "group", "aria-label": "Layouts" });
  strip.draw = () => {
    const seen = desk.outlines;
    if (!seen) return;
    const focused = strip.contains(document.activeElement) ? document.activeElement.dataset.layout : "";
    fill(strip, state.studio.layouts.map((layout) => {
      const family = seen.families[layout.id];
      const made = h("button.layout", {
        type: "button", title: family ? layout.description : `${layout.name} has no rules for this shape`, disabled: !family, data: { layout: layout.id },
        "aria-pressed": String(chosen(layout.id)), class: shown() === layout.id ? "shown" : "",
        onclick: () => pick(layout.id),
      }, family ? schematic(seen, family) : h("span.mini.none"), h("span", null, layout.name));
      return made;
    }));
    if (focused) strip.querySelector(`[data-layout="${focused}"]`)?.focus();
  };
  return strip;
}
