r"""Eliashberg's equations with cross-band pairing: matrix self-energies W, X and Phi of bands that cross channels link.

.. math:: W_c = \omega_n \delta_{c \in bands} - k_B T \sum_m V_{cc'}(n-m) \, \mathrm{Im} \, g_{c'}(m), \qquad
          X_c = k_B T \sum_m V_{cc'}(n-m) \, \mathrm{Re} \, g_{c'}(m)

.. math:: \Phi_c = k_B T \sum_m [V_{cc'}(n-m) - \mu^*_{cc'} \theta / N_{c'}] \, \mathrm{Re} f_{c'}(m), \qquad
          A = k_B T \sum_m V_a(n-m) \, \mathrm{Im} (f_{12} - f_{21})(m)

with V_cc' = lambda_cc' / N_c', g_c and f_c the element ii, or 12 + 21 of a pair, of the local Green's function
(`jaxgap.selfenergy.local_green`), Phi_12 = Phi_3 + i A and Phi_21 = Phi_3 - i A (time reversal holds; bands have no edges, 2D).
The tensor of couplings is one for W, X and Phi: a boson that turns pairs of a band into cross pairs, lambda_i3, hybridises the
bands in the normal state, too (W_12). A distance of the bands makes A, odd in frequency and in the exchange of the bands
(Black-Schaffer and Balatsky, Phys. Rev. B 88, 104514 (2013)), which V_a = odd V_33 feeds.

Impurities (`jaxgap.selfenergy.impurities`) add to W, X, Phi and A what they make of g and f at the same frequency.

Derived for jaxgap; checked by quadrature over kappa. The unknowns are W - omega, X, Phi and A at the nodes of the compressed
grid: g and f are local in frequency, so that the Jacobian is a product of sums over frequencies with small matrices. The free
energy is

.. math:: F = -2 k_B T \sum_{n \geq 0} \{ \ln\det_S - \ln\det_N + \mathrm{Re\,tr}[(\Sigma_S - \Sigma_N)(g_S + g_N)]
          - \mathrm{Re} \sum_{ij} \Phi_{ij} f_{ij} \}, \qquad \Sigma = X - i W, \quad \ln\det = \pi \sum_s |\mathrm{Im} k_s|

and of T-matrices what `jaxgap.selfenergy.impurities.beyond_born` adds to the braces.
"""

from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Inexact, Int

from jaxgap.model.retarded import RetardedSuperconductor
from jaxgap.selfenergy.cross_jacobian import CrossJacobian, spread
from jaxgap.selfenergy.eliashberg import Equations
from jaxgap.selfenergy.impurities import beyond_born, normal_scattering, scattered
from jaxgap.selfenergy.local_green import Local, imaginary_sign, local_green_function, local_matrix
from jaxgap.selfenergy.matsubara import Kernels

__all__ = [
    "Parts",
    "cross_free_energy",
    "cross_jacobian",
    "cross_linearised",
    "cross_linearised_map",
    "cross_residual",
    "cross_step",
    "cross_step_at",
    "dressed_step",
    "impurity_parts",
    "normal_parts",
]

DRESSING = 3
"""Newton steps of every frequency by itself."""


class Parts(NamedTuple):
    """The self-energy at the nodes, or what is made of Green's functions there, by channels."""

    W: Inexact[Array, "channel node"]
    """Less omega [meV]."""
    X: Inexact[Array, "channel node"]
    Phi: Inexact[Array, "channel node"]
    A: Inexact[Array, "cross node"]

    @property
    def flat(self) -> Inexact[Array, "part node"]:
        """All in one array."""
        return jnp.concatenate(self)


def parts_of(x: Inexact[Array, "part node"], sc: RetardedSuperconductor) -> Parts:
    """The parts of an array `flat`."""
    c = len(sc.channels)
    return Parts(x[:c], x[c : 2 * c], x[2 * c : 3 * c], x[3 * c :])


# --- Green's functions ------------------------------------------------------------------------------------------------------


def matrices(parts: Parts, omega: Float[Array, "node"], sc: RetardedSuperconductor) -> tuple[Array, Array, Array]:
    """(W, X, Phi) of all bands, [band, band, node]."""
    n, pairs = len(sc.bands), list(enumerate(sc.cross, len(sc.bands)))
    W, X, Phi = (np.full((n, n), None) for _ in range(3))
    nothing = jnp.zeros_like(omega)
    for i in range(n):
        W[i, i], X[i, i], Phi[i, i] = parts.W[i] + omega, parts.X[i], parts.Phi[i] + 0j
    for c, (i, j) in pairs:
        W[i, j] = W[j, i] = parts.W[c]
        X[i, j] = X[j, i] = parts.X[c]
        Phi[i, j], Phi[j, i] = parts.Phi[c] + 1j * parts.A[c - n], parts.Phi[c] - 1j * parts.A[c - n]

    def stacked(M: np.ndarray, zero: Array) -> Array:
        return jnp.stack([jnp.stack([zero if entry is None else entry for entry in row]) for row in M])

    return stacked(W, nothing), stacked(X, nothing), stacked(Phi, nothing + 0j)


def bands_of(sc: RetardedSuperconductor) -> tuple[Float[Array, "band"], Float[Array, "band"]]:
    """(mu, mass) of all bands."""
    tangents = [band.tangent for band in sc.bands]
    return jnp.stack([mu for _, mu in tangents]), jnp.stack([mass for mass, _ in tangents])


def green_functions(parts: Parts, omega: Float[Array, "node"], sc: RetardedSuperconductor) -> Local:
    """g and f of all bands, [band, band, node]; of every cluster by itself."""
    W, X, Phi = matrices(parts, omega, sc)
    mu, mass = bands_of(sc)
    g, f = jnp.zeros_like(Phi), jnp.zeros_like(Phi)
    for cluster in sc.clusters:
        at = np.array(cluster.bands)
        block = np.ix_(at, at)
        if len(at) == 1:
            i = at[0]
            R = jnp.sqrt(W[i, i] ** 2 + Phi[i, i] ** 2)
            own = Local(
                (-1j * jnp.pi * jnp.abs(mass[i]) * W[i, i] / R)[None, None],
                (jnp.pi * jnp.abs(mass[i]) * Phi[i, i] / R)[None, None],
            )
        else:
            own = local_green_function(W[block], X[block], Phi[block], mu[at], mass[at])
        g, f = g.at[block].set(own.g), f.at[block].set(own.f)
    return Local(g, f)


def densities(parts: Parts, omega: Float[Array, "node"], sc: RetardedSuperconductor) -> Parts:
    """-Im g_c, Re g_c, Re f_c and Im (f_12 - f_21), in units of pi N_c: the first is 1 of a normal band."""
    return _densities(green_functions(parts, omega, sc), sc)


def _densities(G: Local, sc: RetardedSuperconductor) -> Parts:
    bands = np.arange(len(sc.bands))
    i, j = (np.array([pair[k] for pair in sc.cross], int) for k in (0, 1))

    def of_channels(G: Complex[Array, "band band node"]) -> Complex[Array, "channel node"]:
        return jnp.concatenate([G[bands, bands], G[i, j] + G[j, i]])

    unit = jnp.pi * sc.N[:, None]
    both, odd = of_channels(G.g) / unit, jnp.imag(G.f[i, j] - G.f[j, i]) / unit[len(bands) :]
    return Parts(-jnp.imag(both), jnp.real(both), jnp.real(of_channels(G.f) / unit), odd)


def impurity_parts(parts: Parts, omega: Float[Array, "node"], sc: RetardedSuperconductor) -> Parts:
    """What impurities make of the Green's functions of a self-energy."""
    return _by_impurities(green_functions(parts, omega, sc), sc)


def _by_impurities(G: Local, sc: RetardedSuperconductor) -> Parts:
    """What impurities make of Green's functions, at the same frequency."""
    normal, Phi = scattered(G, sc.disorder)
    i, j = _elements(sc)
    odd = jnp.imag(Phi[i, j])[len(sc.bands) :]
    return Parts(-jnp.imag(normal[i, j]), jnp.real(normal[i, j]), jnp.real(Phi[i, j]), odd)


def _elements(sc: RetardedSuperconductor) -> tuple[np.ndarray, np.ndarray]:
    """The two bands of every channel."""
    pairs = np.array([*((i, i) for i in range(len(sc.bands))), *sc.cross])
    return pairs[:, 0], pairs[:, 1]


def _local(x: Float[Array, "part node"], sc: RetardedSuperconductor, E: Equations) -> tuple[Array, Array | None]:
    """(densities, what impurities make) of a self-energy, both flat; without impurities not the second."""
    G = green_functions(parts_of(x, sc), E.K.omega, sc)
    return _densities(G, sc).flat, _by_impurities(G, sc).flat if sc.is_disordered else None


# --- the equations ----------------------------------------------------------------------------------------------------------


def cross_step(x: Float[Array, "part node"], sc: RetardedSuperconductor, E: Equations) -> Float[Array, "part node"]:
    """The self-energy that the Green's functions of a self-energy make."""
    sources, scattering = _local(x, sc, E)
    own = _made_by_pairs(parts_of(sources, sc), sc, E, E.K)
    return own if scattering is None else own + scattering


def cross_step_at(
    x: Float[Array, "part node"], sc: RetardedSuperconductor, E: Equations, at: Kernels
) -> Float[Array, "part row"]:
    """What the interaction makes at other frequencies: those whose sums `at` are."""
    return _made_by_pairs(densities(parts_of(x, sc), E.K.omega, sc), sc, E, at)


def dressed_step(x: Float[Array, "part node"], sc: RetardedSuperconductor, E: Equations) -> Float[Array, "part node"]:
    """The same, with the self-energy of impurities that belongs to what the interaction makes: plain iterations of strong
    scattering would crawl, or end in the normal state."""
    if not sc.is_disordered:
        return cross_step(x, sc, E)
    own = _made_by_pairs(parts_of(_local(x, sc, E)[0], sc), sc, E, E.K)

    def nearer(_: Int[Array, ""], y: Float[Array, "part node"]) -> Float[Array, "part node"]:
        scattering = impurity_parts(parts_of(y, sc), E.K.omega, sc).flat
        slope = _local_derivatives(y, sc, E)[1]
        rest = jnp.eye(len(y)) - jnp.moveaxis(cast(Array, slope), -1, 0)
        return y - jnp.linalg.solve(rest, (y - own - scattering).T[..., None])[..., 0].T

    return jax.lax.fori_loop(0, DRESSING, nearer, x)


def _made_by_pairs(made: Parts, sc: RetardedSuperconductor, E: Equations, at: Kernels) -> Float[Array, "part row"]:
    odd, even = (lambda f, K=K: jnp.einsum("scd,snk,dk->cn", E.lam, K, f) for K in (at.odd, at.even))
    bands = jnp.arange(len(sc.channels)) < len(sc.bands)
    tail = jnp.einsum("scd,sn,d->cn", E.lam, at.tail, bands.astype(float))
    instant = (E.instant @ (made.Phi @ at.instant))[:, None]
    pairs = np.arange(len(sc.bands), len(sc.channels))
    A = sc.odd * jnp.einsum("sp,snk,pk->pn", E.lam[:, pairs, pairs], at.odd, made.A)
    return Parts(odd(made.W) + tail, even(made.X), even(made.Phi) + instant, A).flat


def cross_residual(x: Float[Array, "n"], theta: tuple[RetardedSuperconductor, Equations]) -> Float[Array, "n"]:
    """x less what it makes, as one vector [meV]."""
    sc, E = theta
    return x - cross_step(x.reshape(-1, len(E.K.omega)), sc, E).ravel()


def _made_of_pairs(
    Phi: Float[Array, "channel change node"], A: Float[Array, "cross change node"], sc: RetardedSuperconductor, E: Equations
) -> list[Float[Array, "_ node change node"]]:
    """Phi and A, at every node, that densities make which change at one."""
    cross = slice(len(sc.bands), None)
    instant = jnp.einsum("cd,dbk->cbk", E.instant, Phi) * E.K.instant
    own = jnp.diagonal(E.lam[:, cross, cross], axis1=1, axis2=2)
    return [
        spread(E.K.even, jnp.einsum("scd,dbk->scbk", E.lam, Phi)) + instant[:, None],
        spread(E.K.odd, sc.odd * own[:, :, None, None] * A),
    ]


def _local_derivatives(
    x: Float[Array, "part node"], sc: RetardedSuperconductor, E: Equations, first: int = 0
) -> tuple[Float[Array, "some some node"], Float[Array, "some some node"] | None]:
    """d densities / d self-energy, [density, part, node], and the same of what impurities make: small matrices, one for every
    frequency. Of the parts from `first` on, both ways."""

    def along(direction: Float[Array, "part"]) -> tuple[Array, Array | None]:
        change: tuple[Array, Array | None] = jax.jvp(
            lambda y: _local(y, sc, E), (x,), (direction[:, None] * jnp.ones_like(x),)
        )[1]
        return change

    response: tuple[Array, Array | None] = jax.vmap(along, out_axes=1)(jnp.eye(len(x))[first:])
    return jax.tree.map(lambda of_all: of_all[first:], response)


def cross_linearised(x: Float[Array, "n"], theta: tuple[RetardedSuperconductor, Equations]) -> CrossJacobian:
    """d residual / d x."""
    sc, E = theta
    response, scattering = _local_derivatives(x.reshape(-1, len(E.K.omega)), sc, E)
    W, X, Phi, A = jnp.split(response, len(sc.channels) * np.arange(1, 4))
    own = jnp.einsum("spp->sp", E.lam[:, len(sc.bands) :, len(sc.bands) :])
    by_W, by_X, by_Phi = (jnp.einsum("scd,dbk->scbk", E.lam, change) for change in (W, X, Phi))
    return CrossJacobian(
        odd=E.K.odd,
        even=E.K.even,
        instant=E.K.instant,
        by_odd=jnp.concatenate([by_W, sc.odd * own[:, :, None, None] * A], axis=1),
        by_even=jnp.concatenate([by_X, by_Phi], axis=1),
        by_instant=jnp.einsum("cd,dbk->cbk", E.instant, Phi),
        local=scattering,
    )


def cross_jacobian(x: Float[Array, "n"], theta: tuple[RetardedSuperconductor, Equations]) -> Float[Array, "n n"]:
    """The same, as a matrix."""
    return cross_linearised(x, theta).matrix()


# --- the normal state -------------------------------------------------------------------------------------------------------


def normal_parts(sc: RetardedSuperconductor, E: Equations) -> Parts:
    """The normal state's self-energy: g = -i pi N_i there, whatever the distances and hybridisations of masses of one sign."""
    bands = (jnp.arange(len(sc.channels)) < len(sc.bands)).astype(float)
    W = jnp.einsum("scd,sn,d->cn", E.lam, E.K.normal, bands)
    nothing = Parts(W, jnp.zeros_like(W), jnp.zeros_like(W), jnp.zeros((len(sc.cross), W.shape[1])))
    if not sc.is_disordered:
        return nothing
    own = normal_scattering(sc)[*_elements(sc)][:, None]
    return nothing._replace(W=W - jnp.imag(own), X=nothing.X + jnp.real(own))


def cross_linearised_map(sc: RetardedSuperconductor, E: Equations) -> Float[Array, "n n"]:
    """The map of small Phi and A to themselves, whose eigenvalue is 1 at T_c: of what is not made by impurities, which add at
    every frequency S + S^2 + ... = S / (1 - S) to it. So their eigenvalues, near 1, are no ones of the map."""
    response, scattering = _local_derivatives(normal_parts(sc, E).flat, sc, E, 2 * len(sc.channels))
    if scattering is not None:
        rest = jnp.eye(len(response))[:, :, None] - scattering
        response = jnp.moveaxis(jnp.moveaxis(response, -1, 0) @ jnp.linalg.inv(jnp.moveaxis(rest, -1, 0)), 0, -1)
    Phi, A = jnp.split(response, [len(sc.channels)])
    made = jnp.concatenate(_made_of_pairs(Phi, A, sc, E))
    return made.reshape(made.shape[0] * made.shape[1], -1)


# --- the free energy --------------------------------------------------------------------------------------------------------


def cross_free_energy(parts: Parts, sc: RetardedSuperconductor, E: Equations) -> Float[Array, ""]:
    """Of a solution, relative to the normal state [meV^2 times the unit of N]. It needs detailed balance."""
    omega, normal = E.K.omega, normal_parts(sc, E)
    g, f = green_functions(parts, omega, sc)
    W, X, Phi = matrices(parts, omega, sc)
    W_N, X_N, nothing = matrices(normal, omega, sc)
    g_N, f_N = green_functions(normal, omega, sc)
    determinants = _log_determinant(W, X, Phi, sc) - _log_determinant(W_N, X_N, nothing, sc)
    change = (X - X_N - 1j * (W - W_N)) * jnp.swapaxes(g + g_N, 0, 1)
    summand = determinants + jnp.sum(jnp.real(change - Phi * f), axis=(0, 1))
    summand = summand + beyond_born(Local(g, f), Local(g_N, f_N), sc.disorder)
    k_BT = omega[0] / jnp.pi
    return -2 * k_BT * jnp.sum(summand * E.total)


def _log_determinant(W: Array, X: Array, Phi: Array, sc: RetardedSuperconductor) -> Float[Array, "node"]:
    """pi sum_s |Im k_s|: the integral of ln det M over kappa, up to what no self-energy changes."""
    mu, mass = bands_of(sc)
    total = jnp.zeros(W.shape[-1])
    for cluster in sc.clusters:
        at = np.array(cluster.bands)
        block = np.ix_(at, at)
        if len(at) == 1:
            total += 2 * jnp.pi * jnp.abs(mass[at[0]]) * jnp.sqrt(W[at[0], at[0]] ** 2 + jnp.real(Phi[at[0], at[0]]) ** 2)
        else:
            K = local_matrix(W[block], X[block], Phi[block], mu[at], mass[at])
            total += jnp.pi * jnp.imag(jnp.einsum("ij...,ji...->...", imaginary_sign(K), K))
    return total
