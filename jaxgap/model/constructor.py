r"""`superconductor`: numbers as a user has them become a `BandSuperconductor`, here converted and checked, and nowhere else.

.. math:: \Delta_c = \sum_{c'} \lambda_{cc'} \, P_{c'} / N_{c'}, \qquad \lambda_{cc'} = g_{cc'} N_{c'}, \qquad
          \zeta_i(k) = \frac{\hbar^2 k^2}{2 m_i} - \mu_i \;\text{(parabolic)}
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.model.band import Band, check_in_k_space
from jaxgap.model.band_superconductor import BandSuperconductor, check_values
from jaxgap.model.couplings import BARE, CONVENTIONS, canonical_channel, channel_names
from jaxgap.model.disorder import SHELL_BREAKS_ANDERSON, Disorder, disorder_of
from jaxgap.model.interaction import Interaction, MatsubaraCutoff, Retarded, Shell, Spectrum, lambda_of, spectrum_of
from jaxgap.model.parabolic import ContactBand, ParabolicBand, parabolic_band
from jaxgap.model.radial import radial_band
from jaxgap.model.retarded import RetardedSuperconductor
from jaxgap.model.superconductor import Superconductor, check_one_system
from jaxgap.model.tabulated import tabulated_band
from jaxgap.numerics.checks import InputError, check, is_concrete
from jaxgap.numerics.precision import own_rules, require_float64

__all__ = ["superconductor", "symmetrised"]


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
    density: Any = None,
    interaction: Interaction | None = None,
    disorder: object = None,
) -> Superconductor:
    """A `Superconductor` from numbers: the one place where they are converted and checked.

    Args:
        bands: bands made by `parabolic_band`, `radial_band` or `tabulated_band`, or a mapping such as
            `{"alpha": {"mu": 50.0, "mass": 1.0}}`, or with `kappa` and `energy` for a dispersion, or with `energy` and
            `density` for a density of states.
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
        density: electrons that there are at every temperature, in the unit of `jaxgap.at_density`, instead of a mu: the mus of
            bands are then offsets from each other. Couplings `lam` count at the mus given.
        interaction: instead of `Omega`, what else electrons attract each other by: a `MatsubaraCutoff`, or a `Retarded` one, by
            phonons, whose spectra may say `lam` (`jaxgap.model.interaction`).
        disorder: impurities, a `Disorder` or a list of several kinds (`jaxgap.model.disorder`), with a `MatsubaraCutoff` or a
            `Retarded` interaction.

    Raises:
        InputError: one sentence that names the argument, what it must be, and the value it had.

    Example:
        >>> bands = {"alpha": {"mu": 50.0}, "beta": {"mu": 60.0}}
        >>> sc = jg.superconductor(bands=bands, lam=[[0.4, 0.05], [0.05, 0.3]], Omega=30.0)
        >>> sc.channels
        ('alpha', 'beta')
        >>> round(float(jg.critical_temperature(sc)), 2)
        36.65
    """
    # === convert
    require_float64()
    bands = tuple(bands) if not isinstance(bands, Mapping) else tuple(_band(n, b) for n, b in bands.items())
    names = [band.name for band in bands]
    check(isinstance(cross, list | tuple), "cross", 'be a list of pairs such as ["alpha:beta"]', repr(cross))
    check(channels is None or isinstance(channels, list | tuple), "channels", "be a list of channel names", repr(channels))
    pairs = tuple(_pair(entry, names) for entry in cross)
    order = channel_names(names, pairs)
    if isinstance(interaction, Shell):
        Omega = _either(("Omega", Omega), ("interaction", interaction.Omega))[1]
    elif interaction is not None:
        for name, value in (("Omega", Omega), ("cutoff", cutoff), ("g", g), ("density", density)):
            check(value is None, name, "be left out with such an `interaction`", repr(value))
        lam = _couplings(lam, interaction, order)
        impurities = disorder_of(disorder, tuple(names))
        return _retarded(bands, lam, interaction, pairs, channels, dimension, convention or "mean", impurities)
    check(disorder is None, "disorder", SHELL_BREAKS_ANDERSON, "it with a shell")
    coupling, lam = _either(("lam", lam), ("g", g))
    width, Omega = _either(("Omega", Omega), ("cutoff", cutoff))
    lam, Omega = jnp.asarray(_numbers(coupling, lam)), jnp.asarray(_numbers(width, Omega))
    check(Omega.shape == (), width, "be one number [meV]", f"shape {Omega.shape}")
    check(convention is None or coupling == "lam", "convention", "be left out where couplings are `g`", repr(convention))
    check(width == "Omega" or coupling == "g", "cutoff", "come with couplings `g`", "`lam`")
    convention = BARE if coupling == "g" else "mean" if convention is None else convention

    # === check
    _check_bands(bands, pairs, dimension)
    check(convention in (*CONVENTIONS, *[BARE] * (coupling == "g")), "convention", 'be "mean" or "sum"', repr(convention))
    if width == "cutoff":
        bands = tuple(_with_cutoff(band) for band in bands)
    lam = _matrix(coupling, lam, channels, order)
    if density is not None:
        density = jnp.asarray(_numbers("density", density))
        check(density.shape == (), "density", "be one number", f"shape {density.shape}")
    sc = BandSuperconductor(
        bands=bands, lam=lam, Omega=Omega, cross=pairs, dimension=dimension, convention=convention, density=density
    )
    check_values(sc)
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


def _check_bands(bands: tuple[Band, ...], pairs: tuple[tuple[int, int], ...], dimension: Any) -> None:
    names = [band.name for band in bands]
    check(len(bands) > 0, "bands", "name at least one band", "none")
    check(len(set(names)) == len(names), "bands", "have different names", names)
    cross = [f"{names[i]}:{names[j]}" for i, j in pairs]
    check(len({frozenset(p) for p in pairs}) == len(pairs), "cross", "name each pair of bands once", cross)
    for i, j in pairs:
        check_in_k_space((bands[i], bands[j]), "a cross channel, which pairs electrons of both bands at one k")
    check(dimension in (2, 3), "dimension", "be 2 or 3", repr(dimension))


def _matrix(name: str, lam: Any, channels: Any, order: tuple[str, ...]) -> Float[Array, "channel channel"]:
    """A matrix between channels, given in the order `channels`, in jaxgap's."""
    n = len(order)
    shape = f"be a {n} x {n} matrix, one row and column per channel ({', '.join(order)})"
    check(lam.shape == (n, n), name, shape, f"shape {lam.shape}")
    return lam if channels is None else _reordered(lam, list(channels), order)


# --- a retarded interaction ---------------------------------------------------------------------------------------------


def _retarded(
    bands: tuple[Band, ...],
    lam: Any,
    interaction: Interaction,
    cross: tuple[tuple[int, int], ...],
    channels: Any,
    dimension: Any,
    convention: Any,
    disorder: tuple[Disorder, ...],
) -> RetardedSuperconductor:
    """The superconductor of an interaction that is no shell."""
    assert isinstance(interaction, MatsubaraCutoff | Retarded)
    _check_bands(bands, cross, dimension)
    check(convention in CONVENTIONS, "convention", 'be "mean" or "sum"', repr(convention))
    order = channel_names([band.name for band in bands], cross)
    phonons = interaction if isinstance(interaction, Retarded) else Retarded(())
    spectra, which = _spectra(phonons.spectrum, order) if isinstance(interaction, Retarded) else ((), ())
    together = "come with `omega_c`, the energy that it is at, and without it be left out"
    if isinstance(interaction, Retarded):
        check((phonons.mu_star is None) == (phonons.omega_c is None), "mu_star", together, _as_given(phonons))
    mu_star = None if phonons.mu_star is None else jnp.atleast_2d(jnp.asarray(_numbers("mu_star", phonons.mu_star)))
    N = phonons.frequencies
    check(N is None or (isinstance(N, int) and N >= 16), "frequencies", "be a whole number from 16 on", repr(N))
    sc = RetardedSuperconductor(
        bands=bands,
        lam=_matrix("lam", lam, channels, order),
        mu_star=None if mu_star is None else _matrix("mu_star", mu_star, channels, order),
        omega_c=None if interaction.omega_c is None else _one_number("omega_c", interaction.omega_c),
        odd=_one_number("odd", phonons.odd),
        spectra=spectra,
        which=which,
        frequencies=N,
        cross=cross,
        dimension=dimension,
        convention=convention,
        density=None,
        disorder=disorder,
    )
    sc.check()
    return sc


def _as_given(phonons: Retarded) -> str:
    return "`mu_star` alone" if phonons.omega_c is None else "`omega_c` alone"


def _one_number(name: str, value: Any) -> Float[Array, ""]:
    number = jnp.asarray(_numbers(name, value))
    check(number.shape == (), name, "be one number", f"shape {number.shape}")
    return number


def _couplings(lam: Any, interaction: Interaction, order: tuple[str, ...]) -> Any:
    """lam; if it is left out, what the spectra say."""
    if lam is not None:
        return jnp.atleast_2d(jnp.asarray(_numbers("lam", lam)))
    check(isinstance(interaction, Retarded), "lam", "be given", "None")
    assert isinstance(interaction, Retarded)
    spectra, which = _spectra(interaction.spectrum, order)
    said = [lambda_of(spectrum) for spectrum in spectra]
    same = len(order) > 1 and len(spectra) == 1
    known = not same and all(one is not None for one in said)
    check(known, "lam", "be given unless every pair of channels has a spectrum that says it", "None")
    return jnp.stack([one for one in said if one is not None])[np.array(which)]


def _spectra(given: Any, order: tuple[str, ...]) -> tuple[tuple[Spectrum, ...], tuple[tuple[int, ...], ...]]:
    """The spectra that there are, and which of them every pair of channels has."""
    n = len(order)
    if not isinstance(given, Mapping):
        return (spectrum_of(given, "spectrum"),), ((0,) * n,) * n
    found = {}
    for k, pair in enumerate(given):
        names = pair.split(",") if isinstance(pair, str) else []
        check(len(names) == 2, "spectrum", 'have pairs of channels such as "sigma, pi" as keys', repr(pair))
        found[tuple(order.index(canonical_channel(name.strip(), order)) for name in names)] = k
    which = [[found.get((i, j), found.get((j, i), -1)) for j in range(n)] for i in range(n)]
    missing = [f"{order[i]}, {order[j]}" for i in range(n) for j in range(n) if which[i][j] < 0]
    check(not missing, "spectrum", "have an entry for every pair of channels", f"none for `{(missing or [''])[0]}`")
    spectra = tuple(spectrum_of(one, f"spectrum[{pair}]") for pair, one in given.items())
    return spectra, tuple(map(tuple, which))


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
    """A band from a table with mu and mass, with mu and a density of states, or with mu and a dispersion."""
    check(isinstance(values, Mapping), f"bands.{name}", "be a table with mu and mass", repr(values))
    make, needed, other = _kind(values)
    known = (*needed, *other)
    unknown = sorted(set(values) - set(known))
    check(not unknown, f"bands.{name}", f"have only the keys {', '.join(known[:-1])} and {known[-1]}", unknown)
    for key in needed:
        check(key in values, f"bands.{name}", f"have the key {key}", sorted(values))
    numbers = {key: _numbers(f"{key}[{name}]", value) for key, value in values.items()}
    return make(name, **numbers)


def _kind(values: Mapping[str, Any]) -> tuple[Callable[..., Band], tuple[str, ...], tuple[str, ...]]:
    """(What makes such a band, the keys it needs, the others that it may have.)"""
    if "kappa" in values:
        return radial_band, ("kappa", "energy", "mu"), ("scale",)
    if "energy" in values or "density" in values:
        return tabulated_band, ("energy", "density", "mu"), ()
    return parabolic_band, ("mu",), ("mass",)


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
