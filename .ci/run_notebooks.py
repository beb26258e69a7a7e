"""Execute every notebook in place of a reader, two at a time; a cell that raises fails the run. Outputs are not touched."""

import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from time import perf_counter

import nbformat
from nbclient import NotebookClient

from jaxgap.numerics.programs import compile_quickly


def execute(path: Path) -> None:
    compile_quickly()  # of the kernel, which inherits it
    start = perf_counter()
    NotebookClient(nbformat.read(path, as_version=4), timeout=900, resources={"metadata": {"path": path.parent}}).execute()
    print(f"executed {path} in {perf_counter() - start:.0f} s", flush=True)


def main() -> None:
    paths = sorted(Path(sys.argv[1]).glob("*.ipynb"), key=lambda path: -path.stat().st_size)
    if not paths:
        sys.exit("no notebooks found")
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(execute, paths))  # raises what a cell raised


if __name__ == "__main__":
    main()
