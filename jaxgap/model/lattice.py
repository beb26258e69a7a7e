r"""`Lattice`: a superconductor by its Hamiltonian h(k) in orbitals, its channels and the couplings between them.

.. math:: H(k) = \begin{pmatrix} h(k) - \mu & D(k) \\ D(k)^\dagger & -(h(k) - \mu) \end{pmatrix}, \qquad
          D(k) = \sum_c \Delta_c B_c(k), \qquad \Delta_c = \sum_{c'} g_{cc'} P_{c'}

.. math:: P_c = \sum_k \mathrm{tr}\, B_c^\dagger F, \qquad F = \tfrac12 [\tanh(H / 2 k_B T)]_{12}, \qquad
          \sum_k = \text{mean over the Brillouin zone}

with time reversal, h^*(-k) = h(k). It offers what a `Superconductor` of bands does, with N_c = 1, so that lambda is g: N(0) of
a lattice may be singular. There is no shell: electrons attract each other in the whole band, or within a smooth cutoff.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Inexact

from jaxgap.model.band import Band
from jaxgap.model.forms import FORMS, Channel, Smooth
from jaxgap.model.superconductor import Cluster, Superconductor
from jaxgap.numerics.checks import InputError, check, check_finite, is_concrete
from jaxgap.numerics.types import Reals

__all__ = ["CUTOFF", "MOST_NODES", "Hamiltonian", "Lattice", "coarse_mesh"]

MOST_NODES = {2: 4096, 3: 192}
"""Per direction, by dimension, up to which a mesh is refined by itself."""
CUTOFF = ("Omega", "width")
"""Leaves of a cutoff."""
COARSE = {2: 16, 3: 8}
"""Nodes per direction at which the sizes of h and of forms are looked at."""
SMALL = 1e-8
"""In units of `scale`: components below are zero by symmetry, or nothing."""

Hamiltonian: TypeAlias = Callable[[Float[Array, "axis"], dict[str, Array]], Inexact[Array, "..."]]
"""h(k, parameters) [meV]: [orbital, orbital], or one number for one orbital."""


class Lattice(Superconductor):
    """Orbitals on a lattice. Made by `lattice(...)` or `wannier90(...)`, which convert and check."""

    parameters: dict[str, Array]
    """What h(k) depends on: leaves, of which paths are the names."""
    lam: Float[Array, "channel channel"]
    """g_cc' [meV]: N_c = 1."""
    mu: Float[Array, ""]
    """Chemical potential, on the axis of h [meV]."""
    cutoff: Smooth | None
    mesh: Float[Array, ""]
    """Nodes per direction; 0: as many as amplitudes and temperature ask for."""
    finer: Float[Array, ""]
    """Times as many: how far the mesh has been refined."""
    hamiltonian: Hamiltonian = eqx.field(static=True)
    pairing: tuple[tuple[str, Channel], ...] = eqx.field(static=True)
    """The channels by their names; orbitals as numbers."""
    orbitals: tuple[str, ...] = eqx.field(static=True)
    ranks: tuple[tuple[str, int], ...] = eqx.field(static=True)
    """Numbers of axes of the parameters."""
    dimension: int = eqx.field(static=True)
    tolerance: float = eqx.field(static=True)
    density: Float[Array, ""] | None
    """Electrons per cell, which say mu; or None."""

    # === h and the channels at a k

    def matrix(self, k: Float[Array, "axis"]) -> Inexact[Array, "orbital orbital"]:
        """h(k) - mu [meV]."""
        n = len(self.orbitals)
        return jnp.reshape(self.hamiltonian(k, self.parameters), (n, n)) - self.mu * jnp.eye(n)

    def forms(self, k: Float[Array, "axis"], zeta: Float[Array, ""] | None = None) -> Float[Array, "channel"]:
        """phi_c(k), times chi of an energy zeta [meV] if there are both. (Of several orbitals: `spectra.lattice_cutoff`.)"""
        found = jnp.stack([jnp.asarray(channel.form(k), float) for _, channel in self.pairing])
        return found if self.cutoff is None or zeta is None else found * self.cutoff(zeta)

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The orbitals of every channel."""
        return tuple((int(c.orbitals[0]), int(c.orbitals[1])) for _, c in self.pairing)

    # === what every superconductor offers

    @property
    def bands(self) -> tuple[Band, ...]:
        raise InputError(
            "This is for bands of one kappa (`jg.superconductor`): a Lattice has orbitals, and what it offers is in "
            "docs/lattices.md."
        )

    @property
    def components(self) -> tuple[str, ...]:
        return self.orbitals

    def normal_density(self, weights: Float[Array, "component"]) -> Float[Array, ""]:
        return jnp.ones(())

    def places(self, k: object) -> Float[Array, "k axis"]:
        check_finite("k", k)
        at = jnp.atleast_2d(jnp.asarray(cast(Reals, k), jnp.float64))
        check(
            at.ndim == 2 and at.shape[1] == self.dimension,
            "k",
            f"be points of {self.dimension} components",
            f"shape {at.shape}",
        )
        return at

    @property
    def beyond(self) -> tuple[Band, ...]:
        return ()

    @property
    def Omega(self) -> Float[Array, ""]:
        raise InputError("A Lattice has no shell, hence no Omega: electrons attract each other in all of the band.")

    @property
    def cross(self) -> tuple[tuple[int, int], ...]:
        """None: channels of two orbitals are channels like others."""
        return ()

    @property
    def convention(self) -> str:
        return "g"

    @property
    def g(self) -> Float[Array, "channel channel"]:
        return self.lam

    @property
    def coupling_leaf(self) -> str:
        return "g"

    @property
    def N(self) -> Float[Array, "channel"]:
        return jnp.ones(len(self.pairing))

    @property
    def wave(self) -> str:
        return ""

    @property
    def channels(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.pairing)

    @property
    def clusters(self) -> tuple[Cluster, ...]:
        """All channels have one spectrum."""
        return (Cluster((), tuple(range(len(self.pairing)))),)

    @property
    def signed(self) -> int:
        return len(self.pairing)

    @property
    def scale(self) -> Float[Array, "..."]:
        """| |g| b | with b_c = sum_k |phi_c| / 2, which |P_c| does not exceed (twice that for two orbitals)."""
        forms = jnp.mean(jnp.abs(jax.vmap(self.forms)(coarse_mesh(self.dimension))), axis=0)
        most = forms * jnp.array([0.5 if a == b else 1.0 for a, b in self.pairs])
        size = jnp.abs(self.lam) @ most
        return jnp.sqrt(jnp.sum(size**2, axis=-1)) + 1e-300

    @property
    def small(self) -> Float[Array, "..."]:
        return SMALL * self.scale

    @property
    def promised(self) -> float:
        return self.tolerance

    @property
    def mus(self) -> Float[Array, "mu"]:
        return self.mu[None]

    @property
    def depth(self) -> Float[Array, ""]:
        """Largest |h - mu| [meV]."""
        h = jax.lax.stop_gradient(jax.vmap(self.matrix)(coarse_mesh(self.dimension)))
        return jnp.sqrt(jnp.max(jnp.sum(jnp.abs(h) ** 2, axis=(1, 2))))

    @property
    def numbers(self) -> dict[str, tuple[Reals, int]]:
        found: dict[str, tuple[Reals, int]] = {name: (self.parameters[name], rank) for name, rank in self.ranks}
        found |= {"g": (self.lam, 2), "mu": (self.mu, 0), "mesh": (self.mesh, 0)}
        return found if self.density is None else found | {"density": (self.density, 0)}

    def shifted(self, energy: Float[Array, ""]) -> Superconductor:
        return eqx.tree_at(lambda s: s.mu, self, self.mu + energy)

    @property
    def paths(self) -> tuple[str, ...]:
        named = [name for name, rank in self.ranks if rank == 0]
        cutoff = () if self.cutoff is None else ("Omega", "width")
        filled = self.density_paths or ("mu",)
        return (*named, *filled, *cutoff, *(f"g[{row}, {column}]" for row in self.channels for column in self.channels))

    @property
    def meshed(self) -> bool:
        return True

    @property
    def fineness(self) -> Float[Array, "..."]:
        return self.finer

    def as_fine(self, fineness: Float[Array, "..."]) -> Superconductor:
        return eqx.tree_at(lambda s: s.finer, self, fineness)

    def on_share(self, share: float) -> Superconductor:
        return eqx.tree_at(lambda s: (s.mesh, s.finer), self, (2 * jnp.round(share * self.mesh / 2), share * self.finer))

    def check_density(self, density: object) -> None:
        check_finite("density", density)
        most = 2 * len(self.orbitals)
        inside = not is_concrete(density) or 0 < float(np.asarray(density)) < most
        check(inside, "density", f"lie between 0 and {most} electrons per cell, for {len(self.orbitals)} orbitals", density)

    def canonical(self, path: str) -> str:
        """`g[d,s]` is `g[d, s]`."""
        leaf, index = _parsed(path)
        written = leaf if index is None else f"{leaf}[{', '.join(name.strip() for name in index.split(','))}]"
        if written not in self.paths:
            raise InputError(f"Unknown path `{path}`: the paths of this lattice are {', '.join(f'`{p}`' for p in self.paths)}.")
        return written

    def get(self, path: str) -> Float[Array, "..."]:
        """The leaf at `path`: a parameter such as `t`, `mu` or `g[d, s]`."""
        leaf, index = _parsed(self.canonical(path))
        if index is not None:
            row, column = (self.channels.index(name.strip()) for name in index.split(","))
            return self.lam[..., row, column]
        if leaf in self.parameters:
            return self.parameters[leaf]
        found: Array = getattr(self.cutoff if leaf in CUTOFF else self, leaf)
        return found

    @property
    def code(self) -> tuple[Callable[..., object], ...]:
        """h and forms, unless they are data."""
        forms = (one.form for _, one in self.pairing if FORMS.get(one.named) is not one.form)
        return (*(() if hasattr(self.hamiltonian, "table") else (self.hamiltonian,)), *forms)

    def table(self) -> dict[str, Any]:
        """`[lattice]`, as `jaxgap.model.lattice_tables` reads it."""
        made = getattr(self.hamiltonian, "table", None)
        say = "have a Hamiltonian of `jaxgap.tight_binding` or `jaxgap.wannier90` to be written as TOML"
        check(made is not None, "sc", say, f"the function {getattr(self.hamiltonian, '__name__', '?')}")
        assert made is not None
        own = [name for name, one in self.pairing if one.form in self.code]
        check(not own, "sc", "have forms with names to be written as TOML", f"a function in {', '.join(own)}")
        names = [[self.orbitals[i] for i in pair] for pair in self.pairs]
        channels = {name: {"orbitals": pair, "form": one.named} for (name, one), pair in zip(self.pairing, names, strict=True)}
        found = {
            "dimension": self.dimension,
            "orbitals": list(self.orbitals),
            **({"mu": float(self.mu)} if self.density is None else {"density": float(self.density)}),
            "g": np.asarray(self.lam).tolist(),
            "channels": channels,
            "mesh": int(self.mesh) or "auto",
            "tolerance": self.tolerance,
        }
        if self.cutoff is not None:
            found["cutoff"] = {"Omega": float(self.cutoff.Omega), "width": float(self.cutoff.width)}
        return {"lattice": found | made(self.parameters)}

    def unit(self, path: str) -> str:
        """meV, that of h."""
        return "electrons per cell" if self.canonical(path) == "density" else "meV"

    def set(self, values: Mapping[str, Any]) -> Superconductor:
        """A copy with other values at the given paths, for example `{"t": 110.0, "g[d, s]": 3.0}`."""
        changed: Lattice = self
        for path, value in values.items():
            check_finite(path, value)
            changed = changed._with(self.canonical(path), jnp.asarray(value, jnp.float64))
        if changed.density is not None:
            changed.check_density(changed.density)
        return changed

    def _with(self, path: str, value: Array) -> "Lattice":
        leaf, index = _parsed(path)
        if index is not None:
            row, column = (self.channels.index(name.strip()) for name in index.split(","))
            return eqx.tree_at(lambda s: s.lam, self, self.lam.at[..., row, column].set(value))
        if leaf in self.parameters:
            return eqx.tree_at(lambda s: s.parameters[leaf], self, value)
        return eqx.tree_at(lambda s: getattr(s.cutoff if leaf in CUTOFF else s, leaf), self, value)

    def __str__(self) -> str:
        plural = "" if len(self.orbitals) == 1 else "s"
        lines = [f"Lattice, {self.dimension}D, {len(self.orbitals)} orbital{plural}"]
        if not is_concrete(self) or jnp.ndim(self.mu) > 0:
            return "\n".join([*lines, f"  channels {', '.join(self.channels)} (batched or traced)"])
        numbers = [f"{name} = {float(self.parameters[name]):g}" for name, rank in self.ranks if rank == 0]
        lines += [f"  {', '.join([*numbers, *([f'mu = {float(self.mu):g}'] if self.density is None else [])])} meV"]
        if self.density is not None:
            lines += [f"  {float(self.density):g} electrons per cell, which say mu"]
        if self.cutoff is not None:
            lines += [f"  smooth cutoff at {float(self.cutoff.Omega):g} meV, width {float(self.cutoff.width):g} meV"]
        width = max(len(name) for name in self.channels)
        for (name, channel), row in zip(self.pairing, np.asarray(self.lam), strict=True):
            a, b = (self.orbitals[int(i)] for i in channel.orbitals)
            what = f"{channel.named} of {a}" if a == b else f"{channel.named} of {a} with {b}"
            lines += [f"  {name:<{width}} ({what}): g " + " ".join(f"{value:>9.5g}" for value in row)]
        return "\n".join(lines)


def coarse_mesh(dimension: int) -> Float[Array, "node axis"]:
    """A few k in the Brillouin zone, none of them special."""
    N = COARSE[dimension]
    k = 2 * np.pi * (np.arange(N) + 0.5) / N - np.pi
    return jnp.asarray(np.stack(np.meshgrid(*[k] * dimension, indexing="ij"), axis=-1).reshape(-1, dimension))


_PATH = re.compile(r"^\s*(?P<leaf>\w+)\s*(?:\[(?P<index>[^\]]*)\])?\s*$")


def _parsed(path: str) -> tuple[str, str | None]:
    match = _PATH.match(path)
    if match is None:
        raise InputError(f"Cannot read the path `{path}`: it must look like `mu` or `g[d, s]`.")
    return match["leaf"], match["index"]
