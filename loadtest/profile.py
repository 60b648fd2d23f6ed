"""Load profiles, read from profiles.yaml: who sends what, how much of it and for how long."""

import math
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

from loadtest.strict_yaml import WrongSettings, read_yaml, to_choice, to_number, to_section

PROFILES: Final = Path(__file__).with_name("profiles.yaml")
DEFAULT: Final = "steady"
WORKLOADS: Final = ("closed", "open")
DOORS: Final = ("rest", "v2", "grpc", "oip")
KINDS: Final = ("single", "list", "explanation", "bad")
LOAD_UNIT: Final = {"closed": "users", "open": "arrivals/s"}
SOURCE_RATE: Final = 5.0  # most arrivals a second of one source of an open workload; loads are rounded to whole sources
LEAST_SOURCES: Final = 20  # of which even a low load is made, so that every door gets its share
SETTLE_S: Final = 2.0  # at the start of each step of a ramp, in which the requests of the step before are answered
HIGHEST_RATE: Final = 100_000.0  # arrivals a second at which a ramp always ends


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of the test with one load: users of a closed workload, arrivals a second of an open one."""

    name: str
    load: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Ramp:
    """Steps of `seconds`: from `start` arrivals a second up by `coarse` until a step fails, then by `fine` from the last that held."""

    start: float
    coarse: float
    fine: float
    seconds: float

    @property
    def longest_s(self) -> float:
        coarse = math.log(HIGHEST_RATE / self.start) / math.log(self.coarse)
        fine = math.log(self.coarse) / math.log(self.fine)
        return (coarse + fine + 3) * self.seconds

    def climb(self) -> Generator[Stage, bool, None]:
        """The steps; the caller must send() whether the last one kept its budgets."""
        held, rate, factor, number = 0.0, self.start, self.coarse, 0
        while rate <= HIGHEST_RATE:
            number += 1
            if (yield Stage(f"step {number}", rate, self.seconds)):
                held = rate
            elif not held or factor == self.fine:
                return
            else:
                factor = self.fine
            rate = round(held * factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One section of profiles.yaml. The comment in that file says what each part means.

    Attributes:
        doors, traffic: shares, in any unit.
        stages: empty if there is a ramp.
        task: whose models it is for, "" for those of every task.
        task_load: the share of the load that models of a task get, where it is not all of it.
        pictures: what is sent in the place of what models.toml names, None for that.
    """

    name: str
    question: str
    workload: Literal["closed", "open"]
    doors: Mapping[str, float]
    traffic: Mapping[str, float]
    stages: tuple[Stage, ...] = ()
    ramp: Ramp | None = None
    management: bool = False
    task: str = ""
    task_load: Mapping[str, float] = field(default_factory=dict)
    pictures: Path | None = None

    def is_for(self, task: str) -> bool:
        """Whether models of a task are tested by it."""
        return self.task in ("", task)

    @property
    def first_load(self) -> float:
        return self.ramp.start if self.ramp else self.stages[0].load

    @property
    def source_rate(self) -> float:
        """Arrivals a second of one source of an open workload."""
        return min(SOURCE_RATE, self.first_load / LEAST_SOURCES)

    @property
    def longest_s(self) -> float:
        """Seconds that the stages take at most, together."""
        return self.ramp.longest_s if self.ramp else sum(stage.seconds for stage in self.stages)

    @property
    def summary(self) -> str:
        """The workload in words: "closed workload: 32 users for 7 s"."""
        unit = LOAD_UNIT[self.workload]
        shares = "".join(f"; for {task} {share:g} of that load" for task, share in self.task_load.items())
        if self.ramp:
            return f"{self.workload} workload: from {self.ramp.start:g} {unit} up, in steps of {self.ramp.seconds:g} s{shares}"
        stages = ", ".join(f"{stage.load:g} {unit} for {stage.seconds:g} s" for stage in self.stages)
        return f"{self.workload} workload: {stages}{shares}"

    def plan(self) -> Generator[Stage, bool, None]:
        """The stages in their order; the caller must send() whether the last one kept its budgets."""
        if self.ramp:
            yield from self.ramp.climb()
        for stage in self.stages:  # noqa: UP028 - a tuple, which nothing can be sent to
            yield stage

    def scaled(self, load: float | None, seconds: float | None) -> "Profile":
        """The same profile with another load in its first stage and another length; the other stages keep their proportions.

        None keeps the profile's value. `seconds` is the length of all stages together, or of each step of a ramp. A load that is given is
        that of every task.
        """
        up = (load or self.first_load) / self.first_load
        shares = {} if load else self.task_load
        if self.ramp:
            ramp = replace(self.ramp, start=self.ramp.start * up, seconds=seconds or self.ramp.seconds)
            return replace(self, ramp=ramp, task_load=shares)
        longer = (seconds or self.longest_s) / self.longest_s
        stages = tuple(Stage(s.name, s.load * up, s.seconds * longer) for s in self.stages)
        return replace(self, stages=stages, task_load=shares)

    def loaded_for(self, task: str) -> "Profile":
        """The same profile with the load that models of a task get."""
        return self.scaled(self.first_load * self.task_load.get(task, 1.0), None)

    def to_message(self) -> dict[str, Any]:
        """Plain values for Locust's messages from master to workers, which need no stages."""
        return {"name": self.name, "workload": self.workload, "doors": dict(self.doors), "traffic": dict(self.traffic)}

    @classmethod
    def from_message(cls, content: dict[str, Any]) -> "Profile":
        return cls(question="", **content)


def read_profiles(path: Path = PROFILES) -> dict[str, Profile]:
    """Every profile by its name, in the file's order; raises WrongSettings."""
    return {name: to_profile(f"{path}: {name}", name, section) for name, section in read_yaml(path).items()}


def find_profile(name: str) -> Profile:
    """The profile with that name; raises WrongSettings."""
    profiles = read_profiles()
    if name not in profiles:
        raise WrongSettings(f"no profile {name}; known are {', '.join(profiles)}")
    return profiles[name]


def to_profile(where: str, name: str, content: Any) -> Profile:
    """The profile in a section that was read from YAML; raises WrongSettings with a message that starts with `where`."""
    optional = {"stages", "ramp", "management", "task", "task_load", "pictures"}
    section = to_section(where, content, required={"question", "workload", "doors", "traffic"}, optional=optional)
    if ("stages" in section) == ("ramp" in section):
        raise WrongSettings(f"{where} must hold either stages or a ramp")
    profile = Profile(
        name=name,
        question=str(section["question"]),
        workload=to_choice(f"{where}.workload", section["workload"], WORKLOADS),
        doors=_to_shares(f"{where}.doors", section["doors"], DOORS),
        traffic=_to_shares(f"{where}.traffic", section["traffic"], KINDS),
        stages=_to_stages(f"{where}.stages", section.get("stages", [])),
        ramp=_to_ramp(f"{where}.ramp", section["ramp"]) if "ramp" in section else None,
        management=to_choice(f"{where}.management", section.get("management", False), (False, True)),
        task=str(section.get("task", "")),
        task_load=_to_task_load(f"{where}.task_load", section["task_load"]) if "task_load" in section else {},
        pictures=PROFILES.parent / str(section["pictures"]) if "pictures" in section else None,
    )
    if profile.ramp and profile.workload == "closed":
        raise WrongSettings(f"{where}: a ramp is of arrivals a second, so its workload must be open")
    return profile


def _to_shares(where: str, content: Any, known: tuple[str, ...]) -> dict[str, float]:
    section = to_section(where, content, required=set(), optional=set(known))
    if not section:
        raise WrongSettings(f"{where} is empty; it must hold shares of {', '.join(known)}")
    return {name: to_number(f"{where}.{name}", share, lowest=1) for name, share in section.items()}


def _to_task_load(where: str, content: Any) -> dict[str, float]:
    if not isinstance(content, dict) or not content:
        raise WrongSettings(f"{where} must hold shares of the load by task, as numbers: 0.1")
    return {str(task): to_number(f"{where}.{task}", share, lowest=0.01, highest=1) for task, share in content.items()}


def _to_stages(where: str, content: Any) -> tuple[Stage, ...]:
    if not isinstance(content, list):
        raise WrongSettings(f"{where} must be a list of stages")
    stages = []
    for i, item in enumerate(content):
        section = to_section(f"{where}[{i}]", item, required={"name", "load", "seconds"})
        numbers = (to_number(f"{where}[{i}].{key}", section[key], lowest=1) for key in ("load", "seconds"))
        stages.append(Stage(str(section["name"]), *numbers))
    return tuple(stages)


def _to_ramp(where: str, content: Any) -> Ramp:
    lowest = {"start": 1, "coarse": 1.01, "fine": 1.01, "seconds": SETTLE_S + 1}
    section = to_section(where, content, required=set(lowest))
    return Ramp(**{key: to_number(f"{where}.{key}", section[key], lowest=low) for key, low in lowest.items()})
