r"""One impurity in a superconductor: its bound states inside the gap, and the density of states at its place.

.. math:: \det(1 - U G(E)) = 0, \qquad U = u \tau_3 + J \tau_0, \qquad
          G(E) = -i \pi \, \mathrm{sgn}(\mathrm{Im} K) \, M_1^{-1}, \quad
          K = M_1^{-1} \begin{pmatrix} E + \mu & -\Delta \\ -\Delta^T & E - \mu \end{pmatrix}

with real symmetric u and J between the bands [meV], in the units of `jaxgap.model.disorder`, and the local Green's function of
`jaxgap.selfenergy.local_green`, which is real inside the gap. Of one band, with x = pi N J and y = pi N u,

.. math:: E / \Delta = \mp (1 - x^2 + y^2) / \sqrt{(1 - x^2 + y^2)^2 + 4 x^2}

(L. Yu, Acta Phys. Sin. 21, 75 (1965); H. Shiba, Prog. Theor. Phys. 40, 435 (1968); A. I. Rusinov, JETP Lett. 9, 85 (1969)); of
two bands with a spin that is the same for both, at no distance, one such state for every singular value of Delta. G falls with
E at every energy inside the gap, so that each eigenvalue of sgn U - |U|^1/2 G |U|^1/2 rises, and is a bound state where it
crosses zero: none is missed, and there are no more than two per band.

Amplitudes are constant to all energies here, and bands have no edges: of a shell, what is beyond it changes E by Delta / Omega.
The Nambu spinor is (c_up, c_down^+): a state at E is an excitation of spin up at E, and one of spin down at -E. With the
impurity's spin reversed, J -> -J, all energies change their signs. (Derived for jaxgap where there are cross pairs.)
"""

from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Inexact, Int

from jaxgap.model.couplings import band_matrix
from jaxgap.model.parabolic import ParabolicBand
from jaxgap.model.retarded import RetardedSuperconductor
from jaxgap.model.superconductor import Superconductor, check_clean
from jaxgap.numerics.checks import check, check_finite, is_concrete
from jaxgap.numerics.implicit import at_root
from jaxgap.numerics.programs import program
from jaxgap.numerics.small import eigenvalues
from jaxgap.numerics.types import Real, Reals
from jaxgap.observables._checks import not_negative
from jaxgap.selfenergy.impurities import spinor_potential
from jaxgap.selfenergy.local_green import imaginary_sign, local_matrix, sign_at_any_energy
from jaxgap.solving.entry import takes_any_solution
from jaxgap.solving.state import MeanFieldState

__all__ = [
    "BoundStates",
    "bound_states",
    "edge_of",
    "impurity_density_of_states",
    "matrix_at",
    "over_masses",
    "potentials",
    "static_system",
]

BISECTIONS = 64
REAL = 1e-6
"""|Im k| / |K| below which an eigenvalue of K is called real: the edge of the gap is then right to 1e-12."""

Matrix = Float[Array, "band band"]
Whole = Float[Array, "spinor spinor"]


class BoundStates(NamedTuple):
    """States that an impurity binds."""

    E: Float[Array, "state"]
    """Energies [meV], of every state that there can be, NaN where there is none; in the order of the eigenvalues above."""
    edge: Float[Array, ""]
    """The gap E_min of the clean state, inside which they are [meV]; 0: it is gapless, and there are none."""

    @property
    def found(self) -> Float[np.ndarray, "found"]:
        """Those that exist, in rising order, where numbers are known."""
        E = np.asarray(self.E)
        found: np.ndarray = np.sort(E[np.isfinite(E)])
        return found


@takes_any_solution
def bound_states(solution: MeanFieldState, u: Reals | None = None, J: Reals | None = None) -> BoundStates:
    """Bound states of one impurity in a state with real, static amplitudes; differentiable.

    Args:
        solution: a solved state, or a given one, of parabolic bands in two dimensions.
        u: potential between the bands [meV], symmetric; of one band a number.
        J: the same of a classical spin that points up.

    Raises:
        InputError: for amplitudes that are complex or depend on the frequency, or a matrix that does not fit.

    Example:
        >>> sc = jg.superconductor(bands={"a": {"mu": 500.0}}, lam=[[0.3]], Omega=100.0)
        >>> solution = jg.solve(sc, 4.2)
        >>> magnetic = jg.observables.bound_states(solution, J=0.1)
        >>> x = 0.1 * np.pi
        >>> np.asarray(magnetic.found / magnetic.edge).round(4).tolist(), round((1 - x**2) / (1 + x**2), 4)
        ([-0.8203], 0.8203)
    """
    sc = static_system(solution)
    return _bound(sc, jnp.real(solution.Delta), *potentials(u, J, len(sc.bands)))


@takes_any_solution
def impurity_density_of_states(
    solution: MeanFieldState, omega: Reals, Gamma: Real, u: Reals | None = None, J: Reals | None = None
) -> Float[Array, "band omega"]:
    r"""N_i(omega) of every band at the place of one impurity, of both spins together and per spin [unit of N].

    .. math:: N_i(\omega) = -\frac{1}{2\pi} \mathrm{Im} \{ [G (1 - U G)^{-1}]_{ii}(\omega + i\Gamma)
              + [G (1 - U G)^{-1}]_{\bar i \bar i}(-\omega + i\Gamma) \}

    Without u and J that of the clean state. Gamma [meV] must be positive; eigenvalues of K nearer to the real axis than 1e-4 of
    their size cost digits.

    Args:
        solution: as for `bound_states`.
        omega: energies [meV].
        Gamma: broadening [meV].
        u: potential between the bands [meV], symmetric; of one band a number.
        J: the same of a classical spin that points up.

    Example:
        >>> sc = jg.superconductor(bands={"a": {"mu": 500.0}}, lam=[[0.3]], Omega=100.0)
        >>> solution = jg.solve(sc, 4.2)
        >>> N = jg.observables.impurity_density_of_states(solution, [0.0, 50.0], Gamma=0.1, J=0.1)
        >>> np.asarray(N).round(3).tolist()
        [[0.019, 0.913]]
    """
    sc = static_system(solution)
    check_finite("omega", omega)
    check_finite("Gamma", Gamma)
    not_negative("Gamma", Gamma)
    check(not is_concrete(Gamma) or float(np.asarray(Gamma)) > 0, "Gamma", "be positive [meV]", Gamma)
    energies, width = jnp.atleast_1d(jnp.asarray(omega, jnp.float64)), jnp.asarray(Gamma, jnp.float64)
    return _density(sc, jnp.real(solution.Delta), *potentials(u, J, len(sc.bands)), energies, width)


# --- checks -----------------------------------------------------------------------------------------------------------------


def static_system(solution: MeanFieldState) -> Superconductor:
    """The system of a state whose amplitudes are real and depend on no frequency, of bands that this knows."""
    sc = solution.superconductor
    check_clean(sc, "solution")
    static = not sc.is_retarded or not cast(RetardedSuperconductor, sc).spectra
    check(static, "solution", "have amplitudes that depend on no frequency", "a retarded interaction")
    parabolic = all(isinstance(band, ParabolicBand) for band in sc.bands) and len(sc.bands) > 0
    check(parabolic and sc.dimension == 2, "solution", "be of parabolic bands in two dimensions", f"{sc}".splitlines()[0])
    if is_concrete(solution.Delta):
        Delta = np.asarray(solution.Delta)
        check(not np.any(np.imag(Delta)), "solution", "have real amplitudes", Delta.tolist())
    return sc


def potentials(u: Reals | None, J: Reals | None, n: int) -> tuple[Matrix, Matrix]:
    """(u, J) as symmetric matrices between n bands [meV]."""
    found = []
    for name, given in (("u", u), ("J", J)):
        check_finite(name, 0.0 if given is None else given)
        M = jnp.zeros((n, n)) if given is None else jnp.atleast_2d(jnp.asarray(given, jnp.float64))
        check(M.shape == (n, n), name, f"be a {n} x {n} matrix between the bands [meV]", f"shape {M.shape}")
        if is_concrete(M):
            check(bool((np.asarray(M) == np.asarray(M).T).all()), name, "be symmetric", np.asarray(M).tolist())
        found.append(M)
    return found[0], found[1]


# --- Green's functions ------------------------------------------------------------------------------------------------------


def matrix_at(
    sc: Superconductor, Delta: Float[Array, "channel"], z: Inexact[Array, "*z"]
) -> Complex[Array, "spinor spinor *z"]:
    """K at energies z."""
    n = len(sc.bands)
    full = band_matrix(Delta, n, sc.cross)
    one, ones = jnp.eye(n), [1] * jnp.ndim(z)
    mass, mu = (jnp.stack(part) for part in zip(*(band.tangent for band in sc.bands), strict=True))
    W = -1j * z * one.reshape(n, n, *ones)
    spread = full.reshape(n, n, *ones) * jnp.ones(jnp.shape(z))
    return local_matrix(W, jnp.zeros_like(spread), spread, mu, mass)


def over_masses(sign: Complex[Array, "spinor spinor *z"], sc: Superconductor) -> Complex[Array, "spinor spinor *z"]:
    """G = -i pi sgn(Im K) / M_1."""
    mass = jnp.stack([band.tangent[0] for band in sc.bands])
    return -1j * jnp.pi * sign * jnp.concatenate([mass, -mass]).reshape(1, -1, *[1] * (sign.ndim - 2))


# --- bound states -----------------------------------------------------------------------------------------------------------


@program
def _bound(sc: Superconductor, Delta: Float[Array, "channel"], u: Matrix, J: Matrix) -> BoundStates:
    theta = (sc, Delta, u, J)
    frozen = jax.lax.stop_gradient(theta)
    edge = edge_of(frozen[0], frozen[1])
    size = 2 * len(sc.bands)

    def rising(E: Float[Array, ""]) -> Float[Array, "state"]:
        return jnp.linalg.eigvalsh(_secular(E, frozen))

    def halved(_: Int[Array, ""], ends: tuple[Array, Array]) -> tuple[Array, Array]:
        a, b = ends
        middle = (a + b) / 2
        low = jnp.diagonal(jax.vmap(rising)(middle)) < 0
        return jnp.where(low, middle, a), jnp.where(low, b, middle)

    a, b = jax.lax.fori_loop(0, BISECTIONS, halved, (jnp.full(size, -edge), jnp.full(size, edge)))
    exists = (rising(-edge) < 0) & (rising(edge) > 0) & (edge > 0)
    roots = jnp.where(exists, (a + b) / 2, 0.0)
    return BoundStates(jax.vmap(lambda E, k, e: _moving(E, theta, k, e))(roots, jnp.arange(size), exists), edge)


def _secular(E: Float[Array, ""], theta: tuple[Superconductor, Float[Array, "channel"], Matrix, Matrix]) -> Whole:
    """sgn U - |U|^1/2 G |U|^1/2, in the eigenvectors of U; on what U does not act on 1."""
    sc, Delta, u, J = theta
    values, V = jnp.linalg.eigh(spinor_potential(u, J))
    G = jnp.real(over_masses(imaginary_sign(matrix_at(sc, Delta, E)), sc))
    root = V * jnp.sqrt(jnp.abs(values))
    return jnp.diag(jnp.where(values < 0, -1.0, 1.0)) - root.T @ G @ root


def _moving(
    E: Float[Array, ""],
    theta: tuple[Superconductor, Float[Array, "channel"], Matrix, Matrix],
    k: Int[Array, ""],
    exists: Bool[Array, ""],
) -> Float[Array, ""]:
    """The energy with its derivatives: the root of ((1 - U G) v, v_0 v - 1)."""
    frozen = jax.lax.stop_gradient(theta)
    values, V = jnp.linalg.eigh(spinor_potential(frozen[2], frozen[3]))
    w = jnp.linalg.eigh(_secular(E, frozen))[1][:, k]
    v = V * jnp.sqrt(jnp.abs(values)) @ w
    v = v / jnp.where(exists, jnp.sqrt(v @ v), 1.0)
    x = at_root(_pair, jnp.where(exists, jnp.append(v, E), 0.0), (theta, v, exists))
    return jnp.where(exists, x[-1], jnp.nan)


def _pair(
    x: Float[Array, "m"],
    theta: tuple[tuple[Superconductor, Float[Array, "channel"], Matrix, Matrix], Float[Array, "spinor"], Bool[Array, ""]],
) -> Float[Array, "m"]:
    (sc, Delta, u, J), along, exists = theta
    v, E = x[:-1], x[-1]
    G = jnp.real(over_masses(imaginary_sign(matrix_at(sc, Delta, E)), sc))
    # What does not exist is 0, whose derivative must not spoil the others' in reverse mode.
    return jnp.where(exists, jnp.append(v - spinor_potential(u, J) @ (G @ v), along @ v - 1), x)


def edge_of(sc: Superconductor, Delta: Float[Array, "channel"]) -> Float[Array, ""]:
    """The lowest energy at which an eigenvalue of K is real, a state of the continuum."""

    def inside(E: Float[Array, ""]) -> Array:
        K = matrix_at(sc, Delta, E)
        k = eigenvalues(K)
        return jnp.min(jnp.abs(jnp.imag(k))) > REAL * jnp.max(jnp.abs(K))

    def halved(_: Int[Array, ""], ends: tuple[Array, Array]) -> tuple[Array, Array]:
        a, b = ends
        middle = (a + b) / 2
        gap = inside(middle)
        return jnp.where(gap, middle, a), jnp.where(gap, b, middle)

    top = jnp.sum(jnp.abs(Delta)) * 1.5
    low, _ = jax.lax.fori_loop(0, BISECTIONS, halved, (jnp.zeros(()), top))
    return jnp.where(inside(jnp.zeros(())), low, 0.0)


# --- the density of states at the impurity ----------------------------------------------------------------------------------


@program
def _density(
    sc: Superconductor,
    Delta: Float[Array, "channel"],
    u: Matrix,
    J: Matrix,
    omega: Float[Array, "omega"],
    Gamma: Float[Array, ""],
) -> Float[Array, "band omega"]:
    U, n = spinor_potential(u, J), len(sc.bands)

    def at(z: Complex[Array, "omega"]) -> Complex[Array, "spinor omega"]:
        G = jnp.moveaxis(over_masses(sign_at_any_energy(matrix_at(sc, Delta, z)), sc), -1, 0)
        full = G @ jnp.linalg.inv(jnp.eye(2 * n) - U @ G)
        return jnp.diagonal(full, axis1=1, axis2=2).T

    up, down = at(omega + 1j * Gamma)[:n], at(-omega + 1j * Gamma)[n:]
    return -jnp.imag(up + down) / (2 * jnp.pi)
