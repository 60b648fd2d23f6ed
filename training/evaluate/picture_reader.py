"""Encoded pictures are read as a worker reads them, every one on its own: the only way to the served path for what measures it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torchmetrics.functional.classification import multiclass_calibration_error

from digitkit.contract import Picture, Run
from digitkit.errors import DigitError
from digitkit.pictures.codec import decode_picture
from digitkit.pictures.eye import Eye
from digitkit.readers.digits import net
from digitkit.readers.digits.digit import LABELS, SIDE_PX, Canvas, Prediction
from digitkit.readers.digits.recognise import Given, prepare, recognise
from digitkit.settings import Settings
from training.evaluate.served import MODEL_CONFIG, released_eye

ECE_BINS = 15


@dataclass(frozen=True, slots=True)
class Readings:
    """What was read in N pictures.

    Attributes:
        digits: (N,), -1 where the picture was refused.
        scores: (N,), how likely each is a digit at all, 0 where it was refused.
        probabilities: (N, 10), all 0 where it was refused.
        accepted: (N,), whether the answer says that it can be relied on.
        canvases: uint8 (N, 28, 28), that were read, empty where the picture was refused.
    """

    digits: NDArray[np.int64]
    scores: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    accepted: NDArray[np.bool_]
    canvases: NDArray[np.uint8]

    def __add__(self, other: "Readings") -> "Readings":
        return Readings(
            np.concatenate([self.digits, other.digits]),
            np.concatenate([self.scores, other.scores]),
            np.concatenate([self.probabilities, other.probabilities]),
            np.concatenate([self.accepted, other.accepted]),
            np.concatenate([self.canvases, other.canvases]),
        )

    def calibration_error(self, labels: NDArray[np.integer], among: NDArray[np.bool_] | None = None) -> float:
        """The expected calibration error over ECE_BINS bins, 0 to 1, of the pictures `among` these that were not refused."""
        counted = self.digits >= 0 if among is None else among & (self.digits >= 0)
        truth = torch.from_numpy(labels[counted].astype(np.int64))
        return float(multiclass_calibration_error(torch.from_numpy(self.probabilities[counted]), truth, len(LABELS), n_bins=ECE_BINS))


class PictureReader:
    """Reads encoded pictures as a worker does."""

    def __init__(self, run: Run, settings: Settings, eye: Eye) -> None:
        self.run, self.settings, self.eye = run, settings, eye

    @classmethod
    def of(cls, weights: Path) -> "PictureReader":
        """The reader of a weights file, with the eye and the settings that are shipped; raises CardError or SettingsError."""
        run = net.as_run(net.read(weights), torch.device("cpu"))
        return cls(run, Settings.read(MODEL_CONFIG), released_eye())

    def read(self, files: Sequence[bytes]) -> Readings:
        answers = self.answers(files)
        read = [(i, answer) for i, answer in enumerate(answers) if isinstance(answer, Prediction)]
        digits, accepted = np.full(len(files), -1), np.zeros(len(files), dtype=np.bool_)
        scores, probabilities = np.zeros(len(files), dtype=np.float32), np.zeros((len(files), len(LABELS)), dtype=np.float32)
        canvases = np.zeros((len(files), SIDE_PX, SIDE_PX), dtype=np.uint8)
        for i, answer in read:
            digits[i], accepted[i], scores[i], probabilities[i] = answer.digit, answer.accepted, answer.score, answer.probabilities
            canvases[i] = answer.canvas
        return Readings(digits, scores, probabilities, accepted, canvases)

    def canvas(self, file: bytes) -> Canvas:
        """The canvas that is read of one encoded picture, an empty one where the picture is refused."""
        (answer,) = self.answers([file])
        return answer.canvas if isinstance(answer, Prediction) else np.zeros((SIDE_PX, SIDE_PX), dtype=np.uint8)

    def answers(self, files: Sequence[bytes]) -> list[Prediction | DigitError]:
        """The prediction of each encoded picture, or why it is refused."""
        given = [self._given(file) for file in files]
        answers = iter(
            recognise([each for each in given if isinstance(each, Given)], self.run, self.eye, self.settings.threshold("digits"))
        )
        return [next(answers) if isinstance(each, Given) else each for each in given]

    def _given(self, file: bytes) -> Given | DigitError:
        try:
            return prepare(self.picture(file))
        except DigitError as err:
            return err

    def picture(self, file: bytes) -> Picture:
        """One encoded picture, decoded to grey; raises DigitError."""
        return decode_picture(file, self.settings.limits)
