"""What a splitter counts of both versions during a stage, and how it is told to the promotion: a small JSON file."""

import json
import math
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from pathlib import Path

from promotion.json_file import write_json

LATENCIES = 4_096  # of each version, the newest, of which the percentile is taken


@dataclass(frozen=True, slots=True, kw_only=True)
class SideTold:
    """What is told of one version.

    Attributes:
        asked: requests that it was sent, from clients and as copies.
        errors: of them, those without an answer or with a 5xx.
        not_accepted: of the compared pictures, those that it did not accept.
        p95_ms: 95 % of its answers took at most so long.
    """

    asked: int = 0
    errors: int = 0
    not_accepted: int = 0
    p95_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a splitter tells of a stage.

    Attributes:
        stage: its name; "" where all is the champion's.
        at: seconds since the epoch when this was told.
        compared: pictures that both versions read.
        differing: of them, those that both accepted and read differently.
        dropped: copies that were not sent, because too many waited.
        asking: requests that the challenger has at this moment, of whatever stage.
    """

    stage: str = ""
    at: float = 0.0
    asking: int = 0
    compared: int = 0
    differing: int = 0
    dropped: int = 0
    champion: SideTold = field(default_factory=SideTold)
    challenger: SideTold = field(default_factory=SideTold)

    def write(self, path: Path) -> None:
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> "Told | None":
        """What was told last; None if there is nothing that can be read."""
        try:
            told = json.loads(path.read_text())
            champion, challenger = (SideTold(**told.pop(name)) for name in ("champion", "challenger"))
            return cls(**told, champion=champion, challenger=challenger)
        except (OSError, ValueError, KeyError, TypeError):
            return None


@dataclass(slots=True)
class SideCount:
    """What is counted of one version."""

    asked: int = 0
    errors: int = 0
    not_accepted: int = 0
    latencies_s: deque[float] = field(default_factory=lambda: deque(maxlen=LATENCIES))

    def add(self, seconds: float, *, is_error: bool) -> None:
        self.asked += 1
        self.errors += is_error
        self.latencies_s.append(seconds)

    def told(self) -> SideTold:
        ordered = sorted(self.latencies_s)
        p95_s = ordered[math.ceil(0.95 * len(ordered)) - 1] if ordered else 0.0
        return SideTold(asked=self.asked, errors=self.errors, not_accepted=self.not_accepted, p95_ms=1_000 * p95_s)


@dataclass(slots=True)
class TrafficTally:
    """The counts of one stage."""

    stage: str = ""
    compared: int = 0
    differing: int = 0
    dropped: int = 0
    champion: SideCount = field(default_factory=SideCount)
    challenger: SideCount = field(default_factory=SideCount)

    def compare(self, champion: list[tuple[int, bool]], challenger: list[tuple[int, bool]]) -> None:
        """Count what both read in the same pictures, each as digit and whether it is accepted."""
        if len(champion) != len(challenger):
            return
        for (digit, accepted), (other, other_accepted) in zip(champion, challenger, strict=True):
            self.compared += 1
            self.champion.not_accepted += not accepted
            self.challenger.not_accepted += not other_accepted
            self.differing += accepted and other_accepted and digit != other

    def told(self, asking: int) -> Told:
        counts = {"compared": self.compared, "differing": self.differing, "dropped": self.dropped}
        return Told(
            stage=self.stage, at=time.time(), asking=asking, champion=self.champion.told(), challenger=self.challenger.told(), **counts
        )
