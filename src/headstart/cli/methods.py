"""`headstart methods`: how knowledge can be adapted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headstart.cli import _options as options
from headstart.cli._printing import answer, plain, said, table
from headstart.core.docstrings import paragraphs

if TYPE_CHECKING:
    from rich.console import RenderableType

POSITION = 51
FURTHER = frozenset({"source", "named_domains", "unlabeled", "target_labels"})
"""Needs that a folder of labeled images alone does not meet."""


def methods(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Describe this one.", show_default=False)] = None,
    as_json: options.Json = False,
) -> None:
    """List the methods by family, or describe one with its settings."""
    from headstart.workflows.methods import methods as known_methods

    cards = known_methods(name)
    if name is None:
        answer(as_json, cards, *_listed(cards))
    else:
        answer(as_json, cards[0], *_described(cards[0]))


def _listed(cards: list[dict[str, Any]]) -> Iterator[RenderableType]:
    """A table for each family and cost; what all of a table need stands in its title."""
    from headstart.methods import METHODS
    from headstart.workflows.methods import family_of

    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for card in cards:
        groups.setdefault((*family_of(METHODS.get(card["name"])), card["cost"]), []).append(card)
    yield from ("Methods by family; those with * are tried by `headstart run` by itself.", "")
    for (family, meaning, cost), members in sorted(groups.items(), key=_place):
        shared = [need for need in members[0]["needs"] if all(need in card["needs"] for card in members)]
        rows = []
        for card in members:
            more = _worded([need for need in card["needs"] if need not in shared])
            name = f"{card['name']} *" if card["tried_by_run"] else card["name"]
            rows.append((plain(name, "bold"), said(card["summary"], *(("; ", more) if more else ()))))
        yield from (_title(family, cost, shared), meaning, table(("name", "what it does"), rows), "")


def _place(group: tuple[tuple[str, str, str], list[dict[str, Any]]]) -> tuple[object, ...]:
    """Families that need nothing but labeled images come first, and closed forms before what is trained."""
    (family, _, cost), members = group
    most = max(len(set(card["needs"]) & FURTHER) for card in members)
    return bool(most), not any(card["tried_by_run"] for card in members), cost, family


def _title(name: str, cost: str, needs: list[str]) -> RenderableType:
    return said(name, " (", cost, *(("; ", _worded(needs)) if needs else ()), ")", style="bold")


def _worded(needs: list[str]) -> str:
    return f"needs {', '.join(need.replace('_', ' ') for need in needs)}" if needs else ""


def _described(card: dict[str, Any]) -> Iterator[RenderableType]:
    yield _title(card["name"], card["cost"], card["needs"])
    yield from paragraphs(card["description"])
    rows = [
        (plain(key, "bold"), written(value.get("default", "")), allowed(value), said(value["description"]))
        for key, value in card["schema"]["properties"].items()
    ]
    if rows:
        yield from ("", table(("--set method.KEY=", "default", "allowed", "meaning"), rows))


def written(value: Any) -> str:
    """The value as it stands after --set."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def allowed(field: dict[str, Any]) -> str:
    """The values that a setting may have, in words: a choice, or a type with its bounds."""
    if "enum" in field:
        return ", ".join(map(str, field["enum"]))
    if "anyOf" in field:
        return " or ".join(allowed(choice) for choice in field["anyOf"])
    bounds = [
        f"{sign} {field[key]}"
        for key, sign in (("minimum", ">="), ("exclusiveMinimum", ">"), ("maximum", "<="), ("exclusiveMaximum", "<"))
        if key in field
    ]
    return " ".join([str(field.get("type", "")), *bounds]).strip()
