// The References tab: pictures in the order of their weight, what is taken from each, and where it counts.
const { h, fill, icon, button, choice, slider, state, on, set, toast, many } = lockup;
const call = lockup.caller(server);
const root = lockup.mount("references", element, { show });
const USES = [
  ["style", "Style", "Light, colour and mood; not what is in it"],
  ["layout", "Layout", "Where things stand; not their light"],
  ["subject", "Subject", "What is in it, set anew"],
  ["product", "Product", "This very product, in the scene"],
  ["face", "Face", "This person’s face"],
];
const MOST = 12;
const shownAt = new Map();
const list = h("ol.reference-list", { "aria-label": "References, the strongest first" });
const own = h("div.reference-own");
const about = h("div.stack");
const engines = h("div.stack.tight");
const rest = h("div");
const loras = loraPanel({ ask: () => call("loras", { engine: state.draft.engine, kit: state.draft.kit }) });
lockup.sortable(list, (from, to) => {
  const references = [...state.draft.references];
  references.splice(to, 0, ...references.splice(from, 1));
  set({ references }, "references");
  draw();
  lockup.announce(`Now at place ${to + 1}`);
});

const change = (index, fields) => { set({ references: state.draft.references.map((one, at) => (at === index ? { ...one, ...fields } : one)) }, "references"); };
function add(taken) {
  const room = MOST - state.draft.references.length;
  if (taken.length > room) toast(`At most ${MOST} references`, { hint: `${taken.length - room} were left out.`, kind: "bad" });
  const fresh = taken.slice(0, Math.max(room, 0)).filter((one) => !state.draft.references.some((known) => known.picture === one.digest));
  for (const one of taken) shownAt.set(one.digest, one.picture);
  if (!fresh.length) return;
  set({ references: [...state.draft.references, ...fresh.map((one) => ({ picture: one.digest, use: "style", weight: 0.6, mask: null, name: one.name }))] }, "references");
  draw();
}
function remove(index) {
  const before = state.draft.references;
  set({ references: before.filter((_, at) => at !== index) }, "references");
  draw();
  toast("The reference is taken away", { undo: () => { set({ references: before }, "references"); draw(); } });
}

/** Which painters can use it, and why not those that cannot. */
function painters(use) {
  return state.studio.painters.map((painter) => {
    const yes = painter.references.includes(use);
    const why = yes ? "" : painter.reasons[use] ?? painter.reasons.references ?? "It does not use pictures.";
    return h("span.chip", { title: why, class: yes ? "" : "off" }, icon(yes ? "check" : "close", 12), painter.name.split(":")[0], h("span.unseen", null, yes ? " can use it" : `: ${why}`));
  });
}

function row(reference, index) {
  const picture = h("img", { alt: "", draggable: "false" });
  const veil = reference.mask ? h("img.veil", { alt: "" }) : null;
  place(picture, reference.picture);
  if (veil) place(veil, reference.mask);
  const chips = h("div.row.wrap.painters", null, painters(reference.use));
  const uses = choice({ label: "Take from it", value: reference.use, options: USES.map(([value, label]) => [value, label]), info: USES.find(([value]) => value === reference.use)[2],
    onchange: (use) => { change(index, { use }); draw(); list.children[index]?.querySelector("select")?.focus(); } });
  return h("li.reference", { draggable: "true" },
    h("span.grip", { title: "Drag, or Alt and arrows" }, icon("drag")),
    h("div.pictures", null, picture),
    h("div.stack.tight.grow", null, h("b.clip", null, reference.name || "Reference"), uses, chips),
    h("div.stack.grow", null, slider({ label: "Weight", min: 0, max: 1.5, step: 0.05, value: reference.weight, rest: 0.6, oninput: (weight) => change(index, { weight }) }),
      h("div.row", null, veil ? h("span.mask-shown", null, veil) : null,
        button({ label: reference.mask ? "Change where it counts" : "Only in a part", icon: "brush", kind: "small", onclick: () => maskOf(index), name: "mask" }),
        reference.mask ? button({ label: "Everywhere", kind: "small plain", onclick: () => { change(index, { mask: null }); draw(); } }) : null)),
    h("div.stack.tight.ends", null, button({ label: `Take ${reference.name || "the reference"} away`, icon: "trash", kind: "icon", onclick: () => remove(index) })));
}
const maskOf = (index) => lockup.paintMask("the reference", (strokes) => call("keep_mask", { strokes }), (kept) => {
  if (kept.mask) shownAt.set(kept.mask, kept.picture);
  change(index, { mask: kept.mask });
  draw();
});
async function place(image, digest) {
  if (!shownAt.has(digest)) {
    try { shownAt.set(digest, (await call("reference_shown", { digest })).picture); } catch { image.replaceWith(h("span.gone", null, "Picture is gone")); return; }
  }
  image.src = shownAt.get(digest);
}

// ---------------------------------------------------------------------------------------------- together

async function showOwn() {
  const kit = state.draft.kit;
  fill(own);
  if (!kit) return;
  const found = await call("kit_references", { kit });
  if (kit !== state.draft.kit) return;
  fill(own, found.length ? h("div.own-grid", null, found.map((one) => h("button.own-picture", { type: "button", title: `Use ${one.file}`, "aria-label": `Use ${one.file}`, onclick: async () => { try { add([await call("use_kit_reference", { kit, file: one.file })]); } catch (error) { lockup.failed(error); } } }, h("img", { src: one.picture, alt: "" }))))
    : h("small", null, "This kit has none of its own."));
}
function showAbout() {
  const painter = state.studio.painters.find((one) => one.id === state.draft.engine) ?? state.studio.painters[0];
  const none = painter && !painter.references.length;
  fill(about, none ? h("div.notice", null, h("b", null, `${painter.name.split(":")[0]} does not use references`), h("span", null, painter.reasons.references ?? ""), h("span", null, "They are kept with the campaign, and used as soon as a painter that can is chosen.")) : null,
    lockup.toggle({ label: "One after the other", info: "Each variant takes the next reference; otherwise all of them together", value: state.draft.vary.includes("reference"),
      onchange: (yes) => set({ vary: yes ? [...state.draft.vary, "reference"] : state.draft.vary.filter((one) => one !== "reference") }, "references") }));
}
function draw() {
  const references = state.draft.references;
  fill(list, references.map(row));
  list.hidden = !references.length;
  fill(rest, references.length ? null : h("div.empty", null, h("h2", null, "No references yet"), h("p", null, "Drop pictures whose light, subject or product the scene should take up. The order is the order of importance.")));
}
function show() {
  if (!root.firstChild) {
    fill(root, h("div.side", null,
      h("section.group", null, h("h2", null, "References"), lockup.dropzone({ label: "Drop pictures, or choose them", accept: "image/*", multiple: true, name: "references", take: async (paths) => {
        const said = await call("take_references", { paths });
        add(said.taken);
        for (const error of said.errors) toast(error.message, { hint: error.hint, kind: "bad" });
      } })),
      h("section.group", null, h("h3", null, "The kit’s own"), own), h("section.group", null, about),
      h("section.group", null, h("h3", null, "What can be taken"), h("dl.uses", null, USES.map(([, label, text]) => [h("dt", null, label), h("dd", null, text)])))),
    h("div.middle", null, list, rest, loras.element));
  }
  draw();
  loras.draw();
  loras.show().catch(lockup.failed);
  showAbout();
  showOwn().catch(lockup.failed);
}
on("draft", (changed, by) => { if (state.tab === "references" && by !== "references" && ("references" in changed || "adapters" in changed || "engine" in changed || "kit" in changed)) show(); });
