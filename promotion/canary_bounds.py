"""Within which bounds a challenger must stay while it gets traffic; bounds.yaml has them, with reasons."""

from dataclasses import dataclass, fields
from pathlib import Path

import yaml

from promotion.errors import NotPromoted
from promotion.traffic.traffic_tally import Told

BOUNDS = Path(__file__).with_name("bounds.yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryBounds:
    """The bounds of one promotion; bounds.yaml says what each field means."""

    seconds: float
    pictures: float
    patience_seconds: float
    errors: float
    latency_ratio: float
    latency_slack_ms: float
    not_accepted: float
    disagreement: float

    @classmethod
    def read(cls, path: Path = BOUNDS) -> "CanaryBounds":
        """The bounds of a file; raises NotPromoted if it lacks one, or has another key or something that is no number of 0 or more."""
        try:
            told = yaml.safe_load(path.read_text())
        except (OSError, yaml.YAMLError) as err:
            raise NotPromoted(f"{path} cannot be read as YAML: {type(err).__name__}") from err
        known = [field.name for field in fields(cls)]
        if not isinstance(told, dict) or set(told) != set(known):
            raise NotPromoted(f"{path} must have exactly {', '.join(known)}")
        wrong = [key for key, value in told.items() if type(value) not in (int, float) or value < 0]
        if wrong:
            raise NotPromoted(f"{path}: {', '.join(wrong)} must be a number of 0 or more")
        return cls(**told)

    def breach(self, told: Told) -> str:
        """Which bound the challenger has left, with its figure; "" if it is within all of them.

        Shares are taken of at least `pictures`: so one early error among ten answers is not 10 %, and a count that breaks a bound
        whatever comes next breaks it now.
        """
        challenger, champion = told.challenger, told.champion
        asked, compared = max(challenger.asked, self.pictures, 1), max(told.compared, self.pictures, 1)
        slowest_ms = self.latency_ratio * champion.p95_ms + self.latency_slack_ms
        found = {
            "errors": (challenger.errors / asked, self.errors),
            "not accepted beyond the champion's": ((challenger.not_accepted - champion.not_accepted) / compared, self.not_accepted),
            "disagreement": (told.differing / compared, self.disagreement),
        }
        outside = [f"{name} {share:.2%}, the bound is {bound:.2%}" for name, (share, bound) in found.items() if share > bound]
        if self.is_enough(told, self.seconds) and challenger.p95_ms > slowest_ms:
            outside.append(f"95 % of its answers within {challenger.p95_ms:.1f} ms, the bound is {slowest_ms:.1f} ms")
        return "; ".join(outside)

    def is_enough(self, told: Told, lasted_s: float) -> bool:
        """Whether a stage that has lasted so long has seen enough."""
        return lasted_s >= self.seconds and told.compared >= self.pictures
