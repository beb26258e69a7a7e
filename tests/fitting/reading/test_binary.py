"""Arrays as programs save them: NumPy, NetCDF and HDF5, Igor's waves, written by other writers and read to the last digit."""

import gc

import numpy as np
import pytest

from jaxgap.fitting.reading import FileConfig, foreign, read_curve
from jaxgap.numerics.checks import InputError

V = np.array([-2.0, -0.5, 0.0, 0.5, 3.0])
DIDV = np.array([1.5, 0.25, 0.125, 0.5, 2.0])
T = np.array([2.0, 5.0, 9.0])
SERIES = np.arange(15.0).reshape(3, 5)
EV = np.array([-0.25, -0.125, 0.0, 0.125])
ALPHA = np.array([-1.0, 0.0, 1.0])
CUBE = np.arange(24.0).reshape(4, 3, 2)
"""Energy, angle, tilt."""
BIAS, ENERGY = ("V", "mV"), ("omega", "meV")


@pytest.fixture
def read(tmp_path):
    def call(file, axis, **said):
        return read_curve(FileConfig.model_validate({"file": file, **said}), tmp_path, axis, "1")

    return call


# --- NumPy --------------------------------------------------------------------------------------------------------------


def test_vectors_beside_each_other(read, tmp_path):
    np.savez(tmp_path / "a.npz", V_V=V / 1000, dIdV=DIDV, T=4.5)
    curve = read("a.npz", BIAS)
    np.testing.assert_array_equal(curve.x, V)
    assert curve.value.tolist() == DIDV.tolist()
    assert curve.T.tolist() == [4.5] * 5
    assert curve.lines.tolist() == [1, 2, 3, 4, 5]


def test_a_series_in_temperature(read, tmp_path):
    """Vectors are the axes of a larger array, told by their lengths."""
    np.savez(tmp_path / "a.npz", V_mV=V, T_K=T, dIdV=SERIES)
    curve = read("a.npz", BIAS)
    assert curve.T.tolist() == np.repeat(T, 5).tolist()
    assert curve.x.tolist() == np.tile(V, 3).tolist()
    assert curve.value.tolist() == SERIES.ravel().tolist()
    assert read("a.npz", BIAS, at={"T": 5.2}, T=5.0).value.tolist() == SERIES[1].tolist()


@pytest.mark.parametrize("matrix", [np.stack([V, DIDV]), np.stack([V, DIDV], axis=1)], ids=["rows", "columns"])
def test_a_matrix(read, tmp_path, matrix):
    np.save(tmp_path / "a.npy", matrix)
    curve = read("a.npy", BIAS, T=2.0, columns={"V": 1, "value": 2})
    assert (curve.x.tolist(), curve.value.tolist()) == (V.tolist(), DIDV.tolist())


def test_a_table_with_names(read, tmp_path):
    table = np.zeros(5, dtype=[("Bias (V)", float), ("dIdV", float), ("error", float)])
    table["Bias (V)"], table["dIdV"], table["error"] = V, DIDV, 0.1
    np.save(tmp_path / "a.npy", table)
    curve = read("a.npy", BIAS, T=2.0)
    assert (curve.x.tolist(), curve.error.tolist()) == ((1000 * V).tolist(), [0.1] * 5)


# --- NetCDF and HDF5 ------------------------------------------------------------------------------------------------------


def cube(**beside):
    xarray = pytest.importorskip("xarray")
    return xarray.DataArray(
        CUBE,
        dims=("eV", "alpha", "beta"),
        coords={"eV": EV, "alpha": ALPHA, "beta": [0.0, 1.0]},
        name="intensity",
        attrs={"hv": 21.2, **beside},
    )


@pytest.mark.parametrize("file", ["a.nc", "a.h5"])
def test_an_edc_of_a_cube(read, tmp_path, file):
    """As erlab saves them: energies in eV, angles, the sample's temperature in the attributes."""
    cube(sample_temp=10.5).to_netcdf(tmp_path / file, engine="h5netcdf")
    curve = read(file, ENERGY, at={"alpha": 0.1, "beta": 1})
    assert curve.x.tolist() == (1000 * EV).tolist()
    assert curve.value.tolist() == CUBE[:, 1, 1].tolist()
    assert curve.T.tolist() == [10.5] * 4
    mean = read(file, ENERGY, at={"alpha": [-0.2, 1.2], "beta": 0})
    assert mean.value.tolist() == CUBE[:, 1:, 0].mean(axis=1).tolist()


def test_units_of_coordinates(read, tmp_path):
    """As peaks saves them: k in its own axis, units as attributes, temperatures as a coordinate."""
    part = cube().rename(alpha="k_par", beta="temp_sample").assign_coords(temp_sample=[5.0, 12.0])
    part.coords["eV"].attrs["units"] = "eV"
    part.coords["k_par"].attrs["units"] = "1 / angstrom"
    part.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    curve = read("a.nc", ENERGY, at={"k_par": 1})
    assert curve.T.tolist() == [5.0] * 4 + [12.0] * 4
    assert curve.value.tolist() == [*CUBE[:, 2, 0], *CUBE[:, 2, 1]]


def test_variables_of_one_axis_are_columns(read, tmp_path):
    xarray = pytest.importorskip("xarray")
    data = {"dIdV": ("V", DIDV), "dIdV_error": ("V", 0.1 * DIDV)}
    xarray.Dataset(data, coords={"V": ("V", V, {"units": "mV"}), "T": 3.0}).to_netcdf(tmp_path / "a.nc", engine="scipy")
    curve = read("a.nc", BIAS)
    assert (curve.x.tolist(), curve.error.tolist(), curve.T.tolist()) == (V.tolist(), (0.1 * DIDV).tolist(), [3.0] * 5)


def test_a_group_of_hdf5(read, tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["entry/spectrum/bias_mV"], file["entry/spectrum/didv"] = V, DIDV
    with pytest.raises(InputError, match="holds none at its top"):
        read("a.h5", BIAS)
    curve = read("a.h5", BIAS, T=2.0, variable="entry/spectrum/")
    assert (curve.x.tolist(), curve.value.tolist()) == (V.tolist(), DIDV.tolist())


# --- Igor -----------------------------------------------------------------------------------------------------------------


def wave(values, *, x=(-0.25, 0.125), unit="eV", note=""):
    igorwriter = pytest.importorskip("igorwriter")
    made = igorwriter.IgorWave(values, name="edc")
    made.set_dimscale("x", *x, unit)
    made.set_datascale("counts")
    made.set_note(note)
    return made


@pytest.mark.parametrize("file", ["a.ibw", "a.itx"])
def test_a_wave(read, tmp_path, file):
    made = wave(CUBE[:, 0, 0], note="Sample temp=9.5")
    (made.save if file == "a.ibw" else made.save_itx)(str(tmp_path / file))
    curve = read(file, ENERGY)
    assert (curve.x.tolist(), curve.value.tolist()) == ((1000 * EV).tolist(), CUBE[:, 0, 0].tolist())
    assert curve.T.tolist() == [9.5] * 4


@pytest.mark.parametrize("file", ["a.ibw", "a.itx"])
def test_a_wave_of_three_dimensions(read, tmp_path, file):
    """Its axes without names have Igor's: y and z."""
    made = wave(CUBE)
    made.set_dimscale("y", -1.0, 1.0, "deg")
    (made.save if file == "a.ibw" else made.save_itx)(str(tmp_path / file))
    curve = read(file, ENERGY, T=4.0, at={"deg": 1, "z": 2})
    assert (curve.x.tolist(), curve.value.tolist()) == ((1000 * EV).tolist(), CUBE[:, 2, 1].tolist())


# --- refused --------------------------------------------------------------------------------------------------------------


def test_what_is_no_curve(read, tmp_path):
    cube().to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    for said, sentence in (
        (
            {},
            r"must come to one curve, but has the axes eV \(4 points, -0.25 to 0.125\), alpha .*: take one with at = \{ alpha",
        ),
        ({"at": {"kx": 0.0}}, r"`at` must name axes of the array \(alpha, beta, eV\), but has `kx`"),
        ({"at": {"alpha": 7.0, "beta": 0.0}}, r"`at` must be on the axis alpha \(3 points, -1 to 1\), but is 7"),
        ({"at": {"alpha": [0.2, 0.4], "beta": 0.0}}, r"needs points of alpha .* between 0.2 and 0.4, but there are none"),
        ({"variable": "counts"}, r"`variable` must be one of intensity, but is `counts`"),
    ):
        with pytest.raises(InputError, match=sentence):
            read("a.nc", ENERGY, T=2.0, **said)


def test_what_is_no_such_file(read, tmp_path):
    for file in ("a.npz", "a.npy", "a.nc", "a.h5", "a.ibw"):
        with pytest.raises(InputError, match=r"The data file `.*` does not exist\."):
            read(file, BIAS, T=2.0)
        (tmp_path / file).write_bytes(b"V,dIdV\n1,2\n" * 40)
        with pytest.raises(InputError, match=rf"{file}: the file must be ") as refused:
            read(file, BIAS, T=2.0)
        assert "\n" not in str(refused.value)


def test_a_damaged_file_is_one_sentence(read, tmp_path, capfd):
    """Half a download."""
    cube().to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    wave(CUBE[:, 0, 0]).save(str(tmp_path / "a.ibw"))
    np.savez(tmp_path / "a.npz", V_mV=V, dIdV=DIDV)
    for file in ("a.nc", "a.ibw", "a.npz"):
        path = tmp_path / file
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(InputError, match=rf"{file}: the file must be ") as refused:
            read(file, BIAS, T=2.0)
        assert "\n" not in str(refused.value)
    gc.collect()
    assert capfd.readouterr() == ("", "")


def test_python_objects_are_not_loaded(read, tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"V": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="without Python objects"):
        read("a.npy", BIAS, T=2.0)


def test_several_arrays(read, tmp_path):
    np.savez(tmp_path / "a.npz", first=V, second=V[:3])
    with pytest.raises(InputError, match=r"several arrays, first \(5\), second \(3\): say which with `variable`"):
        read("a.npz", BIAS, T=2.0)


def test_a_missing_library_is_named(read, tmp_path, monkeypatch):
    monkeypatch.setattr(foreign, "find_spec", lambda name: None)
    (tmp_path / "a.h5").write_bytes(b"\x89HDF\r\n")
    (tmp_path / "a.ibw").write_bytes(b"\0\0")
    for file, names in (("a.h5", "xarray and h5netcdf"), ("a.ibw", "igor2")):
        with pytest.raises(InputError, match=rf'{file}: reading this needs {names}: pip install "jaxgap\[files\]"\.'):
            read(file, BIAS, T=2.0)
