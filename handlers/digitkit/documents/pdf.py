"""PDF: pages drawn by PDFium, and the text that the file holds of them."""

import math
import time
from functools import partial
from typing import Any, Final

import numpy as np
import pypdfium2 as pdfium
from pypdfium2 import raw

from digitkit.contract import Picture
from digitkit.documents.document import Document, DocumentPage
from digitkit.documents.pdf_text import visible_text
from digitkit.documents.streams import check_streams
from digitkit.errors import Overloaded, TooLarge, UnreadablePicture
from digitkit.pictures.allowance import Allowance
from digitkit.settings import Limits

POINTS: Final = 72  # a PDF's lengths to an inch
DPI: Final = 150  # that pages are drawn at, where that is within the limit of a page's pixels
WHITE: Final = 255
MOST_OBJECTS: Final = 20_000  # of a page; to look at them takes half a second
SETTINGS: Final = raw.FPDF_ANNOT | raw.FPDF_GRAYSCALE  # annotations are drawn as well


def open_pdf(data: bytes, limits: Limits, allowance: Allowance) -> Document:
    """The document in a PDF, none of whose pages is drawn yet.

    Raises:
        UnreadablePicture: it opens with a password alone, is damaged, or has no page.
        TooLarge: it has more pages than the request may bring, or a stream in it unpacks to too much.
    """
    check_streams(data, limits)
    try:
        document = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as err:
        if err.err_code == raw.FPDF_ERR_PASSWORD:
            raise UnreadablePicture("the PDF opens with a password alone; send it without one") from err
        raise UnreadablePicture(f"{len(data)} bytes of a PDF that is damaged or truncated") from err
    document.init_forms()
    count = len(document)
    if count < 1:
        raise UnreadablePicture("the PDF has no page")
    allowance.turn(count)
    return Document(count, partial(_page, document, limits))


def _page(document: pdfium.PdfDocument, limits: Limits, index: int, deadline: float) -> DocumentPage:
    try:
        page = _opened(document, index)
    except pdfium.PdfiumError as err:
        raise UnreadablePicture(f"page {index + 1} of the PDF is damaged") from err
    try:
        texts = _texts(page, limits)
        width, height = page.get_size()
        if not (width > 0 and height > 0):
            raise UnreadablePicture(f"page {index + 1} of the PDF has no size")
        scale = min(DPI / POINTS, math.sqrt(limits.page_pixels / (width * height)))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        picture = draw(page, size, deadline)
        text = visible_text(page, texts, picture, lambda: draw(page, size, deadline))
        return DocumentPage(picture, round(scale * POINTS, 1), text)
    except pdfium.PdfiumError as err:
        raise UnreadablePicture(f"page {index + 1} of the PDF is damaged") from err
    finally:
        page.close()


def _opened(document: pdfium.PdfDocument, index: int) -> pdfium.PdfPage:
    """A page, what is filled into its form being a part of it."""
    page = document[index]
    if not document.formenv:
        return page
    page.flatten()
    page.close()
    return document[index]


def _texts(page: pdfium.PdfPage, limits: Limits) -> list[pdfium.PdfTextObj]:
    """The texts on a page.

    Raises:
        TooLarge: a picture on it has more pixels than any picture may have, since it is decoded whole to be drawn; or there are too many
            things on the page.
    """
    texts = []
    for i, each in enumerate(page.get_objects()):
        if i >= MOST_OBJECTS:
            raise TooLarge(f"a page of the PDF has more lines, areas, texts and pictures on it than {MOST_OBJECTS}")
        if each.type == raw.FPDF_PAGEOBJ_IMAGE:
            across, down = each.get_px_size()
            if across * down > limits.pixels:
                raise TooLarge(f"a picture on a page of the PDF is {across} x {down} pixels, the limit is {limits.pixels}")
        if each.type == raw.FPDF_PAGEOBJ_TEXT:
            texts.append(each)
    return texts


def draw(page: pdfium.PdfPage, size: tuple[int, int], deadline: float) -> Picture:
    """A page as a grey picture of a width and a height on white paper; raises Overloaded where that takes past the deadline."""
    width, height = size
    bitmap = pdfium.PdfBitmap.new_native(width, height, raw.FPDFBitmap_Gray)
    bitmap.fill_rect((WHITE, WHITE, WHITE, WHITE), 0, 0, width, height)
    pause = raw.IFSDK_PAUSE(version=1)
    pause.NeedToPauseNow = type(pause.NeedToPauseNow)(lambda _: time.perf_counter() > deadline)
    drawn: Any = raw.FPDF_RenderPageBitmap_Start(bitmap, page, 0, 0, width, height, 0, SETTINGS, pause)
    raw.FPDF_RenderPage_Close(page)
    if drawn == raw.FPDF_RENDER_TOBECONTINUED:
        raise Overloaded("the time that a request has was over before a page of the PDF was drawn; send fewer pages, or simpler ones")
    if drawn != raw.FPDF_RENDER_DONE:
        raise pdfium.PdfiumError("the page cannot be drawn")
    return np.array(bitmap.to_numpy(), dtype=np.uint8)  # a copy: the bitmap's own memory goes with it
