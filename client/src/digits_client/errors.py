"""Every error that a call can end with. Those that the server names have the server's own names.

DigitsError
├── AddressError              no address was given, or one that cannot be used
├── Refused                   asking again would get the same answer
│   ├── PictureError          what was given is no picture: no such file, another type, an array of no numbers
│   ├── BadRequest            400  the server could not read the request
│   │   └── UnreadablePicture 400  no decoder reads the bytes, or they are cut off
│   ├── InvalidToken          400  the token is missing, wrong or has expired, and no other one could be had
│   ├── NotFound              404  there is no such model or version
│   ├── TooLarge              413  too many bytes or pixels
│   ├── UnsupportedMedia      415  a known format that is not accepted
│   ├── BlankPicture          422  nothing is written there
│   └── Fault                 500  a mistake of the server that this picture meets each time
├── Unavailable               the server was asked again until the patience of the call was over
│   ├── Unreachable           no connection, or one that was cut off
│   ├── TimedOut              no answer in time
│   ├── TokenUnavailable      the file with the tokens cannot be read
│   ├── Overloaded            503  too many requests
│   ├── NotLoaded             503  the model could not be loaded; its operator has to repair it
│   └── OutOfMemory           507  the worker's memory did not suffice
├── StrangeAnswer             what answered is no server of digits
└── ClientClosed              the client was closed while the call was under way
"""

from collections.abc import Mapping
from typing import Any

AGAIN = (500, 502, 503, 504, 507)  # statuses after which a request may be repeated, unless the type says otherwise


class DigitsError(Exception):
    """An error of this package; its text is a sentence for people.

    Attributes:
        status: the HTTP status that the server gave, or the code of an error in a list; 0 where the error is not the server's.
        type: the server's name of the error; that of the class where the error is not the server's.
    """

    def __init__(self, message: str, *, status: int = 0, type: str = "", retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        self.type = type or self.__class__.__name__
        self.retry_after_s = retry_after_s


class AddressError(DigitsError):
    pass


class Refused(DigitsError):
    @property
    def concerns_picture(self) -> bool:
        """Whether it is about this picture alone; another one may be read."""
        return not isinstance(self, InvalidToken | NotFound)


class PictureError(Refused):
    pass


class BadRequest(Refused):
    pass


class UnreadablePicture(BadRequest):
    pass


class InvalidToken(Refused):
    pass


class NotFound(Refused):
    pass


class TooLarge(Refused):
    pass


class UnsupportedMedia(Refused):
    pass


class BlankPicture(Refused):
    pass


class Fault(Refused):
    pass


class Unavailable(DigitsError):
    pass


class Unreachable(Unavailable):
    pass


class TimedOut(Unavailable):
    pass


class TokenUnavailable(Unavailable):
    pass


class Overloaded(Unavailable):
    pass


class NotLoaded(Unavailable):
    pass


class OutOfMemory(Unavailable):
    pass


class StrangeAnswer(DigitsError):
    pass


class ClientClosed(DigitsError):
    pass


BY_TYPE: dict[str, type[Refused] | type[Unavailable]] = {
    **{
        each.__name__: each
        for each in (BadRequest, UnreadablePicture, TooLarge, UnsupportedMedia, BlankPicture, Fault, Overloaded, NotLoaded, OutOfMemory)
    },
    # Names of TorchServe's own.
    "InvalidKeyException": InvalidToken,
    "ModelNotFoundException": NotFound,
    "ModelVersionNotFoundException": NotFound,
    "ResourceNotFoundException": NotFound,
}
# Where the type says nothing, as in the answers of proxies and in those of TorchServe that have no body.
BY_STATUS: dict[int, type[Refused] | type[Unavailable]] = {
    400: BadRequest,
    401: InvalidToken,
    403: InvalidToken,
    404: NotFound,
    413: TooLarge,
    415: UnsupportedMedia,
    422: BlankPicture,
    503: Overloaded,
    507: OutOfMemory,
}


def to_error(status: int, told: Mapping[str, Any], *, retry_after_s: float = 0.0) -> Refused | Unavailable:
    """The error that an answer with a status tells of, by its JSON object `{"code", "type", "message"}` as far as there is one."""
    type_, message = str(told.get("type", "")), str(told.get("message", "")) or f"the server answered {status}"
    otherwise: type[Refused] | type[Unavailable] = Unavailable if status in AGAIN else Refused
    kind = BY_TYPE.get(type_) or BY_STATUS.get(status) or otherwise
    return kind(message, status=status, type=type_, retry_after_s=retry_after_s)
