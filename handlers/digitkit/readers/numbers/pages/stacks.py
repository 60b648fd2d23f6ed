"""Digits that stand upright one under the other, as on doors and posts: what a finder sees as many numbers of one digit is one number."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from digitkit.contract import Picture
from digitkit.readers.numbers.finder import Found
from digitkit.readers.numbers.number import Number, as_quad
from digitkit.readers.numbers.strips import FILL

LEAST: Final = 3  # digits; two, one over the other, may as well stand in two rows of a table
ALIKE: Final = 1.35  # times that one digit of a stack may be as high as the next
ASIDE: Final = 0.35  # heights that a digit's middle may lie beside that of the one above it
NEAREST, FARTHEST = 0.95, 2.3  # heights from one middle to the next
EVEN: Final = 1.3  # times that one such step may be as long as another
LEVEL: Final = float(np.tan(np.radians(20)))  # a digit that leans more is none of a stack
WIDE: Final = 0.95  # of what is shown of each digit, in its heights
BESIDE: Final = 10.0  # heights; where another number stands so near in the same rows, it is a table

ReadLine = Callable[[Picture], list[Number]]  # the numbers in a picture of one line


def with_stacks(picture: Picture, lines: Sequence[Found], read: Sequence[list[Number]], read_line: ReadLine) -> list[list[Number]]:
    """The numbers that were read in each line; of lines that are a stack all in the first one, as one number.

    Args:
        read_line: reads the digits of a stack once they are set side by side.
    """
    result = [*read]
    boxes = np.array([_box(line) for line in lines])
    single = [i for i, numbers in enumerate(read) if len(numbers) == 1 and len(numbers[0].digits) == 1 and _is_level(lines[i])]
    for chain in _chains(single, boxes):
        digits = [int(read[i][0].digits) for i in chain]
        others = [i for i, numbers in enumerate(read) if i not in chain and any(number.accepted for number in numbers)]
        is_stack = _is_even(boxes[chain]) and not _is_count(digits) and not _has_beside(boxes[chain], boxes[others])
        if is_stack and (number := _as_one(picture, boxes[chain], read_line)) is not None:
            for i in chain:
                result[i] = []
            result[chain[0]] = [number]
    return result


def _chains(single: Sequence[int], boxes: NDArray[np.float64]) -> list[list[int]]:
    """Single digits of which each stands right under the one before, LEAST or more of them."""
    chains = list[list[int]]()
    for i in sorted(single, key=lambda i: float(boxes[i, 1])):
        above = [chain for chain in chains if _goes_on(boxes[chain[-1]], boxes[i])]
        if above:
            max(above, key=lambda chain: float(boxes[chain[-1], 1])).append(i)
        else:
            chains.append([i])
    return [chain for chain in chains if len(chain) >= LEAST]


def _is_even(stack: NDArray[np.float64]) -> bool:
    steps = np.diff(stack[:, 1])
    return bool(steps.max() <= EVEN * steps.min())


def _is_count(digits: Sequence[int]) -> bool:
    """Whether they number a list."""
    return all(after == before + 1 for before, after in pairwise(digits))


def _has_beside(stack: NDArray[np.float64], others: NDArray[np.float64]) -> bool:
    """Whether another number stands beside any digit of a stack, as in a table."""
    off = np.abs(others[:, None, :2] - stack[:, :2]) / np.median(stack[:, 2])
    return bool(((off[..., 1] < 0.5) & (off[..., 0] < BESIDE)).any())


def _box(line: Found) -> NDArray[np.float64]:
    """The middle of a line, x and y, and the height of its digits."""
    digits = line.digits
    return np.array([*digits.mean(axis=0), np.hypot(*(digits[3] - digits[0]))], dtype=np.float64)


def _is_level(line: Found) -> bool:
    across, rise = line.quad[1] - line.quad[0]
    return bool(across > 0 and abs(rise) <= LEVEL * across)


def _goes_on(above: NDArray[np.float64], below: NDArray[np.float64]) -> bool:
    """Whether a digit stands right under another one and is of its kind, each as _box has them."""
    tall = (above[2] + below[2]) / 2
    is_alike = max(above[2], below[2]) <= ALIKE * min(above[2], below[2])
    return bool(is_alike and abs(below[0] - above[0]) <= ASIDE * tall and NEAREST * tall <= below[1] - above[1] <= FARTHEST * tall)


def _as_one(picture: Picture, boxes: NDArray[np.float64], read_line: ReadLine) -> Number | None:
    """The number of a stack whose digits are in such boxes (N, 3); None where not as many are read in a row of them."""
    tall = float(np.median(boxes[:, 2]))
    size = max(1, round(WIDE * tall)), max(1, round(tall / FILL))
    row = np.hstack([cv2.getRectSubPix(picture, size, (float(x), float(y))) for x, y, _ in boxes])
    numbers = read_line(np.asarray(row, dtype=np.uint8))
    if len(numbers) != 1 or len(numbers[0].digits) != len(boxes) or numbers[0].digits != numbers[0].text:
        return None
    return _in_stack(numbers[0], boxes, size)


def _in_stack(number: Number, boxes: NDArray[np.float64], size: tuple[int, int]) -> Number:
    """A number that was read in a row of tiles of one size, with its places in the picture that these were cut from."""
    wide, tall = size
    characters = []
    for character in number.characters:
        corners = np.array(character.quad)
        tile = int(np.clip(corners[:, 0].mean() / wide, 0, len(boxes) - 1))
        characters.append(replace(character, quad=as_quad(corners + boxes[tile, :2] - (wide * (tile + 0.5), tall / 2))))
    corners = np.array([character.quad for character in characters])
    (left, top), (right, base) = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))
    view = number.view
    if view is not None:  # along the row is down the stack
        step = (boxes[-1, 1] - boxes[0, 1]) / (wide * (len(boxes) - 1))
        turn = np.array([[0, 1, boxes[:, 0].mean() - tall / 2], [step, 0, boxes[0, 1] - step * wide / 2]])
        view = replace(view, to_picture=turn @ np.vstack([view.to_picture, (0, 0, 1)]))
    quad = as_quad(np.array([(left, top), (right, top), (right, base), (left, base)]))
    return replace(number, quad=quad, characters=tuple(characters), view=view, others=tuple)
