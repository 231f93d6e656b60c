// What every tab builds on: elements, calls, the draft, keys, messages. No tab reaches into another.
(() => {
  "use strict";
  const SVG = "http://www.w3.org/2000/svg";
  const ICONS = {
    plus: "M12 5v14M5 12h14", close: "M6 6l12 12M18 6L6 18", check: "M5 13l4 4L19 7", lock: "M7 11V8a5 5 0 0 1 10 0v3M5 11h14v9H5z",
    unlock: "M7 11V8a5 5 0 0 1 9.6-2M5 11h14v9H5z", undo: "M9 5L4 10l5 5M4 10h10a5 5 0 0 1 0 10h-3", redo: "M15 5l5 5-5 5M20 10H10a5 5 0 0 0 0 10h3",
    trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13", copy: "M9 9h11v11H9zM5 15H4V4h11v1", down: "M12 4v12M6 11l6 6 6-6M4 20h16",
    up: "M12 20V8M6 13l6-6 6 6M4 4h16", star: "M12 3l2.8 5.8 6.2.9-4.5 4.4 1.1 6.2L12 17.3 6.4 20.3l1.1-6.2L3 9.7l6.2-.9z",
    play: "M7 5l12 7-12 7z", pause: "M8 5v14M16 5v14", stop: "M6 6h12v12H6z", eye: "M2 12s4-7 10-7 10 7 10 7-4 7-10 7-10-7-10-7zM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z",
    pen: "M4 20l4-1L19 8l-3-3L5 16zM14 7l3 3", brush: "M20 4c-6 2-10 6-12 10M8 14c-3 0-4 2-4 6 4 0 6-1 6-4z", erase: "M8 20l-5-5L14 4l6 6-10 10zM8 20h12",
    shape: "M6 8c4-5 13-3 14 3s-4 9-9 8S3 13 6 8z", help: "M9 9a3 3 0 1 1 4 2.8c-1 .4-1 1.2-1 2.2M12 18v.5", moon: "M20 14A8 8 0 1 1 10 4a7 7 0 0 0 10 10z", sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.5 1.5M17.5 17.5L19 19M19 5l-1.5 1.5M6.5 17.5L5 19",
    full: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5", compare: "M12 3v18M4 6h5v12H4zM15 6h5v12h-5z", more: "M6 12h.01M12 12h.01M18 12h.01",
    left: "M15 5l-7 7 7 7", right: "M9 5l7 7-7 7", drag: "M9 6h.01M15 6h.01M9 12h.01M15 12h.01M9 18h.01M15 18h.01", refresh: "M20 11a8 8 0 1 0-2 6M20 4v7h-7",
    image: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9h.01", warn: "M12 4l9 16H3zM12 10v4M12 17v.5", note: "M5 4h14v12l-4 4H5zM15 20v-4h4",
  };

  /** An element: h("button", {class: "btn", onclick: go}, "Go"). Text is always text, never markup. */
  function h(tag, props, ...children) {
    const [name, ...classes] = tag.split(".");
    const made = document.createElement(name || "div");
    if (classes.length) made.classList.add(...classes);
    for (const [key, value] of Object.entries(props ?? {})) {
      if (value === null || value === undefined || value === false) continue;
      if (key === "class") made.classList.add(...String(value).split(/\s+/).filter(Boolean));
      else if (key === "style") for (const [rule, set] of Object.entries(value)) made.style.setProperty(rule, set);
      else if (key === "data") Object.assign(made.dataset, value);
      else if (key.startsWith("on")) made.addEventListener(key.slice(2), (event) => { try { Promise.resolve(value(event)).catch(failed); } catch (error) { failed(error); } });
      else if (["value", "checked", "disabled", "selected", "indeterminate", "readOnly", "htmlFor"].includes(key)) made[key] = value;
      else made.setAttribute(key, value === true ? "" : String(value));
    }
    append(made, children);
    return made;
  }
  function append(parent, children) {
    for (const child of children.flat(Infinity)) {
      if (child === null || child === undefined || child === false) continue;
      parent.append(child instanceof Node ? child : String(child));
    }
    return parent;
  }
  const fill = (parent, ...children) => { parent.replaceChildren(); return append(parent, children); };

  function icon(name, size = 18) {
    const drawn = document.createElementNS(SVG, "svg");
    for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", width: size, height: size, "aria-hidden": "true", class: "icon" })) drawn.setAttribute(key, value);
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", ICONS[name] ?? ICONS.more);
    drawn.append(path);
    return drawn;
  }

  // ------------------------------------------------------------------------------------------ fields

  let ids = 0;
  const newId = (name) => `lk-${name}-${++ids}`;

  /** A button. `label` is shown, or with `icon` alone said to screen readers and on hover. */
  function button({ label, icon: symbol, kind = "", onclick, title, disabled, key, pressed, name }) {
    const shown = symbol && kind.includes("icon") ? [icon(symbol)] : [symbol ? icon(symbol, 16) : null, label];
    const made = h("button.btn", {
      type: "button", class: kind, title: title ?? (kind.includes("icon") ? label : null), disabled, name,
      "aria-label": kind.includes("icon") ? label : null, "aria-pressed": pressed === undefined ? null : String(pressed),
      "aria-keyshortcuts": key,
    }, ...shown);
    if (onclick) made.addEventListener("click", (event) => { Promise.resolve(onclick(event)).catch(failed); });
    return made;
  }

  /** A labelled text field. `lines` over 1 makes it grow with its text. `counter(text)` → {text, bad} is shown beside the label. */
  function field({ label, value = "", info, placeholder, lines = 1, oninput, onchange, counter, name, list, type = "text", maxlength = 4000 }) {
    const id = newId("f");
    const box = h(lines > 1 ? "textarea" : "input", { id, name, value, placeholder, maxlength, rows: lines > 1 ? lines : null, type: lines > 1 ? null : type, list, autocomplete: "off", "aria-describedby": info || counter ? `${id}-i` : null });
    const count = h("span.count");
    const help = h("small.info", { id: `${id}-i` }, info ?? "");
    const whole = h("div.field", null, h("label", { htmlFor: id }, h("span", null, label), count), box, info || counter ? help : null);
    const measure = () => {
      if (lines > 1) { box.style.height = "auto"; box.style.height = `${box.scrollHeight + 2}px`; }
      if (!counter) return;
      const said = counter(box.value) ?? {};
      count.textContent = said.text ?? "";
      count.classList.toggle("bad", Boolean(said.bad));
      help.textContent = said.info ?? info ?? "";
    };
    box.addEventListener("input", () => { measure(); oninput?.(box.value); });
    box.addEventListener("change", () => onchange?.(box.value));
    requestAnimationFrame(measure);
    whole.box = box;
    whole.measure = measure;
    whole.set = (next) => { if (box.value !== next && document.activeElement !== box) box.value = next; measure(); };
    return whole;
  }

  /** A labelled choice. `options`: [value, label, disabled?]. */
  function choice({ label, value, options, onchange, info, quiet, name }) {
    const id = newId("c");
    const box = h("select", { id, name }, options.map(([key, text, off]) => h("option", { value: key, selected: key === value, disabled: off }, text)));
    box.value = value ?? "";
    box.addEventListener("change", () => onchange?.(box.value));
    const whole = h("div.field", { class: quiet ? "quiet" : "" }, h("label", { htmlFor: id, class: quiet ? "unseen" : "" }, label), box, info ? h("small.info", null, info) : null);
    whole.box = box;
    whole.set = (next) => { box.value = next ?? ""; };
    return whole;
  }

  /** A labelled slider with its value. `rest` is what a double click, or the small arrow, brings back. */
  function slider({ label, value, min, max, step = 0.01, rest, unit = "", digits, oninput, onchange, disabled, info }) {
    const id = newId("s");
    const places = digits ?? (step >= 1 ? 0 : step >= 0.1 ? 1 : 2);
    const out = h("output", { htmlFor: id });
    const box = h("input", { type: "range", id, min, max, step, value, disabled });
    const show = () => {
      out.textContent = `${Number(box.value).toFixed(places)}${unit}`;
      box.style.setProperty("--at", `${((box.value - min) / (max - min)) * 100}%`);
      whole.classList.toggle("changed", rest !== undefined && Math.abs(box.value - rest) > step / 2);
    };
    const back = () => { box.value = rest; show(); oninput?.(Number(box.value)); onchange?.(Number(box.value)); };
    const reset = rest === undefined ? null : h("button.reset", { type: "button", title: "Back to the start", "aria-label": `${label}: back to the start`, onclick: back }, icon("undo", 13));
    const whole = h("div.slider", { title: info }, h("label", { htmlFor: id }, label), reset, out, box);
    box.addEventListener("input", () => { show(); oninput?.(Number(box.value)); });
    box.addEventListener("change", () => onchange?.(Number(box.value)));
    if (rest !== undefined) box.addEventListener("dblclick", back);
    show();
    whole.box = box;
    whole.set = (next) => { box.value = next; show(); };
    return whole;
  }

  function toggle({ label, value, onchange, info, disabled }) {
    const id = newId("t");
    const box = h("input", { type: "checkbox", id, checked: value, disabled, role: "switch" });
    box.addEventListener("change", () => onchange?.(box.checked));
    const whole = h("div.toggle", { class: disabled ? "off" : "" }, box, h("label", { htmlFor: id }, label, info ? h("small", null, info) : null));
    whole.box = box;
    whole.set = (next) => { box.checked = Boolean(next); };
    return whole;
  }

  /** One of a few, all in sight. `options`: [value, label, title?, disabled?]. */
  function segments({ label, value, options, onchange }) {
    const name = newId("g");
    const whole = h("div.segments", { role: "radiogroup", "aria-label": label });
    for (const [key, text, title, off] of options) {
      const box = h("input", { type: "radio", name, value: key, checked: key === value, disabled: off });
      box.addEventListener("change", () => onchange?.(key));
      whole.append(h("label", { title, class: off ? "off" : "" }, box, h("span", null, text)));
    }
    whole.set = (next) => { for (const box of whole.querySelectorAll("input")) box.checked = box.value === next; };
    return whole;
  }

  /** A place to drop files, which is also a button. `take(paths, files)` gets what the server calls them. */
  function dropzone({ label, accept, multiple, take, name }) {
    const id = newId("d");
    const box = h("input.unseen", { type: "file", id, accept, multiple, name });
    const whole = h("div.drop", null, box, h("label", { htmlFor: id }, label));
    const given = async (files) => {
      if (!files.length) return;
      whole.classList.add("busy");
      try { await take(await upload(files), files); } catch (error) { failed(error); } finally { whole.classList.remove("busy"); box.value = ""; }
    };
    box.addEventListener("change", () => given([...box.files]));
    whole.addEventListener("dragover", (event) => { event.preventDefault(); whole.classList.add("over"); });
    whole.addEventListener("dragleave", () => whole.classList.remove("over"));
    whole.addEventListener("drop", (event) => { event.preventDefault(); whole.classList.remove("over"); given([...event.dataTransfer.files].slice(0, multiple ? 40 : 1)); });
    return whole;
  }

  // ------------------------------------------------------------------------------------------ calls

  class Told extends Error {
    constructor(message, hint) { super(message); this.hint = hint ?? ""; }
  }
  let open = 0;
  const busy = (by) => { open += by; document.documentElement.classList.toggle("lk-busy", open > 0); };

  /** Verbs of a tab's `server`: `await call("verb", {…})` gives the answer, or throws what is wrong in plain words. */
  function caller(server) {
    return async (verb, asked = {}) => {
      busy(1);
      let said;
      try { said = await server[verb](asked); } catch (error) {
        throw new Told("The studio does not answer", "Is the program still running? Start it again and reload the page; nothing is lost.");
      } finally { busy(-1); }
      if (said?.error !== undefined) throw new Told(said.error, said.hint);
      return said?.answer;
    };
  }

  /** Files to the studio's own upload folder; gives what the server calls them. */
  async function upload(files) {
    const form = new FormData();
    for (const file of files) form.append("files", file);
    const answer = await fetch("gradio_api/upload", { method: "POST", body: form }).catch(() => null);
    if (!answer?.ok) throw new Told("The file did not arrive", answer?.status === 413 ? "It is larger than 80 MB." : "Try it again.");
    return answer.json();
  }

  /** A function that waits until it was not called for `ms`; `.now()` does what waits at once. */
  function later(work, ms) {
    let timer = 0, held = null;
    const go = () => { timer = 0; const args = held; held = null; if (args) return work(...args); };
    const asked = (...args) => { held = args; clearTimeout(timer); timer = setTimeout(go, ms); };
    asked.now = () => { clearTimeout(timer); return go(); };
    return asked;
  }

  /** Runs `work` for the newest wish only: while one runs, the next waits, and those between are dropped. */
  function newest(work) {
    let running = false, next = null;
    const run = async (args) => {
      running = true;
      try { await work(...args); } catch (error) { failed(error); }
      running = false;
      if (next) { const args = next; next = null; run(args); }
    };
    return (...args) => { if (running) next = args; else run(args); };
  }

  // ------------------------------------------------------------------------------------------ messages

  const live = h("div.unseen", { role: "status", "aria-live": "polite" });
  const toasts = h("div.toasts", { role: "region", "aria-label": "Messages" });
  const announce = (text) => { live.textContent = ""; setTimeout(() => { live.textContent = text; }, 30); };

  /** A short message. `undo` adds a button that takes the deed back; `kind`: "bad" stays until it is closed. */
  function toast(text, { hint, undo, kind = "", action } = {}) {
    const shut = () => { clearTimeout(timer); made.remove(); };
    const made = h("div.toast", { class: kind, role: kind === "bad" ? "alert" : "status" },
      h("div", null, h("b", null, text), hint ? h("span", null, hint) : null),
      undo ? button({ label: "Undo", kind: "small", onclick: async () => { shut(); await undo(); } }) : null,
      action ? button({ label: action.label, kind: "small", onclick: async () => { shut(); await action.go(); } }) : null,
      button({ label: "Close", icon: "close", kind: "icon small", onclick: shut }));
    for (const old of [...toasts.children].filter((one) => one.querySelector("b").textContent === text)) old.remove();
    toasts.append(made);
    // Inside an open dialog, or it would lie under the dialog's backdrop.
    const host = [...document.querySelectorAll("dialog[open]")].pop() ?? document.body;
    if (toasts.parentElement !== host) host.append(toasts);
    while (toasts.children.length > 4) toasts.firstChild.remove();
    const timer = setTimeout(shut, kind === "bad" ? 60_000 : undo || action ? 12_000 : 6_000);
    return shut;
  }
  function failed(error) {
    if (error?.name === "AbortError") return;
    if (!(error instanceof Told)) console.error(error);
    toast(error?.message || "Something went wrong", { hint: error?.hint, kind: "bad" });
  }

  /** A dialog with a title; `body` is what stands in it, `actions` its buttons. Gives a function that closes it. */
  function dialog({ title, body, actions = [], wide, onclose }) {
    const id = newId("h");
    const made = h("dialog.sheet-dialog", { "aria-labelledby": id, class: wide ? "wide" : "" },
      h("header", null, h("h2", { id }, title), button({ label: "Close", icon: "close", kind: "icon", onclick: () => made.close() })),
      h("div.inside", null, body), actions.length ? h("footer", null, actions) : null);
    const before = document.activeElement;
    made.addEventListener("close", () => { if (made.contains(toasts)) document.body.append(toasts); made.remove(); onclose?.(); if (before?.isConnected) before.focus(); });
    made.addEventListener("click", (event) => { if (event.target === made) made.close(); });
    document.body.append(made);
    made.showModal();
    return () => made.close();
  }

  // ------------------------------------------------------------------------------------------ keys

  const shortcuts = [];
  /** A key: `keys({key: "g", tab: "variants", does: "Generate", go})`. Letters only count outside of fields. */
  function keys({ key, tab, does, go, when }) { shortcuts.push({ key, tab, does, go, when }); }
  const typing = (target) => target?.closest?.("input:not([type=range]):not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable=true]");
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    const combo = `${event.ctrlKey || event.metaKey ? "Ctrl+" : ""}${event.altKey ? "Alt+" : ""}${event.shiftKey && event.key.length > 1 ? "Shift+" : ""}${event.key.length === 1 ? event.key.toLowerCase() : event.key}`;
    const modal = document.querySelector("dialog[open]");
    for (const one of shortcuts) {
      if (one.key !== combo || (one.tab && one.tab !== state.tab)) continue;
      if (typing(event.target) && combo !== "Escape" && !combo.startsWith("Ctrl+Enter")) continue;
      if (modal && one.when !== "modal") continue;
      if (one.when && one.when !== "modal" && !one.when(event)) continue;
      event.preventDefault();
      Promise.resolve(one.go(event)).catch(failed);
      return;
    }
  });
  function help() {
    const rows = [["Everywhere", (one) => !one.tab], ...state.tabs.map((tab) => [tab.label, (one) => one.tab === tab.id])];
    dialog({
      title: "Keys", wide: true, actions: [button({ label: "Show the tour", onclick: () => { document.querySelector("dialog.sheet-dialog[open]").close(); window.lockup.tour(); } })],
      body: h("div.keys", null, rows.map(([title, of]) => {
        const these = shortcuts.filter((one) => one.does && of(one));
        return these.length ? h("section", null, h("h3", null, title), h("dl", null, these.map((one) => [h("dt", null, one.key.split("+").map((part) => h("kbd", null, part === " " ? "Space" : part.length === 1 ? part.toUpperCase() : part.replace("Arrow", "")))), h("dd", null, one.does)]))) : null;
      })),
    });
  }

  // ------------------------------------------------------------------------------------------ the draft

  const listeners = new Map();
  /** Hear of something: `on("draft", (fields) => …)`, "kits", "runs", "over", "tab", "theme". */
  const on = (what, hear) => { listeners.set(what, [...(listeners.get(what) ?? []), hear]); };
  const emit = (what, ...args) => { for (const hear of listeners.get(what) ?? []) { try { hear(...args); } catch (error) { console.error(error); } } };

  const state = { tab: "", tabs: [], draft: null, draftId: "", studio: null, call: null };
  let unsaved = {};
  let tail = Promise.resolve(), lost = null;
  /** What is unsaved, to the studio. One call after the other, so that an older value never comes last. */
  async function send() {
    const fields = unsaved;
    unsaved = {};
    lost = null;
    if (!Object.keys(fields).length) return;
    try { await state.call("save_draft", { draft_id: state.draftId, fields }); } catch (error) {
      unsaved = { ...fields, ...unsaved };
      lost = error;
      push.later();
      return;
    }
    if (!Object.keys(unsaved).length) document.documentElement.dataset.saved = "yes";
  }
  const soon = later(() => { tail = tail.then(send); }, 350);
  const push = { soon, now: () => { soon(); soon.now(); return tail; }, later: () => { failed(lost); setTimeout(soon, 5000); } };
  /** Change fields of the draft: told to every tab now, kept by the studio a moment later. */
  function set(fields, by) {
    Object.assign(state.draft, fields);
    Object.assign(unsaved, fields);
    document.documentElement.dataset.saved = "no";
    push.soon();
    emit("draft", fields, by);
  }
  /** Wait until the studio has kept what was typed. */
  const saved = async () => { await push.now(); if (lost) throw lost; };
  addEventListener("pagehide", () => { push.now(); });
  addEventListener("visibilitychange", () => { if (document.hidden) push.now(); });

  // ------------------------------------------------------------------------------------------ tabs

  function go(tab) {
    const found = document.querySelector(`#tabs [role=tab][data-tab-id="${tab}"]`);
    found?.click();
  }
  /** Where a tab is mounted. `show` is called each time it comes into sight, once it is first ready too. */
  function mount(name, element, { show } = {}) {
    const root = element.querySelector(".view");
    on("tab", (tab) => { if (tab === name) show?.(); });
    if (state.tab === name) ready.then(() => show?.());
    return root;
  }
  let isReady;
  /** Resolved once draft and presets are there. */
  const ready = new Promise((done) => { isReady = done; });

  // ------------------------------------------------------------------------------------------ words

  function span(seconds) {
    if (seconds === null || seconds === undefined) return "";
    if (seconds < 1) return "under a second";
    if (seconds < 90) return `${Math.round(seconds)} s`;
    if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
    return `${(seconds / 3600).toFixed(1)} h`;
  }
  const bytes = (count) => (count >= 1e9 ? `${(count / 1e9).toFixed(1)} GB` : count >= 1e6 ? `${(count / 1e6).toFixed(1)} MB` : `${Math.max(1, Math.round(count / 1e3))} KB`);
  const many = (count, one, more) => `${count.toLocaleString("en")} ${count === 1 ? one : more ?? `${one}s`}`;
  const luminance = (hex) => {
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  /** Black or white, whichever reads better on a colour. */
  const inkOn = (hex) => (luminance(hex) > 0.179 ? "#000000" : "#ffffff");

  /** A list that can be put in order by dragging its rows or with Alt and the arrows. `moved(from, to)`. */
  function sortable(list, moved) {
    let from = -1;
    const rows = () => [...list.children];
    const at = (event) => rows().indexOf(event.target.closest?.("[draggable=true]"));
    list.addEventListener("dragstart", (event) => { from = at(event); event.dataTransfer.effectAllowed = "move"; event.dataTransfer.setData("text/plain", String(from)); });
    list.addEventListener("dragover", (event) => { if (from >= 0) { event.preventDefault(); rows().forEach((row, index) => row.classList.toggle("over", index === at(event))); } });
    list.addEventListener("drop", (event) => { event.preventDefault(); const to = at(event); rows().forEach((row) => row.classList.remove("over")); if (from >= 0 && to >= 0 && to !== from) moved(from, to); from = -1; });
    list.addEventListener("dragend", () => { from = -1; rows().forEach((row) => row.classList.remove("over")); });
    list.addEventListener("keydown", (event) => {
      if (!event.altKey || !["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"].includes(event.key)) return;
      const here = rows().findIndex((row) => row.contains(event.target));
      const to = here + (event.key === "ArrowUp" || event.key === "ArrowLeft" ? -1 : 1);
      if (here < 0 || to < 0 || to >= rows().length) return;
      event.preventDefault();
      moved(here, to);
      requestAnimationFrame(() => rows()[to]?.querySelector("button, input, select, [tabindex]")?.focus());
    });
  }

  // Gradio puts this script in after the page was read, so the event may be over.
  const place = () => document.body.append(live, toasts);
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", place); else place();
  window.lockup = { Told, h, append, fill, icon, button, field, choice, slider, toggle, segments, dropzone, caller, upload, later, newest, announce, toast, failed, dialog, keys, help, on, emit, state, set, saved, go, mount, ready, isReady, span, bytes, many, inkOn, luminance, sortable, typing };
})();
