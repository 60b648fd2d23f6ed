"""One request read by itself, with no net below the readers: what is no refusal of ours reaches the test."""

import math
from collections.abc import Callable
from typing import Any, TypeVar

from digitkit.errors import DigitError
from digitkit.readers.digits.digit import Canvas
from digitkit.readers.digits.reader import READER
from digitkit.serving.guard import Guard
from digitkit.serving.opening import open_request
from digitkit.serving.reading import Question, read_in_turns
from digitkit.serving.request import Request
from digitkit.settings import Limits

Result = TypeVar("Result")


class NoNet(Guard):
    """A guard that lets through what it ought to catch."""

    def __call__(self, step: Callable[..., Result], *given: Any) -> Result | DigitError:
        try:
            return step(*given)
        except DigitError as err:
            return err.alone()


def found(question: Question) -> list[list[Canvas] | DigitError]:
    """The canvases that the rules found in each picture, or why it is refused."""
    return [picture if isinstance(picture, DigitError) else picture.canvases for picture in question.pictures]


def read_question(request: Request, limits: Limits) -> Question:
    """What a request asks; raises the DigitError that refuses it as a whole."""
    (question,) = read_in_turns([open_request(request, limits)], READER, limits, NoNet(), math.inf)
    if isinstance(question, DigitError):
        raise question
    return question
