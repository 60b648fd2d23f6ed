"""The card: a JSON file beside every artifact that says how it came to be and what its bytes must be."""

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from digitkit.contract import CONTRACT_VERSION

FIRST_VERSION = "1.0"  # of weights that nobody gave another one
FIRST_TASK = "digits"  # of cards that were written before there were others
VERSION = re.compile(r"(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})")


class CardError(Exception):
    """An artifact without a card, with one that cannot be read, or one that does not match it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What is known of an artifact.

    Attributes:
        contract: contract.CONTRACT_VERSION of the code that made it.
        version: of the release, "1.0" and up; TorchServe serves the model under it.
        recipe: every field of the training's recipe, the seed among them.
        data_sha256: of the training files and their split.
        commit: of the code, with "+changes" where the tree was not clean.
        accuracy: on validation and test, 0 to 1, over how many seeds, with their mean and standard deviation.
        temperature: the number that the logits are divided by to be calibrated. It is already inside the weights of digits; the reader
            of numbers divides the logarithm of a whole number's probability by it.
        parameters: of the net.
        bytes: of the artifact.
        sha256: of the artifact.
        packages: the versions, by name, of the packages that made it.
        reference: what validation pictures look like to the task's reader; empty in cards that were written without.
        task: whose reader it is for, a package in digitkit.readers.
        signature: of all else in the card by the key that exported the artifact, in base64; "" if there was none.
    """

    contract: int
    version: str
    recipe: dict[str, Any]
    data_sha256: str
    commit: str
    accuracy: dict[str, float]
    temperature: float
    parameters: int
    bytes: int
    sha256: str
    packages: dict[str, str]
    reference: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    task: str = FIRST_TASK
    signature: str = ""


def version_key(version: str) -> tuple[int, int]:
    """The two numbers of a version, to compare by: 1.10 is newer than 1.9.

    Raises:
        ValueError: it is not major.minor.
    """
    found = VERSION.fullmatch(version)
    if found is None:
        raise ValueError(f"{version!r} is no version; it must be two whole numbers with a point between them, as {FIRST_VERSION} or 2.13")
    return int(found[1]), int(found[2])


def card_path(artifact: Path) -> Path:
    return artifact.with_name(artifact.name + ".json")


def part_path(path: Path) -> Path:
    """Where a file is written before it is moved to `path`."""
    return path.with_name(path.name + ".part")


def write_card(artifact: Path, **facts: Any) -> Card:
    """Write the card of a finished artifact, its size and hash taken from the file; `facts` are the other fields."""
    card = Card(**facts, contract=CONTRACT_VERSION, bytes=artifact.stat().st_size, sha256=_sha256(artifact))
    card_path(artifact).write_text(json.dumps(asdict(card), indent=2) + "\n")
    return card


def facts(card: Card) -> dict[str, Any]:
    """The fields that an artifact made from another one takes over from its card."""
    own = ("contract", "bytes", "sha256", "signature")
    return {name: value for name, value in asdict(card).items() if name not in own}


def check_card(artifact: Path) -> Card:
    """The card beside `artifact`, after its contract and the artifact's hash have been checked.

    Raises:
        CardError: no card, a damaged one, another contract, or other bytes than the card names, as when a command was killed
            between moving the card and moving the artifact; the message then says how to complete it.
    """
    path = card_path(artifact)
    if not artifact.is_file():
        raise CardError(f"{artifact} does not exist")
    if not path.is_file():
        raise CardError(f"{artifact} has no card; {path.name} must lie beside it")
    try:
        card = Card(**json.loads(path.read_text()))
    except (TypeError, ValueError) as err:
        raise CardError(f"{path} is no card; it must hold {', '.join(f.name for f in fields(Card))}") from err
    try:
        version_key(card.version)
    except (TypeError, ValueError) as err:
        raise CardError(f"{path} is no card: {err}") from err
    if card.contract != CONTRACT_VERSION:
        raise CardError(f"{artifact} is of contract {card.contract}, this code of contract {CONTRACT_VERSION}; make it anew")
    if _sha256(artifact) != card.sha256:
        part = part_path(artifact)
        if part.is_file() and _sha256(part) == card.sha256:
            raise CardError(f"{artifact} was being replaced when the command was killed; this completes it: mv {part} {artifact}")
        raise CardError(f"{artifact} is not the file that {path.name} describes: its sha256 differs; make it anew")
    return card


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
