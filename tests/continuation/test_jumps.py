"""First-order jumps: where the free energies of two branches are equal, as a temperature and as a datum."""

from pathlib import Path

import jax
import numpy as np
import pytest
from problems import relative_error

from jaxgap import InputError, NotConvergedError, jump_temperature, materials, solve
from jaxgap.fitting import fit, load_fit
from jaxgap.fitting.problem import problem
from jaxgap.observables import free_energy

SHIPPED = Path(__file__).parents[2] / "fits" / "synthetic_every_kind"
EQUAL = 1e-10
"""Of two free energies: dF/dT differs by some 0.1 of F per K, and T is right to 1e-12."""
DIFFERENCES = 1e-7
"""Central differences with relative steps of 1e-5."""


@pytest.fixture(scope="module")
def sc():
    """s+- at low temperature, s++ at high."""
    return load_fit(SHIPPED)[1]


@pytest.mark.slow
def test_free_energies_are_equal_at_the_jump(sc):
    T = jump_temperature(sc, "s+-", "s++")

    def difference(T):
        return float(free_energy(solve(sc, T, branch="s+-")) - free_energy(solve(sc, T, branch="s++")))

    size = abs(float(free_energy(solve(sc, T, branch="s++"))))
    assert abs(difference(T)) < EQUAL * size
    assert difference(T - 1.0) < -1e-3 * size
    assert difference(T + 1.0) > 1e-3 * size


@pytest.mark.slow
def test_states_that_do_not_cross(sc):
    """s+- ends in a fold, and lies below the normal state until then."""
    with pytest.raises(NotConvergedError, match=r"states s\+- and normal do not cross"):
        jump_temperature(sc, "s+-")


def test_bad_input(sc):
    with pytest.raises(InputError, match="no free energy"):
        jump_temperature(materials.ba122(), "s+-", "s++")
    with pytest.raises(InputError, match="branch"):
        jump_temperature(sc, "s+-", "liquid")


@pytest.mark.slow
def test_derivatives(sc):
    slopes = jax.grad(lambda s: jump_temperature(s, "s+-", "s++"))(sc)
    for path in ("Omega", "mu[b]", "lam[a, a]"):
        h = 1e-5 * float(sc.get(path))
        up, down = (float(jump_temperature(sc.set({path: sc.get(path) + s * h}), "s+-", "s++")) for s in (1, -1))
        assert relative_error(slopes.get(path), (up - down) / (2 * h)) < DIFFERENCES


def written(folder, row):
    for name in ("fit.toml", "data.csv"):
        (folder / name).write_text((SHIPPED / name).read_text(encoding="utf-8"), encoding="utf-8")
    with (folder / "data.csv").open("a", encoding="utf-8") as file:
        file.write(row + "\n")
    return folder


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("jump,,30,1,K,fit,x,x,x,", "takes the state after it in brackets, normal or such as s++, but has ``"),
        ("jump[liquid],,30,1,K,fit,x,x,x,", "but has `liquid`"),
        ("jump[s++],,30,1,meV,fit,x,x,x,", "the unit of `jump[s++]` must be K"),
        ("jump[s++],,30,1,K,predict,x,x,x,", "can be fitted or shown"),
    ],
)
def test_bad_rows(tmp_path, row, complaint):
    with pytest.raises(InputError) as error:
        load_fit(written(tmp_path, row))
    assert complaint in str(error.value)


def test_a_jump_needs_a_free_energy():
    config, sc, data = load_fit(SHIPPED)
    with pytest.raises(InputError, match="g is not symmetric"):
        problem(config, [sc.set({"lam[a, b]": 0.1})], data)


@pytest.mark.slow
def test_the_shipped_fit_of_every_kind():
    """The truth is recovered, and the model says of every row what it says elsewhere."""
    result = fit(*load_fit(SHIPPED))
    for value, truth, error in zip(result.value, (0.45, 0.06, 40.0), result.uncertainty, strict=True):
        assert abs(value - truth) < 3 * error
    (jump,) = [k for k, datum in enumerate(result.fitted) if datum.kind == "jump"]
    assert np.isclose(result.predicted[jump], float(jump_temperature(result.superconductor, "s+-", "s++")), rtol=1e-9)
