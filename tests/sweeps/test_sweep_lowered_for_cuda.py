"""What a sweep does is lowered for a GPU without a call of a library: none of them takes many small matrices at once, and
general eigenvalues would go to the host, element by element."""

import re
from functools import partial

import jax
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from jaxgap.materials import two_band
from jaxgap.numerics.cutting import for_gpu, forced
from jaxgap.spectra.quadrature import DEFAULT_RULE
from jaxgap.sweeps.evaluate import Evaluator
from jaxgap.sweeps.grid import points
from jaxgap.sweeps.quantities import quantities

N = 64
ALLOWED = {"__gpu$xla.gpu.triton"}
"""Custom calls of batched programs: kernels of our own (`jaxgap.numerics.node_sums`)."""
WANTED = ("gap", "branch_minimum", "Delta", "label", "T_c", "d gap/d lambda_33", "d T_c/d d")


def _calls(ways, branch=None, start=None):
    """Custom calls in the program of a batch of a sweep, lowered for CUDA."""
    where = points(two_band(), None, {"lambda_33": [0.1, 0.2], "d": [1.0, 8.0], "T": [1.0, 60.0]}, None)
    names = tuple(one.name for one in where.axes)
    evaluator = Evaluator(where.family, names, quantities(WANTED, where), branch, N, start != "complex")
    mesh = jax.make_mesh((1,), ("device",))
    one, spread = PartitionSpec("device"), NamedSharding(mesh, PartitionSpec("device"))
    rows = jax.ShapeDtypeStruct((N, len(names)), np.float64, sharding=spread)
    starts = None if start is None else jax.ShapeDtypeStruct((N, 3), np.dtype(start), sharding=spread)
    values = partial(evaluator._values, rule=DEFAULT_RULE, branch=branch, ways=ways)
    sharded = jax.shard_map(values, mesh=mesh, in_specs=(PartitionSpec(), one, one), out_specs=one, check_vma=False)
    with forced(for_gpu(2**30)):
        text = jax.jit(sharded).trace(where.family, rows, starts).lower(lowering_platforms=("cuda",)).as_text()
    return set(re.findall(r"custom_call @([\w$.]+)", text)) | set(re.findall(r'call_target_name = "([^"]+)"', text))


@pytest.mark.parametrize(
    ("branch", "start"),
    [(None, None), ("s+-", None), (None, float), (None, complex)],
    ids=["T_c", "branch", "start", "complex"],
)
@pytest.mark.slow
def test_no_library_is_called(branch, start):
    assert _calls("both", branch, start) <= ALLOWED


def test_a_call_would_be_seen():
    def one(x):
        return jax.numpy.linalg.svd(x, compute_uv=False)

    text = jax.jit(jax.vmap(one)).trace(jax.ShapeDtypeStruct((N, 3, 3), float)).lower(lowering_platforms=("cuda",)).as_text()
    assert re.findall(r"custom_call @([\w$.]+)", text)
