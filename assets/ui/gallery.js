// The gallery of ads: rows of even height, only those in sight in the page, fetched in pages; selection by keys and mouse.
lockup.gallery ??= (() => {
  const { h, fill, icon, many } = lockup;
  const PAGE = 500, GAP = 14, CAPTION = 26, STRIP = 2.6;

  /** Rows that fill the width: every picture of a row equally high. Gives boxes {x, y, w, h} and the whole height. */
  function rows(ads, width, ideal) {
    const boxes = [];
    let row = [], aspects = 0, y = 0, strips = false;
    const close = (most) => {
      const free = width - GAP * (row.length - 1);
      // Strips are never shown larger than they are; nothing gains by it.
      const own = strips ? Math.min(...row.map((index) => Math.max(ads[index].height, 40))) : Infinity;
      const height = Math.min(most, own, free / aspects);
      let x = 0;
      for (const index of row) {
        const w = height * ratio(ads[index]);
        boxes[index] = { x, y, w, h: height };
        x += w + GAP;
      }
      y += height + CAPTION + GAP;
      row = []; aspects = 0;
    };
    ads.forEach((ad, index) => {
      const wide = ratio(ad) > STRIP;
      if (row.length && wide !== strips) close(ideal); // a strip stands in a row of its own
      strips = wide;
      row.push(index);
      aspects += ratio(ad);
      if ((width - GAP * (row.length - 1)) / aspects <= ideal * (strips ? 0.8 : 1.12)) close(Infinity);
    });
    if (row.length) close(ideal);
    return { boxes, height: y };
  }
  // Very tall ones are given more room, or they would be threads.
  const ratio = (ad) => Math.min(Math.max(ad.width / ad.height, 0.42), 12);

  /** A gallery. `ask(wanted, offset, limit)` → {total, all, ads}; `wanted()` says what to list; `chosen(ad)` hears of the
   *  selection, `opened(ad)` of a double click or Enter; `empty(all)` is shown when there is nothing. */
  function gallery({ ask, wanted, chosen, opened, empty, label = "Ads", ideal = 190 }) {
    const state = { ads: [], total: 0, all: 0, at: -1, also: new Set(), drawn: new Map(), boxes: [], asked: 0, more: false };
    const canvas = h("div.gallery-canvas");
    const box = h("div.gallery", { tabindex: "0", role: "listbox", "aria-label": label, "aria-multiselectable": "true" }, canvas);
    const rest = h("div.gallery-rest");
    const whole = h("div.gallery-whole", null, box, rest);
    const key = (ad) => `${ad.run}/${ad.ad}`;
    let size = ideal;

    function layout() {
      const width = canvas.clientWidth;
      if (!width) return;
      const { boxes, height } = rows(state.ads, width, size);
      state.boxes = boxes;
      canvas.style.height = `${height}px`;
      draw();
    }

    function draw() {
      if (!box.clientHeight) return;
      const top = box.scrollTop - 500, bottom = box.scrollTop + box.clientHeight + 700;
      const keep = new Set();
      state.ads.forEach((ad, index) => {
        const place = state.boxes[index];
        if (!place || place.y + place.h < top || place.y > bottom) return;
        const name = key(ad);
        keep.add(name);
        let cell = state.drawn.get(name);
        if (!cell || cell.line !== JSON.stringify(ad)) {
          const fresh = made(ad, index);
          if (cell) cell.replaceWith(fresh); else canvas.append(fresh);
          fresh.line = JSON.stringify(ad);
          cell = fresh;
          state.drawn.set(name, cell);
        }
        cell.at = index;
        cell.setAttribute("aria-posinset", index + 1);
        cell.setAttribute("aria-setsize", state.total);
        cell.style.transform = `translate(${place.x}px, ${place.y}px)`;
        cell.style.width = `${place.w}px`;
        cell.firstChild.style.height = `${place.h}px`;
        mark(cell, index);
      });
      for (const [name, cell] of state.drawn) if (!keep.has(name)) { cell.remove(); state.drawn.delete(name); }
      if (state.ads.length < state.total && box.scrollTop + box.clientHeight * 3 > canvas.clientHeight) next();
    }

    function made(ad) {
      const short = ad.passed < ad.tested;
      const stars = ad.stars ? h("span.stars", { "aria-label": many(ad.stars, "star") }, "★".repeat(ad.stars)) : null;
      const cell = h("div.ad", { role: "option", id: `ad-${ad.run}-${ad.ad}`, class: `${short ? "short " : ""}${ad.rejected ? "rejected" : ""}`,
        "aria-label": `${ad.name}, variant ${ad.variant}, ${ad.passed} of ${ad.tested} checks passed${ad.stars ? `, ${many(ad.stars, "star")}` : ""}${ad.rejected ? ", rejected" : ""}` },
        h("div.frame", null,
          h("img", { src: ad.thumb, alt: "", loading: "lazy", decoding: "async", draggable: "false" }),
          h("span.score", { class: short ? "bad" : "" }, short ? icon("warn", 13) : icon("check", 13), `${ad.passed}/${ad.tested}`)),
        h("div.caption", null, h("span.clip", null, ad.name), stars, ad.note ? icon("note", 13) : null, ad.rejected ? h("span.quiet", null, "rejected") : null));
      return cell;
    }

    function mark(cell, index) {
      const on = index === state.at || state.also.has(key(state.ads[index]));
      cell.classList.toggle("on", on);
      cell.setAttribute("aria-selected", String(on));
      if (index === state.at) box.setAttribute("aria-activedescendant", cell.id);
    }

    function choose(index, { add = false, scroll = true } = {}) {
      if (!state.ads.length) { state.at = -1; chosen?.(null, []); return; }
      const to = Math.min(Math.max(index, 0), state.ads.length - 1);
      if (add) {
        if (state.at >= 0) state.also.add(key(state.ads[state.at]));
        state.also.add(key(state.ads[to]));
      } else state.also.clear();
      state.at = to;
      const place = state.boxes[to];
      if (scroll && place) {
        if (place.y < box.scrollTop + 4) box.scrollTop = place.y - 12;
        else if (place.y + place.h + CAPTION > box.scrollTop + box.clientHeight) box.scrollTop = place.y + place.h + CAPTION + 12 - box.clientHeight;
      }
      draw();
      chosen?.(state.ads[to], selected());
    }
    const selected = () => state.ads.filter((ad, index) => index === state.at || state.also.has(key(ad)));

    /** The nearest cell above or below: rows need not line up. */
    function vertical(step) {
      const here = state.boxes[state.at];
      if (!here) return state.at;
      const rowsY = [...new Set(state.boxes.map((place) => place.y))];
      const y = rowsY[rowsY.indexOf(here.y) + step];
      if (y === undefined) return state.at;
      const middle = here.x + here.w / 2;
      let best = state.at, off = Infinity;
      state.boxes.forEach((place, index) => { const d = Math.abs(place.x + place.w / 2 - middle); if (place.y === y && d < off) { off = d; best = index; } });
      return best;
    }

    box.addEventListener("keydown", (event) => {
      const to = { ArrowRight: state.at + 1, ArrowLeft: state.at - 1, Home: 0, End: state.ads.length - 1 }[event.key]
        ?? (event.key === "ArrowDown" ? vertical(1) : event.key === "ArrowUp" ? vertical(-1) : null);
      if (to !== null && to !== undefined && !event.altKey && !event.ctrlKey && !event.metaKey) { event.preventDefault(); choose(to, { add: event.shiftKey }); }
      else if (event.key === "Enter" && state.at >= 0) { event.preventDefault(); opened?.(state.ads[state.at]); }
    });
    box.addEventListener("focus", () => { if (state.at < 0 && state.ads.length) choose(0, { scroll: false }); });
    const cellAt = (event) => event.target.closest(".ad");
    canvas.addEventListener("click", (event) => { const cell = cellAt(event); if (cell) choose(cell.at, { add: event.shiftKey || event.ctrlKey || event.metaKey, scroll: false }); });
    canvas.addEventListener("dblclick", (event) => { const cell = cellAt(event); if (cell) opened?.(state.ads[cell.at]); });
    box.addEventListener("scroll", () => requestAnimationFrame(draw), { passive: true });
    new ResizeObserver(() => requestAnimationFrame(layout)).observe(box);

    /** Read the list anew from its start; what is selected stays selected. */
    const refresh = lockup.newest(async () => {
      const pages = Math.max(1, Math.ceil(state.ads.length / PAGE));
      const asked = ++state.asked;
      const first = await ask(wanted(), 0, PAGE);
      let ads = first.ads;
      for (let page = 1; page < pages && ads.length < first.total; page++) ads = ads.concat((await ask(wanted(), page * PAGE, PAGE)).ads);
      if (asked !== state.asked) return;
      // Read only now: another ad may have been chosen while the answer was on its way.
      const before = state.ads[state.at] && key(state.ads[state.at]);
      Object.assign(state, { ads, total: first.total, all: first.all });
      state.at = before ? ads.findIndex((ad) => key(ad) === before) : -1;
      fill(rest, ads.length ? null : empty?.(first.all) ?? null);
      box.hidden = !ads.length;
      layout();
      if (before && state.at < 0) choose(0, { scroll: false });
      else if (state.at >= 0) chosen?.(state.ads[state.at], selected(), true);
    });
    const next = async () => {
      if (state.more) return;
      state.more = true;
      const asked = state.asked;
      try {
        const page = await ask(wanted(), state.ads.length, PAGE);
        if (asked === state.asked && page.ads.length) { state.ads = state.ads.concat(page.ads); layout(); }
      } catch (error) { lockup.failed(error); } finally { state.more = false; }
    };

    return {
      element: whole, box, refresh, choose, selected,
      ads: () => state.ads, total: () => state.total, at: () => state.at, current: () => state.ads[state.at] ?? null,
      /** Change a line where it stands, before the studio has answered. */
      patch: (ad, fields) => { const found = state.ads.find((one) => key(one) === key(ad)); if (found) { Object.assign(found, fields); draw(); } },
      select: (run, ad) => { const index = state.ads.findIndex((one) => one.run === run && one.ad === ad); if (index >= 0) choose(index); },
      top: () => { box.scrollTop = 0; },
      zoom: (height) => { size = height; layout(); },
    };
  }
  return gallery;
})();

/** Two ads side by side, as large as they go; `use(ad)` takes one of them. */
lockup.compare ??= (one, two) => {
  const { h } = lockup;
  const side = (ad) => h("figure.compared", null, h("div", null, h("img", { src: ad.path, alt: `${ad.name}, variant ${ad.variant}` })),
    h("figcaption", null, h("b", null, ad.name), h("span.quiet", null, ` variant ${ad.variant} · ${ad.layout}${ad.set ? ` · ${ad.set}` : ""} · `), h("span", { class: ad.passed < ad.tested ? "warn" : "quiet" }, `${ad.passed} of ${ad.tested}`)));
  lockup.dialog({ title: "Side by side", wide: true, body: h("div.compare", null, side(one), side(two)) });
  document.querySelector("dialog.sheet-dialog:last-of-type")?.classList.add("huge");
};
