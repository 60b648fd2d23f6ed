"""A TorchServe of a few lines with two versions of a model, whose faults are known, and a splitter in front of it."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from cards import FACTS

from deploy.server import Server
from digitkit.artifacts.card import write_card
from promotion.promotion_places import Places
from promotion.traffic.splitter import Splitter
from testbed.apps import serving

OLD, NEW = "1.0", "1.1"
BODY_BYTES = 1_000


class TwoVersions:
    """Answers predictions of `digits` by its default version and of `digits/1.1`; a test changes how while it runs.

    Attributes:
        default: the version that answers a path without one.
        readings: digit and whether it is accepted, by version.
        statuses: of the answers, by version; 0 hangs up.
        delays_s: before the answers, by version.
        answered: how many requests each version has answered.
        tokens: the Authorization of every request.
    """

    def __init__(self) -> None:
        self.default = OLD
        self.readings = {OLD: (7, True), NEW: (7, True)}
        self.statuses = {OLD: 200, NEW: 200}
        self.delays_s = {OLD: 0.0, NEW: 0.0}
        self.answered: Counter[str] = Counter()
        self.tokens: list[bytes] = []

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message["body"]
            if not message["more_body"]:
                break
        _, _, _, *named = scope["path"].split("/")
        version = named[0] if named else self.default
        self.tokens += [value for name, value in scope["headers"] if name == b"authorization"]
        await asyncio.sleep(self.delays_s[version])
        self.answered[version] += 1
        if not self.statuses[version]:
            return  # without an answer, so that the connection is closed
        digit, accepted = self.readings[version]
        told = {"digit": digit, "accepted": accepted, "sent": body.decode(), "query": scope["query_string"].decode()}
        headers = [(b"content-type", b"application/json"), (b"x-model-version", version.encode())]
        await send({"type": "http.response.start", "status": self.statuses[version], "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(told).encode()})


@contextmanager
def split(url: str, places: Places) -> Iterator[str]:
    """The address of a splitter in front of `url`."""
    places.folder.mkdir(parents=True, exist_ok=True)
    with serving(Splitter(url, places, BODY_BYTES), lifespan="on") as address:
        yield address


class Api:
    """The management API by heart, in place of deploy.rollback.call; "digits" has the versions that were registered.

    Attributes:
        refuses: the status of what registers a model; 0 for none.
    """

    def __init__(self, traffic: TwoVersions) -> None:
        self.traffic, self.served, self.refuses = traffic, [OLD], 0

    def __call__(self, server: Server, method: str, path: str) -> Any:
        if method == "POST" and self.refuses:
            response = requests.Response()
            response.status_code = self.refuses
            raise requests.HTTPError(response=response)
        if found := re.fullmatch(r"/models\?url=digits-(\d\.\d)\.mar&initial_workers=1&synchronous=false", path):
            assert (server.model_store / f"digits-{found[1]}.mar").is_file()
            self.served.append(found[1])
        elif method == "DELETE":
            self.served.remove(path.rpartition("/")[2])
        elif found := re.fullmatch(r"/models/digits/(\d\.\d)/set-default", path):
            assert found[1] in self.served
            self.traffic.default = found[1]
        elif path == "/models/digits/all":
            return [{"modelVersion": version} for version in self.served]
        return [{"customizedMetadata": {"loaded": True}}]


def archive_of(folder: Path, version: str) -> Path:
    """A file in the place of an archive, with its card."""
    archive = folder / "digits.mar"
    archive.write_text(f"the archive of {version}")
    write_card(archive, **FACTS | {"version": version, "task": "digits"})
    return archive
