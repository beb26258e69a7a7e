"""What every public function refuses before it computes: batches without vmap, numbers of another precision, what is no number;
and that it works under the settings that a host program may have made."""

import inspect
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgap
from jaxgap import InputError, Status, materials, observables, save, solve, symmetrised
from jaxgap.superconductor import check_one_system, to_toml

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
        for name, function in vars(package).items():
            if inspect.isfunction(function) and next(iter(inspect.signature(function).parameters), "") == kind:
                found[name] = function
    return {name: function for name, function in found.items() if name not in EXEMPT}


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


@pytest.mark.parametrize("T", ["4", None, True, object(), {}, np.array("3"), [[1.0], [2.0, 3.0]], jax.random.key(0)], ids=repr)
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
def test_a_traced_temperature_that_is_none_has_no_amplitudes(sc, T):
    found = jax.jit(lambda T: solve(sc, T))(T)
    assert int(found.status) == Status.INVALID
    assert np.isnan(found.Delta).all()


# --- settings of a host program ---------------------------------------------------------------------------------------

STRICT = """
import jax, sys
import jax.numpy as jnp
import numpy as np
import jaxgap as jg
from jaxgap.observables import branch_minima, free_energy
from jaxgap._compilation import keep_programs
keep_programs(sys.argv[1])
sc = jg.materials.two_band()
T_c = float(jg.critical_temperature(sc))
gap = lambda s: branch_minima(jg.solve(s, 4.2))[0]
expected = [T_c, float(gap(sc)), float(jax.grad(gap)(sc).Omega)]
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")
again = jg.superconductor(bands={{"a": {{"mu": 200}}, "b": {{"mu": 200}}}}, cross=["a:b"], lam=np.asarray(sc.lam), Omega=30)
found = [float(jg.critical_temperature(again)), float(gap(again)), float(jax.grad(gap)(again).Omega)]
jitted = [float(jax.jit(gap)(again)), float(jax.grad(jax.jit(gap))(again).Omega), float(jax.jacfwd(jax.jit(gap))(again).Omega)]
np.testing.assert_allclose(found, expected, rtol=1e-9)
np.testing.assert_allclose(jitted, [*expected[1:], expected[2]], rtol=1e-9)
batch = jax.vmap(lambda x: sc.set({{"Omega": x}}))(jnp.array([30.0, 31.0]))
batched = jax.jit(jax.vmap(gap))(batch)
np.testing.assert_allclose(batched[0], expected[1], rtol=1e-9)
free_energy(jg.solve(sc, 4.2)); jg.solutions(sc, 4.2); jg.unstable_directions if False else None
print(jg.solve(sc, 4.2))
"""


def in_a_process(text, *arguments, **environment):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent), **environment}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(text), *arguments], capture_output=True, text=True, check=False, env=environment
    )
