"""What people say of a picture, and when they agree on it."""

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Final

DIGITS: Final = tuple("0123456789")
NONE, SEVERAL, UNSURE = "none", "several", "unsure"  # no digit, more than one, and a person who cannot tell
LABELLED: Final = (*DIGITS, NONE, SEVERAL)  # what a picture can be agreed to show
SAID: Final = (*LABELLED, UNSURE)
FEEDBACK: Final = "feedback"  # who says what the console's other page is told: anybody
ENOUGH_UNSURE: Final = 2  # people who cannot tell; the picture is then set aside


def agreed(labels: Iterable[str], claims: Collection[str] = ()) -> str | None:
    """What a picture shows, UNSURE where people cannot tell, None while that is open.

    Every look of a person is a voice, and so is each of the claims. A label wins that a person gave, and that has more voices than any
    other. So one look is enough where nothing contradicts it; against a claim it takes two, and a third one where two people differ.

    Args:
        labels: of each look, without feedback.
        claims: what the accepted answers of the models say where they all say the same, and what feedback says.
    """
    given = Counter(labels)
    unsure = given.pop(UNSURE, 0)
    voices = given + Counter(set(claims))
    ranked = voices.most_common(2)
    if given and ranked[0][0] in given and (len(ranked) == 1 or ranked[0][1] > ranked[1][1]):
        return ranked[0][0]
    return UNSURE if unsure >= ENOUGH_UNSURE and not given else None
