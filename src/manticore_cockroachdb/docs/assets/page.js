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
  const objects = all(".object"), entries = all(".entry");
  const links = new Map(all("nav a").map((link) => [link.hash.slice(1), link]));
  // Cards of tables by their address; a table has one in each picture.
  const cardsOf = new Map();
  for (const card of all(".card-link")) {
    const address = card.getAttribute("href").slice(1);
    cardsOf.set(address, [...(cardsOf.get(address) || []), card]);
  }
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
      const link = links.get(object.id);
      if (link) link.parentElement.hidden = !yes;
      for (const card of cardsOf.get(object.id) || []) card.classList.toggle("dim", !yes);
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
    const seen = words.length && first ? cardsOf.get(first.id) || [] : [];
    const card = seen.find((one) => !one.closest("[hidden]"));
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
  const pictures = new Map(all(".picture", canvas).map((one) => [one.dataset.picture, one]));
  const keys = $("#keys"), around = $("#around");
  let picture = null, width = 1, height = 1, scale = 1;
  const zoom = (to, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) => {
    const before = scale;
    scale = Math.min(3, Math.max(0.05, to));
    const left = (canvas.scrollLeft + x) * scale / before - x;
    const top = (canvas.scrollTop + y) * scale / before - y;
    picture.setAttribute("width", width * scale);
    picture.setAttribute("height", height * scale);
    canvas.scrollLeft = left;
    canvas.scrollTop = top;
  };
  // All of it at once: in its width, and in the height that the page gives a diagram.
  const tallest = () => {
    const limit = parseFloat(getComputedStyle(canvas).maxHeight);
    return Number.isNaN(limit) ? innerHeight * 0.78 : limit;
  };
  const wide = () => Math.min(1, (canvas.clientWidth - 2) / width);
  const fit = () => Math.min(wide(), (tallest() - 2) / height);
  const show = (name) => {
    for (const [other, part] of pictures) part.hidden = other !== name;
    picture = $("svg", pictures.get(name));
    width = picture.viewBox.baseVal.width;
    height = picture.viewBox.baseVal.height;
    scale = 1;
    zoom(name === "around" ? Math.max(fit(), 0.4) : Math.max(wide(), 0.55));
    canvas.scrollLeft = canvas.scrollTop = 0;
  };
  const sizes = { in: () => scale * 1.25, out: () => scale / 1.25, one: () => 1, fit };
  for (const button of all("[data-zoom]"))
    button.addEventListener("click", () => zoom(sizes[button.dataset.zoom]()));
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const box = canvas.getBoundingClientRect();
    zoom(scale * Math.exp(-event.deltaY / 400), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });

  // One table and those that a foreign key joins with it: what it points to on the left, what
  // points to it on the right. Cards are those of the other pictures, the middle one with all.
  const SVG = "http://www.w3.org/2000/svg";
  const make = (name, attributes, within) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return within.appendChild(made);
  };
  const neighbours = (address) => {
    const whole = $("svg", pictures.get("full")), brief = $("svg", pictures.get("keys"));
    const number = cardsOf.get(address)[0].dataset.card;
    const mine = all(".line", brief).filter(
      (line) => line.dataset.from === number || line.dataset.to === number);
    const parents = new Set(), children = new Set();
    for (const line of mine) {
      if (line.dataset.from === number && line.dataset.to !== number) parents.add(line.dataset.to);
    }
    for (const line of mine) {
      const from = line.dataset.from;
      if (from !== number && !parents.has(from)) children.add(from);
    }
    const drawn = make("svg", { class: "er" }, document.createDocumentFragment());
    const lines = make("g", {}, drawn), places = new Map();
    const columns = [];
    // Side by side where there are many, so that all of them can be seen.
    const place = (numbers, from, left) => {
      const rows = Math.max(8, Math.ceil(Math.sqrt(numbers.length * 3)));
      let x = left;
      for (let start = 0; start < numbers.length; start += rows) {
        const some = numbers.slice(start, start + rows);
        if (start) x += 60;
        let y = 24, wide = 0;
        for (const one of some) {
          const card = $(`[data-card="${one}"]`, from).cloneNode(true);
          const body = $(".body", card);
          const size = { width: +body.getAttribute("width"), height: +body.getAttribute("height") };
          card.classList.remove("dim", "far");
          drawn.appendChild(card);
          places.set(one, { card: $(".card", card), x, y, ...size });
          y += size.height + 20;
          wide = Math.max(wide, size.width);
        }
        columns.push({ some, bottom: y - 20 });
        x += wide;
      }
      return x;
    };
    const left = place([...parents], brief, 24);
    const middle = place([number], whole, parents.size ? left + 110 : 24);
    const right = place([...children], brief, middle + 110);
    const tall = Math.max(...columns.map((column) => column.bottom));
    for (const { some, bottom } of columns) {
      for (const one of some) {
        const { card, x } = places.get(one);
        const y = places.get(one).y += (tall - bottom) / 2;
        card.setAttribute("transform", `translate(${x} ${y})`);
      }
    }
    const times = new Map();
    for (const line of mine) {
      const { from, to } = line.dataset;
      const pair = [from, to].sort().join(" "), nth = times.get(pair) || 0;
      times.set(pair, nth + 1);
      const group = make("g", { class: "line", "data-from": from, "data-to": to }, lines);
      group.appendChild($("title", line).cloneNode(true));
      const a = places.get(from), b = places.get(to);
      const y1 = a.y + 16 + nth * 7, y2 = b.y + 16 + nth * 7;
      const back = a.x < b.x;
      const x1 = back ? a.x + a.width : a.x, x2 = back ? b.x : b.x + b.width;
      const way = from === to
        ? `M${a.x + a.width} ${y1}c44 0 44 22 0 22`
        : `M${x1} ${y1}C${(x1 + x2) / 2} ${y1} ${(x1 + x2) / 2} ${y2} ${x2} ${y2}`;
      make("path", { class: "wide", d: way }, group);
      make("path", { class: "way", d: way }, group);
    }
    const end = children.size ? right : middle + 50;
    drawn.setAttribute("viewBox", `0 0 ${end + 24} ${tall + 24}`);
    drawn.setAttribute("role", "img");
    drawn.setAttribute("aria-label", "A table and its neighbours");
    pictures.get("around").replaceChildren(drawn);
  };
  const shown = () => {
    if (around.value) return "around";
    return keys.getAttribute("aria-pressed") === "true" ? "keys" : "full";
  };
  const choose = (address) => {
    around.value = address;
    if (address) neighbours(address);
    keys.disabled = Boolean(address);
    show(shown());
  };
  around.addEventListener("change", () => choose(around.value));
  keys.addEventListener("click", () => {
    keys.setAttribute("aria-pressed", String(keys.getAttribute("aria-pressed") !== "true"));
    show(shown());
  });
  for (const button of all("[data-around]"))
    button.addEventListener("click", () => {
      choose(button.dataset.around);
      $("#diagram").scrollIntoView();
      around.focus({ preventScroll: true });
    });
  choose("");

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
  const light = (card, yes) => {
    const here = card.closest("svg"), near = new Set([card.dataset.card]);
    for (const line of all(".line", here)) {
      const mine = line.dataset.from === card.dataset.card || line.dataset.to === card.dataset.card;
      line.classList.toggle("on", yes && mine);
      if (mine) near.add(line.dataset.from).add(line.dataset.to);
    }
    if (near.size > 1)
      for (const other of all(".card-link", here))
        other.classList.toggle("far", yes && !near.has(other.dataset.card));
  };
  const listen = (name, yes) => canvas.addEventListener(name, (event) => {
    const card = event.target.closest(".card-link");
    if (card && !card.contains(event.relatedTarget)) light(card, yes);
  });
  for (const name of ["mouseover", "focusin"]) listen(name, true);
  for (const name of ["mouseout", "focusout"]) listen(name, false);
})();
