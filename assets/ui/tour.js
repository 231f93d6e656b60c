// Three steps for the first time, which can be skipped.
lockup.tour ??= () => {
  const { h, button, icon } = lockup;
  document.querySelector(".tour")?.remove();
  const steps = [
    ["brand", "Your brand comes first", "Paste a client’s address or drop their files. Every colour, typeface and logo is a proposal until you confirm it; the proof on the right follows every change."],
    ["variants", "Say it once, get every format", "Words, product and formats on the left. Generate paints the scenes and sets the brand; you may close the page, the work goes on."],
    ["finish", "Choose, mend, hand over", "Every ad is measured against the brand. Star what is good, present it to the client, and export the pack."],
  ];
  let at = 0;
  const body = h("div"), dots = h("span.dots-row", { "aria-hidden": "true" });
  const card = h("aside.tour", { role: "dialog", "aria-label": "A short tour", tabindex: "-1" });
  const end = () => { card.remove(); document.removeEventListener("keydown", escape); };
  const escape = (event) => { if (event.key === "Escape" && !document.querySelector("dialog[open]")) end(); };
  const step = () => {
    const [tab, title, text] = steps[at];
    lockup.go(tab);
    lockup.fill(card, h("div.split", null, h("b", null, title), button({ label: "Skip the tour", icon: "close", kind: "icon small", onclick: end })), h("p", null, text),
      h("div.split", null, h("span.dots-row", { "aria-label": `Step ${at + 1} of ${steps.length}` }, steps.map((_, index) => h("i", { class: index === at ? "on" : "" }))),
        h("div.row", null, at ? button({ label: "Back", kind: "small", onclick: () => { at -= 1; step(); } }) : button({ label: "Skip", kind: "small plain", name: "skip-tour", onclick: end }),
          button({ label: at === steps.length - 1 ? "Begin" : "Next", kind: "small primary", name: "next-tour", onclick: () => { if (at === steps.length - 1) { end(); lockup.go("brand"); return; } at += 1; step(); } }))));
    card.querySelector("[name=next-tour]").focus();
  };
  document.body.append(card);
  document.addEventListener("keydown", escape);
  step();
};
