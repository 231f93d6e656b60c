// A photo, and the map that is read out of it; with it the list of maps that are in use.
const KIND_NAMES = { edges: "Edges", softedge: "Soft edge", lineart: "Line art", depth: "Depth", pose: "Pose", segment: "Segments", blocks: "Colour blocks" };

/** Why the painter in use does not follow a kind of map; empty where it does. */
function whyNot(kind) {
  const painter = state.studio.painters.find((one) => one.id === state.draft.engine);
  if (!painter || painter.controls.includes(kind)) return "";
  return painter.reasons[kind] || painter.reasons.controls || "This painter does not use it.";
}
const painterName = () => (state.studio.painters.find((one) => one.id === state.draft.engine)?.name ?? "This painter").split(":")[0];
/** What is said, calmly, where something is kept but not used yet. */
function unusedNotice(kind, kept) {
  const why = whyNot(kind);
  return why ? h("div.notice", { role: "note" }, h("b", null, `${painterName()} does not use this yet`), h("span", null, `${why} ${kept}`)) : null;
}

/** The commands that bring what cannot be read here yet. */
function missingReaders() {
  const fixes = [...new Set(desk.facts.annotators.filter((one) => one.reason && one.fix).map((one) => one.fix))];
  return fixes.length ? h("div.stack.tight", null, h("small", null, "To get what is missing, fetch it under ", h("button.link", { type: "button", onclick: () => lockup.go("engine") }, "Engine"), ", or run:"), fixes.map(lockup.command)) : null;
}

/** What a reader's answer is followed as: `softedge-hed` gives soft edges too, a drawing is line art. */
const kindOf = (reader) => (reader === "drawing" ? "lineart" : reader.split("-")[0]);
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** From where to where of the steps something counts: two sliders that never cross. */
function stretch({ start, end, onchange }) {
  let from = start, to = end;
  const first = slider({ label: "From", value: from * 100, min: 0, max: 95, step: 5, rest: 0, unit: " %", oninput: (value) => {
    from = value / 100;
    if (to < from + 0.05) { to = Math.min(from + 0.05, 1); last.set(to * 100); }
    onchange(from, to);
  } });
  const last = slider({ label: "To", value: to * 100, min: 5, max: 100, step: 5, rest: 100, unit: " %", oninput: (value) => {
    to = value / 100;
    if (from > to - 0.05) { from = Math.max(to - 0.05, 0); first.set(from * 100); }
    onchange(from, to);
  } });
  const whole = h("div.pair", null, first, last);
  whole.set = (a, b) => { from = a; to = b; first.set(a * 100); last.set(b * 100); };
  return whole;
}

function photoPanel({ drawn }) {
  const here = { photo: "", url: "", map: "", light: false, kind: "edges", detail: 0.5, invert: false, strength: 0.8, start: 0, end: 1, seconds: 0 };
  const drop = dropzone({ label: "Drop a photo, or choose one", accept: "image/*", name: "photo", take: async ([path]) => {
    const taken = await call("take_photo", { path });
    Object.assign(here, { photo: taken.photo, url: taken.url, map: "", light: taken.light, invert: here.kind === "drawing" && taken.light });
    draw();
    read();
  } });
  const kinds = h("div.kinds", { role: "radiogroup", "aria-label": "What is read out of the photo" });
  const side = h("div.stack");
  const right = h("div");
  const stage = h("div.photo-stage");
  const said = h("span.quiet.num", { role: "status" });

  const read = lockup.newest(async () => {
    if (!here.photo) return;
    const { photo, kind, detail, invert } = here;
    said.classList.add("busy-text");
    said.textContent = "Reading the photo";
    try {
      const answer = await call("read_map", { photo, kind, detail, invert });
      here.map = answer.url;
      said.textContent = `Read in ${answer.seconds.toFixed(1)} s`;
    } catch (error) { said.textContent = ""; throw error; } finally { said.classList.remove("busy-text"); }
    showStage();
  });
  function drawKinds() {
    const all = [...desk.facts.annotators.map((one) => ({ ...one, short: one.name.split(":")[0], about: capital(one.reason || one.name.split(":").slice(1).join(":").trim()) })),
      { id: "drawing", short: "As it is", about: "It is a drawing already", reason: "" }];
    fill(kinds, all.map((one) => {
      const box = h("input", { type: "radio", name: "compose-kind", value: one.id, checked: one.id === here.kind, disabled: Boolean(one.reason) });
      box.addEventListener("change", () => {
        // A drawing on white paper is turned over by itself; a map that was read is right as it is.
        // What reads depth or pose says itself what is light.
        if (["depth", "pose", "segment"].includes(kindOf(one.id))) here.invert = false;
        else if ((one.id === "drawing") !== (here.kind === "drawing")) here.invert = one.id === "drawing" && here.light;
        here.kind = one.id;
        drawSliders();
        read();
      });
      return h("label.kind", { class: one.reason ? "off" : "" }, box, h("span", null, h("b", null, one.short), h("small", null, one.about)));
    }));
  }
  function drawSliders() {
    const contours = !["depth", "pose", "segment"].includes(kindOf(here.kind));
    fill(side, h("h3", null, "Map"), kinds, missingReaders(),
      here.kind === "drawing" ? null : slider({ label: "Detail", value: here.detail, min: 0, max: 1, step: 0.02, rest: 0.5, oninput: (value) => { here.detail = value; read(); } }),
      contours ? toggle({ label: "Invert", info: "For black lines on white paper", value: here.invert, onchange: (value) => { here.invert = value; read(); } }) : null);
    drawRight();
  }
  function drawRight() {
    const kind = kindOf(here.kind);
    fill(right, h("h2", null, "Map"), h("div.stack", null,
      slider({ label: "Strength", value: here.strength, min: 0, max: 2, step: 0.05, rest: 0.8, oninput: (value) => { here.strength = value; } }),
      h("small", null, "Of the painter's steps, it is followed"),
      stretch({ start: here.start, end: here.end, onchange: (from, to) => { Object.assign(here, { start: from, end: to }); } }),
      button({ label: "Use it", kind: "primary", disabled: !here.photo, onclick: use }),
      unusedNotice(kind, "The map is kept for one that does.")));
  }
  async function use() {
    const { photo, kind, detail, invert, strength, start, end } = here;
    const kept = await call("use_map", { photo, kind, detail, invert });
    addControl({ kind: kindOf(kind), picture: kept.digest, strength, start, end });
  }
  function showStage() {
    fill(stage, here.url
      ? [h("figure", null, h("img", { src: here.url, alt: "The photo" }), h("figcaption", null, "Photo")),
        h("figure", null, here.map ? h("img", { src: here.map, alt: `Its map: ${here.kind === "drawing" ? "the drawing" : KIND_NAMES[kindOf(here.kind)]}` }) : h("div.blank"), h("figcaption", null, h("span", null, here.kind === "drawing" ? "Drawing" : KIND_NAMES[kindOf(here.kind)]), said))]
      : h("div.empty", null, h("h2", null, "A photo to follow"), h("p", null, "Drop a photo and its contours become a map: the picture keeps the composition, the brand's colours and light stay its own.")));
  }
  function draw() { drawKinds(); drawSliders(); showStage(); drawn(); }
  return { left: h("div.stack.loose", null, h("div.stack", null, h("h3", null, "Photo"), drop), side), right, stage, show: draw, notice: drawRight };
}

// ------------------------------------------------------------------------------------------------ maps in use

function addControl(control) {
  const now = state.draft.controls;
  if (now.length >= 8) { toast("Eight maps are in use already", { hint: "Take one out first." }); return; }
  if (now.some((one) => one.picture === control.picture && one.kind === control.kind)) { toast("This map is in use already"); return; }
  set({ controls: [...now, control] }, "compose");
  toast(`${KIND_NAMES[control.kind]} added to the maps in use`, { undo: () => set({ controls: state.draft.controls.filter((one) => one.picture !== control.picture || one.kind !== control.kind) }) });
}

/** The maps of the draft, with their strength; each can be taken out. */
function controlList() {
  const list = h("ul.controls");
  const whole = h("section.group", null, h("h3", null, "Maps in use"), list);
  const known = new Map();
  let drawn = "";
  async function draw(force) {
    const now = state.draft.controls;
    whole.hidden = !now.length;
    const shape = JSON.stringify(now.map((one) => [one.kind, one.picture, one.start, one.end, one.mask]));
    if (shape === drawn && !force) return;
    drawn = shape;
    const missing = [...new Set(now.flatMap((one) => [one.picture, one.mask ?? ""]))].filter((one) => /^[0-9a-f]{64}$/.test(one) && !known.has(one));
    if (missing.length) for (const [digest, url] of Object.entries(await call("control_pictures", { digests: missing }))) known.set(digest, url);
    fill(list, state.draft.controls.map((one, index) => h("li", null,
      known.get(one.picture) ? h("img", { src: known.get(one.picture), alt: "" }) : h("span.blank"),
      h("div.grow", null, slider({ label: KIND_NAMES[one.kind] ?? one.kind, value: one.strength, min: 0, max: 2, step: 0.05, oninput: (strength) => {
        set({ controls: state.draft.controls.map((other, at) => (at === index ? { ...other, strength } : other)) }, "compose-strength");
      } }), one.start > 0 || one.end < 1 ? h("small", null, `${Math.round(one.start * 100)} to ${Math.round(one.end * 100)} % of the steps`) : null, whereItCounts(one, index)),
      button({ label: `Take ${KIND_NAMES[one.kind] ?? one.kind} out`, icon: "trash", kind: "icon small", onclick: () => {
        const before = state.draft.controls;
        set({ controls: before.filter((_, at) => at !== index) }, "compose");
        toast("Map taken out", { undo: () => set({ controls: before }, "compose") });
      } }))));
  }
  function whereItCounts(one, index) {
    if (one.kind === "blocks") return null; // the picture starts from them, all over
    const change = (mask) => set({ controls: state.draft.controls.map((other, at) => (at === index ? { ...other, mask } : other)) }, "compose");
    const paint = () => lockup.paintMask("the map", (strokes) => call("keep_mask", { strokes }), ({ mask }) => change(mask));
    return h("div.row.wrap.where", null, one.mask && known.get(one.mask) ? h("span.mask-shown", null, h("img", { src: known.get(one.mask), alt: "" })) : null,
      button({ label: one.mask ? "Change" : "Only in a part", icon: "brush", kind: "small plain", title: "Where in the new picture it counts", onclick: paint, name: "map-mask" }),
      one.mask ? button({ label: "Everywhere", kind: "small plain", onclick: () => change(null) }) : null);
  }
  return { element: whole, draw };
}
