r"""Amplitudes from which to look for the states of a pattern of signs.

Every gap equation with more than one channel has several solutions, and those of one pattern of signs are found from few
starts if these know what makes such states: bands that pair by themselves, couplings between bands, or both.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.equations.lattice_sums import sizes_on_lattice
from jaxgap.equations.pairing import gap_residual
from jaxgap.model.couplings import pair_weights
from jaxgap.model.lattice import Lattice
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.small import symmetric_eigenvectors
from jaxgap.spectra.quadrature import Rule

__all__ = ["starting_amplitudes"]

ITERATIONS = 6
"""Plain iterations that may not change signs."""
FEW = Rule(10, 8, 8)
"""Nodes of them."""
SIZES = (1.0, 2.0, 0.5)
"""Of starts along eigenvectors, in units of what weak coupling says."""


def starting_amplitudes(sc: Superconductor, pattern: Float[Array, "band"]) -> Float[Array, "start channel"]:
    r"""Amplitudes from which to look at T = 0 [meV] for a state whose bands have the signs of `pattern`, in the order in which
    they are tried:

    1. those of decoupled channels, Omega / sinh(1/lambda_cc), with a weak cross amplitude: what bands that pair by themselves
       end in;
    2. where a few plain iterations Delta <- lambda P / N lead that may not leave the signs: states that couplings between
       channels make;
    3. the eigenvectors of lambda, of the size Omega / sinh(1/eigenvalue): in weak coupling Delta = lambda Delta ln(2 Omega /
       |Delta|);
    4. those of 1 with a cross amplitude of either sign, at three sizes; one band much larger than the others.

    (`benchmarks/named_branches.py` counts what they miss.)
    """
    if isinstance(sc, Lattice):
        return _on_lattice(sc, pattern)
    n_bands, n_cross = len(sc.bands), len(sc.cross)
    signs = jnp.concatenate([pattern, jnp.ones(n_cross)])
    values, vectors = _eigenvectors(sc)
    shapes = _shapes(n_bands, n_cross)
    own = jnp.diag(sc.strengths[0])
    decoupled = signs * shapes.decoupled * _weak_coupling(sc, jnp.clip(own, 0.1, 2.0))
    equal = signs * shapes.equal * _weak_coupling(sc, values[-1])
    iterated = jax.vmap(lambda D: _iterated(sc, D, pattern))(equal)
    bands, cross = vectors[:, :n_bands], vectors[:, n_bands:]
    side = jnp.where(bands @ pattern < 0, -1.0, 1.0)[:, None]
    along = jnp.concatenate([jnp.abs(bands) * pattern, cross * side], axis=1) * _weak_coupling(sc, values)[:, None]
    along = (along[::-1, None] * jnp.array(SIZES)[:, None]).reshape(-1, len(sc.channels))
    single = _weak_coupling(sc, jnp.maximum(own[:n_bands], values[-1] / 2))
    one = signs * shapes.one * jnp.repeat(single, len(shapes.one) // n_bands)[:, None]
    return jnp.concatenate([decoupled[:1], iterated, along, decoupled[1:], one])


def _on_lattice(sc: Lattice, pattern: Float[Array, "band"]) -> Float[Array, "start channel"]:
    """Channels of the size that they have by themselves, or all together, or one of them larger than the others."""
    size, alone = sizes_on_lattice(sc)
    one = jnp.where(jnp.eye(len(pattern)) > 0, 1.0, 0.2)
    rows = jnp.concatenate([alone[None], size * jnp.array(SIZES)[:, None] * jnp.ones_like(alone), size * one])
    starts = rows * pattern
    iterated = jax.vmap(lambda D: _iterated(sc, D, pattern))(starts[:2])
    return jnp.concatenate([iterated, starts])


class _Shapes(NamedTuple):
    """Relative amplitudes, [start, channel]."""

    decoupled: np.ndarray
    equal: np.ndarray
    one: np.ndarray
    """One band much larger than the others: as many for every band, band by band."""


def _shapes(n_bands: int, n_cross: int) -> _Shapes:
    cross = (1.0, -1.0) if n_cross else (1.0,)
    ones, eye = np.ones(n_bands), np.eye(n_bands)
    larger = [np.where(eye[k] > 0, 1.0, b) for k in range(n_bands) for b in (0.3, 0.05)]

    def table(bands: list[np.ndarray], share: float) -> np.ndarray:
        return np.array([[*row, *[share * c] * n_cross] for row in bands for c in cross])

    decoupled = np.array([[*(b * ones), *[0.2 * c] * n_cross] for c in cross for b in (1.0, 0.6, 1.5)])
    return _Shapes(decoupled, table([ones], 0.5), table(larger, 0.3))


def _weak_coupling(sc: Superconductor, eigenvalue: Float[Array, "*k"]) -> Float[Array, "*k"]:
    """Omega / sinh(1 / eigenvalue) [meV]; couplings below 0.02, with amplitudes of 1e-21 Omega, count as that."""
    return sc.Omega / jnp.sinh(1 / jnp.clip(eigenvalue, 0.02, 2.0))


def _eigenvectors(sc: Superconductor) -> tuple[Float[Array, "channel"], Float[Array, "channel channel"]]:
    """(eigenvalues in rising order, eigenvectors of norm 1 as rows) of lambda W, with the weights W of `pair_weights`; of
    the symmetric part if g is not symmetric."""
    weight = jnp.asarray(pair_weights(len(sc.bands), len(sc.cross), sc.convention))
    lam, N = sc.strengths
    root = jnp.sqrt(N * weight)
    matrix = root[:, None] * lam * weight / root
    values, vectors = symmetric_eigenvectors((matrix + matrix.T) / 2)
    rows = vectors.T / root
    return values, rows / jnp.sqrt(jnp.sum(rows**2, axis=1, keepdims=True))


def _iterated(sc: Superconductor, Delta: Float[Array, "channel"], pattern: Float[Array, "band"]) -> Float[Array, "channel"]:
    """`Delta` [meV] after a few iterations Delta <- lambda P / N at T = 0, in which band amplitudes keep their signs."""
    n_bands = len(pattern)

    def iteration(_: object, D: Float[Array, "channel"]) -> Float[Array, "channel"]:
        new = D - gap_residual(sc, D, jnp.zeros(()), FEW)
        bands = pattern * jnp.maximum(pattern * new[:n_bands], 0.03 * jnp.abs(D[:n_bands]))
        return jnp.append(bands, new[n_bands:])

    return jax.lax.fori_loop(0, ITERATIONS, iteration, Delta)
