// The Finish tab's right side: one ad with its score, or several at once; what follows from it.
const { h, fill, icon, button, field, mount, state, on, many, keys, later } = lockup;
const call = lockup.caller(server);
const PARTS = [
  ["File", ["size", "bytes", "file_type", "compression"]],
  ["Words", ["words", "banned_words", "text_limits"]],
  ["Type", ["type_family", "type_size", "type_spacing", "type_place", "type_color", "type_contrast"]],
  ["Logo", ["logo_present", "logo_drawing", "logo_shape", "logo_size", "logo_place", "logo_color", "logo_clear_space", "logo_contrast"]],
  ["Colour", ["palette", "scene_true", "flat_colors"]],
  ["Product", ["product_true", "product_place", "product_unoccluded"]],
  ["Sheet", ["safe_zone", "overlap", "nothing_added"]],
];
const CHECKS = {
  size: "Size", bytes: "File size", file_type: "File type", compression: "Compression", words: "All words there", banned_words: "Banned words", text_limits: "Channel limits",
  type_family: "Typeface", type_size: "Type size", type_spacing: "Letter spacing", type_place: "Place of the words", type_color: "Colour of the words", type_contrast: "Contrast of the words",
  logo_present: "Logo there", logo_drawing: "Logo drawing", logo_shape: "Logo shape", logo_size: "Logo size", logo_place: "Logo place", logo_color: "Logo colour", logo_clear_space: "Clear space", logo_contrast: "Logo contrast",
  palette: "Scene colours", scene_true: "Scene as painted", flat_colors: "Flat colours", product_true: "Product true", product_place: "Product place", product_unoccluded: "Nothing in front",
  safe_zone: "Safe zone", overlap: "Nothing overlaps", nothing_added: "Nothing added",
};
const WORDS = [["headline", "Headline"], ["body", "Body"], ["action", "Call to action"], ["price", "Price"], ["legal", "Legal line"]];
const letters = (text) => [...text].length;

const panel = h("aside.side.right", { "aria-label": "The ad" });
let shownKey = "", noteOf = null;

/** Stars to press: 1 to 5, the same again takes them back. */
function starRow(value, give, small) {
  const row = h("div.star-row", { class: small ? "small" : "", role: "group", "aria-label": "Stars" });
  const show = (now) => fill(row, [1, 2, 3, 4, 5].map((stars) => h("button", {
    type: "button", class: stars <= now ? "on" : "", "aria-label": many(stars, "star"), "aria-pressed": String(stars === now), title: many(stars, "star"),
    onclick: () => { const next = stars === now ? 0 : stars; show(next); give(next); row.querySelectorAll("button")[stars - 1].focus(); },
  }, icon("star", 18))));
  show(value);
  row.set = show;
  return row;
}

function showPanel(ad, selected, again) {
  const key = selected.length > 1 ? selected.map(keyOf).join() : ad ? keyOf(ad) : "";
  if (again && key === shownKey && key) { panel.update?.(ad, selected); return; }
  noteOf?.now();
  noteOf = null;
  shownKey = key;
  panel.update = null;
  panel.scrollTop = 0;
  if (!ad) fill(panel, h("div.empty", null, h("h2", null, "No ad chosen"), h("p", null, "Choose one to see its score, judge it, and make more of it.")));
  else if (selected.length > 1) showSeveral(selected);
  else showOne(ad);
}

function showSeveral(ads) {
  const stars = ads.every((one) => one.stars === ads[0].stars) ? ads[0].stars : 0;
  const rejected = ads.every((one) => one.rejected);
  fill(panel, h("div.stack", null,
    h("h2", null, `${many(ads.length, "ad")} chosen`),
    h("div.picked", null, ads.slice(0, 20).map((one) => h("img", { src: one.thumb, alt: one.name, loading: "lazy" }))),
    h("div.split", null, starRow(stars, (to) => rate(ads, to)),
      button({ label: rejected ? "Take back in" : "Reject", icon: rejected ? "undo" : "close", onclick: () => reject(ads, !rejected) })),
    h("div.deeds", null,
      button({ label: "Side by side", icon: "compare", disabled: ads.length !== 2, title: ads.length === 2 ? null : "Choose exactly two", onclick: () => lockup.compare(ads[0], ads[1]) }),
      button({ label: "Present these", icon: "play", onclick: () => present(ads, 0) }),
      button({ label: "Pack these", icon: "down", onclick: () => packDialog(ads) }))));
}

function showOne(ad) {
  const score = h("section.group");
  const facts = h("dl.ad-facts");
  const deeds = h("section.group");
  const stars = starRow(ad.stars, (to) => rate([ad], to));
  const away = h("span");
  const note = field({ label: "Note", value: ad.note, lines: 2, placeholder: "For yourself or the client", maxlength: 4000, oninput: (text) => { ad.note = text; grid.patch(ad, { note: text }); keepNote(text); } });
  const keepNote = later((text) => call("note", { run: ad.run, ad: ad.ad, text }).catch(lockup.failed), 500);
  noteOf = keepNote;
  panel.note = note.box;
  const rejecting = () => fill(away, button({ label: ad.rejected ? "Take back in" : "Reject", icon: ad.rejected ? "undo" : "close", key: "x", onclick: () => reject([ad], !ad.rejected) }));
  rejecting();
  fill(panel,
    h("div.stack", null,
      h("button.shown-ad", { type: "button", "aria-label": `${ad.name}: look at it large`, onclick: () => large(ad) }, h("img", { src: ad.path, alt: ad.headline || ad.name })),
      h("div", null, h("h2", null, ad.name), h("small", null, [ad.campaign, `variant ${ad.variant}`].join(" · "))),
      h("div.split", null, stars, away)),
    score, h("section.group", null, note), deeds, retouchSection(ad),
    h("section.group", null, h("h3", null, "How it was made"), facts));
  fill(facts, factRows(ad));
  fill(score, scoreHead(ad), h("p.quiet.busy-text", null, "Reading the checks…"));
  fill(deeds, h("h3", null, "From this ad"));
  panel.update = (now) => { Object.assign(ad, now); stars.set(ad.stars); rejecting(); if (document.activeElement !== note.box) note.set(ad.note); };
  const key = shownKey;
  call("about", { run: ad.run, ad: ad.ad }).then((about) => {
    if (key !== shownKey) return;
    fill(facts, factRows(ad, about));
    showScore(score, ad, about, key);
    showDeeds(deeds, ad, about);
  }).catch(lockup.failed);
}

// ---------------------------------------------------------------------------------------------- score

const scoreHead = (ad) => h("div.score-head", null, h("b", { class: ad.passed < ad.tested ? "warn" : "" }, `${ad.passed} of ${ad.tested}`), h("span.quiet", null, "checks passed"));

function showScore(section, ad, about, key) {
  const byId = new Map(about.checks.map((check) => [check.id, check]));
  const failed = about.checks.filter((check) => !check.passed);
  const cards = failed.map((check) => {
    const fixes = h("div.row", null, h("span.quiet.busy-text", null, "Looking for a remedy…"));
    return { check, fixes, card: h("div.failed-check", null, h("div", null, h("b", null, CHECKS[check.id] ?? check.id), h("div", null, check.message), h("small", null, check.fix)), fixes) };
  });
  fill(section, scoreHead(ad), cards.length ? h("div.stack.tight", null, cards.map((one) => one.card)) : null, h("div.checks", null, PARTS.map(([part, ids]) => {
    const here = ids.map((id) => byId.get(id)).filter(Boolean);
    if (!here.length) return null;
    const good = here.filter((check) => check.passed).length;
    return h("details", null,
      h("summary", null, h("span.turn", null, icon("right", 13)), part, h("span.num", { class: good < here.length ? "warn" : "" }, `${good} of ${here.length}`)),
      h("ul", null, here.map((check) => h("li", { class: check.passed ? "" : "warn" }, h("b", null, CHECKS[check.id] ?? check.id), h("div", null, check.message), h("small.num", null, `measured ${check.value}, limit ${check.limit}`)))));
  })));
  if (!failed.length) return;
  call("remedies", { run: ad.run, ad: ad.ad }).then((found) => {
    if (key !== shownKey) return;
    for (const { check, fixes } of cards) {
      const these = found.filter((fix) => fix.check === check.id);
      fill(fixes, these.map((fix) => button({
        label: fix.label, kind: "small", icon: fix.kind === "words" ? "pen" : "check",
        onclick: () => (fix.kind === "words" ? wordsDialog(ad, about, fix.field) : busily(`${CHECKS[check.id] ?? "It"} is mended`, "Mending…", () => call("mend", { run: ad.run, ad: ad.ad, fix }))),
      })));
      if (!these.length) fixes.remove();
    }
  }).catch(lockup.failed);
}

// ---------------------------------------------------------------------------------------------- facts

function factRows(ad, about) {
  const named = (list, id) => list.find((one) => one.id === id)?.name ?? id;
  const limit = about?.max_bytes ? ` of at most ${lockup.bytes(about.max_bytes)}` : "";
  const rows = [
    ["Size", `${ad.width} × ${ad.height} px`],
    ["File", `${lockup.bytes(ad.bytes)}${limit}, ${ad.file.split(".").pop().toUpperCase()}`],
    ["Layout", named(state.studio.layouts, ad.layout)],
    ["Set", ad.set ? named(state.studio.sets, ad.set) : "no picture"],
    ["Seed", ad.seed ?? "none"],
  ];
  if (about?.made?.engine) rows.push(["Painter", `${about.made.engine}, ${about.made.painted} px, ${many(about.made.steps, "sample")}`]);
  if (about?.grown > 1) rows.push(["Grown", `${about.grown} times for this format`]);
  if (about?.omitted?.length) rows.push(["Left out", about.omitted.map((name) => (WORDS.find(([id]) => id === name)?.[1] ?? name).toLowerCase()).join(", ")]);
  if (about?.what) rows.push(["Made as", about.what.replace(/^mended: (\w+)$/, (_, id) => `mended: ${(CHECKS[id] ?? id).toLowerCase()}`)]);
  rows.push(["Name", ad.file]);
  return rows.map(([name, value]) => [h("dt", null, name), h("dd", null, String(value))]);
}

// ---------------------------------------------------------------------------------------------- what follows

function showDeeds(section, ad, about) {
  const siblings = about.siblings.length;
  const picture = Boolean(ad.shot);
  let count = 3, everywhere = false;
  const times = h("input", { type: "number", min: 1, max: 100, value: count, "aria-label": "How many more", style: { width: "64px" } });
  times.addEventListener("input", () => { count = Math.min(Math.max(Math.round(Number(times.value)) || 1, 1), 100); });
  fill(section, h("h3", null, "From this ad"), h("div.deeds", null,
    h("div.row", null, times, button({ label: "More like this", icon: "plus", disabled: !picture, title: picture ? "The same words, layout and set; new light and props" : "This ad shows no picture",
      onclick: () => busily("", "Ordering…", () => call("more", { run: ad.run, ad: ad.ad, count, all_formats: everywhere })) })),
    button({ label: "Same picture, new words", icon: "pen", onclick: () => wordsDialog(ad, about) }),
    button({ label: "Same picture, other layouts", icon: "image", disabled: !picture, title: picture ? null : "This ad shows no picture",
      onclick: () => busily("", "Setting it in other layouts…", () => call("relayout", { run: ad.run, ad: ad.ad })) }),
    siblings > 1 ? lockup.toggle({ label: `More in all ${siblings} formats of this variant`, value: false, onchange: (on_) => { everywhere = on_; } }) : null,
    h("div.two", null, h("a.btn", { href: ad.path, target: "_blank", rel: "noopener" }, icon("full", 16), "Open file"), h("a.btn", { href: ad.path, download: ad.file }, icon("down", 16), "Download"))));
}

/** Do something that makes new ads, and show them when they are there. */
async function busily(done, text, work) {
  const shut = lockup.toast(text);
  try { await arrived(await work(), done); } finally { shut(); }
}

async function arrived(order, done) {
  lockup.poll?.();
  const left = (order.left_out ?? []).map((one) => `${one.name}: ${one.reason}`).join("; ");
  const hint = left ? `Left out: ${left}.` : "";
  if (order.failed.length && !order.finished.length) throw new lockup.Told(order.failed[0].message, order.failed[0].hint);
  if (!order.over) {
    lockup.toast(`${many(order.ads.length, "ad")} ordered${order.to_paint ? `, ${many(order.to_paint, "picture")} to paint` : ""}`, { hint: "They appear here when they are done.", action: { label: "Follow", go: () => { lockup.emit("watch", order.run_id); lockup.go("variants"); } } });
    return;
  }
  const made = order.finished.map((ad) => [order.run_id, ad]);
  show_new(made);
  lockup.toast(done || `${many(made.length, "new ad")}`, {
    hint: [order.failed.length ? `${many(order.failed.length, "ad")} could not be made: ${order.failed[0].message}.` : "", hint || "The old one stays."].filter(Boolean).join(" "),
    undo: made.length ? async () => { await call("reject", { ads: made, rejected: true }); grid.refresh(); } : null,
  });
}

function wordsDialog(ad, about, focus) {
  const words = { ...about.words };
  let everywhere = false, close = null;
  const limits = () => {
    const of = everywhere ? about.siblings.map((one) => one.limits) : [about.limits];
    return Object.fromEntries(WORDS.map(([id]) => [id, Math.min(...of.map((one) => one[id] ?? Infinity))]));
  };
  const fields = WORDS.map(([id, label]) => field({
    label, value: words[id], lines: id === "headline" || id === "body" || id === "legal" ? 2 : 1, maxlength: 4000, name: id,
    oninput: (text) => { words[id] = text; },
    counter: (text) => { const most = limits()[id]; return most < Infinity ? { text: `${letters(text)} / ${most}`, bad: letters(text) > most } : { text: text ? String(letters(text)) : "" }; },
  }));
  const go = button({ label: "Set these words", kind: "primary", onclick: async () => {
    go.disabled = true;
    const text = go.textContent;
    go.textContent = "Setting…";
    try {
      const order = await call("reword", { run: ad.run, ad: ad.ad, ...words, all_formats: everywhere });
      if (order.failed.length && !order.finished.length) { lockup.failed(new lockup.Told(order.failed[0].message, order.failed[0].hint)); return; }
      close();
      await arrived(order, "New words are set");
    } finally { go.disabled = false; go.textContent = text; }
  } });
  const every = about.siblings.length > 1 ? lockup.toggle({ label: `In all ${about.siblings.length} formats of this variant`, info: "The counters then show the strictest limit.", value: false, onchange: (on_) => { everywhere = on_; fields.forEach((one) => one.measure()); } }) : null;
  close = lockup.dialog({
    title: "Same picture, new words", wide: true,
    body: h("div.words-dialog", null, h("div.stack", null, fields, every), h("div.shown", null, h("img", { src: ad.thumb, alt: "" }))),
    actions: [go],
  });
  const box = fields[Math.max(WORDS.findIndex(([id]) => id === (focus || "headline")), 0)].box;
  requestAnimationFrame(() => { box.focus(); box.select(); });
  for (const one of fields) one.box.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey || one.box.tagName === "INPUT")) { event.preventDefault(); go.click(); } });
}

// ---------------------------------------------------------------------------------------------- cut out, enlarge

const retouch = { dropped: null, running: null, results: [] };
let showRetouch = () => {};

/** Follow an errand until it is done; `tell(errand)` hears of every step. */
async function follow(id, tell) {
  for (;;) {
    const errand = await call("errand", { name: id });
    tell(errand);
    if (errand.done) {
      if (errand.trouble) throw new lockup.Told(errand.trouble, errand.hint);
      return errand;
    }
    await new Promise((done) => setTimeout(done, 250));
  }
}

function retouchSection(ad) {
  const section = h("section.group");
  showRetouch = () => {
    if (!section.isConnected && section.childElementCount) return;
    const from = retouch.dropped;
    const source = from ? { path: from.path } : { run: ad.run, ad: ad.ad };
    const ready = !retouch.running && (from || ad.shot);
    const start = (verb, what, more) => async () => {
      if (retouch.running) return; // a second click while the first is on its way
      const running = { what, id: "", fraction: 0, text: "Starting", seconds: 0 };
      retouch.running = running;
      showRetouch();
      try {
        running.id = await call(verb, { ...source, ...more });
        const done = await follow(running.id, (errand) => { Object.assign(running, errand); showRetouch.step?.(); });
        retouch.results = [{ ...done.answer, what, seconds: done.seconds }, ...retouch.results].slice(0, 12);
        lockup.announce(`${what}: done`);
      } finally { retouch.running = null; showRetouch(); }
    };
    const bar = h("i");
    const told = h("small");
    const step = () => {
      const running = retouch.running;
      if (!running) return;
      bar.style.width = `${Math.round(running.fraction * 100)}%`;
      told.textContent = `${running.text} · ${lockup.span(running.seconds)}`;
    };
    showRetouch.step = step;
    fill(section, h("h3", null, "Cut out and enlarge"),
      h("div.split", null, h("span.quiet.clip", null, from ? from.name : ad.shot ? "This ad's painted picture" : "This ad shows no picture; drop one"),
        from ? button({ label: "Use the ad's picture", kind: "small plain", onclick: () => { retouch.dropped = null; showRetouch(); } }) : null),
      h("div.row", null,
        button({ label: "Cut out", disabled: !ready, onclick: start("cut", "Cut-out", {}) }),
        button({ label: "2×", title: "Twice as wide and high", disabled: !ready, onclick: start("enlarge", "Twice as large", { times: 2 }) }),
        button({ label: "4×", title: "Four times as wide and high", disabled: !ready, onclick: start("enlarge", "Four times as large", { times: 4 }) })),
      retouch.running ? h("div.errand", { role: "status" }, h("div.split", null, h("span", null, retouch.running.what), button({ label: "Stop", kind: "small plain", onclick: () => call("stop_errand", { name: retouch.running.id }) })), h("div.bar", null, bar), told) : null,
      retouch.results.map((one) => h("div.result", null, h("span.checker", null, h("img", { src: one.file, alt: "" })),
        h("span", null, one.what, h("small", null, `${one.width} × ${one.height} · ${lockup.bytes(one.bytes)} · ${one.known ? "known already" : lockup.span(one.seconds)}${one.sure === undefined ? "" : ` · ${Math.round(one.sure * 100)} % sure`}`)),
        h("a.btn.small", { href: one.file, download: one.name, "aria-label": `Download ${one.name}` }, icon("down", 15)))),
      lockup.dropzone({ label: "Drop any picture to work on it", accept: "image/*", take: (paths, files) => { retouch.dropped = { path: paths[0], name: files[0].name }; showRetouch(); } }));
    step();
  };
  showRetouch();
  return section;
}
