r"""Amplitudes from which to look for the states of a pattern of signs.

Every gap equation with more than one channel has several solutions, and those of one pattern of signs are found from few
starts if these know what makes such states: bands that pair by themselves, couplings between bands, or both.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgap.couplings import pair_weights
from jaxgap.pairing import gap_residual
from jaxgap.quadrature import Rule
from jaxgap.superconductor import Superconductor

__all__ = ["starting_amplitudes"]

ITERATIONS = 6
"""Plain iterations that may not change signs."""
FEW = Rule(10, 8)
"""Nodes of them."""


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
    n, n_bands = len(sc.channels), len(sc.bands)
    cross = [1.0] if n == n_bands else [1.0, -1.0]
    values, vectors = _eigenvectors(sc)

    def signed(bands: Any, sign: float) -> Any:
        return jnp.concatenate([bands * pattern, jnp.full(n - n_bands, sign)])

    own = _weak_coupling(sc, jnp.clip(jnp.diag(sc.lam), 0.1, 2.0))
    decoupled = [own * jnp.concatenate([b * pattern, jnp.full(n - n_bands, 0.2 * c)]) for c in cross for b in (1.0, 0.6, 1.5)]
    largest = _weak_coupling(sc, values[-1])
    iterated = [_iterated(sc, largest * signed(jnp.ones(n_bands), 0.5 * c), pattern) for c in cross]
    along = [
        scale
        * _weak_coupling(sc, value)
        * jnp.append(jnp.abs(v[:n_bands]) * pattern, v[n_bands:] * _side(v[:n_bands] @ pattern))
        for value, v in zip(values[::-1], vectors.T[::-1], strict=True)
        for scale in (1.0, 2.0, 0.5)
    ]
    one = [
        _weak_coupling(sc, jnp.maximum(sc.lam[k, k], values[-1] / 2))
        * signed(jnp.where(jnp.arange(n_bands) == k, 1.0, b), 0.3 * c)
        for k in range(n_bands)
        for b in (0.3, 0.05)
        for c in cross
    ]
    return jnp.stack([decoupled[0], *iterated, *along, *decoupled[1:], *one])


def _weak_coupling(sc: Superconductor, eigenvalue: Any) -> Any:
    """Omega / sinh(1 / eigenvalue) [meV]; couplings below 0.02, with amplitudes of 1e-21 Omega, count as that."""
    return sc.Omega / jnp.sinh(1 / jnp.clip(eigenvalue, 0.02, 2.0))


def _side(x: Any) -> Any:
    return jnp.where(x < 0, -1.0, 1.0)


def _eigenvectors(sc: Superconductor) -> tuple[Float[Array, "channel"], Float[Array, "channel channel"]]:
    """(eigenvalues in rising order, eigenvectors of norm 1 as columns) of lambda W, with the weights W of `pair_weights`; of
    the symmetric part if g is not symmetric."""
    weight = jnp.asarray(pair_weights(len(sc.bands), len(sc.cross), sc.convention))
    root = jnp.sqrt(sc.N * weight)
    matrix = root[:, None] * sc.lam * weight / root
    values, vectors = jnp.linalg.eigh((matrix + matrix.T) / 2)
    vectors = vectors / root[:, None]
    return values, vectors / jnp.sqrt(jnp.sum(vectors**2, axis=0))


def _iterated(sc: Superconductor, Delta: Float[Array, "channel"], pattern: Float[Array, "band"]) -> Float[Array, "channel"]:
    """`Delta` [meV] after a few iterations Delta <- lambda P / N at T = 0, in which band amplitudes keep their signs."""
    n_bands = len(pattern)

    def iteration(_: Any, D: Any) -> Any:
        new = D - gap_residual(sc, D, jnp.zeros(()), FEW)
        bands = pattern * jnp.maximum(pattern * new[:n_bands], 0.03 * jnp.abs(D[:n_bands]))
        return jnp.append(bands, new[n_bands:])

    return jax.lax.fori_loop(0, ITERATIONS, iteration, Delta)
