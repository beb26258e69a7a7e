"""Spectra of lattices: exact densities of states, sum rules, one orbital by hand, sums by another route, what is refused."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from lattices import all_k, one, square, state, three, two, two_orbitals

from jaxgap import InputError, channel, lattice, solve
from jaxgap.observables import (
    path_between,
    relaxation_rate,
    spectral_function,
    tunnelling_conductance,
    tunnelling_density_of_states,
)
from jaxgap.units import k_B

EXACT = 1e-12
"""The same sums in another order."""
MESH = 1e-6
"""What meshes leave of N in units of 1/meV times the band's depth of 500 meV."""
DIFFERENCES = 1e-6
"""Derivatives against central differences."""
OMEGA = np.array([-310.0, -90.0, -12.0, 3.0, 20.0, 150.0])


def N(system_state, omega, Gamma, **options):
    return tunnelling_density_of_states(system_state, omega, Gamma, **options)


# === known answers


def test_density_of_states_of_the_square_lattice():
    """G(z) = 2 K(4t / z) / (pi z) with the complete elliptic integral, in the normal state."""
    t, mu, Gamma = 100.0, -30.0, 12.0
    found = N(state(one(t, 0.0, mu, form="s"), 0.0), OMEGA, Gamma).total
    z = [mpmath.mpc(w + mu, Gamma) for w in OMEGA]
    exact = [-float(mpmath.im(2 / (mpmath.pi * x) * mpmath.ellipk((4 * t / x) ** 2))) / np.pi for x in z]
    np.testing.assert_allclose(found, exact, atol=MESH / 500)


def test_gap_in_the_density_of_states():
    """An s wave at half filling: N is that of the normal state at sqrt(z^2 - Delta^2), times z over it."""
    Delta, Gamma = 30.0, 8.0
    system = one(100.0, 0.0, 0.0, form="s")
    z = OMEGA + 1j * Gamma
    w = np.sqrt(z**2 - Delta**2)
    w = np.where(w.imag < 0, -w, w)
    roots = zip(z, w, strict=True)
    exact = [complex(z_i / w_i * 2 / (mpmath.pi * w_i) * mpmath.ellipk((400 / mpmath.mpc(w_i)) ** 2)) for z_i, w_i in roots]
    np.testing.assert_allclose(N(state(system, Delta), OMEGA, Gamma).total, -np.imag(exact) / np.pi, atol=MESH / 500)


@pytest.mark.parametrize("given", [state(one(), 20.0), state(two(), 25.0, -15.0)], ids=["one", "two"])
def test_density_of_states_counts_orbitals(given):
    """The integral over all energies, omega = 200 tan(x): of every orbital 1."""
    nodes = 400
    x = np.pi * (np.arange(nodes) + 0.5) / nodes - np.pi / 2
    omega, weight = 200 * np.tan(x), 200 / np.cos(x) ** 2 * np.pi / nodes
    found = N(given, omega, 40.0)
    np.testing.assert_allclose(found.bands @ weight, np.ones(len(found.bands)), atol=MESH)
    np.testing.assert_allclose(found.total, jnp.sum(found.bands, axis=0), rtol=EXACT)


def test_spectral_function_of_one_orbital():
    """u^2 L(omega - E) + v^2 L(omega + E), and the integral over energies is 1."""
    system, Delta, Gamma = one(), 20.0, 3.0
    k = path_between((0.3, 0.1), (3.0, 0.4), (3.0, 3.1), n=5)
    A = spectral_function(state(system, Delta), k, OMEGA, Gamma)[0]
    xi = -200 * (np.cos(k[:, 0]) + np.cos(k[:, 1])) + 100 * np.cos(k[:, 0]) * np.cos(k[:, 1]) + 86.76
    E = np.hypot(xi, Delta * (np.cos(k[:, 0]) - np.cos(k[:, 1])))[:, None]
    u2 = (1 + xi[:, None] / E) / 2

    def L(x):
        return Gamma / np.pi / (x**2 + Gamma**2)

    np.testing.assert_allclose(A, u2 * L(OMEGA - E) + (1 - u2) * L(OMEGA + E), rtol=1e-10)


# === the same by another route


@pytest.mark.parametrize(
    "Delta",
    [
        pytest.param((20.0, 12.0, -7.0, 3.0), id="real", marks=pytest.mark.slow),
        pytest.param((20.0 + 3j, 12.0 - 5j, -7.0 + 2j, 3.0 + 1j), id="complex"),
    ],
)
def test_density_of_states_is_the_mean_of_spectra(Delta):
    """All k of the mesh, by numpy's inverse of every matrix, against half of them."""
    system, Gamma, omega = three(mesh=32), 120.0, OMEGA[:3]
    found = N(state(system, *Delta), omega, Gamma).bands
    k = all_k(32)
    at_k = spectral_function(state(system, *Delta), k, omega, Gamma)
    np.testing.assert_allclose(found, np.mean(at_k, axis=1), rtol=1e-10)
    h = np.asarray(jax.vmap(system.matrix)(jnp.asarray(k)))
    D = np.zeros((len(k), 3, 3), complex)
    phi = np.asarray(jax.vmap(system.forms)(jnp.asarray(k)))
    for c, (a, b) in enumerate(system.pairs):
        D[:, a, b] = D[:, b, a] = Delta[c] * phi[:, c]
    H = np.block([[h, D], [np.conj(np.swapaxes(D, 1, 2)), -h]])
    inverse = np.linalg.inv((omega + 1j * Gamma)[:, None, None, None] * np.eye(6) - H)
    exact = -np.imag(np.diagonal(inverse, axis1=2, axis2=3)[..., :3]) / np.pi
    np.testing.assert_allclose(at_k, np.moveaxis(exact, 2, 0).swapaxes(1, 2), rtol=1e-9, atol=1e-12)


@pytest.mark.slow
def test_local_functions_at_the_opposite_energy_and_of_pairs():
    """`below` is G at -omega; M of one orbital is -(1/pi) Im D / (z^2 - E^2); both for more orbitals at once."""
    z = jnp.asarray(OMEGA[:4] + 90j)
    for given in (state(one(form="s"), 20.0), state(two(mesh=48), 20.0 + 3j, 12.0 - 5j)):
        there, back = given.local_functions_at(z), given.local_functions_at(-jnp.conj(z))
        np.testing.assert_allclose(there.below, back.G, rtol=1e-9, atol=1e-15)
        np.testing.assert_allclose(back.M, -there.M, rtol=1e-9, atol=1e-15)
    single = state(one(form="s", mesh=48), 20.0)
    E2 = np.asarray(jax.vmap(single.superconductor.matrix)(jnp.asarray(all_k(48))))[:, 0, 0] ** 2 + 400
    exact = [-np.mean(20 / (w**2 - E2)).imag / np.pi for w in np.asarray(z)]
    np.testing.assert_allclose(single.local_functions_at(z).M[:, 0], exact, rtol=1e-10)


def decoupled(k, p):
    return jnp.diag(jnp.stack([square(k, p), -0.5 * square(k, p) + 30.0]))


def second(k, p):
    return -0.5 * square(k, p) + 30.0


@pytest.mark.slow
def test_decoupled_orbitals_are_two_lattices():
    numbers, G = {"t": 100.0, "tp": 20.0}, 25.0
    both = lattice(decoupled, parameters=numbers, channels={"a": channel(0), "b": channel(1)}, g=np.eye(2), mu=-30.0)
    alone = [lattice(h, parameters=numbers, channels={"s": channel()}, g=[[1.0]], mu=-30.0) for h in (square, second)]
    together = N(state(both, 20.0, -10.0), OMEGA, G).bands
    each = [N(state(system, D), OMEGA, G).total for system, D in zip(alone, (20.0, -10.0), strict=True)]
    np.testing.assert_allclose(together, each, atol=5 * MESH / 500)


def turned(k, p):
    c, s = jnp.cos(0.7), jnp.sin(0.7)
    U = jnp.array([[c, -s], [s, c]])
    return U @ two_orbitals(k, p) @ U.T


@pytest.mark.slow
def test_the_choice_of_orbitals_does_not_matter():
    """An equal s wave in both orbitals is the same in any two: so is tr N, while N_a are not."""
    numbers = {"t1": 100.0, "t2": -60.0, "e0": 50.0, "V": 40.0}
    channels = {"a": channel(0), "b": channel(1)}
    systems = [lattice(h, parameters=numbers, channels=channels, g=np.eye(2), mu=-20.0) for h in (two_orbitals, turned)]
    first, second = (N(state(s, 20.0, 20.0), OMEGA, 25.0) for s in systems)
    np.testing.assert_allclose(first.total, second.total, rtol=1e-10)
    assert np.max(np.abs(first.bands - second.bands)) > 1e-4
    weights = N(state(systems[0], 20.0, 20.0), OMEGA, 25.0, weights=[0.5, 0.0])
    np.testing.assert_allclose(weights.total, first.bands[0] / 2, rtol=EXACT)


def test_conductance_is_smeared_density_of_states():
    given, Gamma, V = state(one(), 20.0, T=60.0), 20.0, np.array([-40.0, 0.0, 25.0])
    kT = k_B * 60.0
    x = np.linspace(-36, 36, 181)[:, None] * kT
    at = np.asarray(N(given, (V + x).ravel(), Gamma).total).reshape(len(x), -1)
    direct = np.sum(at / (4 * kT * np.cosh(x / (2 * kT)) ** 2), axis=0) * (x[1, 0] - x[0, 0])
    np.testing.assert_allclose(tunnelling_conductance(given, V, Gamma), direct, atol=MESH / 500)
    assert tunnelling_conductance(given, V, 0.0).shape == (3,)


@pytest.mark.slow
def test_relaxation_of_an_s_wave():
    """1 / T_1 T at half filling, from the elliptic integral on a dense grid: N and M by G(w) z / w and G(w) Delta / w."""
    Delta, Gamma, T = 30.0, 12.0, 80.0
    kT, step = k_B * T, 0.5
    x = step * (np.arange(int(24 * kT / step)) + 0.5)
    z = x + 1j * Gamma

    def G(w):
        return np.array([complex(2 / (mpmath.pi * one) * mpmath.ellipk((400 / mpmath.mpc(one)) ** 2)) for one in w])

    w = np.sqrt(z**2 - Delta**2)
    there = G(w)
    N_s, M, N_n = (-part.imag / np.pi for part in (there * z / w, there * Delta / w, G(z)))
    thermal = np.exp(-x / kT) / (1 + np.exp(-x / kT)) ** 2
    given = state(one(100.0, 0.0, 0.0, form="s"), Delta, T=T)
    np.testing.assert_allclose(relaxation_rate(given, Gamma), thermal @ (N_s**2 + M**2) / (thermal @ N_n**2), rtol=1e-5)
    np.testing.assert_allclose(relaxation_rate(state(two(), 0.0, 0.0, T=T), 20.0), 1.0, rtol=1e-12)


# === derivatives


def moved(system, path, h, f):
    values = [float(f(system.set({path: float(system.get(path)) + side * h}))) for side in (1, -1)]
    return (values[0] - values[1]) / (2 * h)


@pytest.mark.slow
@pytest.mark.parametrize(("system", "Delta"), [(one(mesh=64), (20.0,)), (two(mesh=64), (25.0, -15.0))], ids=["one", "two"])
def test_derivatives_are_those_of_differences(system, Delta):
    """With respect to all numbers of the lattice, amplitudes, Gamma and energies; the same in reverse."""

    def seen(s, D, Gamma, omega):
        return 1e3 * jnp.sum(tunnelling_density_of_states(state(s, *D), omega, Gamma).bands[0])

    at = (system, jnp.array(Delta), jnp.asarray(60.0), jnp.array([-30.0, 40.0]))
    slopes = jax.jit(jax.grad(seen, argnums=(0, 1, 2, 3)))(*at)
    value = jax.jit(seen)
    for path in [path for path in system.paths if not path.startswith("g")]:
        np.testing.assert_allclose(
            slopes[0].get(path), moved(system, path, 1e-3, lambda s: value(s, *at[1:])), rtol=DIFFERENCES, atol=1e-9
        )
    for place in (1, 2, 3):
        h = 1e-3 * jnp.ones_like(at[place])
        ends = [value(*at[:place], at[place] + side * h, *at[place + 1 :]) for side in (1, -1)]
        np.testing.assert_allclose(jnp.sum(slopes[place]), (ends[0] - ends[1]) / 2e-3, rtol=DIFFERENCES, atol=1e-9)


@pytest.mark.slow
def test_derivatives_through_the_gap_equations():
    system = two()

    def seen(s):
        return 1e3 * tunnelling_density_of_states(solve(s, 100.0), jnp.array([12.0]), 20.0).total[0]

    slopes = jax.grad(seen)(system)
    for path in ("t1", "V", "mu", "g[a, b]"):
        np.testing.assert_allclose(slopes.get(path), moved(system, path, 1e-2, seen), rtol=1e-5, atol=1e-8)


# === what is refused


REFUSED = [
    (lambda s: N(s, OMEGA, 0.0), "`Gamma` must be at least 0.9"),
    (lambda s: N(s, OMEGA, 0.01), "whose largest mesh resolves no less"),
    (lambda s: N(s, OMEGA, -1.0), "`Gamma` must not be negative"),
    (lambda s: N(s, [0.0, np.nan], 5.0), "`omega` must be finite"),
    (lambda s: N(s, OMEGA, 5.0, weights=[1.0, 1.0]), "`weights` must have 1 numbers"),
    (lambda s: tunnelling_conductance(state(s.superconductor, 20.0, T=0.0), OMEGA, 0.0), "`Gamma` must be at least"),
    (lambda s: tunnelling_conductance(state(s.superconductor, 20.0, T=0.0), OMEGA, 0.1), "`Gamma` must be at least"),
    (lambda s: relaxation_rate(s, 0.1), "`Gamma` must be at least"),
    (lambda s: spectral_function(s, [[0.0, 1.0, 2.0]], OMEGA, 5.0), "`k` must be points of 2 components"),
    (lambda s: spectral_function(s, [[0.0, 1.0]], OMEGA, 0.0), "`Gamma` must be positive"),
]


@pytest.mark.parametrize(("call", "sentence"), REFUSED, ids=[sentence for _, sentence in REFUSED])
def test_bad_input_is_one_sentence(call, sentence):
    with pytest.raises(InputError, match=sentence) as error:
        call(state(one(), 20.0))
    assert "\n" not in str(error.value)


def test_what_no_mesh_resolves_is_no_number():
    """Traced, it is NaN; a mesh that is too coarse is seen by another one."""
    found = jax.jit(lambda G: tunnelling_density_of_states(state(one(mesh=64), 20.0), OMEGA, G).total)
    assert np.isnan(found(5.0)).all()
    assert np.isfinite(found(60.0)).all()
