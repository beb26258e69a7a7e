"""The self-energy of impurities at many energies: it solves its equation, and iterations alone arrive at it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from disordered import two_bands

from jaxgap.selfenergy.elastic import green_function_of
from jaxgap.selfenergy.impurities import scattered_at_any_energy
from jaxgap.selfenergy.local_green import _newton_sign, _product, sign_at_any_energy
from jaxgap.selfenergy.undressed import inverse_of, masses_of
from jaxgap.solving.dressed import DressedState

LAM = [[0.4, 0.05, 0.03], [0.05, 0.3, 0.02], [0.03, 0.02, 0.2]]
U, J = [[0.8, 0.3], [0.3, -0.5]], [[0.1, 0.05], [0.05, 0.2]]
LONG = 60
"""Newton steps for the sign of a matrix whose eigenvalues are 1e-7 of its size above the axis."""


def matrices(height):
    """K of two bands at energies from inside the gap to far above it, and of equal ones."""
    found = []
    for mu, mass, Delta in (([-3.0, 3.0], 1.0, [[5.0, 1.0], [1.0, 3.0]]), ([0.0, 0.0], 2.0, [[5.0, 0.0], [0.0, 5.0]])):
        fixed = np.block([[np.diag(mu), -np.array(Delta)], [-np.array(Delta), -np.diag(mu)]])
        m = np.array([1.0, mass, -1.0, -mass])
        found += [m[:, None] * (z * np.eye(4) + fixed) for z in np.array([0.0, 2.0, 4.4, 7.0, 30.0]) + 1j * height]
    return jnp.moveaxis(jnp.asarray(np.array(found)), 0, -1)


@pytest.mark.parametrize(("height", "accuracy"), [(0.05, 1e-11), (1e-6, 1e-9)])
def test_the_sign_in_closed_form(height, accuracy):
    K = matrices(height)
    S = sign_at_any_energy(K)
    np.testing.assert_allclose(_product(S, S), jnp.eye(4)[..., None] * jnp.ones(10), atol=accuracy)
    np.testing.assert_allclose(S, _newton_sign(-1j * K, LONG), atol=accuracy)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["Born", "T-matrix"])
def test_iterations_alone_arrive_at_the_same(kind):
    """At 0.05 meV above the axis, where 3000 of them do; the derivative with respect to the density, too."""
    z = jnp.linspace(0.0, 12.0, 40) + 0.05j

    def green(density):
        state = DressedState(two_bands(LAM, density, U, J, d=6.0, kind=kind), jnp.asarray(4.0), jnp.array([5.0, 3.0, 1.0]))
        return state, state.local_functions_at(z).G

    n = 0.6
    state, _ = green(n)
    Sigma = jax.jit(lambda z: state.self_energy_at(z))(z)
    made = scattered_at_any_energy(_whole(state, z, Sigma), state.superconductor.disorder)
    np.testing.assert_allclose(made, Sigma, atol=1e-10)
    x = jnp.zeros_like(Sigma)
    step = jax.jit(lambda x: scattered_at_any_energy(_whole(state, z, x), state.superconductor.disorder))
    for _ in range(3000):
        x = step(x)
    np.testing.assert_allclose(x, Sigma, atol=1e-9)

    slope = jax.jit(lambda n: jax.jvp(lambda n: green(n)[1], (n,), (1.0,))[1])(n)
    h = 1e-4
    np.testing.assert_allclose(slope, (green(n + h)[1] - green(n - h)[1]) / (2 * h), rtol=1e-5, atol=1e-6)


def _whole(state, z, Sigma):
    return green_function_of(inverse_of(state.superconductor, state.pairing, z), Sigma, masses_of(state.superconductor))
