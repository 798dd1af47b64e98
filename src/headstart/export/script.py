"""The `predict.py` of a bundle, put together from the definitions that headstart itself uses."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from types import ModuleType

from headstart.data import flattening
from headstart.export import predicting
from headstart.export.formats.base import Format

LAST_LINES = """
if __name__ == "__main__":
    sys.exit(predict(Path(__file__).resolve().parent, load))
"""


def predict_script(kind: type[Format]) -> str:
    """The source of a script that imports no headstart: how pictures are read, the format's `load`, and the command line."""
    modules = (flattening, predicting)
    imports = sorted({line for module in modules for line in _imports(module)}, key=_place_of_import)
    definitions = [text for module in modules for text in _definitions(module)]
    parts = [*definitions, textwrap.dedent(inspect.getsource(kind.load)).removeprefix("@staticmethod\n").rstrip()]
    head = f'"""{predicting.__doc__}"""\n\nfrom __future__ import annotations\n\n' + "\n".join(imports)
    return re.sub(r"  # noqa: [^\n]*", "", head + "\n\n" + "\n\n\n".join(parts) + "\n\n" + LAST_LINES)


def _imports(module: ModuleType) -> Iterator[str]:
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            line = ast.unparse(node)
            if not line.startswith(("from headstart", "from __future__")):
                yield line


def _place_of_import(line: str) -> tuple[bool, bool, str]:
    """The standard library first, `import` before `from`."""
    return "numpy" in line or "PIL" in line, line.startswith("from"), line


def _definitions(module: ModuleType) -> Iterator[str]:
    """What a module defines, each with the comment or docstring that follows it."""
    source = inspect.getsource(module)
    nodes = [node for node in ast.parse(source).body[1:] if not isinstance(node, ast.Import | ast.ImportFrom)]
    texts: list[str] = []
    for node in nodes:
        text = ast.get_source_segment(source, node) or ""
        if isinstance(node, ast.Expr) and texts:  # the docstring of a constant
            texts[-1] += f"\n{text}"
        else:
            texts.append(text)
    yield from texts
