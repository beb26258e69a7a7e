"""Sums over nodes by the GPU's kernel, interpreted here, are those that XLA makes of arrays, to rounding."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import generator, likely_amplitudes, random_system, stacked

from jaxgap.equations import gap_equations, linear
from jaxgap.equations.nodes import lanes
from jaxgap.numerics.cutting import for_gpu, forced
from jaxgap.numerics.node_sums import kernel_sums, over_nodes
from jaxgap.spectra.quadrature import Rule

ROUNDING = 1e-13
"""The order of additions is another one."""
INTERPRETED = partial(kernel_sums, interpret=True)


@pytest.mark.parametrize(("nodes", "shape"), [(5, (3,)), (64, (130,)), (42, (2, 200)), (1, (1,)), (37, (4,))])
def test_of_any_shape(nodes, shape):
    rng = generator(24)
    x, y, a, b = (jnp.asarray(rng.normal(size=size)) for size in ((nodes, *shape), (nodes, *shape), shape, shape[-1:]))

    def function(x, y, a, b):
        return jnp.tanh(x * a) * y, jnp.where(x > b, jnp.exp(-y * y), jnp.sqrt(a * a + 1))

    got = INTERPRETED(function, (x, y), (a, b))
    wanted = [np.sum(part, axis=0) for part in function(x, y, a, b)]
    for one, other in zip(got, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=ROUNDING, atol=ROUNDING * nodes)


def _batch():
    systems = [random_system(960 + s, equal_masses=s % 2 > 0) for s in range(5)]
    x = jnp.asarray(np.stack([likely_amplitudes(sc) for sc in systems]))
    return stacked(systems), x, jnp.asarray([0.0, 0.5, 4.0, 20.0, 50.0])


@pytest.mark.slow
def test_the_gap_equations(monkeypatch):
    """r, M and the phase block; on this device a GPU's way of cutting gives them without the kernel."""
    sc, x, T = _batch()
    at = lanes(sc, x, T, Rule(9, 7))
    functions = gap_equations.residuals_and_matrices, gap_equations.residuals_and_phases
    wanted = [function(x.T, at) for function in functions]
    with forced(for_gpu(2**24)):
        cut = [jax.jit(lambda x, at, f=function: f(x, at))(x.T, at) for function in functions]
    monkeypatch.setattr(gap_equations, "over_nodes", INTERPRETED)
    got = [function(x.T, at) for function in functions]
    for one in (got, cut):
        for part, other in zip(jax.tree.leaves(one), jax.tree.leaves(wanted), strict=True):
            np.testing.assert_allclose(part, other, rtol=1e-11, atol=ROUNDING * np.abs(other).max())


def test_the_normal_state(monkeypatch):
    sc, _, T = _batch()

    def matrices():
        return jax.jit(lambda T: linear.normal_matrices(sc, linear.normal_places(sc), T))(T + 0.1)

    wanted = matrices()
    monkeypatch.setattr(linear, "over_nodes", INTERPRETED)
    np.testing.assert_allclose(matrices(), wanted, rtol=ROUNDING, atol=ROUNDING)


def test_on_a_cpu_there_is_no_kernel():
    text = jax.jit(lambda x: over_nodes(lambda x: (x * x,), (x,), ())).lower(jnp.ones((3, 4))).as_text()
    assert "custom_call" not in text
    with forced(for_gpu(2**24)):
        traced = jax.jit(lambda x: over_nodes(lambda x: (x * x,), (x,), ())).trace(jnp.ones((3, 128)))
        assert "custom_call" not in traced.lower(lowering_platforms=("cpu",)).as_text()
        assert "triton" in traced.lower(lowering_platforms=("cuda",)).as_text()
