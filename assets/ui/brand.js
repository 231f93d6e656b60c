// The Brand tab: who is speaking. The middle is one kit's sheet; every change is on disk at once and can be undone.
const { h, fill, icon, button, choice, slider, toggle, dropzone, state, on, set, mount, keys, later, newest, toast, failed, many, inkOn, announce, sortable } = lockup;
const call = lockup.caller(server);
const ROLES = { primary: "Primary", secondary: "Secondary", accent: "Accent", background: "Background", surface: "Surface", text: "Text" };
const sheet = h("section.middle.sheet", { "aria-label": "Kit", tabindex: "-1" });
const root = mount("brand", element, { show });
fill(root, h("section.side.brand-side", { "aria-label": "Brands" }, h("h2.unseen", null, "Brand"), shelf.parts), sheet, proofs.root);

/** The kit on show: {id, digest, kit, logos, faces, findings, found, undo, redo, save}. */
let open = null;
proofs.follow(() => open?.id ?? null);

// ---------------------------------------------------------------------------------------------- opening and saving

const load = newest(async (id, force) => {
  let said;
  try { said = await call("sheet", { kit_id: id }); } catch (error) { open = null; proofs.clear(); fill(sheet, h("div.empty", { role: "alert" }, h("h2", null, error.message), h("p", null, error.hint))); return; }
  if (id !== state.draft.kit) return;
  // What was changed here and is not written yet is newer than what the studio knows.
  if (!force && open?.id === id && (open.digest === said.digest || open.kit !== open.written)) return;
  const same = open?.id === id;
  open = { ...said, undo: same && !force ? open.undo : [], redo: [], written: said.kit, lastKey: "", lastAt: 0 };
  const mine = open;
  mine.write = newest(async (kit) => {
    if (mine.dead) return;
    try { took(mine, kit, await call("save_kit", { kit_id: mine.id, digest: mine.digest, kit })); } catch (error) {
      mine.dead = true;
      failed(error);
      if (open === mine) load(mine.id, true);
    }
  });
  paintAll();
  proofs.now();
});

/** What the studio made of a change. */
function took(mine, sent, said) {
  const before = { logos: mine.logos, faces: mine.faces, findings: mine.findings, found: mine.found };
  Object.assign(mine, { digest: said.digest, logos: said.logos, faces: said.faces, findings: said.findings, found: said.found });
  if (open === mine) {
    if (mine.kit === sent) { mine.kit = said.kit; mine.written = said.kit; }
    const differs = (name) => JSON.stringify(before[name]) !== JSON.stringify(mine[name]);
    paint(...[differs("logos") && "logos", differs("faces") && "type", differs("findings") && "findings"].filter(Boolean));
    proofs.now();
  }
  tell();
}
const tell = later(() => lockup.refreshKits(), 500);

/** Change the kit. Changes of the same `key` in quick succession are one step back. `parts` are drawn anew. */
function edit(key, change, ...parts) {
  if (!open) return;
  const after = structuredClone(open.kit);
  change(after);
  if (JSON.stringify(after) === JSON.stringify(open.kit)) return;
  if (!(key && key === open.lastKey && Date.now() - open.lastAt < 1500)) open.undo.push(open.kit);
  if (open.undo.length > 100) open.undo.shift();
  Object.assign(open, { redo: [], lastKey: key, lastAt: Date.now() });
  put(after, parts);
}
function put(kit, parts) {
  open.kit = kit;
  paint(...parts);
  showHistory();
  open.write(kit);
}
function undo() { step("undo", "redo"); }
function redo() { step("redo", "undo"); }
function step(from, to) {
  if (!open?.[from].length) return;
  open[to].push(open.kit);
  open.lastKey = "";
  put(open[from].pop(), Object.keys(PARTS));
  announce(from === "undo" ? "Undone" : "Done again");
}
keys({ key: "Ctrl+z", tab: "brand", does: "Undo in the kit; with Shift, do it again", go: (event) => (event.shiftKey ? redo() : undo()) });
sheet.addEventListener("keydown", (event) => {
  if (event.target.type === "color" && (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") { event.preventDefault(); event.stopPropagation(); (event.shiftKey ? redo : undo)(); }
});
/** Files that were dropped onto a part of the kit. */
async function give(verb, more) {
  const mine = open;
  // What is being written goes first: both name the kit they were made for.
  while (open === mine && !mine.dead && mine.kit !== mine.written) await new Promise((done) => setTimeout(done, 60));
  const before = mine.kit;
  const said = await call(verb, { kit_id: mine.id, digest: mine.digest, ...more });
  mine.undo.push(before);
  mine.redo = [];
  mine.kit = said.kit;
  took(mine, said.kit, said);
  if (open === mine) { paint("colours", "type", "logos"); showHistory(); }
}

// ---------------------------------------------------------------------------------------------- drawing

const PARTS = { head: drawHead, findings: drawFindings, colours: drawColours, type: drawType, logos: drawLogos, voice: drawVoice, site: drawSite };
const places = Object.fromEntries(Object.keys(PARTS).map((name) => [name, h(name === "head" ? "header" : "section", { class: `part ${name}` })]));
function paintAll() {
  fill(sheet, Object.values(places));
  sheet.scrollTop = 0;
  paint(...Object.keys(PARTS));
}
/** Draw parts anew; the field that was in use stays in use. */
function paint(...names) {
  const active = document.activeElement;
  const key = sheet.contains(active) ? active.dataset.key : null;
  for (const name of names) { const inside = PARTS[name](); places[name].hidden = !inside; fill(places[name], inside); }
  if (key && !active.isConnected) sheet.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}
const keyed = (key, made) => { (made.box ?? made).dataset.key = key; return made; };
const fitting = new Set();
new ResizeObserver(() => { for (const box of fitting) { if (box.isConnected) box.fit(); else fitting.delete(box); } }).observe(sheet);
/** A field that looks like the text it holds until it is used. Enter and leaving it keep what was typed, Escape does not. */
function bare({ value, label, placeholder, key, kind = "", keep, maxlength = 400, grows }) {
  const box = h(grows ? "textarea.bare" : "input.bare", { type: grows ? null : "text", rows: grows ? 1 : null, class: kind, value, placeholder, maxlength, "aria-label": label, dir: "auto", spellcheck: "false", autocomplete: "off" });
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter") { event.preventDefault(); box.blur(); }
    if (event.key === "Escape") { box.value = value; box.blur(); }
  });
  box.addEventListener("change", () => { if (keep(box.value.trim().replace(/\s+/g, " ")) === false) box.value = value; fit(); });
  const fit = () => { if (grows) { box.style.height = "auto"; box.style.height = `${box.scrollHeight + 2}px`; } };
  if (grows) { box.addEventListener("input", fit); fitting.add(box); box.fit = fit; requestAnimationFrame(fit); }
  return keyed(key, box);
}
function sureness(confidence) {
  const said = confidence >= 0.8 ? "sure" : confidence >= 0.5 ? "likely" : confidence >= 0.25 ? "perhaps" : "a guess";
  return `${said}, ${Math.round(confidence * 100)}%`;
}
const source = (text) => (text ? h("small.source.clip", { title: text, dir: "auto" }, text) : null);
const heading = (title, ...beside) => h("div.split.title", null, h("h3", null, title), h("div.row", null, beside));

const back = button({ label: "Undo", icon: "undo", kind: "icon", key: "Control+Z", onclick: undo });
const forth = button({ label: "Do it again", icon: "redo", kind: "icon", key: "Control+Shift+Z", onclick: redo });
function showHistory() {
  back.disabled = !open?.undo.length;
  forth.disabled = !open?.redo.length;
}
function drawHead() {
  const { kit, found } = open;
  showHistory();
  const facts = [found?.site ? `Read from ${found.site}` : "", found?.language, found?.name ? `name ${sureness(found.name.confidence)}` : "", found?.tagline ? `tagline ${sureness(found.tagline.confidence)}` : ""].filter(Boolean);
  return [
    h("div.names", null,
      bare({ value: kit.name, label: "Name of the brand", key: "name", kind: "name", maxlength: 200, grows: true, keep: (text) => { if (!text) return false; edit("", (next) => { next.name = text; }); } }),
      bare({ value: kit.tagline, label: "Tagline", placeholder: "Tagline", key: "tagline", kind: "tagline", grows: true, keep: (text) => edit("", (next) => { next.tagline = text; }) }),
      facts.length ? h("small.clip", { dir: "auto", title: facts.join(" · ") }, facts.join(" · ")) : null),
    h("div.row", null, back, forth),
  ];
}

function drawFindings() {
  const { findings } = open;
  const [bad, notes] = [findings.filter((one) => one.level !== "note"), findings.filter((one) => one.level === "note")];
  const said = (one) => h("li", { class: one.level }, one.level === "note" ? null : icon("warn", 16), h("span", null, h("b", null, one.message), one.fix ? h("span", null, one.fix) : null));
  if (!findings.length) return null;
  const folded = (title, list, key) => { const made = h("details", { open: drawFindings[key] }, h("summary", null, title), h("ul", null, list.map(said))); made.addEventListener("toggle", () => { drawFindings[key] = made.open; }); return made; };
  return [bad.length ? folded(`${many(bad.length, "thing")} to mend`, bad, "bad") : null, notes.length ? folded(many(notes.length, "note"), notes, "notes") : null];
}

// ---------------------------------------------------------------------------------------------- voice and the site's words

function drawVoice() {
  const { voice, photography } = open.kit;
  return [
    heading("Voice and photography"),
    h("div.columns", null,
      wordList("Tone", voice.tone, "warm, plain …", (kit, list) => { kit.voice.tone = list; }, open),
      wordList("Words never used", voice.banned, "miracle …", (kit, list) => { kit.voice.banned = list; }, open),
      wordList("Photography", photography, "low sun, long shadows …", (kit, list) => { kit.photography = list; }, open)),
  ];
}
function wordList(label, list, placeholder, put_) {
  const key = `words ${label}`;
  const box = keyed(key, h("input", { type: "text", placeholder: list.length ? "" : placeholder, maxlength: 120, "aria-label": `${label}: add`, dir: "auto" }));
  const change = (next) => edit("", (kit) => put_(kit, next), "voice");
  const add = () => { const more = box.value.split(/[,;\n]/).map((word) => word.trim()).filter((word) => word && !list.includes(word)); if (more.length) change([...list, ...more]); };
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === ",") { event.preventDefault(); add(); }
    if (event.key === "Backspace" && !box.value && list.length) { event.preventDefault(); change(list.slice(0, -1)); }
  });
  box.addEventListener("change", add);
  return h("div.words", { role: "group", "aria-label": label }, h("span.label", null, label),
    h("div.box", null, list.map((word, at) => h("span.chip", { dir: "auto" }, h("span", null, word), h("button", { type: "button", "aria-label": `Remove ${word}`, onclick: () => change(list.filter((_, index) => index !== at)) }, icon("close", 12)))), box));
}

function drawSite() {
  const { found } = open;
  if (!found) return null;
  const { headlines, actions, not_found: missing, warnings } = found;
  const line = (one, use, does) => h("li", null, h("span", { dir: "auto", title: one.source }, one.text), h("small", null, sureness(one.confidence)), button({ label: `${does}: ${one.text}`, icon: "plus", kind: "icon small", onclick: use }));
  const short = headlines.filter((one) => one.text.length <= 60).slice(0, 2).map((one) => one.text);
  const words = headlines.length || actions.length;
  return [
    words ? heading("The site’s words", short.length || actions.length ? button({ label: "Use these words", kind: "small", name: "words", onclick: () => useWords({ title: open.kit.name, ...(short.length ? { headlines: short } : {}), ...(actions.length ? { action: actions[0].text } : {}) }) }) : null) : null,
    words ? h("div.columns.wide", null,
      headlines.length ? h("ul.said.heads", { "aria-label": "Headlines" }, headlines.map((one) => line(one, () => useWords({ headlines: [...state.draft.headlines.filter((text) => text.trim() && text !== one.text), one.text] }), "Add to the headlines"))) : null,
      actions.length ? h("ul.said", { "aria-label": "Calls to action" }, actions.map((one) => line(one, () => useWords({ action: one.text }), "Use as the call to action"))) : null) : null,
    missing.length ? [h("h3", null, "Not found"), h("ul.lines", null, missing.map((one) => h("li", { dir: "auto" }, one)))] : null,
    warnings.length ? [h("h3", null, "Worth knowing"), h("ul.lines", null, warnings.map((one) => h("li", { dir: "auto" }, one)))] : null,
  ];
}
function useWords(fields) {
  const before = Object.fromEntries(Object.keys(fields).map((name) => [name, state.draft[name]]));
  set(fields);
  toast("In the brief", { hint: Object.values(fields).flat().join(" · ").slice(0, 140), undo: () => set(before) });
}

// ---------------------------------------------------------------------------------------------- coming and going

function show() {
  shelf.showReading();
  shelf.showKits();
  proofs.fromDraft();
  shelf.loadPresets().catch(failed);
  follow();
}
function follow() {
  const kits = state.studio.kits;
  if (kits.length) { load(state.draft.kit); return; }
  open = null;
  proofs.clear();
  fill(sheet, h("div.empty", null, h("h2", null, "No kit yet"),
    h("p", null, "Read a client’s website or drop what they have: a saved page, a logo, photos, a guidelines PDF, a token file. Or begin with a blank kit."),
    button({ label: "Begin with a blank kit", kind: "primary", onclick: shelf.newKit })));
}
const OF_PROOF = ["title", "product", "pitch_deg", "headlines", "body", "action", "price", "legal", "formats", "layouts", "sets", "look", "set_edits", "seed"];
on("draft", (fields, by) => {
  if (state.tab !== "brand") return;
  if ("kit" in fields) { shelf.showKits(); follow(); }
  if ("headlines" in fields && by !== "brand") proofs.fromDraft();
  if (OF_PROOF.some((name) => name in fields)) proofs.soon();
});
on("kits", () => {
  if (state.tab !== "brand") return;
  shelf.showKits();
  const renamed = open && open.kit === open.written && lockup.kit()?.digest && lockup.kit().digest !== open.digest;
  if (!state.studio.kits.length || open?.id !== state.draft.kit || renamed) follow();
});
