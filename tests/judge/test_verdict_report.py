"""The report of a judgement: figures of what was read, the page that names the worst group, and its pictures."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from digitkit.pictures.codec import decode_picture, encode_png
from digitkit.settings import Limits
from training.augment.synthetic import NO_DIGIT
from training.data import mnist
from training.evaluate.exams.exam import Exam
from training.evaluate.picture_reader import Readings
from training.judge.comparison import Comparison, Sitting, compare
from training.judge.judged import EMPLOYEES, PUPILS, Judged
from training.judge.judgement import GATES, decide, load_gates
from training.judge.verdict_report import GROUPS, LOST, REPORT, write_report

COUNT = 400


class Decoder:
    """A reader that decodes pictures."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits

    def picture(self, file: bytes) -> NDArray[np.uint8]:
        return decode_picture(file, self.limits)


def readings(canvases: NDArray[np.uint8], truths: NDArray[np.integer], wrong: NDArray[np.bool_], accepted: NDArray[np.bool_]) -> Readings:
    digits = np.where(wrong, (truths + 1) % 10, truths % 10)
    probabilities = np.eye(10, dtype=np.float32)[digits] * 0.98 + 0.002
    return Readings(digits, np.ones(len(truths), dtype=np.float32), probabilities, accepted, canvases)


@pytest.fixture
def sittings(mnist_test: mnist.Split) -> list[Sitting]:
    """400 digits of which the champion misreads four, and the challenger these and half of the pupils' fives; and 50 of no digit."""
    few = mnist_test.take(slice(COUNT))
    files, at = [encode_png(canvas) for canvas in few.pictures], np.arange(COUNT)
    pupils = at % 2 == 0
    missed, lost = at < 4, (few.labels == 5) & pupils
    accepted = np.ones(COUNT, dtype=np.bool_)
    mnist_exam = Judged("mnist", Exam("MNIST", "test split", files, few.labels, None), {PUPILS: pupils, EMPLOYEES: ~pupils})
    nothing = Judged("no digit", Exam("letters", "all", files[:50], np.full(50, NO_DIGIT), None))
    fogged = Judged("corruption", Exam("fog", "MNIST test", files, few.labels, None))
    champion, challenger = (readings(few.pictures, few.labels, wrong, accepted) for wrong in (missed, missed | lost))
    no_digits = [readings(few.pictures[:50], nothing.exam.truths, at[:50] < 0, at[:50] < taken) for taken in (5, 10)]
    return [Sitting(mnist_exam, champion, challenger), Sitting(nothing, *no_digits), Sitting(fogged, champion, champion)]


@pytest.fixture
def comparison(sittings: list[Sitting], limits: Limits) -> Comparison:
    return compare(sittings, Decoder(limits))  # type: ignore[arg-type]


def test_figures_are_those_of_the_sets_that_they_are_about(comparison: Comparison, sittings: list[Sitting]) -> None:
    lost = comparison.whole.lost
    assert lost > 0 == comparison.whole.won
    assert comparison.figures["mnist_drop"] == pytest.approx(lost / COUNT)
    assert comparison.figures["corruptions_drop"] == 0
    assert comparison.figures["false_acceptance_growth"] == pytest.approx(5 / 50)
    assert comparison.figures["chance"] == pytest.approx(0.5**lost)
    assert comparison.figures["real_drop"] is comparison.figures["reviewed_accuracy"] is None
    errors = [error.calibration_error(sittings[0].judged.exam.truths) for error in (sittings[0].champion, sittings[0].challenger)]
    assert comparison.calibration == pytest.approx(tuple(errors))


def test_the_worst_group_is_the_one_that_lost(comparison: Comparison) -> None:
    assert comparison.gaps[1].group == PUPILS
    assert comparison.figures["gap_growth"] == pytest.approx(comparison.gaps[1].value - comparison.gaps[0].value)
    pupils = next(group for group in comparison.groups if group.name == PUPILS)
    assert comparison.figures["group_drop"] == pytest.approx(pupils.drop)


def test_the_page_names_the_worst_group_and_the_failed_gates_and_needs_nothing_beside_it(
    comparison: Comparison, sittings: list[Sitting], tmp_path: Path
) -> None:
    verdict = decide(load_gates(GATES, frozenset(comparison.figures)), comparison.figures, champion="a" * 64, challenger="b" * 64, data={})
    write_report(verdict, comparison, sittings, tmp_path)
    page = (tmp_path / REPORT).read_text()
    assert f"<b>{PUPILS}</b> worst" in page
    assert "fails: mnist_drop" in page
    assert "the gap grew" in page
    assert page.count("data:image/png;base64,") == 2
    assert 'src="http' not in page
    assert (tmp_path / GROUPS).stat().st_size > 5_000 < (tmp_path / LOST).stat().st_size
