r"""Couplings from mixed bands: one attraction between mixed pairs is a coupling matrix with a cross channel.

.. math:: g_{cc'} = g_0 \, v_c v_{c'}, \qquad v = (C_1^2, \; C_2^2, \; C_1 C_2)

If the electrons that attract each other are in the mixed state C_1 phi_1 + C_2 phi_2, their pair holds C_1^2 pairs of band 1,
C_2^2 of band 2, and C_1 C_2 of those with one electron in each band, in both orders (which is what P_3 counts). W18
(arXiv:1810.04305, Eqs. 3-4) keeps the first two; the third is the cross channel of Vargas-Paredes et al., Phys. Rev. B 101,
094516 (2020). W18 gives no prefactor: one attraction g_0 for all mixed pairs, independent of k, is jaxgap's reading.

The matrix has rank one, so Delta is proportional to v and Delta_3^2 = Delta_1 Delta_2: for equal bands (d = 0) exactly gapless,
because the combination of bands orthogonal to the mixed one is left alone. A band-diagonal part, what two unmixed electrons of
one band feel, lifts it.

g in this unit is lambda of a channel whose density of states is 1: lambda_cc' = g_cc' N_c'. With a rank-one g there is no g^-1:
`equations.pairing.free_energy_functional` (Delta^+ g^-1 Delta + phi) is then meaningless. Everything else copes, since it works
with lambda or with Delta = g X: `solve`, `solutions`, `critical_temperature`, `observables.free_energy` (at a solution), and
`equations.pairing.free_energy_functional_of_pairs` (anywhere).
"""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from matplotlib.axes import Axes

from jaxgap.drawing import COLOURS, axes_or_new
from jaxgap.model.band import Band
from jaxgap.model.constructor import superconductor
from jaxgap.model.couplings import canonical_channel
from jaxgap.model.superconductor import Superconductor, check_static
from jaxgap.numerics.checks import check, check_finite
from jaxgap.numerics.programs import program
from jaxgap.numerics.types import Real, Reals
from jaxgap.observables import branch_minima, branch_names
from jaxgap.solving.critical import instability
from jaxgap.solving.one import solve
from jaxgap.states.search import iterated
from jaxgap.units import k_B

__all__ = ["mixing_vector", "with_mixing", "superconductor_from_mixing", "plot_mixing"]

BCS_RATIO = 1.764
"""Delta(0) / k_B T_c of weak coupling, for starts."""


def mixing_vector(C: Reals) -> Float[Array, "3"]:
    """v = (C_1^2, C_2^2, C_1 C_2): what a pair of mixed electrons holds of the channels 1, 2 and 1:2."""
    check_finite("C", C)
    C = jnp.asarray(C, jnp.float64)
    check(C.shape == (2,), "C", "be two coefficients (C_1, C_2)", f"shape {C.shape}")
    return jnp.stack([C[0] ** 2, C[1] ** 2, C[0] * C[1]])


def with_mixing(sc: Superconductor, C: Reals, g_0: Reals, cross: str | None = None) -> Superconductor:
    """`sc` with g_0 v v^T added to the couplings of two cross-paired bands and of their cross channel.

    What `sc` had stays: its band-diagonal couplings, other bands, everything that mixing is not about.

    Args:
        sc: the system without mixing; it must have the cross channel, whose couplings may be zero.
        C: coefficients (C_1, C_2) of the two bands. They are taken as they are: g_0 (C_1^2 + C_2^2)^2 is the strength.
        g_0: attraction between mixed pairs (positive: attraction), in the unit of 1/N.
        cross: the cross channel, such as `a:b`; may be left out if there is only one.

    Example:
        >>> sc = jg.materials.two_band()
        >>> mixed = jg.origins.with_mixing(sc, C=[0.8, 0.6], g_0=0.1)
        >>> np.asarray(mixed.lam - sc.lam).round(3).tolist()
        [[0.041, 0.023, 0.031], [0.023, 0.013, 0.017], [0.031, 0.017, 0.023]]
    """
    check(isinstance(sc, Superconductor), "sc", "be a Superconductor", type(sc).__name__)
    check_static(sc)
    check_finite("g_0", g_0)
    g_0 = jnp.asarray(g_0, jnp.float64)
    check(g_0.shape == (), "g_0", "be one number", f"shape {g_0.shape}")
    names = sc.channels[len(sc.bands) :]
    check(len(names) > 0, "sc", "have a cross channel", "none")
    check(cross is not None or len(names) == 1, "cross", f"name one of {', '.join(names)}", repr(cross))
    pair = names.index(canonical_channel(cross, names)) if cross is not None else 0
    channels = jnp.array([*sc.cross[pair], len(sc.bands) + pair])
    v = jnp.zeros(len(sc.channels)).at[channels].set(mixing_vector(C))
    return eqx.tree_at(lambda s: s.lam, sc, sc.lam + g_0 * v[:, None] * v[None, :] * sc.N[None, :])


def superconductor_from_mixing(
    *, C: Reals, g_0: Reals, bands: Sequence[Band], Omega: Real, intraband: Reals = (0.0, 0.0), **options: Any
) -> Superconductor:
    """Two bands whose couplings come from mixing, g = g_0 v v^T, and a band-diagonal part.

    Args:
        C, g_0: as in `with_mixing`.
        bands: two bands.
        Omega: half width of the pairing shell [meV].
        intraband: (g_11, g_22), attraction within each unmixed band, in the unit of 1/N.
        options: `dimension` and `convention`, as in `superconductor`. The gap equations do not depend on the convention: lambda
            does, g and P do not.

    Example:
        >>> bands = {"bands": [jg.parabolic_band("a", mu=200.0), jg.parabolic_band("b", mu=210.0)], "Omega": 30.0}
        >>> sc = jg.origins.superconductor_from_mixing(C=[0.8, 0.6], g_0=0.4, **bands)
        >>> int(np.linalg.matrix_rank(sc.g, tol=1e-10))
        1
    """
    check(len(bands) == 2, "bands", "be two bands", f"{len(bands)}")
    check_finite("intraband", intraband)
    intraband = jnp.asarray(intraband, jnp.float64)
    check(intraband.shape == (2,), "intraband", "be two numbers (g_11, g_22)", f"shape {intraband.shape}")
    pair = [tuple(band.name for band in bands)]
    alone = superconductor(bands=bands, lam=np.zeros((3, 3)), Omega=Omega, cross=pair, **options)
    g = jnp.diag(jnp.append(intraband, 0.0))
    return with_mixing(eqx.tree_at(lambda s: s.lam, alone, g * alone.N[None, :]), C, g_0)


@program
def _start(sc: Superconductor, T: Float[Array, ""], Delta: Float[Array, "channel"]) -> Float[Array, "channel"]:
    return iterated(sc, T, Delta)


def plot_mixing(
    system: Callable[[Float[Array, "2"]], Superconductor], T: float, angles: Reals | None = None, ax: Axes | None = None
) -> tuple[Axes, Axes]:
    """Gaps at T [K] (left axis) and T_c,lin (right axis) against the mixing C_2^2; returns both axes.

    Args:
        system: makes the superconductor from (C_1, C_2).
        T: temperature of the gaps: branch minima of the state that iterations lead to from the direction in which the normal
            state gives way. Where Newton does not find it there is no point.
        angles: mixing angles, C = (cos, sin); from 0 to pi/4 if left out.

    Example:
        >>> bands = {"bands": [jg.parabolic_band("a", mu=200.0), jg.parabolic_band("b", mu=210.0)], "Omega": 30.0}
        >>> def system(C):
        ...     return jg.origins.superconductor_from_mixing(C=C, g_0=0.3, intraband=[0.1, 0.1], **bands)
        >>> gaps, T_c = jg.origins.plot_mixing(system, 4.2, angles=[0.2, 0.6])
        >>> gaps.get_xlabel()
        'mixing $C_2^2$'
    """
    ax = axes_or_new(ax)
    angles = np.linspace(0.0, np.pi / 4, 16) if angles is None else np.asarray(angles, float)
    gaps, T_c = [], []
    for angle in angles:
        sc = system(jnp.array([np.cos(angle), np.sin(angle)]))
        onset = instability(sc)
        T_c.append(float(onset.T_c))
        start = _start(sc, jnp.asarray(T, jnp.float64), BCS_RATIO * k_B * onset.T_c * onset.direction)
        solution = solve(sc, T, start=start, throw=False)
        found = bool(solution.converged)
        gaps.append(np.asarray(branch_minima(solution)) if found else np.full(len(branch_names(sc)), np.nan))
    C_2_squared = np.sin(angles) ** 2
    for name, gap, colour in zip(branch_names(sc), np.array(gaps).T, COLOURS, strict=False):
        ax.plot(C_2_squared, gap, "o-", ms=3, color=colour, label=name)
    right = ax.twinx()
    right.plot(C_2_squared, T_c, color="black", ls=(0, (4, 2)))
    ax.plot([], [], color="black", ls=(0, (4, 2)), label="$T_c$ (right)")
    ax.set(xlabel="mixing $C_2^2$", ylabel=f"excitation gap at {T:g} K (meV)", ylim=(0, None))
    right.set(ylabel="critical temperature $T_c$ (K)", ylim=(0, None))
    ax.legend(frameon=False, fontsize=9)
    return ax, right
