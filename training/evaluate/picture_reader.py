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
from digitkit.readers.digits import net
from digitkit.readers.digits.canvas import to_canvases
from digitkit.readers.digits.classify import read, softmax
from digitkit.readers.digits.digit import LABELS, SIDE_PX, Canvas
from digitkit.settings import Settings
from training.evaluate.served import MODEL_CONFIG

ECE_BINS = 15


@dataclass(frozen=True, slots=True)
class Readings:
    """What was read in N pictures.

    Attributes:
        digits: (N,), -1 where the picture was refused.
        scores: (N,), how likely each is a digit at all, 0 where it was refused.
        probabilities: (N, 10), all 0 where it was refused.
        accepted: (N,), whether the answer says that it can be relied on.
    """

    digits: NDArray[np.int64]
    scores: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    accepted: NDArray[np.bool_]

    def __add__(self, other: "Readings") -> "Readings":
        return Readings(
            np.concatenate([self.digits, other.digits]),
            np.concatenate([self.scores, other.scores]),
            np.concatenate([self.probabilities, other.probabilities]),
            np.concatenate([self.accepted, other.accepted]),
        )

    def calibration_error(self, labels: NDArray[np.integer], among: NDArray[np.bool_] | None = None) -> float:
        """The expected calibration error over ECE_BINS bins, 0 to 1, of the pictures `among` these that were not refused."""
        counted = self.digits >= 0 if among is None else among & (self.digits >= 0)
        truth = torch.from_numpy(labels[counted].astype(np.int64))
        return float(multiclass_calibration_error(torch.from_numpy(self.probabilities[counted]), truth, len(LABELS), n_bins=ECE_BINS))


class PictureReader:
    """Reads encoded pictures as a worker does."""

    def __init__(self, run: Run, settings: Settings) -> None:
        self.run, self.settings = run, settings

    @classmethod
    def of(cls, weights: Path) -> "PictureReader":
        """The reader of a weights file, with the settings that are shipped; raises CardError or SettingsError."""
        return cls(net.as_run(net.read(weights), torch.device("cpu")), Settings.read(MODEL_CONFIG))

    def read(self, files: Sequence[bytes]) -> Readings:
        pictures = [self.canvases(file) for file in files]
        good = [i for i, canvases in enumerate(pictures) if canvases]
        digits, scores = np.full(len(files), -1), np.zeros(len(files), dtype=np.float32)
        probabilities = np.zeros((len(files), len(LABELS)), dtype=np.float32)
        if good:
            found = read([pictures[i] for i in good], self.run)
            digits[good], scores[good], probabilities[good] = found.logits.argmax(axis=1), found.scores, softmax(found.logits)
        return Readings(digits, scores, probabilities, scores >= self.settings.min_score)

    def canvas(self, file: bytes) -> Canvas:
        """The canvas that is read of one encoded picture, an empty one where the picture is refused."""
        canvases = self.canvases(file)
        return canvases[read([canvases], self.run).chosen[0]] if canvases else np.zeros((SIDE_PX, SIDE_PX), dtype=np.uint8)

    def canvases(self, file: bytes) -> list[Canvas]:
        """The canvases of one encoded picture, none where it is refused."""
        try:
            return to_canvases(self.picture(file))
        except DigitError:
            return []

    def picture(self, file: bytes) -> Picture:
        """One encoded picture, decoded to grey; raises DigitError."""
        return decode_picture(file, self.settings.limits)
