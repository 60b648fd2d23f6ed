"""Figures are weighed against another witness of their amount, as the words on a cheque or a sum: which reading it is, and how sure."""

from typing import Final

import numpy as np

from digitkit.readers.numbers.choose import Choice, choose
from digitkit.readers.numbers.formats.format import Format
from digitkit.readers.numbers.number import Frames

# How many times likelier a witness names the amount that stands there than any other one that is named with it. So a reading that agrees
# wins over a likelier one that does not, up to a thousand times as likely: beyond that it is the witness that is wrong.
WORTH: Final = 1000.0
EVEN: Final = 0.5


def weighed(frames: Frames, form: Format, temperature: float) -> tuple[Choice, float] | None:
    """The number at frames (T, 18) as `choose` finds it, and how likely all of it is right, 0 to 1; None where there is no digit.

    Of a form with a witness it is the reading that agrees, unless one that does not is likelier all in all.
    """
    alone = choose(frames, form)
    if alone is None:
        return None
    if form.witnessed is not None:
        agreeing = choose(frames, form.agreeing())
        if agreeing is not None and agreeing.obeys and (sure := confirmed(confidence_of(agreeing, temperature))) >= EVEN:
            return agreeing, sure
    return alone, confidence_of(alone, temperature)


def confirmed(confidence: float, agreeing: float | None = None) -> float:
    """How sure a reading is, 0 to 1, that a witness agrees with, by Bayes' rule.

    Args:
        agreeing: the confidences of all readings that it agrees with, together; that of this one where it is the only one.
    """
    among = confidence if agreeing is None else agreeing
    return confidence * WORTH / (among * WORTH + 1 - among)


def confidence_of(choice: Choice, temperature: float) -> float:
    return float(np.exp(min(0.0, choice.log_probability) / temperature))
