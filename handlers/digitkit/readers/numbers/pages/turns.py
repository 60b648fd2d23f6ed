"""Documents are read in turns, a page of each at a time, so that none waits for a long one, and no more than one page is in memory.

The time of a document is limited as that of a list is: the pages that are left then say so in their places, and what was read of the
others is answered.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from digitkit.documents.document import Document
from digitkit.errors import DigitError, Overloaded
from digitkit.readers.numbers.number import Number, ReadField, SeenPage, Transcript
from digitkit.readers.numbers.pages.beforehand import Beforehand
from digitkit.readers.numbers.pages.page_reading import PageTools, read_page, turn_of
from digitkit.readers.numbers.pages.sums import check_sums


@dataclass(frozen=True, slots=True)
class AskedPages:
    """What the model takes of a document, or of a picture with a template.

    Attributes:
        document: none of its pages is opened.
        known: of it.
    """

    document: Document
    known: Beforehand


class DocumentReading:
    """A document whose pages are being read."""

    def __init__(self, asked: AskedPages) -> None:
        self._asked = asked
        self._left = [*reversed(asked.known.pages.indices(asked.document.count))]
        self._pages: list[SeenPage] = []
        self._numbers: list[Number] = []
        self._fields: dict[str, ReadField] = {}
        self._spent_s = 0.0

    @property
    def is_done(self) -> bool:
        return not self._left

    def read_next(self, tools: PageTools, deadline: float) -> None:
        """Read the next page; whatever refuses it stands in its place."""
        started = time.perf_counter()
        until = min(deadline, started + tools.seconds - self._spent_s)
        number = self._left.pop() + 1
        late = Overloaded(f"time was over before page {number} was read; ask for the pages from {number} on in a request of their own")
        try:
            page = self._read(number, tools, until) if started <= until else SeenPage(number, error=late)
        except Overloaded:
            page = SeenPage(number, error=late)
        except DigitError as err:
            page = SeenPage(number, error=err.alone())
        self._pages.append(page)
        self._spent_s += time.perf_counter() - started

    def _read(self, number: int, tools: PageTools, until: float) -> SeenPage:
        page = self._asked.document.open_page(number - 1, until)
        read = read_page(page, number, self._asked.known, tools, until)
        self._numbers += read.numbers
        self._fields |= read.fields
        height, width = page.picture.shape
        return SeenPage(number, width, height, page.dpi, turn_of([each.quad for each in read.numbers]))

    def transcript(self, min_confidence: float, until: float) -> Transcript | DigitError:
        """What was read; or why the first page was refused, where all of them were.

        Args:
            min_confidence: from which on a number is accepted.
            until: by time.perf_counter(), when no more sums are weighed.
        """
        errors = [page.error for page in self._pages if page.error is not None]
        if len(errors) == len(self._pages):
            return errors[0]
        pages, document, template = tuple(self._pages), self._asked.document, self._asked.known.template
        if template is None:
            return Transcript(tuple(self._numbers), pages, document)
        forms = {name: region.form for name, region in template.regions.items()}
        fields, sums = check_sums(template.sums, self._fields, forms, min_confidence=min_confidence, until=until)
        numbers = tuple(read.number for read in fields.values() if read.number is not None)
        return Transcript(numbers, pages, document, fields, sums)


def read_documents(asked: Sequence[AskedPages], tools: PageTools, deadline: float) -> list[Transcript | DigitError]:
    """What is read in each document, in order, or why it is refused."""
    readings = [DocumentReading(each) for each in asked]
    while waiting := [reading for reading in readings if not reading.is_done]:
        for reading in waiting:
            reading.read_next(tools, deadline)
    return [reading.transcript(tools.terms.min_confidence, min(deadline, time.perf_counter() + tools.seconds)) for reading in readings]
