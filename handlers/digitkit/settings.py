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
class Settings:
    """The knobs of one model.

    Attributes:
        device: "auto", "cpu", "cuda" or "tensorrt", which only ONNX Runtime has.
        threads: that a worker computes with on a CPU.
        log_requests: "all", or "notable": those that were refused, were slow, or bring an id of their own.
        limits: what one request may bring.
        accept: by task, the share from 0 to 1 from which on an answer is accepted; each reader says of what.
    """

    device: str
    threads: int
    log_requests: str
    limits: Limits
    accept: Mapping[str, float]

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
        return cls(device, threads, logged, Limits(**limits), _shares(config, "accept"))

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


def _section(config: Mapping[str, Any], name: str, expected: set[str]) -> dict[str, Any]:
    section = config.get(name)
    if not isinstance(section, dict) or section.keys() != expected:
        found = sorted(map(str, section)) if isinstance(section, dict) else section
        raise SettingsError(f"section {name} of model-config.yaml must hold {sorted(expected)}, it holds {found}")
    return section
