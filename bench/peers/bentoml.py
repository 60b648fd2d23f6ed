"""BentoML, one picture at a time: only methods that take lists can form batches, and here single pictures are sent.

A second service that forms batches for this one, as its documentation shows under "Adaptive batching", broke the connection
for one request in five at 64 connections (1.4.39).
"""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import bentoml
from starlette.responses import Response

from bench.peers.work import PATH, PORT, WORKERS, load_work


@bentoml.service(workers=WORKERS, logging={"access": {"enabled": False}})
class Digits:
    """The model, in each worker."""

    def __init__(self) -> None:
        self.work = load_work()

    @bentoml.api(route=PATH)  # type: ignore[untyped-decorator]
    def predict(self, picture: Annotated[bytes, bentoml.validators.ContentType("image/png")], /) -> Any:
        (reply,) = self.work([self.work.read(picture)])
        return Response(reply.body, reply.status, media_type="application/json")


if __name__ == "__main__":
    bento = Path(sys.executable).with_name("bentoml")
    os.execv(bento, [str(bento), "serve", "bench.peers.bentoml:Digits", "--host", "127.0.0.1", "--port", str(PORT)])
