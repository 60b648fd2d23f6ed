"""The console as an ASGI application: its three pages, and the few questions that they ask."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from console.feedback import FeedbackStore, read_feedback
from console.gate import AccessGate
from console.history import History
from console.refusal import Denied, to_response
from console.reports import Reports
from console.review import Review
from console.upload import read_body
from console.upstream import CONTENT_TYPES, Upstream
from loop.desk import Desk

PAGE = Path(__file__).parent / "page"
SHOWN = ("name", "task", "target", "form")  # of a model
TARGETS = ("", *map(str, range(10)))
PAGE_NUMBER = re.compile("[0-9]{0,5}")
JSON, PNG = "application/json", "image/png"
# What the page may ask for, each with the server's path and the form of its answer.
WAYS = {"predictions": ("predictions", JSON), "explanations": ("explanations", PNG), "drawings": ("predictions", PNG)}


@dataclass(frozen=True, slots=True)
class Console:
    """What the console needs to answer.

    Attributes:
        upstream: the server.
        origins: under which browsers open the console.
        body_bytes: the longest picture, as the server has it.
        token_command: prints the server's token where the checkout is; the page shows the command, and never a token.
        prefix: of its paths behind a proxy.
        store: where feedback goes; None where it is switched off.
        desk: where kept pictures are reviewed; None where that is switched off.
        reports: the reports that the pages link to.
    """

    upstream: Upstream
    origins: tuple[str, ...]
    body_bytes: int
    token_command: str
    reports: Reports
    prefix: str = ""
    store: FeedbackStore | None = None
    desk: Desk | None = None


def create_app(console: Console) -> Starlette:
    """The application; its routes are those of the pages and their scripts, /api and /reports."""
    endpoints, review = Endpoints(console, History(console.upstream)), Review(console.desk)
    routes = [
        Route("/", page("index.html")),
        Route("/status", page("status.html")),
        Route("/review", page("review.html")),
        Route("/api/session", endpoints.session),
        Route("/api/status", endpoints.status),
        Route("/api/review/take", review.take, methods=["POST"]),
        Route("/api/review/label", review.label, methods=["POST"]),
        Route("/api/review/undo", review.undo, methods=["POST"]),
        Route("/api/review/suspects", review.suspects, methods=["POST"]),
        Route("/api/review/again", review.reopen, methods=["POST"]),
        Route("/api/review/picture/{sha256:str}", review.picture),
        Route("/api/{way:str}/{model:str}", endpoints.ask, methods=["POST"]),
        Route("/api/feedback", endpoints.keep, methods=["POST"]),
        Route("/reports/{name:path}", endpoints.report),
        Mount("/page", StaticFiles(directory=PAGE)),
    ]
    gate = Middleware(AccessGate, origins=console.origins, prefix=console.prefix)
    return Starlette(routes=routes, middleware=[gate], lifespan=endpoints.lifespan, exception_handlers={Denied: to_response})


def page(name: str) -> Any:
    """An endpoint that answers a page."""

    async def endpoint(request: Request) -> FileResponse:
        return FileResponse(PAGE / name)

    return endpoint


class Endpoints:
    """The endpoints under /api and /reports."""

    def __init__(self, console: Console, history: History) -> None:
        self.console, self.history = console, history

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        sampling = asyncio.create_task(self.history.run())
        try:
            yield
        finally:
            sampling.cancel()
            with suppress(asyncio.CancelledError):
                await sampling
            await self.console.upstream.close()

    async def session(self, request: Request) -> Response:
        """What a page needs to know before it asks: never a token of the server's."""
        console = self.console
        models = [{key: getattr(model, key) for key in SHOWN} for model in console.upstream.models.values()]
        gate: AccessGate = request.state.gate
        session = gate.session_of(request)
        told = {
            "csrf": gate.csrf(session),
            "models": models,
            "server": console.upstream.apis.inference,
            "tokenCommand": console.token_command,
            "feedback": console.store is not None,
            "review": console.desk is not None,
            "reports": console.reports.listed(),
        }
        response = JSONResponse(told)
        gate.remember(session, response)
        return response

    async def status(self, request: Request) -> Response:
        return JSONResponse(self.history.tell())

    async def ask(self, request: Request) -> Response:
        """A model's answer to the picture in the body, its explanation, or a page with what is read on it, with the time that it took."""
        way, model, asked = request.path_params["way"], request.path_params["model"], request.query_params
        target, page = asked.get("target", ""), asked.get("page", "")
        if way not in WAYS or target not in TARGETS or not PAGE_NUMBER.fullmatch(page):
            known = f"a picture is sent to one of {', '.join(WAYS)}, a target is one of 0 to 9, and a page a number"
            raise Denied(404, "NotFound", known)
        path, accept = WAYS[way]
        said = {name: value for name, value in (("X-Target", target), ("X-Page", page)) if value}
        picture = await read_body(request, self.console.body_bytes)
        answered = await self.console.upstream.ask_model(path, model, picture, accept=accept, said=said)
        if answered.content_type not in CONTENT_TYPES:
            raise Denied(502, "ServerAway", f"the server answers {answered.status} in a form that is none of a model's")
        headers = {**answered.headers, "Server-Timing": f"server;dur={1000 * answered.seconds:.2f}"}
        return Response(answered.body, answered.status, headers, answered.content_type)

    async def keep(self, request: Request) -> Response:
        """Keep what a person says of an answer."""
        if self.console.store is None:
            raise Denied(404, "NotFound", "feedback is switched off; make console FEEDBACK=folder keeps it")
        # The picture is in base64, which takes four thirds of its bytes, beside a few words.
        body = await read_body(request, self.console.body_bytes * 4 // 3 + 4096)
        try:
            told = json.loads(body)
        except (ValueError, RecursionError) as err:
            raise Denied(400, "BadRequest", "the body is no JSON") from err
        feedback, picture = read_feedback(told)
        try:
            await run_in_threadpool(self.console.store.keep, feedback, picture)
        except OSError as err:
            raise Denied(507, "NotKept", f"feedback cannot be kept: {err.strerror}") from err
        return Response(status_code=204)

    async def report(self, request: Request) -> Response:
        return FileResponse(self.console.reports.find(request.path_params["name"]))
