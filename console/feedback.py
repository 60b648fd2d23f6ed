"""What people say of answers: one small interface, and its first store, a folder."""

import base64
import binascii
import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from console.refusal import Denied

DIGIT = re.compile(r"[0-9]")
NUMBER = re.compile(r"[0-9][0-9 .,:;/'-]{0,63}")
WORD = re.compile(r"[\w.]{1,64}")
SIGNATURES = {
    b"\x89PNG": ".png",
    b"\xff\xd8\xff": ".jpg",
    b"GIF8": ".gif",
    b"BM": ".bmp",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
    b"RIFF": ".webp",
}


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a person says of one answer.

    Attributes:
        truth: what the picture shows: a digit, a number as it is written, or "" for nothing to read.
        model: that answered, and its version.
        read: what it had read.
        confidence: of that, 0 to 1.
        accepted: whether that answer was, as the page says; False where it does not.
    """

    truth: str
    model: str
    version: str
    read: str
    confidence: float
    accepted: bool = False


class FeedbackStore(Protocol):
    """Where verdicts are kept."""

    def keep(self, verdict: Feedback, picture: bytes) -> None:
        """Keep a verdict and the encoded picture that it is about; raises OSError."""


class FolderStore:
    """A folder with `feedback.jsonl`, a line for each verdict, and the pictures where `make finetune` finds them.

    A digit's picture is `digits/7/NAME.png`, so that `make finetune DATA=folder/digits` learns from it; pictures without a digit are in
    `nothing/`, those of numbers in `numbers/`. NAME is the beginning of the sha256, so a picture that is sent twice is kept once.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, verdict: Feedback, picture: bytes) -> None:
        room = "nothing" if not verdict.truth else f"digits/{verdict.truth}" if DIGIT.fullmatch(verdict.truth) else "numbers"
        path = self.folder / room / f"{hashlib.sha256(picture).hexdigest()[:32]}{_suffix(picture)}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture)
        told = {"time": datetime.now(UTC).isoformat(timespec="seconds"), "picture": str(path.relative_to(self.folder)), **asdict(verdict)}
        line = json.dumps(told, ensure_ascii=False) + "\n"
        # One write in append mode: two consoles may share a folder, and a line is never mixed with another.
        lines = os.open(self.folder / "feedback.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(lines, line.encode())
        finally:
            os.close(lines)


def read_feedback(told: Any) -> tuple[Feedback, bytes]:
    """The verdict and the picture in the parsed JSON of a request.

    Raises:
        Denied: a key is missing, a value is none that is accepted, or there is no picture.
    """
    try:
        truth, confidence = told["truth"], told["confidence"]
        model, version, read = (str(told[key]) for key in ("model", "version", "read"))
        picture = base64.b64decode(told["picture"], validate=True)
    except (KeyError, TypeError, binascii.Error, ValueError) as err:
        raise Denied(400, "BadRequest", "feedback is an object of truth, model, version, read, confidence and picture in base64") from err
    if not isinstance(truth, str) or (truth and not DIGIT.fullmatch(truth) and not NUMBER.fullmatch(truth)):
        raise Denied(400, "BadRequest", "truth is a digit, a number of up to 64 characters, or empty where there is nothing to read")
    if not WORD.fullmatch(model) or not WORD.fullmatch(version) or (read and not NUMBER.fullmatch(read)):
        raise Denied(400, "BadRequest", "model, version and read are those of the answer")
    if type(confidence) not in (int, float) or not 0 <= confidence <= 1:
        raise Denied(400, "BadRequest", "confidence is a number from 0 to 1")
    if not picture:
        raise Denied(400, "BadRequest", "the picture is empty")
    return Feedback(truth, model, version, read, confidence, told.get("accepted") is True), picture


def _suffix(picture: bytes) -> str:
    """The ending of a file with these contents, by the signature of its format."""
    return next((suffix for signature, suffix in SIGNATURES.items() if picture.startswith(signature)), ".bin")
