"""What holds for every file: sizes, names, floors, and what no file may do."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "headstart"
FILES = sorted(SOURCE.rglob("*.py"))
NAMES = [path.relative_to(SOURCE).as_posix() for path in FILES]
TREES = {name: ast.parse((SOURCE / name).read_text(encoding="utf-8")) for name in NAMES}
MODULES = {".".join(("headstart", *Path(name).with_suffix("").parts)).removesuffix(".__init__"): name for name in NAMES}
MAY_BE_LONG = {"training/loop.py", "features/extract.py"}
NO_NAMES = {"utils", "helpers", "common", "misc", "util", "helper"}
NO_WORDS = {
    "accord", "acquaintance", "acquainted", "acquainting", "beginnings", "canaries", "canary", "climb", "climbed", "climbing",
    "familiarity", "heard", "juror", "jurors", "jury", "kinship", "ladder", "lift", "lifted", "lifts", "listing", "listings",
    "mirroring", "outlook", "refusal", "rung", "rungs", "scene", "shelf", "sifted", "sifting", "stranger", "strangers", "wish",
    "wished", "wishes", "witness",
}  # fmt: skip
"""Words that the vocabulary replaced by those of the papers, and that no name contains."""
NO_WHOLE_NAMES = {
    "ahead", "applying", "beginning", "carried", "chain", "chart", "collapse", "course", "extending", "filling", "from_sources",
    "ground", "held", "improving", "joint_gap", "judge", "judged", "judging", "kept", "labeling", "learned_labels",
    "left_out_groups", "opening", "parts", "pool_support", "pretraining", "rates", "spread", "trying", "turned", "vote",
    "votes",
}  # fmt: skip
"""Names that the vocabulary replaced; as a part of a longer name, these words have their usual meaning."""
MAY_BE_NAMED = {"methods/finetune/model_soup.py": {"spread"}}
"""An option that people have written into plans."""


def files_where(fault: Callable[[str, ast.Module], object]) -> dict[str, object]:
    """What is wrong, by file."""
    return {name: found for name, tree in TREES.items() if (found := fault(name, tree))}


def length_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end, without the docstring: it is written for readers of the documentation."""
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    docstring = first.end_lineno - first.lineno + 1 if documented else 0
    return function.end_lineno - function.lineno + 1 - docstring


def test_no_file_is_over_400_lines():
    assert files_where(lambda name, _: (SOURCE / name).read_text(encoding="utf-8").count("\n") > 400) == {}


def test_no_function_is_over_40_lines():
    def long(name: str, tree: ast.Module) -> dict[str, int]:
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        return {one.name: length_of(one) for one in functions if length_of(one) > (80 if name in MAY_BE_LONG else 40)}

    assert files_where(long) == {}


def test_no_file_is_named_after_nothing():
    assert files_where(lambda name, _: NO_NAMES & {*Path(name).with_suffix("").parts}) == {}


def names_in(tree: ast.Module) -> Iterator[str]:
    """The classes, functions, parameters, variables and attributes that a module gives a name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.alias) and node.asname:
            yield node.asname


def words_of(name: str) -> set[str]:
    """The words of an identifier in snake or camel case."""
    return set(re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()))


def replaced_names(file: str, tree: ast.Module) -> set[str]:
    """The names of a module, its own included, that are not of the vocabulary."""
    names = {*names_in(tree), Path(file).stem} - MAY_BE_NAMED.get(file, set())
    return {name for name in names if words_of(name) & NO_WORDS or name.strip("_").lower() in NO_WHOLE_NAMES}


def test_names_are_the_papers_words():
    assert files_where(replaced_names) == {}
    assert [name for name in NAMES if any(words_of(part) & NO_WORDS for part in Path(name).parent.parts)] == []


@pytest.mark.parametrize(
    "code", ["class TheJuror: ...", "def climb_on(): ...", "def fit(_held): ...", "KEPT = 1", "a.wishes = 1", "import a as scene"]
)
def test_a_name_that_the_vocabulary_replaced_is_found(code):
    assert len(replaced_names("a.py", ast.parse(code))) == 1
    assert replaced_names("a.py", ast.parse("def held_out(learning_rates): Path('.').parts")) == set()


def test_every_file_says_what_it_is_for():
    assert files_where(lambda _, tree: ast.get_docstring(tree) is None) == {}


def test_no_file_prints_unpickles_or_catches_everything():
    def forbidden(node: ast.AST) -> bool:
        if isinstance(node, ast.ExceptHandler):
            return node.type is None
        if not isinstance(node, ast.Call):
            return False
        called = ast.unparse(node.func)
        weights_only = {keyword.arg: getattr(keyword.value, "value", None) for keyword in node.keywords}.get("weights_only")
        unsafe = {"print", "eval", "exec", "pickle.load", "pickle.loads"}
        return called in unsafe or (called == "torch.load" and weights_only is not True)

    assert files_where(lambda _, tree: [node.lineno for node in ast.walk(tree) if forbidden(node)]) == {}


def test_only_evaluation_opens_the_test_set():
    def opened(name: str, tree: ast.Module) -> list[int]:
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "opened_for_evaluation"]
        return [] if name.startswith("evaluation/") else [node.lineno for node in calls]

    assert files_where(opened) == {}


def test_randomness_comes_from_seeds_alone():
    def unseeded(name: str, tree: ast.Module) -> list[int]:
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
        return [node.lineno for node in calls if name != "core/seeds.py" and without_seed(node)]

    def without_seed(call: ast.Call) -> bool:
        owner, name = ast.unparse(call.func.value), call.func.attr
        return (name == "default_rng" and not call.args) or owner == "random" or (owner == "np.random" and name != "default_rng")

    assert files_where(unseeded) == {}


def test_every_module_is_on_a_floor():
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"][0]
    floors = {part.strip("() ") for layer in contract["layers"] for part in re.split(r"[:|]", layer)}
    on_none = [module for module in MODULES if not any(module == floor or module.startswith(f"{floor}.") for floor in floors)]
    assert on_none == ["headstart"]  # the package itself, whose names are loaded when they are first used


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


def test_no_import_circle_lazy_imports_counted():
    graph = {module: MODULES.keys() & set(imported_by(TREES[file])) for module, file in MODULES.items()}
    for module, imports in graph.items():  # Python imports the packages around a module in any case
        imports -= {package for package in imports if f"{module}.".startswith(f"{package}.")}
    while graph and (free := {module for module, imports in graph.items() if not imports & graph.keys()}):
        graph = {module: imports for module, imports in graph.items() if module not in free}
    while graph and (free := graph.keys() - set().union(*graph.values())):
        graph = {module: imports for module, imports in graph.items() if module not in free}
    on_circles = {module: sorted(imports & graph.keys()) for module, imports in graph.items()}
    assert on_circles == {}


def test_what_differs_between_providers_is_a_property_of_theirs():
    compared = {
        name: ast.unparse(node)
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare) and isinstance(node.left, ast.Attribute) and node.left.attr == "provider"
    }
    assert compared == {}
