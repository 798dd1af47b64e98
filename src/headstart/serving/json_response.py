"""JSONResponse: a JSON answer whose names move no terminal's cursor and turn no letters around."""

from __future__ import annotations

import json
from typing import Any, final

from starlette import responses

from headstart.core.printable import printable_json


@final
class JSONResponse(responses.JSONResponse):
    """As that of Starlette, with unprintable characters as JSON escapes: what it means is the same."""

    def render(self, content: Any) -> bytes:
        """The answer as UTF-8 text in one line."""
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return printable_json(text).encode()
