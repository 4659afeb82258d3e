"""Which module imports which, read from the source. Imports in functions count, those under TYPE_CHECKING do not.

A module is named by its file's path without the suffix, such as `ks/spec`, because the rules are about folders.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.paths import ROOT

FLOORS = ("ks", "engines", "realtime", "benchmarks")
FRONT_DOOR = "ks"  # gives the public names of every floor, when they are asked for: above all that it names


def files() -> dict[str, Path]:
    """Module -> its file. A package is named by its folder."""
    found = {}
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*.py")):
            found[str(path.relative_to(ROOT).with_suffix("")).removesuffix("/__init__")] = path
    return found


def import_graph() -> dict[str, set[str]]:
    """Module -> our modules that it imports; FRONT_DOOR is left out."""
    modules = files()
    graph = {}
    for module, path in modules.items():
        named = {place_of(name) for name in imported_names(ast.parse(path.read_text(encoding="utf-8")))}
        graph[module] = {known(place, modules) for place in named if place} - {module, FRONT_DOOR}
    del graph[FRONT_DOOR]
    return graph


def imported_names(node: ast.AST) -> Iterator[str]:
    """The full name of every import below a node: `from a.b import c` gives a.b.c."""
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
    """knowledge_spreader.engines.open.open_engine -> engines/open/open_engine; "" if the name is not ours."""
    top, *rest = name.split(".")
    if top == "knowledge_spreader":
        return "/".join(rest if rest and rest[0] in FLOORS else ["ks", *rest])
    return ""


def known(place: str, modules: Mapping[str, Path]) -> str:
    """The module that contains a name: engines/open/open_engine -> engines/open."""
    while place not in modules:
        place = place.rpartition("/")[0]
    return place


def room(module: str, modules: Mapping[str, Path]) -> str:
    """The module's folder, or the module itself if that folder has subfolders."""
    folder = str(modules[module].parent.relative_to(ROOT))
    return module if any(m.startswith(f"{folder}/") and p.name == "__init__.py" for m, p in modules.items()) else folder


def rooms(graph: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """The import graph between rooms."""
    modules, found = files(), {}
    for module, imports in graph.items():
        here = room(module, modules)
        found.setdefault(here, set()).update(there for m in imports if (there := room(m, modules)) != here)
    return found


def circle(graph: Mapping[str, set[str]]) -> Sequence[str]:
    """Modules that import each other in a circle; empty if there is none."""
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
    """Whether a module is one of these places, or in one of these folders."""
    return any(module == place or module.startswith(f"{place}/") for place in places)
