"""Imports inside `speechvq.units` go down, in the order that its docstring draws."""

import pytest

import speechvq.units
from tests.test_architecture import MODULES, own_imports

ROOMS = {
    room: level
    for level, line in enumerate(
        line for line in (speechvq.units.__doc__ or "").splitlines() if line.startswith("    ")
    )
    for room in line[4:53].replace("|", " ").split()
}


def room(module):
    return module.split(".")[2]


@pytest.mark.parametrize(
    "module",
    [
        name
        for name in MODULES
        if name.startswith("speechvq.units.") and name != "speechvq.units.__init__"
    ],
)
def test_imports_of_units_go_down(module):
    for other in own_imports(module):
        if other.startswith("speechvq.units.") and room(other) not in {room(module), "__init__"}:
            assert ROOMS[room(other)] > ROOMS[room(module)], f"{module} imports {other}"


def test_units_import_no_model():
    parts = {
        other.split(".")[1]
        for module in MODULES
        if module.startswith("speechvq.units.")
        for other in own_imports(module)
    }
    files = {"errors", "extras", "limits", "input", "arrays", "parsing", "output"}
    assert parts <= {"units", "audio", "codes", "data"} | files
