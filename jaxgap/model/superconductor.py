"""`Superconductor`: bands, channels, couplings and the pairing shell. The input of everything.

It is an immutable pytree. Its leaves (masses, mus, lam, Omega) are what one differentiates, batches and fits; its
structure (number and names of the bands, which pairs are cross-paired, dimension, convention) is static. So
`jax.grad(lambda s: excitation_gaps(solve(s, T=10.0))[0])(sc)` is a `Superconductor` of sensitivities, `jax.vmap` over a
batch of them is a sweep, and a fit parameter is a path into it, such as `lam[alpha, alpha:beta]` or `mu[beta]`.
"""

import re
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Shaped

from jaxgap.model.band import Band, check_in_k_space, density_of_states
from jaxgap.model.couplings import BARE, CONVENTIONS, asymmetry, canonical_channel, channel_densities, channel_names
from jaxgap.model.parabolic import ContactBand, ParabolicBand, check_fermi_surface, parabolic_band
from jaxgap.model.tabulated import TabulatedBand, tabulated_band
from jaxgap.numerics.checks import InputError, check, check_finite, is_concrete
from jaxgap.numerics.precision import own_rules, require_float64
from jaxgap.numerics.types import Reals

__all__ = [
    "BandSuperconductor",
    "Cluster",
    "PROMISED",
    "Superconductor",
    "superconductor",
    "symmetrised",
    "check_one_system",
]

DETAILED_BALANCE_TOLERANCE = 1e-10
"""g counts as symmetric when |g - g^T| <= 1e-10 |g|: far above rounding, far below any printed coupling's last digit."""


SMALL = 1e-4
"""Amplitudes above 1e-4 Omega have a relative error."""
SMALLER = 1e-12
"""The same, of a cutoff that is fixed to the bands."""
PROMISED = 1e-9
"""Relative error of amplitudes that `solve` promises, unless the conditioning forbids."""
STRONG = 1.0
"""Coupling above which `remarks` says that it is strong: a phonon's lambda / (1 + lambda) never reaches it."""


Leaf = Shaped[Array, "..."]


class Cluster(NamedTuple):
    """Bands linked by cross channels: the unit that has a spectrum of its own."""

    bands: tuple[int, ...]
    """Indices of its bands."""
    channels: tuple[int, ...]
    """Indices of its channels: its bands, then its cross channels."""


class Superconductor(eqx.Module):
    """What gap equations need to know of a superconductor: an abstract class, of bands (`BandSuperconductor`) or of orbitals on
    a lattice (`jaxgap.model.lattice.Lattice`). Solvers, the search for states and stability ask for nothing else.

    What of it is of bands alone (`bands`, `Omega`) a lattice refuses with a sentence.
    """

    lam: eqx.AbstractVar[Float[Array, "channel channel"]]
    """Couplings lambda_cc' between channels (row: the amplitude made; column: the pairs that make it)."""
    dimension: eqx.AbstractVar[int]
    """2 or 3."""

    if TYPE_CHECKING:  # Fields of one kind and properties of the other: a property here would hide the fields.

        @property
        def bands(self) -> tuple[Band, ...]:
            """The bands, of one kappa."""

        @property
        def Omega(self) -> Float[Array, ""]:
            """Half width of the pairing shell [meV]."""

        @property
        def band_densities(self) -> Float[Array, "band"]:
            """Normal densities of states of the bands; 0 of an incipient one."""

        @property
        def cross(self) -> tuple[tuple[int, int], ...]:
            """Cross-paired bands as pairs of indices."""

        @property
        def convention(self) -> str:
            """What N_c of a cross channel is (`jaxgap.model.couplings`)."""

    @property
    @abstractmethod
    def channels(self) -> tuple[str, ...]:
        """Names of the channels."""

    @property
    @abstractmethod
    def clusters(self) -> tuple[Cluster, ...]:
        """What of it has a spectrum of its own."""

    @property
    @abstractmethod
    def N(self) -> Float[Array, "channel"]:
        """Densities of states N_c that P_c is divided by."""

    @property
    @abstractmethod
    def g(self) -> Float[Array, "channel channel"]:
        """Interaction matrix g_cc' = lambda_cc' / N_c'."""

    @property
    def strengths(self) -> tuple[Float[Array, "channel channel"], Float[Array, "channel"]]:
        """(lambda_cc' as weak coupling has them, the N_c that they are with)."""
        return self.lam, self.N

    @abstractmethod
    def shifted(self, energy: Float[Array, ""]) -> "Superconductor":
        """The same with the chemical potential higher by an energy [meV]."""

    @property
    def bare(self) -> "Superconductor":
        """The same with the interaction g as its couplings, which no chemical potential changes."""
        return self

    @property
    @abstractmethod
    def wave(self) -> str:
        """With which letter states are named: "s", or none where channels have forms of their own."""

    @property
    @abstractmethod
    def signed(self) -> int:
        """How many channels, the first ones, name a state by their signs."""

    @property
    @abstractmethod
    def scale(self) -> Float[Array, "..."]:
        """An energy [meV] that amplitudes don't exceed by much."""

    @property
    @abstractmethod
    def small(self) -> Float[Array, "..."]:
        """Amplitudes [meV] below have no relative error."""

    @property
    @abstractmethod
    def depth(self) -> Float[Array, ""]:
        """Size of the energies from which zeta is found by a difference [meV]: rounding leaves eps of it."""

    @property
    def decades(self) -> int:
        """How many times as many nodes of quadrature as usual a piece has: where integrands have long tails, more."""
        return 1

    @property
    @abstractmethod
    def promised(self) -> float:
        """Relative error of amplitudes that a solve promises."""

    @property
    @abstractmethod
    def paths(self) -> tuple[str, ...]:
        """The paths of all leaves."""

    @abstractmethod
    def get(self, path: str) -> Float[Array, "..."]:
        """The leaf at `path`."""

    @abstractmethod
    def set(self, values: Mapping[str, Any]) -> "Superconductor":
        """A copy with other values at the given paths."""

    @abstractmethod
    def canonical(self, path: str) -> str:
        """The path as it stands in `paths`."""

    @abstractmethod
    def unit(self, path: str) -> str:
        """The unit of the leaf at `path`."""

    @abstractmethod
    def table(self) -> dict[str, Any]:
        """What a file of it holds (`jaxgap.model.systems`)."""

    @property
    @abstractmethod
    def numbers(self) -> dict[str, tuple[Reals, int]]:
        """Leaves, and how many axes they have in one system."""

    @property
    def band_names(self) -> tuple[str, ...]:
        """Names of the bands."""
        return tuple(band.name for band in self.bands)

    @property
    def components(self) -> tuple[str, ...]:
        """What spectra tell apart, by name: the bands; of a lattice the orbitals."""
        return self.band_names

    def normal_density(self, weights: Float[Array, "component"]) -> Float[Array, ""]:
        """What weighted densities of states are divided by: sum_i w_i N_i [unit of N]; 1 of a lattice, whose N(0) may be
        singular: its own are in 1/meV per cell and spin."""
        return self.band_densities @ weights

    def places(self, k: object) -> Float[Array, "k *axis"]:
        """Where spectra are asked for: kappa = hbar^2 k^2 / 2 m_e [meV]; of a lattice k itself. Checked, and an array."""
        check_in_k_space(self.bands, "what is seen at a k")
        kappa = jnp.atleast_1d(jnp.asarray(cast(Reals, k), jnp.float64))
        if is_concrete(kappa):
            values = np.asarray(kappa)
            good = bool(np.all(np.isfinite(values)) and np.all(values >= 0))
            check(good, "kappa", "be finite and not negative [meV]", np.min(values))
        return kappa

    @property
    def beyond(self) -> tuple[Band, ...]:
        """The bands, which are normal outside their shells; a lattice has none."""
        return self.bands

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is doubtful about the numbers, though not wrong: a sentence each. None of a traced or batched system."""
        return ()

    @property
    def has_free_energy(self) -> Bool[Array, "..."]:
        """Whether g is symmetric (detailed balance), so that the gap equations derive from a free energy."""
        return asymmetry(self.g) <= DETAILED_BALANCE_TOLERANCE

    @property
    def linked(self) -> tuple[Cluster, ...]:
        """The clusters of more than one band."""
        return tuple(cluster for cluster in self.clusters if len(cluster.bands) > 1)

    def __repr__(self) -> str:
        return str(self)


class BandSuperconductor(Superconductor):
    """Bands, channels and couplings of one superconductor. Made by `superconductor(...)`, which converts and checks.

    Attributes:
        bands: the bands.
        lam: couplings lambda_cc' between channels (row: the amplitude made; column: the pairs that make it), or g_cc'.
        Omega: half width of the pairing shell [meV]; of bands with a shell of their own, their cutoff.
        cross: cross-paired bands as pairs of indices (static).
        dimension: 2 or 3 (static).
        convention: "mean" or "sum", what N_c of a cross channel is, or "g": N_c = 1 (static; see `jaxgap.model.couplings`).
    """

    bands: tuple[Band, ...]
    lam: Float[Array, "channel channel"]
    Omega: Float[Array, ""]
    cross: tuple[tuple[int, int], ...] = eqx.field(static=True)
    dimension: int = eqx.field(static=True)
    convention: str = eqx.field(static=True)

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels: one per band, then one per cross-paired pair, `alpha:beta`."""
        return channel_names(self.band_names, self.cross)

    @property
    def clusters(self) -> tuple[Cluster, ...]:
        """Bands that cross channels link together, in the order of their first bands."""
        return _clusters(len(self.bands), self.cross)

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
        return found

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

    @property
    def bare(self) -> Superconductor:
        return self if self.convention == BARE else replace(self, lam=self.g, convention=BARE)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is doubtful about the numbers, though not wrong: a sentence each. None of a traced or batched system."""
        if not is_concrete(self) or jnp.ndim(self.Omega) > 0:
            return ()
        said = []
        if (largest := float(np.max(np.abs(self.strengths[0])))) > STRONG:
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
        """The paths of all leaves."""
        lam = (f"{self.coupling_leaf}[{row}, {column}]" for row in self.channels for column in self.channels)
        leaves = dict.fromkeys(leaf for band in self.bands for leaf in band.leaves)
        numbers = (f"{leaf}[{band.name}]" for leaf in leaves for band in self.bands if leaf in band.leaves)
        return (self.range_leaf, *numbers, *lam)

    def canonical(self, path: str) -> str:
        """The path as it stands in `paths`: `lambda_13` and `lam[alpha, beta:alpha]` are `lam[alpha, alpha:beta]`."""
        _where(self, path)
        leaf, index = _parse(self, path)
        if leaf == self.coupling_leaf and index is not None:
            index = ", ".join(canonical_channel(name.strip(), self.channels) for name in index.split(","))
        return leaf if index is None else f"{leaf}[{index}]"

    def get(self, path: str) -> Float[Array, "..."]:
        """The leaf at `path`: `Omega`, `mu[alpha]`, `mass[alpha]` or `lam[alpha, alpha:beta]` (`cutoff`, `g[..]`)."""
        return _where(self, path)[0](self)

    def table(self) -> dict[str, Any]:
        """The arguments of `superconductor`."""
        for band in self.bands:
            known = isinstance(band, ParabolicBand | TabulatedBand)
            check(known, "sc", "have parabolic bands, or tables, to be written as TOML", f"the band {band.name}")
        bands = {band.name: {leaf: float(getattr(band, leaf)) for leaf in band.leaves} for band in self.bands}
        for band in self.bands:
            if isinstance(band, TabulatedBand):
                bands[band.name] |= {leaf: np.asarray(getattr(band, leaf)).tolist() for leaf in ("energy", "density")}
        return {
            self.range_leaf: float(self.Omega),
            "dimension": self.dimension,
            **({} if self.convention == BARE else {"convention": self.convention}),
            "cross": list(self.channels[len(self.bands) :]),
            "channels": list(self.channels),
            self.coupling_leaf: np.asarray(self.lam).tolist(),
            "bands": bands,
        }

    def unit(self, path: str) -> str:
        leaf, _ = _parse(self, self.canonical(path))
        return "1" if leaf == self.coupling_leaf else "electron mass" if leaf == "mass" else "meV"

    def set(self, values: Mapping[str, Any]) -> Superconductor:
        """A copy with other values at the given paths, for example `{"Omega": 40.0, "lam[alpha, beta]": 0.02}`."""
        sc: Superconductor = self
        for path, value in values.items():
            check_finite(path, value)
            sc = _where(self, path)[1](sc, jnp.asarray(value, jnp.float64))
        _check_values(sc)
        return sc

    def __str__(self) -> str:
        couplings = "the interaction g" if self.convention == BARE else f"{self.convention!r} convention"
        lines = [f"Superconductor, {self.dimension}D, {couplings}"]
        if not is_concrete(self) or jnp.ndim(self.Omega) > 0:
            return "\n".join([*lines, f"  channels {', '.join(self.channels)} (batched or traced)"])
        lines += [f"  {self.range_leaf} = {float(self.Omega):g} meV"]
        for band in self.bands:
            lines += [f"  band {band}"]
        width = max(len(name) for name in self.channels)
        lines += ["  g:" if self.convention == BARE else "  lambda:"]
        for name, row in zip(self.channels, np.asarray(self.lam), strict=True):
            lines += [f"    {name:<{width}} " + " ".join(f"{value:>9.5g}" for value in row)]
        return "\n".join(lines)


@own_rules
def superconductor(
    *,
    bands: Sequence[Band] | Mapping[str, Mapping[str, Any]],
    lam: Any = None,
    g: Any = None,
    Omega: Any = None,
    cutoff: Any = None,
    cross: Any = (),
    channels: Any = None,
    dimension: Any = 2,
    convention: Any = None,
) -> Superconductor:
    """A `Superconductor` from numbers: the one place where they are converted and checked.

    Args:
        bands: bands made by `parabolic_band` or `tabulated_band`, or a mapping such as
            `{"alpha": {"mu": 50.0, "mass": 1.0}}`, or with `energy` and `density` for a density of states.
        lam: square matrix of couplings, one row and column per channel.
        g: instead of `lam`, the interaction g_cc' = lambda_cc' / N_c': the couplings of shallow and incipient bands, which no
            density of states at the chemical potential is part of. Then a mu may have either sign.
        Omega: half width of the pairing shell [meV]: channel (i, j) acts where |zeta_i| <= Omega and |zeta_j| <= Omega, and
            where the bands have states.
        cutoff: instead of `Omega`, energies above the bands' bottoms up to which they pair [meV], wherever the chemical
            potential is: a contact interaction (`jaxgap.model.contact`). Of parabolic electron bands, with `g`.
        cross: the cross-paired pairs of bands, `"alpha:beta"` or `("alpha", "beta")`.
        channels: the order of the rows and columns of `lam`, if it is not bands first, then `cross`.
        dimension: 2 or 3.
        convention: of `lam`, "mean" (N_ij = (N_i + N_j)/2, the default) or "sum" (N_ij = N_i + N_j).

    Raises:
        InputError: one sentence that names the argument, what it must be, and the value it had.
    """
    # === convert
    require_float64()
    bands = tuple(bands) if not isinstance(bands, Mapping) else tuple(_band(n, b) for n, b in bands.items())
    names = [band.name for band in bands]
    check(isinstance(cross, list | tuple), "cross", 'be a list of pairs such as ["alpha:beta"]', repr(cross))
    check(channels is None or isinstance(channels, list | tuple), "channels", "be a list of channel names", repr(channels))
    pairs = tuple(_pair(entry, names) for entry in cross)
    order = channel_names(names, pairs)
    coupling, lam = _either(("lam", lam), ("g", g))
    width, Omega = _either(("Omega", Omega), ("cutoff", cutoff))
    lam, Omega = jnp.asarray(_numbers(coupling, lam)), jnp.asarray(_numbers(width, Omega))
    check(Omega.shape == (), width, "be one number [meV]", f"shape {Omega.shape}")
    check(convention is None or coupling == "lam", "convention", "be left out where couplings are `g`", repr(convention))
    check(width == "Omega" or coupling == "g", "cutoff", "come with couplings `g`", "`lam`")
    convention = BARE if coupling == "g" else "mean" if convention is None else convention

    # === check
    check(len(bands) > 0, "bands", "name at least one band", "none")
    check(len(set(names)) == len(names), "bands", "have different names", names)
    check(len({frozenset(p) for p in pairs}) == len(pairs), "cross", "name each pair of bands once", list(cross))
    for i, j in pairs:
        check_in_k_space((bands[i], bands[j]), "a cross channel, which pairs electrons of both bands at one k")
    check(dimension in (2, 3), "dimension", "be 2 or 3", repr(dimension))
    check(convention in (*CONVENTIONS, *[BARE] * (coupling == "g")), "convention", 'be "mean" or "sum"', repr(convention))
    if width == "cutoff":
        bands = tuple(_with_cutoff(band) for band in bands)
    n = len(order)
    shape = f"be a {n} x {n} matrix, one row and column per channel ({', '.join(order)})"
    check(lam.shape == (n, n), coupling, shape, f"shape {lam.shape}")
    if channels is not None:
        lam = _reordered(lam, list(channels), order)
    sc = BandSuperconductor(bands=bands, lam=lam, Omega=Omega, cross=pairs, dimension=dimension, convention=convention)
    _check_values(sc)
    return sc


@own_rules
def symmetrised(sc: Superconductor) -> Superconductor:
    """ANOTHER system: the one whose interaction is the symmetric part (g + g^T)/2 of this one's, which has a free energy.

    It is not an approximation to the asymmetric one: the s+- branch of Ba0.6K0.4Fe2As2 ends in a fold at 35 K, that of its
    symmetrised system turns into s++ at 42 K, where one band's amplitude goes through zero.
    """
    check_one_system(sc, "symmetrised")
    g = sc.g
    return eqx.tree_at(lambda s: s.lam, sc, (g + g.T) / 2 * sc.N[None, :])


def check_one_system(sc: object, function: str, name: str = "sc") -> None:
    """Raise `InputError` unless `sc` is one system of float64 numbers; the remedy is jax.vmap(`function`)."""
    check(isinstance(sc, Superconductor), name, "be a Superconductor", type(sc).__name__)
    assert isinstance(sc, Superconductor)
    for path, (number, dimensions) in sc.numbers.items():
        leaf = cast(Array, number)
        if np.ndim(leaf) != dimensions:
            raise InputError(
                f"Argument `{name}` must be one system (for a batch of them: jax.vmap({function})), but got {path} of shape "
                f"{np.shape(leaf)}."
            )
        kind = jnp.result_type(leaf)
        check(kind == np.float64, name, "have float64 numbers", f"{path} of type {kind}")


def _check_values(sc: Superconductor) -> None:
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


def _either(one: tuple[str, Any], other: tuple[str, Any]) -> tuple[str, Any]:
    """Which of two arguments is given, with its value."""
    given = [(name, value) for name, value in (one, other) if value is not None]
    names = f"`{one[0]}` or `{other[0]}`"
    check(len(given) > 0, one[0], f"be given ({names})", "neither")
    check(len(given) < 2, one[0], f"be given alone ({names})", "both")
    return given[0]


def _with_cutoff(band: Band) -> Band:
    check(isinstance(band, ParabolicBand), f"bands.{band.name}", "be parabolic for a cutoff", type(band).__name__)
    assert isinstance(band, ParabolicBand)
    return ContactBand(mass=band.mass, mu=band.mu, name=band.name)


def _numbers(name: str, value: Any) -> Any:
    """`value` as float64, or one sentence if it is no array of numbers."""
    if (
        is_concrete(value)
        and np.asarray(value, dtype=object).size
        and any(isinstance(x, bool | str) for x in np.asarray(value, dtype=object).ravel())
    ):
        raise InputError(f"Argument `{name}` must hold numbers, but got {value!r}.")
    try:
        return jnp.asarray(value, jnp.float64) if not is_concrete(value) else np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise InputError(f"Argument `{name}` must hold numbers in a regular array, but got {value!r}.") from None


def _band(name: str, values: Any) -> Band:
    """A band from a table with mu and mass, or with mu and a density of states."""
    check(isinstance(values, Mapping), f"bands.{name}", "be a table with mu and mass", repr(values))
    by_states = "energy" in values or "density" in values
    known = ("energy", "density", "mu") if by_states else ("mu", "mass")
    unknown = sorted(set(values) - set(known))
    check(not unknown, f"bands.{name}", f"have only the keys {', '.join(known[:-1])} and {known[-1]}", unknown)
    for key in known if by_states else ("mu",):
        check(key in values, f"bands.{name}", f"have the key {key}", sorted(values))
    numbers = {key: _numbers(f"{key}[{name}]", value) for key, value in values.items()}
    return (tabulated_band if by_states else parabolic_band)(name, **numbers)


def _pair(entry: Any, names: list[str]) -> tuple[int, int]:
    """Indices of the two bands of a cross channel."""
    check(isinstance(entry, str | tuple | list), "cross", "name pairs of bands such as `alpha:beta`", repr(entry))
    pair = entry.split(":") if isinstance(entry, str) else list(entry)
    check(len(pair) == 2, "cross", "name pairs of bands such as `alpha:beta`", repr(entry))
    for name in pair:
        check(name in names, "cross", f"name bands of the system ({', '.join(names)})", f"`{name}` in {entry!r}")
    check(pair[0] != pair[1], "cross", "pair two different bands", repr(entry))
    return names.index(pair[0]), names.index(pair[1])


def _reordered(
    lam: Float[Array, "channel channel"], given: list[str], order: tuple[str, ...]
) -> Float[Array, "channel channel"]:
    names = [canonical_channel(name, order) for name in given]
    check(sorted(names) == sorted(order), "channels", f"name each of {list(order)} once", given)
    index = np.array([names.index(name) for name in order])
    return lam[index][:, index]


def _clusters(n: int, cross: tuple[tuple[int, int], ...]) -> tuple[Cluster, ...]:
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
        f"Unknown path `{path}`: the paths of this system are `{width}`, {_of_bands(sc)} and `{coupling}[channel, channel]` "
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
