"""What every public function refuses before it computes: batches without vmap, numbers of another precision, what is no number;
and that it works under the settings that a host program may have made."""

import inspect
import os
import subprocess
import sys
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgap
from jaxgap import InputError, Status, materials, observables, save, solve, symmetrised
from jaxgap.model.superconductor import check_one_system
from jaxgap.model.systems import to_toml

ARGUMENTS = {
    "T": 1.0,
    "path": "nowhere.toml",
    "branch": "s++",
    "along": {"Omega": (30.0, 31.0)},
    "x": None,
    "y": None,
    "band": "a",
}
EXEMPT = ("branch_names", "save", "symmetrised")
"""Names depend on the structure only; the others are tested by themselves."""


def entries(kind):
    """name -> function, of all public ones whose first argument is a system ("sc") or a solution."""
    found = {}
    for package in (jaxgap, observables):
        for name in {
            *vars(package),
            *getattr(package, "__all__", ()),
        }:  # Not just those of `vars`: names are imported when they are asked for.
            function = getattr(package, name)
            if inspect.isfunction(function) and next(iter(inspect.signature(function).parameters), "") == kind:
                found[name] = function
    return {name: function for name, function in sorted(found.items()) if name not in EXEMPT}


def called(function, first):
    required = [p.name for p in inspect.signature(function).parameters.values() if p.default is p.empty][1:]
    return function(first, *(ARGUMENTS.get(name, 1.0) for name in required if name != "options"))


@pytest.fixture(scope="module")
def sc():
    return materials.two_band()


@pytest.fixture(scope="module")
def state(sc):
    return solve(sc, 1.0, start=[6.0, 4.0, 1.5])


def twice(tree):
    return jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), tree)


def test_the_entries_are_found():
    assert {"solve", "solutions", "critical_temperature", "gap_curve", "branch_end", "transition", "path"} <= set(entries("sc"))
    assert {"branch_minima", "free_energy", "relaxation_rate", "dispersion"} <= set(entries("solution"))
    assert len(entries("sc")) >= 15
    assert len(entries("solution")) >= 20


@pytest.mark.parametrize("name", entries("sc"))
def test_a_batch_of_systems_needs_vmap(name, sc):
    function = entries("sc")[name]
    with pytest.raises(InputError, match=rf"one system \(for a batch of them: jax.vmap\(.*{name}.*Omega of shape \(2,\)"):
        called(function, twice(sc))
    with pytest.raises(InputError, match="one system"):
        jax.jit(lambda batch: called(function, batch))(twice(sc))
    with pytest.raises(InputError, match="Argument `sc` must be a Superconductor, but got NoneType"):
        called(function, None)


@pytest.mark.parametrize("name", entries("solution"))
def test_a_batch_of_solutions_needs_vmap(name, state):
    function = entries("solution")[name]
    with pytest.raises(InputError, match=rf"must be one state \(for a batch: jax.vmap\(.*{name}.*batch of shape \(2,\)"):
        called(function, twice(state))
    with pytest.raises(InputError, match="Argument `solution` must be a Solution, but got str"):
        called(function, "solved")


def test_files_and_symmetrised_systems_are_of_one_system(sc, tmp_path):
    for function in (to_toml, symmetrised, lambda batch: save(batch, tmp_path / "nowhere.toml")):
        with pytest.raises(InputError, match="must be one system"):
            function(twice(sc))
    assert not (tmp_path / "nowhere.toml").exists()


def test_numbers_of_other_types(sc):
    single = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), sc)
    with pytest.raises(InputError, match="must have float64 numbers, but got Omega of type float32"):
        solve(single, 1.0)
    whole = eqx.tree_at(lambda s: s.bands[1].mu, sc, jnp.asarray(200))
    with pytest.raises(InputError, match=r"but got mu\[b\] of type int64"):
        solve(whole, 1.0)
    check_one_system(eqx.tree_at(lambda s: s.Omega, sc, 30.0), "solve")  # a number of Python's is a float64


@pytest.mark.parametrize(
    "T", ["4", None, True, object(), {}, np.array("3"), [[1.0], [2.0, 3.0]], jax.random.key(0)], ids=lambda T: type(T).__name__
)
def test_a_temperature_that_is_no_number(sc, T):
    with pytest.raises(InputError, match="Argument `T` must hold numbers"):
        solve(sc, T)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"T": 1j}, "`T` must be real"),
        ({"T": np.array([1.0, 2.0])}, "`T` must be one number"),
        ({"T": -1.0}, "`T` must not be negative"),
        ({"start": ["a", "b", "c"]}, "`start` must hold numbers"),
        ({"start": [None] * 3}, "`start` must hold numbers"),
        ({"start": [1.0, np.nan, 1.0]}, "`start` must be finite"),
        ({"start": [1e300, 1.0, 1.0]}, "`start` must be amplitudes of at most 1000 Omega"),
        ({"start": [True] * 3}, "`start` must hold numbers"),
        ({"start": [[1.0, 2.0, 3.0]]}, "`start` must have one amplitude per channel"),
        ({"rule": jaxgap.Rule(0, 4)}, "`rule` must be a Rule of positive"),
    ],
)
def test_what_solve_refuses(sc, change, sentence):
    with pytest.raises(InputError) as error:
        solve(sc, **({"T": 1.0} | change))
    assert sentence in str(error.value)


@pytest.mark.parametrize("T", [-1.0, np.nan, np.inf])
@pytest.mark.slow
def test_a_traced_temperature_that_is_none_has_no_amplitudes(sc, T):
    found = jax.jit(lambda T: solve(sc, T))(T)
    assert int(found.status) == Status.INVALID
    assert np.isnan(found.Delta).all()


# --- settings of a host program ---------------------------------------------------------------------------------------

BEGIN = """
import sys
import jax
import jax.numpy as jnp
import numpy as np
import jaxgap as jg
from jaxgap.observables import branch_minima
from jaxgap.numerics.programs import compile_quickly, keep_programs
compile_quickly()
keep_programs(sys.argv[1])
sc = jg.materials.two_band()
gap = lambda s: branch_minima(jg.solve(s, 4.2, start=[6.0, 4.0, 1.5]))[0]
batch = jax.vmap(lambda x: sc.set({"Omega": x}))(jnp.linspace(28.0, 32.0, 8))
"""
STRICT = """
expected = [float(jg.critical_temperature(sc)), float(gap(sc)), float(jax.grad(gap)(sc).Omega)]
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")
sc = jg.superconductor(bands={"a": {"mu": 200}, "b": {"mu": 200}}, cross=["a:b"], lam=np.asarray(sc.lam), Omega=30)
found = [float(jg.critical_temperature(sc)), float(gap(sc)), float(jax.grad(gap)(sc).Omega)]
np.testing.assert_allclose(found, expected, rtol=1e-9)
jitted = [jax.jit(gap)(sc), jax.grad(jax.jit(gap))(sc).Omega, jax.jacfwd(jax.jit(gap))(sc).Omega]
np.testing.assert_allclose(jitted, [*expected[1:], expected[2]], rtol=1e-9)
np.testing.assert_allclose(jax.vmap(gap)(batch)[3:5].mean(), expected[1], rtol=1e-3)
print("done", jg.solve(sc, 4.2, start=[6.0, 4.0, 1.5]))
"""
EXPLICIT = """
from jax.sharding import NamedSharding, PartitionSpec
from jaxgap.solving.many import solve_many
mesh = jax.make_mesh((4,), ("device",), axis_types=(jax.sharding.AxisType.Explicit,))
spread = jax.device_put(batch, NamedSharding(mesh, PartitionSpec("device")))
both = jax.jit(jax.vmap(jax.value_and_grad(gap)))
(one, slopes), (other, other_slopes) = both(batch), both(spread)
assert jax.typeof(other).sharding.spec == PartitionSpec("device")
np.testing.assert_allclose(one, other, rtol=1e-12)
np.testing.assert_allclose(slopes.Omega, other_slopes.Omega, rtol=1e-9)
with jax.set_mesh(mesh):
    np.testing.assert_allclose(jax.vmap(gap)(spread), one, rtol=1e-12)
T = jnp.full(8, 4.2)
for solver in (solve_many, jax.jit(solve_many)):
    many = [solver(systems, T, start=jnp.array([6.0, 4.0, 1.5])).Delta for systems in (batch, spread)]
    np.testing.assert_allclose(many[0], many[1], rtol=1e-12)
print("done")
"""


def in_a_process(text, **environment):
    """What a program of its own prints: settings, devices and meshes are those of a whole process."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **environment}
    command = [sys.executable, "-c", BEGIN + text, str(jax.config.jax_compilation_cache_dir)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_host_program_that_forbids_promotion():
    assert in_a_process(STRICT).startswith("done")


@pytest.mark.slow
def test_explicit_meshes():
    """As `jax.make_mesh` makes them: under vmap and jit, with derivatives, and for whole batches."""
    assert in_a_process(EXPLICIT, XLA_FLAGS="--xla_force_host_platform_device_count=4").startswith("done")
