"""Every refusal a client can meet, each with its HTTP status.

DigitError
├── BadRequest              400  the request is malformed: its body, its shape, its encoding
│   └── UnreadablePicture   400  no decoder reads the bytes: no picture, a truncated one, an encrypted document
├── TooLarge                413  over a limit: bytes, pixels, pictures, pages
├── UnsupportedMedia        415  a known format that is not accepted: SVG, HEIC, video
├── BlankPicture            422  a good picture with no ink on it
├── Fault                   500  an exception that nobody foresaw: a mistake of ours, met by this request alone
├── Overloaded              503  the requests before it in the batch took too long, or its own pictures did
├── NotLoaded               503  the worker could not load its model: the operator must repair it
└── OutOfMemory             507  the worker's memory did not suffice for this request

A message says what came and what is accepted, and never echoes the input.
"""

from typing import ClassVar, Self


class DigitError(Exception):
    """A request that is refused; `status` and `type` are what the client sees."""

    status: ClassVar[int]

    @property
    def type(self) -> str:
        return self.__class__.__name__

    def told(self) -> dict[str, str | int]:
        """What the client is told, as an object of JSON."""
        return {"code": self.status, "type": self.type, "message": str(self)}

    def alone(self) -> Self:
        """Itself without its traceback and cause: their frames would keep whole pictures in memory for as long as it lives."""
        self.__cause__ = self.__context__ = None
        return self.with_traceback(None)


class BadRequest(DigitError):
    status = 400


class UnreadablePicture(BadRequest):
    pass


class TooLarge(DigitError):
    status = 413


class UnsupportedMedia(DigitError):
    status = 415


class BlankPicture(DigitError):
    status = 422


class Fault(DigitError):
    status = 500


class Overloaded(DigitError):
    status = 503


def too_late() -> Overloaded:
    """Why a picture is refused to which nobody came in time."""
    return Overloaded("there was no time left for this picture; send it again, in a shorter list if it came in one")


class NotLoaded(DigitError):
    status = 503


class OutOfMemory(DigitError):
    status = 507
