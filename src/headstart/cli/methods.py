"""`headstart methods`: how knowledge can be adapted."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headstart.cli import _options as options
from headstart.cli._docstrings import attributes_of, description_of, paragraphs
from headstart.cli._printing import answer, plain, table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from headstart.methods.base import Method

POSITION = 51


def methods(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Describe this one.", show_default=False)] = None,
    as_json: options.Json = False,
) -> None:
    """List the methods by family, or describe one with its settings."""
    from headstart.methods import METHODS

    if name is not None:
        _describe(name, METHODS.get(name), as_json)
        return
    found = METHODS.all()
    answer(as_json, [_card(kind, method) for kind, method in found.items()], *_listed(found))


def _card(kind: str, method: type[Method]) -> dict[str, Any]:
    return {
        "name": kind,
        "family": _family(method)[0],
        "cost": method.cost,
        "needs": list(method.needs),
        "tried_by_run": method.tried_by_run,
        "summary": method.summary,
    }


def _listed(found: dict[str, type[Method]]) -> Iterator[RenderableType]:
    """A table for each family and cost; what all of a table need stands in its title."""
    groups: dict[tuple[str, str, str], dict[str, type[Method]]] = {}
    for kind, method in found.items():
        groups.setdefault((*_family(method), method.cost), {})[kind] = method
    for (family, meaning, cost), members in sorted(groups.items()):
        shared = [need for need in next(iter(members.values())).needs if all(need in one.needs for one in members.values())]
        rows = []
        for kind, method in members.items():
            more = _worded(need for need in method.needs if need not in shared)
            summary = f"{method.summary}; needs {more}" if more else method.summary
            rows.append((plain(f"{kind} *" if method.tried_by_run else kind, "bold"), summary))
        needs = f"; needs {_worded(shared)}" if shared else ""
        yield from (plain(f"{family} ({cost}{needs})", "bold"), meaning, table(("name", "what it does"), rows), "")
    yield "* `headstart run` may try it without being asked."


def _family(method: type[Method]) -> tuple[str, str]:
    """The method's folder, and what all in there do."""
    package, _, _ = method.__module__.rpartition(".")
    if not package.startswith("headstart.methods."):
        return "plug-ins", "Methods of other installed packages."
    return package.rpartition(".")[2], (sys.modules[package].__doc__ or "").strip()


def _worded(needs: Iterable[str]) -> str:
    return ", ".join(need.replace("_", " ") for need in needs)


def _describe(name: str, method: type[Method], as_json: bool) -> None:
    schema, meanings = method.model_json_schema(), attributes_of(method)
    shared = [description_of(base) for base in method.__mro__[1:] if _is_family(base)]
    description = "\n\n".join([description_of(method), *shared])
    fields = schema.get("properties", {})
    described = {key: {**value, "description": meanings.get(key, "")} for key, value in fields.items()}
    card = {**_card(name, method), "description": description, "schema": {**schema, "properties": described}}
    needs = f"; needs {_worded(method.needs)}" if method.needs else ""
    rows = [
        (plain(key, "bold"), _written(value.get("default", "")), _allowed(value), meanings.get(key, ""))
        for key, value in fields.items()
    ]
    settings: list[RenderableType] = ["", table(("--set method.KEY=", "default", "allowed", "meaning"), rows)] if rows else []
    answer(as_json, card, plain(f"{name} ({method.cost}{needs})", "bold"), *paragraphs(description), *settings)


def _is_family(base: type) -> bool:
    """Whether a class holds what methods of a family share: it is none of the two that all methods share."""
    from headstart.methods.base import GradientMethod, Method

    return issubclass(base, Method) and base not in {Method, GradientMethod}


def _written(value: Any) -> str:
    """The value as it stands after --set."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _allowed(field: dict[str, Any]) -> str:
    if "enum" in field:
        return ", ".join(map(str, field["enum"]))
    if "anyOf" in field:
        return " or ".join(_allowed(choice) for choice in field["anyOf"])
    bounds = [
        f"{sign} {field[key]}"
        for key, sign in (("minimum", ">="), ("exclusiveMinimum", ">"), ("maximum", "<="), ("exclusiveMaximum", "<"))
        if key in field
    ]
    return " ".join([str(field.get("type", "")), *bounds]).strip()
