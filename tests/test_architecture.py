"""The plan of the house, held to bounds: floors, circles, shadows, private names, `Any`, one way to do each thing.

`tools/architecture.py` measures, and says what each number means; it prints the names behind them.
"""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def _measure():
    spec = importlib.util.spec_from_file_location("architecture", ROOT / "tools" / "architecture.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["architecture"] = module
    spec.loader.exec_module(module)
    return module


architecture = _measure()
HOUSE = architecture.House(ROOT)

MOST_ROOMS = 21
DEEPEST = 14
MOST_ANY = 0.05

PLACES = {
    "the gap equation": ["jaxgap.equations.gap_equations", "jaxgap.equations.pairing"],
    "lambda K(T)": ["jaxgap.equations.linear", "jaxgap.observables.discontinuities"],
    "T_c is searched": ["jaxgap.continuation.ends", "jaxgap.selfenergy.onset", "jaxgap.solving.onset"],
}
"""The gap equation is batched, and once more for derivatives; a jump of the specific heat needs the slope of lambda K(T); a
branch that is followed ends where it meets the normal state, by the equations of that end. Of a retarded interaction the
linearised equations are others, in frequencies."""


def test_few_rooms():
    assert len(HOUSE.rooms) <= MOST_ROOMS
    assert {room for room in HOUSE.rooms if not room.startswith("_")} == set(architecture.FLOORS)


def test_imports_go_one_way():
    assert HOUSE.against_floors() == []


def test_no_circles():
    assert architecture.circles(HOUSE.graph()) == []
    assert architecture.circles(HOUSE.graph(in_functions=True)) == []


def test_the_house_is_not_deep():
    assert len(architecture.longest_chain(HOUSE.graph_of_rooms())) <= DEEPEST


def test_no_module_is_shadowed():
    assert HOUSE.shadowed() == []


def test_no_private_name_is_imported():
    assert HOUSE.private_imports() == []


def test_annotations_say_something():
    assert HOUSE.disguises() == []
    assert HOUSE.any_share() < MOST_ANY


@pytest.mark.parametrize("idea", architecture.IDEAS, ids=lambda idea: idea.title)
def test_there_is_one_way_to_do_it(idea):
    assert HOUSE.places(idea) == PLACES[idea.title]


# --- the measure itself -------------------------------------------------------------------------------------------------

FAULTS = {
    "__init__.py": "from jaxgap.model.band import band as band\n",
    "numerics/__init__.py": "",
    "numerics/newton.py": "from jaxgap.model.band import band, _own\nx: Any = 1\ny: int = 2\nScalar = Any\n",
    "model/__init__.py": "from jaxgap.model.band import band as band\n",
    "model/band.py": "def band(a: int) -> 'Scalar':\n    import jaxgap.numerics.newton\n    return jaxgap.numerics.newton._x\n",
}


@pytest.fixture
def broken(tmp_path):
    for name, text in FAULTS.items():
        path = tmp_path / "jaxgap" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return architecture.House(tmp_path)


def test_every_fault_is_found(broken):
    assert broken.against_floors() == ["jaxgap.numerics.newton -> jaxgap.model.band"]
    assert architecture.circles(broken.graph()) == []
    assert architecture.circles(broken.graph(in_functions=True)) == [("jaxgap.model.band", "jaxgap.numerics.newton")]
    assert broken.shadowed() == ["jaxgap.model.band"]
    assert broken.private_imports() == ["jaxgap.numerics.newton <- jaxgap.model.band._own"]
    assert broken.disguises() == ["Scalar"]
    assert broken.any_share() == 1 / 4
    assert architecture.longest_chain(broken.graph_of_rooms()) == ["jaxgap", "numerics", "model"]


@pytest.mark.slow
def test_the_table_has_a_column_for_each_tree(broken, capsys, tmp_path):
    architecture.main([str(tmp_path), str(ROOT)])
    first = capsys.readouterr().out.splitlines()[0].split()
    assert first == ["modules", "5", str(len(HOUSE.modules))]
