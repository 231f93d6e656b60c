// The Variants tab: the brief on the left, what it comes to below it, the ads as they are finished on the right.
const { h, fill, icon, button, field, toggle, choice, state, on, set, keys, toast, span, many } = lockup;
const call = lockup.caller(server);
const root = lockup.mount("variants", element, { show });
const local = { run: "", built: false, seen: "", plan: null };

// ---------------------------------------------------------------------------------------------- the brief

const fields = {};
/** Characters used of what the strictest chosen channel takes. */
function counted(name, many_) {
  return (text) => {
    const strict = lockup.formats.limit(name);
    const longest = many_ ? Math.max(0, ...text.split("\n").map((line) => line.trim().length)) : text.trim().length;
    if (!strict) return {};
    const over = longest > strict.limit;
    return { text: `${longest} / ${strict.limit}`, bad: over, info: over ? `${strict.name} cuts after ${strict.limit} characters` : undefined };
  };
}
function words() {
  const one = (name, label, lines, extra = {}) => (fields[name] = field({ label, lines, value: state.draft[name], counter: counted(name), oninput: (text) => set({ [name]: text }, "variants"), name, ...extra }));
  fields.title = field({ label: "Campaign", value: state.draft.title, oninput: (text) => set({ title: text }, "variants"), name: "title" });
  fields.headlines = field({ label: "Headlines", lines: 2, value: state.draft.headlines.join("\n"), placeholder: "One a line", counter: counted("headline", true), name: "headlines",
    oninput: (text) => set({ headlines: text.split("\n") }, "variants") });
  return h("section.group", null, h("h2", null, "Brief"), fields.title, fields.headlines, one("body", "Body", 2),
    h("div.row.top", null, h("div.grow", null, one("action", "Button", 1)), h("div", { style: { width: "104px" } }, one("price", "Price", 1))),
    one("legal", "Legal line", 2), rowsBox);
}

const rowsBox = h("div");
function showRows(read) {
  if (!state.draft.rows) {
    fill(rowsBox, lockup.dropzone({ label: "Many briefs: drop a CSV, one campaign a row", accept: ".csv,.tsv,text/csv", name: "rows", take: async ([path]) => {
      const said = await call("take_rows", { path });
      set(said.draft, "rows");
      await lockup.saved();
      showRows(said);
    } }));
    return;
  }
  const facts = read ? [
    h("span", null, `${many(read.briefs, "brief")}${read.errors.length ? `, ${many(read.errors.length, "row")} not usable` : ""}`),
    h("small", null, Object.entries(read.columns).map(([column, means]) => (column === means ? column : `${column} → ${means}`)).join(", ")),
    read.errors.slice(0, 3).map((error) => h("small.warn", null, `Line ${error.line}: ${error.message}`)),
  ] : [h("small", null, "One campaign a row; what a row leaves out is taken from the form.")];
  fill(rowsBox, h("div.notice", null, h("div.split", null, h("b.clip", null, state.draft.rows_name || "Table"), button({ label: "Take the table away", icon: "close", kind: "icon small", onclick: () => {
    const before = { rows: state.draft.rows, rows_name: state.draft.rows_name };
    set({ rows: "", rows_name: "" }, "rows");
    showRows();
    toast("The table is no longer used", { undo: () => { set(before, "rows"); showRows(read); } });
  } })), facts));
}

// ---------------------------------------------------------------------------------------------- the product

const productBox = h("div.stack.tight");
async function showProduct(said) {
  const digest = state.draft.product;
  const drop = lockup.dropzone({ label: digest ? "Drop another" : "Drop a photo of the product; it is cut out", accept: "image/*", name: "product", take: async ([path]) => {
    fill(productBox, h("p.busy-text", { role: "status" }, "Cutting the product out"));
    try { taken(await call("take_product", { path })); } catch (error) { showProduct(); throw error; }
  } });
  const small = (label, onclick, name) => button({ label, kind: "small plain", onclick, name });
  const tools = h("div.row.wrap", null,
    digest && state.draft.photo ? small("Mend the cut-out", mend, "mend") : null,
    digest ? small("No product", () => { const before = pickProduct(); set({ product: "", photo: "", product_name: "" }, "product"); showProduct(); toast("No product: the scene stands alone", { undo: () => { set(before, "product"); showProduct(); } }); }, "no-product")
      : small("The sample’s product", async () => { fill(productBox, h("p.busy-text", { role: "status" }, "Cutting the product out")); try { taken(await call("demo_product")); } catch (error) { showProduct(); throw error; } }, "sample-product"));
  if (!digest) { fill(productBox, drop, tools); return; }
  const card = h("div.product", null, h("div.checker"), h("div", null, h("b.clip", null, state.draft.product_name || "Product"), h("small")), drop, tools);
  if (!productBox.querySelector(".product")) fill(productBox, card);
  const shown = said ?? await call("product_shown", { digest });
  if (digest !== state.draft.product) return;
  card.firstChild.append(h("img", { src: shown.picture, alt: "The product, cut out" }));
  fill(card.querySelector("small"), shown.said ? [shown.said, h("br")] : null, `${shown.width} × ${shown.height} px`);
  fill(productBox, card, shown.doubtful ? h("p.notice.bad", null, h("b", null, "The cut-out is not sure"), h("span", null, "Look at it, and mend it with the brush.")) : null);
}
const pickProduct = () => ({ product: state.draft.product, photo: state.draft.photo, product_name: state.draft.product_name });
function taken(said) {
  set(said.draft, "product");
  showProduct(said);
}
async function mend() {
  const photo = state.draft.photo, name = state.draft.product_name;
  await lockup.brush(await call("brush_open", { photo }), (token, strokes) => call("brush_solve", { token, strokes }), async (token, strokes) => {
    fill(productBox, h("p.busy-text", { role: "status" }, "Cutting at full size"));
    try { const said = await call("brush_done", { token, strokes, name }); said.draft.photo = photo; taken(said); } catch (error) { showProduct(); throw error; }
  });
}

// ---------------------------------------------------------------------------------------------- what is made

const formatsBox = lockup.formats.strip();
const madeBox = h("div.stack.tight");
const VARY = [["headline", "Headline"], ["layout", "Layout"], ["set", "Set"], ["colour", "Colour roles"], ["reference", "Reference"]];
function variants() {
  fields.count = field({ label: "Variants", type: "number", value: state.draft.count, name: "count", oninput: (text) => number("count", text, 1, 1000) });
  fields.seed = field({ label: "Seed", type: "number", value: state.draft.seed, name: "seed", oninput: (text) => number("seed", text, 0, 2 ** 31 - 1) });
  const dice = button({ label: "Another seed", icon: "refresh", kind: "icon", onclick: () => { const seed = Math.floor(Math.random() * 1e6); fields.seed.box.value = seed; set({ seed }, "variants"); } });
  fields.lock = toggle({ label: "One seed for all", info: "Only what varies above differs", value: state.draft.lock_seed, onchange: (lock_seed) => set({ lock_seed }, "variants") });
  const chips = h("div.row.wrap", { role: "group", "aria-label": "What varies" }, VARY.map(([key, label]) => {
    const chip = button({ label, kind: "small", pressed: state.draft.vary.includes(key), name: `vary-${key}`, onclick: () => {
      const vary = VARY.map(([name]) => name).filter((name) => (name === key) !== state.draft.vary.includes(name));
      set({ vary }, "variants");
      chip.setAttribute("aria-pressed", String(vary.includes(key)));
    } });
    return chip;
  }));
  fields.vary = chips;
  return h("section.group", null, h("h3", null, "Variants"),
    h("div.row.top", null, h("div.grow", null, fields.count), h("div.grow", null, fields.seed), h("div", { style: { "padding-top": "24px" } }, dice)),
    h("div.stack.tight", null, h("small", null, "What changes from one to the next"), chips), fields.lock);
}
function number(name, text, least, most) {
  const value = Number(text);
  const fine = text.trim() !== "" && Number.isInteger(value) && value >= least && value <= most;
  fields[name].box.setAttribute("aria-invalid", String(!fine));
  fields[name].box.style.borderColor = fine ? "" : "var(--warn)";
  if (fine) set({ [name]: value }, "variants");
}

/** What the other tabs decided, in one line each. */
function showMade() {
  const names = (ids, all, none) => (ids.length ? ids.map((id) => all.find((one) => one.id === id)?.name ?? id).join(", ") : none);
  const look = state.studio.looks.find((one) => one.id === state.draft.look);
  const edits = Object.entries(state.draft.set_edits).filter(([key, value]) => value !== null && value !== (key.startsWith("product_scale") || key === "props" ? 1 : key.startsWith("product_") ? 0 : null)).length;
  const line = (label, text, tab) => h("div.made", null, h("span.quiet", null, label), h("span", null, text), h("button.link", { type: "button", onclick: () => lockup.go(tab), "aria-label": `${label}: change` }, "Change"));
  const strokes = state.draft.sketch.strokes.length;
  fill(madeBox,
    line("Kit", lockup.kit()?.name ?? "None", "brand"),
    line("Sets", names(state.draft.sets, state.studio.sets, look ? `All of ${look.name}` : "All in turn") + (edits ? `, ${many(edits, "change")}` : ""), "compose"),
    line("Layouts", names(state.draft.layouts, state.studio.layouts, "All that suit"), "compose"),
    strokes || state.draft.controls.length ? line("Maps", [strokes ? `sketch of ${many(strokes, "stroke")}` : "", state.draft.controls.length ? many(state.draft.controls.length, "map") : ""].filter(Boolean).join(", "), "compose") : null,
    line("References", state.draft.references.length ? many(state.draft.references.length, "picture") : "None", "references"),
    state.draft.adapters.length ? line("LoRAs", state.draft.adapters.map((one) => one.name || one.file).join(", "), "references") : null);
}

/** Words for painters that read them, and what to avoid for those that heed it. */
const sceneBox = h("section.group");
const paint = paintPanel({ plan: () => local.plan });
const painting = paintingStrip();
function showScene() {
  const painter = painterNow();
  const one = (name, label, extra) => (fields[name] = field({ label, value: state.draft[name], oninput: (text) => set({ [name]: text }, "variants"), name, ...extra }));
  for (const name of ["scene", "subject", "avoid"]) delete fields[name];
  sceneBox.hidden = !painter?.prompt;
  fill(sceneBox, painter?.prompt ? [h("h3", null, "Scene"), one("subject", "Subject", {}), one("scene", "Scene", { lines: 2, placeholder: "low golden sun, warm sand" }),
    painter.avoid ? one("avoid", "Avoid", { placeholder: "text, people, clutter", info: "What should not be in the picture" }) : null] : null);
}

// ---------------------------------------------------------------------------------------------- what it comes to

const sum = h("div.sum", { role: "status" });
const go = button({ label: "Generate", kind: "primary big", onclick: generate, key: "G", name: "generate", title: "G" });
const reckon = lockup.newest(async () => {
  await lockup.saved();
  if (!state.draft.formats.length) { local.plan = null; fill(sum, h("span.quiet", null, "Choose at least one format.")); go.disabled = true; return; }
  try {
    const plan = local.plan = await call("reckoned", { draft_id: state.draftId });
    const known = plan.pictures - plan.new_pictures;
    fill(sum,
      h("b", null, `${many(plan.ads, "ad")}`), h("span", null, ` from ${many(plan.pictures, "picture")}`), known ? h("span.quiet", null, `, ${known} painted already`) : null,
      h("br"), plan.seconds === null ? h("span.quiet", null, "How long is known once this painter has painted here")
        : h("span.quiet", { title: plan.assumed }, `${plan.measured ? "about" : "estimated"} ${span(plan.seconds)} · ${money(plan.cost, plan.currency)}`),
      plan.notes.length ? h("details", null, h("summary", null, `${many(plan.notes.length, "thing")} the painter does not use`), plan.notes.map((note) => h("small", null, note))) : null,
      plan.errors.map((error) => h("small.warn", null, error)));
    paint.said();
    go.disabled = plan.ads === 0;
  } catch (error) {
    local.plan = null;
    fill(sum, h("div.notice.bad", null, h("b", null, error.message), h("span", null, error.hint)));
    go.disabled = true;
  }
});
const reckonSoon = lockup.later(reckon, 450);
async function generate() {
  if (go.disabled) return;
  go.disabled = true;
  try {
    await lockup.saved();
    const made = await call("generate", { draft_id: state.draftId });
    watch(made.run);
    await lockup.poll();
    if (made.errors.length) toast(`${many(made.errors.length, "row")} could not be used`, { hint: made.errors[0].message, kind: "bad" });
    lockup.announce("Generating");
  } finally { go.disabled = false; }
}

// ---------------------------------------------------------------------------------------------- the gallery

const runBox = h("div.run-head");
const gallery = lockup.gallery({
  ask: (wanted, offset, limit) => call("ads", { wanted, offset, limit }),
  wanted: () => ({ run: local.run, rejected: "show" }),
  chosen, opened: (ad) => { emitOpen(ad); },
  empty: () => h("div.empty", null, nothing().map((text, index) => h(index ? "p" : "h2", null, text))),
});
/** Why there is no ad to see: what it is, and what comes or can be done. */
function nothing() {
  if (!local.run) return ["Nothing made yet", "Press Generate, or G. The work goes on when you close the page."];
  if (!local.now?.over) return ["The first ads are on their way", "They appear here as they are finished."];
  if (local.now.stopped) return ["Stopped before the first ad", "Go on takes it up where it was."];
  return ["No ad was finished", "Why is said above, under what was not made."];
}
const emitOpen = (ad) => { lockup.opening = { run: ad.run, ad: ad.ad }; lockup.go("finish"); lockup.emit("open-ad", ad); };
const bar = h("div.ad-bar", { role: "toolbar", "aria-label": "The chosen ad", hidden: true });
let compared = null;
function chosen(ad, all = []) {
  bar.hidden = !ad;
  if (!ad) return;
  const two = all.length === 2 ? all : compared && compared.ad !== ad.ad ? [compared, ad] : null;
  fill(bar,
    h("span.clip", null, h("b", null, ad.name), h("span.quiet", null, `  variant ${ad.variant} · ${ad.layout}${ad.set ? ` · ${ad.set}` : ""} · `), h("span", { class: ad.passed < ad.tested ? "warn" : "quiet" }, `${ad.passed} of ${ad.tested}`)),
    h("span.grow"),
    button({ label: "More like this", kind: "small", name: "more", onclick: () => moreLike(ad) }),
    button({ label: "New headline", kind: "small", name: "new-words", title: "Same picture, other words: at once", onclick: () => reword(ad) }),
    ad.shot ? button({ label: "Vary layout", kind: "small", name: "vary-layout", title: "The picture stays as it is", onclick: () => again("vary_layout", { run_id: ad.run, ad_id: ad.ad }) }) : null,
    button({ label: compared ? "Compare with the marked" : "Compare", icon: "compare", kind: "small", name: "compare", title: "Z: mark one, then Z on another", onclick: () => compare(two ? two[0] : ad, two?.[1]) }),
    button({ label: "Finish", kind: "small primary", name: "to-finish", onclick: () => emitOpen(ad) }));
}
function compare(one, two) {
  if (one && two) { compared = null; lockup.compare(one, two); return; }
  compared = one;
  toast("Marked. Choose another ad and press Z", {});
}
async function again(verb, asked) {
  const made = await call(verb, asked);
  if (made.left_out?.length) toast(`${many(made.left_out.length, "layout")} left out`, { hint: made.left_out.map((one) => `${one.name}: ${one.reason}`).join(". ") });
  watch(made.run_id);
  await lockup.poll();
  return made;
}
function moreLike(ad) {
  const count = field({ label: "How many", type: "number", value: 4, name: "more-count" });
  const every = toggle({ label: "In every format of this variant", value: false });
  const shut = lockup.dialog({ title: "More like this", body: h("div.stack", null, h("p.quiet", null, "Same words, layout and set; each with a seed of its own."), count, every), actions: [
    button({ label: "Cancel", onclick: () => shut() }),
    button({ label: "Make them", kind: "primary", name: "make-more", onclick: async () => { const many_ = Math.round(Number(count.box.value)) || 1; shut(); await again("more_like", { run_id: ad.run, ad_id: ad.ad, count: many_, all_formats: every.box.checked }); } })] });
}
async function reword(ad) {
  const about = await call("ad", { run_id: ad.run, ad_id: ad.ad });
  const asked = { ...about.words };
  const boxes = Object.entries({ headline: "Headline", body: "Body", action: "Button", price: "Price", legal: "Legal line" }).map(([name, label]) => field({
    label, value: asked[name], lines: name === "headline" || name === "body" || name === "legal" ? 2 : 1, name: `word-${name}`, oninput: (text) => { asked[name] = text.trim(); },
    counter: (text) => { const most = about.limits[name]; return { text: most ? `${text.trim().length} / ${most}` : text.length ? String(text.trim().length) : "", bad: Boolean(most) && text.trim().length > most, info: most && text.trim().length > most ? `${ad.channel} cuts after ${most}` : undefined }; },
  }));
  const every = toggle({ label: "In every format of this variant", value: true });
  const shut = lockup.dialog({ title: "Same picture, new words", body: h("div.stack", null, boxes, every), actions: [
    button({ label: "Cancel", onclick: () => shut() }),
    button({ label: "Set these words", kind: "primary", name: "set-words", onclick: async () => { shut(); await again("new_words", { run_id: ad.run, ad_id: ad.ad, words: asked, all_formats: every.box.checked }); } })] });
}

// ---------------------------------------------------------------------------------------------- the run on view

const runChoice = h("select", { "aria-label": "Run on view", name: "run" });
runChoice.addEventListener("change", () => watch(runChoice.value));
const runState = h("div.run-state", { role: "status" });
const runTools = h("div.row");
fill(runBox, h("div.split", null, h("div.grow", null, runChoice), runTools), runState);

function watch(run) {
  local.run = run;
  state.watched = run;
  local.seen = "";
  compared = null;
  gallery.top();
  gallery.refresh();
  listRuns();
  showRun(null);
  lockup.poll();
}
on("watch", (run) => { if (local.built) watch(run); else local.run = run; });
async function listRuns() {
  const runs = await call("runs_listed");
  local.runs = runs;
  const when = (seconds) => new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }).format(new Date(seconds * 1000));
  fill(runChoice, h("option", { value: "" }, "Every run"), runs.map((run) => h("option", { value: run.id, selected: run.id === local.run }, `${run.title} · ${when(run.created)} · ${many(run.ads, "ad")}`)));
  runChoice.value = local.run;
}
function showRun(run) {
  local.now = run?.id === local.run ? run : null;
  painting.show(local.now);
  if (!run || run.id !== local.run) { fill(runState); fill(runTools); return; }
  const small = (label, symbol, onclick, name) => button({ label, icon: symbol, kind: "small", onclick, name });
  const act = (verb, id) => async () => { await state.call(verb, { run_id: id }); await lockup.poll(); };
  const place = state.runs.findIndex((one) => one.id === run.id);
  fill(runTools,
    !run.over && run.waiting && place > 0 ? small("Do this first", "up", act("first_in_line", run.id), "first") : null,
    !run.over && !run.paused && !run.trouble ? small("Pause", "pause", act("pause", run.id), "pause") : null,
    (!run.over && (run.paused || run.trouble)) || run.stopped || (run.over && run.failures) ? small(run.over && !run.stopped ? "Try again" : "Go on", "play", act("go_on", run.id), "go-on") : null,
    !run.over ? small("Stop", "stop", act("stop", run.id), "stop") : null,
    run.zip ? h("a.btn.small", { href: run.zip, download: "", id: "zip" }, icon("down", 15), "ZIP") : null,
    run.sheet ? h("a.btn.small", { href: run.sheet, target: "_blank", rel: "noopener", id: "sheet" }, "Contact sheet") : null);
  const left = run.seconds_left ? `about ${span(run.seconds_left)} left` : "";
  const how = run.trouble ? "" : run.paused ? "Paused" : run.waiting ? `Waiting, ${place > 0 ? `${many(place, "run")} before it` : "next"}` : run.text || "Starting";
  const pictures = run.to_paint ? `${run.painted} of ${many(run.to_paint, "picture")}` : "";
  fill(runState, run.over ? [
    h("span.quiet", null, [`${many(run.finished, "ad")}${run.stopped ? ", stopped" : ""}`, run.failures ? `${run.failures} not made` : ""].filter(Boolean).join(" · "))] : [
    h("div.split", null, h("b.num", null, `${run.finished} of ${many(run.to_finish, "ad")}`), h("span.quiet.num", null, [pictures, how, left].filter(Boolean).join(" · "))),
    h("div.bar", { role: "progressbar", "aria-label": "Ads finished", "aria-valuenow": Math.round(run.fraction * 100), "aria-valuemin": 0, "aria-valuemax": 100 }, h("i", { style: { width: `${run.fraction * 100}%` } }))],
    run.trouble ? h("div.notice.bad", { role: "alert" }, h("b", null, run.trouble.message), h("span", null, run.trouble.hint)) : null,
    run.failures ? h("details.failed", null, h("summary", null, `${run.failures} not made`), run.failed.map((one) => h("small", null, h("b", null, `${one.what}: `), `${one.message} ${one.hint}`))) : null,
    run.fallbacks.length ? h("details.failed", null, h("summary", null, "Painted without an engine, slower"), run.fallbacks.map((note) => h("small", null, note))) : null,
    run.unread.length ? h("details.failed", null, h("summary", null, `${many(run.unread.length, "word")} this painter does not know`), h("small", null, `Left out: ${run.unread.join(", ")}. Say it in other words, or choose another painter.`)) : null);
}
on("runs", (runs, asked) => {
  if (!local.built) return;
  const run = asked ?? runs.find((one) => one.id === local.run) ?? null;
  showRun(run);
  const busy = run ? [run] : runs;
  const mark = busy.map((one) => `${one.id}:${one.finished}:${one.over}`).join();
  if (mark !== local.seen) { local.seen = mark; gallery.refresh(); if (run?.over) listRuns(); }
});
on("over", (id) => { listRuns(); if (state.tab !== "variants") toast("A run is over", { action: { label: "Look", go: () => { lockup.go("variants"); watch(id); } } }); else if (id === local.run) lockup.announce("The run is over"); });

// ---------------------------------------------------------------------------------------------- together

function build() {
  local.built = true;
  const side = h("div.side", null, words(), h("section.group", null, h("h3", null, "Product"), productBox), h("section.group", null, h("h3", null, "Formats"), formatsBox),
    sceneBox, h("section.group", null, h("h3", null, "Made with"), madeBox), variants(), paint.element, h("div.foot", null, sum, go));
  fill(root, side, h("div.middle.variants-middle", null, runBox, painting.element, gallery.element, bar));
}
function show() {
  const first = !local.built;
  if (first) {
    build();
    showRows();
    showProduct().catch(lockup.failed);
    call("runs_listed").then((runs) => { if (!local.run) watch(runs[0]?.id ?? ""); else watch(local.run); }).catch(lockup.failed);
  } else { refreshForm(); gallery.refresh(); listRuns(); }
  formatsBox.show();
  showMade();
  showScene();
  paint.show();
  reckonSoon();
}
function refreshForm() {
  for (const name of ["title", "body", "action", "price", "legal", "subject", "scene", "avoid"]) fields[name]?.set(state.draft[name]);
  fields.headlines.set(state.draft.headlines.join("\n"));
  for (const name of ["count", "seed"]) fields[name].set(String(state.draft[name]));
  fields.lock.set(state.draft.lock_seed);
  for (const [key] of VARY) fields.vary.querySelector(`[name=vary-${key}]`).setAttribute("aria-pressed", String(state.draft.vary.includes(key)));
}
on("draft", (changed, by) => {
  if (!local.built) return;
  if ("formats" in changed) { formatsBox.show(); for (const one of Object.values(fields)) one.measure?.(); }
  if (by !== "variants") refreshForm();
  if ("product" in changed && by !== "product") showProduct().catch(lockup.failed);
  if ("rows" in changed && by !== "rows") showRows();
  if ("engine" in changed) { showScene(); paint.show(); } else if ("effort" in changed && by !== "variants") paint.show();
  if (state.tab === "variants") showMade();
  reckonSoon();
});
on("kits", () => { if (local.built) { showMade(); reckonSoon(); } });
keys({ key: "g", tab: "variants", does: "Generate", go: generate });
keys({ key: "Ctrl+Enter", tab: "variants", does: "Generate, from a field too", go: generate });
keys({ key: "z", tab: "variants", does: "Compare: mark one, then press it on another", go: () => { const ad = gallery.current(); if (ad) compare(compared && compared.ad !== ad.ad ? compared : ad, compared && compared.ad !== ad.ad ? ad : undefined); } });
keys({ key: "h", tab: "variants", does: "Same picture, other headline", go: () => { const ad = gallery.current(); if (ad) return reword(ad); } });
keys({ key: "m", tab: "variants", does: "More like this", go: () => { const ad = gallery.current(); if (ad) return moreLike(ad); } });
keys({ key: "l", tab: "variants", does: "Lock the picture, vary the layout", go: () => { const ad = gallery.current(); if (ad?.shot) return again("vary_layout", { run_id: ad.run, ad_id: ad.ad }); } });
