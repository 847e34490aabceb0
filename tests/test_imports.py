"""Data flow one way: which room of the package may import which, and no circles among files.

All imports count, each kind by itself: those at the top of a module, those within functions (which are for laziness
only, and obey the same direction) and those for type checkers.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "channelsim"
TOP, FUNCTION, TYPES = KINDS = ("at the top", "in a function", "for type checkers")

ROOMS: dict[str, str] = {
    "errors": "",
    "version": "",
    "signals": "",
    "plain": "",
    "extras": "errors",
    "paths": "errors",
    "files": "errors",
    "shipped": "errors files",
    "rules": "",
    "extend": "",
    "parts": "errors files extend",
    "own_transfers": "extend parts",
    "own_rules": "errors rules extend parts",
    "own_losses": "errors extend parts",
    "tolerances": "",
    "elementary": "",
    "hashing": "elementary",
    "normals": "",
    "units": "errors",
    "theory.systems": "",
    "theory.samples": "theory.systems",
    "data": "errors extend parts paths files elementary hashing",
    "scenario": "errors paths files data rules extend parts own_rules units theory.systems theory.samples",
    "theory": "errors scenario theory.systems",
    "identity": "errors parts scenario data",
    "arithmetic": "",
    "plan": "errors arithmetic rules extend parts own_transfers own_rules own_losses elementary hashing scenario",
    "codes": "arithmetic plan",
    "engine.config": "",
    "engine.sizes": "plan engine.config",
    "engine.compile": "errors parts engine.config",
    "engine.tables": "plan engine.config engine.sizes engine.compile",
    "engine.kernels.simd": "hashing normals engine.config engine.compile",
    "engine.kernels": "elementary hashing plan engine.config engine.sizes engine.compile engine.tables "
    "engine.kernels.simd",
    "engine.channel": "arithmetic rules extend parts plan engine.compile engine.tables "
    "engine.kernels.simd engine.kernels",
    "engine.layers": "rules extend parts own_transfers own_rules own_losses plan engine.config engine.sizes "
    "engine.compile engine.tables engine.kernels engine.kernels.simd engine.channel",
    "engine.loop": "plan engine.compile engine.tables engine.kernels engine.channel engine.layers",
    "engine.setup": "arithmetic rules extend hashing data plan engine.config engine.sizes engine.compile "
    "engine.tables engine.kernels.simd engine.kernels engine.channel engine.layers engine.loop",
    "engine": "errors parts own_transfers data plan engine.config engine.sizes engine.compile engine.tables "
    "engine.channel engine.layers engine.loop engine.setup",
    "reference": "arithmetic rules extend parts own_transfers own_rules own_losses elementary hashing normals data "
    "plan",
    "memory": "errors rules scenario data plan engine.sizes",
    "metrics": "errors extend parts elementary hashing",
    "trace": "errors plain paths files rules units plan",
    "given": "errors scenario plan trace",
    "result": "plain units",
    "progress": "result",
    "lines": "progress units",
    "notebook": "units progress lines",
    "live": "errors lines notebook progress result units",
    "provenance": "",
    "accounting": "elementary plan",
    "congestion": "units engine",
    "cautions": "engine",
    "alignment": "rules data plan engine engine.sizes",
    "deployment": "data plan engine",
    "sensitivity": "tolerances data plan reference",
    "boundaries": "tolerances plan reference sensitivity",
    "side_by_side": "tolerances data plan engine reference sensitivity boundaries",
    "interchange": "errors scenario",
    "_check": "units scenario data plan codes memory metrics given",
    "_verify": "errors tolerances scenario data plan engine reference memory metrics given side_by_side",
    "simulation": "errors version signals paths units scenario data identity plan engine memory metrics trace "
    "given result provenance accounting congestion cautions alignment deployment",
    "_run": "errors units scenario data progress notebook result simulation",
    "plots": "errors paths files units trace accounting",
    "timelines": "errors paths files units scenario plan trace plots",
    "theory.portrait": "errors plots theory theory.systems",
    "_theory": "errors scenario data plan engine given theory theory.systems",
    "sweeps": "errors version signals plain extras parts paths files units elementary hashing scenario data identity "
    "metrics trace plots notebook _run",
    "reports": "errors version paths files units scenario plan metrics trace plots timelines sweeps",
    "cli": "errors version signals plain shipped paths units scenario engine data trace result lines live progress "
    "_check _verify _run _theory plots timelines sweeps reports extras theory theory.portrait",
    "__main__": "cli",
}
"""Room -> what it may import beside itself, all of it in lines above. A room is a module, or a package without those of
its modules that have lines of their own."""

FACE_OF_THE_ENGINE = {"engine", "engine.config", "engine.sizes"}
"""What others may import of the engine: the names of its __init__, its constants and the sizes made of them."""


@dataclass(frozen=True)
class Import:
    """One import of one module by another, both named below the package: "engine.state", "" for the package itself."""

    importer: str
    imported: str
    kind: str
    line: int

    def __str__(self) -> str:
        return f"{self.importer or '__init__'}:{self.line} imports {self.imported or '__init__'} {self.kind}"


def modules(folder: Path = PACKAGE) -> dict[str, Path]:
    """Name -> file of all modules below a package."""
    found = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(name: str, source: str, known: Mapping[str, object]) -> Iterator[Import]:
    """All imports of modules of the package in one module's source."""

    def visit(node: ast.AST, kind: str) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            inner = kind
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                inner = FUNCTION
            elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                inner = TYPES
            for target in _targets(child, known):
                yield Import(name, target, kind, child.lineno)  # type: ignore[attr-defined]
            yield from visit(child, inner)

    yield from visit(ast.parse(source), TOP)


def _targets(node: ast.AST, known: Mapping[str, object]) -> set[str]:
    """The modules that an import statement names: `from package import module` is one of that module."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"line {node.lineno}: a relative import"
        base = node.module or ""
        names = [f"{base}.{alias.name}" if _below(f"{base}.{alias.name}") in known else base for alias in node.names]
    else:
        return set()
    return {_below(name) for name in names if name.split(".")[0] == PACKAGE.name}


def _below(name: str) -> str:
    return name.removeprefix(PACKAGE.name).removeprefix(".")


def room_of(module: str) -> str:
    """The room with the longest name that a module is or lies in."""
    return max((room for room in ROOMS if module == room or module.startswith(f"{room}.")), key=len, default="")


FILES = modules()
IMPORTS = [one for name, path in FILES.items() for one in imports_of(name, path.read_text(), FILES)]


def circle(imports: list[Import]) -> list[str]:
    """Modules that import each other, the first one twice; [] if there are none."""
    graph: dict[str, set[str]] = {}
    for one in imports:
        graph.setdefault(one.importer, set()).add(one.imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


# --- the package ------------------------------------------------------------------------------------------


def test_no_circles_among_files() -> None:
    assert circle(IMPORTS) == []


@pytest.mark.parametrize("kind", KINDS)
def test_rooms_import_only_what_their_line_says(kind: str) -> None:
    """The package's own __init__, which imports public names lazily, may import anything."""
    wrong = [
        str(one)
        for one in IMPORTS
        if one.kind == kind and one.importer and room_of(one.imported) != room_of(one.importer)
        if room_of(one.imported) not in ROOMS[room_of(one.importer)].split()
    ]
    assert wrong == []


def test_every_module_is_in_a_room_and_every_room_is_there() -> None:
    assert [module for module in FILES if module and not room_of(module)] == []
    assert {room_of(module) for module in FILES if module} == set(ROOMS)


def test_the_page_on_the_architecture_has_the_rooms_in_this_order() -> None:
    page = (PACKAGE.parent / "docs" / "architecture.md").read_text()
    table = page.partition("| room | what belongs there |")[2].partition("\n\n")[0]
    cells = [row.split("|")[1] for row in table.splitlines()[2:]]
    named = [name.strip("/").replace("/", ".") for cell in cells for name in re.findall("`(.+?)`", cell)]
    assert named == [room for room in ROOMS if not room.startswith("engine.")]


def test_lines_name_only_what_is_above_them_and_is_used() -> None:
    used = {(room_of(one.importer), room_of(one.imported)) for one in IMPORTS}
    above: list[str] = []
    for room, allowed in ROOMS.items():
        assert set(allowed.split()) <= set(above), f"{room} may import what is not above it"
        assert [other for other in allowed.split() if (room, other) not in used] == [], f"{room} need not import these"
        above.append(room)


def test_nothing_outside_the_engine_looks_behind_its_face() -> None:
    wrong = [
        str(one)
        for one in IMPORTS
        if one.imported.startswith("engine") and not one.importer.startswith("engine")
        if one.imported not in FACE_OF_THE_ENGINE
    ]
    assert wrong == []


def test_the_reference_does_not_import_the_engine() -> None:
    assert not any(room.startswith("engine") for room in ROOMS["reference"].split())


# --- the test itself --------------------------------------------------------------------------------------

SAMPLE = """
from typing import TYPE_CHECKING
import numpy
from channelsim import units, load
from channelsim.engine import State
if TYPE_CHECKING:
    from channelsim.plan import build
class Lazy:
    def imported(self):
        import channelsim.trace._writer
        from channelsim.plan.build import Plan
"""


def test_all_kinds_of_imports_are_found() -> None:
    known = ["units", "engine", "plan", "plan.build", "trace._writer"]
    found = [(one.imported, one.kind) for one in imports_of("m", SAMPLE, dict.fromkeys(known))]
    expected = [("", TOP), ("units", TOP), ("engine", TOP), ("plan.build", TYPES)]
    assert sorted(found) == sorted([*expected, ("trace._writer", FUNCTION), ("plan.build", FUNCTION)])


def test_a_circle_is_found() -> None:
    ends = [("a", "b", TOP), ("b", "c", FUNCTION), ("c", "a", TYPES), ("d", "a", TOP)]
    assert set(circle([Import(*end, line=1) for end in ends])) == {"a", "b", "c"}
    assert circle([Import(*end, line=1) for end in ends if end[0] != "c"]) == []
