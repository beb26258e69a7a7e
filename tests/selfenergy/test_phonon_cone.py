"""The couplings that phonons can make, and winding numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import PROBLEMS, generator, system

import jaxgap as jg
from jaxgap.numerics.programs import program
from jaxgap.solving.winding import NO_WINDING, winding_number

_winding = program(winding_number)

TWO = 5e-5
"""The page of the physics prints four digits."""


def _two(lam_33, off=0.05, **options):
    return system([[0.4, off, off], [off, 0.3, off], [off, off, lam_33]], [200.0, 200.0], **options)


def test_published_systems():
    """VP20's Fig. 2: at most .1979, and the regimes change at .2025: out of phonons' reach. Eq. 6 at x = .01: .153, it has
    .1."""
    fig2 = jg.phonon_cone(_two(0.2025))
    assert abs(fig2.bound - 0.1979) < TWO
    assert not fig2.inside
    assert str(fig2).startswith("Phonons cannot make these couplings: lam[a:b, a:b] = 0.2025 is more than 0.1979, unless")
    lam = [[0.275, 0.032, 0.01], [0.032, 0.274, 0.01], [0.01, 0.01, 0.1]]
    eq6 = jg.phonon_cone(system(lam, [500.0, 500.0]))
    assert abs(eq6.bound - 0.153) < 5e-4
    assert eq6.inside
    assert "Phonons can make these couplings" in str(eq6)


@pytest.mark.parametrize("share", [0.999, 1.001])
def test_the_bound_is_where_the_distance_vanishes(share):
    bound = float(jg.phonon_cone(_two(0.1)).bound)
    cone = jg.phonon_cone(_two(share * bound))
    assert bool(cone.inside) == (share < 1)
    assert np.sign(cone.distance) == np.sign(1 - share)


def test_products_of_real_amplitudes_are_inside():
    """Bosons by definition: a, b, c, c' of random phonons."""
    rng = generator(11)
    for _ in range(20):
        a, b, c, d = rng.normal(size=(4, 5))
        # Both orders of momenta occur: (c, c') and (c', c), beside the same a and b.
        g_13, g_23, g_12 = np.mean(a * (c + d)) / 2, np.mean(b * (c + d)) / 2, np.mean(c * c + d * d) / 2
        g_33 = (np.mean(a * b) + np.mean(c * d)) / 2
        lam = [[np.mean(a * a), g_12, g_13], [g_12, np.mean(b * b), g_23], [g_13, g_23, g_33]]
        assert jg.phonon_cone(system(lam, [200.0, 200.0])).inside


def test_repulsion_between_bands_is_outside():
    cone = jg.phonon_cone(system([[0.4, -0.05, 0.0], [-0.05, 0.3, 0.0], [0.0, 0.0, 0.1]], [200.0, 200.0]))
    assert not cone.inside
    assert np.isnan(cone.bound)
    assert "contradict each other" in str(cone)


def test_it_has_derivatives_and_takes_a_retarded_system():
    sc = _two(0.1)
    slope = jax.grad(lambda x: jg.phonon_cone(sc.set({"lam[a, a]": x})).bound)(0.4)
    up, down = (jg.phonon_cone(sc.set({"lam[a, a]": 0.4 + h})).bound for h in (1e-5, -1e-5))
    assert abs(slope - (up - down) / 2e-5) < 1e-8
    retarded = jg.superconductor(bands=sc.bands, lam=sc.lam, cross=["a:b"], interaction=jg.Retarded(20.0))
    assert jg.phonon_cone(retarded).bound == jg.phonon_cone(sc).bound
    with pytest.raises(jg.InputError, match="Argument `sc` must have one cross channel, but got 0"):
        jg.phonon_cone(system([[0.4]], [200.0], cross=()))
    with pytest.raises(jg.InputError, match="Argument `sc` must have a symmetric interaction g"):
        jg.phonon_cone(system([[0.4, 0.1, 0.0], [0.05, 0.3, 0.0], [0.0, 0.0, 0.1]], [200.0, 200.0]))


# --- winding numbers ----------------------------------------------------------------------------------------------------


def _of_known(case):
    """s+- and states that cross pairs dominate wind; states that break time reversal have no such number."""
    Delta = np.asarray(case.Delta)
    if np.any(Delta.imag):
        return NO_WINDING
    n = len(case.system.bands)
    (i, j), cross = case.system.cross[0], Delta[n].real
    return int(Delta[i].real * Delta[j].real < cross**2)


def test_winding_of_known_states():
    """At d = 0 a state winds where Delta_3^2 > Delta_1 Delta_2; with a distance the gapless line is further."""
    cases = [p for p in PROBLEMS if len(p.system.bands) == 2 and p.system.cross and p.system.convention == "mean"]
    assert len(cases) > 8
    for case in cases:
        Delta = jnp.asarray(case.Delta, complex)
        assert int(_winding(case.system, Delta)) == _of_known(case), case
        assert int(_winding(case.system, -Delta)) == int(_winding(case.system, Delta))


@pytest.mark.parametrize(("d", "factor", "nu"), [(0.0, 0.99, 0), (0.0, 1.01, 1), (10.0, 0.99, 0), (10.0, 1.01, 1)])
def test_it_changes_where_a_state_is_gapless(d, factor, nu):
    """|Delta_3|^2 = |Delta_1 Delta_2| [1 + d^2/(|Delta_1| + |Delta_2|)^2] of equal masses."""
    sc = system(np.full((3, 3), 0.1), [200.0, 200.0 + d])
    Delta = np.array([6.0, 4.0, factor * np.sqrt(24 * (1 + d**2 / 100))])
    assert int(_winding(sc, jnp.asarray(Delta, complex))) == nu


@pytest.mark.slow
def test_solutions_have_it():
    assert int(jg.solve(_two(0.1), 4.2).winding) == 0
    assert int(jg.solve(_two(0.1), 100.0).winding) == NO_WINDING
