// The Finish tab: every ad of the workspace, judged, mended, shown and handed over.
const root = mount("finish", element, { show });
const keyOf = (ad) => `${ad.run}/${ad.ad}`;
const PLAIN = { run: "", text: "", kind: "", stars: 0, rejected: "hide", score: "any", order: "made" };
const filters = { ...PLAIN, ...remembered() };
const used = { runs: [], formats: [] };
let wantedNext = null, first = null;
const next = (key) => ({ key, tries: 4 });

function remembered() { try { return JSON.parse(localStorage.getItem("lockup.finish") ?? "{}"); } catch { return {}; } }
function remember() { try { localStorage.setItem("lockup.finish", JSON.stringify({ ...filters, text: "", run: "" })); } catch { /* private window */ } }

const wanted = () => {
  const [kind, id] = [filters.kind.slice(0, 2), filters.kind.slice(2)];
  return { run: filters.run, text: filters.text, format: kind === "f:" ? id : "", channel: kind === "c:" ? id : "", stars: filters.stars, rejected: filters.rejected, score: filters.score, order: filters.order };
};

// ---------------------------------------------------------------------------------------------- gallery

const grid = lockup.gallery({
  label: "Finished ads",
  ask: async (asked, offset, limit) => {
    const page = await call("ads", { wanted: asked, offset, limit });
    if (!offset) setTimeout(settled);
    return page;
  },
  wanted,
  chosen: (ad, selected, again) => { showPanel(ad, selected ?? [], again); count(); },
  opened: (ad) => large(ad),
  empty: (all) => (all ? h("div.empty", null, h("h2", null, "No ad fits these filters"), h("p", null, `${many(all, "ad")} in all.`), button({ label: "Show all", onclick: clear }))
    : h("div.empty", null, h("h2", null, "No finished ads yet"), h("p", null, "Write the brief and make some; they gather here to be judged, shown and handed over."), button({ label: "Go to Variants", kind: "primary", onclick: () => lockup.go("variants") }))),
});

function settled() {
  if (wantedNext) {
    const [run, ad] = wantedNext.key;
    // An answer that was on its way when the ad was made does not have it yet.
    const there = grid.ads().some((one) => one.run === run && one.ad === ad);
    if (there) grid.select(run, ad);
    if (there || --wantedNext.tries < 0) wantedNext = null;
  } else if (grid.at() < 0 && grid.ads().length) grid.choose(0, { scroll: false });
  else if (!grid.ads().length) showPanel(null, []);
  count();
}

/** Put ads that were just made in sight and choose the first. */
function show_new(made) {
  if (!made.length) return;
  if (filters.run && filters.run !== made[0][0]) filters.run = "";
  wantedNext = next(made[0]);
  refreshUse();
  grid.refresh();
}

// ---------------------------------------------------------------------------------------------- filters

const bar = h("div.finish-bar");
const picks = h("div.finish-bar.picks", { role: "group", "aria-label": "Filters" });
const counted = h("div.finish-count", { role: "status" });
const change = (fields) => { Object.assign(filters, fields); remember(); grid.top(); grid.refresh(); count(); };
const typed = later((text) => change({ text }), 160);
function clear() { Object.assign(filters, PLAIN, { rejected: "show" }); remember(); showBar(); grid.refresh(); }

function runOptions() {
  const when = (seconds) => new Date(seconds * 1000).toLocaleString("en", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hour12: false });
  return [["", "Every run"], ...used.runs.map((run) => [run.id, `${run.title} · ${many(run.ads, "ad")} · ${when(run.created)}`])];
}
function formatOptions() {
  const channels = [...new Set(used.formats.map((one) => one.channel))];
  return [["", "Every format"], ...channels.flatMap((channel) => [[`c:${channel}`, channel], ...used.formats.filter((one) => one.channel === channel).map((one) => [`f:${one.id}`, `\u2003${one.name}`])])];
}

function showBar() {
  const select = (label, name, options) => lockup.choice({ label, quiet: true, value: options.some(([value]) => value === filters[name]) ? filters[name] : "", options, onchange: (value) => change({ [name]: value }) });
  const search = field({ label: "Search", value: filters.text, placeholder: "Search headline, set, note …", type: "search", maxlength: 200, oninput: typed });
  search.querySelector("label").classList.add("unseen");
  search.classList.add("search");
  const least = starRow(filters.stars, (stars) => change({ stars }), true);
  least.setAttribute("aria-label", "At least so many stars");
  least.title = "At least so many stars";
  fill(bar, search, least, counted,
    h("div.push", null, button({ label: "Present", icon: "play", key: "p", onclick: () => present() }), button({ label: "Export pack", icon: "down", kind: "primary", onclick: () => packDialog(grid.selected()) })));
  fill(picks, select("Run", "run", runOptions()), select("Format", "kind", formatOptions()),
    select("Score", "score", [["any", "Any score"], ["full", "All checks passed"], ["short", "Something to mend"]]),
    select("Rejected ads", "rejected", [["hide", "Rejected hidden"], ["show", "Rejected shown"], ["only", "Only rejected"]]),
    select("Order", "order", [["made", "As made"], ["newest", "Newest first"], ["stars", "Most stars"], ["score", "Lowest score"], ["format", "By format"]]));
}

function count() {
  const total = grid.total(), selected = grid.selected().length;
  const narrowed = Object.keys(PLAIN).some((name) => name !== "order" && filters[name] !== PLAIN[name]);
  fill(counted, total ? many(total, "ad") : null, selected > 1 ? h("span", null, `${selected} chosen`) : null, first ? h("span", null, "Choose another and press Z to compare") : null,
    narrowed && total ? h("button.link", { type: "button", onclick: clear }, "Show all") : null);
}

const refreshUse = lockup.newest(async () => {
  const now = await call("in_use");
  if (JSON.stringify(now) === JSON.stringify(used)) return;
  Object.assign(used, now);
  if (filters.run && !used.runs.some((run) => run.id === filters.run)) filters.run = "";
  if (!bar.contains(document.activeElement) && !picks.contains(document.activeElement)) showBar();
});

// ---------------------------------------------------------------------------------------------- judging

async function rate(ads, stars) {
  for (const ad of ads) { ad.stars = stars; grid.patch(ad, { stars }); }
  panel.update?.(ads[0], ads);
  lockup.announce(stars ? many(stars, "star") : "No stars");
  await call("rate", { ads: ads.map((ad) => [ad.run, ad.ad]), stars });
}

async function reject(all, rejected) {
  const ads = all.filter((ad) => ad.rejected !== rejected); // so that Undo takes back what was done now, no more
  if (!ads.length) return;
  const ids = ads.map((ad) => [ad.run, ad.ad]);
  const leaves = filters.rejected === (rejected ? "hide" : "only");
  const at = grid.at(), last = grid.ads().length - 1;
  for (const ad of ads) { ad.rejected = rejected; grid.patch(ad, { rejected }); }
  panel.update?.(ads[0], ads);
  await call("reject", { ads: ids, rejected });
  if (leaves) {
    const gone = new Set(ads.map(keyOf));
    const after = grid.ads().slice(at).concat(grid.ads().slice(0, Math.min(at, last)).reverse()).find((ad) => !gone.has(keyOf(ad)));
    wantedNext = after ? next([after.run, after.ad]) : null;
    grid.refresh();
  }
  lockup.toast(rejected ? `${ads.length > 1 ? many(ads.length, "ad") : "Ad"} rejected` : "Taken back in", {
    undo: async () => { await call("reject", { ads: ids, rejected: !rejected }); wantedNext = next(ids[0]); for (const ad of ads) grid.patch(ad, { rejected: !rejected }); grid.refresh(); },
  });
}

// ---------------------------------------------------------------------------------------------- looking

const judge = (ad, fields) => {
  grid.patch(ad, fields);
  const ids = [[ad.run, ad.ad]];
  return "stars" in fields ? call("rate", { ads: ids, stars: fields.stars }) : call("reject", { ads: ids, rejected: fields.rejected });
};
function present(list, index, more = {}) {
  const chosen = grid.selected();
  const ads = list ?? (chosen.length > 1 ? chosen : grid.ads()).filter((ad) => !ad.rejected || filters.rejected === "only");
  const at = index ?? Math.max(ads.findIndex((ad) => grid.current() && keyOf(ad) === keyOf(grid.current())), 0);
  if (!ads.length) { lockup.toast("There is nothing to present", { hint: "Make some ads, or show those that are hidden." }); return; }
  lockup.present(ads, at, { judge, left: (ad) => { grid.refresh(); grid.select(ad.run, ad.ad); }, ...more });
}
const large = (ad) => present(grid.ads(), grid.ads().findIndex((one) => keyOf(one) === keyOf(ad)), { windowed: true });

function compare() {
  const selected = grid.selected(), now = grid.current();
  if (selected.length === 2) lockup.compare(selected[0], selected[1]);
  else if (first && now && keyOf(first) !== keyOf(now)) { lockup.compare(first, now); first = null; }
  else first = first ? null : now;
  count();
}

const elsewhere = (event) => !event.target.closest?.(".gallery, [role=radiogroup], [role=tablist], summary, input, select, textarea");
const current = () => grid.selected();
for (const arrow of ["ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp"]) {
  keys({ key: arrow, tab: "finish", does: arrow === "ArrowRight" ? "Move through the ads (all arrows)" : "", when: elsewhere, go: () => { grid.box.focus(); grid.box.dispatchEvent(new KeyboardEvent("keydown", { key: arrow, bubbles: false, cancelable: true })); } });
}
for (let stars = 0; stars <= 5; stars++) keys({ key: String(stars), tab: "finish", does: stars === 1 ? "One star; up to 5" : stars === 0 ? "No stars" : "", when: () => current().length, go: () => rate(current(), stars) });
keys({ key: "x", tab: "finish", does: "Reject, or take back in", when: () => current().length, go: () => reject(current(), !current().every((ad) => ad.rejected)) });
keys({ key: "z", tab: "finish", does: "Compare two: choose both with Shift, or press Z on each", go: compare });
keys({ key: "n", tab: "finish", does: "Write a note", go: () => panel.note?.focus() });
keys({ key: "f", tab: "finish", does: "Present, full screen", go: () => present() });
keys({ key: "p", tab: "finish", does: "Present, full screen", go: () => present() });
keys({ key: "Enter", tab: "finish", does: "Look at it large", when: (event) => event.target === document.body && grid.current(), go: () => large(grid.current()) });
keys({ key: "e", tab: "finish", does: "Export pack", go: () => packDialog(grid.selected()) });

// ---------------------------------------------------------------------------------------------- showing

let built = false;
function show() {
  if (!built) {
    built = true;
    showBar();
    fill(root, h("div.middle.finish-middle", null, h("h1.unseen", null, "Finish"), bar, picks, grid.element), panel);
    showPanel(null, []);
  }
  refreshUse();
  grid.refresh();
}
let seen = "";
on("runs", (runs) => {
  const now = runs.map((run) => `${run.id}:${run.finished}`).join();
  if (now !== seen && state.tab === "finish") { grid.refresh(); refreshUse(); }
  seen = now;
});
on("over", () => { if (state.tab === "finish") { grid.refresh(); refreshUse(); } });
addEventListener("pagehide", () => noteOf?.now());
