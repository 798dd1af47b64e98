"""Application: the routes of a server, and the status of each refusal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse, RedirectResponse, Response

from headstart.core.language import ENGLISH, language_named
from headstart.serving.answers import answered
from headstart.serving.bodies import FORM, JSON
from headstart.serving.json_response import JSONResponse
from headstart.serving.page import ASSETS, HEADERS, asset, language_for, page_html, runs_html
from headstart.serving.refusals import RefusedError, stopping
from headstart.serving.schemas import (
    AllRuns,
    Answer,
    Cards,
    Compared,
    Corrected,
    Enrolled,
    Forgotten,
    Problem,
    Reasons,
    Status,
)
from headstart.serving.security import READING, Guard, Receive, Scope, Send
from headstart.serving.service import Service
from headstart.serving.wanted import Wanted

FILES = {"type": "array", "items": {"type": "string", "contentMediaType": "application/octet-stream"}}
BASE64 = {"type": "array", "items": {"type": "string", "contentEncoding": "base64"}}
PICTURES = {
    "requestBody": {
        "required": True,
        "content": {
            FORM: {"schema": {"type": "object", "properties": {"files": FILES}}},
            JSON: {"schema": {"type": "object", "properties": {"images": BASE64}}},
        },
    }
}
REASONS = {
    400: "The body is damaged.",
    401: "A key is needed.",
    403: "A page of another host sent this, or the request names another host.",
    404: "There is no such model or class.",
    408: "The body came too slowly.",
    409: "The state of the gallery does not allow this.",
    413: "The body is too large.",
    415: "The type of the body, or of every file, is not supported.",
    422: "Too many pictures, too many pixels, or a damaged picture.",
    429: "Too much waits already; Retry-After says when to come again.",
    503: "The server is stopping.",
    504: "There was no answer in time.",
    507: "The disk takes no correction, or no class.",
}
ModelName = Annotated[str | None, Query(description="Of the model or gallery; the first one where it is left out.")]
Refuse = Annotated[
    float | None, Query(ge=0, lt=1, description="Give no label to pictures with a p-value below; see `headstart predict`.")
]
Sets = Annotated[
    float | None,
    Query(gt=0, lt=1, description="Give each picture a set of classes that holds the true one for this share of pictures."),
]
AtAccuracy = Annotated[
    float | None,
    Query(
        gt=0, lt=1, description="Give a label only where the model is sure enough for labels to be right approximately so often."
    ),
]


def application(service: Service, digests: Sequence[str] = (), origins: Sequence[str] = (), local: bool = False) -> FastAPI:
    """The application that answers for a service; it closes the service when it ends.

    Args:
        service: Models and galleries.
        digests: Of keys of which a request needs one, see `digests_of`; none needed where there are none.
        origins: Of pages on other hosts that may ask.
        local: Whether requests must name this machine as their host.

    Returns:
        The application.
    """

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(service.close)

    app = FastAPI(
        title="headstart", version=version("headstart"), lifespan=life, docs_url=None, redoc_url=None, redirect_slashes=False
    )
    for kind, handler in HANDLERS.items():
        app.add_exception_handler(kind, handler)
    _Routes(service).add_to(app)
    app.add_middleware(Guard, digests=digests, origins=origins, local=local)
    app.add_middleware(_Measured, service=service)
    if origins:  # outside of all, so that allowed pages can read every refusal
        app.add_middleware(CORSMiddleware, allow_origins=list(origins), allow_methods=["*"], allow_headers=["*"])
    return app


def _add(app: FastAPI, method: str, path: str, answer: Callable[..., Any], model: type | None = None, status: int = 200) -> None:
    """Add a route; what is posted are pictures, and the limits of these are among its answers."""
    described: dict[int | str, dict[str, Any]] = {status: {"model": model}} if model else {}
    if method == "POST":
        described |= {code: {"model": Problem, "description": text} for code, text in REASONS.items()}
    extra = PICTURES if method == "POST" else None
    app.add_api_route(
        path, answer, methods=[method], status_code=status, response_model=None, responses=described, openapi_extra=extra
    )


class _Routes:
    """What each route answers."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def add_to(self, app: FastAPI) -> None:
        """Add all routes."""
        add = partial(_add, app)
        add("GET", "/health", self.health, Status)
        add("GET", "/ready", self.ready, Status)
        add("GET", "/metrics", self.metrics)
        add("GET", "/models", self.models, Cards)
        add("POST", "/predict", self.predict, Answer)
        add("POST", "/explain", self.explain, Reasons)
        add("POST", "/corrections", self.correct, Corrected, 201)
        app.add_api_route("/", self.page, methods=["GET"], include_in_schema=False)
        if self.service.folder is not None:
            app.add_api_route("/runs", self.runs_page, methods=["GET"], include_in_schema=False)
            add("GET", "/runs/list", self.runs, AllRuns)
            add("GET", "/runs/compare", self.compare, Compared)
        for name in ASSETS:
            app.add_api_route(f"/{name}", partial(_asset, name), methods=["GET"], include_in_schema=False)
        add("POST", "/galleries/{gallery}/classes/{name:path}", self.enroll, Enrolled, 201)
        add("DELETE", "/galleries/{gallery}/classes/{name:path}", self.forget, Forgotten)

    async def health(self) -> Response:
        """Whether the process answers."""
        return JSONResponse({"status": "ok"})

    async def ready(self) -> Response:
        """Whether requests can be answered: not where the thread of a model has stopped."""
        fault = self.service.fault
        return JSONResponse({"status": "ready"}) if fault is None else JSONResponse({"code": "not-ready", "error": fault}, 503)

    async def metrics(self) -> Response:
        """Metrics in Prometheus's text format."""
        return Response(await self.service.metrics_text(), media_type="text/plain; version=0.0.4")

    async def models(self, lang: str = ENGLISH) -> Response:
        """All that is served, the default first, with sentences in a language, and the limits of a request."""
        spoken = language_named(language_for(lang, ""))
        cards = await self.service.cards()
        for card in cards:
            card |= {name: spoken.sentence(card[name]) for name in ("sentence", "protocol") if card.get(name)}
        return JSONResponse({"models": cards, "limits": self.service.limits.to_dict()})

    async def predict(
        self, request: Request, model: ModelName = None, refuse: Refuse = None, sets: Sets = None, at_accuracy: AtAccuracy = None
    ) -> Response:
        """Label, probabilities and p-value of each picture."""
        self.service.named(model).batcher.check_room(1)
        body = await self.service.bodies.read(request)
        return _answer(request, await self.service.predict(body.files, model, Wanted(refuse, sets, at_accuracy)))

    async def explain(self, request: Request, model: ModelName = None) -> Response:
        """Where in one picture the model looked, and which training pictures are most like it."""
        self.service.run(model).batcher.check_room(1)
        body = await self.service.bodies.read(request)
        return JSONResponse(await self.service.explain(body.files, model))

    async def correct(self, request: Request, model: ModelName = None) -> Response:
        """Keep pictures under the class in the field `label`, for `headstart extend`."""
        self.service.check_writable()
        body = await self.service.bodies.read(request)
        return JSONResponse(await self.service.correct(body.files, model, body.fields.get("label", "")), 201)

    async def page(self, request: Request, lang: str | None = None) -> Response:
        """The page to try a model on."""
        if not self.service.served:
            return RedirectResponse(f"/runs?{request.url.query}".rstrip("?"), 307)
        language = language_for(lang, request.headers.get("accept-language", ""))
        return HTMLResponse(
            page_html(language, learns=not self.service.read_only, shows_runs=self.service.folder is not None), headers=HEADERS
        )

    async def runs_page(self, request: Request, lang: str | None = None) -> Response:
        """The page that compares the runs of a folder."""
        language = language_for(lang, request.headers.get("accept-language", ""))
        return HTMLResponse(runs_html(language, serves=bool(self.service.served)), headers=HEADERS)

    async def runs(self, lang: str = ENGLISH) -> Response:
        """The runs of the folder that is shown: finished ones with metrics and costs, and unfinished ones with what they do."""
        spoken = language_named(language_for(lang, ""))
        return JSONResponse(await asyncio.to_thread(self.service.shown_folder.all_runs, spoken))

    async def compare(self, first: str, second: str) -> Response:
        """One run of the folder against another, on the images that both predicted."""
        return JSONResponse(await self.service.compare(first, second))

    async def enroll(self, request: Request, gallery: str, name: str) -> Response:
        """Add a class to a gallery, from one picture or several."""
        self.service.check_writable()
        self.service.gallery(gallery)
        body = await self.service.bodies.read(request)
        return JSONResponse(await self.service.enroll(gallery, name, body.files), 201)

    async def forget(self, gallery: str, name: str) -> Response:
        """Remove a class from a gallery."""
        return JSONResponse(await self.service.forget(gallery, name))


async def _asset(name: str) -> Response:
    return Response(asset(name), media_type=ASSETS[name], headers=HEADERS)


class _Measured:
    """Counts requests and their seconds by route, and those that were begun; while the server stops, nothing new is begun."""

    def __init__(self, app: Any, service: Service) -> None:
        self.app = app
        self.service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, and count it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, status, recorded = time.perf_counter(), [500], self.service.metrics
        answering = False

        async def sent(message: Any) -> None:
            nonlocal answering
            if message["type"] == "http.response.start":
                answering, status[0] = True, message["status"]
            await send(message)

        async def refuse() -> None:
            refused = stopping()
            await answered(scope["query_string"], refused.content, refused.status, refused.headers)(scope, receive, sent)

        self.service.num_begun += 1
        try:
            if self.service.draining and scope["method"] not in READING:
                await refuse()
            else:
                await self.app(scope, receive, sent)
        except asyncio.CancelledError:
            if not self.service.draining:
                raise
            if not answering:  # the server ends, and gives up what was begun
                await refuse()
        finally:
            self.service.num_begun -= 1
            route = getattr(scope.get("route"), "path", "other")
            recorded.requests.labels(route, status[0]).inc()
            recorded.seconds.labels(route).observe(time.perf_counter() - begun)


def _answer(request: Request, content: dict[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return answered(request.scope["query_string"], content, status, headers)


async def _refused(request: Request, error: Any) -> Response:
    return _answer(request, error.content, error.status, error.headers)


async def _invalid(request: Request, error: Any) -> Response:
    first = error.errors()[0]
    sentence = f"{first['loc'][-1]}: {first['msg'][:1].lower()}{first['msg'][1:]}."
    return _answer(request, {"code": "bad-argument", "error": sentence}, 422)


async def _of_http(request: Request, error: Any) -> Response:
    sentence = {
        404: "There is no such address. /openapi.json lists all.",
        405: "This address takes another method. /openapi.json lists all.",
    }.get(error.status_code, str(error.detail))
    return _answer(request, {"code": f"http-{error.status_code}", "error": sentence}, error.status_code, error.headers)


async def _left(request: Request, error: Any) -> Response:
    return _answer(request, {"code": "half-body", "error": "The body ended half-way. Send it again."}, 400)


async def _failed(request: Request, error: Any) -> Response:
    return _answer(request, {"code": "failed", "error": "The server failed; what it wrote on stderr says why."}, 500)


HANDLERS: dict[type[Exception], Any] = {
    RefusedError: _refused,
    RequestValidationError: _invalid,
    HTTPException: _of_http,
    ClientDisconnect: _left,
    Exception: _failed,
}
"""The answer to each exception."""
