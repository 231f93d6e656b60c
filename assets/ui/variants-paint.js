// Who paints and how thoroughly, with what that takes; and the pictures under way as far as they are.
const EFFORTS = { quick: ["Quick", "To look at, a little rougher"], normal: ["Normal", "For delivery"], quality: ["Quality", "The most thorough"] };
const painterNow = () => state.studio.painters.find((one) => one.id === state.draft.engine) ?? state.studio.painters[0];
const money = (cost, currency) => (cost < 0.01 ? "under a cent" : new Intl.NumberFormat("en", { style: "currency", currency }).format(cost));

/** The painter, and its efforts where it has more than one. `plan()` is what the brief comes to; `said` shows it anew. */
function paintPanel({ plan }) {
  const element = h("section.group"), info = h("small.num");
  const short = (one) => one.name.split(":")[0];
  const effortOf = (painter) => (painter.steps[state.draft.effort] ? state.draft.effort : "normal");
  function use(engine) {
    const to = state.studio.painters.find((one) => one.id === engine);
    set({ engine, ...(to.steps[state.draft.effort] ? {} : { effort: "normal" }) }, "variants");
  }
  function show() {
    const { painters } = state.studio, painter = painterNow();
    if (!painter) { fill(element); return; }
    const missing = painters.filter((one) => one.reason), efforts = Object.keys(painter.steps);
    const options = painters.map((one) => [one.id, one.reason ? `${short(one)}, not ready` : short(one), Boolean(one.reason)]);
    fill(element, h("h3", null, "Painted by"),
      painters.length > 1 ? choice({ label: "Painter", quiet: true, name: "painter", value: painter.id, options, onchange: use }) : h("span", null, short(painter)),
      painter.reason ? h("div.notice.bad", null, h("b", null, `${short(painter)} is not ready`), h("span", null, painter.reason)) : null,
      missing.length ? h("button.link.quiet.missing", { type: "button", onclick: () => lockup.go("engine") }, missing.length === 1 ? `What ${short(missing[0])} still needs` : `What ${missing.length} painters still need`) : null,
      efforts.length > 1 ? h("div.stack.tight", null,
        lockup.segments({ label: "Effort", value: effortOf(painter), options: efforts.map((one) => [one, EFFORTS[one][0], EFFORTS[one][1]]), onchange: (effort) => { set({ effort }, "variants"); said(); } }), info) : null);
    said();
  }
  /** What the chosen effort means; then what the others would take. */
  function said() {
    const painter = painterNow(), now = plan();
    if (!painter) return;
    const effort = effortOf(painter);
    const others = now?.new_pictures && now.seconds !== null ? Object.keys(painter.steps).filter((one) => one !== effort && now.efforts[one]) : [];
    fill(info, `${EFFORTS[effort][1]}: ${many(painter.steps[effort], "step")} a picture.`,
      others.map((one) => ` ${EFFORTS[one][0]} would take ${span(now.efforts[one].seconds)}, ${money(now.efforts[one].cost, now.currency)}.`));
  }
  return { element, show, said };
}

/** The pictures under way, where the painter shows them; the last one stays until the next is there. */
function paintingStrip() {
  const element = h("div.painting", { role: "group", "aria-label": "Being painted", hidden: true });
  function show(run) {
    const going = run && !run.over && !run.paused && !run.trouble && run.painted < run.to_paint;
    if (!going) { element.hidden = true; fill(element); return; }
    const now = (run.painting ?? []).slice(0, 3);
    now.forEach((one, index) => {
      const slot = element.children[index] ?? (one.picture ? card() : null);
      if (!slot) return;
      if (!slot.isConnected) element.append(slot);
      slot.show(one, `Picture ${Math.min(run.painted + index + 1, run.to_paint)} of ${run.to_paint}`);
    });
    for (const rest of [...element.children].slice(now.length)) rest.rest();
    element.hidden = !element.firstChild;
  }
  function card() {
    const image = h("img", { alt: "The picture as far as it is painted" }), frame = h("div.frame", null, image);
    const title = h("b.num"), how = h("span.num"), left = h("span.quiet.num"), done = h("i");
    const made = h("figure", null, frame, h("figcaption", null, title, how, left, h("div.bar", { "aria-hidden": "true" }, done)));
    let shown = "", told = { text: "", left: 0 };
    made.show = (one, name) => {
      // A pace that is known only from step to step does not count upwards in between.
      const held = one.text === told.text && told.left;
      told = { text: one.text, left: held ? Math.min(one.seconds_left ?? held, held) : one.seconds_left };
      title.textContent = name;
      how.textContent = one.text || "Starting";
      left.textContent = told.left ? `about ${span(told.left)} left` : "";
      done.style.width = `${one.fraction * 100}%`;
      if (one.picture && one.picture !== shown) take(one.picture);
    };
    made.rest = () => { how.textContent = "Painted"; left.textContent = ""; done.style.width = "100%"; };
    /** Only once it has come, so that nothing flickers; one that is gone by then changes nothing. */
    function take(address) {
      shown = address;
      const fresh = new Image();
      fresh.onload = () => {
        if (shown !== address) return;
        const ratio = fresh.naturalWidth / fresh.naturalHeight;
        Object.assign(frame.style, { "aspect-ratio": ratio, width: `min(56%, ${Math.round(156 * ratio)}px)` });
        image.src = fresh.src;
      };
      fresh.src = address;
    }
    return made;
  }
  return { element, show };
}
