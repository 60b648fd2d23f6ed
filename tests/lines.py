"""Stand-ins for the net that reads lines: pictures that spell what a net would read in them, and a net that spells it back."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from digitkit.artifacts.card import write_card
from digitkit.pictures.line import ALPHABET, BLANK, FRAME_PX, STRIP_PX
from digitkit.readers.numbers.beam import softmax
from digitkit.readers.numbers.number import Frames, LineBackend
from digitkit.readers.numbers.reader import READER, LineReader
from digitkit.readers.numbers.transcribe import Terms
from digitkit.serving import metrics
from digitkit.serving.guard import Guard
from digitkit.serving.writing import Model
from digitkit.settings import Settings

SIGN_PX = 4  # columns of each class in a spelling, two frames
SHADES = 12  # grey levels between the classes
SURE = 14.0  # the logit of the class that a frame shows; all others have 0
TOP, BOTTOM = 0.1, 0.9  # of the text, where a spelling has its writing


def spelled(text: str) -> NDArray[np.uint8]:
    """A picture (32, W) whose columns say the classes of a text's frames: each character between two blanks."""
    classes = [BLANK, *(c for sign in text for c in (ALPHABET.index(sign), BLANK))]
    shades = np.repeat(np.array([250 - SHADES * c for c in classes], dtype=np.uint8), SIGN_PX)
    return np.repeat(shades[np.newaxis], STRIP_PX, axis=0)


class Spelling:
    """A LineRun that reads what `spelled` wrote, and keeps the shape of each call."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, ...]] = []

    def __call__(self, strips: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        assert strips.dtype == np.uint8
        self.calls.append(strips.shape)
        shades = np.repeat(strips[:, STRIP_PX // 2, SIGN_PX // 2 :: SIGN_PX].astype(int), SIGN_PX // FRAME_PX, axis=1)
        classes = np.clip(np.round((250 - shades) / SHADES).astype(int), 0, BLANK)
        extents = np.tile(np.array([TOP, BOTTOM], dtype=np.float32), (*classes.shape, 1))
        return (SURE * np.eye(BLANK + 1)[classes]).astype(np.float32), extents


def frames_of(*shown: str | Mapping[str, float], blank: float = 0.0) -> Frames:
    """Frames that show one character each, or several with their probabilities, each between two sure blanks."""
    rows = [_row({})]
    for each in shown:
        rows += [_row({each: 1 - blank} if isinstance(each, str) else each), _row({})]
    return np.stack(rows)


def _row(given: Mapping[str, float]) -> NDArray[np.float64]:
    row = np.zeros(BLANK + 1)
    for sign, probability in given.items():
        row[ALPHABET.index(sign)] = probability
    row[BLANK] = 1 - sum(given.values())
    return row


def random_frames(count: int, classes: Sequence[int], seed: int) -> Frames:
    """Frames in which these classes alone can be, at random."""
    frames = np.zeros((count, BLANK + 1))
    frames[:, list(classes)] = np.random.default_rng(seed).dirichlet(np.ones(len(classes)), count)
    return frames


def random_logits(count: int, seed: int) -> Frames:
    """Frames of noise."""
    return softmax(np.random.default_rng(seed).normal(0, 1, (count, BLANK + 1)).astype(np.float32))


@pytest.fixture
def numbers_handler(handler_module: ModuleType, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A handler with the reader of numbers, which reads what is spelled; it hands no counts on."""
    monkeypatch.setattr(metrics, "FLUSH_S", 3600)
    handler = handler_module.DigitHandler()
    handler.settings, handler.model, handler.headers, handler.guard = settings, Model("numbers", "1.0"), {}, Guard()
    handler.reader, handler.loaded = READER, LineReader(LineBackend(Spelling(), "cpu"), Terms(0.8))
    handler.metrics = metrics.Metrics(handler.model, place="cpu", fell_back=False, statistics=READER.statistics({}))
    return handler


def random_line(path: Path, seed: int = 0) -> Path:
    """The weights file of a net of lines with random weights, with its card."""
    import torch  # takes a second, which tests without a net do not wait

    from digitkit.backends import blocks
    from digitkit.backends.line_net import LineNet

    torch.manual_seed(seed)
    blocks.save(LineNet(), path)
    unknown = {"recipe": {}, "accuracy": {}, "packages": {}, "data_sha256": "", "commit": ""}
    write_card(path, version="1.0", temperature=1.5, parameters=0, task="numbers", **unknown)
    return path
