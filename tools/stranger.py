"""The path of somebody who has only the wheel, in a clean environment elsewhere: `python tools/stranger.py [WHEEL]`.

Without a wheel one is built, with the pages if they have been built (build/docs). A virtual environment is made in a folder of
its own, the wheel is installed there with what it depends on, and then, where nothing of this repository is: an example is
copied and fitted, its report made again, its parameters are those that are known, the explorer draws its first picture in a
browser (playwright and chromium of whoever runs this; skipped with the reason where they are missing), and the documentation is
found, which needs no network. Each step says how long it took; the first that fails ends it.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXAMPLE = "ba0.6k0.4fe2as2"
WRITTEN = ("result.json", "report.html", "fit.png")
"""What a fit leaves beside its data."""
AGREE = 1e-4
"""Parameters of two fits of the same data, in standard deviations: the optimiser goes on far below this."""
PICTURE = "[data-piece=energies] .plot svg"
"""What the explorer draws first."""
PATIENCE = 300.0
"""Seconds that it may take with nothing compiled yet, on a busy machine."""
_FETCHED = re.compile(r"""<(?:script|img|iframe)[^>]+src=["']https?:|<link[^>]+rel=["']stylesheet["'][^>]+href=["']https?:""")
"""What a page would need a network for."""


class Stranger:
    """A folder with an environment that knows nothing of the repository."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.place = folder / "work"
        self.place.mkdir()
        venv.create(folder / "venv", with_pip=True)
        self.programs = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")

    @property
    def environment(self) -> dict[str, str]:
        """What programs find in theirs: nothing of whoever runs this."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "JAX", "XLA"))}
        return kept | {"XDG_CACHE_HOME": str(self.folder / "cache"), "MPLBACKEND": "agg"}

    def run(self, program: str, *arguments: object) -> str:
        """What a program of the environment prints; its failure ends everything."""
        began = time.monotonic()
        command = [str(self.programs / program), *map(str, arguments)]
        done = subprocess.run(command, cwd=self.place, env=self.environment, capture_output=True, text=True, check=False)
        print(f"{time.monotonic() - began:6.1f} s  {program} {' '.join(map(str, arguments))}", flush=True)
        if done.returncode:
            sys.exit(f"{done.stdout}{done.stderr}\nIt ended with code {done.returncode}.")
        return done.stdout


def built(folder: Path) -> Path:
    """A wheel of these sources."""
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=ROOT, check=True)
    return next(folder.glob("*.whl"))


def fitted(stranger: Stranger) -> None:
    """An example, fitted: there are results, which agree with those of the repository."""
    stranger.run("jaxgap", "examples", EXAMPLE)
    stranger.run("jaxgap", "fit", EXAMPLE)
    stranger.run("jaxgap", "report", EXAMPLE)
    missing = [name for name in WRITTEN if not (stranger.place / EXAMPLE / name).is_file()]
    if missing:
        sys.exit(f"The fit has not written {', '.join(missing)}.")
    places = (stranger.place / EXAMPLE, ROOT / "fits" / EXAMPLE)
    results = [json.loads((place / "result.json").read_text(encoding="utf-8"))["parameters"] for place in places]
    for found, known in zip(*results, strict=True):
        if not abs(found["value"] - known["value"]) <= AGREE * known["uncertainty"]:
            sys.exit(f"{known['name']} is {found['value']}, not {known['value']}.")


def explored(stranger: Stranger) -> None:
    """The first picture of the explorer, in a browser of whoever runs this."""
    chromium = shutil.which("chromium")
    missing = "playwright" if find_spec("playwright") is None else "chromium" if chromium is None else ""
    if missing:
        print(f"          no explorer: there is no {missing} here")
        return
    from playwright.sync_api import sync_playwright

    began = time.monotonic()
    command = [str(stranger.programs / "jaxgap"), "explore", "two_band", "--no-open"]
    about = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    server = subprocess.Popen(command, cwd=stranger.place, env=stranger.environment | {"PYTHONUNBUFFERED": "1"}, **about)
    try:
        lines = iter(server.stdout.readline, "")
        address = next((found[0] for line in lines if (found := re.search(r"http://\S+", line))), None)
        if address is None:
            sys.exit("The explorer ended without an address.")
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page()
            page.goto(address)
            page.wait_for_selector(PICTURE, timeout=PATIENCE * 1000)
            browser.close()
    finally:
        server.terminate()
        server.wait()
    print(f"{time.monotonic() - began:6.1f} s  jaxgap explore two_band, to its first picture")


def read(stranger: Stranger, wheel: Path) -> None:
    """The pages, which a wheel of a release has, and which fetch nothing."""
    if not any(name.endswith("pages/index.html") for name in zipfile.ZipFile(wheel).namelist()):
        sys.exit(f"{wheel.name} has no pages: build them first (`python -m sphinx -b html docs build/docs`).")
    page = Path(stranger.run("jaxgap", "docs").strip())
    fetching = [one.name for one in page.parent.rglob("*.html") if _FETCHED.search(one.read_text(encoding="utf-8"))]
    if fetching:
        sys.exit(f"Pages need a network: {', '.join(fetching)}.")
    print(f"          {len(list(page.parent.rglob('*.html')))} pages, none of which fetches anything")


def main(wheel: Path | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        wheel = wheel or built(Path(folder))
        stranger = Stranger(Path(folder))
        stranger.run("python", "-m", "pip", "install", "--quiet", wheel)
        stranger.run("jaxgap", "--version")
        stranger.run("jaxgap", "tc", "two_band")
        fitted(stranger)
        explored(stranger)
        read(stranger, wheel)
    print("A stranger comes through.")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None)
