// Measured gaps: points that can be dragged, by hand or by keys, the leaves that are free, and the fit.

/** The circles of measured gaps in the plot of gaps against temperature; `dragged(i, value)` hears where one is put. */
function measuredLayer(points, branches, dragged) {
  return {
    kind: "own",
    make: (scale) => points.flatMap((point, i) => [bar(point, scale), circle(point, i, branches, scale, dragged)]),
  };
}

function bar({ T, value, error }, { x, y }) {
  return s("line", { x1: x(T), x2: x(T), y1: y(value - error), y2: y(value + error), class: "ink curve", "stroke-width": 1.5 });
}

function circle(point, i, branches, scale, dragged) {
  const b = Math.max(0, branches.indexOf(point.of));
  const element = s("circle", {
    cx: scale.x(point.T), cy: scale.y(point.value), r: 6, class: `measured mark c${(b + 2) % 6}`, tabindex: 0, role: "slider", "data-measured": i,
    "aria-label": `measured gap of ${point.of} at ${digits(point.T)} K`, "aria-valuenow": point.value, "aria-valuemin": 0, "aria-valuetext": `${digits(point.value)} meV`,
  });
  const put = (value, done) => dragged(i, Number(Math.max(0, value).toPrecision(5)), done);
  element.addEventListener("keydown", (event) => {
    const by = { ArrowUp: 0.01, ArrowRight: 0.01, ArrowDown: -0.01, ArrowLeft: -0.01, PageUp: 0.1, PageDown: -0.1 }[event.key];
    if (!by) return;
    event.preventDefault();
    put(point.value + by * Math.max(point.value, point.error), true);
  });
  element.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    element.setPointerCapture(event.pointerId);
    let value = point.value;
    const move = ({ clientY }) => {
      value = scale.toY(clientY - element.ownerSVGElement.getBoundingClientRect().top);
      element.setAttribute("cy", scale.y(Math.max(0, value)));
    };
    element.addEventListener("pointermove", move);
    element.addEventListener("pointerup", () => put(value, true), { once: true });
  });
  return element;
}

/** The card's own part: a table of points, what is free, and the button that fits. */
function measuredForm(system, state, branches, changed, fit) {
  const points = state.measured;
  const number = (point, key, text) => h("td", {}, h("input", { type: "number", step: "any", min: 0, value: point[key], "aria-label": text, class: "short",
    onchange: (event) => { point[key] = Number(event.target.value); changed(); } }));
  const rows = points.map((point, i) => h("tr", {},
    h("td", {}, "row" in point ? point.of : h("select", { "aria-label": `point ${i + 1}, quasiparticle branch`, onchange: (event) => { point.of = event.target.value; changed(); } },
      branches.map((name) => h("option", { value: name, selected: name === point.of }, name)))),
    number(point, "T", `point ${i + 1}, temperature in K`), number(point, "value", `point ${i + 1}, gap in meV`), number(point, "error", `point ${i + 1}, error in meV`),
    h("td", {}, "row" in point ? "" : h("button", { type: "button", "aria-label": `remove point ${i + 1}`, onclick: () => { points.splice(i, 1); changed(); } }, "×"))));
  const free = system.parameters ?? Object.keys(state.free);
  const ticks = system.leaves.filter(({ path }) => !state.symmetric || !below(path, system)).map(({ path, min, max }) => {
    const box = h("input", { type: "checkbox", "data-free": path, onchange: () => { if (box.checked) state.free[path] = [min, max]; else delete state.free[path]; changed(); } });
    box.checked = path in state.free;
    return h("label", { class: "tick" }, box, leafName(path));
  });
  const enough = points.length > 0 && free.length > 0;
  return [
    points.length ? table("Measured gaps", [["Gap of"], ["T (K)"], ["meV"], ["± meV"], [""]], rows) : h("p", { class: "quiet" }, "No measured gaps yet. Add a point, drag it in the plot of gaps against temperature, and fit."),
    h("div", { class: "row" },
      system.parameters ? null : h("button", { type: "button", "data-add": true, onclick: () => { points.push(state.suggested(points.length)); changed(); } }, "add a point"),
      h("button", { type: "button", class: "main", "data-fit": true, disabled: !enough, onclick: fit }, "fit")),
    system.parameters
      ? h("p", { class: "quiet" }, `Free, as fit.toml has it: ${system.parameters.join(", ")}.`)
      : h("details", { open: free.length > 0 }, h("summary", {}, `free leaves: ${free.map(leafName).join(", ") || "none"}`), h("div", { class: "ticks" }, ticks)),
  ];
}

/** Whether a coupling is below the diagonal: where g is kept symmetric it follows. */
function below(path, system) {
  if (!path.startsWith(`${system.coupling}[`)) return false;
  const [row, column] = path.match(/\[(.*)\]/)[1].split(", ");
  return system.channels.indexOf(row) > system.channels.indexOf(column);
}

const ENDS = { chi2: "", bound: " (at its bound)", branch: " (where the branch ends)" };

/** A datum as it is read: of a gap just whose it is. */
const datumName = (label) => label.replace(/^branch_minimum\[(.*)\]$/, "gap $1");

/** What a fit found. */
function fitted({ parameters, branch, chi2, degrees, refused, rows, predictions }, take) {
  const heads = [["Parameter"], ["Best", true], ["Interval of 68 %"]];
  const found = parameters.map(({ name, value, lower, upper, ends, determined }) => h("tr", {}, h("th", { scope: "row" }, leafName(name)), cell(value, 6, `fit ${name}`),
    h("td", {}, determined ? `${digits(lower, 5)}${ENDS[ends[0]]} to ${digits(upper, 5)}${ENDS[ends[1]]}` : "not determined by these data")));
  const against = rows.map(({ label, T, measured, predicted }) => h("tr", {}, h("th", { scope: "row" }, datumName(label)), cell(T, 4), cell(measured, 5), cell(predicted, 5)));
  return [
    refused ? h("p", { class: "bad" }, `Refused: ${refused}`) : null,
    h("p", {}, `On the branch ${branch}: χ² = ${digits(chi2, 4)} with ${degrees} degrees of freedom.`),
    table("Fitted parameters", heads, found),
    table("Data and fit", [["Datum"], ["T (K)", true], ["Measured", true], ["Fit", true]], against),
    ...predictions.map(({ name, value, sigma }) => h("p", { class: "quiet" }, `${name}: ${digits(value, 6)}${sigma === null ? "" : ` ± ${digits(sigma, 2)}`} K`)),
    h("div", { class: "row" }, h("button", { type: "button", "data-take": true, onclick: take }, "set the sliders to the fit")),
  ].filter((part) => part);
}
