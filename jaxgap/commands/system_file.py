"""The keys of a system.toml, for its JSON schema and its page of reference (docs/reference/system_toml.md).

What is refused, and why, is said where the file is read (`jaxgap.model.systems`, `lattice_tables`, `interaction_tables`); that
this list has all keys that those accept, and no other, is tested (`tests/commands/test_file_pages.py`).
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["SystemFile"]

Numbers = list[float]
Rows = list[list[float]]
Rs = list[list[int]]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class BandTable(_Table):
    """A band: parabolic, or by its dispersion (`dispersion`, or `kappa` and `energy`), or known by its density of states alone
    (`dos`, or `energy` and `density`), which pairs by itself."""

    mu: float
    """Chemical potential from the band's edge [meV], of the sign of the mass unless the band is incipient; of a band with a
    density of states or a dispersion, on the axis of its energies."""
    mass: float = 1.0
    """Effective mass [electron masses]; negative, with a negative mu, for a hole band."""
    dos: str | None = None
    """File beside this one with two columns: energy [meV], and states of one spin (any unit, the same for all bands)."""
    energy: Numbers | None = None
    """Instead of `dos`: the energies [meV], rising; with `kappa`, those of the dispersion."""
    density: Numbers | None = None
    """Instead of `dos`: the states of one spin at these energies, >= 0."""
    dispersion: str | None = None
    """File beside this one with two columns: kappa = hbar^2 k^2 / 2 m_e from 0 on, and energy [meV], rising or falling."""
    kappa: Numbers | None = None
    """Instead of `dispersion`: kappa [meV], rising from 0, at least six."""
    scale: float = 1.0
    """What the energies of a dispersion are multiplied by."""


class _SpectrumTable(_Table):
    modes: float | Numbers | None = None
    """Energies of single modes [meV]."""
    weights: Numbers | None = None
    """Shares of the modes in lambda; equal, if they are not given."""
    omega: Numbers | None = None
    """Energies of a spectrum [meV], rising."""
    alpha2F: Numbers | None = None
    """The Eliashberg function at these energies, without unit, >= 0."""
    file: str | None = None
    """File with alpha^2F beside this one (`jaxgap.model.eliashberg_files`: EPW, Quantum ESPRESSO, plain columns)."""
    unit: Literal["meV", "eV", "THz", "cm-1", "K", "Ry", "Ha"] | None = None
    """Of the frequencies in the file, where it does not say it."""
    column: int = 2
    """Of alpha^2F in the file, counted from 1."""


class SpectrumTable(_SpectrumTable):
    """One of several spectra of a retarded interaction: `modes`, or `omega` and `alpha2F`, or a file."""

    pairs: list[str]
    """The pairs of channels that it is of, such as "sigma, pi"; a pair counts in both orders unless each is given."""


class InteractionTable(_SpectrumTable):
    """What attracts electrons, where it is no shell `Omega`: a spectrum of phonons with its Coulomb repulsion, or a cutoff in
    Matsubara frequencies. The spectrum is `modes`, or `omega` and `alpha2F`, or a file, or [[interaction.spectra]]."""

    kind: Literal["retarded", "Matsubara cutoff"]
    """"retarded": Eliashberg's equations; "Matsubara cutoff": a constant interaction up to `omega_c`, its only other key."""
    spectra: list[SpectrumTable] | None = None
    """Instead of one spectrum for all channels, several."""
    mu_star: float | Rows | None = None
    """Coulomb pseudopotential at `omega_c`, without unit: a matrix like lam."""
    omega_c: float | None = None
    """The energy that mu_star is at, or that of a Matsubara cutoff [meV]."""
    odd: float = 0.0
    """How strongly the odd-frequency part of cross pairs is fed, V_a / V_33, between -1 and 1."""
    frequencies: int | None = None
    """Matsubara frequencies, 16 or more; chosen by the temperature, if it is not given."""


class DisorderTable(_Table):
    """Impurities of one kind, between bands whose interaction is one of `interaction`: a potential, a spin, or both."""

    density: Annotated[float, Field(ge=0)]
    """Their number in an area of 478.8 nm^2: rates are pi density N u^2 [meV]."""
    u: float | Rows | None = None
    """Potential between bands [meV], symmetric."""
    J: float | Rows | None = None
    """The same of a classical spin."""
    kind: Literal["Born", "T-matrix"] = "Born"
    """"Born": scattered twice by every impurity, no more; "T-matrix": any number of times."""


class ChannelTable(_Table):
    """A pairing channel of a lattice."""

    orbitals: str | int | list[str | int]
    """The orbital, or the two, that pair."""
    form: Literal["s", "extended s", "s_x2y2", "d_x2-y2", "d_xy"] = "s"
    """phi(k) (`jaxgap.model.forms`); none is normalised."""


class HoppingTable(_Table):
    """A hopping: factor * parameter between two orbitals, in every cell at R and -R."""

    parameter: str
    """Which of `parameters` it is."""
    R: Rs
    """Lattice vectors, in units of the lattice's own."""
    factor: float = 1.0
    """Of the parameter: -1 for the sign of h = -t."""
    orbitals: str | int | list[str | int] = 0
    """The orbital, or (from, to)."""


class MatricesTable(_Table):
    """Hoppings as matrices between orbitals, one for each lattice vector, as `jaxgap show` writes a Wannier90 Hamiltonian."""

    R: Rs
    """Lattice vectors."""
    real: list[Rows]
    """Real parts [meV], one matrix for every R."""
    imag: list[Rows]
    """Imaginary parts [meV]."""


class CutoffTable(_Table):
    """A smooth cutoff in the energies of bands."""

    Omega: float
    """Half width [meV]."""
    width: float
    """Energy over which it falls [meV]."""


class LatticeTable(_Table):
    """Orbitals on a lattice: the only table of its file. Its Hamiltonian is `parameters` and `hoppings`, or `hr`, or
    `matrices`."""

    channels: dict[str, ChannelTable]
    """Name -> pairing channel, in the order of g."""
    g: Rows
    """Couplings between the channels [meV], positive for attraction."""
    parameters: dict[str, float] | None = None
    """Name -> value of a hopping or an energy [meV]: the leaves to fit and to sweep."""
    hoppings: list[HoppingTable] | None = None
    """What the parameters do."""
    hr: str | None = None
    """File of Wannier90 beside this one, seedname_hr.dat [eV]."""
    matrices: MatricesTable | None = None
    """The Hamiltonian as numbers."""
    mu: float = 0.0
    """Chemical potential [meV]."""
    density: float | None = None
    """Electrons of both spins per cell, instead of mu."""
    dimension: Literal[2, 3] = 2
    """Of the lattice."""
    orbitals: list[str] | None = None
    """Names of the orbitals; a, b, c, ... if they are not given."""
    mesh: int | Literal["auto"] = "auto"
    """Nodes per direction, an even number, or "auto": as many as the tolerance needs."""
    tolerance: Annotated[float, Field(ge=1e-12, lt=1)] = 1e-8
    """Relative error of amplitudes that a solve promises."""
    cutoff: CutoffTable | None = None
    """None, if it is not given: pairing acts at all energies."""


class SystemFile(_Table):
    """system.toml: bands (then `bands`, couplings and a cutoff are needed), or a lattice (then nothing else)."""

    bands: dict[str, BandTable] | None = None
    """Name -> band, in the order of the rows and columns of lam."""
    lam: Rows | None = None
    """Dimensionless couplings lambda_cc' = g_cc' N_c', positive for attraction: a row and a column for every channel, bands
    first, then `cross`. May be left out where spectra of the interaction say them."""
    g: Rows | None = None
    """Instead of `lam`: the interaction g_cc' = lambda_cc' / N_c', for shallow and incipient bands."""
    Omega: float | None = None
    """Half width of the pairing shell |zeta| <= Omega [meV]."""
    cutoff: float | None = None
    """Instead of `Omega`, with `g`: energy above the bands' bottoms up to which they pair [meV], a contact interaction."""
    interaction: InteractionTable | None = None
    """Instead of `Omega`: what attracts by phonons, or up to a Matsubara frequency."""
    disorder: DisorderTable | list[DisorderTable] | None = None
    """Impurities, of one kind or of several ([[disorder]]); with `interaction` only."""
    cross: list[str] = []
    """Pairs of bands with cross-band pairing, such as "alpha:beta": each is one more channel."""
    channels: list[str] | None = None
    """The order of the rows and columns of lam, if it is not bands first, then `cross`."""
    convention: Literal["mean", "sum"] = "mean"
    """Density of states that a cross channel's lambda counts: (N_i + N_j)/2, or N_i + N_j."""
    dimension: Literal[2, 3] = 2
    """Of the bands."""
    density: float | None = None
    """Electrons at every temperature instead of a fixed mu, in the unit of `jaxgap.at_density`; the mus are then offsets."""
    lattice: LatticeTable | None = None
    """Orbitals on a lattice, instead of bands."""
