"""All ways in which a line's frames can say one text: how likely they are together, where each character stands, and what else it might be.

Source: the forward and backward variables of Graves et al., Connectionist temporal classification (2006), section 4.1.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from digitkit.pictures.line import ALPHABET, BLANK
from digitkit.readers.numbers.number import Frames

NEVER: Final = 1e-12  # the least probability that a class counts with, so that every text has a logarithm


@dataclass(frozen=True, slots=True)
class Lattice:
    """What frames say of a text of L characters.

    Attributes:
        centres: the frame at which each character is read on average, (L,).
        exchanged: the logarithm of the probability of the text with its i-th character exchanged for the c-th of ALPHABET, (L, 17);
            where that is the one it has, of the text itself.
    """

    centres: NDArray[np.float64]
    exchanged: NDArray[np.float64]


def lattice(frames: Frames, text: str) -> Lattice:
    """The lattice of a text of one character or more over frames (T, 18), T at least the length of the text."""
    p = np.maximum(frames, NEVER)
    signs = np.array([ALPHABET.index(sign) for sign in text])
    states = np.full(2 * len(signs) + 1, BLANK)
    states[1::2] = signs
    at = p[:, states]  # (T, 2L + 1), the probability of what each state says
    may_skip = np.append([False, False], (states[2:] != BLANK) & (states[2:] != states[:-2]))
    forward, forward_log = _forward(at, may_skip)
    skipped_to = np.append(may_skip[2:], [False, False])[::-1]
    backward, backward_log = (each[::-1] for each in _forward(at[::-1, ::-1], skipped_to))
    # A backward variable counts its own frame too, as the forward one does; once is enough.
    scale = forward_log + backward_log
    occupied = (forward * (backward[:, ::-1] / at) * np.exp(scale - scale.max())[:, None])[:, 1::2]
    centres = (occupied * np.arange(len(p))[:, None]).sum(axis=0) / occupied.sum(axis=0)
    return Lattice(centres, _exchanged(p, signs, (forward, forward_log), (backward[:, ::-1], backward_log)))


def _forward(at: NDArray[np.float64], may_skip: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The probability of each state after each frame, (T, 2L + 1), and the logarithms of what its rows were divided by, (T,)."""
    rows, logs = np.empty_like(at), np.empty(len(at))
    row, log = np.zeros(at.shape[1]), 0.0
    row[:2] = at[0, :2]
    skip = may_skip[2:]
    for t in range(len(at)):
        if t:
            came = row.copy()
            came[1:] += row[:-1]
            came[2:] += row[:-2] * skip
            row = came * at[t]
        total = row.sum()
        row = row / total
        log += np.log(total)
        rows[t], logs[t] = row, log
    return rows, logs


def _exchanged(
    p: Frames,
    signs: NDArray[np.int64],
    before: tuple[NDArray[np.float64], NDArray[np.float64]],
    after: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Lattice.exchanged, from the forward and the backward variables with the logarithms of their scales.

    Another character enters from the blank before it or from the character before that, unless it is the same one; it stays for any
    number of frames, and leaves likewise.
    """
    (forward, forward_log), (backward, backward_log) = before, after
    classes = np.arange(BLANK)
    length, count = len(signs), len(p)
    previous_differs = np.ones((length, BLANK), dtype=bool)
    previous_differs[1:] = signs[:-1, None] != classes
    next_differs = np.ones((length, BLANK), dtype=bool)
    next_differs[:-1] = signs[1:, None] != classes
    entering = forward[:, :-1:2, None] + np.pad(forward[:, 1:-2:2], ((0, 0), (1, 0)))[..., None] * previous_differs  # (T, L, 17)
    leaving = backward[:, 2::2, None] + np.pad(backward[:, 3::2], ((0, 0), (0, 1)))[..., None] * next_differs
    steps = np.exp(np.diff(forward_log, prepend=0.0))
    inside = np.zeros((length, BLANK))
    inside[0] = p[0, :BLANK] / steps[0]
    logs = np.append(backward_log[1:], 0.0) + forward_log
    shares = np.exp(logs - logs.max())
    total = np.zeros((length, BLANK))
    for t in range(count):
        if t:
            inside = (inside + entering[t - 1]) * (p[t, :BLANK] / steps[t])
        if t + 1 < count:
            total += inside * leaving[t + 1] * shares[t]
        else:
            total[-1] += inside[-1] * shares[t]
    return np.asarray(np.log(np.maximum(total, 1e-300)) + logs.max())
