"""How work is cut: for a CPU as measured, for a GPU by its memory; what is forced is part of a program's key."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxgap.numerics.chunks import in_chunks
from jaxgap.numerics.cutting import CPU, cut, first_device, for_gpu, forced
from jaxgap.numerics.programs import program

H200 = 100 * 2**30
LITTLE = 2**24


def test_a_cpu_fills_its_blocks():
    assert cut() == CPU
    assert first_device().platform == "cpu"
    assert (CPU.together(3), CPU.of_the_left(3), CPU.long_of(3)) == (CPU.block, CPU.gathered, CPU.long)


def test_a_gpu_takes_whole_batches_as_far_as_its_memory_goes():
    large, little = for_gpu(H200), for_gpu(LITTLE)
    assert large.block >= large.batch == 65_536
    assert large.together(1000) == 1000
    assert little.batch <= little.piece < little.block < large.block
    for k in range(20, 40):
        assert all(b >= a for a, b in zip(for_gpu(2**k), for_gpu(2 ** (k + 1)), strict=True))


def test_what_is_forced_ends_and_is_known_to_other_threads():
    with forced(for_gpu(LITTLE)):
        assert cut() == for_gpu(LITTLE)
        blocks = in_chunks(lambda x: x * 0 + cut().block, 1, np.arange(3.0))
    np.testing.assert_array_equal(blocks, for_gpu(LITTLE).block)
    assert cut() == CPU


def test_programs_are_traced_for_it():
    @program
    def block(x):
        return x + cut().block

    for _ in range(2):
        assert block(jnp.zeros(())) == CPU.block
        assert jax.jit(block)(jnp.zeros(())) == CPU.block
        with forced(for_gpu(LITTLE)):
            assert block(jnp.zeros(())) == for_gpu(LITTLE).block
            assert jax.jit(block)(jnp.zeros(())) == for_gpu(LITTLE).block
