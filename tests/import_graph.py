"""Which module imports which, read from the source: imports inside functions count, those under TYPE_CHECKING do not.

A module goes by its file's path without the ending, `ks/spec` or `realtime/sinks`, since rules are about rooms.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.paths import ROOT

FLOORS = ("ks", "engines", "realtime", "benchmarks")
FRONT_DOOR = "ks"  # gives the public names of every floor, when they are asked for: above all that it names


def files() -> dict[str, Path]:
    """Module -> its file; a package goes by its folder's name."""
    found = {}
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*.py")):
            found[str(path.relative_to(ROOT).with_suffix("")).removesuffix("/__init__")] = path
    return found


def import_graph() -> dict[str, set[str]]:
    """Module -> the modules of ours that it imports; without the front door."""
    modules = files()
    graph = {}
    for module, path in modules.items():
        named = {place_of(name) for name in imported_names(ast.parse(path.read_text(encoding="utf-8")))}
        graph[module] = {known(place, modules) for place in named if place} - {module, FRONT_DOOR}
    del graph[FRONT_DOOR]
    return graph


def imported_names(node: ast.AST) -> Iterator[str]:
    """Every name that is imported below a node, in full: `from a.b import c` is a.b.c."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"line {child.lineno}: imports are written in full"
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        else:
            yield from imported_names(child)


def place_of(name: str) -> str:
    """knowledge_spreader.engines.open.open_engine -> engines/open/open_engine; nothing where it is not ours."""
    top, *rest = name.split(".")
    if top == "knowledge_spreader":
        return "/".join(rest if rest and rest[0] in FLOORS else ["ks", *rest])
    return ""


def known(place: str, modules: Mapping[str, Path]) -> str:
    """The module in which a place lies: engines/open/open_engine -> engines/open."""
    while place not in modules:
        place = place.rpartition("/")[0]
    return place


def room(module: str, modules: Mapping[str, Path]) -> str:
    """The folder a module lies in; the module itself where that folder holds rooms, as a floor does."""
    folder = str(modules[module].parent.relative_to(ROOT))
    return module if any(m.startswith(f"{folder}/") and p.name == "__init__.py" for m, p in modules.items()) else folder


def rooms(graph: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """The same between rooms."""
    modules, found = files(), {}
    for module, imports in graph.items():
        here = room(module, modules)
        found.setdefault(here, set()).update(there for m in imports if (there := room(m, modules)) != here)
    return found


def circle(graph: Mapping[str, set[str]]) -> Sequence[str]:
    """Some modules that import each other in turn, or nothing."""
    done: set[str] = set()

    def search(at: str, way: list[str]) -> list[str]:
        if at in way:
            return [*way[way.index(at) :], at]
        if at not in done:
            for there in sorted(graph.get(at, ())):
                if found := search(there, [*way, at]):
                    return found
            done.add(at)
        return []

    return next((found for start in sorted(graph) if (found := search(start, []))), [])


def inside(module: str, places: Sequence[str]) -> bool:
    """Whether a module is one of these, or lies in one of these rooms."""
    return any(module == place or module.startswith(f"{place}/") for place in places)
