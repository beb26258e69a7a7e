"""`Superconductor`: what gap equations need to know of one. The input of everything.

It is an immutable pytree. Its leaves (masses, mus, lam, Omega) are what one differentiates, batches and fits; its
structure (number and names of the bands, which pairs are cross-paired, dimension, convention) is static. So
`jax.grad(lambda s: excitation_gaps(solve(s, T=10.0))[0])(sc)` is a `Superconductor` of sensitivities, `jax.vmap` over a
batch of them is a sweep, and a fit parameter is a path into it, such as `lam[alpha, alpha:beta]` or `mu[beta]`.

Of bands it is a `BandSuperconductor` (`jaxgap.model.band_superconductor`), of orbitals on a lattice a `Lattice`.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxgap.model.band import Band, check_in_k_space
from jaxgap.model.couplings import asymmetry
from jaxgap.numerics.checks import InputError, check, is_concrete, must
from jaxgap.numerics.types import Reals

__all__ = [
    "PROMISED",
    "Cluster",
    "Superconductor",
    "check_known_mu",
    "check_clean",
    "check_one_system",
    "check_static",
    "retarded_refused",
]

DETAILED_BALANCE_TOLERANCE = 1e-10
"""g counts as symmetric when |g - g^T| <= 1e-10 |g|: far above rounding, far below any printed coupling's last digit."""
PROMISED = 1e-9
"""Relative error of amplitudes that `solve` promises, unless the conditioning forbids."""


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
    density: eqx.AbstractVar[Float[Array, ""] | None]
    """Electrons that it has at every temperature, in the unit of `jaxgap.at_density`: mu is then found with the amplitudes.
    None: it has the mu that it is given."""

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
    @abstractmethod
    def coupling_leaf(self) -> str:
        """What `lam` is called in paths: `lam`, or `g`."""

    @property
    def strengths(self) -> tuple[Float[Array, "channel channel"], Float[Array, "channel"]]:
        """(lambda_cc' as weak coupling has them, the N_c that they are with)."""
        return self.lam, self.N

    @abstractmethod
    def shifted(self, energy: Float[Array, ""]) -> "Superconductor":
        """The same with the chemical potential higher by an energy [meV]."""

    @abstractmethod
    def check_density(self, density: object) -> None:
        """Raise `InputError` unless it can have so many electrons; skipped for what JAX traces."""

    @property
    def density_paths(self) -> tuple[str, ...]:
        """The path of the density, if it has one."""
        return () if self.density is None else ("density",)

    @property
    def is_retarded(self) -> bool:
        """Whether amplitudes depend on the frequency, so that a state is a self-energy: what knows static ones refuses it."""
        return False

    @property
    def is_dressed(self) -> bool:
        """Whether there are impurities and the interaction is instantaneous: a state is then what they make of an order
        parameter, at all energies (`jaxgap.solving.dressed`), and T_c has a closed form (`selfenergy.pair_breaking`)."""
        return False

    @property
    def is_disordered(self) -> bool:
        """Whether there are impurities (`jaxgap.model.disorder`), which a clean state's formulas don't know."""
        return False

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
    def mus(self) -> Float[Array, "mu"]:
        """Chemical potentials [meV]: of every band, or that of a lattice."""

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

    @property
    def code(self) -> tuple[Callable[..., object], ...]:
        """Functions of Python that are part of it: no file holds these."""
        return ()

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
    def meshed(self) -> bool:
        """Whether sums over its k are over a mesh that a solve refines by itself; of bands they are by quadrature."""
        return False

    @property
    def fineness(self) -> Float[Array, "..."]:
        """How far the mesh has been refined; 1 without one."""
        return jnp.ones(jnp.shape(self.lam)[:-2])

    def as_fine(self, fineness: Float[Array, "..."]) -> "Superconductor":
        """The same on a mesh that has been refined so far; itself without one."""
        del fineness
        return self

    def on_share(self, share: float) -> "Superconductor":
        """The same on a mesh of such a share of the nodes per direction; itself without one."""
        del share
        return self

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


def check_static(sc: "Superconductor", name: str = "sc") -> None:
    """Raise `InputError` if the interaction is a retarded one."""
    if sc.is_retarded:
        raise InputError(retarded_refused(name))


def retarded_refused(name: str) -> str:
    """The sentence of what does not know retarded interactions."""
    return must(
        name,
        "have a static interaction for this (`solve`, `solutions`, `critical_temperature`, sweeps and fits know retarded ones)",
        "a retarded one",
    )


def check_clean(sc: "Superconductor", name: str = "sc") -> None:
    """Raise `InputError` if there are impurities: what does not know them must not answer as if there were none."""
    wanted = "have no disorder for this (`critical_temperature`, `solve`, spectra, heat and superfluid density know it)"
    check(not sc.is_disordered, name, wanted, "a system with disorder")


def check_one_system(sc: object, function: str, name: str = "sc", retarded: bool = False) -> None:
    """Raise `InputError` unless `sc` is one system of float64 numbers; the remedy is jax.vmap(`function`). One with a
    `retarded` interaction is refused by whoever doesn't say that it knows them."""
    check(isinstance(sc, Superconductor), name, "be a Superconductor", type(sc).__name__)
    assert isinstance(sc, Superconductor)
    if not retarded:
        check_static(sc, name)
    for path, (number, dimensions) in sc.numbers.items():
        leaf = cast(Array, number)
        if np.ndim(leaf) != dimensions:
            raise InputError(
                f"Argument `{name}` must be one system (for a batch of them: jax.vmap({function})), but got {path} of shape "
                f"{np.shape(leaf)}."
            )
        kind = jnp.result_type(leaf)
        check(kind == np.float64, name, "have float64 numbers", f"{path} of type {kind}")


def check_known_mu(sc: Superconductor, name: str = "sc") -> None:
    """Raise `InputError` if the system has a density: what is asked is of one chemical potential."""
    given = (
        f"density = {float(np.asarray(sc.density)):g}" if is_concrete(sc.density) and sc.density is not None else "a density"
    )
    check(sc.density is None, name, "have a chemical potential of its own (`jaxgap.at_density(sc, T)` finds it)", given)
