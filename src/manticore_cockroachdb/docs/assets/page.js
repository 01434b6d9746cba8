"use strict";
(() => {
  const $ = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const root = document.documentElement;

  // --- light and dark ---------------------------------------------------------------------
  const kept = {
    get() { try { return localStorage.getItem("manticore-theme"); } catch { return null; } },
    set(value) { try { localStorage.setItem("manticore-theme", value); } catch { /* private */ } },
  };
  const dark = () => root.dataset.theme
    ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  if (["light", "dark"].includes(kept.get())) root.dataset.theme = kept.get();
  $("#theme").addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    kept.set(root.dataset.theme);
  });

  // --- the contents on a narrow screen ----------------------------------------------------
  const nav = $("#nav"), menu = $("#menu");
  const open = (yes) => {
    nav.classList.toggle("open", yes);
    menu.setAttribute("aria-expanded", String(yes));
  };
  menu.addEventListener("click", () => open(!nav.classList.contains("open")));
  nav.addEventListener("click", (event) => { if (event.target.closest("a")) open(false); });

  // --- search -----------------------------------------------------------------------------
  const search = $("#search"), found = $("#found"), nothing = $(".nothing");
  const objects = all(".object"), entries = all(".entry"), cards = all(".card-link");
  const links = new Map(all("nav a").map((link) => [link.hash.slice(1), link]));
  const cardOf = new Map(cards.map((card) => [card.getAttribute("href").slice(1), card]));
  const heading = (part) => {
    let before = part.previousElementSibling;
    while (before && before.tagName !== "H2") before = before.previousElementSibling;
    return before;
  };
  const headings = new Map(objects.map((object) => [object, heading(object)]));
  let first = null;

  const look = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (part) => words.every((word) => part.dataset.text.includes(word));
    const shown = new Set();
    let count = 0;
    first = null;
    for (const object of objects) {
      const yes = fits(object);
      object.hidden = !yes;
      if (yes) {
        count += 1;
        shown.add(headings.get(object));
        const better = words.length && object.dataset.name.startsWith(words[0]);
        if (!first || (better && !first.dataset.name.startsWith(words[0]))) first = object;
      }
      const link = links.get(object.id), card = cardOf.get(object.id);
      if (link) link.parentElement.hidden = !yes;
      if (card) card.classList.toggle("dim", !yes);
    }
    for (const title of new Set(headings.values())) if (title) title.hidden = !shown.has(title);
    let past = 0;
    for (const entry of entries) {
      const yes = fits(entry);
      entry.hidden = !yes;
      past += yes;
    }
    const history = $("#migrations");
    if (history) history.hidden = words.length > 0 && past === 0;
    for (const list of all("nav ul")) {
      const any = all("li", list).some((item) => !item.hidden);
      if (list.previousElementSibling) list.previousElementSibling.hidden = !any;
    }
    nothing.hidden = count + past > 0;
    document.body.classList.toggle("searching", words.length > 0);
    const card = words.length && first && cardOf.get(first.id);
    if (card) {
      const canvas = card.closest(".canvas"), box = card.getBoundingClientRect();
      const around = canvas.getBoundingClientRect();
      canvas.scrollLeft += box.left + box.width / 2 - around.left - around.width / 2;
      canvas.scrollTop += box.top + box.height / 2 - around.top - around.height / 2;
    }
    const migrations = entries.length ? `, ${past} of ${entries.length} migrations` : "";
    found.textContent = words.length ? `${count} of ${objects.length}${migrations}` : "";
  };
  const go = (part) => {
    location.hash = part.id;
    const target = $("a", part) || part;
    target.focus({ preventScroll: true });
  };
  search.addEventListener("input", look);
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && first && first.id) go(first);
    if (event.key === "Escape") { search.value = ""; look(); search.blur(); }
    if (event.key === "ArrowDown") {
      const next = all("nav a").find((link) => link.offsetParent && !link.parentElement.hidden);
      if (next) { event.preventDefault(); next.focus(); }
    }
  });
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      search.focus();
      search.select();
    }
  });
  nav.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const shown = all("a", nav).filter((link) => link.offsetParent);
    const at = shown.indexOf(document.activeElement);
    if (at < 0) return;
    event.preventDefault();
    const next = shown[at + (event.key === "ArrowDown" ? 1 : -1)];
    if (next) next.focus(); else if (event.key === "ArrowUp") search.focus();
  });
  // What a search hides has to be there when somebody follows a link to it.
  addEventListener("hashchange", () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.closest("[hidden]")) {
      search.value = "";
      look();
      target.scrollIntoView();
    }
  });

  // --- where one is -----------------------------------------------------------------------
  let current = null;
  const seen = new IntersectionObserver((changes) => {
    for (const change of changes) {
      const link = links.get(change.target.id);
      if (!change.isIntersecting || !link) continue;
      if (current) current.classList.remove("current");
      current = link;
      current.classList.add("current");
      const top = current.offsetTop - nav.offsetTop;
      if (top < nav.scrollTop || top > nav.scrollTop + nav.clientHeight - 60)
        nav.scrollTop = top - nav.clientHeight / 2;
    }
  }, { rootMargin: "-15% 0px -75% 0px" });
  for (const part of [...objects, ...all("#diagram, #migrations")]) seen.observe(part);

  // --- the diagram ------------------------------------------------------------------------
  const canvas = $(".canvas");
  if (!canvas) return;
  const picture = $("svg", canvas);
  const width = picture.viewBox.baseVal.width, height = picture.viewBox.baseVal.height;
  let scale = 1;
  const zoom = (to, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) => {
    const before = scale;
    scale = Math.min(3, Math.max(0.1, to));
    const left = (canvas.scrollLeft + x) * scale / before - x;
    const top = (canvas.scrollTop + y) * scale / before - y;
    picture.setAttribute("width", width * scale);
    picture.setAttribute("height", height * scale);
    canvas.scrollLeft = left;
    canvas.scrollTop = top;
  };
  const fit = () => Math.min(1, (canvas.clientWidth - 2) / width);
  zoom(Math.max(fit(), 0.55));
  canvas.scrollLeft = canvas.scrollTop = 0;
  const sizes = { in: () => scale * 1.25, out: () => scale / 1.25, one: () => 1, fit };
  for (const button of all("[data-zoom]"))
    button.addEventListener("click", () => zoom(sizes[button.dataset.zoom]()));
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const box = canvas.getBoundingClientRect();
    zoom(scale * Math.exp(-event.deltaY / 400), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });

  let held = null, moved = false;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.pointerType === "touch") return;
    held = { x: event.clientX + canvas.scrollLeft, y: event.clientY + canvas.scrollTop };
    moved = false;
  });
  addEventListener("pointermove", (event) => {
    if (!held) return;
    const left = held.x - event.clientX, top = held.y - event.clientY;
    if (Math.abs(left - canvas.scrollLeft) + Math.abs(top - canvas.scrollTop) > 4) moved = true;
    if (!moved) return;
    canvas.classList.add("held");
    canvas.scrollLeft = left;
    canvas.scrollTop = top;
  });
  addEventListener("pointerup", () => { held = null; canvas.classList.remove("held"); });
  canvas.addEventListener("click", (event) => { if (moved) event.preventDefault(); }, true);
  canvas.addEventListener("dragstart", (event) => event.preventDefault());

  // A table under the pointer, or with the focus, shows what it is connected to.
  const lines = all(".line", picture);
  const light = (card, yes) => {
    const near = new Set([card.dataset.card]);
    for (const line of lines) {
      const mine = line.dataset.from === card.dataset.card || line.dataset.to === card.dataset.card;
      line.classList.toggle("on", yes && mine);
      if (mine) near.add(line.dataset.from).add(line.dataset.to);
    }
    if (near.size > 1)
      for (const other of cards) other.classList.toggle("far", yes && !near.has(other.dataset.card));
  };
  for (const card of cards) {
    for (const name of ["mouseenter", "focus"]) card.addEventListener(name, () => light(card, true));
    for (const name of ["mouseleave", "blur"]) card.addEventListener(name, () => light(card, false));
  }
})();
