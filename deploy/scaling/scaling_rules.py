"""When a model gets a worker more or less: the rules, and the decision by what a model had to do."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """When a model gets a worker more or less.

    Attributes:
        least, most: workers.
        target_s: of waiting for a worker, from which on there are too few.
        calm: the share of `target_s` below which there may be too many; in between nothing changes (hysteresis).
        busy_most: the share of its time that each of the remaining workers may be busy after one has left.
        up_after, down_after: readings in a row that must say the same.
        cool_down_s: after a change, in which the next one waits for the effect of this one.
    """

    least: int = 1
    most: int = 2
    target_s: float = 0.05
    calm: float = 0.2
    busy_most: float = 0.5
    up_after: int = 2
    down_after: int = 12
    cool_down_s: float = 30.0


@dataclass(frozen=True, slots=True)
class WorkerLoad:
    """What a model had to do between two readings.

    Attributes:
        workers: that it has.
        queue_s: average seconds that a request waited.
        busy: the share of the time in which a worker was busy, 0 to 1, averaged over the workers.
        stuck: whether requests wait of which none was answered.
    """

    workers: int
    queue_s: float
    busy: float
    stuck: bool = False


@dataclass(slots=True)
class Decider:
    """Decides for one model; it knows no server and no clock, so that tests can give it both."""

    rules: Rules
    high: int = 0
    low: int = 0
    changed_at: float = float("-inf")

    def decide(self, load: WorkerLoad, now: float) -> int:
        """1 for a worker more, -1 for one less, 0 for none; bounds come before everything else."""
        rules = self.rules
        if load.workers < rules.least or load.workers > rules.most:
            return 1 if load.workers < rules.least else -1
        is_calm = load.queue_s < rules.calm * rules.target_s and not load.stuck
        remaining = load.workers - 1
        can_spare = remaining >= rules.least and load.busy * load.workers <= rules.busy_most * remaining
        self.high = self.high + 1 if load.stuck or load.queue_s > rules.target_s else 0
        self.low = self.low + 1 if is_calm and can_spare else 0
        if now - self.changed_at < rules.cool_down_s:
            return 0
        if self.high >= rules.up_after and load.workers < rules.most:
            return 1
        return -1 if self.low >= rules.down_after else 0

    def changed(self, now: float) -> None:
        """Note that the number of workers was changed."""
        self.high = self.low = 0
        self.changed_at = now
