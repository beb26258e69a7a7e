"""Build and check what is uploaded at a release: `python tools/release.py [FOLDER]`, after `pip install -e ".[dev]"`.

The pages of the documentation, with warnings as errors; a wheel that has them, and a source distribution; both are then looked
into, and the wheel is tried where this repository is not: it says its version, copies an example and finds its pages.
Nothing is uploaded: the last line says which files to upload.
"""

import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PARTS = ("jaxgap/__init__.py", "jaxgap/pages/index.html", "jaxgap/pages/_static/tex-svg.js", "jaxgap/fits/mgb2/fit.toml")
"""What a wheel must have."""


def run(*command: object, where: Path = ROOT, **environment: str) -> str:
    """What a command prints; its failure ends the release."""
    print("$", *command, flush=True)
    texts = [str(part) for part in command]
    done = subprocess.run(texts, cwd=where, env=os.environ | environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stdout}{done.stderr}\nThe release ends here.")
    return done.stdout


def version() -> str:
    """That of the library; notes and citation must be of it."""
    source = (ROOT / "jaxgap" / "numerics" / "provenance.py").read_text(encoding="utf-8")
    found = re.search(r'^VERSION = "(.*)"$', source, re.MULTILINE)
    assert found is not None
    notes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    if "## Unreleased" in notes:
        sys.exit("CHANGELOG.md has unreleased notes: give them a version and a date, and CITATION.cff the same.")
    return found[1]


def try_wheel(wheel: Path, expected: str) -> None:
    """Use it as somebody who has only the wheel; its dependencies are those of this environment."""
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site"
        run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", site, wheel)
        alone = {"PYTHONPATH": str(site)}
        command = (sys.executable, "-m", "jaxgap")
        if run(*command, "--version", where=Path(folder), **alone).strip() != expected:
            sys.exit("The wheel says another version.")
        run(*command, "examples", "mgb2", where=Path(folder), **alone)
        if not run(*command, "docs", where=Path(folder), **alone).startswith(str(site)):
            sys.exit("The wheel does not find its pages.")


def main(target: Path) -> None:
    expected = version()
    run(sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-E", "-b", "html", "docs", "build/docs")
    run(sys.executable, "-m", "hatchling", "build", "-d", target)
    (wheel,) = target.glob(f"jaxgap-{expected}-*.whl")
    missing = set(PARTS) - set(zipfile.ZipFile(wheel).namelist())
    if missing:
        sys.exit(f"The wheel lacks {', '.join(sorted(missing))}.")
    try_wheel(wheel, expected)
    print(f"To be uploaded: {wheel} and {target / f'jaxgap-{expected}.tar.gz'}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "dist").resolve())
