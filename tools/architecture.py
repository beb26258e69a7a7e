"""The plan of the house in numbers: `python tools/architecture.py`, or with two trees, before | after.

    python tools/architecture.py [TREE [TREE]]      # a TREE is a folder that holds jaxgap/, this repository unless it is said

Everything is read off the sources, nothing is imported. `tests/test_architecture.py` holds the numbers to bounds:

* an import at the top of a module, and one inside a function, apart; those for type checkers only do not count;
* the depth: what of jaxgap's top level is on the longest chain of imports, jaxgap itself included (packages that import each
  other count once); the longest chain of single modules is told beside it;
* a floor violation: a module that imports, at its top, from a room that comes later in `FLOORS`;
* a shadowed module: one whose name in its package is bound to something else (`import a.b as m` gives that);
* a private import: a name with a leading underscore that another module, or a module of another room, owns;
* `Any`: the share of annotations (arguments, results, fields) that contain it; a name that only stands for it counts as it;
* one way to do each thing: `IDEAS`, which say by which names in the code a place is recognised.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

FLOORS = (
    "numerics",
    "units",
    "drawing",
    "model",
    "materials",
    "spectra",
    "equations",
    "selfenergy",
    "solving",
    "states",
    "continuation",
    "phases",
    "observables",
    "plotting",
    "fitting",
    "sweeps",
    "origins",
    "papers",
    "explorer",
    "commands",
)
"""The rooms, from the ground up. A module may import from its own room and from those below."""
FIRST = "jaxgap.commands.interruption"
"""The one module that `jaxgap` imports before everything else, whatever its floor: it takes Ctrl-C while JAX is imported."""
Graph = dict[str, set[str]]
"""What imports -> what is imported."""
LONG = 40
"""Lines of code above which a function is told by name."""


class Import(NamedTuple):
    """One imported name."""

    module: str
    """Where it is from."""
    name: str | None
    """None: the module itself."""
    bound: str
    """What it is called here."""
    at_top: bool
    """Whether it is executed when the module is imported."""
    line: int


@dataclass(frozen=True)
class Module:
    """One source file."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def package(self) -> str:
        return self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]

    @property
    def room(self) -> str:
        """The part below jaxgap; empty for jaxgap itself."""
        return self.name.split(".")[1] if "." in self.name else ""

    @cached_property
    def imports(self) -> list[Import]:
        return list(_imports(self.tree, self.package, True))

    @cached_property
    def promised(self) -> list[Import]:
        """Imports for type checkers: of a package that imports its names when they are asked for, these names."""
        blocks = (
            node for node in self.tree.body if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        )
        return [one for block in blocks for one in _imports(ast.Module(block.body, []), self.package, True)]

    @cached_property
    def functions(self) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
        return [node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]

    @cached_property
    def names(self) -> set[str]:
        return _names(self.tree)

    @cached_property
    def names_by_function(self) -> list[tuple[str, set[str]]]:
        return [(function.name, _names(function)) for function in self.functions]

    @cached_property
    def code_lines(self) -> set[int]:
        return _code_lines(self.tree)

    def size(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
        """Lines of code."""
        return len(self.code_lines & set(range(function.lineno, (function.end_lineno or 0) + 1)))


def _imports(node: ast.AST, package: str, at_top: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, None, alias.asname or alias.name.partition(".")[0], at_top, child.lineno)
        elif isinstance(child, ast.ImportFrom):
            base = package.rsplit(".", child.level - 1)[0] if child.level else ""
            module = ".".join(part for part in (base, child.module) if part)
            for alias in child.names:
                yield Import(module, alias.name, alias.asname or alias.name, at_top, child.lineno)
        elif not (isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING")):
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(child, package, at_top and not inside)


def _names(node: ast.AST) -> set[str]:
    """All names and attributes that code uses; words in docstrings and comments are none."""
    found = {child.id for child in ast.walk(node) if isinstance(child, ast.Name)}
    return found | {child.attr for child in ast.walk(node) if isinstance(child, ast.Attribute)}


class House:
    """All modules of a tree."""

    def __init__(self, root: Path):
        package = root / "jaxgap"
        if not package.is_dir():
            raise SystemExit(f"There is no folder `jaxgap` in `{root}`.")
        self.modules: dict[str, Module] = {}
        for path in sorted(package.rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            self.modules[name] = Module(name, path, ast.parse(path.read_text(encoding="utf-8")))

    # --- imports --------------------------------------------------------------------------------------------------------

    def target(self, imported: Import) -> str | None:
        """The module of the house that is imported."""
        inside = f"{imported.module}.{imported.name}"
        return inside if inside in self.modules else imported.module if imported.module in self.modules else None

    def graph(self, in_functions: bool = False) -> Graph:
        """Module -> modules that it imports: at its top, or anywhere. jaxgap itself, which imports all, is left out."""
        return {
            name: {
                target
                for one in module.imports
                if (one.at_top or in_functions) and (target := self.target(one)) not in (None, name, "jaxgap")
            }
            for name, module in self.modules.items()
            if name not in ("jaxgap", "jaxgap.__main__")
        }

    def graph_of_rooms(self) -> Graph:
        """The same between what is at the top level, and jaxgap above all."""
        graph: Graph = {"jaxgap": set(self.rooms)}
        for name, targets in self.graph().items():
            room = self.modules[name].room
            graph.setdefault(room, set()).update({self.modules[target].room for target in targets} - {room})
        return graph

    # --- rules ----------------------------------------------------------------------------------------------------------

    @property
    def rooms(self) -> list[str]:
        """Modules and packages of the top level."""
        return sorted({module.room for module in self.modules.values()} - {"", "__main__"})

    def against_floors(self) -> list[str]:
        """ "module -> module" for every import, at a module's top, from a room that comes later."""
        floor = {room: k for k, room in enumerate(FLOORS)} | {room: -1 for room in self.rooms if room.startswith("_")}
        return sorted(
            f"{name} -> {target}"
            for name, targets in self.graph().items()
            for target in targets
            if floor.get(self.modules[target].room, len(FLOORS)) > floor.get(self.modules[name].room, -1) and target != FIRST
        )

    def shadowed(self) -> list[str]:
        """Modules that are not what their name in their package is bound to."""
        found = []
        for name, module in self.modules.items():
            if module.path.name == "__init__.py":
                here = {one.bound: self.target(one) for one in module.imports if one.at_top and not self._is_module(one)}
                here |= {one.bound: self.target(one) for one in module.promised if not self._is_module(one)}
                here |= {node.name: None for node in module.tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
                found += [f"{name}.{bound}" for bound in here if f"{name}.{bound}" in self.modules]
        return sorted(found)

    def _is_module(self, imported: Import) -> bool:
        return imported.name is None or f"{imported.module}.{imported.name}" in self.modules

    def private_imports(self) -> list[str]:
        """ "module <- what" for names with a leading underscore of another module, private modules of the own room excepted."""
        found = set()
        for name, module in self.modules.items():
            ours = {one.bound: target for one in module.imports if (target := self.target(one))}
            for one in module.imports:
                owner = self.target(one)
                if owner is None:
                    continue
                private_name = owner == one.module and _is_private(one.name)
                private_module = owner.rpartition(".")[2].startswith("_") and module.package != owner.rpartition(".")[0]
                if private_name or private_module:
                    found.add(f"{name} <- {one.module}.{one.name}")
            for node in ast.walk(module.tree):
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ours:
                    owner = ours[node.value.id]
                    is_module = owner.rpartition(".")[2] == node.value.id or owner == name
                    if is_module and _is_private(node.attr):
                        found.add(f"{name} <- {owner}.{node.attr}")
        return sorted(found)

    # --- annotations and lines ------------------------------------------------------------------------------------------

    @cached_property
    def annotations(self) -> dict[str, tuple[int, int]]:
        """Room -> (annotations, those with `Any`)."""
        disguises = set(self.disguises())
        counts: dict[str, tuple[int, int]] = {}
        for module in self.modules.values():
            total, vague = counts.get(module.room, (0, 0))
            for annotation in _annotations(module.tree):
                total, vague = total + 1, vague + bool(_names(annotation) & ({"Any"} | disguises))
            counts[module.room] = (total, vague)
        return counts

    def any_share(self) -> float:
        """Share of annotations with `Any`."""
        totals = self.annotations.values()
        return sum(vague for _, vague in totals) / sum(total for total, _ in totals)

    def disguises(self) -> list[str]:
        """Names that stand for nothing but `Any`."""
        assigned = [
            (node.targets[0] if isinstance(node, ast.Assign) else node.target, node.value)
            for module in self.modules.values()
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Assign | ast.AnnAssign)
        ]
        return sorted(t.id for t, v in assigned if isinstance(t, ast.Name) and isinstance(v, ast.Name) and v.id == "Any")

    def lines(self) -> tuple[int, int]:
        """(lines, lines of code: without blank ones, comments and docstrings)."""
        texts = [module.path.read_text(encoding="utf-8").count("\n") for module in self.modules.values()]
        return sum(texts), sum(len(module.code_lines) for module in self.modules.values())

    def long_functions(self) -> list[tuple[str, int]]:
        """(function, lines of code) above `LONG`; functions inside count with the one around them."""
        sizes = [(f"{m.name}.{f.name}", m.size(f)) for m in self.modules.values() for f in m.functions]
        return sorted((one for one in sizes if one[1] > LONG), key=lambda one: -one[1])

    # --- one way to do each thing ---------------------------------------------------------------------------------------

    def places(self, idea: "Idea") -> list[str]:
        """Where it is done: functions, or whole modules, that use a name of every set."""
        if idea.in_function:
            return sorted(
                f"{module.name}.{function}"
                for module in self.modules.values()
                for function, used in module.names_by_function
                if all(used & names for names in idea.names)
            )
        return sorted(name for name, module in self.modules.items() if all(module.names & names for names in idea.names))


def circles(graph: Graph) -> list[tuple[str, ...]]:
    """Modules that import each other, directly or not."""
    reach = {name: _reached(graph, name) for name in graph}
    together = {tuple(sorted(other for other in reach[name] if name in reach.get(other, ()))) for name in graph}
    return sorted(group for group in together if group)


def longest_chain(graph: Graph) -> list[str]:
    """The longest chain of imports; modules of a circle count once."""
    alike = {name: group for group in circles(graph) for name in group}
    longest: dict[str, list[str]] = {}

    def below(name: str) -> list[str]:
        if name not in longest:
            group = alike.get(name, (name,))
            outside = {target for one in group for target in graph.get(one, ())} - set(group)
            longest[name] = [" = ".join(group), *max((below(target) for target in sorted(outside)), key=len, default=[])]
        return longest[name]

    return max((below(name) for name in sorted(graph)), key=len)


def _reached(graph: Graph, start: str) -> set[str]:
    """Everything that can be reached from `start` in one step or more."""
    reached: set[str] = set()
    ahead = list(graph[start])
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            ahead += graph.get(name, ())
    return reached


def _is_private(name: str | None) -> bool:
    return name is not None and name.startswith("_") and not name.startswith("__")


def _annotations(tree: ast.AST) -> Iterator[ast.expr]:
    """Of arguments, results, fields and variables."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
            yield node.annotation
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
            yield node.returns


def _code_lines(tree: ast.AST) -> set[int]:
    """Numbers of the lines that hold code."""
    texts = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.expr | ast.stmt | ast.arg | ast.alias | ast.keyword):
            is_text = id(node) in texts or (isinstance(node, ast.Expr) and id(node.value) in texts)
            lines |= set() if is_text else {node.lineno, node.end_lineno or node.lineno}
    return lines


class Idea(NamedTuple):
    """Something that should be done in one place, and how a place is recognised."""

    title: str
    names: tuple[set[str], ...]
    """A place uses a name of every one of these sets."""
    in_function: bool
    """Whether one function has to, or a module."""


COUPLINGS = {"lam", "coupling"}
KERNEL = {"linear_kernel", "linear_kernels", "_tanh_over", "pair_susceptibility"}
LINEAR = {*KERNEL, "linear_map", "linearised", "linear_maps", "normal_matrix", "_linear_map", "_linear"}
FINDERS = {"while_loop", "fori_loop", "newton", "bisect", "bisected", "_bisected"}
IDEAS = (
    # The anomalous density of amplitudes that are not zero, times the couplings.
    Idea("the gap equation", (COUPLINGS, {"clusters_of", "pair_sums", "curvatures", "tanh"}, {"Delta"}), in_function=False),
    # Couplings times the sums over k of the normal state, or their derivative.
    Idea("lambda K(T)", (COUPLINGS, KERNEL), in_function=False),
    # Where, in T, an eigenvalue of it reaches 1.
    Idea("T_c is searched", (LINEAR, FINDERS, {"highest_temperature", "LOWEST", "NORMAL", "coldest"}), in_function=False),
)
"""The names change when the code does: a place that is none of these any more must be added here under its new name."""


class Row(NamedTuple):
    title: str
    value: str


def table(house: House) -> list[Row]:
    """What is told of one tree."""
    total, code = house.lines()
    share = house.any_share()
    rows = [
        Row("modules", str(len(house.modules))),
        Row("at top level", str(len(house.rooms))),
        Row("depth of imports", str(len(longest_chain(house.graph_of_rooms())))),
        Row("  of single modules", str(len(longest_chain(house.graph())))),
        Row("  with imports in functions", str(len(longest_chain(house.graph(in_functions=True))))),
        Row("circles", str(len(circles(house.graph())))),
        Row("  with imports in functions", str(len(circles(house.graph(in_functions=True))))),
        Row("imports against the floors", str(len(house.against_floors()))),
        Row("shadowed modules", str(len(house.shadowed()))),
        Row("private imports", str(len(house.private_imports()))),
        Row("annotations with Any", f"{100 * share:.1f} %"),
    ]
    rows += [Row(f"places: {idea.title}", str(len(house.places(idea)))) for idea in IDEAS]
    rows += [
        Row("lines", str(total)),
        Row("lines of code", str(code)),
        Row(f"functions of more than {LONG} lines", str(len(house.long_functions()))),
    ]
    return rows


def details(house: House) -> Iterator[str]:
    """The names behind the numbers."""
    for title, graph in (("of rooms", house.graph_of_rooms()), ("of modules", house.graph())):
        yield f"longest chain {title}: " + " > ".join(name.replace("jaxgap.", "") for name in longest_chain(graph))
    for title, names in (
        ("circles", [" = ".join(group) for group in circles(house.graph(in_functions=True))]),
        ("against the floors", house.against_floors()),
        ("shadowed", house.shadowed()),
        ("private", house.private_imports()),
        *((f"places of {idea.title}", house.places(idea)) for idea in IDEAS),
        ("long functions", [f"{name} {size}" for name, size in house.long_functions()]),
        (
            "Any",
            [f"{room or 'jaxgap'} {vague} of {total}" for room, (total, vague) in sorted(house.annotations.items()) if vague],
        ),
    ):
        yield f"{title}: {len(names)}"
        yield from (f"    {name}" for name in names)


def main(trees: list[str]) -> None:
    here = Path(__file__).resolve().parent.parent
    houses = [House(Path(tree)) for tree in trees or [str(here)]]
    for rows in zip(*map(table, houses), strict=True):
        print(f"{rows[0].title:<34}" + "".join(f"{row.value:>12}" for row in rows))
    print("\n" + "\n".join(details(houses[-1])))


if __name__ == "__main__":
    main(sys.argv[1:])
