"""Figures of several sets together: how calibrated confidence is, how well digits are told from letters, what is not accepted."""

from collections.abc import Iterator
from functools import reduce
from operator import add

import numpy as np
import torch
from torchmetrics.functional.classification import binary_auroc

from digitkit.readers.digits.digit import LABELS
from training.evaluate.exams.exam import ExamResult, Figure

CALIBRATION = {"MNIST": 0.002, "USPS": 0.015}  # sets whose calibration error is told alone, each with the most that it should be
LETTERS = {"notMNIST: accepted": ("notMNIST against MNIST, AUROC", 0.9997), "Omniglot: accepted": ("Omniglot against MNIST, AUROC", 0.9973)}
ACCEPTED_CALIBRATION = 0.02  # the most that the calibration error of accepted answers should be, over all real digits but MNIST's
NOT_ACCEPTED = 0.005  # the most of all real digits but MNIST's that should be refused or not accepted


def overall(results: list[ExamResult]) -> list[Figure]:
    """The figures for which the sets are at hand."""
    by_name = {result.exam.name: result for result in results}
    return [*_calibrations(by_name), *_areas(by_name), *_together(results)]


def _calibrations(by_name: dict[str, ExamResult]) -> Iterator[Figure]:
    for name, goal in CALIBRATION.items():
        if name in by_name:
            exam, readings = by_name[name].exam, by_name[name].readings
            error = readings.calibration_error(exam.truths)
            yield Figure(f"{name}, calibration error", exam.part, error, len(exam.truths), goal, is_error=True)


def _areas(by_name: dict[str, ExamResult]) -> Iterator[Figure]:
    """How well the score tells letters from MNIST's digits: the area under the ROC curve."""
    for name, (title, goal) in LETTERS.items():
        if name in by_name and "MNIST" in by_name:
            digits, letters = by_name["MNIST"].readings.scores, by_name[name].readings.scores
            truth = torch.cat([torch.ones(len(digits)), torch.zeros(len(letters))]).long()
            area = binary_auroc(torch.from_numpy(np.concatenate([digits, letters])), truth)
            yield Figure(title, "all", float(area), len(letters), goal)


def _together(results: list[ExamResult]) -> Iterator[Figure]:
    """Of the digits of all sets but MNIST: the calibration error of what is accepted, and the share that is not."""
    others = [result for result in results if not result.exam.name.startswith("MNIST") and (result.exam.truths < len(LABELS)).all()]
    if not others:
        return
    truths, readings = np.concatenate([result.exam.truths for result in others]), reduce(add, (result.readings for result in others))
    accepted = readings.accepted
    error = readings.calibration_error(truths, among=accepted)
    yield Figure(
        "real digits, calibration error of accepted ones", "all above", error, int(accepted.sum()), ACCEPTED_CALIBRATION, is_error=True
    )
    yield Figure("real digits, not accepted", "all above", float(np.mean(~accepted)), len(truths), NOT_ACCEPTED, is_error=True)
