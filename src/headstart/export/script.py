"""The `predict.py` of a bundle, put together from the definitions that headstart itself uses."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from types import ModuleType

from headstart.core import printable
from headstart.data import flattening
from headstart.export import predicting
from headstart.export.formats.base import Format

LAST_LINES = """
if __name__ == "__main__":
    sys.exit(predict(Path(__file__).resolve().parent, load, "{file}"))
"""


def predict_script(kind: type[Format]) -> str:
    """The source of a script that imports no headstart: how pictures are read, the format's `load`, and the command line."""
    modules = (printable, flattening, predicting)
    load = textwrap.dedent(inspect.getsource(kind.load)).removeprefix("@staticmethod\n").rstrip()
    head = f'"""{predicting.__doc__}"""\n\nfrom __future__ import annotations\n\n{_imports(modules)}\n'
    definitions = [text for module in modules for text in _definitions(module)]
    return re.sub(
        r"  # noqa: [^\n]*", "", "\n\n\n".join([head.rstrip(), *definitions, load]) + "\n\n" + LAST_LINES.format(file=kind.file)
    )


def _imports(modules: Sequence[ModuleType]) -> str:
    """What the modules import from elsewhere, each once: the standard library, then other packages."""
    names: dict[str, set[str]] = {}
    for module in modules:
        for node in ast.parse(inspect.getsource(module)).body:
            if isinstance(node, ast.Import):
                names |= {ast.unparse(node): set()}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.module.startswith(("headstart", "__future__")):
                names.setdefault(f"from {node.module} import ", set()).update(alias.name for alias in node.names)
    lines = [
        line + ", ".join(sorted(found)) for line, found in sorted(names.items(), key=lambda item: (item[0][0] == "f", item[0]))
    ]
    own = [line for line in lines if line.split()[1].partition(".")[0] in sys.stdlib_module_names]
    return "\n".join([*own, "", *(line for line in lines if line not in own)])


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
