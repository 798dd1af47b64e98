"""Methods: how knowledge can be adapted."""

from __future__ import annotations

import sys
from typing import Any

from headstart.core.arguments import checked
from headstart.core.docstrings import attributes_of, description_of
from headstart.methods import METHODS
from headstart.methods.base import GradientMethod, Method


@checked
def methods(name: str | None = None) -> list[dict[str, Any]]:
    """What is known of every method, or of one, with its description and the schema of its settings.

    `{"name", "family", "cost", "needs", "tried_by_run", "summary"}`, and for one method "description" and "schema".
    """
    if name is None:
        return [_card(kind, method) for kind, method in METHODS.all().items()]
    method = METHODS.get(name)
    schema, meanings = method.model_json_schema(), attributes_of(method)
    settings = {key: {**value, "description": meanings.get(key, "")} for key, value in schema.get("properties", {}).items()}
    shared = [description_of(base) for base in method.__mro__[1:] if _is_family(base)]
    description = "\n\n".join([description_of(method), *shared])
    return [{**_card(name, method), "description": description, "schema": {**schema, "properties": settings}}]


def family_of(method: type[Method]) -> tuple[str, str]:
    """The method's folder, and what all in there do."""
    package, _, _ = method.__module__.rpartition(".")
    if not package.startswith("headstart.methods."):
        return "plug-ins", "Methods of other installed packages."
    return package.rpartition(".")[2], (sys.modules[package].__doc__ or "").strip()


def _card(kind: str, method: type[Method]) -> dict[str, Any]:
    return {
        "name": kind,
        "family": family_of(method)[0],
        "cost": method.cost,
        "needs": list(method.needs),
        "tried_by_run": method.tried_by_run,
        "summary": method.summary,
    }


def _is_family(base: type) -> bool:
    """Whether a class holds what methods of a family share: it is none of the two that all methods share."""
    return issubclass(base, Method) and base not in {Method, GradientMethod}
