r"""The search for all solutions of the gap equations of one system at one temperature.

Newton runs from a deterministic batch of starts: every combination of relative signs, each channel dominant in turn, large
and small, and complex starts with phases spread evenly. It may step over hills of |r|, or it would not leave most valleys. The
states found are starts themselves: half way between every two of them, and displaced along unstable phases. Some starts first
iterate Delta <- lambda P / N a few times, which leads to stable solutions from far away and, along a soft direction, to the
bottom of a valley in which Newton would crawl. What is found is made distinct up to the free phases and complex conjugation.
"""

from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Complex, Float, Inexact, Int

from jaxgap.equations.gauge import search_root
from jaxgap.equations.groups import coupled_channels
from jaxgap.equations.pairing import gap_residual, pack, unpack
from jaxgap.model.couplings import pair_weights
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.characteristic import MARGINAL
from jaxgap.numerics.checks import check, check_finite
from jaxgap.numerics.chunks import in_chunks
from jaxgap.numerics.newton import Stride
from jaxgap.numerics.programs import program
from jaxgap.solving.labels import REAL
from jaxgap.solving.stability import phase_block
from jaxgap.spectra.quadrature import Rule

__all__ = [
    "candidates",
    "real_starts",
    "complex_starts",
    "iterated",
    "half_way",
    "displaced",
    "coupled_groups",
    "as_real",
    "distinct",
    "distances",
]

SEARCH_RULE = Rule(10, 8)
"""Nodes of the search: its roots need only be near enough to be told apart and polished."""
SEARCH_STEPS = 20
SEARCH_STRIDE = Stride(longest=0.3, rise=1e4)
"""Over random systems one complex start in nine ends nowhere, as it does with steps that must lower |r|; near the change of
Fig. 2, where M is soft, those lose two in three, and the complex saddle with them."""
ITERATIONS = 8
"""Plain iterations before Newton, in some of the starts."""
SAME = 1e-6
"""Two solutions are one if their amplitudes differ by less than 1e-6 of their size: the search finds them to about 1e-8."""
DISPLACEMENTS = (0.03, 0.3)
"""Shares of |Delta| by which real states of unstable phases are displaced to look for complex ones."""
STARTS, STATES = 16, 4
"""Sizes of the batches in which starts and states are treated: one program serves every number of them."""


# --- search -----------------------------------------------------------------------------------------------------------


class Found(NamedTuple):
    """Amplitudes [meV], each once."""

    real: Float[np.ndarray, "state channel"]
    broken: Complex[np.ndarray, "state channel"]
    """Those that no choice of the free phases makes real."""


def candidates(sc: Superconductor, T: Any, groups: list[np.ndarray], given: Any) -> Found:
    """Amplitudes to which the search leads, the normal state left out.

    `given` are the user's starts, or None.
    The real states that real starts find are starts themselves: half way between every two of them (between two minima lies a
    saddle), and, where their phases are unstable, displaced along these: a state that breaks time reversal may be close to
    one of them, and far from everything else.
    """
    starts, far, broken_starts = _starts(sc)
    given = _given(given, len(sc.channels))
    found = _ends(sc, T, groups, [starts, *(part for part in given if np.isrealobj(part))], far)
    found = Found(_recombined(found.real, groups), found.broken)
    found = _merged(found, _ends(sc, T, groups, [half_way(found.real)]), groups)
    displaced = _displaced(sc, T, found.real)
    direct = [broken_starts, displaced, *(part for part in given if np.iscomplexobj(part))]
    more = _ends(sc, T, groups, direct, displaced)
    return _merged(found, more, groups)


def _recombined(states: np.ndarray, groups: list[np.ndarray]) -> np.ndarray:
    """The states that those of groups of channels which nothing couples make together, the normal state of a group among
    them: at T = 0 no start with an amplitude in a group leads there."""
    n = states.shape[1]
    total = np.zeros((1, n))
    for group in groups if len(groups) > 1 else []:
        alone = np.zeros((len(states) + 1, n))
        alone[1:, group] = states[:, group]
        alone = alone[[0, *(1 + distinct(alone[1:], groups))]]
        total = (total[:, None] + alone[None]).reshape(-1, n)
    rows = np.concatenate([states, total[np.any(total, axis=1)]])
    return rows[distinct(rows, groups)]


def _merged(one: Found, other: Found, groups: list[np.ndarray]) -> Found:
    """What is in either, each once: of a real solution and its complex copy the real one."""
    parts = (one.real, other.real, one.broken, other.broken)
    rows, n_real = np.concatenate(parts), len(one.real) + len(other.real)
    kept = distinct(rows, groups)
    return Found(rows[kept[kept < n_real]].real, rows[kept[kept >= n_real]])


def _ends(sc: Superconductor, T: Any, groups: list[np.ndarray], batches: list[np.ndarray], far: Any = ()) -> Found:
    """Where batches of starts lead, and others (`far`) after plain iterations, the normal state left out."""
    direct = np.concatenate(batches)
    starts = np.concatenate([direct, far]) if len(far) else direct
    if not len(starts):
        return Found(starts.real, starts.astype(complex))
    iterations = np.where(np.arange(len(starts)) < len(direct), 0, ITERATIONS)
    Delta, converged = in_chunks(partial(_search, sc, T), STARTS, starts, iterations)
    large = np.linalg.norm(Delta, axis=1) > SAME * np.max(np.abs(starts))
    rows, real = as_real(Delta[converged & large].astype(complex), groups)
    order = np.argsort(~real, kind="stable")
    kept = order[distinct(rows[order], groups)]
    return Found(rows[kept[real[kept]]].real, rows[kept[~real[kept]]])


@program
def _search(
    sc: Superconductor, T: Float[Array, ""], starts: Inexact[Array, "start channel"], iterations: Int[Array, "start"]
) -> tuple[Any, Any]:
    """(amplitudes, converged) of Newton from every start, after so many plain iterations."""

    def one(Delta: Any, iterations: Any) -> Any:
        Delta = iterated(sc, T, Delta, iterations)
        root = search_root(sc, T, pack(Delta), SEARCH_RULE, SEARCH_STEPS, SEARCH_STRIDE)
        return unpack(root.x, len(sc.channels)), root.converged

    return jax.vmap(one)(starts, iterations)


# --- starts -----------------------------------------------------------------------------------------------------------


@lru_cache
def _shapes(n: int) -> tuple[np.ndarray, np.ndarray]:
    """(real, complex) relative amplitudes, norm 1 in the largest: signs or phases times which channel dominates."""
    # At most 16 sign patterns: all of them for up to five channels, else evenly spread ones.
    patterns = np.unique(np.linspace(0, 2 ** (n - 1) - 1, min(2 ** (n - 1), 16)).astype(int))
    signs = 1.0 - 2.0 * ((patterns[:, None] >> np.arange(n)) & 1)
    weights = np.concatenate([np.ones((1, n)), np.where(np.eye(n) > 0, 1.0, 0.25)])
    real = (signs[:, None] * weights[None]).reshape(-1, n)
    # Phases from an additive recurrence with irrational steps: even in every number of dimensions, without a seed.
    steps = np.modf(1 / _harmonious(n) ** np.arange(1, n + 1))[0]
    phases = 2 * np.pi * np.modf(np.arange(1, 4 * (n + 1) + 1)[:, None] * steps)[0]
    return real, np.exp(1j * phases) * np.resize(weights, (len(phases), n))


def _harmonious(n: int) -> float:
    """The root of x^(n+1) = x + 1, whose powers are badly approximable together."""
    x = 2.0
    for _ in range(60):
        x = (1 + x) ** (1 / (n + 1))
    return x


def real_starts(sc: Superconductor) -> tuple[np.ndarray, np.ndarray]:
    """Real amplitudes to start from [meV], [start, channel]: (as they are, after plain iterations)."""
    return _starts(sc)[:2]


def complex_starts(sc: Superconductor) -> np.ndarray:
    """Complex amplitudes to start from [meV], [start, channel], with phases spread evenly."""
    return _starts(sc)[2]


def _starts(sc: Superconductor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(real, real before plain iterations, complex) amplitudes to start from [meV]: the shapes at the size that the largest
    eigenvalue of lambda suggests, at a smaller one, and at every channel's own. Of a batch: [..., start, channel]."""
    weight = pair_weights(len(sc.bands), len(sc.cross), sc.convention)
    lam, Omega = np.asarray(sc.lam) * weight, np.asarray(sc.Omega)[..., None, None]
    largest = np.max(np.abs(np.linalg.eigvals(lam)), axis=-1)[..., None, None]
    size = Omega / np.sinh(1 / np.clip(largest, 0.08, 3.0))
    own = Omega / np.sinh(1 / np.clip(np.abs(np.diagonal(lam, axis1=-2, axis2=-1))[..., None, :], 0.15, 3.0))
    real, broken = _shapes(lam.shape[-1])
    return (
        np.concatenate([0.3 * size * real, own * real], axis=-2),
        size * real,
        np.concatenate([size * broken, own * broken], axis=-2),
    )


def iterated(
    sc: Superconductor, T: Any, Delta: Inexact[Array, "channel"], iterations: Int[Array, ""] | int = ITERATIONS
) -> Inexact[Array, "channel"]:
    """`Delta` [meV] after a few plain iterations Delta <- lambda P / N, which lead towards the stable solutions."""
    return jax.lax.fori_loop(0, iterations, lambda _, D: D - gap_residual(sc, D, T, SEARCH_RULE), Delta)


def _given(starts: Any, n: int) -> list[np.ndarray]:
    """The user's starts: real ones and complex ones apart."""
    if starts is None:
        return []
    check_finite("starts", starts, real=False)
    starts = np.atleast_2d(np.asarray(starts))
    check(
        starts.ndim == 2 and starts.shape[1] == n,
        "starts",
        f"have one row of {n} amplitudes per start",
        f"shape {starts.shape}",
    )
    is_real = ~np.any(np.imag(starts), axis=1)
    return [part for part in (starts[is_real].real.astype(float), starts[~is_real]) if len(part)]


# --- starts from states -----------------------------------------------------------------------------------------------


def half_way(states: np.ndarray, shares: tuple[float, ...] = (0.5,)) -> np.ndarray:
    """Half way between every two real states (or at other shares of the way), in either relative sign, [..., start, channel]:
    between two minima lies a saddle."""
    one, other = (states[..., k, :] for k in np.triu_indices(states.shape[-2], k=1))
    return np.concatenate([(1 - share) * one + sign * share * other for share in shares for sign in (1, -1)], axis=-2)


@program
def _phase_blocks(sc: Superconductor, T: Float[Array, ""], Delta: Float[Array, "state channel"]) -> Float[Array, "state n n"]:
    return jax.vmap(lambda D: phase_block(sc, D, T, SEARCH_RULE))(Delta)


def _displaced(sc: Superconductor, T: Any, states: np.ndarray) -> np.ndarray:
    """Complex starts: real states moved along their unstable phases."""
    blocks = in_chunks(partial(_phase_blocks, sc, T), STATES, states) if len(states) else []
    starts = [np.zeros((0, len(sc.channels)), complex), *map(displaced, states, blocks)]
    return np.concatenate(starts)


def displaced(Delta: np.ndarray, block: np.ndarray) -> np.ndarray:
    """Real amplitudes moved along the unstable phases of their phase block, by a little and by more, [start, channel]."""
    values, vectors = np.linalg.eig(block)
    w = vectors.real.T[values.real < -MARGINAL]
    w *= np.linalg.norm(Delta) / np.linalg.norm(w, axis=1, keepdims=True)
    return np.concatenate([Delta + 1j * share * w for share in DISPLACEMENTS])


# --- the same solution ------------------------------------------------------------------------------------------------


@program
def _coupled(sc: Superconductor) -> Float[Array, "channel channel"]:
    return coupled_channels(sc)


def coupled_groups(sc: Superconductor) -> list[np.ndarray]:
    """Groups of coupled channels: each has a free phase of its own."""
    together = np.asarray(_coupled(sc)) > 0
    return [np.flatnonzero(row) for row in np.unique(together, axis=0)]


def as_real(Delta: np.ndarray, groups: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(rows, which are real): the free phases of every row chosen so that it is as real as it can be, with the largest
    amplitude of every group positive. Real is what `solving.labels.breaks_time_reversal` says is not broken."""
    turned = np.array(Delta, dtype=complex)
    total = np.sum(np.abs(turned) ** 2, axis=1)
    left = np.zeros(len(turned))
    for group in groups:
        part = turned[:, group]
        left += np.sum(np.abs(part) ** 2, axis=1) - np.abs(np.sum(part**2, axis=1))
        part = part * np.exp(-0.5j * np.angle(np.sum(part**2, axis=1)))[:, None]
        lead = np.take_along_axis(part, np.argmax(np.abs(part), axis=1)[:, None], axis=1)
        turned[:, group] = np.where(lead.real < 0, -part, part)
    real = left <= REAL * total
    return np.where(real[:, None], turned.real, turned), real


def distances(a: np.ndarray, b: np.ndarray, groups: list[np.ndarray]) -> np.ndarray:
    """|a - b| of every row of a and every row of b, [..., row of a, row of b], up to the free phases and complex conjugation;
    right to about 1e-8 of their size.

    Over the phases, |a - b e^(i phi)|^2 is |a|^2 + |b|^2 - 2 |a . b*| at best."""
    squared: Any = 0.0
    for group in groups:
        x, y = a[..., group], np.swapaxes(b[..., group], -1, -2)
        size = np.sum(np.abs(x) ** 2, axis=-1)[..., None] + np.sum(np.abs(y) ** 2, axis=-2)[..., None, :]
        squared = squared + size - 2 * np.maximum(np.abs(x @ y), np.abs(x @ np.conj(y)))
    return np.sqrt(np.maximum(squared, 0.0))


def distinct(rows: np.ndarray, groups: list[np.ndarray]) -> np.ndarray:
    """Indices of the rows without repetitions, each time the first."""
    same = distances(rows, rows, groups) <= SAME * np.linalg.norm(rows, axis=1)[:, None]
    kept: list[int] = []
    for i in range(len(rows)):
        if not same[kept, i].any():
            kept.append(i)
    return np.array(kept, dtype=int)
