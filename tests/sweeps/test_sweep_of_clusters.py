"""Sweeps of three linked bands: what `solve` says, cut as for a CPU and as for a GPU, and without a call of a library."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgap import Status, Superconductor, solve, superconductor
from jaxgap.numerics.cutting import for_gpu, forced
from jaxgap.observables import excitation_gap
from jaxgap.solving.critical import critical_temperature
from jaxgap.solving.many import many_core, solve_many
from jaxgap.spectra.quadrature import DEFAULT_RULE
from jaxgap.sweeps import sweep

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("sweeps_as_tests_compile")]

SAME = 1e-10
"""Two roots of the same equations by other steps; sigma_min > 1e-2 here."""


def _chain() -> Superconductor:
    """Three bands in a chain, whose shells overlap partly."""
    lam = np.diag([0.38, 0.35, 0.33, 0.14, 0.12]) + 0.01 * (1 - np.eye(5))
    bands = {"a": {"mu": 150.0}, "b": {"mu": 168.0}, "c": {"mu": 190.0}}
    return superconductor(bands=bands, cross=["a:b", "b:c"], lam=lam, Omega=30.0)


def test_a_sweep_says_what_solve_says() -> None:
    sc = _chain()
    couplings, temperatures = np.array([0.0, 0.02]), np.array([2.0, 20.0, 60.0])
    found = sweep(sc, {"lam[a, b]": couplings, "T": temperatures}, ("gap", "Delta", "T_c"), batch=16)
    for i, coupling in enumerate(couplings):
        one = sc.set({"lam[a, b]": coupling})
        np.testing.assert_allclose(np.asarray(found["T_c"])[i], float(critical_temperature(one)), rtol=1e-9)
        for k, T in enumerate(temperatures):
            state = solve(one, float(T), throw=False)
            assert int(found.status[i, k]) == int(state.status)
            np.testing.assert_allclose(np.asarray(found["Delta"])[i, k], np.asarray(state.Delta.real), atol=SAME)
            if int(state.status) == Status.CONVERGED:
                np.testing.assert_allclose(float(found["gap"][i, k]), float(excitation_gap(state)), rtol=1e-9)


def _batch(n: int) -> tuple[Superconductor, jax.Array]:
    sc = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (n, *jnp.shape(leaf))), _chain())
    return sc, jnp.linspace(1.0, 28.0, n)


@pytest.mark.parametrize("start", [None, [5.0, 4.0, 3.0, 0.3, 0.2]], ids=["T_c", "start"])
def test_cut_as_for_a_gpu(start: list[float] | None) -> None:
    sc, T = _batch(20)
    one = solve_many(sc, T, start=start)
    with forced(for_gpu(2**28)):
        other = solve_many(sc, T, start=start)
    np.testing.assert_array_equal(one.status, other.status)
    assert np.all(np.asarray(one.status) == Status.CONVERGED)
    np.testing.assert_allclose(one.Delta, other.Delta, atol=SAME)


@pytest.mark.parametrize("start", [False, True], ids=["T_c", "start"])
def test_no_library_is_called_on_a_gpu(start: bool) -> None:
    sc, T = _batch(64)
    x = jnp.ones((64, 5)) if start else None
    with forced(for_gpu(2**30)):
        traced = jax.jit(lambda sc, T, x: many_core(sc, T, x, None, DEFAULT_RULE, "both")).trace(sc, T, x)
        text = traced.lower(lowering_platforms=("cuda",)).as_text()
    called = set(re.findall(r"custom_call @([\w$.]+)", text)) | set(re.findall(r'call_target_name = "([^"]+)"', text))
    assert called <= {"__gpu$xla.gpu.triton"}
