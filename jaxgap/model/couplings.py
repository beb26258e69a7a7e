r"""Pairing channels and the matrix of couplings lambda between them.

.. math:: \Delta_c = \sum_{c'} \lambda_{cc'} \, P_{c'} / N_{c'}, \qquad \lambda_{cc'} = g_{cc'} N_{c'}

(Vargas-Paredes et al., Phys. Rev. B 101, 094516 (2020), Eq. 5.) There is one channel per band and one per cross-paired
pair of bands, in this order, named `alpha`, `beta`, `alpha:beta`. The anomalous density P of a cross channel counts both
orderings, F_ij + F_ji, and its density of states N_ij is a convention:

- `"mean"` (default): N_ij = (N_i + N_j)/2, so that a symmetric lambda of equal bands has a symmetric g;
- `"sum"`: N_ij = N_i + N_j, so that a symmetric g of equal bands has lambda_13 = 2 lambda_31.

Where a band's edge is near, no density of states at the chemical potential is a measure of anything, and the interaction itself
is given: g_cc', with N_c = 1 (`BARE`).
"""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Inexact

from jaxgap.numerics.checks import InputError, check, check_finite

__all__ = [
    "BARE",
    "CONVENTIONS",
    "canonical_channel",
    "channel_names",
    "channel_densities",
    "pair_weights",
    "asymmetry",
    "band_matrix",
    "couplings_from_literature",
]

CONVENTIONS = ("mean", "sum")
BARE = "g"
"""In place of a convention, where couplings are the interaction g itself."""


def channel_names(bands: Sequence[str], cross: Sequence[tuple[int, int]]) -> tuple[str, ...]:
    """Names of all channels in jaxgap's order: the bands, then the cross-paired pairs as `alpha:beta`."""
    return (*bands, *(f"{bands[i]}:{bands[j]}" for i, j in cross))


def channel_densities(N: Float[Array, "band"], cross: tuple[tuple[int, int], ...], convention: str) -> Float[Array, "channel"]:
    """N_c of every channel from the bands' densities of states N_i(0), in the given convention."""
    if convention == BARE:
        return jnp.ones(len(N) + len(cross))
    pairs = [N[i] + N[j] for i, j in cross]
    share = 0.5 if convention == "mean" else 1.0
    return jnp.concatenate([N, share * jnp.stack(pairs)]) if pairs else N


def pair_weights(n_bands: int, n_cross: int, convention: str) -> np.ndarray:
    """Orderings of electrons that P_c counts, per N_c: in weak coupling Delta_c = sum_c' lambda_cc' W_c' Delta_c' ln(2 Omega /
    |Delta_c'|) for equal bands. 1 for a band, and for a cross channel 1 in the "sum" convention, else 2."""
    return np.array([1.0] * n_bands + [1.0 if convention == "sum" else 2.0] * n_cross)


def band_matrix(values: Inexact[Array, "channel"], bands: int, cross: Sequence[tuple[int, int]]) -> Inexact[Array, "band band"]:
    """What channels have, amplitudes or others, as a symmetric matrix between the bands; 0 where there is no channel."""
    matrix = jnp.diag(values[:bands])
    for c, (i, j) in enumerate(cross, bands):
        matrix = matrix.at[i, j].set(values[c]).at[j, i].set(values[c])
    return matrix


def asymmetry(g: Float[Array, "channel channel"]) -> Float[Array, ""]:
    """Distance of g from detailed balance, |g - g^T| / |g| (Frobenius norms); a free energy exists where it is zero."""
    size = jnp.sqrt(jnp.sum(g**2))
    return jnp.sqrt(jnp.sum((g - g.T) ** 2)) / jnp.where(size > 0, size, 1.0)


def couplings_from_literature(
    matrix: Any,
    *,
    order: Sequence[str],
    channels: Sequence[str],
    transposed: bool = False,
    density_of_states: Any = None,
) -> np.ndarray:
    r"""lambda in jaxgap's order and sense from a matrix as a paper prints it, so that nobody transposes by hand.

    jaxgap's sense is Delta_c = sum_c' lambda[c, c'] P_c' / N_c': the row is the amplitude that is made, the column the
    channel whose pairs make it.

    Args:
        matrix: the printed matrix, square.
        order: the paper's order of channels, for example `("sigma1", "sigma2", "sigma1:sigma2", "pi")`.
        channels: jaxgap's order (`superconductor(...).channels`: bands first, then cross channels).
        transposed: True if the paper's first index is the channel whose pairs make the amplitude.
        density_of_states: if the paper prints g_cc' = lambda_cc' / N_c' (an interaction divided by densities of states,
            such as V_ij or Kogan's nu_ij), the N_c' in the paper's order; the columns are multiplied by them.

    Raises:
        InputError: if the matrix is not square, or the orders do not name the same channels.

    Example:
        >>> printed = [[0.4, 0.1], [0.2, 0.3]]
        >>> jg.couplings_from_literature(printed, order=("pi", "sigma"), channels=("sigma", "pi")).tolist()
        [[0.3, 0.2], [0.1, 0.4]]
    """
    lam = np.asarray(matrix, dtype=float)
    n = len(order)
    check(lam.shape == (n, n), "matrix", f"be square with one row per channel of `order` ({n})", f"shape {lam.shape}")
    check_finite("matrix", lam)
    names = [canonical_channel(name, channels) for name in order]
    check(sorted(names) == sorted(channels), "order", f"name each of the channels {list(channels)} once", list(order))
    if transposed:
        lam = lam.T
    if density_of_states is not None:
        N = np.asarray(density_of_states, dtype=float)
        check(N.shape == (n,), "density_of_states", f"have one entry per channel ({n})", f"shape {N.shape}")
        lam = lam * N[None, :]
    index = [names.index(name) for name in channels]
    return lam[np.ix_(index, index)]


def canonical_channel(name: str, channels: Sequence[str]) -> str:
    """The channel called `name`; `beta:alpha` and `alpha:beta` are one channel."""
    if name in channels:
        return name
    reverse = ":".join(reversed(name.split(":")))
    if reverse in channels:
        return reverse
    raise InputError(f"Unknown channel `{name}`: the channels are {', '.join(f'`{c}`' for c in channels)}.")
