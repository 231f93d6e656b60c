// The set: which ones, and what is changed about them.
const EDITS = [
  ["Camera", [
    ["pitch_deg", "From above", 0, 60, 1, "°"], ["distance", "Distance", 2.5, 16, 0.1, ""], ["blur", "Depth of field", 0, 0.3, 0.005, ""]]],
  ["Light", [
    ["key_turn", "Turn", -180, 180, 1, "°"], ["key_height", "Height", 0, 90, 1, "°"], ["key_strength", "Strength", 0, 4, 0.05, ""],
    ["key_warmth", "Warmth", -1, 1, 0.05, ""], ["sky_strength", "Sky", 0, 2, 0.05, ""], ["brightness", "Exposure", 0.3, 1.6, 0.05, ""],
    ["gobo_strength", "Shadow pattern", 0, 1, 0.05, ""]]],
  ["Props", [["props", "How many stay", 0, 1, 0.05, ""]]],
  ["Product", [
    ["product_scale", "Size", 0.5, 1.5, 0.01, "×"], ["product_x", "Left and right", -0.5, 0.5, 0.01, ""], ["product_y", "Up and down", -0.5, 0.5, 0.01, ""]]],
];
const PLAIN = { props: 1, product_scale: 1, product_x: 0, product_y: 0 };

/** The sets a campaign would take now. */
function setsInUse() {
  const { sets, look } = state.draft;
  if (sets.length) return sets;
  return state.studio.looks.find((one) => one.id === look)?.sets ?? state.studio.sets.map((one) => one.id);
}

/** The picker on the left. `chose()` is called when another set is to be shown. */
function setPicker({ chose }) {
  const grid = h("div.sets", { role: "group", "aria-label": "Sets" });
  const looks = h("div");
  const said = h("small.quiet", { role: "status" });
  const pictures = new Map();
  const tiles = new Map();
  let shape = "", timer = 0;

  function build() {
    tiles.clear();
    fill(grid, state.studio.sets.map((one) => {
      const picture = h("span.set-picture");
      const add = button({ label: `Add ${one.name} to the choice`, icon: "plus", kind: "icon small", onclick: () => choose(one.id, true) });
      const tile = h("button.set", { type: "button", title: one.description, onclick: (event) => choose(one.id, event.shiftKey || event.ctrlKey || event.metaKey) }, picture, h("span.clip", null, one.name));
      tiles.set(one.id, { tile, picture, add });
      return h("div.set-cell", null, tile, add);
    }));
  }
  function choose(id, more) {
    const now = state.draft.sets;
    const next = !more ? [id] : now.includes(id) ? now.filter((one) => one !== id) : [...(now.length ? now : []), id];
    const there = !more || next.includes(id) ? id : next[0];
    if (there) desk.set = there;
    set({ sets: next }, "compose");
    draw();
    chose();
  }
  function draw() {
    const used = new Set(setsInUse()), own = state.draft.sets.length > 0;
    for (const [id, { tile, add }] of tiles) {
      const on_ = used.has(id);
      tile.setAttribute("aria-pressed", String(own && on_));
      tile.classList.toggle("shown", id === desk.set);
      tile.classList.toggle("out", !own && !on_);
      fill(add, icon(own && on_ ? "check" : "plus", 14));
      const name = tile.querySelector(".clip").textContent;
      add.setAttribute("aria-label", own && on_ ? `Take ${name} out of the choice` : `Add ${name} to the choice`);
      add.title = add.getAttribute("aria-label");
    }
    const look = state.studio.looks.find((one) => one.id === state.draft.look);
    said.textContent = own ? `${many(state.draft.sets.length, "set")} chosen` : look ? `${look.sets.length} sets of this look take turns` : `All ${state.studio.sets.length} sets take turns`;
    everything.hidden = !own;
    everything.lastChild.textContent = look ? `All of ${look.name}` : "All sets";
  }
  const everything = button({ label: "All sets", kind: "small plain", onclick: () => {
    const before = state.draft.sets;
    set({ sets: [] }, "compose");
    draw();
    toast("All sets take turns again", { undo: () => { set({ sets: before }, "compose"); draw(); } });
  } });
  function drawLooks() {
    const options = [["", "Any"], ...state.studio.looks.map((one) => [one.id, one.name, one.description])];
    fill(looks, segments({ label: "Look", value: state.draft.look ?? "", options, onchange: (id) => {
      const look = state.studio.looks.find((one) => one.id === id);
      if (look && !look.sets.includes(desk.set)) desk.set = look.sets[0] ?? desk.set;
      set({ look: id || null, sets: [] }, "compose");
      draw();
      chose();
    } }));
  }
  function picturesArrive(found) {
    for (const [id, url] of Object.entries(found)) {
      const cell = tiles.get(id);
      if (!cell || !url || pictures.get(id) === url) continue;
      pictures.set(id, url);
      const made = h("img", { alt: "", src: url, width: 96, height: 96, decoding: "async" });
      made.addEventListener("load", () => { fill(cell.picture, made); }, { once: true });
      made.addEventListener("error", () => pictures.delete(id), { once: true });
    }
  }
  /** Ask for thumbnails until all are there, while somebody looks. */
  async function fetchPictures() {
    clearTimeout(timer);
    if (state.tab !== "compose" || desk.mode !== "set") return;
    const found = await call("thumbs", { kit: state.draft.kit });
    picturesArrive(found);
    if (Object.values(found).some((url) => !url)) timer = setTimeout(() => fetchPictures().catch(failed), 450);
  }
  return {
    element: h("div.stack", null, h("div.stack.tight", null, h("h3", null, "Look"), looks), h("div.stack.tight", null, h("div.split", null, h("h3", null, "Sets"), everything), said, grid)),
    show() {
      const now = `${state.draft.kit} ${lockup.kit()?.digest}`;
      if (now !== shape) { shape = now; pictures.clear(); build(); }
      drawLooks();
      draw();
      fetchPictures().catch(failed);
    },
  };
}

/** The sliders on the right. Each rests where the set itself is; there it says nothing. */
function setEdits({ changed, keep }) {
  const box = h("div");
  const sliders = new Map();
  const reset = button({ label: "Reset all", icon: "undo", kind: "small plain", onclick: () => {
    const before = state.draft.set_edits;
    edit(Object.fromEntries(Object.keys(before).map((name) => [name, PLAIN[name] ?? null])));
    draw();
    toast("The set is as it was made", { undo: () => { edit(before); draw(); } });
  } });
  let drawnFor = "";

  function edit(fields) {
    set({ set_edits: { ...state.draft.set_edits, ...fields } }, "compose");
    reset.disabled = !isChanged();
    changed();
  }
  const isChanged = () => Object.entries(state.draft.set_edits).some(([name, value]) => value !== null && value !== PLAIN[name]);
  const restOf = (name) => PLAIN[name] ?? desk.facts.rests[desk.set]?.[name];
  /** While a product is there its photo says how the camera stands. */
  const byProduct = (name) => name === "pitch_deg" && Boolean(state.draft.product);
  const valueOf = (name) => (byProduct(name) ? state.draft.pitch_deg ?? desk.pitch ?? 10 : state.draft.set_edits[name] ?? restOf(name));

  function build() {
    sliders.clear();
    fill(box, EDITS.map(([title, rows]) => {
      const made = rows.map(([name, label, low, high, step, unit]) => {
        const rest = byProduct(name) ? desk.pitch ?? valueOf(name) : restOf(name);
        if (rest === null || rest === undefined) return null;
        const oninput = (value) => {
          if (byProduct(name)) { set({ pitch_deg: Math.abs(value - rest) < step / 2 ? null : value }, "compose"); changed(); return; }
          const plain = Math.abs(value - rest) < step / 2;
          edit({ [name]: plain ? PLAIN[name] ?? null : value });
        };
        const off = title === "Product" && !state.draft.product;
        const one = slider({ label, value: valueOf(name), min: Math.min(low, rest), max: Math.max(high, rest), step, rest, unit, oninput, disabled: off, info: byProduct(name) ? "How far from above the product was photographed; the set follows it" : undefined });
        sliders.set(name, one);
        return one;
      });
      const hint = title === "Product" && !state.draft.product ? h("small", null, "There is no product yet; it is dropped under Variants.") : null;
      return h("section.group", null, h("h3", null, title), hint, made);
    }));
  }
  function draw() {
    const now = `${desk.set} ${state.draft.product} ${desk.pitch}`;
    if (now !== drawnFor) { drawnFor = now; build(); } else for (const [name, one] of sliders) if (document.activeElement !== one.box) one.set(valueOf(name));
    reset.disabled = !isChanged();
  }
  return {
    element: h("div", null, h("div.split", null, h("h2", null, "Set"), reset), box,
      h("section.group", null, h("h3", null, "Keep as a map"), h("small", null, "For painters that follow maps: the forms of this set, without its colours."),
        h("div.row", null, button({ label: "Keep depth", kind: "small", onclick: () => keep("depth") }), button({ label: "Keep edges", kind: "small", onclick: () => keep("edges") })))),
    draw, edit,
  };
}
