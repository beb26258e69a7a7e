"""`jaxgap devices` says what programs run on."""

from typer.testing import CliRunner

from jaxgap.commands.devices import described
from jaxgap.commands.main import app
from jaxgap.numerics.cutting import CPU


def test_the_devices_of_this_machine():
    told = CliRunner().invoke(app, ["devices"])
    assert told.exit_code == 0
    assert told.output.startswith("cpu: ")
    assert f"{CPU.block} systems together" in told.output


def test_a_gpu_tells_its_memory():
    assert described("gpu", "NVIDIA H200", 3 * 2**30) == "gpu: NVIDIA H200, 3.0 GiB for JAX"
