"""Security: who may ask, from which pages; answers that browsers keep to themselves."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from headstart.serving.answers import answered
from headstart.serving.page import ASSETS
from headstart.serving.refusals import RefusedError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

OPEN = ("/health", "/ready", "/", "/runs", *(f"/{name}" for name in ASSETS))
"""Routes that need no key: they tell nothing of a model."""
COSTLY = ("/runs/list", "/runs/compare")
"""Routes that are read, and take seconds."""
READING = ("GET", "HEAD", "OPTIONS")
OF_THIS_MACHINE = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d*)?", re.IGNORECASE)
"""What a request to a server that only this machine reaches names as its host."""


def digests_of(keys: Sequence[str]) -> list[str]:
    """The SHA-256 of each key: enough to recognize it, and nothing that a request could send."""
    return [hashlib.sha256(key.encode()).hexdigest() for key in keys]


class Guard:
    """Lets requests through that have a key, where keys are needed, and that no foreign page sent.

    A browser sends forms to any address that a page names, without asking. What would change something, or cost time, is
    therefore refused where the page is of another host, unless that one is allowed. Pictures and scripts of a page are asked for
    without its origin; of these, browsers say in `Sec-Fetch-Site` that they are for another host. The name of another host may
    also be made to lead to this machine, and its pages then count as own ones: a server that only this machine reaches knows its
    own names.

    Args:
        app: What answers.
        digests: Of keys of which one is needed, see `digests_of`; none needed where there are none.
        origins: Of pages that may ask.
        local: Whether requests must name this machine as their host.
    """

    def __init__(self, app: Any, digests: Sequence[str] = (), origins: Sequence[str] = (), local: bool = False) -> None:
        self.app = app
        self.digests = tuple(digests)
        self.origins = frozenset(origins)
        self.local = local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        refused = self._refused(scope) if scope["type"] == "http" else None
        if refused is None:
            await self.app(scope, receive, send)
        else:
            await answered(scope["query_string"], refused.content, refused.status, refused.headers)(scope, receive, send)

    def _refused(self, scope: Scope) -> RefusedError | None:
        headers = Headers(scope=scope)
        if self.local and not OF_THIS_MACHINE.fullmatch(headers.get("host", "")):
            sentence = "The request names another host, and this server answers its own machine only. Ask 127.0.0.1 or localhost."
            return RefusedError(403, "foreign-host", sentence)
        origin = headers.get("origin")
        costs = scope["method"] not in READING or scope["path"] in COSTLY
        foreign = bool(origin) or headers.get("sec-fetch-site") in {"cross-site", "same-site"}
        if costs and foreign and not self._is_own(origin or "", headers.get("host", "")):
            sentence = "A page of another host sent this. Start the server with --cors and the page's origin to allow it."
            return RefusedError(403, "foreign-page", sentence)
        if self.digests and scope["path"] not in OPEN and not self._has_key(headers):
            sentence = 'The request has no valid key. Send the header "Authorization: Bearer KEY".'
            return RefusedError(401, "no-key", sentence, {"WWW-Authenticate": "Bearer"})
        return None

    def _is_own(self, origin: str, host: str) -> bool:
        try:
            return origin in self.origins or "*" in self.origins or urlsplit(origin).netloc == host
        except ValueError:
            return False

    def _has_key(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        [digest] = digests_of([given.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")])
        return any([hmac.compare_digest(digest, one) for one in self.digests])  # noqa: C419  all, so that the time tells nothing
