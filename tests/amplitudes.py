"""States at given amplitudes, whether or not they solve anything, and their energies by brute force."""

import jax.numpy as jnp
import numpy as np

from jaxgap import Label, Solution, Status

LAM = np.diag([0.4, 0.3, 0.1])


def state(sc, Delta, T=0.0):
    """A `Solution` that holds given amplitudes, whether or not they solve anything: observables only read them."""
    zero = jnp.zeros(())
    return Solution(
        superconductor=sc,
        T=jnp.asarray(float(T)),
        Delta=jnp.asarray(Delta, jnp.complex128),
        status=jnp.asarray(int(Status.CONVERGED)),
        label=jnp.asarray(int(Label.S_PLUS_PLUS)),
        residual=zero,
        steps=jnp.asarray(0),
        sigma_min=jnp.ones(()),
        quadrature_error=zero,
        differentiable=jnp.asarray(True),
        unstable_amplitude=jnp.asarray(0),
        unstable_phase=jnp.asarray(0),
    )


def band_energies(sc, kappa):
    """zeta_i(kappa) [meV], kappa first."""
    mass, mu = np.array([float(b.mass) for b in sc.bands]), np.array([float(b.mu) for b in sc.bands])
    return np.asarray(kappa)[..., None] / mass - mu


def bdg(sc, Delta, kappa):
    """BdG matrices at every kappa, amplitudes switched off outside the shell; bands (N), then holes (N)."""
    z, n, Omega = band_energies(sc, kappa), len(sc.bands), float(sc.Omega)
    inside = np.abs(z) <= Omega
    D = np.zeros((*np.shape(kappa), n, n), complex)
    for c, (i, j) in enumerate([*((i, i) for i in range(n)), *sc.cross]):
        D[..., i, j] = D[..., j, i] = np.where(inside[..., i] & inside[..., j], Delta[c], 0.0)
    Z = z[..., None] * np.eye(n)
    return np.block([[Z, D], [np.conj(np.swapaxes(D, -1, -2)), -Z]])


def brute_energies(sc, Delta, kappa):
    """Positive eigenvalues, ascending, kappa first."""
    return np.linalg.eigvalsh(bdg(sc, Delta, kappa))[..., len(sc.bands) :]


def central(f, x, steps):
    """Central differences, the derivative's index last."""
    shifts = zip(np.diag(steps), steps, strict=True)
    return np.stack([(np.asarray(f(x + s)) - np.asarray(f(x - s))) / (2 * h) for s, h in shifts], axis=-1)
