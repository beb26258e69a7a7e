// Numbers as they are read: digits, ticks, names of leaves; and elements of HTML and SVG.

/** A number with so many significant digits; a dash where it does not exist. */
function digits(x, n = 5) {
  if (x === null || x === undefined || !Number.isFinite(x)) return "–";
  if (x === 0) return "0";
  const size = Math.abs(x);
  const text = size >= 1e5 || size < 1e-4 ? x.toExponential(Math.max(n - 3, 1)) : String(Number(x.toPrecision(n)));
  return text.replace("-", "\u2212");
}

/** Round values between lo and hi, some `count` of them. */
function ticks(lo, hi, count = 5) {
  const span = hi - lo;
  if (!(span > 0)) return [lo];
  const raw = span / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999);
  const found = [];
  for (let k = Math.ceil(lo / step - 1e-9); k * step <= hi + 1e-9 * span; k++) found.push(Number((k * step).toPrecision(12)));
  return found;
}

/** (smallest, largest) of arrays of numbers, in which null is none. */
function range(...arrays) {
  let [lo, hi] = [Infinity, -Infinity];
  for (const x of arrays.flat(Infinity)) {
    if (x === null || !Number.isFinite(x)) continue;
    if (x < lo) lo = x;
    if (x > hi) hi = x;
  }
  return lo <= hi ? [lo, hi] : [0, 1];
}

/** `lam[a, a:b]` as it is read: lambda with its channels. */
function leafName(path) {
  const [, leaf, index] = path.match(/^(\w+)(?:\[(.*)\])?$/) ?? [null, path, undefined];
  const letter = { lam: "λ", Omega: "Ω", mu: "μ", mass: "m" }[leaf] ?? leaf;
  return index === undefined ? letter : `${letter} ${index.replace(", ", " ← ")}`;
}

/** An element of HTML with attributes and children; listeners are functions under onNAME. */
function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** An element of SVG. */
function s(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}
