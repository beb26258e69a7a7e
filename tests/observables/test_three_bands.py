"""Every experiment on three cross-paired bands: a number, or one sentence that says why there is none."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from amplitudes import bdg, state
from problems import relative_error, system

from jaxgap import InputError, Label, save, solve
from jaxgap.commands.printing import gap_lines
from jaxgap.equations.free_energy import quasiparticle_free_energy
from jaxgap.equations.superfluid_weight import superfluid_weights_of
from jaxgap.model.band import kappa_F
from jaxgap.observables import (
    andreev_conductance,
    andreev_reflection,
    entropy,
    gap_comparison,
    normal_entropy,
    normal_specific_heat,
    sound_attenuation,
    specific_heat,
    specific_heat_jump,
)
from jaxgap.observables.andreev import reflection_of
from jaxgap.observables.located import OnBranch
from jaxgap.observables.point_contact import check_polarisation
from jaxgap.observables.quantities import OF_SELF_ENERGIES, QUANTITIES
from jaxgap.observables.quantity import Need, Quantity
from jaxgap.solving.critical import critical_temperature
from jaxgap.solving.solution import Solution

REFUSED = {
    "andreev": "Andreev reflection is defined for single bands and cross-paired pairs only, but a, b and c are cross-paired",
    "ultrasound": "Sound attenuation is defined for single bands and cross-paired pairs only, but a, b and c are cross-paired",
    **dict.fromkeys(OF_SELF_ENERGIES, "have a retarded interaction"),
}
NOWHERE = {"branch_end", "jump"}
"""They follow a branch over temperatures: `tests/continuation`."""
POINTS = {"V": np.array([0.0, 6.0]), "omega": np.array([2.0, 6.0]), "k": np.array([0.2, 0.21])}
GIVEN = {"layer_spacing": 6.0, "korringa": 1.0, "gamma_n": 2.0, "Gamma": 0.5}
DIFFERENCES = 1e-6  # central differences with steps of 1e-3 of T
NEAR_T_C = 2e-3  # of the jump: what two temperatures 1 and 2 % below T_c leave, extrapolated
EXACT = 1e-11

LAM = np.array(
    [
        [0.36, 0.03, 0.02, 0.02, 0.01, 0.0],
        [0.03, 0.33, 0.04, 0.01, 0.0, 0.01],
        [0.02, 0.04, 0.3, 0.0, 0.02, 0.01],
        [0.02, 0.01, 0.0, 0.1, 0.01, 0.0],
        [0.01, 0.0, 0.02, 0.01, 0.12, 0.01],
        [0.0, 0.01, 0.01, 0.0, 0.01, 0.08],
    ]
)
SC = system(LAM, [150.0, 156.0, 165.0], cross=((0, 1), (0, 2), (1, 2)))


@pytest.fixture(scope="module")
def solved() -> Solution:
    found = solve(SC, 6.0)
    assert int(found.label) == Label.S_PLUS_PLUS
    return found


def _value(row: Quantity, s: Solution) -> np.ndarray:
    """As a fit plans and reads it."""
    given = {one.name: GIVEN[one.name] for one in row.settings if one.name in GIVEN}
    points = {axis: POINTS[axis] for axis in row.axes}
    row.planned(SC, np.array([6.0]), {axis: x[None] for axis, x in points.items()}, {k: (x, x) for k, x in given.items()})
    return np.asarray(row(SC, s.T, s, **points, **given))


@pytest.mark.slow
@pytest.mark.parametrize("row", [row for row in QUANTITIES.values() if row.name not in NOWHERE], ids=lambda row: row.name)
def test_every_quantity_is_a_number_or_a_sentence(row: Quantity, solved: Solution) -> None:
    if row.name in REFUSED:
        with pytest.raises(InputError, match=REFUSED[row.name]):
            _value(row, solved)
        return
    value = _value(row, solved)
    assert value.size > 0
    assert np.isfinite(value).all()
    if row.normal is not None:
        assert (value > 0).all()


def test_what_is_left_out_needs_a_branch() -> None:
    assert {row.name for row in QUANTITIES.values() if row.needs == Need.BRANCH} == NOWHERE
    assert OnBranch._fields


# === what is refused


@pytest.mark.slow
def test_refusals_are_one_sentence_and_not_a_number_under_tracing(solved: Solution) -> None:
    for refused in (
        lambda: andreev_reflection(solved, [1.0], 0.1, 0.5),
        lambda: andreev_conductance(solved, [1.0], 0.1, 0.5),
        lambda: sound_attenuation(solved),
    ):
        with pytest.raises(InputError, match="a, b and c are cross-paired together") as complaint:
            refused()
        assert str(complaint.value).count(".") == 1
    with pytest.raises(InputError, match="a, b and c are cross-paired, so that `polarisation` must be 0"):
        check_polarisation(SC, 0.3)
    assert np.isnan(jax.jit(sound_attenuation)(solved))
    found = jax.jit(reflection_of)(SC, solved.Delta + 0j, jnp.asarray(2.0 + 0.1j), jnp.asarray(0.5))
    assert np.isnan(found.conductance).all()


# === thermodynamics


@pytest.mark.slow
def test_entropy_is_the_slope_of_the_free_energy(solved: Solution) -> None:
    """At fixed amplitudes -dF/dT = S - S_n."""
    T, Delta, h = 6.0, solved.Delta.real, 6e-3
    F = jax.jit(lambda T: quasiparticle_free_energy(SC, Delta, T))
    slope = float(F(jnp.asarray(T + h)) - F(jnp.asarray(T - h))) / (2 * h)
    S, S_n = float(entropy(solved)), float(normal_entropy(SC, T))
    assert 0 < S < S_n
    assert abs(S - S_n + slope) < DIFFERENCES * S_n


@pytest.mark.slow
def test_specific_heat_is_the_slope_of_the_entropy() -> None:
    """And so it is with the change of both with a coupling."""
    h = 1e-3
    above, below = (float(entropy(solve(SC, 6.0 + s * h))) for s in (1, -1))
    assert relative_error(specific_heat(solve(SC, 6.0)), 6.0 * (above - below) / (2 * h)) < DIFFERENCES

    def C(x: float) -> jax.Array:
        return specific_heat(solve(SC.set({"lam[a, b]": x}), 6.0))

    x, h = float(SC.get("lam[a, b]")), 1e-5
    assert relative_error(jax.grad(C)(x), (float(C(x + h)) - float(C(x - h))) / (2 * h)) < DIFFERENCES


@pytest.mark.slow
def test_superfluid_density_has_second_derivatives() -> None:
    """A third derivative of tanh: against differences of the gradient, at given amplitudes."""
    Delta = jnp.asarray([4.0, 3.0, 2.5, 1.0, 0.5, 0.7])

    def weight(x: jax.Array) -> jax.Array:
        sc = SC.set({"mu[b]": 156.0 + x[0], "mass[c]": 1.0 + 0.01 * x[0]})
        return jnp.sum(superfluid_weights_of(sc, (1 + 0.1 * x[1]) * Delta, jnp.asarray(6.0)))

    gradient, x, h = jax.jit(jax.grad(weight)), jnp.zeros(2), 1e-3
    hessian = jax.jit(jax.jacfwd(jax.grad(weight)))(x)
    at = {k: np.stack([gradient(x + k * h * e) for e in np.eye(2)]) for k in (-2, -1, 1, 2)}
    wanted = (8 * (at[1] - at[-1]) - at[2] + at[-2]) / (12 * h)
    assert np.abs(hessian - wanted).max() < DIFFERENCES * np.abs(wanted).max()


@pytest.mark.slow
def test_jump_of_the_specific_heat() -> None:
    """What is left of it 1 and 2 % below T_c, and its derivative."""
    jump, T_c = float(specific_heat_jump(SC)), float(critical_temperature(SC))
    near = [float(specific_heat(solve(SC, x * T_c)) / normal_specific_heat(SC, x * T_c)) - 1 for x in (0.98, 0.99)]
    assert abs(2 * near[1] - near[0] - jump) < NEAR_T_C * jump

    def at(x: float) -> float:
        return specific_heat_jump(SC.set({"lam[a, a:b]": x}))

    x, h = float(SC.get("lam[a, a:b]")), 1e-4
    assert relative_error(jax.grad(at)(x), (float(at(x + h)) - float(at(x - h))) / (2 * h)) < 10 * DIFFERENCES


# === what is printed


@pytest.mark.slow
def test_what_is_said_of_shells_that_do_not_all_overlap() -> None:
    cross = ((0, 1), (0, 2), (1, 2))
    partly, nowhere = (system(LAM, mus, cross=cross) for mus in ([150.0, 156.0, 195.0], [120.0, 160.0, 200.0]))
    Delta = [4.0, 3.0, 2.5, 1.0, 0.5, 0.7]
    said = gap_lines(state(partly, Delta, 6.0))
    assert said[3].startswith("`a:b:c 1` is where some of its bands are outside their shells; where all pair the minimum is")
    assert gap_lines(state(nowhere, Delta, 6.0))[-1] == (
        "there is no k at which all of a:b:c are inside their shells: fewer bands pair at each"
    )
    assert len(gap_lines(state(SC, Delta, 6.0))) == 3


# === photoemission


@pytest.mark.slow
def test_gap_comparison_has_all_branches_at_k_F(solved: Solution) -> None:
    for i, row in enumerate(gap_comparison(solved, 0.5, 1.0)):
        E, W = np.linalg.eigh(bdg(SC, np.asarray(solved.Delta), np.asarray(kappa_F(SC.bands[i]))))
        np.testing.assert_allclose(row.at_fermi_momentum, E[3:], rtol=EXACT)
        np.testing.assert_allclose(row.occupied, np.abs(W[3 + i, 3:]) ** 2, atol=EXACT)
        np.testing.assert_allclose(row.weights, np.abs(W[i, 3:]) ** 2 + np.abs(W[3 + i, 3:]) ** 2, atol=EXACT)
        assert len(row.minima) == 3
        # The peak lies among the branches that the band has weight on.
        assert row.minima[0] - 0.5 < row.symmetrised < row.at_fermi_momentum[-1] + 0.5


def test_gap_comparison_of_a_band_that_is_alone_at_its_k_F() -> None:
    apart = system(LAM, [150.0, 156.0, 195.0], cross=((0, 1), (0, 2), (1, 2)))
    row = gap_comparison(state(apart, [4.0, 3.0, 2.5, 1.0, 0.5, 0.7], 6.0), 0.5, 1.0)[2]
    np.testing.assert_allclose((row.at_fermi_momentum, row.weights, row.occupied), ((2.5,), (1.0,), (0.5,)), atol=EXACT)


# === from the command line


@pytest.mark.slow
@pytest.mark.parametrize("experiment", ["superfluid", "dos", "ultrasound"])
def test_observe(experiment: str, command, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    save(SC, tmp_path / "three.toml")
    temperatures = "6" if experiment == "dos" else "4:20:3"
    code, out, err = command("observe", "three.toml", experiment, "--T", temperatures, "--json")
    if experiment in REFUSED:
        assert code != 0
        assert "a, b and c are cross-paired together" in " ".join(err.split())
        assert "Traceback" not in err
        return
    assert code == 0
    assert json.loads(out)["experiment"] == experiment
    rows = np.genfromtxt(tmp_path / f"three_{experiment}.csv", delimiter=",", skip_header=1)
    assert np.isfinite(rows).all()
