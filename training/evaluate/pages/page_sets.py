"""The sets of whole pictures as people have them, in two halves: choices are made on one, the other is quoted."""

import json
from collections.abc import Callable, Iterator, Sequence
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

from digitkit.readers.numbers.number import digits_of
from training.evaluate.lines.number_sets import texts
from training.evaluate.pages.page_exam import PageExam, Wanted
from training.evaluate.real.sets import Arrays, Half, files_of, is_in, parity

PageExams = Callable[[Arrays, Half], Iterator[PageExam]]


def forms(arrays: Arrays, half: Half) -> Iterator[PageExam]:
    """Drawn forms of which every number is known with its corners."""
    wanted = [
        [Wanted((digits_of(text),), np.array(corners, dtype=np.float32).reshape(4, 2)) for text, corners in json.loads(truth)]
        for truth in arrays["truth"].tolist()
    ]
    yield exam("forms", half, files_of(arrays), wanted, 0.97, by_number=True, is_complete=True)


def fuel(arrays: Arrays, half: Half) -> Iterator[PageExam]:
    """Displays of pumps, labelled with whole litres: any number of decimals whose value is cut or rounded to them is right."""
    yield exam("fuel displays", half, files_of(arrays), [[Wanted(_decimals(label))] for label in texts(arrays)], 0.85)


def _decimals(litres: str) -> tuple[str, ...]:
    """The digits of all numbers with up to two decimals that are cut or rounded to a whole one."""
    whole, found = Decimal(litres), {litres}
    for places in (1, 2):
        step = Decimal(1).scaleb(-places)
        for tenths in range(-(10**places), 10**places):
            value = whole + tenths * step
            cut, rounded = (value.quantize(Decimal(1), way) for way in (ROUND_DOWN, ROUND_HALF_UP))
            if value >= 0 and whole in (cut, rounded):
                found.add(digits_of(f"{value:.{places}f}"))
    return tuple(sorted(found))


def whole(name: str, goal: float, *, by_number: bool = False) -> PageExams:
    """Pictures as they are, each with the numbers that are asked for."""

    def exams(arrays: Arrays, half: Half) -> Iterator[PageExam]:
        wanted = [[Wanted((digits,)) for line in label.split("\n") if (digits := digits_of(line))] for label in texts(arrays)]
        yield exam(name, half, files_of(arrays), wanted, goal, by_number=by_number)

    return exams


def notes(arrays: Arrays, half: Half) -> Iterator[PageExam]:
    """Notes by hand, mostly one reading with a slash, whose label has a line for each side of it."""
    yield exam("handwritten notes", half, files_of(arrays), [[Wanted((digits_of(label),))] for label in texts(arrays)], 0.75)


def documents(arrays: Arrays, half: Half) -> Iterator[PageExam]:
    """Whole documents, not the lines that were cut out of them, which are read as lines."""
    files, labels, boxes = files_of(arrays), texts(arrays), arrays["boxes"].tolist()
    chosen = [i for i, box in enumerate(boxes) if not box]
    wanted = [[Wanted((digits,)) for line in labels[i].split("\n") if (digits := digits_of(line))] for i in chosen]
    yield exam("identity documents", half, [files[i] for i in chosen], wanted, 0.97, by_number=True)


def business_forms(arrays: Arrays, half: Half) -> Iterator[PageExam]:
    """Scanned forms, labelled word by word: the parts of a telephone number with room between them are a word each."""
    wanted = [
        [Wanted((digits,), corners(*place)) for text, *place in json.loads(boxes or "[]") if (digits := digits_of(text))]
        for boxes in arrays["boxes"].tolist()
    ]
    yield exam("forms of the 1980s", half, files_of(arrays), wanted, 0.95, by_number=True, in_words=True)


def corners(left: float, top: float, right: float, bottom: float) -> NDArray[np.float32]:
    """(4, 2) x, y, of an upright box."""
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=np.float32)


def exam(
    name: str, half: Half, files: Sequence[bytes], wanted: Sequence[Sequence[Wanted]], goal: float, *, by_number: bool = False,
    is_complete: bool = False, in_words: bool = False,
) -> PageExam:  # fmt: skip
    """The exam of a half: every second picture."""
    chosen = np.flatnonzero(is_in(half, np.arange(len(files)))).tolist()
    part = f"{parity(half)} pictures"
    return PageExam(name, part, [files[i] for i in chosen], [wanted[i] for i in chosen], goal, by_number, is_complete, in_words)


PAGE_SETS: Final[dict[str, PageExams]] = {
    "forms_40.npz": forms,
    "fuel_display_143.npz": fuel,
    "uses_house_numbers.npz": whole("house numbers", 0.85),
    "uses_plates.npz": whole("plates, whole", 0.9),
    "uses_id_documents.npz": documents,
    "uses_medical.npz": whole("medical screens", 0.92, by_number=True),
    "uses_product_labels.npz": whole("product labels", 0.98),
    "uses_handwritten_notes.npz": notes,
    "uses_stamps_serials.npz": whole("stamps and serials, as they lie", 0.97),
    "uses_odometers.npz": whole("odometers, whole", 0.75),
    "uses_displays.npz": whole("meter displays, whole", 0.9),
    "uses_forms_dates.npz": business_forms,
}
