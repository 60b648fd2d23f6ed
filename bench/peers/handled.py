"""All the work of our worker in a peer: the handler of an unpacked archive, so that nothing but the servers differs.

It takes any picture, holds the limits, refuses what it must, writes the same JSON, counts and logs requests.
"""

import json
import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import yaml

from bench.peers.work import UNPACKED, Reply
from digitkit.serving.request import OWN_ROUTE, Request, to_request

PNG: Final = "image/png"
# Those of a request to /predictions. Not every server hands a request's own to its workers.
HEADERS: Final = {"content-type": PNG, OWN_ROUTE: ""}


class Handled:
    """The handler with its model, loaded as TorchServe's worker loads it."""

    def __init__(self) -> None:
        folder = Path(os.environ[UNPACKED])
        manifest = json.loads((folder / "MAR-INF" / "MANIFEST.json").read_text())
        self._handler = import_module("digit_handler").DigitHandler()
        self._handler.initialize(
            SimpleNamespace(
                model_name=manifest["model"]["modelName"],
                manifest=manifest,
                system_properties={"model_dir": str(folder), "gpu_id": None},
                model_yaml_config=yaml.safe_load((folder / "model-config.yaml").read_text()),
            )
        )

    def read(self, body: bytes) -> Request:
        """The request as TorchServe's frontend would hand it over."""
        request = to_request({"body": body}, HEADERS, {"body": PNG})
        request.size = len(body)
        return request

    def __call__(self, batch: Sequence[Request]) -> list[Reply]:
        return [Reply(answer.status, answer.body) for answer in self._handler.respond(batch)]
