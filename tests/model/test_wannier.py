"""Files of Wannier90: an independent code's case, degeneracies, and files that are not as they must be."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgap import InputError, channel, critical_temperature, solve, wannier90
from jaxgap.model.wannier import read_hr

CASE = next(
    c
    for c in json.loads((Path(__file__).parents[1] / "reference" / "lattices.json").read_text(encoding="utf-8"))["cases"]
    if c["name"].startswith("Wannier90")
)
SAME = 1e-9
TWO = {"channels": {"a": channel(0), "b": channel(1)}, "g": CASE["g"]}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "x_hr.dat"
    path.write_text(CASE["hr_dat"])
    return path


def many_vectors(N=4):
    """A chain in every direction, with N^3 vectors whose degeneracies fill more than one line; Hermitian by hand."""
    vectors = [(i, j, k) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)]
    degeneracy = [1 + abs(sum(R)) for R in vectors]
    lines = ["made here", "1", str(len(vectors))]
    lines += [" ".join(map(str, degeneracy[i : i + 15])) for i in range(0, len(vectors), 15)]
    h = {R: 0.05 * (1 + sum(x * x for x in R)) + 0.01j * (R[0] - 2 * R[2]) for R in vectors}
    lines += [f"{R[0]} {R[1]} {R[2]} 1 1 {h[R].real:.6f} {h[R].imag:.6f}" for R in vectors]
    return "\n".join(lines), h, dict(zip(vectors, degeneracy, strict=True))


def test_hoppings_are_divided_by_degeneracies_and_in_meV(tmp_path):
    text, h, degeneracy = many_vectors()
    path = tmp_path / "many_hr.dat"
    path.write_text(text)
    found = read_hr(path)
    assert tuple(h) == found.R
    np.testing.assert_allclose(found.h[:, 0, 0], [1000 * h[R] / degeneracy[R] for R in h], atol=1e-12)


def test_h_is_the_sum_over_vectors(file):
    system, k = wannier90(file, **TWO), np.array([0.3, -1.1, 2.0])
    t = 2 * np.array([90.0, 90.0, 37.5]) @ np.cos(k)
    expected = [[-t, 30.0], [30.0, 50.0 - 2 * np.array([48.0, 48.0, 20.0]) @ np.cos(k)]]
    np.testing.assert_allclose(system.matrix(jnp.asarray(k)), expected, atol=1e-12)


@pytest.mark.slow
def test_case_of_the_reference(file):
    solution = solve(wannier90(file, mu=CASE["mu"], **TWO), CASE["T_K"])
    np.testing.assert_allclose(solution.Delta.real, CASE["Delta_real"], rtol=SAME)
    at_T_c = wannier90(file, mu=CASE["mu_at_Tc"], **TWO)
    assert abs(critical_temperature(at_T_c) / CASE["Tc_K"] - 1) < SAME


@pytest.mark.slow
def test_derivatives_with_respect_to_a_hopping(file):
    system, h = wannier90(file, mu=CASE["mu"], mesh=32, tolerance=1e-3, **TWO), 1e-3

    def gap(real):
        moved = jax.tree.map(lambda leaf: leaf, system)
        moved.parameters["real"] = real
        return solve(moved, CASE["T_K"]).Delta[0].real

    at = system.parameters["real"]
    step = jnp.zeros_like(at).at[0, 1, 1].set(h)
    difference = float(gap(at + step) - gap(at - step)) / (2 * h)
    np.testing.assert_allclose(jax.grad(gap)(at)[0, 1, 1], difference, rtol=1e-6)


LINES = CASE["hr_dat"].splitlines()
BROKEN = [
    (LINES[:-1], "line 32: expected a hopping, but the file ends: it is truncated"),
    (LINES[:1], "line 2: expected the number of orbitals"),
    ([*LINES[:2], "seven", *LINES[3:]], "line 3: expected the number of vectors R, but got 'seven'"),
    ([*LINES[:3], "1 1 1", *LINES[4:]], "line 4: expected 7 degeneracies"),
    ([*LINES[:5], LINES[5][:30], *LINES[6:]], "line 6: expected `R1 R2 R3 a b Re Im`"),
    ([*LINES[:4], LINES[8], *LINES[5:]], "line 6: expected a hopping of R"),
    ([*LINES[:5], LINES[5].replace("2    1", "3    1"), *LINES[6:]], "line 6: expected orbitals from 1 to 2"),
    ([*LINES[:5], LINES[5].replace("0.030000", "0.040000"), *LINES[6:]], r"expected h\(-R\) = h\(R\)\^\+"),
    ([LINES[0], "6", *LINES[2:]], "up to 5 orbitals are possible, but got 6"),
]


@pytest.mark.parametrize(("lines", "sentence"), BROKEN, ids=[sentence[:24] for _, sentence in BROKEN])
def test_broken_files_are_told_by_line(tmp_path, lines, sentence):
    path = tmp_path / "broken_hr.dat"
    path.write_text("\n".join(lines))
    with pytest.raises(InputError, match=sentence) as error:
        wannier90(path, **TWO)
    assert str(path) in str(error.value)


def test_files_that_do_not_fit(file):
    with pytest.raises(InputError, match="`dimension` must be 3"):
        wannier90(file, dimension=2, **TWO)
    with pytest.raises(InputError, match="does not exist"):
        wannier90(file.with_name("none_hr.dat"), **TWO)
