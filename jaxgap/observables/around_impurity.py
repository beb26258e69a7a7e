r"""The density of states around one impurity, at a distance r from it, as a scanning tunnelling microscope sees it.

.. math:: N_i(\omega, r) = -\frac{1}{2\pi} \mathrm{Im} \{ [G + G(r) \, T \, G(r)]_{ii}(\omega + i\Gamma)
              + [G + G(r) \, T \, G(r)]_{\bar i \bar i}(-\omega + i\Gamma) \}, \qquad T = (1 - U G)^{-1} U

with U, G and K of `jaxgap.observables.impurity`. Between two places at a distance r, with kappa = c k^2, c = hbar^2 / 2 m_e,
and k_s the root of kappa_s / c in the upper half plane of every eigenvalue kappa_s of K,

.. math:: G(r) = \int_0^\infty d\kappa \, J_0(k r) \, (K - \kappa)^{-1} M_1^{-1} = f(K) M_1^{-1}, \qquad
          f(\kappa_s) = -2 K_0(-i k_s r) = -i \pi H_0^{(1)}(k_s r)

(parabolic bands in two dimensions, from their bottoms upwards; I. S. Gradshteyn and I. M. Ryzhik, Table of Integrals, 6.532.4).
It oscillates with 2 k_F and falls as 1 / k_F r, within the coherence length. Derived for jaxgap where there are cross pairs.

f(K) is Newton's interpolation in the eigenvalues, [f_1 + f_12 (K - kappa_1) + ...], whose divided differences of neighbours in
one half plane are derivatives where these come together: equal bands have equal eigenvalues. At r = 0 G(r) has the bands'
bottoms, ln r, which the T-matrix leaves out: at a distance below 1 / k_F the impurity's own place is
`impurity_density_of_states`.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import check, check_finite, is_concrete
from jaxgap.numerics.hankel import bessel_K0
from jaxgap.numerics.programs import program
from jaxgap.numerics.small import eigenvalues
from jaxgap.numerics.types import Real, Reals
from jaxgap.observables.impurity import matrix_at, over_masses, potentials, static_system
from jaxgap.selfenergy.impurities import spinor_potential
from jaxgap.selfenergy.local_green import sign_at_any_energy
from jaxgap.solving.entry import takes_any_solution
from jaxgap.solving.state import MeanFieldState
from jaxgap.units import hbar2_over_2m_e

__all__ = ["density_of_states_around_impurity", "propagator"]

TOGETHER = 1e-5
"""Relative distance of two eigenvalues below which their divided difference is the derivative between them."""
NANOMETRE = 10.0
"""[angstrom]"""

Wave = Callable[[Complex[Array, ""]], Complex[Array, ""]]


@takes_any_solution
def density_of_states_around_impurity(
    solution: MeanFieldState, r: Reals, omega: Reals, Gamma: Real, u: Reals | None = None, J: Reals | None = None
) -> Float[Array, "band r omega"]:
    """N_i(omega, r) of every band at distances r [nm] from one impurity, of both spins together and per spin [unit of N].

    Args:
        solution: a state with real, static amplitudes, of one or two parabolic bands in two dimensions.
        r: distances [nm], positive.
        omega: energies [meV].
        Gamma: broadening [meV], positive.
        u: potential between the bands [meV], symmetric; of one band a number.
        J: the same of a classical spin that points up.

    Raises:
        InputError: for what `bound_states` refuses, more than two bands, or a distance or a broadening that is not positive.

    Example:
        >>> state, spin = jg.solve(jg.materials.two_band(), T=1.0), [[0.1, 0.0], [0.0, 0.0]]
        >>> seen = jg.observables.density_of_states_around_impurity(state, [1.0, 5.0], [0.0, 2.0, 4.0], 0.1, J=spin)
        >>> seen.shape
        (2, 2, 3)
    """
    sc = static_system(solution)
    check(len(sc.bands) <= 2, "solution", "have one or two bands", len(sc.bands))
    check_finite("omega", omega)
    for name, given in (("r", r), ("Gamma", Gamma)):
        check_finite(name, given)
        positive = not is_concrete(given) or bool(np.all(np.asarray(given) > 0))
        check(positive, name, f"be positive [{'nm' if name == 'r' else 'meV'}]", given)
    where, energies = (jnp.atleast_1d(jnp.asarray(x, jnp.float64)) for x in (r, omega))
    both = potentials(u, J, len(sc.bands))
    return _density(sc, jnp.real(solution.Delta), *both, where, energies, jnp.asarray(Gamma, jnp.float64))


@program
def _density(
    sc: Superconductor,
    Delta: Float[Array, "channel"],
    u: Float[Array, "band band"],
    J: Float[Array, "band band"],
    r: Float[Array, "r"],
    omega: Float[Array, "omega"],
    Gamma: Float[Array, ""],
) -> Float[Array, "band r omega"]:
    U, n = spinor_potential(u, J), len(sc.bands)

    def at(z: Complex[Array, ""]) -> Complex[Array, "r spinor"]:
        G = over_masses(sign_at_any_energy(matrix_at(sc, Delta, z)[..., None]), sc)[..., 0]
        T = jnp.linalg.solve(jnp.eye(2 * n) - U @ G, U + 0j)
        there = jax.vmap(lambda r: propagator(sc, Delta, z, r))(r)
        return jnp.diagonal(G + there @ T @ there, axis1=1, axis2=2)

    up, down = jax.vmap(at)(omega + 1j * Gamma)[..., :n], jax.vmap(at)(-omega + 1j * Gamma)[..., n:]
    return jnp.moveaxis(-jnp.imag(up + down) / (2 * jnp.pi), (0, 1, 2), (2, 1, 0))


def propagator(
    sc: Superconductor, Delta: Float[Array, "channel"], z: Complex[Array, ""], r: Float[Array, ""]
) -> Complex[Array, "spinor spinor"]:
    """G(r) at an energy in the upper half plane [unit of N]; r in nm."""
    mass, mu = (jnp.stack(part) for part in zip(*(band.tangent for band in sc.bands), strict=True))
    centre, wave = jnp.mean(mass * mu), r * NANOMETRE  # From where K counts kappa.
    f = _interpolated(matrix_at(sc, Delta, z), lambda kappa: _wave(centre + kappa, wave))
    return f * jnp.concatenate([mass, -mass])


def _wave(kappa: Complex[Array, ""], r: Float[Array, ""]) -> Complex[Array, ""]:
    """f; r in angstrom."""
    k = jnp.sqrt(kappa / hbar2_over_2m_e)
    return -2 * bessel_K0(-1j * jnp.where(k.imag < 0, -k, k) * r)


def _interpolated(K: Complex[Array, "spinor spinor"], f: Wave) -> Complex[Array, "spinor spinor"]:
    """f(K), with the eigenvalues of either half plane beside each other."""
    k = eigenvalues(K)
    k = k[jnp.argsort(jnp.where(k.imag > 0, 0, 1))]
    values, size = [f(one) for one in k], len(K)
    total, product = values[0] * jnp.eye(size), jnp.eye(size, dtype=complex)
    for order in range(1, size):
        values = [_divided(values[j + 1] - values[j], k[j], k[j + order], f, order) for j in range(size - order)]
        product = product @ (K - k[order - 1] * jnp.eye(size))
        total = total + values[0] * product
    return total


def _divided(
    difference: Complex[Array, ""], a: Complex[Array, ""], b: Complex[Array, ""], f: Wave, order: int
) -> Complex[Array, ""]:
    """A divided difference between eigenvalues, from that of two lower ones; of close neighbours the derivative."""
    if order > 1:
        return difference / (b - a)
    close = (jnp.abs(b - a) < TOGETHER * (jnp.abs(a) + jnp.abs(b))) & (a.imag * b.imag > 0)
    slope = jax.jvp(f, ((a + b) / 2,), (jnp.ones((), complex),))[1]
    return jnp.where(close, slope, difference / jnp.where(close, 1.0, b - a))
