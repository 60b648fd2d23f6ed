"""Archives that differ from the shipped ones in one thing: a time-out, a version, or that they cannot be loaded."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from digitkit.card import check_card, facts, write_card

MANIFEST = "MAR-INF/MANIFEST.json"
MODEL_CONFIG = "model-config.yaml"


def alter(archive: Path, target: Path, *, config: Mapping[str, Any] | None = None, version: str = "", damaged: bool = False) -> Path:
    """Write a copy of `archive`, with its card, and return its path.

    Args:
        config: knobs of model-config.yaml that replace its own; those of a section replace only themselves.
        version: of the model, "" for its own.
        damaged: cut the weights in half, as a broken copy would: the worker's check of their hash fails.
    """
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as copy:
        manifest = json.loads(source.read(MANIFEST))
        weights = manifest["model"]["serializedFile"]
        for member in source.infolist():
            content = source.read(member)
            if member.filename == MANIFEST and version:
                manifest["model"]["modelVersion"] = version
                content = json.dumps(manifest).encode()
            elif member.filename == MODEL_CONFIG and config:
                content = yaml.safe_dump(_merged(yaml.safe_load(content), config)).encode()
            elif member.filename == weights and damaged:
                content = content[: len(content) // 2]
            copy.writestr(member, content)
    write_card(target, **facts(check_card(archive)) | ({"version": version} if version else {}))
    return target


def _merged(knobs: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    sections = {name: knobs[name] | change for name, change in changes.items() if isinstance(change, Mapping)}
    return knobs | dict(changes) | sections
