"""mosec: a Rust frontend that batches, Python workers behind it. Source: its guide, mosecorg.github.io/mosec."""

import json
from typing import Any

import numpy as np
from mosec import Server, Worker
from numpy.typing import NDArray

from bench.peers.graph import BATCH, DELAY_MS, PATH, WORKERS, GraphModel, decode


class Digits(Worker):  # type: ignore[misc]
    """A worker, which the frontend gives up to BATCH requests at a time."""

    def __init__(self) -> None:
        self.model = GraphModel()

    def deserialize(self, data: bytes) -> NDArray[np.uint8]:
        return decode(data)

    def forward(self, data: list[NDArray[np.uint8]]) -> list[dict[str, Any]]:
        return self.model(data)

    def serialize(self, data: dict[str, Any]) -> bytes:
        return json.dumps(data).encode()  # the default would indent it


if __name__ == "__main__":  # mosec takes the port and the address from MOSEC_PORT and MOSEC_ADDRESS
    server = Server()
    server.append_worker(Digits, num=WORKERS, max_batch_size=BATCH, max_wait_time=DELAY_MS, route=PATH)
    server.run()
