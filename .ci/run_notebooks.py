"""Execute every notebook in place of a reader; a cell that raises fails the run. Kept outputs are not touched."""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from jaxgap._compilation import compile_quickly

compile_quickly()  # of the kernels, which inherit it
paths = sorted(Path(sys.argv[1]).glob("*.ipynb"))
if not paths:
    sys.exit("no notebooks found")
for path in paths:
    NotebookClient(nbformat.read(path, as_version=4), timeout=600, resources={"metadata": {"path": path.parent}}).execute()
    print(f"executed {path}")
