"""What a document is to a reader: pages that are opened one at a time, so that no more than one of them is in memory."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from digitkit.contract import Picture

LINE_END: Final = "\n"
UNSEEN: Final = "\ufffd"  # stands in a page's text for a character that the file holds and the page does not show


class PageText(NamedTuple):
    """The text that a file holds of a page, as far as the page shows it.

    Attributes:
        signs: its characters in reading order, LINE_END after each line and UNSEEN for those that cannot be seen.
        boxes: float32 (len(signs), 4), left, top, right and bottom of each in pixels of the page's picture.
        beside: the page's picture without this text, None where nobody drew it: what is written there is in no text of the file.
    """

    signs: str
    boxes: NDArray[np.float32]
    beside: Picture | None = None


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """One page, opened.

    Attributes:
        picture: grey, as the page is shown.
        dpi: pixels of it to an inch of paper, None where the file does not say.
        text: None where the file holds no text of the page that can be seen.
    """

    picture: Picture
    dpi: float | None = None
    text: PageText | None = None


OpenPage: TypeAlias = Callable[[int, float], DocumentPage]


@dataclass(frozen=True, slots=True)
class Document:
    """A file of pages.

    Attributes:
        count: of its pages.
        open_page: the page of an index from 0, opened until a deadline by time.perf_counter(); raises the DigitError that refuses it.
    """

    count: int
    open_page: OpenPage


def document_of(picture: Picture) -> Document:
    """A picture as a document of one page."""
    return Document(1, lambda index, deadline: DocumentPage(picture))
