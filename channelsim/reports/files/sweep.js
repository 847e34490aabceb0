// The page of a sweep: filters and sorts its table, and draws the Pareto front of the points that are shown.
"use strict";
(() => {
  const { columns, seed, validation } = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const body = at("table").tBodies[0];
  const rows = [...body.rows]; // by number, whatever order the table has
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const keys = columns.map((_, i) => i).filter((i) => columns[i].kind === "key" && columns[i].labels.length > 1);

  // The colours of Okabe and Ito, and shapes with a period that shares no factor with theirs.
  const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];
  const SHAPES = ["M5 0A5 5 0 1 1-5 0A5 5 0 1 1 5 0", "M-4.4-4.4H4.4V4.4H-4.4Z", "M0-5.5L5.5 4.4H-5.5Z",
    "M0-6L6 0L0 6L-6 0Z", "M-5.5-4.4H5.5L0 5.5Z"];
  const PREFIXES = { "-5": "f", "-4": "p", "-3": "n", "-2": "µ", "-1": "m", 0: "", 1: "k", 2: "M", 3: "G", 4: "T", 5: "P" };

  let points = []; // of the picture: { x, y, rows, missing: of its seeds, group }
  let front = new Set(); // of points
  let chosen = new Set(); // of rows, by number

  // --- numbers -----------------------------------------------------------------------------------------------

  function text(value, column, digits = 4) {
    if (column.factor === 100) return `${Number((100 * value).toPrecision(digits))} %`;
    if (!column.unit || value === 0) return `${Number(value.toPrecision(digits))} ${column.unit || ""}`.trim();
    const power = Math.max(-5, Math.min(5, Math.floor(Math.log10(Math.abs(value)) / 3 + 1e-9)));
    return `${Number((value / 1000 ** power).toPrecision(digits))} ${PREFIXES[power]}${column.unit}`;
  }

  function scale(values, column, from, to) {
    let low = Math.min(...values);
    let high = Math.max(...values);
    const log = column.wide && low > 0 && high > 8 * low;
    const f = log ? Math.log10 : (v) => v;
    let pad = 0.06 * (f(high) - f(low)) || 0.05 * Math.abs(f(high)) || 1;
    low = f(low) - pad;
    high = f(high) + pad;
    const most = column.most === null || column.most === undefined ? Infinity : column.most / column.factor;
    if (!log && column.low !== null && low < column.low / column.factor) low = column.low / column.factor;
    if (!log && high > most) high = most + 0.01 * (most - low);
    const place = (v) => from + ((f(v) - low) / (high - low)) * (to - from);
    return { place, ticks: log ? logTicks(low, high) : ticks(low, high) };
  }

  function ticks(low, high) {
    const rough = (high - low) / 5;
    const unit = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((m) => m * unit).find((s) => s >= rough);
    const found = [];
    for (let i = Math.ceil(low / step); i * step <= high; i++) found.push(i * step);
    return found;
  }

  function logTicks(low, high) {
    const subs = high - low < 2 ? [1, 2, 5] : [1];
    const found = [];
    for (let power = Math.floor(low); power <= high; power++)
      for (const sub of subs) {
        const v = sub * 10 ** power;
        if (Math.log10(v) >= low && Math.log10(v) <= high) found.push(v);
      }
    return found.filter((_, i) => i % Math.ceil(found.length / 7) === 0);
  }

  // --- the picture -------------------------------------------------------------------------------------------

  function element(name, attributes, parent) {
    const one = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) one.setAttribute(key, value);
    parent?.append(one);
    return one;
  }

  function label(attributes, words, parent) {
    element("text", attributes, parent).textContent = words;
  }

  // Points that differ in nothing but their seed are one, if means are wanted.
  function gather(x, y, by) {
    const grouped = new Map();
    rows.forEach((row, i) => {
      if (row.hidden) return;
      const apart = at("means").checked ? keys.filter((k) => k !== seed).map((k) => columns[k].values[i]) : [i];
      const name = apart.join();
      if (!grouped.has(name)) grouped.set(name, []);
      grouped.get(name).push(i);
    });
    const both = (i) => columns[x].values[i] !== null && columns[y].values[i] !== null;
    return best([...grouped.values()]).filter((all) => all.some(both)).map((all) => {
      const of = all.filter(both);
      const group = by === null ? 0 : columns[by].values[of[0]];
      return { x: mean(of, x), y: mean(of, y), rows: of, missing: all.length - of.length, group };
    });
  }

  const mean = (of, c) => of.reduce((sum, i) => sum + columns[c].values[i], 0) / of.length;

  // Of groups that differ only in one key (and the seed) the one that does best on the validation samples; one of
  // which a seed has failed is not chosen.
  function best(groups) {
    const key = at("best-over")?.value;
    if (!key) return groups;
    const others = keys.filter((k) => k !== Number(key) && (k !== seed || !at("means").checked));
    const found = new Map();
    for (const group of groups) {
      if (group.some((i) => columns[validation].values[i] === null)) continue;
      const name = others.map((k) => columns[k].values[group[0]]).join();
      const score = mean(group, validation);
      if (!found.has(name) || score > found.get(name).score) found.set(name, { score, group });
    }
    return [...found.values()].map((one) => one.group);
  }

  function frontOf(x, y) {
    const cost = (v, c) => (columns[c].high ? -v : v);
    const beats = (a, b) =>
      cost(a.x, x) <= cost(b.x, x) && cost(a.y, y) <= cost(b.y, y) && (a.x !== b.x || a.y !== b.y);
    const whole = points.filter((p) => !p.missing); // what fails with some seed is not on the front
    return new Set(whole.filter((p) => !whole.some((other) => beats(other, p))));
  }

  function described(point, x, y) {
    const named = keys.filter((k) => k !== seed).map((k) => `${columns[k].label.split(".").pop()} ${columns[k].labels[columns[k].values[point.rows[0]]]}`);
    const seeds = point.rows.length > 1 ? `mean of ${point.rows.length} seeds` : `no. ${point.rows[0] + 1}`;
    const of = seeds + (point.missing ? `, ${point.missing} failed` : "");
    return `${named.join(", ") || "point"} (${of}): ${columns[y].label} ${text(point.y, columns[y])}, ${columns[x].label} ${text(point.x, columns[x])}`;
  }

  function draw() {
    if (!at("x")) return;
    const [x, y] = [Number(at("x").value), Number(at("y").value)];
    const by = at("by").value === "" ? null : Number(at("by").value);
    points = gather(x, y, by).sort((a, b) => a.x - b.x || a.y - b.y);
    front = frontOf(x, y);
    const wide = Math.min(Math.max(at("chart").clientWidth, 300), 900);
    const high = Math.round(Math.min(440, 0.45 * wide + 110));
    const [left, right, top, bottom] = [64, 16, 12, 46];
    const svg = element("svg", { viewBox: `0 0 ${wide} ${high}`, role: "group", style: `max-width:${wide}px`,
      "aria-label": `${columns[y].label} over ${columns[x].label}, ${points.length} points` });
    at("chart").replaceChildren(svg);
    if (!points.length) label({ x: wide / 2, y: high / 2, "text-anchor": "middle" }, "no point is shown", svg);
    else axes(svg, x, y, wide, high, left, right, top, bottom);
    legend(by);
    list(x, y);
    mark();
  }

  function axes(svg, x, y, wide, high, left, right, top, bottom) {
    const across = scale(points.map((p) => p.x), columns[x], left, wide - right);
    const up = scale(points.map((p) => p.y), columns[y], high - bottom, top);
    const few = Math.ceil(across.ticks.length / Math.max(2, Math.floor((wide - left) / 80)));
    across.ticks.filter((_, i) => i % few === 0).forEach((v) => {
      const px = across.place(v);
      element("line", { class: "rule", x1: px, x2: px, y1: top, y2: high - bottom }, svg);
      label({ x: px, y: high - bottom + 16, "text-anchor": "middle" }, text(v, columns[x]), svg);
    });
    up.ticks.forEach((v) => {
      const py = up.place(v);
      element("line", { class: "rule", x1: left, x2: wide - right, y1: py, y2: py }, svg);
      label({ x: left - 6, y: py + 4, "text-anchor": "end" }, text(v, columns[y]), svg);
    });
    element("path", { class: "axis", fill: "none", d: `M${left} ${top}V${high - bottom}H${wide - right}` }, svg);
    label({ x: (left + wide - right) / 2, y: high - 8, "text-anchor": "middle" }, columns[x].label, svg);
    const middle = (top + high - bottom) / 2;
    label({ x: 12, y: middle, "text-anchor": "middle", transform: `rotate(-90 12 ${middle})` }, columns[y].label, svg);
    const on = points.filter((p) => front.has(p));
    element("path", { class: "trend", d: `M${on.map((p) => `${across.place(p.x)} ${up.place(p.y)}`).join("L")}` }, svg);
    points.forEach((point, i) => draw1(svg, point, i, across.place(point.x), up.place(point.y), x, y));
  }

  function draw1(svg, point, i, px, py, x, y) {
    const words = described(point, x, y);
    const link = element("a", { href: `#p${point.rows[0]}`, transform: `translate(${px.toFixed(1)} ${py.toFixed(1)})`,
      tabindex: i === 0 ? 0 : -1, "aria-label": words + (front.has(point) ? ", on the front" : "") }, svg);
    if (front.has(point)) {
      element("circle", { class: "ring", r: 9 }, link);
      label({ class: "number", x: 10, y: -8 }, point.rows[0] + 1, link);
    }
    element("path", { class: "mark", d: SHAPES[point.group % SHAPES.length], fill: COLOURS[point.group % COLOURS.length],
      "fill-opacity": point.missing ? 0.35 : 1, stroke: "#fff", "stroke-width": 0.8 }, link);
    element("title", {}, link).textContent = words;
    point.link = link;
    for (const event of ["mouseenter", "focus"]) link.addEventListener(event, () => (at("told").textContent = words));
    link.addEventListener("click", (event) => {
      event.preventDefault();
      choose(point.rows);
      rows[point.rows[0]].scrollIntoView({ block: "center" });
      rows[point.rows[0]].querySelector("a").focus({ preventScroll: true });
    });
    link.addEventListener("keydown", (event) => move(event, i));
  }

  // Of all points one takes part in tabbing; arrow keys lead to the others.
  function move(event, i) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = points[(i + step + points.length) % points.length];
    points[i].link.setAttribute("tabindex", -1);
    next.link.setAttribute("tabindex", 0);
    next.link.focus();
  }

  function legend(by) {
    const shown = by === null ? [] : [...new Set(points.map((p) => p.group))].sort((a, b) => a - b);
    at("legend").replaceChildren(...shown.map((group) => {
      const item = document.createElement("span");
      const svg = element("svg", { width: 14, height: 14, viewBox: "-7 -7 14 14", "aria-hidden": "true" });
      element("path", { d: SHAPES[group % SHAPES.length], fill: COLOURS[group % COLOURS.length] }, svg);
      item.append(svg, columns[by].labels[group]);
      return item;
    }));
  }

  function list(x, y) {
    at("best").replaceChildren(...points.filter((p) => front.has(p)).map((point) => {
      const item = document.createElement("li");
      const link = document.createElement("a");
      link.href = `#p${point.rows[0]}`;
      link.textContent = described(point, x, y);
      link.addEventListener("click", () => choose(point.rows));
      item.append(link);
      return item;
    }));
  }

  // --- the table ---------------------------------------------------------------------------------------------

  function choose(numbers) {
    chosen = new Set(numbers);
    mark();
  }

  function mark() {
    const best = new Set([...front].flatMap((p) => p.rows));
    rows.forEach((row, i) => {
      row.classList.toggle("chosen", chosen.has(i));
      row.classList.toggle("front", best.has(i));
    });
    for (const point of points) point.link?.classList.toggle("chosen", point.rows.some((i) => chosen.has(i)));
  }

  function filter() {
    const words = at("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = [...document.querySelectorAll("select[data-key]")].filter((one) => one.value !== "");
    rows.forEach((row, i) => {
      row.hidden = !(words.every((word) => texts[i].includes(word)) &&
        wanted.every((one) => columns[one.dataset.key].values[i] === Number(one.value)));
    });
    draw();
    if (at("only").checked) {
      const best = new Set([...front].flatMap((p) => p.rows));
      rows.forEach((row, i) => (row.hidden ||= !best.has(i)));
    }
    const left = rows.filter((row) => !row.hidden).length;
    at("count").textContent = left === rows.length ? `${left} points` : `${left} of ${rows.length} points`;
  }

  function sort(button) {
    const head = button.closest("th");
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const i = head.cellIndex;
    const column = columns[button.dataset.sort];
    const value = (n) => (button.dataset.sort === "" ? n : column.kind === "text" ? rows[n].cells[i].textContent : column.values[n]);
    const order = rows.map((_, n) => n).sort((a, b) => {
      const [u, v] = [value(a), value(b)];
      if (u === null || v === null) return (u === null) - (v === null) || a - b; // what is missing stays at the end
      return (down ? -1 : 1) * (u < v ? -1 : u > v ? 1 : 0) || a - b;
    });
    body.append(...order.map((n) => rows[n]));
  }

  at("table").tHead.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) sort(button);
  });
  body.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link) return;
    const i = rows.indexOf(link.closest("tr"));
    choose([i]);
    const point = points.find((p) => p.rows.includes(i));
    if (!point) return;
    event.preventDefault();
    at("front").scrollIntoView();
    point.link.focus({ preventScroll: true });
  });
  at("columns").addEventListener("change", (event) =>
    at("table").classList.toggle(`without-${event.target.dataset.column}`, !event.target.checked));
  at("filters").addEventListener("input", filter);
  at("filters").addEventListener("submit", (event) => event.preventDefault());
  at("filters").addEventListener("reset", () => setTimeout(filter));
  at("controls")?.addEventListener("input", filter);
  document.addEventListener("keydown", (event) => event.key === "Escape" && choose([]));
  if (at("means-label") && (seed === null || columns[seed].labels.length < 2)) {
    at("means").checked = false;
    at("means-label").hidden = true;
  }
  let width = 0;
  addEventListener("resize", () => {
    if (at("chart") && at("chart").clientWidth !== width) draw();
    width = at("chart")?.clientWidth;
  });
  filter();
})();
