"""The splitting proxy: `python -m promotion.traffic.splitter`, or make splitter. It stands between clients, or their proxy, and TorchServe.

As a rule it passes every request on. While a promotion has written a route, it sends the route's share of the requests to the version
beside the default one, by the same path with that version behind it, and a copy of each request to whichever of the two did not
answer it. Nobody waits for a copy. Whatever the challenger does not answer is asked of the champion, so no client notices.

It keeps no state that matters: without a route that is being renewed, or after a restart, the champion answers everything.
"""

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import uvicorn

from deploy.machine.local import is_free
from deploy.server import Server, ServerError
from deploy.settings.config import SPLITTER_DISTANCE
from deploy.settings.server_flags import add_server_flags
from promotion.promotion_places import Places
from promotion.traffic.message import METHODS, PREDICTION, PassingRequest, Sendable, TooLong, pass_on, refuse, results
from promotion.traffic.route import Route
from promotion.traffic.traffic_tally import TrafficTally
from testbed.connection import HttpAnswer, Lost, Pool

LOOPBACK = "127.0.0.1"
ANSWER_TIMEOUT_S = 35.0  # TorchServe itself gives a batch up after 30 s
BEAT_S = 0.25  # between two looks at the route, after each of which the tally is told
COPIES = 64  # that may wait to be sent; further ones are dropped and counted
SENDERS = 2  # of copies: so many are asked at once


class Copy(NamedTuple):
    """A request whose answer by the other version is wanted, with the answer that the client got."""

    request: PassingRequest
    path: bytes
    is_for_challenger: bool
    given: HttpAnswer


class Splitter:
    """An ASGI application.

    Args:
        url: of TorchServe's inference API.
        places: the files with the route and the tally.
        body_bytes: of a request, at most.
        draw: a number from 0 up to 1 for each request.
    """

    def __init__(self, url: str, places: Places, body_bytes: int, draw: Callable[[], float] = random.random) -> None:
        self._places, self._body_bytes, self._draw = places, body_bytes, draw
        self._pool = Pool(url)
        self._route: Route | None = None
        self._tally = TrafficTally()
        self._asking = 0  # requests that the challenger has now
        self._copies: asyncio.Queue[Copy] = asyncio.Queue(COPIES)
        self._tasks: list[asyncio.Task[None]] = []

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Sendable) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["method"] not in METHODS:
            await refuse(send, 405, "MethodNotAllowedException", f"accepted are {', '.join(sorted(METHODS))}")
        else:
            await self._serve(scope, receive, send)

    async def _live(self, receive: Any, send: Sendable) -> None:
        await receive()
        self.beat()
        self._tasks = [asyncio.create_task(each) for each in (self._keep_beating(), *(self._send_copies() for _ in range(SENDERS)))]
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._pool.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _keep_beating(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            self.beat()

    def beat(self) -> None:
        """Look which route holds, begin a new tally for a new stage, and tell the tally."""
        self._route = Route.read(self._places.route)
        stage = self._route.stage if self._route else ""
        if stage != self._tally.stage:
            self._tally = TrafficTally(stage)
        with suppress(OSError):  # a full disk ends a promotion, which hears nothing any more, and not the service
            self._tally.told(self._asking).write(self._places.tally)

    async def _serve(self, scope: dict[str, Any], receive: Any, send: Sendable) -> None:
        try:
            request = await PassingRequest.read(scope, receive, self._body_bytes)
            if request is not None:
                await pass_on(await self._answer(request), send)
        except TooLong:
            await refuse(send, 413, "TooLarge", f"the body is over the limit of {self._body_bytes} bytes")
        except Lost:
            await refuse(send, 503, "ServiceUnavailable", "the server is away; send the request again")

    async def _answer(self, request: PassingRequest) -> HttpAnswer:
        """The answer for a client; raises Lost if there is none from either version."""
        route = self._route
        beside = route.path_of_challenger(request.path) if route else b""
        if route is None or not beside:
            return await self._ask(request.to(request.path))
        if self._draw() < route.share:
            with suppress(Lost):
                answer = await self._counted(request, beside, is_challenger=True)
                if answer.status < 500:
                    self._copy(Copy(request, request.path, False, answer))
                    return answer
        answer = await self._counted(request, request.path, is_challenger=False)
        self._copy(Copy(request, beside, True, answer))
        return answer

    def _copy(self, copy: Copy) -> None:
        if copy.given.status != 200 or not PREDICTION.fullmatch(copy.request.path):
            return
        try:
            self._copies.put_nowait(copy)
        except asyncio.QueueFull:
            self._tally.dropped += 1

    async def _send_copies(self) -> None:
        while True:
            copy = await self._copies.get()
            tally = self._tally
            with suppress(Lost, ValueError):  # it is counted as an error; an answer that is no JSON cannot be compared
                other = await self._counted(copy.request, copy.path, is_challenger=copy.is_for_challenger)
                champion, challenger = (copy.given, other) if copy.is_for_challenger else (other, copy.given)
                tally.compare(results(champion), results(challenger))

    async def _counted(self, request: PassingRequest, path: bytes, *, is_challenger: bool) -> HttpAnswer:
        """A version's answer, which is counted; raises Lost."""
        side = self._tally.challenger if is_challenger else self._tally.champion
        began, status = time.perf_counter(), 0
        self._asking += is_challenger
        try:
            answer = await self._ask(request.to(path))
            status = answer.status
            return answer
        finally:
            self._asking -= is_challenger
            side.add(time.perf_counter() - began, is_error=status == 0 or status >= 500)

    async def _ask(self, request: bytes) -> HttpAnswer:
        """The server's answer; a kept connection that it had closed costs a second try. Raises Lost."""
        try:
            return await self._pool.ask(request, ANSWER_TIMEOUT_S)
        except Lost:
            self._pool.renew()
            return await self._pool.ask(request, ANSWER_TIMEOUT_S)


def main() -> None:
    parser = argparse.ArgumentParser(prog="promotion.traffic.splitter", description=__doc__.partition("\n\n")[0])
    add_server_flags(parser)
    parser.add_argument("--listen", type=int, help=f"its port on loopback (default: {SPLITTER_DISTANCE} above the server's)")
    flags = parser.parse_args()
    server = Server(flags.port, models=flags.models)
    port = flags.listen or server.port + SPLITTER_DISTANCE
    try:
        body_bytes = int(server.settings.value("max_request_size"))
        places = Places.of(server)
        places.folder.mkdir(parents=True, exist_ok=True)
        if not is_free(port):
            raise ServerError(f"port {port} is in use; choose another with --listen")
    except (ServerError, OSError) as err:
        sys.exit(f"{parser.prog}: {err}")
    print(f"Requests to http://{LOOPBACK}:{port} go to {server.inference}; Ctrl-C ends it", flush=True)
    app: Any = Splitter(server.inference, places, body_bytes)
    uvicorn.run(app, host=LOOPBACK, port=port, log_level="warning", ws="none", lifespan="on", proxy_headers=False, server_header=False)


if __name__ == "__main__":
    main()
