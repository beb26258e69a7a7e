"""The kind of the transition: continuous, or of first order as in the Sarma/Clogston problem of pure cross pairing."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import ba122, system

from jaxgap import (
    NotConvergedError,
    TransitionKind,
    critical_temperature,
    linear_temperatures,
    materials,
    path,
    solve,
    symmetrised,
    transition,
)
from jaxgap.continuation.bifurcations import locate_crossing


def sarma(d, lambda_33=0.12, Omega=60.0):
    """Two bands at a distance d that pair only with each other."""
    lam = np.zeros((3, 3))
    lam[2, 2] = lambda_33
    return system(lam, [200.0, 200.0 + d], Omega=Omega)


DELTA_3 = 60.0 / np.sinh(1 / 0.24)
"""Delta_3(0) at d = 0 [meV]: Omega / sinh(1 / 2 lambda_33) in the mean convention."""


@pytest.mark.slow
def test_first_order_at_sqrt_2():
    """At T -> 0 the free energies are equal at d = sqrt(2) Delta_3, to the order of d / Omega."""
    T = 0.01
    start = solve(sarma(1.2 * DELTA_3), T, start=[0.0, 0.0, DELTA_3]).Delta.real
    along = path(sarma(0.0), T, {"mu[b]": (200.0, 200.0 + 2 * DELTA_3)})
    event = locate_crossing(along, start, 0 * start, np.float64(2**-0.5))
    d = float(event.value()) - 200.0
    assert bool(event.converged)
    assert d == pytest.approx(np.sqrt(2) * float(event.Delta[2]), rel=0.01)


@pytest.mark.parametrize(("ratio", "roots"), [(0.9, 1), (1.1, 2), (1.18, 2), (1.3, 0)])
def test_linear_roots(ratio, roots):
    assert len(linear_temperatures(sarma(ratio * DELTA_3))) == roots


@pytest.mark.slow
def test_a_first_order_transition():
    """Between 1.22 and sqrt(2) no temperature makes the normal state unstable, and yet it is not the ground state below T_c:
    the free energies are equal there, below the fold."""
    found = transition(sarma(1.3 * DELTA_3))
    assert found.kind == TransitionKind.FIRST_ORDER
    assert found.linear == ()
    assert 0.0 < found.T_c < found.superheating
    assert float(found.event.value()) == found.T_c


@pytest.mark.slow
def test_derivative_of_a_first_order_T_c():
    """With respect to Omega, against a central difference of crossings that are located anew."""
    sc = sarma(1.3 * DELTA_3)
    event = transition(sc).event
    T_c, Delta = float(event.value()), event.Delta

    def first_order_T_c(Omega):
        along = path(sc.set({"Omega": Omega}), 0.0, {"T": (0.0, 2 * T_c)})
        return locate_crossing(along, Delta, 0 * Delta, jnp.asarray(0.5)).value()

    slope, h = float(jax.grad(first_order_T_c)(sc.Omega)), 1e-3
    difference = float(first_order_T_c(sc.Omega + h) - first_order_T_c(sc.Omega - h)) / (2 * h)
    assert slope == pytest.approx(difference, rel=1e-5)
    assert abs(slope) > 1e-3


@pytest.mark.slow
def test_reentrance_is_continuous():
    """Below the tricritical point at d = 1.216 Delta_3 the upper of the two linear roots is a continuous T_c."""
    found = transition(sarma(1.15 * DELTA_3))
    assert (found.kind, len(found.linear)) == (TransitionKind.CONTINUOUS, 2)


@pytest.mark.parametrize(
    "sc", [pytest.param(materials.two_band(0.1), marks=pytest.mark.slow), symmetrised(ba122())], ids=["two_band", "ba122"]
)
@pytest.mark.slow
def test_continuous_transitions(sc):
    found = transition(sc)
    assert found.kind == TransitionKind.CONTINUOUS
    assert found.T_c == pytest.approx(float(critical_temperature(sc)), rel=1e-12)
    assert bool(sc.has_free_energy)


@pytest.mark.slow
def test_no_transition():
    found = transition(sarma(2.0 * DELTA_3))
    assert (found.kind, found.T_c, found.linear) == (TransitionKind.NONE, 0.0, ())


@pytest.mark.slow
def test_a_crossing_that_is_not_located_is_no_continuous_transition(monkeypatch):
    module = sys.modules["jaxgap.continuation.transition"]
    monkeypatch.setattr(module, "crossings", lambda _: [])
    monkeypatch.setattr(module, "branches", lambda *_, **__: [])
    with pytest.raises(NotConvergedError, match="was not located"):
        transition(sarma(1.3 * DELTA_3))
