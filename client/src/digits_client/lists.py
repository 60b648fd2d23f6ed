"""Many pictures in few requests: an iterable is cut into lists, a list becomes a body, and what was not answered is asked again."""

import base64
import json
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeAlias

from digits_client.errors import PictureError, Refused, StrangeAnswer, TooLarge, Unavailable
from digits_client.inputs import File, Picture, Pixels, Prepared, prepare, to_npy, to_scales
from digits_client.results import Digit, to_list
from digits_client.trying import Exchange, Patience, Reply, Send, ask

Listed: TypeAlias = Prepared | PictureError  # what cannot be sent keeps its place in the order
AHEAD = 2  # lists that are cut for each one in flight, so that no connection waits until the next list is cut
FILE, NPY, JSON = "application/octet-stream", "application/x-npy", "application/json"


@dataclass(slots=True)
class Cutter:
    """Cuts pictures, as they come, into lists that one request can carry.

    Attributes:
        most: pictures in a list.
        most_bytes: of the pictures in a list; a larger picture is a list of its own.
    """

    most: int
    most_bytes: int
    gathered: list[Listed] = field(default_factory=list)
    gathered_bytes: int = 0

    def add(self, picture: Picture) -> list[list[Listed]]:
        """Take a picture; the lists that are whole."""
        listed = _prepared(picture)
        size = 0 if isinstance(listed, PictureError) else listed.size
        does_fit = not self.gathered or (are_alike(self.gathered[-1], listed) and self.gathered_bytes + size <= self.most_bytes)
        whole = [] if does_fit else self.rest()
        self.gathered.append(listed)
        self.gathered_bytes += size
        return whole if len(self.gathered) < self.most else [*whole, *self.rest()]

    def rest(self) -> list[list[Listed]]:
        """The list of what is left, if anything is, or several where its arrays are of different scales."""
        whole, self.gathered, self.gathered_bytes = self.gathered, [], 0
        return [*of_one_scale(whole)] if whole else []


def cut(pictures: Iterable[Picture], cutter: Cutter) -> Iterator[list[Listed]]:
    """The pictures as lists, each as soon as it is whole."""
    for picture in pictures:
        yield from cutter.add(picture)
    yield from cutter.rest()


def of_one_scale(listed: list[Listed]) -> Iterator[list[Listed]]:
    """The list, cut between arrays whose numbers the server would read in different ways."""
    arrays = [picture.array for picture in listed if isinstance(picture, Pixels)]
    scales = to_scales(arrays) if len(arrays) > 1 else []
    start = 0
    for place, (before, scale) in enumerate(pairwise(scales), 1):
        if scale is None or scale != before:
            yield listed[start:place]
            start = place
    yield listed[start:]


def are_alike(one: Listed, other: Listed) -> bool:
    """Whether two pictures may stand in one list, if they are of one scale."""
    if isinstance(one, Pixels) and isinstance(other, Pixels):
        return one.kind is not None and one.kind == other.kind
    return type(one) is type(other)


def to_body(pictures: Sequence[Prepared], *, forms: bool) -> tuple[bytes, str]:
    """The body for pictures that are alike, and its Content-Type.

    Args:
        forms: whether several files may be the parts of a form; otherwise they are base64 in JSON.
    """
    arrays = [picture.array for picture in pictures if isinstance(picture, Pixels)]
    files = [picture.content for picture in pictures if isinstance(picture, File)]
    if arrays:
        return to_npy(arrays), NPY
    if len(files) == 1:
        return files[0], FILE
    return _form(files) if forms else (json.dumps({"instances": [base64.b64encode(file).decode() for file in files]}).encode(), JSON)


def ask_list(path: str, listed: Sequence[Listed], patience: Patience, *, forms: bool) -> Exchange[list[Digit | Refused]]:
    """What is read in each picture of a list, in order. One that is refused costs the others nothing.

    Raises:
        DigitsError: the server refused the token or has no such model, or was unavailable until the patience was over.
    """
    found: dict[int, Digit | Refused] = {place: each for place, each in enumerate(listed) if isinstance(each, PictureError)}
    pictures = {place: each for place, each in enumerate(listed) if not isinstance(each, PictureError)}
    while pictures:
        places = list(pictures)
        answers = yield from _ask_once(path, list(pictures.values()), patience, forms=forms)
        settled = {place: answer for place, answer in zip(places, answers, strict=True) if not is_open(answer, is_first=place == places[0])}
        if settled:
            patience.renew()
        found |= {place: answer for place, answer in settled.items() if not isinstance(answer, Unavailable)}
        pictures = {place: picture for place, picture in pictures.items() if place not in settled}
        if failure := next((answer for answer in answers if isinstance(answer, Unavailable)), None):
            yield patience.pause(failure)
    return [found[place] for place in range(len(listed))]


def is_open(answer: Digit | Refused | Unavailable, *, is_first: bool) -> bool:
    """Whether a picture of a list has to be sent again: there was no time for it, or those before it used up the pixels of a request."""
    return isinstance(answer, Unavailable) or (isinstance(answer, TooLarge) and not is_first)


def _ask_once(path: str, pictures: Sequence[Prepared], patience: Patience, *, forms: bool) -> Exchange[list[Digit | Refused | Unavailable]]:
    """The answers to one list. If it is refused as a whole, its halves find the picture that is to blame."""
    body, kind = to_body(pictures, forms=forms)
    try:
        reply = yield from ask(Send(path, body, {"Content-Type": kind}), patience)
    except Refused as refusal:
        if not refusal.concerns_picture:
            raise
        if len(pictures) == 1:
            return [refusal]
        middle = len(pictures) // 2
        first = yield from _ask_once(path, pictures[:middle], patience, forms=forms)
        return first + (yield from _ask_once(path, pictures[middle:], patience, forms=forms))
    return read_list(reply, len(pictures))


def read_list(reply: Reply, count: int) -> list[Digit | Refused | Unavailable]:
    """What a reply tells of each of `count` pictures; raises StrangeAnswer."""
    try:
        return to_list(json.loads(reply.body), count)
    except ValueError as err:
        raise StrangeAnswer("the answer is no JSON") from err


def _prepared(picture: Picture) -> Listed:
    try:
        return prepare(picture)
    except PictureError as err:
        return err


def _form(files: Sequence[bytes]) -> tuple[bytes, str]:
    """A form with a part for each file. Each has a name of its own, since TorchServe keeps only the last part of a name."""
    boundary = secrets.token_hex(16)
    head = '--{}\r\nContent-Disposition: form-data; name="{}"; filename="{}"\r\nContent-Type: {}\r\n\r\n'
    parts = (head.format(boundary, place, place, FILE).encode() + file for place, file in enumerate(files))
    return b"\r\n".join([*parts, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"
