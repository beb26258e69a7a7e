"""How fast the explorer follows a slider: from a move in the browser until every card has its answer, and from the command to
the first picture, with kept programs and without.

    python benchmarks/explorer.py [--system two_band] [--moves 40] [--cold]

The page runs in Debian's chromium (playwright); the times are those of a person who waits: of the server, the browser and the
drawing together. Beside them stands the CPU time of the server, which says what a move costs where others use the machine, too.
`everything` is all cards but first-order jumps and the phase map, which wait until nothing moves.
Writes benchmarks/results/explorer.json.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from jaxgap.numerics.provenance import provenance

RESULTS = Path(__file__).parent / "results" / "explorer.json"
PIECES = ("point", "energies", "spectra", "slopes", "states", "branches")
BARS = {"median_ms": 150.0, "p95_ms": 400.0, "kept_s": 5.0, "cold_s": 30.0}
PATIENCE = 600_000
WATCH = """
() => {
  const root = document.getElementById("jaxgap-explorer");
  window.seen = {};
  let waiting = [];
  const tell = () => {
    waiting = waiting.filter(([keys, done]) => !keys.every((key) => key in window.seen) || done(window.seen));
  };
  new MutationObserver(() => {
    for (const card of root.querySelectorAll("[data-piece]")) {
      const key = card.dataset.piece + " " + card.dataset.move;
      if (!(key in window.seen)) window.seen[key] = performance.now();
    }
    tell();
  }).observe(root, {subtree: true, attributes: true, attributeFilter: ["data-move"]});
  window.all = (pieces) => {
    const keys = pieces.map((piece) => piece + " " + root.dataset.move);
    return new Promise((done) => {
      waiting.push([keys, done]);
      tell();
    });
  };
}
"""

STEP = """
one => {
  one.value = Number(one.value) + (one.max - one.min) / 400;
  const now = performance.now();
  one.dispatchEvent(new Event("input"));
  return now;
}
"""


def served(system: str, cache: str | None):
    """(process, address) of `jaxgap explore`."""
    environment = os.environ | ({"JAX_COMPILATION_CACHE_DIR": cache} if cache else {})
    command = [sys.executable, "-u", "-m", "jaxgap", "explore", system, "--no-open"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    return process, re.search(r"http://\S+", process.stdout.readline())[0]


def first_picture(browser, system: str, cache: str | None = None) -> float:
    """Seconds from the command until the first plot is drawn."""
    began = time.perf_counter()
    process, address = served(system, cache)
    try:
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto(address)
        page.wait_for_selector("[data-piece=energies] .plot svg", timeout=PATIENCE)
        return time.perf_counter() - began
    finally:
        process.kill()
        process.wait()


def cpu_time(process) -> float:
    """What a process has used so far [ms], all its threads together."""
    fields = Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return 1e3 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def moves(browser, system: str, count: int) -> dict[str, list[float]]:
    """Milliseconds from each move until each piece is there, and all of them; and the server's CPU time for it."""
    process, address = served(system, None)
    try:
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto(address)
        for piece in (*PIECES, "jumps", "map"):  # Whoever moves on while these compile waits for that, too.
            page.wait_for_selector(f"[data-piece={piece}]:not(.stale)", timeout=PATIENCE)
        page.evaluate(WATCH)
        paths = page.eval_on_selector_all("input[type=range]:not(:disabled)", "all => all.map(one => one.dataset.path)")
        found: dict[str, list[float]] = {piece: [] for piece in (*PIECES, "everything", "server_cpu")}
        for i in range(-len(paths), count):  # A first round, in which what a slider needs is compiled, does not count.
            slider = page.locator(f"[data-path='{paths[i % len(paths)]}']")
            used, began = cpu_time(process), slider.evaluate(STEP)
            move = page.get_attribute("#jaxgap-explorer", "data-move")
            # The page itself says when all are there: to look for them, frame after frame, takes a core of the server's.
            seen = page.evaluate("pieces => window.all(pieces)", PIECES)
            if i >= 0:
                for piece in PIECES:
                    found[piece].append(seen[f"{piece} {move}"] - began)
                found["everything"].append(max(found[piece][-1] for piece in PIECES))
                found["server_cpu"].append(cpu_time(process) - used)
        return found
    finally:
        process.kill()
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--system", default="two_band")
    parser.add_argument("--moves", type=int, default=40)
    parser.add_argument("--cold", action="store_true", help="also the first picture without kept programs")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        times = moves(browser, options.system, options.moves)
        kept = first_picture(browser, options.system)
        cold = None
        if options.cold:
            with tempfile.TemporaryDirectory() as folder:
                cold = first_picture(browser, options.system, folder)
    rows = {
        name: {"median_ms": float(np.median(values)), "p95_ms": float(np.percentile(values, 95))}
        for name, values in times.items()
    }
    print(f"{'piece':<12} {'median ms':>10} {'95 % ms':>10}")
    for name, row in rows.items():
        print(f"{name:<12} {row['median_ms']:>10.0f} {row['p95_ms']:>10.0f}")
    print(f"bars         {BARS['median_ms']:>10.0f} {BARS['p95_ms']:>10.0f}")
    print(f"first picture: {kept:.1f} s with kept programs (bar {BARS['kept_s']:.0f} s)")
    if cold is not None:
        print(f"first picture: {cold:.1f} s without (bar {BARS['cold_s']:.0f} s)")
    load = os.getloadavg()[0]
    print(f"load of the machine at the end: {load:.1f} on {os.cpu_count()} cores")
    record = {
        "system": options.system,
        "moves": options.moves,
        "pieces": rows,
        "first_picture_s": {"kept": kept, "cold": cold},
        "bars": BARS,
        "load_average": load,
        "cores": os.cpu_count(),
        "provenance": provenance(),
    }
    RESULTS.write_text(json.dumps(record, indent=1, default=str) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
