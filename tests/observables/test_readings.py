"""What instruments read: for every kind of datum what the public functions say, its derivatives, and the normal state."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from amplitudes import central, state
from problems import system

from jaxgap import InputError, observables
from jaxgap.observables.muon_rotation import SECOND_MOMENT
from jaxgap.observables.quantities import MEASURED
from jaxgap.observables.quantity import Need
from jaxgap.solving.state import GivenState
from jaxgap.units import flux_quantum, muon_gyromagnetic_ratio

SAME = 1e-7
"""A spectrum's nodes for a range of numbers, and those for one of them: Gauss and trapezoidal rules, right to some 1e-8."""
FEWER = 3e-5
"""Of nuclear relaxation with a third of the nodes."""
DIFFERENCES = 5e-6
"""Central differences of fourth order, relative to the largest. Nodes move with T, which differences see and derivatives do
not: the rules are right to some 1e-8 of the value."""
LATTICE_SUM = 2e-5
"""What lies beyond 400 shells of the reciprocal lattice."""
PAIR = system([[0.35, 0.05, 0.02], [0.05, 0.3, 0.03], [0.02, 0.03, 0.1]], [200.0, 208.0])
"""Symmetric g: it has a free energy."""
DELTA, T = [6.0, -4.0, 2.0], 9.0
V, OMEGA = np.linspace(-18.0, 20.0, 9), np.linspace(-20.0, 6.0, 9)
POINTS = {"V": V, "omega": OMEGA}
NUMBERS = {
    "Gamma": 0.7,
    "weights": [1.0, 0.6],
    "Z": 0.4,
    "energy_resolution": 3.0,
    "momentum_resolution": 0.002,
    "gamma_n": 20.0,
    "lambda_0": 180.0,
    "layer_spacing": 6.0,
    "korringa": 0.3,
}
"""Of the experiments; those of measurements stay at values that change nothing, or are `BESIDE`."""
BESIDE = {
    "residual": 0.1,
    "scale": 1.3,
    "offset": 0.05,
    "slope": 0.002,
    "curvature": 1e-4,
    "beta": 0.3,
    "delta": 1e-3,
    "background": 0.1,
    "background_slope": 0.01,
    "sigma_n": 0.1,
}
SPECTRA = {"Gamma": 0.7, "weights": NUMBERS["weights"]}
WIDTHS = {"energy_resolution": 3.0, "momentum_resolution": 0.002}
BRANDT = muon_gyromagnetic_ratio * SECOND_MOMENT**0.5 * flux_quantum
"""sigma lambda^2 [nm^2/us]."""
PUBLIC = {
    "dIdV": lambda s: observables.tunnelling_conductance(s, V, **SPECTRA),
    "dos": lambda s: observables.tunnelling_density_of_states(s, OMEGA, **SPECTRA).total,
    "andreev": lambda s: observables.andreev_conductance(s, V, Z=0.4, **SPECTRA),
    "edc": lambda s: jnp.stack([_edc(s, band) for band in s.superconductor.band_names]),
    "symmetrised_edc": lambda s: jnp.stack(
        [observables.symmetrised_edc(s, band, OMEGA, 0.7, **WIDTHS) for band in s.superconductor.band_names]
    ),
    "heat": lambda s: observables.specific_heat(s) / observables.normal_specific_heat(s.superconductor, s.T),
    "heat_over_T": lambda s: 20.0 * PUBLIC["heat"](s),
    "entropy": lambda s: observables.entropy(s) / observables.normal_entropy(s.superconductor, s.T),
    "condensation_energy": lambda s: (
        observables.condensation_energy(s) * 20.0 / observables.sommerfeld_coefficient(s.superconductor, 60.0, 6.0) * _molar(s)
    ),
    "critical_field": lambda s: observables.critical_field(s, 6.0),
    "superfluid": lambda s: observables.superfluid_density(s).total,
    "inverse_lambda_squared": lambda s: observables.superfluid_density(s).total / 0.18**2,
    "penetration_depth": lambda s: 180.0 / jnp.sqrt(observables.superfluid_density(s).total),
    "delta_lambda": lambda s: 180.0 / jnp.sqrt(observables.superfluid_density(s).total) - 180.0,
    "sigma_sc": lambda s: BRANDT / 180.0**2 * observables.superfluid_density(s).total,
    "nmr": lambda s: observables.relaxation_rate(s, **SPECTRA),
    "relaxation_rate": lambda s: 0.3 * T * observables.relaxation_rate(s, **SPECTRA),
    "ultrasound": observables.sound_attenuation,
}
NORMAL = {
    "heat": 1.0,
    "heat_over_T": 20.0,
    "entropy": 1.0,
    "condensation_energy": 0.0,
    "critical_field": 0.0,
    "superfluid": 0.0,
    "inverse_lambda_squared": 0.0,
    "penetration_depth": 1e6,
    "delta_lambda": 1e6,
    "sigma_sc": 0.0,
    "nmr": 1.0,
    "relaxation_rate": 0.3 * T,
    "ultrasound": 1.0,
    "dIdV": 1.0,
    "dos": 1.0,
    "andreev": 1.0,
}
FAST = ("dIdV", "edc", "inverse_lambda_squared")
"""The others take ten seconds and more to compile with all derivatives, or are very much like one of these."""
KINDS = [pytest.param(kind, marks=[pytest.mark.slow] * (kind not in FAST)) for kind in PUBLIC]


def _edc(s, band):
    sc = s.superconductor
    only = [float(name == band) for name in sc.band_names]
    return observables.photoemission(s, observables.fermi_wave_vector(sc, band), OMEGA, 0.7, weights=only, **WIDTHS)[0]


def _molar(s):
    """1 meV^2 N in mJ/mol at a formula volume of 60 cubic angstroms."""
    return observables.molar(1.0, s.superconductor, 60.0, 6.0)


def test_every_curve_and_number_of_a_state_is_here():
    gaps = {name for name, row in MEASURED.items() if row.units == "meV" and row.needs == Need.STATE}
    assert {*PUBLIC} | gaps == {name for name, row in MEASURED.items() if row.needs == Need.STATE}


def _given(row, numbers):
    """The points and numbers of a row, and a plan for numbers between half and twice these."""
    points = {axis: POINTS[axis] for axis in row.axes}
    given = {one.name: numbers[one.name] for one in row.numbers if one.name in numbers}
    ranges = {name: (x / 2, 2 * x) for name, x in given.items() if name != "weights"}
    plan = row.planned(PAIR, np.array([0.9 * T, 2 * T]), {name: np.stack([x, x]) for name, x in points.items()}, ranges)
    return {name: jnp.asarray(x) for name, x in points.items()}, given, plan


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_read_is_what_the_public_function_says(kind):
    row, one = MEASURED[kind], state(PAIR, DELTA, T)
    points, numbers, plan = _given(row, NUMBERS)
    found = jax.jit(lambda T: row.reading(PAIR, T, one, points, numbers, plan))(one.T)
    wanted = np.asarray(PUBLIC[kind](one))
    tolerance = FEWER if "nodes" in plan and not row.axes else SAME
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance * np.max(np.abs(wanted)))


@pytest.mark.parametrize("kind", KINDS)
def test_readings_are_differentiable_in_everything(kind):
    """In the amplitudes, T, a coupling, a mass and all numbers; and in the normal state they are finite and right."""
    row = MEASURED[kind]
    points, numbers, plan = _given(row, NUMBERS | BESIDE)
    names = [name for name in numbers if name != "weights"]

    @jax.jit
    def read(x):
        sc = PAIR.set({"lam[a, a]": x[4], "mass[a]": x[5], "mass[b]": x[5]})
        given = dict(zip(names, x[7:], strict=True))
        given |= {"weights": jnp.stack([jnp.ones(()), x[6]])} if "weights" in numbers else {}
        return row.reading(sc, x[3], GivenState(sc, x[3], x[:3]), points, given, plan)

    x = np.array([*DELTA, T, 0.35, 1.0, 0.6, *(numbers[name] for name in names)])
    steps = 2e-3 * np.maximum(np.abs(x), 1e-2)
    found = np.asarray(jax.jit(jax.jacfwd(read))(x)).reshape(-1, len(x))
    near, far = (central(read, x, h * steps).reshape(-1, len(x)) for h in (1.0, 2.0))
    wanted, size = (4 * near - far) / 3, np.max(np.abs(np.asarray(read(x))))
    scale = np.maximum(np.max(np.abs(wanted), axis=0), 1e-3 * size / np.abs(x))
    np.testing.assert_allclose(found / scale, wanted / scale, atol=DIFFERENCES)

    plain = {name: BESIDE[name] for name in names if name in BESIDE}
    x[:3] = 0.0
    normal, slopes = np.asarray(read(x)), np.asarray(jax.jit(jax.jacfwd(read))(x))
    assert np.isfinite(normal).all()
    assert np.isfinite(slopes).all()
    if kind in NORMAL and row.measurement is not None:
        one = state(PAIR, [0.0, 0.0, 0.0], T)
        bare = row.reading(PAIR, one.T, one, points, {k: v for k, v in numbers.items() if k not in plain}, plan)
        np.testing.assert_allclose(bare, np.full(np.shape(bare), NORMAL[kind]), rtol=1e-2 if row.axes else SAME, atol=1e-12)


@pytest.mark.slow
def test_measurements_are_what_their_formulas_say():
    one, V_ = state(PAIR, DELTA, T), POINTS["V"]

    def read(kind, **numbers):
        row = MEASURED[kind]
        points, given, plan = _given(row, NUMBERS)
        return np.asarray(row.reading(PAIR, one.T, one, points, given | numbers, plan))

    x = read("dIdV")
    found = read("dIdV", scale=1.3, slope=0.002, curvature=1e-4, offset=0.05)
    np.testing.assert_allclose(found, 1.3 * (1 + 0.002 * V_ + 1e-4 * V_**2) * x + 0.05, rtol=1e-12)
    x = read("edc")
    found = read("edc", scale=100.0, background=2.0, background_slope=-0.1)
    np.testing.assert_allclose(found, 100 * x + 2 - 0.1 * OMEGA, rtol=1e-12)
    x = read("heat_over_T") / 20
    found = read("heat_over_T", residual=0.2, beta=0.3, delta=1e-3)
    np.testing.assert_allclose(found, 20 * (0.8 * x + 0.2) + 0.3 * T**2 + 1e-3 * T**4, rtol=1e-12)
    assert read("sigma_sc", sigma_n=0.4) == pytest.approx(np.hypot(read("sigma_sc"), 0.4), rel=1e-12)


@pytest.mark.parametrize("kind", ["dIdV", "inverse_lambda_squared"])
def test_many_temperatures_are_read_at_once(kind):
    row, T_ = MEASURED[kind], jnp.array([9.0, 12.0, 17.0])
    points, numbers, plan = _given(row, NUMBERS)
    Delta = jnp.stack([jnp.array(DELTA), 0.7 * jnp.array(DELTA), jnp.zeros(3)])

    def read(t, D):
        return row.reading(PAIR, t, GivenState(PAIR, t, D), points, numbers, plan)

    wanted = jnp.stack([jax.jit(read)(t, D) for t, D in zip(T_, Delta, strict=True)])
    np.testing.assert_allclose(jax.jit(jax.vmap(read))(T_, Delta), wanted, rtol=1e-12, atol=1e-12)


def test_a_part_along_a_branch_or_band_is_read():
    row, one = MEASURED["edc"], state(PAIR, DELTA, T)
    points, numbers, plan = _given(row, NUMBERS)
    both = row.reading(PAIR, one.T, one, points, numbers, plan)
    np.testing.assert_array_equal(row.reading(PAIR, one.T, one, points, numbers, plan, of=1), both[1])
    assert MEASURED["branch_minimum"].reading(PAIR, one.T, one, {}, {}, {}, of=0).shape == ()


# --- absolute numbers ---------------------------------------------------------------------------------------------------


def test_the_second_moment_of_a_triangular_vortex_lattice_is_its_sum():
    """B^2 sum over G of (lambda G)^-4 with |G|^2 = (16 pi^2 / 3 a^2)(m^2 + mn + n^2) and B a^2 = 2 Phi_0 / sqrt 3."""
    m = np.arange(-400, 401)
    norm = (m[:, None] ** 2 + m[:, None] * m + m**2).astype(float)
    norm[400, 400] = np.inf
    G2 = 16 * np.pi**2 / 3 * norm
    assert pytest.approx(SECOND_MOMENT, rel=LATTICE_SUM) == (2 / 3**0.5) ** 2 * np.sum(1 / G2**2)
    assert round(SECOND_MOMENT, 5) == 0.00371


def test_muons_see_what_brandt_says():
    """sigma [1/us] = 4.83e4 (1 - b) [1 + 1.21 (1 - sqrt b)^3] / lambda^2 [nm] at b -> 0, a fit good to some percent."""
    assert pytest.approx(4.83e4 * 2.21, rel=0.01) == BRANDT


def test_depth_from_the_masses():
    row, one = MEASURED["penetration_depth"], state(PAIR, DELTA, T)
    found = row.reading(PAIR, one.T, one, {}, {"layer_spacing": 6.0}, {})
    np.testing.assert_allclose(found, observables.penetration_depth(one, 6.0), rtol=SAME)


def test_nothing_screens_in_the_normal_state():
    """lambda is infinite there, also in a sweep; only a fit reads 1 mm."""
    row, one = MEASURED["penetration_depth"], state(PAIR, [0.0, 0.0, 0.0], T)
    assert row(PAIR, one.T, one, lambda_0=180.0, layer_spacing=None) == np.inf == observables.penetration_depth(one, 6.0)
    assert row.reading(PAIR, one.T, one, {}, {"lambda_0": 180.0}, {}) == 1e6


# --- what is refused ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "T", "ranges", "words"),
    [
        ("andreev", 4.0, {"polarisation": (0.0, 0.8)}, "a and b are cross-paired, so that `polarisation` must be 0"),
        ("andreev", 0.0, {}, "`T` must be positive"),
        ("andreev", 4.0, {"Gamma": (0.0, 1.0)}, "`Gamma` must stay positive"),
        ("dos", 4.0, {}, "`Gamma` must be given, and stay positive"),
        ("edc", 0.0, {}, "`T` must be positive"),
        ("edc", 4.0, {"energy_resolution": (0.0, 1.0)}, "`energy_resolution` must stay positive"),
        ("critical_field", 4.0, {}, "`layer_spacing` .* must be given"),
        ("sigma_sc", 4.0, {}, "`layer_spacing` .* must be given"),
    ],
)
def test_what_does_not_exist_is_refused_before_it_is_computed(kind, T, ranges, words):
    row = MEASURED[kind]
    points = {axis: POINTS[axis][None] for axis in row.axes}
    with pytest.raises(InputError, match=words):
        row.planned(PAIR, np.array([T]), points, ranges)


def test_without_a_free_energy_there_is_no_critical_field():
    lopsided = PAIR.set({"lam[a, b]": 0.2})
    with pytest.raises(InputError, match="has no free energy"):
        MEASURED["critical_field"].planned(lopsided, np.array([4.0]), {}, {"layer_spacing": (6.0, 6.0)})
