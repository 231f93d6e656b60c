// The header: mark, tabs' keys, the kit in use, work under way, light and dark, help. Opens the draft of this page.
const { h, fill, icon, button, state, on, emit, keys, toast, span, many } = lockup;
const call = lockup.caller(server);
state.call = call;
const root = element.querySelector(".view");
const kept = (name, value) => { try { if (value === undefined) return localStorage.getItem(name) ?? ""; localStorage.setItem(name, value); } catch { /* private window */ } return ""; };
const mine = (value) => { try { if (value === undefined) return sessionStorage.getItem("lockup.draft") ?? ""; sessionStorage.setItem("lockup.draft", value); } catch { /* private window */ } return ""; };

// ---------------------------------------------------------------------------------------------- light and dark

const dark = (on_) => { document.body.classList.toggle("dark", on_); document.documentElement.style.colorScheme = on_ ? "dark" : "light"; emit("theme", on_); };
const wished = kept("lockup.theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
dark(new URLSearchParams(location.search).get("__theme") ? document.body.classList.contains("dark") : wished === "dark");

const kitButton = h("button.kit-chip", { type: "button", title: "The kit in use", onclick: () => lockup.go("brand") });
const work = h("div.work");
const theme = button({ label: "Light or dark", icon: "moon", kind: "icon", onclick: () => { const next = !document.body.classList.contains("dark"); dark(next); kept("lockup.theme", next ? "dark" : "light"); } });
fill(root, h("header.mast", null,
  h("span.wordmark", null, "Lockup"),
  h("div.tools", null, work, kitButton, theme, button({ label: "Keys and help", icon: "help", kind: "icon", onclick: () => lockup.help(), key: "?" }))));

// ---------------------------------------------------------------------------------------------- tabs

const tabButtons = () => [...document.querySelectorAll("#tabs [role=tablist] [role=tab]")];
function watchTabs() {
  const list = document.querySelector("#tabs [role=tablist]");
  if (!list) { requestAnimationFrame(watchTabs); return; }
  list.setAttribute("aria-label", "Steps");
  state.tabs = tabButtons().map((tab) => ({ id: tab.dataset.tabId, label: tab.textContent.trim() }));
  const look = () => {
    const chosen = tabButtons().find((tab) => tab.getAttribute("aria-selected") === "true")?.dataset.tabId ?? "";
    for (const tab of tabButtons()) tab.tabIndex = tab.dataset.tabId === chosen ? 0 : -1;
    if (chosen === state.tab) return;
    state.tab = chosen;
    history.replaceState(null, "", `#${chosen}`);
    lockup.ready.then(() => emit("tab", chosen));
  };
  new MutationObserver(look).observe(list, { subtree: true, attributes: true, attributeFilter: ["aria-selected"] });
  list.addEventListener("keydown", (event) => {
    const all = tabButtons(), here = all.indexOf(document.activeElement);
    const to = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined || here < 0) return;
    event.preventDefault();
    const next = all[(to + all.length) % all.length];
    next.click();
    next.focus();
  });
  const wanted = location.hash.slice(1);
  look();
  if (state.tabs.some((tab) => tab.id === wanted)) lockup.go(wanted);
  state.tabs.forEach((tab, index) => keys({ key: `Alt+${index + 1}`, does: `${tab.label}`, go: () => lockup.go(tab.id) }));
}
watchTabs();
keys({ key: "?", does: "These keys", go: () => lockup.help() });

// ---------------------------------------------------------------------------------------------- the draft

/** This page's own draft, unless another page holds it: a duplicated tab begins with its neighbour's memory. */
const claimed = (id) => new Promise((done) => {
  if (!id || !navigator.locks) { done(id); return; }
  navigator.locks.request(`lockup.draft.${id}`, { ifAvailable: true }, (lock) => { done(lock ? id : ""); return lock ? new Promise(() => {}) : null; });
});

async function open() {
  const known = mine();
  const own = await claimed(known);
  const opened = await call("open_page", { mine: own, last: known || kept("lockup.draft") });
  if (opened.draft_id !== own) claimed(opened.draft_id);
  Object.assign(state, { draft: opened.draft, draftId: opened.draft_id, studio: opened });
  mine(opened.draft_id);
  kept("lockup.draft", opened.draft_id);
  document.documentElement.dataset.saved = "yes";
  showKit();
  lockup.isReady();
  poll();
  if (!kept("lockup.tour")) { kept("lockup.tour", "seen"); lockup.tour(); }
}

/** The kits anew, after one was made, changed or taken away. */
lockup.refreshKits = async () => {
  state.studio.kits = await call("kits");
  if (state.studio.kits.length && !state.studio.kits.some((kit) => kit.id === state.draft.kit)) lockup.set({ kit: state.studio.kits[0].id });
  showKit();
  emit("kits");
};
/** The kit in use, as lists show it. */
lockup.kit = () => state.studio.kits.find((kit) => kit.id === state.draft.kit);

function showKit() {
  const kit = lockup.kit();
  fill(kitButton, kit
    ? [h("span.dots", null, kit.swatches.slice(0, 5).map((swatch) => h("i", { style: { background: swatch.hex } }))), h("span", null, kit.name)]
    : "No kit yet");
  kitButton.setAttribute("aria-label", kit ? `Kit in use: ${kit.name}` : "No kit yet");
}
on("draft", (fields) => { if ("kit" in fields) showKit(); });

// ---------------------------------------------------------------------------------------------- work under way

let timer = 0, asked = 0;
let before = new Set();
async function poll() {
  clearTimeout(timer);
  const number = ++asked;
  let busy = false;
  try {
    const said = await server.status({ run_id: state.watched ?? "" });
    if (number !== asked) return; // a newer look is under way
    if (said?.answer) {
      state.runs = said.answer.under_way;
      state.asked = said.answer.asked;
      busy = state.runs.some((run) => !run.paused && !run.trouble) || (state.asked && !state.asked.over);
      showWork();
      emit("runs", state.runs, state.asked);
      const now = new Set(state.runs.map((run) => run.id));
      for (const gone of before) if (!now.has(gone)) emit("over", gone);
      before = now;
      document.documentElement.classList.remove("lk-away");
    }
  } catch {
    if (number !== asked) return;
    document.documentElement.classList.add("lk-away");
    fill(work, h("span.away", { role: "alert" }, "The studio does not answer. Is it still running?"));
  }
  const seen = state.asked?.painting?.some((one) => one.picture);
  timer = setTimeout(poll, document.hidden ? 6000 : seen ? 450 : busy ? 1000 : 2500);
}
/** Look now, not at the next beat: after something was started or stopped. */
lockup.poll = poll;
addEventListener("visibilitychange", () => { if (!document.hidden && state.draft) poll(); });

function showWork() {
  const run = state.runs[0];
  if (!run) { fill(work); return; }
  const more = state.runs.length > 1 ? ` · ${state.runs.length - 1} waiting` : "";
  const left = run.trouble ? "stopped by trouble" : run.paused ? "paused" : run.seconds_left ? `${span(run.seconds_left)} left` : run.text || "starting";
  const ring = h("span.ring", { style: { "--share": run.fraction } });
  fill(work, h("button.run-chip", { type: "button", title: run.title, onclick: () => { lockup.go("variants"); emit("watch", run.id); } },
    ring, h("span", null, `${run.finished} of ${run.to_finish}`), h("span.quiet", null, `${left}${more}`)));
}

open().catch((error) => {
  lockup.failed(error);
  fill(root.parentElement, h("div.empty", { role: "alert" }, h("h2", null, error.message), h("p", null, error.hint), button({ label: "Try again", onclick: () => location.reload() })));
});
