"""Which strokes made a character what it was read as: the net is asked again with one patch of the strip after the other wiped out.

Source: Zeiler and Fergus, Visualizing and understanding convolutional networks (2014), section 4.2.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from digitkit.errors import BadRequest
from digitkit.pictures.attributions import overlay, scaled
from digitkit.pictures.line import ALPHABET, BUCKET_PX, FRAME_PX, STRIP_PX, LineRun, Strip
from digitkit.readers.numbers.beam import softmax
from digitkit.readers.numbers.looks import SLICE_PX
from digitkit.readers.numbers.number import Character, Quad, Transcript, View, as_quad
from digitkit.readers.numbers.strips import padded

METHOD: Final = "occlusion"
PATCH_PX, STEP_PX = 8, 4  # sides of what is wiped out, and how far apart it is
REACH_PX: Final = 24  # columns on both sides of a character that are looked at
SIGHT_PX: Final = 96  # columns on both sides of a frame that the net sees: what is farther away is not shown to it over and over
SPAN: Final = 4  # frames on both sides of a character's middle at which it may be named
NEVER: Final = 1e-7


class CharacterTarget(NamedTuple):
    """What is to be explained: a character of a number, both counted from 0; None for the least sure one, and of the best number."""

    number: int | None = None
    character: int | None = None


@dataclass(frozen=True, slots=True)
class CharacterExplanation:
    """Why a character was read as it was.

    Attributes:
        text: the character.
        number, character: which one it is, both counted from 0.
        part: of the strip, around the character, uint8 (32, W).
        quad: where that is in the picture.
        attributions: float32 (32, W), -1 to 1.
        method: that they were found by.
    """

    text: str
    number: int
    character: int
    part: Strip
    quad: Quad
    attributions: NDArray[np.float32]
    method: str = METHOD


def explain(transcript: Transcript, run: LineRun, target: CharacterTarget) -> CharacterExplanation:
    """Which pixels around a character speak for it; raises BadRequest where there is no such character."""
    best = transcript.best
    if best is None:
        raise BadRequest("there is no number in the picture to be explained")
    place = transcript.numbers.index(best) if target.number is None else target.number
    if place >= len(transcript.numbers):
        raise BadRequest(f"the target is number {place}, the picture has {len(transcript.numbers)}, counted from 0")
    number = transcript.numbers[place]
    if number.view is None:
        raise BadRequest("the number's text was taken from the document's file; there is no look at it to be explained")
    characters = number.characters
    which = min(range(len(characters)), key=lambda i: characters[i].confidence) if target.character is None else target.character
    if which >= len(characters):
        raise BadRequest(f"the target is character {which} of a number that has {len(characters)}, counted from 0")
    return _explained(number.view, characters[which], run, place, which)


def _explained(view: View, character: Character, run: LineRun, place: int, which: int) -> CharacterExplanation:
    middle = round((character.frame + 0.5) * FRAME_PX)
    left = max(0, min(middle, view.width) - REACH_PX)
    right = min(view.width, middle + REACH_PX)
    first = max(0, left - SIGHT_PX) // BUCKET_PX * (BUCKET_PX // FRAME_PX)
    seen = padded(view.strip[:, first * FRAME_PX : min(view.width, right + SIGHT_PX)])
    rows, columns = range(0, STRIP_PX, STEP_PX), range(left - first * FRAME_PX, right - first * FRAME_PX, STEP_PX)
    wiped = np.repeat(seen[np.newaxis], len(rows) * len(columns) + 1, axis=0)  # the first one stays whole
    paper = np.uint8(np.median(view.strip))
    for strip, (y, x) in zip(wiped[1:], ((y, x) for y in rows for x in columns), strict=True):
        start_y, start_x = max(0, y - (PATCH_PX - STEP_PX) // 2), max(0, x - (PATCH_PX - STEP_PX) // 2)
        strip[start_y : start_y + PATCH_PX, start_x : start_x + PATCH_PX] = paper
    parts = np.array_split(wiped, -(-wiped[:, 0].size // SLICE_PX))
    odds = log_odds(np.concatenate([run(part)[0] for part in parts]), character.text, character.frame - first)
    coarse = (odds[0] - odds[1:]).reshape(len(rows), len(columns)).astype(np.float32)
    fine = cv2.resize(coarse, (right - left, STRIP_PX), interpolation=cv2.INTER_LINEAR)
    corners = np.array([(left, 0, 1), (right, 0, 1), (right, STRIP_PX, 1), (left, STRIP_PX, 1)]) @ view.to_picture.T
    return CharacterExplanation(
        character.text, place, which, view.strip[:, left:right], as_quad(corners), scaled(np.asarray(fine, dtype=np.float32))
    )


def log_odds(logits: NDArray[np.float32], sign: str, frame: float) -> NDArray[np.float64]:
    """How much likelier than not a sign is read at a frame, (N,), in nats, from logits (N, T, 18)."""
    middle = round(frame)
    near = softmax(logits[:, max(0, middle - SPAN) : middle + SPAN + 1])[..., ALPHABET.index(sign)]
    probability = np.clip(1 - (1 - near).prod(axis=1), NEVER, 1 - NEVER)
    return np.asarray(np.log(probability / (1 - probability)))


def explanation_png(explanation: CharacterExplanation) -> bytes:
    """A PNG of the part of the strip, its ink dark on light, with what speaks for the character in red and against it in blue."""
    part = explanation.part
    return overlay(255 - part if np.median(part) > 127 else part, explanation.attributions)
