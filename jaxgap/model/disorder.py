r"""Impurities: what a superconductor's electrons are scattered by, the `disorder` of a system as a user gives it.

An impurity at one place is a potential for charges and a classical spin, whose direction is random,

.. math:: U = u \tau_3 \pm J \tau_0

with u and J real symmetric matrices between the bands, and a density n of such impurities. Their self-energy is

.. math:: \Sigma = n [u \tau_3 G u \tau_3 + J G J] \quad \text{(Born)}, \qquad
          \Sigma = n \langle (1 - U G)^{-1} U - U \rangle_\pm \quad \text{(T-matrix)}

with the local Green's function G = -i pi N_i of a normal band. (A. A. Abrikosov and L. P. Gor'kov, Sov. Phys. JETP 12, 1243
(1961); P. J. Hirschfeld, P. Woelfle and D. Einzel, Phys. Rev. B 37, 83 (1988).) The average potential n u tau_3 belongs to the
bands: it shifts and hybridises them, whose mus are those of the crystal with its impurities. So it is left out of both.

Units: N_i = |m_i| counts states per spin in units in which a band of the electron's mass has 1 per meV, that is, in an area
2 pi hbar^2 / (m_e meV) = 478.8 nm^2. `density` is the number of impurities in this area, u and J are in meV: a potential of 1
meV over this area, or of a delta function of 478.8 meV nm^2. Only products count: rates Gamma = pi n N u^2 [meV] (half the
scattering rate of a band), and the strength x = pi N u, or pi N J, of one impurity.
"""

import re
from typing import Any, NamedTuple, cast

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.numerics.checks import check, check_finite, is_concrete
from jaxgap.numerics.types import Reals

__all__ = [
    "BORN",
    "SHELL_BREAKS_ANDERSON",
    "T_MATRIX",
    "Disorder",
    "Place",
    "check_disorder",
    "disorder_from",
    "disorder_of",
    "disorder_tables",
    "place_of",
    "places",
]

BORN, T_MATRIX = "Born", "T-matrix"
KINDS = (BORN, T_MATRIX)
SHELL_BREAKS_ANDERSON = (
    "be left out of a momentum shell `Omega`, which breaks Anderson's theorem (of lambda = 0.3 and Omega = 30 meV at 4.2 K a "
    "rate of 1 meV lowers the gap by 5.5 %, one of 10 meV by 44 %, where it must stay): give "
    "`interaction=MatsubaraCutoff(omega_c)` or a `Retarded` one"
)


class Disorder(eqx.Module):
    """Impurities of one kind. As a user gives it; `superconductor(..., disorder=...)` converts and checks."""

    density: Reals
    """n: their number per area 2 pi hbar^2 / (m_e meV)."""
    u: Reals | None = None
    """Potential between bands [meV], symmetric; of one band a number. None: no potential."""
    J: Reals | None = None
    """The same of a classical spin."""
    kind: str = eqx.field(default=BORN, static=True)
    """"Born": every impurity scatters an electron twice, no more; "T-matrix": any number of times."""

    @property
    def potential(self) -> Float[Array, "band band"]:
        """u as a matrix: of its two equal halves the upper one is the leaf, so that a derivative stands at one entry."""
        return _mirrored(cast(Array, self.u))

    @property
    def spin(self) -> Float[Array, "band band"]:
        """J as a matrix, likewise."""
        return _mirrored(cast(Array, self.J))

    def __str__(self) -> str:
        if not is_concrete(self):
            return f"{self.kind} disorder (traced)"
        sizes = [f"{name} {np.round(np.asarray(value), 6).tolist()} meV" for name, value in (("u", self.u), ("J", self.J))]
        given = [
            text for text, value in zip(sizes, (self.u, self.J), strict=True) if value is not None and np.any(np.asarray(value))
        ]
        return f"{self.kind} disorder, density {float(np.asarray(self.density)):g}, {', '.join(given) or 'no potential'}"


def _mirrored(M: Float[Array, "band band"]) -> Float[Array, "band band"]:
    return jnp.triu(M) + jnp.triu(M, 1).T


# --- conversion -------------------------------------------------------------------------------------------------------------


def disorder_of(given: object, bands: tuple[str, ...]) -> tuple[Disorder, ...]:
    """All kinds of impurities, converted and checked."""
    if given is None:
        return ()
    several = (given,) if isinstance(given, Disorder) else given
    check(isinstance(several, list | tuple), "disorder", "be a Disorder, or a list of them", repr(given))
    assert isinstance(several, list | tuple)
    found = []
    for k, one in enumerate(several):
        name = "disorder" if len(several) == 1 else f"disorder[{k}]"
        check(isinstance(one, Disorder), name, "be a Disorder", repr(one))
        found.append(_converted(one, bands, name))
    return tuple(found)


def _converted(one: Disorder, bands: tuple[str, ...], name: str) -> Disorder:
    check(one.kind in KINDS, f"{name}.kind", 'be "Born" or "T-matrix"', repr(one.kind))
    check(one.u is not None or one.J is not None, name, "have a potential u, or a spin J", "neither")
    check_finite(f"{name}.density", one.density)
    density = jnp.asarray(one.density, jnp.float64)
    check(density.shape == (), f"{name}.density", "be one number", f"shape {density.shape}")
    n = len(bands)
    matrices = []
    for leaf, value in (("u", one.u), ("J", one.J)):
        check_finite(f"{name}.{leaf}", 0.0 if value is None else value)
        M = jnp.zeros((n, n)) if value is None else jnp.atleast_2d(jnp.asarray(value, jnp.float64))
        wanted = f"be a {n} x {n} matrix between the bands ({', '.join(bands)}) [meV]"
        check(M.shape == (n, n), f"{name}.{leaf}", wanted, f"shape {M.shape}")
        matrices.append(M)
    converted = Disorder(density, matrices[0], matrices[1], one.kind)
    check_disorder(converted, name)
    return converted


def check_disorder(one: Disorder, name: str) -> None:
    """Raise `InputError` unless its numbers make sense; skipped while JAX traces."""
    if not is_concrete(one) or np.ndim(np.asarray(one.density)) > 0:
        return
    density = float(np.asarray(one.density))
    check(np.isfinite(density) and density >= 0, f"{name}.density", "not be negative", f"{density:g}")
    for leaf, value in (("u", one.u), ("J", one.J)):
        M = np.asarray(value)
        check(bool(np.isfinite(M).all()), f"{name}.{leaf}", "be finite", M.tolist())
        check(bool((M == M.T).all()), f"{name}.{leaf}", "be symmetric, as a real potential is", M.tolist())


# --- paths ------------------------------------------------------------------------------------------------------------------


class Place(NamedTuple):
    """Where a number of a system's disorder is."""

    kind: int
    """Which of the several kinds of impurities."""
    leaf: str
    """density, u or J."""
    pair: tuple[int, int] | None
    """The two bands, in their order; None of the density."""

    def path(self, bands: tuple[str, ...], several: bool) -> str:
        """Its path."""
        owner = f"disorder[{self.kind}]" if several else "disorder"
        index = "" if self.pair is None else f"[{bands[self.pair[0]]}, {bands[self.pair[1]]}]"
        return f"{owner}.{self.leaf}{index}"

    def get(self, disorder: tuple[Disorder, ...]) -> Float[Array, "..."]:
        """The number."""
        value = cast(Array, getattr(disorder[self.kind], self.leaf))
        return value if self.pair is None else value[..., self.pair[0], self.pair[1]]

    def set(self, disorder: tuple[Disorder, ...], value: Float[Array, "..."]) -> tuple[Disorder, ...]:
        """The same with another number, in both halves of a matrix."""
        if self.pair is not None:
            (i, j), M = self.pair, cast(Array, getattr(disorder[self.kind], self.leaf))
            value = M.at[..., i, j].set(value).at[..., j, i].set(value)
        changed = eqx.tree_at(lambda one: getattr(one, self.leaf), disorder[self.kind], value)
        return (*disorder[: self.kind], changed, *disorder[self.kind + 1 :])


_PATH = re.compile(r"^\s*disorder\s*(?:\[\s*(?P<kind>\d+)\s*\])?\s*\.\s*(?P<leaf>density|u|J)\s*(?:\[(?P<index>[^\]]*)\])?\s*$")


def places(kinds: int, bands: int) -> tuple[Place, ...]:
    """All numbers there are."""
    pairs = [(i, j) for i in range(bands) for j in range(i, bands)]
    leaves: list[tuple[str, tuple[int, int] | None]] = [("density", None), *((leaf, p) for leaf in "uJ" for p in pairs)]
    return tuple(Place(k, leaf, pair) for k in range(kinds) for leaf, pair in leaves)


def place_of(path: str, kinds: int, bands: tuple[str, ...]) -> Place | None:
    """The place that a path means; None if it means none of them."""
    match = _PATH.match(path)
    if match is None or (match["kind"] is None and kinds != 1) or int(match["kind"] or 0) >= kinds:
        return None
    names = [name.strip() for name in match["index"].split(",")] if match["index"] else []
    if len(names) != (0 if match["leaf"] == "density" else 2) or not set(names) <= set(bands):
        return None
    i, j = sorted(bands.index(name) for name in names) or (0, 0)
    return Place(int(match["kind"] or 0), match["leaf"], (i, j) if names else None)


# --- files ------------------------------------------------------------------------------------------------------------------


def disorder_tables(disorder: tuple[Disorder, ...]) -> list[dict[str, Any]]:
    """The tables [[disorder]] of a system.toml, exact to the last bit."""
    return [
        {"kind": one.kind, "density": float(np.asarray(one.density))}
        | {leaf: np.asarray(value).tolist() for leaf, value in (("u", one.u), ("J", one.J))}
        for one in disorder
    ]


def disorder_from(given: Any) -> list[Disorder]:
    """What one table [disorder], or several [[disorder]], say."""
    tables = given if isinstance(given, list) else [given]
    found = []
    for k, table in enumerate(tables):
        name = "disorder" if len(tables) == 1 else f"disorder[{k}]"
        check(isinstance(table, dict), name, "be a table such as [disorder] with density and u", repr(table))
        unknown = sorted(set(table) - {"density", "u", "J", "kind"})
        check(not unknown, name, "have only the keys density, u, J, kind", f"`{(unknown or [''])[0]}`")
        check("density" in table, name, "have the key density", sorted(table))
        found.append(Disorder(**table))
    return found
