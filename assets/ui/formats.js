// Choosing formats: every one drawn in its true shape, at one scale within its platform.
lockup.formats ??= (() => {
  const { h, fill, button, state } = lockup;
  const of = (id) => state.studio.formats.find((format) => format.id === id);

  /** A format's outline, `side` px at its longer side. */
  function shape(format, side = 44, extra) {
    const scale = side / Math.max(format.width, format.height);
    return h("span.shape", { style: { width: `${Math.max(format.width * scale, 3)}px`, height: `${Math.max(format.height * scale, 3)}px` } }, extra);
  }

  /** The strictest limit of a words field among the chosen formats: {limit, name} or null. */
  function limit(name, ids = state.draft.formats) {
    let strict = null;
    for (const format of ids.map(of)) {
      const most = format?.limits?.[name];
      if (most && (!strict || most < strict.limit)) strict = { limit: most, name: format.channel };
    }
    return strict;
  }

  /** A format's name without its channel and its size, which stand beside it. */
  function plain(format) {
    const short = format.name.replace(`${format.channel} `, "").replace(/ \d+×\d+$/, "");
    return short[0].toUpperCase() + short.slice(1);
  }

  function pick() {
    const chosen = new Set(state.draft.formats);
    const count = h("span.quiet");
    const groups = state.studio.groups;
    const tell = () => { count.textContent = `${lockup.many(chosen.size, "format")} chosen`; };
    const cards = new Map();
    const flip = (id, to) => {
      if (to) chosen.add(id); else chosen.delete(id);
      cards.get(id)?.setAttribute("aria-pressed", String(to));
      tell();
    };
    const take = (ids) => { for (const format of state.studio.formats) flip(format.id, ids.has(format.id)); };
    const some = (test) => () => take(new Set(state.studio.formats.filter(test).map((format) => format.id)));
    const body = h("div.format-groups", null, groups.map((group) => {
      const members = state.studio.formats.filter((format) => format.group === group);
      const channels = [...new Set(members.map((format) => format.channel))];
      return h("section", null, h("div.split", null, h("h3", null, group), button({ label: `All of ${group}`, kind: "small plain", onclick: () => members.forEach((format) => flip(format.id, true)) })),
        channels.map((channel) => h("div.format-row", null, channels.length > 1 ? h("h4", null, channel) : null,
          h("div.format-cards", null, members.filter((format) => format.channel === channel).map((format) => {
            const card = h("button.format-card", { type: "button", "aria-pressed": String(chosen.has(format.id)), title: `${format.name}, ${format.size}`, onclick: () => flip(format.id, !chosen.has(format.id)) },
              h("span.shape-box", null, shape(format, 54)), h("b.clip", null, plain(format)), h("small", null, format.size));
            cards.set(format.id, card);
            return card;
          })))));
    }));
    tell();
    const shut = lockup.dialog({
      title: "Formats", wide: true,
      body: h("div.stack", null, h("div.row.wrap.format-presets", null,
        button({ label: "Essentials", kind: "small", onclick: () => take(new Set(state.studio.essentials)) }),
        groups.map((group) => button({ label: group, kind: "small", onclick: some((format) => format.group === group) })),
        button({ label: "All", kind: "small", onclick: some(() => true) }), button({ label: "None", kind: "small", onclick: some(() => false) })), body),
      actions: [count, h("span.grow"), button({ label: "Cancel", onclick: () => shut() }), button({ label: "Use these", kind: "primary", onclick: () => { lockup.set({ formats: state.studio.formats.filter((format) => chosen.has(format.id)).map((format) => format.id) }, "formats"); shut(); } })],
    });
  }

  /** The chosen formats as a row of small shapes that opens the choice. */
  function strip() {
    const whole = h("div.stack.tight");
    const show = () => {
      const ids = state.draft.formats;
      fill(whole,
        ids.length ? h("div.format-strip", null, ids.slice(0, 24).map((id) => { const format = of(id); return format ? h("span", { title: `${format.name}, ${format.size}` }, shape(format, 34)) : null; }), ids.length > 24 ? h("small", null, `and ${ids.length - 24} more`) : null)
          : h("p.quiet", null, "None chosen yet."),
        h("div", null, button({ label: ids.length ? `Change ${lockup.many(ids.length, "format")}` : "Choose formats", kind: "small", onclick: pick, name: "formats" })));
    };
    whole.show = show;
    return whole;
  }
  return { pick, strip, shape, limit, of };
})();
