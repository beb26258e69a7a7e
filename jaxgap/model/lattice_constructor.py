r"""`lattice`: a Hamiltonian, channels and numbers as a user has them become a `Lattice`, here converted and checked.

.. math:: H(k) = \begin{pmatrix} h(k) - \mu & D(k) \\ D(k)^\dagger & -(h(k) - \mu) \end{pmatrix}, \qquad
          D(k) = \sum_c \Delta_c B_c(k)

with the matrix forms B_c(k) of the channels between orbitals (`jaxgap.model.forms`).
"""

import inspect
from collections.abc import Mapping, Sequence
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.model.forms import Channel, Smooth
from jaxgap.model.lattice import CUTOFF, MOST_NODES, Hamiltonian, Lattice, coarse_mesh
from jaxgap.numerics.checks import InputError, check, check_finite, check_identifier, is_concrete
from jaxgap.numerics.precision import own_rules, require_float64
from jaxgap.numerics.types import Reals

__all__ = ["MOST_ORBITALS", "lattice"]

MOST_ORBITALS = 5
LETTERS = "abcde"
SAME = 1e-10
"""Of the size of h: what rounding leaves of its symmetries."""


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
        cutoff: `jaxgap.smooth(Omega, width)`, in the energies of bands; None: there is none.
        tolerance: relative error of amplitudes that a solve promises.
        density: electrons of both spins per cell, at every temperature, instead of `mu`, which then does not matter.

    Raises:
        InputError: one sentence that names the argument, what it must be, and the value it had.

    Example:
        >>> t = jg.hopping("t", [(1, 0), (0, 1)], factor=-1.0)
        >>> options = {"parameters": {"t": 100.0}, "mu": -80.0, "mesh": 64, "tolerance": 1e-6}
        >>> sc = jg.lattice(jg.tight_binding([t]), channels={"s": jg.channel()}, g=[[300.0]], **options)
        >>> round(float(jg.solve(sc, 100.0).Delta[0].real), 2)
        75.5
    """
    # === convert
    require_float64()
    h, numbers = _function(hamiltonian, dimension), _parameters(parameters)
    n = _orbitals_of(h, numbers, dimension)
    names = tuple(LETTERS[:n]) if orbitals is None else tuple(orbitals)
    check(len(names) == n and len(set(names)) == n, "orbitals", f"be {n} different names", orbitals)
    pairing = _pairing(channels, names)
    found = Lattice(
        parameters=numbers,
        lam=_couplings(g, pairing),
        mu=_one_number("mu", mu, "one number [meV]"),
        cutoff=_cutoff(cutoff),
        mesh=jnp.asarray(_nodes(mesh, dimension)),
        finer=jnp.ones(()),
        hamiltonian=h,
        pairing=pairing,
        orbitals=names,
        ranks=tuple((name, value.ndim) for name, value in numbers.items()),
        dimension=dimension,
        tolerance=tolerance,
        density=None if density is None else _one_number("density", density, "one number"),
    )

    # === check
    check(isinstance(tolerance, float) and 1e-12 <= tolerance < 1, "tolerance", "lie between 1e-12 and 1", tolerance)
    if found.density is not None:
        none = not is_concrete(found.mu) or not np.any(found.mu)
        check(none, "mu", "be left out where there is a density, which says it", mu)
        found.check_density(found.density)
    if is_concrete(found):
        _check_symmetry(found)
    return found


def _function(hamiltonian: object, dimension: int) -> Hamiltonian:
    check(callable(hamiltonian), "hamiltonian", "be a function of k and parameters", repr(hamiltonian))
    check(dimension in (2, 3), "dimension", "be 2 or 3", repr(dimension))
    possible = getattr(hamiltonian, "dimensions", (2, 3))
    check(dimension in possible, "dimension", f"be {' or '.join(map(str, possible))}, that of the hoppings", dimension)
    return cast(Hamiltonian, hamiltonian)


def _cutoff(cutoff: object) -> Smooth | None:
    sharp = "be `jaxgap.smooth(Omega, width)` or None (a sharp shell leaves errors of N^(-3/2) on a mesh)"
    check(cutoff is None or isinstance(cutoff, Smooth), "cutoff", sharp, repr(cutoff))
    return cast(Smooth | None, cutoff)


def _one_number(name: str, value: object, what: str) -> Float[Array, ""]:
    check_finite(name, value)
    number = jnp.asarray(cast(Reals, value), jnp.float64)
    check(number.ndim == 0, name, f"be {what}", f"shape {number.shape}")
    return number


def _couplings(g: object, pairing: tuple[tuple[str, Channel], ...]) -> Float[Array, "channel channel"]:
    check_finite("g", g)
    couplings, C = jnp.asarray(cast(Reals, g), jnp.float64), len(pairing)
    shape = f"be a {C} x {C} matrix, one row and column per channel ({', '.join(name for name, _ in pairing)})"
    check(couplings.shape == (C, C), "g", shape, f"shape {couplings.shape}")
    return couplings


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
