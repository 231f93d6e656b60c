// The Brand tab's colours, type and logos. Part of the sheet that brand.js draws.
const SPECIMEN = "The quick brown fox jumps over the lazy dog, 0123456789";

function tellingOf(hex) {
  return open.found?.palette.find((one) => one.hex === hex || one.alternatives.includes(hex));
}
function readHex(text) {
  const plain = text.trim().toLowerCase().replace(/^#/, "");
  if (/^[0-9a-f]{3}$/.test(plain)) return `#${[...plain].map((one) => one + one).join("")}`;
  return /^[0-9a-f]{6}$/.test(plain) ? `#${plain}` : "";
}

// ---------------------------------------------------------------------------------------------- colours

function drawColours() {
  const { palette } = open.kit;
  const proposals = palette.filter((one) => !one.locked).length;
  const list = lockup.h("ul.swatches", null, palette.map(swatchCard));
  lockup.sortable(list, (from, to) => {
    const key = document.activeElement?.dataset.key ?? "";
    edit("", (kit) => { kit.palette.splice(to, 0, ...kit.palette.splice(from, 1)); }, "colours");
    // What was in use goes along with its colour.
    if (key.startsWith(`swatch ${from} `)) sheet.querySelector(`[data-key="${key.replace(from, to)}"]`)?.focus();
    lockup.announce(`Colour ${from + 1} is now number ${to + 1}`);
  });
  const taken = (one) => palette.some((swatch) => swatch.hex === one.hex || one.alternatives.includes(swatch.hex));
  const further = (open.found?.palette ?? []).filter((one) => !taken(one));
  return [
    heading("Colours",
      proposals ? lockup.button({ label: proposals === 1 ? "Accept it" : `Accept all ${proposals}`, icon: "check", kind: "small", name: "accept-all", onclick: () => edit("", (kit) => { for (const one of kit.palette) one.locked = true; }, "colours") }) : null,
      lockup.button({ label: "Add", icon: "plus", kind: "small plain", onclick: addColour })),
    palette.length ? list : lockup.h("p.quiet", null, "No colours yet. Add one, or read the client’s website."),
    further.length ? lockup.h("div.further", null, lockup.h("small", null, "Also found"), further.map((one) => lockup.h("button.found-colour", {
      type: "button", title: `${one.source} · ${sureness(one.confidence)}`, "aria-label": `Add ${one.hex}, ${one.role}, ${sureness(one.confidence)}`,
      onclick: () => edit("", (kit) => { kit.palette.push({ role: one.role in ROLES ? one.role : "accent", hex: one.hex, name: "", source: one.source.slice(0, 200), locked: false, tints: true }); }, "colours"),
    }, lockup.h("i", { style: { background: one.hex } }), one.hex, lockup.icon("plus", 13)))) : null,
  ];
}
function addColour() {
  const role = Object.keys(ROLES).find((name) => !open.kit.palette.some((one) => one.role === name)) ?? "accent";
  edit("", (kit) => { kit.palette.push({ role, hex: "#8a8a84", name: "", source: "", locked: true, tints: true }); }, "colours");
  const box = sheet.querySelector(`[data-key="swatch ${open.kit.palette.length - 1} hex"]`);
  box?.focus();
  box?.select();
}

function swatchCard(swatch, at) {
  const { h, icon, button, toggle } = lockup;
  const called = swatch.name || ROLES[swatch.role];
  const told = tellingOf(swatch.hex);
  const near = told ? [told.hex, ...told.alternatives].filter((hex, index, all) => hex !== swatch.hex && all.indexOf(hex) === index) : [];
  const change = (key, put_, ...parts) => edit(key && `swatch ${at} ${key}`, (kit) => put_(kit.palette[at]), ...parts);
  /** A colour that was set by hand is decided, and no longer the site's. */
  const decide = (one, hex, from = "") => { one.hex = hex; one.locked = true; one.source = from; };

  const pick = keyed(`swatch ${at} pick`, h("input.pick", { type: "color", value: swatch.hex, "aria-label": `${called}: choose the colour` }));
  const block = h("div.block", null, pick);
  const hex = bare({
    value: swatch.hex, label: `${called}: hex`, key: `swatch ${at} hex`, kind: "num", maxlength: 9,
    keep: (text) => {
      const read = readHex(text);
      if (!read) { lockup.toast(`${text} is not a colour`, { hint: "Write six hex digits, such as #c2410c." }); return false; }
      change("", (one) => { if (one.hex !== read) decide(one, read); }, "colours");
    },
  });
  block.append(hex);
  const paintCard = (value) => { card.style.setProperty("--swatch", value); card.style.setProperty("--on", lockup.inkOn(value)); };
  pick.addEventListener("input", () => { paintCard(pick.value); hex.value = pick.value; change("pick", (one) => decide(one, pick.value)); });
  pick.addEventListener("change", () => { if (document.activeElement === pick) setTimeout(() => paint("colours")); });

  const lock = button({ label: swatch.locked ? `${called}: unlock` : `${called}: accept and lock`, icon: swatch.locked ? "lock" : "unlock", kind: "icon small", onclick: () => change("", (one) => { one.locked = !one.locked; }, "colours") });
  lock.setAttribute("aria-pressed", String(swatch.locked));
  const role = keyed(`swatch ${at} role`, h("select.bare", { "aria-label": `${called}: role` }, Object.entries(ROLES).map(([key, label]) => h("option", { value: key, selected: key === swatch.role }, label))));
  role.addEventListener("change", () => change("", (one) => { one.role = role.value; }, "colours"));
  const tints = toggle({ label: "Tints", value: swatch.tints, onchange: (value) => change("", (one) => { one.tints = value; }, "colours") });
  tints.title = "Lighter and darker steps of this colour may be used in the scene";
  const card = h("li.swatch", { draggable: "true", class: swatch.locked ? "" : "open", title: "Drag, or press Alt and an arrow, to put it elsewhere" }, block,
    h("div.tint-steps", { class: swatch.tints ? "" : "off", "aria-hidden": "true" }, [1, 2, 3, 4, 5].map(() => h("i"))),
    keyed(`swatch ${at} lock`, lock),
    h("div.fields", null, role, bare({ value: swatch.name, label: `${called}: name`, placeholder: "Name", key: `swatch ${at} name`, maxlength: 80, keep: (text) => change("", (one) => { one.name = text; }, "colours") }),
      h("div.split", null, keyed(`swatch ${at} tints`, tints), keyed(`swatch ${at} delete`, button({ label: `Delete ${called}`, icon: "trash", kind: "icon small", onclick: () => deleteColour(at, called) }))),
      swatch.locked ? null : h("div.proposal", null,
        h("div.split", null, h("span", null, "Proposal", told ? h("small", null, sureness(told.confidence)) : null), keyed(`swatch ${at} accept`, button({ label: "Accept", kind: "small", onclick: () => change("", (one) => { one.locked = true; }, "colours") }))),
        source(swatch.source)),
      near.length ? h("div.near", null, h("small", null, "Near"), near.slice(0, 5).map((other) => h("button", { type: "button", title: other, "aria-label": `${called}: take ${other} instead`, style: { background: other }, onclick: () => change("", (one) => decide(one, other, swatch.source), "colours") }))) : null));
  paintCard(swatch.hex);
  card.addEventListener("pointerdown", (event) => { card.draggable = !event.target.closest("input[type=text], select"); });
  return card;
}
function deleteColour(at, called) {
  const mine = open;
  edit("", (kit) => { kit.palette.splice(at, 1); }, "colours");
  lockup.toast(`${called} is deleted`, { undo: () => { if (open === mine) undo(); } });
}

// ---------------------------------------------------------------------------------------------- type

const loaded = new Map();
/** The CSS family that a font file is known by on this page. */
function faceOf(address) {
  if (!loaded.has(address)) {
    const name = `lk-face-${loaded.size + 1}`;
    const face = new FontFace(name, `url("${encodeURI(decodeURI(address))}")`);
    loaded.set(address, name);
    face.load().then((ready) => document.fonts.add(ready)).catch(() => null);
  }
  return loaded.get(address);
}
function drawType() {
  return [heading("Type"), lockup.h("div.columns.two", null, faceCard("heading"), faceCard("body"))];
}
function faceCard(role) {
  const { h } = lockup;
  const choice_ = open.kit.type[role], facts = open.faces[role], told = open.found?.fonts?.[role];
  const nearest = [...facts.files].sort((a, b) => a.italic - b.italic || Math.abs(a.weight - choice_.weight) - Math.abs(b.weight - choice_.weight))[0];
  const family = nearest ? `"${faceOf(nearest.address)}", sans-serif` : facts.installed ? `"${choice_.family.replaceAll('"', "")}", sans-serif` : "";
  const style = family ? { "font-family": family, "font-weight": nearest ? "normal" : choice_.weight } : {};
  const sample = role === "heading" ? state.draft.headlines[0] || open.kit.tagline || open.kit.name : state.draft.body || SPECIMEN;
  const weights = facts.files.length ? [...new Set(facts.files.filter((one) => !one.italic).map((one) => one.weight))] : [100, 200, 300, 400, 500, 600, 700, 800, 900];
  if (!weights.includes(choice_.weight)) weights.push(choice_.weight);
  weights.sort((a, b) => a - b);
  const title = role === "heading" ? "Headings" : "Body text";
  return h("article.face", { class: role },
    h("div.split", null, h("span.label", null, title),
      keyed(`type ${role} weight`, lockup.choice({ label: `${title}: weight`, quiet: true, value: String(choice_.weight), options: weights.map((one) => [String(one), `Weight ${one}`]), onchange: (value) => edit("", (kit) => { kit.type[role].weight = Number(value); }, "type") }))),
    h("p.family", { style, dir: "auto" }, choice_.family),
    h("p.sample", { style, dir: "auto" }, sample),
    h("p.letters", { style, "aria-hidden": "true" }, "ABCDEFGHIJKLMNOPQRSTUVWXYZ abcdefghijklmnopqrstuvwxyz 0123456789 &?!"),
    choice_.stands_for ? h("small", null, `Stands in for ${choice_.stands_for}, whose files are not in the kit. `, told?.link ? h("a", { href: told.link, target: "_blank", rel: "noopener noreferrer" }, "Get the typeface") : null) : null,
    told ? h("div", null, h("small", null, `${told.family}: ${sureness(told.confidence)}${told.licence ? ` · ${told.licence}` : ""}`), source(told.source)) : null,
    lockup.dropzone({ label: "Drop TTF, OTF or WOFF2 files to set another", accept: ".ttf,.otf,.woff2", multiple: true, name: `font-${role}`, take: (paths) => give("add_fonts", { role, files: paths.slice(0, 20) }) }));
}

// ---------------------------------------------------------------------------------------------- logos

function grounds() {
  const hexes = open.kit.palette.map((one) => one.hex);
  const light = ["background", "surface"].map((role) => open.kit.palette.find((one) => one.role === role)?.hex).find((hex) => hex && lockup.luminance(hex) > 0.6) ?? "#ffffff";
  const dark = hexes.filter((hex) => lockup.luminance(hex) < 0.12).sort((a, b) => lockup.luminance(a) - lockup.luminance(b))[0] ?? "#161616";
  return { light, dark };
}
function drawLogos() {
  const { h } = lockup;
  const { logos } = open.kit;
  return [
    heading(logos.length > 1 ? "Logos" : "Logo"),
    h("div.logo-cards", null, logos.map(logoCard),
      lockup.dropzone({ label: "Drop an SVG or PNG to add a logo", accept: ".svg,.png,.jpg,.jpeg,.webp", multiple: true, name: "logo-file", take: (paths) => give("add_logos", { files: paths.slice(0, 20) }) })),
  ];
}
function logoCard(logo, at) {
  const { h } = lockup;
  const drawn = open.logos.find((one) => one.file === logo.file);
  const told = open.found?.logos.find((one) => one.file === logo.file);
  const name = logo.file.split("/").pop();
  const zones = Object.entries(grounds()).map(([side, hex]) => {
    const zone = h("div.zone", null, drawn ? h("img", { src: drawn.address, alt: `${name} on ${side} ground` }) : null);
    return h("div.ground", { class: logo.on === "any" || logo.on === side ? "" : "other", style: { background: hex, color: lockup.inkOn(hex) }, title: side === "light" ? "On light ground" : "On dark ground" }, zone);
  });
  const size = (clear) => {
    const aspect = drawn?.aspect ?? 1;
    // Logo and clear space together fill the same box, whatever the logo's shape.
    const height = Math.min(104 / (1 + 2 * clear), 146 / (aspect + 2 * clear), 64);
    for (const ground of zones) for (const [rule, value] of [["--h", `${height}px`], ["--w", `${height * aspect}px`], ["--clear", `${height * clear}px`]]) ground.style.setProperty(rule, value);
  };
  size(logo.clear_space_fraction);
  const change = (key, put_, ...parts) => edit(key, (kit) => put_(kit.logos[at]), ...parts);
  const least = keyed(`logo ${at} least`, lockup.field({ label: "Smallest width, px", type: "number", value: String(logo.min_width_px), onchange: (text) => {
    const px = Math.round(Number(text));
    if (!(px >= 8 && px <= 4000)) { lockup.toast("The smallest width is 8 to 4,000 px"); paint("logos"); return; }
    change("", (one) => { one.min_width_px = px; });
  } }));
  least.box.min = 8;
  least.box.max = 4000;
  return h("article.logo", { "aria-label": name },
    h("div.grounds", null, zones),
    h("div.fields", null,
      h("div.split", null, h("b.clip", { title: name, dir: "auto" }, name), keyed(`logo ${at} remove`, lockup.button({ label: `Remove ${name}`, icon: "trash", kind: "icon small", onclick: () => { const mine = open; edit("", (kit) => { kit.logos.splice(at, 1); }, "logos"); lockup.toast(`${name} is removed`, { undo: () => { if (open === mine) undo(); } }); } }))),
      told ? h("div", null, h("small", null, `Found: ${sureness(told.confidence)}`), source(told.source)) : null,
      h("div.pair", null,
        keyed(`logo ${at} on`, lockup.choice({ label: "Stands on", value: logo.on, options: [["light", "Light ground"], ["dark", "Dark ground"], ["any", "Any ground"]], onchange: (value) => change("", (one) => { one.on = value; }, "logos") })),
        least),
      keyed(`logo ${at} clear`, lockup.slider({ label: "Clear space", value: Math.round(logo.clear_space_fraction * 100), min: 0, max: 100, step: 5, unit: "% of its height", rest: 25, oninput: (value) => size(value / 100), onchange: (value) => change("", (one) => { one.clear_space_fraction = value / 100; }) }))));
}
