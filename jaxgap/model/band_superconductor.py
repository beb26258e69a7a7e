"""`BandSuperconductor`: bands of one kappa, channels, couplings and the pairing shell.

Its leaves have paths: `Omega`, `mu[alpha]`, `mass[alpha]`, `lam[alpha, alpha:beta]`; of an interaction g instead of couplings
`g[alpha, alpha:beta]`, of a contact interaction `cutoff`. For two cross-paired bands `lambda_13` stands for the entry of the
matrix in the order of the papers.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from jaxgap.model.band import Band, density_of_states
from jaxgap.model.couplings import BARE, canonical_channel, channel_densities, channel_names
from jaxgap.model.interaction import Shell
from jaxgap.model.parabolic import check_fermi_surface
from jaxgap.model.superconductor import PROMISED, Cluster, Superconductor
from jaxgap.numerics.checks import InputError, check, check_finite, is_concrete
from jaxgap.numerics.types import Reals

__all__ = ["BandSuperconductor", "check_values", "linked_bands"]

SMALL = 1e-4
"""Amplitudes above 1e-4 Omega have a relative error."""
SMALLER = 1e-12
"""The same, of a cutoff that is fixed to the bands."""
STRONG = 1.0
"""Coupling above which `remarks` says that it is strong: a phonon's lambda / (1 + lambda) never reaches it."""

Leaf = Shaped[Array, "..."]


class BandSuperconductor(Superconductor):
    """Bands, channels and couplings of one superconductor. Made by `superconductor(...)`, which converts and checks.

    Attributes:
        bands: the bands.
        lam: couplings lambda_cc' between channels (row: the amplitude made; column: the pairs that make it), or g_cc'.
        Omega: half width of the pairing shell [meV]; of bands with a shell of their own, their cutoff.
        cross: cross-paired bands as pairs of indices (static).
        dimension: 2 or 3 (static).
        convention: "mean" or "sum", what N_c of a cross channel is, or "g": N_c = 1 (static; see `jaxgap.model.couplings`).
        density: electrons that it has (`jaxgap.at_density`), or None. The mus are then counted from that of the first band.
    """

    bands: tuple[Band, ...]
    lam: Float[Array, "channel channel"]
    Omega: Float[Array, ""]
    cross: tuple[tuple[int, int], ...] = eqx.field(static=True)
    dimension: int = eqx.field(static=True)
    convention: str = eqx.field(static=True)
    density: Float[Array, ""] | None

    @property
    def interaction(self) -> Shell:
        """The shell."""
        return Shell(self.Omega)

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels: one per band, then one per cross-paired pair, `alpha:beta`."""
        return channel_names(self.band_names, self.cross)

    @property
    def clusters(self) -> tuple[Cluster, ...]:
        """Bands that cross channels link together, in the order of their first bands."""
        return linked_bands(len(self.bands), self.cross)

    @property
    def wave(self) -> str:
        return "s"

    @property
    def signed(self) -> int:
        """The bands'."""
        return len(self.bands)

    @property
    def scale(self) -> Float[Array, "..."]:
        """Omega: solutions are of the order of lambda Omega."""
        return self.Omega

    @property
    def small(self) -> Float[Array, "..."]:
        """A cutoff may be far above all else."""
        return (SMALL if self.range_leaf == "Omega" else SMALLER) * self.Omega

    @property
    def range_leaf(self) -> str:
        """What `Omega` is called in paths: `Omega`, or `cutoff`."""
        return self.bands[0].range_leaf

    @property
    def coupling_leaf(self) -> str:
        """What `lam` is called in paths: `lam`, or `g`."""
        return "g" if self.convention == BARE else "lam"

    @property
    def strengths(self) -> tuple[Float[Array, "channel channel"], Float[Array, "channel"]]:
        """Of an interaction g with the mean densities of states in the shells."""
        if self.convention != BARE:
            return self.lam, self.N
        inside = jnp.stack([band.states_within(self.Omega, self.dimension) for band in self.bands]) / (2 * self.Omega)
        N = channel_densities(inside, self.cross, "mean")
        return self.lam * N[None, :], N

    @property
    def mus(self) -> Float[Array, "mu"]:
        return jnp.stack([band.mu for band in self.bands])

    @property
    def depth(self) -> Float[Array, ""]:
        """zeta = kappa / m - mu is good to eps mu."""
        mu = jnp.stack([band.tangent[1] for band in self.bands])
        return jnp.sqrt(jnp.sum(mu**2))

    @property
    def decades(self) -> int:
        """Up to a cutoff 1e10 above mu, tanh(zeta / 2 k_B T) / zeta has 13 digits with four times as many."""
        return 1 if self.range_leaf == "Omega" else 4

    @property
    def promised(self) -> float:
        return PROMISED

    @property
    def numbers(self) -> dict[str, tuple[Reals, int]]:
        found: dict[str, tuple[Reals, int]] = {self.range_leaf: (self.Omega, 0), self.coupling_leaf: (self.lam, 2)}
        for band in self.bands:
            found |= {f"{leaf}[{band.name}]": (getattr(band, leaf), 0) for leaf in band.leaves}
        return found if self.density is None else found | {"density": (self.density, 0)}

    @property
    def N(self) -> Float[Array, "channel"]:
        """Normal densities of states N_c of the channels, in the system's convention: what P_c is divided by."""
        return channel_densities(self.band_densities, self.cross, self.convention)

    @property
    def band_densities(self) -> Float[Array, "band"]:
        """Normal densities of states N_i(0) of the bands; 0 of an incipient one."""
        return jnp.stack([density_of_states(band, self.dimension) for band in self.bands])

    @property
    def g(self) -> Float[Array, "channel channel"]:
        """Interaction matrix g_cc' = lambda_cc' / N_c'."""
        return self.lam / self.N[None, :]

    def shifted(self, energy: Float[Array, ""]) -> Superconductor:
        return replace(self, bands=tuple(band.shifted(energy) for band in self.bands))

    def check_density(self, density: object) -> None:
        check_finite("density", density)
        if not is_concrete(self):
            return
        senses = [float(band.sense) for band in self.bands]
        check(max(senses) > 0, "sc", "have an electron band for a density: hole bands have no lowest state", "hole bands alone")
        if is_concrete(density) and min(senses) > 0:
            n, most = float(np.asarray(density)), sum(float(band.most_electrons) for band in self.bands)
            check(n > 0, "density", "be positive", density)
            check(n < most, "density", f"be below {most:g}, which is all that the bands have room for", density)

    @property
    def bare(self) -> Superconductor:
        return self if self.convention == BARE else replace(self, lam=self.g, convention=BARE)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is doubtful about the numbers, though not wrong: a sentence each. None of a traced or batched system."""
        if not is_concrete(self) or jnp.ndim(self.Omega) > 0:
            return ()
        said = []
        # Eager densities of states take longer than all else here, and only g needs them.
        couplings = self.strengths[0] if self.convention == BARE else self.lam
        if (largest := float(np.max(np.abs(couplings)))) > STRONG:
            said.append(
                f"The largest coupling is {largest:g}: above some {STRONG:g} gap equations without self-energies overestimate "
                "gaps and T_c."
            )
        for band in self.bands if self.convention != BARE else ():
            if (Omega := float(self.Omega)) > (depth := abs(float(band.zeta(jnp.zeros(()))))):
                said.append(
                    f"Omega = {Omega:g} meV is more than the depth of the band {band.name}, {depth:g} meV: its shell ends at "
                    "the band's edge, while the chemical potential stays where it is."
                )
        for band in self.bands:
            if not float(band.states_within(self.Omega, self.dimension)) > 0:
                said.append(f"No state of the band {band.name} is within {self.range_leaf}: it does not pair by itself.")
        return tuple(said)

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of all leaves; of a density instead of the first band's mu."""
        lam = (f"{self.coupling_leaf}[{row}, {column}]" for row in self.channels for column in self.channels)
        leaves = dict.fromkeys(leaf for band in self.bands for leaf in band.leaves)
        numbers = [f"{leaf}[{band.name}]" for leaf in leaves for band in self.bands if leaf in band.leaves]
        if self.density is not None:
            numbers.remove(self._from_density)
        return (self.range_leaf, *self.density_paths, *numbers, *lam)

    @property
    def _from_density(self) -> str:
        """The path of what a density says."""
        return f"mu[{self.bands[0].name}]"

    def canonical(self, path: str) -> str:
        """The path as it stands in `paths`: `lambda_13` and `lam[alpha, beta:alpha]` are `lam[alpha, alpha:beta]`."""
        _where(self, path)
        leaf, index = _parse(self, path)
        if leaf == self.coupling_leaf and index is not None:
            index = ", ".join(canonical_channel(name.strip(), self.channels) for name in index.split(","))
        written = leaf if index is None else f"{leaf}[{index}]"
        if self.density is not None and written == self._from_density:
            raise InputError(
                f"The path `{written}` is not free at a fixed density, which says it: other bands' mus are counted from it."
            )
        return written

    def get(self, path: str) -> Float[Array, "..."]:
        """The leaf at `path`: `Omega`, `mu[alpha]`, `mass[alpha]` or `lam[alpha, alpha:beta]` (`cutoff`, `g[..]`)."""
        return _where(self, path)[0](self)

    def table(self) -> dict[str, Any]:
        """The arguments of `superconductor`."""
        return {
            self.range_leaf: float(self.Omega),
            "dimension": self.dimension,
            **({} if self.convention == BARE else {"convention": self.convention}),
            **({} if self.density is None else {"density": float(self.density)}),
            "cross": list(self.channels[len(self.bands) :]),
            "channels": list(self.channels),
            self.coupling_leaf: np.asarray(self.lam).tolist(),
            "bands": bands_table(self.bands),
        }

    def unit(self, path: str) -> str:
        leaf, _ = _parse(self, self.canonical(path))
        if leaf == "density":
            return "meV" if self.dimension == 2 else "meV^(3/2)"
        return "1" if leaf in (self.coupling_leaf, "scale") else "electron mass" if leaf == "mass" else "meV"

    def set(self, values: Mapping[str, Any]) -> Superconductor:
        """A copy with other values at the given paths, for example `{"Omega": 40.0, "lam[alpha, beta]": 0.02}`."""
        sc: Superconductor = self
        for path, value in values.items():
            check_finite(path, value)
            self.canonical(path)
            sc = _where(self, path)[1](sc, jnp.asarray(value, jnp.float64))
        check_values(sc)
        return sc

    def __str__(self) -> str:
        couplings = "the interaction g" if self.convention == BARE else f"{self.convention!r} convention"
        lines = [f"Superconductor, {self.dimension}D, {couplings}"]
        if not is_concrete(self) or jnp.ndim(self.Omega) > 0:
            return "\n".join([*lines, f"  channels {', '.join(self.channels)} (batched or traced)"])
        lines += [f"  {self.range_leaf} = {float(self.Omega):g} meV"]
        if self.density is not None:
            lines += [f"  density = {float(self.density):g} {self.unit('density')}, which says mu"]
        for band in self.bands:
            lines += [f"  band {band}"]
        width = max(len(name) for name in self.channels)
        lines += ["  g:" if self.convention == BARE else "  lambda:"]
        for name, row in zip(self.channels, np.asarray(self.lam), strict=True):
            lines += [f"    {name:<{width}} " + " ".join(f"{value:>9.5g}" for value in row)]
        return "\n".join(lines)


def check_values(sc: Superconductor) -> None:
    """What the values of the leaves must satisfy; skipped while JAX traces."""
    width, bare = sc.bands[0].range_leaf, sc.convention == BARE
    check_finite("g" if bare else "lam", sc.lam)
    check_finite(width, sc.Omega)
    if is_concrete(sc.Omega):
        check(bool(np.all(np.asarray(sc.Omega) > 0)), width, "be positive [meV]", sc.Omega)
    for band in sc.bands:
        if is_concrete(band) and jnp.ndim(getattr(band, band.leaves[0])) == 0:
            band.check()
            if not bare:
                check_fermi_surface(band, ", unless couplings are given as `g`")
    if sc.density is not None:
        sc.check_density(sc.density)


def bands_table(bands: tuple[Band, ...]) -> dict[str, dict[str, Any]]:
    """The tables of bands in a file: name -> leaves."""
    return {band.name: band.table() for band in bands}


def linked_bands(n: int, cross: tuple[tuple[int, int], ...]) -> tuple[Cluster, ...]:
    """Connected components of the graph of bands whose edges are the cross channels."""
    root = list(range(n))
    for i, j in cross:
        root = [root[j] if r == root[i] else r for r in root]
    members = [tuple(i for i in range(n) if root[i] == r) for r in dict.fromkeys(root)]
    links = [tuple(n + k for k, (i, _) in enumerate(cross) if i in bands) for bands in members]
    return tuple(Cluster(bands, bands + link) for bands, link in zip(members, links, strict=True))


_PATH = re.compile(r"^\s*(?P<leaf>\w+)\s*(?:\[(?P<index>[^\]]*)\])?\s*$")


def _where(
    sc: Superconductor, path: str
) -> tuple[Callable[[Superconductor], Leaf], Callable[[Superconductor, Leaf], Superconductor]]:
    """(getter, setter) of the leaf at `path`."""
    leaf, index = _parse(sc, path)
    coupling, width = "g" if sc.convention == BARE else "lam", sc.bands[0].range_leaf
    if leaf == "density" and index is None and sc.density is not None:
        return (lambda s: cast(Leaf, s.density)), (lambda s, v: eqx.tree_at(lambda t: t.density, s, v))
    if leaf == width and index is None:
        return (lambda s: s.Omega), (lambda s, v: eqx.tree_at(lambda t: t.Omega, s, v))
    if index in sc.band_names and leaf in sc.bands[i := sc.band_names.index(index)].leaves:
        return (
            lambda s: getattr(s.bands[i], leaf),
            lambda s, v: eqx.tree_at(lambda t: getattr(t.bands[i], leaf), s, v),
        )
    if leaf == coupling and index is not None and index.count(",") == 1:
        row, column = (sc.channels.index(canonical_channel(c.strip(), sc.channels)) for c in index.split(","))
        return (
            lambda s: s.lam[..., row, column],
            lambda s, v: eqx.tree_at(lambda t: t.lam, s, _with_entry(s.lam, row, column, v)),
        )
    alias = "; for two bands also `lambda_13` and the like" if _is_two_band(sc) and coupling == "lam" else ""
    raise InputError(
        f"Unknown path `{path}`: the paths of this system are {', '.join(f'`{p}`' for p in (width, *sc.density_paths))}, "
        f"{_of_bands(sc)} and `{coupling}[channel, channel]` "
        f"with the bands {', '.join(sc.band_names)} and the channels {', '.join(sc.channels)}{alias}."
    )


def _of_bands(sc: Superconductor) -> str:
    """The numbers that bands have: `mu[band]`, `mass[band]`."""
    return ", ".join(dict.fromkeys(f"`{leaf}[band]`" for band in sc.bands for leaf in band.leaves))


def _with_entry(lam: Leaf, row: int, column: int, value: Leaf) -> Leaf:
    """lam with one entry changed; on the host where it can be: eager JAX would compile every operation."""
    if not is_concrete((lam, value)):
        return lam.at[..., row, column].set(value)
    changed = np.array(lam)
    changed[..., row, column] = value
    return jnp.asarray(changed)


def _is_two_band(sc: Superconductor) -> bool:
    return len(sc.bands) == 2 and len(sc.cross) == 1


def _parse(sc: Superconductor, path: str) -> tuple[str, str | None]:
    """Leaf and index of a path; for two cross-paired bands `lambda_13` stands for `lam[alpha, alpha:beta]`."""
    match = _PATH.match(path)
    if match is None:
        raise InputError(f"Cannot read the path `{path}`: it must look like `Omega` or `lam[alpha, alpha:beta]`.")
    leaf, index = match["leaf"], match["index"]
    if _is_two_band(sc) and index is None and sc.convention != BARE and re.fullmatch("lambda_[123][123]", leaf):
        row, column = (sc.channels[int(digit) - 1] for digit in leaf[-2:])
        return "lam", f"{row}, {column}"
    return leaf, index.strip() if index is not None else None
