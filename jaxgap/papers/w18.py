"""Figs. 1 and 3 of W18 (Whangbo, Deng, Koehler, Simon, ChemPhysChem 19, 3191 (2018), arXiv:1810.04305), which are sketches,
drawn from computed numbers. What is computed is jaxgap's reading of them (`jaxgap.origins.response`, `jaxgap.origins.nesting`).
"""

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from scipy.optimize import brentq
from scipy.special import digamma

from jaxgap.drawing import COLOURS
from jaxgap.origins.competition import Instabilities, instabilities
from jaxgap.origins.dispersions import Lattice, square_lattice, tight_binding
from jaxgap.origins.geometries import (
    K_F,
    Pair,
    close,
    crossing,
    effectiveness_over,
    in_three_dimensions,
    mgb2_like,
    nested,
    pnictide_like,
    ranking_range,
)
from jaxgap.origins.nesting import Effectiveness, best_shift, difference_distribution, effectiveness, local_share
from jaxgap.origins.response import cooper, lindhard
from jaxgap.origins.surfaces import fermi_surface
from jaxgap.papers.figure import Figure, Row, Statement, within
from jaxgap.units import k_B

__all__ = ["figure_w18_1", "figure_w18_3"]

HOP, A = 1000.0, 4.0
"""Hopping [meV] and lattice constant [angstrom] of the chain of Fig. 1: only ratios matter."""
FILLED = 0.4
"""k_F of the chain in pi/a: not half filled, so that 2 k_F is not half a reciprocal lattice vector."""
WARMTH = (0.2, 0.05, 0.0125, 0.004)
"""k_B T in units of the hopping."""
BENT = 0.15
"""t' of the square lattice in units of the hopping."""
ATTRACTION = 1.5
"""g of the half-filled chain in units of the hopping."""

Cases = dict[str, Effectiveness]
"""Pair of surfaces -> how effective it is at every q_c."""


def _chain(mu: float) -> Lattice:
    return tight_binding([HOP], [[A]], mu, cell=[[A]])


# --- Fig. 1 -----------------------------------------------------------------------------------------------------------


def figure_w18_1() -> Figure:
    """Fig. 1: excitations of one electron (b) and of pairs (c) of a 1D band, their responses, and which instability wins."""
    figure, axes = plt.subplot_mosaic("aabbcc;dddeee", figsize=(10.4, 6.8), layout="constrained")
    band = _chain(-2 * HOP * np.cos(np.pi * FILLED))
    _draw_excitations(axes["a"])
    rows = _draw_responses(axes["b"], axes["c"], band)
    growth, slopes = _draw_growth(axes["d"], band)
    competition, statements = _draw_competition(axes["e"])
    peaks = [(float(chi), float(q)) for kind, warmth, q, chi in rows if kind == "chi" and warmth == WARMTH[-1]]
    _, at = max(peaks)
    statements = (
        Statement(
            "one-electron excitations with k_u - k_o = Q = 2 k_F make a charge density wave of a 1D band",
            f"chi(q) is largest at q = {at:.2f} of 2 k_F at k_B T = {WARMTH[-1]:g} t, and grows by {slopes[0]:.3f} N ln(1/T)",
            within(at, 0.99, 1.01),
        ),
        Statement(
            "pair excitations need no nesting",
            f"C(q) is largest at q = 0 and grows by {slopes[1]:.3f} N ln(1/T), {slopes[1] / slopes[0]:.2f} times as fast",
            within(slopes[1], 0.95, 1.05),
        ),
        *statements,
    )
    return Figure(figure, ("quantity", "k_B_T_over_t", "x", "value"), [*rows, *growth, *competition], statements)


def _draw_excitations(ax: Axes) -> None:
    k = np.linspace(-1, 1, 401)
    ax.plot(k, 2 * (np.cos(np.pi * FILLED) - np.cos(np.pi * k)), color="0.3")
    ax.axhline(0, color="0.6", lw=0.8, ls=(0, (4, 2)))
    arrow: dict[str, object] = {"arrowstyle": "-|>", "lw": 1.8, "shrinkA": 4, "shrinkB": 4}
    one = {**arrow, "color": COLOURS[0], "connectionstyle": "arc3,rad=-0.3"}
    ax.annotate("", (FILLED, 0.0), (-FILLED, 0.0), arrowprops=one)
    ax.text(0, 0.85, "one electron,\n$k_u - k_o = Q = 2k_F$", color=COLOURS[0], ha="center", fontsize=9)
    both = {**arrow, "color": COLOURS[1]}
    low, high = 0.3, 0.55
    for sign in (-1, 1):
        ends = [(sign * x, 2 * (np.cos(np.pi * FILLED) - np.cos(np.pi * x))) for x in (low, high)]
        ax.annotate("", ends[1], ends[0], arrowprops={**both, "connectionstyle": f"arc3,rad={0.35 * sign}"})
        ax.plot(*ends[0], "o", color=COLOURS[1], ms=6)
        ax.plot(*ends[1], "o", color=COLOURS[1], mfc="white", ms=6)
    ax.text(0, 1.9, "pairs,\n$(k,-k) \\to (k',-k')$", color=COLOURS[1], ha="center", fontsize=9)
    ax.text(-0.97, 0.06, "$E_F$", color="0.4", fontsize=9)
    ax.set(xlabel=r"wave vector $k$ ($\pi/a$)", ylabel=r"band energy $\zeta$ ($t$)", xlim=(-1, 1), title="(a) a 1D band")


def _draw_responses(left: Axes, right: Axes, band: Lattice) -> list[Row]:
    """chi(q) and C(q) in units of N, at falling temperatures; rows of (quantity, k_B T, q / 2 k_F, value)."""
    N = 1 / (2 * np.pi * HOP * np.sin(np.pi * FILLED))
    two_k_F = 2 * np.pi * FILLED / A
    x = np.unique(np.concatenate([np.linspace(0.0, 1.25, 126), 1 + np.linspace(-0.03, 0.03, 25)]))
    rows: list[Row] = []
    for ax, name, run in ((left, "chi", lindhard), (right, "C", lambda band, q, T: cooper(band, T, q))):
        for warmth, colour in zip(WARMTH, COLOURS, strict=False):
            T = warmth * HOP / k_B
            # One program for all q, of a concrete T, so that it is checked.
            y = np.array([float(run(band, two_k_F * value, T)) for value in x]) / N
            ax.plot(x, y, color=colour, label=f"$k_BT$ = {warmth:g} $t$")
            rows += [(name, warmth, float(a), float(b)) for a, b in zip(x, y, strict=True)]
        ax.set(xlim=(0, 1.25), ylim=(0, None))
    left.set(xlabel=r"$q\,/\,2k_F$", ylabel=r"$\chi(q)\,/\,N$", title=r"(b) one electron: peak at $2k_F$")
    right.set(xlabel=r"pair momentum $q\,/\,2k_F$", ylabel=r"$C(q)\,/\,N$", title=r"(c) pairs: peak at $q = 0$")
    right.legend(frameon=False, fontsize=8)
    return rows


def _draw_growth(ax: Axes, band: Lattice) -> tuple[list[Row], tuple[float, float]]:
    """Both peaks against temperature, and their slopes in ln(1/T) at the cold end."""
    N = 1 / (2 * np.pi * HOP * np.sin(np.pi * FILLED))
    Q = np.array([2 * np.pi * FILLED / A])
    flat = square_lattice(HOP, mu=-3.0 * HOP)
    N_2D = float(fermi_surface(flat, [(-np.pi, np.pi)] * 2).density_of_states)
    warmth = np.geomspace(0.004, 0.3, 25)
    curves = {
        r"$C(0)$, chain": [float(cooper(band, w * HOP / k_B)) / N for w in warmth],
        r"$\chi(2k_F)$, chain": [float(lindhard(band, Q, w * HOP / k_B)) / N for w in warmth],
    }
    warm = warmth[warmth >= 0.05]
    Q_2D = [2 * float(np.arccos(0.5)), 0.0]  # across the surface: -2 cos k_x - 2 + 3 = 0
    curves[r"$C(0)$, square lattice"] = [float(cooper(flat, w * HOP / k_B)) / N_2D for w in warm]
    curves[r"$\chi(2k_F)$, square lattice"] = [float(lindhard(flat, Q_2D, w * HOP / k_B)) / N_2D for w in warm]
    rows: list[Row] = []
    for (label, y), colour, style in zip(curves.items(), (1, 0, 1, 0), ("-", "-", "--", "--"), strict=True):
        at = warmth[-len(y) :]
        ax.semilogx(at, y, color=COLOURS[colour], ls=style, label=label)
        rows += [(label.replace("$", "").replace("\\", ""), float(w), float(w), float(v)) for w, v in zip(at, y, strict=True)]
    ax.invert_xaxis()
    ax.set(xlabel=r"$k_BT\,/\,t$ (falling)", ylabel="response / $N$", ylim=(0, None), title="(d) growth on cooling")
    ax.legend(frameon=False, fontsize=8)
    step = np.log(warmth[1] / warmth[0])
    first, second = (float((y[0] - y[1]) / step) for y in list(curves.values())[:2])
    return rows, (second, first)


def _draw_competition(ax: Axes) -> tuple[list[Row], tuple[Statement, ...]]:
    """T_CDW and T_c of a nearly half-filled chain, and of square lattices, for one attraction."""
    g = ATTRACTION * HOP
    T_0 = float(instabilities(_chain(0.0), g, np.pi / A).T_c)
    x = np.concatenate([np.linspace(0.0, 0.95, 20), np.arange(1.0, 1.1, 0.01), np.linspace(1.1, 2.0, 10)])
    half: list[Instabilities] = []
    own: list[float] = []
    for mu in x * k_B * T_0:
        lattice = _chain(-mu)
        half.append(instabilities(lattice, g, np.pi / A))
        own.append(float(instabilities(lattice, g, np.pi / A - 2 * np.arcsin(mu / (2 * HOP)) / A).T_CDW))
    cdw, pairs = (np.array([float(getattr(i, name)) for i in half]) / T_0 for name in ("T_CDW", "T_c"))
    ax.plot(x, pairs, color=COLOURS[1], label=r"$T_c$, pairs")
    falling = np.linspace(0.56, 1.0, 45)
    law = [_unnesting(float(t)) for t in falling]
    ax.plot(law, falling, color="0.4", lw=4, alpha=0.35, label=r"weak coupling, one $\delta$ for all $k$")
    ax.plot(x, np.where(cdw > 0, cdw, np.nan), color=COLOURS[0], label=r"$T_{CDW}$, $Q = \pi/a$")
    ax.plot(
        x, np.where(np.array(own) > 0, np.array(own) / T_0, np.nan), color=COLOURS[0], ls=":", label=r"$T_{CDW}$, $Q = 2k_F$"
    )
    ax.set(xlabel=r"$\delta\,/\,k_BT_c(0)$, from perfect nesting", ylabel=r"$T\,/\,T_c(0)$", xlim=(0, x[-1]), ylim=(0, 1.1))
    ax.set_title(f"(e) which comes first (half-filled chain, $g$ = {ATTRACTION:g} $t$)")
    ax.legend(frameon=False, fontsize=8, loc="lower left")
    rows: list[Row] = []
    for name, y in (("T_c", pairs), ("T_CDW_pi", cdw), ("T_CDW_2k_F", np.array(own) / T_0)):
        rows += [(name, k_B * T_0 / HOP, float(a), float(b)) for a, b in zip(x, y, strict=True)]
    planes = [instabilities(square_lattice(HOP, t), 2.5 * HOP, [np.pi, np.pi]) for t in (0.0, BENT * HOP)]
    at = int(np.argmin(np.abs(x - 0.9)))
    equal, bent = ((float(i.T_CDW), float(i.T_c)) for i in planes)
    return rows, (
        Statement(
            "charge density waves and superconductivity compete",
            f"perfect nesting (half filling) makes them equal, |T_CDW / T_c - 1| = {abs(cdw[0] / pairs[0] - 1):.0e} (chain) "
            f"and {abs(equal[0] / equal[1] - 1):.0e} (square lattice); imperfect nesting lets superconductivity win: at "
            f"delta = {x[at]:.2f} k_B T_c(0), T_CDW (Q = pi/a) is {cdw[at]:.3f} and T_c {pairs[at]:.3f} of T_c(0); on the "
            f"square lattice with t' = {BENT:g} t and g = 2.5 t, T_CDW / T_c = {bent[0] / bent[1]:.3f}",
            "yes" if cdw[at] < pairs[at] and bent[0] < bent[1] else "no",
        ),
    )


def _unnesting(t: float) -> float:
    """delta / k_B T_c(0) at which T_CDW = t T_c(0), by the law of `jaxgap.origins.competition`."""

    def excess(delta: float) -> float:
        return float(np.log(t) - digamma(0.5) + np.real(digamma(0.5 + 1j * delta / (2 * np.pi * t))))

    return float(brentq(excess, 0.0, 10.0)) if t < 1 else 0.0


# --- Fig. 3 -----------------------------------------------------------------------------------------------------------

REACH = 0.15
"""q_c in k_F at which Fig. 3 colours the surfaces: between the separation of the close pair and k_F."""


def figure_w18_3() -> Figure:
    """Fig. 3: crossing, close and nested Fermi surfaces, how effective each pair is against q_c, and the differences q."""
    cases = {"crossing": crossing(), "close": close(), "nested": nested()}
    figure, axes = plt.subplot_mosaic("aaabbbccccc;dddddeeeeee", figsize=(11.6, 7.0), layout="constrained")
    colours = dict(zip(cases, (COLOURS[1], COLOURS[2], COLOURS[0]), strict=True))
    shades = [
        _draw_surfaces(axes[panel], f"({panel}) {name}", pair) for panel, (name, pair) in zip("abc", cases.items(), strict=True)
    ]
    figure.colorbar(
        shades[-1], ax=axes["c"], label=f"local share / intraband\n($q_c$ = {REACH:g} $k_F$)", ticks=[0, 0.5, 1], shrink=0.75
    )
    x = np.geomspace(0.04, 3.0, 21)
    over = {name: effectiveness_over(pair, x * K_F) for name, pair in cases.items()}
    spans = [ranking_range(close(), crossing(), K_F * x[::4], factor, shifted) for factor, shifted in ((1, False), (2, True))]
    _draw_effectiveness(axes["d"], x, over, colours, [end / K_F for end in spans[1][0]])
    rows: list[Row] = _draw_differences(axes["e"], cases, colours)
    for name, e in over.items():
        columns = (x, e.relative, e.relative_as_drawn, e.share)
        rows += [(name, "q_c_over_k_F", *map(float, row)) for row in zip(*columns, strict=True)]
    statements = (*_ranking_statements(over, x, spans), *_material_statements(), _layers_statement())
    return Figure(figure, ("pair", "x_is", "x", "relative_or_density", "relative_as_drawn", "share"), rows, statements)


def _draw_surfaces(ax: Axes, title: str, pair: Pair) -> PathCollection:
    """Both surfaces, coloured by how many partners a state finds within q_c after the best shift."""
    u, o = pair.surfaces(360)
    Q = best_shift(u, o, REACH * K_F).Q
    Q = jnp.where(jnp.sum(Q**2) < K_F**2, 0.0, Q)
    for surface, partner, shift in ((u, o, Q), (o, u, -Q)):
        share = np.asarray(local_share(surface, partner, REACH * K_F, shift))
        k = np.asarray(surface.k) / K_F
        dots = ax.scatter(k[:, 0], k[:, 1], c=share, cmap="cividis_r", vmin=0, vmax=1, s=9, lw=0)
    if float(jnp.sum(Q**2)) > 0:
        start, end = (np.asarray(band.centre) / K_F for band in (pair.u, pair.o))
        ax.annotate(
            "",
            tuple(end),
            tuple(start),
            arrowprops={"arrowstyle": "-|>", "lw": 1.6, "color": "0.3", "shrinkA": 0, "shrinkB": 0},
        )
        x, y = (start + end) / 2
        ax.text(x, y + 0.12, "$Q$", ha="center", fontsize=11)
    ax.set(xlabel="$k_x$ ($k_F$)", ylabel="$k_y$ ($k_F$)", aspect="equal", title=title)
    right = 1.6 + float(np.max(np.asarray(pair.u.centre))) / K_F
    ax.set(xlim=(-1.6, right), ylim=(-1.6, 1.6))
    return dots


def _draw_effectiveness(ax: Axes, x: np.ndarray, over: Cases, colours: dict[str, str], span: list[float]) -> None:
    ax.axvspan(*span, color="0.92", label="close > 2 x crossing (best $Q$)")
    for name, e in over.items():
        ax.semilogx(x, e.relative, color=colours[name], label=f"{name}, best shift $Q$")
        ax.semilogx(x, e.relative_as_drawn, color=colours[name], ls="--")
    ax.plot([], [], color="0.3", ls="--", label="dashed: as drawn, $Q = 0$")
    ax.set(xlabel=r"range of lattice momenta $q_c\,/\,k_F$", ylabel="interband / intraband effectiveness", ylim=(0, 1.45))
    ax.set(xlim=(x[0], x[-1]), yticks=np.linspace(0, 1, 6), title="(d) how effective")
    ax.legend(frameon=False, fontsize=8, loc="upper left", ncols=2, columnspacing=1.0)


def _draw_differences(ax: Axes, cases: dict[str, Pair], colours: dict[str, str]) -> list[Row]:
    """Distribution of |q - Q| for the nested pair's Q, and without a shift for the others."""
    edges = np.linspace(0.0, 2.6, 66)
    middle = (edges[1:] + edges[:-1]) / 2
    rows: list[Row] = []
    for name, pair in cases.items():
        u, o = pair.surfaces(512)
        Q = pair.o.centre - pair.u.centre
        density = np.asarray(difference_distribution(u, o, edges * K_F, Q)) * K_F
        ax.stairs(density, edges, color=colours[name], lw=1.6, label="nested (as intraband)" if name == "nested" else name)
        rows += [(name, "q_minus_Q_over_k_F", float(a), float(b), "", "") for a, b in zip(middle, density, strict=True)]
    ax.set(
        xlabel=r"$|q - Q|\,/\,k_F$, $q = k_o - k_u$", ylabel=r"density of differences ($1/k_F$)", xlim=(0, 2.6), ylim=(0, None)
    )
    ax.set_title("(e) differences between the surfaces")
    ax.legend(frameon=False, fontsize=9)
    return rows


def _ranking_statements(over: Cases, x: np.ndarray, spans: list[list[tuple[float, float]]]) -> tuple[Statement, ...]:
    at = int(np.argmin(np.abs(x - REACH)))
    numbers = {name: (float(e.relative_as_drawn[at]), float(e.relative[at])) for name, e in over.items()}
    drawn, clear = ([f"{lo / K_F:.3f} to {hi / K_F:.3f}" for lo, hi in found] for found in spans)
    return (
        Statement(
            "surfaces that cross are ineffective",
            f"{numbers['crossing'][0]:.3f} of the intraband share as drawn, {numbers['crossing'][1]:.3f} at the best common "
            f"shift (q_c = {x[at]:.3f} k_F)",
            "yes" if max(numbers["crossing"]) < 0.5 else "no",
        ),
        Statement(
            "similar and close surfaces are effective",
            f"{numbers['close'][0]:.3f} as drawn (separation .1 k_F), {numbers['close'][1]:.3f} at the best shift; above the "
            f"crossing pair for q_c / k_F from {', '.join(drawn)} as drawn, by a factor of 2 at the best shift from "
            f"{', '.join(clear)}: below, momenta do not span the separation; far above, they join everything",
            "yes, in that range" if numbers["close"][1] > 2 * numbers["crossing"][1] else "no",
        ),
        Statement(
            "nested surfaces are effective, at Q",
            f"{numbers['nested'][1]:.6f} of the intraband share at Q, {numbers['nested'][0]:.1e} without the shift",
            within(numbers["nested"][1], 1 - 1e-9, 1 + 1e-9),
        ),
    )


def _material_statements() -> tuple[Statement, ...]:
    q_c = REACH * K_F
    sigma, iron = (effectiveness(*pair.surfaces(), q_c) for pair in (mgb2_like(), pnictide_like()))
    return (
        Statement(
            "the sigma bands of MgB2 (similar, close) and the nested bands of iron pnictides are favourable",
            f"round numbers of the right kind, q_c = {q_c:.3f} 1/angstrom: {float(sigma.relative):.3f} (two hole circles) and "
            f"{float(iron.relative):.3f} (hole circle, electron ellipse) at Q = ({abs(float(iron.Q[0])):.4f}, "
            f"{abs(float(iron.Q[1])):.4f}) 1/angstrom",
            "yes" if min(float(sigma.relative), float(iron.relative)) > 0.5 else "no",
        ),
    )


def _layers_statement() -> Statement:
    """Cylinders have the ratios of their 2D sections exactly, since the share of k_z is common to inter- and intraband."""
    q_c = np.array([0.5, 2.0]) * 0.3 * K_F
    layers = effectiveness_over(close(0.3), q_c, 128).relative
    spheres = [float(effectiveness(*in_three_dimensions(close(0.3), points=24), q).relative) for q in q_c]
    unlike = [
        float(effectiveness(*pair, q_c[1]).relative)
        for pair in (crossing().surfaces(128), in_three_dimensions(crossing(), points=12))
    ]
    narrow, wide = float(layers[0] / spheres[0]), float(layers[1] / spheres[1])
    return Statement(
        "interband pairing is more likely in 2D layered than in 3D metals",
        f"close surfaces, q_c half their separation: {layers[0]:.3f} between cylinders, {spheres[0]:.3f} between spheres; q_c "
        f"twice the separation: {layers[1]:.3f} and {spheres[1]:.3f}; crossing ones there: {unlike[0]:.3f} between cylinders, "
        f"{unlike[1]:.3f} between ellipsoids",
        f"q_c below the separation: {'yes' if narrow > 1.01 else 'no'}; above: {'yes' if wide > 1.01 else 'no'}; crossing "
        f"surfaces: {'yes' if unlike[0] > unlike[1] else 'no'}",
    )
