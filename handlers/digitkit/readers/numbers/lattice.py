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
    skipped_to = np.append(may_skip[2:], [False, False])[::-1]
    variables, logs = _forward(np.stack([at, at[::-1, ::-1]], axis=1), np.stack([may_skip, skipped_to]))
    forward, forward_log = variables[:, 0], logs[:, 0]
    backward, backward_log = variables[::-1, 1], logs[::-1, 1]
    # A backward variable counts its own frame too, as the forward one does; once is enough.
    scale = forward_log + backward_log
    occupied = (forward * (backward[:, ::-1] / at) * np.exp(scale - scale.max())[:, None])[:, 1::2]
    centres = (occupied * np.arange(len(p))[:, None]).sum(axis=0) / occupied.sum(axis=0)
    return Lattice(centres, _exchanged(p, signs, (forward, forward_log), (backward[:, ::-1], backward_log)))


def _forward(at: NDArray[np.float64], may_skip: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The probability of each state after each frame, (T, 2, S), and the logarithms of what its rows were divided by, (T, 2).

    Args:
        at: the probability of what each state says, (T, 2, S): from the first frame on, and from the last one back.
        may_skip: whether a state may be entered from the one before the last, (2, S).
    """
    rows, totals, skip = np.zeros_like(at), np.empty(at.shape[:2]), may_skip[:, 2:]
    rows[0, :, :2] = at[0, :, :2]
    for t, row in enumerate(rows):
        if t:
            came = rows[t - 1]
            row += came
            row[:, 1:] += came[:, :-1]
            row[:, 2:] += came[:, :-2] * skip
            row *= at[t]
        totals[t] = row.sum(axis=1)
        row /= totals[t, :, None]
    return rows, np.log(totals).cumsum(axis=0)


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
    gains = p[:, :BLANK] / np.exp(np.diff(forward_log, prepend=0.0))[:, None]
    inside = np.zeros((count, length, BLANK))
    inside[0, 0] = gains[0]
    for t in range(1, count):
        inside[t] = (inside[t - 1] + entering[t - 1]) * gains[t]
    logs = np.append(backward_log[1:], 0.0) + forward_log
    shares = np.exp(logs - logs.max())
    total = (inside[:-1] * leaving[1:] * shares[:-1, None, None]).sum(axis=0)
    total[-1] += inside[-1, -1] * shares[-1]
    return np.asarray(np.log(np.maximum(total, 1e-300)) + logs.max())
