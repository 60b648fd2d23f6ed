"""All the work of our worker in a peer: the handler of an unpacked archive, so that nothing but the servers differs.

It takes any picture, holds the limits, refuses what it must, writes the same JSON, counts and logs requests.
"""

import json
import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import yaml

from bench.peers.work import UNPACKED, PeerAnswer
from digitkit.serving.request import OWN_ROUTE, Request, to_request

PNG: Final = "image/png"
# Those of a request to /predictions. Not every server hands a request's own to its workers.
HEADERS: Final = {"content-type": PNG, OWN_ROUTE: ""}


def load_handler(folder: Path) -> Any:
    """The handler with the model of an archive that is unpacked there, loaded as TorchServe's worker loads it."""
    manifest = json.loads((folder / "MAR-INF" / "MANIFEST.json").read_text())
    handler = import_module("digit_handler").DigitHandler()
    handler.initialize(
        SimpleNamespace(
            model_name=manifest["model"]["modelName"],
            manifest=manifest,
            system_properties={"model_dir": str(folder), "gpu_id": None},
            model_yaml_config=yaml.safe_load((folder / "model-config.yaml").read_text()),
        )
    )
    return handler


class Handled:
    """The handler of the archive in DIGITS_UNPACKED."""

    def __init__(self) -> None:
        self._handler = load_handler(Path(os.environ[UNPACKED]))

    def read(self, body: bytes) -> Request:
        """The request as TorchServe's frontend would hand it over."""
        request = to_request({"body": body}, HEADERS, {"body": PNG})
        request.size = len(body)
        return request

    def __call__(self, batch: Sequence[Request]) -> list[PeerAnswer]:
        answers = self._handler.respond(batch)
        self._handler.settle()
        return [PeerAnswer(answer.status, answer.body) for answer in answers]
