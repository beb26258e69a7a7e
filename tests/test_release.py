"""A release says one version, in one place, and its notes, its citation and its documents agree with it."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import jaxgap

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_build_reads_the_version_where_the_library_does():
    project = tomllib.loads(text("pyproject.toml"))
    assert project["project"]["dynamic"] == ["version"]
    source = text(project["tool"]["hatch"]["version"]["path"])
    assert re.search(r'^VERSION = "(.*)"$', source, re.MULTILINE)[1] == jaxgap.__version__


def test_notes_and_citation_are_of_this_version():
    version, date = re.search(r"^## (\d+\.\d+\.\d+) \((\d{4}-\d\d-\d\d)\)$", text("CHANGELOG.md"), re.MULTILINE).groups()
    citation = yaml.safe_load(text("CITATION.cff"))
    assert (citation["version"], str(citation["date-released"])) == (version, date) == (jaxgap.__version__, date)


def test_other_forms_of_the_citation_agree_with_it():
    citation = yaml.safe_load(text("CITATION.cff"))
    version, date, papers = citation["version"], str(citation["date-released"]), {one["doi"] for one in citation["references"]}
    codemeta, zenodo = json.loads(text("codemeta.json")), json.loads(text(".zenodo.json"))
    assert (codemeta["version"], codemeta["datePublished"]) == (version, date)
    assert (zenodo["version"], zenodo["publication_date"], zenodo["title"]) == (version, date, citation["title"])
    assert {one["@id"].removeprefix("https://doi.org/") for one in codemeta["referencePublication"]} == papers
    assert {one["identifier"] for one in zenodo["related_identifiers"]} == papers
    names = [one["name"] for one in citation["authors"]]
    assert [one["name"] for one in codemeta["author"]] == [one["name"] for one in zenodo["creators"]] == names
    project = tomllib.loads(text("pyproject.toml"))["project"]
    assert codemeta["license"].endswith(project["license"])
    assert zenodo["license"] == citation["license"] == project["license"]
    assert codemeta["description"] == zenodo["description"] == project["description"]
    assert codemeta["keywords"] == zenodo["keywords"] == project["keywords"]


def test_notes_have_one_form():
    """Unreleased at the top, if at all; then versions, the newest first, with their dates from 0.2 on."""
    heads = re.findall(r"^## (.*)$", text("CHANGELOG.md"), re.MULTILINE)
    versions = heads[1:] if heads[0] == "Unreleased" else heads
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ \(\d{4}-\d\d-\d\d\)|0\.1\.0", head) for head in versions)
    numbers = [tuple(map(int, head.split(" ")[0].split("."))) for head in versions]
    assert numbers == sorted(numbers, reverse=True)


def test_a_release_is_built_by_its_script():
    workflow = yaml.safe_load(text(".github/workflows/release.yml"))
    commands = [step.get("run", "") for step in workflow["jobs"]["build"]["steps"]]
    assert "python tools/release.py dist" in commands
    assert workflow["permissions"] == {"contents": "read"}


def test_every_supported_python_is_tried():
    workflow = yaml.safe_load(text(".github/workflows/ci.yml"))
    tried = workflow["jobs"]["run"]["strategy"]["matrix"]["python"]
    named = re.findall(r"Python :: (3\.\d+)", text("pyproject.toml"))
    assert tried == named
    assert workflow["jobs"]["run"]["steps"][-1]["run"] == ".ci/run"
    install, *nightly = [step["run"] for step in workflow["jobs"]["nightly"]["steps"] if "run" in step]
    assert install == 'pip install -e ".[dev]"'
    assert len(nightly) == 2
    for command in nightly:
        assert f"`{command}`" in text("CONTRIBUTING.md")
    assert f"`{nightly[0]}`" in text("README.md")


def test_hooks_are_commands_that_ci_runs_too():
    hooks = [hook for repo in yaml.safe_load(text(".pre-commit-config.yaml"))["repos"] for hook in repo["hooks"]]
    assert [hook["language"] for hook in hooks] == ["system"] * len(hooks)
    for hook in hooks:
        assert " ".join(hook["entry"].split()[:2]).removesuffix(" --fix") in text(".ci/run")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (path.parent / target).exists(), target


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_names_in_documents_exist(path):
    for name in sorted(set(re.findall(r"`(jaxgap(?:\.\w+)+)", path.read_text(encoding="utf-8")))):
        parts, here = name.split(".")[1:], ROOT / "jaxgap"
        while parts and (here / parts[0]).is_dir():
            here = here / parts.pop(0)
        module = here / f"{parts[0]}.py" if parts and (here / f"{parts[0]}.py").is_file() else here / "__init__.py"
        rest = parts[1:] if module.name != "__init__.py" else parts
        assert not rest or re.search(rf"\b{rest[0]}\b", module.read_text(encoding="utf-8")), name


def test_importing_loads_what_every_user_needs():
    """scipy, and what draws, reads files or fits, is loaded when it is asked for: half of the time of an import."""
    program = "import sys, jaxgap; jaxgap.solve; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    assert "equinox" in loaded
    assert not {"scipy", "optax", "matplotlib", "pydantic", "rich", "typer", "xarray"} & set(loaded)
