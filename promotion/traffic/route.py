"""Where a splitter sends requests: a small JSON file that a promotion renews, and that ends by itself when nobody renews it."""

import json
import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from promotion.json_file import write_json

LEASE_S = 10.0  # a promotion that was killed is over after so many seconds, and the champion answers all again
MOVABLE = re.compile(rb"/(predictions|explanations)/(\w+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What part of the requests goes to the challenger.

    Attributes:
        stage: the name of what is counted.
        version: the challenger's.
        models: those that have this version.
        share: of the requests of clients, 0 for copies alone, 1 for all.
        until: seconds since the epoch when it ends.
    """

    stage: str
    version: str
    models: list[str]
    share: float
    until: float

    def write(self, path: Path) -> None:
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> "Route | None":
        """The route that holds now; None where the champion answers alone."""
        try:
            route = cls(**json.loads(path.read_text()))
            return route if route.until > time.time() else None
        except (OSError, ValueError, TypeError):
            return None

    def path_of_challenger(self, path: bytes) -> bytes:
        """The path that asks the challenger what `path` asks the default version; b"" if it names a version or another model."""
        found = MOVABLE.fullmatch(path)
        return b"%b/%b" % (path, self.version.encode()) if found and found[2].decode() in self.models else b""
