"""The pictures of a batch's requests are read in turns, a few of each at a time.

TorchServe sends the answers of a batch all at once, so what is small would wait for what is long, and be refused where that takes all
of the batch's time. In turns, a request of one picture is read before the second one of any list; and a list that goes on for too long
is given up where it stands, while what was read of it is answered.
"""

import time
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from digitkit.errors import DigitError, Overloaded
from digitkit.pictures.allowance import Allowance
from digitkit.reader import NO_HINTS, Hints, Input, Known, Reader
from digitkit.serving.bodies.body import Sources
from digitkit.serving.guard import Guard
from digitkit.settings import Limits

# Pictures of a request in a turn. The first turns are short ones, 1 and 7 pictures: a batch may hold 63 lists beside a single picture.
SLICE: Final = 64
GROWTH: Final = 8  # how many times as many pictures are read after a turn as before it

Prepared: TypeAlias = Input | DigitError
Form: TypeAlias = Literal["one", "many", "v1", "v2"]


class Question(NamedTuple):
    """One request.

    Attributes:
        pictures: what the reader made of each picture, or why it is refused, in the request's order.
        form: of the answer: one object, a list, or that of a protocol.
        accept: the media type that the client prefers, "" for none.
        id: of a V2 request, given back with the answer.
        targets: what each picture asks to have explained, "" where it does not say; () where none does.
    """

    pictures: tuple[Prepared, ...]
    form: Form
    accept: str = ""
    id: str | None = None
    targets: tuple[str, ...] = ()


class Wishes(NamedTuple):
    """What a request asks for, all its pictures together.

    Attributes:
        accept: the media type that the client prefers, "" for none.
        hints: what is known of the pictures beforehand; a picture may say otherwise of itself.
    """

    accept: str = ""
    hints: Hints = NO_HINTS


NO_WISHES: Final = Wishes()


def own_hints(own: Hints, shared: Hints) -> Hints:
    """What is known of a picture: what it says of itself, and of the rest what its request says."""
    return Hints(*(said or other for said, other in zip(own, shared, strict=True)))


class Reading:
    """A request whose pictures are being read.

    Attributes:
        pictures: what was made of them so far, in order.
        canvas_s: seconds that the reader took to prepare them.
    """

    def __init__(self, sources: Sources, form: Form, wishes: Wishes = NO_WISHES, *, id: str | None = None) -> None:
        self._sources, self._form, self._wishes, self._id = sources, form, wishes, id
        self._spent_s = 0.0
        self._allowance: Allowance | None = None
        self.pictures: list[Prepared] = []
        self.canvas_s = 0.0

    @property
    def is_done(self) -> bool:
        return len(self.pictures) == len(self._sources.items)

    def question(self) -> Question:
        """The question that is asked, once all is read."""
        return Question(tuple(self.pictures), self._form, self._wishes.accept, self._id, self._sources.targets)

    def read_on(self, reader: Reader, limits: Limits, guard: Guard, deadline: float) -> None:
        """Read the pictures of the next turn; without time for them, refuse all that are left.

        Args:
            reader: that prepares each of them.
            limits: of which `request_seconds` count for all turns together.
            guard: under which each picture is read by itself.
            deadline: of the batch, by time.perf_counter().
        Raises:
            BadRequest: the reader does not understand what is known beforehand.
            Overloaded: the batch's time was over before the first picture.
        """
        allowance = self._allowance = self._allowance or Allowance(limits.request_pixels, pages=limits.pages)
        started = time.perf_counter()
        if started > deadline and not self.pictures:
            raise Overloaded(f"the batch has taken {limits.batch_seconds} s so far; send the request again")
        known = reader.parse_hints(self._wishes.hints)  # what is bad for all pictures refuses the request, not each of them
        until = min(deadline, started + limits.request_seconds - self._spent_s)
        start = len(self.pictures)
        part = self._sources.items[start : min(start * GROWTH, start + SLICE) or 1]
        ready = self._prepare_at_once(part, reader) if isinstance(part, np.ndarray) else [None] * len(part)
        for i, (item, prepared) in enumerate(zip(part, ready, strict=True), start):
            if time.perf_counter() > until:
                self._refuse_rest()
                return
            self.pictures.append(guard(self._prepare, item, i, reader, limits, allowance, known) if prepared is None else prepared)
        self._spent_s += time.perf_counter() - started

    def _prepare_at_once(self, part: NDArray[np.uint8], reader: Reader) -> Sequence[Input | None]:
        started = time.perf_counter()
        ready = reader.prepare_at_once(part)
        self.canvas_s += time.perf_counter() - started
        return ready

    def _prepare(self, item: object, i: int, reader: Reader, limits: Limits, allowance: Allowance, known: Known) -> Input:
        """What the reader makes of a picture, of which all that is known may be said for the whole request."""
        source = self._sources.read(item)
        file = source if isinstance(source, np.ndarray) else reader.open_file(source, limits, allowance)
        decoded_at = time.perf_counter()
        try:
            if self._sources.hints:
                known = reader.parse_hints(own_hints(self._sources.hints[i], self._wishes.hints))
            return reader.prepare(file, known)
        finally:
            self.canvas_s += time.perf_counter() - decoded_at

    def _refuse_rest(self) -> None:
        count, total = len(self.pictures), len(self._sources.items)
        told = f"time was over after {count} of the request's {total} pictures; send the rest again, in smaller lists"
        self.pictures += [Overloaded(told)] * (total - count)


def read_in_turns(
    readings: Sequence[Reading | DigitError], reader: Reader, limits: Limits, guard: Guard, deadline: float
) -> list[Question | DigitError]:
    """What each request asks, or why it is refused as a whole.

    Args:
        readings: the requests, none of which has been read; or why one is refused already.
        reader, limits, guard, deadline: as Reading.read_on takes them.
    """
    read = dict(enumerate(readings))
    while waiting := {i: reading for i, reading in read.items() if isinstance(reading, Reading) and not reading.is_done}:
        for i, reading in waiting.items():
            refusal = guard(reading.read_on, reader, limits, guard, deadline)
            if refusal is not None:
                read[i] = refusal
    return [reading.question() if isinstance(reading, Reading) else reading for reading in read.values()]
