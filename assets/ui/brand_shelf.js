// The Brand tab's left side: reading a brand, the kits on the shelf, presets.
const shelf = (() => {
  const { h, fill, icon, button, field, dropzone, state, set, toast, dialog } = lockup;
  const call = lockup.caller(server);
  const DROPS = ".zip,.html,.htm,.mhtml,.mht,.svg,.ico,.png,.jpg,.jpeg,.webp,.gif,.avif,.pdf,.json,.json5,.tokens,.lockup";
  const reading = h("div.group");
  const kits = h("div.group");
  const presets = h("div.group");
  let number = 0, busy = "", known = [], typed = "";

  // ------------------------------------------------------------------------------------------ reading

  function showReading() {
    const address = field({ label: "Read a brand", value: typed, placeholder: "example.org", name: "address", maxlength: 2000, oninput: (text) => { typed = text; } });
    address.box.dir = "auto";
    address.box.disabled = Boolean(busy);
    address.box.addEventListener("keydown", (event) => { if (event.key === "Enter") read({ source: typed }, siteOf(typed)).catch(lockup.failed); });
    const ask = busy
      ? button({ label: "Stop", icon: "stop", onclick: stop })
      : button({ label: "Read", onclick: () => read({ source: typed }, siteOf(typed)) });
    const drop = dropzone({
      label: "Or drop a saved page, ZIP, logo, photos, PDF, token file or .lockup file", accept: DROPS, multiple: true, name: "brand-file",
      take: (paths, files) => read({ files: paths }, files.length > 1 ? `${files.length} files` : files[0].name),
    });
    fill(reading, h("div.ask", null, address, ask),
      busy ? h("p.busy-text.clip", { role: "status" }, `Reading ${busy}`) : drop,
      busy ? h("small", null, "A slow site can take up to 40 seconds.") : null);
  }
  const siteOf = (text) => text.trim().replace(/^[a-z]+:\/\//i, "").split("/")[0].slice(0, 80);

  async function read(asked, name) {
    if (busy && busy === name) return;
    const mine = ++number;
    busy = name || "it";
    showReading();
    let said;
    try { said = await call("read", { page: state.draftId, ...asked }); } finally {
      if (mine === number) { busy = ""; showReading(); }
    }
    if (!said || said.dropped || mine !== number) return;
    if (said.preset) {
      await loadPresets();
      toast("The preset is on the list", { action: { label: "Use it", go: () => usePreset(said.preset) } });
      return;
    }
    typed = "";
    showReading();
    await lockup.refreshKits();
    set({ kit: said.kit });
    toast(`Read from ${name}`, { hint: "Everything is a proposal until you accept it." });
  }
  async function stop() {
    number += 1;
    busy = "";
    showReading();
    await call("stop_reading", { page: state.draftId });
  }

  // ------------------------------------------------------------------------------------------ kits

  /** A name inside a sentence, whichever way it is written. */
  const called = (name) => `\u2068${name}\u2069`;
  const strip = (colours) => h("span.colours-strip", { "aria-hidden": "true" }, colours.slice(0, 8).map((hex) => h("i", { style: { background: hex } })));

  function showKits() {
    const rows = (state.studio?.kits ?? []).map((kit) => row({
      name: kit.name, about: kit.fonts.join(" · "), colours: kit.swatches.map((swatch) => swatch.hex), chosen: kit.id === state.draft.kit, use: () => set({ kit: kit.id }),
      menu: [
        ["Duplicate", "copy", async () => { const made = await call("duplicate_kit", { kit_id: kit.id }); await lockup.refreshKits(); set({ kit: made }); }],
        ["Rename", "pen", () => rename(kit)],
        ["Export tokens", "down", async () => download(await call("export_tokens", { kit_id: kit.id }))],
        ["Export the whole kit", "down", async () => download(await call("export_kit", { kit_id: kit.id }))],
        ["Delete", "trash", () => removeKit(kit)],
      ],
    }));
    fill(kits, h("div.split", null, h("h3", null, "Kits"), button({ label: "New", icon: "plus", kind: "small plain", onclick: newKit })),
      rows.length ? h("ul.shelf", null, rows) : h("p.quiet", null, "No kit yet."));
  }
  async function newKit() {
    const made = await call("new_kit");
    await lockup.refreshKits();
    set({ kit: made });
  }
  async function removeKit(kit) {
    const token = await call("remove_kit", { kit_id: kit.id });
    const used = state.draft.kit === kit.id;
    await lockup.refreshKits();
    toast(`${called(kit.name)} is deleted`, {
      undo: async () => { const back = await call("bring_back_kit", { token }); await lockup.refreshKits(); if (used) set({ kit: back }); },
    });
  }
  function rename(kit) {
    askName("Rename the kit", "Name", kit.name, "Rename", async (name) => { await call("rename_kit", { kit_id: kit.id, name }); await lockup.refreshKits(); });
  }

  // ------------------------------------------------------------------------------------------ presets

  async function loadPresets() {
    known = await call("presets");
    showPresets();
  }
  const count = (number_, one) => (number_ ? lockup.many(number_, one) : "");
  function showPresets() {
    const rows = known.map((preset) => row({
      name: preset.name, about: [preset.kit, preset.look, count(preset.sets, "set"), count(preset.layouts, "layout"), count(preset.references, "reference"), count(preset.formats, "format")].filter(Boolean).join(" · "),
      colours: preset.swatches, use: () => usePreset(preset.id),
      menu: [
        ["Export as one file", "down", async () => download(await call("export_preset", { preset_id: preset.id }))],
        ["Delete", "trash", () => removePreset(preset)],
      ],
    }));
    fill(presets, h("div.split", null, h("h3", null, "Presets"), button({ label: "Save", icon: "plus", kind: "small plain", title: "Save kit, look, sets, layouts, references and formats under a name", disabled: !state.studio?.kits.length, onclick: savePreset })),
      rows.length ? h("ul.shelf", null, rows) : h("p.quiet.hint", null, "A preset keeps the kit with its look, sets, layouts, references and formats. Save one, or drop a .lockup file above."));
  }
  function savePreset() {
    const kit = lockup.kit();
    askName("Save a preset", "Name", [kit?.name, state.draft.title].filter(Boolean).join(", ").slice(0, 120), "Save", async (name) => {
      await call("save_preset", { name, draft: state.draft });
      await loadPresets();
      toast(`${called(name)} is saved`);
    }, "Kit, look, sets and their changes, layouts, references, what varies, formats. A preset of the same name is replaced.");
  }
  async function usePreset(id) {
    const said = await call("use_preset", { preset_id: id });
    const before = Object.fromEntries(Object.keys(said.fields).map((name) => [name, state.draft[name]]));
    await lockup.refreshKits();
    set(said.fields);
    toast("The preset is in use", { hint: said.new_kit ? "Its kit was put on the shelf." : "", undo: () => set(before) });
  }
  async function removePreset(preset) {
    const token = await call("remove_preset", { preset_id: preset.id });
    await loadPresets();
    toast(`${called(preset.name)} is deleted`, { undo: async () => { await call("bring_back_preset", { token }); await loadPresets(); } });
  }

  // ------------------------------------------------------------------------------------------ rows and small things

  function row({ name, about, colours, chosen, use, menu }) {
    const main = h("button.use", { type: "button", "aria-pressed": chosen === undefined ? null : String(chosen) },
      strip(colours), h("span.words", null, h("b.clip", { dir: "auto", title: name }, name), h("small.clip", { title: about }, about)), chosen ? icon("check", 16) : null);
    main.addEventListener("click", () => { Promise.resolve(use()).catch(lockup.failed); });
    const more = button({ label: `More for ${name}`, icon: "more", kind: "icon small" });
    more.setAttribute("aria-haspopup", "menu");
    more.addEventListener("click", () => openMenu(more, menu));
    return h("li", { class: chosen ? "chosen" : "" }, main, more);
  }
  function openMenu(by, items) {
    const made = h("div.brand-menu", { popover: "auto", role: "menu" });
    const entries = items.map(([label, symbol, does]) => {
      const entry = h("button", { type: "button", role: "menuitem", class: label === "Delete" ? "danger" : "" }, icon(symbol, 16), label);
      entry.addEventListener("click", () => { made.hidePopover(); Promise.resolve(does()).catch(lockup.failed); });
      return entry;
    });
    made.append(...entries);
    made.addEventListener("keydown", (event) => {
      const here = entries.indexOf(document.activeElement);
      const to = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: entries.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      entries[(to + entries.length) % entries.length].focus();
    });
    made.addEventListener("toggle", (event) => { if (event.newState === "closed") { made.remove(); if (by.isConnected && document.activeElement === document.body) by.focus(); } });
    element.querySelector(".view").append(made);
    made.showPopover();
    const box = by.getBoundingClientRect(), size = made.getBoundingClientRect();
    made.style.left = `${Math.max(8, Math.min(box.left, innerWidth - size.width - 8))}px`;
    made.style.top = `${box.bottom + 4 + size.height > innerHeight ? box.top - size.height - 4 : box.bottom + 4}px`;
    entries[0].focus();
  }
  function askName(title, label, value, does, go, about) {
    const name = field({ label, value, maxlength: 120, info: about });
    name.box.dir = "auto";
    const done = async () => { if (!name.box.value.trim()) { name.box.focus(); return; } await go(name.box.value.trim()); shut(); };
    name.box.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); done().catch(lockup.failed); } });
    const shut = dialog({ title, body: name, actions: [button({ label: "Cancel", kind: "plain", onclick: () => shut() }), button({ label: does, kind: "primary", onclick: done })] });
    name.box.select();
  }
  function download({ address, name }) {
    const link = h("a", { href: address, download: name });
    document.body.append(link);
    link.click();
    link.remove();
  }

  return { parts: [reading, kits, presets], showReading, showKits, showPresets, loadPresets, newKit };
})();
