"""What holds for every file: sizes, names, floors, and what no file may do."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "headstart"
FILES = sorted(SOURCE.rglob("*.py"))
NAMES = [path.relative_to(SOURCE).as_posix() for path in FILES]
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
MAY_BE_LONG = {"training/loop.py", "features/extract.py"}
NO_NAMES = {"utils", "helpers", "common", "misc", "util", "helper"}

each_file = pytest.mark.parametrize("path", FILES, ids=NAMES)


def length_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end, without the docstring: it is written for readers of the documentation."""
    body = function.body
    documented = (
        isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) and isinstance(body[0].value.value, str)
    )
    docstring = body[0].end_lineno - body[0].lineno + 1 if documented else 0
    return function.end_lineno - function.lineno + 1 - docstring


@each_file
def test_no_file_is_over_400_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@each_file
def test_no_function_is_over_40_lines(path):
    allowed = 80 if path.relative_to(SOURCE).as_posix() in MAY_BE_LONG else 40
    functions = [node for node in ast.walk(TREES[path]) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert {node.name: length_of(node) for node in functions if length_of(node) > allowed} == {}


@each_file
def test_no_file_is_named_after_nothing(path):
    assert path.stem not in NO_NAMES
    assert path.parent.name not in NO_NAMES


@each_file
def test_every_file_says_what_it_is_for(path):
    assert ast.get_docstring(TREES[path])


@each_file
def test_no_file_prints_unpickles_or_catches_everything(path):
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"print", "eval", "exec"}, node.lineno
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, node.lineno
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in {"load", "loads"}:
            owner = node.func.value
            assert not (isinstance(owner, ast.Name) and owner.id == "pickle"), node.lineno
            if isinstance(owner, ast.Name) and owner.id == "torch":
                given = {keyword.arg: getattr(keyword.value, "value", None) for keyword in node.keywords}
                assert given.get("weights_only") is True, node.lineno


@each_file
def test_only_evaluation_opens_the_test_set(path):
    if path.relative_to(SOURCE).parts[0] == "evaluation":
        return
    calls = [node for node in ast.walk(TREES[path]) if isinstance(node, ast.Attribute) and node.attr == "opened_for_evaluation"]
    assert calls == []


@each_file
def test_randomness_comes_from_seeds_alone(path):
    if path.name == "seeds.py":
        return
    unseeded = [
        node.lineno
        for node in ast.walk(TREES[path])
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and (
            (node.func.attr == "default_rng" and not node.args)
            or (isinstance(node.func.value, ast.Name) and node.func.value.id == "random")
            or (
                isinstance(node.func.value, ast.Attribute)
                and ast.unparse(node.func.value) == "np.random"
                and node.func.attr != "default_rng"
            )
        )
    ]
    assert unseeded == []


@pytest.mark.slow
def test_a_module_imports_only_from_floors_below_its_own():
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def imported_by(tree: ast.Module) -> Iterator[str]:
    """The modules that a module imports, inside of functions too, and the entries of its catalogs."""
    nodes: list[ast.AST] = [tree]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        nodes += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = [f"{node.module}.{one.name}" for one in node.names]
            yield from (part if part in MODULES else node.module for part in parts)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "Catalog":
            package, no_entries = ast.literal_eval(node.args[0]), ast.unparse(node)
            inside = (name for name in MODULES if name.startswith(f"{package}."))
            yield from (name for name in inside if repr(name.rsplit(".", 1)[-1]) not in no_entries)


MODULES = {".".join(("headstart", *Path(name).with_suffix("").parts)).removesuffix(".__init__"): name for name in NAMES}


def test_no_import_circle_lazy_imports_counted():
    graph = {module: set(imported_by(TREES[SOURCE / name])) & MODULES.keys() - {module} for module, name in MODULES.items()}
    while graph and (free := {module for module, imports in graph.items() if not imports & graph.keys()}):
        graph = {module: imports for module, imports in graph.items() if module not in free}
    while graph and (free := graph.keys() - set().union(*graph.values())):
        graph = {module: imports for module, imports in graph.items() if module not in free}
    on_circles = {module: sorted(imports & graph.keys()) for module, imports in graph.items()}
    assert on_circles == {}
