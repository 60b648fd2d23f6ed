"""The record of promotions: one line of JSON for each that was begun, appended when it has ended."""

import json
import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from promotion.traffic.traffic_tally import Told


def stage_facts(share: float, told: Told) -> dict[str, Any]:
    """What the record says of a stage."""
    facts = asdict(told)
    return {"stage": facts.pop("stage"), "share": share} | {key: value for key, value in facts.items() if key != "at"}


def append(record: Path, notes: dict[str, Any], outcome: str, why: str = "") -> None:
    """Add a line, which is on the disk when this returns.

    Args:
        notes: who promotes which weights, on what grounds, and how each stage went.
        outcome: "promoted" or "taken back".
        why: which bound was left; "" for what was promoted.
    """
    line = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "outcome": outcome, "why": why} | {
        key: value for key, value in notes.items() if key != "step"
    }
    with record.open("a") as file:
        file.write(json.dumps(line) + "\n")
        file.flush()
        os.fsync(file.fileno())
