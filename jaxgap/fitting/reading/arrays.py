"""NumPy's files: .npz with columns by name, or with arrays of which one is meant, and .npy with columns."""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from jaxgap.fitting.reading.columns import TEMPERATURE, key_of
from jaxgap.fitting.reading.config import FileConfig
from jaxgap.fitting.reading.foreign import as_a_file_of
from jaxgap.fitting.reading.grids import Along, Grid, along, real, table_of
from jaxgap.fitting.reading.tables import Table
from jaxgap.model.files import read_bytes

__all__ = ["read_numpy"]


def read_numpy(path: Path, config: FileConfig) -> Table:
    """The columns of a .npz or .npy.

    Raises:
        InputError: if it cannot be read, or is not one curve.
    """
    content = io.BytesIO(read_bytes(path, "data file"))
    with as_a_file_of(path, "one of NumPy's without Python objects"):
        loaded = np.load(content, allow_pickle=False)
        arrays = {"array": loaded} if isinstance(loaded, np.ndarray) else {name: loaded[name] for name in loaded.files}
    if len(arrays) == 1 and (array := next(iter(arrays.values()))).dtype.names:
        arrays = {name: array[name] for name in array.dtype.names}
    return table_of(_grids(arrays), config, str(path))


def _grids(arrays: Mapping[str, np.ndarray]) -> dict[str, Grid]:
    """The arrays over axes: vectors beside a larger array are its axes, told by their lengths; a number called T is the
    temperature."""
    noted = [
        float(array)
        for name, array in arrays.items()
        if array.ndim == 0 and key_of(name) in TEMPERATURE and array.dtype.kind in "fiu"
    ]
    T = noted[0] if len(noted) == 1 else None
    vectors = {name: array for name, array in arrays.items() if array.ndim == 1}
    larger = {name: array for name, array in arrays.items() if array.ndim > 1}
    if not larger:
        return {name: Grid(array, (Along("row", None, None),), None, T) for name, array in vectors.items()}
    return {
        name: Grid(array, tuple(_axis(k, n, vectors) for k, n in enumerate(array.shape)), None, T)
        for name, array in larger.items()
    }


def _axis(k: int, n: int, vectors: Mapping[str, np.ndarray]) -> Along:
    """The axis of an array with `n` points: the only vector of that length."""
    fitting = [name for name, vector in vectors.items() if len(vector) == n]
    if len(fitting) != 1:
        return Along(f"axis {k + 1}", None, None)
    return along(fitting[0], real(vectors[fitting[0]], fitting[0]))
