"""Copies of archives that differ from the shipped ones in one point: a time-out, a version, a file, or damaged weights."""

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from digitkit.artifacts.card import check_card, facts, write_card

MANIFEST = "MAR-INF/MANIFEST.json"
MODEL_CONFIG = "model-config.yaml"


def rewrite(archive: Path, target: Path, change: Callable[[str, bytes], bytes]) -> None:
    """Write a copy of `archive` in which each member's content is what `change` makes of its name and content; no card is written."""
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as copy:
        for member in source.infolist():
            copy.writestr(member, change(member.filename, source.read(member)))


def alter(archive: Path, target: Path, *, config: Mapping[str, Any] | None = None, version: str = "", damaged: bool = False) -> Path:
    """Write a copy of `archive`, with its card, and return its path.

    Args:
        config: knobs that replace those of model-config.yaml; other knobs of the same section stay.
        version: of the model; "" keeps it.
        damaged: whether the weights are cut in half, as in a broken copy, so that the worker's check of their hash fails.
    """
    with zipfile.ZipFile(archive) as source:
        manifest = json.loads(source.read(MANIFEST))

    def change(name: str, content: bytes) -> bytes:
        if name == MANIFEST and version:
            return json.dumps(manifest | {"model": manifest["model"] | {"modelVersion": version}}).encode()
        if name == MODEL_CONFIG and config:
            return yaml.safe_dump(_merged(yaml.safe_load(content), config)).encode()
        if name == manifest["model"]["serializedFile"] and damaged:
            return content[: len(content) // 2]
        return content

    rewrite(archive, target, change)
    write_card(target, **facts(check_card(archive)) | ({"version": version} if version else {}))
    return target


def _merged(knobs: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    sections = {name: knobs[name] | change for name, change in changes.items() if isinstance(change, Mapping)}
    return knobs | dict(changes) | sections
