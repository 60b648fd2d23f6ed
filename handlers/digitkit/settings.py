"""The model's own knobs, read from model-config.yaml."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

DEVICES = ("auto", "cpu", "cuda", "tensorrt")
LOGGED = ("all", "notable")


class SettingsError(Exception):
    """model-config.yaml lacks a knob, has one that does not exist, or one with a value of the wrong kind."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may bring, 413 over it; and the seconds that it and its batch may take, 503 after them."""

    body_bytes: int
    pixels: int
    side_pixels: int
    jpeg_pixels: int
    jpeg_progressive_pixels: int
    jpeg_scans: int
    request_pixels: int
    pages: int
    page_pixels: int
    pictures: int
    request_seconds: int
    batch_seconds: int
    explanations: int


@dataclass(frozen=True, slots=True)
class Collecting:
    """Which pictures are kept for people to label, and how many of them at most; nothing is kept where `store` is empty.

    Attributes:
        store: an absolute path of a folder.
        records: SQLAlchemy's URL of a database in the place of the folder's own, "" for that one.
        pictures: fsspec's URL of a folder in the place of the store's own, "" for that one.
        share: of all pictures, at random, 0 to 1.
        not_accepted: whether every answer that is not accepted is kept.
        below_confidence: every answer that is less sure than this is kept, 0 to 1.
        drifting: whether every picture is kept of a kind that comes much more often than when the model was validated.
        minute_pictures, day_pictures: most new pictures in a minute and in a day.
        store_bytes: of all pictures; the oldest make room for new ones.
        days: after which a picture is deleted.
        side_pixels: a picture with a longer side is kept smaller.
    """

    store: str
    records: str
    pictures: str
    share: float
    not_accepted: bool
    below_confidence: float
    drifting: bool
    minute_pictures: int
    day_pictures: int
    store_bytes: int
    days: int
    side_pixels: int


@dataclass(frozen=True, slots=True)
class Settings:
    """The knobs of one model.

    Attributes:
        device: "auto", "cpu", "cuda" or "tensorrt", which only ONNX Runtime has.
        threads: that a worker computes with on a CPU.
        log_requests: "all", or "notable": those that were refused, were slow, or bring an id of their own.
        limits: what one request may bring.
        accept: by task, the share from 0 to 1 from which on an answer is accepted; each reader says of what.
        collect: which pictures are kept, None where nothing says so.
    """

    device: str
    threads: int
    log_requests: str
    limits: Limits
    accept: Mapping[str, float]
    collect: Collecting | None = None

    @classmethod
    def from_mapping(cls, config: Mapping[str, Any]) -> "Settings":
        """The settings in a parsed model-config.yaml; raises SettingsError."""
        if not isinstance(config, Mapping):
            raise SettingsError(f"model-config.yaml must hold knobs by name, it holds {type(config).__name__}")
        names = {field.name for field in fields(Limits)}
        limits = _section(config, "limits", names)
        for name in names:
            if type(limits[name]) is not int or limits[name] < 1:
                raise SettingsError(f"limits.{name} in model-config.yaml is {limits[name]!r}; it must be a whole number, 1 or more")
        device = config.get("device")
        if device not in DEVICES:
            raise SettingsError(f"device in model-config.yaml is {device!r}; it must be one of {', '.join(DEVICES)}")
        threads = config.get("threads")
        if type(threads) is not int or threads < 1:
            raise SettingsError(f"threads in model-config.yaml is {threads!r}; it must be a whole number, 1 or more")
        logged = config.get("log_requests")
        if logged not in LOGGED:
            raise SettingsError(f"log_requests in model-config.yaml is {logged!r}; it must be one of {', '.join(LOGGED)}")
        return cls(device, threads, logged, Limits(**limits), _shares(config, "accept"), _collecting(config))

    def threshold(self, task: str) -> float:
        """The share from which on an answer of a task is accepted, 0 to 1; raises SettingsError where the settings name none."""
        if task not in self.accept:
            raise SettingsError(f"section accept of model-config.yaml must hold {task}, it holds {sorted(self.accept)}")
        return self.accept[task]

    @classmethod
    def read(cls, path: Path) -> "Settings":
        return cls.from_mapping(yaml.safe_load(path.read_text()))


def _shares(config: Mapping[str, Any], name: str) -> dict[str, float]:
    """The section of shares by task."""
    section = config.get(name)
    if not isinstance(section, dict) or not all(isinstance(task, str) for task in section):
        raise SettingsError(f"section {name} of model-config.yaml must hold a share for each task, it holds {section!r}")
    for task, share in section.items():
        if type(share) not in (int, float) or not 0 <= share <= 1:
            raise SettingsError(f"{name}.{task} in model-config.yaml is {share!r}; it must be from 0 to 1")
    return {task: float(share) for task, share in section.items()}


def _collecting(config: Mapping[str, Any]) -> Collecting | None:
    """Which pictures are kept; None where the section is missing, as in a file of an earlier version."""
    if "collect" not in config:
        return None
    kinds = {field.name: field.type for field in fields(Collecting)}
    section = _section(config, "collect", set(kinds))
    for name, value in section.items():
        if kinds[name] is float:
            is_right, wanted = type(value) in (int, float) and 0 <= value <= 1, "from 0 to 1"
        elif kinds[name] is int:
            is_right, wanted = type(value) is int and value >= 1, "a whole number, 1 or more"
        else:
            is_right, wanted = type(value) is kinds[name], "true or false" if kinds[name] is bool else "a text, which may be empty"
        if not is_right:
            raise SettingsError(f"collect.{name} in model-config.yaml is {value!r}; it must be {wanted}")
    if section["store"] and not Path(section["store"]).is_absolute():
        raise SettingsError(f"collect.store in model-config.yaml is {section['store']!r}; it must begin with /, or be empty")
    return Collecting(**section)


def _section(config: Mapping[str, Any], name: str, expected: set[str]) -> dict[str, Any]:
    section = config.get(name)
    if not isinstance(section, dict) or section.keys() != expected:
        found = sorted(map(str, section)) if isinstance(section, dict) else section
        raise SettingsError(f"section {name} of model-config.yaml must hold {sorted(expected)}, it holds {found}")
    return section
