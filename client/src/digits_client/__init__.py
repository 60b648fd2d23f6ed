"""A client for the digit server: pictures in, digits and numbers out, asked again while the server is away.

from digits_client import Client

with Client("http://127.0.0.1:8080", token) as client:
    print(client.read("seven.png").digit)
"""

from digits_client.blocking import Client
from digits_client.concurrent import AsyncClient
from digits_client.errors import (
    AddressError,
    BadRequest,
    BlankPicture,
    ClientClosed,
    DigitsError,
    Fault,
    InvalidToken,
    NotFound,
    NotLoaded,
    OutOfMemory,
    Overloaded,
    PictureError,
    Refused,
    StrangeAnswer,
    TimedOut,
    TokenUnavailable,
    TooLarge,
    Unavailable,
    Unreachable,
    UnreadablePicture,
    UnsupportedMedia,
)
from digits_client.options import Options
from digits_client.results import Character, CheckedSum, Digit, Explanation, NoNumber, Number, NumbersFound, PageSize
from digits_client.tokens import key_file

__all__ = [
    "AddressError",
    "AsyncClient",
    "BadRequest",
    "BlankPicture",
    "Character",
    "CheckedSum",
    "Client",
    "ClientClosed",
    "Digit",
    "DigitsError",
    "Explanation",
    "Fault",
    "InvalidToken",
    "NoNumber",
    "NotFound",
    "NotLoaded",
    "Number",
    "NumbersFound",
    "Options",
    "OutOfMemory",
    "Overloaded",
    "PageSize",
    "PictureError",
    "Refused",
    "StrangeAnswer",
    "TimedOut",
    "TokenUnavailable",
    "TooLarge",
    "Unavailable",
    "Unreachable",
    "UnreadablePicture",
    "UnsupportedMedia",
    "key_file",
]
