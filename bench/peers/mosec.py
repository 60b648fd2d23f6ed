"""mosec: a Rust frontend that batches, Python workers behind it. Source: its guide, mosecorg.github.io/mosec.

A batch has one status for all of its requests, so what our handler refuses is answered with 200 and the refusal in the body.
"""

from typing import Any

from mosec import Server, Worker

from bench.peers.work import BATCH, DELAY_MS, PATH, WORKERS, PeerAnswer, load_work


class Digits(Worker):  # type: ignore[misc]
    """A worker, which the frontend gives up to BATCH requests at a time."""

    def __init__(self) -> None:
        self.work = load_work()

    def deserialize(self, data: bytes) -> Any:
        return self.work.read(data)

    def forward(self, data: list[Any]) -> list[PeerAnswer]:
        return self.work(data)

    def serialize(self, data: PeerAnswer) -> bytes:
        return data.body


if __name__ == "__main__":  # mosec takes the port and the address from MOSEC_PORT and MOSEC_ADDRESS
    server = Server()
    server.append_worker(Digits, num=WORKERS, max_batch_size=BATCH, max_wait_time=DELAY_MS, route=PATH)
    server.run()
