// The controls: one slider, with a box for exact numbers, for every leaf of the system; the temperature, the branch, the rest.

/**
 * A slider with a box; both say what they stand for, and `moved` hears every new number. With `steps` it takes these numbers only;
 * with `fixed`, a sentence why, none but its own.
 */
function slider({ name, text, unit, value, min, max, steps, fixed }, moved) {
  if (steps) [min, max] = [steps[0], steps.at(-1)];
  const step = (max - min) / 400;
  const nearest = (number) => (steps ? steps.reduce((best, one) => (Math.abs(one - number) < Math.abs(best - number) ? one : best)) : number);
  const id = `slider-${(slider.count = (slider.count ?? 0) + 1)}`;
  const track = h("input", { type: "range", id, min, max, step: "any", "data-path": name, "aria-valuetext": `${digits(value)} ${unit}` });
  const box = h("input", { type: "number", step: "any", "aria-label": `${text}, exact`, "data-exact": name });
  const set = (number) => {
    if (number < Number(track.min)) track.min = number;
    if (number > Number(track.max)) track.max = number;
    track.value = number;
    box.value = Number(number.toPrecision(8));
    track.setAttribute("aria-valuetext", `${digits(number)} ${unit}`);
  };
  set(value);
  track.addEventListener("input", () => {
    const number = nearest(Number(Number(track.value).toPrecision(5)));
    if (steps && number === Number(box.value)) return void (track.value = number);
    if (steps) track.value = number;
    box.value = number;
    track.setAttribute("aria-valuetext", `${digits(number)} ${unit}`);
    moved(number);
  });
  // With step "any" arrows would move by a hundredth of the way or by 1, as a browser likes.
  track.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 20, PageDown: -20 }[event.key];
    if (!by) return;
    event.preventDefault();
    const further = () => Number(Math.min(Number(track.max), Math.max(Number(track.min), Number(track.value) + by * step)).toPrecision(5));
    const number = steps ? steps[Math.min(steps.length - 1, Math.max(0, steps.indexOf(nearest(Number(track.value))) + Math.sign(by)))] : further();
    if (steps && number === Number(box.value)) return;
    set(number);
    moved(number);
  });
  box.addEventListener("change", () => {
    if (box.value === "" || !Number.isFinite(Number(box.value))) return;
    const number = nearest(Number(box.value));
    set(number);
    moved(number);
  });
  const element = h("div", { class: "slider" }, h("label", { for: id }, text, h("span", {}, unit === "1" ? "" : unit)), track, box);
  const disable = (off) => { track.disabled = box.disabled = off || Boolean(fixed); };
  if (fixed) element.title = fixed;
  disable(false);
  return { element, set, disable, value: () => Number(box.value) };
}

/** A choice among options [value, text]. */
function choice(text, options, value, chosen) {
  const id = `choice-${(slider.count = (slider.count ?? 0) + 1)}`;
  const select = h("select", { id, onchange: () => chosen(select.value) }, options.map(([key, name]) => h("option", { value: key, selected: key === value }, name)));
  return { element: h("div", { class: "row" }, h("label", { for: id }, text), select), select };
}

/** All controls of a system; `moved(change)` hears what is different in the state. */
function controls(system, state, moved) {
  const sliders = {};
  // Of a host that answers at the points of a grid only: what can be moved has steps, and the rest a reason why not.
  const fixed = system.steps ? system.fixed : null;
  const held = (name) => (fixed ? { steps: system.steps[name], fixed: system.steps[name] ? null : fixed } : {});
  const still = (control) => { control.disabled = Boolean(fixed); if (fixed) control.title = fixed; };
  const value = (path) => state.values[path] ?? system.leaves.find((leaf) => leaf.path === path).value;
  const leaf = (one) => {
    sliders[one.path] = slider({ name: one.path, text: leafName(one.path), ...one, ...held(one.path), value: value(one.path) }, (number) => {
      moved({ values: { ...state.values, [one.path]: number } });
      follow();
    });
    return sliders[one.path].element;
  };
  const follow = () => {
    if (system.d && sliders.d) sliders.d.set(Number((value(system.d[1]) - value(system.d[0])).toPrecision(10)));
    const order = system.channels;
    for (const one of system.leaves.filter(({ kind }) => kind === system.coupling)) {
      const [row, column] = one.path.match(/\[(.*)\]/)[1].split(", ");
      sliders[one.path].disable(state.symmetric && order.indexOf(row) > order.indexOf(column));
    }
  };
  const of = (kind) => system.leaves.filter((one) => (kind === "rest" ? ![system.coupling].includes(one.kind) : one.kind === kind));
  const group = (name, ...children) => h("fieldset", {}, h("legend", {}, name), children);

  sliders.T = slider({ name: "T", text: "temperature T", unit: "K", value: state.T, min: 0, max: system.T_most, ...held("T") }, (T) => moved({ T }));
  sliders.Gamma = slider({ name: "Gamma", text: "broadening Γ of spectra", unit: "meV", value: state.Gamma, min: 0, max: 10 * system.Gamma, ...held("Gamma") }, (Gamma) => moved({ Gamma }));
  const branch = choice("branch", [["", "connected to T_c"], ...system.branches.map((name) => [name, name])], state.branch, (name) => moved({ branch: name }));
  branch.select.dataset.path = "branch";
  still(branch.select);
  const parts = [fixed ? h("p", { class: "quiet", role: "note" }, fixed) : [], group("Temperature and branch", sliders.T.element, branch.element, sliders.Gamma.element)];
  const couplings = of(system.coupling).map(leaf);
  const symmetric = h("input", { type: "checkbox", id: "symmetric", onchange: () => { moved({ symmetric: symmetric.checked }); follow(); } });
  symmetric.checked = state.symmetric;
  still(symmetric);
  parts.push(group("Couplings λ (row ← column)", h("div", { class: "row" }, h("label", { for: "symmetric" }, "keep g symmetric (a free energy exists)"), symmetric), couplings));
  const rest = of("rest").map(leaf);
  if (system.d) {
    const [mu_1, mu_2] = system.d;
    sliders.d = slider({ name: "d", text: "d, the distance of the bands", unit: "meV", value: value(mu_2) - value(mu_1), min: -60, max: 60, ...held("d") }, (d) => {
      const number = Number((value(mu_1) + d).toPrecision(12));
      sliders[mu_2].set(number);
      moved({ values: { ...state.values, [mu_2]: number } });
    });
    rest.push(sliders.d.element);
  }
  parts.push(group("Bands and shell", rest));
  if (["mean", "sum"].includes(system.convention)) {
    const convention = choice("convention of N in cross channels", [["mean", "mean"], ["sum", "sum"]], state.convention ?? system.convention, (name) => moved({ convention: name }));
    convention.select.dataset.path = "convention";
    still(convention.select);
    parts.push(group("Convention", convention.element));
  }
  const along = choice("map along", system.leaves.map(({ path }) => [path, leafName(path)]), state.along, (path) => moved({ along: path, width: null }));
  along.select.dataset.path = "along";
  still(along.select);
  parts.push(group("Phase map", along.element));
  follow();
  return { parts: parts.flat(), sliders };
}
