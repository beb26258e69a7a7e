// What leaves the page: tables as CSV, pictures as SVG and PNG, files of the system, a link with the state in it.

function download(name, content, type) {
  const url = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  const link = h("a", { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Rows as CSV; a number in full, what does not exist is empty. */
function csv(rows) {
  const text = (x) => (x === null || x === undefined ? "" : /[",\n]/.test(String(x)) ? `"${String(x).replaceAll('"', '""')}"` : String(x));
  return rows.map((row) => row.map(text).join(",")).join("\n") + "\n";
}

const STYLED = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linejoin", "opacity", "font-size", "font-family"];

/** The picture of a card as text of SVG that needs no style sheet. */
function svgText(svg, ground) {
  const copy = svg.cloneNode(true);
  const [before, after] = [svg.querySelectorAll("*"), copy.querySelectorAll("*")];
  before.forEach((element, i) => {
    const style = getComputedStyle(element);
    for (const name of STYLED) after[i].setAttribute(name, style.getPropertyValue(name));
  });
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.prepend(s("rect", { width: "100%", height: "100%", fill: ground }));
  return new XMLSerializer().serializeToString(copy);
}

/** The same as a PNG, with twice as many pixels. */
async function png(svg, ground) {
  const [width, height] = [svg.width.baseVal.value, svg.height.baseVal.value];
  const picture = new Image();
  const url = URL.createObjectURL(new Blob([svgText(svg, ground)], { type: "image/svg+xml" }));
  picture.src = url;
  await picture.decode();
  const canvas = h("canvas", { width: 2 * width, height: 2 * height });
  canvas.getContext("2d").drawImage(picture, 0, 0, 2 * width, 2 * height);
  URL.revokeObjectURL(url);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

/** Buttons of a card: its table, its picture. */
function exportButtons(one) {
  const picture = () => one.element.querySelector(".plot svg");
  const ground = () => getComputedStyle(one.element).backgroundColor;
  const button = (text, does, what) => h("button", { type: "button", "aria-label": `${one.title}: ${what}`, onclick: does }, text);
  const found = [button("CSV", () => one.rows && download(`${one.key}.csv`, csv(one.rows()), "text/csv"), "save the numbers as CSV")];
  if (one.area) {
    found.push(button("SVG", () => picture() && download(`${one.key}.svg`, svgText(picture(), ground()), "image/svg+xml"), "save the picture as SVG"));
    found.push(button("PNG", async () => picture() && download(`${one.key}.png`, await png(picture(), ground()), "image/png"), "save the picture as PNG"));
  }
  return found;
}
