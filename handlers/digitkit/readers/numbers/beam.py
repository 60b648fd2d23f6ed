"""The likeliest texts of a line, from the probabilities of the classes at each of its frames (CTC).

Source: Graves et al., Connectionist temporal classification (2006); the search is that of Hannun et al., First-pass large
vocabulary continuous speech recognition using bi-directional recurrent DNNs (2014), without a language model.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from digitkit.pictures.line import ALPHABET, BLANK
from digitkit.readers.numbers.number import Frames

SURE: Final = 0.999  # a frame whose blank is likelier says nothing but that two equal characters beside it are two
WIDTH: Final = 8  # texts that are followed at once
LEAST: Final = 1e-3  # a class that is less likely at a frame is not followed there
MOST: Final = 4  # classes that are followed at a frame, so that noise costs no more than a few times what writing does


def softmax(logits: NDArray[np.float32]) -> Frames:
    """The probabilities of the classes, float64 (..., 18)."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True), dtype=np.float64)
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def told(frames: Frames) -> NDArray[np.int64]:
    """The indices of the frames that say something: of a run of sure blanks, the first one alone. They decode as all of them do."""
    is_sure = frames[:, BLANK] > SURE
    return np.flatnonzero(~is_sure | np.append(True, ~is_sure[:-1]))


def search(frames: Frames, width: int = WIDTH, least: float = LEAST, most: int = MOST) -> list[tuple[str, float]]:
    """The likeliest texts, up to `width` of them, each with the logarithm of its probability, the best one first.

    Args:
        frames: (T, 18), of which `told` has taken what says something.
        least, most: at each frame up to `most` classes are followed that are at least this likely.
    """
    beams: dict[str, tuple[float, float]] = {"": (1.0, 0.0)}  # the probabilities of a text that ends in a blank, and in its last character
    logarithm = 0.0
    likeliest = np.argsort(-frames[:, :BLANK], axis=1)[:, :most]
    rows = np.take_along_axis(frames, likeliest, axis=1).tolist()
    for blank, classes, row in zip(frames[:, BLANK].tolist(), likeliest.tolist(), rows, strict=True):
        signs = [(ALPHABET[i], p) for i, p in zip(classes, row, strict=True) if p >= least]
        best = sorted(_extended(beams, blank, signs).items(), key=_whole, reverse=True)[:width]
        largest = _whole(best[0])
        beams = {text: (ended / largest, going / largest) for text, (ended, going) in best}
        logarithm += float(np.log(largest))
    return [(text, logarithm + float(np.log(ended + going))) for text, (ended, going) in beams.items() if ended + going > 0]


def _extended(beams: dict[str, tuple[float, float]], blank: float, signs: list[tuple[str, float]]) -> dict[str, list[float]]:
    """The beams after one more frame."""
    found = {text: [(ended + going) * blank, 0.0] for text, (ended, going) in beams.items()}
    for text, (ended, going) in beams.items():
        whole, last = ended + going, text[-1:]
        for sign, p in signs:
            if sign == last:  # with no blank between them, two equal characters are one
                found[text][1] += going * p
            gained = (ended if sign == last else whole) * p
            if (longer := text + sign) in found:
                found[longer][1] += gained
            else:
                found[longer] = [0.0, gained]
    return found


def _whole(beam: tuple[str, list[float]]) -> float:
    return beam[1][0] + beam[1][1]
