"""The command line: numbers as the library's, one sentence and an exit code for what goes wrong, never a traceback."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import matplotlib.pyplot as plt
import numpy as np
import pytest
import typer
from called import Ended
from problems import one_band, system

import jaxgap
from jaxgap import Status, branch_end, critical_temperature, load, materials, save, solve
from jaxgap.commands import main as cli
from jaxgap.commands.words import OPTIONS, in_words
from jaxgap.fitting.report.record import SCHEMA
from jaxgap.observables import branch_minima, fermi_momentum_gaps

SHIPPED = Path(__file__).parents[2] / "fits" / "ba0.6k0.4fe2as2"
PRINTED_6 = 5.1e-7
"""Half a unit of the sixth decimal, and a margin for rounding half ways."""
PRINTED_9 = 5.1e-10
"""Half a unit of the ninth decimal."""
REPEATABLE = 1e-9
"""Two ways to the same solution agree to the accuracy that `solve` promises."""
DIFFERENCES = 1e-6
"""Central differences with relative steps of 1e-4."""
WAITED = re.compile(r"(solving|taking|looking|searching|drawing).*")
"""What a slow machine says on the way."""
COMMANDS = (
    "solve",
    "solutions",
    "tc",
    "gaps",
    "diagram",
    "figures",
    "data",
    "new",
    "fit",
    "report",
    "compare",
    "posterior",
    "bootstrap",
    "observe",
    "sweep",
)


@pytest.fixture
def run(command, monkeypatch, tmp_path):
    """Calls the entry point in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return command


def refused(result, code=2):
    """The command ended with `code` and one line on stderr, besides what is said while one waits."""
    assert result.code == code, result.err
    said = [line for line in result.err.splitlines() if not WAITED.fullmatch(line)]
    assert len(said) == 1, result.err
    assert said[0].startswith("jaxgap: ")
    return said[0]


def numbers(text):
    return [float(x) for x in re.findall(r"[-+]?\d+\.\d+", text)]


# === the installed command


def installed(*arguments):
    done = subprocess.run(
        [str(Path(sys.executable).with_name("jaxgap")), *arguments], capture_output=True, text=True, timeout=300, check=False
    )
    assert "Traceback" not in done.stderr
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module", autouse=True)
def _cache():
    """The installed command keeps its compiled programs where the tests do: not in the home directory of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAX_COMPILATION_CACHE_DIR", str(jax.config.jax_compilation_cache_dir))
        yield


def test_the_installed_command_solves():
    done = installed("solve", "ba122", "--T", "1", "--branch", "s+-", "--json")
    assert done.code == 0
    assert all(map(WAITED.fullmatch, done.err.splitlines()))
    np.testing.assert_allclose(done.json["branch_minima_meV"], [6.20, 12.41], atol=5.1e-3)  # as printed in PRB 101, 094516


def test_the_installed_command_refuses_bad_input():
    assert "Unknown system `unobtainium`" in refused(installed("solve", "unobtainium", "--T", "1"))


@pytest.mark.slow
def test_the_installed_command_says_what_did_not_converge():
    """As `test_a_branch_beyond_its_end` in this process."""
    done = installed("solve", "ba122", "--T", "36", "--branch", "s+-")
    assert done.code == 3
    *waited, sentence = done.err.splitlines()
    assert "does not reach this temperature" in sentence
    assert all(line.startswith("solving") for line in waited)  # what is said where it takes longer than 5 s


# === solve


def test_solve(run):
    done = run("solve", "ba122", "--T", "1", "--branch", "s+-")
    solution = solve(materials.ba122(), 1.0, branch="s+-")
    assert done.code == 0
    assert done.err == ""
    assert "s+- (converged)" in done.out
    amplitudes = numbers("\n".join(line for line in done.out.splitlines() if "Delta[" in line))
    np.testing.assert_allclose(amplitudes, solution.Delta.real, rtol=0, atol=PRINTED_9)
    gaps = numbers("\n".join(line for line in done.out.splitlines() if "gap (branch minimum)" in line))
    np.testing.assert_allclose(gaps, branch_minima(solution), rtol=0, atol=PRINTED_6)


def test_solve_json(run):
    report = run("solve", "ba122", "--T", "1", "--branch", "s+-", "--json").json
    solution = solve(materials.ba122(), 1.0, branch="s+-")
    assert (report["T_K"], report["status"], report["label"]) == (1.0, "converged", "s+-")
    assert report["channels"] == ["alpha", "beta", "alpha:beta"]
    assert report["branches"] == ["alpha:beta lower", "alpha:beta upper"]
    np.testing.assert_allclose(report["Delta_real_meV"], solution.Delta.real, rtol=REPEATABLE)
    assert report["Delta_imag_meV"] == [0.0, 0.0, 0.0]
    np.testing.assert_allclose(report["branch_minima_meV"], branch_minima(solution), rtol=REPEATABLE)
    assert report["residual_meV"] < 1e-9
    assert report["quadrature_error"] < 1e-9


def test_solve_from_a_start(run):
    done = run("solve", "ba122", "--T", "1", "--start", "12,-6,1", "--json")
    np.testing.assert_allclose(done.json["branch_minima_meV"], [6.20, 12.41], atol=5.1e-3)


def test_the_normal_state_is_a_result(run):
    report = run("solve", "ba122", "--T", "90", "--json").json
    assert (report["status"], report["label"]) == ("normal", "normal")
    assert report["Delta_real_meV"] == [0.0, 0.0, 0.0]


def test_a_branch_beyond_its_end(run):
    done = run("solve", "ba122", "--T", "36", "--branch", "s+-")
    assert "does not reach this temperature" in refused(done, 3)
    assert "left_branch" in done.out  # what was found instead is shown, and named


def test_set(run):
    arguments = ("solve", "ba122", "--T", "1", "--branch", "s+-", "--json")
    done = run(*arguments, "--set", "Omega=42", "--set", "lam[alpha, alpha:beta]=0.03", "--set", "mu[beta]=58")
    sc = materials.ba122().set({"Omega": 42.0, "lam[alpha, alpha:beta]": 0.03, "mu[beta]": 58.0})
    np.testing.assert_allclose(done.json["Delta_real_meV"], solve(sc, 1.0, branch="s+-").Delta.real, rtol=REPEATABLE)
    alias = run(*arguments, "--set", "lambda_13=0.02").json
    sc = materials.ba122().set({"lam[alpha, alpha:beta]": 0.02})
    np.testing.assert_allclose(alias["Delta_real_meV"], solve(sc, 1.0, branch="s+-").Delta.real, rtol=REPEATABLE)


def test_a_system_from_a_file(run, tmp_path):
    save(materials.ba122(0.03, 40.0), tmp_path / "mine.toml")
    report = run("solve", "mine.toml", "--T", "1", "--branch", "s+-", "--json").json
    wanted = solve(materials.ba122(0.03, 40.0), 1.0, branch="s+-").Delta.real
    np.testing.assert_allclose(report["Delta_real_meV"], wanted, rtol=REPEATABLE)
    assert load(tmp_path / "mine.toml").convention == "mean"


# === tc


@pytest.mark.slow
def test_tc(run):
    sc = materials.ba122()
    T_c = float(critical_temperature(sc))
    done = run("tc", "ba122")
    assert done.code == 0
    assert abs(numbers(done.out)[0] - T_c) < PRINTED_6
    report = run("tc", "ba122", "--json").json
    assert abs(report["T_c_K"] - T_c) < REPEATABLE * T_c
    assert set(report["derivatives_K_per_unit"]) == set(sc.paths)
    for path in ("Omega", "lam[alpha, alpha:beta]"):
        x = float(sc.get(path))
        above, below = (float(critical_temperature(sc.set({path: x * (1 + h)}))) for h in (1e-4, -1e-4))
        np.testing.assert_allclose(report["derivatives_K_per_unit"][path], (above - below) / (2e-4 * x), rtol=DIFFERENCES)
        assert path in done.out


@pytest.mark.slow
def test_no_tc(run):
    arguments = [f"lam[{c}, {k}]=-0.1" for c in ("alpha", "beta", "alpha:beta") for k in ("alpha", "beta", "alpha:beta")]
    flags = [part for argument in arguments for part in ("--set", argument)]
    done = run("tc", "ba122", *flags)
    assert done.code == 0
    assert "T_c = 0" in done.out
    report = run("tc", "ba122", "--json", *flags)
    assert report.json["T_c_K"] == 0.0


def _two_bands(lam, tmp_path):
    save(system(lam, [200.0, 200.0], cross=()), tmp_path / "two.toml")
    return "two.toml"


@pytest.mark.slow
def test_tc_says_what_meets_there(run, tmp_path):
    """Equal bands: derivatives of the mean. A defective eigenvalue: T_c without derivatives. A complex pair: no T_c, and the
    normal state is not called stable."""
    T_c = float(critical_temperature(one_band(0.3)))
    done = run("tc", _two_bands([[0.3, 0.0], [0.0, 0.3]], tmp_path))
    assert "2 directions become critical together" in done.out
    assert "nan" not in done.out
    done = run("tc", _two_bands([[0.3, 0.1], [-1e-16, 0.3]], tmp_path))
    assert abs(numbers(done.out)[0] - T_c) < PRINTED_6
    assert "(defective)" in done.out
    assert "nan" not in done.out
    done = run("tc", _two_bands([[0.3, 0.2], [-0.2, 0.3]], tmp_path))
    assert done.code == 0
    assert abs(numbers(done.out)[0] - T_c) < PRINTED_6
    assert "unstable below" in done.out
    assert "in an oscillation" in done.out
    assert "stable at every temperature" not in done.out
    report = run("tc", "two.toml", "--json").json
    assert report["T_c_K"] == 0.0
    assert report["oscillatory_K"] == pytest.approx(T_c, rel=1e-9)


# === gaps


@pytest.mark.slow
def test_gaps(run):
    """Two temperatures below the fold of s+-, one above."""
    done = run("gaps", "ba122", "--branch", "s+-", "--T", "1,20,36")
    assert done.code == 0
    report = run("gaps", "ba122", "--branch", "s+-", "--T", "1,20,36", "--json").json
    assert [row["T_K"] for row in report["rows"]] == [1.0, 20.0, 36.0]
    assert [row["status"] for row in report["rows"]] == ["converged", "converged", "left_branch"]
    assert report["branches"] == ["alpha:beta lower", "alpha:beta upper"]
    solution = solve(materials.ba122(), 20.0, branch="s+-")
    np.testing.assert_allclose(report["rows"][1]["branch_minima_meV"], branch_minima(solution), rtol=REPEATABLE)
    fermi = fermi_momentum_gaps(solution)
    np.testing.assert_allclose(report["rows"][1]["fermi_momentum_meV"], fermi.gap, rtol=REPEATABLE)
    np.testing.assert_allclose(report["rows"][1]["fermi_momentum_weight"], fermi.weight, rtol=REPEATABLE)
    assert report["branch_end"]["kind"] == "fold"
    np.testing.assert_allclose(report["branch_end"]["T_K"], branch_end(materials.ba122(), "s+-").T, rtol=REPEATABLE)
    assert report["coherence_peaks"][0]["kind"] == "minimum"
    assert "ends at 35.3516 K at a fold" in done.out
    lines = done.out.splitlines()
    assert any("left_branch" in line and line.count(" - ") >= 2 for line in lines)  # no gap is printed for another state
    assert any("5.9248" in line and "12.4283" in line for line in lines)  # the reference, T = 20 K


@pytest.mark.slow
def test_gaps_on_a_grid_and_its_picture(run, tmp_path):
    done = run("gaps", "ba122", "--branch", "s+-", "--T", "1:36:3", "--plot", "gaps.png", "--json")
    assert [row["T_K"] for row in done.json["rows"]] == [1.0, 18.5, 36.0]
    assert (tmp_path / "gaps.png").stat().st_size > 10_000


@pytest.mark.slow
def test_gaps_only_beyond_the_end(run):
    done = run("gaps", "ba122", "--branch", "s+-", "--T", "36,40,50")
    assert "does not reach this temperature" in refused(done, 3)


@pytest.mark.slow
def test_gaps_of_the_normal_state(run):
    report = run("gaps", "ba122", "--T", "85,90,95", "--json").json
    assert [row["status"] for row in report["rows"]] == ["normal"] * 3
    assert report["branch_end"] is None


# === fit


def test_fit_refuses_a_bad_folder(run, tmp_path):
    assert "has no fit.toml" in refused(run("fit", str(tmp_path)))
    shutil.copytree(SHIPPED, tmp_path / "fit")
    (tmp_path / "fit" / "data.csv").write_text("quantity\n", encoding="utf-8")
    assert "column `T_K` is missing" in refused(run("fit", "fit"))


@pytest.mark.slow
def test_fit(run, tmp_path):
    shutil.copytree(SHIPPED, tmp_path / "fit", ignore=shutil.ignore_patterns("result.json", "fit.png", "report.html"))
    done = run("fit", "fit")
    assert done.code == 0
    assert "search" in done.err
    assert "0.0312555" in done.out
    assert "40.9626" in done.out
    assert "16 of 16 starts" in done.out
    assert {"result.json", "fit.png", "report.html"} <= {path.name for path in (tmp_path / "fit").iterdir()}
    report = json.loads((tmp_path / "fit" / "result.json").read_text(encoding="utf-8"))
    assert report["schema"] == SCHEMA
    again = run("fit", "fit", "--json").json
    np.testing.assert_allclose(again["parameters"][0]["value"], report["parameters"][0]["value"], rtol=REPEATABLE)


# === help and bad input


@pytest.mark.parametrize("status", Status)
def test_sentences_are_in_the_words_of_the_command_line(status):
    said = in_words(status.sentence)
    assert not re.search(r"=`|Rule\(|`rule`|branch_end|jax\.|throw", said), said
    assert said.endswith(".")


def test_options_are_called_what_they_are():
    assert in_words("Argument `T` must be one.") == "Argument `--T` must be one."
    assert in_words("sweep.toml: Argument `T` must be one.") == "sweep.toml: Argument `T` must be one."
    assert in_words("Argument `Omega` must be positive.") == "Argument `Omega` must be positive."
    commands = typer.main.get_command(cli.app).commands
    options = {flag for command in commands.values() for parameter in command.params for flag in parameter.opts}
    assert set(OPTIONS.values()) <= options


def test_what_is_doubtful_is_said(run):
    done = run("tc", "ba122", "--set", "Omega=55", "--set", "lam[alpha, alpha]=2", "--json")
    assert done.code == 0
    assert done.err.count("Note: ") == 2
    assert "The largest coupling is 2" in done.err
    assert "more than the depth of the band alpha, 50 meV" in done.err
    assert done.json["T_c_K"] > 0
    assert run("tc", "ba122", "--json").err == ""


def test_help_lists_the_commands(run):
    done = run("--help")
    assert done.code == 0
    for command in COMMANDS:
        assert re.search(rf"^\W*{command}\b", done.out, re.MULTILINE)
        assert re.search(rf"Examples?: jaxgap {command}\b", run(command, "--help").out)


def test_version(run):
    assert run("--version").out.strip() == jaxgap.__version__


BAD = [
    (("solve", "unobtainium", "--T", "1"), "Unknown system `unobtainium`"),
    (("solve", "ba122", "--T", "-1"), "`--T` must not be negative"),
    (("solve", "ba122", "--T", "nan"), "`--T` must be finite"),
    (("solve", "ba122", "--T", "1", "--branch", "d"), "`--branch` must"),
    (("solve", "mgb2", "--T", "1", "--branch", "s+-"), "one sign per band"),
    (("solve", "ba122", "--T", "1", "--start", "12,-6"), "`--start` must have one amplitude per channel"),
    (("solve", "ba122", "--T", "1", "--start", "a,b,c"), "`--start` must hold comma-separated numbers"),
    (("solve", "ba122", "--T", "1", "--start", "nan,1,1"), "`--start` must be finite"),
    (("solve", "ba122", "--T", "1", "--set", "Omega"), "PATH=VALUE"),
    (("solve", "ba122", "--T", "1", "--set", "Omega=big"), "`--set` must hold a number"),
    (("solve", "ba122", "--T", "1", "--set", "Omega=-4"), "`Omega` must be positive"),
    (("solve", "ba122", "--T", "1", "--set", "Omega=nan"), "`Omega` must be finite"),
    (("solve", "ba122", "--T", "1", "--set", "lam[gamma, alpha]=1"), "gamma"),
    (("solve", "ba122", "--T", "1", "--set", "gap=1"), "Unknown path `gap`"),
    (("solve", "ba122", "--T", "1", "--set", "mu[alpha]=-5"), "`mu[alpha]` must have the sign"),
    (("solve", "broken.toml", "--T", "1"), "not valid TOML"),
    (("solve", "empty.toml", "--T", "1"), "is missing"),
    (("solve", "extra.toml", "--T", "1"), "unknown key `colour`"),
    (("tc", "nowhere.toml"), "Unknown system"),
    (("gaps", "ba122", "--T", "1:2"), "start:stop:count"),
    (("gaps", "ba122", "--T", "1:2:0"), "start:stop:count"),
    (("gaps", "ba122", "--T", "1,cold"), "`--T` must hold a number"),
    (("gaps", "ba122", "--T", "-1,2"), "`--T` must be a list of temperatures >= 0"),
    (("gaps", "ba122", "--T", "nan"), "`--T` must be finite"),
    (("gaps", "ba122", "--T", ""), "`--T` must hold a number"),
    (("fit", "nowhere"), "has no fit.toml"),
    (("diagram", "two_band", "--x", "lambda_33=0.1:0.2", "--y", "T=1:2:3"), "PATH=FROM:TO:POINTS"),
    (("diagram", "two_band", "--x", "lambda_33=0.1:0.2:few", "--y", "T=1:2:3"), "PATH=FROM:TO:POINTS"),
    (("diagram", "two_band", "--x", "lambda_33=0.1:much:3", "--y", "T=1:2:3"), "`--x` must hold a number"),
    (("diagram", "two_band", "--x", "lambda_99=0.1:0.2:3", "--y", "T=1:2:3"), "lambda_99"),
    (("diagram", "two_band", "--x", "lambda_33=0.1:0.2:3", "--y", "T=-1:2:3"), "`--T` must not be negative"),
    (("diagram", "two_band", "--x", "T=1:2:3", "--y", "T=1:2:3"), "another leaf"),
    (("diagram", "two_band", "--x", "lambda_33=0.1:0.2:3", "--y", "T=1:2:3", "--T", "4"), "`--T` must be left out"),
    (("diagram", "two_band", "--x", "lambda_33=0.1:0.2:0", "--y", "T=1:2:3"), "rise over at least two points"),
    (("diagram", "two_band", "--x", "lambda_33=0.2:0.2:3", "--y", "T=1:2:3"), "rise over at least two points"),
    (("diagram", "two_band", "--x", "lambda_33=0.1:inf:3", "--y", "T=1:2:3"), "have finite ends"),
    (("diagram", "two_band", "--x", "lambda_33=0.1:0.2:1000000000", "--y", "T=1:2:3"), "but got 1,000,000,000, for which"),
    (("diagram", "two_band", "--x", "lambda_33=0.1:0.2:5000", "--y", "T=1:2:5000"), "some 250 GB of memory"),
    (("gaps", "ba122", "--T", "0:1:1000000000"), "`--T` must have 100,000 temperatures at most"),
    (("gaps", "ba122", "--T", "0:30:1"), "`--T` must have two ends of a range"),
    (("solve", "ba122", "--T", "1", "--start", "1e300,1,1"), "`--start` must be amplitudes of at most 1000 Omega"),
]


@pytest.mark.parametrize(("arguments", "says"), BAD, ids=[" ".join(arguments) for arguments, _ in BAD])
def test_bad_input_is_one_sentence(run, tmp_path, arguments, says):
    (tmp_path / "broken.toml").write_text("Omega = [", encoding="utf-8")
    (tmp_path / "empty.toml").write_text("", encoding="utf-8")
    save(materials.ba122(), tmp_path / "extra.toml")
    (tmp_path / "extra.toml").write_text('colour = "red"\n' + (tmp_path / "extra.toml").read_text(encoding="utf-8"))
    done = run(*arguments)
    assert says in refused(done)
    assert done.out == ""


@pytest.mark.parametrize(
    "arguments",
    [("solve", "ba122"), ("solve", "ba122", "--T", "cold"), ("cook", "ba122"), ("solve",), ("tc", "ba122", "--colour")],
    ids=" ".join,
)
def test_bad_usage_is_code_2_without_a_traceback(run, arguments):
    done = run(*arguments)
    assert done.code == 2
    assert "Error" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("path", ["taken/gaps.png", "gaps.abacus"])
def test_a_picture_that_cannot_be_written(run, monkeypatch, tmp_path, path):
    """Whatever it shows: here nothing."""
    (tmp_path / "taken").write_text("")
    monkeypatch.setattr("jaxgap.plotting.plots.plot_gaps", lambda *_: plt.figure().add_subplot())
    done = run("gaps", "ba122", "--branch", "s+-", "--T", "1,20,36", "--plot", path)
    plt.close("all")
    assert re.search(f"Cannot write (the picture )?`{path}`", refused(done))


def test_a_directory_is_no_system(run, tmp_path):
    (tmp_path / "folder").mkdir()
    assert "Unknown system `folder`" in refused(run("tc", "folder"))


def test_the_command_line_leaves_x64_on(run):
    run("tc", "ba122", "--json")
    assert jax.config.jax_enable_x64


@pytest.mark.slow
def test_solutions(run):
    result = run("solutions", "two_band", "--T", "4.2", "--set", "lambda_33=0.2025", "--json")
    rows = result.json["solutions"]
    assert result.code == 0
    assert len(rows) == 7
    assert [row["name"] for row in rows if row["stability"] == "stable"] == [
        "s++, intraband-dominated",
        "s++, crossband-dominated",
    ]


@pytest.mark.slow
def test_diagram(run, tmp_path):
    """The first-order change of Fig. 2 between two columns: its line, and the states of every point, as files."""
    done = run("diagram", "two_band", "--x", "lambda_33=0.195:0.21:2", "--y", "T=4.2:5.2:2", "--json")
    assert done.code == 0
    assert done.json["shares_of_points"]["superconducting"] == 1.0
    assert done.json["lines"]["crossing"]["lambda_33"][0] == pytest.approx(0.2025087, abs=1e-6)
    folder = tmp_path / "diagram"
    assert {path.name for path in folder.iterdir()} == {"diagram.png", "diagram.pdf", "states.csv", "lines.csv"}
    header, *rows = (folder / "states.csv").read_text(encoding="utf-8").splitlines()
    assert header.split(",")[:4] == ["lambda_33", "T", "free_energy", "gap_meV"]
    assert sum(int(row.split(",")[6]) for row in rows) == 4  # one ground state per point
    (tmp_path / "taken").write_text("")
    done = run("diagram", "two_band", "--x", "lambda_33=0.195:0.21:2", "--y", "T=4.2:5.2:2", "--folder", "taken")
    assert "Cannot write the phase diagram" in refused(done)


def test_an_unknown_figure(run, tmp_path):
    refused(run("figures", "fig9", "--folder", str(tmp_path)))
    assert not list(tmp_path.iterdir())
