// Built engines on the Engine tab: what is kept for a painter, what is being built, and why none was used.
const NETWORKS = { unet: "UNet", vae: "VAE", controlnet: "ControlNet", controlnet_2: "ControlNet, two maps", vae_decoder: "VAE decoder", vae_encoder: "VAE encoder", text_encoder: "Words", text_encoder_2: "Words, second reader", image_encoder: "Reference reader" };
const SHAPES_SAID = {
  "1024x1024": "Square", "896x1152": "4:5 posts", "768x1344": "9:16 stories", "1344x768": "16:9 and links",
  "1152x896": "5:4", "832x1216": "2:3", "1216x832": "3:2",
};

/** `ask(verb, arguments)` calls the studio; `draw()` shows painters and models anew; `changed()` looks at everything again. */
function builtEngines({ ask, draw, changed }) {
  const { h, icon, button, choice, segments, toggle, dialog, announce, bytes, span, many, newest, state } = lockup;
  let known = null, builds = [], folded = new Set();
  const name = (graph) => NETWORKS[graph] ?? graph;
  const sized = (size) => (size === "any" || !size ? "every size" : size.split(", ").map((one) => { const [wide, high, batch] = one.split("x"); return `${wide} × ${high}${batch ? `, ${batch} at once` : ""}`; }).join(" · "));
  const spoken = (text) => text.replace(/\b[a-z]+(_[a-z0-9]+)*\b/g, (word) => NETWORKS[word] ?? word);
  const day = (text) => new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" }).format(new Date(text));

  async function look() { known = await ask("engines"); builds = known?.builds ?? []; }
  const busy = () => builds.some((one) => !one.over);
  /** How far builds are; true when one ended, so that what is kept has changed. */
  async function poll() {
    const before = new Map(builds.map((one) => [one.id, one]));
    builds = await ask("builds");
    const ended = builds.filter((one) => one.over && before.get(one.id)?.over === false);
    for (const one of ended) announce(one.state === "done" ? "Engines are built" : one.state === "stopped" ? "Stopped" : one.trouble);
    if (ended.length || builds.some((one) => one.rows.length !== before.get(one.id)?.rows.length)) await look();
    return ended.length > 0;
  }

  // ------------------------------------------------------------------------------------------ a painter's own

  function section(painter) {
    const own = known?.choices.painters[painter.id];
    const kept = known?.kept.filter((one) => one.profile === painter.id) ?? [];
    const mine = builds.filter((one) => one.order.painter === painter.id);
    // One that did not end well is told until the same runtime is built for anew.
    const under = mine.filter((one, place) => !one.over || !mine.slice(0, place).some((newer) => newer.order.runtime === one.order.runtime && newer.order.target === one.order.target));
    if (!own && !kept.length && !under.length) return null;
    const last = known.last[painter.id];
    return h("div.stack.tight.en-speed.en-built", null,
      h("div.split", null, h("h4", null, "Engines"),
        own ? button({ label: "Build engines", kind: "small", title: `Build engines for ${painter.name}`, onclick: () => askToBuild(painter, own) }) : null),
      under.map(build),
      kept.length ? groups(kept) : under.some((one) => !one.over) ? null
        : h("small", null, "None is built. An engine paints the same pictures quicker, from the same weights."),
      last ? used(last) : null,
      measured(painter, known.measured[painter.id]));
  }

  /** A build: how far it is, or how it ended where that is not seen in what is kept. */
  function build(one) {
    const what = `${runtime(one.order.runtime)}${one.order.runtime === "tensorrt" ? `, for ${target(one.order.target)}` : ""}${one.order.loras ? `, with ${many(one.order.loras, "LoRA")}` : ""}`;
    const put = (verb) => async () => { builds = await ask(verb, { build: one.id }); draw(); };
    if (!one.over) {
      const left = one.state === "waiting" ? "after the one before it" : one.left ? `about ${span(one.left)} left` : "";
      return h("div.stack.tight.en-build", null,
        h("div.split.top", null,
          h("div", null, h("span.busy-text", null, one.state === "waiting" ? "Waiting" : spoken(one.text) || "Starting"), h("small", null, [what, left].filter(Boolean).join(" · "))),
          button({ label: "Stop", kind: "small", title: "Stop this build; engines that are whole are kept", onclick: put("stop_build") })),
        h("div.bar", { role: "progressbar", "aria-label": "Building engines", "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": Math.round(one.fraction * 100) }, h("i", { style: { width: `${one.fraction * 100}%` } })),
        h("small", null, "Pictures are painted meanwhile, without it. The page may be closed; Lockup itself has to stay open."));
    }
    if (one.state === "done") return null;
    const said = { stopped: ["The build was stopped", "Engines that were whole by then are kept."], lost: ["Lockup was closed while it was building", "Engines that were whole by then are kept; build again for the others."] }[one.state] ?? [one.trouble, one.hint];
    return h("div.notice.split.top", { class: one.state === "failed" ? "bad" : "", role: one.state === "failed" ? "alert" : null },
      h("div", null, h("b", null, said[0]), h("span.block", null, said[1]), h("small.block", null, what)),
      button({ label: "Dismiss", icon: "close", kind: "icon small", onclick: put("forget_build") }));
  }
  const runtime = (id) => known.choices.runtimes.find((one) => one.id === id)?.name ?? id;
  const target = (id) => (id === "this" ? known.choices.card || "this machine" : known.choices.targets.find((one) => one.id === id)?.name ?? id);

  /** Engines by what they run on, each row one size of one network. */
  function groups(kept) {
    const found = new Map();
    for (const one of kept) {
      const title = `${one.runtime}, for ${one.target}, ${one.precision}${one.loras ? `, with ${many(one.loras, "LoRA")}` : ""}${one.random_weights ? ", random weights" : ""}${one.stale ? ". Of an earlier version: not used any more" : ""}`;
      found.set(title, [...(found.get(title) ?? []), one]);
    }
    return [...found].map(([title, rows]) => {
      const all = h("details", { open: !folded.has(title) }, h("summary", null, icon("right", 13), h("span", null, title), h("span.quiet.num", null, `${many(rows.length, "engine")}, ${bytes(rows.reduce((sum, one) => sum + one.bytes, 0))}`)),
        h("ul.en-list", null, rows.sort((a, b) => a.graph.localeCompare(b.graph) || b.size.localeCompare(a.size)).map(row)));
      all.addEventListener("toggle", () => folded[all.open ? "delete" : "add"](title));
      return all;
    });
  }
  function row(one) {
    return h("li.split", { title: `Last used ${day(one.used)}` },
      h("span", null, name(one.graph), h("span.quiet", null, ` ${sized(one.size)}`)),
      h("div.row", null, h("span.quiet.num", null, `${bytes(one.bytes)}, ${day(one.made)}`),
        button({ label: `Remove ${name(one.graph)}, ${sized(one.size)}`, icon: "trash", kind: "icon small plain", onclick: () => remove(one) })));
  }
  function remove(one) {
    const shut = dialog({
      title: "Remove this engine?",
      body: h("div.stack", null, h("p", null, `${name(one.graph)}, ${sized(one.size)}: ${bytes(one.bytes)} will be free again.`), h("p.quiet", null, "Pictures are painted without it from then on. It can be built again; the painter's weights stay.")),
      actions: [button({ label: "Remove", kind: "danger", onclick: async () => { await ask("remove_engine", { key: one.key }); shut(); await look(); draw(); announce("Removed"); } })],
    });
  }

  /** What the last picture was painted with, and why not with something quicker. */
  function used(last) {
    const rest = last.notes.filter((note) => !last.trouble.includes(note));
    return h("div.stack.tight.en-last", null,
      last.trouble.map((note) => h("div.notice.bad", null, h("b", null, "An engine failed, and the picture was painted without it"), h("span", null, spoken(note)))),
      h("p", null, "The last picture was painted with ", h("b", null, last.runtime), "."),
      rest.length ? h("ul.en-notes", null, rest.map((note) => h("li", null, spoken(note)))) : null);
  }

  /** The last bench: seconds a picture by way. */
  function measured(painter, bench) {
    const command = `python app.py engines bench ${painter.id}`;
    if (!bench) return known.choices.painters[painter.id] ? h("div.stack.tight", null, h("small", null, "What an engine gains on this machine is measured by:"), lockup.command(command)) : null;
    const slowest = Math.max(...bench.ways.map((way) => way.seconds ?? 0), 0.001);
    return h("div.stack.tight", null,
      h("table.en-table", null,
        h("caption", null, `The bench of ${day(bench.made)}: ${bench.width_px} × ${bench.height_px}, ${many(bench.steps, "step")}, on ${bench.machine}`),
        h("thead", { class: "unseen" }, h("tr", null, ["Way", "How long", "Seconds a picture", "Times quicker"].map((said) => h("th", { scope: "col" }, said)))),
        h("tbody", null, bench.ways.filter((way) => way.seconds).map((way) => h("tr", { title: way.runtime },
          h("td", null, { stock: "The stock pipeline", ours: "Lockup" }[way.name] ?? way.name.replace("ours, ", "Lockup on ")),
          h("td.wide", null, h("div.bar", null, h("i", { style: { width: `${(way.seconds / slowest) * 100}%` } }))),
          h("td.num", null, `${way.seconds.toFixed(2)} s`),
          h("td.num.en-times", null, way.times_quicker ? `${way.times_quicker.toFixed(1)} ×` : ""))))),
      lockup.command(command));
  }

  // ------------------------------------------------------------------------------------------ asking for a build

  async function askToBuild(painter, own) {
    const { choices } = known;
    const ready = choices.runtimes.filter((one) => !one.reason);
    const asked = {
      painter: painter.id, runtime: ready.some((one) => one.id === choices.default) ? choices.default : ready[0]?.id ?? choices.default,
      target: choices.card ? "this" : "rtx-4090", sizes: choices.sizes.filter((one) => one.usual ?? true).map((one) => one.id), effort: "normal",
    };
    let wear = Boolean(painter.adapters && state.draft.kit); // a kit's own LoRA is worn in all its pictures
    const order = () => ({
      ...asked, sizes: asked.runtime === "tensorrt" ? asked.sizes : [], target: asked.runtime === "tensorrt" ? asked.target : "this",
      ...(wear ? { kit: state.draft.kit, adapters: state.draft.adapters } : {}),
    });
    const form = h("div.stack"), box = h("div.en-foreseen", { "aria-live": "polite" });
    const go = button({ label: "Build", kind: "primary", disabled: true, onclick: async () => {
      go.disabled = true;
      try { builds = await ask("begin_build", { asked: order() }); } catch (error) { go.disabled = false; throw error; }
      shut();
      announce("Building");
      changed();
    } });
    const seek = newest(async () => {
      try {
        const seen = await ask("foresee", { asked: order() });
        lockup.fill(box, foreseen(seen));
        go.disabled = Boolean(seen.trouble) || seen.engines.every((one) => one.there);
      } catch (error) { lockup.fill(box, h("div.notice.bad", { role: "alert" }, h("b", null, error.message), error.hint ? h("span", null, error.hint) : null)); }
    });
    const foresee = () => {
      go.disabled = true;
      if (asked.runtime === "tensorrt" && !asked.sizes.length) { lockup.fill(box, h("p.quiet", null, "Choose a size.")); return; }
      lockup.fill(box, h("p.quiet.busy-text", null, "Looking at weights, memory and disk"));
      seek();
    };
    const put = (fields) => { Object.assign(asked, fields); show(); foresee(); };
    function show() {
      const trt = asked.runtime === "tensorrt";
      lockup.fill(form,
        h("p", null, "An engine is this painter's network, made ready for one runtime. It paints the same pictures quicker."),
        segments({ label: "Runtime", value: asked.runtime, onchange: (id) => put({ runtime: id }), options: choices.runtimes.map((one) => [one.id, one.name, one.reason || null, Boolean(one.reason)]) }),
        h("small", null, trt ? "For NVIDIA cards, the quickest there is. It takes the sizes chosen here, and can be built for a card in another machine."
          : choices.card ? "One engine for every size, for this machine." : "One engine for every size, for the processor of this machine."),
        choices.runtimes.filter((one) => one.reason).map((one) => h("div.notice", null, h("span", null, `${one.name}: ${one.reason}`), one.fix ? lockup.command(one.fix) : null)),
        trt ? choice({ label: "For which card", value: asked.target, options: choices.targets.map((one) => [one.id, one.name]), onchange: (id) => put({ target: id }) }) : null,
        trt ? h("fieldset.en-sizes", null, h("legend", null, "Sizes"), choices.sizes.map((one) => toggle({
          label: SHAPES_SAID[one.id] ?? one.name, info: one.name, value: asked.sizes.includes(one.id),
          onchange: (yes) => { asked.sizes = choices.sizes.map((two) => two.id).filter((id) => (id === one.id ? yes : asked.sizes.includes(id))); foresee(); } }))) : null,
        own.efforts.length > 1 ? choice({ label: "For which effort", value: asked.effort, onchange: (id) => put({ effort: id }),
          options: own.efforts.map((id) => [id, `${{ quick: "Quick", normal: "Normal", quality: "Quality" }[id]}${painter.steps[id] ? `, ${many(painter.steps[id], "step")}` : ""}`]), info: "They have networks of their own." }) : null,
        painter.adapters && state.draft.kit ? toggle({ label: "With the LoRAs of this campaign", info: "An engine has its LoRAs inside: it is used for pictures that wear the same ones.", value: wear, onchange: (yes) => { wear = yes; foresee(); } }) : null,
        box);
    }
    const shut = dialog({ title: `Build engines for ${painter.name.split(":")[0]}`, body: form, actions: [go] });
    show();
    foresee();
  }

  /** What a build would make and take. */
  function foreseen(seen) {
    const missing = seen.engines.filter((one) => one.there !== true), there = seen.engines.length - missing.length;
    const kinds = new Intl.ListFormat("en-GB").format([...new Set(seen.engines.map((one) => name(one.graph)))]);
    const fact = (title, said) => [h("dt", null, title), h("dd", null, said)];
    return [
      h("dl.en-facts", null,
        fact("Engines", `${seen.engines.length} for ${kinds}${there ? `; ${there === seen.engines.length ? "all are" : `${there} ${there === 1 ? "is" : "are"}`} there already` : ""}`),
        seen.loras.length ? fact("LoRAs inside", seen.loras.join(", ")) : null,
        missing.length ? [
          fact("Time", `about ${span(Math.max(seen.seconds, 10))}, while pictures go on`),
          fact("Memory", `${bytes(seen.memory_bytes)} while it builds, ${bytes(seen.memory_free_bytes)} are free`),
          fact("Disk", `${bytes(missing.reduce((sum, one) => sum + one.bytes, 0))} to keep, ${bytes(seen.disk_free_bytes)} are free`)] : null),
      seen.notes.map((note) => h("p.quiet", null, note)),
      seen.trouble ? h("div.notice.bad", { role: "alert" }, h("b", null, seen.trouble), h("span", null, seen.hint)) : null,
    ];
  }

  // ------------------------------------------------------------------------------------------ all of them

  /** What is set aside, and engines of painters that are not there. */
  function summary(painters) {
    const kept = known?.kept ?? [], listed = new Set(painters.map((one) => one.id));
    const strays = kept.filter((one) => !listed.has(one.profile));
    const total = kept.reduce((sum, one) => sum + one.bytes, 0);
    return h("div.stack.tight", null, h("h3", null, "Built engines"),
      known ? h("p.quiet", null, kept.length
        ? `${many(kept.length, "engine")}, ${bytes(total)} of ${bytes(known.limit_bytes)} set aside for them. Those unused longest make room for new ones.`
        : "None yet. They are built for painters of the SDXL family, above, and kept in the workspace.")
        : h("p.quiet", null, "None: nothing builds any here."),
      strays.length ? groups(strays) : null);
  }

  return { look, poll, busy, section, summary };
}
