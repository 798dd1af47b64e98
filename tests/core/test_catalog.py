"""A catalog finds one object a module, and plug-ins beside them; whatever else it meets, it says."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from headstart.core import catalog as module
from headstart.core.catalog import Catalog, is_final_class
from headstart.core.errors import PlanError


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """A package with two tools, an empty module, a hidden one, one that is left out, and a folder inside."""
    root = tmp_path / "tool_shed"
    (root / "garden").mkdir(parents=True)
    head = "from abc import abstractmethod, ABC\nfrom tool_base import Tool\n"
    files = {
        "__init__.py": "",
        "hammer.py": f"{head}\nclass Base(Tool, ABC):\n    @abstractmethod\n    def do(self): ...\n\nclass Hammer(Tool): ...\n",
        "empty.py": head,
        "_hidden.py": "raise RuntimeError",
        "base.py": "raise RuntimeError",
        "garden/__init__.py": "",
        "garden/spade.py": f"{head}\nclass Spade(Tool): ...\n",
    }
    for name, text in files.items():
        (root / name).write_text(text)
    (tmp_path / "tool_base.py").write_text("class Tool: ...\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import tool_base

    yield Catalog("tool_shed", "tool", is_final_class(tool_base.Tool), frozenset({"base"}))
    for name in [name for name in sys.modules if name.split(".")[0] in {"tool_shed", "tool_base"}]:
        del sys.modules[name]


def refused(call) -> str:
    with pytest.raises(PlanError) as caught:
        call()
    return str(caught.value)


def with_plug_ins(monkeypatch, **points):
    found = [EntryPoint(name, value, "headstart.tools") for name, value in points.items()]
    monkeypatch.setattr(module, "installed_entry_points", lambda group, path: EntryPoints(found))


def test_names_are_files_and_nothing_is_imported_to_list_them(tools):
    assert tools.names() == ["empty", "hammer", "spade"]
    assert "tool_shed.hammer" not in sys.modules


def test_a_removed_entry_is_refused_with_what_to_choose_instead(tools):
    tools.removed["saw"] = "hammer"
    assert refused(lambda: tools.get("saw")) == 'The tool "saw" was removed. Choose hammer instead.'
    told = replace(tools, how_instead="`take {name}` takes it.")
    assert refused(lambda: told.get("saw")) == 'The tool "saw" was removed. Choose hammer instead. `take hammer` takes it.'


def test_the_entry_is_the_concrete_class_defined_in_the_file(tools):
    assert tools.get("hammer").__name__ == "Hammer"
    assert tools.get("spade").__module__ == "tool_shed.garden.spade"


def test_a_plug_in_is_listed_and_found(tools, monkeypatch):
    with_plug_ins(monkeypatch, rake="tool_shed.garden.spade:Spade")
    assert "rake" in tools.names()
    assert tools.get("rake") is tools.get("spade")


def test_installed_packages_are_searched_once_for_a_path(tools, monkeypatch, tmp_path):
    searched = []
    monkeypatch.setattr(module, "entry_points", lambda group: searched.append(list(sys.path)) or EntryPoints(()))
    module.installed_entry_points.cache_clear()
    try:
        assert tools.names() == tools.names()
        assert len(searched) == 1
        monkeypatch.syspath_prepend(str(tmp_path))
        tools.names()
        assert [path[0] for path in searched[1:]] == [str(tmp_path)]
    finally:
        module.installed_entry_points.cache_clear()


def test_an_unknown_name_is_refused_with_the_nearest(tools):
    assert refused(lambda: tools.get("hamer")) == ('"hamer" is not a tool. Did you mean "hammer"? Known: empty, hammer, spade.')


def test_a_command_may_list_the_names_in_place_of_the_message(tools):
    long = Catalog(tools.package, tools.word, tools.accepts, tools.leave_out, listed_by="headstart tools")
    assert refused(lambda: long.get("hamer")) == '"hamer" is not a tool. Did you mean "hammer"? `headstart tools` lists all.'
    assert refused(lambda: long.get("nail")) == '"nail" is not a tool. `headstart tools` lists all.'


def test_a_file_without_an_entry_is_refused(tools):
    assert refused(lambda: tools.get("empty")) == "tool_shed.empty holds no tool."
    assert refused(tools.all) == "tool_shed.empty holds no tool."


def test_a_plug_in_of_another_kind_is_refused(tools, monkeypatch):
    with_plug_ins(monkeypatch, rake="os.path:join")
    assert refused(lambda: tools.get("rake")) == 'The plug-in "rake" (os.path:join) is not a tool.'


@pytest.mark.parametrize(
    "line", ["import headstart.old_tools", "from headstart.old_tools import Rake", "from headstart import old_tools"]
)
def test_a_plug_in_for_an_earlier_version_is_told_the_new_name(line, tools, tmp_path, monkeypatch):
    (tmp_path / "old_rake.py").write_text(f"{line}\n")
    monkeypatch.setitem(module.MOVED, "headstart.old_tools", "headstart.shed.tools")
    with_plug_ins(monkeypatch, rake="old_rake:Rake")
    assert refused(lambda: tools.get("rake")) == (
        'The plug-in "rake" (old_rake:Rake) imports headstart.old_tools, which is headstart.shed.tools now. Change that import.'
    )


def test_a_plug_in_for_a_module_that_became_a_package_is_told_the_new_name(tools, tmp_path, monkeypatch):
    (tmp_path / "old_rake.py").write_text("from tool_shed.garden import Rake\n")
    monkeypatch.setitem(module.MOVED, "tool_shed.garden", "tool_shed.garden.spade")
    with_plug_ins(monkeypatch, rake="old_rake:Rake")
    assert refused(lambda: tools.get("rake")) == (
        'The plug-in "rake" (old_rake:Rake) imports tool_shed.garden, which is tool_shed.garden.spade now. Change that import.'
    )


def test_a_plug_in_that_cannot_be_imported_is_refused(tools, monkeypatch):
    with_plug_ins(monkeypatch, rake="no_such_rake:Rake")
    assert refused(lambda: tools.get("rake")) == (
        "The plug-in \"rake\" (no_such_rake:Rake) cannot be loaded (No module named 'no_such_rake'). Mend or uninstall it."
    )


def exists(name: str) -> bool:
    """Whether that is a module, or something in one."""
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        place, _, member = name.rpartition(".")
        return hasattr(importlib.import_module(place), member)


def test_every_new_name_of_a_moved_module_exists():
    assert [name for name in module.MOVED.values() if not exists(name)] == []
