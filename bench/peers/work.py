"""What every peer is told, and the work that it does for its requests: the bare graph's, or all that our own worker does."""

import os
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final, NamedTuple, Protocol, cast

PORT: Final = int(os.environ.get("DIGITS_PEER_PORT", "8000"))
WORKERS: Final = int(os.environ.get("DIGITS_PEER_WORKERS", "1"))
UNPACKED: Final = "DIGITS_UNPACKED"  # the folder of our unpacked archive, where the peer does our work; unset, it does the bare one
BATCH: Final = 64
DELAY_MS: Final = 1
PATH: Final = "/predict"


class PeerAnswer(NamedTuple):
    """A status, and a body of JSON."""

    status: int
    body: bytes


class Work(Protocol):
    """Answers requests, a batch at a time. A server builds one in each of its workers."""

    def read(self, body: bytes, /) -> Any:
        """What a request's body becomes before it is in a batch."""

    def __call__(self, batch: Sequence[Any], /) -> list[PeerAnswer]:
        """A reply for each of what was read, in order."""


def load_work() -> Work:
    """The work that the benchmark chose; each kind needs packages that the other one may lack."""
    module, name = ("bench.peers.handled", "Handled") if UNPACKED in os.environ else ("bench.peers.graph", "GraphModel")
    return cast(Work, getattr(import_module(module), name)())
