// Showing work to a client: only the work, as large as it goes, on a calm ground. Used by every tab that lists ads.
lockup.present ??= (() => {
  const { h, fill, announce } = lockup;
  const GROUNDS = ["light", "grey", "dark"];
  const HIDE_MS = 1800, MARK_MS = 1100;

  /** Show `ads` full screen from `index` on. `judge(ad, {stars} or {rejected})` keeps what the keys 1 to 5 and X say;
   *  `left(ad)` hears at which ad it ended. `windowed` stays inside the page. */
  function present(ads, index = 0, { judge, left, windowed } = {}) {
    if (!ads.length) return null;
    let at = Math.min(Math.max(index, 0), ads.length - 1), ground = remembered(), caption = false, idle = 0, marking = 0, ended = false;
    const before = document.activeElement;
    const stage = h("div.present-stage");
    const words = h("p.present-caption", { hidden: true });
    const mark = h("div.present-mark", { "aria-hidden": "true" });
    const whole = h("dialog.present", { "aria-label": "Presentation", data: { ground } }, stage, words, mark);

    const picture = (ad) => {
      const image = h("img", { src: ad.path, alt: `${ad.name}${ad.headline ? `: ${ad.headline}` : ""}`, draggable: "false" });
      image.style.aspectRatio = `${ad.width} / ${ad.height}`;
      return image;
    };
    // Neighbours are decoded beforehand, so that a step is instant.
    const near = new Map();
    function ready(ad) {
      if (!near.has(ad.path)) {
        const image = picture(ad);
        image.decode().catch(() => {});
        near.set(ad.path, image);
        while (near.size > 7) near.delete(near.keys().next().value);
      }
      return near.get(ad.path);
    }
    function size(image, ad) {
      const room = { w: innerWidth * 0.88, h: innerHeight * 0.86 };
      // A small banner is shown at up to twice its size: more would show its pixels, not the work.
      const scale = Math.min(room.w / ad.width, room.h / ad.height, 2);
      image.style.width = `${Math.round(ad.width * scale)}px`;
      image.style.height = `${Math.round(ad.height * scale)}px`;
    }
    function show() {
      const ad = ads[at], image = ready(ad);
      size(image, ad);
      image.classList.remove("in");
      fill(stage, image);
      requestAnimationFrame(() => image.classList.add("in"));
      fill(words, h("b", null, ad.name), `   ${ad.width} × ${ad.height}`);
      words.hidden = !caption;
      for (const step of [1, -1, 2]) { const next = ads[at + step]; if (next) ready(next); }
      announce(`${ad.name}, ${at + 1} of ${ads.length}`);
    }
    const go = (to) => { const next = Math.min(Math.max(to, 0), ads.length - 1); if (next !== at) { at = next; show(); } };
    function say(text) {
      clearTimeout(marking);
      mark.textContent = text;
      mark.classList.add("on");
      marking = setTimeout(() => mark.classList.remove("on"), MARK_MS);
    }
    function judged(fields, text) {
      if (!judge) return;
      const ad = ads[at];
      Object.assign(ad, fields);
      say(text);
      Promise.resolve(judge(ad, fields)).catch(lockup.failed);
    }
    const deeds = {
      ArrowRight: () => go(at + 1), ArrowDown: () => go(at + 1), " ": () => go(at + 1), PageDown: () => go(at + 1), Enter: () => go(at + 1),
      ArrowLeft: () => go(at - 1), ArrowUp: () => go(at - 1), PageUp: () => go(at - 1), Backspace: () => go(at - 1),
      Home: () => go(0), End: () => go(ads.length - 1), Escape: end, f: end, p: end,
      b: () => { ground = GROUNDS[(GROUNDS.indexOf(ground) + 1) % GROUNDS.length]; whole.dataset.ground = ground; remember(ground); },
      c: () => { caption = !caption; words.hidden = !caption; },
      x: () => judged({ rejected: !ads[at].rejected }, ads[at].rejected ? "back in" : "×"),
    };
    for (let stars = 0; stars <= 5; stars++) deeds[stars] = () => judged({ stars }, stars ? "★".repeat(stars) : "☆");

    whole.addEventListener("keydown", (event) => {
      const deed = deeds[event.key.length === 1 ? event.key.toLowerCase() : event.key];
      event.stopPropagation();
      if (!deed || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      deed();
    });
    whole.addEventListener("cancel", (event) => { event.preventDefault(); end(); });
    let from = null;
    whole.addEventListener("pointerdown", (event) => { from = { x: event.clientX, y: event.clientY }; });
    whole.addEventListener("pointerup", (event) => {
      if (!from) return;
      const dx = event.clientX - from.x, dy = event.clientY - from.y;
      from = null;
      if (Math.abs(dx) > 40 && Math.abs(dx) > Math.abs(dy)) go(at + (dx < 0 ? 1 : -1));
      else if (Math.hypot(dx, dy) < 10) go(at + (event.clientX < innerWidth * 0.3 ? -1 : 1));
    });
    const stir = () => { whole.classList.remove("idle"); clearTimeout(idle); idle = setTimeout(() => whole.classList.add("idle"), HIDE_MS); };
    whole.addEventListener("pointermove", stir);
    const resized = () => size(near.get(ads[at].path), ads[at]);
    const changed = () => { if (!document.fullscreenElement && !windowed) end(); };

    function end() {
      if (ended) return;
      ended = true;
      removeEventListener("resize", resized);
      document.removeEventListener("fullscreenchange", changed);
      clearTimeout(idle);
      if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
      whole.close();
      whole.remove();
      document.documentElement.classList.remove("lk-presenting");
      if (before?.isConnected) before.focus();
      left?.(ads[at]);
    }

    document.body.append(whole);
    document.documentElement.classList.add("lk-presenting");
    whole.showModal();
    addEventListener("resize", resized);
    stir();
    show();
    if (!windowed) {
      // Where full screen is not allowed the overlay fills the window, which is as good.
      const asked = document.documentElement.requestFullscreen?.({ navigationUI: "hide" });
      asked?.then(() => document.addEventListener("fullscreenchange", changed)).catch(() => {});
    }
    return { end, go, at: () => at };
  }
  const remembered = () => { try { const kept = localStorage.getItem("lockup.ground"); return GROUNDS.includes(kept) ? kept : "light"; } catch { return "light"; } };
  const remember = (ground) => { try { localStorage.setItem("lockup.ground", ground); } catch { /* private window */ } };
  return present;
})();
