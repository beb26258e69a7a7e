"""`RetardedSuperconductor`: bands whose electrons attract each other with a delay, or up to a Matsubara frequency.

It is a class beside `BandSuperconductor`, not a switch in it: whoever works with amplitudes inside shells asks for `Omega`,
which this does not have and refuses with a sentence; so no function of a static interaction can answer for a retarded one by
oversight, and none of them has to ask which it is.

Its leaves have paths: `lam[sigma, pi]`, `mu_star[sigma, pi]`, `omega_c`, `odd`, `mode[0]` (the frequency of a mode, of one
spectrum for all channels), and of bands `mu[sigma]`, `mass[sigma]`; with impurities (`jaxgap.model.disorder`)
`disorder.density`, `disorder.u[sigma, pi]` and `disorder.J[sigma, pi]`, of several kinds `disorder[0].density` and so on.
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
from jaxgap.model.band_superconductor import bands_table, linked_bands
from jaxgap.model.couplings import canonical_channel, channel_densities, channel_names
from jaxgap.model.disorder import Disorder, Place, check_disorder, disorder_tables, place_of, places
from jaxgap.model.interaction import Interaction, MatsubaraCutoff, Modes, Retarded, Spectrum, form_of
from jaxgap.model.interaction_tables import interaction_table
from jaxgap.model.parabolic import ParabolicBand
from jaxgap.model.superconductor import Cluster, Superconductor, retarded_refused
from jaxgap.numerics.checks import InputError, check, check_finite, is_concrete
from jaxgap.numerics.types import Reals

__all__ = ["FREQUENCIES", "REACH", "RetardedSuperconductor"]

FREQUENCIES = 512
"""How many Matsubara frequencies there are where neither the user nor the numbers say it."""
REACH = 100.0
"""omega_N in units of the highest phonon: what is beyond changes amplitudes by 2e-4 mu*, and by 2e-8 without mu*."""
PROMISED = 1e-3
"""With so many frequencies as are taken by themselves 1e-4 of mu* is not reached; `quadrature_error` says what is."""
SMALL = 1e-7

Leaf = Shaped[Array, "..."]
Access = tuple[Callable[["RetardedSuperconductor"], Leaf], Callable[["RetardedSuperconductor", Leaf], "RetardedSuperconductor"]]


class RetardedSuperconductor(Superconductor):
    """Bands, couplings and a retarded interaction. Made by `superconductor(..., interaction=...)`, which converts and checks.

    Attributes:
        bands: the bands; of their masses and mus only differences count, and N_i(0) = |m_i| in 2D: bands have no edges here.
        lam: couplings lambda_cc' (row: the amplitude made; column: the pairs that make it), which contain N_c'.
        mu_star: repulsions mu*_cc' at omega_c, or None.
        omega_c: energy up to which what is instantaneous acts [meV]; None where nothing is.
        odd: V_a / V_33 of the odd-frequency part of cross pairs.
        spectra: the spectra that occur; none: `lam` is instantaneous itself (`MatsubaraCutoff`).
        which: the index of the spectrum of every pair of channels (static).
        frequencies: how many Matsubara frequencies there are, or None (static).
        cross, dimension, convention: as of a `BandSuperconductor` (static).
        disorder: kinds of impurities; none: a clean system.
    """

    bands: tuple[Band, ...]
    lam: Float[Array, "channel channel"]
    mu_star: Float[Array, "channel channel"] | None
    omega_c: Float[Array, ""] | None
    odd: Float[Array, ""]
    spectra: tuple[Spectrum, ...]
    which: tuple[tuple[int, ...], ...] = eqx.field(static=True)
    frequencies: int | None = eqx.field(static=True)
    cross: tuple[tuple[int, int], ...] = eqx.field(static=True)
    dimension: int = eqx.field(static=True)
    convention: str = eqx.field(static=True)
    density: None
    """Its bands have no edges, hence no density."""
    disorder: tuple[Disorder, ...] = ()

    # --- what a superconductor is -------------------------------------------------------------------------------------------

    @property
    def interaction(self) -> Interaction:
        """What it was made of."""
        if not self.spectra:
            return MatsubaraCutoff(cast(Reals, self.omega_c))
        pairs = {
            f"{row}, {column}": self.spectra[self.which[i][j]]
            for i, row in enumerate(self.channels)
            for j, column in enumerate(self.channels)
        }
        spectrum = self.spectra[0] if len(self.spectra) == 1 else pairs
        return Retarded(spectrum, self.mu_star, self.omega_c, self.odd, self.frequencies)

    @property
    def is_retarded(self) -> bool:
        return True

    @property
    def is_dressed(self) -> bool:
        return self.is_disordered and not self.spectra

    @property
    def is_disordered(self) -> bool:
        return len(self.disorder) > 0

    @property
    def Omega(self) -> Float[Array, ""]:
        raise InputError(retarded_refused("sc"))

    def check_density(self, density: object) -> None:
        check(False, "density", "be left out of a retarded interaction, whose bands have no edges", density)

    @property
    def channels(self) -> tuple[str, ...]:
        return channel_names(self.band_names, self.cross)

    @property
    def clusters(self) -> tuple[Cluster, ...]:
        return linked_bands(len(self.bands), self.cross)

    @property
    def mus(self) -> Float[Array, "mu"]:
        return jnp.stack([band.mu for band in self.bands])

    @property
    def band_densities(self) -> Float[Array, "band"]:
        return jnp.stack([density_of_states(band, self.dimension) for band in self.bands])

    @property
    def N(self) -> Float[Array, "channel"]:
        return channel_densities(self.band_densities, self.cross, self.convention)

    @property
    def g(self) -> Float[Array, "channel channel"]:
        return self.lam / self.N[None, :]

    @property
    def coupling_leaf(self) -> str:
        return "lam"

    def shifted(self, energy: Float[Array, ""]) -> Superconductor:
        return replace(self, bands=tuple(band.shifted(energy) for band in self.bands))

    @property
    def wave(self) -> str:
        return "s"

    @property
    def signed(self) -> int:
        return len(self.bands)

    @property
    def forms(self) -> tuple[Float[Array, "mode"], Float[Array, "spectrum mode"]]:
        """(the frequencies of all spectra [meV], the weights of each), which sum to 1."""
        forms = [form_of(spectrum) for spectrum in self.spectra]
        if not forms:
            return jnp.zeros(0), jnp.zeros((0, 0))
        ends = np.cumsum([0, *(len(form.omega) for form in forms)])
        weights = jnp.zeros((len(forms), int(ends[-1])))
        for k, form in enumerate(forms):
            weights = weights.at[k, ends[k] : ends[k + 1]].set(form.weight)
        return jnp.concatenate([form.omega for form in forms]), weights

    @property
    def retarded_couplings(self) -> Float[Array, "spectrum channel channel"]:
        """lambda_cc' of every spectrum."""
        if not self.spectra:
            return jnp.zeros((0, *self.lam.shape))
        kinds = np.arange(len(self.spectra))[:, None, None] == np.array(self.which)
        return jnp.where(kinds, self.lam, 0.0)

    @property
    def instantaneous(self) -> Float[Array, "channel channel"]:
        """What adds to Phi below omega_c: -mu*, or the couplings themselves."""
        if not self.spectra:
            return self.lam
        return jnp.zeros_like(self.lam) if self.mu_star is None else -self.mu_star

    @property
    def highest(self) -> Float[Array, ""]:
        """The highest frequency of the spectra, or the cutoff of an instantaneous interaction [meV]."""
        if not self.spectra:
            return cast(Array, self.omega_c)
        return jnp.max(jnp.stack([jnp.max(spectrum.omega) for spectrum in self.spectra]))

    @property
    def scale(self) -> Float[Array, "..."]:
        """An energy [meV] that amplitudes don't exceed by much: omega sqrt(lambda) / 2."""
        return self.highest * jnp.sqrt(jnp.maximum(jnp.sum(jnp.abs(self.lam)), 1.0)) / 2

    @property
    def small(self) -> Float[Array, "..."]:
        return SMALL * self.scale

    @property
    def depth(self) -> Float[Array, ""]:
        return jnp.sqrt(jnp.sum(jnp.stack([band.tangent[1] for band in self.bands]) ** 2))

    @property
    def promised(self) -> float:
        return PROMISED

    @property
    def numbers(self) -> dict[str, tuple[Reals, int]]:
        found: dict[str, tuple[Reals, int]] = {"lam": (self.lam, 2), "odd": (self.odd, 0)}
        found |= {} if self.mu_star is None else {"mu_star": (self.mu_star, 2)}
        found |= {} if self.omega_c is None else {"omega_c": (self.omega_c, 0)}
        for spectrum in self.spectra:
            found |= {"the spectrum's omega": (spectrum.omega, 1)}
        for band in self.bands:
            found |= {f"{leaf}[{band.name}]": (getattr(band, leaf), 0) for leaf in band.leaves}
        for owner, one in zip(self._owners, self.disorder, strict=True):
            leaves = {"density": 0, "u": 2, "J": 2}
            found |= {f"{owner}.{leaf}": (getattr(one, leaf), axes) for leaf, axes in leaves.items()}
        return found

    # --- paths --------------------------------------------------------------------------------------------------------------

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of all leaves that are single numbers."""
        pairs = [f"[{row}, {column}]" for row in self.channels for column in self.channels]
        repulsion = () if self.mu_star is None else tuple(f"mu_star{pair}" for pair in pairs)
        bands = tuple(f"{leaf}[{band.name}]" for band in self.bands for leaf in band.leaves)
        modes = tuple(f"mode[{k}]" for k in range(self._modes))
        couplings = (*(f"lam{p}" for p in pairs), *repulsion)
        return (*(() if self.omega_c is None else ("omega_c",)), "odd", *bands, *modes, *couplings, *self._impurities)

    @property
    def _owners(self) -> list[str]:
        kinds = len(self.disorder)
        return ["disorder"] if kinds == 1 else [f"disorder[{k}]" for k in range(kinds)]

    @property
    def _impurities(self) -> tuple[str, ...]:
        """The paths of the disorder's numbers."""
        kinds = len(self.disorder)
        return tuple(place.path(self.band_names, kinds > 1) for place in places(kinds, len(self.bands)))

    def _place(self, path: str) -> Place | None:
        return place_of(path, len(self.disorder), self.band_names) if isinstance(path, str) else None

    @property
    def _modes(self) -> int:
        """How many modes have a path."""
        one = len(self.spectra) == 1 and isinstance(self.spectra[0], Modes)
        return self.spectra[0].omega.shape[-1] if one else 0

    def canonical(self, path: str) -> str:
        if place := self._place(path):
            return place.path(self.band_names, len(self.disorder) > 1)
        match = _PATH.match(path) if isinstance(path, str) else None
        leaf, index = (match["leaf"], (match["index"] or "").strip()) if match else ("", "")
        if leaf in ("lam", "mu_star") and index.count(",") == 1:
            index = ", ".join(canonical_channel(name.strip(), self.channels) for name in index.split(","))
        written = f"{leaf}[{index}]" if index else leaf
        if written not in self.paths:
            shown = [p for p in self.paths if not p.startswith(("lam[", "mu_star["))]
            shown = [p for p in shown if ".u[" not in p and ".J[" not in p]
            matrices = [f"{owner}.{leaf}[band, band]" for owner in self._owners for leaf in "uJ"]
            matrices += ["lam[channel, channel]", *["mu_star[channel, channel]"] * (self.mu_star is not None)]
            raise InputError(
                f"Unknown path `{path}`: the paths of this system are {', '.join(f'`{p}`' for p in [*shown, *matrices])} with "
                f"the channels {', '.join(self.channels)}."
            )
        return written

    def get(self, path: str) -> Float[Array, "..."]:
        return self._access(path)[0](self)

    def set(self, values: Mapping[str, Any]) -> Superconductor:
        sc = self
        for path, value in values.items():
            check_finite(path, value)
            sc = self._access(path)[1](sc, jnp.asarray(value, jnp.float64))
        sc.check()
        return sc

    def unit(self, path: str) -> str:
        if place := self._place(path):
            return "1" if place.pair is None else "meV"
        leaf = self.canonical(path).partition("[")[0]
        return {"mass": "electron mass", "omega_c": "meV", "mode": "meV", "mu": "meV"}.get(leaf, "1")

    def _access(self, path: str) -> Access:
        """(getter, setter) of the leaf at `path`."""
        if place := self._place(path):
            return (lambda s: place.get(s.disorder)), (lambda s, v: replace(s, disorder=place.set(s.disorder, v)))
        leaf, _, index = self.canonical(path).rstrip("]").partition("[")
        if leaf in ("omega_c", "odd"):
            return (lambda s: getattr(s, leaf)), (lambda s, v: eqx.tree_at(lambda t: getattr(t, leaf), s, v))
        if leaf == "mode":
            k = int(index)
            return (
                lambda s: s.spectra[0].omega[..., k],
                lambda s, v: eqx.tree_at(lambda t: t.spectra[0].omega, s, s.spectra[0].omega.at[..., k].set(v)),
            )
        if leaf in ("lam", "mu_star"):
            row, column = (self.channels.index(name) for name in index.split(", "))
            return (
                lambda s: getattr(s, leaf)[..., row, column],
                lambda s, v: eqx.tree_at(lambda t: getattr(t, leaf), s, getattr(s, leaf).at[..., row, column].set(v)),
            )
        i = self.band_names.index(index)
        return (
            lambda s: getattr(s.bands[i], leaf),
            lambda s, v: eqx.tree_at(lambda t: getattr(t.bands[i], leaf), s, v),
        )

    # --- checks, files, words -----------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Raise `InputError` unless the values of the leaves make sense; skipped while JAX traces."""
        check_finite("lam", self.lam)
        if not is_concrete(self) or jnp.ndim(self.odd) > 0:
            return
        check(-1 <= float(self.odd) <= 1, "odd", "be between -1 and 1", float(self.odd))
        if self.mu_star is not None:
            check_finite("mu_star", self.mu_star)
        if self.omega_c is not None:
            lowest = float(self.highest) if self.spectra else 0.0
            above = f"be above the spectrum, which reaches to {lowest:g} meV" if self.spectra else "be positive [meV]"
            check(
                bool(np.isfinite(self.omega_c)) and float(self.omega_c) > lowest, "omega_c", above, f"{float(self.omega_c):g}"
            )
        for spectrum in self.spectra:
            if isinstance(spectrum, Modes):
                check(bool(np.all(np.asarray(spectrum.omega) > 0)), "mode", "be positive [meV]", np.asarray(spectrum.omega))
        for band in self.bands:
            band.check()
        for i, j in self.cross:
            for band in (self.bands[i], self.bands[j]):
                check(isinstance(band, ParabolicBand), f"bands.{band.name}", "be parabolic to pair across", type(band).__name__)
        check(not self.cross or self.dimension == 2, "dimension", "be 2 for retarded cross-band pairing", self.dimension)
        self._check_hybridised()
        self._check_disorder()

    def _check_hybridised(self) -> None:
        """Electrons and holes that a coupling lambda_i3 hybridises have no longer the density of states of either band: the
        normal state would have to be found, too."""
        lam, n = np.asarray(self.lam), len(self.bands)
        for c, (i, j) in enumerate(self.cross, n):
            of_one_sign = float(self.bands[i].tangent[0]) * float(self.bands[j].tangent[0]) > 0
            mixing = np.append(lam[:n, c], lam[c, :n])
            largest = mixing[np.argmax(np.abs(mixing))]
            wanted = "be 0 with a retarded interaction, where it joins an electron and a hole band"
            check(of_one_sign or bool(largest == 0), f"lam[<band>, {self.channels[c]}]", wanted, f"{largest:g}")

    def _check_disorder(self) -> None:
        for k, one in enumerate(self.disorder):
            check_disorder(one, "disorder" if len(self.disorder) == 1 else f"disorder[{k}]")
        if not self.disorder:
            return
        check(self.dimension == 2, "dimension", "be 2 for disorder", self.dimension)
        for band in self.bands:
            check(isinstance(band, ParabolicBand), f"bands.{band.name}", "be parabolic for disorder", type(band).__name__)
        masses = [float(band.tangent[0]) for band in self.bands]
        one_sign = "be of one sign in all bands for disorder (a pocket that pairs alone counts by |m|, its density of states)"
        check(len({np.sign(mass) for mass in masses}) == 1, "mass", one_sign, masses)

    def table(self) -> dict[str, Any]:
        """The arguments of `superconductor`."""
        return {
            "dimension": self.dimension,
            "convention": self.convention,
            "cross": list(self.channels[len(self.bands) :]),
            "channels": list(self.channels),
            "lam": np.asarray(self.lam).tolist(),
            "bands": bands_table(self.bands),
            "interaction": interaction_table(self.interaction),
            **({"disorder": disorder_tables(self.disorder)} if self.disorder else {}),
        }

    def __str__(self) -> str:
        kind = (
            f"{len(self.spectra)} spectra" if len(self.spectra) > 1 else "one spectrum" if self.spectra else "Matsubara cutoff"
        )
        lines = [f"Superconductor with a retarded interaction, {self.dimension}D, {kind}"]
        if not is_concrete(self) or jnp.ndim(self.odd) > 0:
            return "\n".join([*lines, f"  channels {', '.join(self.channels)} (batched or traced)"])
        if self.spectra:
            lines += [f"  spectrum up to {float(self.highest):g} meV"]
        if self.omega_c is not None:
            lines += [f"  omega_c = {float(self.omega_c):g} meV"]
        lines += [f"  band {band}" for band in self.bands]
        lines += [f"  {one}" for one in self.disorder]
        width = max(len(name) for name in self.channels)
        for title, matrix in (("lambda", self.lam), ("mu*", self.mu_star)):
            if matrix is not None:
                lines += [f"  {title}:"]
                for name, row in zip(self.channels, np.asarray(matrix), strict=True):
                    lines += [f"    {name:<{width}} " + " ".join(f"{value:>9.5g}" for value in row)]
        return "\n".join(lines)


_PATH = re.compile(r"^\s*(?P<leaf>\w+)\s*(?:\[(?P<index>[^\]]*)\])?\s*$")
