// LoRAs: those that are worn, each with its weight and what its header says; the others at hand, and why not where not.
const MOST_LORAS = 8;

/** `ask()` → {loras, own, place}. `show()` reads the list anew. */
function loraPanel({ ask }) {
  const element = h("section.group.loras", { "aria-labelledby": "rf-loras" });
  let known = null;
  const worn = () => state.draft.adapters ?? [];
  const keep = (adapters) => set({ adapters }, "references");
  const change = (index, fields) => keep(worn().map((one, at) => (at === index ? { ...one, ...fields } : one)));

  async function show() {
    const asked = `${state.draft.engine} ${state.draft.kit}`;
    const said = await ask();
    if (asked !== `${state.draft.engine} ${state.draft.kit}`) return;
    known = said;
    draw();
  }
  function wear(file) {
    if (worn().length >= MOST_LORAS) { toast(`At most ${MOST_LORAS} LoRAs`, { kind: "bad" }); return; }
    const one = known.loras.find((other) => other.file === file);
    keep([...worn(), { file, weight: 1, name: one.title }]);
    draw();
    lockup.announce(`${one.title} is worn`);
  }
  function takeOff(index) {
    const before = worn();
    keep(before.filter((_, at) => at !== index));
    draw();
    toast("The LoRA is taken off", { undo: () => { keep(before); draw(); } });
  }

  /** What a header says, in one line. */
  const about = (one) => [[one.kind, one.base ? `for ${one.base}` : ""].filter(Boolean).join(" "), one.keys ? many(one.keys, "layer") : "", one.rank ? `rank ${one.rank}` : "", one.family ? `named as by ${one.family}` : "", one.bytes ? lockup.bytes(one.bytes) : ""].filter(Boolean).join(" · ");
  function words(one) {
    if (!one.words.length) return null;
    return h("div.row.wrap", null, h("small", null, "Called up by"), one.words.map((word) => button({ label: word, kind: "small", title: "Put it into the scene’s words", onclick: () => {
      const scene = state.draft.scene;
      if (scene.toLowerCase().includes(word.toLowerCase())) { toast("It is in the scene’s words already"); return; }
      set({ scene: scene ? `${scene}, ${word}` : word }, "references-words");
      toast(`“${word}” is in the scene’s words`, { undo: () => set({ scene }, "references-words") });
    } })));
  }
  function row(adapter, index) {
    const one = known.loras.find((other) => other.file === adapter.file);
    const name = adapter.name || adapter.file;
    return h("li.lora", null,
      h("div.stack.tight.grow", null, h("b.clip", null, name), one ? h("small", null, about(one)) : h("small.warn", null, `${adapter.file} is in none of the model folders`),
        one?.reason ? h("small.warn", null, `${one.reason}. ${one.hint}`) : null, one ? words(one) : null),
      h("div.weight", null, slider({ label: "Weight", min: -2, max: 2, step: 0.05, value: adapter.weight, rest: 1, info: "Mostly between 0 and 1; below 0 it takes away", oninput: (weight) => change(index, { weight }) })),
      button({ label: `Take ${name} off`, icon: "trash", kind: "icon", onclick: () => takeOff(index) }));
  }
  function ownRow(one) {
    return h("li.lora", null, h("div.stack.tight.grow", null, h("b.clip", null, one.title), h("small", null, about(one)), one.reason ? h("small.warn", null, `${one.reason}. ${one.hint}`) : null),
      h("span.chip", null, icon("lock", 13), "The kit’s own, always worn"));
  }

  function draw() {
    if (!known) return;
    const painter = state.studio.painters.find((one) => one.id === state.draft.engine) ?? state.studio.painters[0];
    const short = painter?.name.split(":")[0];
    const taken = new Set(worn().map((one) => one.file));
    const free = known.loras.filter((one) => !one.reason && !taken.has(one.file));
    const refused = painter?.adapters ? known.loras.filter((one) => one.reason && !taken.has(one.file)) : [];
    const listed = [known.own ? ownRow(known.own) : null, worn().map(row)];
    const options = [["", "Choose one to wear"], ...free.map((one) => [one.file, one.title === one.file ? one.title : `${one.title} (${one.file})`])];
    fill(element, h("h2", { id: "rf-loras" }, "LoRAs"),
      painter && !painter.adapters ? h("div.notice", null, h("b", null, `${short} does not wear LoRAs`), h("span", null, painter.reasons.adapters ?? ""),
        known.own || taken.size ? h("span", null, "They are kept with the campaign, and worn as soon as a painter that can is chosen.") : null) : null,
      known.own || taken.size ? h("ul.lora-list", null, listed) : null,
      painter?.adapters && free.length ? choice({ label: "Wear another", name: "lora", value: "", options, onchange: wear }) : null,
      !known.loras.length ? h("p.quiet", null, "A style or product that was trained. None was found; put .safetensors files into ", h("span.path", null, known.place || "a folder named in LOCKUP_MODELS"), ".") : null,
      refused.length ? h("details", null, h("summary", null, `${many(refused.length, "file")} it cannot wear`), h("ul.refused", null, refused.map((one) => h("li", null, h("b", null, one.file), h("small", null, `${one.reason}. ${one.hint}`))))) : null);
  }
  return { element, show, draw };
}
