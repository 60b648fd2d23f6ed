"""On which pictures two models are judged: MNIST, what people reviewed and nobody trained on, corruptions, real sets, and no digits.

Of the real sets it is the half on which choices are made, because a verdict is one: what is quoted stays untouched.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from digitkit.pictures.codec import encode_png
from digitkit.readers.digits.digit import LABELS
from training.augment.synthetic import NO_DIGIT, synthetic
from training.data.mnist import WRITER_IDS, Split
from training.data.shown import CanvasReader, Shown
from training.evaluate.corruptions import corrupt
from training.evaluate.exams.exam import Exam
from training.evaluate.real.sets import SETS, exams_in

Kind = Literal["mnist", "reviewed", "corruption", "real", "no digit"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
CORRUPTED: Final = ("shot noise", "motion blur", "rotate", "stripe", "fog")  # of each sort one: noise, blur, place, ink, light
CORRUPTED_PICTURES: Final = 1_000
DRAWN: Final = 2_000  # synthetic pictures, of which about a fifth show no digit
DRAWN_SEED: Final = 991  # no training draws its own by it
LETTERS: Final = {name: SETS[name] for name in ("notmnist_3000.npz", "omniglot_3000_28x28.npz")}  # all of which are quoted
EMPLOYEES, PUPILS = "writer: employees", "writer: pupils"
PUPILS_SERIES: Final = 4  # of NIST, as QMNIST numbers them


@dataclass(frozen=True, slots=True)
class Judged:
    """Pictures that both models read.

    Attributes:
        kind: which figures they count for.
        groups: which pictures, (N,), are of a group that no measure of the picture tells, as the kind of writer.
    """

    kind: Kind
    exam: Exam
    groups: dict[str, NDArray[np.bool_]] = field(default_factory=dict)

    def sha256(self) -> str:
        """Of all files and what they show."""
        digest = hashlib.sha256(np.asarray(self.exam.truths, dtype=np.int64).tobytes())
        for file in self.exam.files:
            digest.update(hashlib.sha256(file).digest())
        return digest.hexdigest()


def on_mnist(test: Split, ids: Path | None) -> Judged:
    """MNIST's test pictures, by writers where a file of QMNIST's ids is given."""
    groups = {}
    if ids:
        with np.load(ids) as arrays:
            pupils = np.asarray(arrays["test_hsf"][: len(test)] == PUPILS_SERIES)
        groups = {PUPILS: pupils, EMPLOYEES: ~pupils}
    return Judged("mnist", Exam("MNIST", "test split", [encode_png(canvas) for canvas in test.pictures], test.labels, None), groups)


def on_corruptions(test: Split) -> Iterator[Judged]:
    few = test.take(slice(CORRUPTED_PICTURES))
    for name in CORRUPTED:
        files = [encode_png(canvas) for canvas in corrupt(name, few.pictures, 0)]
        yield Judged("corruption", Exam(name, "MNIST test", files, few.labels, None))


def on_reviewed(folder: Path, reader: CanvasReader) -> Iterator[Judged]:
    """The pictures of an export that training.retrain leaves out: digits, and those that show none."""
    digits: tuple[list[bytes], list[int]] = ([], [])
    for label in LABELS:
        files = held_out_in(folder / "digits" / str(label), reader)
        digits[0].extend(files)
        digits[1].extend([label] * len(files))
    if digits[0]:
        yield Judged("reviewed", Exam("reviewed", "held out", digits[0], np.array(digits[1]), None))
    nothing = held_out_in(folder / "none", reader)
    if nothing:
        yield Judged("no digit", Exam("reviewed, no digit", "held out", nothing, np.full(len(nothing), NO_DIGIT), None))


def held_out_in(room: Path, reader: CanvasReader) -> list[bytes]:
    """The files of a folder that are never trained on; what the server does not read is left out.

    Both are the same whichever net reads them: only which canvas of a picture is read is a net's choice, and each makes its own.
    """
    paths = sorted(room.glob("*"))
    found = zip(paths, reader.shown_in(paths), strict=True)
    return [path.read_bytes() for path, shown in found if isinstance(shown, Shown) and shown.is_held_out]


def on_drawn(test: Split) -> Judged:
    """Drawn pictures that show no digit."""
    drawn = synthetic(test, DRAWN, DRAWN_SEED)
    files = [encode_png(canvas) for canvas in drawn.pictures[drawn.labels == NO_DIGIT]]
    return Judged("no digit", Exam("drawn, no digit", "all", files, np.full(len(files), NO_DIGIT), None))


def on_real(folder: Path) -> Iterator[Judged]:
    """The sets that are at hand; those that are not are named on the console."""
    for exam in [*exams_in(folder, SETS, "development", ""), *exams_in(folder, LETTERS, "quoted", "")]:
        yield Judged("real" if (exam.truths < len(LABELS)).all() else "no digit", exam)


def writer_ids(*folders: Path) -> Path | None:
    """The file of writers' ids in the first folder that has one."""
    return next((folder / WRITER_IDS for folder in folders if (folder / WRITER_IDS).is_file()), None)


def at_most(judged: Judged, count: int) -> Judged:
    """The same pictures, or `count` of them, evenly taken."""
    exam = judged.exam
    chosen = np.linspace(0, len(exam.files) - 1, min(len(exam.files), count)).astype(int)
    fewer = Exam(exam.name, exam.part, [exam.files[i] for i in chosen], exam.truths[chosen], exam.goal, exam.is_error)
    return Judged(judged.kind, fewer, {name: mask[chosen] for name, mask in judged.groups.items()})
