r"""Andreev reflection at a point contact between a normal metal and the superconductor (BTK), with cross-paired bands.

.. math:: \frac{\sigma_i(\omega)}{\sigma_N} = \frac{1 + \sum_j A_{ji} - \sum_j B_{ji}}{1 - R}, \qquad
          R = \frac{Z^2}{1 + Z^2}, \quad A_{ji} = |a_{ji}|^2, \quad B_{ji} = |b_{ji}|^2

.. math:: a = (1 - R) \, \gamma \, (1 - R \tilde\gamma \gamma)^{-1}, \qquad
          b = r \, (1 - \tilde\gamma \gamma) (1 - R \tilde\gamma \gamma)^{-1}, \quad |r|^2 = R

An electron that comes in band i goes back as a hole (A) or as an electron (B) of band j, through a delta barrier of strength
Z. For a band alone gamma = Delta^* / (z + sqrt(z^2 - |Delta|^2)) with z = omega + i Gamma, and this is the formula of G. E.
Blonder, M. Tinkham, T. M. Klapwijk, Phys. Rev. B 25, 4515 (1982), "BTK", with the broadening of A. Plecenik et al., Phys.
Rev. B 49, 10016 (1994). Bands that do not pair across conduct as channels side by side.

For two cross-paired bands gamma is a matrix. That is jaxgap's reading: no paper known to us has the formula. Andreev's
equations of both bands, linear in kappa, have waves psi = (u_1, u_2, v_1, v_2) with

.. math:: \kappa \, \psi = K \psi, \qquad K = m \tau_3 \left[ z + \mu \tau_3 -
          \begin{pmatrix} 0 & \hat\Delta \\ \hat\Delta^\dagger & 0 \end{pmatrix} \right]

and gamma maps u on v for the two waves that decay into the superconductor, Im kappa > 0. The Green's function summed over k
is sign(-i K), whose square is one as Eilenberger's normalisation wants, and whose blocks g (electron-electron) and f
(hole-electron) give gamma = f (1 + g)^{-1}: the ratio of coherence factors v / u of one band, as matrices. It follows that
without barrier and broadening exactly twice the normal current flows below both branches (every electron comes back as a
hole, of its own band or of the other), and that a strong barrier gives the local density of states, sigma_i -> Re g_ii =
N_i(omega) / N_i.

The shell is taken as wide (omega << Omega), the barrier as the same for all bands, and two cross-paired bands must have masses
of one sign: beside a hole band an electron band reflects electrons even without barrier, which is not BTK's geometry.
Three and more cross-paired bands are refused.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float, Inexact

from jaxgap.model.band import check_fermi_surfaces
from jaxgap.model.superconductor import Cluster, Superconductor
from jaxgap.numerics.checks import InputError, check_finite, is_concrete
from jaxgap.numerics.programs import program
from jaxgap.numerics.types import Real, Reals, Scalar
from jaxgap.observables._checks import check_pairs, not_negative, positive
from jaxgap.solving.entry import takes_solution
from jaxgap.solving.state import MeanFieldState
from jaxgap.spectra.regions import pairs, parameters, pick
from jaxgap.spectra.roots import pair_roots

__all__ = [
    "AndreevReflection",
    "alone",
    "andreev_reflection",
    "check_masses",
    "checked_contact",
    "reflection_of",
]

Matrix = Complex[Array, "band band"]


class AndreevReflection(NamedTuple):
    """What becomes of an electron that comes in each band, and what conducts."""

    andreev: Float[Array, "band omega"]
    """Sum over j of A_ji: the share that goes back as a hole."""
    normal: Float[Array, "band omega"]
    """Sum over j of B_ji: the share that goes back as an electron."""
    conductance: Float[Array, "band omega"]
    """(1 + A - B) / (1 - R): relative to the normal state."""


@takes_solution
def andreev_reflection(solution: MeanFieldState, omega: Reals, Gamma: Real, Z: Real) -> AndreevReflection:
    """A, B and the conductance of every band at energies omega [meV], without thermal smearing.

    Args:
        solution: the state.
        omega: energies [meV].
        Gamma: broadening [meV], positive.
        Z: strength of the barrier, not negative: 0 is a clear contact, some 5 a tunnel junction.

    Example:
        >>> solution = jg.solve(jg.materials.two_band(), 4.2)
        >>> contact = jg.observables.andreev_reflection(solution, [0.0], Gamma=1e-6, Z=0.0)
        >>> np.asarray(contact.conductance).round(3).tolist()
        [[2.0], [2.0]]
    """
    omega, Gamma, Z = checked_contact(solution, omega, "omega", Gamma, Z)
    return _reflection(solution.superconductor, solution.Delta, omega, Gamma, Z)


def checked_contact(
    solution: MeanFieldState, energies: Reals, name: str, Gamma: Real, Z: Real
) -> tuple[Float[Array, "omega"], Scalar, Scalar]:
    """Energies [meV], Gamma [meV] and Z as arrays.

    Raises:
        InputError: for numbers, or bands, for which Andreev reflection is not defined.
    """
    check_finite(name, energies)
    Gamma, Z = positive("Gamma", Gamma, "meV"), not_negative("Z", Z)
    check_masses(solution.superconductor)
    return jnp.atleast_1d(jnp.asarray(energies, jnp.float64)), Gamma, Z


def check_masses(sc: Superconductor) -> None:
    """Raise `InputError` for an electron band that is cross-paired with a hole band, and for more than two such bands."""
    check_pairs(sc, "Andreev reflection")
    check_fermi_surfaces(sc.bands, "Andreev reflection")
    for cluster in pairs(sc):
        one, two = (sc.bands[i] for i in cluster.bands)
        if is_concrete((one, two)) and float(one.tangent[0]) * float(two.tangent[0]) < 0:
            raise InputError(
                f"Andreev reflection is defined for cross-paired bands with masses of one sign only, but {one.name} and "
                f"{two.name} are an electron and a hole band."
            )


# --- one energy ---------------------------------------------------------------------------------------------------------


def reflection_of(sc: Superconductor, Delta: Inexact[Array, "channel"], z: Complex[Array, ""], Z: Scalar) -> AndreevReflection:
    """`andreev_reflection` at one z = omega + i Gamma."""
    R = Z**2 / (1 + Z**2)
    A, B = [jnp.zeros(())] * len(sc.bands), [jnp.zeros(())] * len(sc.bands)
    for cluster in sc.clusters:
        if len(cluster.bands) > 2:
            # Refused where it is not traced.
            for i in cluster.bands:
                A[i] = B[i] = jnp.full((), jnp.nan)
            continue
        gamma, gamma_tilde = (alone if len(cluster.bands) == 1 else _together)(sc, cluster, Delta, z)
        both = gamma_tilde @ gamma
        one = jnp.eye(len(cluster.bands))
        inverse = _inverse(one - R * both)
        a, b = (1 - R) * gamma @ inverse, Z / jnp.sqrt(1 + Z**2) * (one - both) @ inverse
        for k, i in enumerate(cluster.bands):
            A[i], B[i] = (jnp.sum(x.real**2 + x.imag**2) for x in (a[:, k], b[:, k]))
    andreev, normal = jnp.stack(A), jnp.stack(B)
    return AndreevReflection(andreev, normal, (1 + andreev - normal) / (1 - R))


def alone(
    sc: Superconductor, cluster: Cluster, Delta: Inexact[Array, "channel"], z: Complex[Array, ""]
) -> tuple[Matrix, Matrix]:
    """gamma = Delta^* / (z + sqrt(z^2 - |Delta|^2)), with the square root that has Im > 0."""
    D = Delta[cluster.bands[0]]
    # |Delta|^2 as it stands: |Delta| has no derivative at 0.
    root = jnp.sqrt(z**2 - D * jnp.conj(D))
    root = jnp.where(root.imag < 0, -root, root)
    return (jnp.conj(D) / (z + root))[None, None], (D / (z + root))[None, None]


def _together(
    sc: Superconductor, cluster: Cluster, Delta: Inexact[Array, "channel"], z: Complex[Array, ""]
) -> tuple[Matrix, Matrix]:
    """gamma and gamma~ of two cross-paired bands, in amplitudes whose squares are currents: u_i / sqrt(m_i).

    (K - kappa_3)(K - kappa_4), with the roots that grow into the superconductor, maps everything on the waves that decay. Holes
    that come in see Im kappa < 0, which is the transposed problem with conjugate amplitudes.
    """
    m, mu = (pick(leaf, cluster.bands) for leaf in parameters(sc))
    m = jnp.abs(m)
    D1, D2, D3 = pick(Delta, cluster.channels)
    # Counted from between the Fermi surfaces.
    centre = jnp.mean(m * mu)
    roots = pair_roots(m[0], mu[0], m[1], mu[1], jnp.stack([D1, D2, D3]), z) - jax.lax.stop_gradient(centre)
    growing = jnp.sum(roots.imag[:, None] > roots.imag, axis=1) < 2
    total, product = jnp.sum(jnp.where(growing, roots, 0.0)), jnp.prod(jnp.where(growing, roots, 1.0))
    root_m = jnp.sqrt(m)
    B = jnp.stack([jnp.stack([D1, D3]), jnp.stack([D3, D2])]) * root_m[:, None] * root_m
    electron, hole = m * (mu + z) - centre, m * (mu - z) - centre  # the diagonal of K; beside it stand -B and B^+

    def of(B: Inexact[Array, "band band"]) -> Matrix:
        C = jnp.conj(B).T
        u = jnp.diag(electron**2 - total * electron + product) - B @ C
        v = C * electron + hole[:, None] * C - total * C
        gamma = jax.lax.stop_gradient(v @ _inverse(u))
        # From the root itself two steps of Newton change nothing but carry its derivatives, up to the third.
        for _ in range(2):
            gamma = gamma - _riccati_step(gamma, B, m * (mu - z), m * (mu + z))
        return gamma

    # Of real amplitudes both are one problem: half of the work.
    gamma = of(B)
    return gamma, (gamma if jnp.isrealobj(B) else of(jnp.conj(B))).T


def _riccati_step(
    gamma: Matrix, B: Inexact[Array, "band band"], hole: Complex[Array, "2"], electron: Complex[Array, "2"]
) -> Matrix:
    """X with P X + X Q = R, where R = B^+ + m (mu - z) gamma - gamma m (mu + z) + gamma B gamma is zero where K maps
    (1, gamma) on itself [meV], and P and Q are its slopes.

    By Q's own characteristic equation, (P^2 + P tr Q + det Q) X = P R + R adj Q: one 2 x 2 inverse.
    """
    R = jnp.conj(B).T + hole[:, None] * gamma - gamma * electron + gamma @ B @ gamma
    P, Q = jnp.diag(hole) + gamma @ B, B @ gamma - jnp.diag(electron)
    one, trace = jnp.eye(2), Q[0, 0] + Q[1, 1]
    det = Q[0, 0] * Q[1, 1] - Q[0, 1] * Q[1, 0]
    return _inverse(P @ P + trace * P + det * one) @ (P @ R + R @ (trace * one - Q))


def _inverse(X: Matrix) -> Matrix:
    """Of a 1 x 1 or 2 x 2 matrix, in the open."""
    if X.shape[0] == 1:
        return 1 / X
    det = X[0, 0] * X[1, 1] - X[0, 1] * X[1, 0]
    return jnp.stack([jnp.stack([X[1, 1], -X[0, 1]]), jnp.stack([-X[1, 0], X[0, 0]])]) / det


@program
def _reflection(
    sc: Superconductor, Delta: Inexact[Array, "channel"], omega: Float[Array, "omega"], Gamma: Scalar, Z: Scalar
) -> AndreevReflection:
    return jax.vmap(lambda w: reflection_of(sc, Delta, w + 1j * Gamma, Z), out_axes=1)(omega)
