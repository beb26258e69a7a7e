"""Execute notebooks in place of a reader, two at a time; a cell that raises fails the run. Outputs are not touched.

    python .ci/run_notebooks.py notebooks [--all]

Without --all those that take five minutes are left to the nightly run.
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from time import perf_counter

import nbformat
from nbclient import NotebookClient

from jaxgap.numerics.programs import compile_quickly

NIGHTLY = {
    "from_a_heat_capacity_and_a_muSR_curve_to_couplings",
    "what_a_plain_iteration_hides",
    "which_couplings_do_my_gaps_determine",
}


def execute(path: Path) -> None:
    compile_quickly()  # of the kernel, which inherits it
    start = perf_counter()
    NotebookClient(nbformat.read(path, as_version=4), timeout=900, resources={"metadata": {"path": path.parent}}).execute()
    print(f"executed {path} in {perf_counter() - start:.0f} s", flush=True)


def main() -> None:
    paths = sorted(Path(sys.argv[1]).glob("*.ipynb"), key=lambda path: -path.stat().st_size)
    if unknown := NIGHTLY - {path.stem for path in paths}:
        sys.exit(f"no notebooks are called {', '.join(sorted(unknown))}")
    if "--all" not in sys.argv:
        paths = [path for path in paths if path.stem not in NIGHTLY]
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(execute, paths))  # raises what a cell raised


if __name__ == "__main__":
    main()
