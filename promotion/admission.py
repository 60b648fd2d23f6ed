"""Which weights may be promoted: those that a verdict names, and that passed every gate."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digitkit.artifacts.card import Card, check_card
from promotion.errors import NotPromoted

VERDICT = "verdict.json"
WEIGHTS = "digits.pt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """Weights that passed every gate.

    Attributes:
        weights: their file.
        card: the one beside it.
        champion: sha256 of the weights that they were compared with.
        gates: name, figure, limit and whether it passed, of each.
        data: what both were measured on, by hash.
    """

    weights: Path
    card: Card
    champion: str
    gates: list[dict[str, Any]]
    data: Any


def admit(run: Path) -> Admitted:
    """The weights of a run, if the verdict beside them lets them through.

    Raises:
        NotPromoted: there is no verdict, it cannot be read, a gate failed, or it is about other weights.
        CardError: the weights are not those that their card describes.
    """
    path, weights = run / VERDICT, run / WEIGHTS
    verdict = _read(path)
    if not verdict["passed"] or verdict["failed"]:
        told = [_gate(gate) for gate in verdict["gates"] if gate["name"] in verdict["failed"]]
        raise NotPromoted(f"{path}: the challenger did not pass {'; '.join(told) or ', '.join(verdict['failed']) or 'its gates'}")
    card = check_card(weights)
    if card.sha256 != verdict["challenger"]:
        raise NotPromoted(f"{path} judged other weights than {weights}: their sha256 differs; make judge compares these with the champion")
    return Admitted(weights=weights, card=card, champion=verdict["champion"], gates=verdict["gates"], data=verdict["data"])


def _read(path: Path) -> dict[str, Any]:
    try:
        verdict = json.loads(path.read_text())
    except OSError as err:
        raise NotPromoted(f"there is no verdict at {path}; make judge writes it") from err
    except ValueError as err:
        raise NotPromoted(f"{path} is no JSON; make judge writes it anew") from err
    kinds = {"passed": bool, "failed": list, "gates": list, "champion": str, "challenger": str, "data": object}
    if not isinstance(verdict, dict) or any(
        not isinstance(verdict.get(key, kind), kind) or key not in verdict for key, kind in kinds.items()
    ):
        raise NotPromoted(f"{path} is no verdict; it must have {', '.join(kinds)}")
    if not all(isinstance(gate, dict) and {"name", "figure", "limit", "passed"} <= set(gate) for gate in verdict["gates"]):
        raise NotPromoted(f"{path} has a gate without name, figure, limit or passed")
    return verdict


def _gate(gate: dict[str, Any]) -> str:
    return f"the gate {gate['name']}: {gate['figure']} beside a limit of {gate['limit']}"


def sha256(path: Path) -> str:
    """The hash of a file's bytes; raises OSError."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
