"""The text that a PDF holds of a page, of which only that counts which the page shows.

A character can be white on white, under a picture, beside the page, or written in no ink at all. So the page is drawn a second time
without its text: what does not differ there, nobody can see.
"""

import ctypes
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import pypdfium2 as pdfium
from numpy.typing import NDArray
from pypdfium2 import raw

from digitkit.contract import Picture
from digitkit.documents.document import LINE_END, UNSEEN, PageText

SEEN: Final = 40  # grey levels by which a character must change its page
LINE_ENDS: Final = "\r\n"
MOST_SIGNS: Final = 100_000  # of a page; a page of a book has 3,000


def visible_text(
    page: pdfium.PdfPage, texts: Sequence[pdfium.PdfTextObj], picture: Picture, draw_again: Callable[[], Picture]
) -> PageText | None:
    """The text of a page as far as it can be seen, None where none can. The page's text is not drawn any more after that.

    Args:
        texts: all that are on it.
        picture: the page as it was drawn.
        draw_again: draws it so once more.
    """
    signs, boxes = _signs_of(page, picture.shape)
    if not any(sign.isalnum() for sign in signs):
        return None
    for written in texts:
        raw.FPDFTextObj_SetTextRenderMode(written, raw.FPDF_TEXTRENDERMODE_INVISIBLE)
    without = draw_again()
    shown = "".join(
        sign if sign.isspace() or _is_seen(picture, without, box) else UNSEEN for sign, box in zip(signs, boxes.tolist(), strict=True)
    )
    return PageText(shown, boxes, without) if any(sign.isalnum() for sign in shown) else None


def _signs_of(page: pdfium.PdfPage, shape: tuple[int, ...]) -> tuple[str, NDArray[np.float32]]:
    """The characters of a page, and their boxes (N, 4) in pixels of its picture."""
    text = page.get_textpage()
    count = min(text.count_chars(), MOST_SIGNS)
    signs = "".join(chr(raw.FPDFText_GetUnicode(text, i)) for i in range(count))
    left, right, bottom, top = sides = [ctypes.c_double() for _ in range(4)]
    corners = np.zeros((count, 2, 3))
    for i in range(count):
        raw.FPDFText_GetCharBox(text, i, *sides)
        corners[i] = ((left.value, top.value, 1), (right.value, bottom.value, 1))
    text.close()
    ends = np.asarray(corners @ _to_picture(page, shape).T, dtype=np.float32)  # (N, 2, 2): of each two opposite corners
    return "".join(LINE_END if sign in LINE_ENDS else sign for sign in signs), np.hstack([ends.min(axis=1), ends.max(axis=1)])


def _to_picture(page: pdfium.PdfPage, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """float64 (2, 3), from a point of a page in its own lengths to one of its picture, whichever way the page is turned."""
    height, width = shape
    far = 1000  # lengths, so that rounding to whole pixels costs nothing
    x, y = ctypes.c_int(), ctypes.c_int()
    found = []
    for point in ((0, 0), (far, 0), (0, far)):
        raw.FPDF_PageToDevice(page, 0, 0, width * far, height * far, 0, *point, x, y)
        found.append(np.array((x.value, y.value)) / far)
    origin, right, up = found
    return np.column_stack([(right - origin) / far, (up - origin) / far, origin])


def _is_seen(picture: Picture, without: Picture, box: list[float]) -> bool:
    left, top, right, bottom = (max(0, round(side)) for side in box)
    here = np.s_[top : bottom + 1, left : right + 1]
    changed = picture[here].astype(np.int16) - without[here]
    return bool(changed.size) and int(np.abs(changed).max()) >= SEEN
