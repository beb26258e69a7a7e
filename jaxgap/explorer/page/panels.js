// The panels: what each piece of an answer looks like. `show(card, answer, state)` draws it; texts say what a number is.

const DASHES = [undefined, "7 3", "2 3", "9 3 2 3"];

/** A card with a title, a body that greys while it is stale, a line for what is computed or wrong, and `rows`, a function that
 * makes the table of its numbers, which most moves of a slider do not need. */
function card(key, title, options = {}) {
  const body = h("div", { class: "body" });
  const told = h("span", { class: "told" });
  const said = h("p", { class: "said", hidden: true });
  const tools = h("div", { class: "tools" });
  const id = `card-${key}`;
  const element = h(
    "section",
    { class: `card${options.wide ? " wide" : ""}`, "aria-labelledby": id, "data-piece": key },
    h("header", {}, h("h2", { id }, title), told, tools),
    said,
    body,
  );
  const area = options.height ? plotArea(options.height, title) : null;
  if (area) body.append(area.box);
  return {
    key, title, element, body, tools, area,
    stale() { element.classList.add("stale"); },
    tell(text) { told.textContent = text; },
    fresh(move) { element.classList.remove("stale"); told.textContent = ""; said.hidden = true; element.dataset.move = move; },
    fail(text, move) {
      this.fresh(move);
      said.textContent = text;
      said.hidden = false;
      this.rows = null;
      if (area) area.clear();
      else body.replaceChildren();
    },
  };
}

/** A cell with a number in full beside what is read. */
const cell = (x, n = 6, name) => h("td", { class: "number", "data-number": x ?? "none", "data-name": name }, digits(x, n));

function table(caption, heads, rows) {
  const head = h("tr", {}, heads.map(([text, number]) => h("th", { scope: "col", class: number ? "number" : null }, text)));
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    h("table", {}, h("caption", { class: "hidden" }, caption), h("thead", {}, head), h("tbody", {}, rows)));
}

const PANELS = {
  point: {
    title: "Solution",
    show(card, answer) {
      const rows = [
        ...answer.channels.map((name, i) => h("tr", {}, h("th", { scope: "row" }, `Δ ${name}`), cell(answer.Delta[i], 10, `Delta ${name}`), h("td", {}, "meV"))),
        ...answer.branches.map((name, i) => h("tr", {}, h("th", { scope: "row" }, `gap ${name}`), cell(answer.gaps[i], 10, `gap ${name}`), h("td", {}, "meV"))),
        h("tr", {}, h("th", { scope: "row" }, "T_c (linear)"), cell(answer.T_c, 8, "T_c"), h("td", {}, "K")),
      ];
      const stability = answer.stability ? `, ${answer.stability}` : "";
      card.body.replaceChildren(
        h("p", { class: answer.converged ? "good" : "bad" }, answer.converged ? `${answer.label}${stability}` : answer.sentence),
        table("Amplitudes, gaps and critical temperature", [["Quantity"], ["Value", true], ["Unit"]], rows),
        h("p", { class: "quiet" }, `${answer.sentence} Residual ${digits(answer.residual, 2)} meV, σ_min ${digits(answer.sigma_min, 3)}, quadrature error ${digits(answer.quadrature_error, 2)}.`),
        card.remarks,
      );
      card.rows = () => [["quantity", "value", "unit"], ...answer.channels.map((c, i) => [`Delta[${c}]`, answer.Delta[i], "meV"]), ...answer.branches.map((b, i) => [`branch_minimum[${b}]`, answer.gaps[i], "meV"]), ["T_c", answer.T_c, "K"]];
    },
  },

  energies: {
    title: "Energies E(k), shown as strong as an electron sees them",
    height: 300,
    show(card, { k, E, branches, electrons, holes }) {
      const top = 1.05 * Math.min(range(E)[1], 3.2 * Math.max(...E.map((row) => range(row)[0])) + 1e-9 || Infinity) || 1;
      const most = Math.max(top, 0.35 * range(E)[1]);
      const total = (weights) => weights[0].map((_, i) => weights.reduce((sum, band) => sum + band[i], 0));
      const [asElectrons, asHoles] = [electrons.map(total), holes.map(total)];
      const layers = [{ kind: "rule", y: 0, style: "faint", dash: "2 3" }];
      E.forEach((row, b) => {
        layers.push(...shaded(k, row, asElectrons[b], `c${b % 6}`, DASHES[b % 4]));
        layers.push(...shaded(k, row.map((e) => -e), asHoles[b], `c${b % 6}`, DASHES[b % 4]));
      });
      card.area.draw({
        x: { label: "k (1/Å)", range: range(k) }, y: { label: "energy ω (meV)", range: [-most, most] }, layers,
        legend: branches.map((text, b) => ({ text, style: `c${b % 6}`, dash: DASHES[b % 4] })),
        summary: branches.map((name, b) => `${name}: smallest ${digits(range(E[b])[0])} meV`).join("; "),
      });
      card.rows = () => [["k_1/angstrom", ...branches.flatMap((b) => [`E_meV ${b}`, `electrons ${b}`, `holes ${b}`])],
        ...k.map((q, i) => [q, ...E.flatMap((row, b) => [row[i], asElectrons[b][i], asHoles[b][i]])])];
    },
  },

  spectra: {
    title: "Density of states and dI/dV",
    height: 300,
    show(card, { omega, N, N_bands, bands, dIdV, gaps, Gamma, T, per }) {
      const top = Math.min(range(N, dIdV)[1], 8);
      const layers = [
        ...gaps.filter((g) => g < omega.at(-1)).map((g) => ({ kind: "rule", x: g, style: "faint", dash: "2 3" })),
        ...N_bands.map((row, b) => ({ kind: "line", x: omega, y: row, style: `c${b % 6}`, dash: "5 3", width: 1.4 })),
        { kind: "line", x: omega, y: N, style: "c2", width: 3.4, opacity: 0.6 },
        { kind: "line", x: omega, y: dIdV, style: "ink", width: 1.6 },
      ];
      card.area.draw({
        x: { label: "energy ω, voltage eV (meV)", range: [0, omega.at(-1)] },
        y: { label: `N(ω), dI/dV over ${per === "N(0)" ? "normal" : per}`, range: [0, 1.06 * top] }, layers,
        legend: [{ text: "dI/dV", style: "ink", width: 1.6 }, { text: "N total", style: "c2", width: 3.4 }, ...bands.map((text, b) => ({ text: `N of ${text}`, style: `c${b % 6}`, dash: "5 3" }))],
        summary: `Gamma ${digits(Gamma)} meV, T ${digits(T)} K, dI/dV at zero ${digits(dIdV[0])}`,
      });
      card.rows = () => [["omega_meV", "N", ...bands.map((b) => `N ${b}`), "dIdV"], ...omega.map((w, i) => [w, N[i], ...N_bands.map((row) => row[i]), dIdV[i]])];
    },
  },

  branches: {
    title: "Gaps against temperature",
    height: 330,
    show(card, { T_c, branches, curves }, state, extra = []) {
      const there = curves.filter((curve) => curve.T);
      const hottest = 1.06 * Math.max(T_c || 0, state.T, ...there.map((curve) => curve.end), 1e-3);
      const gaps = there.flatMap((curve) => curve.gaps);
      const measured = (state.measured ?? []).map((point) => point.value);
      const layers = [{ kind: "rule", x: state.T, style: "faint", dash: "2 3" }];
      there.forEach((curve, c) => {
        branches.forEach((_, b) => {
          const column = curve.gaps.map((row) => row[b]);
          const where = (stable) => column.map((gap, i) => (curve.stable[i] === stable || curve.stable[i + 1] === stable ? gap : null));
          layers.push({ kind: "line", x: curve.T, y: where(true), style: `c${c % 6}`, width: 1.6 + 0.8 * b });
          layers.push({ kind: "line", x: curve.T, y: where(false), style: `c${c % 6}`, width: 1.2 + 0.6 * b, dash: "3 4" });
        });
        if (curve.kind !== "normal") layers.push({ kind: "points", places: branches.map((_, b) => [curve.T.at(-1), curve.gaps.at(-1)[b]]).filter(([, g]) => g !== null), style: `c${c % 6}`, radius: 4 });
      });
      card.area.draw({
        x: { label: "temperature T (K)", range: [(state.measured ?? []).some(({ T }) => T < 0.02 * hottest) ? -0.03 * hottest : 0, hottest] }, y: { label: "excitation gap (meV)", range: [0, 1.08 * (range(gaps, measured)[1] || 1)] },
        layers: [...layers, ...extra],
        legend: [...there.map((curve, c) => ({ text: curve.name || "connected to T_c", style: `c${c % 6}` })), { text: "not stable", style: "faint", dash: "3 4" }],
        summary: curves.map((curve) => `${curve.name || "connected to T_c"} ${curve.end === null ? curve.words : `ends at ${digits(curve.end)} K ${curve.words}`}`).join("; "),
      });
      card.ends.replaceChildren(...curves.map((curve) => h("p", { class: "quiet", "data-end": curve.name, "data-number": curve.end ?? "none" },
        `${curve.name || "The branch connected to T_c"} ${curve.end === null ? `${curve.words}.` : `ends at ${digits(curve.end, 6)} K ${curve.words}.`}`)));
      card.rows = () => [["branch", "T_K", ...branches.map((b) => `gap_meV ${b}`), "stable"], ...there.flatMap((curve) => curve.T.map((T, i) => [curve.name || "connected to T_c", T, ...curve.gaps[i], curve.stable[i]]))];
    },
  },

  map: {
    title: "Phase map around this point",
    height: 340,
    show(card, answer, state) {
      const { x, y, x_name, x_unit, kind, gap, several, lines } = answer;
      const names = { 0: "normal", 1: "s++", 2: "s+−", 3: "time reversal broken", "-1": "none found" };
      const there = [...new Set(kind.flat())].sort();
      const largest = range(gap)[1] || 1;
      const fill = (row, column) => ({
        class: kind[row][column] < 0 ? "state-none" : `state-${kind[row][column]}`,
        "fill-opacity": kind[row][column] > 0 ? (0.45 + 0.55 * Math.min(1, (gap[row][column] ?? 0) / largest)).toFixed(2) : 1,
      });
      const styles = ["c3", "ink", "c0", "c2", "c4"];
      card.area.draw({
        x: { label: `${leafName(x_name)}${x_unit === "1" ? "" : ` (${x_unit})`}`, range: [x[0], x.at(-1)] }, y: { label: "temperature T (K)", range: [y[0], y.at(-1)] },
        layers: [{ kind: "cells", x, y, fill }, ...Object.values(lines).map((places, i) => ({ kind: "points", places, style: styles[i % 5], radius: 2.2 })), { kind: "cross", x: state.here(x_name), y: state.T }],
        legend: [...there.map((code) => ({ text: names[code], style: code < 0 ? "state-none" : `state-${code}`, mark: "square" })), ...Object.keys(lines).map((text, i) => ({ text, style: styles[i % 5], mark: "point" }))],
        summary: `Ground states found: ${there.map((code) => names[code]).join(", ")}; ${several.flat().filter(Boolean).length} of ${kind.flat().length} points have several stable states`,
      });
      card.rows = () => [[x_name, "T_K", "ground", "gap_meV", "several_stable"], ...y.flatMap((T, r) => x.map((v, c) => [v, T, names[kind[r][c]], gap[r][c], several[r][c]]))];
    },
  },

  fit: {
    title: "Measured gaps and a fit",
    show() {},
  },

  slopes: {
    title: "What moves the gaps: ∂Δ/∂λ",
    wide: true,
    show(card, { paths, branches, slopes, differentiable }, state) {
      const leaf = state.coupling;
      const chosen = paths.map((path, i) => [path, i]).filter(([path]) => path.startsWith(`${leaf}[`));
      const others = paths.map((path, i) => [path, i]).filter(([path]) => !path.startsWith(`${leaf}[`));
      const doubtful = h("p", { class: "bad" }, "Here derivatives do not exist to useful precision (T_c, a fold).");
      card.body.classList.add("pair");
      card.body.replaceChildren(...(differentiable ? [] : [doubtful]), bars(chosen, branches, slopes, "meV per 1"), bars(others, branches, slopes, "meV per unit"));
      card.rows = () => [["leaf", ...branches.map((b) => `dgap/dleaf ${b}`)], ...paths.map((path, i) => [path, ...branches.map((_, b) => slopes[b][i])])];
    },
  },

  states: {
    title: "All solutions at this temperature",
    wide: true,
    show(card, { channels, states }) {
      const heads = [["Rank"], ["State"], ["Stability"], ["F (meV² N)", true], ["Gap (meV)", true], ...channels.map((c) => [`Δ ${c} (meV)`, true])];
      const lowest = Math.max(...states.map((state) => Math.abs(state.free_energy ?? 0)));
      const known = (F) => (F !== null && Math.abs(F) < 1e-12 * lowest ? 0 : F);
      const rows = states.map((state, i) => h("tr", {}, h("td", {}, String(i + 1)), h("th", { scope: "row" }, state.name),
        h("td", { class: state.stable ? "good" : "quiet" }, state.stability), cell(known(state.free_energy), 6), cell(state.gap, 6),
        ...channels.map((_, c) => h("td", { class: "number", "data-number": state.real[c] }, digits(state.real[c], 6) + (state.imaginary[c] ? ` ${state.imaginary[c] < 0 ? "−" : "+"} ${digits(Math.abs(state.imaginary[c]), 6)} i` : "")))));
      card.body.replaceChildren(table("All solutions found", heads, rows));
      card.rows = () => [["state", "stability", "free_energy", "gap_meV", ...channels.flatMap((c) => [`re Delta_meV ${c}`, `im Delta_meV ${c}`])],
        ...states.map((state) => [state.name, state.stability, state.free_energy, state.gap, ...channels.flatMap((_, c) => [state.real[c], state.imaginary[c]])])];
    },
  },

  jumps: {
    title: "First-order jumps",
    wide: true,
    show(card, { jumps }) {
      const found = jumps.map(({ from, to, T }) => h("p", { "data-jump": `${from} ${to}`, "data-number": T }, `The free energies of ${from} and ${to} are equal at ${digits(T, 6)} K.`));
      card.body.replaceChildren(...(found.length ? found : [h("p", { class: "quiet" }, "No free energies of named branches, and of the normal state, cross.")]));
      card.rows = () => [["from", "to", "T_K"], ...jumps.map(({ from, to, T }) => [from, to, T])];
    },
  },
};

/** A curve in pieces whose strength is its weight. */
function shaded(x, y, weight, style, dash) {
  const level = weight.map((w) => Math.round(6 * Math.min(1, w)));
  const layers = [];
  let from = 0;
  for (let i = 1; i <= x.length; i++) {
    if (i < x.length && level[i] === level[from]) continue;
    const [a, b] = [from, Math.min(i + 1, x.length)];
    layers.push({ kind: "line", x: x.slice(a, b), y: y.slice(a, b), style, opacity: 0.12 + 0.88 * (level[from] / 6), width: 1 + 1.8 * (level[from] / 6) });
    from = i;
  }
  return layers;
}

/** Bars from the middle, one for every branch of every leaf, with their values; what rounding leaves is drawn as zero. */
function bars(leaves, branches, slopes, unit) {
  const largest = Math.max(...leaves.flatMap(([, i]) => slopes.map((row) => Math.abs(row[i] ?? 0))), 1e-300);
  const known = (x) => (x !== null && Math.abs(x) < 1e-10 * largest ? 0 : x);
  const rows = leaves.map(([path, i]) => {
    const bar = branches.map((_, b) => {
      const share = (known(slopes[b][i]) ?? 0) / largest;
      return s("rect", { x: share < 0 ? 60 + 58 * share : 60, y: 2 + 9 * b, width: Math.abs(58 * share), height: 7, class: `c${b % 6} area` });
    });
    const height = 4 + 9 * branches.length;
    const picture = s("svg", { width: 120, height, viewBox: `0 0 120 ${height}`, "aria-hidden": "true", class: "bars" }, s("line", { x1: 60, x2: 60, y1: 0, y2: height, class: "faint" }), bar);
    return h("tr", {}, h("th", { scope: "row" }, leafName(path)), h("td", {}, picture), branches.map((branch, b) => cell(known(slopes[b][i]), 4, `slope ${path} ${branch}`)));
  });
  const heads = branches.map((name, b) => [name, true]);
  return table(`Slopes of the gaps, ${unit}`, [[unit], [""], ...heads], rows);
}
