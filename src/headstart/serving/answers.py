"""Answers: JSON whose sentences for people are in the language that a request asks for with `lang`, or else in English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.datastructures import QueryParams

from headstart.core.language import Language, language_named
from headstart.serving.json_response import JSONResponse
from headstart.serving.page import language_for

LONGEST = 500
"""Characters of a sentence that is translated. Names in it come from outside, and a catalog is searched for the whole of it."""


def answered(
    query: bytes, content: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """An answer, with what is wrong with the request, and with single pictures, in the language that its query asks for."""
    asked, found = QueryParams(query).get("lang"), dict(content)
    if asked is not None:
        spoken = language_named(language_for(asked, ""))
        rows = found.get("predictions")
        found = _said(found, spoken) | ({} if rows is None else {"predictions": [_said(row, spoken) for row in rows]})
    return JSONResponse(found, status, dict(headers or {}))


def _said(content: dict[str, Any], spoken: Language) -> dict[str, Any]:
    error = content.get("error")
    return {**content, "error": spoken.sentence(error)} if isinstance(error, str) and len(error) <= LONGEST else content
