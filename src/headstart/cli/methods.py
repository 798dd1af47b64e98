"""`headstart methods`: how knowledge can be adapted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from headstart.cli import _options as options

if TYPE_CHECKING:
    from headstart.methods.base import Method

POSITION = 51


def methods(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Describe this one.", show_default=False)] = None,
    as_json: options.Json = False,
) -> None:
    """List the methods, or describe one with its settings."""
    from headstart.cli._printing import plain, print_json, show, table
    from headstart.methods import METHODS

    if name is not None:
        _describe(name, METHODS.get(name), as_json)
        return
    found = METHODS.all()
    if as_json:
        print_json([{"name": kind, "cost": method.cost, "summary": method.summary} for kind, method in found.items()])
        return
    rows = [(plain(kind, "bold"), method.cost, plain(method.summary)) for kind, method in found.items()]
    show(table(("name", "cost", "what it does"), rows))


def _describe(name: str, method: type[Method], as_json: bool) -> None:
    from headstart.cli._docstrings import attributes_of, description_of, paragraphs
    from headstart.cli._printing import plain, print_json, show, table

    schema = method.model_json_schema()
    description = description_of(method)
    if as_json:
        card = {"name": name, "cost": method.cost, "summary": method.summary, "description": description, "schema": schema}
        print_json(card)
        return
    show(plain(f"{name} ({method.cost})", "bold"), *(plain(part) for part in paragraphs(description)))
    meanings = attributes_of(method)
    rows = [
        (plain(key, "bold"), plain(_written(value.get("default", ""))), plain(_allowed(value)), plain(meanings.get(key, "")))
        for key, value in schema.get("properties", {}).items()
    ]
    if rows:
        show("", table(("--set method.KEY=", "default", "allowed", "meaning"), rows))


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
