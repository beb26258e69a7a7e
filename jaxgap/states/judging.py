"""What states are worth: solved with all nodes, their free energy, stability and gap; many at once."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Inexact, Int

from jaxgap.equations.free_energy import free_energy_of
from jaxgap.equations.gap_equations import residual_and_matrix
from jaxgap.equations.gauge import search_root
from jaxgap.equations.groups import as_real
from jaxgap.equations.pairing import pack, unpack
from jaxgap.model.family import Family
from jaxgap.numerics.chunks import all_in_chunks
from jaxgap.numerics.programs import program
from jaxgap.solving.stability import negative_of_each, phase_block
from jaxgap.spectra.minima import excesses, excitation_gap_of, gapless_excess_of
from jaxgap.spectra.quadrature import DEFAULT_RULE
from jaxgap.states.ranking import ranked
from jaxgap.states.search import SEARCH_STEPS, Places

__all__ = ["States", "in_order", "joined", "judged", "values_of"]


class States(NamedTuple):
    """States of points, NaN and -1 where a point has fewer."""

    Delta: Inexact[np.ndarray, "*point state channel"]
    """Amplitudes [meV]; imaginary parts are exactly zero unless the state breaks time reversal."""
    free_energy: Float[np.ndarray, "*point state"]
    """Relative to the normal state; NaN if g is not symmetric."""
    unstable_amplitude: Int[np.ndarray, "*point state"]
    """Unstable directions in the amplitudes; for complex amplitudes of all of M."""
    unstable_phase: Int[np.ndarray, "*point state"]
    """In the phases, for equal relaxation rates; 0 for complex amplitudes."""
    gap: Float[np.ndarray, "*point state"]
    """Smallest excitation energy [meV]."""
    excess: Float[np.ndarray, "*point state linked"]
    """`gapless_excess_of` of real amplitudes [meV^2]."""

    @property
    def stable(self) -> Bool[np.ndarray, "*point state"]:
        """Whether no direction is unstable."""
        return (self.unstable_amplitude == 0) & (self.unstable_phase == 0)

    @property
    def softened(self) -> Bool[np.ndarray, "*point state"]:
        """Whether the phases are unstable and the amplitudes are not: there a state that breaks time reversal may be near."""
        return (self.unstable_amplitude == 0) & (self.unstable_phase > 0)


class _Values(NamedTuple):
    """Of states, as a program gives them."""

    Delta: Inexact[Array | np.ndarray, "state channel"]
    good: Bool[Array | np.ndarray, "state"]
    symmetric: Bool[Array | np.ndarray, "state"]
    """Whether g is symmetric, so that there is a free energy."""
    free_energy: Float[Array | np.ndarray, "state"]
    gap: Float[Array | np.ndarray, "state"]
    excess: Float[Array | np.ndarray, "state linked"]
    blocks: tuple[Float[Array | np.ndarray, "state x x"], ...]
    """Amplitude and phase block of M, or all of M."""


@program
def _values(
    family: Family, rows: Float[Array, "state coordinate"], Delta: Inexact[Array, "state channel"], solve: bool
) -> _Values:
    """The values of the states near `Delta`, or at `Delta` itself."""

    def one(row: Float[Array, "coordinate"], D: Inexact[Array, "channel"]) -> _Values:
        sc, T = family.at(*row)
        if solve:
            root = search_root(sc, T, pack(D), DEFAULT_RULE, SEARCH_STEPS)
            D, good, M = unpack(root.x, len(sc.channels)), root.converged, root.jacobian
        else:
            good, M = jnp.ones((), bool), residual_and_matrix(sc, D, T)[1]
        broken = jnp.iscomplexobj(D)
        excess = jnp.full(excesses(sc), jnp.nan) if broken else gapless_excess_of(sc, D)
        blocks = (M,) if broken else (M, phase_block(sc, D, T))
        values = jnp.asarray(sc.has_free_energy), free_energy_of(sc, D, T), excitation_gap_of(sc, D)
        return _Values(D, good, *values, excess, blocks)

    return jax.vmap(one)(rows, Delta)


def values_of(
    family: Family, size: int, *kinds: tuple[np.ndarray, np.ndarray], solve: bool
) -> list[tuple[_Values, Int[np.ndarray, "state"], Int[np.ndarray, "state"]]]:
    """(values, unstable directions in amplitudes, in phases) of every kind (rows, real or complex amplitudes), in blocks of
    `size`."""
    jobs = ((lambda rows, Delta: _values(family, rows, Delta, solve), *kind) for kind in kinds)
    found = []
    for values in all_in_chunks(size, *jobs):
        counts = [*(negative_of_each(block) for block in values.blocks), np.zeros(len(values.gap), int)]
        found.append((values, counts[0], counts[1]))
    return found


def judged(at: Places, Delta: Inexact[np.ndarray, "point state channel"], linked: int, block: int) -> States:
    """The states near `Delta`: real ones, or of those that break time reversal the stable ones; with as many `excesses`."""
    present = np.isfinite(Delta).all(axis=2)
    shape, nothing = present.shape, np.full(present.shape, np.nan)
    none = np.full(shape, -1)
    out = States(np.full_like(Delta, np.nan), nothing, none, none.copy(), nothing.copy(), np.full((*shape, linked), np.nan))
    if not present.any():
        return out
    point, _ = np.nonzero(present)
    ((values, amplitude, phase),) = values_of(at.family, block, (at.rows[point], Delta[present]), solve=True)
    solved, good = np.asarray(values.Delta), np.asarray(values.good)
    if np.iscomplexobj(Delta):
        solved, real = as_real(solved, at.groups)
        good = good & (amplitude == 0) & ~real
    kept = np.zeros(shape, bool)
    kept[present] = good
    for field, found in zip(out, (solved, values.free_energy, amplitude, phase, values.gap, values.excess), strict=True):
        field[kept] = found[good]
    return out


def joined(*parts: States) -> States:
    """All states of every point."""
    return States(*(np.concatenate(fields, axis=parts[0].gap.ndim - 1) for fields in zip(*parts, strict=True)))


def in_order(states: States) -> States:
    """The states of every point, ranked (`jaxgap.states.ranking`); amplitudes become complex."""
    size = np.linalg.norm(states.Delta, axis=-1)
    order = ranked(states.free_energy, states.unstable_amplitude + states.unstable_phase, size)
    axis, wide = order.ndim - 1, order[..., None]
    fields = (np.take_along_axis(field, order if field.ndim == order.ndim else wide, axis=axis) for field in states)
    found = States(*fields)
    return found._replace(Delta=found.Delta.astype(complex))
