"""The sets of real pictures of one line each, in two halves: choices are made on one, the other is quoted."""

import json
from collections.abc import Callable, Iterator
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from stdnum import luhn

from digitkit.pictures.codec import encode_png
from digitkit.readers.numbers.number import digits_of
from training.evaluate.lines.number_exam import NumberExam
from training.evaluate.real.sets import Arrays, Half, files_of, is_in, parity

CHECKED, CHECKED_ROWS = 8, 200  # digits of a row with a check digit, and how many such rows there are
ROOM: Final = 0.06  # around a box, as a share of its height


def cheques(arrays: Arrays, half: Half) -> Iterator[NumberExam]:
    images, sizes = np.asarray(arrays["images"], dtype=np.uint8), np.asarray(arrays["hw"], dtype=np.int64)
    files = [encode_png(np.ascontiguousarray(image[:height, :width])) for image, (height, width) in zip(images, sizes, strict=True)]
    yield exam("cheques, amounts", half, files, texts(arrays), 0.92, coverage=0.8)


def lines(name: str, goal: float) -> Callable[[Arrays, Half], Iterator[NumberExam]]:
    """Pictures that are one line each, as they are."""

    def exams(arrays: Arrays, half: Half) -> Iterator[NumberExam]:
        yield exam(name, half, files_of(arrays), texts(arrays), goal)

    return exams


def registers(arrays: Arrays, half: Half) -> Iterator[NumberExam]:
    """Cells with a number, each a tall picture; of the label 0 its readme says that the cell is empty, but a zero is written in them."""
    yield exam("register cells", half, files_of(arrays), texts(arrays), 0.9)


def boxed(name: str, goal: float) -> Callable[[Arrays, Half], Iterator[NumberExam]]:
    """Pictures of which a box is known, cut out by it; those without one as they are."""

    def exams(arrays: Arrays, half: Half) -> Iterator[NumberExam]:
        boxes = [json.loads(box) if box else [] for box in arrays["boxes"].tolist()]
        files = [cut(file, box) for file, box in zip(files_of(arrays), boxes, strict=True)]
        chosen = [i for i, box in enumerate(boxes) if box]
        yield exam(name, half, [files[i] for i in chosen], [texts(arrays)[i] for i in chosen], goal)

    return exams


def upright(arrays: Arrays, half: Half) -> Iterator[NumberExam]:
    """Stamps and serials that are not upside down or sideways: those that are have their upright copies in the set."""
    turned = {i for i, box in enumerate(arrays["boxes"].tolist()) if box and json.loads(box)[0][0] in {"rotated 180", "rotated 270"}}
    files = files_of(arrays)
    chosen = [i for i in range(len(files)) if i not in turned]
    yield exam("stamps and serials", half, [files[i] for i in chosen], [texts(arrays)[i] for i in chosen], 0.95)


def machine_readable(arrays: Arrays, half: Half) -> Iterator[NumberExam]:
    """The lines that were cut out of documents, not the documents."""
    files = files_of(arrays)
    chosen = [i for i, box in enumerate(arrays["boxes"].tolist()) if box]
    yield exam("machine-readable lines", half, [files[i] for i in chosen], [texts(arrays)[i] for i in chosen], 0.97)


def exam(name: str, half: Half, files: list[bytes], labels: list[str], goal: float, *, coverage: float | None = None) -> NumberExam:
    """The exam of a half: every second picture."""
    chosen = np.flatnonzero(is_in(half, np.arange(len(files))))
    part = f"{parity(half)} pictures"
    return NumberExam(name, part, [files[i] for i in chosen], [digits_of(labels[i]) for i in chosen], goal, coverage)


def texts(arrays: Arrays) -> list[str]:
    return [str(label) for label in arrays["labels"].tolist()]


def cut(file: bytes, boxes: list[list[float | str | None]]) -> bytes:
    """A picture cut out by its first box (text, left, top, right, bottom), with ROOM around it; as it is where that has no sides."""
    if not boxes or boxes[0][1] is None:
        return file
    picture: NDArray[np.uint8] = np.asarray(cv2.imdecode(np.frombuffer(file, dtype=np.uint8), cv2.IMREAD_GRAYSCALE), dtype=np.uint8)
    left, top, right, bottom = (float(side) for side in boxes[0][1:5] if side is not None)
    room = ROOM * (bottom - top)
    rows = slice(max(0, round(top - room)), round(bottom + room))
    return encode_png(np.ascontiguousarray(picture[rows, max(0, round(left - room)) : round(right + room)]))


def with_check_digit(arrays: Arrays, half: Half) -> Iterator[NumberExam]:
    """Rows of USPS digits, by many hands, whose last digit is Luhn's check digit of the others: read as they are, and with that known."""
    split, draw = "test" if half == "quoted" else "train", np.random.default_rng(0)
    pictures, labels = np.asarray(arrays[f"x_{split}"], dtype=np.uint8), np.asarray(arrays[f"y_{split}"], dtype=np.int64)
    members = [np.flatnonzero(labels == digit) for digit in range(10)]
    numbers = ["".join(map(str, draw.integers(0, 10, size=CHECKED - 1))) for _ in range(CHECKED_ROWS)]
    truths = [number + luhn.calc_check_digit(number) for number in numbers]
    files = [encode_png(row([pictures[draw.choice(members[int(digit)])] for digit in truth])) for truth in truths]
    yield NumberExam("rows with a check digit", f"{split} split", files, truths, None, form="luhn")


def row(digits: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Digits (16, 16), bright on dark, side by side at twice their size, dark on light with a margin."""
    large = [cv2.resize(digit, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC) for digit in digits]
    return np.asarray(255 - np.pad(np.concatenate(large, axis=1), 6), dtype=np.uint8)


LINE_SETS: Final[dict[str, Callable[[Arrays, Half], Iterator[NumberExam]]]] = {
    "cheque_amounts_900.npz": cheques,
    "receipt_lines_600.npz": lines("receipt lines", 0.99),
    "zip_rows_400.npz": lines("zip rows", 0.97),
    "usps_16x16.npz": with_check_digit,
    "register_cells_1000.npz": registers,
    "uses_plates.npz": lines("plates", 0.92),
    "uses_id_documents.npz": machine_readable,
    "uses_stamps_serials.npz": upright,
    "uses_displays.npz": lines("meter displays", 0.9),
    "uses_odometers.npz": boxed("odometers", 0.85),
    "uses_handwritten_notes.npz": boxed("handwritten cells", 0.75),
}
