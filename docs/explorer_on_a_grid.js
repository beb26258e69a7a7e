// The explorer's third host: the answers of a grid, kept in the page (docs/explorer_grid.py). What it tells are solutions at the
// grid's points; of anything between them it says that it has none.

/** A host of a grid {system, axes, pieces, answers, missing}: the answers of a piece stand in the order of the axes that it depends on. */
function grid({ system, axes, pieces, answers, missing }) {
  const leaf = Object.fromEntries(system.leaves.map(({ path, value }) => [path, value]));
  const alike = (a, b) => Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(b));
  const asked = ({ values, T }, axis) => (axis === "T" ? T : values[axis] ?? leaf[axis]);
  const step = (message, axis) => axes[axis].findIndex((one) => alike(asked(message, axis), one));
  const elsewhere = ({ values, Gamma, branch }) =>
    branch || !alike(Gamma, system.Gamma) || Object.keys(values).some((path) => !(path in axes) && !alike(values[path], leaf[path]));
  const kept = (piece, message) => answers[piece][pieces[piece].reduce((index, axis) => index * axes[axis].length + step(message, axis), 0)];
  return {
    ...served,
    missing,
    about: async () => ({ system, materials: [] }),
    async ask(message, tell) {
      if (elsewhere(message) || Object.keys(axes).some((axis) => step(message, axis) < 0)) {
        return tell({ piece: "setting", error: "This is no point of the grid that the page has." });
      }
      for (const piece of message.pieces) {
        if (!(piece in pieces)) tell({ piece, error: missing[piece] ?? "This page does not have it." });
        else {
          const answer = kept(piece, message);
          tell(answer.error ? { piece, error: answer.error } : { piece, answer });
        }
      }
    },
  };
}

/** What lies packed beside the page. */
async function unpacked(text) {
  const packed = new Blob([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))]);
  return new Response(packed.stream().pipeThrough(new DecompressionStream("gzip"))).json();
}

const place = document.getElementById("explorer-on-a-grid");
unpacked(window.jaxgapGrid).then(
  (kept) => mount(place, grid(kept)),
  (error) => place.replaceChildren(h("p", { role: "alert" }, `The explorer could not begin: ${error.message}`)),
);
