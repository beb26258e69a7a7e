// The explorer: a state, controls that change it, questions to a host, cards that show the answers.
//
// A host is {about(): Promise, ask(message, tell, signal): Promise}: `tell` hears one event after the other. There are three:
// a server on this machine (`served`), the kernel of a notebook (`kernel`), and a grid of kept answers in the documentation
// (docs/explorer_on_a_grid.js), which says of what it cannot do why, {missing: {piece: sentence}}.

const BEGIN = ["point", "energies", "branches", "spectra", "remarks", "slopes", "states"]; // the first picture before what takes long
const MOVES = ["point", "branches", "energies", "spectra", "remarks", "slopes", "states"]; // the longest from the beginning, beside all others
const FIRST = 3; // so many pieces are seen of a move before the next one may make it stale
const IDLE = 500; // ms without a move, after which jumps are looked for and the map is drawn
const SIZES = [12, 24, 48];

/** One line of questions: the newest replaces those that wait, and ends the running one once its first pieces are there. */
class Line {
  constructor(host, name, page, first) {
    Object.assign(this, { host, name, page, first, running: null, next: null });
  }

  ask(message, tell) {
    this.next = { message, tell };
    if (!this.running) this.begin();
    else if (this.running.told >= this.first) this.running.stop.abort();
  }

  async begin() {
    while (this.next) {
      const { message, tell } = this.next;
      this.next = null;
      const running = (this.running = { told: 0, stop: new AbortController() });
      const heard = (event) => {
        if (running.stop.signal.aborted || event.stale) return;
        tell(event);
        if ("answer" in event || "error" in event) running.told += 1;
        if (this.next && running.told >= this.first) running.stop.abort();
      };
      try {
        await this.host.ask({ ...message, page: this.page, line: this.name }, heard, running.stop.signal);
      } catch (error) {
        if (!running.stop.signal.aborted) tell({ piece: "host", error: `The explorer does not answer (${error.message}). Is it still running?` });
      }
    }
    this.running = null;
  }
}

class Explorer {
  constructor(element, host) {
    Object.assign(this, { element, host, move: 0, cards: {}, page: crypto.randomUUID?.() ?? String(Math.random()) });
    this.moves = new Line(host, "moves", this.page, FIRST);
    this.idle = new Line(host, "idle", this.page, 0);
  }

  async begin() {
    this.element.classList.add("jaxgap-explorer");
    const about = await this.host.about();
    this.materials = about.materials;
    this.given = about.system;
    this.status = h("p", { class: "status", role: "status", "aria-live": "polite" }, "Computing the first solution …");
    this.frame();
    const kept = this.host.kept?.();
    if (kept?.system) await this.take(kept.system, kept);
    else this.enter(this.given, kept ?? {});
  }

  /** The frame that all systems have in common. */
  frame() {
    const names = [["", this.given.name ? `${this.given.name} (as opened)` : "as opened"], ...this.materials.map((name) => [name, name])];
    this.system = choice("system", names, "", (name) => this.take(name, {}));
    const save = (text, does, why) => h("button", { type: "button", onclick: does, disabled: Boolean(why), title: why }, text);
    const tools = h("div", { class: "tools", role: "group", "aria-label": "Export" },
      save("files (toml)", () => this.toml(), this.host.missing?.files), save("link", () => this.link()));
    this.controlBox = h("form", { class: "card controls", "aria-label": "Controls", onsubmit: (event) => event.preventDefault() });
    this.cardBox = h("div", { class: "cards" });
    for (const [key, panel] of Object.entries(PANELS)) {
      const one = (this.cards[key] = card(key, panel.title, panel));
      one.tools.append(...exportButtons(one));
      one.stale();
      this.cardBox.append(one.element);
    }
    const own = this.cards.fit;
    Object.assign(own, { form: h("div", {}), found: h("div", { class: "body" }) });
    own.element.append(own.form, own.found);
    own.stale = () => {};
    own.element.classList.remove("stale");
    this.cards.point.remarks = h("div", { role: "note" });
    this.cards.branches.ends = h("div", {});
    this.cards.branches.body.append(this.cards.branches.ends);
    this.element.replaceChildren(
      h("div", { class: "top" }, h("h1", {}, "jaxgap explorer"), this.system.element, tools, this.status),
      h("div", { class: "work" }, this.controlBox, this.cardBox),
    );
  }

  /** Another system, by its name; "" is the one that the explorer was opened with. */
  async take(name, kept) {
    if (!name) return this.enter(this.given, kept);
    this.say(`Loading ${name} …`);
    await this.host.ask({ system: name, pieces: ["system"], page: this.page, line: "systems", move: 0 }, (event) => {
      if (event.answer) this.enter({ ...event.answer, chosen: name }, kept);
      if (event.error) this.say(event.error, true);
    }, new AbortController().signal);
  }

  enter(system, kept) {
    this.described = system;
    const { T, Gamma, along, symmetric } = system;
    this.state = { system: system.chosen ?? "", values: {}, T, Gamma, along, symmetric, branch: "", convention: system.convention, width: null, coupling: system.coupling, measured: structuredClone(system.measured ?? []), free: {}, ...kept };
    this.state.here = (path) => this.state.values[path] ?? system.leaves.find((leaf) => leaf.path === path)?.value ?? 0;
    if (system.branch && !kept.branch) this.state.branch = system.branch;
    this.state.suggested = (n) => this.suggested(n);
    this.cards.fit.found.replaceChildren();
    this.system.select.value = this.state.system;
    const { parts, sliders } = controls(system, this.state, (change) => this.moved(change));
    this.sliders = sliders;
    this.controlBox.replaceChildren(...parts);
    this.point = null;
    this.moved({});
    this.measured();
  }

  /** The state changes: everything that follows from it is asked for again. */
  moved(change) {
    Object.assign(this.state, change);
    this.element.dataset.move = this.move += 1;
    for (const one of Object.values(this.cards)) one.stale();
    const { system, values, T, Gamma, branch, convention, symmetric, along } = this.state;
    const width = this.state.width ?? this.reach(along);
    this.message = { system, values, T, Gamma, branch, convention, symmetric, along, width, move: this.move };
    this.moves.ask({ ...this.message, pieces: this.point ? MOVES : BEGIN }, this.hears(this.move));
    this.host.keep?.(this.state);
    clearTimeout(this.waits);
    if (this.idle.running) this.idle.running.stop.abort();
    this.waits = setTimeout(() => this.map(), IDLE);
  }

  /** How far the map reaches along a leaf: to the ends of its slider, on the side that is nearer. */
  reach(path) {
    const leaf = this.described.leaves.find((one) => one.path === path);
    const here = this.state.here(path);
    return leaf.kind === this.described.coupling ? 0.5 * (leaf.max - leaf.min) * 0.5 : Math.min(0.45 * Math.abs(here) || 1, leaf.max - leaf.min);
  }

  /** The map, coarse first, then finer while nothing moves. */
  map(level = 0) {
    if (this.moves.running) {
      this.waits = setTimeout(() => this.map(), IDLE);
      return;
    }
    const move = this.move;
    const hears = this.hears(move);
    this.idle.ask({ ...this.message, pieces: level ? ["map"] : ["jumps", "map"], points: SIZES[level], hottest: this.hottest ?? this.described.T_most }, (event) => {
      hears(event);
      if (event.piece === "map" && event.answer && move === this.move && level + 1 < SIZES.length) this.waits = setTimeout(() => this.map(level + 1), 50);
    });
  }

  /** What is done with the events of a move: older ones are shown only until a newer answer is there. */
  hears(move) {
    return (event) => {
      const one = this.cards[event.piece];
      if (event.piece === "remarks" && event.answer) return this.cards.point.remarks.replaceChildren(...event.answer.remarks.map((remark) => h("p", { class: "quiet" }, remark)));
      if (!one) return this.say(event.error, true);
      if (move < Number(one.element.dataset.move ?? 0)) return;
      if ("seconds" in event) return this.waiting(one, event);
      if (event.error) one.fail(event.error, move);
      else {
        one.fresh(move);
        if (event.piece === "branches") {
          this.curves = event.answer;
          if (this.point) this.drawBranches();
        } else PANELS[event.piece].show(one, event.answer, this.state);
      }
      if (move !== this.move) one.stale();
      if (event.piece === "point" && event.answer) this.pointed(event.answer);
      this.told(event);
    };
  }

  pointed(answer) {
    const first = !this.point;
    this.point = answer;
    if (first) this.measured();
    if (answer.T_c > 0) this.hottest = 1.25 * Math.max(answer.T_c, this.state.T);
    if (this.state.symmetric) {
      this.described.channels.forEach((row, i) => this.described.channels.forEach((column, j) => {
        if (i > j) this.sliders[`${this.described.coupling}[${row}, ${column}]`]?.set(answer.lam[i][j]);
      }));
    }
    const gaps = answer.branches.map((name, i) => `${name} ${digits(answer.gaps[i])} meV`).join(", ");
    this.say(answer.converged ? `${answer.label} at ${digits(this.state.T)} K: gaps ${gaps}; T_c ${digits(answer.T_c)} K.` : answer.sentence, !answer.converged);
  }

  /** Where a new point is put: on a gap as it is. */
  suggested(n) {
    const { branches, gaps } = this.point ?? { branches: [""], gaps: [1] };
    const b = n % branches.length;
    const value = Number((gaps[b] || 1).toPrecision(4));
    return { of: branches[b], T: this.state.T, value, error: Number((0.03 * value).toPrecision(1)) };
  }

  /** The table of measured gaps, and their circles in the plot. */
  measured() {
    if (!this.point) return;
    if (this.host.missing?.fit) return this.cards.fit.form.replaceChildren(h("p", { class: "quiet" }, this.host.missing.fit));
    this.cards.fit.form.replaceChildren(...measuredForm(this.described, this.state, this.point.branches, () => this.measured(), () => this.fit()));
    this.drawBranches();
    this.host.keep?.(this.state);
  }

  drawBranches() {
    if (!this.curves) return;
    const layer = measuredLayer(this.state.measured, this.point.branches, (i, value) => {
      this.state.measured[i].value = value;
      this.measured();
      this.cards.branches.body.querySelector(`[data-measured="${i}"]`)?.focus();
      if (this.refits) this.fit();
    });
    PANELS.branches.show(this.cards.branches, this.curves, this.state, [layer]);
  }

  fit() {
    const one = this.cards.fit;
    this.refits = true; // From now on a point that is dragged is fitted at once.
    this.fits = (this.fits ?? 0) + 1;
    one.found.classList.add("stale");
    this.fitting ??= new Line(this.host, "fits", this.page, 0);
    this.fitting.ask({ ...this.message, move: this.fits, measured: this.state.measured, free: this.state.free, pieces: ["fit"] }, (event) => {
      if ("seconds" in event) return this.waiting(one, event);
      one.tell("");
      one.found.classList.remove("stale");
      if (event.error) one.found.replaceChildren(h("p", { class: "bad" }, event.error));
      if (event.answer) {
        one.found.replaceChildren(...fitted(event.answer, () => this.enterValues(event.answer.values)));
        one.rows = () => [["parameter", "best", "lower", "upper"], ...event.answer.parameters.map((p) => [p.name, p.value, p.lower, p.upper])];
        this.say(`Fitted: ${event.answer.parameters.map((p) => `${leafName(p.name)} ${digits(p.value)}`).join(", ")}.`);
      }
    });
  }

  enterValues(values) {
    this.state.values = { ...this.state.values, ...values };
    for (const [path, value] of Object.entries(values)) this.sliders[path]?.set(value);
    this.moved({});
  }

  waiting(one, { seconds, compiling }) {
    if (seconds >= 1) one.tell(`computing${compiling ? ", compiling (once per kind of system)" : ""}, ${Math.round(seconds)} s`);
  }

  told() {
    this.element.dataset.done = Object.values(this.cards).filter((one) => Number(one.element.dataset.move) === this.move).map((one) => one.key).join(" ");
  }

  say(text, bad = false) {
    this.status.textContent = text;
    this.status.classList.toggle("bad", bad);
  }

  toml() {
    const { measured, free } = this.state;
    this.host.ask({ ...this.message, measured, free, pieces: ["files"], line: "files", page: this.page }, (event) => {
      for (const [name, text] of Object.entries(event.answer?.files ?? {})) download(name, text, name.endsWith("csv") ? "text/csv" : "application/toml");
      if (event.error) this.say(event.error, true);
    }, new AbortController().signal);
  }

  async link() {
    const link = this.host.link?.(this.state) ?? JSON.stringify(this.state);
    try {
      await navigator.clipboard.writeText(link);
      this.say("The link is copied: it opens this state in any explorer that runs at this address.");
    } catch {
      this.say(link);
    }
  }
}

// --- hosts ---------------------------------------------------------------------------------------------------------------

/** The server on this machine that this page is from. */
const served = {
  async about() {
    return (await fetch("about")).json();
  },
  async ask(message, tell, signal) {
    const answer = await fetch("answers", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(message), signal });
    if (!answer.ok) throw new Error(await answer.text());
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines) tell(JSON.parse(line));
    }
  },
  kept() {
    try {
      return JSON.parse(decodeURIComponent(location.hash.slice(1)));
    } catch {
      return null;
    }
  },
  keep(state) {
    clearTimeout(served.waits);
    served.waits = setTimeout(() => history.replaceState(null, "", served.link(state)), 300);
  },
  link: (state) => `${location.href.split("#")[0]}#${encodeURIComponent(JSON.stringify(state))}`,
};

/** The kernel of a notebook, through anywidget. */
function kernel(model) {
  const waiting = new Map();
  let last = 0;
  model.on("msg:custom", ({ id, event, done }) => {
    const one = waiting.get(id);
    if (!one) return;
    if (event) one.tell(event);
    if (done) {
      waiting.delete(id);
      one.resolve();
    }
  });
  return {
    about: async () => model.get("about"),
    ask: (message, tell, signal) =>
      new Promise((resolve) => {
        const id = (last += 1);
        waiting.set(id, { tell, resolve });
        signal.addEventListener("abort", () => { waiting.delete(id); resolve(); });
        model.send({ id, message });
      }),
    keep(state) {
      model.set("state", JSON.parse(JSON.stringify(state)));
      model.save_changes();
    },
    kept: () => (Object.keys(model.get("state") ?? {}).length ? model.get("state") : null),
  };
}

/** Show the explorer in an element; returns it. */
export function mount(element, host) {
  const explorer = new Explorer(element, host);
  explorer.begin().catch((error) => {
    element.replaceChildren(h("p", { class: "bad", role: "alert" }, `The explorer could not begin: ${error.message}`));
  });
  return explorer;
}

export default {
  render({ model, el }) {
    const place = h("div", {});
    el.append(place);
    mount(place, kernel(model));
  },
};

const own = document.getElementById("jaxgap-explorer");
if (own) mount(own, served);
