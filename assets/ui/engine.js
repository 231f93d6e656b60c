// The Engine tab: what this machine is and can do, how quick, what it costs, how it is, and how other programs use it.
const { h, fill, icon, button, field, mount, state, on, set, toast, dialog, announce, bytes, span, many, later, failed } = lockup;
const call = lockup.caller(server);
const root = mount("engine", element, { show });

const own = h("div.stack.loose");
const painters = h("div.stack");
const models = h("div.stack.loose");
const health = h("div.stack");
const programs = h("div.stack");
const built = builtEngines({ ask: (verb, given) => call(verb, given), draw: () => { showPainters(); showModels(); }, changed: () => { showPainters(); watch(); } });
let facts = null;
let shownOnce = false;

fill(root,
  h("div.side", null, own),
  h("div.middle", null, h("div.en-columns", null,
    h("div.stack.en-loose", null,
      h("section", { "aria-labelledby": "en-painters" }, h("h2", { id: "en-painters" }, "Painters"), painters),
      h("section", { "aria-labelledby": "en-models" }, h("h2", { id: "en-models" }, "Cut-outs and enlarging"), models)),
    h("div.stack.en-loose", null,
      h("section", { "aria-labelledby": "en-doctor" }, h("h2", { id: "en-doctor" }, "Doctor"), health),
      h("section", { "aria-labelledby": "en-api" }, h("h2", { id: "en-api" }, "Use from other programs"), programs)))));

async function show() {
  if (!shownOnce) {
    shownOnce = true;
    fill(own, h("p.quiet.busy-text", null, "Looking at this machine"));
    showPrograms();
    examine();
  }
  await refresh();
  watch();
}

async function refresh() {
  const [seen] = await Promise.all([call("look"), built.look().catch(failed)]); // the tab is there without them too
  took(seen);
  showMachine();
  showPainters();
  showModels();
  follow(facts.errands);
}

/** What was looked at; what came or went in the meantime is told to the other tabs. */
function took(seen) {
  facts = seen;
  const before = JSON.stringify(state.studio.painters);
  state.studio.painters = seen.painters;
  if (before !== JSON.stringify(seen.painters)) lockup.emit("engines");
}

// ---------------------------------------------------------------------------------------------- this machine

const meters = h("div.stack");
const price = h("div.stack");

function showMachine() {
  const { machine } = facts;
  fill(own,
    h("section", { "aria-labelledby": "en-machine" },
      h("h2", { id: "en-machine" }, "This machine"),
      h("p.en-name", null, machine.name),
      h("p.quiet", null, `${many(machine.cores, "core")} · ${machine.system}`)),
    meters,
    h("dl.en-facts", null,
      fact("Lockup", machine.lockup), fact("Python", machine.python),
      fact("Workspace", h("span.en-path", null, machine.workspace))),
    h("section.group", { "aria-labelledby": "en-price" }, h("h3", { id: "en-price" }, "Power and price, under load"), price));
  showMeters(machine);
  showPrice();
}
const fact = (name, value) => [h("dt", null, name), h("dd", null, value)];

function meter(name, used, total, said) {
  const share = total ? Math.min(1, used / total) : 0;
  return h("div.en-meter", null,
    h("div.split", null, h("span", null, name), h("span.quiet.num", null, said)),
    h("div.bar", { role: "meter", "aria-label": name, "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": Math.round(share * 100) }, h("i", { class: share > 0.95 ? "full" : "", style: { width: `${share * 100}%` } })));
}
const freeOf = (free, total) => `${bytes(free)} of ${bytes(total)} free`;

function showMeters({ memory, disk, cards }) {
  fill(meters,
    memory.total_bytes ? meter("Memory", memory.free_bytes ? memory.total_bytes - memory.free_bytes : 0, memory.total_bytes, memory.free_bytes ? freeOf(memory.free_bytes, memory.total_bytes) : bytes(memory.total_bytes)) : null,
    meter("Disk", disk.total_bytes - disk.free_bytes, disk.total_bytes, freeOf(disk.free_bytes, disk.total_bytes)),
    cards.length
      ? cards.map((card) => h("div.stack.tight", null,
        meter("Graphics memory", card.used_bytes, card.memory_bytes, freeOf(card.memory_bytes - card.used_bytes, card.memory_bytes)),
        h("p", null, card.name), h("small", null, card.driver ? `Driver ${card.driver}` : "")))
      : h("div.en-meter", null, h("div", null, "Graphics"), h("p.quiet", null, "No NVIDIA card was found. Everything here works without one: the processor paints, and a picture takes seconds to a minute instead of a moment.")));
}

function showPrice() {
  const { costs, power } = facts;
  const hour = (costs.watts / 1000) * costs.price_per_kwh;
  const money = (value) => { try { return new Intl.NumberFormat("en", { style: "currency", currency: costs.currency, maximumFractionDigits: value < 0.1 ? 3 : 2 }).format(value); } catch { return `${value.toFixed(2)} ${costs.currency}`; } };
  const said = h("p", null, "An hour of work costs about ", h("b.num", null, money(hour)), ".");
  const number = (box) => (box.box.value.trim() === "" ? null : Number(box.box.value.replace(",", ".")));
  const keep = async () => {
    const asked = { watts: number(watts), price_per_kwh: number(kwh), currency: currency.box.value.trim().toUpperCase() || null };
    if (Number.isNaN(asked.watts) || Number.isNaN(asked.price_per_kwh)) { toast("Watts and price are numbers", { hint: "For example 450 and 0.30.", kind: "bad" }); return; }
    Object.assign(facts, await call("set_power", asked));
    showPrice();
    announce("Kept");
  };
  const changed = () => { keep().catch(failed); };
  const watts = field({ label: "Watts", value: power.watts ?? "", placeholder: String(costs.watts), onchange: changed, name: "watts" });
  const kwh = field({ label: "Price per kWh", value: power.price_per_kwh ?? "", placeholder: costs.price_per_kwh.toFixed(2), onchange: changed, name: "kwh" });
  const currency = field({ label: "Currency", value: power.currency ?? "", placeholder: costs.currency, onchange: changed, maxlength: 3, name: "currency" });
  fill(price, h("div.en-three", null, watts, kwh, currency), said, h("small", null, costs.source.replace(" Set your own under Engine.", "")));
}

// ---------------------------------------------------------------------------------------------- painters

const errands = new Map();
const errandOf = (kind, name) => errands.get(`${kind} ${name}`);
const underWay = (errand) => errand && !errand.done;

const KINDS = { controls: ["edges", "softedge", "lineart", "depth", "pose", "segment", "blocks"], references: ["style", "layout", "subject", "product", "face"] };
const SAID = { softedge: "soft edges", lineart: "line art", segment: "segments", blocks: "blocks of colour" };
const spoken = (kinds) => kinds.map((kind) => SAID[kind] ?? kind).join(", ");
/** Why not, for those of a group that it does not take; each reason once. */
const whyNot = (one, group) => [...new Set(KINDS[group].filter((kind) => !one[group].includes(kind)).map((kind) => one.reasons[kind] ?? one.reasons[group]).filter(Boolean))].join(". ");
const ASKS = [
  ["prompt", "Words", (one) => one.prompt],
  ["avoid", "What to avoid", (one) => one.avoid],
  ["sets", "Sets in numbers", (one) => one.sets],
  ["product_in_scene", "The product stands in the scene", (one) => one.product_in_scene],
  ["controls", "Sketches and control maps", (one) => one.controls.length > 0, (one) => spoken(one.controls)],
  ["references", "Reference pictures", (one) => one.references.length > 0, (one) => spoken(one.references)],
  ["adapters", "LoRAs", (one) => one.adapters],
];
const EFFORTS = { quick: "Quick", normal: "Normal", quality: "Quality" };

function showPainters() {
  fill(painters, facts.painters.map(painterCard));
}

function painterCard(one) {
  const inUse = state.draft.engine === one.id;
  const errand = errandOf("measure", one.id);
  const use = () => { set({ engine: one.id, ...(one.steps[state.draft.effort] ? {} : { effort: "normal" }) }); showPainters(); announce(`${one.name} is in use`); };
  return h("article.en-card", { "aria-label": one.name, class: one.reason ? "off" : "" },
    h("div.split.top", null,
      h("div", null, h("h3", null, one.name), h("small", null, `${one.licence === "its own" ? "under its own licence" : one.licence}${one.commercial ? "" : ", not for paid ads"}`)),
      one.reason ? chip("warn", "Not ready") : inUse ? chip("check", "In use") : button({ label: "Use for this campaign", kind: "small", onclick: use })),
    lacking(one),
    h("ul.en-asks", null, ASKS.filter(([key]) => key !== "avoid" || one.prompt).sort((a, b) => b[2](one) - a[2](one)).map((ask) => asked(one, ask))),
    h("p", null, "A picture takes ", Object.entries(one.steps).map(([effort, steps]) => `${steps} steps (${EFFORTS[effort].toLowerCase()})`).join(", "), "."),
    one.reason ? null : speedOf(one, errand, underWay(errand)),
    built.section(one));
}
function asked(one, [key, said, can, which]) {
  const yes = can(one);
  const why = yes ? which?.(one) : one.reasons[key] ?? (KINDS[key] ? whyNot(one, key) : "");
  const rest = yes && KINDS[key] ? whyNot(one, key) : "";
  return h("li", { class: yes ? "yes" : "no" }, icon(yes ? "check" : "close", 15),
    h("span", null, h("span.unseen", null, yes ? "Yes: " : "No: "), said, why ? h("small", null, why) : null, rest ? h("small", null, `Not all: ${rest}`) : null));
}
/** What a painter still needs, or could have besides: how much it is, the command, and a button that fetches it. */
function lacking(one) {
  if (!one.reason && !one.fetchable) return null;
  const errand = errandOf("fetch", one.id), busy = underWay(errand);
  const size = one.bytes ? bytes(one.bytes) : "size not stated";
  return h("div.notice.stack.tight", null,
    h("div.split.top", null, h("b", null, one.reason || `It can do more: ${size} to fetch`),
      !one.fetchable ? null : busy ? button({ label: "Stop", kind: "small", onclick: () => call("stop", { kind: "fetch", name: one.id }) })
        : button({ label: errand?.trouble ? "Go on" : "Fetch", icon: "down", kind: "small", title: `Fetch ${one.name}`, onclick: () => askToFetch(one) })),
    one.reason && one.fetchable ? h("span", null, `${size[0].toUpperCase()}${size.slice(1)} to fetch, once`) : null,
    busy || errand?.trouble ? fetched(one, errand) : one.fix ? lockup.command(one.fix) : null);
}

const chip = (symbol, text) => h("span.chip", null, icon(symbol, 14), text);

function speedOf(one, errand, busy) {
  const painted = facts.speeds.filter((speed) => speed.engine === one.id || speed.engine.startsWith(`${one.id} `) || speed.engine.startsWith(`${one.id}-`));
  const [side, steps] = one.standard;
  const measured = facts.measured.filter((entry) => entry.engine === one.id && entry.width_px === side && entry.steps === steps);
  const slowest = Math.max(...measured.map((entry) => entry.seconds), 0.001);
  return h("div.stack.tight.en-speed", null,
    h("div.split", null, h("h4", null, "Speed"),
      busy
        ? h("div.row", null, h("span.quiet.busy-text", null, errand.text || "Starting"), button({ label: "Stop", kind: "small", onclick: () => call("stop", { kind: "measure", name: one.id }) }))
        : button({ label: "Measure now", kind: "small", disabled: Boolean(one.reason), onclick: () => measure(one) })),
    busy ? bar(errand.fraction, `Measuring ${one.name}`) : null,
    errand?.done && errand.trouble && errand.trouble !== "Stopped" ? notice(errand.trouble, errand.hint) : null,
    painted.map((speed) => h("p.split", null,
      h("span", null, `Pictures for ads, ${speed.steps} steps`, h("small", null, ` ${speed.runtime}, median of ${speed.pictures}`)),
      h("span.num", null, `${speed.seconds_per_megapixel.toFixed(2)} s a megapixel`))),
    measured.length
      ? h("table.en-table", null, h("caption", null, `The standard picture, ${side} × ${side}, ${many(steps, "step")}`),
        h("thead", { class: "unseen" }, h("tr", null, h("th", { scope: "col" }, "When"), h("th", { scope: "col" }, "How long"), h("th", { scope: "col" }, "Seconds"))),
        h("tbody", null, measured.slice(0, 5).map((entry) => h("tr", { title: `${entry.machine}, ${entry.runtime}` },
          h("td.quiet", null, when(entry.at)),
          h("td.wide", null, h("div.bar", null, h("i", { style: { width: `${(entry.seconds / slowest) * 100}%` } }))),
          h("td.num", null, `${entry.seconds.toFixed(2)} s`)))))
      : h("small", null, `The standard picture, ${side} × ${side} in ${many(steps, "step")}, has not been measured yet.`));
}
const when = (at) => new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }).format(new Date(at * 1000));
const bar = (share, label) => h("div.bar", { role: "progressbar", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": Math.round(share * 100) }, h("i", { style: { width: `${share * 100}%` } }));
const notice = (text, hint) => h("div.notice.bad", { role: "alert" }, h("b", null, text), hint ? h("span", null, hint) : null);

async function measure(one) {
  await call("measure", { engine: one.id });
  announce(`Measuring ${one.name}`);
  await lookAtErrands();
}

// ---------------------------------------------------------------------------------------------- cut-outs, upscalers, models

function showModels() {
  fill(models,
    h("div", null, engineTable("Cut-out engines", facts.cutouts)),
    h("div", null, engineTable("Upscalers", facts.upscalers)),
    h("div", null, engineTable("Maps from photos", facts.annotators)),
    built.summary(facts.painters),
    h("div.stack.tight", null, h("h3", null, "Model folders"),
      h("p.quiet", null, "Model files you have already are found in these. Name more in LOCKUP_MODELS."),
      h("ul.en-list", null, facts.models.map((one) => h("li.split", null,
        h("span.en-path", null, one.path),
        h("span", { class: one.there || one.from === "workspace" ? "quiet" : "warn" }, one.there ? many(one.files, "model file") : one.from === "workspace" ? "made when needed" : "not there"))))));
}

function engineTable(title, list) {
  return h("div.stack.tight", null, h("h3", null, title), h("ul.en-engines", null, list.map(engineRow)));
}

function engineRow(one) {
  const errand = errandOf("fetch", one.id);
  const [name, ...rest] = one.name.split(": ");
  const size = one.bytes ? `, ${bytes(one.bytes)}` : "";
  return h("li", { class: one.reason ? "off" : "" },
    h("div.grow", null,
      h("div", null, name, rest.length ? h("span.quiet", null, `: ${rest.join(": ")}`) : null),
      h("small", null, `${one.licence === "its own" ? "under its own licence" : one.licence}${size}${one.commercial ? "" : ", not for paid ads"}`),
      one.reason ? h("small.why", null, one.reason) : null,
      fetched(one, errand)),
    one.fetchable
      ? underWay(errand)
        ? button({ label: "Stop", kind: "small", onclick: () => call("stop", { kind: "fetch", name: one.id }) })
        : button({ label: errand?.trouble ? "Go on" : "Fetch", icon: "down", kind: "small", title: `Fetch ${one.name}`, onclick: () => askToFetch(one) })
      : one.reason ? null : chip("check", "Ready"));
}

/** How a download goes, or how it ended where it did not end well. */
function fetched(one, errand) {
  if (underWay(errand)) return fetching(one, errand);
  if (!errand?.trouble) return null;
  return errand.trouble === "Stopped" ? h("small", null, `Stopped at ${bytes(errand.have)}; what came is kept.`) : notice(errand.trouble, errand.hint);
}
function fetching(one, errand) {
  const share = errand.total ? errand.have / errand.total : errand.fraction;
  const left = leftOf(errand);
  const said = [errand.total ? `${bytes(errand.have)} of ${bytes(errand.total)}` : bytes(errand.have), left ? `${span(left)} left` : ""].filter(Boolean).join(" · ");
  return h("div.stack.tight", null, bar(share, `Fetching ${one.name}`), h("small.num", null, said));
}

/** Seconds left by the pace since it was first seen: what was there from before does not count. */
const firsts = new Map();
function leftOf(errand) {
  const key = `${errand.kind} ${errand.name}`;
  const first = firsts.get(key);
  if (!first || first.seconds > errand.seconds) { firsts.set(key, { seconds: errand.seconds, fraction: errand.fraction }); return null; }
  const gone = errand.seconds - first.seconds, done = errand.fraction - first.fraction;
  return done > 0.002 && gone > 1 ? (gone / done) * (1 - errand.fraction) : null;
}

async function askToFetch(one) {
  const terms = await call("terms", { name: one.id });
  const names = [...new Set(terms.licences.map(({ name }) => name))]; // several parts may be under the same one
  const places = (name) => terms.licences.filter((said) => said.name === name && said.url).map(({ url }) => h("a.link", { href: url, target: "_blank", rel: "noopener noreferrer" }, url));
  const boxes = names.map((name) => field({ label: `Type ${name} to accept its licence`, name: "licence", oninput: () => { go.disabled = !typed(); } }));
  const typed = () => boxes.every((box, index) => box.box.value.trim() === names[index]);
  const go = button({ label: "Fetch", kind: "primary", disabled: true, onclick: async () => {
    await call("fetch", { name: one.id, accepted: names });
    shut();
    announce(`Fetching ${one.name}`);
    await lookAtErrands();
    watch();
  } });
  const shut = dialog({
    title: `Fetch ${one.name}`,
    body: h("div.stack", null,
      h("dl.en-facts", null, fact(names.length > 1 ? "Licences" : "Licence", names.join(", ")), fact("Paid ads", terms.commercial ? "allowed" : "not allowed"),
        fact("Size", terms.bytes ? bytes(terms.bytes) : "not stated by its source, up to 1 GB"), fact("Goes to", h("span.en-path", null, `${facts.machine.workspace}/models`))),
      terms.note ? h("p", null, terms.note) : null,
      h("p.quiet", null, "Only these files are asked for, from their publishers. They are checked before they are used, and a broken download goes on where it stopped."),
      names.map((name, index) => h("div.stack.tight", null, places(name).map((link) => h("p", null, "Read it first: ", link)), boxes[index]))),
    actions: [go],
  });
  boxes[0]?.box.focus();
}

// ---------------------------------------------------------------------------------------------- what is under way

let timer = 0;
function follow(list) {
  const before = new Map(errands);
  errands.clear();
  for (const errand of list) errands.set(`${errand.kind} ${errand.name}`, errand);
  return list.some((errand) => errand.done && underWay(before.get(`${errand.kind} ${errand.name}`)));
}
async function lookAtErrands() {
  const ended = follow(await call("under_way"));
  if (built.busy()) await built.poll();
  if (ended) { await built.look(); took(await call("look")); follow(facts.errands); announce("Done"); }
  if (facts) { showPainters(); showModels(); }
}
async function watch() {
  clearTimeout(timer);
  if (state.tab !== "engine") return;
  const busy = [...errands.values()].some(underWay) || built.busy();
  try {
    if (busy) await lookAtErrands();
    else if (facts && !document.hidden) { facts.machine = await call("now"); showMeters(facts.machine); }
  } catch { /* the header says that the studio is away */ }
  timer = setTimeout(watch, busy ? 700 : 4000);
}
on("tab", (tab) => { if (tab !== "engine") clearTimeout(timer); });
on("draft", (fields) => { if ("engine" in fields && facts) showPainters(); });

// ---------------------------------------------------------------------------------------------- doctor

async function examine() {
  fill(health, h("p.quiet.busy-text", null, "Looking"));
  const { findings, text } = await call("doctor");
  const bad = findings.filter((one) => one.state !== "fine");
  const said = bad.length === 0 ? "All is well." : `${many(bad.length, "thing")} to look at.`;
  fill(health,
    h("div.split", null, h("p", null, said),
      h("div.row", null,
        button({ label: "Look again", icon: "refresh", kind: "small", onclick: examine }),
        button({ label: "Copy for a bug report", icon: "copy", kind: "small", onclick: () => lockup.copy(text, "Copied: machine and findings, without personal paths") }))),
    h("ul.en-findings", null, findings.map((one) => h("li", { class: one.state },
      icon(one.state === "fine" ? "check" : "warn", 17),
      h("div", null,
        h("div.en-found", null, h("b", null, h("span.unseen", null, { fine: "Fine: ", look: "Look: ", broken: "Broken: " }[one.state]), one.title), h("span.quiet", null, one.found)),
        one.means ? h("p", null, one.means) : null, one.fix ? h("p.quiet", null, one.fix) : null)))));
  announce(said);
}

// ---------------------------------------------------------------------------------------------- other programs

function showPrograms() {
  const url = location.origin;
  const start = `from gradio_client import Client, handle_file\n\nclient = Client("${url}")`;
  const list = h("div.en-endpoints");
  fill(programs,
    h("p", null, "Every verb of the studio is an endpoint: for scripts, for other tools, and, started with --mcp, for assistants."),
    code(start, "Python"), list);
  call("reference", { url }).then(({ endpoints, markdown }) => {
    fill(list, endpoints.map(endpointRow),
      h("div.row", null, button({ label: "Copy all of it as Markdown", icon: "copy", kind: "small", onclick: () => lockup.copy(markdown, "The whole reference is copied") })));
  }).catch(failed);
}

function endpointRow(one) {
  const inside = h("div.stack");
  const made = h("details", null, h("summary", null, h("code", null, one.name), h("span.quiet.clip", null, one.about)), inside);
  made.addEventListener("toggle", () => {
    if (!made.open || inside.childElementCount) return;
    fill(inside, h("p", null, one.about),
      one.parameters.length ? h("dl.en-params", null, one.parameters.map((p) => [
        h("dt", null, h("code", null, p.name), h("small", null, `${p.kind}${p.needed ? ", needed" : ""}`)), h("dd", null, p.about)])) : null,
      h("p", null, h("b", null, "Returns "), one.returns), code(one.python, "Python"), code(one.curl, "curl"));
  });
  return made;
}

function code(text, label) {
  return h("div.en-codebox", null, h("pre.code", { tabindex: 0, role: "group", "aria-label": `${label} example` }, text),
    button({ label: `Copy the ${label} example`, icon: "copy", kind: "icon small", onclick: () => lockup.copy(text, "Copied") }));
}
