// A plot: axes with units, a legend that wraps, layers of lines, points and cells; drawn in SVG at the size that it has.

const ROW = 18;
const LETTER = 6.7;

/** A place for a plot, which is drawn again when its width changes. `draw` gets a specification (see `drawn`). */
function plotArea(height, label) {
  const box = h("div", { class: "plot" });
  let latest = null;
  let width = 0;
  const paint = () => {
    if (latest && width > 60) box.replaceChildren(drawn(latest, width, height, label));
  };
  const observer = new ResizeObserver(([entry]) => {
    const now = Math.floor(entry.contentRect.width);
    if (now !== width) {
      width = now;
      paint();
    }
  });
  observer.observe(box);
  const draw = (specification) => {
    latest = specification;
    width ||= Math.floor(box.clientWidth); // later ones are told by the observer: to ask for it costs a layout of the page
    paint();
  };
  return { box, draw, clear: () => { latest = null; box.replaceChildren(); }, close: () => observer.disconnect() };
}

/**
 * SVG of {x: {label, range}, y: {label, range}, layers, legend, summary}. A layer is {kind: "line", x, y, style, dash, width,
 * opacity}, {kind: "points", places, style, radius}, {kind: "rule", x | y, style, dash}, {kind: "cells", x, y, fill},
 * {kind: "band", x0, x1}, {kind: "cross", x, y} or {kind: "own", make: (scale) => [elements]}.
 */
function drawn(specification, width, height, label) {
  const { x, y, layers, legend = [], summary = "" } = specification;
  const rows = legendRows(legend, width - 60);
  const margin = { left: 56, right: 12, top: 8 + rows.length * ROW, bottom: 40 };
  const inner = { w: width - margin.left - margin.right, h: height - margin.top - margin.bottom };
  const scale = {
    x: (v) => margin.left + ((v - x.range[0]) / (x.range[1] - x.range[0])) * inner.w,
    y: (v) => margin.top + inner.h - ((v - y.range[0]) / (y.range[1] - y.range[0])) * inner.h,
    toX: (px) => x.range[0] + ((px - margin.left) / inner.w) * (x.range[1] - x.range[0]),
    toY: (px) => y.range[0] + ((margin.top + inner.h - px) / inner.h) * (y.range[1] - y.range[0]),
    inner,
    margin,
  };
  const id = `clip-${(drawn.count = (drawn.count ?? 0) + 1)}`;
  const clip = s("clipPath", { id }, s("rect", { x: margin.left, y: margin.top, width: inner.w, height: inner.h }));
  const content = s("g", { "clip-path": `url(#${id})` }, layers.flatMap((layer) => painted(layer, scale)));
  return s(
    "svg",
    { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${label}. ${summary}` },
    s("defs", {}, clip),
    legendOf(rows),
    axes(x, y, scale, width, height),
    content,
  );
}

function axes(x, y, { x: sx, y: sy, inner, margin }, width, height) {
  const bottom = margin.top + inner.h;
  const group = s("g", { class: "axes" });
  for (const t of ticks(...x.range, Math.max(3, Math.floor(inner.w / 80)))) {
    group.append(s("line", { x1: sx(t), x2: sx(t), y1: margin.top, y2: bottom, class: "grid" }));
    group.append(s("text", { x: sx(t), y: bottom + 16, "text-anchor": "middle" }, digits(t, 6)));
  }
  for (const t of ticks(...y.range, Math.max(3, Math.floor(inner.h / 45)))) {
    group.append(s("line", { x1: margin.left, x2: margin.left + inner.w, y1: sy(t), y2: sy(t), class: "grid" }));
    group.append(s("text", { x: margin.left - 6, y: sy(t) + 4, "text-anchor": "end" }, digits(t, 6)));
  }
  group.append(s("rect", { x: margin.left, y: margin.top, width: inner.w, height: inner.h, class: "border" }));
  group.append(s("text", { x: margin.left + inner.w / 2, y: height - 6, "text-anchor": "middle", class: "label" }, x.label));
  const middle = margin.top + inner.h / 2;
  group.append(
    s("text", { x: 13, y: middle, "text-anchor": "middle", transform: `rotate(-90 13 ${middle})`, class: "label" }, y.label),
  );
  return group;
}

/** Entries of a legend in rows that fit. */
function legendRows(legend, width) {
  const rows = [];
  let used = Infinity;
  for (const entry of legend) {
    const needed = 34 + entry.text.length * LETTER;
    if (used + needed > width) {
      rows.push([]);
      used = 0;
    }
    rows.at(-1).push({ ...entry, x: 56 + used });
    used += needed;
  }
  return rows;
}

function legendOf(rows) {
  const group = s("g", { class: "legend" });
  rows.forEach((row, k) => {
    const y = 4 + ROW * (k + 0.5);
    for (const entry of row) {
      group.append(symbol(entry, entry.x, y), s("text", { x: entry.x + 24, y: y + 4 }, entry.text));
    }
  });
  return group;
}

function symbol({ style, dash, mark, width = 2 }, x, y) {
  if (mark === "square") return s("rect", { x: x + 4, y: y - 6, width: 12, height: 12, class: `${style} area` });
  if (mark === "point") return s("circle", { cx: x + 10, cy: y, r: 4, class: `${style} mark` });
  return s("line", { x1: x, x2: x + 20, y1: y, y2: y, class: `${style} curve`, "stroke-dasharray": dash, "stroke-width": width });
}

function painted(layer, scale) {
  return PAINTERS[layer.kind](layer, scale);
}

const PAINTERS = {
  line: ({ x, y, style, dash, width = 2, opacity }, { x: sx, y: sy }) => {
    const path = pathOf(x, y, sx, sy);
    return path ? [s("path", { d: path, class: `${style} curve`, "stroke-dasharray": dash, "stroke-width": width, opacity })] : [];
  },
  points: ({ places, style, radius = 3 }, { x: sx, y: sy }) =>
    places.map(([x, y]) => s("circle", { cx: sx(x), cy: sy(y), r: radius, class: `${style} mark` })),
  rule: ({ x, y, style, dash }, { x: sx, y: sy, inner, margin }) => {
    const [x1, x2] = x === undefined ? [margin.left, margin.left + inner.w] : [sx(x), sx(x)];
    const [y1, y2] = x === undefined ? [sy(y), sy(y)] : [margin.top, margin.top + inner.h];
    return [s("line", { x1, x2, y1, y2, class: `${style} curve`, "stroke-dasharray": dash, "stroke-width": 1.2 })];
  },
  cells: ({ x, y, fill, title }, { x: sx, y: sy }) => {
    const [dx, dy] = [(x[1] - x[0]) / 2, (y[1] - y[0]) / 2];
    return y.flatMap((b, row) =>
      x.map((a, column) =>
        s("rect", {
          x: sx(a - dx), y: sy(b + dy), width: sx(a + dx) - sx(a - dx) + 0.4, height: sy(b - dy) - sy(b + dy) + 0.4,
          ...fill(row, column),
        }),
      ),
    );
  },
  cross: ({ x, y }, { x: sx, y: sy, inner, margin }) => [
    s("line", { x1: sx(x), x2: sx(x), y1: margin.top, y2: margin.top + inner.h, class: "cross" }),
    s("line", { x1: margin.left, x2: margin.left + inner.w, y1: sy(y), y2: sy(y), class: "cross" }),
    s("circle", { cx: sx(x), cy: sy(y), r: 6, class: "cross" }),
  ],
  own: ({ make }, scale) => make(scale),
};

/** A path through the points that exist. */
function pathOf(x, y, sx, sy) {
  let path = "";
  let down = false;
  for (let i = 0; i < x.length; i++) {
    const exists = y[i] !== null && x[i] !== null && Number.isFinite(y[i]);
    if (exists) path += `${down ? "L" : "M"}${sx(x[i]).toFixed(2)} ${sy(y[i]).toFixed(2)}`;
    down = exists;
  }
  return path;
}
