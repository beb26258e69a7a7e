"""Superfluid stiffness of lattices: the free energy of a twist, limits, gauges, lengths."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from lattices import all_k, one, state, three, three_orbitals, two

import jaxgap as jg
from jaxgap import InputError, channel, lattice
from jaxgap.equations.pairing import anomalous_densities
from jaxgap.observables import penetration_depth, superfluid_stiffness
from jaxgap.solving.state import GivenState
from jaxgap.spectra.lattice_twist import twist_on
from jaxgap.spectra.mesh import Mesh
from jaxgap.units import hbar2_over_2m_e, k_B, london_density, thermal_energy

EXACT = 1e-12
"""The same sums in another order, in units of 100 meV."""
TWIST = 5e-6
"""Second differences in q, of which two are extrapolated."""
DIFFERENCES = 1e-6
"""Derivatives against central differences."""


def bands():
    return GivenState(jg.materials.mgb2(), jnp.asarray(10.0), jnp.array([7.0, 2.0]))


def solved_by(system, Delta, T):
    """A state that solves the gap equations: g is made for it."""
    P = anomalous_densities(system, jnp.array(Delta), jnp.asarray(T))
    g = {f"g[{name}, {name}]": float(D / p) for name, D, p in zip(system.channels, Delta, P, strict=True)}
    others = {f"g[{a}, {b}]": 0.0 for a in system.channels for b in system.channels if a != b}
    return GivenState(system.set(g | others), jnp.asarray(T), jnp.array(Delta))


# === the free energy of a twist


def twisted_energy(system, T, N):
    """F(q, x) [meV] by LAPACK's eigenvalues on all nodes; real parts of the amplitudes before imaginary ones."""
    k, n, C = jnp.asarray(all_k(N)), len(system.orbitals), len(system.channels)
    phi, kT = jax.vmap(system.forms)(k), thermal_energy(jnp.asarray(T))
    B = np.zeros((C, n, n))
    for c, (a, b) in enumerate(system.pairs):
        B[c, a, b] = B[c, b, a] = 1

    def F(q, x):
        Delta = x[:C] + 1j * x[C:]
        D = jnp.einsum("c,kc,cab->kab", Delta, phi, B)
        up, down = (jax.vmap(system.matrix)(k + side * q) for side in (1, -1))
        H = jnp.block([[up + 0j, D], [jnp.conj(jnp.swapaxes(D, 1, 2)), -down]])
        E = jnp.abs(jnp.linalg.eigvalsh(H))
        condensate = jnp.sum((x[:C] ** 2 + x[C:] ** 2) / jnp.diagonal(system.g))
        return condensate - jnp.sum(E / 2 + kT * jnp.log1p(jnp.exp(-E / kT))) / len(k)

    return F


CASES = {
    "one": (one(mesh=48), (20.0,)),
    "two": (two(mesh=48), (25.0, -15.0)),
    "three": (three(mesh=48), (30.0, 20.0, -12.0, 25.0)),
}


@pytest.mark.parametrize("name", ["one", *(pytest.param(name, marks=pytest.mark.slow) for name in ("two", "three"))])
def test_stiffness_is_the_second_derivative_of_the_free_energy(name):
    """F of the twist, with amplitudes that follow it by Newton's method: they do for three orbitals, and matter."""
    system, Delta = CASES[name]
    given, T = solved_by(system, Delta, 250.0), 250.0
    D = superfluid_stiffness(given)
    F = jax.jit(twisted_energy(given.superconductor, T, int(system.mesh)))
    slope, bent = jax.jit(jax.grad(F, argnums=1)), jax.jit(jax.hessian(F, argnums=1))
    x_0 = jnp.concatenate([given.Delta, 0 * given.Delta])
    np.testing.assert_allclose(slope(jnp.zeros(2), x_0), 0.0, atol=1e-9)

    def followed(q):
        x = x_0
        for _ in range(3):
            x = x - jnp.linalg.pinv(bent(q, x), rtol=1e-6) @ slope(q, x)
        return float(F(q, x))

    h = 0.004
    F_0 = followed(jnp.zeros(2))
    for direction in ([1.0, 0.0], [0.6, 0.8]):
        e = jnp.array(direction)
        near, far = ((followed(s * e) + followed(-s * e) - 2 * F_0) / s**2 for s in (h, 2 * h))
        np.testing.assert_allclose(e @ D.total @ e, (4 * near - far) / 3, rtol=TWIST)
    if name == "three":
        assert float(jnp.max(jnp.abs(D.relaxation))) > 1e-2 * float(jnp.max(D.total))


# === limits


@pytest.mark.parametrize("system", [one(), pytest.param(two(), marks=pytest.mark.slow)], ids=["one", "two"])
def test_the_normal_state_has_none(system):
    """To the mesh's accuracy, where diamagnetic and paramagnetic parts of 80 to 140 meV cancel; exactly where asked for."""
    none = jnp.zeros(len(system.channels))
    twist = twist_on(system, none + 0j, jnp.asarray(100.0), Mesh(jnp.asarray(256)))
    np.testing.assert_allclose(twist.diamagnetic + twist.paramagnetic, 0.0, atol=1e-10)
    assert float(twist.diamagnetic[0, 0]) > 50
    if len(none) == 1:
        np.testing.assert_array_equal(superfluid_stiffness(state(system, *none)).total, np.zeros((2, 2)))


def test_one_orbital_without_a_temperature_is_diamagnetic():
    """D = sum_k (1 - xi / E) d^2 xi / dk^2, and the textbook's formula at a temperature; by numpy."""
    system, Delta = one(t=100.0, tp=25.0, form="s"), 20.0
    k = all_k(800)
    x, y = k.T
    xi = -200 * (np.cos(x) + np.cos(y)) + 100 * np.cos(x) * np.cos(y) + 86.76
    v, w = 200 * np.sin(x) - 100 * np.sin(x) * np.cos(y), 200 * np.cos(x) - 100 * np.cos(x) * np.cos(y)
    E = np.hypot(xi, Delta)
    for T in (0.0, 120.0):
        found = superfluid_stiffness(state(system, Delta, T=T))
        kT = max(k_B * T, 1e-30)
        decay = np.exp(-E / kT)
        exact = np.mean((1 - xi / E * np.tanh(E / (2 * kT))) * w), np.mean(-2 * decay / (1 + decay) ** 2 / kT * v**2)
        np.testing.assert_allclose([found.diamagnetic[0, 0], found.paramagnetic[0, 0]], exact, atol=1e-8)
        np.testing.assert_allclose(found.total[0, 0], sum(exact), atol=1e-8)
        assert float(found.error) < 1e-7
    np.testing.assert_allclose(found.total, found.total.T, atol=1e-10)


@pytest.mark.slow
def test_what_no_mesh_resolves_is_told():
    """At T = 0 nodes of the gap leave an error that is told; a Fermi surface without a gap is no number."""
    nodal = superfluid_stiffness(state(one(mesh=512), 20.0, T=0.0))
    cold = superfluid_stiffness(state(one(mesh=2048), 20.0, T=12.0))
    assert 0.01 < float(nodal.error / nodal.total[0, 0]) < 0.1
    assert abs(float(nodal.total[0, 0] - cold.total[0, 0])) < float(nodal.error)
    half = state(two(mesh=128), 25.0, 0.0, T=0.0)
    loose = half.superconductor.set({"V": 0.0})
    assert np.isnan(superfluid_stiffness(state(loose, 25.0, 0.0, T=0.0)).total).all()


# === gauges


def shifted(k, p):
    """The same, with the origin of the second orbital a cell further along x."""
    turn = jnp.diag(jnp.stack([1.0 + 0j, jnp.exp(1j * k[0]), 1.0 + 0j]))
    return jnp.conj(turn) @ three_orbitals(k, p) @ turn


@pytest.mark.slow
def test_where_the_orbitals_are_does_not_matter():
    """A unitary transformation e^{ik} of an orbital moves it by a cell: parts of D change by tens of meV, D does not."""
    channels = {"a": channel(0), "bd": channel(1, form="d_x2-y2"), "c": channel(2)}
    given = {"parameters": {"a": 0.4, "b": 0.25}, "channels": channels, "g": 100 * np.eye(3), "mu": 10.0, "mesh": 48}
    found = [superfluid_stiffness(solved_by(lattice(h, **given), (30.0, 20.0, 25.0), 250.0)) for h in (three_orbitals, shifted)]
    np.testing.assert_allclose(found[0].total, found[1].total, rtol=1e-7, atol=1e-7)
    assert abs(float(found[0].diamagnetic[0, 0] - found[1].diamagnetic[0, 0])) > 1


@pytest.mark.slow
def test_a_global_phase_does_not_matter():
    given = solved_by(three(mesh=48), (30.0, 20.0, -12.0, 25.0), 250.0)
    turned = GivenState(given.superconductor, given.T, given.Delta * np.exp(0.8j))
    np.testing.assert_allclose(superfluid_stiffness(turned).total, superfluid_stiffness(given).total, rtol=1e-9, atol=1e-9)


# === derivatives and lengths


@pytest.mark.slow
@pytest.mark.parametrize("name", ["one", "two"])
def test_derivatives_are_those_of_differences(name):
    system, Delta = CASES[name]

    def seen(s, D, T):
        return superfluid_stiffness(GivenState(s, T, D)).total[0, 0]

    at = system, jnp.array(Delta), jnp.asarray(250.0)
    slopes, value, h = jax.jit(jax.grad(seen, argnums=(0, 1, 2)))(*at), jax.jit(seen), 1e-3
    for path in [path for path in system.paths if not path.startswith("g")]:
        ends = [value(system.set({path: float(system.get(path)) + side * h}), *at[1:]) for side in (1, -1)]
        np.testing.assert_allclose(slopes[0].get(path), (ends[0] - ends[1]) / (2 * h), rtol=DIFFERENCES, atol=1e-8)
    ends = [value(system, at[1] + side * h, at[2]) for side in (1, -1)]
    np.testing.assert_allclose(jnp.sum(slopes[1]), (ends[0] - ends[1]) / (2 * h), rtol=DIFFERENCES, atol=1e-8)


def test_penetration_depth_is_that_of_the_mass():
    """Few electrons of mass hbar^2 / 2 t a^2: lambda^2 = m / mu_0 e^2 n, but for 1 % since the band is no parabola; a turned
    cell has the same."""
    a, c, t = 3.9, 6.0, 100.0
    dilute = state(one(t=t, tp=0.0, mu=-385.0, form="s"), 3.0, T=0.0)
    mass = hbar2_over_2m_e / (t * a**2)
    xi = 385 - 200 * np.sum(np.cos(all_k(1000)), axis=1)
    n = np.mean(1 - xi / np.hypot(xi, 3.0)) / (a**2 * c)
    found = penetration_depth(dilute, c, [a, a])
    np.testing.assert_allclose(found, np.sqrt(london_density * mass / n) * np.ones(2), rtol=0.02)
    s = np.sin(0.3), np.cos(0.3)
    turned = penetration_depth(dilute, c, a * np.array([[s[1], s[0]], [-s[0], s[1]]]))
    np.testing.assert_allclose(turned, found, rtol=1e-12)
    assert np.isinf(penetration_depth(state(dilute.superconductor, 0.0), c, [a, a])).all()


REFUSED = [
    (lambda s: penetration_depth(s, 6.0), "`cell` must be given for a lattice"),
    (lambda s: penetration_depth(s, 6.0, [3.9]), "`cell` must be 2 lengths"),
    (lambda s: penetration_depth(s, 6.0, [[1.0, 1.0], [2.0, 2.0]]), "`cell` must span a volume"),
    (lambda s: penetration_depth(s, None, [3.9, 3.9]), "`layer_spacing` must be given"),
    (lambda s: penetration_depth(bands(), cell=[3.9, 3.9]), "`cell` must not be given"),
    (lambda s: superfluid_stiffness(bands()), "must be of a Lattice"),
]


@pytest.mark.parametrize(("call", "sentence"), REFUSED, ids=[sentence for _, sentence in REFUSED])
def test_bad_input_is_one_sentence(call, sentence):
    with pytest.raises(InputError, match=sentence) as error:
        call(state(one(), 20.0))
    assert "\n" not in str(error.value)
