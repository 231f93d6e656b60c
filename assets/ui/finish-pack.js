// Handing over: which ads, under which names, with which papers; checked, packed, downloaded.
const FIELDS = ["campaign", "format", "variant", "ad", "layout", "channel", "width", "height"];
const packed = { pattern: "{campaign}_{format}_v{variant}_{ad}", by_channel: false, manifest: true, sheet_png: true, sheet_pdf: true, score: false };

function packDialog(selected) {
  const choice = { which: selected?.length > 1 ? "selected" : "all", ads: (selected ?? []).map((ad) => [ad.run, ad.ad]), stars: 4, run: filters.run };
  const wish = { ...packed, name: "", title: "", subtitle: "" };
  let close = null, running = null, named = false;
  const sum = h("p.pack-sum");
  const names = h("ul.pack-names");
  const clash = h("div");
  const result = h("div.pack-done", { "aria-live": "polite" });
  const start = button({ label: "Check and pack", kind: "primary", onclick: () => go() });
  const asked = () => [choice, { ...wish, name: wish.name || "ads" }];

  const look = lockup.newest(async () => {
    const [which, how] = asked();
    let seen;
    try { seen = await call("pack_preview", { choice: which, wish: how }); } catch (error) {
      fill(sum, h("span.warn", null, error.message));
      fill(names, h("li.quiet", null, error.hint ?? ""));
      fill(clash);
      start.disabled = true;
      return;
    }
    if (!named) name.set(wish.name = seen.name);
    title.box.placeholder = seen.kit;
    subtitle.box.placeholder = seen.campaigns.join(", ");
    start.disabled = !seen.ads || Boolean(running);
    fill(sum, h("b", null, many(seen.ads, "ad")), `, ${lockup.bytes(seen.bytes)}`, seen.rejected ? h("span.quiet", null, ` · ${many(seen.rejected, "rejected ad")} left out`) : null);
    fill(names, seen.names.map((one) => h("li", null, one.name)), seen.ads > seen.names.length ? h("li.quiet", null, `and ${seen.ads - seen.names.length} more`) : null, seen.ads ? null : h("li.quiet", null, "No ad is chosen this way."));
    fill(clash, seen.clashes.length ? h("div.notice", null, h("b", null, "Some names were the same"), h("span", null, `They were made longer so that no file is lost, such as ${seen.clashes[0].name}. Add {ad} to the pattern to tell them apart.`)) : null);
  });
  const soon = lockup.later(look, 180);
  const change = (fields) => { Object.assign(wish, fields); for (const key of Object.keys(packed)) packed[key] = wish[key]; soon(); };

  const name = field({ label: "Name", value: "", maxlength: 120, info: "of the ZIP file", oninput: (text) => { named = true; change({ name: text }); } });
  const title = field({ label: "Title of the sheet", value: "", maxlength: 200, oninput: (text) => change({ title: text }) });
  const subtitle = field({ label: "Line below it", value: "", maxlength: 400, oninput: (text) => change({ subtitle: text }) });
  const pattern = field({ label: "Names of the files", value: wish.pattern, maxlength: 200, oninput: (text) => change({ pattern: text }) });
  const insert = (part) => { const box = pattern.box, at = box.selectionStart ?? box.value.length; box.setRangeText(`{${part}}`, at, box.selectionEnd ?? at, "end"); box.focus(); change({ pattern: box.value }); };
  const least = h("div", { hidden: choice.which !== "starred" }, lockup.segments({ label: "At least so many stars", value: "4", options: [1, 2, 3, 4, 5].map((stars) => [String(stars), `${stars}★`]), onchange: (stars) => { choice.stars = Number(stars); soon(); } }));
  const which = lockup.segments({
    label: "Which ads", value: choice.which,
    options: [["selected", `Chosen (${choice.ads.length})`, null, !choice.ads.length], ["starred", "With stars"], ["all", "All"]],
    onchange: (value) => { choice.which = value; least.hidden = value !== "starred"; of.hidden = value === "selected"; soon(); },
  });
  const of = lockup.choice({ label: "Of", value: choice.run, options: runOptions(), onchange: (value) => { choice.run = value; soon(); } });
  of.hidden = choice.which === "selected";
  const paper = (key, label, info) => lockup.toggle({ label, info, value: wish[key], onchange: (on_) => change({ [key]: on_ }) });

  async function go() {
    const bar = h("i"), told = h("small");
    fill(result, h("div.errand", null, h("div.bar", null, bar), told));
    start.disabled = true;
    try {
      const [which_, how] = asked();
      running = await call("pack", { choice: which_, wish: how });
      const done = await follow(running, (errand) => { bar.style.width = `${Math.round(errand.fraction * 100)}%`; told.textContent = `${errand.text} · ${lockup.span(errand.seconds)}`; });
      const pack = done.answer;
      const out = pack.problems.filter((one) => one.left_out).length;
      const link = h("a.btn.primary", { href: pack.file, download: pack.name }, icon("down", 16), `Download ${pack.name}`);
      fill(result,
        h("div.split", null, h("span", null, h("b", null, `${many(pack.ads, "ad")} packed`), h("span.quiet", null, `, ${lockup.bytes(pack.bytes)}${out ? `; ${many(out, "ad")} left out` : ""}`)), link),
        pack.problems.length ? h("div.pack-problems", null, pack.problems.map((one) => h("div.notice", { class: one.left_out ? "bad" : "" }, h("b", null, one.name), h("span", null, `${one.message}. ${one.hint}`)))) : h("small", null, "Every file was opened and measured against its format: sizes, types and limits are right."));
      link.focus();
    } catch (error) { fill(result, h("div.notice.bad", { role: "alert" }, h("b", null, error.message), h("span", null, error.hint ?? ""))); } finally { running = null; start.disabled = false; }
  }

  close = lockup.dialog({
    title: "Export pack", wide: true, actions: [start],
    onclose: () => { if (running) call("stop_errand", { name: running }).catch(() => {}); },
    body: h("div.stack.loose", null, h("div.pack", null,
      h("div.stack", null, h("h3", null, "Which ads"), which, least, of, sum,
        h("h3", null, "What goes with them"),
        paper("sheet_pdf", "Contact sheet for the client, PDF", "A4 pages, without scores; rejected ads never show"), paper("sheet_png", "Contact sheet, PNG"),
        paper("manifest", "Manifest", "Every file with its size, words and ids"), paper("score", "Score report", "What was measured, as a table")),
      h("div.stack", null, h("div.two", null, title, subtitle), name, pattern,
        h("div.fields-of", { role: "group", "aria-label": "Put into the names" }, FIELDS.map((part) => button({ label: part, kind: "small", onclick: () => insert(part) }))),
        lockup.toggle({ label: "A folder for each channel", value: wish.by_channel, onchange: (on_) => change({ by_channel: on_ }) }), names, clash)), result),
  });
  look();
  return close;
}
