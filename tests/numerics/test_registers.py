"""A kernel in registers, interpreted here, gives what `jax.vmap` gives, and says what it cannot."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import generator, likely_amplitudes, random_system, stacked

from jaxgap.numerics.cutting import cut, for_gpu, forced
from jaxgap.numerics.registers import in_registers
from jaxgap.numerics.scalars import Unscalar
from jaxgap.solving import blocks, many
from jaxgap.solving.solution import Status

ROUNDING = 1e-14
RULE = np.polynomial.legendre.leggauss(5)
INTERPRETED = partial(in_registers, interpret=True)


def _of_one(A, b, n, yes):
    """Moves, sums, products, both kinds of loops, a branch, numbers that are known, of every kind of number."""
    moved = jnp.concatenate([A[::-1].T, jnp.pad(b[None, :2], ((0, 0), (1, 0)))])
    nodes = jax.lax.scan(
        lambda s, rule: (s + rule[1] * jnp.exp(rule[0] * b), None), jnp.zeros(3), tuple(map(jnp.asarray, RULE))
    )[0]
    x, steps = jax.lax.while_loop(
        lambda s: jnp.abs(s[0]) > 0.1, lambda s: (s[0] / 2, s[1] + n), (b[0] * 50, jnp.zeros((), int))
    )
    turned = jax.lax.cond(x > 0, lambda x: jnp.tanh(x) + 1, lambda x: x * jnp.eye(2)[1, 1], x)
    counted = jax.lax.fori_loop(0, 3, lambda k, s: s * 2 + k, n)
    either = jnp.where(yes & (b > 0), b, -b).max(), jnp.isfinite(b).all()
    return moved, nodes, (x, steps, turned), counted, (*either, ~yes), A @ b


def test_it_is_the_function_of_every_element():
    rng = generator(24)
    batch = (rng.normal(size=(70, 3, 3)), rng.normal(size=(70, 3)), rng.integers(1, 4, 70), rng.normal(size=70) > 0)
    batch = jax.tree.map(jnp.asarray, batch)
    wanted = jax.vmap(_of_one)(*batch)
    got = INTERPRETED(lambda batch: jax.vmap(_of_one)(*batch), batch)
    assert jax.tree.structure(got) == jax.tree.structure(wanted)
    for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(wanted), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=ROUNDING, atol=ROUNDING)


def test_what_it_closes_over_is_the_same_for_all():
    x, y = jnp.arange(40.0)[:, None], jnp.array([2.0, 3.0])
    got = jax.jit(lambda x, y: INTERPRETED(lambda x: x * y + y[0], x))(x, y)
    np.testing.assert_array_equal(got, x * y + y[0])


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda x: jnp.sort(x, axis=1), "sort"),
        (lambda x: x[:, jnp.argmax(x[0])], "argmax"),
        (lambda x: jnp.cumsum(x, axis=1), "cumsum"),
        (lambda x: jax.lax.scan(lambda s, row: (s, row), 0.0, x[0])[1][None], "rows"),
    ],
)
def test_what_has_no_counterpart_is_said(function, name):
    with pytest.raises(Unscalar, match=name):
        in_registers(function, jnp.ones((3, 4)), interpret=True)


# === systems


def _in_the_open(way, batch, otherwise):
    with forced(cut()._replace(registers=True)):
        try:
            return INTERPRETED(way, batch)
        except Unscalar:
            assert "_from_zero" in getattr(way, "__qualname__", "")  # the starts of a named branch
            return otherwise(batch)


@pytest.mark.slow
@pytest.mark.parametrize(("branch", "dimension"), [("start", 2), ("start", 3), (None, 2), ("s++", 2)])
def test_many_systems(monkeypatch, branch, dimension):
    """What is solved in registers is what is solved in blocks, statuses and steps included."""
    systems = [random_system(960 + s, dimension=dimension, equal_masses=s % 2 > 0) for s in range(9)]
    start = np.stack([likely_amplitudes(sc) for sc in systems]) if branch == "start" else None
    T = jnp.asarray([0.0, 0.5, 4.0, 20.0, 50.0, 0.0, 1.0, 3.0, 200.0])
    solve = partial(
        many.solve_many, stacked(systems), T, start=start, branch=None if start is not None else branch, ways="short"
    )
    wanted = solve()
    for module in (blocks, many):
        monkeypatch.setattr(module, "each_by_itself", _in_the_open)
    with forced(for_gpu(2**30)):
        got = solve()
    np.testing.assert_array_equal(got.status, wanted.status)
    np.testing.assert_array_equal(got.steps, wanted.steps)
    solved = np.asarray(wanted.status) == Status.CONVERGED
    assert solved.sum() >= 4
    error = np.abs(got.Delta - wanted.Delta)[solved] / np.abs(wanted.Delta)[solved].max(axis=1, keepdims=True)
    assert (error.max(axis=1) < np.maximum(1e-12, 1e-15 / np.asarray(wanted.sigma_min)[solved])).all()
