r"""`Lattice`: a superconductor by its Hamiltonian h(k) in orbitals, its channels and the couplings between them.

.. math:: H(k) = \begin{pmatrix} h(k) - \mu & D(k) \\ D(k)^\dagger & -(h(k) - \mu) \end{pmatrix}, \qquad
          D(k) = \sum_c \Delta_c B_c(k), \qquad \Delta_c = \sum_{c'} g_{cc'} P_{c'}

.. math:: P_c = \sum_k \mathrm{tr}\, B_c^\dagger F, \qquad F = \tfrac12 [\tanh(H / 2 k_B T)]_{12}, \qquad
          \sum_k = \text{mean over the Brillouin zone}

with time reversal, h^*(-k) = h(k). It offers what a `Superconductor` of bands does, with N_c = 1, so that lambda is g: N(0) of
a lattice may be singular. There is no shell: electrons attract each other in the whole band, or within a smooth cutoff.
"""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Inexact

from jaxgap.model.band import Band
from jaxgap.model.forms import FORMS, Channel, Smooth
from jaxgap.model.superconductor import Cluster, Superconductor
from jaxgap.numerics.checks import InputError, check, check_finite, check_identifier, is_concrete
from jaxgap.numerics.precision import own_rules, require_float64
from jaxgap.numerics.types import Reals

__all__ = ["MOST_NODES", "MOST_ORBITALS", "Lattice", "coarse_mesh", "lattice"]

MOST_ORBITALS = 5
MOST_NODES = {2: 4096, 3: 192}
"""Per direction, by dimension, up to which a mesh is refined by itself."""
LETTERS = "abcde"
CUTOFF = ("Omega", "width")
"""Leaves of a cutoff."""
COARSE = {2: 16, 3: 8}
"""Nodes per direction at which the sizes of h and of forms are looked at."""
SMALL = 1e-8
"""In units of `scale`: components below are zero by symmetry, or nothing."""
SAME = 1e-10
"""Of the size of h: what rounding leaves of its symmetries."""

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
        """phi_c(k), and chi of the one orbital's energy zeta [meV] if there is a cutoff."""
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


@own_rules
def lattice(
    hamiltonian: object,
    *,
    parameters: object,
    channels: object,
    g: object,
    mu: object = 0.0,
    dimension: int = 2,
    orbitals: Sequence[str] | None = None,
    mesh: object = "auto",
    cutoff: object = None,
    tolerance: float = 1e-8,
    density: object = None,
) -> Lattice:
    """A `Lattice` from a function h(k, parameters).

    Args:
        hamiltonian: h [meV] at k [axis], in units of the reciprocal lattice over 2 pi, and a dict of parameters: a Hermitian
            matrix of up to five orbitals with h(-k) = h(k)^*, or a number for one orbital, made of `jax.numpy`.
        parameters: its hoppings and the like [meV], by name: the leaves that one differentiates, sweeps and fits.
        channels: pairing channels by name (`jaxgap.channel`), in the order of g.
        g: square matrix of couplings [meV], positive for attraction.
        mu: chemical potential [meV].
        dimension: 2 or 3.
        orbitals: their names; a, b, c, ... if there are none.
        mesh: nodes per direction, an even number, or "auto": as many as amplitudes and temperature ask for, and more until the
            reported error is below the tolerance, up to 4096 in 2D and 192 in 3D.
        cutoff: `jaxgap.smooth(Omega, width)`, for one orbital; None: there is none.
        tolerance: relative error of amplitudes that a solve promises.
        density: electrons of both spins per cell, at every temperature, instead of `mu`, which then does not matter.

    Raises:
        InputError: one sentence that names the argument, what it must be, and the value it had.
    """
    require_float64()
    check(callable(hamiltonian), "hamiltonian", "be a function of k and parameters", repr(hamiltonian))
    assert callable(hamiltonian)
    check(dimension in (2, 3), "dimension", "be 2 or 3", repr(dimension))
    possible = getattr(hamiltonian, "dimensions", (2, 3))
    check(dimension in possible, "dimension", f"be {' or '.join(map(str, possible))}, that of the hoppings", dimension)
    numbers = _parameters(parameters)
    n = _orbitals_of(hamiltonian, numbers, dimension)
    names = tuple(LETTERS[:n]) if orbitals is None else tuple(orbitals)
    check(len(names) == n and len(set(names)) == n, "orbitals", f"be {n} different names", orbitals)
    sharp = "be `jaxgap.smooth(Omega, width)` or None (a sharp shell leaves errors of N^(-3/2) on a mesh)"
    check(cutoff is None or isinstance(cutoff, Smooth), "cutoff", sharp, repr(cutoff))
    assert cutoff is None or isinstance(cutoff, Smooth)
    check(cutoff is None or n == 1, "cutoff", "be None for more than one orbital: it acts in the energy of a band", "a cutoff")
    check(isinstance(tolerance, float) and 1e-12 <= tolerance < 1, "tolerance", "lie between 1e-12 and 1", tolerance)
    check_finite("mu", mu)
    at = jnp.asarray(cast(Reals, mu), jnp.float64)
    check(at.ndim == 0, "mu", "be one number [meV]", f"shape {at.shape}")
    if density is not None:
        check_finite("density", density)
        check(not is_concrete(at) or not np.any(at), "mu", "be left out where there is a density, which says it", mu)
    filling = None if density is None else jnp.asarray(cast(Reals, density), jnp.float64)
    if filling is not None:
        check(filling.ndim == 0, "density", "be one number", f"shape {filling.shape}")
    pairing = _pairing(channels, names)
    check_finite("g", g)
    couplings, C = jnp.asarray(cast(Reals, g), jnp.float64), len(pairing)
    shape = f"be a {C} x {C} matrix, one row and column per channel ({', '.join(name for name, _ in pairing)})"
    check(couplings.shape == (C, C), "g", shape, f"shape {couplings.shape}")
    found = Lattice(
        parameters=numbers,
        lam=couplings,
        mu=at,
        cutoff=cutoff,
        mesh=jnp.asarray(_nodes(mesh, dimension)),
        finer=jnp.ones(()),
        hamiltonian=hamiltonian,
        pairing=pairing,
        orbitals=names,
        ranks=tuple((name, value.ndim) for name, value in numbers.items()),
        dimension=dimension,
        tolerance=tolerance,
        density=filling,
    )
    if filling is not None:
        found.check_density(filling)
    if is_concrete(found):
        _check_symmetry(found)
    return found


_PATH = re.compile(r"^\s*(?P<leaf>\w+)\s*(?:\[(?P<index>[^\]]*)\])?\s*$")


def _parsed(path: str) -> tuple[str, str | None]:
    match = _PATH.match(path)
    if match is None:
        raise InputError(f"Cannot read the path `{path}`: it must look like `mu` or `g[d, s]`.")
    return match["leaf"], match["index"]


def _parameters(parameters: object) -> dict[str, Array]:
    check(isinstance(parameters, Mapping), "parameters", "be a dict of numbers by name", repr(parameters))
    assert isinstance(parameters, Mapping)
    for name, value in parameters.items():
        check_identifier("parameters", name)
        taken = ("mu", "g", "density", *CUTOFF)
        check(name not in taken, "parameters", "have other names than mu, g, density, Omega and width", name)
        check_finite(name, value)
    return {name: jnp.asarray(value, jnp.float64) for name, value in sorted(parameters.items())}


def _orbitals_of(hamiltonian: Hamiltonian, parameters: dict[str, Array], dimension: int) -> int:
    """How many orbitals h has."""
    try:
        count = len(inspect.signature(hamiltonian).parameters)
    except (TypeError, ValueError):
        count = 2
    check(count == 2, "hamiltonian", "take two arguments, k and parameters", f"{count}")
    try:
        shape = jax.eval_shape(hamiltonian, jnp.zeros(dimension), parameters).shape
    except KeyError as error:
        raise InputError(f"Argument `parameters` must have all that `hamiltonian` asks for, but got no {error}.") from None
    square = shape == () or (len(shape) == 2 and shape[0] == shape[1] and shape[0] <= MOST_ORBITALS)
    check(square, "hamiltonian", f"return a number or a square matrix of up to {MOST_ORBITALS} orbitals", f"shape {shape}")
    return int(shape[0]) if shape else 1


def _pairing(channels: object, orbitals: tuple[str, ...]) -> tuple[tuple[str, Channel], ...]:
    """The channels, with their orbitals as numbers."""
    right = isinstance(channels, Mapping) and len(channels) > 0 and all(isinstance(c, Channel) for c in channels.values())
    check(right, "channels", 'be a dict such as {"d": jaxgap.channel(form="d_x2-y2")}', repr(channels))
    assert isinstance(channels, Mapping)
    found = []
    for name, one in channels.items():
        check_identifier("channels", name)
        for orbital in one.orbitals:
            known = orbital in orbitals or (isinstance(orbital, int) and 0 <= orbital < len(orbitals))
            check(known, f"channels.{name}", f"name orbitals of the lattice ({', '.join(orbitals)})", repr(orbital))
        a, b = sorted(orbitals.index(i) if isinstance(i, str) else i for i in one.orbitals)
        found.append((name, one._replace(orbitals=(a, b))))
    return tuple(found)


def _nodes(mesh: object, dimension: int) -> float:
    most, even = 4 * MOST_NODES[dimension], 'be "auto" or an even number of nodes per direction'
    if isinstance(mesh, str):
        check(mesh == "auto", "mesh", even, repr(mesh))
        return 0.0
    number = int(mesh) if isinstance(mesh, int | np.integer) and not isinstance(mesh, bool) else 0
    check(number % 2 == 0 and 8 <= number <= most, "mesh", f"{even} from 8 to {most}", mesh)
    return float(number)


def _check_symmetry(lattice: Lattice) -> None:
    """h is Hermitian and that of reversed time at -k, forms are real and even: looked at on a few k."""
    k = coarse_mesh(lattice.dimension) + 0.1
    h, back = (np.asarray(jax.vmap(lattice.matrix)(at)) for at in (k, -k))
    check(bool(np.isfinite(h).all()), "hamiltonian", "be finite", "NaN or infinity")
    size = SAME * float(np.abs(h).max())
    largest = float(np.abs(h - np.conj(np.swapaxes(h, 1, 2))).max())
    check(largest <= size, "hamiltonian", "be Hermitian at every k", f"a difference of {largest:g} meV")
    largest = float(np.abs(h - np.conj(back)).max())
    check(largest <= size, "hamiltonian", "be that of reversed time, h(-k) = h(k)^*", f"a difference of {largest:g} meV")
    phi, turned = (np.asarray(jax.vmap(lattice.forms)(at)) for at in (k, -k))
    odd = [name for name, off in zip(lattice.channels, np.abs(phi - turned).max(axis=0), strict=True) if not off <= SAME]
    check(not odd, "channels", "have forms that are even in k and finite (singlets)", odd)
