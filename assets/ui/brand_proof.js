// The Brand tab's right side: small real ads that follow every change.
const proofs = (() => {
  const { h, fill, icon, button, field, state, set, newest, later, dialog, announce } = lockup;
  const call = lockup.caller(server);
  const SHAPES = ["square", "strip", "tall"];
  const asked = {}, shown = {}, ads = {};
  let counter = 0, ready = () => null, warm = false;
  const status = h("p.quiet.status", { role: "status" });
  const trouble = h("div");
  const frames = Object.fromEntries(SHAPES.map((shape) => [shape, h("figure.proof", { class: shape })]));
  const verdict = h("div.verdict", { "aria-live": "polite" });
  const headline = field({
    label: "Headline", placeholder: "What the ads say", maxlength: 200,
    oninput: (text) => { const [, ...rest] = state.draft.headlines; set({ headlines: text.trim() || rest.length ? [text, ...rest] : [] }, "brand"); },
  });
  headline.box.dir = "auto";
  const root = h("section.side.right.proofs", { "aria-label": "Live proof" },
    h("div.split", null, h("h2", null, "Live proof"), status), trouble,
    h("div.wall", null, frames.square, frames.strip, h("div.last", null, frames.tall, verdict)),
    h("div.group", null, headline));

  const quick = newest(async () => {
    const kit = ready();
    if (!kit) return;
    const mine = ++counter;
    let said;
    try { said = await call("proof", { kit_id: kit, draft: state.draft, shapes: SHAPES, wait: false }); } catch (error) { refuse(error); return; }
    if (kit !== ready()) return;
    warm = said.warm;
    fill(trouble);
    root.classList.remove("refused");
    for (const ad of said.ads) show(ad, mine);
    if (said.ads.some((ad) => !ad.settled)) { say(warm ? "Painting" : "Setting the stage, once"); slow(kit, mine); } else say("");
  });
  const slow = newest(async (kit, mine) => {
    for (const shape of SHAPES) {
      if (ads[shape]?.settled && shown[shape] >= mine) continue;
      const said = await call("proof", { kit_id: kit, draft: state.draft, shapes: [shape], wait: true });
      warm = said.warm;
      if (kit !== ready()) return;
      if (mine >= (shown[shape] ?? 0)) for (const ad of said.ads) show(ad, mine);
      if (mine < counter) return;
    }
    say("");
  });
  const say = (text) => { status.textContent = text; status.classList.toggle("busy-text", Boolean(text)); };
  function refuse(error) {
    say("");
    root.classList.add("refused");
    for (const shape of SHAPES) { delete ads[shape]; fill(frames[shape]); }
    fill(verdict);
    fill(trouble, h("div.notice.bad", { role: "alert" }, h("b", null, error.message), error.hint ? h("span", null, error.hint) : null));
  }

  async function show(ad, mine) {
    shown[ad.shape] = mine;
    const before = ads[ad.shape];
    ads[ad.shape] = ad;
    showVerdict();
    const place = frames[ad.shape];
    if (!ad.address) {
      fill(place, h("div.none", { style: { "aspect-ratio": `${ad.width} / ${ad.height}` } }, h("b", null, ad.trouble?.message ?? "No ad"), ad.trouble?.hint ? h("span", null, ad.trouble.hint) : null));
      return;
    }
    if (before?.address === ad.address && place.querySelector("img")) return;
    const picture = h("img", { src: ad.address, alt: `${ad.format}: ${state.draft.headlines[0] ?? ""}`, width: ad.width, height: ad.height });
    await picture.decode().catch(() => null);
    if (shown[ad.shape] !== mine || ads[ad.shape] !== ad) return;
    const old = place.querySelector("button");
    if (old) { old.replaceChildren(picture); old.onclick = () => enlarge(ad); return; }
    fill(place, h("button", { type: "button", title: `${ad.format}, larger`, "aria-label": `${ad.format}, larger` }, picture));
    place.firstChild.onclick = () => enlarge(ad);
  }
  function showVerdict() {
    const scored = Object.values(ads).filter((ad) => ad.tested !== null && ad.tested !== undefined);
    const passed = scored.reduce((sum, ad) => sum + ad.passed, 0), tested = scored.reduce((sum, ad) => sum + ad.tested, 0);
    const wrong = new Map();
    for (const ad of Object.values(ads)) for (const one of ad.failed ?? []) wrong.set(one.fix || one.message, one);
    const unpainted = Object.values(ads).find((ad) => ad.address && ad.trouble)?.trouble;
    fill(verdict,
      tested ? h("p.sum", null, h("b.num", null, `${passed} of ${tested}`), " brand checks passed") : null,
      [...wrong.values()].slice(0, 3).map((one) => h("p", null, one.message, one.fix ? h("small", null, one.fix) : null)),
      unpainted ? h("p", null, unpainted.message, h("small", null, unpainted.hint)) : null);
  }
  function enlarge(ad) {
    dialog({ title: ad.format, wide: true, body: h("div.proof-large", null, h("img", { src: ad.address, alt: ad.format })) });
  }

  /** Anew, for the kit that `of` names; null for none. */
  function follow(of) { ready = of; }
  function clear() {
    say("");
    root.classList.add("refused");
    for (const shape of SHAPES) { delete ads[shape]; delete shown[shape]; fill(frames[shape]); }
    fill(verdict); fill(trouble);
  }
  function fromDraft() { headline.set(state.draft.headlines[0] ?? ""); }
  return { root, now: quick, soon: later(quick, 160), follow, clear, fromDraft };
})();
